"""What stands in the way of a sync is said before the first write, each with its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from processor import hook, install, preflight
from processor.errors import Conflict
from processor.preflight import Finding
from processor.preflight.reach import is_private
from processor.store import accounts, connections, hooks
from tests.whole.foreseen import FIELDS, Stage, open_stage
from tests.whole.world import SUBSCRIBED

GIVEN = {"tag": "SHOP", "name": "Shop", "type": "text", "required": True}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A connection that is set up and not begun."""
    with open_stage(tmp_path) as made:
        yield made


def row(stage: Stage, connection_id: str | None = None) -> connections.ConnectionRow:
    with stage.house.store.read() as c:
        found = connections.get(c, connection_id or stage.connection_id)
    assert found is not None
    return found


def found(stage: Stage, **changes: Any) -> dict[str, Finding]:
    """The findings by code, with these columns of the connection changed before."""
    if changes:
        with stage.house.store.write() as c:
            connections.update(c, stage.connection_id, stage.kit.now(), **changes)
    return {one.code: one for one in preflight.findings(stage.kit, row(stage))}


def test_a_sound_installation_has_nothing_to_say(stage: Stage) -> None:
    """No warning where nothing is wrong, and only questions to Mailchimp: few of them."""
    stage.control.forget_requests()
    assert found(stage) == {}
    asked = stage.control.requests()
    assert {request["method"] for request in asked} == {"GET"}
    assert len(asked) == 4


@pytest.mark.parametrize("role", ["viewer", "author"])
def test_a_login_that_may_not_change_contacts_is_told_at_once(stage: Stage, role: str) -> None:
    """Which role it has, and who can help; a sync does not begin."""
    stage.control.change_account(stage.mailchimp_account, role=role)
    told = found(stage)["role_too_low"]
    assert told.blocking
    assert f"“{role}”" in told.happened
    assert "manager" in told.todo
    with pytest.raises(Conflict, match=role):
        install.start(stage.kit, stage.connection_id, "the test", skip_preview=True)


def test_a_required_field_that_nobody_mapped_blocks_who_would_be_added(stage: Stage) -> None:
    """By its name in Mailchimp; where the preview adds nobody, it does not stand in the way."""
    stage.control.merge_field(stage.audience, **to_call(GIVEN))
    told = found(stage)["field_unmapped"]
    assert told.blocking
    assert (told.field, told.title) == ("Shop", "Shop is required and gets no value")
    report = stage.preview()
    assert [one.blocking for one in report.findings if one.code == "field_unmapped"] == [False]
    stage.put("jo", email="jo@maple-street.test", consent=SUBSCRIBED)
    report = stage.preview()
    assert [one.blocking for one in report.findings if one.code == "field_unmapped"] == [True]
    assert [(line.code, line.field, line.count) for line in report.cannot_be_sent] == [
        ("field_required", "Shop", 1)
    ]
    assert found(stage)["field_unmapped"].blocking


def to_call(field: dict[str, Any]) -> dict[str, Any]:
    """A field as the sandbox's control takes it."""
    return {"kind": field["type"], **{name: value for name, value in field.items() if name != "type"}}


def test_a_default_may_help_and_is_said(stage: Stage) -> None:
    """What Mailchimp makes of it is not documented, so it is no reason to refuse a sync."""
    stage.control.merge_field(stage.audience, **to_call({**GIVEN, "default_value": "Leeds"}))
    told = found(stage)["field_default"]
    assert not told.blocking
    assert "“Leeds”" in told.happened


def test_a_field_that_was_removed_or_changed_in_mailchimp_is_noticed(stage: Stage) -> None:
    """Mapped as it was when set up; Mailchimp has moved on."""
    policy = row(stage).policy
    rules = {rule.target: rule for rule in policy.fields}
    gone = rules["CITY"].model_copy(update={"target": "TOWN"})
    other = rules["SIZE"].model_copy(update={"choices": ("S", "M")})
    kind = rules["VISITS"].model_copy(update={"type": "text"})
    codes = preflight_codes(stage, policy.model_copy(update={"fields": (gone, other, kind)}))
    assert codes == {("field_gone", "city"), ("field_changed", "size"), ("field_changed", "visits")}


def preflight_codes(stage: Stage, policy: Any) -> set[tuple[str, str | None]]:
    with stage.house.store.write() as c:
        connections.update(c, stage.connection_id, stage.kit.now(), policy=policy)
    every = preflight.findings(stage.kit, row(stage))
    assert not any(one.blocking for one in every)
    return {(one.code, one.field) for one in every}


