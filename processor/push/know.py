"""What is known of members without looking at each of them.

The last view of every member is kept with its row. A member on no page of what changed since is as it was, so
for many members a few pages take the place of a call for each. Whom Mailchimp has never had is added without
a look: an address that is there by now is refused, and then looked at. Only who was archived would be
brought back by it (facts.md 4.4), so the archived are read just before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from processor.converge import Sighting
from processor.domain.catalogue import ENTRIES, OUTAGES
from processor.domain.contact import Contact, Member, MemberStatus, email_key
from processor.kit import Kit
from processor.look import FEW, Enough, Question, look_up_each
from processor.mailchimp.client import Mailchimp
from processor.push.hear import hear
from processor.store import members
from processor.store.connections import ConnectionRow
from processor.store.members import MemberRow

TELLS_NOTHING = OUTAGES | {
    "field_value",
    "field_required",
    "plan_full",
    "signup_throttled",
    "email_invalid",
    "email_fake",
    "reconnect",
    "audience_gone",
    "account_disabled",
    "role_too_low",
}
"""Failures that say nothing against what we know of a member; after any other it is looked at."""
DOUBTFUL = frozenset(ENTRIES) - TELLS_NOTHING


@dataclass(slots=True)
class Known:
    """What is seen of the members that a push has claimed. Who is in neither list was not looked at, and is
    to be handed back; `nowhere` are rows whose contact has no address."""

    sightings: list[Sighting] = field(default_factory=list)
    nowhere: list[int] = field(default_factory=list)


def know(
    kit: Kit,
    mailchimp: Mailchimp,
    connection: ConnectionRow,
    rows: Sequence[MemberRow],
    contacts: Mapping[str, Contact],
    enough: Enough,
) -> Known:
    """Return a sighting of each of these claimed members: recalled where that is safe, else looked at.

    Converges what it reads on the way. Safe to repeat. Raises MailchimpError, StoreDown.
    """
    known = Known()
    asked: dict[int, Question] = {}
    for row in rows:
        address = _address(row, contacts)
        if address is None:
            known.nowhere.append(row.id)
        else:
            asked[row.id] = Question(address, row.id, row.mailchimp_contact_id, row.member_id)
    look_at, recalled = _sorted_out(kit, connection, [row for row in rows if row.id in asked], contacts)
    before = [row for row in recalled if row.theirs is not None]
    if len(before) <= FEW:
        look_at += before
        before = []
    new = [row for row in recalled if row.theirs is None]
    if len(new) + len(look_at) <= FEW:
        look_at += new
        new = []
    claims = {row.id: row.claim or "" for row in rows}
    if before or new:
        if hear(kit, mailchimp, connection, claims, enough, everything=bool(before)):
            known.sightings += _recall(kit, [*before, *new], asked)
        else:
            look_at += [row for row in before if row.urgent]  # who left does not wait for the others
    # Those who left first: when it is enough, the rest is left for the next time.
    look_at.sort(key=lambda row: not row.urgent)
    seen = {row.id: row.seen_digest for row in rows}
    looked = look_up_each(mailchimp, connection.audience_id or "", [asked[r.id] for r in look_at], enough)
    known.sightings += [replace(s, seen=(seen[s.row_id or 0],)) for s in looked]
    return known


def _address(row: MemberRow, contacts: Mapping[str, Contact]) -> str | None:
    contact = contacts.get(row.contact_id or "")
    return row.email_key or (contact.email if contact else None)


def _sorted_out(
    kit: Kit, connection: ConnectionRow, rows: Sequence[MemberRow], contacts: Mapping[str, Contact]
) -> tuple[list[MemberRow], list[MemberRow]]:
    """Return who must be looked at, and whose last view, or having never been seen, may be good enough."""
    if connection.last_full_sweep_at is None:
        return list(rows), []  # never read in full: not being known says nothing
    taken = _known_otherwise(kit, connection, rows, contacts)
    look_at: list[MemberRow] = []
    recalled: list[MemberRow] = []
    for row in rows:
        is_sure = row.theirs is not None and row.status is not MemberStatus.DELETED
        may_be_new = _is_new(row) and row.id not in taken
        doubted = row.reason in DOUBTFUL or not (is_sure or may_be_new)
        (look_at if doubted else recalled).append(row)
    return look_at, recalled


def _is_new(row: MemberRow) -> bool:
    """Whether Mailchimp was never seen to have this member."""
    return row.member_id is None and row.mailchimp_contact_id is None and row.status is None


def _known_otherwise(
    kit: Kit, connection: ConnectionRow, rows: Sequence[MemberRow], contacts: Mapping[str, Contact]
) -> set[int]:
    """The new ones at whose address another member is known: an archived one, or another contact's."""
    at = {row.id: email_key(_address(row, contacts) or "") for row in rows if _is_new(row)}
    with kit.store.read() as c:
        found = members.by_views(c, connection.id, email_keys=set(at.values()))
    others = {row.email_key for row in found if row.id not in at}
    return {row_id for row_id, address in at.items() if address in others}


def _recall(kit: Kit, rows: Sequence[MemberRow], asked: Mapping[int, Question]) -> list[Sighting]:
    """The last views, as they are after what was heard. `seen` holds converging to them."""
    with kit.store.read() as c:
        now = members.get_many(c, [row.id for row in rows])
    return [
        Sighting(asked[row.id].address, _view(row), row.id, seen=(row.seen_digest,), recalled=True)
        for row in now
    ]


def _view(row: MemberRow) -> Member | None:
    if row.theirs is None:
        return None
    # The answer to a batch of new members names no contact id.
    return replace(row.theirs, contact_id=row.theirs.contact_id or row.mailchimp_contact_id)
