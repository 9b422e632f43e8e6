"""Issues: one row for each cause on a connection, opened again rather than written anew."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from processor.domain.issue import UNRESOLVED, Issue, IssueKind, IssueState
from processor.store.tables import issues

_COLUMNS = [issues.c[name] for name in Issue.__dataclass_fields__]


def of_connection(
    c: Connection, connection_id: str, states: Collection[IssueState] | None = None, *, hold: bool = False
) -> list[Issue]:
    """Return a connection's issues, those of the most contacts first; with `hold` they are locked."""
    query = select(*_COLUMNS).where(issues.c.connection_id == connection_id)
    if states is not None:
        query = query.where(issues.c.state.in_(states))
    query = query.order_by(issues.c.failing.desc(), issues.c.id)
    return [_issue(row) for row in c.execute(query.with_for_update() if hold else query)]


def get(c: Connection, ref: str, *, hold: bool = False) -> Issue | None:
    """Return one issue by the id that people see, or None; with `hold` it is locked."""
    query = select(*_COLUMNS).where(issues.c.ref == ref)
    row = c.execute(query.with_for_update() if hold else query).one_or_none()
    return None if row is None else _issue(row)


def get_many(c: Connection, refs: Collection[str]) -> dict[str, Issue]:
    """Return issues by the ids that people see; one that is not there is absent."""
    query = select(*_COLUMNS).where(issues.c.ref.in_(sorted(set(refs))))
    return {row.ref: _issue(row) for row in c.execute(query)}


def find(
    c: Connection,
    *,
    limit: int,
    account_id: str | None = None,
    connection_id: str | None = None,
    states: Collection[IssueState] | None = None,
    before_id: int | None = None,
) -> list[Issue]:
    """Return up to `limit` issues, newest first; for the next page give the last one's `id`."""
    query = select(*_COLUMNS).order_by(issues.c.id.desc()).limit(limit)
    for column, value in ((issues.c.account_id, account_id), (issues.c.connection_id, connection_id)):
        if value is not None:
            query = query.where(column == value)
    if states is not None:
        query = query.where(issues.c.state.in_(states))
    if before_id is not None:
        query = query.where(issues.c.id < before_id)
    return [_issue(row) for row in c.execute(query)]


def write(c: Connection, issue: Issue) -> None:
    """Write an issue, new (its `id` is 0) or over the old one, which the caller has locked."""
    values = {one.name: getattr(issue, one.name) for one in fields(Issue) if one.name != "id"}
    if issue.id:
        c.execute(update(issues).where(issues.c.id == issue.id).values(values))
    else:
        c.execute(insert(issues).values(values))


def unresolved(c: Connection, connection_id: str) -> int:
    """Return how many issues of a connection are not resolved."""
    query = select(func.count()).select_from(issues)
    mine = (issues.c.connection_id == connection_id, issues.c.state.in_(UNRESOLVED))
    return c.execute(query.where(*mine)).scalar_one()


def forget_all(c: Connection, connection_id: str) -> int:
    """Delete a connection's issues; return how many. Safe to repeat."""
    return c.execute(delete(issues).where(issues.c.connection_id == connection_id)).rowcount


def forget_resolved(c: Connection, before: datetime, limit: int = 5000) -> int:
    """Delete up to `limit` issues that were resolved before that time; return how many."""
    old = select(issues.c.id).where(issues.c.resolved_at < before).order_by(issues.c.resolved_at)
    ids = list(c.scalars(old.limit(limit)))
    return c.execute(delete(issues).where(issues.c.id.in_(ids))).rowcount if ids else 0


def _issue(row: Row[*tuple[Any, ...]]) -> Issue:
    values = dict(row._mapping)
    return Issue(**{**values, "kind": IssueKind(row.kind), "state": IssueState(row.state)})
