"""How a connection stands: its state in words, what waits, what fails, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from processor.domain import drift
from processor.domain.catalogue import OUTAGES, Words, words
from processor.domain.connection import ConnectionState
from processor.domain.event import UNSETTLED, EventStatus
from processor.domain.field_changes import FieldNews, from_stored, unsynced
from processor.domain.mapping import AudienceField
from processor.domain.plan import MemberState
from processor.first_sync import Progress, progress_of
from processor.kit import Kit
from processor.report.standing import Standing, label_of, line_of, state_of
from processor.report.why import LOOKED_BACK, Facts, put_off, why
from processor.store import (
    Connection,
    calls,
    connections,
    hooks,
    inbox,
    left_out,
    liveness,
    members,
    members_left,
    receipts,
    runs,
    sweeps,
)
from processor.store.connections import ConnectionRow
from processor.store.inbox import EventFilter
from processor.store.receipts import ReceiptRow
from processor.store.runs import RunKind


@dataclass(frozen=True, slots=True)
class Notice:
    """What we mended by ourselves, for information: the catalogue's code and words, and when."""

    code: str
    words: Words
    at: datetime


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """A connection as it stands. `state` is what people see, which may say more than the stored one;
    `problem` is what it waits for, by its catalogue code and in words."""

    row: ConnectionRow
    state: ConnectionState
    label: str
    line: str
    members: Mapping[MemberState, int]
    events: Mapping[EventStatus, int]
    waiting: int
    oldest_waiting_at: datetime | None
    problem_code: str | None
    problem: Words | None
    progress: Progress | None = None
    """How far the first sync is, while one runs or rests."""
    held_code: str | None = None
    """The catalogue's code of what puts off the change that has waited longest, where something does."""
    notice: Notice | None = None
    """What was last mended of our webhook."""
    left_out: int = 0
    """How many contacts are left out by somebody's choice."""
    new_fields: Sequence[AudienceField] = ()
    """Fields that are new in Mailchimp: neither mapped nor left out yet."""
    field_news: Sequence[FieldNews] = ()
    """What changed of the audience's fields, newest first."""
    drift: str = ""
    """What comparisons healed lately, in a sentence; "" where there is none yet to tell of."""


def row_of(kit: Kit, connection_id: str, account_id: str | None) -> ConnectionRow:
    """Return the connection's row. Raises NotFound for one that is not there or is another account's."""
    with kit.store.read() as c:
        return connections.owned(c, connection_id, account_id)


def connection(kit: Kit, connection_id: str, account_id: str | None) -> ConnectionReport:
    """Return how one connection stands. Raises NotFound, also for another account's."""
    with kit.store.read() as c:
        return report_of(c, connections.owned(c, connection_id, account_id), kit.now())


def connections_of(kit: Kit, account_id: str) -> list[ConnectionReport]:
    """Return how the account's connections stand, removed ones too, oldest first; none for an account that
    is not known."""
    now = kit.now()
    with kit.store.read() as c:
        return [report_of(c, row, now) for row in connections.for_account(c, account_id)]


def all_connections(kit: Kit) -> list[ConnectionReport]:
    """Return every account's connections that were not removed. Raises StoreDown."""
    with kit.store.read() as c:
        rows = [row for row in connections.all(c) if row.state != ConnectionState.REMOVED]
        return [report_of(c, row, kit.now()) for row in rows]


@dataclass(frozen=True, slots=True)
class ConnectionsPage:
    """Connections by id. `cursor` leads on; None when there are no more."""

    connections: Sequence[ConnectionReport]
    cursor: str | None


def connections_page(kit: Kit, *, after: str | None, limit: int = 50) -> ConnectionsPage:
    """Return one page of every account's connections that were not removed. Raises StoreDown."""
    with kit.store.read() as c:
        rows = connections.page(c, after, limit + 1)
        found = [report_of(c, row, kit.now()) for row in rows[:limit]]
    return ConnectionsPage(found, rows[limit - 1].id if len(rows) > limit else None)


