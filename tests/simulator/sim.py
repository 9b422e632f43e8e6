"""One history: what people do on both sides, what our verbs do between, and what must hold all the while."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx
import sqlalchemy as sa

from processor import contacts, install, process, push, sweep, tick
from processor.domain.contact import Consent, ConsentStatus, email_key
from processor.domain.edit import ContactPatch
from processor.domain.event import Delivery
from processor.domain.policy import FieldRule, Policy
from processor.errors import Conflict, Invalid, NotFound, StoreDown
from processor.store import contacts as stored_contacts
from processor.store import inbox
from processor.store import members as stored_members
from processor.store.tables import batches, changes, events, members
from tests.simulator.fate import Clock, Crash, Fate, Fault
from tests.simulator.ground import Ground
from tests.simulator.house import ACCOUNT, House
from tests.simulator.ledger import Act, Ledger
from tests.simulator.witness import Witness

try:
    from processor.push import collect
except ImportError:  # pragma: no cover - before batches are collected by a verb of their own
    collect = None  # type: ignore[assignment]

FIELDS = {"first_name": "FNAME", "city": "CITY", "points": "POINTS"}
POLICY = Policy(
    fields=(
        FieldRule(field="first_name", target="FNAME"),
        FieldRule(field="city", target="CITY"),
        FieldRule(field="points", target="POINTS", type="number"),
    )
)
_DUE = (
    sa.select(sa.func.min(events.c.due_at)),
    sa.select(sa.func.min(members.c.due_at)),
    sa.select(sa.func.min(batches.c.next_poll_at)),
)
CONTENT_TYPE = "application/x-www-form-urlencoded"
Step = tuple[str, dict[str, Any]]


class Wrong(AssertionError):
    """Something that must always hold does not. `kind` is one word for it."""

    def __init__(self, kind: str, about: str) -> None:
        self.kind = kind
        super().__init__(f"{kind}: {about}")


class _Mishaps(logging.Handler):
    """Hears of exceptions that the product caught because it did not know them."""

    def __init__(self, fate: Fate) -> None:
        super().__init__(logging.ERROR)
        self._fate = fate
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Note it, unless the process is dead."""
        if record.exc_info and not self._fate.is_dead:
            self.heard.append(logging.Formatter().format(record))


