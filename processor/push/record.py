"""Writes down what was sent for each contact and what came of it: for its history, and for the ledger of
consents. One row for each contact that something was sent for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from processor.converge.meet import OUTAGES
from processor.domain.ledger import ConsentEntry, Side, evidence_of
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
    entries = [_entry(connection, contact_id, one, now) for contact_id, one in sent]
    consents.append(c, [entry for entry in entries if entry is not None])


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


def _entry(connection: ConnectionRow, contact_id: str, done: Done, now: datetime) -> ConsentEntry | None:
    """The line of a status that Mailchimp took from us; a refused one changed nothing there."""
    parcel = done.parcel
    assert parcel is not None
    was_taken = done.error is None or done.in_part
    if not was_taken or "status" not in parcel.what:
        return None
    status = parcel.what["status"]
    who, at, source = evidence_of(parcel.consent, connection.policy)
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
        cause={"cause": "push", "connection": connection.id},
    )
