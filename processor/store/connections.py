"""Connections: the standing grant at one Mailchimp account for one audience."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

import sqlalchemy as sa
from sqlalchemy import Connection, Row, Select, select

from processor.domain.connection import IDLE
from processor.domain.outgoing import NoticeKind
from processor.domain.policy import Policy
from processor.errors import NotFound
from processor.store import notices, reviews
from processor.store.due import ENDED, RESTING
from processor.store.tables import connections


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """A connection as it stands. The token is sealed; `watermark` is the newest `last_changed` up to which
    everything was heard; `sweep_cursor` is where a sweep that was interrupted goes on; `brake` is what a
    change of too many contacts at once stopped at, and what a person said to it; `believed_id` is the event
    up to which bad news was believed while the connection rested; `full_sweep_wanted_at` is from when on the
    next sweep compares everybody, however long ago the last one was; `notify_emails` are who is told by mail,
    None for whoever is told of the account; `audience_fields` are the audience's merge fields as last read
    (`domain.field_changes`)."""

    id: str
    account_id: str
    state: str
    problem_code: str | None
    problem_detail: str | None
    mailchimp_account: str
    account_name: str
    login_name: str
    role: str
    dc: str
    api_base: str
    token_sealed: str | None = field(repr=False)
    audience_id: str | None
    audience_name: str | None
    policy: Policy
    watermark: datetime | None
    next_sweep_at: datetime | None
    sweep_cursor: Mapping[str, Any] | None
    last_full_sweep_at: datetime | None
    paused_at: datetime | None
    brake: Mapping[str, Any] | None
    believed_id: int | None
    full_sweep_wanted_at: datetime | None
    notify_emails: Sequence[str] | None
    audience_fields: Mapping[str, Any] | None
    created_at: datetime
    updated_at: datetime

    @property
    def is_live(self) -> bool:
        """Whether it may work: it waits for nobody, and is not ending."""
        return self.state not in {*RESTING, *ENDED}

    @property
    def is_braked(self) -> bool:
        """Whether the brake has stopped it and nobody has said yet that it may go on."""
        return bool(self.brake and self.brake.get("what") and not self.brake.get("accepted_at"))


class Grant(TypedDict):
    """What is known of the Mailchimp account when a connection is made."""

    mailchimp_account: str
    account_name: str
    login_name: str
    role: str
    dc: str
    api_base: str
    token_sealed: str | None


class Columns(TypedDict, total=False):
    """What may change of a connection; what is not named stays."""

    state: str
    problem_code: str | None
    problem_detail: str | None
    mailchimp_account: str
    account_name: str
    login_name: str
    role: str
    dc: str
    api_base: str
    token_sealed: str | None
    audience_id: str | None
    audience_name: str | None
    policy: Policy
    watermark: datetime | None
    next_sweep_at: datetime | None
    sweep_cursor: Mapping[str, Any] | None
    last_full_sweep_at: datetime | None
    paused_at: datetime | None
    brake: Mapping[str, Any] | None
    believed_id: int | None
    full_sweep_wanted_at: datetime | None
    notify_emails: Sequence[str] | None
    audience_fields: Mapping[str, Any] | None


def create(
    c: Connection,
    connection_id: str,
    account_id: str,
    now: datetime,
    *,
    state: str = "setup",
    policy: Policy | None = None,
    **grant: Unpack[Grant],
) -> None:
    """Write a new connection, whose audience is chosen later. `connection_id` is `ids.new_id("con")`."""
    values = {
        "id": connection_id,
        "account_id": account_id,
        "state": state,
        "policy": _json(policy or Policy()),
        "created_at": now,
        "updated_at": now,
        **grant,
    }
    c.execute(sa.insert(connections).values(values))
    _tell(c, account_id, connection_id, None, state, None, now)


def get(c: Connection, connection_id: str) -> ConnectionRow | None:
    """Return the connection, in whatever state, or None."""
    row = c.execute(select(connections).where(connections.c.id == connection_id)).one_or_none()
    return None if row is None else _connection(row)


def owned(c: Connection, connection_id: str, account_id: str | None, *, hold: bool = False) -> ConnectionRow:
    """Return the connection of this account, of any where it is None; with `hold` locked as by `lock`. Raises
    NotFound where it is not there, or another account's."""
    row = lock(c, connection_id) if hold else get(c, connection_id)
    if row is None or account_id not in {None, row.account_id}:
        raise NotFound(f"There is no connection “{connection_id}”.")
    return row


def lock(c: Connection, connection_id: str) -> ConnectionRow | None:
    """Return the connection and keep others from changing it until the commit, or None.

    After contacts, members and events in the lock order (see `processor.store`).
    """
    query = select(connections).where(connections.c.id == connection_id)
    # Not FOR UPDATE, which would also hold back whoever adds a member that refers to it.
    row = c.execute(query.with_for_update(key_share=True)).one_or_none()
    return None if row is None else _connection(row)


def for_account(c: Connection, account_id: str) -> list[ConnectionRow]:
    """Return the account's connections, removed ones too, oldest first."""
    return _listed(c, select(connections).where(connections.c.account_id == account_id))


def at_work(c: Connection, account_id: str) -> list[str]:
    """Return the account's connections that keep an audience in step, oldest first: also those that wait for
    a person, but none whose first sync was never begun, and none that is leaving."""
    states = (*IDLE, *ENDED)
    query = select(connections.c.id).where(
        connections.c.account_id == account_id,
        connections.c.audience_id.is_not(None),
        connections.c.state.not_in(states),
    )
    return list(c.scalars(query.order_by(connections.c.created_at, connections.c.id)))


