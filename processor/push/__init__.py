"""Sends the platform's changes up: claim what is due, look first, send, and read the answer back.

Looking before sending costs a call or a page, and is what keeps a change that the marketer made a moment
ago from being overwritten unseen. New addresses go by batch subscribe without `update_existing`, so an
address that exists is an error and is looked at, never re-subscribed by accident; existing members are
patched, never put: with a stale hash a PUT creates (facts.md 4.2).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from processor.broker import PUSH
from processor.converge import Cause, Outcome, Sighting, Verdict, converge
from processor.domain.connection import LIVE
from processor.domain.contact import Contact
from processor.errors import MailchimpError, StoreDown
from processor.halt import halt, is_halting
from processor.kit import Kit
from processor.log import bind, say
from processor.look import Enough, Question, look, look_again
from processor.mailchimp.client import Mailchimp
from processor.push.send import send_all
from processor.push.settle import Done, hand_back, settle
from processor.store import connections, contacts, members
from processor.store.connections import ConnectionRow
from processor.store.members import MemberRow
from processor.turn import turn

logger = logging.getLogger(__name__)

BATCH = 500
"""Members claimed at once: what one batch subscribe call takes (facts.md 4.7)."""

CAUSE = Cause("push")


def push(kit: Kit, connection_id: str) -> int:
    """Send one batch of the connection's due members up. Returns how many were claimed.

    Safe to repeat and to run anywhere at once: only the holder of the connection's turn works. Rings
    again after a batch, so that other connections come in between.
    """
    kit.bell.answered(PUSH, connection_id)
    with turn(kit, PUSH, connection_id) as mine, bind(connection=connection_id):
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
            lease = kit.settings.lease_seconds
            rows = members.claim_due(
                c, connection_id, limit=BATCH, now=now, lease_seconds=lease, worker=kit.worker
            )
            ids = [row.contact_id for row in rows if row.contact_id]
            known = contacts.get_many(c, connection.account_id, ids)
        if rows:
            done = _carry_up_all(kit, connection, rows, known, lambda: kit.enough(now))
            _finish(kit, connection, rows, done)
    except StoreDown:
        kit.left_claims.extend(set(_claims(rows).values()))
        raise
    return len(rows)


def _carry_up_all(
    kit: Kit,
    connection: ConnectionRow,
    rows: Sequence[MemberRow],
    known: dict[str, Contact],
    enough: Enough,
) -> list[Done]:
    try:
        return _carry_up(kit, connection, rows, known, enough)
    except StoreDown:
        raise  # not the members' fault
    except MailchimpError as error:
        return [Done(row.id, error=error) for row in rows]
    except Exception:
        logger.exception("a push failed")
        return [Done(row.id, error=MailchimpError("internal")) for row in rows]


def _finish(kit: Kit, connection: ConnectionRow, rows: Sequence[MemberRow], done: Sequence[Done]) -> None:
    halting = next((d.error for d in done if d.error is not None and is_halting(d.error)), None)
    claims = _claims(rows)
    if halting is not None:
        halt(kit, connection.id, halting)
        settle(kit, connection, claims, [d for d in done if d.error is None])
        hand_back(kit, claims)
        return
    settle(kit, connection, claims, done)
    hand_back(kit, claims)
    failed = sum(d.error is not None for d in done)
    say(logger, logging.INFO, "members pushed", members=len(done), failed=failed)


def _carry_up(
    kit: Kit,
    connection: ConnectionRow,
    rows: Sequence[MemberRow],
    known: dict[str, Contact],
    enough: Enough,
) -> list[Done]:
    """Look at every member, send what is to be sent, and read the answers back. What was not begun when it
    was `enough` is left out."""
    mailchimp = kit.mailchimp(connection)
    outcomes, done = _look_first(kit, mailchimp, connection, rows, known, enough)
    to_send = [o for o in outcomes if o.plan is not None and not o.plan.up.is_empty]
    done += [Done(o.row.id, relink=o.plan.relink) for o in outcomes if o.row and o.plan and o not in to_send]
    sent = send_all(mailchimp, connection, to_send, enough)
    done += [Done(s.row_id, error=s.error) for s in sent if s.error is not None]
    answers = [Sighting(None, s.member, s.row_id, sure=True) for s in sent if s.error is None]
    for outcome in converge(kit, connection, answers, CAUSE, claims=_claims(rows)):
        done.append(_answered(outcome))
    return done


def _look_first(
    kit: Kit,
    mailchimp: Mailchimp,
    connection: ConnectionRow,
    rows: Sequence[MemberRow],
    known: dict[str, Contact],
    enough: Enough,
) -> tuple[list[Outcome], list[Done]]:
    audience = connection.audience_id or ""
    questions, done = [], []
    for row in rows:
        contact = known.get(row.contact_id or "")
        address = row.email_key or (contact.email if contact else None)
        if address is None:
            done.append(Done(row.id, no_address=True))
        else:
            questions.append(Question(address, row.id, row.mailchimp_contact_id, row.member_id))
    looked = look(mailchimp, audience, questions, connection.watermark, enough)
    claims = _claims(rows)
    seen = {row.id: row.seen_digest for row in rows}
    sightings = [replace(s, seen=(seen.get(s.row_id or 0),)) for s in looked.sightings]
    outcomes = converge(kit, connection, sightings, CAUSE, claims=claims)
    converge(kit, connection, looked.by_the_way, CAUSE)
    unsure = {o.sighting.row_id for o in outcomes if o.verdict in {Verdict.AGAIN, Verdict.STALE}}
    if unsure:
        fresh = look_again(mailchimp, audience, [s for s in looked.sightings if s.row_id in unsure], enough)
        outcomes = [o for o in outcomes if o.sighting.row_id not in unsure]
        outcomes += converge(kit, connection, fresh, CAUSE, claims=claims)
    done += [_answered(o) for o in outcomes if o.plan is None]
    return [o for o in outcomes if o.plan is not None], done


def _answered(outcome: Outcome) -> Done:
    """What an answer means for the row that was pushed."""
    row_id = outcome.sighting.row_id or 0
    if outcome.verdict is Verdict.TAKEN:
        return Done(row_id, error=MailchimpError("email_taken"))
    # Older than what a webhook has shown meanwhile: what that left to do is due already.
    still_differs = outcome.plan is not None and not outcome.plan.up.is_empty
    return Done(row_id, unsettled=still_differs or outcome.verdict in {Verdict.STALE, Verdict.AGAIN})


def _claims(rows: Sequence[MemberRow]) -> dict[int, str]:
    return {row.id: row.claim or "" for row in rows}
