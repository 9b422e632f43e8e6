"""Reading an audience page by page while it changes: nobody is passed over, and nobody is read twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from processor.mailchimp.client import Mailchimp
from processor.paging import PAGE, Place, read_ahead, read_page
from tests.mailchimp.conftest import Stage

IMPORTED = "2026-03-01T09:00:00+00:00"
LATER = "2026-03-01T09:00:01+00:00"
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MANY, A_SECOND = 2 * PAGE + 300, 400
Meanwhile = Callable[[Stage], None]


def _name(n: int) -> str:
    return f"m{n}@maple-street.test"


def _import(stage: Stage, count: int, at: str = IMPORTED, first: int = 0) -> None:
    """As many members as a file brings in within one second."""
    stage.put(*({"email_address": _name(n), "last_changed": at} for n in range(first, first + count)))


def _read(stage: Stage, mailchimp: Mailchimp, between: Meanwhile | None = None) -> list[str]:
    """Read everybody, and let something happen after the first page."""
    met: list[str] = []
    count = 0
    place: Place | None = Place(None, None)
    while place is not None:
        read = read_page(mailchimp, stage.audience_id, place)
        met += [member.email for member in read.page.members]
        count += read.more
        place = read.following
        if between is not None:
            between(stage)
            between = None
    assert abs(count - len(set(met))) < 50, "who is read anew counts once, but for the second after"
    return met


def _edit_some(stage: Stage) -> None:
    for n in (0, 7, 999):
        stage.control.edit(stage.audience_id, _name(n), merge_fields={"FNAME": "Jo"})


def _delete_some(stage: Stage) -> None:
    for n in range(5):
        stage.control.delete(stage.audience_id, _name(n))


def _archive_one(stage: Stage) -> None:
    stage.control.archive(stage.audience_id, _name(500))


@pytest.mark.parametrize("between", [_edit_some, _delete_some, _archive_one])
def test_nobody_of_an_import_is_passed_over_when_others_of_it_change(
    stage: Stage, mailchimp: Mailchimp, between: Meanwhile
) -> None:
    """Who changes leaves the second of the import, and all behind move up: over the edge of a page, too."""
    _import(stage, 2200)
    _import(stage, 30, LATER, first=2200)
    met = _read(stage, mailchimp, between)
    there = {
        m["email_address"]
        for m in stage.control.members(stage.audience_id).values()
        if m["status"] != "archived"
    }
    assert there - set(met) == set()


def test_an_import_that_nobody_touches_is_read_once(stage: Stage, mailchimp: Mailchimp) -> None:
    """As many calls as there are pages, and nobody twice."""
    _import(stage, 2100)
    before = len(stage.calls)
    met = _read(stage, mailchimp)
    assert len(met) == len(set(met)) == 2100
    assert len(stage.calls) - before == 3


def _put_in_seconds(stage: Stage) -> None:
    """An import of so many people, some hundred in each second."""
    stage.put(
        *(
            {
                "email_address": _name(n),
                "last_changed": (START + timedelta(seconds=n // A_SECOND)).isoformat(),
            }
            for n in range(MANY)
        )
    )


def test_pages_overlap_and_yet_everybody_comes_once(stage: Stage, mailchimp: Mailchimp) -> None:
    """The next page begins within the last second of the one before; whoever stands on both, as they were,
    is not handed on again. That holds for a first page that was read before, too."""
    _put_in_seconds(stage)
    found = [read.page for read in read_ahead(mailchimp, stage.audience_id, Place(None, None))]
    met = Counter(member.email for page in found for member in page.members)
    assert len(met) == MANY
    assert set(met.values()) == {1}
    first = read_page(mailchimp, stage.audience_id, Place(None, None))
    assert first.following is not None
    rest = read_ahead(mailchimp, stage.audience_id, first.following, first.page.members)
    assert sum(len(read.page.members) for read in rest) == MANY - PAGE


def test_who_changes_between_two_pages_comes_again(stage: Stage, mailchimp: Mailchimp) -> None:
    """As they are then."""
    _put_in_seconds(stage)
    pages = read_ahead(mailchimp, stage.audience_id, Place(None, None))
    moving = next(pages).page.members[-1]
    stage.control.edit(stage.audience_id, moving.email, merge_fields={"FNAME": "Jo"})
    again = [member for read in pages for member in read.page.members if member.email == moving.email]
    assert [member.merge_fields["FNAME"] for member in again] == ["Jo"]
