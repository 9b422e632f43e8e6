"""One contact towards every audience of its account: the sentence that says why it is, or is not, in step."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from processor.domain.catalogue import words
from processor.domain.connection import LEAVING, LIVE, ConnectionState
from processor.domain.contact import Consent, Contact, Member, email_key
from processor.domain.plan import MemberState
from processor.domain.word import towards
from processor.errors import Invalid, NotFound
from processor.kit import Kit
from processor.report.history import as_of
from processor.report.members import MemberReport, member_report
from processor.report.standing import LABELS
from processor.store import connections, contacts, left_out, members
from processor.store.connections import ConnectionRow
from processor.store.members import MemberRow


@dataclass(frozen=True, slots=True)
class Standing:
    """How a contact stands towards one connection's audience. `sentence` answers "why is this contact not in
    step?"; `member` is None where they were not looked at yet. `consent` is the one towards this audience."""

    connection: ConnectionRow
    state: MemberState
    sentence: str
    consent: Consent
    member: MemberReport | None = None
    theirs: Member | None = None
    """The member as Mailchimp last showed them."""
    asked: frozenset[str] = frozenset()
    """Marketing permissions whose change is on its way to Mailchimp."""


def standings(kit: Kit, account_id: str, contact_id: str) -> list[Standing]:
    """Return how the contact stands in each of the account's audiences; none for an account without one.
    Raises StoreDown."""
    now = kit.now()
    with kit.store.read() as c:
        contact = contacts.get(c, account_id, contact_id)
        rows = [row for row in connections.for_account(c, account_id) if row.state not in LEAVING]
        at_work = connections.at_work(c, account_id)
        found = {row.id: members.by_contact_ids(c, row.id, [contact_id]).get(contact_id) for row in rows}
        chosen = {row.id: left_out.of_contacts(c, row.id, [contact_id]).get(contact_id) for row in rows}
    told: list[Standing] = []
    for row in rows:
        of_row = found[row.id]
        member = member_report(row, of_row, contact, now, chosen[row.id]) if of_row else None
        state = member.state if member else MemberState.WAITING
        consent = _consent(contact, of_row, is_only=at_work in ([], [row.id]))
        told.append(
            Standing(
                row,
                state,
                _sentence(row, member),
                consent,
                member,
                of_row.theirs if of_row else None,
                _waiting(of_row),
            )
        )
    return told


def _waiting(row: MemberRow | None) -> frozenset[str]:
    """The marketing permissions whose change Mailchimp does not show yet."""
    return frozenset(one for one, act in (row.asked if row else {}).items() if not act.is_guard)


def _consent(contact: Contact | None, row: MemberRow | None, *, is_only: bool) -> Consent:
    """The contact's consent towards one audience, as far as that audience has said anything."""
    said = contact.consent if contact else Consent()
    if row is None or row.word is None:
        return said
    return towards(said, row.word, row.base, row.status, is_only=is_only)


def _sentence(connection: ConnectionRow, member: MemberReport | None) -> str:
    """One sentence, of the one thing that matters most."""
    if member is not None and member.state is MemberState.EXCLUDED:
        return member.words.happened
    held = _held_back(connection)
    if member is None:
        return held or "We have not looked at this contact yet; that happens by itself."
    if member.state is MemberState.FAILING:
        return member.words.happened
    if member.state is MemberState.WAITING:
        return held or member.words.happened
    return f"Nothing differs: both sides say the same.{' ' + held if held else ''}"


def _held_back(connection: ConnectionRow) -> str | None:
    """What holds the whole connection back, None where it works."""
    state = ConnectionState(connection.state)
    if connection.problem_code is not None and (state not in LIVE or connection.problem_code):
        said = words(
            connection.problem_code, audience=connection.audience_name, detail=connection.problem_detail
        )
        return f"Nothing is sent at the moment: {said.happened}"
    if state in LIVE:
        return None
    return f"Nothing is sent at the moment, because the connection stands at “{LABELS[state]}”."


def named(kit: Kit, text: str, account_id: str | None) -> list[Contact]:
    """Return the contacts with this id or address, in one account or in all. Raises NotFound for none,
    Invalid for nothing asked, StoreDown."""
    wanted = text.strip()
    if not wanted:
        raise Invalid("Give a contact's id or address.", "contact")
    with kit.store.read() as c:
        found = contacts.named(c, wanted, email_key(wanted), account_id)
    if not found:
        where = f" in the account “{account_id}”" if account_id else ""
        raise NotFound(f"There is no contact with the id or address “{wanted}”{where}.")
    return found


def named_then(kit: Kit, text: str, account_id: str | None, moment: datetime) -> tuple[str, dict[str, Any]]:
    """Return the account and the contact with this id or address as it was then, also where it is deleted by
    now. Raises NotFound where there was none then, Invalid where several were or nothing is asked, StoreDown.
    """
    wanted = text.strip()
    if not wanted:
        raise Invalid("Give a contact's id or address.", "contact")
    with kit.store.read() as c:
        found = contacts.named(c, wanted, email_key(wanted), account_id, with_deleted=True)
    if not found and account_id is not None:
        return account_id, as_of(kit, account_id, wanted, moment)  # a former id of somebody's
    there: dict[str, tuple[Contact, dict[str, Any]]] = {}
    for one in found:
        with suppress(NotFound):
            there[f"{one.account_id}/{one.id}"] = one, as_of(kit, one.account_id, one.id, moment)
    if not there:
        raise NotFound(f"There was no contact “{wanted}” then, as far as its history is kept.")
    chosen = one_of([one for one, _ in there.values()])
    return chosen.account_id, there[f"{chosen.account_id}/{chosen.id}"][1]


def one_of(found: Sequence[Contact]) -> Contact:
    """Return the only one. Raises Invalid where several accounts, or ids, have it."""
    if len(found) > 1:
        which = ", ".join(f"{one.id} of {one.account_id}" for one in found[:5])
        raise Invalid(f"Several contacts go by this: {which}. Name the id, and the account with --account.")
    return found[0]
