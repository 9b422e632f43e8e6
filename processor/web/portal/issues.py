"""Issues as cards with one button each, and the page behind each with its contacts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import Response

from processor import issues, report
from processor.domain.catalogue import Retry, entry
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
    def is_about_fields(self) -> bool:
        """Whether the field map is worth a look."""
        return self.issue.code in FIELD_MAP


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
    if found.issue.kind is IssueKind.CONNECTION:
        return Act("Go to the overview", asked.here)
    if code.code == "field_required":
        return Act("Edit the field map", f"{asked.here}/setup")
    if code.retry is Retry.NEVER:
        return Act("Leave them out", f"{path}/acknowledge", is_form=True)
    if code.button == "Retry":
        return Act("Try again", f"{path}/retry", is_form=True)
    return Act("See and correct them", path)


def one(asked: Asked) -> Response:
    """Show an issue, and whom it concerns, a page at a time."""
    found = _found(asked)
    page = report.members_of_issue(
        asked.kit, found.issue.ref, asked.account_id, limit=PAGE, after=asked.query.get("after") or None
    )
    connection = report.connection(asked.kit, asked.connection_id, asked.account_id)
    card = _card(asked, found)
    return shown_of(asked, connection, "issue", title=found.said.words.title, one=card, page=page)


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


def _found(asked: Asked) -> IssueReport:
    found = report.issue(asked.kit, asked.path["issue"], asked.account_id)
    if found.issue.connection_id != asked.connection_id:
        raise NotFound("There is no such page.")
    return found
