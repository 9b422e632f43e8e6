"""The platform writes and reads its contacts: each write is stored, told in the feed, and due for push."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from processor import namesakes
from processor.broker import PUSH
from processor.domain.contact import Contact, email_key
from processor.domain.edit import LEFT, ContactPatch, Edit, contact_json, edit, what_json
from processor.domain.ledger import ConsentEntry, Side, who_said
from processor.domain.outgoing import cursor_of
from processor.errors import BothwaysError, Invalid, NotFound
from processor.kit import Kit
from processor.store import (
    Connection,
    accounts,
    changes,
    conflicts,
    connections,
    consents,
    contacts,
    members,
)
from processor.store.changes import Change, Origin
from processor.store.contacts import ContactRow

MOST_AT_ONCE = 500
"""Contacts in one batch: each is one row lock in one transaction."""

ID_LENGTH = 200

PROVISIONAL = "mc_"
"""How the ids begin that we give to people whom only Mailchimp knows."""


@dataclass(frozen=True, slots=True)
class Written:
    """What one write of a batch did: the edit, or why not."""

    contact_id: str
    edit: Edit | None = None
    error: BothwaysError | None = None


@dataclass(frozen=True, slots=True)
class _Hand:
    """Who writes, and when."""

    now: datetime
    by: str | None
    wait: timedelta = timedelta()
    """How long what was written waits for more of the same contact before it goes up."""

    @property
    def why(self) -> dict[str, str]:
        return {"cause": "api", **({"by": self.by} if self.by else {})}


def put(kit: Kit, account_id: str, contact_id: str, patch: ContactPatch, by: str | None = None) -> Edit:
    """Create or change one contact. Returns what it did; `Edit.stale` where the writer's version is old. `by`
    is who wrote, for histories.

    Safe to repeat: the second time changes nothing. Raises Invalid, StoreDown.
    """
    written = put_many(kit, account_id, {contact_id: patch}, by)[0]
    if written.error is not None:
        raise written.error
    assert written.edit is not None
    return written.edit


def put_many(
    kit: Kit, account_id: str, patches: Mapping[str, ContactPatch], by: str | None = None
) -> list[Written]:
    """Create or change contacts, each on its own: one that is refused does not stop the others.

    Safe to repeat. Raises Invalid for more than MOST_AT_ONCE, StoreDown.
    """
    if len(patches) > MOST_AT_ONCE:
        raise Invalid(f"At most {MOST_AT_ONCE} contacts in one call; send the rest in the next.", "contacts")

    def in_one_transaction(c: Connection) -> tuple[list[Written], list[str]]:
        now = kit.now()
        hand = _Hand(now, by, timedelta(seconds=kit.settings.push_wait_seconds))
        accounts.ensure(c, account_id, now)
        known = contacts.get_many(c, account_id, list(patches))
        adopted = _provisional(c, account_id, patches, known)
        near = namesakes.of_leaving(c, account_id, patches, known)
        held = contacts.lock(c, account_id, sorted({*patches, *adopted.values(), *near}))
        # Whose id a deleted contact has kept cannot take the place of another; the two have one address.
        adopted = {new: old for new, old in adopted.items() if new not in held}
        written = [
            _write(contact_id, *_current(account_id, contact_id, held, adopted), patch, now)
            for contact_id, patch in patches.items()
        ]
        written = _keep_out(c, account_id, written, held)
        edits = [w.edit for w in written if w.edit is not None and not w.edit.stale]
        others = {i: row for i, row in held.items() if i not in adopted.values()}
        edits += namesakes.take_off(others, edits, now)
        return written, _store(c, account_id, edits, set(held), adopted, hand)

    written, connection_ids = kit.store.write_retrying(in_one_transaction)
    kit.bell.ring(PUSH, connection_ids)
    return written


def _provisional(
    c: Connection, account_id: str, patches: Mapping[str, ContactPatch], known: Mapping[str, Contact]
) -> dict[str, str]:
    """Return which of these writes are about somebody whom only Mailchimp knew so far, as id -> the id that
    we had given them: the platform's own id takes its place, instead of a second contact with the address.
    """
    wanted = {
        email_key(patch.email): contact_id
        for contact_id, patch in patches.items()
        if isinstance(patch.email, str) and contact_id not in known
    }
    found = contacts.find_by_email_keys(c, account_id, sorted(wanted))
    return {
        wanted[address]: contact.id
        for address, same in found.items()
        for contact in same[:1]
        if contact.id.startswith(PROVISIONAL)
    }


def _current(
    account_id: str, contact_id: str, held: Mapping[str, ContactRow], adopted: Mapping[str, str]
) -> tuple[Contact, bool]:
    """Return the contact that is written to, and whether it is a new one."""
    known = held.get(contact_id)
    if known is not None and not known.is_deleted:
        return known.contact, False
    provisional = held.get(adopted.get(contact_id, ""))
    if known is None and provisional is not None:
        return replace(provisional.contact, id=contact_id), False
    return Contact(account_id, contact_id, None, version=known.contact.version if known else 0), True


def _write(contact_id: str, current: Contact, is_new: bool, patch: ContactPatch, now: datetime) -> Written:
    try:
        if not contact_id or len(contact_id) > ID_LENGTH or "\0" in contact_id:
            raise Invalid(f"A contact's id has 1 to {ID_LENGTH} characters.", "id")
        return Written(contact_id, edit(current, patch, now, is_new=is_new))
    except Invalid as error:
        return Written(contact_id, error=error)


def _keep_out(
    c: Connection, account_id: str, written: Sequence[Written], held: Mapping[str, ContactRow]
) -> list[Written]:
    edits = iter(namesakes.keep_out(c, account_id, [w.edit for w in written if w.edit is not None], held))
    return [w if w.edit is None else replace(w, edit=next(edits)) for w in written]


def _store(
    c: Connection,
    account_id: str,
    done: Sequence[Edit],
    known: set[str],
    adopted: Mapping[str, str],
    hand: _Hand,
) -> list[str]:
    now = hand.now
    edits = [_renamed(e, adopted, known) for e in done]
    edits = [e for e in edits if e.what or e.created]
    taken = {adopted[e.contact.id]: e.contact.id for e in edits if "id" in e.what}
    contacts.rename(c, account_id, taken)
    conflicts.rename(c, account_id, taken)
    known = known | set(taken.values())
    contacts.insert_many(c, [e.contact for e in edits if e.contact.id not in known], now)
    contacts.update_many(c, [e.contact for e in edits if e.contact.id in known], now)
    urgent = {e.contact.id for e in edits if "consent" in e.what and e.contact.consent.status in LEFT}
    connection_ids = _mark_due(c, account_id, [e.contact.id for e in edits], urgent, hand)
    consents.append(c, [_ledger(e, hand) for e in edits if "consent" in e.what])
    changes.append(c, account_id, [_change(e, hand) for e in edits])
    return connection_ids


def _renamed(edit: Edit, adopted: Mapping[str, str], known: set[str]) -> Edit:
    """Say in the feed that a contact has the platform's own id from now on."""
    old = adopted.get(edit.contact.id)
    if old is None or old not in known or edit.contact.id in known:
        return edit
    bumped = edit.contact.version + (0 if edit.what else 1)
    contact = replace(edit.contact, version=bumped)
    return replace(edit, contact=contact, what={"id": (old, edit.contact.id), **edit.what})


