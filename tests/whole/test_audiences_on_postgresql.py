"""Several audiences and permissions on PostgreSQL, where workers meet as they do in production."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.production.services import Database
from tests.whole import test_audiences, test_permissions
from tests.whole.test_audiences import Two
from tests.whole.test_permissions import Europe
from tests.whole.world import prepared, world

pytestmark = pytest.mark.services


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """Two audiences in step, on a PostgreSQL of their own."""
    with Database() as database, world(tmp_path, database_url=database.url) as made:
        yield Two(made).start()


@pytest.fixture
def europe(tmp_path: Path) -> Iterator[Europe]:
    """An audience with permissions, on a PostgreSQL of its own."""
    with Database() as database, prepared(tmp_path, database_url=database.url) as acme:
        yield Europe(acme).start()


test_edits_go_on = test_audiences.test_an_edit_in_one_audience_goes_on_to_the_other_and_comes_to_rest
test_one_is_left = test_audiences.test_who_leaves_one_audience_stays_in_the_other
test_mended = test_audiences.test_one_sign_in_mends_every_connection_of_the_account
test_third = test_audiences.test_who_left_one_of_two_is_not_added_to_a_third
test_given = test_permissions.test_one_that_is_given_with_evidence_goes_up_by_itself
test_told = test_permissions.test_what_changes_in_mailchimp_is_told_in_the_ledger
test_erased = test_permissions.test_an_erasure_leaves_neither_permission_nor_phone