def report_of(c: Connection, row: ConnectionRow, now: datetime) -> ConnectionReport:
    """Return how a connection stands, in the caller's transaction."""
    of_members = members.counts(c, row.id)
    of_events = inbox.counts(c, row.id)
    oldest = inbox.find(c, EventFilter(connection_id=row.id, statuses=UNSETTLED), limit=1, newest_first=False)
    member_due_at = members.oldest_due(c, now, row.id)
    since = [at for at in (*(event.received_at for event in oldest), member_due_at) if at is not None]
    code = row.problem_code or next((event.code for event in oldest), None)
    code = code or members_left.waits_for(c, row.id, now, OUTAGES)
    detail = row.problem_detail if row.problem_code == "brake" else None
    because = words(code, audience=row.audience_name, detail=detail) if code else None
    known = from_stored(row.audience_fields)
    run = runs.unfinished(c, row.id, RunKind.SYNC)
    progress = progress_of(run, ConnectionState(row.state), now) if run else None
    waiting = sum(of_events[status] for status in UNSETTLED) + of_members[MemberState.WAITING]
    standing = Standing(
        waiting=waiting,
        oldest_waiting_at=min(since, default=None),
        failing=of_members[MemberState.FAILING],
        synced=of_members[MemberState.IN_SYNC],
        last_full_sweep_at=row.last_full_sweep_at,
        because=_held_up(c, row.id, since, waiting, code, now),
        problem_code=row.problem_code,
        progress=progress.line if progress else None,
        asks=detail,
        has_audience=row.audience_id is not None and row.problem_code is None,
    )
    state = state_of(ConnectionState(row.state), standing, now)
    return ConnectionReport(
        row=row,
        state=state,
        label=label_of(state, standing),
        line=line_of(state, standing, now),
        members=of_members,
        events=of_events,
        waiting=standing.waiting,
        oldest_waiting_at=standing.oldest_waiting_at,
        problem_code=row.problem_code,
        problem=because if row.problem_code else None,
        progress=progress,
        held_code=code,
        notice=_notice(c, row),
        left_out=left_out.count(c, row.id),
        new_fields=unsynced(row.policy, known),
        field_news=known.told[::-1] if known else (),
        drift=_drift(c, row, now),
    )


def _held_up(
    c: Connection,
    connection_id: str,
    since: Sequence[datetime],
    waiting: int,
    code: str | None,
    now: datetime,
) -> str | None:
    """Return why what waits does so, as a sentence; None where nothing waits, or all of it is on its way."""
    if not waiting:
        return None
    facts = Facts(
        workers=len(liveness.alive(c, now)),
        waiting=waiting,
        waited=now - min(since) if since else None,
        calls=calls.since(c, now - LOOKED_BACK, connection_id),
        code=code,
    )
    return why(facts) or (put_off(code) if code else None)


def counted(c: Connection, connection_id: str, now: datetime) -> dict[drift.Drift, int]:
    """Return how many were healed as far as it is kept, by kind, in the caller's transaction."""
    found = sweeps.counts(c, connection_id, now - sweeps.KEPT)
    return {kind: found[kind] for kind in drift.Drift if found.get(kind)}


def drift_sentence(c: Connection, row: ConnectionRow, now: datetime) -> str:
    """Return the same in words, since the connection was made or as far as it is kept."""
    since = max(row.created_at, now - sweeps.KEPT)
    return drift.sentence(counted(c, row.id, now), since.date(), now.date())


def _drift(c: Connection, row: ConnectionRow, now: datetime) -> str:
    return drift_sentence(c, row, now) if row.last_full_sweep_at is not None else ""


def _notice(c: Connection, row: ConnectionRow) -> Notice | None:
    found = hooks.mended(c, row.id)
    if found is None:
        return None
    code, at = found
    return Notice(code, words(code, audience=row.audience_name), at)


def receipts_of(kit: Kit, account_id: str) -> list[ReceiptRow]:
    """Return the receipts of what the account has uninstalled, oldest first. Raises StoreDown."""
    with kit.store.read() as c:
        return receipts.of_account(c, account_id)
