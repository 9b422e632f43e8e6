"""One installation of the product under a simulated clock, whose process may die at any point and is then
started anew."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from processor import hook
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


class House:
    """The product with one connected audience. `kit` is that of the process that lives now."""

    def __init__(
        self,
        ground: Ground,
        fate: Fate,
        policy: Policy,
        watch: Callable[[str], None],
        seed: int,
    ) -> None:
        self.ground, self.fate = ground, fate
        self._chance = random.Random(seed)
        ground.empty()
        self._built = ground.built
        self.bell = SilentBell()
        self.wire = Wire(ground.under, fate, self.set_clock_there, watch)
        self._http = httpx.Client(transport=self.wire)
        self._processes = 0
        self.connection_id = new_id(CONNECTION)
        self.kit = self.start_process()
        self._connect(policy)

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

    def _connect(self, policy: Policy) -> None:
        control = self.ground.control
        control.seed(1)
        control.webhooks(drop=1.0)  # the simulator is the postman: what was "dropped" is in its hands
        control.batches(0.0)
        self.set_clock_there()
        account = control.account("Acme")
        self.mailchimp_account = account.id
        fields = [{"tag": "CITY", "type": "text"}, {"tag": "POINTS", "type": "number"}]
        self.audience = control.audience(
            account.id, "News", merge_fields=fields, double_optin=policy.double_opt_in
        ).id
        kit = self.kit
        with kit.store.write() as c:
            accounts.ensure(c, ACCOUNT, kit.now())
            connections.create(
                c,
                self.connection_id,
                ACCOUNT,
                kit.now(),
                mailchimp_account=account.id,
                account_name="Acme",
                login_name="jo",
                role="admin",
                dc="us1",
                api_base=self.ground.api,
                token_sealed=self._token(),
            )
            connections.update(
                c,
                self.connection_id,
                kit.now(),
                audience_id=self.audience,
                audience_name="News",
                policy=policy,
                state="in_sync",
                next_sweep_at=kit.now(),
            )
        hook.register(kit, self.connection())

    def _token(self) -> str:
        token = self.ground.control.token(self.mailchimp_account)
        return self.kit.sealer.seal(token, token_bind(self.connection_id))

    def connection(self) -> ConnectionRow:
        """The connection as it stands."""
        with self._built.kit.store.read() as c:
            row = connections.get(c, self.connection_id)
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
        token = self._token()
        with self._built.kit.store.write() as c:
            row = connections.lock(c, self.connection_id)
            assert row is not None
            now = self.fate.clock.now()
            connections.update(c, row.id, now, token_sealed=token)
            if row.state == "reconnect":
                columns: dict[str, Any] = {"problem_code": None, "problem_detail": None, "next_sweep_at": now}
                connections.update(c, row.id, now, state="in_sync", **columns)
