"""The ten most common failures, each provoked, told in the same words everywhere, mended, and told again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from processor import issues, mailing, report, visit
from processor.domain.issue import UNRESOLVED, IssueState
from processor.report import IssueReport
from processor.web import app as web
from processor.web.routes import routes
from processor.web.server import Running as Web
from tests.issues.smtp import MailServer, mail_server, text_of
from tests.web.house import make_key
from tests.whole.world import ACCOUNT, SUBSCRIBED, World, begin, prepared, until

JO, OPS = "jo@maple-street.test", "ops@bothways.test"
FILLED = {"badge": "yes"}


@dataclass
class Scene:
    """An installation with its pages, a mail server, and an audience that asks for something."""

    world: World
    mails: MailServer
    api: httpx.Client
    portal: httpx.Client

    def put(self, contact_id: str, **named: Any) -> None:
        """Write a contact who has agreed, and lacks nothing unless the test says so."""
        fields = {**FILLED, **named.pop("fields", {})}
        email = named.pop("email", f"{contact_id}@maple-street.test")
        self.world.put(contact_id, email=email, fields=fields, consent=SUBSCRIBED, **named)

    def issue(self, code: str, states: frozenset[IssueState] = UNRESOLVED) -> IssueReport | None:
        """Return the issue with this code, if it is in one of these states."""
        page = report.issues(self.world.kit, ACCOUNT, states=states)
        return next((one for one in page.issues if one.issue.code == code), None)

    def retry(self, code: str) -> None:
        """Press the button of its card."""
        found = self.issue(code)
        assert found is not None
        issues.retry(self.world.kit, found.issue.ref, ACCOUNT)


@contextmanager
def scene(data_dir: Path) -> Iterator[Scene]:
    """Run one, in which retries end at once and mails gather nothing."""
    with ExitStack() as stack:
        mails = stack.enter_context(mail_server())
        quick = {"event_attempts": 1, "mail_digest_minutes": 0, "smtp_url": mails.url}
        told = {"mail_from": "sync@bothways.test", "operator_email": OPS}
        world = stack.enter_context(prepared(data_dir, **quick, **told))
        world.control.merge_field(world.audience, "AGE", "number")
        world.control.merge_field(world.audience, "BADGE", "text", required=True)
        begin(world.house, world.connection_id, world.audience)
        until(lambda: world.state() == "in_sync")
        mailing.set_address(world.kit, ACCOUNT, JO)
        pages = Web(web.build(world.kit, routes=routes(world.kit, world.house.http)))
        url = stack.enter_context(pages).url
        key = {"Authorization": f"Bearer {make_key(world.house, ACCOUNT)}"}
        api = stack.enter_context(httpx.Client(base_url=url, headers=key))
        portal = stack.enter_context(httpx.Client(base_url=url, follow_redirects=True))
        link = visit.make_link(world.kit, ACCOUNT).url
        portal.get("/portal", params={"link": link.partition("link=")[2]})
        yield Scene(world, mails, api, portal)


def _refuse(s: Scene, title: str, detail: str) -> None:
    s.world.control.fail(400, title=title, detail=detail, path="/lists/*", method="POST")
    s.put("x")


def _mend_and_retry(s: Scene, code: str) -> None:
    s.world.control.mend()
    s.retry(code)


def _fill_the_plan(s: Scene) -> None:
    s.put("first")
    until(lambda: s.world.member("first@maple-street.test"))
    s.world.control.change_account(s.world.mailchimp_account, plan_limit=1)
    s.put("x")


def _empty_the_plan(s: Scene) -> None:
    s.world.control.change_account(s.world.mailchimp_account, plan_limit=0)
    s.retry("plan_full")


def _withdraw(s: Scene) -> None:
    s.world.control.revoke(s.world.mailchimp_account)
    s.put("x")


def _drop(s: Scene) -> None:
    s.world.control.drop_audience(s.world.audience)
    s.put("x")


def _choose_another(s: Scene) -> None:
    other = s.world.control.audience(s.world.mailchimp_account, "Members")
    begin(s.world.house, s.world.connection_id, other.id)


def _break(s: Scene) -> None:
    s.world.control.fail(503)
    s.put("x")


@dataclass(frozen=True)
class Case:
    """One failure: how it comes about, what is said of it, to whom, and how it is mended."""

    code: str
    provoke: Callable[[Scene], None]
    says: str
    mend: Callable[[Scene], None]
    reader: str = JO
    arrives: bool = True


CASES = (
    Case(
        "field_value",
        lambda s: s.put("x", fields={"age": "soon"}),
        "“soon” does not fit “age”",
        lambda s: s.put("x", fields={"age": 30}),
    ),
    Case(
        "field_required",
        lambda s: s.put("x", fields={"badge": ""}),
        "News requires “badge”",
        lambda s: s.put("x"),
    ),
    Case(
        "email_invalid",
        lambda s: s.put("x", email="x@maple"),
        "“x@maple” is not an address that Mailchimp accepts",
        lambda s: s.put("x"),
    ),
    Case(
        "email_fake",
        lambda s: s.put("x", email="someone@example.com"),
        "takes “someone@example.com” for a made-up address",
        lambda s: s.put("x"),
    ),
    Case(
        "email_forgotten",
        lambda s: _refuse(s, "Forgotten Email Not Subscribed", "It was permanently deleted."),
        "x@maple-street.test was deleted for good in Mailchimp",
        lambda s: _mend_and_retry(s, "email_forgotten"),
    ),
    Case("plan_full", _fill_the_plan, "the limit of your plan is reached", _empty_the_plan),
    Case(
        "signup_throttled",
        lambda s: _refuse(s, "Invalid Resource", "x has signed up to a lot of lists very recently"),
        "has signed up to a lot of lists very recently",
        lambda s: _mend_and_retry(s, "signup_throttled"),
    ),
    Case(
        "reconnect",
        _withdraw,
        "Mailchimp no longer accepts our access",
        lambda s: s.world.reconnect(),
    ),
    Case(
        "audience_gone", _drop, "The audience “News” is not in Mailchimp any more", _choose_another,
        arrives=False,
    ),
    Case(
        "mailchimp_down",
        _break,
        "Mailchimp has trouble at the moment",
        lambda s: _mend_and_retry(s, "mailchimp_down"),
        reader=OPS,
    ),
)  # fmt: skip
QUICKEST = ("field_value", "reconnect")


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.code, marks=() if case.code in QUICKEST else pytest.mark.slow)
        for case in CASES
    ],
)
def test_a_failure_is_told_in_the_same_words_everywhere_and_so_is_its_end(case: Case, tmp_path: Path) -> None:
    """Over the API, in the portal and by mail, to whoever can act; mended, it is over by itself."""
    with scene(tmp_path) as s:
        case.provoke(s)
        found = until(lambda: s.issue(case.code))
        ref = found.issue.ref
        told = s.api.get(f"/v1/issues/{ref}").json()
        assert (told["code"], told["failing"]) == (case.code, 1)
        assert case.says in told["words"]["happened"]
        until(lambda: s.mails.got)
        mail = s.mails.got[0]
        assert mail["To"] == case.reader
        assert told["words"]["title"] in mail["Subject"]
        assert case.says in " ".join(text_of(mail).split())
        page = s.portal.get(f"/portal/connections/{s.world.connection_id}")
        assert page.status_code == 200
        if case.reader == JO:
            assert case.says in page.text
        card = s.portal.get(f"/portal/issues/{ref}")
        assert case.says in card.text
        case.mend(s)
        until(lambda: s.issue(case.code, frozenset({IssueState.RESOLVED})), 30)
        until(lambda: any(subject.startswith("Solved: ") for subject in s.mails.subjects))
        assert len(s.mails.got) == 2
        if case.arrives:
            until(lambda: s.world.member("x@maple-street.test"))
