"""The ledger of consents in words, and as a table for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from processor import cells
from processor.domain.ledger import ConsentEntry, Side, Who
from processor.kit import Kit
from processor.report.history import all_consents, consent_lines

HEAD = (
    "Contact id",
    "E-mail address",
    "Where",
    "Before",
    "After",
    "Said at",
    "Written down at",
    "Who",
    "Evidence",
    "Connection",
    "API key",
    "Cause",
    "About",
)
WHO: Mapping[Who, str] = {
    Who.PLATFORM: "the platform",
    Who.STATEMENT: "the customer's statement at set-up",
    Who.CONTACT: "the contact",
    Who.ADMIN: "somebody in the Mailchimp account",
    Who.COMPLAINT: "the contact, by a spam complaint",
    Who.BOUNCE: "a bounce",
    Who.ARCHIVE: "somebody who archived them in Mailchimp",
    Who.DELETE: "somebody who deleted them in Mailchimp",
    Who.MAILCHIMP: "somebody in Mailchimp, who is not told",
}
"""Who is behind a line, in words; a test holds that nobody is missing."""
WHERE: Mapping[Side, str] = {Side.HERE: "on the platform", Side.THERE: "in Mailchimp"}
MOST_OF_CONTACT = 500


def consents_csv(kit: Kit, account_id: str, contact_id: str | None = None) -> Iterator[str]:
    """Return the account's ledger, or one contact's, as CSV in pieces of some hundred lines. Raises NotFound
    for a contact that never was, StoreDown."""
    if contact_id is None:
        return cells.as_csv(HEAD, (_cells(row.entry) for row in all_consents(kit, account_id)))
    page = consent_lines(kit, account_id, contact_id, limit=MOST_OF_CONTACT)
    return cells.as_csv(HEAD, [_cells(row.entry) for row in reversed(page.lines)])


def _cells(entry: ConsentEntry) -> tuple[str, ...]:
    events = " ".join(entry.cause.get("events", ()))
    return (
        entry.contact_id,
        entry.address or "",
        WHERE[entry.side],
        entry.before or "",
        entry.after,
        _time(entry.at),
        _time(entry.recorded_at),
        WHO[entry.who],
        entry.source or "",
        entry.connection_id or "",
        entry.by or "",
        f"{entry.cause.get('cause', '')} {events}".strip(),
        about(entry),
    )


def about(entry: ConsentEntry) -> str:
    """Return what a line is about, in words: "" for the status itself."""
    if entry.about is None:
        return ""
    if entry.about == "sms":
        return "SMS"
    return f"marketing permission “{entry.cause.get('text') or entry.about.removeprefix('permissions.')}”"


def _time(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""
