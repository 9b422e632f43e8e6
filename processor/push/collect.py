"""Reads the results of batches: asks whether they are finished, walks every file of their archive, and
settles each member with what became of its own operations."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from processor import bulk, first_sync
from processor.broker import COLLECT, PUSH
from processor.converge import Outcome, Sighting, Verdict, converge
from processor.domain.contact import Member
from processor.domain.parcel import carried
from processor.errors import Gone, MailchimpError, NotUnderstood, Passing
from processor.halt import halt, is_halting
from processor.kit import Kit
from processor.log import bind, say
from processor.mailchimp.batches import Batch, OperationResult
from processor.mailchimp.client import Mailchimp
from processor.push.batch import FIELDS, HELD, TAGS
from processor.push.done import Done
from processor.push.hear import CAUSE
from processor.push.refused import ABOUT_FIELDS
from processor.push.settle import conclude
from processor.store import Connection, batches, connections, members
from processor.store.batches import DEAF, BatchRow
from processor.store.connections import ConnectionRow
from processor.store.members import MemberRow
from processor.store.sql import pieces
from processor.turn import Turn, turn

logger = logging.getLogger(__name__)

FIRST_WAIT_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 60.0
JITTER = 0.2
KEPT = timedelta(days=7)
"""How long Mailchimp keeps the results (facts.md 5)."""
PIECE = 500
"""Members that are settled in one transaction."""


@dataclass(slots=True)
class _Answer:
    """What Mailchimp said to the operations of one member."""

    member: Member | None = None
    errors: list[MailchimpError] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)


def collect(kit: Kit, connection_id: str) -> int:
    """Read the results of the connection's finished batches. Returns how many batches were settled.

    Works also while the connection is paused: what was sent before is not to be forgotten. Safe to repeat and
    to run anywhere at once: only the holder of the turn works, and results that were read once settle nothing
    the second time. Raises StoreDown.
    """
    kit.bell.answered(COLLECT, connection_id)
    settled = 0
    with turn(kit, COLLECT, connection_id) as mine, bind(connection=connection_id):
        if mine:
            settled = _collect(kit, connection_id, mine)
    if settled:
        kit.bell.ring(PUSH, [connection_id])
    return settled


def _collect(kit: Kit, connection_id: str, mine: Turn) -> int:
    with kit.store.read() as c:
        connection = connections.get(c, connection_id)
        under_way = batches.of_connection(c, connection_id)
    if connection is None or connection.state in DEAF:
        return 0
    settled = 0
    for place, batch in enumerate(under_way):
        if batch.next_poll_at > kit.now() or kit.stopping.is_set():
            return settled
        mine.renew()
        try:
            is_finished = _one(kit, connection, batch)
        except MailchimpError as error:
            if is_halting(error):
                halt(kit, connection_id, error)
                for each in under_way[place:]:
                    bulk.give_up(kit, each)
                return settled
            say(logger, logging.WARNING, "results of a batch could not be read", code=error.code)
            is_finished = not isinstance(error, Passing)
            if is_finished:
                bulk.give_up(kit, batch)
        if not is_finished:
            # Mailchimp carries out one after the other: the later ones need not be asked for.
            _put_off(kit, under_way[place:])
            return settled
        settled += 1
    return settled


def _put_off(kit: Kit, waiting: list[BatchRow]) -> None:
    first = waiting[0]
    seconds = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** min(first.polls, 10))
    now = kit.now()
    again = now + timedelta(seconds=seconds * (1 - JITTER * kit.chance()))

    def in_one_transaction(c: Connection) -> None:
        for batch in waiting:
            members.renew(c, [int(row_id) for row_id in batch.what], batch.claim, now + HELD)
        for batch in waiting:
            batches.put_off(c, batch.id, max(again, batch.next_poll_at), asked=batch is first)

    kit.store.write_retrying(in_one_transaction)


def _one(kit: Kit, connection: ConnectionRow, batch: BatchRow) -> bool:
    """Settle the batch if it is finished, and return whether it is."""
    mailchimp = kit.mailchimp(connection)
    try:
        found = mailchimp.batch(batch.batch_id)
        if not found.is_finished and kit.now() - batch.submitted_at < KEPT:
            return False
        answers = _read(mailchimp, found, batch) if found.is_finished else None
    except Gone:
        answers = None
    if answers is None:
        say(logger, logging.WARNING, "a batch has no results any more", members=len(batch.what))
        bulk.give_up(kit, batch)
        return True
    _settle(kit, connection, batch, answers)
    kit.store.write_retrying(lambda c: _forget(c, batch))
    return True


def _forget(c: Connection, batch: BatchRow) -> None:
    """The batch is done, and what it carried was heard of, also for members who were taken from it."""
    for piece in pieces(sorted(int(row_id) for row_id in batch.what), PIECE):
        rows = members.get_many(c, piece)
        members.forget_way(c, [r.id for r in rows if r.way is not None and r.way.claim == batch.claim])
    batches.finish(c, batch.id)


def _read(mailchimp: Mailchimp, found: Batch, batch: BatchRow) -> dict[int, _Answer]:
    answers = {int(row_id): _Answer() for row_id in batch.what}
    for result in mailchimp.batch_results(found):
        row_id, _, kind = result.operation_id.partition(".")
        answer = answers.get(int(row_id)) if row_id.isdecimal() else None
        if answer is not None:
            _take(answer, kind, result)
    return answers


def _take(answer: _Answer, kind: str, result: OperationResult) -> None:
    error = result.error
    try:
        if error is None and kind == FIELDS:
            answer.member = result.member
    except NotUnderstood:
        return  # as if it were not there
    answer.answered.add(kind)
    if error is not None:
        answer.errors.append(error)


def _settle(kit: Kit, connection: ConnectionRow, batch: BatchRow, answers: Mapping[int, _Answer]) -> None:
    ids, changed = sorted(answers), 0
    for start in range(0, len(ids), PIECE):
        piece = ids[start : start + PIECE]
        with kit.store.read() as c:
            rows = {row.id: row for row in members.get_many(c, piece)}
        claims = dict.fromkeys(rows, batch.claim)
        done = {i: _refusal(i, batch.what[str(i)], answers[i]) for i in rows}
        sightings = [s for i, row in rows.items() if (s := _sighting(row, batch.what[str(i)], answers[i]))]
        for outcome in converge(kit, connection, sightings, CAUSE, claims=claims):
            row_id = outcome.sighting.row_id or 0
            done[row_id] = done[row_id] or _answered(outcome)
        concluded = [_with_parcel(d, rows[i], batch) for i, d in done.items() if d is not None]
        conclude(kit, connection, claims, concluded)
        changed += sum(d is not None and d.error is None for d in done.values())
    say(logger, logging.INFO, "batch settled", members=len(ids), failed=len(ids) - changed)
    first_sync.sent(kit, connection.id, changed_there=changed)


def _with_parcel(done: Done, row: MemberRow, batch: BatchRow) -> Done:
    way = row.way
    if way is None or way.claim != batch.claim:
        return done
    return replace(done, parcel=carried(way, row.base))


def _refusal(row_id: int, what: Mapping[str, object], answer: _Answer) -> Done | None:
    if answer.errors:
        worst = next((e for e in answer.errors if is_halting(e)), answer.errors[0])
        # One field that is refused holds back the others in a batch; a call of its own sends them.
        return Done(row_id, error=worst, again=worst.code in ABOUT_FIELDS and len(answer.errors) == 1)
    if what.keys() - answer.answered:
        return Done(
            row_id, error=MailchimpError("unsettled", detail="The results do not tell of this change.")
        )
    return None


def _sighting(row: MemberRow, what: Mapping[str, object], answer: _Answer) -> Sighting | None:
    """What the answers show of the member. Tags are answered without one: they are as they were sent."""
    tags = what.get(TAGS) if TAGS in answer.answered and not answer.errors else None
    member, is_told = answer.member, answer.member is not None
    if member is None and tags:
        member = row.theirs
    if member is None:
        return None
    if isinstance(tags, list):
        added, removed = frozenset(tags[0]), frozenset(tags[1])
        member = replace(member, tags=(member.tags | added) - removed)
    # A patch was carried out some time ago: what was seen since, or in the same second, may be newer.
    return Sighting(None, member, row.id, sure=not is_told)


def _answered(outcome: Outcome) -> Done:
    row_id = outcome.sighting.row_id or 0
    if outcome.verdict is Verdict.STALE:
        return Done(row_id)  # what the newer view left to do is due already
    still_differs = outcome.plan is not None and not outcome.plan.up.is_empty
    return Done(row_id, unsettled=still_differs or outcome.plan is None)
