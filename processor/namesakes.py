"""Contacts with one address. An opt-out is a person's: what one of them says of leaving counts for all,
before and after, under whatever id, until a yes that is later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from processor.domain.contact import Consent, ConsentStatus, Contact, email_key
from processor.domain.edit import LEFT, ContactPatch, Edit, consent_json
from processor.domain.namesake import MAILED, has_left_too, is_later, later, taken_off
from processor.store import Connection, contacts
from processor.store.contacts import ContactRow

NOTE = "consent was kept: somebody with this address has left, after that time."


def of_leaving(
    c: Connection, account_id: str, patches: Mapping[str, ContactPatch], known: Mapping[str, Contact]
) -> set[str]:
    """Return the ids of the contacts that share an address with somebody who leaves by these writes, or comes
    to it having left: they are to be locked as well. `known` are the contacts that are written to."""
    addresses: set[str] = set()
    for contact_id, patch in patches.items():
        held = known.get(contact_id)
        leaves = isinstance(patch.consent, Consent) and patch.consent.status in LEFT
        if leaves and held is not None and held.email:
            addresses.add(email_key(held.email))
        has_left = held is not None and held.consent.status in LEFT
        if isinstance(patch.email, str) and (leaves or has_left):
            addresses.add(email_key(patch.email))
    found = contacts.find_by_email_keys(c, account_id, sorted(addresses))
    return {contact.id for same in found.values() for contact in same}


def keep_out(
    c: Connection, account_id: str, edits: Sequence[Edit], held: Mapping[str, ContactRow]
) -> list[Edit]:
    """Return the edits, in their order, with nobody subscribed who left under another id, or before their
    contact was deleted (`held` has the deleted ones), or by another of these edits, on a yes that is not
    later."""
    new = [e for e in edits if _is_news(e)]
    yes = {_address(e.contact) for e in new if _may_be_kept_out(e)} - {""}
    left = {**contacts.who_left(c, account_id, sorted(yes))}
    for address, no in _said_no(new).items():
        left[address] = later(no, left.get(address))
    return [_kept_out(e, _last_no(e, left.get(_address(e.contact)), held)) for e in edits]


def take_off(held: Mapping[str, ContactRow], edits: Sequence[Edit], now: datetime) -> list[Edit]:
    """Return what follows for the other contacts that are `held`: whoever has the address of somebody who has
    just left, and said yes before that, has left as well; and whoever had left before has left again, so that
    nothing older than this leads them back."""
    said_no = _said_no([e for e in edits if _is_news(e)])
    written = {e.contact.id for e in edits}
    others = [row.contact for row in held.values() if not row.is_deleted and row.contact.id not in written]
    return [
        taken_off(contact, no, now)
        for contact in others
        if (no := said_no.get(_address(contact))) is not None and has_left_too(contact.consent, no)
    ]


def _last_no(edit: Edit, at_address: Consent | None, held: Mapping[str, ContactRow]) -> Consent | None:
    """The last no of whoever has the edit's address, or had its id: an opt-out goes along to another one."""
    before = held.get(edit.contact.id)
    if not edit.created or before is None or before.contact.consent.status is not ConsentStatus.UNSUBSCRIBED:
        return at_address
    return later(before.contact.consent, at_address)


def _is_news(edit: Edit) -> bool:
    return not edit.stale and (edit.created or "consent" in edit.what or "email" in edit.what)


def _may_be_kept_out(edit: Edit) -> bool:
    """Whoever is to be mailed or asked; and a contact made anew under the id of a deleted one, whose row is
    all that remembers the opt-out and its time."""
    return edit.contact.consent.status in MAILED or (edit.created and edit.contact.version > 1)


def _address(contact: Contact) -> str:
    return email_key(contact.email or "")


def _said_no(edits: Sequence[Edit]) -> dict[str, Consent]:
    said: dict[str, Consent] = {}
    for edit in edits:
        address, consent = _address(edit.contact), edit.contact.consent
        if address and consent.status in LEFT:
            said[address] = later(consent, said.get(address))
    return said


def _kept_out(edit: Edit, no: Consent | None) -> Edit:
    yes = edit.contact.consent
    if no is None or edit.stale or not _may_be_kept_out(edit) or is_later(yes, no):
        return edit
    if yes.status in LEFT and no.status is not ConsentStatus.UNSUBSCRIBED:
        return edit  # a bounce takes no opt-out's place
    before = edit.what["consent"][0] if "consent" in edit.what else consent_json(yes)
    what = {**edit.what, "consent": (before, consent_json(no))}
    version = edit.contact.version + (0 if edit.what or edit.created else 1)
    contact = replace(edit.contact, consent=no, version=version)
    return replace(edit, contact=contact, what=what, notes=(*edit.notes, NOTE))
