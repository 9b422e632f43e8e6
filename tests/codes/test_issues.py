"""Every failure that Mailchimp can cause: told in the same words everywhere, mended, and its end told."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from processor.domain.issue import IssueKind, IssueState
from tests.codes.cases import CASES, Case
from tests.codes.place import Customer, Town, town
from tests.web.browser import text_of as words_of
from tests.whole.world import until

QUICKEST = ("field_value", "reconnect")
SECONDS = 60.0
SOLVED = frozenset({IssueState.RESOLVED})


@dataclass
class Seen:
    """What one customer, the platform and the operator saw of one failure. `trouble` is what did not come."""

    case: Case
    customer: Customer
    trouble: list[str] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)
    contacts: list[dict[str, Any]] = field(default_factory=list)
    command: str = ""
    listed: list[dict[str, Any]] = field(default_factory=list)
    home: str = ""
    card: str = ""
    state: str = ""

    @property
    def reader(self) -> str:
        """Whom the mails go to."""
        return self.case.reader or f"{self.customer.name}@maple-street.test"

    @property
    def asking(self) -> list[str]:
        """The mails in which they are asked to act."""
        return [text for text in self._mails if f"{self.title} " in text and "What to do: " in text]

    @property
    def telling(self) -> list[str]:
        """The mails in which they are told that it is over."""
        return [text for text in self._mails if f"Solved: {self.title} (" in text]

    @property
    def title(self) -> str:
        """What the failure is called."""
        return str(self.told["words"]["title"]) if self.told else ""

    @property
    def _mails(self) -> list[str]:
        return self.customer.got(self.reader)

    def attempt(self, step: str, act: Callable[[], object]) -> None:
        """Do one step, unless an earlier one failed: the other customers go on without this one."""
        if not self.trouble:
            try:
                act()
            except Exception as error:
                self.trouble.append(f"{step}: {error!r} ({self.customer.connection().line})")

    def opened(self, api: httpx.Client) -> None:
        """Look at it everywhere, as soon as it is there and was told by mail."""
        one = self.customer
        found = until(lambda: one.issue(self.case.code), SECONDS)
        self.told = api.get(f"/v1/issues/{found.issue.ref}").json()
        until(lambda: self.asking, SECONDS)
        self.contacts = api.get(f"/v1/issues/{found.issue.ref}/contacts").json()["members"]
        self.state = api.get(f"/v1/connections/{one.connection_id}").json()["state"]
        self.command = one.town.command("issues", "show", found.issue.ref)
        self.listed = json.loads(one.town.command("issues", "list", "--json"))
        self.home = words_of(one.person.gets(one.here))
        self.card = words_of(one.person.gets(one.here + one.path_of(self.case.code)))

    def solved(self) -> None:
        """Wait until it is over, and that was told."""
        one = self.customer
        until(lambda: one.issue(self.case.code, SOLVED), SECONDS)
        until(lambda: self.telling, SECONDS)
        if self.case.arrives:
            until(one.member, SECONDS)


@pytest.fixture(scope="module")
def seen(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Seen]]:
    """All that are to be tested happen side by side, each to a customer of its own."""
    wanted = [
        item.callspec.params["case"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.module is request.module
    ]
    with town(tmp_path_factory.mktemp("town")) as made:
        yield {one.case.code: one for one in happened(made, wanted)}


def happened(made: Town, cases: Sequence[Case]) -> list[Seen]:
    """Let each failure come about, be looked at and be mended."""
    all_of_them = [Seen(case, made.customer(case.code)) for case in cases]
    for one in all_of_them:
        one.attempt("before", lambda one=one: one.case.before(one.customer))
        one.customer.begin()
    for one in all_of_them:
        until(lambda one=one: one.customer.connection().row.state == "in_sync", SECONDS)
    for one in all_of_them:
        one.attempt("provoke", lambda one=one: one.case.provoke(one.customer))
    for one in all_of_them:
        one.attempt("open", lambda one=one: one.opened(made.api))
    for one in all_of_them:
        one.attempt("mend", lambda one=one: one.case.mend(one.customer))
    for one in all_of_them:
        one.attempt("solve", one.solved)
    return all_of_them


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.code, marks=() if case.code in QUICKEST else pytest.mark.slow)
        for case in CASES
    ],
)
def test_a_failure_is_told_in_the_same_words_everywhere_and_so_is_its_end(
    case: Case, seen: dict[str, Seen]
) -> None:
    """Over the API, on the command line, in the portal and by mail, to whoever can act; mended, it is over by
    itself, and that is told."""
    one = seen[case.code]
    assert not one.trouble
    says = html.unescape(case.says)
    assert (one.told["code"], one.told["kind"]) == (case.code, case.kind)
    assert says in one.told["words"]["happened"]
    if case.kind is IssueKind.CONTACTS:
        assert [row["contact"] for row in one.contacts] == ["x"]
    assert says in one.command
    assert [row["words"]["title"] for row in one.listed if row["id"] == one.told["id"]] == [one.title]
    assert says in one.card
    (mail,) = one.asking
    assert says in mail
    assert one.told["words"]["todo"] in mail
    assert len(one.telling) == 1
    if case.reader is None:
        assert says in one.home
        assert one.told["words"]["todo"] in one.home
