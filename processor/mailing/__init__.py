"""Mails about issues: to the customer, and to the operator.

At least once, with the same Message-ID: a worker that dies between the sending and the commit leaves a
lease, and whoever takes it over sends the same mail again. What waits for a mail server that is away waits
in its row.
"""

from __future__ import annotations

from processor.mailing.address import Readers, address_of, readers_of, set_address, set_readers
from processor.mailing.sending import mail, send_due, send_test, sent, test_channels

__all__ = [
    "Readers",
    "address_of",
    "mail",
    "readers_of",
    "send_due",
    "send_test",
    "sent",
    "set_address",
    "set_readers",
    "test_channels",
]
