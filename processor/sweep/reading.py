"""The two passes over an audience: what was archived, then what else changed."""

from __future__ import annotations

from collections.abc import Sequence

from processor.converge import Outcome, Verdict
from processor.mailchimp.client import Mailchimp
from processor.meeting import meet_page
from processor.paging import Place, Read, read_ahead
from processor.sweep.course import Course
from processor.sweep.cursor import Step
from processor.tagged import with_all_tags

FOLLOWING = {Step.ARCHIVED: Step.MEMBERS, Step.MEMBERS: Step.GONE}


def read_both(course: Course, mailchimp: Mailchimp, expected: int) -> None:
    """Read both passes to their end, from where the sweep is; nothing where it is beyond them. `expected` is
    about how many members there are who are not archived, 0 where nobody knows."""
    while course.cursor.step in FOLLOWING:
        for read in read_ahead(mailchimp, course.audience, course.cursor.place):
            _one_page(course, mailchimp, read, expected)


def _one_page(course: Course, mailchimp: Mailchimp, read: Read, expected: int) -> None:
    cursor = course.cursor
    page = with_all_tags(
        course.kit, mailchimp, course.connection, read.page.members, course.goes_on_elsewhere
    )
    total = cursor.total
    if read.place == Place(read.place.status, cursor.behind):  # the first page tells how many there are
        total = cursor.seen + read.page.total + (expected if cursor.step is Step.ARCHIVED else 0)
    news = changed(meet_page(course.meet, mailchimp, course.audience, page, lambda: False))
    newest = max(filter(None, [cursor.newest, *(m.last_changed for m in page)]), default=None)
    at = read.following
    course.note(
        newest=newest,
        seen=cursor.seen + read.more,
        changed=cursor.changed + news,
        total=total,
        step=cursor.step if at else FOLLOWING[cursor.step],
        since=at.since if at else cursor.behind,
        offset=at.offset if at else 0,
        anchor=at.anchor if at else None,
        before=at.before if at else None,
    )


def changed(outcomes: Sequence[Outcome]) -> int:
    """How many of them were news."""
    return sum(outcome.verdict is Verdict.CHANGED for outcome in outcomes)
