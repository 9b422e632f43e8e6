"""The embedded mode, all in one process on SQLite, may be killed and stopped like the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from processor.store.inbox import AttemptOutcome
from tests.production.installation import Installation, embedded
from tests.production.load import assert_all_applied, attempts, in_the_middle, is_processing, storm

pytestmark = pytest.mark.slow


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Installation]:
    """One process, with one connected audience."""
    with embedded(tmp_path) as made:
        yield made


def test_the_one_process_killed_in_the_middle_of_2000_webhooks_loses_nothing(alone: Installation) -> None:
    """kill -9, twice, and started again on the same folder: what was acknowledged is applied."""
    [process] = alone.workers
    with storm(alone) as going:
        for acts in (600, 1400):
            going.until_acts(acts)
            in_the_middle(alone, is_processing)
            process.kill()
            process.start()
    assert_all_applied(alone)
    assert attempts(alone, AttemptOutcome.CRASHED) > 0, "no kill has met the process at work"


def test_the_one_process_asked_to_end_hands_back_what_it_held(alone: Installation) -> None:
    """SIGTERM under load: exit code 0 in time, nothing held, no job cut; the next start goes on at once."""
    alone.control.latency(0.1)
    [process] = alone.workers
    with storm(alone) as going:
        going.until_acts(800)
        in_the_middle(alone, is_processing)
        assert process.stop() == 0
        assert alone.names_of(process) == []
        assert not is_processing(alone)
        process.start()
    assert_all_applied(alone, 20)
    assert attempts(alone, AttemptOutcome.CRASHED) == 0
