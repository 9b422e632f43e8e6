"""Issues as cards with one button each, and the page behind each with its contacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from processor import issues, leave_out, report
from processor.domain.catalogue import OUTAGES, Retry, Who, entry
from processor.domain.issue import LABELS, UNRESOLVED, Issue, IssueKind, IssueState, is_customers
from processor.errors import NotFound
from processor.report import IssueReport
from processor.sayings import Said
from processor.web.portal.asked import PORTAL, Asked
from processor.web.portal.setup_form import VISITOR
from processor.web.portal.show import go
from processor.web.portal.within import shown_of

MOST_CARDS = 20
PAGE = 50
MUTED = timedelta(days=30)
FIELD_MAP = frozenset({"field_required", "field_gone", "field_changed", "field_unmapped", "field_value"})
"""Causes for which the field map is worth a look."""
TO_SET_UP = {
    "field_required": "Edit the field map",
    "field_gone": "Edit the field map",
    "audience_gone": "Choose another audience",
}
"""Causes that are mended in Set-up, with what the button says."""
AGAIN = "Try again"
RECONNECT = "Reconnect Mailchimp"
FORM = "Copy the sign-up form"
TURNS: Mapping[Who, str] = {
    Who.CUSTOMER: "Your turn",
    Who.CONTACT: "Only the person can change this",
    Who.MAILCHIMP: "Mailchimp's turn",
    Who.OPERATOR: "The operator's turn",
    Who.US: "We are working on it",
}
"""Who must act, as a card says it."""


@dataclass(frozen=True, slots=True)
class Act:
    """The one button of a card: where its form goes, or, without a form, where its link leads."""

    words: str
    path: str
    is_form: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """One issue as the portal shows it. `is_quiet` is for one that somebody knows of already."""

    issue: Issue
    said: Said
    path: str
    act: Act

    @property
    def label(self) -> str | None:
        """Its state in words, unless it is simply open."""
        return None if self.issue.state is IssueState.OPEN else LABELS[self.issue.state]

    @property
    def turn(self) -> str:
        """Who must act, in words."""
        return TURNS[entry(self.issue.code).who]

    @property
    def is_retry(self) -> bool:
        """Whether its button tries again."""
        return self.act.words == AGAIN

    @property
    def is_quiet(self) -> bool:
        """Whether somebody knows of it already."""
        return self.issue.state in {IssueState.ACKNOWLEDGED, IssueState.MUTED}

    @property
    def is_solved(self) -> bool:
        """Whether nobody fails of it any more."""
        return self.issue.state is IssueState.RESOLVED

    @property
    def is_contacts(self) -> bool:
        """Whether it is about contacts."""
        return self.issue.kind is IssueKind.CONTACTS

    @property
    def may_be_left_out(self) -> bool:
        """Whether its contacts may be left out by choice, beside the button of its card."""
        return (
            self.is_contacts and self.issue.code not in OUTAGES and not self.act.path.endswith("/leave-out")
        )

    @property
    def is_about_fields(self) -> bool:
        """Whether the field map is worth a look, and the button does not lead there already."""
        return self.issue.code in FIELD_MAP and self.issue.code not in TO_SET_UP


def cards(asked: Asked) -> list[Card]:
    """Return what needs the customer, those of whom nobody knows yet first. The connection's own problem has
    a place of its own on the page, and what only the operator can mend is not for them."""
    page = report.issues(
        asked.kit, asked.account_id, connection_id=asked.connection_id, states=UNRESOLVED, limit=MOST_CARDS
    )
    shown = [
        _card(asked, one)
        for one in page.issues
        if one.issue.kind is not IssueKind.CONNECTION and is_customers(one.issue.code)
    ]
    return sorted(shown, key=lambda one: (one.is_quiet, -one.issue.count))


def _card(asked: Asked, found: IssueReport) -> Card:
    path = f"{PORTAL}/connections/{found.issue.connection_id}/issues/{found.issue.ref}"
    return Card(found.issue, found.said, path, _act(asked, found, path))


def _act(asked: Asked, found: IssueReport, path: str) -> Act:
    code = entry(found.issue.code)
    if code.button == RECONNECT:
        return Act(RECONNECT, f"{asked.here}/reconnect", is_form=True)
    if code.code in TO_SET_UP:
        return Act(TO_SET_UP[code.code], f"{asked.here}/setup")
    if found.issue.kind is IssueKind.CONNECTION:
        return Act("Go to the overview", asked.here)
    if code.button == FORM:
        return Act(FORM, f"{asked.here}/sign-up-form")
    if code.retry is Retry.NEVER:
        return Act("Leave them out", f"{path}/leave-out", is_form=True)
    if code.button == AGAIN:
        return Act(AGAIN, f"{path}/retry", is_form=True)
    return Act("See the contacts", path)


def one(asked: Asked) -> Response:
    """Show an issue, and whom it concerns, a page at a time."""
    found = _found(asked)
    page = report.members_of_issue(
        asked.kit, found.issue.ref, asked.account_id, limit=PAGE, after=asked.query.get("after") or None
    )
    connection = report.connection(asked.kit, asked.connection_id, asked.account_id)
    card = _card(asked, found)
    return shown_of(
        asked, connection, "issue", to_login=True, title=found.said.words.title, one=card, page=page
    )


def lead(asked: Asked) -> Response:
    """Lead from a mail to the issue on its connection's pages."""
    found = report.issue(asked.kit, asked.path["issue"], asked.account_id)
    return go(asked, f"{PORTAL}/connections/{found.issue.connection_id}/issues/{found.issue.ref}")


def acknowledge(asked: Asked) -> Response:
    """Know of it: no more reminders."""
    issues.acknowledge(asked.kit, _found(asked).issue.ref, asked.account_id, VISITOR)
    return go(asked, asked.here, "known")


def mute(asked: Asked) -> Response:
    """Put it off."""
    ref = _found(asked).issue.ref
    issues.mute(asked.kit, ref, asked.account_id, VISITOR, until=asked.now + MUTED, count=None)
    return go(asked, asked.here, "muted")


def unmute(asked: Asked) -> Response:
    """Be reminded again."""
    issues.unmute(asked.kit, _found(asked).issue.ref, asked.account_id, VISITOR)
    return go(asked, asked.here, "saved")


def retry(asked: Asked) -> Response:
    """Try whoever fails of it again."""
    count = issues.retry(asked.kit, _found(asked).issue.ref, asked.account_id)
    return go(asked, asked.here, "retried" if count else "nothing")


def leave(asked: Asked) -> Response:
    """Leave out whoever fails of it."""
    count = leave_out.leave_out_of_issue(asked.kit, _found(asked).issue.ref, asked.account_id, VISITOR)
    return go(asked, asked.here, "left_out" if count else "nothing")


def _found(asked: Asked) -> IssueReport:
    found = report.issue(asked.kit, asked.path["issue"], asked.account_id)
    if found.issue.connection_id != asked.connection_id:
        raise NotFound("There is no such page.")
    return found
