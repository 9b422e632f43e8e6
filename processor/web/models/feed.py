"""The changes feed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from processor.store.changes import Origin
from processor.web.models.contact import ContactAnswer
from processor.web.models.kinds import Answer, AskedInAddress, Word
from processor.web.models.photo import PhotoAnswer


class FeedAsked(AskedInAddress):
    """Which changes are wanted."""

    after: Word | None = Field(None, description="`cursor` of the answer before; without it, from the start.")
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    wait: Annotated[float, Field(ge=0, le=30)] = Field(
        0, description="Seconds to wait where there is nothing new yet."
    )
    origin: Origin | None = Field(None, description="Only changes that came from there.")


class Kind(StrEnum):
    """What a change is about."""

    CONTACT = "contact"
    PHOTO = "photo"


class ChangeAnswer(Answer):
    """One change of one contact, or of one photo."""

    kind: Kind = Field(description="What it is about.")
    id: str = Field(description="The contact's id, or the photo's.")
    version: int
    origin: Origin
    what: dict[str, Any] = Field(
        description="Each changed name with its value before and after. `audience_consent` is what one "
        "audience's record says of somebody who is in others too; the contact's own `consent` stays. "
        "`permissions.<id>` (given or withdrawn) and `sms` are what has changed in the audience of the "
        "connection that `why` names, where `texts` has the permissions' own."
    )
    why: dict[str, Any] = Field(description="What caused it: an event, a connection, a call.")
    contact: ContactAnswer | None = Field(description="The whole contact afterwards; null when deleted.")
    photo: PhotoAnswer | None = Field(description="The whole photo afterwards; null when deleted.")
    at: datetime


class FeedAnswer(Answer):
    """Changes, oldest first."""

    changes: list[ChangeAnswer]
    cursor: str = Field(description="Pass it as `after` in the next call, also when `changes` is empty.")
    more: bool = Field(description="Whether there are more now.")
