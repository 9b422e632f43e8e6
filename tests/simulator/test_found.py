"""Short histories that once went wrong, each with what must come of it."""

from __future__ import annotations

import pytest

from processor.domain.contact import ConsentStatus
from processor.domain.ledger import Side
from processor.store import consents, pushes
from tests.simulator.ground import Ground
from tests.simulator.house import ACCOUNT
from tests.simulator.sim import Sim, Step

ANN, BOB = "ann@maple-street.test", "bob@maple-street.test"
YES = ("subscribed", 300.0, True)
NO = ("unsubscribed", 5.0, True)


QUIET: Step = ("quiet", {})
"""Here all is quiet for a while, and is judged."""


def live(on: Ground, *steps: Step, audiences: int = 1) -> Sim:
    """Live a history, and let all be quiet at its end."""
    sim = Sim(on, audiences=audiences)
    try:
        for step in (*steps, QUIET):
            if step is QUIET:
                sim.quiet()
            else:
                sim.do(step)
    finally:
        sim.close()
    return sim


def status(sim: Sim, email: str) -> str | None:
    """The member's status in Mailchimp."""
    member = sim.control.member(sim.audience, email)
    return member and str(member["status"])


@pytest.mark.parametrize("first", [True, False], ids=["who said yes first", "who said no first"])
def test_an_opt_out_counts_for_every_contact_with_the_address(on: Ground, first: bool) -> None:
    """Two contacts are one person: one of them says no, after the other had said yes."""
    said: list[Step] = [
        ("put", {"who": "c1", "email": ANN, "consent": YES}),
        ("put", {"who": "c2", "email": ANN, "consent": NO}),
    ]
    sim = live(on, *(said if first else said[::-1]))
    assert status(sim, ANN) is None
    assert sim.contacts_now()["c1"].consent.status is ConsentStatus.UNSUBSCRIBED


def test_an_opt_out_under_another_id_reaches_who_is_subscribed_already(on: Ground) -> None:
    """The member is the first contact's; the second, who says no, has none."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": YES}),
        ("push", {}),
        ("put", {"who": "c2", "email": ANN, "consent": NO}),
    )
    assert status(sim, ANN) == "unsubscribed"


def test_who_comes_to_an_address_having_left_has_left_there_too(on: Ground) -> None:
    """The one who left takes over the address of another contact, who had said yes before."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": YES}),
        ("put", {"who": "c2", "email": BOB, "consent": NO}),
        ("put", {"who": "c2", "email": ANN}),
    )
    assert status(sim, ANN) is None


def test_a_later_yes_of_a_namesake_stands(on: Ground) -> None:
    """The no is older than the yes of the other contact with the address."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": ("subscribed", 5.0, True)}),
        ("put", {"who": "c2", "email": ANN, "consent": ("unsubscribed", 300.0, True)}),
    )
    assert status(sim, ANN) == "subscribed"


def test_a_yes_that_comes_with_a_new_address_is_not_spent_on_the_old_one(on: Ground) -> None:
    """Somebody mistyped their address and never confirmed; now they give the right one, and say yes anew."""
    sim = live(
        on,
        ("double_opt_in", {"on": True}),
        ("there", {"act": "subscribe", "email": BOB}),
        ("sweep", {"full": True}),
        ("put", {"who": "c1", "email": BOB}),
        ("pass", {"seconds": 400.0}),
        ("put", {"who": "c1", "email": ANN, "consent": ("subscribed", 1.0, True)}),
    )
    assert status(sim, ANN) == "pending"


@pytest.mark.parametrize("anew", ["subscribed", "pending", "none"])
def test_an_opt_out_outlives_the_contact_under_its_own_id(on: Ground, anew: str) -> None:
    """They said no and were deleted; the platform makes them anew with what they had said before."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": NO}),
        ("drop_contact", {"who": "c1"}),
        ("put", {"who": "c1", "email": ANN, "consent": (anew, 259_200.0, True)}),
        ("put", {"who": "c1", "consent": ("subscribed", 18_000.0, True)}),
    )
    assert status(sim, ANN) is None
    assert sim.contacts_now()["c1"].consent.status is ConsentStatus.UNSUBSCRIBED


