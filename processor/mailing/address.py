"""Where a customer is told of issues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from processor.config import is_mail_address
from processor.errors import Invalid
from processor.kit import Kit
from processor.store import Connection, accounts, connections, links
from processor.store.links import LinkKind
from processor.store.mails import Reader

MOST_READERS = 10
"""Addresses of a connection: who more are, have a mailing list of their own."""


@dataclass(frozen=True, slots=True)
class Readers:
    """Who is told of a connection by mail: its own readers, and without any the account's."""

    own: tuple[str, ...]
    of_account: str | None

    @property
    def told(self) -> tuple[str, ...]:
        """Who is told."""
        return self.own or ((self.of_account,) if self.of_account else ())


def address_of(kit: Kit, account_id: str) -> str | None:
    """Return where the account's customer is told of issues, or None. Raises StoreDown."""
    with kit.store.read() as c:
        return accounts.notify_email(c, account_id)


def set_address(kit: Kit, account_id: str, address: str | None) -> str | None:
    """Write where the customer is told from now on; None for nowhere. Returns it as it is kept. An account
    that is not known yet is made; links in mails to the address before open nothing any more.

    Safe to repeat. Raises Invalid for what is no address, StoreDown.
    """
    cleaned = _cleaned(address, "email") if address else None
    with kit.store.write() as c:
        accounts.ensure(c, account_id, kit.now())
        if accounts.notify_email(c, account_id) != cleaned:
            links.forget_kind(c, account_id, LinkKind.MAIL)
        accounts.set_notify_email(c, account_id, cleaned or None)
    return cleaned or None


def readers_of(kit: Kit, connection_id: str, account_id: str | None) -> Readers:
    """Return who is told of this connection. Raises NotFound, also for another account's; StoreDown."""
    with kit.store.read() as c:
        row = connections.owned(c, connection_id, account_id)
        return Readers(tuple(row.notify_emails or ()), accounts.notify_email(c, row.account_id))


def set_readers(
    kit: Kit, connection_id: str, account_id: str | None, addresses: Sequence[str]
) -> tuple[str, ...]:
    """Write who is told of this connection from now on, in place of the account's address; nobody for that
    one again. Returns them as they are kept; links in mails to those before open nothing any more.

    Safe to repeat. Raises NotFound, also for another account's; Invalid for what is no address, or for too
    many; StoreDown.
    """
    cleaned = tuple(dict.fromkeys(_cleaned(one, "emails") for one in addresses if one.strip()))
    if len(cleaned) > MOST_READERS:
        raise Invalid(f"A connection has {MOST_READERS} readers at most.", "emails")
    with kit.store.write() as c:
        row = connections.owned(c, connection_id, account_id, hold=True)
        if tuple(row.notify_emails or ()) != cleaned:
            links.forget_kind(c, row.account_id, LinkKind.MAIL)
        connections.update(c, connection_id, kit.now(), notify_emails=list(cleaned) or None)
    return cleaned


def reader_of(kit: Kit, c: Connection, reader: Reader) -> str | None:
    """Return where a mail for this reader goes, several addresses with a comma between them, or the name of
    the channel. None for nowhere: there is none any more."""
    if reader.account_id is None:
        if reader.channel is not None:
            return reader.channel if reader.channel in kit.channels.names else None
        return kit.settings.operator_email
    row = connections.get(c, reader.connection_id) if reader.connection_id else None
    own = ", ".join(row.notify_emails or ()) if row else ""
    return own or accounts.notify_email(c, reader.account_id)


def _cleaned(address: str, field: str) -> str:
    cleaned = address.strip()
    if not is_mail_address(cleaned) or "<" in cleaned or "," in cleaned:
        raise Invalid("This is no mail address.", field)
    return cleaned
