"""Believes who left while a connection rests. Mailchimp is not asked and the events stay for later, but the
platform must not write to somebody who has said no meanwhile."""

from __future__ import annotations

from processor.converge.believe import BadNews, believe
from processor.domain.contact import MemberStatus, email_key
from processor.domain.event import EventType
from processor.domain.triage import reason_to_skip
from processor.errors import NotUnderstood
from processor.kit import Kit
from processor.mailchimp import webhook
from processor.store import connections, inbox_rest
from processor.store.connections import ConnectionRow
from processor.store.inbox_rest import KeptEvent

LEFT = {EventType.UNSUBSCRIBE: MemberStatus.UNSUBSCRIBED, EventType.CLEANED: MemberStatus.CLEANED}
PAGE = 500
OVERLAP = 200
"""Numbers that are looked at once more: what was kept at the same moment need not be seen in its order."""


def believe_who_left(kit: Kit, connection: ConnectionRow) -> int:
    """Read the waiting events that are new since the last time, and believe the bad news among them. Returns
    how many were new: where any were, there may be more. Safe to repeat. Raises StoreDown."""
    if connection.audience_id is None:
        return 0
    read_to = connection.believed_id or 0
    with kit.store.read() as c:
        page = inbox_rest.waiting_after(c, connection.id, read_to - OVERLAP, OVERLAP + PAGE)
    new = [event for event in page if event.id > read_to]
    if not new:
        return 0
    believe(kit, connection, [news for event in page if (news := _news(kit, connection, event))])
    with kit.store.write() as c:  # last: whoever is cut off before begins here again
        connections.update(c, connection.id, kit.now(), believed_id=new[-1].id)
    return len(new)


def _news(kit: Kit, connection: ConnectionRow, kept: KeptEvent) -> BadNews | None:
    try:
        event = webhook.parse(kept.body, kept.content_type)
    except NotUnderstood:
        return None
    if event.type not in LEFT or not event.email or webhook.is_forgotten(event):
        return None
    if reason_to_skip(event, connection.audience_id) is not None:
        return None
    at = min(event.fired_at or kept.received_at, kit.now())
    return BadNews(email_key(event.email), LEFT[event.type], at, event.reason, kept.id)
