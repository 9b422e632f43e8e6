"""Every failure of the catalogue is provoked here, or it says why not and where it is seen instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from processor.domain.catalogue import ENTRIES
from tests.codes.cases import CASES
from tests.codes.test_both_ways import PHOTOS
from tests.codes.test_findings import FINDINGS

ROOT = Path(__file__).parents[2]
HERE = "tests/codes/"
IN_TABLES = {one.code for one in (*CASES, *FINDINGS, *PHOTOS)}
BY_NAME = {
    "conflict": HERE + "test_both_ways.py::test_a_conflict_is_told_and_decided_the_other_way",
    "event_not_understood": HERE
    + "test_both_ways.py::test_a_delivery_that_nobody_can_read_is_kept_and_told_to_the_operator",
    **dict.fromkeys(
        ("gone", "member_exists"), HERE + "test_healed.py::test_a_refusal_that_passes_asks_nobody"
    ),
    **dict.fromkeys(
        ("webhook_gone", "webhook_incomplete", "webhook_unsigned", "webhook_doubled"),
        HERE + "test_healed.py::test_a_webhook_that_was_spoilt_is_mended_and_said",
    ),
    **dict.fromkeys(
        ("webhook_unreachable", "webhook_exists"),
        HERE + "test_healed.py::test_a_webhook_that_mailchimp_refuses_stops_the_beginning_and_says_why",
    ),
}
"""Provoked through the sandbox by a test of their own."""

ELSEWHERE = {
    # What is chosen or set before there is anything to sync.
    "audience_missing": (
        "there is no audience to ask Mailchimp about",
        "tests/whole/test_preflight.py::test_without_an_audience_there_is_only_one_thing_to_do",
    ),
    "audience_twice": (
        "the portal does not offer it: it needs a second connection of one account",
        "tests/whole/test_preflight.py::test_an_audience_that_is_connected_twice_is_told",
    ),
    "webhooks_several": (
        "only attempts that were cut short leave them",
        "tests/whole/test_preflight.py::test_several_webhooks_of_ours_are_told_and_others_are_not",
    ),
    "url_private": (
        "a setting, and the sandbox is as private itself",
        "tests/whole/test_preflight.py::test_a_private_address_cannot_be_reached_from_mailchimp",
    ),
    "url_silent": (
        "our own router",
        "tests/whole/test_preflight.py::test_an_address_that_does_not_answer_is_said",
    ),
    # Pictures, before Mailchimp hears of them.
    "photo_pixels": (
        "refused when it is handed over",
        "tests/whole/test_photos.py::test_what_is_no_picture_is_not_kept",
    ),
    "photo_address": (
        "the platform's own server",
        "tests/whole/test_photos.py::test_what_is_no_picture_is_not_kept",
    ),
    "photo_storage": (
        "our own storage",
        "tests/whole/test_photos_in_a_bucket.py::test_pictures_wait_for_a_bucket_that_is_down",
    ),
    # Our own house, and whoever calls it.
    "store_rejected": (
        "nobody raises it: the platform reads the feed, and is written to by nobody",
        "tests/domain/test_catalogue.py::test_every_failure_is_told_with_and_without_facts",
    ),
    "store_down": (
        "the database",
        "tests/receiver/test_app.py::test_a_database_that_is_away_is_503_and_says_when_to_come_again",
    ),
    "overloaded": (
        "the receiver",
        "tests/receiver/test_keeping.py::test_a_receiver_that_cannot_take_more_answers_503",
    ),
    "shutting_down": (
        "the receiver",
        "tests/receiver/test_keeping.py::test_stopping_keeps_what_waits_and_refuses_what_comes",
    ),
    "bad_signature": (
        "whoever sends it is not Mailchimp",
        "tests/receiver/test_answers.py::test_a_bad_signature_is_answered_404_counted_and_not_kept",
    ),
    "unreached": (
        "the platform's address",
        "tests/outside/test_addresses.py::test_an_address_that_cannot_be_called_is_refused_in_a_form",
    ),
    "mail_unsent": (
        "the mail server",
        "tests/issues/test_mails.py::test_while_the_server_is_away_nothing_is_lost_and_nothing_comes_twice",
    ),
    "config": (
        "a setting",
        "tests/store/test_engine.py::test_an_address_that_cannot_work_is_refused_at_once",
    ),
    "not_found": (
        "the caller",
        "tests/web/test_issues.py::test_a_tenant_sees_its_own_issues_only",
    ),
    "cursor_expired": (
        "the caller",
        "tests/history/test_purge.py::test_old_changes_go_and_their_readers_are_told",
    ),
    "invalid": (
        "the caller",
        "tests/web/test_contacts.py::test_a_refusal_says_where_and_what_to_send",
    ),
    "internal": (
        "a mistake of ours in our own code, which no answer of Mailchimp's makes",
        "tests/receiver/test_app.py::test_a_bug_is_500_with_a_number_to_find_it_by",
    ),
}
"""Not Mailchimp's doing: why, and the test that sees it."""


def test_every_failure_is_provoked_or_says_why_not() -> None:
    """Each code stands in exactly one of the three."""
    listed = [*IN_TABLES, *BY_NAME, *ELSEWHERE]
    assert sorted(set(listed)) == sorted(listed), "one stands in two of them"
    assert set(listed) == set(ENTRIES)


@pytest.mark.parametrize("where", sorted({*BY_NAME.values(), *(test for _, test in ELSEWHERE.values())}))
def test_what_is_seen_elsewhere_is_there(where: str) -> None:
    """The test that is named exists."""
    path, _, name = where.partition("::")
    assert f"def {name}(" in (ROOT / path).read_text()
