"""A preview says, person by person, what a sync then does; and changes nothing."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from processor import contacts, install, preview
from processor.domain.actions import Action
from processor.domain.connection import ConnectionState
from processor.domain.contact import ConsentStatus
from processor.domain.policy import Winner, WithoutConsent
from processor.errors import Conflict, Invalid
from processor.store import connections, runs
from processor.store.leases import is_held
from processor.store.runs import RunKind, RunState
from processor.store.tables import leases, metadata
from tests.web.house import open_database
from tests.whole.foreseen import (
    LATER,
    LONG_AGO,
    Stage,
    failing,
    foreseen,
    happened_here,
    happened_there,
    left_out,
    open_stage,
)
from tests.whole.world import SUBSCRIBED, until

YES = SUBSCRIBED
LATE_YES = {**SUBSCRIBED, "at": LATER}
NO = {"status": "unsubscribed", "at": LATER, "source": "account page"}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A connection that is set up and not begun."""
    with open_stage(tmp_path) as made:
        yield made


def member(name: str, status: str = "subscribed", **more: Any) -> dict[str, Any]:
    """A member who changed last long ago."""
    about = {"email_address": f"{name}@maple-street.test", "status": status, "last_changed": LONG_AGO}
    return {**about, **more}


def at(name: str) -> str:
    return f"{name}@maple-street.test"


def one_of_each(stage: Stage) -> None:
    """One person for everything that can happen at a first meeting."""
    stage.control.put_members(
        stage.audience,
        [
            member("same", merge_fields={"FNAME": "Sam"}),
            member("fill-there"),
            member("fill-here", merge_fields={"FNAME": "Finn", "CITY": "Leeds"}, tags=["vip"]),
            member("left-here"),
            member("left-there", "unsubscribed"),
            member("back", "unsubscribed"),
            member("bounces", "cleaned"),
            member("filed", "archived"),
            member("trades", "transactional"),
            member("silent"),
            member("waits", "pending"),
            member("twin"),
            member("new-subscribed", merge_fields={"FNAME": "Nia"}),
            member("new-unsubscribed", "unsubscribed"),
            member("new-cleaned", "cleaned"),
            member("new-pending", "pending"),
            member("new-transactional", "transactional"),
            member("new-archived", "archived"),
        ],
    )
    stage.put("same", email=at("same"), fields={"first_name": "Sam"}, consent=YES)
    stage.put("fill-there", email=at("fill-there"), fields={"city": "Ghent"}, tags=["b2b"], consent=YES)
    stage.put("fill-here", email=at("fill-here"), consent=YES)
    stage.put("left-here", email=at("left-here"), consent=NO)
    stage.put("left-there", email=at("left-there"), consent={**YES, "at": "2024-01-01T00:00:00+00:00"})
    stage.put("back", email=at("back"), consent=LATE_YES)
    stage.put("bounces", email=at("bounces"), consent=LATE_YES)
    stage.put("filed", email=at("filed"), consent={**YES, "at": "2024-01-01T00:00:00+00:00"})
    stage.put("trades", email=at("trades"), consent=LATE_YES)
    stage.put("silent", email=at("silent"))
    stage.put("waits", email=at("waits"))
    stage.put("add", email=at("add"), fields={"first_name": "Ada"}, tags=["vip"], consent=YES)
    stage.put("ask", email=at("ask"), consent={**YES, "status": "pending"})
    stage.put("nobody", email=at("nobody"))
    stage.put("gone", email=at("gone"), consent=NO)
    stage.put("dead", email=at("dead"), consent={**NO, "status": "cleaned"})
    stage.put("nowhere", fields={"first_name": "Noa"}, consent=YES)
    stage.put("twin", email=at("twin"), consent=YES)
    stage.put("twin-2", email=at("twin"), consent=YES)
    stage.put("pair", email=at("pair"), consent=YES)
    stage.put("pair-2", email=at("pair"), consent=YES)
    stage.put("odd", email=at("odd"), fields={"visits": "often", "size": "XXL"}, consent=YES)


def check_against_what_happens(stage: Stage, go: Callable[[], None] | None = None) -> None:
    """Preview, sync, and compare person by person. `go` makes it happen: the first sync, unless given."""
    report = stage.preview()
    assert report.run.state is RunState.DONE, (report.run.code, report.run.detail)
    rows = stage.rows(report)
    there, here = foreseen(rows)
    before, contacts = stage.control.members(stage.audience), stage.contacts()
    (go or stage.start)()
    assert happened_there(before, stage.control.members(stage.audience)) == there
    assert happened_here(contacts, stage.contacts()) == here
    out = {
        row.contact_id or row.address: row.left_alone for row in rows if row.left_alone and not row.actions
    }
    standing = left_out(stage)
    assert {who: standing.get(who) for who in out} == out
    refused = {row.contact_id: {t.code for t in row.troubles} for row in rows if row.troubles}
    assert failing(stage).keys() == refused.keys()
    assert all(reason in refused[who] for who, reason in failing(stage).items())
    check_the_sums(report, rows)


