"""Erases one person, as the law asks: here at once, in Mailchimp as soon as it answers.

Contact, links and history go in one transaction, in which nothing but hashes is kept to find the rest by:
deliveries that name them, and the member in each audience. Until that is done a mark stands for them, so
that neither a webhook nor a sweep brings them back.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

from processor.broker import COLLECT, ERASE, PREVIEW, PROCESS, PUSH, SWEEP
from processor.domain.connection import ConnectionState
from processor.domain.contact import email_key, subscriber_hash
from processor.erasing import PlaceState, delete_there
from processor.errors import NotFound
from processor.kit import Kit
from processor.log import bind, say
from processor.mailchimp.naming import names_one_of
from processor.store import Connection, changes, connections, contacts, erasures, members, photos, traces
from processor.store.changes import Change, Origin
from processor.store.erasures import ErasureRow
from processor.store.ids import new_id
from processor.store.members import MemberRow
from processor.turn import places, turn

logger = logging.getLogger(__name__)

TRY_AGAIN = timedelta(minutes=1)
SOON = timedelta(seconds=2)
PAGE = 200
"""Deliveries read at once: each may be as large as the receiver takes."""
WORK = (PROCESS, *places(PUSH), COLLECT, SWEEP, PREVIEW)
"""Work in which a view of the member may be under way, or a line of a preview that names them."""


def erase(kit: Kit, account_id: str, contact_id: str) -> ErasureRow:
    """Erase a contact. What is here is gone when this returns, but for kept deliveries and previews, which
    workers go through; then Mailchimp is asked to delete them for good, until it has.

    Safe to repeat: returns the erasure that there is. Raises NotFound for a contact that left no trace,
    StoreDown.
    """
    row = kit.store.write_retrying(lambda c: _begin(c, kit, account_id, contact_id))
    if row.finished_at is None:
        kit.bell.ring(ERASE, [row.id])
    return row


def get(kit: Kit, erasure_id: str, account_id: str | None) -> ErasureRow:
    """Return how far an erasure is. Raises NotFound, also for another account's; StoreDown."""
    with kit.store.read() as c:
        row = erasures.get(c, erasure_id)
    if row is None or account_id not in {None, row.account_id}:
        raise NotFound(f"There is no erasure “{erasure_id}”.")
    return row


def _begin(c: Connection, kit: Kit, account_id: str, contact_id: str) -> ErasureRow:
    now = kit.now()
    held = contacts.lock(c, account_id, [contact_id]).get(contact_id)
    known = traces.known_as(c, account_id, contact_id)
    earlier = erasures.of_contact(c, account_id, contact_id)
    if held is None and earlier is not None:
        return earlier
    addresses = set(known.addresses)
    if held is not None and held.contact.email:
        addresses.add(email_key(held.contact.email))
    rows = traces.members_of(c, account_id, known.ids, addresses)
    if held is None and not known.changes and not rows:
        raise NotFound(f"There is no contact “{contact_id}” in this account.")
    addresses |= {row.email_key for row in rows if row.email_key}
    address = email_key(held.contact.email) if held is not None and held.contact.email else None
    places = _places(c, account_id, rows, address)
    there = [row for row in rows if row.member_id]
    traces.blank(c, [row.id for row in there], now)
    members.delete_many(c, [row.id for row in rows if row not in there])
    marked = {(row.connection_id, row.member_id) for row in there}
    traces.mark(c, {(p["connection_id"], p["member_id"]) for p in places} - marked, now)
    removed = {
        "contacts": traces.delete_contact(c, account_id, {contact_id}),
        "changes": traces.delete_changes(c, account_id, known.ids),
        **traces.delete_history(c, account_id, known.ids),
        "members": len(rows),
        "deliveries": 0,
        "photos": 0,
        "preview_pages": 0,
    }
    row = ErasureRow(
        id=new_id("era"),
        account_id=account_id,
        contact_id=contact_id,
        places=places,
        what={"removed": removed, "names": _names(addresses, rows), "read_to": {}},
        begun_at=now,
        finished_at=None,
        next_try_at=now,
    )
    erasures.begin(c, row)
    version = held.contact.version + 1 if held is not None else 1
    changes.append(c, account_id, [_told(contact_id, version, row.id, kit)])
    say(logger, logging.INFO, "erasing", erasure=row.id, account=account_id)
    return row


