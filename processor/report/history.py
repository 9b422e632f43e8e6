"""What became of one contact: its timeline in both directions, how it was at any time, its consents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from typing import Any

from processor.domain import timeline
from processor.domain.catalogue import Words, words
from processor.domain.edit import contact_json
from processor.errors import Invalid, NotFound
from processor.kit import Kit
from processor.store import Connection, accounts, changes, consents, contacts, pushes
from processor.store.changes import Change, ChangeRow, Origin
from processor.store.consents import ConsentRow
from processor.store.pushes import PushOutcome, PushRow

MOST = 500
PAGE = 1000
FORMER_IDS = 10
"""How often a contact may have got another id: once, or by a mistake a few times."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a timeline. `what` maps each name to `{"before": …, "after": …}`.

    `origin` is whose change it was; `outcome` is None for what was written here, else what Mailchimp made of
    what was sent up, with its code, words and number where it did not take it. `why` names the cause.
    """

    at: datetime
    origin: Origin
    what: Mapping[str, Any]
    why: Mapping[str, Any]
    version: int | None
    outcome: PushOutcome | None = None
    code: str | None = None
    words: Words | None = None
    detail: str | None = field(default=None, repr=False)
    instance: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Happenings, newest first. `cursor` leads on to older ones; None when there are no more."""

    happenings: Sequence[Happening]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class ConsentPage:
    """Lines of the ledger, newest first, and the cursor to older ones."""

    lines: Sequence[ConsentRow]
    cursor: str | None


def history(
    kit: Kit, account_id: str, contact_id: str, *, limit: int = 100, after: str | None = None
) -> HistoryPage:
    """Return what happened to a contact, newest first, as far as it is kept.

    Safe to repeat. Raises NotFound for a contact that never was, Invalid for a cursor that was not ours,
    StoreDown.
    """
    limit = max(1, min(limit, MOST))
    seq, push_id = _place(after)
    with kit.store.read() as c:
        ids = _known_ids(c, account_id, contact_id)
        here = _changes(c, account_id, ids, limit + 1, seq)
        up = pushes.of_contact(c, account_id, ids, limit + 1, push_id)
    # What is sent up was written here before: of one moment, the later step comes first. Each of the two
    # stays in its own order, also where clocks of two workers disagree: the cursor is a place in both.
    streams: tuple[Sequence[ChangeRow | PushRow], ...] = (up, here)
    both = list(merge(*streams, key=_moment, reverse=True))
    page = both[:limit]
    for one in page:
        if isinstance(one, ChangeRow):
            seq = one.seq
        else:
            push_id = one.id
    cursor = f"h{seq or 0}.{push_id or 0}" if len(both) > limit else None
    return HistoryPage([_told(one) for one in page], cursor)


def as_of(kit: Kit, account_id: str, contact_id: str, moment: datetime) -> dict[str, Any]:
    """Return the contact as it was then, in the feed's shape. Raises NotFound where there was none then, or
    where that was longer ago than changes are kept; StoreDown."""
    with kit.store.read() as c:
        ids = _known_ids(c, account_id, contact_id)
        before = changes.last_before(c, account_id, ids, moment)
        if before is not None:
            found = before.change.contact
        else:
            found = _rewound(c, account_id, contact_id, ids, moment)
    if found is None:
        raise NotFound(f"There was no contact “{contact_id}” then, as far as its history is kept.")
    return dict(found)


def consent_lines(
    kit: Kit, account_id: str, contact_id: str, *, limit: int = 100, after: str | None = None
) -> ConsentPage:
    """Return the contact's lines in the ledger of consents, newest first. Raises NotFound for a contact that
    never was, Invalid for a cursor that was not ours, StoreDown."""
    limit = max(1, min(limit, MOST))
    before_id = _number(after) if after else None
    with kit.store.read() as c:
        ids = _known_ids(c, account_id, contact_id)
        found = consents.of_contact(c, account_id, ids, limit + 1, before_id)
    page = found[:limit]
    return ConsentPage(page, str(page[-1].id) if len(found) > limit else None)


