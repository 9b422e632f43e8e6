"""What only a comparison of everybody does: the audience's settings, our webhook, who is gone, who is new."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice

from processor import fields, hook
from processor.broker import PUSH
from processor.domain.catalogue import ENTRIES, Retry
from processor.domain.drift import Drift
from processor.errors import MailchimpError
from processor.halt import is_halting
from processor.kit import Kit
from processor.log import say
from processor.look import Question, look_up
from processor.mailchimp.client import Mailchimp
from processor.store import Connection, connections, members, members_left, sweep_pages
from processor.store.connections import ConnectionRow
from processor.store.members import MemberRow
from processor.sweep.course import Course
from processor.sweep.cursor import Step
from processor.sweep.reading import changed

logger = logging.getLogger(__name__)

LOOK_UPS = 50
"""Members looked up on their own before the turn is renewed: each may take as long as a call may."""
COMPARED = 5000
"""Members whose numbers are read at once, to be compared with those who were met."""
PIECE = 5000
"""Contacts brought in by one transaction."""
AGAIN = 1000
PASSING = frozenset(code for code, found in ENTRIES.items() if found.retry is Retry.BY_ITSELF) | {
    "email_taken"
}


def as_it_is_now(kit: Kit, course: Course, mailchimp: Mailchimp) -> int:
    """Take over what the marketer may have changed of the audience: its name, whether people who are added
    must confirm first, and its fields. Returns about how many members it has."""
    audience = mailchimp.audience(course.audience)

    def in_one_transaction(c: Connection) -> ConnectionRow | None:
        row = connections.lock(c, course.connection.id)
        if row is None or row.audience_id != audience.id:
            return None
        policy = row.policy.model_copy(update={"double_opt_in": audience.double_opt_in})
        if (policy, audience.name) != (row.policy, row.audience_name):
            connections.update(c, row.id, kit.now(), policy=policy, audience_name=audience.name)
        return connections.get(c, row.id)

    course.connection = kit.store.write_retrying(in_one_transaction) or course.connection
    course.follow(fields.refresh(kit, course.connection, mailchimp, compare=False))
    return audience.member_count


def look_after_the_hook(kit: Kit, course: Course) -> None:
    """See that our webhook stands, once and complete, and mend it. A sweep goes on without one: webhooks
    only make it quicker."""
    try:
        if hook.register(kit, course.connection) is not None:
            course.mended(Drift.WEBHOOK)
    except MailchimpError as error:
        if is_halting(error):
            raise
        say(logger, logging.WARNING, "our webhook could not be looked after", code=error.code)


def find_the_gone(kit: Kit, course: Course, mailchimp: Mailchimp) -> None:
    """Every member that the audience was just read for was met on a page, or written since; who was not may
    be gone. Each is looked up before that is believed, since members move while pages are read."""
    if course.cursor.step is not Step.GONE:
        return
    for missing in _pieces(_not_met(kit, course), LOOK_UPS):
        cursor = course.cursor
        with kit.store.read() as c:
            rows = members.get_many(c, missing)
        looks = [look_up(mailchimp, course.audience, _question(row)) for row in rows]
        outcomes = course.meet(looks)
        gone = sum(o.sighting.member is None for o in outcomes)
        course.note(
            after=str(missing[-1]), gone=cursor.gone + gone, changed=cursor.changed + changed(outcomes)
        )
    course.note(step=Step.NEW, after=None)


def _not_met(kit: Kit, course: Course) -> Iterator[int]:
    """Yield the numbers of those who were met on no page, ascending: two streams in one order compared."""
    connection_id, cursor = course.connection.id, course.cursor
    with kit.store.read() as c:
        met = sweep_pages.met(c, connection_id, cursor.id)
    newest_met, after_id = next(met, None), int(cursor.after or 0)
    while True:
        with kit.store.read() as c:
            known = members.unchanged_since(
                c, connection_id, cursor.started, after_id=after_id, limit=COMPARED
            )
        for row_id in known:
            while newest_met is not None and newest_met < row_id:
                newest_met = next(met, None)
            if newest_met != row_id:
                yield row_id
        if not known:
            return
        after_id = known[-1]


def _pieces(numbers: Iterator[int], size: int) -> Iterator[list[int]]:
    while piece := list(islice(numbers, size)):
        yield piece


def bring_in_the_new(kit: Kit, course: Course) -> None:
    """Make every contact due that no member of this audience is linked with yet."""
    connection = course.connection
    if course.cursor.after is None:
        _try_what_passes(kit, connection)
    while course.cursor.step is Step.NEW:
        after = course.cursor.after

        def in_one_transaction(c: Connection, after: str | None = after) -> str | None:
            last, _ = members_left.bring_in(
                c, connection.id, connection.account_id, after, kit.now(), limit=PIECE
            )
            return last

        last = kit.store.write_retrying(in_one_transaction)
        kit.bell.ring(PUSH, [connection.id])
        if last is None:
            return
        course.note(after=last)


def _try_what_passes(kit: Kit, connection: ConnectionRow) -> None:
    """Send those round again who failed for a cause that passes by itself, in whatever time it took, or
    whose address may be free by now."""
    after_id = 0
    while True:
        with kit.store.write() as c:
            sent = members.try_again(
                c, connection.id, kit.now(), limit=AGAIN, after_id=after_id, reasons=PASSING
            )
        if not sent:
            return
        after_id = sent[-1]


def _question(row: MemberRow) -> Question:
    return Question(row.email_key or "", row.id, row.mailchimp_contact_id, row.member_id)
