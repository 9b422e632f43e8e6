"""Completes members of a page whose tags Mailchimp has cut off at fifty (facts.md 4.2).

Without the rest nobody could tell a tag that was taken off in Mailchimp from one that is not shown. What was
known of a member who has not changed since is used again, so that only those who changed cost a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from processor.domain.contact import Member, email_key
from processor.errors import Gone
from processor.kit import Kit
from processor.look import Enough
from processor.mailchimp.client import Mailchimp
from processor.store import members
from processor.store.connections import ConnectionRow

JUST_NOW = timedelta(seconds=2)
"""Mailchimp's times are whole seconds: of two changes in one second, the second leaves no mark on the member
where it takes one tag off and puts another one on."""


def with_all_tags(
    kit: Kit, mailchimp: Mailchimp, connection: ConnectionRow, page: Sequence[Member], enough: Enough
) -> list[Member]:
    """Return the page with all tags of everybody on it. When it is `enough`, those who were not asked for
    stay cut off: nothing is taken for removed then. Safe to repeat. Raises MailchimpError, StoreDown."""
    if not connection.policy.sync_tags or all(member.tags_complete for member in page):
        return list(page)
    cut = {email_key(member.email) for member in page if not member.tags_complete}
    with kit.store.read() as c:
        rows = members.by_views(c, connection.id, email_keys=cut)
    known = {row.email_key: row.theirs for row in rows}
    return [
        member
        if member.tags_complete
        else _recalled(member, known.get(email_key(member.email)), kit.now())
        or _asked(mailchimp, connection.audience_id or "", member, enough)
        for member in page
    ]


def _recalled(member: Member, known: Member | None, now: datetime) -> Member | None:
    """The tags of the last view, where everything says that they are still the same."""
    if known is None or not known.tags_complete or known.id != member.id:
        return None
    if member.last_changed is None or now - member.last_changed < JUST_NOW:
        return None
    if (known.last_changed, len(known.tags)) != (member.last_changed, member.tags_count):
        return None
    return replace(member, tags=known.tags, tags_complete=True) if member.tags <= known.tags else None


def _asked(mailchimp: Mailchimp, audience: str, member: Member, enough: Enough) -> Member:
    if enough():
        return member
    try:
        return mailchimp.with_all_tags(audience, member)
    except Gone:
        return member  # since the page was read; what became of them shows at the next look
