"""Who calls: `Authorization: Bearer bw_…`, and which accounts that opens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from processor.errors import NotFound, StoreDown
from processor.kit import Kit
from processor.store import keys
from processor.store.keys import KeyRow

REALM = 'Bearer realm="bothways"'
MAX_KEY_LENGTH = 200


class Unauthenticated(Exception):
    """The call brings no key, or none that opens anything. `challenge` is for `WWW-Authenticate`."""

    def __init__(self, message: str, challenge: str = REALM) -> None:
        self.challenge = challenge
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds the key. `account_id` is the one account that it opens; None opens all."""

    key_id: str
    account_id: str | None

    @property
    def name(self) -> str:
        """Who it was, for histories."""
        return f"key:{self.key_id}"

    def enter(self, account_id: str) -> None:
        """Return when the key opens this account. Raises NotFound: that somebody else's account exists is
        nobody's business, so it is told as one that does not."""
        if self.account_id not in {None, account_id}:
            raise NotFound(f"There is no account “{account_id}” for this key.")


def caller_of(kit: Kit, authorization: str | None) -> Caller:
    """Return who calls, by the header's value. Raises Unauthenticated, StoreDown."""
    plain = _plain(authorization)
    now = kit.now()
    with kit.store.read() as c:
        key = keys.by_plain(c, plain)
    if key is None:
        raise Unauthenticated(
            "This key opens nothing: it was revoked, or copied wrongly.", f'{REALM}, error="invalid_token"'
        )
    _note_use(kit, key, now)
    return Caller(key.id, key.account_id)


def _plain(authorization: str | None) -> str:
    scheme, _, plain = (authorization or "").partition(" ")
    plain = plain.strip()
    if scheme.lower() != "bearer" or not plain or len(plain) > MAX_KEY_LENGTH:
        raise Unauthenticated("Send an API key: `Authorization: Bearer bw_…`. `bothways keys` makes one.")
    return plain


def _note_use(kit: Kit, key: KeyRow, now: datetime) -> None:
    if key.last_used_at is not None and now - key.last_used_at < keys.USED_STEP:
        return
    try:
        with kit.store.write() as c:
            keys.used(c, key.id, now)
    except StoreDown:
        return  # a call that could be answered is not refused because this could not be written
