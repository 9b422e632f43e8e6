"""Contacts whom somebody leaves out by choice: nothing is sent, no failure is open, nobody's leaving is lost,
and one step takes them back in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from processor import erase, leave_out, report, sweep
from processor.domain.contact import ConsentStatus
from processor.domain.issue import UNRESOLVED
from processor.domain.plan import MemberState
from processor.errors import Conflict, NotFound
from processor.report import MemberReport
from processor.store import left_out, members
from processor.store.members import MemberRow
from tests.whole.world import ACCOUNT, SUBSCRIBED, World, until, world

JO = "jo@maple-street.test"


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[World]:
    """An audience in step, with Jo on both sides."""
    with world(tmp_path) as made:
        made.put("jo", email=JO, fields={"first_name": "Jo"}, consent=SUBSCRIBED)
        until(lambda: made.member(JO))
        until(made.settled)
        made.control.forget_requests()
        yield made


def stands(acme: World, contact_id: str = "jo") -> MemberReport:
    """How a contact stands."""
    (found,) = report.standings(acme.kit, ACCOUNT, contact_id)
    assert found.member is not None
    return found.member


def writes(acme: World) -> list[Any]:
    """What was sent to Mailchimp that changes something there."""
    return [one for one in acme.control.requests() if one["method"] != "GET"]


def leave(acme: World, *contact_ids: str) -> int:
    """Leave contacts out as a customer does."""
    return leave_out.leave_out(acme.kit, acme.connection_id, ACCOUNT, contact_ids or ["jo"], "Kim")


def test_nothing_is_sent_for_whoever_is_left_out_until_they_are_taken_back_in(acme: World) -> None:
    """Changes of either side wait, and both arrive when they are taken back in."""
    assert leave(acme) == 1
    assert leave(acme) == 0
    acme.put("jo", fields={"first_name": "Joanna"})
    acme.control.edit(acme.audience, JO, merge_fields={"CITY": "Portland", "LNAME": "Maple"})
    until(lambda: any(one["method"] == "GET" for one in acme.control.requests()))
    until(acme.settled)
    assert writes(acme) == []
    found = stands(acme)
    assert (found.state, found.reason) == (MemberState.EXCLUDED, "by_choice")
    assert found.left_out is not None
    assert found.left_out.by == "Kim"
    counted = report.connection(acme.kit, acme.connection_id, ACCOUNT)
    assert (counted.left_out, counted.members[MemberState.EXCLUDED]) == (1, 1)
    contact = acme.contact(JO)
    assert contact is not None
    assert "Maple" not in contact.fields.values()
    assert leave_out.take_back(acme.kit, acme.connection_id, ACCOUNT, ["jo"]) == 1
    until(lambda: acme.member(JO)["merge_fields"]["FNAME"] == "Joanna")  # type: ignore[index]
    until(lambda: "Maple" in acme.contact(JO).fields.values())  # type: ignore[union-attr]
    until(lambda: stands(acme).state is MemberState.IN_SYNC)
    assert report.connection(acme.kit, acme.connection_id, ACCOUNT).left_out == 0


def test_an_opt_out_at_mailchimp_is_recorded_all_the_same(acme: World) -> None:
    """By its webhook, and with its evidence; they stay left out."""
    leave(acme)
    acme.control.unsubscribe(acme.audience, JO)
    until(lambda: acme.contact(JO).consent.status is ConsentStatus.UNSUBSCRIBED)  # type: ignore[union-attr]
    until(acme.settled)
    lines = report.consent_lines(acme.kit, ACCOUNT, "jo", limit=10).lines
    assert any(one.entry.after == "unsubscribed" for one in lines)
    assert stands(acme).reason == "by_choice"
    leave_out.take_back(acme.kit, acme.connection_id, ACCOUNT, ["jo"])
    until(lambda: stands(acme).state is MemberState.IN_SYNC)
    assert acme.member(JO)["status"] == "unsubscribed"  # type: ignore[index]


def test_an_opt_out_that_no_webhook_told_is_found_by_a_comparison(acme: World) -> None:
    """As everybody's is."""
    leave(acme)
    acme.control.webhooks(drop=1.0)
    acme.control.unsubscribe(acme.audience, JO)
    sweep.sweep(acme.kit, acme.connection_id)
    until(lambda: acme.contact(JO).consent.status is ConsentStatus.UNSUBSCRIBED)  # type: ignore[union-attr]