def _mark_due(
    c: Connection, account_id: str, contact_ids: Sequence[str], urgent: set[str], hand: _Hand
) -> list[str]:
    """Make the contacts due in every connection of the account that has an audience, also in those that
    wait for a person: what waits is sent when they go on. Return the connections to ring for: what waits for
    more is found by the clock."""
    ids = connections.at_work(c, account_id)
    if ids and contact_ids:
        # All in one order first: pushes lock them in it, too.
        members.mark_due(c, ids, contact_ids, hand.now + hand.wait)
        members.mark_due(c, ids, [i for i in contact_ids if i in urgent], hand.now, urgent=True)
    return ids if urgent or not hand.wait else []


def _change(edit: Edit, hand: _Hand, *, deleted: bool = False) -> Change:
    return Change(
        contact_id=edit.contact.id,
        version=edit.contact.version,
        origin=Origin.PLATFORM,
        what=what_json(edit.what),
        why=hand.why,
        contact=None if deleted else contact_json(edit.contact),
        at=hand.now,
    )


def _ledger(edit: Edit, hand: _Hand) -> ConsentEntry:
    contact, (before, _) = edit.contact, edit.what["consent"]
    return ConsentEntry(
        contact.account_id,
        contact.id,
        Side.HERE,
        before["status"],
        contact.consent.status.value,
        who_said(contact.consent.source),
        hand.now,
        at=contact.consent.at,
        source=contact.consent.source,
        by=hand.by,
        address=contact.email,
        cause=hand.why,
    )


def get(kit: Kit, account_id: str, contact_id: str) -> Contact:
    """Return one contact. Raises NotFound, StoreDown."""
    with kit.store.read() as c:
        contact = contacts.get(c, account_id, contact_id)
    if contact is None:
        raise NotFound(f"There is no contact “{contact_id}” in this account.")
    return contact


@dataclass(frozen=True, slots=True)
class ContactsPage:
    """Contacts in the order of their ids. `cursor` leads on, None when there are no more; `changes` is where
    the feed stood before they were read."""

    contacts: Sequence[Contact]
    cursor: str | None
    changes: str


def page(kit: Kit, account_id: str, *, after: str | None = None, limit: int = 100) -> ContactsPage:
    """Return one page of an account's contacts. Safe to repeat. Raises NotFound for an account that is not
    known, StoreDown."""
    with kit.store.read() as c:
        seq = changes.last_seq(c, account_id)  # first: what comes after it is read in the feed
        found = contacts.page(c, account_id, after, limit + 1)
    cursor = found[limit - 1].id if len(found) > limit else None
    return ContactsPage(found[:limit], cursor, cursor_of(seq))


def delete(
    kit: Kit, account_id: str, contact_id: str, by: str | None = None, *, version: int | None = None
) -> Contact | None:
    """Delete one contact; what becomes of their members is the connection's rule. Safe to repeat.

    `version` is the newest one that the caller had seen: with an older one than the stored nothing is done,
    and the contact is returned as it is; else None. Raises NotFound for one that never was, StoreDown.
    """

    def in_one_transaction(c: Connection) -> tuple[list[str], Contact | None]:
        now = kit.now()
        held = contacts.lock(c, account_id, [contact_id]).get(contact_id)
        if held is None:
            raise NotFound(f"There is no contact “{contact_id}” in this account.")
        if held.is_deleted:
            return [], None
        if version is not None and version < held.contact.version:
            return [], held.contact
        contacts.mark_deleted(c, account_id, [contact_id], now)
        hand = _Hand(now, by)
        connection_ids = _mark_due(c, account_id, [contact_id], {contact_id}, hand)
        gone = replace(held.contact, version=held.contact.version + 1)
        gone_edit = Edit(gone, {"deleted": (False, True)})
        changes.append(c, account_id, [_change(gone_edit, hand, deleted=True)])
        return connection_ids, None

    connection_ids, newer = kit.store.write_retrying(in_one_transaction)
    kit.bell.ring(PUSH, connection_ids)
    return newer
