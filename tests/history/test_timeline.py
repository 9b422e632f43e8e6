"""One timeline for each contact, both directions; conflicts, and deciding them the other way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from processor import contacts, erase, install, report
from processor.contacts import settling
from processor.domain.contact import Consent, ConsentStatus
from processor.domain.dispute import DisputeState
from processor.domain.edit import ContactPatch
from processor.domain.policy import Winner
from processor.domain.timeline import redo
from processor.errors import Conflict, NotFound
from processor.kit import utc_now
from processor.push.batch import MANY
from processor.report import ConflictReport, Happening
from processor.store import connections
from processor.store.pushes import PushOutcome
from tests.history.test_ledger import joined, ledger
from tests.whole.world import ACCOUNT, SUBSCRIBED, World, until


def timeline(acme: World, contact_id: str) -> list[Happening]:
    """What happened to the contact, oldest first."""
    return list(reversed(report.history(acme.kit, ACCOUNT, contact_id, limit=500).happenings))


def city_there(acme: World, email: str) -> Any:
    """The city that Mailchimp has."""
    return (acme.member(email) or {}).get("merge_fields", {}).get("CITY")


def the_winner_is(acme: World, winner: Winner) -> None:
    """Let this side win conflicts from now on."""
    with acme.house.store.write() as c:
        row = connections.get(c, acme.connection_id)
        assert row is not None
        policy = row.policy.model_copy(update={"winner": winner})
        connections.update(c, acme.connection_id, utc_now(), policy=policy)


def disputed(acme: World, name: str, winner: Winner) -> ConflictReport:
    """A contact whose city both sides changed at once; returns the conflict."""
    email = joined(acme, name)
    contacts.put(acme.kit, ACCOUNT, name, ContactPatch(fields={"city": "Leeds"}))
    until(lambda: city_there(acme, email) == "Leeds" and acme.settled())
    the_winner_is(acme, winner)
    with resting(acme):
        contacts.put(acme.kit, ACCOUNT, name, ContactPatch(fields={"city": "Turku"}))
        acme.control.act(acme.audience, "edit", email, merge_fields={"CITY": "Oslo"})
    return until(lambda: _open(acme, name))


def _open(acme: World, name: str) -> ConflictReport | None:
    found = report.conflicts_of(acme.kit, ACCOUNT, name)
    return found[0] if found and acme.settled() else None


@contextmanager
def resting(acme: World) -> Iterator[None]:
    """While it is paused nothing is sent and nothing taken over."""
    install.pause(acme.kit, acme.connection_id)
    until(lambda: not acme.is_at_work())
    yield
    install.resume(acme.kit, acme.connection_id)


def test_both_directions_are_in_one_timeline(acme: World) -> None:
    """What the platform wrote, what was sent up for it, and what came down, with values and causes."""
    email = joined(acme, "gil")
    acme.control.act(acme.audience, "edit", email, merge_fields={"CITY": "Oslo"})
    until(lambda: acme.contact(email).fields.get("city") == "Oslo")  # type: ignore[union-attr]
    written, sent, came = timeline(acme, "gil")
    assert (written.origin, written.why) == ("platform", {"cause": "api"})
    assert (sent.origin, sent.outcome, sent.version) == ("bothways", PushOutcome.TAKEN, 1)
    assert sent.what["status"] == {"before": None, "after": "subscribed"}
    assert sent.what["fields.first_name"] == {"before": None, "after": "Gil"}
    assert (came.origin, came.what["fields.city"]["after"]) == ("mailchimp", "Oslo")
    assert came.why["cause"] in {"webhook", "sweep"}
    assert (
        report.standings(acme.kit, ACCOUNT, "gil")[0].sentence == "Nothing differs: both sides say the same."
    )


def test_what_a_batch_carried_is_told_too(acme: World) -> None:
    """Many changes go by Mailchimp's batch endpoint: each contact's timeline has its own."""
    names = [f"many{n}" for n in range(MANY + 5)]
    consent = Consent(ConsentStatus.SUBSCRIBED, datetime.fromisoformat(SUBSCRIBED["at"]), "checkout")
    for city in ("Leeds", "Turku"):
        patches = {
            name: ContactPatch(email=f"{name}@maple-street.test", fields={"city": city}, consent=consent)
            for name in names
        }
        contacts.put_many(acme.kit, ACCOUNT, patches)
        until(lambda city=city: city_there(acme, f"{names[-1]}@maple-street.test") == city)
        until(lambda n=2 if city == "Leeds" else 4: all(len(timeline(acme, name)) >= n for name in names))
    sent = timeline(acme, names[0])[-1]
    assert sent.what == {"fields.city": {"before": "Leeds", "after": "Turku"}}
    assert sent.outcome in {PushOutcome.TAKEN, PushOutcome.UNSURE}  # of one second with the change before


def test_a_refusal_is_told_where_it_was_sent(acme: World) -> None:
    """With its code and Mailchimp's own words; and one sentence says why they are not in step."""
    acme.put("hal", email="hal@example.com", consent=SUBSCRIBED)
    until(lambda: len(timeline(acme, "hal")) == 2)
    refused = timeline(acme, "hal")[-1]
    assert (refused.outcome, refused.code) == (PushOutcome.REFUSED, "email_fake")
    assert "fake" in (refused.detail or "")
    (standing,) = report.standings(acme.kit, ACCOUNT, "hal")
    assert "hal@example.com" in standing.sentence
    assert [line.side for line in ledger(acme, "hal")] == ["here"]


