"""Reads both sides in full, page by page, and yields what would happen to each person, each once.

Nothing is kept in memory but the page at hand: who was met already is asked of the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from processor.converge import Outcome, Sighting, foresee
from processor.domain.contact import Contact, Member, MemberStatus, email_key, subscriber_hash
from processor.domain.mapping import AudienceField
from processor.domain.plan import MemberState, Plan
from processor.domain.reconcile import reconcile
from processor.domain.word import last_no, towards
from processor.kit import Kit
from processor.preview.people import People, required
from processor.preview.row import PreviewRow, Trouble
from processor.store import Connection, connections, contacts, gone, members, runs
from processor.store.connections import ConnectionRow
from processor.store.members import MemberRow

PAGE = 1000
TAKEN = Trouble("email_taken", None)


@dataclass(frozen=True, slots=True)
class Step:
    """One page: its rows, to be kept in the same transaction as `met`, what the run has now met. Rows whose
    key the run had met before are left out (`fresh`)."""

    rows: Sequence[PreviewRow]
    read: int
    met: Sequence[str] = field(default=())
    keys: Sequence[str] = field(default=())
    """The key of each row, by which it is counted once; none where each comes once by itself."""

    def fresh(self, c: Connection, run_id: str) -> list[PreviewRow]:
        """Remember whom the run has met by now, and return the rows of those whom it had not."""
        known = runs.see(c, run_id, [*self.met, *self.keys])
        if not self.keys:
            return list(self.rows)
        return [row for row, key in zip(self.rows, self.keys, strict=True) if key not in known]


class Sides:
    """Both sides of one connection, for one run."""

    def __init__(
        self, kit: Kit, connection: ConnectionRow, run_id: str, fields: Sequence[AudienceField]
    ) -> None:
        self._kit = kit
        self._connection = connection
        self._run_id = run_id
        self._people = People(connection.policy, required(fields, connection.policy))

    def members(self, page: Sequence[Member]) -> Step:
        """Return what would happen to the members of one page."""
        # Sure: a preview only compares, so of two views of one second the one just read will do.
        sightings = [Sighting(None, member, sure=True) for member in page]
        outcomes = foresee(self._kit, self._connection, sightings)
        before = self._as_they_are(outcomes)
        rows, keys, met = [], [], []
        for outcome in outcomes:
            member, contact = outcome.sighting.member, before.get(_linked(outcome) or "")
            assert member is not None
            if contact is not None and outcome.was is not None:
                contact = replace(contact, consent=outcome.was)
            rows.append(self._people.of_member(outcome, contact))
            keys.append(f"m{member.contact_id or member.id}")
            met.append(f"a{subscriber_hash(member.email)}")
            met += [f"c{contact.id}"] if contact else []
        return Step(rows, len(page), met, keys)

    def contacts(self) -> Iterator[Step]:
        """Yield what would happen to the contacts whom no member was found for, in the order of their ids."""
        after: str | None = None
        while True:
            with self._kit.store.read() as c:
                page = contacts.page(c, self._connection.account_id, after, PAGE)
                met = runs.seen(c, self._run_id, [f"c{contact.id}" for contact in page])
                alone = [contact for contact in page if f"c{contact.id}" not in met]
                rows = members.by_contact_ids(c, self._connection.id, [one.id for one in alone])
                alone = self._towards(c, alone, rows)
                keys = [key for one in alone for key in (_at(one), _adding(one))]
                taken = runs.seen(c, self._run_id, keys)
            if page:
                yield self._alone(len(page), alone, rows, taken)
            if len(page) < PAGE:
                return
            after = page[-1].id

    def _towards(self, c: Connection, page: Sequence[Contact], rows: dict[str, MemberRow]) -> list[Contact]:
        """Return the contacts with their consents towards this audience, as a sync heeds them."""
        own = self._connection
        beside = [one for one in connections.at_work(c, own.account_id) if one != own.id]
        words = members.words_of(c, beside, [contact.id for contact in page])
        before = gone.said_there(c, own.account_id, page, [*beside, own.id])
        told = []
        for contact in page:
            row = rows.get(contact.id)
            consent = towards(
                contact.consent,
                row.word if row else None,
                row.base if row else None,
                None,
                is_only=not beside,
                elsewhere=last_no(
                    [*(word.heard for word in words.get(contact.id, ())), *before.get(contact.id, ())]
                ),
            )
            told.append(replace(contact, consent=consent))
        return told

    def _alone(self, read: int, page: Sequence[Contact], rows: dict[str, MemberRow], taken: set[str]) -> Step:
        told, adding = [], []
        for contact in page:
            row = rows.get(contact.id)
            plan = reconcile(row.base if row else None, contact, None, self._connection.policy)
            trouble = _refused_before(row, contact, plan)
            if _is_taken(contact, plan, taken):
                trouble = TAKEN
            person = self._people.of_contact(contact, plan, trouble)
            told.append(person)
            if plan.up.create is not None and person.actions:
                taken.add(_adding(contact))
                adding.append(_adding(contact))
        return Step(told, read, adding)

    def _as_they_are(self, outcomes: Sequence[Outcome]) -> dict[str, Contact]:
        """Return the contacts as the platform holds them; an outcome has them as they would be."""
        ids = {contact_id for outcome in outcomes if (contact_id := _linked(outcome))}
        with self._kit.store.read() as c:
            return contacts.get_many(c, self._connection.account_id, sorted(ids))


def with_opt_in(connection: ConnectionRow, double_opt_in: bool) -> ConnectionRow:
    """Return the connection with what the marketer may have chosen meanwhile, as a sync heeds it."""
    policy = connection.policy.model_copy(update={"double_opt_in": double_opt_in})
    return replace(connection, policy=policy)


def passes() -> tuple[MemberStatus | None, ...]:
    """Return the passes over an audience: an unfiltered list leaves the archived out (facts.md 4.6)."""
    return (MemberStatus.ARCHIVED, None)


def _linked(outcome: Outcome) -> str | None:
    return outcome.row.contact_id if outcome.row else None


def _at(contact: Contact) -> str:
    return f"a{subscriber_hash(contact.email or '')}"


def _adding(contact: Contact) -> str:
    return f"n{email_key(contact.email or '')}"


def _is_taken(contact: Contact, plan: Plan, taken: set[str]) -> bool:
    """Whether the address is that of a member whom another contact is linked with, or will be."""
    if not contact.email:
        return False
    return _at(contact) in taken or (plan.up.create is not None and _adding(contact) in taken)


def _refused_before(row: MemberRow | None, contact: Contact, plan: Plan) -> Trouble | None:
    """Whom Mailchimp refused in just this version, for a cause that does not pass by itself, is not sent."""
    if row is None or plan.up.is_empty or row.state is not MemberState.FAILING:
        return None
    if row.due_at is not None or row.pushed_version != contact.version:
        return None
    return Trouble(row.reason or "refused", None, None, row.detail or "")
