"""The worker's part of a preview: reads both sides and keeps what a sync would do. Changes nothing else.

One worker at a time, by turn. Whoever takes it over after a crash begins anew, for reading costs little; an
attempt that was overtaken notices at its next page, and stops.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from processor.broker import PREVIEW
from processor.domain.contact import Member
from processor.errors import MailchimpError, Passing, StoreDown
from processor.halt import halt, is_halting
from processor.kit import Kit
from processor.log import bind, say
from processor.paging import Place, read_ahead
from processor.preflight import digest, finding_json, findings
from processor.preview.balance import Balance
from processor.preview.begin import PREVIEWED, back_to_setup
from processor.preview.report import SAMPLES
from processor.preview.row import row_json
from processor.preview.sides import Sides, Step, passes, with_opt_in
from processor.store import Connection, connections, contacts, runs
from processor.store.connections import ConnectionRow
from processor.store.ids import new_id
from processor.store.runs import RunKind, RunRow, RunState
from processor.turn import Turn, turn

logger = logging.getLogger(__name__)

T = TypeVar("T")

READING_THERE, READING_HERE = "reading Mailchimp", "reading your contacts"
MOST_WAITS = 10
"""How often Mailchimp may be away while one preview is made: a few minutes in all."""
LONGEST_WAIT_SECONDS = 30.0
CHANGED = "The connection was changed while the preview was being made. Ask for a new one."


class _GiveWay(Exception):
    """Somebody else decides what becomes of this run: it was ended or taken over, or this process stops."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """One attempt at a run. `digest` is that of the settings which it is made for."""

    run: RunRow
    connection: ConnectionRow
    attempt: str
    tries: int
    digest: str


def carry_out(kit: Kit, connection_id: str) -> None:
    """Make the preview that was asked for, if there is one. Safe to repeat, and to run anywhere at once:
    only the holder of the connection's turn works. Raises StoreDown; it is then begun again."""
    kit.bell.answered(PREVIEW, connection_id)
    with turn(kit, PREVIEW, connection_id) as mine, bind(connection=connection_id):
        if not mine:
            return
        begun = kit.store.write_retrying(lambda c: _start(kit, c, connection_id))
        if begun is None:
            return
        try:
            _Making(kit, begun, mine).make()
        except _GiveWay:
            _hand_over(kit, begun)
        except MailchimpError as error:
            _failed(kit, begun, error)
        except StoreDown:
            raise
        except Exception:
            logger.exception("a preview failed")
            _failed(kit, begun, MailchimpError("internal"))


def _start(kit: Kit, c: Connection, connection_id: str) -> _Begun | None:
    now = kit.now()
    connection = connections.lock(c, connection_id)
    run = runs.unfinished(c, connection_id, RunKind.PREVIEW)
    if connection is None or run is None:
        back_to_setup(c, connection, now)
        return None
    if connection.state not in PREVIEWED or connection.audience_id is None:
        runs.end(c, run.id, RunState.CANCELLED, now, detail=CHANGED)
        return None
    tries = int((run.cursor or {}).get("tries", 0)) + 1
    if tries > kit.settings.max_crashes:  # it takes workers down
        runs.end(c, run.id, RunState.FAILED, now, code="internal")
        back_to_setup(c, connection, now)
        return None
    begun = _Begun(run, connection, new_id("try"), tries, digest(connection))
    runs.forget_pages(c, [run.id])
    runs.forget_seen(c, run.id)
    cursor = {"attempt": begun.attempt, "tries": tries}
    runs.change(
        c,
        run.id,
        now,
        state=RunState.RUNNING,
        phase=READING_THERE,
        done=0,
        total=0,
        cursor=cursor,
        started_at=run.started_at or now,
    )
    return begun


