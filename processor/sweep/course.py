"""One sweep on its way: holds the turn, writes down how far it is, and heeds whoever stops it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from processor import brake, first_sync
from processor.brake import Tally
from processor.converge import Cause, Outcome, Sighting, Verdict, converge
from processor.domain.connection import LIVE, ConnectionState
from processor.domain.drift import Drift, drift_of
from processor.kit import Kit
from processor.store import Connection, connections, contacts, sweep_pages, sweeps
from processor.store.connections import Columns, ConnectionRow
from processor.store.runs import RunRow
from processor.store.sweeps import SweepRow
from processor.sweep.cursor import Cursor, as_stored, fresh, from_json, kept, policy_digest
from processor.turn import Turn

CAUSE = Cause("sweep")
MET = frozenset({Verdict.CHANGED, Verdict.AGREED})
JITTER = 0.2
"""Sweeps of many connections must not fall into step."""
SOON_MINUTES = 1.0
SOON_BASES = 30
"""How many first waits of a retry a sweep is put off for; a minute as they are set."""


class Interrupted(Exception):
    """This sweep does not go on here: the process ends, the connection was stopped, or another worker has
    taken it over. Where it is was written down."""


class Course:
    """A sweep that this worker holds. `connection` is the row as it was when the last page was written down.

    What is counted on a page counts once the page is written down (`note`)."""

    def __init__(
        self, kit: Kit, connection: ConnectionRow, cursor: Cursor, mine: Turn, run: RunRow | None
    ) -> None:
        self.kit = kit
        self.connection = connection
        self.cursor = cursor
        self._mine = mine
        self._run = run
        self._page = Tally()
        self._numbers: dict[str, int] = {}
        self._met: list[int] = []
        self._healed: Counter[str] = Counter()

    @property
    def audience(self) -> str:
        """The audience's id."""
        return self.cursor.audience

    def meet(self, sightings: Sequence[Sighting]) -> list[Outcome]:
        """Converge what was read, and count what that changed. Safe to repeat. Raises Braked, before anything
        is written, where it would change too many contacts here; StoreDown."""
        outcomes = converge(self.kit, self.connection, sightings, CAUSE, guard=self._guard)
        self._count(outcomes)
        return outcomes

    def _guard(self, outcomes: Sequence[Outcome]) -> None:
        run_id = self._run.id if self._run else None
        if brake.is_lifted_for(self.connection.brake, run_id, self.cursor.id):
            return
        total = self.cursor.tally + self._page + brake.tally(outcomes)
        agreed = (self._run.cursor or {}).get("agreed") if self._run else None
        policy = self.connection.policy
        brake.stop_if_over(policy, total, self.cursor.of, work=self.cursor.id, agreed=agreed)

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        found = brake.tally(outcomes)
        self._page += found
        self._met += [o.row.id for o in outcomes if o.verdict in MET and o.row is not None and o.row.id]
        self._healed.update(
            kind.value for o in outcomes if o.plan and (kind := drift_of(o.plan, o.sighting.member))
        )
        created = sum(o.plan is not None and o.plan.down.create for o in outcomes)
        for name, number in (("added_here", created), ("changed_here", found.changed)):
            self._numbers[name] = self._numbers.get(name, 0) + number

    def follow(self, connection: ConnectionRow) -> None:
        """Go on by the rules that the connection has now, which were changed by this sweep itself: what it is
        about to read is read under them."""
        if policy_digest(self.connection.policy) == self.cursor.policy:
            self.cursor = replace(self.cursor, policy=policy_digest(connection.policy))
        self.connection = connection

    def goes_on_elsewhere(self) -> bool:
        """Whether this sweep is not to make another call here: the process ends, or another worker has taken
        it over. Holds the turn for another lease, for pages that take many calls."""
        return self.kit.stopping.is_set() or not self._mine.renew()

    def mended(self, kind: Drift) -> None:
        """Count what was healed beside contacts."""
        self._healed[kind.value] += 1

    def note(self, **changes: Any) -> None:
        """Write down how far it is after a page. Raises Interrupted where it must not go on, StoreDown."""
        now = self.kit.now()
        tally = self.cursor.tally + self._page
        changes |= {"tally_changed": tally.changed, "tally_left": tally.left}
        changes |= {"healed": dict(Counter(self.cursor.healed) + self._healed)}
        cursor = replace(self.cursor, **changes, n=self.cursor.n + 1, touched=now)

        def in_one_transaction(c: Connection) -> ConnectionRow:
            row = self._still_mine(c)
            stored = as_stored(cursor)
            if self._met and cursor.full:
                sweep_pages.note(c, row.id, cursor.id, self._met)
            connections.update(c, row.id, now, sweep_cursor=stored, next_sweep_at=now)
            self._tell(c, cursor)
            return replace(row, sweep_cursor=stored)

        if self.kit.stopping.is_set():
            in_time = self.kit.store.write_retrying(in_one_transaction)
            self.connection, self.cursor = in_time, cursor
            raise Interrupted
        if not self._mine.renew():
            raise Interrupted
        self.connection = self.kit.store.write_retrying(in_one_transaction)
        self.cursor, self._page, self._numbers, self._met = cursor, Tally(), {}, []
        self._healed = Counter()

    def finish(self) -> None:
        """Write down that it came to its end, and when the next one is due. Raises as `note` does."""
        self.kit.store.write_retrying(self._finish)

    def _finish(self, c: Connection) -> None:
        now, cursor = self.kit.now(), self.cursor
        row = self._still_mine(c)
        if cursor.newest is not None:
            # Not beyond its beginning: whoever was archived since is behind the pass that would have told it.
            connections.advance_watermark(c, row.id, min(cursor.newest, cursor.started), now)
        changes = Columns(sweep_cursor=None, brake=brake.done_with(row.brake, cursor.id))
        changes["next_sweep_at"] = now + _wait(self.kit, self.kit.settings.sweep_minutes)
        is_asked_again = _is_asked_again(row, cursor)
        if cursor.full and is_asked_again:
            changes["next_sweep_at"] = now
        elif cursor.full:
            changes["last_full_sweep_at"] = cursor.started
            if row.full_sweep_wanted_at is not None and row.full_sweep_wanted_at <= cursor.started:
                changes["full_sweep_wanted_at"] = None
        connections.update(c, row.id, now, **changes)
        sweep_pages.forget(c, row.id)
        self._tell(c, cursor, to_the_end=cursor.full and not is_asked_again)
        healed = dict(Counter(cursor.healed) + self._healed)
        # A first sync, and a comparison under other rules, meet everybody anew: that heals nothing.
        if healed and self._run is None and (cursor.had_full or not cursor.full):
            sweeps.add(c, SweepRow(row.id, cursor.started, now, cursor.full, cursor.seen, healed))

    def _still_mine(self, c: Connection) -> ConnectionRow:
        row = connections.lock(c, self.connection.id)
        stored = from_json(row.sweep_cursor) if row else None
        if row is None or stored is None or row.state not in LIVE:
            raise Interrupted
        if (stored.id, stored.n) != (self.cursor.id, self.cursor.n):
            raise Interrupted  # another worker took this one for dead, and went on
        return row

    def _tell(self, c: Connection, cursor: Cursor, *, to_the_end: bool = False) -> None:
        if self._run is not None and cursor.full:
            first_sync.read(
                c,
                self.connection.id,
                self.kit.now(),
                done=cursor.seen,
                total=cursor.total,
                added=self._numbers,
                to_the_end=to_the_end,
            )


