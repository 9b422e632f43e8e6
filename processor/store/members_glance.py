"""As little of a member's row as a webhook needs, since a burst asks for thousands of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select

from processor.domain.contact import Member
from processor.store.members_rows import member_from_json
from processor.store.sql import pieces
from processor.store.tables import members


@dataclass(frozen=True, slots=True)
class Glance:
    """Who was last seen at an address: Mailchimp's contact id, whether that view is kept, and whether a push
    holds the row."""

    mailchimp_contact_id: str | None
    has_view: bool
    is_held: bool


@dataclass(frozen=True, slots=True)
class LastView:
    """The last view of a member, and the claim under which the row is held."""

    theirs: Member | None
    claim: str | None


def glance(c: Connection, connection_id: str, email_keys: Collection[str]) -> dict[str, Glance]:
    """Return who was last seen at these addresses (`domain.contact.email_key`); absent where nobody was."""
    has_view = members.c.theirs.is_not(None).label("has_view")
    is_held = members.c.claim.is_not(None).label("is_held")
    found: dict[str, Glance] = {}
    for piece in pieces(sorted(set(email_keys))):
        query = select(members.c.email_key, members.c.mailchimp_contact_id, has_view, is_held)
        query = query.where(members.c.connection_id == connection_id, members.c.email_key.in_(piece))
        for address, contact_id, is_kept, held in c.execute(query.order_by(members.c.id)):
            before = found.get(address) or Glance(None, False, False)
            found[address] = Glance(contact_id, bool(is_kept) or before.has_view, held or before.is_held)
    return found


def last_views(c: Connection, connection_id: str, email_keys: Collection[str]) -> dict[str, LastView]:
    """Return the last views of whoever was seen at these addresses; absent where nobody was."""
    found: dict[str, LastView] = {}
    for piece in pieces(sorted(set(email_keys))):
        query = select(members.c.email_key, members.c.theirs, members.c.claim)
        query = query.where(members.c.connection_id == connection_id, members.c.email_key.in_(piece))
        for address, theirs, claim in c.execute(query.order_by(members.c.id)):
            found[address] = LastView(member_from_json(theirs), claim)
    return found


def contacts_at(c: Connection, connection_id: str, email_keys: Collection[str]) -> dict[str, str]:
    """Return the contacts who are linked with the members last seen at these addresses; absent where there
    is none."""
    found: dict[str, str] = {}
    for piece in pieces(sorted(set(email_keys))):
        query = select(members.c.email_key, members.c.contact_id).where(
            members.c.connection_id == connection_id,
            members.c.email_key.in_(piece),
            members.c.contact_id.is_not(None),
        )
        found.update((row.email_key, row.contact_id) for row in c.execute(query.order_by(members.c.id)))
    return found
