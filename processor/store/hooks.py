"""Hooks: the addresses at which Mailchimp calls us, each known by the hash of the token in its path."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select, update

from processor.store.tables import hooks


class HookState(StrEnum):
    """What the receiver does with a call to it."""

    LIVE = "live"
    RETIRED = "retired"
    """Replaced by a newer one; what still arrives is kept."""
    GONE = "gone"
    """Answers 410, at which Mailchimp stops calling (facts.md 1.7). The row outlives its connection."""


@dataclass(frozen=True, slots=True)
class HookRow:
    """One hook. `secrets_sealed` are the signing secrets, newest first; none means unsigned deliveries.
    `mended` is what was found wrong when it was last set right, by the catalogue's code."""

    token_hash: bytes
    connection_id: str
    token_sealed: str = field(repr=False)
    webhook_id: str | None
    secrets_sealed: tuple[str, ...] = field(repr=False)
    state: HookState
    created_at: datetime
    last_seen_at: datetime | None
    mended: str | None
    mended_at: datetime | None


def hash_of(token: str) -> bytes:
    """Return what is stored of a token; the token itself is only kept sealed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def add(c: Connection, token: str, connection_id: str, token_sealed: str, now: datetime) -> bytes:
    """Make a live hook; return its hash. Commit before Mailchimp is told the address: it calls at once to
    validate it, before it answers (facts.md 1.1)."""
    token_hash = hash_of(token)
    c.execute(
        insert(hooks).values(
            token_hash=token_hash,
            connection_id=connection_id,
            token_sealed=token_sealed,
            secrets_sealed=[],
            state=HookState.LIVE,
            created_at=now,
        )
    )
    return token_hash


def find(c: Connection, token_hash: bytes) -> HookRow | None:
    """Return the hook with this hash, in whatever state, or None."""
    row = c.execute(select(hooks).where(hooks.c.token_hash == token_hash)).one_or_none()
    return None if row is None else _hook(row)


def for_connection(c: Connection, connection_id: str) -> list[HookRow]:
    """Return the connection's hooks, oldest first."""
    query = select(hooks).where(hooks.c.connection_id == connection_id)
    return [_hook(row) for row in c.execute(query.order_by(hooks.c.created_at, hooks.c.token_hash))]


def activate(c: Connection, token_hash: bytes, webhook_id: str, secret_sealed: str | None) -> None:
    """Write down what Mailchimp answered when the webhook was made.

    The secret (which it tells once, or never: facts.md 1.6) goes before those that are there. Safe to
    repeat.
    """
    row = c.execute(
        select(hooks.c.secrets_sealed).where(hooks.c.token_hash == token_hash).with_for_update()
    ).one()
    known = list(row.secrets_sealed)
    if secret_sealed is not None and secret_sealed not in known:
        known.insert(0, secret_sealed)
    _change(c, token_hash, webhook_id=webhook_id, secrets_sealed=known)


def retire(c: Connection, token_hash: bytes) -> None:
    """Say that a newer hook has taken its place. Safe to repeat."""
    _change(c, token_hash, state=HookState.RETIRED)


def mark_gone(c: Connection, token_hash: bytes) -> None:
    """Let it answer 410 from now on. Safe to repeat."""
    _change(c, token_hash, state=HookState.GONE)


def note_mended(c: Connection, token_hash: bytes, code: str, now: datetime) -> None:
    """Write down what was found wrong with the connection's webhook, and set right. Safe to repeat."""
    _change(c, token_hash, mended=code, mended_at=now)


def mended(c: Connection, connection_id: str) -> tuple[str, datetime] | None:
    """Return what was last mended of the connection's webhook, and when; None where nothing was."""
    query = select(hooks.c.mended, hooks.c.mended_at).where(
        hooks.c.connection_id == connection_id, hooks.c.mended.is_not(None)
    )
    row = c.execute(query.order_by(hooks.c.mended_at.desc()).limit(1)).one_or_none()
    return None if row is None else (row.mended, row.mended_at)


def seen(c: Connection, token_hash: bytes, now: datetime) -> None:
    """Write down that it was called. Not for each delivery: once in a while is enough for people."""
    _change(c, token_hash, last_seen_at=now)


def reseal(c: Connection, token_hash: bytes, token_sealed: str, secrets_sealed: list[str]) -> None:
    """Replace what is sealed, after a rotation of keys."""
    _change(c, token_hash, token_sealed=token_sealed, secrets_sealed=secrets_sealed)


def _change(c: Connection, token_hash: bytes, **columns: Any) -> None:
    c.execute(update(hooks).where(hooks.c.token_hash == token_hash).values(**columns))


def _hook(row: Any) -> HookRow:
    values = dict(row._mapping)
    values["secrets_sealed"] = tuple(values["secrets_sealed"])
    values["state"] = HookState(values["state"])
    return HookRow(**values)
