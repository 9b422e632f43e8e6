"""Mails about issues: to the customer, and to the operator.

At least once, with the same Message-ID: a worker that dies between the sending and the commit leaves a
lease, and whoever takes it over sends the same mail again. What waits for a mail server that is away waits
in its row.
"""

from __future__ import annotations

from processor.mailing.address import address_of, set_address
from processor.mailing.sending import mail, send_due, sent, test

__all__ = ["address_of", "mail", "send_due", "sent", "set_address", "test"]
