"""What a person says on the platform of a marketing permission of one audience: kept with its evidence, and
sent to Mailchimp like any other change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from processor.broker import PUSH
from processor.domain.connection import LEAVING
from processor.domain.contact import Contact, Permission
from processor.domain.edit import CLOCK_TOLERANCE, PLATFORM_SOURCE
from processor.domain.ledger import ConsentEntry, Side, Who
from processor.domain.permission import MAY_GIVE, WITHDRAWN, Act, word_of
from processor.errors import Conflict, Invalid, NotFound
from processor.kit import Kit
from processor.store import Connection, connections, consents, contacts, members
from processor.store.connections import ConnectionRow
from processor.store.members import MemberRow

RECENT = 200
"""Lines of a contact's ledger among which a withdrawal is looked for."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of one permission: given or not, when (None: now) and where."""

    permission_id: str
    enabled: bool
    at: datetime | None = None
    source: str | None = None


def say(kit: Kit, connection_id: str, account_id: str | None, contact_id: str, said: Said, by: str) -> None:
    """Keep it, and let it be sent. Safe to repeat: what Mailchimp shows already is not kept again.

    Raises NotFound for a connection or contact that is not there or another account's; Invalid where a
    permission is given without saying when and where, or the audience has none with that id; Conflict where
    the contact is no member there yet, or has left; StoreDown.
    """
    _must_have_evidence(kit, said)

    def in_one_transaction(c: Connection) -> bool:
        connection = connections.get(c, connection_id)
        is_theirs = connection is not None and account_id in {None, connection.account_id}
        if connection is None or not is_theirs or connection.state in LEAVING:
            raise NotFound(f"There is no connection “{connection_id}”.")
        held = contacts.lock(c, connection.account_id, [contact_id]).get(contact_id)
        if held is None or held.is_deleted:
            raise NotFound(f"There is no contact “{contact_id}” in this account.")
        known = members.by_contact_ids(c, connection.id, [contact_id]).get(contact_id)
        row = members.lock(c, [known.id]).get(known.id) if known else None
        return _keep(kit, c, connection, held.contact, row, said, by)

    if kit.store.write_retrying(in_one_transaction):
        kit.bell.ring(PUSH, [connection_id])


def _must_have_evidence(kit: Kit, said: Said) -> None:
    if said.enabled and (said.at is None or not said.source):
        raise Invalid("To give a permission, say when (`at`) and where (`source`) they gave it.", "at")
    if said.at is not None and said.at > kit.now() + CLOCK_TOLERANCE:
        raise Invalid("`at` lies in the future. Send the time at which they said it.", "at")


def _keep(
    kit: Kit,
    c: Connection,
    connection: ConnectionRow,
    contact: Contact,
    row: MemberRow | None,
    said: Said,
    by: str,
) -> bool:
    """Write it down; return whether there is anything to send."""
    now = kit.now()
    shown, row = _shown(connection, row, said)
    waits = row.asked.get(said.permission_id)
    if (waits.enabled if waits else shown.enabled) == said.enabled:
        return False
    if said.enabled and _is_outdone(c, connection, contact, said):
        raise Conflict("They withdrew this permission after that time, so nothing was changed.")
    act = Act(said.enabled, said.at or now, said.source or PLATFORM_SOURCE, now)
    asked = {**row.asked, said.permission_id: act}
    members.update_many(c, [replace(row, asked=asked)], now)
    members.mark_due(c, [connection.id], [contact.id], now)
    before = word_of(waits.enabled if waits else shown.enabled)
    consents.append(c, [_line(connection, contact, said.permission_id, shown, before, act, now, by)])
    return True


def _shown(connection: ConnectionRow, row: MemberRow | None, said: Said) -> tuple[Permission, MemberRow]:
    """Return the permission as Mailchimp last showed it of this contact, and their row."""
    audience = connection.audience_name or "the audience"
    if row is None or row.theirs is None:
        raise Conflict(f"They are not in {audience} yet. Say it again when they are.")
    shown = row.theirs.permissions.get(said.permission_id)
    if shown is None:
        raise Invalid(f"{audience} has no marketing permission “{said.permission_id}”.", "permission")
    if said.enabled and row.status not in MAY_GIVE:
        raise Conflict(f"They have left {audience}, so no permission is given for it.")
    return shown, row


def _is_outdone(c: Connection, connection: ConnectionRow, contact: Contact, said: Said) -> bool:
    """Whether the ledger has a withdrawal of the permission at that time or later."""
    lines = [line.entry for line in consents.of_contact(c, contact.account_id, [contact.id], RECENT)]
    withdrawn = (
        line.at or line.recorded_at
        for line in lines
        if (line.about, line.after) == (f"permissions.{said.permission_id}", WITHDRAWN)
        and line.connection_id == connection.id
    )
    return any(said.at is None or at >= said.at for at in withdrawn)


def _line(
    connection: ConnectionRow,
    contact: Contact,
    permission_id: str,
    shown: Permission,
    before: str,
    act: Act,
    now: datetime,
    by: str,
) -> ConsentEntry:
    return ConsentEntry(
        connection.account_id,
        contact.id,
        Side.HERE,
        before,
        word_of(act.enabled),
        Who.PLATFORM,
        now,
        connection_id=connection.id,
        at=act.at,
        source=act.source,
        by=by,
        address=contact.email,
        about=f"permissions.{permission_id}",
        cause={"cause": "api", "text": shown.text},
    )
