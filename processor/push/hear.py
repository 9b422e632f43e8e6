"""Reads what changed in an audience since the house last heard of it, page by page, before a push."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial

from processor import brake
from processor.broker import SWEEP
from processor.converge import Cause, Stopped, converge
from processor.domain.connection import ConnectionState
from processor.domain.contact import MemberStatus
from processor.kit import Heard, Kit
from processor.look import OVERLAP, SHORT_OVERLAP, Enough, pages
from processor.mailchimp.client import Mailchimp
from processor.meeting import meet_page
from processor.store import connections
from processor.store.connections import ConnectionRow
from processor.tagged import with_all_tags

CAUSE = Cause("push")
FRESH = timedelta(seconds=5)
"""So long what was read counts as just read. Our own writes come back on the pages, and shall not make each
push read them anew."""
FRESH_AT_FIRST = timedelta(seconds=30)
"""The same during a first sync, which has just read everybody: whoever is archived is known by then, and
looked at. Only somebody who came and was archived since could be missed."""
MOST_PAGES = 10
"""More than this is not read before a push: it goes on from there the next time."""


def hear(
    kit: Kit,
    mailchimp: Mailchimp,
    connection: ConnectionRow,
    claims: Mapping[int, str],
    enough: Enough,
    *,
    everything: bool,
) -> bool:
    """Read and converge what changed in the audience since it was last read: the archived, and `everything`
    else. `claims` are the rows that the asking push holds. Returns whether it was read to the end; where it
    is too much for now, what was read stays read. Safe to repeat. Raises MailchimpError, StoreDown."""
    archived = _hear_pass(kit, mailchimp, connection, claims, enough, MemberStatus.ARCHIVED)
    if not everything or not archived:
        return archived
    return _hear_pass(kit, mailchimp, connection, claims, enough, None)


def _hear_pass(
    kit: Kit,
    mailchimp: Mailchimp,
    connection: ConnectionRow,
    claims: Mapping[int, str],
    enough: Enough,
    status: MemberStatus | None,
) -> bool:
    audience = connection.audience_id or ""
    key = (f"{connection.id}/{audience}", status.value if status else "")
    began, heard = kit.now(), kit.heard.get(key)
    fresh = FRESH_AT_FIRST if connection.state == ConnectionState.IMPORTING else FRESH
    if heard is not None and began - heard.at < fresh:
        return True
    since = _heard_before(connection, status)
    if heard is not None:
        since = max(since, heard.since)
    newest = since + SHORT_OVERLAP
    guard = brake.of_pages(kit, connection)
    meet = partial(converge, kit, connection, cause=CAUSE, claims=claims, guard=guard)
    for count, page in enumerate(pages(mailchimp, audience, since, status), start=1):
        try:
            whole = with_all_tags(kit, mailchimp, connection, page, enough)
            meet_page(meet, mailchimp, audience, whole, enough)
        except Stopped:
            _let_the_sweep_ask(kit, connection)
            return False
        newest = max([newest, *(m.last_changed for m in page if m.last_changed)])
        got_on = newest - SHORT_OVERLAP > since  # one second can fill many pages
        if (count >= MOST_PAGES and got_on) or enough():
            kit.heard[key] = Heard(began - FRESH_AT_FIRST, newest - SHORT_OVERLAP)
            return False
    kit.heard[key] = Heard(began, newest - SHORT_OVERLAP)
    return True


def _let_the_sweep_ask(kit: Kit, connection: ConnectionRow) -> None:
    with kit.store.write() as c:
        connections.update(c, connection.id, kit.now(), next_sweep_at=kit.now())
    kit.bell.ring(SWEEP, [connection.id])


def _heard_before(connection: ConnectionRow, status: MemberStatus | None) -> datetime:
    """Since when the house has not heard everything. A long sweep reads the archived first, so who was
    archived during it, and is older than its watermark, is found from its own beginning."""
    full = connection.last_full_sweep_at
    assert full is not None
    watermark = connection.watermark or full
    return (min(full, watermark) if status else watermark) - OVERLAP
