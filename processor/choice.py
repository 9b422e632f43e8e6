"""Lets the browser that connected Mailchimp choose the audience: one form, sent once, from that browser."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from processor.errors import Invalid
from processor.kit import Kit
from processor.store import oauth_states
from processor.store.connections import ConnectionRow

TTL_SECONDS = 3600.0
"""Somebody may have to ask a colleague which audience it is."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the form must bring back: `token` in the form, `browser` in the cookie."""

    token: str
    browser: str


def offer(kit: Kit, connection: ConnectionRow) -> Offer:
    """Return what lets one browser, once, choose the audience of this connection. Raises StoreDown."""
    browser = secrets.token_urlsafe(32)
    with kit.store.write() as c:
        token = oauth_states.make(c, connection.account_id, browser, kit.now(), TTL_SECONDS, connection.id)
    return Offer(token, browser)


def redeem(kit: Kit, token: str, browser: str) -> str:
    """Use an offer up; return the connection whose audience may be chosen.

    Raises Invalid for one that is used, too old, or another browser's; StoreDown.
    """
    with kit.store.write() as c:
        state = oauth_states.use(c, token, browser, kit.now())
    if state is None or state.connection_id is None:
        raise Invalid(
            "This page is too old, or was sent already (then the first time counts), or was opened elsewhere."
        )
    return state.connection_id
