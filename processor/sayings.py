"""What is said of contacts and of issues, in words: with the contact, the field and the value in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from processor.domain import exclusions
from processor.domain.catalogue import Words, entry, words
from processor.domain.contact import Contact
from processor.domain.issue import Issue, IssueKind, IssueState
from processor.domain.plan import MemberState
from processor.store import Connection, causes, connections, contacts, inbox, members
from processor.store.connections import ConnectionRow
from processor.store.members import MemberRow

_IN_SYNC = Words("In step", "Both sides say the same.", "Nothing to do.", None)
_WAITING = Words("On its way", "A change is on its way to Mailchimp.", "Nothing to do.", None)


@dataclass(frozen=True, slots=True)
class Said:
    """An issue in words. `example` is the address of one of its contacts, where it has any."""

    words: Words
    line: str
    audience: str
    example: str | None = None


def of_issue(c: Connection, issue: Issue) -> Said:
    """Return an issue in words: those of the contact who fails of it longest, and how many others there are.

    `line` says how many, and is short. Reads few rows, however many contacts it has.
    """
    connection = connections.get(c, issue.connection_id)
    audience = (connection.audience_name if connection else None) or "your audience"
    if connection is None:
        return Said(words(issue.code), "", audience)
    if issue.kind is IssueKind.CONNECTION:
        return Said(_of_connection(c, connection, issue), "The connection itself", audience)
    if issue.kind is IssueKind.FIELD:
        return Said(_of_field(connection, issue), "Nobody fails of it", audience)
    if issue.kind is IssueKind.DELIVERIES:
        return Said(_of_deliveries(c, connection, issue), _counted(issue.count, "delivery"), audience)
    return _of_contacts(c, connection, issue, audience)


def _of_contacts(c: Connection, connection: ConnectionRow, issue: Issue, audience: str) -> Said:
    line = _counted(issue.count, "contact")
    number = (
        None
        if issue.state is IssueState.RESOLVED
        else causes.example(c, connection.id, issue.code, issue.about)
    )
    row = members.get(c, number) if number is not None else None
    if row is None:
        return Said(_bare(connection, issue), line, audience)
    known = contacts.get_many(c, connection.account_id, [row.contact_id] if row.contact_id else [])
    contact = known.get(row.contact_id or "")
    said, others = of_member(connection, row, contact), issue.count - 1
    if others > 0:
        more = f"The same goes for {_counted(others, 'other contact')}."
        said = replace(said, happened=f"{said.happened} {more}")
    return Said(said, line, audience, address_of(row, contact))


def _of_connection(c: Connection, connection: ConnectionRow, issue: Issue) -> Words:
    waiting = members.counts(c, connection.id)[MemberState.WAITING]
    detail = connection.problem_detail if connection.problem_code == issue.code else None
    return words(issue.code, audience=connection.audience_name, detail=detail, count=waiting or None)


def _of_field(connection: ConnectionRow, issue: Issue) -> Words:
    targets = [rule.target for rule in connection.policy.gone if rule.field == issue.about]
    return words(
        issue.code,
        field=f"“{issue.about}”",
        value=next(iter(targets), None),
        audience=connection.audience_name,
    )


def _of_deliveries(c: Connection, connection: ConnectionRow, issue: Issue) -> Words:
    number = causes.last_dead(c, connection.id, issue.code)
    row = inbox.get(c, number) if number is not None else None
    if row is None:
        return _bare(connection, issue)
    facts = {"email": row.subject, "detail": row.detail, "instance": row.instance, "reference": row.name}
    return words(issue.code, **facts, audience=connection.audience_name)


def _bare(connection: ConnectionRow, issue: Issue) -> Words:
    field = f"“{issue.about}”" if issue.about else None
    return words(issue.code, field=field, audience=connection.audience_name)


def title_of(issue: Issue) -> str:
    """Return an issue's title, without looking anything up."""
    return words(issue.code, field=f"“{issue.about}”" if issue.about else None).title


def button_of(code: str) -> str | None:
    """Return what the button of a code's card says."""
    return entry(code).button


def _counted(count: int, noun: str) -> str:
    if noun.endswith("y"):
        return f"{count:,} {noun if count == 1 else noun[:-1] + 'ies'}"
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def address_of(row: MemberRow, contact: Contact | None) -> str | None:
    """Return the address by which people know this contact, or None."""
    return (contact.email if contact else None) or row.email_key


def of_member(connection: ConnectionRow, row: MemberRow, contact: Contact | None) -> Words:
    """Return how a contact stands, in words."""
    email = address_of(row, contact)
    name = name_of(contact) or email
    if row.state is MemberState.EXCLUDED:
        return exclusions.words(row.reason)
    if row.state is MemberState.FAILING or row.reason is not None:
        return words(
            row.reason or "internal",
            name=name,
            email=email,
            field=f"“{row.field}”" if row.field else None,
            value=_value(row, contact),
            detail=detail_of(connection, row),
            instance=row.instance,
            audience=connection.audience_name,
        )
    return _WAITING if row.state is MemberState.WAITING else _IN_SYNC


def _value(row: MemberRow, contact: Contact | None) -> object:
    return plain(contact.fields.get(row.field) if contact and row.field else None)


def plain(value: object) -> object:
    """Return a value as sentences have it: an address in one line."""
    if isinstance(value, Mapping):
        return ", ".join(str(part) for part in value.values() if part)
    return value


def detail_of(connection: ConnectionRow, row: MemberRow) -> str | None:
    """What Mailchimp said of a field, without its own name for it, which the sentence has already."""
    tags = [rule.target for rule in connection.policy.fields if rule.field == row.field]
    before = f"{tags[0]}: " if tags else ""
    return (row.detail or "").removeprefix(before) or None


def name_of(contact: Contact | None) -> str:
    """Return what a contact is called, "" where that is not known."""
    if contact is None:
        return ""
    parts = (contact.fields.get("first_name"), contact.fields.get("last_name"))
    return " ".join(str(part).strip() for part in parts if part).strip()
