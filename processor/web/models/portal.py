"""Links into the portal."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from processor.web.models.kinds import Answer


class PortalLinkAnswer(Answer):
    """A link for one browser, once."""

    url: str = Field(description="Opens this account's portal. Whoever has it gets in: keep it safe.")
    expires_at: datetime