def _places(
    c: Connection, account_id: str, rows: Sequence[MemberRow], address: str | None
) -> list[dict[str, Any]]:
    """Every audience that the account has connected: where no member is known, one may be on the way."""
    places = []
    for connection in connections.for_account(c, account_id):
        if connection.audience_id is None or connection.state == ConnectionState.REMOVED:
            continue
        mine = [row for row in rows if row.connection_id == connection.id]
        found = [_place(row, address) for row in mine if row.member_id or row.mailchimp_contact_id]
        if address is not None and subscriber_hash(address) not in {place["member_id"] for place in found}:
            # Added, or moved there, by a call whose answer never came.
            found.append(_place(MemberRow(connection.id), address))
        places += [place for place in found if place["member_id"]]
    return places


def _place(row: MemberRow, address: str | None) -> dict[str, Any]:
    return {
        "connection_id": row.connection_id,
        "member_id": row.member_id or (subscriber_hash(address) if address else None),
        "mailchimp_contact_id": row.mailchimp_contact_id,
        "state": PlaceState.WAITING,
        "code": None,
    }


def _names(addresses: Collection[str], rows: Sequence[MemberRow]) -> dict[str, list[str]]:
    """By what deliveries are found that name them: hashes of addresses, and Mailchimp's ids."""
    ids = {row.mailchimp_contact_id for row in rows} | {
        row.theirs.unique_email_id for row in rows if row.theirs is not None
    }
    return {
        "hashes": sorted({subscriber_hash(address) for address in addresses}),
        "ids": sorted(i for i in ids if i),
    }


def _told(contact_id: str, version: int, erasure_id: str, kit: Kit) -> Change:
    return Change(
        contact_id=contact_id,
        version=version,
        origin=Origin.PLATFORM,
        what={"erased": {"before": False, "after": True}},
        why={"cause": "erasure", "erasure": erasure_id},
        contact=None,
        at=kit.now(),
    )


# What workers do ----------------------------------------------------------------------------------------


def finish(kit: Kit, erasure_id: str) -> bool:
    """Do what is left of an erasure. Returns whether it is finished.

    Safe to repeat and to run anywhere at once. Raises StoreDown.
    """
    kit.bell.answered(ERASE, erasure_id)
    with turn(kit, ERASE, erasure_id) as mine, bind(erasure=erasure_id):
        with kit.store.read() as c:
            row = erasures.get(c, erasure_id)
        if row is None or row.finished_at is not None:
            return True
        if not mine:
            return False
        with kit.store.write() as c:  # whoever is cut off here is followed by another
            erasures.change(c, erasure_id, next_try_at=kit.now() + TRY_AGAIN)
        row = _clean(kit, row)
        row = _delete_in_mailchimp(kit, row, [p["connection_id"] for p in row.places])
        if any(place["state"] == PlaceState.WAITING for place in row.places):
            return False
        return _end(kit, row)


def _clean(kit: Kit, row: ErasureRow) -> ErasureRow:
    """Delete their photos and the deliveries that name them, and the pages of previews, which name
    everybody. Pictures in Mailchimp stay: nobody can tell who is on them."""
    with kit.store.read() as c:
        theirs_here = photos.of_contact(c, row.account_id, row.contact_id)
    for photo in theirs_here:
        if photo.stored is not None:
            kit.storage.delete(photo.key)  # before its row, which says where it is
        row = _count_photo(kit, row, photo.id)
    with kit.store.read() as c:
        theirs = [connection.id for connection in connections.for_account(c, row.account_id)]
    for connection_id in theirs:
        while (further := _clean_page(kit, row, connection_id)) is not None:
            row = further
    return kit.store.write_retrying(
        lambda c: _count(c, row, "preview_pages", traces.delete_previews(c, row.account_id))
    )