class Sim:
    """A world that steps are carried out in. Raises Wrong."""

    def __init__(self, ground: Ground, policy: Policy = POLICY, *, skew_seconds: float = 0.0, seed: int = 0):
        self.clock = Clock(skew_seconds=skew_seconds)
        self.fate = Fate(self.clock)
        self.ledger = Ledger()
        self.post: list[bytes] = []
        """Webhooks under way."""
        self.trace: list[str] = []
        self.is_revoked = False
        self.ever: set[str] = set()
        """Contacts that the platform wrote and did not delete."""
        self.witness: Any = None
        self._mishaps = _Mishaps(self.fate)
        logger = logging.getLogger("processor")
        logger.addHandler(self._mishaps)
        logger.propagate = False
        self.house = House(ground, self.fate, policy, self._after_call, seed)
        self.policy = policy
        self.witness = Witness(self)
        self.fate.points_left = None

    def close(self) -> None:
        """Put everything away."""
        logger = logging.getLogger("processor")
        logger.removeHandler(self._mishaps)
        logger.propagate = True

    @property
    def control(self) -> Any:
        """The sandbox's controls."""
        return self.house.ground.control

    @property
    def audience(self) -> str:
        """The audience's id."""
        return self.house.audience

    def do(self, step: Step) -> None:
        """Carry one step out. One that makes no sense now does nothing."""
        name, named = step
        self.trace.append(f"-- {self.clock.at:%d %H:%M:%S.%f} {name} {named}")
        getattr(self, f"do_{name}")(**named)
        self._collect_post()
        self._no_mishaps()
        self.clock.go_on(0.003)

    # -- the platform

    def do_put(self, who: str, consent: tuple[str, float | None, bool] | None = None, **named: Any) -> None:
        """The platform writes a contact. `consent` is (status, how many seconds ago or None, evidence)."""
        self._put({who: (named, consent)})

    def do_swap(self, who: str, other: str) -> None:
        """Two contacts exchange their addresses, in one call."""
        held = self.contacts_now([who, other])
        if who != other and len(held) == 2:
            self._put(
                {
                    who: ({"email": held[other].email}, None),
                    other: ({"email": held[who].email}, None),
                }
            )

    def _put(self, wanted: Mapping[str, tuple[dict[str, Any], Any]]) -> None:
        patches = {}
        for who, (named, consent) in wanted.items():
            patch = dict(named)
            if "tags" in patch:
                patch["tags"] = frozenset(patch["tags"])
            if consent is not None:
                patch["consent"] = self._consent(*consent)
            patches[who] = ContactPatch(**patch)
        before = self.contacts_now(patches)

        def put() -> None:
            # What the platform says counts from the moment it is kept, not from our answer.
            for written in contacts.put_many(self.house.kit, ACCOUNT, patches):
                if isinstance(written.error, Invalid):
                    self.trace.append(f"     refused: {written.error}")

        self._verb("put", put)
        after = self.contacts_now(patches)
        for who, patch in patches.items():
            if who in after:
                self.ever.add(who)
                self._remember(who, patch, before.get(who), after[who])

    def _consent(self, status: str, ago: float | None, evidence: bool) -> Consent:
        at = None if ago is None else self.clock.at - timedelta(seconds=ago)
        return Consent(ConsentStatus(status), at, "form" if evidence else None)

    def _remember(self, who: str, patch: ContactPatch, before: Any, after: Any) -> None:
        if before is not None and before.version == after.version:
            return
        address = email_key(after.email or "") or None
        self.witness.wrote_here(who, patch, before, after)
        consent = patch.consent
        if not isinstance(consent, Consent):
            return
        act = Act(consent.status.value, consent.at or self.clock.at, address, frozenset({who}))
        if consent.status is ConsentStatus.SUBSCRIBED and consent.has_evidence:
            self.ledger.yes.append(act)
        elif consent.status is ConsentStatus.PENDING and consent.has_evidence:
            self.ledger.asked.append(act)
        elif consent.status is ConsentStatus.UNSUBSCRIBED:
            self.ledger.no.append(act)
        elif consent.status is ConsentStatus.CLEANED:
            self.ledger.no.append(Act("cleaned", act.at, address, act.contacts, about_address=True))

    def do_drop_contact(self, who: str) -> None:
        """The platform deletes a contact."""
        held = self.contacts_now([who]).get(who)
        if held is None:
            return

        def delete() -> None:
            try:
                contacts.delete(self.house.kit, ACCOUNT, who)
            except NotFound:
                return

        linked = self.rows().get(who)
        self._verb("delete", delete)
        if who not in self.contacts_now([who]):
            self.ever.discard(who)
            self.witness.spoil(who)
            self.ledger.deleted |= {email_key(held.email or ""), who}
            if linked is not None and linked.mailchimp_contact_id:
                self.ledger.deleted.add(linked.mailchimp_contact_id)

    # -- Mailchimp: the person, the marketer, the net

    def do_there(self, act: str, email: str, **more: Any) -> None:
        """Something happens to a member in Mailchimp."""
        self._there(act, email, more)

    def do_meanwhile(self, calls: int, act: str, email: str, **more: Any) -> None:
        """The same between two of our next calls."""
        self.fate.meanwhile.append((calls, lambda: self._there(act, email, more)))

    def _there(self, act: str, email: str, more: dict[str, Any]) -> None:
        self.house.set_clock_there()
        before = self.control.member(self.audience, email)
        try:
            if act == "bulk":
                if before is None:
                    self.control.put_members(self.audience, [{"email_address": email, **more}])
                after = self.control.member(self.audience, email)
            else:
                after = self.control.act(self.audience, act, email, **more)
        except httpx.HTTPStatusError as error:
            self.trace.append(f"     Mailchimp: {error}")
            return
        self._collect_post()
        self.trace.append(f"     there: {_brief(before)} => {_brief(after)}")
        self._note_there(act, email_key(email), before, after)
        self.witness.look()

    def _note_there(self, act: str, address: str, before: Any, after: Any) -> None:
        was, now = before and before["status"], after and after["status"]
        second = self.clock.there().replace(microsecond=0)
        # Who parts from an address before anybody knew of a member there is somebody else to all of us.
        people = self.linked(before)
        gone = act == "delete" and before is not None
        if now == "subscribed" and (was != now or act in {"subscribe", "add"}):
            self.ledger.back.append(Act(f"there:{act}", second, address, people))
        self.witness.happened_there(act, before, after)
        # Who had left, and is unsubscribed once more, shows nowhere in Mailchimp.
        if gone or (was != now and now in {"unsubscribed", "archived"}) or act == "complain":
            self.ledger.no.append(Act(f"there:{act}", second, address, people))
        elif now == "cleaned" and was != now:
            self.ledger.no.append(Act("there:bounce", second, address, people, about_address=True))

    def people(self, address: str) -> frozenset[str]:
        """The platform's contacts with this address."""
        with self.house.store.read() as c:
            found = stored_contacts.find_by_email_keys(c, ACCOUNT, [address]).get(address, [])
        return frozenset(contact.id for contact in found)

    def linked(self, member: Any) -> frozenset[str]:
        """The platform's contact who is linked with this member."""
        if member is None:
            return frozenset()
        with self.house.store.read() as c:
            rows = stored_members.by_views(
                c, self.house.connection_id, mailchimp_contact_ids=[member["contact_id"]]
            )
        return frozenset(row.contact_id for row in rows if row.contact_id)

    def do_double_opt_in(self, on: bool) -> None:
        """The marketer changes the audience's setting."""
        self.control.change_audience(self.audience, double_optin=on)

    # -- the post

    def _collect_post(self) -> None:
        self.post += self.house.ground.take_post(self.audience)

    def do_deliver(self, how: str, which: int = 0) -> None:
        """The post brings webhooks: all, all in the wrong order, one of them, one twice; or loses one."""
        if not self.post:
            return
        place = which % len(self.post)
        bodies = {
            "all": self.post,
            "reverse": self.post[::-1],
            "one": [self.post[place]],
            "again": [self.post[place]],
            "lose": [],
        }[how]
        if how in {"all", "reverse"}:
            self.post = []
        elif how in {"one", "lose"}:
            del self.post[place]
        self._verb("receive", lambda: self._receive(bodies))

    def _receive(self, bodies: list[bytes]) -> None:
        now = self.clock.at
        kept = [Delivery(self.house.connection_id, body, CONTENT_TYPE, now, True) for body in bodies]
        if kept:
            with self.house.kit.store.write() as c:
                inbox.keep(c, kept)

    # -- our verbs

    def do_process(self) -> None:
        """A worker comes for events."""
        self._verb("process", lambda: process.process(self.house.kit, self.house.connection_id))

    def do_push(self) -> None:
        """A worker comes for contacts."""
        self._verb("push", lambda: push.push(self.house.kit, self.house.connection_id))

    def do_collect(self) -> None:
        """A worker comes for the results of batches."""
        if collect is not None:
            self.house.ground.breathe()
            self._verb("collect", lambda: collect.collect(self.house.kit, self.house.connection_id))

    def do_sweep(self, full: bool) -> None:
        """A worker goes round the audience."""
        self._verb("sweep", lambda: sweep.sweep(self.house.kit, self.house.connection_id, full=full))

    def do_tick(self) -> None:
        """The clock ticks."""
        self._verb("tick", lambda: tick.tick(self.house.kit))

    def do_pass(self, seconds: float) -> None:
        """Time passes."""
        self.clock.go_on(seconds)

    def do_pause(self) -> None:
        """Somebody pauses the connection."""
        self._verb("pause", lambda: install.pause(self.house.kit, self.house.connection_id))

    def do_resume(self) -> None:
        """Somebody lets it go on."""
        self._verb("resume", lambda: install.resume(self.house.kit, self.house.connection_id))

    def do_revoke(self) -> None:
        """The customer takes the access away."""
        self.house.revoke()
        self.is_revoked = True

    def do_grant(self) -> None:
        """The customer connects again."""
        if self.is_revoked:
            self.house.grant_again()
            self.is_revoked = False

    def do_fault(self, kind: str, skip: int, count: int) -> None:
        """Some of the next calls fail."""
        self.fate.faults.append(Fault(kind, skip, count))

    def do_crash(self, after: int) -> None:
        """The process will die after so many points."""
        self.fate.points_left = after

    def _verb(self, name: str, verb: Callable[[], Any]) -> Any:
        calls = len(self.house.wire.calls)
        done = None
        try:
            done = verb()
        except Crash:
            self.trace.append(f"     died {self.fate.died_at}; another process is started")
            self.house.start_process()
        except (Conflict, StoreDown) as error:
            self.trace.append(f"     {name}: {error!r}")
            if isinstance(error, StoreDown):
                raise
        if self.fate.is_dead:
            self.house.start_process()
        self.trace += [f"     {call}" for call in self.house.wire.calls[calls:]]
        self.witness.ours(name)
        return done

    def _after_call(self, call: str) -> None:
        if self.witness is not None:
            self.witness.ours(call)

    # -- looking

    def contacts_now(self, ids: Any = None) -> dict[str, Any]:
        """The platform's living contacts, by id."""
        with self.house.store.read() as c:
            if ids is not None:
                return stored_contacts.get_many(c, ACCOUNT, list(ids))
            return {contact.id: contact for contact in stored_contacts.page(c, ACCOUNT, None, 1000)}

    def rows(self) -> dict[str, Any]:
        """Members' rows by the contact that they are linked with."""
        return {row.contact_id: row for row in self.all_rows() if row.contact_id}

    def all_rows(self) -> list[Any]:
        """All members' rows."""
        with self.house.store.read() as c:
            return stored_members.find(c, self.house.connection_id, limit=1000)

    def _due(self) -> tuple[datetime | None, ...]:
        """When the oldest event, member and batch are due; None where none is."""
        with self.house.store.read() as c:
            return tuple(c.execute(query).scalar() for query in _DUE)

    def feed_length(self) -> int:
        """How many entries the changes feed has."""
        with self.house.store.read() as c:
            return int(c.execute(sa.select(sa.func.count()).select_from(changes)).scalar_one())

    # -- quiet

    def quiet(self) -> None:
        """Nothing goes wrong any more, nobody does anything, and our verbs run until nothing is due; then one
        full sweep, and again. Everything must be as the promises say."""
        self.trace.append(f"-- {self.clock.at:%d %H:%M:%S} quiet")
        self.fate.mend()
        self.do_grant()
        if self.house.connection().state == "paused":
            self.do_resume()
        self._settle("before the full sweep")
        self.witness.no_one_waits("before the full sweep")
        self.do_sweep(full=True)
        self._settle("after the full sweep")
        self.witness.all_is_well()
        self._nothing_left_to_do()
        self.witness.begin_round()
        self.trace.append(f"-- {self.clock.at:%d %H:%M:%S} all is well")

    def _settle(self, when: str) -> None:
        until = self.clock.at + timedelta(days=6)
        for _ in range(400):
            self._collect_post()
            self.do_deliver("all")
            due = self._due()
            oldest = min((at for at in due if at is not None), default=None)
            if oldest is None:
                return
            if oldest > until:
                break
            if oldest > self.clock.at:
                self.clock.at = oldest
            self.do_tick()
            for at, verb in zip(due, (self.do_process, self.do_push, self.do_collect), strict=True):
                if at is not None and at <= self.clock.at:
                    verb()
            self._no_mishaps()
            self.clock.go_on(0.5)
        raise Wrong("unsettled", f"{when}, something is due for ever: {self.describe_due()}")

    def describe_due(self) -> str:
        """What is due, for people."""
        return "; ".join(
            f"{row.contact_id} {row.email_key} {row.state} {row.reason} due {row.due_at} claim {row.claim}"
            for row in self.all_rows()
            if row.due_at or row.claim
        )

    def _nothing_left_to_do(self) -> None:
        calls, feed = len(self.house.wire.calls), self.feed_length()
        before = self.witness.state_of_rows()
        self.clock.go_on(100)
        self.do_sweep(full=True)
        self._settle("after the second full sweep")
        # Whoever was refused for an address that is another's is tried once in each full sweep.
        written = [c for c in self.house.wire.calls[calls:] if not c.startswith("GET") and c[-3:] < "400"]
        if written:
            raise Wrong("restless", f"the second full sweep sends {written}")
        if self.feed_length() != feed:
            raise Wrong("restless", "the second full sweep changes contacts")
        if self.witness.state_of_rows() != before:
            raise Wrong("restless", "the second full sweep changes what is agreed")

    def _no_mishaps(self) -> None:
        if self._mishaps.heard:
            raise Wrong("internal", self._mishaps.heard[0])


def _brief(member: Any) -> str:
    if member is None:
        return "nobody"
    return f"{member['email_address']} {member['status']} {member['merge_fields']} {member['tags']}"
