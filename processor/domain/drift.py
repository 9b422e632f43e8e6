"""What comparisons of the two sides found that nothing had told of before, and healed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum

from processor.domain.contact import Member, MemberStatus
from processor.domain.plan import ContactChange, Plan


class Drift(StrEnum):
    """Kinds of it."""

    NEW = "new"
    """A member whom the platform did not know."""
    CHANGED = "changed"
    """Fields, address or status, of which no webhook had told by then."""
    TAGS = "tags"
    """Tags only: Mailchimp sends no webhook for them (facts.md 1.3)."""
    ARCHIVED = "archived"
    DELETED = "deleted"
    """Deleted for good: found only by comparing everybody (facts.md 4.6)."""
    WEBHOOK = "webhook"
    """Our webhook was gone, doubled or incomplete: it was set up again."""


def drift_of(plan: Plan, member: Member | None) -> Drift | None:
    """Return of which kind it is that a comparison changed a contact so; None where it changed nothing here.
    `member` None is for one that is not there any more."""
    down = plan.down
    if down.is_empty:
        return None
    if down.create:
        return Drift.NEW
    if member is None:
        return Drift.DELETED
    if member.status is MemberStatus.ARCHIVED:
        return Drift.ARCHIVED
    has_tags_only = ContactChange(tags_added=down.tags_added, tags_removed=down.tags_removed) == down
    return Drift.TAGS if has_tags_only else Drift.CHANGED


_WORDS: Mapping[Drift, tuple[str, str]] = {
    Drift.CHANGED: ("1 changed contact", "{:,} changed contacts"),
    Drift.TAGS: ("1 contact with other tags", "{:,} contacts with other tags"),
    Drift.NEW: ("1 new contact", "{:,} new contacts"),
    Drift.ARCHIVED: ("1 archived contact", "{:,} archived contacts"),
    Drift.DELETED: ("1 contact deleted for good", "{:,} contacts deleted for good"),
}


def sentence(counts: Mapping[Drift, int], since: date, today: date) -> str:
    """Return what was healed since that day, as one plain sentence."""
    parts = [
        one if counts[kind] == 1 else many.format(counts[kind])
        for kind, (one, many) in _WORDS.items()
        if counts.get(kind)
    ]
    hooks = counts.get(Drift.WEBHOOK, 0)
    if hooks:
        parts.append("our webhook set up again" + (f" {hooks:,} times" if hooks > 1 else ""))
    if not parts:
        return f"{_time(since, today)} our comparisons found nothing that we had not heard of already."
    listed = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    return f"{_time(since, today)} our comparisons found and mended by themselves: {listed}."


def _time(since: date, today: date) -> str:
    days = (today - since).days
    return f"In the last {days} days" if days > 1 else "Since yesterday" if days else "Today"
