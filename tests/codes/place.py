"""An installation with many customers, each with a Mailchimp account, an audience and a mailbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner

from processor import contacts, install, mailing, report, setup
from processor.cli import main
from processor.domain.contact import Consent, ConsentStatus
from processor.domain.edit import ContactPatch
from processor.domain.issue import UNRESOLVED, IssueState
from processor.report import IssueReport
from sandbox.control import Control
from sandbox.server import Running as Sandbox
from sandbox.settings import Settings as SandboxSettings
from tests.issues.smtp import MailServer, mail_server, text_of
from tests.web.browser import Person
from tests.web.house import Place, make_key, open_place
from tests.whole.world import until
from workers.threads import working

OPERATOR = "ops@bothways.test"
AGREED_AT = "2026-01-15T09:00:00+00:00"
FIELDS = [
    {"tag": "CITY", "name": "City", "type": "text"},
    {"tag": "AGE", "name": "Age", "type": "number"},
    {"tag": "BADGE", "name": "Badge", "type": "text", "required": True},
]
QUICK: Mapping[str, Any] = {
    "tick_seconds": 0.2,
    "push_wait_seconds": 0.0,
    "retry_base_seconds": 0.05,
    "event_attempts": 1,  # retries end at once
    "mail_digest_minutes": 0,
    "worker_threads": 8,
    "log_level": "ERROR",
    "mailchimp_timeout_seconds": 1.0,
    "mail_from": "sync@bothways.test",
    "operator_email": OPERATOR,
}


@dataclass
class Town:
    """The installation."""

    place: Place
    mails: MailServer
    data_dir: Path
    api: httpx.Client
    stack: ExitStack

    @property
    def secret_key(self) -> str:
        """The setting."""
        return self.place.kit.settings.secret_key.get_secret_value()

    @property
    def control(self) -> Control:
        """The sandbox."""
        return self.place.control

    def command(self, *words: str) -> str:
        """Run `bothways` as the operator does; return what it prints."""
        env = {"DATA_DIR": str(self.data_dir), "SECRET_KEY": self.secret_key}
        done = CliRunner(env=env).invoke(main, words)
        assert done.exit_code == 0, done.output
        return done.output

    def customer(self, name: str, *, account: str = "", audience_id: str = "", **audience: Any) -> Customer:
        """Let a customer of this name come, who connects Mailchimp as the portal asks, and chooses an
        audience: one that is there, or a new one."""
        account = account or self.control.account(f"Shop {name}").id
        if not audience_id:
            audience = {"merge_fields": FIELDS, **audience}
            audience_id = self.control.audience(account, f"News of {name}", **audience).id
        person = Person(self.place.kit, self.place.url)
        self.stack.callback(person.close)
        person.enters(name)
        person.connects(account, name)
        (connected,) = report.connections_of(self.place.kit, name)
        mailing.set_address(self.place.kit, name, f"{name}@maple-street.test")
        one = Customer(self, name, person, connected.row.id, audience_id, account)
        setup.save(self.place.kit, one.connection_id, setup.Choices(audience_id), "a test")
        return one


@dataclass
class Customer:
    """A customer of the platform. Their contacts have addresses of their own."""

    town: Town
    name: str
    person: Person
    connection_id: str
    audience: str
    mailchimp_account: str

    @property
    def control(self) -> Control:
        """The sandbox."""
        return self.town.control

    @property
    def here(self) -> str:
        """The connection's pages in the portal."""
        return f"/portal/connections/{self.connection_id}"

    @property
    def audience_name(self) -> str:
        """What the audience is called."""
        return f"News of {self.name}"

    def address(self, contact_id: str = "x") -> str:
        """The address of one of the customer's contacts."""
        return f"{contact_id}@{self.name.replace('_', '-')}.test"

    def begin(self) -> None:
        """Begin the first sync."""
        install.start(self.town.place.kit, self.connection_id, "a test", skip_preview=True)

    def put(self, contact_id: str = "x", **named: Any) -> None:
        """Write a contact who has agreed, and lacks nothing unless the test says so."""
        named["fields"] = {"badge": "yes", **named.get("fields", {})}
        named.setdefault("email", self.address(contact_id))
        named.setdefault(
            "consent", Consent(ConsentStatus.SUBSCRIBED, datetime.fromisoformat(AGREED_AT), "checkout")
        )
        contacts.put(self.town.place.kit, self.name, contact_id, ContactPatch(**named))

    def member(self, contact_id: str = "x") -> dict[str, Any] | None:
        """Return the audience's member with a contact's address."""
        return self.control.member(self.audience, self.address(contact_id))

    def connection(self) -> report.ConnectionReport:
        """Return how the connection stands."""
        return report.connection(self.town.place.kit, self.connection_id, self.name)

    def standing(self, contact_id: str = "x") -> str:
        """Return how a contact stands: a state of theirs."""
        (one,) = report.standings(self.town.place.kit, self.name, contact_id)
        return str(one.state)

    def issue(self, code: str, states: frozenset[IssueState] = UNRESOLVED) -> IssueReport | None:
        """Return the issue with this code, if it is in one of these states."""
        page = report.issues(self.town.place.kit, self.name, states=states)
        return next((one for one in page.issues if one.issue.code == code), None)

    def path_of(self, code: str) -> str:
        """Return where the issue's own page is, below the connection's."""
        found = self.issue(code)
        assert found is not None
        return f"/issues/{found.issue.ref}"

    def contact_with(self, address: str) -> Any:
        """Return the platform's contact with this address, or None."""
        listed = self.town.api.get(f"/v1/accounts/{self.name}/contacts").json()["contacts"]
        return next((one for one in listed if one["email"] == address), None)

    def mailchimp(self, method: str, path: str, **body: Any) -> Any:
        """Call Mailchimp's API as the marketer's own tool does."""
        key = {"Authorization": f"Bearer {self.control.token(self.mailchimp_account)}"}
        answer = httpx.request(method, f"{self.control.url}/3.0{path}", headers=key, json=body or None)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def field_id(self, tag: str) -> int:
        """Return Mailchimp's number of a field."""
        return int(self.control.audience_info(self.audience)["merge_fields"][tag])

    def until(self, there: Callable[[], Any], seconds: float = 30.0) -> Any:
        """Wait for something."""
        return until(there, seconds)

    def got(self, reader: str) -> list[str]:
        """The mails to this reader that are about this customer, oldest first, as they read in one line."""
        mine = [mail for mail in self.town.mails.got if mail["To"] == reader]
        read = [" ".join(f"{mail['Subject']} | {text_of(mail)}".split()) for mail in mine]
        names = (self.audience_name, self.connection_id)
        return [text for text in read if any(name in text for name in names)]

    def refuse(self, words: str, contact_id: str = "x") -> None:
        """Let Mailchimp refuse to add this contact, in these words of its own."""
        self.control.change_audience(self.audience, refused={self.address(contact_id): words})

    def break_mailchimp(self, status: int = 500, **more: Any) -> None:
        """Let each call of this customer's account fail in this way."""
        self.control.fail(status, account=self.mailchimp_account, **more)

    def mend(self) -> None:
        """Take away what was broken of this customer's."""
        self.control.mend(self.mailchimp_account)
        self.control.change_audience(self.audience, refused={})

    def presses(self, button: str, path: str = "", **values: str) -> httpx.Response:
        """Press a button on a page of the portal; `values` are what the button itself sends."""
        return self.person.presses(self.person.gets(self.here + path), button, **values)

    def signs_in_again(self) -> None:
        """Press Reconnect, and allow it at Mailchimp."""
        sent = self.person.presses(self.person.gets(self.here), "Reconnect Mailchimp", follow=False)
        self.person.gets(self.person.signs_in(sent, self.mailchimp_account))


@contextmanager
def town(data_dir: Path, **settings: Any) -> Iterator[Town]:
    """Run one, in which retries end at once and mails gather nothing."""
    with ExitStack() as stack:
        mails = stack.enter_context(mail_server())
        sandbox = stack.enter_context(Sandbox(SandboxSettings(port=0)))
        control = stack.enter_context(Control(sandbox.url))
        changed = {**QUICK, "smtp_url": mails.url, **settings}
        place = stack.enter_context(open_place(data_dir, sandbox.url, control, **changed))
        stack.enter_context(working(place.house))
        key = {"Authorization": f"Bearer {make_key(place.house)}"}
        api = stack.enter_context(httpx.Client(base_url=place.url, headers=key, timeout=30))
        yield Town(place, mails, data_dir, api, stack)
