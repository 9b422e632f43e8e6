"""Stops a connection's work when only a person can let it go on. What waits is kept."""

from __future__ import annotations

import logging

from processor.domain.connection import ConnectionState
from processor.errors import MailchimpError, Reconnect
from processor.kit import Kit
from processor.log import say
from processor.store import connections

logger = logging.getLogger(__name__)

HALTING = frozenset({"reconnect", "audience_gone", "account_disabled"})
"""Failures of the connection itself: every other call of it would fail the same way."""


def is_halting(error: MailchimpError) -> bool:
    """Whether this refusal means the connection, and not the one thing that was asked for."""
    return isinstance(error, Reconnect) or error.code in HALTING


def halt(kit: Kit, connection_id: str, error: MailchimpError) -> None:
    """Stop the connection and say why: reconnect, or choose another audience. Safe to repeat."""
    state = ConnectionState.SETUP if error.code == "audience_gone" else ConnectionState.RECONNECT
    with kit.store.write() as c:
        connections.set_state(
            c, connection_id, state, kit.now(), problem_code=error.code, problem_detail=error.detail or None
        )
    say(logger, logging.WARNING, "connection halted", connection=connection_id, code=error.code)