def check_the_sums(report: preview.PreviewReport, rows: list[preview.PreviewRow]) -> None:
    """The balance is the sum of the rows, each person is in it, and in the examples."""
    counted = Counter(action for row in rows for action in row.actions)
    lines = [*report.to_mailchimp, *report.to_platform]
    assert {line.code: line.count for line in lines} == counted
    assert report.people == len(rows)
    nothing = [row for row in rows if not row.actions and not row.troubles]
    assert report.unchanged == sum(row.left_alone is None for row in nothing)
    assert sum(line.count for line in report.left_alone) == sum(row.left_alone is not None for row in nothing)
    for line in lines:
        assert len(line.samples) == min(5, line.count)
        assert all(line.code in row.actions for row in line.samples)


def test_everything_that_is_foreseen_happens_and_nothing_else(stage: Stage) -> None:
    """Everybody is foreseen rightly: those archived, unsubscribed and bounced, and those who share an
    address."""
    one_of_each(stage)
    check_against_what_happens(stage)


@pytest.mark.services
def test_it_is_the_same_on_postgresql(tmp_path: Path) -> None:
    """Another database, the same words."""
    with open_database("postgresql") as url, open_stage(tmp_path, database_url=url) as stage:
        one_of_each(stage)
        check_against_what_happens(stage)


def test_each_kind_is_counted_and_told(stage: Stage) -> None:
    """The balance of both sides, who is left alone and why, and what Mailchimp would not take."""
    one_of_each(stage)
    report = stage.preview()
    assert {line.code: line.count for line in report.to_mailchimp} == {
        Action.ADD_SUBSCRIBED: 3,
        Action.ADD_PENDING: 1,
        Action.SUBSCRIBE_THERE: 1,
        Action.ASK: 1,
        Action.CHANGE_THERE: 1,
        Action.UNSUBSCRIBE_THERE: 1,
    }
    assert {line.code: line.count for line in report.to_platform} == {
        Action.ADD_HERE: 5,
        Action.CHANGE_HERE: 2,
        Action.SUBSCRIBE_HERE: 1,
        Action.UNSUBSCRIBE_HERE: 3,
    }
    assert {line.code: line.count for line in report.left_alone} == {
        "no_consent": 1,
        "unsubscribed": 1,
        "cleaned": 1,
        "no_address": 1,
        "not_imported": 1,
    }
    assert {(line.code, line.field): line.count for line in report.cannot_be_sent} == {
        ("email_taken", None): 2,
        ("field_value", "visits"): 1,
        ("field_value", "size"): 1,
    }
    told = {line.field: line.happened for line in report.cannot_be_sent}
    assert "“XXL” does not fit size" in told["size"]
    assert at("odd") in told["size"]
    assert (report.people, report.unchanged, report.billed) == (28, 2, 3)
    assert report.counted_now == 7
    assert not [found for found in report.findings if found.blocking]


def test_the_values_are_shown_before_and_after(stage: Stage) -> None:
    """On the side where they change."""
    one_of_each(stage)
    rows = {row.contact_id: row for row in stage.rows(stage.preview())}
    changes = {(d.side, d.field): (d.before, d.after) for d in rows["fill-here"].changes}
    assert changes["platform", "first_name"] == (None, "Finn")
    assert changes["platform", "tags"] == ([], ["vip"])
    changes = {(d.side, d.field): (d.before, d.after) for d in rows["fill-there"].changes}
    assert changes["mailchimp", "city"] == (None, "Ghent")
    changes = {(d.side, d.field): (d.before, d.after) for d in rows["left-there"].changes}
    assert changes == {("platform", "consent"): ("subscribed", "unsubscribed")}


def test_a_preview_changes_nothing(stage: Stage) -> None:
    """Every table is as it was, but for the run and what it keeps; Mailchimp was only asked."""
    one_of_each(stage)
    before, asked = tables(stage), stage.control.members(stage.audience)
    stage.control.forget_requests()
    stage.preview()
    assert tables(stage) == before
    assert stage.control.members(stage.audience) == asked
    assert {request["method"] for request in stage.control.requests()} == {"GET"}


