"""Issues in the portal: one card for each cause, one button, the contacts behind it."""

from __future__ import annotations

from processor import contacts, issues, mailing, report
from processor.domain.connection import ConnectionState
from processor.domain.edit import ContactPatch
from processor.domain.issue import IssueState
from processor.domain.plan import MemberState
from processor.web.portal.issues import MOST_CARDS
from tests.web.browser import text_of
from tests.web.house import ACME, BIRCH, Api, Place, make_connection, stand
from tests.web.test_portal_pages import Customer, change, customer

__all__ = ["customer"]
FAILING = MemberState.FAILING


def fail(customer: Customer, n: int, reason: str, field: str | None = None) -> None:
    """Let so many more contacts fail, and have it noticed."""
    customer.connected().set_up() if not hasattr(customer, "here") else None
    change(customer.place, customer.connection_id, state=ConnectionState.IN_SYNC)
    for i in range(n):
        stand(
            customer.place.house,
            customer.connection_id,
            f"{reason}{i}",
            state=FAILING,
            reason=reason,
            field=field,
        )
    issues.review(customer.kit, customer.connection_id)


def test_a_card_says_how_many_and_has_one_button(customer: Customer) -> None:
    """The field map for a required field, trying again for a full plan, the form for who must come back by
    themselves."""
    fail(customer, 3, "field_required", "birthday")
    fail(customer, 2, "plan_full")
    fail(customer, 1, "email_forgotten")
    fail(customer, 1, "internal")
    contacts.put(customer.kit, ACME, "email_forgotten0", ContactPatch(email="jo@maple-street.test"))
    said = text_of(customer.gets(customer.here))
    assert "“birthday” is required" in said
    assert "The same goes for 2 other contacts." in said
    assert said.count("Edit the field map") == said.count("Copy the sign-up form") == 1
    assert "Our mistake" not in said  # it is not the customer's
    found = report.issues(customer.kit, ACME).issues
    ref = next(one.issue.ref for one in found if one.issue.code == "email_forgotten")
    page = customer.presses(customer.gets(f"{customer.here}/issues/{ref}"), "Leave them out")
    assert "Left out. Nothing more is sent for them" in text_of(page)
    assert customer.found.left_out == 1


def test_who_must_come_back_by_themselves_is_sent_the_form(customer: Customer) -> None:
    """The card's button leads to the address of the audience's own form, as Mailchimp tells it."""
    fail(customer, 1, "consent_unsubscribed")
    card = text_of(customer.gets(customer.here))
    assert "Copy the sign-up form" in card
    page = customer.gets(f"{customer.here}/sign-up-form")
    assert f'value="https://sandbox.list-manage.test/{customer.news}"' in page.text
    assert "Copy its address and send it to those who want your e-mails again." in text_of(page)


def test_behind_a_card_are_its_contacts_a_page_at_a_time(customer: Customer) -> None:
    """Those of this cause only; tried again, muted, reminded of again."""
    fail(customer, 60, "email_fake")
    fail(customer, 1, "email_invalid")
    found = report.issues(customer.kit, ACME).issues
    ref = next(one.issue.ref for one in found if one.issue.code == "email_fake")
    here = f"{customer.here}/issues/{ref}"
    page = customer.gets(here)
    assert text_of(page).count("The address looks made up.") == 50
    more = page.text.partition("after=")[2].partition('"')[0]
    assert text_of(customer.gets(f"{here}?after={more}")).count("The address looks made up.") == 10
    customer.presses(page, "Remind me in 30 days")
    assert report.issue(customer.kit, ref, ACME).issue.state is IssueState.MUTED
    customer.presses(customer.gets(here), "Remind me again")
    assert report.issue(customer.kit, ref, ACME).issue.state is IssueState.OPEN
    again = customer.presses(customer.gets(here), "Try again")
    assert "Being tried again now." in text_of(again)
    assert customer.found.members[FAILING] == 1


def test_another_accounts_card_is_not_there(customer: Customer, place: Place) -> None:
    """Nor under a connection of one's own."""
    fail(customer, 1, "email_fake")
    theirs = make_connection(place.house, BIRCH, audience_id="b", state="in_sync")
    stand(place.house, theirs, "lee", state=FAILING, reason="email_fake")
    issues.review(place.kit, theirs)
    ref = report.issues(place.kit, BIRCH).issues[0].issue.ref
    for path in (f"/portal/issues/{ref}", f"{customer.here}/issues/{ref}"):
        assert customer.gets(path).status_code == 404