def test_who_leaves_and_moves_in_one_write_is_not_left_waiting(on: Ground) -> None:
    """They are unsubscribed at the old address; the new one begins anew at once, not a day later."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": ("pending", 5.0, True)}),
        ("push", {}),
        ("pass", {"seconds": 61.0}),
        ("put", {"who": "c1", "email": BOB, "consent": ("unsubscribed", 0.4, True)}),
    )
    assert (status(sim, ANN), status(sim, BOB)) == ("unsubscribed", None)
    assert sim.rows()["c1"].state == "excluded"


def test_an_opt_out_counts_for_a_namesake_who_is_just_coming_back(on: Ground) -> None:
    """Mailchimp's clock has whole seconds: nobody can tell who was later, and being unsure means no."""
    sim = live(
        on,
        ("there", {"act": "add", "email": ANN, "status": "unsubscribed"}),
        ("put", {"who": "c1", "email": BOB}),
        ("sweep", {"full": True}),
        ("pass", {"seconds": 61.0}),
        ("drop_contact", {"who": "c1"}),
        ("put", {"who": "c1", "email": ANN, "consent": ("unsubscribed", 0.0, True)}),
        ("there", {"act": "resubscribe", "email": ANN}),
    )
    assert status(sim, ANN) == "unsubscribed"


def test_the_time_of_an_opt_out_outlives_the_contact(on: Ground) -> None:
    """They are made anew with an older no, and then with a yes from between the two."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": NO}),
        ("drop_contact", {"who": "c1"}),
        ("put", {"who": "c1", "email": ANN, "consent": ("unsubscribed", 18_000.0, True)}),
        ("put", {"who": "c1", "consent": ("subscribed", 300.0, True)}),
    )
    assert status(sim, ANN) is None


def test_two_contacts_swap_their_addresses(on: Ground) -> None:
    """Mailchimp takes neither move. Each contact ends with the member at its own address."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": YES, "fields": {"first_name": "Ann"}}),
        ("put", {"who": "c2", "email": BOB, "consent": YES, "fields": {"first_name": "Bob"}}),
        ("push", {}),
        ("put", {"who": "c1", "email": BOB}),
        ("put", {"who": "c2", "email": ANN}),
        ("push", {}),
        ("push", {}),
        ("put", {"who": "c1", "consent": NO}),
    )
    assert status(sim, BOB) == "unsubscribed"
    assert status(sim, ANN) == "subscribed"


def test_an_opt_out_reaches_the_member_of_an_address_that_was_handed_on(on: Ground) -> None:
    """The one who had the address has none any more; the one who has it now says no."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": YES}),
        ("put", {"who": "c2", "email": BOB, "consent": YES}),
        ("push", {}),
        ("put", {"who": "c2", "email": None}),
        ("put", {"who": "c1", "email": BOB}),
        ("push", {}),
        ("push", {}),
        ("put", {"who": "c1", "consent": NO}),
    )
    assert status(sim, BOB) == "unsubscribed"
    assert status(sim, ANN) != "subscribed"


def test_who_comes_back_to_an_address_finds_the_member_that_they_left_there(on: Ground) -> None:
    """They were asked at one address, moved on, came back, and confirmed: nobody archives them meanwhile."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": ("pending", 5.0, True)}),
        ("push", {}),
        ("put", {"who": "c1", "email": BOB}),
        ("push", {}),
        ("push", {}),
        ("put", {"who": "c1", "email": ANN}),
        ("there", {"act": "confirm", "email": ANN}),
    )
    assert status(sim, ANN) == "subscribed"
    assert sim.rows()["c1"].state == "in_sync"


def test_a_member_without_a_contact_holds_no_address_back(on: Ground) -> None:
    """They were asked at one address, moved to another where they were subscribed, and moved back."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": ("pending", 5.0, True)}),
        ("there", {"act": "subscribe", "email": BOB}),
        ("push", {}),
        ("put", {"who": "c1", "email": BOB}),
        ("push", {}),
        ("push", {}),
        ("put", {"who": "c1", "email": ANN}),
    )
    assert sim.rows()["c1"].email_key == ANN
    assert sim.rows()["c1"].state != "failing"
    assert status(sim, BOB) == "archived"


def test_an_older_bounce_hides_no_opt_out(on: Ground) -> None:
    """They unsubscribed; a bounce from before is told late; they move, and an old yes is sent once more."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": NO}),
        ("put", {"who": "c1", "consent": ("cleaned", 18_000.0, True)}),
        ("put", {"who": "c1", "email": BOB}),
        ("put", {"who": "c1", "consent": ("subscribed", 300.0, True)}),
    )
    assert status(sim, BOB) is None
    assert sim.contacts_now()["c1"].consent.status is ConsentStatus.UNSUBSCRIBED


def test_an_opt_out_outlives_the_contact_under_its_own_id_at_another_address(on: Ground) -> None:
    """The platform makes them anew with the address that was missing, and with what they had said before."""
    sim = live(
        on,
        ("put", {"who": "c1", "consent": NO}),
        ("drop_contact", {"who": "c1"}),
        ("put", {"who": "c1", "email": ANN, "consent": YES}),
    )
    assert status(sim, ANN) is None
    assert sim.contacts_now()["c1"].consent.status is ConsentStatus.UNSUBSCRIBED


