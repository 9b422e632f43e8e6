"""The changes feed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from processor.store.changes import Origin
from processor.web.models.contact import ContactAnswer
from processor.web.models.kinds import Answer, AskedInAddress, Word


class FeedAsked(AskedInAddress):
    """Which changes are wanted."""

    after: Word | None = Field(None, description="`cursor` of the answer before; without it, from the start.")
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    wait: Annotated[float, Field(ge=0, le=30)] = Field(
        0, description="Seconds to wait where there is nothing new yet."
    )
    origin: Origin | None = Field(None, description="Only changes that came from there.")


class ChangeAnswer(Answer):
    """One change of one contact."""

    id: str = Field(description="The contact's id.")
    version: int
    origin: Origin
    what: dict[str, Any] = Field(description="Each changed name with its value before and after.")
    why: dict[str, Any] = Field(description="What caused it: an event, a connection, a call.")
    contact: ContactAnswer | None = Field(description="The whole contact afterwards; null when deleted.")
    at: datetime


class FeedAnswer(Answer):
    """Changes, oldest first."""

    changes: list[ChangeAnswer]
    cursor: str = Field(description="Pass it as `after` in the next call, also when `changes` is empty.")
    more: bool = Field(description="Whether there are more now.")
