"""Lets go of a photo that was worked on, with what became of it, and tells the platform."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from processor.domain import retry
from processor.domain.plan import MemberState
from processor.kit import Kit
from processor.photos.tell import tell
from processor.store import Connection, photos, photos_claim
from processor.store.changes import Origin
from processor.store.photos import PhotoRow


class Later(Exception):
    """Nothing is wrong: it has to wait for something else, until then."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        super().__init__("later")


DONE: dict[str, Any] = {
    "errand": None,
    "state": MemberState.IN_SYNC,
    "reason": None,
    "detail": None,
    "instance": None,
    "attempts": 0,
    "due_at": None,
}


def note(kit: Kit, row: PhotoRow, **columns: Any) -> bool:
    """Write down what is known by now, and go on; return whether the photo is still ours."""

    def in_one_transaction(c: Connection) -> bool:
        if photos_claim.held(c, row.id, row.claim or "") is None:
            return False
        photos.change(c, row.id, kit.now(), **columns)
        return True

    return kit.store.write_retrying(in_one_transaction)


def settle(kit: Kit, row: PhotoRow, origin: Origin, why: str, **columns: Any) -> bool:
    """Write what became of the photo, let it go, and tell the feed; return whether it was still ours.

    Where the platform has handed over a new version meanwhile, what was done is written down, and the new
    version waits for its turn if it is wanted there. Safe to repeat. Raises StoreDown.
    """

    def in_one_transaction(c: Connection) -> bool:
        held = photos_claim.held(c, row.id, row.claim or "")
        if held is None:
            return False
        wanted = dict(columns)
        if held.version != row.version:
            for name in ("errand", "state", "reason", "detail", "instance", "attempts", "due_at"):
                wanted.pop(name, None)
            again = held.errand is not None
            state = MemberState.WAITING if again else MemberState.EXCLUDED
            wanted |= {"state": state, "due_at": kit.now() if again else None, "attempts": 0}
        photos_claim.settle(c, row.id, row.claim or "", kit.now(), **wanted)
        tell(c, kit, held, replace(held, **wanted), origin, why)
        return True

    return kit.store.write_retrying(in_one_transaction)


def put_off(kit: Kit, row: PhotoRow, until: datetime) -> None:
    """Let the photo go as it was, for later. It was no attempt."""
    settle(kit, row, Origin.BOTHWAYS, "put off", due_at=until, attempts=max(0, row.attempts - 1))


def failed(
    kit: Kit, row: PhotoRow, code: str, *, detail: str | None = None, instance: str | None = None, **more: Any
) -> None:
    """Try the photo again later, or no more, by the catalogue's rule; what is in Mailchimp stays known."""
    verdict = retry.decide(
        code,
        row.attempts,
        kit.chance(),
        max_attempts=kit.settings.event_attempts,
        base_seconds=kit.settings.retry_base_seconds,
    )
    again = isinstance(verdict, retry.Again)
    settle(
        kit,
        row,
        Origin.BOTHWAYS,
        "failed",
        state=MemberState.WAITING if again else MemberState.FAILING,
        reason=code,
        detail=detail or None,
        instance=instance or None,
        due_at=kit.now() + verdict.after if isinstance(verdict, retry.Again) else None,
        **more,
    )
