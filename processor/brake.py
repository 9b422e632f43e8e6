"""Stops what would change very many contacts at once, before it is done, and asks a person.

Downward a sweep counts what it would change here, page by page, and so does whoever reads pages on the way
to something else. Upward a push counts who would be unsubscribed or archived in Mailchimp. Beyond the share
that the policy allows, the connection is paused with the problem `brake`; whoever lets it go on (`lift`) does
so for the sweep or the first sync that was stopped, and for pushes for a day. One person's own act, told by a
webhook or written by the platform, is never held.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from processor.converge import Guard, Outcome, Stopped
from processor.domain.connection import LIVE, ConnectionState
from processor.domain.edit import LEFT
from processor.domain.policy import Policy
from processor.kit import Kit
from processor.log import say
from processor.store import Connection, connections, contacts, members_left, runs
from processor.store.connections import ConnectionRow
from processor.store.members import MemberRow
from processor.store.runs import RunKind

logger = logging.getLogger(__name__)

CODE = "brake"
WINDOW = timedelta(hours=1)
"""Who leaves within this counts together: a broken list comes in pieces."""
LIFTED_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Tally:
    """What was changed here: contacts that were there before, and those of them who were taken off the
    list."""

    changed: int = 0
    left: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.changed + other.changed, self.left + other.left)


@dataclass(frozen=True, slots=True)
class Found:
    """What the brake stopped at. `what` is unsubscribe, change or archive; `where` is here or there; `found`
    of `of` people, at least where it was stopped before all were counted."""

    what: str
    where: str
    found: int
    of: int
    at_least: bool = False
    work: str | None = None
    """The sweep that was stopped."""


class Braked(Stopped):
    """Going on would change too many at once; nothing of it was written."""

    def __init__(self, found: Found) -> None:
        self.found = found
        super().__init__(found.what)


def tally(outcomes: Iterable[Outcome]) -> Tally:
    """Count what these outcomes change here. New contacts are not counted."""
    downs = [o.plan.down for o in outcomes if o.plan is not None and not o.plan.down.is_empty]
    old = [down for down in downs if not down.create]
    left = sum(down.consent is not None and down.consent.status in LEFT for down in old)
    return Tally(len(old), left)


def is_over(policy: Policy, number: int, of: int, agreed: int = 0) -> bool:
    """Whether so many of so many are more than the policy lets pass without asking, beyond those that
    somebody has seen in a preview and agreed to."""
    beyond = number - agreed
    return beyond >= max(1, policy.brake_from) and beyond > policy.brake_share * of


def stop_if_over(
    policy: Policy, total: Tally, of: int, *, work: str, agreed: Mapping[str, int] | None = None
) -> None:
    """Raise Braked where a sweep that comes to this total would change too many contacts here."""
    seen = agreed or {}
    if is_over(policy, total.left, of, seen.get("left_here", 0)):
        raise Braked(Found("unsubscribe", "here", total.left, of, True, work))
    if is_over(policy, total.changed, of, seen.get("changed_here", 0)):
        what = "unsubscribe" if total.left * 2 > total.changed else "change"
        number = total.left if what == "unsubscribe" else total.changed
        raise Braked(Found(what, "here", number, of, True, work))


def of_pages(kit: Kit, connection: ConnectionRow) -> Guard:
    """Return a guard for pages that are read on the way to something else: it raises Braked where together
    they would change too many contacts here. They are left to the next sweep then, which asks."""
    total = Tally()

    def guard(outcomes: Sequence[Outcome]) -> None:
        nonlocal total
        found = total + tally(outcomes)
        is_let = bool((connection.brake or {}).get("lifted", {}).get("here"))
        if is_let or connection.state == ConnectionState.IMPORTING:
            return  # let through by somebody, or counted by the first sync
        if found.changed >= max(1, connection.policy.brake_from):
            with kit.store.read() as c:
                of = contacts.count(c, connection.account_id)
            stop_if_over(connection.policy, found, of, work="")
        total = found

    return guard


def may_go_up(kit: Kit, c: Connection, connection: ConnectionRow, rows: Sequence[MemberRow]) -> bool:
    """Whether a push may send what it has just claimed. Where too many wait to be unsubscribed or archived in
    Mailchimp, together with those of the last hour, the connection is paused and asks, and the push hands
    its rows back.

    In the transaction of the claim: after members in the lock order. Safe to repeat.
    """
    if not any(row.urgent for row in rows):
        return True
    now, brake = kit.now(), connection.brake or {}
    if _is_lifted_up(brake, now):
        return True
    before = _in_window(brake, now)
    waiting = members_left.leaving(c, connection.id)
    if before + waiting < max(1, connection.policy.brake_from):
        return True
    of = members_left.mailed(c, connection.id) + before
    if not is_over(connection.policy, before + waiting, of, _agreed(c, connection.id)):
        return True
    archived = members_left.leaving_deleted(c, connection.id, connection.account_id)
    what = "archive" if archived * 2 > waiting else "unsubscribe"
    pull(kit, c, connection.id, Found(what, "there", waiting, of))
    return False


def gone_up(kit: Kit, connection_id: str, leaving: int) -> None:
    """Write down that so many were unsubscribed or archived in Mailchimp just now, so that those who follow
    within the hour are counted together with them. Raises StoreDown."""
    if not leaving:
        return

    def in_one_transaction(c: Connection) -> None:
        row = connections.lock(c, connection_id)
        if row is None:
            return
        now, brake = kit.now(), dict(row.brake or {})
        before = _in_window(brake, now)
        since = brake["window"]["since"] if before else now.isoformat()
        brake["window"] = {"since": since, "left_there": before + leaving}
        connections.update(c, connection_id, now, brake=brake)

    kit.store.write_retrying(in_one_transaction)


def stop(kit: Kit, connection_id: str, found: Found) -> None:
    """Pause the connection and ask. Safe to repeat. Raises StoreDown."""
    kit.store.write_retrying(lambda c: pull(kit, c, connection_id, found))


def pull(kit: Kit, c: Connection, connection_id: str, found: Found) -> None:
    """The same in the caller's transaction. A connection that does not work any more is left as it is."""
    row = connections.lock(c, connection_id)
    if row is None or row.state not in LIVE:
        return
    now = kit.now()
    run = runs.unfinished(c, connection_id, RunKind.SYNC)
    number = f"{found.found:,}"
    brake = {
        **{name: value for name, value in (row.brake or {}).items() if name in {"window", "lifted"}},
        "what": found.what,
        "where": found.where,
        "found": f"at least {number}" if found.at_least else found.found,
        "of": found.of,
        "run": run.id if run else None,
        "sweep": found.work,
        "at": now.isoformat(),
    }
    connections.update(c, connection_id, now, brake=brake, paused_at=now)
    detail = in_words(found)
    connections.set_state(
        c, connection_id, ConnectionState.PAUSED, now, problem_code=CODE, problem_detail=detail
    )
    say(logger, logging.WARNING, "stopped by the brake", connection=connection_id, what=found.what)