def test_who_comes_back_to_an_address_after_being_deleted_elsewhere_finds_the_member_there(
    on: Ground,
) -> None:
    """They were asked at one address and at another, where the marketer deleted them; the platform moves
    them back. Nobody may be asked for whom both sides say that they left."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": ("pending", 5.0, True)}),
        QUIET,
        ("put", {"who": "c1", "email": BOB}),
        QUIET,
        ("there", {"act": "delete", "email": BOB}),
        ("put", {"who": "c1", "email": ANN}),
    )
    assert (status(sim, ANN), sim.rows()["c1"].email_key) == ("unsubscribed", ANN)


def test_who_has_yet_to_confirm_for_one_audience_is_not_asked_by_the_other(on: Ground) -> None:
    """They filled in the form of one newsletter, and hear of that one alone."""
    sim = live(
        on,
        ("double_opt_in", {"on": True, "where": 1}),
        ("there", {"act": "subscribe", "email": ANN, "where": 1}),
        audiences=2,
    )
    assert status(sim, ANN) is None
    assert sim.places[1].member(ANN)["status"] == "pending"


def test_who_leaves_by_another_member_has_left_at_the_address_too(on: Ground) -> None:
    """A contact moves to the address of another one, and is unsubscribed where it was: the two are one
    person, as if it had moved afterwards."""
    sim = live(
        on,
        ("there", {"act": "add", "email": BOB, "status": "subscribed"}),
        ("put", {"who": "c1", "consent": ("subscribed", 5.0, True)}),
        ("put", {"who": "c1", "email": ANN}),
        QUIET,
        ("put", {"who": "c1", "email": BOB}),
        ("there", {"act": "unsubscribe", "email": ANN, "by": "user"}),
    )
    assert status(sim, BOB) == "unsubscribed"


def test_a_member_whose_contact_cannot_take_it_along_is_the_next_ones(on: Ground) -> None:
    """Both are looked at in one push: the one who moves on, to an address that is taken, and the one who
    comes to the address that is left."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": YES}),
        QUIET,
        ("there", {"act": "subscribe", "email": BOB}),
        ("put", {"who": "c3", "email": ANN, "consent": YES}),
        ("put", {"who": "c1", "email": BOB}),
    )
    assert (sim.rows()["c3"].state, sim.rows()["c3"].email_key) == ("in_sync", ANN)


def test_who_is_left_out_does_not_fail_of_an_address_that_is_anothers(on: Ground) -> None:
    """Two contacts have one address; the one without a member is left out, and changes."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": YES}),
        QUIET,
        ("put", {"who": "c2", "email": ANN, "consent": YES}),
        QUIET,
        ("leave_out", {"email": ANN}),
        ("put", {"who": "c2", "fields": {"city": "Rome"}}),
    )
    assert {row.reason for row in sim.rows().values()} == {"by_choice"}


def test_a_field_that_the_answer_lacks_is_looked_for_at_once(on: Ground) -> None:
    """The marketer renames a field while somebody who left still has it to be written: it goes to the new
    tag, and no call is made again and again until the next comparison of everybody."""
    sim = live(
        on,
        ("there", {"act": "add", "email": ANN, "status": "subscribed"}),
        QUIET,
        ("field", {"act": "rename", "name": "points"}),
        ("put", {"who": "c1", "email": ANN, "fields": {"points": 1}, "consent": ("unsubscribed", 0.0, True)}),
        ("pass", {"seconds": 1.0}),
        ("push", {}),
        ("push", {}),
        ("push", {}),
    )
    assert sim.places[0].member(ANN)["merge_fields"]["POINTS2"] == 1
    assert len([call for call in sim.house.wire.calls if '"merge_fields"' in call]) == 2


def test_a_complaint_outdoes_an_older_yes_also_where_they_had_left_before(on: Ground) -> None:
    """No look shows that somebody who is unsubscribed complained: the webhook alone tells."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": YES}),
        ("push", {}),
        ("put", {"who": "c1", "consent": NO}),
        QUIET,
        ("put", {"who": "c1", "consent": ("subscribed", 5.0, True)}),
        ("there", {"act": "complain", "email": ANN}),
    )
    assert status(sim, ANN) == "unsubscribed"
    assert sim.contacts_now()["c1"].consent.status is ConsentStatus.UNSUBSCRIBED


