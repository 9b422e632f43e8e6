"""Photos on PostgreSQL, where workers meet as they do in production."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.production.services import Database
from tests.whole import test_photos, test_photos_end
from tests.whole.world import World, world

pytestmark = pytest.mark.services


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[World]:
    """The whole product on a PostgreSQL of its own."""
    with Database() as database, world(tmp_path, database_url=database.url) as made:
        yield made


test_up = test_photos.test_a_photo_goes_up_byte_for_byte_and_the_platform_is_told
test_once = test_photos.test_the_same_content_is_not_sent_twice
test_down = test_photos.test_pictures_come_down_byte_for_byte
test_gone = test_photos.test_what_somebody_deletes_in_mailchimp_is_said_and_can_be_sent_again
test_revoked = (
    test_photos.test_a_token_that_is_revoked_in_the_middle_stops_the_connection_and_keeps_the_photos
)
test_taken_over = test_photos_end.test_what_a_dead_worker_held_is_taken_over_without_a_double
test_left = test_photos_end.test_uninstalling_deletes_what_is_here_and_leaves_what_is_there
test_erased = test_photos_end.test_erasing_somebody_deletes_their_photos_here
