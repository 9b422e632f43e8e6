"""Brings notices to the platform's endpoints: claimed, sent, settled one by one.

At least once, with the same id: a worker that dies between the sending and the commit leaves a lease, and
whoever takes it over sends again. Endpoints that may hang have a lane of their own, so that others are
served.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from processor.broker import DELIVER
from processor.deliver.send import Outcome, send
from processor.deliver.settle import settle
from processor.kit import Kit
from processor.log import bind
from processor.store import endpoints, notices, notices_claim
from processor.store.endpoints import EndpointRow
from processor.turn import any_turn

logger = logging.getLogger(__name__)

AT_ONCE = 10
"""Notices claimed together: the last of them must be tried before the lease is over."""


def deliver(kit: Kit, endpoint_id: str) -> int:
    """Send what is due to an endpoint; return how many notices arrived.

    Safe to repeat and to run at once. Raises StoreDown; what was sent and not settled is sent again.
    """
    kit.bell.answered(DELIVER, endpoint_id)
    with kit.store.read() as c:
        endpoint = endpoints.get(c, endpoint_id)
    if endpoint is None:
        with kit.store.write() as c:
            notices.forget(c, endpoint_id)
        return 0
    with bind(endpoint=endpoint_id), _place(kit, endpoint) as free:
        return _deliver_all(kit, endpoint_id) if free else 0


@contextmanager
def _place(kit: Kit, endpoint: EndpointRow) -> Iterator[bool]:
    """Hold one of this process's places for sending and one of the endpoint's; yields whether both are ours.
    What gets none stays due."""
    lane = kit.lanes.slow if endpoint.is_slow else kit.lanes.quick
    if not lane.acquire(blocking=False):
        yield False
        return
    try:
        with any_turn(kit, DELIVER, endpoint.id) as free:
            yield bool(free)
    finally:
        lane.release()


def _deliver_all(kit: Kit, endpoint_id: str) -> int:
    began, count = kit.now(), 0
    while not kit.enough(began):
        arrived, goes_on = _deliver_some(kit, endpoint_id)
        count += arrived
        if not goes_on:
            break
    return count


def _deliver_some(kit: Kit, endpoint_id: str) -> tuple[int, bool]:
    """Return how many arrived, and whether to go on."""
    with kit.store.write() as c:
        endpoint = endpoints.get(c, endpoint_id)
        if endpoint is None or not endpoint.is_enabled:
            return 0, False
        claimed = notices_claim.claim(
            c,
            endpoint_id,
            limit=AT_ONCE,
            now=kit.now(),
            lease_seconds=kit.settings.lease_seconds,
            worker=kit.worker,
        )
    arrived = 0
    for held in claimed:
        outcome: Outcome = send(kit, endpoint, held)
        due_at = settle(kit, endpoint_id, held, outcome)
        arrived += outcome.arrived
        if outcome.is_about_the_endpoint or kit.stopping.is_set():
            # The others would meet the same; they were not tried, and wait with this one.
            hand_back_at = due_at or kit.now()
            kit.store.write_retrying(
                lambda c: notices_claim.hand_back(c, {str(held.claim)}, hand_back_at)  # noqa: B023
            )
            return arrived, False
    return arrived, bool(claimed)