def tables(stage: Stage) -> dict[str, list[Any]]:
    """What the database holds, but for what the house keeps of its own work."""
    passing = {"runs", "run_pages", "run_seen", "leases", "calls", "call_counts", "reviews", "purges"}
    with stage.house.store.read() as c:
        return {
            table.name: [
                {name: value for name, value in row._mapping.items() if name != "updated_at"}
                for row in c.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in metadata.sorted_tables
            if table.name not in passing
        }


@pytest.mark.parametrize(
    "seed", [11, 58, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(100, 112))]
)
def test_any_two_sides_are_foreseen(tmp_path: Path, seed: int) -> None:
    """Random people on both sides, under random rules."""
    chance = random.Random(seed)
    with open_stage(tmp_path, is_set_up=False, sweep_minutes=60) as stage:
        stage.choose(
            winner=chance.choice(list(Winner)),
            without_consent=chance.choice([WithoutConsent.LEAVE_OUT, WithoutConsent.TRANSACTIONAL]),
            import_members=chance.random() < 0.8,
            sync_tags=chance.random() < 0.8,
            unsubscribe_archived=chance.random() < 0.7,
            brake_share=1.0,
        )
        random_people(stage, chance, 70)
        check_against_what_happens(stage)


def random_people(stage: Stage, chance: random.Random, count: int) -> None:
    """So many people, each on one side or on both."""
    statuses = ["subscribed", "subscribed", "unsubscribed", "cleaned", "pending", "transactional", "archived"]
    days = ["2024-06-01", "2025-02-28", "2025-03-02", "2025-11-11"]
    found = []
    for n in range(count):
        name, side = f"p{n}", chance.choice(["here", "there", "both", "both"])
        if side != "here":
            values = {"FNAME": "Jo", "CITY": "Leeds", "VISITS": 3, "SIZE": "M"}
            merge = {tag: value for tag, value in values.items() if chance.random() < 0.5}
            tags = [tag for tag in ("vip", "b2b") if chance.random() < 0.3]
            found.append(member(name, chance.choice(statuses), merge_fields=merge, tags=tags))
        if side != "there":
            random_contact(stage, chance, name, f"{chance.choice(days)}T09:00:00+00:00")
    stage.control.put_members(stage.audience, found)


def random_contact(stage: Stage, chance: random.Random, name: str, when: str) -> None:
    values = {"first_name": "Ann", "city": "Ghent", "visits": "7", "size": "m"}
    odd = {"first_name": "", "city": "x" * 300, "visits": "many", "size": "XL"}
    fields = {
        key: odd[key] if chance.random() < 0.15 else value
        for key, value in values.items()
        if chance.random() < 0.5
    }
    status = chance.choice(["none", "subscribed", "subscribed", "unsubscribed", "pending"])
    consent = None if status == "none" else {"status": status, "at": when, "source": "shop"}
    tags = [tag for tag in ("vip", "new") if chance.random() < 0.3]
    stage.put(name, email=at(name), fields=fields, tags=tags, consent=consent)
    if chance.random() < 0.08:
        stage.put(f"{name}-again", email=at(name), consent=consent)


def test_a_required_field_keeps_out_who_has_no_value(tmp_path: Path) -> None:
    """They are told as refused and not as added, and that is what happens; who is there stays."""
    fields = [{"tag": "SHOP", "type": "text", "required": True}]
    with open_stage(tmp_path, fields=fields) as stage:
        stage.control.put_members(stage.audience, [member("old")])
        stage.put("old", email=at("old"), fields={"first_name": "Olga"}, consent=YES)
        stage.put("with", email=at("with"), fields={"shop": "Leeds"}, consent=YES)
        stage.put("without", email=at("without"), consent=YES)
        report = stage.preview()
        (line,) = report.cannot_be_sent
        assert (line.code, line.field, line.count) == ("field_required", "shop", 1)
        assert at("without") in line.happened
        assert report.billed == 1
        check_against_what_happens(stage)


