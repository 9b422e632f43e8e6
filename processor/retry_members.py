"""Tries contacts again that Mailchimp had refused, once somebody has done something about it there."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from processor.broker import PUSH
from processor.errors import NotFound
from processor.kit import Kit
from processor.log import say
from processor.store import connections, members

logger = logging.getLogger(__name__)

PIECE = 500
"""Members made due in one transaction: it holds their rows until it ends."""


def retry(
    kit: Kit, connection_id: str, account_id: str | None, *, contact_ids: Sequence[str] | None = None
) -> int:
    """Make failing contacts due now, those that are named or all, and wake a worker. Returns how many.

    A contact that does not fail is passed over. On a connection that is stopped they wait until it goes on.
    Safe to repeat: what was sent round is not failing any more. Raises NotFound for a connection that is
    not there or another account's; StoreDown, and what went before it stays gone.
    """
    with kit.store.read() as c:
        row = connections.get(c, connection_id)
    if row is None or account_id not in {None, row.account_id}:
        raise NotFound(f"There is no connection “{connection_id}”.")
    count = 0
    for group in _groups(contact_ids):
        count += _retry_group(kit, connection_id, group)
    say(logger, logging.INFO, "members tried again", connection=connection_id, count=count)
    return count


def _groups(contact_ids: Sequence[str] | None) -> Iterator[Sequence[str] | None]:
    if contact_ids is None:
        yield None
        return
    chosen = sorted(set(contact_ids))
    for start in range(0, len(chosen), PIECE):
        yield chosen[start : start + PIECE]


def _retry_group(kit: Kit, connection_id: str, contact_ids: Sequence[str] | None) -> int:
    count = after_id = 0
    while True:
        # Onwards by number: one that fails again meanwhile must not be sent round for ever.
        with kit.store.write() as c:
            sent = members.try_again(
                c, connection_id, kit.now(), limit=PIECE, after_id=after_id, contact_ids=contact_ids
            )
        if not sent:
            return count
        count, after_id = count + len(sent), sent[-1]
        kit.bell.ring(PUSH, [connection_id])
