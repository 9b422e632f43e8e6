"""Claims mails that are due, sends them one by one, and writes down what came of each."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from processor.broker import MAIL
from processor.domain.outgoing import wait
from processor.errors import Conflict, Invalid, NotFound, Unposted
from processor.kit import Kit
from processor.log import say
from processor.mailing.closing import items_of, subject_of
from processor.mailing.rendering import message_of
from processor.store import Connection, accounts, links, mails
from processor.store.links import LinkKind
from processor.store.mails import MailRow, MailState
from processor.turn import turn

logger = logging.getLogger(__name__)

ONE_LANE = "mails"
LINK_LASTS = timedelta(days=7)
"""A mail may be read days later. The link opens more often than once: programs that look at mails for a
reader open what is in them."""


def send_due(kit: Kit, lane: str = ONE_LANE) -> int:
    """Send what is due; return how many mails the server took. One worker at a time: a server that hangs
    holds up nobody else. Safe to repeat. Raises StoreDown; what was sent and not settled is sent again."""
    kit.bell.answered(MAIL, lane)
    if not kit.post.is_set:
        return 0
    began, count = kit.now(), 0
    with turn(kit, MAIL, lane) as mine:
        while mine and not kit.enough(began):
            held = kit.store.write_retrying(lambda c: _claimed(kit, c))
            if held is None:
                break
            taken = _send(kit, held)
            count += taken
            if not taken and held.address:
                break  # the next would meet the same; it stays due, and comes with the next ring
    return count


def _claimed(kit: Kit, c: Connection) -> MailRow | None:
    """Claim the next mail, with its words, its address and its subject; what has nothing to tell any more is
    dropped."""
    while True:
        now = kit.now()
        held = mails.claim(c, now=now, lease_seconds=kit.settings.lease_seconds, worker=kit.worker)
        if held is None or held.subject is not None:
            return held
        items = items_of(c, held)
        address = (
            accounts.notify_email(c, held.account_id) if held.account_id else kit.settings.operator_email
        )
        if not address or (held.items and not items):
            mails.settle(c, held, now, state=MailState.DROPPED)
            continue
        subject = subject_of(items)
        mails.close(c, held, items, address, subject)
        return replace(held, items=items, address=address, subject=subject)


def _send(kit: Kit, held: MailRow) -> bool:
    try:
        kit.post.send(message_of(kit, held, _link(kit, held)))
    except Unposted as error:
        _put_off(kit, held, error)
        return False
    kit.store.write_retrying(lambda c: _arrived(kit, c, held))
    say(logger, logging.INFO, "mail sent", mail=held.ref, attempts=held.attempts)
    return True


def _arrived(kit: Kit, c: Connection, held: MailRow) -> None:
    mails.settle(c, held, kit.now(), state=MailState.SENT)
    mails.hasten(c, kit.now())


def _put_off(kit: Kit, held: MailRow, error: Unposted) -> None:
    now = kit.now()
    is_over = error.is_final or (held.give_up_at is not None and now >= held.give_up_at)
    state = MailState.DEAD if is_over else MailState.WAITING
    due_at = None if is_over else now + wait(held.attempts, kit.chance())
    kit.store.write_retrying(
        lambda c: mails.settle(c, held, now, state=state, due_at=due_at, reason=str(error))
    )
    level = logging.ERROR if is_over else logging.WARNING
    say(logger, level, "mail not sent", mail=held.ref, attempts=held.attempts, why=str(error))


def _link(kit: Kit, held: MailRow) -> str | None:
    """Return the way into the customer's portal; None for the operator, who has none."""
    if held.account_id is None:
        return None
    account_id = held.account_id
    with kit.store.write() as c:
        plain = links.make(c, account_id, LinkKind.MAIL, kit.now(), LINK_LASTS.total_seconds())
    return f"{kit.settings.public}/portal?link={plain}"


def test(kit: Kit, account_id: str | None) -> MailRow:
    """Send a test to the account's customer, or with None to the operator, by the way of every mail; return
    it as it waits. Raises Conflict where there is no mail server or no address, StoreDown."""
    if not kit.post.is_set:
        raise Conflict("No mail server is set: the operator sets SMTP_URL and MAIL_FROM.")
    with kit.store.write() as c:
        address = accounts.notify_email(c, account_id) if account_id else kit.settings.operator_email
        if not address:
            raise Conflict("There is no address to send it to; set one first.")
        ref = mails.write_test(c, account_id, kit.now())
    kit.bell.ring(MAIL, [ONE_LANE])
    return mail(kit, ref, account_id)


def mail(kit: Kit, ref: str, account_id: str | None) -> MailRow:
    """Return one mail. Raises NotFound, also for another account's and with an account for the operator's."""
    with kit.store.read() as c:
        row = mails.get(c, ref)
    if row is None or account_id not in {None, row.account_id}:
        raise NotFound(f"There is no mail “{ref}”.")
    return row


def sent(
    kit: Kit, account_id: str | None, *, limit: int = 50, after: str | None = None
) -> tuple[Sequence[MailRow], str | None]:
    """Return mails of an account (None: of everybody), newest first, and the cursor for more. Raises Invalid
    for a cursor that was not ours, StoreDown."""
    with kit.store.read() as c:
        before = mails.get(c, after) if after else None
        if after and before is None:
            raise Invalid(
                "Pass the `cursor` of the answer before, unchanged; leave it out to start over.", "after"
            )
        found = mails.find(
            c,
            account_id,
            limit=limit + 1,
            before_id=before.id if before else None,
            everybodys=account_id is None,
        )
    page = found[:limit]
    return page, page[-1].ref if len(found) > limit else None