def test_a_working_connection_is_previewed_as_it_stands(stage: Stage) -> None:
    """Paused, with changes waiting: addresses move, somebody was deleted here, somebody there, who left has
    a new address. Its state stays as it is, and then it all happens."""
    names = ("mover", "leaver", "lost", "still", "out", "again", "asked")
    for name in names:
        stage.put(name, email=at(name), consent={**YES, "status": "pending"} if name == "asked" else YES)
    stage.preview()
    stage.start()
    for name in ("out", "again"):
        stage.control.unsubscribe(stage.audience, at(name))
    until(lambda: all(out_here(stage, name) for name in ("out", "again")))
    until(stage.settled)
    install.pause(stage.kit, stage.connection_id)
    for name in ("mover", "out", "again", "asked"):
        stage.put(name, email=at(f"{name}-moved"))
    stage.put("again", consent={**YES, "at": stage.kit.now().isoformat()})
    contacts.delete(stage.kit, "acme", "leaver")
    stage.control.delete(stage.audience, at("lost"))
    report = stage.preview()
    assert stage.state == ConnectionState.PAUSED
    assert {line.code: line.count for line in report.to_mailchimp} == {
        Action.ADD_PENDING: 2,
        Action.MOVE: 1,
        Action.ARCHIVE: 1,
    }
    assert {line.code: line.count for line in report.to_platform} == {Action.UNSUBSCRIBE_HERE: 1}
    assert report.unchanged == 1

    def go_on() -> None:
        with stage.house.store.write() as c:
            connections.update(c, stage.connection_id, stage.kit.now(), last_full_sweep_at=None)
        install.resume(stage.kit, stage.connection_id)
        until(lambda: row(stage).last_full_sweep_at is not None)
        until(stage.settled)

    check_against_what_happens(stage, go_on)


def out_here(stage: Stage, name: str) -> bool:
    return stage.contacts()[name].consent.status is ConsentStatus.UNSUBSCRIBED


def test_a_preview_is_young_for_its_settings_and_a_day(stage: Stage) -> None:
    """Other settings make it old at once; a sync needs another one."""
    from processor import preflight

    stage.put("add", email=at("add"), consent=YES)
    assert stage.preview().is_young
    assert preflight.young(stage.kit, row(stage)) is not None
    stage.choose(winner=Winner.PLATFORM)
    made = preview.latest(stage.kit, stage.connection_id)
    assert made is not None
    assert not made.is_young
    assert preflight.young(stage.kit, row(stage)) is None
    assert stage.preview().is_young


def row(stage: Stage) -> connections.ConnectionRow:
    with stage.house.store.read() as c:
        found = connections.get(c, stage.connection_id)
    assert found is not None
    return found


def test_a_hiccup_of_mailchimp_is_waited_out_and_nobody_counts_twice(stage: Stage) -> None:
    """A 429 and a 500 in the middle."""
    stage.control.put_members(stage.audience, [member(f"m{n}") for n in range(30)])
    stage.control.fail(429, path="/lists/*/members", remaining=2)
    stage.control.fail(500, path="/lists/*/members", remaining=1)
    report = stage.preview()
    assert report.run.state is RunState.DONE
    assert report.people == 30


def test_lost_access_ends_it_and_asks_to_reconnect(stage: Stage) -> None:
    """The run says why, and the connection waits for the customer."""
    stage.control.revoke(stage.mailchimp_account)
    report = stage.preview()
    assert report.run.state is RunState.FAILED
    assert report.words is not None
    assert report.words.title == "Reconnect Mailchimp"
    assert stage.state == ConnectionState.RECONNECT
    with pytest.raises(Conflict, match="Reconnect first"):
        preview.begin(stage.kit, stage.connection_id, "the test")


def test_without_an_audience_there_is_nothing_to_preview(tmp_path: Path) -> None:
    """Said in words."""
    with open_stage(tmp_path, is_set_up=False) as stage, pytest.raises(Invalid, match="Choose the audience"):
        preview.begin(stage.kit, stage.connection_id, "the test")


def test_settings_that_change_meanwhile_end_it(stage: Stage) -> None:
    """A preview of rules that are gone would mislead: it ends, and the connection is set up as before."""
    stage.control.put_members(stage.audience, [member("m")])
    stage.control.hang(path="/lists/*/members")
    preview.begin(stage.kit, stage.connection_id, "the test")
    until(lambda: preview.latest(stage.kit, stage.connection_id).run.state is RunState.RUNNING)
    stage.choose(winner=Winner.PLATFORM)
    stage.control.mend()
    made = until(lambda: (m := preview.latest(stage.kit, stage.connection_id)) and m.is_ended and m)
    assert made.run.state is RunState.CANCELLED
    assert "changed" in (made.run.detail or "")
    assert stage.state == ConnectionState.SETUP


