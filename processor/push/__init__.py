"""Sends the platform's changes up: claim what is due, know how its members stand, send, and read the answers
back.

New addresses go by batch subscribe without `update_existing`, so an address that exists is an error and is
looked at, never re-subscribed by accident; existing members are patched, never put: with a stale hash a PUT
creates (facts.md 4.2). Many changes that nobody waits for go in a batch (`push.batch`), whose results
`push.collect` reads later. A few workers share one connection's work (`turn.places`); no two hold one row.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from processor import brake, fields, first_sync
from processor.broker import PUSH
from processor.converge import Outcome, Sighting, Verdict, converge
from processor.domain.catalogue import OUTAGES
from processor.domain.connection import LIVE, ConnectionState
from processor.domain.contact import Contact, email_key
from processor.domain.parcel import Parcel, parcel
from processor.domain.plan import Exclusion
from processor.domain.way import OnItsWay, on_its_way
from processor.errors import MailchimpError, StoreDown
from processor.halt import Stopped
from processor.kit import Kit
from processor.log import bind, say
from processor.look import Enough, Question, look_again, look_up
from processor.mailchimp.client import Mailchimp
from processor.push import batch
from processor.push.add import add_all
from processor.push.done import TAKEN, Done
from processor.push.hear import CAUSE
from processor.push.know import know
from processor.push.send import Sent, change_each, row_id_of
from processor.push.settle import conclude
from processor.store import Connection, batches, connections, contacts, members
from processor.store.connections import ConnectionRow
from processor.store.members import MemberRow, Which
from processor.store.sql import pieces
from processor.turn import any_turn

logger = logging.getLogger(__name__)

BATCH = 500
"""Members claimed at once: what a batch subscribe call takes (facts.md 4.7), or one batch of changes. More
would make no fewer calls, and cost memory (bench/README.md)."""
TOGETHER = 500
"""Members brought to agreement in one transaction."""


def push(kit: Kit, connection_id: str) -> int:
    """Send one batch of the connection's due members up. Returns how many were claimed.

    Safe to repeat and to run anywhere at once: only who holds one of the connection's few turns works. Rings
    again after a batch, so that other connections come in between.
    """
    kit.bell.answered(PUSH, connection_id)
    with any_turn(kit, PUSH, connection_id) as mine, bind(connection=connection_id):
        claimed = _one_batch(kit, connection_id) if mine else 0
    if claimed:
        kit.bell.ring(PUSH, [connection_id])
    return claimed


def _one_batch(kit: Kit, connection_id: str) -> int:
    now = kit.now()
    rows: list[MemberRow] = []
    try:
        with kit.store.write() as c:
            connection = connections.get(c, connection_id)
            if connection is None or connection.state not in LIVE or connection.audience_id is None:
                return 0  # kept until somebody lets the connection go on
            rows = _claim(kit, c, connection)
            if not brake.may_go_up(kit, c, connection, rows):
                members.hand_back(c, set(_claims(rows).values()), now)
                return 0
            ids = [row.contact_id for row in rows if row.contact_id]
            known = contacts.get_many(c, connection.account_id, ids)
        if len(rows) == BATCH:
            kit.bell.ring(PUSH, [connection_id])  # there is more: another worker may join
        if rows:
            is_stopped = Stopped(kit, connection_id)
            _work(kit, connection, rows, known, lambda: kit.enough(now) or is_stopped())
    except StoreDown:
        kit.left_claims.extend(set(_claims(rows).values()))
        raise
    return len(rows)


def _claim(kit: Kit, c: Connection, connection: ConnectionRow) -> list[MemberRow]:
    """Claim what may go now: while a first sync has not read the audience to its end, only who left; while
    enough batches are under way, no further changes of fields."""
    which: Which | None = None
    if connection.state == ConnectionState.IMPORTING and connection.last_full_sweep_at is None:
        which = Which.URGENT
    elif len(batches.of_connection(c, connection.id)) >= batch.MOST_OPEN:
        which = Which.PRESSING
    return members.claim_due(
        c,
        connection.id,
        limit=BATCH,
        now=kit.now(),
        lease_seconds=kit.settings.lease_seconds,
        worker=kit.worker,
        which=which,
    )


def _work(
    kit: Kit,
    connection: ConnectionRow,
    rows: Sequence[MemberRow],
    known: Mapping[str, Contact],
    enough: Enough,
) -> None:
    errand = _Errand(kit, connection, rows, known, enough)
    try:
        errand.run()
    except StoreDown:
        raise  # not the members' fault
    except MailchimpError as error:
        errand.fail(error)
    except Exception:
        logger.exception("a push failed")
        errand.fail(MailchimpError("internal"))
    claims = {i: claim for i, claim in errand.claims.items() if i not in errand.held}
    done = [replace(d, parcel=errand.parcels.get(d.row_id)) for d in errand.done]
    conclude(kit, connection, claims, done)
    if errand.lacks_a_field:
        fields.look_again(kit, connection)
    failed = [d.error.code for d in done if d.error is not None]
    say(logger, logging.INFO, "members pushed", members=len(done), failed=len(failed))
    _tell(kit, connection, errand, failed)


def _tell(kit: Kit, connection: ConnectionRow, errand: _Errand, failed: Sequence[str]) -> None:
    """Say what was done to whoever counts it."""
    if failed and failed[0] in OUTAGES and len(failed) == len(errand.done):
        first_sync.held(kit, connection.id, failed[0])
    brake.gone_up(kit, connection.id, errand.left)
    first_sync.sent(kit, connection.id, added_there=errand.added, changed_there=errand.changed)


class _Errand:
    """One push on its way: what it claimed, and what became of each. Who is neither in `done` nor in `held`
    (by a batch) in the end is handed back."""

    def __init__(
        self,
        kit: Kit,
        connection: ConnectionRow,
        rows: Sequence[MemberRow],
        known: Mapping[str, Contact],
        enough: Enough,
    ) -> None:
        self.kit, self.connection, self.rows, self.known, self.enough = kit, connection, rows, known, enough
        self.claims = _claims(rows)
        self.done: list[Done] = []
        self.held: set[int] = set()
        self.ways: dict[int, OnItsWay] = {}
        self.parcels: dict[int, Parcel] = {}
        self.added = self.changed = self.left = 0
        self.lacks_a_field = False
        """Whether an answer lacks what was just sent: the marketer has changed the fields."""

    def run(self) -> None:
        """Know every member, send what is to be sent, and read the answers back."""
        mailchimp = self.kit.mailchimp(self.connection)
        outcomes = self._plans(mailchimp)
        urgent: list[Outcome] = []
        news: list[Outcome] = []
        rest: list[Outcome] = []
        for o in outcomes:
            assert o.plan is not None
            if o.plan.up.is_empty:
                self.done.append(Done(row_id_of(o), relink=o.plan.relink))
            else:
                self.ways[row_id_of(o)] = on_its_way(o.plan.up, o.contact, self.kit.now())
                policy = self.connection.policy
                self.parcels[row_id_of(o)] = parcel(
                    o.plan.up, o.sighting.member, o.contact, policy, o.row.asked if o.row else {}
                )
                (urgent if o.plan.up.is_urgent else news if o.plan.up.create else rest).append(o)
        self._remember([*urgent, *news])
        self.left += self._read_back(change_each(mailchimp, self.connection, urgent, self.enough))
        self.added += self._read_back(add_all(mailchimp, self.connection, news, self.enough))
        rest = self._in_batches(mailchimp, rest)
        self._remember(rest)
        self.changed += self._read_back(change_each(mailchimp, self.connection, rest, self.enough))

    def _remember(self, outcomes: Sequence[Outcome]) -> None:
        """Write down what is about to be sent: where the answer is lost, or this process, it is known again
        by what it did. What a batch carries for them is known already, and stays so."""
        ways = {
            o.row.id: self.ways[o.row.id]
            for o in outcomes
            if o.row is not None and (o.row.way is None or o.row.way.claim is None)
        }
        if ways:
            self.kit.store.write_retrying(lambda c: members.note_way(c, ways))

    def fail(self, error: MailchimpError) -> None:
        """Everything that nothing became of yet failed for this."""
        settled = {d.row_id for d in self.done} | self.held
        self.done += [Done(row.id, error=error) for row in self.rows if row.id not in settled]

    def _plans(self, mailchimp: Mailchimp) -> list[Outcome]:
        found = know(self.kit, mailchimp, self.connection, self.rows, self.known, self.enough)
        self.done += [Done(row_id, excluded=Exclusion.NO_ADDRESS) for row_id in found.nowhere]
        outcomes = self._converge(found.sightings)
        unsure = {o.sighting.row_id for o in outcomes if o.verdict in {Verdict.AGAIN, Verdict.STALE}}
        if unsure:
            again = [s for s in found.sightings if s.row_id in unsure]
            fresh = look_again(mailchimp, self.connection.audience_id or "", again, self.enough)
            outcomes = [o for o in outcomes if o.sighting.row_id not in unsure]
            outcomes += self._converge(fresh)
        outcomes = self._at_the_new_address(mailchimp, outcomes)
        self.done += [_answered(o) for o in outcomes if o.plan is None]
        return [o for o in outcomes if o.plan is not None]

    def _at_the_new_address(self, mailchimp: Mailchimp, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Somebody who is to be added at another address than the one that was looked at: the old member is
        gone, and nobody knows yet who is at the new address."""
        checked: list[Outcome] = []
        for outcome in outcomes:
            address = (outcome.contact.email if outcome.contact else None) or ""
            creates = outcome.plan is not None and outcome.plan.up.create is not None
            if not creates or email_key(address) == email_key(outcome.sighting.address or ""):
                checked.append(outcome)
            elif not self.enough():
                question = Question(address, outcome.sighting.row_id)
                seen = look_up(mailchimp, self.connection.audience_id or "", question, sure=True)
                checked += [outcome] if seen.member is None else self._converge([seen])
        return checked

    def _in_batches(self, mailchimp: Mailchimp, outcomes: list[Outcome]) -> list[Outcome]:
        """Let a batch take what may go in one, where that is much. Returns what is left."""
        may_go = [o for o in outcomes if batch.may_go(o)]
        if len(may_go) < batch.MANY or self.enough():
            return outcomes
        started = batch.start(self.kit, mailchimp, self.connection, self.rows[0].claim or "", may_go)
        self.held |= started.held
        self.done += [Done(sent.row_id, error=sent.error) for sent in started.refused]
        gone = {row_id_of(o) for o in may_go}
        return [o for o in outcomes if row_id_of(o) not in gone]

    def _read_back(self, sent: Sequence[Sent]) -> int:
        """Bring the answers to agreement. Returns how many were taken as they were sent."""
        for one in sent:
            if one.stood_back:  # nothing was sent, so there is nothing to tell of it
                self.ways.pop(one.row_id, None)
                self.parcels.pop(one.row_id, None)
        failed = {
            s.row_id: Done(s.row_id, error=s.error, in_part=s.member is not None)
            for s in sent
            if s.error is not None
        }
        answers = [
            Sighting(None, s.member, s.row_id, sure=True, way=self.ways.get(s.row_id))
            for s in sent
            if s.error is None or s.member is not None
        ]
        self.lacks_a_field |= any(self._may_lack_a_field(s) for s in sent)
        done = [_answered(o) for o in self._converge(answers)]
        done = [d for d in done if d.row_id not in failed]
        self.done += [*failed.values(), *done]
        return sum(d.error is None and not d.unsettled for d in done)

    def _may_lack_a_field(self, sent: Sent) -> bool:
        way = self.ways.get(sent.row_id)
        is_told = sent.member is not None or (sent.error is not None and sent.error.code == "refused")
        return is_told and fields.lacks_a_field(self.connection, way.fields if way else (), sent.member)

    def _converge(self, sightings: Sequence[Sighting]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for piece in pieces(sightings, TOGETHER):
            outcomes += converge(self.kit, self.connection, piece, CAUSE, claims=self.claims)
        return outcomes


def _answered(outcome: Outcome) -> Done:
    """What an answer means for the row that was pushed."""
    row_id = outcome.sighting.row_id or 0
    if outcome.verdict is Verdict.TAKEN:
        return Done(row_id, error=MailchimpError(TAKEN))
    # Older than what a webhook has shown meanwhile: what that left to do is due already.
    still_differs = outcome.plan is not None and not outcome.plan.up.is_empty
    # Whoever left before moving on parts from the member now.
    relink = outcome.plan is not None and outcome.plan.relink
    unsettled = still_differs or outcome.verdict in {Verdict.STALE, Verdict.AGAIN}
    return Done(row_id, unsettled=unsettled, relink=relink)


def _claims(rows: Sequence[MemberRow]) -> dict[int, str]:
    return {row.id: row.claim or "" for row in rows}
