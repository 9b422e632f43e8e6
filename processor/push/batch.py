"""Sends many changes of existing members by Mailchimp's batch endpoint: one call for up to a thousand.

Only fields and tags go this way. Whose consent changes, who moves or is archived has a call of their own,
after a look, since a batch may be carried out hours later. The members are held under the batch's claim until
`push.collect` has read its results.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from processor.converge import Outcome
from processor.domain.mapping import write
from processor.domain.way import on_its_way
from processor.errors import MailchimpError
from processor.kit import Kit
from processor.log import say
from processor.mailchimp import members as calls
from processor.mailchimp.batches import Operation
from processor.mailchimp.client import Mailchimp
from processor.push.refused import ABOUT_FIELDS
from processor.push.send import Sent, is_syncing, row_id_of
from processor.store import Connection, batches, members
from processor.store.batches import BatchRow
from processor.store.connections import ConnectionRow
from processor.store.ids import new_id

logger = logging.getLogger(__name__)

MANY = 50
"""From so many changes on a batch is quicker than a call for each, though it is asked for a few times."""
MOST_OPERATIONS = 1000
"""What Mailchimp's own example has in one batch; no limit is on record (facts.md 5)."""
MOST_OPEN = 5
"""Batches of one connection that are under way at a time: Mailchimp carries out one after the other, and
allows 500 for the whole account."""
FIRST_POLL = timedelta(seconds=2)
HELD = timedelta(hours=1)
"""How long members wait for a batch that nobody asks about any more; each poll renews it."""
FIELDS, TAGS = "fields", "tags"


@dataclass(slots=True)
class Started:
    """What became of changes that were to go in batches: rows that wait for one now, and refusals."""

    held: set[int] = field(default_factory=set)
    refused: list[Sent] = field(default_factory=list)


def may_go(outcome: Outcome) -> bool:
    """Whether this change may be carried out later, in any order with others."""
    up = outcome.plan.up if outcome.plan else None
    if up is None or outcome.sighting.member is None or outcome.row is None:
        return False
    is_plain = not (up.create or up.status or up.archive or up.email or up.permissions)
    # A field that was refused is found out by a call of its own, which sends the others.
    return is_plain and outcome.row.reason not in ABOUT_FIELDS


def start(
    kit: Kit, mailchimp: Mailchimp, connection: ConnectionRow, claim: str, outcomes: Sequence[Outcome]
) -> Started:
    """Start batches for changes that `may_go`, of members held under `claim`. Refusals are in the answer, not
    raised. Raises StoreDown.

    A process that dies between the call and the commit leaves a batch that nobody asks for, and its members
    to be looked at and sent again: the same values once more.
    """
    started = Started()
    for group in _groups(connection, outcomes):
        operations = [operation for _, ops, _ in group for operation in ops]
        token = new_id("clm")
        now = kit.now()
        ways = {row_id_of(o): on_its_way(o.plan.up, o.contact, now, token) for o, _, _ in group if o.plan}
        # Before the call: also a batch whose answer is lost is known again by what it does.
        kit.store.write_retrying(partial(members.note_way, ways=ways))
        try:
            batch = mailchimp.start_batch(operations)
        except MailchimpError as error:
            started.refused += [Sent(row_id_of(outcome), error=error) for outcome, _, _ in group]
            continue
        now = kit.now()
        row = BatchRow(
            connection_id=connection.id,
            batch_id=batch.id,
            claim=token,
            operations=len(operations),
            what={str(row_id_of(outcome)): what for outcome, _, what in group},
            submitted_at=now,
            next_poll_at=now + FIRST_POLL,
        )
        ids = [row_id_of(outcome) for outcome, _, _ in group]
        kit.store.write_retrying(partial(_write_down, row=row, row_ids=ids, claim=claim))
        started.held |= set(ids)
        say(logger, logging.INFO, "batch started", operations=len(operations), members=len(ids))
    return started


def _write_down(c: Connection, row: BatchRow, row_ids: Sequence[int], claim: str) -> None:
    members.hold(c, row_ids, claim, row.claim, row.submitted_at + HELD, row.submitted_at)
    batches.begin(c, row)


Written = tuple[Outcome, list[Operation], dict[str, Any]]


def _groups(connection: ConnectionRow, outcomes: Sequence[Outcome]) -> Iterator[list[Written]]:
    group: list[Written] = []
    count = 0
    for outcome in outcomes:
        operations, what = _operations(connection, outcome)
        if count + len(operations) > MOST_OPERATIONS:
            yield group
            group, count = [], 0
        group.append((outcome, operations, what))
        count += len(operations)
    if group:
        yield group


def _operations(connection: ConnectionRow, outcome: Outcome) -> tuple[list[Operation], dict[str, Any]]:
    plan, member = outcome.plan, outcome.sighting.member
    assert plan is not None
    assert member is not None
    audience, up, row_id = connection.audience_id or "", plan.up, row_id_of(outcome)
    operations: list[Operation] = []
    what: dict[str, Any] = {}
    if up.fields:
        fields = write(up.fields, connection.policy)
        patch = calls.change(
            audience,
            member.id,
            merge_fields=fields.merge_fields,
            interests=fields.interests,
            language=fields.language,
        )
        operations.append(Operation(f"{row_id}.{FIELDS}", patch))
        what[FIELDS] = True
    if up.tags_added or up.tags_removed:
        added, removed = sorted(up.tags_added), sorted(up.tags_removed)
        tag = calls.tag(audience, member.id, added, removed, is_syncing=is_syncing(connection))
        operations.append(Operation(f"{row_id}.{TAGS}", tag))
        what[TAGS] = [added, removed]
    return operations, what
