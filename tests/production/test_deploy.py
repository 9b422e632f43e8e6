"""A deploy: SIGTERM to every process of a group at once, and 30 s until the end."""

from __future__ import annotations

import signal
import time

import pytest

from processor.store.inbox import AttemptOutcome
from tests.production.installation import Installation
from tests.production.load import assert_all_applied, attempts, in_the_middle, is_processing, storm
from tests.whole.world import SUBSCRIBED

pytestmark = [pytest.mark.services, pytest.mark.slow]


def test_a_worker_that_is_asked_to_end_finishes_what_it_began_and_hands_the_rest_over(
    acme: Installation,
) -> None:
    """SIGTERM to the group, twice, under load: exit code 0 in time, no job cut, the other takes over."""
    acme.control.latency(0.1)
    first, second = acme.workers
    with storm(acme) as going:
        going.hold_at = 1200
        going.until_acts(700)
        in_the_middle(acme, is_processing)
        assert first.stop() == 0
        assert acme.names_of(first) == []
        first.start()
        acme.until_at_work(first)
        going.hold_at = 2000
        in_the_middle(acme, is_processing)
        assert second.stop() == 0
    assert_all_applied(acme, 20)
    assert attempts(acme, AttemptOutcome.CRASHED) == 0
    assert max(event.crashes for event in acme.events()) == 0


def test_a_receiver_that_is_asked_to_end_answers_what_it_took(acme: Installation) -> None:
    """SIGTERM to one web process under load: it ends in time, and nothing that it answered 200 is missing."""
    with storm(acme) as going:
        going.until_acts(700)
        code = acme.webs[0].stop()
        assert code in {0, -signal.SIGTERM}
        going.until_acts(1200)
        acme.webs[0].start()
    assert_all_applied(acme)


def test_a_worker_ends_in_time_while_mailchimp_does_not_answer(acme: Installation) -> None:
    """Calls that hang hold nobody up: the process is gone within 25 s, and the other carries the work out."""
    acme.control.hang(method="PATCH")
    for n in range(40):
        acme.put(str(n), email=f"p{n}@maple-street.test", fields={"first_name": "A"}, consent=SUBSCRIBED)
    in_the_middle(acme, lambda made: len(made.control.members(made.audience)) == 40)
    for n in range(40):
        acme.put(str(n), fields={"first_name": "B"})
    time.sleep(2.5)
    for worker in acme.workers:
        worker.signal(signal.SIGTERM)
    deadline = time.monotonic() + 25
    assert [worker.wait(deadline - time.monotonic()) for worker in acme.workers] == [0, 0]
    acme.control.mend()
    for worker in acme.workers:
        worker.start()
    in_the_middle(acme, _all_b)


def _all_b(made: Installation) -> bool:
    members = made.control.members(made.audience).values()
    return all(member["merge_fields"]["FNAME"] == "B" for member in members)
