"""Pages of an audience, one after the other: nobody is missed, and nobody is met twice for nothing."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from processor.mailchimp.client import Mailchimp
from processor.paging import PAGE, Place, read_ahead, read_page
from tests.mailchimp.conftest import Stage

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MANY, A_SECOND = 2 * PAGE + 300, 400


def put_many(stage: Stage) -> None:
    """An import of so many people, some hundred in each second."""
    stage.put(
        *(
            {
                "email_address": f"p{n}@maple-street.test",
                "last_changed": (START + timedelta(seconds=n // A_SECOND)).isoformat(),
            }
            for n in range(MANY)
        )
    )


def test_pages_overlap_and_yet_everybody_comes_once(stage: Stage, mailchimp: Mailchimp) -> None:
    """The next page begins within the last second of the one before; whoever stands on both, as they were,
    is not handed on again. That holds for a first page that was read before, too."""
    put_many(stage)
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
    put_many(stage)
    pages = read_ahead(mailchimp, stage.audience_id, Place(None, None))
    moving = next(pages).page.members[-1]
    stage.control.edit(stage.audience_id, moving.email, merge_fields={"FNAME": "Jo"})
    again = [member for read in pages for member in read.page.members if member.email == moving.email]
    assert [member.merge_fields["FNAME"] for member in again] == ["Jo"]
