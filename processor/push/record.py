"""Writes down what was sent for each contact and what came of it: for its history, and for the ledger of
consents. One row for each contact that something was sent for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from processor.domain.catalogue import OUTAGES
from processor.domain.ledger import ConsentEntry, Side, Who, evidence_of
from processor.domain.parcel import Parcel
from processor.push.done import Done
from processor.store import Connection, consents, pushes
from processor.store.connections import ConnectionRow
from processor.store.members import MemberRow
from processor.store.pushes import PushOutcome, PushRow


def record(
    c: Connection,
    connection: ConnectionRow,
    rows: Sequence[MemberRow],
    done: Mapping[int, Done],
    now: datetime,
) -> None:
    """Write down what was sent for these members. What an outage held up says nothing about anybody, and is
    left out. In the transaction that lets go of them, so neither twice nor not at all."""
    sent = [(row.contact_id, done[row.id]) for row in rows if row.contact_id and _is_told(done[row.id])]
    pushes.append(c, [_push(connection, contact_id, one, now) for contact_id, one in sent])
    consents.append(c, [line for to, one in sent for line in _entries(connection, to, one, now)])


def _is_told(done: Done) -> bool:
    if done.parcel is None or not done.parcel.what:
        return False
    return done.error is None or done.error.code not in OUTAGES


def _push(connection: ConnectionRow, contact_id: str, done: Done, now: datetime) -> PushRow:
    error, parcel = done.error, done.parcel
    assert parcel is not None
    outcome = PushOutcome.REFUSED if error else PushOutcome.UNSURE if done.unsettled else PushOutcome.TAKEN
    return PushRow(
        connection.account_id,
        connection.id,
        contact_id,
        parcel.version,
        parcel.what,
        outcome,
        now,
        code=error.code if error else "unsettled" if done.unsettled else None,
        detail=(error.detail or error.title or None) if error else None,
        instance=(error.instance or None) if error else None,
    )


def _entries(connection: ConnectionRow, contact_id: str, done: Done, now: datetime) -> Iterator[ConsentEntry]:
    """The lines of a status and of permissions that Mailchimp took from us; what it refused changed nothing
    there."""
    parcel = done.parcel
    assert parcel is not None
    if done.error is not None and not done.in_part:
        return
    if "status" in parcel.what:
        told = evidence_of(parcel.consent, connection.policy)
        yield _line(connection, contact_id, parcel, "status", told, now)
    for permission_id, act in parcel.acts.items():
        said = (Who.PLATFORM, act.at, act.source)
        yield _line(connection, contact_id, parcel, f"permissions.{permission_id}", said, now)


def _line(
    connection: ConnectionRow,
    contact_id: str,
    parcel: Parcel,
    name: str,
    said: tuple[Who, datetime | None, str | None],
    now: datetime,
) -> ConsentEntry:
    status = parcel.what[name]
    who, at, source = said
    return ConsentEntry(
        connection.account_id,
        contact_id,
        Side.THERE,
        status["before"],
        status["after"],
        who,
        now,
        connection_id=connection.id,
        at=at,
        source=source,
        address=parcel.address,
        about=None if name == "status" else name,
        cause={"cause": "push", "connection": connection.id},
    )
