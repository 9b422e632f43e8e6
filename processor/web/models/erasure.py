"""Erasures: what is gone of a person, and where that is still to be done."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from processor.erasing import PlaceState
from processor.store.erasures import ErasureRow
from processor.web.models.kinds import Answer


class PlaceAnswer(Answer):
    """How far it is in one audience."""

    connection: str
    state: PlaceState = Field(
        description="`waiting` is tried again by itself; `left`: the connection was undone before, so only "
        "the customer can delete them there."
    )
    code: str | None = Field(description="Why it waits.")


class ErasureAnswer(Answer):
    """An erasure. It names nobody but by the platform's own id."""

    id: str
    account: str
    contact: str
    removed: dict[str, int] = Field(description="How many rows of each kind were deleted here.")
    places: list[PlaceAnswer] = Field(description="The audiences of the account's connections.")
    begun_at: datetime
    finished_at: datetime | None = Field(description="Null while something is left to do.")


def erasure_answer(row: ErasureRow) -> ErasureAnswer:
    """Return the erasure as the API shows it."""
    return ErasureAnswer(
        id=row.id,
        account=row.account_id,
        contact=row.contact_id,
        removed=dict(row.what["removed"]),
        places=[
            PlaceAnswer(connection=p["connection_id"], state=PlaceState(p["state"]), code=p["code"])
            for p in row.places
        ],
        begun_at=row.begun_at,
        finished_at=row.finished_at,
    )
