"""Lets a customer into the portal: by a single-use link that the platform asked for, then by a session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from processor.errors import Invalid
from processor.kit import Kit
from processor.store import Connection, accounts, links, sessions

LINK_TTL = timedelta(minutes=15)
SESSION_TTL = timedelta(hours=8)
"""Counted from the entrance, however busy: a working day, then the platform is asked for a new link."""


@dataclass(frozen=True, slots=True)
class PortalLink:
    """A URL that opens the portal once, until it expires."""

    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser that was let in. `token` is for its cookie and is kept nowhere else."""

    token: str
    account_id: str
    expires_at: datetime


def make_link(kit: Kit, account_id: str) -> PortalLink:
    """Return a link that lets one browser, once, within 15 minutes into the account's portal. An account that
    is not known yet is made. Raises StoreDown."""
    now = kit.now()
    with kit.store.write() as c:
        accounts.ensure(c, account_id, now)
        plain = links.make(c, account_id, links.LinkKind.PORTAL, now, LINK_TTL.total_seconds())
    return PortalLink(f"{kit.settings.public}/portal?link={plain}", now + LINK_TTL)


def enter(kit: Kit, link: str) -> Visit:
    """Use the link's token up and begin a session. Sessions and links that ran out are deleted on the way.

    Not safe to repeat, but for a link from a mail: the second time raises Invalid, as for a link that is
    unknown or too old. StoreDown.
    """

    def in_one_transaction(c: Connection) -> Visit:
        account_id = links.use(c, link, links.LinkKind.PORTAL, kit.now())
        account_id = account_id or links.peek(c, link, links.LinkKind.MAIL, kit.now())
        if account_id is None:
            raise Invalid("This link has been used already, or is too old: it works once, for 15 minutes.")
        return _begin(kit, c, account_id)

    return kit.store.write_retrying(in_one_transaction)


def admit(kit: Kit, account_id: str) -> Visit:
    """Begin a session for whoever has just connected Mailchimp for this account. Raises StoreDown."""
    return kit.store.write_retrying(lambda c: _begin(kit, c, account_id))


def _begin(kit: Kit, c: Connection, account_id: str) -> Visit:
    now = kit.now()
    sessions.forget_expired(c, now)
    links.forget_expired(c, now)
    token = sessions.make(c, account_id, now, SESSION_TTL.total_seconds())
    return Visit(token, account_id, now + SESSION_TTL)


def visitor(kit: Kit, token: str) -> str | None:
    """Return the account of a session that lives, or None. Raises StoreDown."""
    if not token:
        return None
    with kit.store.read() as c:
        return sessions.account_of(c, token, kit.now())


def leave(kit: Kit, token: str) -> None:
    """End the session. Safe to repeat. Raises StoreDown."""
    with kit.store.write() as c:
        sessions.end(c, token)
