"""PostgreSQL restarts under load: Mailchimp is told to come again, and what was acknowledged stays."""

from __future__ import annotations

import time

import pytest

from processor.store.inbox import AttemptOutcome
from tests.production.installation import Installation
from tests.production.load import assert_all_applied, attempts, in_the_middle, is_processing, storm
from tests.production.services import Database

pytestmark = [pytest.mark.services, pytest.mark.slow]


def test_every_connection_cut_in_the_middle_of_2000_webhooks_loses_nothing(
    acme: Installation, database: Database
) -> None:
    """pg_terminate_backend on all connections, while workers hold events, six times."""
    with storm(acme) as going:
        for acts in (250, 500, 750, 1000, 1250, 1500):
            going.until_acts(acts)
            in_the_middle(acme, is_processing)
            database.cut_all()
    assert_all_applied(acme, 30)
    assert attempts(acme, AttemptOutcome.CRASHED) == 0
    assert all(process.is_running for process in [*acme.webs, *acme.workers])


def test_while_the_database_is_away_webhooks_are_refused_and_afterwards_all_is_applied(
    acme: Installation, database: Database
) -> None:
    """Away for five seconds: 503, so that Mailchimp tries again; work goes on within seconds after it."""
    acme.control.latency(0.1)
    with storm(acme) as going:
        going.until_acts(700)
        in_the_middle(acme, is_processing)
        database.close()
        time.sleep(5)
        database.reopen()
    statuses = {a["status"] for d in acme.control.deliveries(limit=20_000) for a in d["attempts"]}
    assert statuses == {200, 503}
    assert_all_applied(acme, 30)
    assert attempts(acme, AttemptOutcome.CRASHED) == 0