def is_account(kit: Kit, account_id: str) -> bool:
    """Whether there is such an account. Raises StoreDown."""
    with kit.store.read() as c:
        return accounts.is_known(c, account_id)


def all_consents(kit: Kit, account_id: str) -> Iterator[ConsentRow]:
    """Yield the account's whole ledger, by contact, each contact's oldest line first. Raises StoreDown."""
    place = ("", 0)
    while True:
        with kit.store.read() as c:  # none is held while somebody takes the lines
            page = consents.page_of_account(c, account_id, place, PAGE)
        yield from page
        if len(page) < PAGE:
            return
        place = (page[-1].entry.contact_id, page[-1].id)


def _known_ids(c: Connection, account_id: str, contact_id: str) -> list[str]:
    """Return the contact's id and its former ones. Raises NotFound for one that left no trace."""
    ids = [contact_id]
    while len(ids) < FORMER_IDS:
        former = changes.former_id(c, account_id, ids[-1])
        if former is None or former in ids:
            break
        ids.append(former)
    if len(ids) > 1 or contacts.lock(c, account_id, [contact_id], hold=False):
        return ids
    if changes.of_contact(c, account_id, contact_id, 1) or consents.of_contact(c, account_id, ids, 1):
        return ids
    raise NotFound(f"There is no contact “{contact_id}” in this account.")


def _changes(
    c: Connection, account_id: str, ids: Sequence[str], limit: int, before_seq: int | None
) -> list[ChangeRow]:
    found = [row for one in ids for row in changes.of_contact(c, account_id, one, limit, before_seq)]
    return sorted(found, key=lambda row: row.seq, reverse=True)[:limit]


def _rewound(
    c: Connection, account_id: str, contact_id: str, ids: Sequence[str], moment: datetime
) -> Mapping[str, Any] | None:
    """What came before is not kept any more: take back the first change that is, else it is as it was."""
    first = changes.first_after(c, account_id, ids, moment)
    if first is not None:
        after = first.change.contact
        if after is None:
            return _before_it_was_deleted(c, account_id, contact_id, first.change)
        return timeline.undo(after, first.change.what)
    contact = contacts.get(c, account_id, contact_id)
    is_older = contact is not None and contact.updated_at is not None and contact.updated_at <= moment
    return contact_json(contact) if contact is not None and is_older else None


def _before_it_was_deleted(
    c: Connection, account_id: str, contact_id: str, deletion: Change
) -> Mapping[str, Any] | None:
    """The feed shows nothing of a contact that was deleted; what it was is known as long as it did not come
    back."""
    held = contacts.lock(c, account_id, [contact_id], hold=False).get(contact_id)
    if held is None or not held.is_deleted or held.contact.version != deletion.version:
        return None
    return {**contact_json(held.contact), "version": deletion.version - 1}


def _moment(one: ChangeRow | PushRow) -> tuple[datetime, int, int]:
    if isinstance(one, ChangeRow):
        return one.change.at, 0, one.seq
    return one.at, 1, one.id


def _told(one: ChangeRow | PushRow) -> Happening:
    if isinstance(one, ChangeRow):
        change = one.change
        return Happening(change.at, change.origin, change.what, change.why, change.version)
    why = {"cause": "push", "connection": one.connection_id}
    said = words(one.code, detail=one.detail, instance=one.instance) if one.code else None
    return Happening(
        one.at,
        Origin.BOTHWAYS,
        one.what,
        why,
        one.version,
        one.outcome,
        one.code,
        said,
        one.detail,
        one.instance,
    )


def _place(cursor: str | None) -> tuple[int | None, int | None]:
    if not cursor:
        return None, None
    seq, dot, push_id = cursor.removeprefix("h").partition(".")
    if not (cursor.startswith("h") and dot):
        raise _not_ours()
    return _number(seq) or None, _number(push_id) or None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise _not_ours()
    return int(text)


def _not_ours() -> Invalid:
    return Invalid("Pass the `cursor` of the answer before, unchanged; leave it out to start over.", "after")
