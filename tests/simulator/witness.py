"""Watches both sides, and says what is wrong: the judge of a history, who knows nothing of how it is done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from processor.domain.contact import ConsentStatus, email_key
from tests.simulator.place import FIELDS

if TYPE_CHECKING:
    from tests.simulator.ledger import Ledger
    from tests.simulator.place import Place
    from tests.simulator.sim import Sim

S = ConsentStatus
AGREE = {
    "subscribed": {S.SUBSCRIBED},
    "unsubscribed": {S.UNSUBSCRIBED, S.CLEANED},
    "cleaned": {S.UNSUBSCRIBED, S.CLEANED},
    "pending": {S.PENDING, S.SUBSCRIBED},
    "transactional": set(S),
}
TAGS = ("tag vip", "tag press")
_WRITTEN = ("email_address", "merge_fields", "tags", "interests", "language")
_MAY_STAY = ("no_address", "by_choice")
"""Why somebody may be left out who is subscribed in Mailchimp."""
KEPT_UP = ("subscribed", "transactional", "pending", "unsubscribed")


class Witness:
    """Sees every change of the audience, knows which were ours, and remembers who wrote what last."""

    def __init__(self, sim: Sim, place: Place) -> None:
        self._sim, self._place = sim, place
        self.audience = place.audience
        self._here: dict[tuple[str, str], Any] = {}
        self._there: dict[tuple[str, str], Any] = {}
        self._spoiled: set[str] = set()
        self._pairs: dict[str, str] = {}
        self._met: set[str] = set()
        """Members who came in this round: what they brought may conflict with what was there."""
        self._gone: set[str] = set()
        self._values: dict[str, Any] = {}
        self._seen: dict[str, Any] = self._members()
        self.begin_round()

    def begin_round(self) -> None:
        """Both sides agree now: from here on it is noted who writes what. Of those who are left out nothing
        is carried over until they are taken back in: about them it is noted since both sides agreed last."""
        chosen, living = self._place.chosen, self._sim.contacts_now()
        rows = self._place.rows()
        kept = {who: known for who, known in self._pairs.items() if who in chosen}
        ids = {*kept, *kept.values()}
        self._here = {key: value for key, value in self._here.items() if key[0] in ids}
        self._there = {key: value for key, value in self._there.items() if key[0] in ids}
        self._values = {who: values for who, values in self._values.items() if who in kept}
        self._spoiled = {who for who in self._spoiled if who in chosen}
        self._pairs = {
            who: row.mailchimp_contact_id
            for who, row in rows.items()
            if row.state == "in_sync" and row.mailchimp_contact_id and who in living
        }
        self._met, self._gone = set(), set()
        self._values |= {who: living[who] for who in self._pairs}
        self._pairs |= kept

    def spoil(self, who: str) -> None:
        """This contact's story is too tangled to say what must survive."""
        self._spoiled.add(who)

    def _members(self) -> dict[str, Any]:
        return self._place.members()

    # -- what people do

    def wrote_here(self, who: str, patch: Any, before: Any, after: Any) -> None:
        """The platform wrote a contact."""
        for name in patch.fields:
            self._here[who, name] = after.fields.get(name)
        if isinstance(patch.tags, frozenset):
            for tag in patch.tags ^ (before.tags if before else frozenset()):
                self._here[who, f"tag {tag}"] = tag in patch.tags
        if before is None or email_key(before.email or "") != email_key(after.email or ""):
            self.spoil(who)

    def happened_there(self, act: str, before: Any, after: Any) -> None:
        """A member was changed in Mailchimp."""
        if after is None:
            return
        who = after["contact_id"]
        if before is None:
            self._met.add(who)
            before = {"merge_fields": dict.fromkeys(after["merge_fields"], ""), "tags": []}
        for name, tag in self._place.tags.items():
            if before["merge_fields"].get(tag) != after["merge_fields"].get(tag):
                self._there[who, name] = after["merge_fields"].get(tag)
        for tag in {*before["tags"]} ^ {*after["tags"]}:
            self._there[who, f"tag {tag}"] = tag in after["tags"]

    def look(self) -> None:
        """Take note of what people changed in the audience."""
        self._seen = self._members()

    # -- what we do

    def ours(self, call: str) -> None:
        """Judge what changed since the last look: we did it."""
        now = self._members()
        for who in {*self._seen, *now}:
            before, after = self._seen.get(who), now.get(who)
            if before != after:
                self._judge(call, before, after)
        self._seen = now

    def _judge(self, call: str, before: Any, after: Any) -> None:
        if after is None:
            self._wrong("deleted", f"we deleted {before['email_address']} for good by {call}")
        self._nothing_for_who_is_left_out(call, before, after)
        was, now = before and before["status"], after["status"]
        address = email_key(after["email_address"])
        moved = before is not None and email_key(before["email_address"]) != address
        if was != now or moved:
            self._judge_status(call, was, now, address, after, moved=moved)

    def _nothing_for_who_is_left_out(self, call: str, before: Any, after: Any) -> None:
        """Whoever is left out by choice may be unsubscribed, and nothing else."""
        chosen = self._place.chosen
        if before is None:
            people = self._sim.people(email_key(after["email_address"]))
            is_theirs = bool(people) and people <= chosen
        else:
            is_theirs = bool(self._place.linked(before) & chosen)
        leaves = before is not None and after["status"] == "unsubscribed"
        same = before is not None and all(before[k] == after[k] for k in _WRITTEN)
        if is_theirs and not (leaves and same):
            self._wrong("left_out_written", f"{after['email_address']} is left out, and written to by {call}")

    def _judge_status(self, call: str, was: Any, now: str, address: str, after: Any, *, moved: bool) -> None:
        sim = self._sim
        people = sim.people(address)
        sim.note_addresses()
        ledger = self._place.ledger
        if now in {"subscribed", "pending"} and not (moved and was == now == "subscribed"):
            why = ledger.may_write_to(address, people, asked=now == "pending")
            if now == "pending" and any(self._was_asked_there(contact) for contact in people):
                why = ""  # whoever was being asked by Mailchimp is asked at the new address
            if why:
                self._wrong("consent", f"{address} went from {was} to {now} by {call}: {why}")
        if moved and was == now == "subscribed" and people:
            why = [
                self._may_not_be_moved(ledger, address, contact, after["contact_id"]) for contact in people
            ]
            if all(why):
                self._wrong("consent", f"{address} had left ({why[0]}), and was moved to by {call}")
        if now == "subscribed" and was in {"unsubscribed", "cleaned", "archived"}:
            self._wrong("consent", f"{address} went from {was} straight to subscribed by {call}")
        if now == "cleaned":
            self._wrong("consent", f"{address} went from {was} to cleaned by {call}")
        if now == "unsubscribed" and was in {"subscribed", "pending", "transactional"}:
            concerned = {*people, *self._place.linked(after)}
            here = sim.contacts_now(concerned)
            # Whoever takes over the address of somebody who left has left.
            addresses = {address, *(email_key(contact.email or "") for contact in here.values())}
            left = any(ledger.last_no(a, contact) for contact in (*concerned, None) for a in addresses)
            # So has whoever came to an address where the platform knew of a bounce, wherever that went.
            bounced = any(act.kind == "cleaned" and act.address in addresses for act in ledger.no)
            if bounced or (not left and {address, *concerned} & ledger.came_having_left):
                return
            if not left and not any(concerned & act.contacts for act in ledger.no):
                self._wrong("unsubscribed", f"{address} was unsubscribed by {call}, and never left")
        if now == "archived":
            linked = {
                row.contact_id
                for row in self._place.all_rows()
                if row.mailchimp_contact_id == after["contact_id"]
            }
            has_owner = any(linked) or any(
                email_key(c.email or "") == address for c in sim.contacts_now().values()
            )
            if has_owner and not {address, after["contact_id"], *(i for i in linked if i)} & ledger.deleted:
                self._wrong("archived", f"{address} was archived by {call}, and nobody had deleted them")

    def _may_not_be_moved(self, ledger: Ledger, address: str, contact: str, member: str) -> str:
        yes, no = ledger.last_yes_anywhere(address, contact, member), ledger.last_no(address, None)
        has_left = no is not None and (yes is None or yes <= no.at) and not no.kind.startswith("there:a")
        return no.kind if no is not None and has_left else ""

    def _was_asked_there(self, who: str) -> bool:
        contact = self._sim.contacts_now([who])[who]
        source = contact.consent.source or ""
        no = self._place.ledger.last_no(email_key(contact.email or ""), who)
        return contact.consent.status is S.PENDING and source.startswith("mailchimp:") and no is None

    def _wrong(self, kind: str, about: str) -> None:
        from tests.simulator.sim import Wrong

        raise Wrong(kind, about)

    # -- at the end

    def state_of_rows(self) -> list[Any]:
        """What is agreed and how each stands, without times."""
        return [
            (r.contact_id, r.email_key, r.state, r.reason, r.base, r.status, r.due_at, r.claim)
            for r in self._place.all_rows()
        ]

    def no_one_waits(self, when: str) -> None:
        """Everybody's state is an end."""
        for row in self._place.all_rows():
            if row.state == "waiting" and row.contact_id:
                self._wrong("waiting", f"{when}, {row.contact_id} ({row.email_key}) waits: {row.reason}")

    def all_is_well(self) -> None:
        """Both sides are equal, or the reason is true; nobody and nothing was lost."""
        self.no_one_waits("at the end")
        self._members_now = self._members()
        self._by_address = {email_key(m["email_address"]): m for m in self._members_now.values()}
        self._living = self._sim.contacts_now()
        self._rows = self._place.rows()
        self._nobody_is_lost()
        for contact in self._living.values():
            self._contact_is_well(contact)
        self._nothing_was_lost()

    def _nobody_is_lost(self) -> None:
        lost = self._sim.ever - self._living.keys()
        if lost:
            self._wrong("contact_lost", f"contacts are gone that nobody deleted: {sorted(lost)}")
        linked: dict[str, str] = {}
        for who, row in self._rows.items():
            known = row.mailchimp_contact_id
            if who in self._living and known and known in linked:
                self._wrong("double", f"{who} and {linked[known]} are linked with one member")
            if who in self._living and known:
                linked[known] = who
        here = {email_key(c.email or "") for c in self._living.values()}
        for address, member in self._by_address.items():
            if member["status"] == "archived" or address in here:
                continue
            rows = [r for r in self._place.all_rows() if r.mailchimp_contact_id == member["contact_id"]]
            if not any(
                r.reason in {"deleted_here", "no_address", "by_choice"} or r.state == "failing" for r in rows
            ):
                states = [(r.contact_id, r.state, r.reason) for r in rows]
                self._wrong(
                    "member_alone", f"the member {address} ({member['status']}) has no contact: {states}"
                )

    def _contact_is_well(self, contact: Any) -> None:
        row = self._rows.get(contact.id)
        address = email_key(contact.email or "")
        if row is None:
            self._wrong("no_row", f"{contact.id} ({address}) has no row in this audience")
        member = self._by_address.get(address)
        consent = self._place.towards(contact)
        contact = replace(contact, consent=consent)
        about = f"{contact.id} ({address}, {consent.status}) is {row.state} ({row.reason})"
        if (contact.id in self._place.chosen) != (row.reason == "by_choice"):
            self._wrong("choice", f"{about}; left out are {sorted(self._place.chosen)}")
        if member is not None:
            self._opt_out_counts(contact, member, about)
        if row.state == "in_sync":
            if member is None or member["contact_id"] != row.mailchimp_contact_id:
                found = member and (member["status"], member["contact_id"])
                self._wrong("unequal", f"{about}, and the member there is {found}")
            self._is_equal(contact, member, about)
        elif row.state == "excluded":
            if self._is_anothers(contact, member):
                member = None
            check = getattr(self, f"_is_{row.reason}", None)
            if check is None or not check(contact, member):
                self._wrong(
                    f"untrue_{row.reason}", f"{about}, and the member there is {member and member['status']}"
                )
            if member is not None and member["status"] == "subscribed" and row.reason not in _MAY_STAY:
                self._wrong("left_out", f"{about}, and the member there is subscribed")
        elif row.state == "failing" and not self._is_true_failure(row, contact, member):
            there = member and member["status"]
            self._wrong(f"untrue_{row.reason}", f"{about}: {row.detail}; there: {there}")

    def _is_equal(self, contact: Any, member: Any, about: str) -> None:
        if contact.consent.status not in AGREE.get(member["status"], set()):
            self._wrong("unequal", f"{about}, and the member there is {member['status']}")
        if member["status"] not in KEPT_UP:
            return
        for name, tag in self._place.tags.items():
            mine, its = contact.fields.get(name), member["merge_fields"].get(tag)
            if (mine or None) != (its or None):
                self._wrong("unequal", f"{about}: {name} is {mine!r} here and {its!r} there")
        if set(contact.tags) != set(member["tags"]):
            self._wrong("unequal", f"{about}: tags {sorted(contact.tags)} here, {member['tags']} there")

    def _is_anothers(self, contact: Any, member: Any) -> bool:
        """Whether another contact with the same address is the one who is linked with the member."""
        known = member and member["contact_id"]
        return any(
            row.mailchimp_contact_id == known and who != contact.id and who in self._living
            for who, row in self._rows.items()
            if known
        )

    def _opt_out_counts(self, contact: Any, member: Any, about: str) -> None:
        """An opt-out is a person's: it counts for every contact with the address."""
        ledger, address = self._place.ledger, email_key(contact.email or "")
        # Who archives a member at another address has said nothing about this one.
        said = [a for a in ledger.no if contact.id in a.contacts]
        said = [a for a in said if not a.about_address or a.address == address]
        said = [a for a in said if a.kind != "there:archive" or a.address == address]
        left = max((act.at for act in said), default=None)
        people, its = self._sim.people(address), member["contact_id"]
        acts = (*ledger.yes, *ledger.back)
        came = [
            act.at
            for act in acts
            if act.concerns(address, None) or act.contacts & people or act.member == its
        ]
        if member["status"] != "subscribed" or contact.consent.status is not S.UNSUBSCRIBED or not left:
            return
        if all(at < left for at in came):
            self._wrong("optout", f"{about}, later than any yes, and the member is still subscribed")

    # -- whether a reason is true

    def _is_no_consent(self, contact: Any, member: Any) -> bool:
        said = {S.NONE, S.PENDING, S.SUBSCRIBED}
        return member is None and (contact.consent.status in said or self._left_another(contact))

    def _is_no_address(self, contact: Any, member: Any) -> bool:
        return not contact.email

    def _is_unsubscribed(self, contact: Any, member: Any) -> bool:
        return member is None and (contact.consent.status is S.UNSUBSCRIBED or self._left_another(contact))

    def _left_another(self, contact: Any) -> bool:
        """Whoever has left one audience is not added to the next on an older yes."""
        others = (place for place in self._sim.places if place is not self._place)
        return any(place.towards(contact).status in {S.UNSUBSCRIBED, S.CLEANED} for place in others)

    def _is_by_choice(self, contact: Any, member: Any) -> bool:
        """Nothing is carried over for them, but that they left: on both sides."""
        row = self._rows[contact.id]
        member = self._members_now.get(row.mailchimp_contact_id)
        if member is None or member["status"] not in {"unsubscribed", "cleaned"}:
            return True
        address, ledger = email_key(contact.email or ""), self._place.ledger
        yes, no = ledger.last_yes(address, contact.id), ledger.last_no(address, contact.id)
        came_back = yes is not None and (no is None or yes > no.at)
        return came_back or contact.consent.status in {S.UNSUBSCRIBED, S.CLEANED}

    def _is_cleaned(self, contact: Any, member: Any) -> bool:
        if member is None:
            return contact.consent.status is S.CLEANED or self._left_another(contact)
        return member["status"] == "cleaned" and contact.consent.status in {S.CLEANED, S.UNSUBSCRIBED}

    def _is_archived(self, contact: Any, member: Any) -> bool:
        # Whoever was archived does not come back by way of a new address.
        row = self._rows[contact.id]
        known = self._members_now.get(row.mailchimp_contact_id)
        return any(found is not None and found["status"] == "archived" for found in (member, known))

    def _is_moved(self, contact: Any, member: Any) -> bool:
        return member is None

    def _is_deleted_there(self, contact: Any, member: Any) -> bool:
        return member is None

    def _is_true_failure(self, row: Any, contact: Any, member: Any) -> bool:
        address = email_key(contact.email or "")
        if row.reason == "email_taken":
            return any(
                email_key(other.email or "") == address and other.id != contact.id
                for other in self._living.values()
            )
        if row.reason == "email_forgotten":
            return address in self._forgotten()
        return False

    def _forgotten(self) -> set[str]:
        return {a.address or "" for a in self._place.ledger.no if a.kind == "there:delete"}

    # -- whose write survives

    def _nothing_was_lost(self) -> None:
        for who, known in self._pairs.items():
            contact, row = self._living.get(who), self._rows.get(who)
            member = self._members_now.get(known)
            if contact is None or row is None or member is None:
                continue
            if any(who in witness._spoiled for witness in self._sim.witnesses):
                continue
            if row.state != "in_sync" or row.mailchimp_contact_id != known:
                continue
            for name in (*FIELDS, *TAGS):
                self._survives(who, name, contact)

    def _survives(self, who: str, name: str, contact: Any) -> None:
        """What is there now is what somebody wrote last on one of the sides; or nobody wrote anything, and it
        is what was there before."""
        now = _value(contact, name)
        there = [
            (witness.may_be_unseen(who, name), witness.written_there(who, name))
            for witness in self._sim.witnesses
        ]
        written = [self._here.get((who, name), _NOT), *(value for is_out, value in there if not is_out)]
        wanted = [value for value in written if value is not _NOT]
        if not wanted or any(witness.met(who) for witness in self._sim.witnesses):
            wanted.append(_value(self._values[who], name))
        # It may have come, or not.
        wanted += [value for is_out, value in there if is_out and value is not _NOT]
        if not any((now or None) == (value or None) for value in wanted):
            self._wrong("lost", f"{name} of {who} is {now!r}, and should be one of {wanted}")

    def met(self, who: str) -> bool:
        """Whether the member with whom this contact is linked came in this round."""
        row = self._place.rows().get(who)
        return row is not None and row.mailchimp_contact_id in self._met

    def may_be_unseen(self, who: str, name: str) -> bool:
        """Whether nobody need have seen what was written there: the contact is left out of the audience by
        choice, or the field was deleted afterwards."""
        return who in self._place.chosen or name in self._gone

    def field_is_gone(self, name: str) -> None:
        """The marketer has deleted a field, with what was written in it."""
        self._gone.add(name)

    def written_there(self, who: str, name: str) -> Any:
        """What was last written to the member with whom this contact is linked; `_NOT` for nothing."""
        row = self._place.rows().get(who)
        return self._there.get((row.mailchimp_contact_id, name), _NOT) if row else _NOT


def _value(contact: Any, name: str) -> Any:
    return name[4:] in contact.tags if name.startswith("tag ") else contact.fields.get(name)


_NOT = object()