def test_who_was_archived_holds_no_address_back_that_they_have_left(on: Ground) -> None:
    """Their member stays where it was, and is met by the contact who has the address now."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": YES}),
        ("push", {}),
        ("there", {"act": "archive", "email": ANN}),
        QUIET,
        ("put", {"who": "c3", "email": ANN}),
        QUIET,
        ("put", {"who": "c1", "email": BOB}),
    )
    assert (sim.rows()["c3"].reason, sim.rows()["c3"].email_key) == ("archived", ANN)


def test_a_yes_between_two_ways_of_leaving_leads_nowhere(on: Ground) -> None:
    """They said no here, and the marketer unsubscribed them afterwards: only a yes after both counts."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": ("unsubscribed", 300.0, True)}),
        ("there", {"act": "add", "email": ANN, "status": "unsubscribed"}),
        QUIET,
        ("put", {"who": "c1", "consent": ("subscribed", 300.0, True)}),
    )
    assert status(sim, ANN) == "unsubscribed"


def test_what_was_agreed_with_one_contact_makes_no_yes_of_the_next_a_new_one(on: Ground) -> None:
    """Somebody who left moves on; whoever has the address then said yes before that."""
    sim = live(
        on,
        ("put", {"who": "c3", "email": ANN, "consent": ("unsubscribed", 259_200.0, True)}),
        ("put", {"who": "c1", "email": ANN, "consent": YES}),
        ("there", {"act": "subscribe", "email": ANN}),
        QUIET,
        ("put", {"who": "c3", "email": BOB}),
    )
    assert status(sim, ANN) == "unsubscribed"


def test_nothing_is_told_of_an_act_that_was_not_sent(on: Ground) -> None:
    """Between our look and our call they sign up by the form: they are not asked, and neither the ledger nor
    the history says that they were."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": YES}),
        ("push", {}),
        ("there", {"act": "unsubscribe", "email": ANN, "by": "user"}),
        ("sweep", {"full": False}),
        ("pass", {"seconds": 16.0}),
        ("put", {"who": "c1", "consent": ("subscribed", 0.0, True)}),
        ("meanwhile", {"calls": 1, "act": "subscribe", "email": ANN}),
        ("push", {}),
    )
    assert status(sim, ANN) == "subscribed"
    with sim.house.store.read() as c:
        ledger = [line.entry for line in consents.of_contact(c, ACCOUNT, ["c1"], 50)]
        sent = [one.what for one in pushes.of_contact(c, ACCOUNT, ["c1"], 50)]
    assert [entry.after for entry in ledger if entry.side is Side.THERE] == ["subscribed"]
    assert [what["status"]["after"] for what in sent if "status" in what] == ["subscribed"]


def test_an_edit_is_taken_back_though_nobody_heard_that_it_had_arrived(on: Ground) -> None:
    """Mailchimp took the new name, its answer was lost, and the platform wrote the old one again: the new one
    comes back as our own, and not as an edit of the marketer's."""
    sim = live(
        on,
        ("put", {"who": "c1", "email": ANN, "consent": YES, "fields": {"first_name": "Ann"}}),
        QUIET,
        ("fault", {"kind": "timeout_after", "skip": 1, "count": 1}),
        ("put", {"who": "c1", "fields": {"first_name": "Cid"}}),
        ("push", {}),
        ("put", {"who": "c1", "fields": {"first_name": "Ann"}}),
    )
    assert sim.contacts_now()["c1"].fields["first_name"] == "Ann"
    assert sim.control.member(sim.audience, ANN)["merge_fields"]["FNAME"] == "Ann"


def test_the_member_of_whoever_is_left_out_and_moves_on_is_the_next_ones(on: Ground) -> None:
    """Nothing is sent for them, so they do not take the member along; whoever has the address then is not
    told that it is somebody else's."""
    sim = live(
        on,
        ("put", {"who": "c3", "email": ANN, "consent": YES}),
        QUIET,
        ("leave_out", {"email": ANN}),
        ("put", {"who": "c3", "email": BOB}),
        ("put", {"who": "c2", "email": ANN}),
    )
    assert (sim.rows()["c2"].state, sim.rows()["c2"].email_key) == ("in_sync", ANN)
    assert sim.rows()["c3"].reason == "by_choice"


def test_who_is_left_out_and_made_anew_without_an_address_stays_left_out(on: Ground) -> None:
    """Somebody chose so; an address would change nothing."""
    sim = live(
        on,
        ("fault", {"kind": "timeout_after", "skip": 1, "count": 2}),
        ("put", {"who": "c2", "email": BOB, "consent": NO}),
        ("leave_out", {"email": BOB}),
        ("push", {}),
        ("drop_contact", {"who": "c2"}),
        ("put", {"who": "c2", "fields": {"city": "Oslo"}}),
    )
    assert sim.rows()["c2"].reason == "by_choice"
