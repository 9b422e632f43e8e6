"""Webhooks to the platform: its endpoints, and what became of what was sent to each."""

from __future__ import annotations

from starlette.responses import Response

from processor import endpoints
from processor.web.ops.asked import Asked
from processor.web.ops.show import shown


def listed(asked: Asked) -> Response:
    """List the endpoints of all accounts."""
    return shown(asked, "webhooks", title="Webhooks to the platform", rows=endpoints.counted(asked.kit))
