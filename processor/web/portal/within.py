"""Pages of one connection, with the way to its other pages: only to those that there are."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from processor.domain.connection import LEAVING, ConnectionState
from processor.report import ConnectionReport
from processor.web.portal.asked import Asked
from processor.web.portal.show import shown
from processor.web.portal.standing import has_started


def shown_of(
    asked: Asked, found: ConnectionReport, template: str, status: int = 200, **values: Any
) -> Response:
    """Return a page of this connection."""
    return shown(asked, template, status, found=found, nav=_nav(found), **values)


def _nav(found: ConnectionReport) -> list[tuple[str, str]]:
    """Return (address below the connection's, words)."""
    if found.row.state in LEAVING:
        return []
    is_set_up = found.row.audience_id is not None
    has_access = found.row.state != ConnectionState.RECONNECT
    return [
        ("", "Overview"),
        *([("/contacts", "Contacts")] if has_started(found) else []),
        *([("/photos", "Photos")] if has_started(found) else []),
        *([("/setup", "Set-up")] if has_access else []),
        *([("/preview", "Preview")] if is_set_up and has_access else []),
        *([("/sync", "First sync")] if found.row.state == ConnectionState.IMPORTING else []),
        ("/disconnect", "Disconnect"),
    ]
