"""The platform's endpoints: made, changed, tried out, and what was sent to them.

`account_id` is the tenant's fence in each function: with it, what belongs to another account, or to all of
them, is not found; None is for callers who may see all.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from processor.broker import DELIVER
from processor.domain.outgoing import (
    OLD_SECRET_LASTS,
    SECRET_BYTES,
    NoticeKind,
    secret_of,
)
from processor.errors import Conflict, Invalid, NotFound, Unreached
from processor.kit import Kit
from processor.seals import endpoint_bind
from processor.store import Connection, accounts, endpoints, notices
from processor.store.endpoints import Columns, EndpointRow, EndpointState
from processor.store.ids import new_id
from processor.store.notices_rows import Attempt, NoticeRow

MOST_SECRETS = 8
"""Secrets that sign for one endpoint at a time: the newest, and those of the day before."""
MOST = 20
"""Endpoints that an account may have: each is told of every change."""


@dataclass(frozen=True, slots=True)
class NoticeReport:
    """A notice with the attempts at it, oldest first."""

    row: NoticeRow
    attempts: Sequence[Attempt]


def find(kit: Kit, account_id: str | None) -> list[EndpointRow]:
    """Return the endpoints that this caller may see, oldest first."""
    with kit.store.read() as c:
        return endpoints.find(c, account_id)


def get(kit: Kit, endpoint_id: str, account_id: str | None) -> EndpointRow:
    """Return the endpoint. Raises NotFound, StoreDown."""
    with kit.store.read() as c:
        return _allowed(endpoints.get(c, endpoint_id), endpoint_id, account_id)


def create(
    kit: Kit, account_id: str | None, url: str, *, types: Sequence[str] = (), description: str = ""
) -> tuple[EndpointRow, str]:
    """Make an endpoint of an account, or with None of all accounts; return it with its secret, which is shown
    now and never again. Raises Invalid for an address that may not be called or a type that there is not,
    Conflict when there are too many, StoreDown."""
    now = kit.now()
    row_id, secret = new_id("end"), secret_of(secrets.token_bytes(SECRET_BYTES))
    row = EndpointRow(
        id=row_id,
        account_id=account_id,
        url=_url(kit, url),
        description=description,
        types=_types(types),
        secrets=[{"sealed": kit.sealer.seal(secret, endpoint_bind(row_id)), "until": None}],
        state=EndpointState.ENABLED,
        reason=None,
        failing_since=None,
        last_at=None,
        last_status=None,
        last_reason=None,
        last_seconds=None,
        dropped=0,
        created_at=now,
        updated_at=now,
    )
    with kit.store.write() as c:
        if account_id is not None:
            accounts.ensure(c, account_id, now)
        if endpoints.count(c, account_id) >= MOST:
            raise Conflict(f"There are {MOST} endpoints already; remove one first.")
        endpoints.create(c, row)
    return row, secret


def change(
    kit: Kit,
    endpoint_id: str,
    account_id: str | None,
    *,
    url: str | None = None,
    types: Sequence[str] | None = None,
    description: str | None = None,
    enabled: bool | None = None,
) -> EndpointRow:
    """Change what is given, and return the endpoint. Safe to repeat. Enabling it sends what waited.

    Raises NotFound, Invalid as `create`, StoreDown.
    """
    columns: Columns = {}
    if url is not None:
        columns["url"] = _url(kit, url)
    if types is not None:
        columns["types"] = _types(types)
    if description is not None:
        columns["description"] = description
    with kit.store.write() as c:
        now = kit.now()
        row = _allowed(endpoints.lock(c, endpoint_id), endpoint_id, account_id)
        if enabled is not None and enabled is not row.is_enabled:
            columns |= _switched(c, row, now, on=enabled)
        endpoints.change(c, row.id, now, **columns)
        changed = _allowed(endpoints.get(c, endpoint_id), endpoint_id, account_id)
    if changed.is_enabled:
        kit.bell.ring(DELIVER, [row.id])
    return changed


def _switched(c: Connection, row: EndpointRow, now: datetime, *, on: bool) -> Columns:
    if not on:
        return {"state": EndpointState.DISABLED, "reason": "by_hand"}
    notices.hasten(c, row.id, now, anew=True)
    return {"state": EndpointState.ENABLED, "reason": None, "failing_since": None}


def remove(kit: Kit, endpoint_id: str, account_id: str | None) -> None:
    """Forget an endpoint, its secret and its notices. Raises NotFound, StoreDown."""
    with kit.store.write() as c:
        _allowed(endpoints.lock(c, endpoint_id), endpoint_id, account_id)
        endpoints.remove(c, endpoint_id)
        notices.forget(c, endpoint_id)


def rotate(kit: Kit, endpoint_id: str, account_id: str | None) -> tuple[EndpointRow, str]:
    """Give the endpoint a new secret, and return it with it; for a day the one before signs too, also where
    there is another new one meanwhile: the answer may be lost, and the call made again. Raises NotFound,
    StoreDown."""
    secret = secret_of(secrets.token_bytes(SECRET_BYTES))
    with kit.store.write() as c:
        now = kit.now()
        row = _allowed(endpoints.lock(c, endpoint_id), endpoint_id, account_id)
        fresh = {"sealed": kit.sealer.seal(secret, endpoint_bind(row.id)), "until": None}
        before = {**row.secrets[0], "until": (now + OLD_SECRET_LASTS).isoformat()}
        older = [one for one in row.secrets[1:] if datetime.fromisoformat(one["until"]) > now]
        endpoints.change(c, row.id, now, secrets=[fresh, before, *older][:MOST_SECRETS])
        return _allowed(endpoints.get(c, endpoint_id), endpoint_id, account_id), secret


def test(kit: Kit, endpoint_id: str, account_id: str | None) -> NoticeRow:
    """Send a test to the endpoint, by the way of every notice; return it as it begins. Raises NotFound,
    Conflict for one that is disabled, StoreDown."""
    with kit.store.write() as c:
        row = _allowed(endpoints.lock(c, endpoint_id), endpoint_id, account_id)
        if not row.is_enabled:
            raise Conflict("This endpoint is disabled; enable it first.")
        data = {"account": row.account_id, "endpoint": row.id}
        ref = notices.keep(c, row.id, row.account_id, NoticeKind.TEST, data, kit.now())
        found = notices.by_ref(c, ref)
    assert found is not None
    kit.bell.ring(DELIVER, [row.id])
    return found


def counted(kit: Kit) -> list[tuple[EndpointRow, dict[str, int]]]:
    """Return the endpoints of all accounts, each with how many of its notices are in which state. Raises
    StoreDown."""
    with kit.store.read() as c:
        return [(row, notices.counts(c, row.id)) for row in endpoints.find(c)]


def sent(
    kit: Kit,
    endpoint_id: str,
    account_id: str | None,
    *,
    limit: int = 100,
    after: str | None = None,
    state: str | None = None,
) -> tuple[list[NoticeReport], str | None]:
    """Return what was sent to the endpoint or waits for it, newest first, and where the next page begins.
    Raises NotFound, Invalid for a cursor that was not ours, StoreDown."""
    before_id = _place(after)
    with kit.store.read() as c:
        _allowed(endpoints.get(c, endpoint_id), endpoint_id, account_id)
        rows = notices.of_endpoint(c, endpoint_id, limit, before_id, state)
        found = [NoticeReport(row, notices.attempts_of(c, row.id)) for row in rows]
    return found, f"n{rows[-1].id}" if len(rows) == limit else None


def notice(kit: Kit, ref: str, account_id: str | None) -> NoticeReport:
    """Return one notice. Raises NotFound, StoreDown."""
    with kit.store.read() as c:
        row = _own(c, ref, account_id)
        return NoticeReport(row, notices.attempts_of(c, row.id))


def redeliver(kit: Kit, ref: str, account_id: str | None) -> NoticeReport:
    """Send a notice again under the same id, whatever became of it. Safe to repeat: the platform knows the
    id. Raises NotFound, Conflict for one that is being sent now or whose endpoint is disabled, StoreDown."""
    with kit.store.write() as c:
        row = _own(c, ref, account_id)
        endpoint = endpoints.lock(c, row.endpoint_id)
        if endpoint is None or not endpoint.is_enabled:
            raise Conflict("Its endpoint is disabled; enable it first.")
        if not notices.again(c, ref, kit.now()):
            raise Conflict("It is being sent now.")
        found = NoticeReport(_own(c, ref, account_id), notices.attempts_of(c, row.id))
    kit.bell.ring(DELIVER, [row.endpoint_id])
    return found


def _own(c: Connection, ref: str, account_id: str | None) -> NoticeRow:
    row = notices.by_ref(c, ref)
    if row is not None:
        endpoint = endpoints.get(c, row.endpoint_id)
        if endpoint is not None and account_id in {None, endpoint.account_id}:
            return row
    raise NotFound(f"There is no notice “{ref}”.")


def _allowed(row: EndpointRow | None, endpoint_id: str, account_id: str | None) -> EndpointRow:
    if row is None or account_id not in {None, row.account_id}:
        raise NotFound(f"There is no endpoint “{endpoint_id}”.")
    return row


def _url(kit: Kit, url: str) -> str:
    try:
        kit.outside.check(url)
    except Unreached as error:
        raise Invalid(f"This address cannot be called: {error}.", "url") from None
    return url


def _types(types: Sequence[str]) -> list[str]:
    unknown = sorted(set(types) - {kind.value for kind in NoticeKind})
    if unknown:
        raise Invalid(f"There is no type “{unknown[0]}”.", "types")
    return sorted(set(types))


def _place(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    digits = cursor.removeprefix("n")
    if not (cursor.startswith("n") and digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise Invalid("Pass the `cursor` of the answer before, unchanged.", "after")
    return int(digits)
