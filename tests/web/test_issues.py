"""Issues in the portal: one card for each cause, one button, the contacts behind it."""

from __future__ import annotations

from processor import issues, mailing, report
from processor.domain.connection import ConnectionState
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
    """The field map for a required field, trying again for a full plan, leaving out who may not come back."""
    fail(customer, 3, "field_required", "birthday")
    fail(customer, 2, "plan_full")
    fail(customer, 1, "email_forgotten")
    fail(customer, 1, "internal")
    said = text_of(customer.gets(customer.here))
    assert "“birthday” is required" in said
    assert "The same goes for 2 other contacts." in said
    assert said.count("Edit the field map") == said.count("Leave them out") == 1
    assert "Our mistake" not in said  # it is not the customer's
    page = customer.presses(customer.gets(customer.here), "Leave them out: Deleted for good in Mailchimp")
    assert "Noted: you will not be reminded of it." in text_of(page)
    assert "Known" in text_of(page)


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
    again = customer.presses(customer.gets(here), "Try all of them again")
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
    assert "No test was sent" in text_of(customer.presses(page, "Send a test mail"))


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
