"""The most common failures in a real browser: what the card says, its one button, and the end of it.

With BOTHWAYS_TEST_PICTURES set, a picture of each page is left there, wide and narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from processor import visit
from processor.domain.issue import IssueKind, IssueState
from tests.codes.cases import CASES, Case
from tests.codes.place import Customer, Town
from tests.web.test_in_a_browser import Window, window
from tests.web.test_in_a_browser import chromium as chromium

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NARROW = 360
SOLVED = frozenset({IssueState.RESOLVED})
Acts = Callable[[Window, Customer, Case], None]


def _button(w: Window, words: str) -> Any:
    """The card's one button, or its link that looks like one."""
    return w.page.locator("main").locator("button, a.button").filter(has_text=words).first


def _sees_and_corrects(w: Window, c: Customer, case: Case) -> None:
    """The page behind the card names the contact; the platform puts it right."""
    _button(w, "See the contacts").click()
    w.page.get_by_role("heading", name="Whom it concerns").wait_for()
    w.page.locator("#whom + ul a").first.click()
    w.page.get_by_role("heading", name="What happened").wait_for()
    w.looked_at(f"{case.code}-contact")
    case.mend(c)


def _edits_the_field_map(w: Window, c: Customer, case: Case) -> None:
    """The field is made optional in Mailchimp, as the card offers; then everybody is tried again."""
    _button(w, "Edit the field map").click()
    w.heading("Set-up")
    w.looked_at(f"{case.code}-set-up")
    c.mailchimp("PATCH", f"/lists/{c.audience}/merge-fields/{c.field_id('BADGE')}", required=False)
    w.page.goto(w.page.url.replace("/setup", c.path_of(case.code)))
    _button(w, "Try again").click()


def _tries_again(w: Window, c: Customer, case: Case) -> None:
    """The cause is mended in Mailchimp."""
    c.mend()
    if case.code == "plan_full":
        c.control.change_account(c.mailchimp_account, plan_limit=0)
    _button(w, "Try again").click()
    w.page.get_by_text("Being tried again now.").wait_for()


def _signs_in(w: Window, c: Customer, case: Case) -> None:
    """At Mailchimp, after the account was put right there."""
    c.control.change_account(c.mailchimp_account, role="admin", disabled=False)
    _button(w, "Reconnect Mailchimp").click()
    w.page.locator(f"[name=account][value='{c.mailchimp_account}']").check()
    w.page.get_by_role("button", name="Allow").click()
    w.page.get_by_text("Mailchimp accepts our access again.").wait_for()


def _chooses(w: Window, c: Customer, case: Case) -> None:
    """Another audience of the same account, and the way to its first sync."""
    fields = [{"tag": "CITY", "name": "City", "type": "text"}]
    other = c.control.audience(c.mailchimp_account, f"{c.audience_name}, anew", merge_fields=fields)
    _button(w, "Choose another audience").click()
    w.heading("Set-up")
    w.page.get_by_role("radio", name=other.name).check()
    w.page.get_by_role("row", name="City").wait_for()
    w.press("Save and go on to the preview")
    w.press("Make a preview")
    w.page.get_by_role("button", name="Start first sync").click(timeout=20_000)
    w.page.get_by_role("link", name="Go to the overview").wait_for(timeout=20_000)


def _goes_on(w: Window, c: Customer, case: Case) -> None:
    """It was meant."""
    _button(w, "Go on with these changes").click()
    w.page.get_by_text("Going on.").wait_for()


TEN: Mapping[str, Acts] = {
    "field_value": _sees_and_corrects,
    "field_required": _edits_the_field_map,
    "email_invalid": _sees_and_corrects,
    "refused": _tries_again,
    "plan_full": _tries_again,
    "signup_throttled": _tries_again,
    "role_too_low": _signs_in,
    "reconnect": _signs_in,
    "account_disabled": _signs_in,
    "audience_gone": _chooses,
    "brake": _goes_on,
}


@pytest.mark.parametrize("case", [case for case in CASES if case.code in TEN], ids=lambda case: case.code)
def test_the_card_says_what_to_do_and_its_button_leads_to_the_end(
    case: Case, made: Town, chromium: Any
) -> None:
    """Wide and narrow; pressed, it is mended, the pages say so, and the mail."""
    c = made.customer(case.code)
    case.before(c)
    c.begin()
    c.until(lambda: c.connection().row.state == "in_sync")
    case.provoke(c)
    found = c.until(lambda: c.issue(case.code))
    ref = found.issue.ref
    with window(chromium, made.place) as w:
        w.page.goto(visit.make_link(made.place.kit, c.name).url)
        w.page.get_by_text(case.says).first.wait_for()
        w.looked_at(f"{case.code}-overview")
        w.page.set_viewport_size({"width": NARROW, "height": 740})
        w.name = str(NARROW)
        w.looked_at(f"{case.code}-overview")
        home = w.page.url
        w.page.goto(f"{made.place.url}/portal/issues/{ref}")
        w.page.get_by_text(case.says).first.wait_for()
        w.looked_at(f"{case.code}-issue")
        w.page.goto(home)
        TEN[case.code](w, c, case)
        c.until(lambda: c.issue(case.code, SOLVED))
        w.page.goto(f"{made.place.url}/portal/issues/{ref}")
        w.page.get_by_text("This is solved").wait_for()
        w.looked_at(f"{case.code}-solved")
        c.until(lambda: c.connection().state == "in_sync")
        w.page.goto(home)
        w.page.get_by_text("Up to date", exact=True).wait_for()
        assert w.page.get_by_text(case.says).count() == 0
    solved = f"Solved: {found.said.words.title} ("
    c.until(lambda: [mail for mail in c.got(f"{c.name}@maple-street.test") if solved in mail])
    assert case.kind is not IssueKind.CONTACTS or c.standing() == "in_sync"
