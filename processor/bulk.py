"""Batches of a connection that are under way at Mailchimp, as a whole: stopped when it ends, or given up."""

from __future__ import annotations

import logging

from processor.kit import Kit
from processor.log import say
from processor.store import Connection, batches, members
from processor.store.batches import BatchRow
from processor.store.connections import ConnectionRow

logger = logging.getLogger(__name__)


def stop_all(kit: Kit, connection: ConnectionRow) -> int:
    """Stop the connection's batches at Mailchimp and give their members back; return how many there were.

    What a batch had done stays done. Safe to repeat: one that Mailchimp could not be told of is still there.
    Raises MailchimpError, StoreDown.
    """
    with kit.store.read() as c:
        under_way = batches.of_connection(c, connection.id)
    if not under_way:
        return 0
    mailchimp = kit.mailchimp(connection)
    for batch in under_way:
        mailchimp.stop_batch(batch.batch_id)
        give_up(kit, batch)
    say(logger, logging.INFO, "batches stopped", connection=connection.id, batches=len(under_way))
    return len(under_way)


def give_up(kit: Kit, batch: BatchRow) -> None:
    """Ask for this batch no more: its members are looked at again. Safe to repeat. Raises StoreDown."""

    def in_one_transaction(c: Connection) -> None:
        members.hand_back(c, {batch.claim}, kit.now())
        batches.finish(c, batch.id)

    kit.store.write_retrying(in_one_transaction)
