"""One history: what people do on both sides, what our verbs do between, and what must hold all the while."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import httpx
import sqlalchemy as sa

from processor import contacts, install, leave_out, process, push, sweep, tick
from processor.domain.contact import Consent, ConsentStatus, email_key
from processor.domain.edit import ContactPatch
from processor.domain.event import Delivery
from processor.domain.policy import FieldRule, Policy
from processor.errors import Conflict, Invalid, NotFound, StoreDown
from processor.push import collect
from processor.store import contacts as stored_contacts
from processor.store import inbox
from processor.store.tables import changes
from tests.simulator.fate import Clock, Crash, Fate, Fault
from tests.simulator.ground import Ground
from tests.simulator.house import ACCOUNT, House
from tests.simulator.ledger import Act, Ledger
from tests.simulator.place import FIELDS, Place
from tests.simulator.witness import Witness

KINDS = {"first_name": "text", "city": "text", "points": "number"}
POLICY = Policy(
    fields=tuple(FieldRule(field=name, target=tag, type=KINDS[name]) for name, tag in FIELDS.items())
)
LEFT = frozenset({ConsentStatus.UNSUBSCRIBED, ConsentStatus.CLEANED})
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

    def __init__(
        self,
        ground: Ground,
        policy: Policy = POLICY,
        *,
        skew_seconds: float = 0.0,
        seed: int = 0,
        audiences: int = 1,
    ):
        self.clock = Clock(skew_seconds=skew_seconds)
        self.fate = Fate(self.clock)
        self.ledger = Ledger()
        self.trace: list[str] = []
        self.is_revoked = False
        self.ever: set[str] = set()
        """Contacts that the platform wrote and did not delete."""
        self.witnesses: list[Witness] = []
        self._mishaps = _Mishaps(self.fate)
        logger = logging.getLogger("processor")
        logger.addHandler(self._mishaps)
        logger.propagate = False
        self.house = House(ground, self.fate, policy, self._after_call, seed, audiences)
        self.policy = policy
        self.places = [Place(self, link) for link in self.house.links]
        self.witnesses = [Witness(self, place) for place in self.places]
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
        """The id of the (first) audience."""
        return self.places[0].audience

    def place(self, where: int) -> Place:
        """One of the audiences; any number names one."""
        return self.places[where % len(self.places)]

    def witness(self, place: Place) -> Witness:
        """Who watches this audience."""
        return self.witnesses[self.places.index(place)]

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

        everybody = self.contacts_now()
        self._verb("put", put)
        after = self.contacts_now(patches)
        self.note_addresses()
        for who, patch in patches.items():
            if who in after:
                self.ever.add(who)
                self._remember(who, patch, before.get(who), after[who])
                self._note_who_came_having_left(after[who])
                self._note_who_was_kept_out(patch, before.get(who), after[who])
        self._follow_who_was_renamed(everybody, set(after) - set(before))

    def _note_who_came_having_left(self, contact: Any) -> None:
        """Whoever has the address of somebody who left is the same person to the platform, also when one of
        them moves on."""
        address = email_key(contact.email or "")
        people = self.people(address) if address else frozenset()
        held = self.contacts_now(people)
        if len(held) > 1:
            for witness in self.witnesses:
                for one in held:
                    witness.spoil(one)  # what one of them says may come to the other
        if len(held) > 1 and any(one.consent.status in LEFT for one in held.values()):
            self.ledger.came_having_left |= {address, *people}

    def _note_who_was_kept_out(self, patch: ContactPatch, before: Any, after: Any) -> None:
        """Whoever comes to an address has left with whoever leaves it in the same write."""
        says_so = isinstance(patch.consent, Consent) and patch.consent.status in LEFT
        had_left = before is not None and before.consent.status in LEFT
        if after.consent.status in LEFT and not says_so and not had_left:
            self.ledger.came_having_left |= {email_key(after.email or ""), after.id}

    def _follow_who_was_renamed(self, before: Mapping[str, Any], new: set[str]) -> None:
        """Who was known from Mailchimp alone may have got the platform's id: choices go along."""
        gone = set(before) - set(self.contacts_now(list(before)))
        for old in gone:
            for one in new:
                if email_key(before[old].email or "") == email_key(self.contacts_now([one])[one].email or ""):
                    self.ledger.rename(old, one)
                    for place in self.places:
                        if old in place.chosen:
                            place.chosen = place.chosen - {old} | {one}

    def _consent(self, status: str, ago: float | None, evidence: bool) -> Consent:
        at = None if ago is None else self.clock.at - timedelta(seconds=ago)
        return Consent(ConsentStatus(status), at, "form" if evidence else None)

    def _remember(self, who: str, patch: ContactPatch, before: Any, after: Any) -> None:
        if before is not None and before.version == after.version:
            return
        address = email_key(after.email or "") or None
        for witness in self.witnesses:
            witness.wrote_here(who, patch, before, after)
        consent = patch.consent
        if not isinstance(consent, Consent):
            return
        if consent.at is None and before is not None and before.consent.status is consent.status:
            return  # what is known already, said again without a time, is no new act
        act = Act(consent.status.value, consent.at or self.clock.at, address, frozenset({who}))
        self.ledger.fresh.append(act)
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

        linked = [row for place in self.places if (row := place.rows().get(who)) is not None]
        self._verb("delete", delete)
        if who not in self.contacts_now([who]):
            self.ever.discard(who)
            for witness in self.witnesses:
                witness.spoil(who)
            known = {row.mailchimp_contact_id for row in linked if row.mailchimp_contact_id}
            self.ledger.deleted |= {email_key(held.email or ""), who, *known}

    # -- Mailchimp: the person, the marketer, the net

    def do_there(self, act: str, email: str, where: int = 0, **more: Any) -> None:
        """Something happens to a member in Mailchimp."""
        self._there(self.place(where), act, email, more)

    def do_meanwhile(self, calls: int, act: str, email: str, where: int = 0, **more: Any) -> None:
        """The same between two of our next calls."""
        self._meanwhile(calls, lambda: self._there(self.place(where), act, email, more))

    def _meanwhile(self, calls: int, happen: Callable[[], None]) -> None:
        self.fate.meanwhile.append((calls, happen))

    def _there(self, place: Place, act: str, email: str, more: dict[str, Any]) -> None:
        self.house.set_clock_there()
        before = place.member(email)
        more = self._in_todays_tags(place, more)
        try:
            if act == "bulk":
                if before is None:
                    self.control.put_members(place.audience, [{"email_address": email, **more}])
                after = place.member(email)
            else:
                after = self.control.act(place.audience, act, email, **more)
        except httpx.HTTPStatusError as error:
            self.trace.append(f"     Mailchimp: {error}")
            return
        self._collect_post()
        self.trace.append(f"     there: {_brief(before)} => {_brief(after)}")
        self._note_there(place, act, email_key(email), before, after)
        self.witness(place).look()

    def _in_todays_tags(self, place: Place, more: dict[str, Any]) -> dict[str, Any]:
        if "merge_fields" not in more:
            return more
        names = {tag: name for name, tag in FIELDS.items()}
        today = {names[tag]: value for tag, value in more["merge_fields"].items()}
        return {**more, "merge_fields": {place.tags[n]: v for n, v in today.items() if n in place.tags}}

    def _note_there(self, place: Place, act: str, address: str, before: Any, after: Any) -> None:
        was, now = before and before["status"], after and after["status"]
        second = self.clock.there().replace(microsecond=0)
        # Who parts from an address before anybody knew of a member there is somebody else to all of us.
        people = place.linked(before)
        gone = act == "delete" and before is not None

        def note(kind: str, *, about_address: bool = False) -> Act:
            member = (before or after)["contact_id"]
            return Act(f"there:{kind}", second, address, people, about_address, place.audience, member)

        if now == "subscribed" and (was != now or act in {"subscribe", "add"}):
            self.ledger.back.append(note(act))
        self.witness(place).happened_there(act, before, after)
        # Who had left, and is unsubscribed once more, shows nowhere in Mailchimp.
        if gone or (was != now and now in {"unsubscribed", "archived"}) or act == "complain":
            self.ledger.no.append(note(act))
        elif now == "cleaned" and was != now:
            self.ledger.no.append(note("bounce", about_address=True))

    def do_field(self, act: str, name: str, where: int = 0) -> None:
        """The marketer gives a merge field another tag, deletes it, or adds one with the tag that it began
        with, which is another field."""
        self._change_field(self.place(where), act, name)

    def do_meanwhile_field(self, calls: int, act: str, name: str, where: int = 0) -> None:
        """The same between two of our next calls."""
        self._meanwhile(calls, lambda: self._change_field(self.place(where), act, name))

    def _change_field(self, place: Place, act: str, name: str) -> None:
        house, number = self.house, place.numbers[name]
        if act == "rename" and name in place.tags:
            tag = place.tags[name]
            place.tags[name] = tag[:-1] if tag.endswith("2") else f"{tag}2"
            try:
                house.change_field(place.audience, "PATCH", number, tag=place.tags[name])
            except AssertionError:  # another field has the tag by now
                place.tags[name] = tag
        elif act == "delete" and name in place.tags:
            house.change_field(place.audience, "DELETE", number)
            self.witness(place).field_is_gone(name)
            del place.tags[name]
        elif act == "add" and FIELDS[name] not in {
            *place.tags.values(),
            *place.strange,
            *self._mapped(place),
        }:
            house.change_field(
                place.audience, "POST", None, tag=FIELDS[name], name=FIELDS[name], type=KINDS[name]
            )
            place.strange.add(FIELDS[name])
        self.witness(place).look()

    def note_addresses(self) -> None:
        """Let the ledger know where everybody lives now."""
        for place in self.places:
            found = place.members().items()
            self.ledger.lives_at |= {member: email_key(one["email_address"]) for member, one in found}
        self.ledger.lives_at |= {who: email_key(c.email or "") for who, c in self.contacts_now().items()}

    def _mapped(self, place: Place) -> set[str]:
        # One field in another's place before anybody has noticed that the first is gone cannot be told from
        # one that was emptied.
        return {rule.target for rule in self.house.connection(place.connection_id).policy.fields}

    def people(self, address: str) -> frozenset[str]:
        """The platform's contacts with this address."""
        with self.house.store.read() as c:
            found = stored_contacts.find_by_email_keys(c, ACCOUNT, [address]).get(address, [])
        return frozenset(contact.id for contact in found)

    def do_double_opt_in(self, on: bool, where: int = 0) -> None:
        """The marketer changes the audience's setting."""
        self.control.change_audience(self.place(where).audience, double_optin=on)

    # -- the post

    def _collect_post(self) -> None:
        for audience, body in self.house.ground.take_post():
            next(place for place in self.places if place.audience == audience).post.append(body)

    def do_deliver(self, how: str, which: int = 0, where: int = 0) -> None:
        """The post brings webhooks: all, all in the wrong order, one of them, one twice; or loses one."""
        place = self.place(where)
        if not place.post:
            return
        number = which % len(place.post)
        bodies = {
            "all": place.post,
            "reverse": place.post[::-1],
            "one": [place.post[number]],
            "again": [place.post[number]],
            "lose": [],
        }[how]
        if how in {"all", "reverse"}:
            place.post = []
        elif how in {"one", "lose"}:
            del place.post[number]
        self._verb("receive", lambda: self._receive(place, bodies))

    def _receive(self, place: Place, bodies: list[bytes]) -> None:
        now = self.clock.at
        kept = [Delivery(place.connection_id, body, CONTENT_TYPE, now, True) for body in bodies]
        if kept:
            with self.house.kit.store.write() as c:
                inbox.keep(c, kept)

    # -- our verbs

    def do_process(self, where: int = 0) -> None:
        """A worker comes for events."""
        self._verb("process", lambda: process.process(self.house.kit, self.place(where).connection_id))

    def do_push(self, where: int = 0) -> None:
        """A worker comes for contacts."""
        self._verb("push", lambda: push.push(self.house.kit, self.place(where).connection_id))

    def do_collect(self, where: int = 0) -> None:
        """A worker comes for the results of batches."""
        self.house.ground.breathe()
        self._verb("collect", lambda: collect.collect(self.house.kit, self.place(where).connection_id))

    def do_sweep(self, full: bool, where: int = 0) -> Any:
        """A worker goes round the audience. Returns what was found, None where it did not come to its end."""
        return self._verb(
            "sweep", lambda: sweep.sweep(self.house.kit, self.place(where).connection_id, full=full)
        )

    def do_tick(self) -> None:
        """The clock ticks."""
        self._verb("tick", lambda: tick.tick(self.house.kit))

    def do_pass(self, seconds: float) -> None:
        """Time passes."""
        self.clock.go_on(seconds)

    def do_pause(self, where: int = 0) -> None:
        """Somebody pauses the connection."""
        self._verb("pause", lambda: install.pause(self.house.kit, self.place(where).connection_id))

    def do_resume(self, where: int = 0) -> None:
        """Somebody lets it go on."""
        self._verb("resume", lambda: install.resume(self.house.kit, self.place(where).connection_id))

    def do_leave_out(self, email: str, where: int = 0) -> None:
        """Somebody chooses to leave whoever has this address out of the audience."""
        place, people = self.place(where), self.people(email_key(email))
        self._verb(
            "leave out",
            lambda: leave_out.leave_out(self.house.kit, place.connection_id, None, list(people), "jo"),
        )
        place.chosen |= place.left_out(people)

    def do_take_back(self, where: int = 0) -> None:
        """Somebody takes everybody back in."""
        place = self.place(where)
        self._verb(
            "take back",
            lambda: leave_out.take_back(self.house.kit, place.connection_id, None, sorted(place.chosen)),
        )
        place.chosen = place.left_out(place.chosen)

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
        for witness in self.witnesses:
            witness.ours(name)
        return done

    def _after_call(self, call: str) -> None:
        for witness in self.witnesses:
            if witness.audience in call or "batches" in call:
                witness.ours(call)

    # -- looking

    def contacts_now(self, ids: Any = None) -> dict[str, Any]:
        """The platform's living contacts, by id."""
        with self.house.store.read() as c:
            if ids is not None:
                return stored_contacts.get_many(c, ACCOUNT, list(ids))
            return {contact.id: contact for contact in stored_contacts.page(c, ACCOUNT, None, 1000)}

    def rows(self) -> dict[str, Any]:
        """Rows of the (first) audience by the contact that they are linked with."""
        return self.places[0].rows()

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
        for where, place in enumerate(self.places):
            if self.house.connection(place.connection_id).state == "paused":
                self.do_resume(where)
        self._settle("before the full sweep")
        for witness in self.witnesses:
            witness.no_one_waits("before the full sweep")
        self._sweep_all()
        self._settle("after the full sweep")
        for witness in self.witnesses:
            witness.all_is_well()
        self._nothing_left_to_do()
        self.ledger.fresh = []
        for witness in self.witnesses:
            witness.begin_round()
        self.trace.append(f"-- {self.clock.at:%d %H:%M:%S} all is well")

    def _sweep_all(self) -> None:
        for where, place in enumerate(self.places):
            self._sweep_once(where, place)

    def _sweep_once(self, where: int, place: Place) -> None:
        """One full sweep from its beginning to its end. One that was interrupted comes to its end first, and
        a worker who died in it holds its turn for a while."""
        for _ in range(20):
            is_another = self.house.connection(place.connection_id).sweep_cursor is not None
            done = self.do_sweep(full=True, where=where)
            if done is not None and not is_another:
                return
            if done is None:
                self.clock.go_on(10)
                self.do_tick()
        raise Wrong("no_sweep", "no sweep comes to its end")

    def _settle(self, when: str) -> None:
        until = self.clock.at + timedelta(days=6)
        for _ in range(400):
            self._collect_post()
            for where in range(len(self.places)):
                self.do_deliver("all", where=where)
            due = [place.due() for place in self.places]
            oldest = min((at for one in due for at in one if at is not None), default=None)
            if oldest is None:
                return
            if oldest > until:
                break
            if oldest > self.clock.at:
                self.clock.at = oldest
            self.do_tick()
            for where, one in enumerate(due):
                for at, verb in zip(one, (self.do_process, self.do_push, self.do_collect), strict=True):
                    if at is not None and at <= self.clock.at:
                        verb(where)
            self._no_mishaps()
            self.clock.go_on(0.5)
        raise Wrong("unsettled", f"{when}, something is due for ever: {self.describe_due()}")

    def describe_due(self) -> str:
        """What is due, for people."""
        return "; ".join(
            f"{row.contact_id} {row.email_key} {row.state} {row.reason} due {row.due_at} claim {row.claim}"
            for place in self.places
            for row in place.all_rows()
            if row.due_at or row.claim
        )

    def _nothing_left_to_do(self) -> None:
        calls, feed = len(self.house.wire.calls), self.feed_length()
        before = [witness.state_of_rows() for witness in self.witnesses]
        self.clock.go_on(100)
        self._sweep_all()
        self._settle("after the second full sweep")
        # Whoever was refused for an address that is another's is tried once in each full sweep.
        written = [c for c in self.house.wire.calls[calls:] if not c.startswith("GET") and c[-3:] < "400"]
        if written:
            raise Wrong("restless", f"the second full sweep sends {written}")
        if self.feed_length() != feed:
            raise Wrong("restless", "the second full sweep changes contacts")
        if [witness.state_of_rows() for witness in self.witnesses] != before:
            raise Wrong("restless", "the second full sweep changes what is agreed")

    def _no_mishaps(self) -> None:
        if self._mishaps.heard:
            raise Wrong("internal", self._mishaps.heard[0])


def _brief(member: Any) -> str:
    if member is None:
        return "nobody"
    return f"{member['email_address']} {member['status']} {member['merge_fields']} {member['tags']}"
