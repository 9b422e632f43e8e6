"""Keeping deliveries: the receiver's hot path. One statement per batch, whatever its size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection

from processor.domain.event import Delivery, EventStatus
from processor.store.types import as_sqlite_moment, clean

# Driver SQL: compiling and expanding an INSERT of a thousand rows would cost more than the commit.
# Two receivers that meet the same twins must meet them in the same order, or they wait for each other: so
# new rows go in by key, and rows that are there already are touched by id, as everywhere.
# Arrays in binary: as text, psycopg quotes each element by a regular expression.
_POSTGRES = """
    INSERT INTO events
        (connection_id, key, body, content_type, signed, received_at, due_at, status, redeliveries)
    SELECT d.connection_id, d.key, d.body, d.content_type, d.signed, d.at, d.at, %(status)s, d.twins
    FROM unnest(%(connections)b::text[], %(keys)b::bytea[], %(bodies)b::bytea[], %(types)b::text[],
                %(signed)b::bool[], %(at)b::timestamptz[], %(twins)b::int[])
        AS d (connection_id, key, body, content_type, signed, at, twins)
    ORDER BY d.key
    ON CONFLICT (key) DO NOTHING
    RETURNING key
"""
_POSTGRES_TWINS = """
    UPDATE events SET redeliveries = redeliveries + twin.copies
    FROM (
        SELECT e.id, d.copies FROM events e
        JOIN unnest(%(keys)s::bytea[], %(copies)s::int[]) AS d (key, copies) ON d.key = e.key
        ORDER BY e.id FOR UPDATE OF e
    ) AS twin
    WHERE events.id = twin.id
"""

_SQLITE = """
    INSERT INTO events
        (connection_id, key, body, content_type, signed, received_at, due_at, status, redeliveries)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO NOTHING
"""
_SQLITE_TWIN = "UPDATE events SET redeliveries = redeliveries + ? WHERE key = ? AND id <= ?"


def keep(c: Connection, deliveries: Sequence[Delivery]) -> int:
    """Keep the deliveries as `received` events, due at once; return how many are new.

    One that is there already, or comes twice in the batch, is counted in `redeliveries` of the one that is
    kept: the unique key decides, so any number of receivers may race. Safe to repeat. The ids of one
    batch need not be in the order of arrival; `claim` goes by `received_at`.
    """
    unique: dict[bytes, Delivery] = {}
    copies: Counter[bytes] = Counter()
    for delivery in deliveries:
        key = delivery.key
        copies[key] += 1
        unique.setdefault(key, delivery)
    if not unique:
        return 0
    if c.dialect.name == "sqlite":
        return _keep_sqlite(c, unique, copies)
    return _keep_postgres(c, unique, copies)


def _keep_postgres(c: Connection, unique: dict[bytes, Delivery], copies: Counter[bytes]) -> int:
    found = c.exec_driver_sql(
        _POSTGRES,
        {
            "status": EventStatus.RECEIVED.value,
            "connections": [d.connection_id for d in unique.values()],
            "keys": list(unique),
            "bodies": [d.body for d in unique.values()],
            "types": [clean(d.content_type) for d in unique.values()],
            "signed": [d.signed for d in unique.values()],
            "at": [d.received_at for d in unique.values()],
            "twins": [copies[key] - 1 for key in unique],
        },
    )
    new = {bytes(row[0]) for row in found}
    if len(new) < len(unique):
        known = [key for key in unique if key not in new]
        c.exec_driver_sql(_POSTGRES_TWINS, {"keys": known, "copies": [copies[key] for key in known]})
    return len(new)


def _keep_sqlite(c: Connection, unique: dict[bytes, Delivery], copies: Counter[bytes]) -> int:
    newest = c.exec_driver_sql("SELECT max(id) FROM events").scalar_one() or 0
    rows = [_sqlite_row(key, delivery, copies[key] - 1) for key, delivery in unique.items()]
    kept = c.exec_driver_sql(_SQLITE, rows).rowcount
    if kept < len(unique):
        # Ids are never used twice, so whatever is not newer than before is an earlier delivery's row.
        c.exec_driver_sql(_SQLITE_TWIN, [(copies[key], key, newest) for key in unique])
    return kept


def _sqlite_row(key: bytes, d: Delivery, twins: int) -> tuple[object, ...]:
    at = as_sqlite_moment(d.received_at)
    return (
        d.connection_id,
        key,
        d.body,
        clean(d.content_type),
        d.signed,
        at,
        at,
        EventStatus.RECEIVED.value,
        twins,
    )
