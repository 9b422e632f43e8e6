"""Lets an operator into the ops pages: by the password, or because a proxy that knows our secret names them.

Guessing is slowed down by the database, so that it counts over all web processes: each attempt is written
down before it is looked at. A session ends with the password that began it.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from datetime import timedelta

from processor.config import Settings
from processor.errors import BothwaysError
from processor.kit import Kit
from processor.log import say
from processor.store import Connection, ops_sessions

logger = logging.getLogger(__name__)

SESSION_TTL = timedelta(hours=12)
WINDOW = timedelta(minutes=15)
MOST_OF_ONE = 10
MOST_OF_ALL = 100
"""Attempts that may fail within the window: of one client, and of all together."""
SCHEME = "scrypt"
_COST, _BLOCK, _LANES = 2**14, 8, 1
_FORM = b"a form of the ops pages"
_LONGEST = 1_000
"""Characters of a password that are looked at."""


class TooMany(BothwaysError):
    """Too many attempts failed lately; the password was not looked at."""

    code = "invalid"


def is_open(settings: Settings) -> bool:
    """Whether there is any way in."""
    return bool(_password(settings) or settings.ops_proxy_header)


def by_password(settings: Settings) -> bool:
    """Whether there is a password to give."""
    return bool(_password(settings))


def enter(kit: Kit, password: str, client: str) -> str | None:
    """Return the token of a new session, or None for a wrong password. Raises TooMany, StoreDown."""
    now = kit.now()

    def count(c: Connection) -> None:
        mine, everybodys = ops_sessions.failures(c, client, now - WINDOW)
        if mine >= MOST_OF_ONE or everybodys >= MOST_OF_ALL:
            raise TooMany("Too many attempts failed. Wait a quarter of an hour.")
        ops_sessions.note_failure(c, client, now)

    kit.store.write_retrying(count)
    if not is_right(_password(kit.settings), password):
        say(logger, logging.WARNING, "wrong password for the ops pages", client=client)
        return None

    token = secrets.token_urlsafe(32)

    def begin(c: Connection) -> None:
        ops_sessions.forget_failures(c, client)
        ops_sessions.make(c, _key(kit.settings, token), now, SESSION_TTL)

    kit.store.write_retrying(begin)
    say(logger, logging.INFO, "an operator came in", client=client)
    return token


def is_in(kit: Kit, token: str) -> bool:
    """Whether this is a session that lives. Raises StoreDown."""
    if not token or not by_password(kit.settings):
        return False
    with kit.store.read() as c:
        return ops_sessions.lives(c, _key(kit.settings, token), kit.now())


def leave(kit: Kit, token: str) -> None:
    """End the session. Safe to repeat. Raises StoreDown."""
    with kit.store.write() as c:
        ops_sessions.end(c, _key(kit.settings, token))


def named_by_proxy(settings: Settings, name: str, secret: str) -> str | None:
    """Return who a proxy says it is, where it knows the secret; None else."""
    known = settings.ops_proxy_secret.get_secret_value()
    if not (settings.ops_proxy_header and known and name.strip()):
        return None
    is_known = hmac.compare_digest(_digest(known), _digest(secret))
    return name.strip()[:200] if is_known else None


def form_token(settings: Settings, whose: str) -> str:
    """Return what every form carries that is shown to this session, or to whom the proxy names."""
    key = settings.secret_keys[0].encode()
    return hmac.new(key, _FORM + b"\0" + whose.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def is_form_of(settings: Settings, whose: str, sent: str) -> bool:
    """Whether a form that brings `sent` was shown to them."""
    return hmac.compare_digest(form_token(settings, whose).encode(), sent.encode("utf-8", "surrogatepass"))


def hashed(password: str) -> str:
    """Return what may stand in OPS_PASSWORD in place of the password."""
    salt = secrets.token_bytes(16)
    return f"{SCHEME}:{salt.hex()}:{_scrypt(password, salt).hex()}"


def is_right(kept: str, password: str) -> bool:
    """Whether this is the password that is kept, plain or hashed. Takes as long for any wrong one."""
    if not kept or len(password) > _LONGEST:
        return False
    scheme, _, rest = kept.partition(":")
    if scheme != SCHEME:
        return hmac.compare_digest(_digest(kept), _digest(password))
    salt, _, right = rest.partition(":")
    return hmac.compare_digest(bytes.fromhex(right), _scrypt(password, bytes.fromhex(salt)))


def _password(settings: Settings) -> str:
    return settings.ops_password.get_secret_value()


def _key(settings: Settings, token: str) -> bytes:
    return _digest(f"{token}\0{_password(settings)}")


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"), salt=salt, n=_COST, r=_BLOCK, p=_LANES, dklen=32
    )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
