"""What one transaction of converging has on its table: locked rows, by every name they are known by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from processor.converge.rows import Rows
from processor.converge.sighting import Cause, Sighting
from processor.domain import word
from processor.domain.contact import Base, Consent, ConsentStatus, Contact, Member, MemberStatus, email_key
from processor.domain.edit import Edit, carry_out, consent_json, contact_json, what_json
from processor.domain.ledger import FROM_THERE, ConsentEntry, Side, Who, who_said
from processor.domain.permission import PERMISSION, SMS, Heard
from processor.domain.plan import ContactChange, FieldConflict
from processor.domain.word import Word
from processor.errors import Conflict
from processor.store import (
    Connection,
    changes,
    conflicts,
    connections,
    consents,
    contacts,
    gone,
    left_out,
    members,
    members_again,
    reviews,
)
from processor.store.changes import Change, Origin
from processor.store.conflicts import ConflictRow
from processor.store.connections import ConnectionRow

AUDIENCE_CONSENT = "audience_consent"
"""In the feed: what one audience's record says of a person, who has others beside it."""


class Table:
    """The rows and contacts that a set of sightings may concern."""

    def __init__(self, connection: ConnectionRow, now: datetime, cause: Cause) -> None:
        self.connection = connection
        self.policy = connection.policy
        self.now = now
        self.cause = cause
        self.rows = Rows()
        self.feed: list[Change] = []
        self.ledger: list[ConsentEntry] = []
        self.conflicts: list[ConflictRow] = []
        self._contacts: dict[str, Contact] = {}
        self._deleted: set[str] = set()
        self._candidates: dict[str, str] = {}
        self._left_out: frozenset[str] = frozenset()
        self._living: frozenset[str] = frozenset()
        self._stored: set[str] = set()
        self._dirty: set[str] = set()
        self._beside: list[str] = []
        self._words: dict[str, list[Word]] = {}
        self._gone: dict[str, list[Consent]] = {}
        self._spread: set[str] = set()

    def lay(self, c: Connection, sightings: Sequence[Sighting], *, hold: bool = True) -> None:
        """Find every row that the sightings may concern and lock them, contacts before members; without
        `hold` they are only read. Raises Conflict when one was linked anew in between."""
        known = _find_rows(c, self.connection.id, sightings)
        addresses = sorted({email_key(a) for a in _addresses(sightings)})
        self._living, self._candidates, expecting = _contacts_at(c, self.connection, addresses)
        known |= expecting
        wanted = {contact_id for contact_id in known.values() if contact_id}
        wanted |= set(self._candidates.values())
        wanted |= {own_id(s.member) for s in sightings if s.member}
        for held in contacts.lock(c, self.connection.account_id, sorted(wanted), hold=hold).values():
            self._contacts[held.contact.id] = held.contact
            self._stored.add(held.contact.id)
            if held.is_deleted:
                self._deleted.add(held.contact.id)
        # Behind the contacts, which whoever leaves somebody out holds too.
        self._left_out = frozenset(left_out.of_contacts(c, self.connection.id, self._contacts))
        beside = connections.at_work(c, self.connection.account_id)
        self._beside = [other for other in beside if other != self.connection.id]
        self._words = members.words_of(c, self._beside, wanted)  # under the contacts' locks
        for row in members.lock(c, known, hold=hold).values():
            if row.contact_id is not None and row.contact_id not in self._contacts:
                raise Conflict("the member was linked with a contact meanwhile")  # read again
            self.rows.put(row, dirty=False)
        connected = {*beside, self.connection.id}
        newcomers = self._newcomers()
        self._gone = gone.said_there(c, self.connection.account_id, newcomers, connected)
        for row_id, contact_id in expecting.items():
            place, locked = self.rows.find(("id", row_id))
            if place is not None and locked is not None and contact_id in self._contacts:
                self.rows.expect(email_key(self._contacts[contact_id].email or ""), locked)

    def _newcomers(self) -> list[Contact]:
        """The contacts of whom nothing was agreed in this audience yet."""
        met = self.rows.met()
        return [contact for i, contact in self._contacts.items() if i not in met and i not in self._deleted]

    def contact(self, contact_id: str | None) -> Contact | None:
        """The living contact with this id."""
        if contact_id is None or contact_id in self._deleted:
            return None
        return self._contacts.get(contact_id)

    def is_left_out(self, contact_id: str | None) -> bool:
        """Whether somebody chose to leave this contact out of this audience."""
        return contact_id in self._left_out

    def tombstone(self, contact_id: str) -> Contact | None:
        """The deleted contact with this id."""
        return self._contacts.get(contact_id) if contact_id in self._deleted else None

    def is_somebodys(self, address: str) -> bool:
        """Whether a living contact of the account has this address, whatever member it is linked with."""
        return email_key(address) in self._living

    def claim_contact(self, address: str) -> str | None:
        """Take the account's contact with this address that no member is linked with, if there is one."""
        return self._candidates.pop(email_key(address), None)

    def put_contact(self, contact: Contact) -> None:
        """Keep a changed or new contact; a deleted one lives again."""
        self._contacts[contact.id] = contact
        self._deleted.discard(contact.id)
        self._dirty.add(contact.id)

    def write(self, c: Connection) -> None:
        """Write what changed; the feed comes last, since its row lock is held until the commit."""
        fresh = [self._contacts[i] for i in sorted(self._dirty - self._stored)]
        known = [self._contacts[i] for i in sorted(self._dirty & self._stored)]
        contacts.insert_many(c, fresh, self.now)
        contacts.update_many(c, known, self.now)
        members.delete_many(c, self.rows.dropped())  # first: the row that takes over has its names
        members.insert_many(c, self.rows.new(), self.now)
        changed = self.rows.changed()
        members.update_many(c, changed, self.now, self.rows.differing(changed))
        if self._beside and self._spread:
            # What this audience told goes on to the account's others.
            members.mark_due(c, self._beside, sorted(self._spread), self.now)
        self._let_in_who_waits(c)
        if self.rows.cause_changed():
            reviews.mark(c, [self.connection.id], self.now)
        consents.append(c, self.ledger)
        conflicts.note(c, self.conflicts)
        changes.append(c, self.connection.account_id, self.feed)

    def _let_in_who_waits(self, c: Connection) -> None:
        """Whoever could not come to an address because of the member there tries again when it is left."""
        freed = self.rows.freed()
        found = contacts.ids_at(c, self.connection.account_id, sorted(freed)) if freed else {}
        waiting = [contact_id for same in found.values() for contact_id in same]
        if waiting:
            members_again.look_again(c, self.connection.id, {"email_taken"}, self.now, contact_ids=waiting)

    @property
    def is_only(self) -> bool:
        """Whether the account keeps no other audience in step."""
        return not self._beside

    def towards(
        self, contact: Contact, known: Word | None, base: Base | None, status: MemberStatus | None
    ) -> Contact:
        """Return the contact with its consent towards this audience (`domain/word`)."""
        heard = [one.heard for one in self._words.get(contact.id, ())]
        elsewhere = word.last_no([*heard, *self._gone.get(contact.id, ())])
        consent = word.towards(
            contact.consent, known, base, status, is_only=self.is_only, elsewhere=elsewhere
        )
        return replace(contact, consent=consent)

    def hear(
        self,
        contact: Contact,
        before: Consent,
        known: Word | None,
        change: ContactChange,
        why: dict[str, Any],
    ) -> tuple[Edit, Word | None]:
        """Write what follows from this audience here. Returns what became of the contact, and the audience's
        word as it is to be remembered. `before` is the contact's consent towards the audience until now."""
        heard = change.consent
        if heard is None or change.create or word.may_replace(contact.consent, known, is_only=self.is_only):
            edit = carry_out(contact, change, self.now)
        else:
            edit = carry_out(contact, replace(change, consent=None), self.now)
            if heard != before:
                edit = self._told_apart(edit, before, heard)
        if edit.what or change.create:
            self.tell(edit, why)
        if heard is not None and heard != before:
            self.record(replace(edit.contact, consent=heard), before.status.value, heard.source, why)
        if heard is None or heard.status is ConsentStatus.NONE:
            return edit, known
        return edit, Word(heard, edit.contact.consent)

    def _told_apart(self, edit: Edit, before: Consent, heard: Consent) -> Edit:
        """Tell in the feed what is said of one audience, and is not the contact's own consent."""
        where = {"connection": self.connection.id}
        pair = ({**consent_json(before), **where}, {**consent_json(heard), **where})
        bumped = 0 if edit.what else 1
        contact = replace(edit.contact, version=edit.contact.version + bumped, updated_at=self.now)
        return Edit(contact, {**edit.what, AUDIENCE_CONSENT: pair})

    def tell(self, edit: Edit, why: dict[str, Any]) -> None:
        """Keep a contact that was written, and put it into the feed."""
        self.put_contact(edit.contact)
        if any(not _is_of_one_audience(name) for name in edit.what.keys() - {"consent"}):
            self._spread.add(edit.contact.id)
        self.feed.append(
            Change(
                contact_id=edit.contact.id,
                version=edit.contact.version,
                origin=Origin.MAILCHIMP,
                what=what_json(edit.what),
                why=why,
                contact=contact_json(edit.contact),
                at=self.now,
            )
        )

    def record(self, contact: Contact, before: str, source: str | None, why: dict[str, Any]) -> None:
        """Put the contact's status into the ledger of consents, with the evidence for it."""
        self.ledger.append(
            ConsentEntry(
                contact.account_id,
                contact.id,
                Side.HERE,
                before,
                contact.consent.status.value,
                who_said(source),
                self.now,
                connection_id=self.connection.id,
                at=contact.consent.at,
                source=source,
                address=contact.email,
                cause=why,
            )
        )

    def why(self) -> dict[str, Any]:
        """Return the cause of what is written, as the feed and the ledger tell it."""
        told: dict[str, Any] = {"cause": self.cause.kind, "connection": self.connection.id}
        if self.cause.event_ids:
            told["events"] = [f"evt_{i}" for i in self.cause.event_ids[:20]]
        return told

    def hear_beside(
        self, contact: Contact, heard: Heard, why: dict[str, Any], side: Side = Side.THERE
    ) -> None:
        """Put what Mailchimp tells of a marketing permission, or of SMS, into the ledger of consents; on the
        side HERE, that what the platform had said of it counts no more."""
        cause = {**why, **({"text": heard.text} if heard.text else {})}
        self.ledger.append(
            ConsentEntry(
                contact.account_id,
                contact.id,
                side,
                heard.before,
                heard.after,
                Who.MAILCHIMP,
                self.now,
                connection_id=self.connection.id,
                at=heard.at,
                source=FROM_THERE + heard.name.partition(".")[0],
                address=contact.email,
                about=heard.name,
                cause=cause,
            )
        )

    def tell_beside(self, contact_id: str, news: Sequence[Heard], why: dict[str, Any]) -> None:
        """Tell the platform of them: of one audience, and by whose words there."""
        contact = self.contact(contact_id)
        if contact is None:
            return
        texts = {heard.name: heard.text for heard in news if heard.text}
        told = replace(contact, version=contact.version + 1, updated_at=self.now)
        what = {heard.name: (heard.before, heard.after) for heard in news}
        self.tell(Edit(told, what), {**why, **({"texts": texts} if texts else {})})

    def dispute(self, contact_id: str, found: Sequence[FieldConflict]) -> None:
        """Write conflicts down, with both values."""
        for one in found:
            row = ConflictRow(
                self.connection.account_id,
                self.connection.id,
                contact_id,
                one.field,
                one.ours,
                one.theirs,
                one.winner,
                self.now,
            )
            self.conflicts.append(row)


