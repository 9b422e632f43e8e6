"""A replay on its way: begun, sent piece by piece, looked at, ended."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from processor.broker import DELIVER, PROCESS, PUSH, REPLAY
from processor.errors import Invalid, NotFound
from processor.kit import Kit
from processor.log import bind, say
from processor.replay.plan import MembersPlan, ReplayPlan, filter_json, filter_of
from processor.replay.progress import Progress
from processor.replay.webhooks import NoticesPlan, next_notices, notices_json
from processor.store import Connection, inbox, members, replays
from processor.store.replays import ReplayKind, ReplayRow
from processor.store.runs import RunState

logger = logging.getLogger(__name__)

PIECE = 500
"""Events sent round in one transaction: it holds their rows until it ends."""
STEP_SECONDS = 2
"""How far apart the pieces of a replay are: what is new gets in between."""
DEFAULT_PER_MINUTE = 6_000
MOST_PER_MINUTE = PIECE * 60 // STEP_SECONDS
NEWEST = 50


Planned = ReplayPlan | MembersPlan | NoticesPlan
FULL_SECONDS = 30
"""After this it is looked again whether an endpoint that is full has room."""
_WAKES = {ReplayKind.EVENTS: PROCESS, ReplayKind.MEMBERS: PUSH, ReplayKind.NOTICES: DELIVER}


def run(
    kit: Kit,
    planned: Planned,
    *,
    who: str,
    account_id: str | None = None,
    per_minute: int | None = None,
) -> Progress:
    """Begin to send round again what was planned, with its attempts counted anew; workers go on with it.
    Returns how far it is: a small one is sent at once.

    Safe to repeat: what waits already is left alone, and what was carried out before makes an empty plan.
    Without `per_minute` the first five hundred go at once, and the others at the default rate. Raises Invalid
    for a rate that is none; StoreDown, and what was begun by then goes on by itself.
    """
    rate = per_minute if per_minute is not None else DEFAULT_PER_MINUTE
    if not 1 <= rate <= MOST_PER_MINUTE:
        raise Invalid(f"Choose a rate between 1 and {MOST_PER_MINUTE:,} a minute.", "per_minute")
    with kit.store.write() as c:
        row = replays.begin(
            c,
            planned.kind,
            _wanted(planned),
            account_id=account_id,
            per_minute=rate,
            total=planned.count,
            last_id=0 if isinstance(planned, MembersPlan) else planned.last_id,
            asked_by=who,
            now=kit.now(),
        )
    say(logger, logging.INFO, "replay begun", replay=row.id, count=row.total, per_minute=rate, who=who)
    _send(kit, row.id, first=PIECE if per_minute is None else None)
    return progress(kit, row.id, account_id)


def _wanted(planned: Planned) -> dict[str, object]:
    if isinstance(planned, ReplayPlan):
        return filter_json(planned.wanted)
    if isinstance(planned, NoticesPlan):
        return notices_json(planned.wanted)
    codes = {"codes": sorted(planned.codes)} if planned.codes else {}
    return {"connection_id": planned.connection_id, **codes}


def carry_on(kit: Kit, replay_id: str) -> int:
    """Send the next piece, if it is time for it. Returns how many were sent.

    Safe to repeat and to run anywhere at once: the row is held while its piece is sent. Raises StoreDown.
    """
    kit.bell.answered(REPLAY, replay_id)
    with bind(replay=replay_id):
        return _send(kit, replay_id)


def _send(kit: Kit, replay_id: str, *, first: int | None = None) -> int:
    woken: dict[str, list[str]] = {}
    ended: list[ReplayRow] = []

    def in_one_transaction(c: Connection) -> int:
        woken.clear()
        ended.clear()
        now = kit.now()
        row = replays.lock(c, replay_id)
        if row is None or row.next_at is None or row.next_at > now:
            return 0
        size = first or piece_of(row.per_minute)
        sent, whom, is_last = _piece(c, row, size, now)
        woken[_WAKES[row.kind]] = whom
        next_at = None if is_last else next_time(row, len(sent), now)
        if next_at is not None and not sent:
            next_at = now + timedelta(seconds=FULL_SECONDS)
        row = replays.sent(
            c, row, len(sent), after_id=max(sent, default=row.after_id), next_at=next_at, now=now
        )
        ended.extend([row] if next_at is None else [])
        return len(sent)

    count = kit.store.write_retrying(in_one_transaction)
    for actor, whom in woken.items():
        kit.bell.ring(actor, whom)
    for row in ended:
        say(logger, logging.INFO, "replay sent to its end", replay=row.id, count=row.done)
    return count


def _piece(c: Connection, row: ReplayRow, size: int, now: datetime) -> tuple[list[int], list[str], bool]:
    """Send one piece round; return the numbers of what was sent, the connections or endpoints to wake, and
    whether it was the last piece."""
    if row.kind is ReplayKind.NOTICES:
        ids, is_last = next_notices(c, row, size, now)
        return ids, [str(row.wanted["endpoint_id"])] if ids else [], is_last
    if row.kind is ReplayKind.MEMBERS:
        connection_id, codes = str(row.wanted["connection_id"]), row.wanted.get("codes")
        # Onwards by number: one that fails again meanwhile must not be sent round for ever.
        ids = members.try_again(c, connection_id, now, limit=size, after_id=row.after_id, reasons=codes)
        return ids, [connection_id] if ids else [], len(ids) < size
    sent = inbox.requeue(
        c,
        filter_of(row.wanted),
        now=now,
        who=row.asked_by,
        limit=size,
        after_id=row.after_id,
        last_id=row.last_id,
        replay_id=row.id,
    )
    woken = sorted({connection_id for _, connection_id in sent})
    return [event_id for event_id, _ in sent], woken, len(sent) < size


def piece_of(per_minute: int) -> int:
    """Return how many go in one piece at this rate."""
    return min(PIECE, max(1, per_minute * STEP_SECONDS // 60))


def next_time(row: ReplayRow, sent: int, now: datetime) -> datetime:
    """Return when the next piece may go. A little lateness is made up for; a long break is not."""
    begun = max(row.next_at or now, now - timedelta(seconds=STEP_SECONDS))
    return begun + timedelta(seconds=sent * 60 / row.per_minute)


def progress(kit: Kit, replay_id: str, account_id: str | None) -> Progress:
    """Return how far a replay is. Raises NotFound, also for another account's; StoreDown."""
    with kit.store.read() as c:
        row = _owned(replays.get(c, replay_id), replay_id, account_id)
        outcomes = replays.outcomes(c, replay_id) if row.kind is ReplayKind.EVENTS else {}
    return Progress(row, outcomes)


def listed(kit: Kit, account_id: str | None) -> list[ReplayRow]:
    """Return the newest replays, newest first: an account's, or all for None. Raises StoreDown."""
    with kit.store.read() as c:
        return replays.newest(c, account_id, NEWEST)


def cancel(kit: Kit, replay_id: str, account_id: str | None) -> Progress:
    """Send nothing more of a replay; what was sent is carried out. Safe to repeat: one that has ended stays
    as it is. Raises NotFound, also for another account's; StoreDown."""

    def in_one_transaction(c: Connection) -> None:
        row = _owned(replays.lock(c, replay_id), replay_id, account_id)
        if row.finished_at is None:
            replays.end(c, row, RunState.CANCELLED, kit.now())

    kit.store.write_retrying(in_one_transaction)
    return progress(kit, replay_id, account_id)


def _owned(row: ReplayRow | None, replay_id: str, account_id: str | None) -> ReplayRow:
    if row is None or account_id not in {None, row.account_id}:
        raise NotFound(f"There is no replay “{replay_id}”.")
    return row