def set_out(kit: Kit, connection_id: str, mine: Turn, *, full: bool) -> Course | None:
    """Begin a sweep, or go on with one that was interrupted. None where the connection does not work now.
    Raises StoreDown."""
    with kit.store.read() as c:
        seen = connections.get(c, connection_id)
        of = contacts.count(c, seen.account_id) if seen else 0

    def in_one_transaction(c: Connection) -> Course | None:
        now = kit.now()
        row = connections.lock(c, connection_id)
        if row is None or row.state not in LIVE or row.audience_id is None:
            return None
        wants_full = full or _full_is_due(kit, row)
        carried_on = kept(row, now, full=wants_full)
        cursor = carried_on or fresh(row, of, now, full=wants_full)
        cursor = replace(cursor, n=cursor.n + 1, touched=now)
        stored = as_stored(cursor)
        if carried_on is None:
            row = replace(row, brake=brake.handed_on(row.brake, cursor.id, now))
        sweep_pages.forget(c, connection_id, but=cursor.id)
        connections.update(c, connection_id, now, sweep_cursor=stored, brake=row.brake, next_sweep_at=now)
        run = None
        if row.state == ConnectionState.IMPORTING:
            run = first_sync.begin(c, connection_id, "bothways", now)
        return Course(kit, replace(row, sweep_cursor=stored), cursor, mine, run)

    return kit.store.write_retrying(in_one_transaction)


def put_off(kit: Kit, connection_id: str) -> None:
    """Let the next try of a sweep that could not go on wait a moment. Raises StoreDown."""
    minutes = min(SOON_MINUTES, kit.settings.retry_base_seconds * SOON_BASES / 60)
    with kit.store.write() as c:
        connections.update(c, connection_id, kit.now(), next_sweep_at=kit.now() + _wait(kit, minutes))


def _wait(kit: Kit, minutes: float) -> timedelta:
    return timedelta(minutes=minutes) * (1 + JITTER * kit.chance())


def _full_is_due(kit: Kit, connection: ConnectionRow) -> bool:
    last, wanted = connection.last_full_sweep_at, connection.full_sweep_wanted_at
    if wanted is not None and wanted <= kit.now():
        return True
    return last is None or kit.now() - last > timedelta(hours=kit.settings.full_sweep_hours)


def _is_asked_again(row: ConnectionRow, cursor: Cursor) -> bool:
    """Whether somebody asked for a comparison of everybody while this one was under way: what it read first
    was read under other rules, or too early."""
    asked = cursor.had_full and row.last_full_sweep_at is None
    return asked or cursor.policy != policy_digest(row.policy)
