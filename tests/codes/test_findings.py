"""What stands in the way of a first sync: said on the set-up page, in the preview, and gone once mended."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.codes.place import Customer, Town
from tests.web.browser import text_of

Act = Callable[[Customer], object]
SHOP = {"tag": "SHOP", "kind": "text", "name": "Shop", "required": True}


@dataclass(frozen=True)
class Finding:
    """How it comes about, what is said of it, and how it is mended; `mend` None is for what only informs."""

    code: str
    provoke: Act
    says: str
    mend: Act | None
    audience: dict[str, Any] | None = None


def _takes_away(tag: str) -> Act:
    return lambda c: c.mailchimp("DELETE", f"/lists/{c.audience}/merge-fields/{c.field_id(tag)}")


def _becomes_text(c: Customer) -> None:
    _takes_away("AGE")(c)
    c.control.merge_field(c.audience, "AGE", "text", name="Age")


def _becomes_a_number(c: Customer) -> None:
    _takes_away("AGE")(c)
    c.control.merge_field(c.audience, "AGE", "number", name="Age")


def _is_connected_by_another(c: Customer) -> None:
    other = c.town.customer(f"{c.name}-too", account=c.mailchimp_account, audience_id=c.audience)
    assert other.audience == c.audience


def _adds_somebody(c: Customer) -> None:
    c.put()


def _is_previewed_anew(c: Customer) -> None:
    c.town.api.delete(f"/v1/accounts/{c.name}/contacts/x")


FINDINGS = (
    Finding(
        "role_too_low",
        lambda c: c.control.change_account(c.mailchimp_account, role="viewer"),
        "“viewer”",
        lambda c: c.control.change_account(c.mailchimp_account, role="manager"),
    ),
    Finding(
        "field_unmapped",
        lambda c: c.control.merge_field(c.audience, **SHOP),
        "requires Shop, and no field of the platform is mapped to it",
        _takes_away("SHOP"),
    ),
    Finding(
        "field_default",
        lambda c: c.control.merge_field(c.audience, **SHOP, default_value="Leeds"),
        "Mailchimp has a default for it, “Leeds”",
        _takes_away("SHOP"),
    ),
    Finding(
        "field_gone",
        _takes_away("CITY"),
        "it was removed or renamed in Mailchimp",
        lambda c: c.control.merge_field(c.audience, "CITY", "text", name="City"),
    ),
    Finding("field_changed", _becomes_text, "is not what it was when it was mapped", _becomes_a_number),
    Finding(
        "gdpr_fields",
        lambda c: None,
        "which marketing permissions they gave",
        None,
        {"marketing_permissions": ["E-mail"]},
    ),
    Finding("plan_grows", _adds_somebody, "count towards your Mailchimp plan", _is_previewed_anew),
    Finding("audience_shared", _is_connected_by_another, "Another account on this platform", None),
)


@pytest.mark.slow
@pytest.mark.parametrize("finding", FINDINGS, ids=lambda one: one.code)
def test_what_stands_in_the_way_is_said_before_anything_is_changed(finding: Finding, made: Town) -> None:
    """On the set-up page, in the preview of the portal, of the API and of the command line, in the same
    words; put right, it is not said any more."""
    one = made.customer(f"before-{finding.code}", **(finding.audience or {}))
    finding.provoke(one)
    told = _previewed(one)[finding.code]
    words = " ".join((told["title"], told["happened"], told["todo"]))
    assert finding.says in words
    assert told["todo"] in text_of(one.person.gets(f"{one.here}/preview"))
    assert told["todo"] in " ".join(made.command("preview", one.connection_id).split())
    listed = json.loads(made.command("preview", one.connection_id, "--json"))["findings"]
    assert [row["todo"] for row in listed if row["code"] == finding.code] == [told["todo"]]
    if finding.code != "plan_grows":  # that depends on who is previewed
        assert told["todo"] in text_of(one.person.gets(f"{one.here}/setup/findings"))
    if finding.mend is not None:
        finding.mend(one)
        assert finding.code not in _previewed(one)


def _previewed(one: Customer) -> dict[str, Any]:
    """Make a preview; return what it found by code."""
    at = f"/v1/connections/{one.connection_id}/preview"
    assert one.town.api.post(at).status_code in {200, 202}

    def ended() -> Any:
        found = one.town.api.get(at).json()
        return found if found["state"] == "done" else None

    return {found["code"]: found for found in one.until(ended)["findings"]}