def test_who_is_told_by_mail_sees_where_and_can_try_it(customer: Customer) -> None:
    """Without a mail server the button says so."""
    fail(customer, 1, "email_fake")
    assert "we write to" not in text_of(customer.gets(customer.here))
    mailing.set_address(customer.kit, ACME, "jo@maple-street.test")
    page = customer.gets(customer.here)
    assert "we write to jo@maple-street.test" in text_of(page)
    page = customer.gets(f"{customer.here}/notify")
    assert "No test was sent" in text_of(customer.presses(page, "Send a test mail"))


def test_a_connection_has_readers_of_its_own(customer: Customer) -> None:
    """Written one in each line; what is no address is said beside the field, with what was written."""
    fail(customer, 1, "email_fake")
    mailing.set_address(customer.kit, ACME, "jo@maple-street.test")
    page = customer.gets(f"{customer.here}/notify")
    assert "Leave it empty to write to jo@maple-street.test" in text_of(page)
    wrong = customer.presses(page, "Save", emails="kim@maple-street.test\nnobody")
    assert wrong.status_code == 422
    assert "This is no mail address." in text_of(wrong)
    assert "nobody" in wrong.text
    saved = customer.presses(page, "Save", emails="kim@maple-street.test, lee@maple-street.test")
    assert "Told now: kim@maple-street.test, lee@maple-street.test." in text_of(saved)
    assert "we write to kim@maple-street.test, lee" in text_of(customer.gets(customer.here))
    again = customer.presses(saved, "Save", emails="")
    assert "Told now: jo@maple-street.test." in text_of(again)


def test_one_or_all_who_fail_are_left_out_and_taken_back_in_with_a_button(customer: Customer) -> None:
    """Shown apart, with who chose it; the card goes when nobody fails any more."""
    fail(customer, 0, "refused")
    for name in ("jo", "kim"):
        stand(customer.place.house, customer.connection_id, name, state=FAILING, reason="refused")
        contacts.put(customer.kit, ACME, name, ContactPatch(email=f"{name}@maple-street.test"))
    issues.review(customer.kit, customer.connection_id)
    listed = customer.gets(f"{customer.here}/contacts")
    page = customer.presses(listed, "Leave out: jo@maple-street.test")
    assert "Chosen on these pages, just now" in text_of(page)
    assert customer.found.left_out == 1
    chosen = customer.gets(f"{customer.here}/contacts?state=excluded&by=choice")
    assert "jo@maple-street.test" in text_of(chosen)
    assert "Left out by choice." in text_of(chosen)
    page = customer.presses(chosen, "Take back in: jo@maple-street.test")
    assert "Taken back in" in text_of(page)
    assert customer.found.left_out == 0
    (card,) = report.issues(customer.kit, ACME).issues
    page = customer.gets(f"{customer.here}/issues/{card.issue.ref}")
    assert "Left out." in text_of(customer.presses(page, "Leave them out"))
    issues.review(customer.kit, customer.connection_id)
    assert "Needs your attention" not in text_of(customer.gets(customer.here))


def test_a_tenant_sees_its_own_issues_only(api: Api) -> None:
    """Listed and one by one; and nobody's address but its own is set."""
    made = {name: make_connection(api.house, name, audience_id=name) for name in (ACME, BIRCH)}
    for connection in made.values():
        stand(api.house, connection, "jo", state=FAILING, reason="email_fake")
        issues.review(api.kit, connection)
    (mine,) = api.call("GET", "/v1/issues", key=api.acme_key).json()["issues"]
    assert mine["connection"] == made[ACME]
    for method, path in (
        ("GET", ""),
        ("GET", "/contacts"),
        ("POST", "/acknowledge"),
        ("POST", "/unmute"),
        ("POST", "/resolve"),
        ("POST", "/retry"),
    ):
        found = api.call(method, f"/v1/issues/{mine['id']}{path}", key=api.birch_key)
        assert found.status_code == 404, path
    muted = {"json": {"contacts": 9}, "key": api.birch_key}
    assert api.call("POST", f"/v1/issues/{mine['id']}/mute", **muted).status_code == 404
    assert api.call("GET", f"/v1/connections/{made[ACME]}/issues", key=api.birch_key).status_code == 404
    told = {"json": {"email": "lee@birch.test"}, "key": api.birch_key}
    assert api.call("PUT", f"/v1/accounts/{ACME}/notify-email", **told).status_code == 404
    assert len(api.call("GET", "/v1/issues").json()["issues"]) == 2 <= MOST_CARDS