def at_same_account(connection_id: str) -> Select[tuple[str]]:
    """Ask for the connections that the same account has at the same Mailchimp account, this one too."""
    one, other = connections.alias("one"), connections.alias("other")
    query = select(other.c.id).where(one.c.id == connection_id, other.c.account_id == one.c.account_id)
    return query.where(other.c.mailchimp_account == one.c.mailchimp_account)


def at_audience(c: Connection, mailchimp_account: str, audience_id: str) -> list[ConnectionRow]:
    """Return the connections, of whatever account, that keep this audience in step; none that is leaving."""
    query = select(connections).where(
        connections.c.mailchimp_account == mailchimp_account,
        connections.c.audience_id == audience_id,
        connections.c.state.not_in(ENDED),
    )
    return _listed(c, query)


def all(c: Connection) -> list[ConnectionRow]:
    """Return all connections, removed ones too, oldest first."""
    return _listed(c, select(connections))


def page(c: Connection, after_id: str | None, limit: int) -> list[ConnectionRow]:
    """Return up to `limit` connections that were not removed, by id, behind this one."""
    query = select(connections).where(connections.c.state != "removed", connections.c.id > (after_id or ""))
    return [_connection(row) for row in c.execute(query.order_by(connections.c.id).limit(limit))]


def live(c: Connection) -> list[ConnectionRow]:
    """Return the connections that may work, oldest first."""
    return _listed(c, select(connections).where(connections.c.state.not_in((*RESTING, *ENDED))))


def sweep_due(c: Connection, now: datetime, limit: int) -> list[str]:
    """Return up to `limit` live connections whose sweep is due, the one that has waited longest first."""
    query = select(connections.c.id).where(
        connections.c.next_sweep_at <= now, connections.c.state.not_in((*RESTING, *ENDED))
    )
    return list(c.scalars(query.order_by(connections.c.next_sweep_at, connections.c.id).limit(limit)))


def update(c: Connection, connection_id: str, now: datetime, **columns: Unpack[Columns]) -> None:
    """Write the columns that are named. Raises NotFound for a connection that is not there.

    At the commit, or here, Conflict is raised when the account has connected that audience already.
    """
    values: dict[str, Any] = {**columns, "updated_at": now}
    if "policy" in columns:
        values["policy"] = _json(columns["policy"])
    before = lock(c, connection_id) if "state" in columns else None
    if not c.execute(sa.update(connections).where(connections.c.id == connection_id).values(values)).rowcount:
        raise NotFound("no such connection")
    if before is not None:
        state, problem = columns["state"], columns.get("problem_code", before.problem_code)
        if (before.state, before.problem_code) != (state, problem):
            reviews.mark(c, [connection_id], now)
            _tell(c, before.account_id, connection_id, before.state, state, problem, now)


def _tell(
    c: Connection,
    account_id: str,
    connection_id: str,
    before: str | None,
    state: str,
    problem: str | None,
    now: datetime,
) -> None:
    """Tell the platform; a connection's states are few and change seldom, so each change is told."""
    what = {"account": account_id, "connection": connection_id}
    data = {**what, "before": before, "state": state, "problem": problem}
    notices.tell(c, account_id, NoticeKind.CONNECTION_STATE_CHANGED, data, now)


def advance_watermark(c: Connection, connection_id: str, heard: datetime, now: datetime) -> None:
    """Say that every change up to this time was heard. It never goes back. Safe to repeat."""
    older = sa.or_(connections.c.watermark.is_(None), connections.c.watermark < heard)
    query = sa.update(connections).where(connections.c.id == connection_id, older)
    c.execute(query.values(watermark=heard, updated_at=now))


def hasten_full_sweep(c: Connection, connection_id: str, now: datetime, wait: timedelta) -> None:
    """Ask for a comparison of everybody soon, not sooner than `wait` after the last. Safe to repeat."""
    row = get(c, connection_id)
    if row is None or (row.last_full_sweep_at is None and row.next_sweep_at is not None):
        return  # asked for already
    at = max(now, row.last_full_sweep_at + wait) if row.last_full_sweep_at else now
    update(c, connection_id, now, last_full_sweep_at=None, next_sweep_at=at)


def want_full_sweep(c: Connection, connection_id: str, now: datetime, apart: timedelta) -> bool:
    """Have the next sweep compare everybody, where the last comparison is `apart` ago, or the first sweep
    after that. Returns whether it may be now. Safe to repeat."""
    row = lock(c, connection_id)
    if row is None or row.last_full_sweep_at is None:
        return False  # it will be a comparison of everybody anyway
    at = max(now, row.last_full_sweep_at + apart)
    if row.full_sweep_wanted_at is None:
        update(c, connection_id, now, full_sweep_wanted_at=at)
    if at > now:
        return False
    update(c, connection_id, now, next_sweep_at=now)
    return True


def set_state(
    c: Connection,
    connection_id: str,
    state: str,
    now: datetime,
    *,
    problem_code: str | None = None,
    problem_detail: str | None = None,
) -> bool:
    """Write state and problem together; return whether either is different from before. Safe to repeat."""
    before = lock(c, connection_id)
    if before is None:
        raise NotFound("no such connection")
    if (before.state, before.problem_code, before.problem_detail) == (state, problem_code, problem_detail):
        return False
    update(c, connection_id, now, state=state, problem_code=problem_code, problem_detail=problem_detail)
    return True


def _json(policy: Policy) -> dict[str, Any]:
    return policy.model_dump(mode="json")


def _listed(c: Connection, query: Select[*tuple[Any, ...]]) -> list[ConnectionRow]:
    return [_connection(row) for row in c.execute(query.order_by(connections.c.created_at, connections.c.id))]


def _connection(row: Row[*tuple[Any, ...]]) -> ConnectionRow:
    return ConnectionRow(**{**row._mapping, "policy": Policy.model_validate(row.policy)})