def test_an_opt_out_on_the_platform_goes_up_all_the_same(acme: World) -> None:
    """Nobody is written to who said no, whoever chose what."""
    leave(acme)
    acme.put("jo", consent={"status": "unsubscribed"}, fields={"first_name": "Joanna"})
    until(lambda: acme.member(JO)["status"] == "unsubscribed")  # type: ignore[index]
    assert acme.member(JO)["merge_fields"]["FNAME"] == "Jo"  # type: ignore[index]


def test_somebody_who_was_never_sent_is_not_added(acme: World) -> None:
    """And is added once they are taken back in."""
    acme.control.fail(400, title="Invalid Resource", detail="looks fake", path="/lists/*", method="POST")
    acme.put("kim", email="kim@maple-street.test", consent=SUBSCRIBED)
    until(lambda: stands(acme, "kim").state is MemberState.FAILING)
    leave(acme, "kim")
    acme.control.mend()
    acme.put("kim", fields={"first_name": "Kim"})
    until(acme.settled)
    assert acme.member("kim@maple-street.test") is None
    leave_out.take_back(acme.kit, acme.connection_id, ACCOUNT, ["kim"])
    until(lambda: acme.member("kim@maple-street.test"))


def test_the_issue_of_whoever_is_left_out_is_solved(acme: World) -> None:
    """All of its contacts at once; only an issue of contacts can be left out."""
    acme.control.fail(400, title="Invalid Resource", detail="looks fake", path="/lists/*", method="POST")
    for n in range(3):
        acme.put(f"n{n}", email=f"n{n}@maple-street.test", consent=SUBSCRIBED)

    def open_issues() -> list[Any]:
        found = report.issues(acme.kit, ACCOUNT, states=UNRESOLVED).issues
        return [one for one in found if one.issue.failing == 3]

    (found,) = until(open_issues)
    with pytest.raises(NotFound):
        leave_out.leave_out_of_issue(acme.kit, found.issue.ref, "birch", "Lee")
    assert leave_out.leave_out_of_issue(acme.kit, found.issue.ref, ACCOUNT, "Kim") == 3
    until(lambda: not report.issues(acme.kit, ACCOUNT, states=UNRESOLVED).issues)
    assert report.connection(acme.kit, acme.connection_id, ACCOUNT).left_out == 3
    assert leave_out.leave_out_of_issue(acme.kit, found.issue.ref, ACCOUNT, "Kim") == 0


def test_an_outage_leaves_nobody_out(acme: World) -> None:
    """Those who wait for it are not failing: they wait."""
    acme.control.fail(503)
    acme.put("jo", fields={"first_name": "Joanna"})

    def outage() -> list[Any]:
        return [
            one
            for one in report.issues(acme.kit, ACCOUNT, states=UNRESOLVED).issues
            if one.issue.code == "mailchimp_down"
        ]

    (found,) = until(outage)
    with pytest.raises(Conflict):
        leave_out.leave_out_of_issue(acme.kit, found.issue.ref, ACCOUNT, "Kim")


def test_a_contact_that_is_being_sent_is_left_out_as_soon_as_that_ends(acme: World) -> None:
    """Whatever comes of the try: it is looked at once more, and stands left out."""

    def claimed() -> list[MemberRow]:
        with acme.house.store.write() as c:  # one transaction: no worker is quicker
            members.mark_due(c, [acme.connection_id], ["jo"], acme.kit.now())
            return members.claim_due(
                c, acme.connection_id, limit=1, now=acme.kit.now(), lease_seconds=60, worker="somebody"
            )

    (held,) = until(claimed)
    leave(acme)
    with acme.house.store.write() as c:
        (row,) = members.lock(c, [held.id]).values()
        members.settle(
            c, [replace(row, state=MemberState.FAILING, reason="refused", due_at=None)], acme.kit.now()
        )
    until(lambda: stands(acme).reason == "by_choice")


def test_an_erasure_takes_the_choice_along(acme: World) -> None:
    """Nothing of the person is left here."""
    leave(acme)
    erase.erase(acme.kit, ACCOUNT, "jo")
    with acme.house.store.read() as c:
        assert left_out.count(c, acme.connection_id) == 0
