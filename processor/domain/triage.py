"""What an event asks for, before anything is looked up."""

from __future__ import annotations

from processor.domain.event import Event, EventType, SkipReason
from processor.errors import NotUnderstood


def reason_to_skip(event: Event, audience_id: str | None) -> SkipReason | None:
    """Return why the event needs no look at a member, or None when it does.

    An event whose type is a new word of Mailchimp's is a bell like any other as long as it names an
    address; without one it raises NotUnderstood, so that somebody sees it.
    """
    if event.list_id is not None and event.list_id != audience_id:
        return SkipReason.OTHER_AUDIENCE
    if event.type is EventType.UNKNOWN:
        if event.email:
            return None
        raise NotUnderstood(f"Mailchimp calls it “{event.raw_type}”, a word that is not known here.")
    if not event.is_about_a_member:
        return SkipReason.NOT_ABOUT_CONTACTS
    if not event.email and not event.unique_email_id:
        return SkipReason.NO_ADDRESS
    return None
