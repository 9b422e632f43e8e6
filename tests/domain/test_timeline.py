"""Replaying a contact's timeline gives the contact, forwards from nothing and backwards from now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from processor.domain.contact import Consent, ConsentStatus, Contact
from processor.domain.edit import ContactPatch, contact_json, edit, what_json
from processor.domain.timeline import redo, undo

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
NAMES = st.sampled_from(["city", "age", "home"])
VALUES = st.one_of(st.none(), st.integers(0, 3), st.sampled_from(["", "Leeds", "Turku"]))
CONSENTS = st.builds(
    Consent,
    st.sampled_from([ConsentStatus.SUBSCRIBED, ConsentStatus.UNSUBSCRIBED]),
    st.integers(1, 1000).map(lambda n: NOW - timedelta(hours=n)),
    st.just("checkout"),
)
PATCHES = st.builds(
    ContactPatch,
    email=st.sampled_from(["jo@maple-street.test", "jo@birch.test"]),
    fields=st.dictionaries(NAMES, VALUES, max_size=3),
    tags=st.frozensets(st.sampled_from("abc")),
    consent=CONSENTS,
)


def bare(contact: dict[str, Any] | None) -> dict[str, Any] | None:
    """The contact without its empty fields: none and not there are the same."""
    if contact is None:
        return None
    return {**contact, "fields": {k: v for k, v in contact["fields"].items() if v is not None}}


@given(st.lists(PATCHES, min_size=1, max_size=8))
def test_replaying_the_timeline_gives_the_contact(patches: list[ContactPatch]) -> None:
    """Each snapshot of the feed is what its changes make of the one before, and takes back to it."""
    contact, snapshots, whats = Contact("acme", "jo", None), [], []
    for n, patch in enumerate(patches):
        done = edit(contact, patch, NOW + timedelta(days=n), is_new=n == 0)
        contact = done.contact
        if done.what:
            snapshots.append(contact_json(contact))
            whats.append(what_json(done.what))
    now: dict[str, Any] | None = {**contact_json(Contact("acme", "jo", None))}
    for snapshot, what in zip(snapshots, whats, strict=True):
        now = redo(now, what)
        assert now == bare(snapshot)
    for n in range(len(snapshots) - 1, 0, -1):
        assert undo(snapshots[n], whats[n]) == bare(snapshots[n - 1])
    assert undo(snapshots[0], whats[0]) is None


def test_a_deletion_ends_it() -> None:
    """And an erasure: nothing is left to show."""
    contact = contact_json(Contact("acme", "jo", "jo@maple-street.test", version=3))
    assert redo(contact, {"deleted": {"before": False, "after": True}}) is None
    assert redo(contact, {"erased": {"before": False, "after": True}}) is None


def test_what_one_audience_says_is_no_part_of_the_contact() -> None:
    """Taken back and carried out again, it leaves nothing behind."""
    now = contact_json(Contact("acme", "1", "jo@maple-street.test", version=2))
    what = {
        "permissions.a1": {"before": "given", "after": "withdrawn"},
        "audience_consent": {"before": {"status": "subscribed"}, "after": {"status": "unsubscribed"}},
    }
    before = undo(now, what)
    assert before == {**now, "version": 1}
    assert redo(before, what) == now
