"""Any process may be killed at any line: what was acknowledged is carried out all the same."""

from __future__ import annotations

import pytest

from processor.store.inbox import AttemptOutcome
from tests.production.installation import Installation
from tests.production.load import assert_all_applied, attempts, in_the_middle, is_processing, storm
from tests.production.services import Database

pytestmark = [pytest.mark.services, pytest.mark.slow]


def test_a_worker_killed_in_the_middle_of_2000_webhooks_loses_nothing(
    acme: Installation, database: Database
) -> None:
    """kill -9 of a worker that holds events, and then of the other: all is applied, to the right contacts."""
    with storm(acme) as going:
        for number, worker in enumerate(acme.workers, 1):
            going.until_acts(number * 600)
            in_the_middle(acme, is_processing)
            worker.kill()
            worker.start()
    assert_all_applied(acme)
    assert attempts(acme, AttemptOutcome.CRASHED) > 0, "no kill has met a worker at work"
    assert database.deadlocks() == 0


def test_a_receiver_killed_in_the_middle_of_2000_webhooks_loses_nothing(acme: Installation) -> None:
    """kill -9 of one web process, and then of both at once: whatever was answered 200 is in the inbox."""
    with storm(acme) as going:
        going.until_acts(500)
        acme.webs[0].kill()
        going.until_acts(800)
        acme.webs[0].start()
        going.until_acts(1300)
        for web in acme.webs:
            web.kill()
        going.until_acts(1500)
        for web in acme.webs:
            web.start()
    assert_all_applied(acme)
