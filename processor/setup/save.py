"""Writes down what was chosen at set-up."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from processor import hook
from processor.broker import PUSH, SWEEP
from processor.domain.connection import LEAVING, ConnectionState
from processor.domain.field_changes import as_stored, follow, from_stored
from processor.domain.plan import Exclusion
from processor.domain.policy import Policy
from processor.errors import Conflict, Invalid, NotFound
from processor.kit import Kit
from processor.log import say
from processor.setup.audience import AudienceMap, read_map, ready
from processor.setup.choices import Choices, policy_of
from processor.setup.offers import taken_by
from processor.store import Connection, connections, members, runs, sweep_pages
from processor.store.connections import Columns, ConnectionRow

logger = logging.getLogger(__name__)

AUDIENCE_GONE = "audience_gone"
NOT_STARTED = frozenset({ConnectionState.SETUP, ConnectionState.PREVIEWING})
LOOK_AGAIN = frozenset({Exclusion.NO_CONSENT.value, "field_required", "field_value", "refused"})
"""Why somebody is left out or failing that other rules may change."""
NOTHING_HEARD = Columns(
    watermark=None, last_full_sweep_at=None, next_sweep_at=None, sweep_cursor=None, brake=None, paused_at=None
)
"""A connection that never looked at its audience."""


def save(kit: Kit, connection_id: str, choices: Choices, by: str) -> ConnectionRow:
    """Check what was chosen and write it down, with who said so. Returns the connection.

    Nothing begins: a connection that was never started stays in `setup`. One that works goes on under the
    new rules, and everybody is compared anew soon. Another audience may be chosen while nothing was
    started, and when the audience was deleted in Mailchimp.

    Safe to repeat. Raises NotFound, Invalid (naming the choice), Conflict where another connection of the
    account has the audience, Reconnect where access was lost, MailchimpError, StoreDown.
    """
    row = ready(kit, connection_id)
    _may_take(row, choices.audience_id)
    with kit.store.read() as c:
        _must_be_free(c, row, choices.audience_id)
    audience = read_map(kit.mailchimp(row), choices.audience_id)
    if row.audience_id not in {None, choices.audience_id} and row.problem_code != AUDIENCE_GONE:
        hook.take_away(kit, row)  # of a sync that was begun there and cancelled
    policy = policy_of(
        choices,
        row.policy,
        audience,
        is_new=row.audience_id != choices.audience_id,
        by=by,
        now=kit.now(),
    )
    works = kit.store.write_retrying(lambda c: _write(c, kit, connection_id, audience, policy))
    say(logger, logging.INFO, "set up", connection=connection_id, audience=choices.audience_id)
    if works:
        kit.bell.ring(SWEEP, [connection_id])
        kit.bell.ring(PUSH, [connection_id])
    with kit.store.read() as c:
        saved = connections.get(c, connection_id)
    if saved is None:
        raise NotFound(f"There is no connection “{connection_id}”.")
    return saved


def _may_take(row: ConnectionRow, audience_id: str) -> None:
    """Raises Invalid for another audience than the one that is kept in step."""
    if row.audience_id in {None, audience_id} or row.state in NOT_STARTED:
        return
    message = (
        f"This connection keeps “{row.audience_name or row.audience_id}” in step. For another audience, "
        "connect Mailchimp once more, or disconnect this one first."
    )
    raise Invalid(message, "audience_id")


def _must_be_free(c: Connection, row: ConnectionRow, audience_id: str) -> None:
    other = taken_by(c, row).get(audience_id)
    if other is None:
        return
    found = connections.get(c, other)
    if found is not None and found.state in LEAVING:
        raise Conflict(
            "Another connection of yours is just being disconnected from this audience. "
            "Wait a minute, then save again. Nothing has been changed."
        )
    raise Conflict(
        "Another connection of yours keeps this audience in step already. Choose another audience, or "
        "disconnect the other connection first. Nothing has been changed."
    )


def _write(c: Connection, kit: Kit, connection_id: str, audience: AudienceMap, policy: Policy) -> bool:
    """Write audience and policy; return whether the connection works, and has something to compare anew."""
    now = kit.now()
    chosen = audience.audience
    before = connections.get(c, connection_id)
    if before is None or before.state in LEAVING:
        raise NotFound(f"There is no connection “{connection_id}”.")
    _may_take(before, chosen.id)
    _must_be_free(c, before, chosen.id)
    columns = Columns(audience_id=chosen.id, audience_name=chosen.name, policy=policy)
    columns["audience_fields"] = _fields_read(before, audience, kit.now())
    if before.audience_id not in {None, chosen.id}:
        _part_from_the_old(c, connection_id)
        columns |= NOTHING_HEARD
    if before.state in NOT_STARTED:
        columns |= Columns(problem_code=None, problem_detail=None)
        connections.update(c, connection_id, now, **columns)
        return False
    if _rules_changed(before.policy, policy):
        members.look_again(c, connection_id, LOOK_AGAIN, now)  # members before connections
        connections.update(c, connection_id, now, **columns)
        connections.hasten_full_sweep(c, connection_id, now, timedelta(0))
        return True
    connections.update(c, connection_id, now, **columns)
    return False


def _fields_read(before: ConnectionRow, audience: AudienceMap, now: datetime) -> dict[str, Any]:
    """The audience's fields as they were just read. What changed of them since the last time is told."""
    known = from_stored(before.audience_fields) if before.audience_id == audience.audience.id else None
    return as_stored(follow(before.policy, known, audience.fields, now)[1])


def _part_from_the_old(c: Connection, connection_id: str) -> None:
    """Forget what was known of another audience's members, and what was previewed or begun there."""
    members.forget_all(c, connection_id)
    sweep_pages.forget(c, connection_id)
    runs.forget_all(c, connection_id)


def _rules_changed(before: Policy, after: Policy) -> bool:
    """Whether people must be compared anew: not for who said so, nor for where the brake is, nor for what
    somebody has seen and left out."""
    aside = {"statement": None, "brake_share": 0.0, "left": ()}
    return before.model_copy(update=aside) != after.model_copy(update=aside)