def test_whoever_takes_over_begins_anew_and_the_other_gives_way(stage: Stage) -> None:
    """A worker hangs so long that another one takes its turn: everybody is counted once."""
    stage.control.put_members(stage.audience, [member(f"m{n}") for n in range(5)])
    stage.put("add", email=at("add"), consent=YES)
    stage.control.hang(path="/lists/*/members", remaining=1)
    run = preview.begin(stage.kit, stage.connection_id, "the test")
    until(lambda: stage.control.faults()["rules"][0]["remaining"] == 0)
    with stage.house.store.write() as c:
        c.execute(delete(leases).where(leases.c.name == f"preview_audience:{stage.connection_id}"))
    made = until(lambda: (m := preview.latest(stage.kit, stage.connection_id)) and m.is_ended and m)
    assert (made.run.id, made.run.state, made.people) == (run.id, RunState.DONE, 6)
    stage.control.mend()
    until(lambda: not turn_is_held(stage))
    assert preview.latest(stage.kit, stage.connection_id) == made
    assert len(stage.rows(made)) == 6
    assert stage.state == ConnectionState.SETUP


def turn_is_held(stage: Stage) -> bool:
    with stage.house.store.read() as c:
        return is_held(c, f"preview_audience:{stage.connection_id}", stage.kit.now())


def test_one_that_nobody_makes_is_found_by_the_clock(stage: Stage) -> None:
    """The poke was lost, and a worker died over it: begun anew, without its first half."""
    stage.control.put_members(stage.audience, [member("m")])
    with stage.house.store.write() as c:
        connections.update(c, stage.connection_id, stage.kit.now(), state="previewing")
        run = runs.begin(c, stage.connection_id, RunKind.PREVIEW, "the test", stage.kit.now())
        runs.see(c, run.id, ["m1"])
        runs.keep_page(c, run.id, 0, [{"address": "half@maple-street.test"}])
        runs.change(c, run.id, stage.kit.now(), state=RunState.RUNNING, cursor={"attempt": "x", "tries": 1})
    made = until(lambda: (m := preview.latest(stage.kit, stage.connection_id)) and m.is_ended and m)
    assert (made.run.state, made.people) == (RunState.DONE, 1)
    assert [row.address for row in stage.rows(made)] == [at("m")]


def test_one_that_takes_workers_down_ends(stage: Stage) -> None:
    """It is not begun for ever."""
    with stage.house.store.write() as c:
        connections.update(c, stage.connection_id, stage.kit.now(), state="previewing")
        run = runs.begin(c, stage.connection_id, RunKind.PREVIEW, "the test", stage.kit.now())
        runs.change(c, run.id, stage.kit.now(), cursor={"tries": stage.kit.settings.max_crashes})
    made = until(lambda: (m := preview.latest(stage.kit, stage.connection_id)) and m.is_ended and m)
    assert (made.run.state, made.run.code) == (RunState.FAILED, "internal")
    assert stage.state == ConnectionState.SETUP


def test_removing_the_connection_ends_it(stage: Stage) -> None:
    """A preview does not hold an uninstallation up."""
    from processor.uninstall import uninstall

    stage.control.hang(path="/lists/*/members")
    preview.begin(stage.kit, stage.connection_id, "the test")
    until(lambda: preview.latest(stage.kit, stage.connection_id).run.state is RunState.RUNNING)
    stage.control.mend()
    uninstall(stage.kit, stage.connection_id)
    until(lambda: gone(stage))


def gone(stage: Stage) -> bool:
    with stage.house.store.read() as c:
        found = connections.get(c, stage.connection_id)
    return found is None or found.state == ConnectionState.REMOVED


def test_the_whole_list_is_a_spreadsheet_that_runs_nothing(stage: Stage) -> None:
    """One line for each person; what could be a formula begins with an apostrophe."""
    stage.control.put_members(stage.audience, [{"email_address": "+jo@maple-street.test"}])
    stage.put("=1+1", email=at("ann"), fields={"first_name": '=HYPERLINK("x")'}, consent=YES)
    stage.put("a;=1+1", email=at("ben"), consent=YES)
    report = stage.preview()
    text = "".join(preview.as_csv(stage.kit, report.run.id))
    assert text.startswith("\ufeff")
    head, *lines = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    assert head[0] == "E-mail address"
    assert [line[0] for line in lines] == ["'+jo@maple-street.test", at("ann"), at("ben")]
    assert [line[1] for line in lines[1:]] == ["'=1+1", "a;'=1+1"]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for line in lines for cell in line)
    assert lines[0][2:5] == ["Mailchimp", "", "Add as a contact"]


def test_only_the_newest_list_is_kept(stage: Stage) -> None:
    """An older one is not there any more, and says so."""
    from processor.errors import NotFound

    first, second = stage.preview(), stage.preview()
    assert first.run.id != second.run.id
    with pytest.raises(NotFound, match="not kept any more"):
        preview.as_csv(stage.kit, first.run.id)
    assert list(preview.newest_csv(stage.kit, stage.connection_id))