def test_who_is_left_out_is_told_why(acme: World) -> None:
    """Nobody recorded consent, so nothing was sent."""
    acme.put("ida", email="ida@maple-street.test")
    until(lambda: report.standings(acme.kit, ACCOUNT, "ida")[0].state == "excluded")
    sentence = report.standings(acme.kit, ACCOUNT, "ida")[0].sentence
    assert sentence == "Nobody has recorded when and where they agreed, so they are not added to Mailchimp."


@pytest.mark.parametrize(
    ("winner", "kept", "other"),
    [
        pytest.param("platform", "Turku", "Oslo", marks=pytest.mark.slow),
        ("mailchimp", "Oslo", "Turku"),
    ],
)
def test_the_other_value_can_be_used(acme: World, winner: str, kept: str, other: str) -> None:
    """Both values are recorded; the one that was not kept goes to both sides, and asking twice is once."""
    name = f"jan-{winner}"
    found = disputed(acme, name, Winner(winner))
    email = f"{name}@maple-street.test"
    assert (found.row.ours, found.row.theirs, found.row.winner) == ("Turku", "Oslo", winner)
    assert found.state is DisputeState.OPEN
    until(lambda: city_there(acme, email) == kept)
    for _ in range(2):
        settling.use_other(acme.kit, acme.connection_id, found.row.name, ACCOUNT, "key:key_a")
    until(lambda: city_there(acme, email) == other and acme.settled())
    assert acme.contact(email).fields["city"] == other  # type: ignore[union-attr]
    (now,) = report.conflicts_of(acme.kit, ACCOUNT, name)
    assert (now.state, now.row.used_by) == (DisputeState.USED, "key:key_a")


@pytest.mark.slow
def test_a_conflict_is_superseded_when_the_field_changed_since(acme: World) -> None:
    """Nothing is written then, and it says so."""
    found = disputed(acme, "kay", Winner.PLATFORM)
    contacts.put(acme.kit, ACCOUNT, "kay", ContactPatch(fields={"city": "Rome"}))
    (now,) = report.conflicts(acme.kit, acme.connection_id, ACCOUNT, limit=1).conflicts
    assert (now.row.name, now.state) == (found.row.name, DisputeState.SUPERSEDED)
    with pytest.raises(Conflict):
        settling.use_other(acme.kit, acme.connection_id, found.row.name, ACCOUNT, "key:key_a")
    with pytest.raises(NotFound):
        settling.use_other(acme.kit, acme.connection_id, found.row.name, "birch", "key:key_a")


def test_the_timeline_replayed_gives_the_contact(acme: World) -> None:
    """Every line that was written here, one after the other, makes the contact of each moment."""
    email = joined(acme, "lea")
    acme.control.act(acme.audience, "edit", email, merge_fields={"CITY": "Oslo"})
    until(lambda: acme.contact(email).fields.get("city") == "Oslo")  # type: ignore[union-attr]
    contacts.put(acme.kit, ACCOUNT, "lea", ContactPatch(fields={"city": None}, tags=frozenset({"vip"})))
    now = None
    for line in timeline(acme, "lea"):
        if line.outcome is None:
            now = redo(now if now is None else {**now, "id": "lea"}, line.what)
            then = report.as_of(acme.kit, ACCOUNT, "lea", line.at)
            assert now is not None
            assert {**now, "id": "lea"} == {**then, "fields": _named(then["fields"])}
    with pytest.raises(NotFound):
        report.as_of(acme.kit, ACCOUNT, "lea", timeline(acme, "lea")[0].at - timedelta(seconds=1))


def _named(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def test_an_erasure_takes_the_history_along(acme: World) -> None:
    """Timeline, ledger and conflicts: only that they were erased is told, and how much it was."""
    joined(acme, "max")
    done = erase.erase(acme.kit, ACCOUNT, "max")
    assert (done.what["removed"]["consents"], done.what["removed"]["pushes"]) == (2, 1)
    assert ledger(acme, "max") == []
    until(lambda: not acme.member("max@maple-street.test"))
    (standing,) = report.standings(acme.kit, ACCOUNT, "max")
    assert (standing.state, standing.sentence.startswith("They are not on the platform")) == (
        "excluded",
        True,
    )
    assert [dict(line.what) for line in timeline(acme, "max")] == [
        {"erased": {"before": False, "after": True}}
    ]
