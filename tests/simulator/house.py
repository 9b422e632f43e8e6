"""One installation of the product under a simulated clock, whose process may die at any point and is then
started anew."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from processor import fields, hook
from processor.domain.policy import Policy
from processor.kit import Kit
from processor.mailchimp.client import Mailchimp
from processor.mailchimp.limits import LocalSlots
from processor.seals import token_bind
from processor.store import Connection, accounts, connections
from processor.store.connections import ConnectionRow
from processor.store.engine import Store
from processor.store.ids import CONNECTION, new_id
from tests.simulator.fate import Fate
from tests.simulator.ground import Ground
from tests.simulator.wire import Wire

ACCOUNT = "acme"
NAMES = ("News", "Shop")


class MortalStore(Store):
    """A store whose process may die before a transaction, before its commit, and after it."""

    def __init__(self, under: Store, fate: Fate) -> None:
        super().__init__(under.engine, None)
        self._under, self._fate = under, fate

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """As the store's own."""
        self._fate.point("before reading")
        with self._under.read() as c:
            yield c

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """As the store's own."""
        self._fate.point("before a transaction")
        with self._under.write() as c:
            yield c
            self._fate.point("before a commit")
        self._fate.point("after a commit")


@dataclass
class SilentBell:
    """Notes who was rung for."""

    rung: list[tuple[str, str]] = field(default_factory=list)

    def ring(self, actor: str, connection_ids: Iterable[str]) -> None:
        """Note it."""
        self.rung += [(actor, connection_id) for connection_id in connection_ids]

    def answered(self, actor: str, connection_id: str) -> None:
        """Nobody listens."""


@dataclass(frozen=True)
class Link:
    """A connection with the audience that it keeps in step. `fields` are the numbers of the audience's merge
    fields, by the tags that they began with."""

    connection_id: str
    audience: str
    fields: Mapping[str, int]


class House:
    """The product with one connected audience, or several of one Mailchimp account. `kit` is that of the
    process that lives now."""

    def __init__(
        self,
        ground: Ground,
        fate: Fate,
        policy: Policy,
        watch: Callable[[str], None],
        seed: int,
        audiences: int = 1,
    ) -> None:
        self.ground, self.fate = ground, fate
        self._chance = random.Random(seed)
        ground.empty()
        self._built = ground.built
        self.bell = SilentBell()
        self.wire = Wire(ground.under, fate, self.set_clock_there, watch)
        self._http = httpx.Client(transport=self.wire)
        self._processes = 0
        self.kit = self.start_process()
        self._prepare()
        self.links = tuple(self._connect(policy, NAMES[n]) for n in range(audiences))

    def start_process(self) -> Kit:
        """A new process, with another name; the old one, if it lives, is not asked."""
        self._processes += 1
        self.fate.is_dead = False
        self.kit = replace(
            self._built.kit,
            store=MortalStore(self._built.kit.store, self.fate),
            bell=self.bell,
            mailchimp=self._mailchimp,
            now=self.fate.clock.now,
            chance=self._chance.random,
            worker=f"here:{self._processes}:0",
            left_claims=deque(),
            left_turns=deque(),
            heard={},
        )
        return self.kit

    def _mailchimp(self, connection: ConnectionRow) -> Mailchimp:
        return Mailchimp(
            self._http,
            api_base=connection.api_base,
            token=self.kit.sealer.unseal(connection.token_sealed or "", token_bind(connection.id)),
            slots=LocalSlots(9),
            account_key=connection.mailchimp_account,
        )

    def _prepare(self) -> None:
        control = self.ground.control
        control.seed(1)
        control.webhooks(drop=1.0)  # the simulator is the postman: what was "dropped" is in its hands
        control.batches(0.0)
        self.set_clock_there()
        self.mailchimp_account = control.account("Acme").id
        with self.kit.store.write() as c:
            accounts.ensure(c, ACCOUNT, self.kit.now())

    def _connect(self, policy: Policy, name: str) -> Link:
        more = [{"tag": "CITY", "type": "text"}, {"tag": "POINTS", "type": "number"}]
        audience = self.ground.control.audience(
            self.mailchimp_account, name, merge_fields=more, double_optin=policy.double_opt_in
        )
        link = Link(new_id(CONNECTION), audience.id, audience.merge_fields)
        kit = self.kit
        with kit.store.write() as c:
            connections.create(
                c,
                link.connection_id,
                ACCOUNT,
                kit.now(),
                mailchimp_account=self.mailchimp_account,
                account_name="Acme",
                login_name="jo",
                role="admin",
                dc="us1",
                api_base=self.ground.api,
                token_sealed=self._token(link.connection_id),
            )
            connections.update(
                c,
                link.connection_id,
                kit.now(),
                audience_id=link.audience,
                audience_name=name,
                policy=policy,
                state="in_sync",
                next_sweep_at=kit.now(),
            )
        connection = self.connection(link.connection_id)
        fields.refresh(kit, connection, kit.mailchimp(connection), compare=False)  # as who sets it up does
        hook.register(kit, connection)
        return link

    def _token(self, connection_id: str) -> str:
        token = self.ground.control.token(self.mailchimp_account)
        return self.kit.sealer.seal(token, token_bind(connection_id))

    def connection(self, connection_id: str) -> ConnectionRow:
        """The connection as it stands."""
        with self._built.kit.store.read() as c:
            row = connections.get(c, connection_id)
        assert row is not None
        return row

    @property
    def store(self) -> Store:
        """The database, for those who only look."""
        return self._built.kit.store

    def set_clock_there(self) -> None:
        """Let Mailchimp's clock show the simulated time."""
        self.ground.set_clock(self.fate.clock.there().timestamp())

    def revoke(self) -> None:
        """The customer takes the access away."""
        self.ground.control.revoke(self.mailchimp_account)

    def grant_again(self) -> None:
        """The customer connects again."""
        for link in self.links:
            self._grant(link.connection_id, self._token(link.connection_id))

    def _grant(self, connection_id: str, token: str) -> None:
        with self._built.kit.store.write() as c:
            row = connections.lock(c, connection_id)
            assert row is not None
            now = self.fate.clock.now()
            connections.update(c, row.id, now, token_sealed=token)
            if row.state == "reconnect":
                columns: dict[str, Any] = {"problem_code": None, "problem_detail": None, "next_sweep_at": now}
                connections.update(c, row.id, now, state="in_sync", **columns)

    def change_field(self, audience: str, method: str, number: int | None, **body: Any) -> Any:
        """The marketer adds (`number` None), changes or deletes a merge field, past everything that goes
        wrong. Returns the field; None where it is gone."""
        self.set_clock_there()
        token = self.ground.control.token(self.mailchimp_account)
        url = f"{self.ground.api}/3.0/lists/{audience}/merge-fields" + (f"/{number}" if number else "")
        headers = {"Authorization": f"Bearer {token}"}
        answer = self.ground.under.handle_request(
            httpx.Request(method, url, json=body or None, headers=headers)
        )
        answer.read()
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None