def test_gdpr_fields_are_explained(tmp_path: Path) -> None:
    """What it means for whoever is added."""
    with open_stage(tmp_path, is_set_up=False) as stage:
        made = stage.control.audience(stage.mailchimp_account, "Europe", marketing_permissions=["E-mail"])
        stage.audience = made.id
        stage.choose()
        told = found(stage)["gdpr_fields"]
        assert not told.blocking
        assert "Europe" in told.happened


def test_the_plan_is_told_how_many_more(stage: Stage) -> None:
    """The number that the preview counted and the one that Mailchimp counts, and no invented limit."""
    for n in range(3):
        stage.put(f"c{n}", email=f"c{n}@maple-street.test", consent=SUBSCRIBED)
    assert "plan_grows" not in found(stage)
    report = stage.preview()
    (told,) = report.findings
    assert told.code == "plan_grows"
    assert not told.blocking
    assert "adds 3 contacts" in told.happened
    assert "subscribed now: 0" in told.happened
    assert found(stage)["plan_grows"] == told


def test_an_audience_that_is_connected_twice_is_told(stage: Stage) -> None:
    """By another account of the platform: to know. A connection that left does not count."""
    other = of_birch(stage)
    assert not found(stage)["audience_shared"].blocking
    change(stage, other, state="removed")
    assert found(stage) == {}


def of_birch(stage: Stage) -> str:
    """A connection of another account of the platform with the same audience."""
    mine, now = row(stage), stage.kit.now()
    with stage.house.store.write() as c:
        accounts.ensure(c, "birch", now)
        connections.create(
            c,
            "con_birch",
            "birch",
            now,
            mailchimp_account=mine.mailchimp_account,
            account_name=mine.account_name,
            login_name="kim",
            role="admin",
            dc="us1",
            api_base=mine.api_base,
            token_sealed=None,
        )
        connections.update(c, "con_birch", now, audience_id=stage.audience, state="in_sync")
    return "con_birch"


def change(stage: Stage, connection_id: str, **columns: Any) -> None:
    with stage.house.store.write() as c:
        connections.update(c, connection_id, stage.kit.now(), **columns)


def test_several_webhooks_of_ours_are_told_and_others_are_not(stage: Stage) -> None:
    """Those of crashed attempts; another tool's hook is its own business."""
    hook.register(stage.kit, row(stage))
    assert found(stage) == {}
    with stage.house.store.write() as c:
        hooks.add(c, "left-behind", stage.connection_id, "sealed", stage.kit.now())
    mailchimp = stage.kit.mailchimp(row(stage))
    mailchimp.create_webhook(stage.audience, f"{stage.web.url}/webhooks/mailchimp/left-behind")
    told = found(stage)["webhooks_several"]
    assert not told.blocking
    assert told.todo.startswith("Nothing to do")


def test_an_address_that_does_not_answer_is_said(stage: Stage) -> None:
    """Nobody serves there."""
    elsewhere = stage.kit.settings.model_copy(update={"public_url": "http://127.0.0.1:9"})
    (told,) = preflight.findings(replace(stage.kit, settings=elsewhere), row(stage))
    assert (told.code, told.blocking) == ("url_silent", False)


def test_a_private_address_cannot_be_reached_from_mailchimp(stage: Stage) -> None:
    """Beside a Mailchimp on this machine it will do."""
    from processor.preflight.reach import reach

    (told,) = reach("https://10.0.0.7", "https://us1.api.mailchimp.com")
    assert (told.code, told.blocking) == ("url_private", True)
    assert list(reach(stage.web.url, stage.control.url)) == []


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "::1", "10.1.2.3", "192.168.0.4", "172.20.0.1", "box", "box.local"]
)
def test_hosts_of_ones_own_network_are_known(host: str) -> None:
    """And those of the internet are not taken for such."""
    assert is_private(host)
    assert not is_private(f"{host}.example.org") or ":" in host
    assert not is_private("93.184.216.34")


def test_without_an_audience_there_is_only_one_thing_to_do(tmp_path: Path) -> None:
    """Mailchimp is not asked."""
    with open_stage(tmp_path, is_set_up=False, fields=FIELDS) as stage:
        (told,) = preflight.findings(stage.kit, row(stage))
        assert (told.code, told.blocking) == ("audience_missing", True)


def test_findings_come_with_what_blocks_first(stage: Stage) -> None:
    """The customer reads from the top."""
    stage.control.change_account(stage.mailchimp_account, role="viewer")
    stage.control.merge_field(stage.audience, **to_call({**GIVEN, "default_value": "Leeds"}))
    blocking = [one.blocking for one in preflight.findings(stage.kit, row(stage))]
    assert blocking == [True, False]