def lift(brake: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the brake as it is after a person said that it may go on."""
    where = brake["where"]
    lifted = {"at": now.isoformat(), "run": brake.get("run"), "sweep": brake.get("sweep")}
    return {**brake, "accepted_at": now.isoformat(), "lifted": {**brake.get("lifted", {}), where: lifted}}


def is_lifted_for(brake: Mapping[str, Any] | None, run_id: str | None, work: str) -> bool:
    """Whether somebody has let this sweep, or the first sync that it is part of, go on."""
    lifted = (brake or {}).get("lifted", {}).get("here")
    if not lifted:
        return False
    return lifted["sweep"] == work or (run_id is not None and lifted["run"] == run_id)


def handed_on(brake: Mapping[str, Any] | None, work: str, now: datetime) -> dict[str, Any] | None:
    """Return the brake for a sweep that begins anew: what was said to one that was stopped, and is too old by
    now to be carried on, is said to this one."""
    lifted = dict((brake or {}).get("lifted", {}))
    here = lifted.get("here")
    if brake is None or here is None or here["run"] is not None:
        return None if brake is None else dict(brake)
    if now - datetime.fromisoformat(here["at"]) < LIFTED_FOR:
        lifted["here"] = {**here, "sweep": work}
    return {**brake, "lifted": lifted}


def done_with(brake: Mapping[str, Any] | None, work: str) -> dict[str, Any] | None:
    """Return what is kept of the brake when a sweep has come to its end: what was said to it is used up,
    but for what was said for a whole first sync, or for pushes."""
    lifted = dict((brake or {}).get("lifted", {}))
    here = lifted.get("here")
    if brake is None or here is None or here["sweep"] != work or here["run"] is not None:
        return None if brake is None else dict(brake)
    del lifted["here"]
    return {name: value for name, value in brake.items() if name == "window"} | {"lifted": lifted}


def in_words(found: Found) -> str:
    """Return what going on would do, to how many of how many, as a sentence."""
    number = ("At least " if found.at_least else "") + f"{found.found:,} of {found.of:,}"
    people = "contact" if found.of == 1 else "contacts"
    if found.where == "there":
        does = "archived" if found.what == "archive" else "unsubscribed"
        return f"{number} {people} would be {does} in Mailchimp, as your platform asks."
    if found.what == "unsubscribe":
        return f"{number} {people} would be unsubscribed here, since Mailchimp says that they left."
    return f"{number} {people} would be changed here, to what Mailchimp has."


def _is_lifted_up(brake: Mapping[str, Any], now: datetime) -> bool:
    lifted = brake.get("lifted", {}).get("there")
    return bool(lifted) and now - datetime.fromisoformat(lifted["at"]) < LIFTED_FOR


def _in_window(brake: Mapping[str, Any], now: datetime) -> int:
    window = brake.get("window")
    if not window or now - datetime.fromisoformat(window["since"]) >= WINDOW:
        return 0
    return int(window["left_there"])


def _agreed(c: Connection, connection_id: str) -> int:
    run = runs.unfinished(c, connection_id, RunKind.SYNC)
    agreed = (run.cursor or {}).get("agreed", {}) if run else {}
    return int(agreed.get("left_there", 0))
