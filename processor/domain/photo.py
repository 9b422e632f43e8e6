"""A photo between the platform and Mailchimp's File Manager: what is to be done for it, by which rules."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Errand(StrEnum):
    """What is to be done for a photo."""

    PUSH = "push"
    """Send it to Mailchimp."""
    PULL = "pull"
    """Bring it here."""


NOT_SENT = "photo_not_sent"
"""Why a photo is left out that is kept here and that nobody asked to send. Not an error."""


class Rules(BaseModel):
    """The rules of one connection for photos. Defaults are the careful choice: nothing happens by itself."""

    model_config = ConfigDict(frozen=True)

    folder: str = Field(default="", max_length=100)
    """Where photos go in Mailchimp, by name; empty for no folder."""
    push_at_once: bool = False
    """Whether what the platform hands over is sent without being asked for."""
    replace: bool = True
    """Whether a new version takes the old one's place in Mailchimp; else both stay there."""
    bring_new: bool = False
    """Whether what is new in Mailchimp is brought here by itself."""
    look_minutes: int | None = Field(default=None, ge=1, le=10_080)
    """How often Mailchimp is asked for what is new; None for only when a person asks."""

    def json_form(self) -> dict[str, Any]:
        """Return them as they are stored."""
        return self.model_dump(mode="json")
