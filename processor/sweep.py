"""Goes round an audience: heals what webhooks missed, and looks whether our webhook is still there.

Three passes, resumable page by page: what changed since the watermark, what was archived, and, now and
then, a comparison of everybody, which alone finds members who were deleted for good (facts.md 4.6). The
first sync of a new connection is a sweep that starts from the beginning.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from processor import hook
from processor.broker import PUSH, SWEEP
from processor.converge import Cause, Outcome, Sighting, Verdict, converge
from processor.domain.catalogue import ENTRIES, Retry
from processor.domain.connection import LIVE, ConnectionState
from processor.domain.contact import Member, MemberStatus
from processor.errors import MailchimpError, StoreDown
from processor.halt import halt, is_halting
from processor.kit import Kit
from processor.log import bind, say
from processor.look import OVERLAP, PAGE, Question, look_again, look_up, pages
from processor.mailchimp.client import Mailchimp
from processor.owners import meet_owners_first
from processor.store import Connection, connections, contacts, members
from processor.store.connections import ConnectionRow
from processor.store.members import MemberRow
from processor.turn import Turn, turn

logger = logging.getLogger(__name__)

CAUSE = Cause("sweep")
LOOK_UPS = 50
"""Members looked up on their own before the turn is renewed: each may take as long as a call may."""
SOON_MINUTES = 1.0
PASSING = frozenset(code for code, found in ENTRIES.items() if found.retry is Retry.BY_ITSELF) | {
    "email_taken"
}
JITTER = 0.2
"""Sweeps of many connections must not fall into step."""


@dataclass(slots=True)
class Healed:
    """What one sweep found: members read, contacts changed, members that were gone."""

    seen: int = 0
    changed: int = 0
    gone: int = 0


def sweep(kit: Kit, connection_id: str, *, full: bool = False) -> Healed | None:
    """Go round the connection's audience once. Returns what was found, or None where it may not work or
    somebody else is at it.

    Safe to repeat, also after a crash in the middle: what was read already makes empty plans. The next
    round is planned before this one begins, so that one that fails is not begun again at once.
    """
    kit.bell.answered(SWEEP, connection_id)
    with turn(kit, SWEEP, connection_id) as mine, bind(connection=connection_id):
        if not mine:
            return None
        with kit.store.read() as c:
            connection = connections.get(c, connection_id)
        if connection is None or connection.state not in LIVE or connection.audience_id is None:
            return None
        with kit.store.write() as c:
            _plan_next(kit, c, connection, minutes=SOON_MINUTES)
        try:
            return _go_round(kit, connection, mine, full=full or _full_is_due(kit, connection))
        except MailchimpError as error:
            _stopped(kit, connection, error)
            return None


def _full_is_due(kit: Kit, connection: ConnectionRow) -> bool:
    last = connection.last_full_sweep_at
    return last is None or kit.now() - last > timedelta(hours=kit.settings.full_sweep_hours)


def _go_round(kit: Kit, connection: ConnectionRow, mine: Turn, *, full: bool) -> Healed:
    mailchimp = kit.mailchimp(connection)
    if full:
        connection = _as_it_is_now(kit, connection, mailchimp)
    healed = Healed()
    started = kit.now()
    since = connection.watermark - OVERLAP if connection.watermark and not full else None
    newest = connection.watermark
    # The archived first: whoever was archived must be known before anybody is added (promise 3).
    for status in (MemberStatus.ARCHIVED, None):
        for page in pages(mailchimp, connection.audience_id or "", since, status):
            if kit.stopping.is_set():
                with kit.store.write() as c:
                    connections.update(c, connection.id, kit.now(), next_sweep_at=kit.now())
                return healed  # another worker goes round
            mine.renew()
            _heal(kit, connection, mailchimp, page, healed)
            newest = max(filter(None, [newest, *(m.last_changed for m in page)]), default=None)
    if full:
        _look_after_the_hook(kit, connection)
        _find_the_gone(kit, connection, mailchimp, healed, mine, started)
        _bring_in_the_new(kit, connection, mine)
    _finished(kit, connection, newest, started, full=full)
    kit.bell.ring(PUSH, [connection.id])
    say(logger, logging.INFO, "swept", full=full, seen=healed.seen, changed=healed.changed, gone=healed.gone)
    return healed


def _as_it_is_now(kit: Kit, connection: ConnectionRow, mailchimp: Mailchimp) -> ConnectionRow:
    """Take over what the marketer may have changed of the audience: its name, and whether people who are
    added must confirm first."""
    audience = mailchimp.audience(connection.audience_id or "")
    policy = connection.policy.model_copy(update={"double_opt_in": audience.double_opt_in})
    if (policy, audience.name) == (connection.policy, connection.audience_name):
        return connection
    with kit.store.write() as c:
        connections.update(c, connection.id, kit.now(), policy=policy, audience_name=audience.name)
        return connections.get(c, connection.id) or connection


def _look_after_the_hook(kit: Kit, connection: ConnectionRow) -> None:
    """See that our webhook stands, once and complete, and mend it. A sweep goes on without one: webhooks
    only make it quicker."""
    try:
        hook.register(kit, connection)
    except MailchimpError as error:
        if is_halting(error):
            raise
        say(logger, logging.WARNING, "our webhook could not be looked after", code=error.code)


def _heal(
    kit: Kit, connection: ConnectionRow, mailchimp: Mailchimp, page: Sequence[Member], healed: Healed
) -> None:
    outcomes = _converge_each(kit, connection, [Sighting(None, member) for member in page])
    outcomes += meet_owners_first(kit, connection, mailchimp, outcomes, CAUSE)
    unsure = [o.sighting for o in outcomes if o.verdict is Verdict.AGAIN]
    fresh = look_again(mailchimp, connection.audience_id or "", unsure, lambda: False)
    outcomes += converge(kit, connection, fresh, CAUSE)
    healed.seen += len(page)
    healed.changed += _changed(outcomes)


def _converge_each(kit: Kit, connection: ConnectionRow, sightings: Sequence[Sighting]) -> list[Outcome]:
    """Converge a page; where it fails, each member alone, so that one of them stops itself only."""
    try:
        return converge(kit, connection, sightings, CAUSE)
    except StoreDown:
        raise
    except Exception:
        if len(sightings) == 1:
            logger.exception("a member could not be brought to agreement")
            return []
        return [o for sighting in sightings for o in _converge_each(kit, connection, [sighting])]


def _changed(outcomes: Sequence[Outcome]) -> int:
    return sum(outcome.verdict is Verdict.CHANGED for outcome in outcomes)


def _find_the_gone(
    kit: Kit,
    connection: ConnectionRow,
    mailchimp: Mailchimp,
    healed: Healed,
    mine: Turn,
    started: datetime,
) -> None:
    """Every member that the audience was just read for was seen since; who was not may be gone. Each is
    looked up before that is believed, since members move while pages are read."""
    after = 0
    while True:
        mine.renew()
        with kit.store.read() as c:
            rows = members.not_met_since(c, connection.id, started, after_id=after, limit=LOOK_UPS)
        if not rows:
            return
        after = rows[-1].id
        audience = connection.audience_id or ""
        looks = [
            look_up(
                mailchimp, audience, Question(r.email_key or "", r.id, r.mailchimp_contact_id, r.member_id)
            )
            for r in rows
        ]
        outcomes = converge(kit, connection, looks, CAUSE)
        healed.gone += sum(o.sighting.member is None for o in outcomes)
        healed.changed += _changed(outcomes)


def _bring_in_the_new(kit: Kit, connection: ConnectionRow, mine: Turn) -> None:
    """Make every contact due that no member of this audience is linked with yet."""
    _try_what_passes(kit, connection)
    after: str | None = None
    while True:
        mine.renew()
        with kit.store.write() as c:
            page = contacts.page(c, connection.account_id, after, PAGE)
            ids = [contact.id for contact in page]
            linked = members.by_contact_ids(c, connection.id, ids)
            members.mark_due(c, [connection.id], [i for i in ids if i not in linked], kit.now())
        if len(page) < PAGE:
            return
        after = page[-1].id


def _try_what_passes(kit: Kit, connection: ConnectionRow) -> None:
    """Send those round again who failed for a cause that passes by itself, in whatever time it took, or
    whose address may be free by now."""
    after_id = 0
    while True:
        with kit.store.write() as c:
            sent = members.try_again(
                c, connection.id, kit.now(), limit=PAGE, after_id=after_id, reasons=PASSING
            )
        if not sent:
            return
        after_id = sent[-1]


def _finished(
    kit: Kit, connection: ConnectionRow, newest: datetime | None, started: datetime, *, full: bool
) -> None:
    with kit.store.write() as c:
        if newest is not None:
            connections.advance_watermark(c, connection.id, newest, kit.now())
        if full:
            connections.update(c, connection.id, kit.now(), last_full_sweep_at=started)
        if connection.state == ConnectionState.IMPORTING:
            connections.update(c, connection.id, kit.now(), state=ConnectionState.IN_SYNC)
        _plan_next(kit, c, connection)


def _stopped(kit: Kit, connection: ConnectionRow, error: MailchimpError) -> None:
    if is_halting(error):
        halt(kit, connection.id, error)
        return
    say(logger, logging.WARNING, "sweep put off", code=error.code)
    with kit.store.write() as c:
        _plan_next(kit, c, connection, minutes=SOON_MINUTES)


def _plan_next(kit: Kit, c: Connection, connection: ConnectionRow, minutes: float | None = None) -> None:
    wait = timedelta(minutes=minutes or kit.settings.sweep_minutes) * (1 + JITTER * kit.chance())
    connections.update(c, connection.id, kit.now(), next_sweep_at=kit.now() + wait)


def _question(row: MemberRow) -> Question:
    return Question(row.email_key or "", row.id, row.mailchimp_contact_id, row.member_id)
