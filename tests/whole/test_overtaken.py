"""An edit in Mailchimp between our look and our write: gone there, and yet not unseen."""

from __future__ import annotations

from processor.report import conflicts_of
from tests.whole.world import ACCOUNT, World, until

JO = "jo@maple-street.test"
YES = {"status": "subscribed", "at": "2026-01-15T09:00:00+00:00", "source": "checkout"}


def test_an_edit_that_our_own_write_took_the_place_of_is_told_as_a_conflict(acme: World) -> None:
    """The marketer writes the name while our own write of it is on its way: ours is what there is, and the
    contact's conflicts show theirs, to be used after all."""
    acme.put("1", email=JO, consent=YES, fields={"first_name": "Jo"})
    until(lambda: acme.member(JO) and acme.settled())
    acme.control.webhooks(delay_seconds=1)
    acme.control.hang(method="PATCH")
    acme.put("1", fields={"first_name": "Joan"})
    until(lambda: acme.control.faults()["hanging"] > 0)
    acme.control.edit(acme.audience, JO, merge_fields={"FNAME": "Johanna"})
    acme.control.mend()
    [found] = until(lambda: conflicts_of(acme.kit, ACCOUNT, "1"))
    assert (found.row.field, found.row.ours, found.row.theirs) == ("first_name", "Joan", "Johanna")
    until(acme.settled)
    assert acme.contact(JO).fields["first_name"] == acme.member(JO)["merge_fields"]["FNAME"] == "Joan"
    assert len(conflicts_of(acme.kit, ACCOUNT, "1")) == 1


def test_an_edit_in_the_moment_in_which_somebody_leaves_is_not_written_over(acme: World) -> None:
    """The opt-out goes first, and its answer shows a name that the marketer has just written."""
    acme.put("1", email=JO, consent=YES, fields={"first_name": "Jo", "last_name": "Doe"})
    until(lambda: acme.member(JO) and acme.settled())
    acme.control.webhooks(drop=1.0)
    acme.control.hang(method="PATCH")
    left = {"status": "unsubscribed", "at": "2026-03-01T09:00:00+00:00", "source": "preferences"}
    acme.put("1", consent=left, fields={"last_name": "Smith"})
    until(lambda: acme.control.faults()["hanging"] > 0)
    acme.control.edit(acme.audience, JO, merge_fields={"FNAME": "Johanna", "LNAME": "Miller"})
    acme.control.mend()
    until(lambda: acme.contact(JO).fields["first_name"] == "Johanna")
    until(acme.settled)
    assert acme.member(JO)["status"] == "unsubscribed"
    [found] = conflicts_of(acme.kit, ACCOUNT, "1")
    assert {found.row.ours, found.row.theirs} == {"Smith", "Miller"}
    until(lambda: acme.contact(JO).fields["last_name"] == acme.member(JO)["merge_fields"]["LNAME"])