class _Making:
    """One attempt at making a preview."""

    def __init__(self, kit: Kit, begun: _Begun, mine: Turn) -> None:
        self._kit = kit
        self._begun = begun
        self._mine = mine
        self._mailchimp = kit.mailchimp(begun.connection)
        self._audience = begun.connection.audience_id or ""
        self._balance = Balance()
        self._waits = 0
        self._n = 0
        self._done = 0
        self._total = 0

    def make(self) -> None:
        """Read Mailchimp's side, then ours, and keep the balance."""
        begun, mailchimp = self._begun, self._mailchimp
        account = self._patiently(mailchimp.account)
        audience = self._patiently(lambda: mailchimp.audience(self._audience))
        fields = self._patiently(lambda: mailchimp.audience_fields(self._audience))
        connection = with_opt_in(begun.connection, audience.double_opt_in)
        sides = Sides(self._kit, connection, begun.run.id, fields)
        self._total = self._how_many()
        for page in self._members():
            self._keep(sides.members(page), READING_THERE)
        for step in sides.contacts():
            self._keep(step, READING_HERE)
        found = self._patiently(lambda: findings(self._kit, begun.connection, found=self._balance.foreseen))
        what = {
            **self._balance.counted(),
            "digest": begun.digest,
            "counted_now": account.total_subscribers,
            "findings": [finding_json(one) for one in found],
        }
        self._kit.store.write_retrying(lambda c: self._finish(c, what))
        say(logger, logging.INFO, "preview made", people=what["people"])

    def _how_many(self) -> int:
        there = sum(
            self._patiently(
                lambda status=status: (
                    self._mailchimp.members_page(  # type: ignore[misc]
                        self._audience, status=status, count=1
                    ).total
                )
            )
            for status in passes()
        )
        with self._kit.store.read() as c:
            return there + contacts.count(c, self._begun.connection.account_id)

    def _members(self) -> Iterator[Sequence[Member]]:
        """Yield every member, page by page, the next page being read meanwhile. Where Mailchimp is away for
        a moment, it goes on at the page that failed."""
        for status in passes():
            place: Place | None = Place(status, None)
            while place is not None:
                try:
                    for read in read_ahead(self._mailchimp, self._audience, place):
                        place = read.following
                        if read.page.members:
                            yield read.page.members
                except Passing as error:
                    self._wait(error)

    def _patiently(self, ask: Callable[[], T]) -> T:
        while True:
            try:
                return ask()
            except Passing as error:
                self._wait(error)

    def _wait(self, error: Passing) -> None:
        self._waits += 1
        if self._waits > MOST_WAITS:
            raise error
        seconds = self._kit.settings.retry_base_seconds * 2 ** (self._waits - 1)
        self._kit.stopping.wait(min(seconds, LONGEST_WAIT_SECONDS))
        self._look_round()

    def _look_round(self) -> None:
        if self._kit.stopping.is_set() or not self._mine.renew():
            raise _GiveWay

    def _keep(self, step: Step, phase: str) -> None:
        self._look_round()

        def in_one_transaction(c: Connection) -> list[Any]:
            self._check(c)
            fresh = step.fresh(c, self._begun.run.id)
            if fresh:
                runs.keep_page(c, self._begun.run.id, self._n, [row_json(row) for row in fresh])
            done = self._done + step.read
            runs.change(
                c,
                self._begun.run.id,
                self._kit.now(),
                phase=phase,
                done=done,
                total=max(self._total, done),
            )
            return fresh

        self._balance.add(self._kit.store.write_retrying(in_one_transaction))
        self._n += 1
        self._done += step.read

    def _check(self, c: Connection) -> RunRow:
        """Return the run where it is still this attempt's to write. Raises _GiveWay."""
        connection = connections.lock(c, self._begun.connection.id)
        run = runs.lock(c, self._begun.run.id)
        if connection is None or run is None or run.finished_at is not None:
            raise _GiveWay
        if (run.cursor or {}).get("attempt") != self._begun.attempt:
            raise _GiveWay
        if connection.state not in PREVIEWED or digest(connection) != self._begun.digest:
            raise _GiveWay
        return run

    def _finish(self, c: Connection, what: dict[str, Any]) -> None:
        now = self._kit.now()
        run = self._check(c)
        older = [one for one in runs.finished(c, run.connection_id, RunKind.PREVIEW) if one != run.id]
        runs.forget_pages(c, older)
        runs.forget_seen(c, run.id)
        runs.keep_page(c, run.id, SAMPLES, self._balance.samples())
        runs.end(
            c, run.id, RunState.DONE, now, what=what, done=self._done, total=self._done, phase="", cursor=None
        )
        back_to_setup(c, connections.get(c, run.connection_id), now)


def _hand_over(kit: Kit, begun: _Begun) -> None:
    """Leave the run to whoever decides about it: another worker, or nobody, where its connection changed."""

    def in_one_transaction(c: Connection) -> None:
        now = kit.now()
        connection = connections.lock(c, begun.connection.id)
        run = runs.lock(c, begun.run.id)
        if connection is None or run is None or run.finished_at is not None:
            return
        if (run.cursor or {}).get("attempt") != begun.attempt:
            return
        if connection.state in PREVIEWED and digest(connection) == begun.digest:
            # This process stops; the next attempt is not the fault of this one.
            runs.change(c, run.id, now, cursor={"tries": begun.tries - 1})
            return
        _forget(c, run.id)
        runs.end(c, run.id, RunState.CANCELLED, now, detail=CHANGED)
        back_to_setup(c, connection, now)

    kit.store.write_retrying(in_one_transaction)


def _failed(kit: Kit, begun: _Begun, error: MailchimpError) -> None:
    if is_halting(error):
        halt(kit, begun.connection.id, error)

    def in_one_transaction(c: Connection) -> None:
        now = kit.now()
        connection = connections.lock(c, begun.connection.id)
        if connection is None:
            return
        _forget(c, begun.run.id)
        detail = error.detail or error.title or None
        runs.end(c, begun.run.id, RunState.FAILED, now, code=error.code, detail=detail)
        back_to_setup(c, connection, now)

    kit.store.write_retrying(in_one_transaction)
    say(logger, logging.WARNING, "preview failed", code=error.code)


def _forget(c: Connection, run_id: str) -> None:
    runs.forget_pages(c, [run_id])
    runs.forget_seen(c, run_id)
