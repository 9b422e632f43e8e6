"""The whole of this Mailchimp in one object: accounts, what is broken, what was seen and sent."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox import payload
from sandbox.clock import Clock
from sandbox.deliver import Courier
from sandbox.faults import Faults, Post
from sandbox.ids import Ids
from sandbox.journal import Journal
from sandbox.settings import Settings
from sandbox.state.account import Account, Grant
from sandbox.state.acts import Notice
from sandbox.state.audience import Audience, Category, Hook, Interest


@dataclass(slots=True)
class Client:
    """A registered OAuth application."""

    id: str
    secret: str
    redirect_uris: tuple[str, ...]
    name: str = ""


@dataclass(slots=True)
class Code:
    """An authorisation code: good once, for a short while, for one client and one redirect_uri."""

    value: str
    account_id: str
    client_id: str
    redirect_uri: str
    expires_seconds: float


@dataclass
class World:
    """Everything the sandbox holds. Changed on the event loop only, so that nothing needs a lock."""

    settings: Settings
    clock: Clock = field(default_factory=Clock)
    journal: Journal = field(default_factory=Journal)
    faults: Faults = field(default_factory=Faults)
    accounts: dict[str, Account] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    leaks: list[str] = field(default_factory=list)
    """Paths outside the API that were asked for with an Authorization header: somebody gave a token away."""
    batches_waiting: asyncio.Queue[tuple[str, str]] = field(default_factory=asyncio.Queue)
    """Account and batch ids of batches that are to be carried out."""
    url_key: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    """What makes the addresses of batch results good for ten minutes."""
    dirty: bool = False

    def __post_init__(self) -> None:
        self.ids = Ids(self.settings.seed)
        self.faults.post = self._usual_post()
        self.courier = Courier(self.clock, self.ids, self.faults)

    def _usual_post(self) -> Post:
        return Post(
            retry_intervals_seconds=self.settings.retry_intervals_seconds, signing=self.settings.signing
        )

    def reset(self) -> None:
        """Empties everything: accounts, faults, logs, and what was done to the clock."""
        for account in self.accounts.values():
            for batch in account.batches.by_id.values():
                batch.stopped = True
        for kept in (self.accounts, self.grants, self.clients, self.codes):
            kept.clear()
        self.leaks.clear()
        self.journal.clear()
        self.courier.abandon()
        self.courier.clear()
        self.mend()
        self.clock.offset_seconds, self.clock.stands_at_seconds = 0.0, None
        self.dirty = True

    def mend(self) -> None:
        """Takes all faults away."""
        self.faults.clear()
        self.faults.post = self._usual_post()

    # -- making things

    def open_account(self, name: str, **more: Any) -> Account:
        """A new Mailchimp account; `more` are fields of Account. Its login is somebody at `.test`."""
        slug = "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-") or "account"
        more.setdefault("email", f"owner@{slug}.test")
        made = Account(
            id=self.ids.hex(25),
            name=name,
            user_id=self.ids.number(10_000_000, 199_999_999),
            login_id=self.ids.number(10_000_000, 199_999_999),
            created_seconds=self.clock.second(),
            **more,
        )
        self.accounts[made.id] = made
        self.dirty = True
        return made

    def grant(self, account: Account, app: str = "") -> Grant:
        """An access token for an app, or an API key (with the datacenter behind it) where no app is named."""
        secret = self.ids.hex(32) if app else f"{self.ids.hex(32)}-{account.dc}"
        made = Grant(secret, account.id, app, issued_seconds=self.clock.second())
        self.grants[secret] = made
        self.dirty = True
        return made

    def revoke(self, account: Account, secret: str | None = None) -> int:
        """Takes back one credential of an account, or all; how many. Its batch webhooks go (documented)."""
        taken = [
            grant
            for grant in self.grants.values()
            if grant.account_id == account.id and secret in (None, grant.secret)
        ]
        hooks = account.batches.hooks
        for grant in taken:
            grant.revoked = True
            for hook in [hook for hook in hooks.values() if hook.owner == grant.secret]:
                del hooks[hook.id]
        self.dirty = True
        return len(taken)

    def open_audience(self, account: Account, name: str, **more: Any) -> Audience:
        """A new audience with the four merge fields that Mailchimp starts with."""
        more.setdefault("id", self.ids.hex(10))
        made = Audience(
            web_id=self.ids.number(100_000, 399_999),
            name=name,
            created_seconds=self.clock.second(),
            **more,
        )
        made.add_field("FNAME", "First Name", public=True)
        made.add_field("LNAME", "Last Name", public=True)
        made.add_field("ADDRESS", "Address", "address")
        made.add_field("PHONE", "Phone Number", "phone")
        if made.marketing_permissions:
            made.add_permissions([self.ids.hex(10) for _ in range(3)])
        account.audiences[made.id] = made
        self.dirty = True
        return made

    def add_category(self, audience: Audience, title: str, kind: str, names: Iterable[str] = ()) -> Category:
        """A new group of interests."""
        number = self.ids.number(1000, 99_999)
        made = Category(self.ids.hex(10), number, title, kind, len(audience.categories))
        audience.categories[made.id] = made
        for name in names:
            self.add_interest(made, name)
        self.dirty = True
        return made

    def add_interest(self, category: Category, name: str) -> Interest:
        """A new interest in a group."""
        made = Interest(self.ids.hex(10), name, len(category.interests) + 1)
        category.interests[made.id] = made
        self.dirty = True
        return made

    # -- finding things

    def audience(self, list_id: str) -> tuple[Account, Audience] | None:
        """An audience of any account, with its account."""
        for account in self.accounts.values():
            if found := account.audiences.get(list_id):
                return account, found
        return None

    def account_of(self, secret: str) -> Account | None:
        """The account that a token or key opens; None where it is unknown or was revoked."""
        grant = self.grants.get(secret)
        return self.accounts.get(grant.account_id) if grant and not grant.revoked else None

    # -- telling

    def tell(self, audience: Audience, notices: Iterable[Notice], source: str, campaign_id: str = "") -> None:
        """Sends what happened to every webhook of the audience that listens to the type and the source."""
        self.dirty = True
        for notice in notices:
            hooks = [
                hook
                for hook in audience.hooks.values()
                if hook.events.get(notice.type) and hook.sources.get(source)
            ]
            if hooks:
                # A bounce always belongs to a campaign.
                campaign = campaign_id or (self.ids.hex(10) if notice.type == "cleaned" else "")
                raw = payload.body(audience, notice, self.clock.now_seconds(), campaign)
                for hook in hooks:
                    self._send(audience, hook, notice.type, raw)

    def tell_campaign(self, audience: Audience, subject: str) -> str:
        """A campaign was sent: told to every webhook that listens for it, whatever its sources. Its id."""
        campaign_id = self.ids.hex(10)
        raw = payload.campaign(audience, campaign_id, subject, self.clock.now_seconds())
        for hook in audience.hooks.values():
            if hook.events.get("campaign"):
                self._send(audience, hook, "campaign", raw)
        return campaign_id

    def _send(self, audience: Audience, hook: Hook, kind: str, raw: bytes) -> None:
        def gone() -> None:
            # A webhook has no "disabled" to show, so a 410 can be seen only by its absence.
            audience.hooks.pop(hook.id, None)
            self.dirty = True

        self.courier.send(
            hook, audience.id, kind, raw, on_gone=gone, wanted=lambda: hook.id in audience.hooks
        )
