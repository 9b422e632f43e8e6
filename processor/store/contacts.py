"""Contacts: people as the platform holds them, one row each, whatever they are connected to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, or_, select, update

from processor.domain.contact import Consent, ConsentStatus, Contact, email_key
from processor.errors import Conflict
from processor.store import left_out
from processor.store.sql import insert_into, pieces
from processor.store.tables import connections, contacts, members

_UPDATE = (
    update(contacts)
    .where(contacts.c.account_id == bindparam("in_account"), contacts.c.id == bindparam("in_id"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                "email",
                "email_key",
                "fields",
                "tags",
                "consent_status",
                "consent_at",
                "consent_source",
                "version",
                "updated_at",
                "deleted_at",
            )
        }
    )
)


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A contact with what the platform does not see. A deleted one stays as a row, so that what it was
    called in Mailchimp can still be archived there, and so that its version goes on from where it was."""

    contact: Contact
    created_at: datetime
    deleted_at: datetime | None

    @property
    def is_deleted(self) -> bool:
        """Whether the platform has deleted it."""
        return self.deleted_at is not None


def get(c: Connection, account_id: str, contact_id: str) -> Contact | None:
    """Return the contact, or None where there is none or it was deleted."""
    return get_many(c, account_id, [contact_id]).get(contact_id)


def get_many(c: Connection, account_id: str, contact_ids: Collection[str]) -> dict[str, Contact]:
    """Return the contacts that are there and not deleted, by id."""
    found: dict[str, Contact] = {}
    for piece in pieces(contact_ids):
        query = select(contacts).where(
            contacts.c.account_id == account_id, contacts.c.id.in_(piece), contacts.c.deleted_at.is_(None)
        )
        found.update({row.id: _contact(row) for row in c.execute(query)})
    return found


def find_by_email_keys(c: Connection, account_id: str, keys: Collection[str]) -> dict[str, list[Contact]]:
    """Return the contacts that have these addresses (`domain.contact.email_key`), by address, oldest first.

    A list, because a platform may have two contacts with one address. Keys without a contact are absent.
    """
    found: dict[str, list[Contact]] = {}
    for piece in pieces(keys):
        query = select(contacts).where(
            contacts.c.account_id == account_id,
            contacts.c.email_key.in_(piece),
            contacts.c.deleted_at.is_(None),
        )
        for row in c.execute(query.order_by(contacts.c.created_at, contacts.c.id)):
            found.setdefault(row.email_key, []).append(_contact(row))
    return found


def ids_at(c: Connection, account_id: str, keys: Collection[str]) -> dict[str, list[str]]:
    """Return the ids of the contacts that `find_by_email_keys` would return."""
    found: dict[str, list[str]] = {}
    for piece in pieces(keys):
        query = select(contacts.c.email_key, contacts.c.id).where(
            contacts.c.account_id == account_id,
            contacts.c.email_key.in_(piece),
            contacts.c.deleted_at.is_(None),
        )
        for key, contact_id in c.execute(query.order_by(contacts.c.created_at, contacts.c.id)):
            found.setdefault(key, []).append(contact_id)
    return found


def who_left(c: Connection, account_id: str, keys: Collection[str]) -> dict[str, Consent]:
    """Return, by address, the latest consent of a contact who left: unsubscribed, or an address that
    bounces. Deleted contacts count too: an opt-out is a person's, and outlives the row."""
    found: dict[str, Consent] = {}
    left = (ConsentStatus.UNSUBSCRIBED, ConsentStatus.CLEANED)
    for piece in pieces(keys):
        query = select(contacts).where(
            contacts.c.account_id == account_id,
            contacts.c.email_key.in_(piece),
            contacts.c.consent_status.in_(left),
        )
        for row in c.execute(query.order_by(contacts.c.consent_at, contacts.c.id)):
            found[row.email_key] = _contact(row).consent
    return found


def lock(
    c: Connection, account_id: str, contact_ids: Collection[str], *, hold: bool = True
) -> dict[str, ContactRow]:
    """Return the contacts by id, deleted ones too, and keep others from changing them until the commit;
    not, where they are only read (`hold`).

    First in the lock order (see `processor.store`). An id that is not there is absent, and is not locked:
    `insert_many` says whether somebody else was first.
    """
    found: dict[str, ContactRow] = {}
    for piece in pieces(sorted(set(contact_ids))):
        query = (
            select(contacts)
            .where(contacts.c.account_id == account_id, contacts.c.id.in_(piece))
            .order_by(contacts.c.id)
        )
        for row in c.execute(query.with_for_update() if hold else query):
            found[row.id] = ContactRow(_contact(row), row.created_at, row.deleted_at)
    return found


