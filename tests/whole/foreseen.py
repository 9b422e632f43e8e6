"""A connection that is set up and not begun, and the yardstick for its preview: what really happened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processor import install, preview, setup
from processor.domain.actions import HERE, Action
from processor.domain.connection import ConnectionState
from processor.domain.contact import ConsentStatus, Contact
from processor.domain.plan import MemberState
from processor.preview import PreviewReport, PreviewRow
from processor.setup import Choices
from processor.store import contacts, members
from sandbox.control import Control
from sandbox.server import Running as Sandbox
from sandbox.settings import Settings as SandboxSettings
from tests.whole.world import ACCOUNT, World, _state, grant, installation, until

LONG_AGO, LATER = "2025-03-01T09:00:00+00:00", "2026-02-01T09:00:00+00:00"
FIELDS = [
    {"tag": "CITY", "type": "text"},
    {"tag": "VISITS", "type": "number"},
    {"tag": "SIZE", "type": "dropdown", "options": {"choices": ["S", "M", "L"]}},
]


@dataclass
class Stage(World):
    """An installation whose connection has an audience, and whose first sync has not begun."""

    def preview(self, asked_by: str = "the test") -> PreviewReport:
        """Make a preview and return it when it has ended."""
        preview.begin(self.kit, self.connection_id, asked_by)
        return until(
            lambda: (made := preview.latest(self.kit, self.connection_id)) and made.is_ended and made
        )

    def rows(self, report: PreviewReport) -> list[PreviewRow]:
        return list(preview.rows(self.kit, report.run.id))

    @property
    def state(self) -> str:
        return _state(self.house, self.connection_id)

    def contacts(self) -> dict[str, Contact]:
        """Return everybody whom the platform has."""
        with self.house.store.read() as c:
            return {contact.id: contact for contact in contacts.page(c, ACCOUNT, None, 10_000)}

    def start(self) -> None:
        """Begin the first sync, and wait for its end."""
        install.start(self.kit, self.connection_id, "the test")
        until(lambda: self.state == ConnectionState.IN_SYNC, 30)
        until(self.settled, 30)

    def choose(self, **choices: Any) -> None:
        """Set the connection up."""
        setup.save(self.kit, self.connection_id, Choices(audience_id=self.audience, **choices), by="Jo")


@contextmanager
def open_stage(
    data_dir: Path, *, fields: Any = FIELDS, is_set_up: bool = True, **settings: Any
) -> Iterator[Stage]:
    """Run sandbox, web process and workers, with a connection that is set up."""
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(SandboxSettings(port=0)))
        control = stack.enter_context(Control(sandbox.url))
        house, web = stack.enter_context(installation(data_dir, sandbox.url, **settings))
        account = control.account("Acme")
        listed = control.audience(account.id, "News", merge_fields=fields)
        connection_id = grant(house, control, account.id, sandbox.url)
        stage = Stage(house, control, web, connection_id, listed.id, account.id)
        if is_set_up:
            stage.choose()
        yield stage


Happened = dict[str, set[Action]]


def foreseen(rows: list[PreviewRow]) -> tuple[Happened, Happened]:
    """Return what a preview says would happen: in Mailchimp by address, on the platform by contact or
    address. Whoever has nothing to fear is left out."""
    there: Happened = defaultdict(set)
    here: Happened = defaultdict(set)
    for row in rows:
        for action in row.actions:
            if action in HERE:
                here[row.contact_id or row.address] |= {action}
            else:
                there[row.address.lower()] |= {action}
    return dict(there), dict(here)


def happened_there(before: Mapping[str, Any], after: Mapping[str, Any]) -> Happened:
    """Return what was done to an audience, by the address as it was before, else as it is."""
    found: Happened = defaultdict(set)
    old = {member["contact_id"]: member for member in before.values()}
    for member in after.values():
        was = old.get(member["contact_id"])
        done = _new_there(member) if was is None else _changed_there(was, member)
        address = (was or member)["email_address"].lower()
        found[address] |= done
    return {address: done for address, done in found.items() if done}


def _new_there(member: Mapping[str, Any]) -> set[Action]:
    return {
        {
            "subscribed": Action.ADD_SUBSCRIBED,
            "pending": Action.ADD_PENDING,
            "transactional": Action.ADD_NON_SUBSCRIBED,
        }[member["status"]]
    }


def _changed_there(was: Mapping[str, Any], now: Mapping[str, Any]) -> set[Action]:
    done = set()
    if was["status"] != now["status"]:
        done |= {
            {
                "subscribed": Action.SUBSCRIBE_THERE,
                "pending": Action.ASK,
                "unsubscribed": Action.UNSUBSCRIBE_THERE,
                "archived": Action.ARCHIVE,
            }[now["status"]]
        }
    if was["email_address"] != now["email_address"]:
        done |= {Action.MOVE}
    if (was["merge_fields"], was["tags"]) != (now["merge_fields"], now["tags"]):
        done |= {Action.CHANGE_THERE}
    return done


def happened_here(before: Mapping[str, Contact], after: Mapping[str, Contact]) -> Happened:
    """Return what was done on the platform, by contact, or by address for a new one."""
    found: Happened = defaultdict(set)
    for contact in after.values():
        was = before.get(contact.id)
        if was is None:
            found[contact.email or ""] |= {Action.ADD_HERE}
            continue
        found[contact.id] |= _changed_here(was, contact)
    return {who: done for who, done in found.items() if done}


def _changed_here(was: Contact, now: Contact) -> set[Action]:
    done = set()
    said = now.consent.status
    if was.consent.status is not said:
        if said is ConsentStatus.SUBSCRIBED:
            done |= {Action.SUBSCRIBE_HERE}
        elif said in {ConsentStatus.UNSUBSCRIBED, ConsentStatus.CLEANED}:
            done |= {Action.UNSUBSCRIBE_HERE}
        else:
            done |= {Action.CHANGE_HERE}
    if (was.email, was.fields, was.tags) != (now.email, now.fields, now.tags):
        done |= {Action.CHANGE_HERE}
    return done


def left_out(stage: Stage) -> dict[str, str]:
    """Return who stands as left out, and why: by contact, or by address."""
    return _standing(stage, MemberState.EXCLUDED)


def failing(stage: Stage) -> dict[str, str]:
    """Return who is failing, and why."""
    return _standing(stage, MemberState.FAILING)


def _standing(stage: Stage, state: MemberState) -> dict[str, str]:
    with stage.house.store.read() as c:
        rows = members.find(c, stage.connection_id, limit=10_000, states=[state], reason=None, after_id=None)
    return {row.contact_id or row.email_key or "": row.reason or "" for row in rows}