def _is_of_one_audience(name: str) -> bool:
    return name in {AUDIENCE_CONSENT, SMS} or name.startswith(PERMISSION)


def own_id(member: Member) -> str:
    """The id of a contact that only Mailchimp knew: the same however often it is seen."""
    return f"mc_{member.contact_id or member.id}"


def _addresses(sightings: Iterable[Sighting]) -> Iterable[str]:
    for sighting in sightings:
        if sighting.member:
            yield sighting.member.email
        if sighting.address:
            yield sighting.address


def _find_rows(c: Connection, connection_id: str, sightings: Sequence[Sighting]) -> dict[int, str | None]:
    """Return the ids of the rows in question with the contacts that they are linked with; not locked yet."""
    return members.links(
        c,
        connection_id,
        mailchimp_contact_ids=[s.member.contact_id for s in sightings if s.member and s.member.contact_id],
        member_ids=[s.member.id for s in sightings if s.member],
        email_keys=[email_key(a) for a in _addresses(sightings)],
        row_ids=[s.row_id for s in sightings if s.row_id is not None],
    )


def _contacts_at(
    c: Connection, connection: ConnectionRow, addresses: Sequence[str]
) -> tuple[frozenset[str], dict[str, str], dict[int, str]]:
    """Return which of the addresses contacts have, and the contacts that no member was seen for: by address
    those without a row, and by the number of their rows those that are on their way up. The webhook of a
    member whom a push has just added may come before the answer to that push."""
    by_address = contacts.ids_at(c, connection.account_id, addresses)
    ids = [contact_id for found in by_address.values() for contact_id in found]
    rows = members.rows_of_contacts(c, connection.id, ids)
    free: dict[str, str] = {}
    expecting: dict[str, tuple[int, str]] = {}
    for address, found in by_address.items():
        for contact_id in found:
            if contact_id not in rows:
                free.setdefault(address, contact_id)
            elif not rows[contact_id][1]:
                expecting.setdefault(address, (rows[contact_id][0], contact_id))
    return frozenset(by_address), free, dict(expecting.values())