def insert_many(c: Connection, new: Sequence[Contact], now: datetime) -> None:
    """Write new contacts. Raises Conflict when one of the ids is taken (also by a deleted contact): read
    again, reconcile again."""
    if not new:
        return
    rows = [{**_columns(contact, now), "created_at": now} for contact in new]
    rows.sort(key=lambda row: (row["account_id"], row["id"]))  # two that add the same must not cross
    query = insert_into(c, contacts).on_conflict_do_nothing().returning(contacts.c.id)
    written = len(c.execute(query, rows).all())
    if written < len(new):
        raise Conflict("a contact with this id exists already")


def update_many(c: Connection, changed: Sequence[Contact], now: datetime) -> None:
    """Write whole contacts over the old ones. The caller holds them by `lock`.

    A deleted one is there again after it. Safe to repeat.
    """
    if changed:
        rows = [_columns(contact, now) for contact in changed]
        c.execute(
            _UPDATE,
            [
                {
                    "in_account": row.pop("account_id"),
                    "in_id": row.pop("id"),
                    "new_deleted_at": None,
                    **{f"new_{name}": value for name, value in row.items()},
                }
                for row in rows
            ],
        )


def rename(c: Connection, account_id: str, ids: Mapping[str, str]) -> None:
    """Give contacts other ids (old -> new), their members with them. What the feed told before stays under
    the old id. The caller holds the contacts by `lock`; raises Conflict where a new id is taken."""
    for old, new in sorted(ids.items()):
        mine = (contacts.c.account_id == account_id, contacts.c.id == old)
        c.execute(update(contacts).where(*mine).values(id=new))
        of_account = select(connections.c.id).where(connections.c.account_id == account_id)
        theirs = (members.c.contact_id == old, members.c.connection_id.in_(of_account))
        c.execute(update(members).where(*theirs).values(contact_id=new))
        left_out.rename(c, of_account, old, new)


def mark_deleted(c: Connection, account_id: str, contact_ids: Collection[str], now: datetime) -> list[str]:
    """Mark contacts as deleted by the platform, with a new version; return those that were not yet.

    The caller holds them by `lock`. Safe to repeat.
    """
    gone: list[str] = []
    for piece in pieces(sorted(set(contact_ids))):
        query = update(contacts).where(
            contacts.c.account_id == account_id, contacts.c.id.in_(piece), contacts.c.deleted_at.is_(None)
        )
        query = query.values(deleted_at=now, updated_at=now, version=contacts.c.version + 1)
        gone += c.scalars(query.returning(contacts.c.id))
    return sorted(gone)


def named(
    c: Connection,
    contact_id: str,
    key: str,
    account_id: str | None,
    limit: int = 20,
    *,
    with_deleted: bool = False,
) -> list[Contact]:
    """Return the contacts with this id, or this address (`domain.contact.email_key`), of one account or of
    all; deleted ones are left out, unless asked for. Without an account this reads through every contact."""
    query = select(contacts).where(or_(contacts.c.id == contact_id, contacts.c.email_key == key))
    if not with_deleted:
        query = query.where(contacts.c.deleted_at.is_(None))
    if account_id is not None:
        query = query.where(contacts.c.account_id == account_id)
    query = query.order_by(contacts.c.account_id, contacts.c.id).limit(limit)
    return [_contact(row) for row in c.execute(query)]


def page(c: Connection, account_id: str, after_id: str | None, limit: int) -> list[Contact]:
    """Return up to `limit` contacts that are not deleted, in the order of their ids, after this one."""
    query = select(contacts).where(contacts.c.account_id == account_id, contacts.c.deleted_at.is_(None))
    if after_id is not None:
        query = query.where(contacts.c.id > after_id)
    return [_contact(row) for row in c.execute(query.order_by(contacts.c.id).limit(limit))]


def count(c: Connection, account_id: str) -> int:
    """Return how many contacts the account has, without deleted ones."""
    query = select(func.count()).where(contacts.c.account_id == account_id, contacts.c.deleted_at.is_(None))
    return c.execute(query).scalar_one()


def _columns(contact: Contact, now: datetime) -> dict[str, Any]:
    return {
        "account_id": contact.account_id,
        "id": contact.id,
        "email": contact.email,
        "email_key": None if contact.email is None else email_key(contact.email),
        "fields": dict(contact.fields),
        "tags": sorted(contact.tags),
        "consent_status": contact.consent.status.value,
        "consent_at": contact.consent.at,
        "consent_source": contact.consent.source,
        "version": contact.version,
        "updated_at": contact.updated_at or now,
    }


def _contact(row: Row[*tuple[Any, ...]]) -> Contact:
    return Contact(
        account_id=row.account_id,
        id=row.id,
        email=row.email,
        fields=row.fields,
        tags=frozenset(row.tags),
        consent=Consent(ConsentStatus(row.consent_status), row.consent_at, row.consent_source),
        version=row.version,
        updated_at=row.updated_at,
    )
