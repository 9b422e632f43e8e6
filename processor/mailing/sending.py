"""Claims mails that are due, sends them one by one, and writes down what came of each. What the operator is
told by a channel is such a mail too."""

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
from processor.mailing.address import reader_of
from processor.mailing.closing import items_of, subject_of
from processor.mailing.rendering import message_of, text_of
from processor.store import Connection, links, mails
from processor.store.links import LinkKind
from processor.store.mails import BY_MAIL, MailRow, MailState, Reader
from processor.turn import turn

logger = logging.getLogger(__name__)

LINK_LASTS = timedelta(days=7)
"""A mail may be read days later. The link opens more often than once: programs that look at mails for a
reader open what is in them."""


def send_due(kit: Kit, lane: str = BY_MAIL) -> int:
    """Send what is due by mail, or by the channel of this name; return how many were taken. One worker at a
    time for each: a server that hangs holds up nobody else. Safe to repeat. Raises StoreDown; what was sent
    and not settled is sent again."""
    kit.bell.answered(MAIL, lane)
    if lane == BY_MAIL and not kit.post.is_set:
        return 0
    began, count = kit.now(), 0
    with turn(kit, MAIL, lane) as mine:
        while mine and not kit.enough(began):
            held = kit.store.write_retrying(lambda c: _claimed(kit, c, lane))
            if held is None:
                break
            taken = _send(kit, held)
            count += taken
            if not taken and held.address:
                break  # the next would meet the same; it stays due, and comes with the next ring
    return count


def _claimed(kit: Kit, c: Connection, lane: str) -> MailRow | None:
    """Claim the next mail, with its words, its address and its subject; what has nothing to tell any more is
    dropped."""
    while True:
        now = kit.now()
        held = mails.claim(c, lane, now=now, lease_seconds=kit.settings.lease_seconds, worker=kit.worker)
        if held is None or held.subject is not None:
            return held
        items = items_of(c, held)
        reader = Reader(held.account_id, held.connection_id, held.channel)
        address = reader_of(kit, c, reader)
        if not address or (held.items and not items):
            mails.settle(c, held, now, state=MailState.DROPPED)
            continue
        subject = subject_of(items)
        mails.close(c, held, items, address, subject)
        return replace(held, items=items, address=address, subject=subject)


def _send(kit: Kit, held: MailRow) -> bool:
    try:
        refused = _handed_over(kit, held)
    except Unposted as error:
        _put_off(kit, held, error)
        return False
    # Whom the server refuses beside others is written down, and nobody gets the mail twice because of them.
    kit.store.write_retrying(lambda c: _arrived(kit, c, held, refused))
    say(logger, logging.INFO, "mail sent", mail=held.ref, attempts=held.attempts, refused=refused)
    return True


def _handed_over(kit: Kit, held: MailRow) -> str | None:
    if held.channel is not None:
        kit.channels.send(held.channel, held.subject or "", text_of(kit, held, None))
        return None
    return kit.post.send(message_of(kit, held, _link(kit, held)))


def _arrived(kit: Kit, c: Connection, held: MailRow, refused: str | None) -> None:
    mails.settle(c, held, kit.now(), state=MailState.SENT, reason=refused)
    mails.hasten(c, held.channel or BY_MAIL, kit.now())


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


def send_test(kit: Kit, account_id: str | None, connection_id: str | None = None) -> MailRow:
    """Send a test to the account's customer, with `connection_id` to whoever is told of that connection, or
    with None to the operator, by the way of every mail; return it as it waits. Raises Conflict where there is
    no mail server or no address, StoreDown."""
    if not kit.post.is_set:
        raise Conflict("No mail server is set: the operator sets SMTP_URL and MAIL_FROM.")
    reader = Reader(account_id, connection_id)
    with kit.store.write() as c:
        if not reader_of(kit, c, reader):
            raise Conflict("There is no address to send it to; set one first.")
        ref = mails.write_test(c, reader, kit.now())
    kit.bell.ring(MAIL, [BY_MAIL])
    return mail(kit, ref, account_id)


def test_channels(kit: Kit) -> list[MailRow]:
    """Send the operator a test by each of their channels; return them as they wait. Raises Conflict where
    there is none, StoreDown."""
    if not kit.channels.names:
        raise Conflict("No channel is set: set OPERATOR_CHANNELS.")
    with kit.store.write() as c:
        refs = [mails.write_test(c, Reader(channel=name), kit.now()) for name in kit.channels.names]
    kit.bell.ring(MAIL, kit.channels.names)
    return [mail(kit, ref, None) for ref in refs]


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