def _count_photo(kit: Kit, row: ErasureRow, photo_id: str) -> ErasureRow:
    return kit.store.write_retrying(lambda c: _count(c, row, "photos", int(photos.delete(c, photo_id))))


def _clean_page(kit: Kit, row: ErasureRow, connection_id: str) -> ErasureRow | None:
    read_to = row.what["read_to"]
    with kit.store.read() as c:
        page = traces.deliveries(c, connection_id, read_to.get(connection_id, 0), PAGE)
    if not page:
        return None
    hashes, ids = frozenset(row.what["names"]["hashes"]), frozenset(row.what["names"]["ids"])
    found = [
        one.id
        for one in page
        if names_one_of(one.body, hashes, ids)
        or (one.subject is not None and subscriber_hash(one.subject) in hashes)
    ]
    what = {**row.what, "read_to": {**read_to, connection_id: page[-1].id}}
    further = replace(row, what=what)
    return kit.store.write_retrying(
        lambda c: _count(c, further, "deliveries", traces.delete_deliveries(c, found))
    )


def _count(c: Connection, row: ErasureRow, name: str, more: int) -> ErasureRow:
    removed = {**row.what["removed"], name: row.what["removed"].get(name, 0) + more}
    counted = replace(row, what={**row.what, "removed": removed})
    erasures.change(c, row.id, what=counted.what)
    return counted


def _delete_in_mailchimp(kit: Kit, row: ErasureRow, connection_ids: Collection[str]) -> ErasureRow:
    """Ask for the deletion in each audience where it is not done, and write down what came of it."""
    places = list(row.places)
    for n, place in enumerate(places):
        if place["connection_id"] not in connection_ids or place["state"] != PlaceState.WAITING:
            continue
        with kit.store.read() as c:
            connection = connections.get(c, place["connection_id"])
        places[n] = delete_there(kit, connection, place)
        with kit.store.write() as c:
            erasures.change(c, row.id, places=places)
    return replace(row, places=places)


def _end(kit: Kit, row: ErasureRow) -> bool:
    """Look once more where nobody was found, clean up what arrived meanwhile, and take the marks away: all
    while nobody works on these audiences, since whoever read a member before would bring them back."""
    ids = sorted({place["connection_id"] for place in row.places})
    with ExitStack() as held:
        turns = [held.enter_context(turn(kit, kind, i)) for i in ids for kind in WORK]
        if not all(turns):
            with kit.store.write() as c:
                erasures.change(c, row.id, next_try_at=kit.now() + SOON)
            return False
        # Somebody may have been adding them while they were looked for.
        again = [
            {**p, "state": PlaceState.WAITING} if p["state"] == PlaceState.ABSENT else p for p in row.places
        ]
        row = _delete_in_mailchimp(kit, replace(row, places=again), ids)
        if any(place["state"] == PlaceState.WAITING for place in row.places):
            return False
        row = _clean(kit, row)
        kit.store.write_retrying(lambda c: _finished(c, kit, row))
    say(logger, logging.INFO, "erased", account=row.account_id)
    return True


def _finished(c: Connection, kit: Kit, row: ErasureRow) -> None:
    for place in row.places:
        traces.unmark(c, place["connection_id"], place["member_id"], place["mailchimp_contact_id"])
    bare = [{"connection_id": p["connection_id"], "state": p["state"], "code": None} for p in row.places]
    erasures.change(
        c,
        row.id,
        places=bare,
        what={"removed": row.what["removed"]},
        finished_at=kit.now(),
        next_try_at=None,
    )
