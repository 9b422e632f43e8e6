"""What the marketer changes of the audience's fields, and what becomes of the map."""

from __future__ import annotations

from typing import Any

import httpx

from processor import report, setup
from processor.domain.field_changes import FieldChange, from_stored, sentence, unsynced
from processor.domain.issue import IssueState
from processor.domain.plan import MemberState
from processor.issues import review
from processor.setup import Choices, FieldChoice
from processor.store import connections
from processor.store.connections import ConnectionRow
from processor.sweep import sweep
from tests.whole.world import World, until

JO = "jo@maple-street.test"
YES = {"status": "subscribed", "at": "2026-01-15T09:00:00+00:00", "source": "checkout"}
FIELDS = "GET /lists/{list_id}/merge-fields"


def _row(acme: World) -> ConnectionRow:
    with acme.kit.store.read() as c:
        row = connections.get(c, acme.connection_id)
    assert row is not None
    return row


def _marketer(acme: World, method: str, of: str, **body: Any) -> None:
    """Change a field of the audience as the marketer does in Mailchimp."""
    headers = {"Authorization": f"Bearer {acme.control.token(acme.mailchimp_account)}"}
    fields = httpx.get(_fields_url(acme), headers=headers).json()["merge_fields"]
    number = {item["tag"]: item["merge_id"] for item in fields}[of]
    answer = httpx.request(method, f"{_fields_url(acme)}/{number}", headers=headers, json=body or None)
    assert answer.is_success, answer.text


def _groups(acme: World, method: str, path: str = "", **body: Any) -> Any:
    """Change the audience's groups as the marketer does in Mailchimp."""
    url = f"{acme.control.url}/3.0/lists/{acme.audience}/interest-categories{path}"
    headers = {"Authorization": f"Bearer {acme.control.token(acme.mailchimp_account)}"}
    answer = httpx.request(method, url, headers=headers, json=body or None)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def _sweep(acme: World) -> None:
    """Go round everybody; a sweep that is under way comes to its end first."""
    until(lambda: sweep(acme.kit, acme.connection_id, full=True))


def _fields_url(acme: World) -> str:
    return f"{acme.control.url}/3.0/lists/{acme.audience}/merge-fields"


def _told(acme: World) -> list[FieldChange]:
    known = from_stored(_row(acme).audience_fields)
    return [one.what for one in known.told] if known else []


def _rule(acme: World, field: str) -> Any:
    return next((rule for rule in _row(acme).policy.fields if rule.field == field), None)


def _jo(acme: World, **fields: Any) -> None:
    acme.put("1", email=JO, consent=YES, fields=fields)
    until(lambda: acme.member(JO) and acme.settled())


def test_a_field_whose_tag_was_changed_is_followed(acme: World) -> None:
    """CITY is called TOWN now: nothing is emptied on either side, what is written goes there, and the
    connection tells of it."""
    _jo(acme, city="Leeds")
    _marketer(acme, "PATCH", "CITY", tag="TOWN")
    _sweep(acme)
    assert (_rule(acme, "city").target, acme.contact(JO).fields["city"]) == ("TOWN", "Leeds")
    acme.put("1", fields={"city": "Ghent"})
    until(lambda: acme.member(JO)["merge_fields"].get("TOWN") == "Ghent")
    acme.control.edit(acme.audience, JO, merge_fields={"TOWN": "Split"})
    until(lambda: acme.contact(JO).fields["city"] == "Split")
    assert _told(acme) == [FieldChange.RENAMED]
    assert report.connection(acme.kit, acme.connection_id, None).problem is None


def test_a_webhook_that_names_a_strange_field_is_enough_to_notice(acme: World) -> None:
    """No sweep comes: the next profile names TOWN, the fields are looked at once, and the map follows."""
    _jo(acme, city="Leeds")
    _marketer(acme, "PATCH", "CITY", tag="TOWN")
    acme.control.forget_requests()
    acme.control.edit(acme.audience, JO, merge_fields={"TOWN": "Split"})
    until(lambda: acme.contact(JO).fields["city"] == "Split")
    until(acme.settled)
    assert _rule(acme, "city").target == "TOWN"


def test_a_deleted_field_is_one_issue_and_fails_nobody(acme: World) -> None:
    """What was agreed stays here; a contact that is written afterwards is in step; the issue says what to do,
    and is solved by a map without the field."""
    _jo(acme, city="Leeds", first_name="Jo")
    _marketer(acme, "DELETE", "CITY")
    _sweep(acme)
    review(acme.kit, acme.connection_id)
    [found] = report.issues(acme.kit, None, connection_id=acme.connection_id).issues
    assert (found.issue.code, found.issue.about) == ("field_gone", "city")
    assert "“city” is mapped to “CITY”" in found.said.words.happened
    acme.put("1", fields={"city": "Ghent", "first_name": "Joan"})
    until(lambda: acme.settled() and acme.member(JO)["merge_fields"]["FNAME"] == "Joan")
    assert acme.contact(JO).fields["city"] == "Ghent"
    assert report.connection(acme.kit, acme.connection_id, None).members[MemberState.FAILING] == 0
    draft = setup.draft(acme.kit, acme.connection_id, acme.audience)
    assert [rule.field for rule in draft.gone] == ["city"]
    acme.choose(fields=[FieldChoice("first_name", "FNAME")])
    review(acme.kit, acme.connection_id)
    [solved] = report.issues(acme.kit, None, connection_id=acme.connection_id).issues
    assert solved.issue.state is IssueState.RESOLVED


def test_a_deleted_interest_is_one_issue_and_fails_nobody(acme: World) -> None:
    """No webhook tells of it: the first answer without it does. What was ticked stays here, whoever is new
    comes in, a comparison of everybody moves nothing, and a webhook does not bring the rule back."""
    group = _groups(acme, "POST", title="Topics", type="checkboxes")["id"]
    ski, chess = (_groups(acme, "POST", f"/{group}/interests", name=n)["id"] for n in ("Ski", "Chess"))
    acme.choose(fields=[FieldChoice("ski", ski), FieldChoice("chess", chess), FieldChoice("city", "CITY")])
    _jo(acme, ski=True, chess=True)
    _groups(acme, "DELETE", f"/{group}/interests/{chess}")
    acme.put("2", email="ann@maple-street.test", consent=YES, fields={"ski": True, "chess": True})
    until(lambda: _rule(acme, "chess") is None)
    until(lambda: acme.settled() and acme.member("ann@maple-street.test"))
    acme.put("1", fields={"chess": False, "city": "Leeds"})
    until(lambda: acme.settled() and acme.member(JO)["merge_fields"]["CITY"] == "Leeds")
    _sweep(acme)
    acme.control.merge_field(acme.audience, "HUE", "text")
    acme.control.edit(acme.audience, JO, merge_fields={"HUE": "red"})
    until(lambda: FieldChange.NEW in _told(acme))
    assert [rule.field for rule in _row(acme).policy.gone] == ["chess"]
    review(acme.kit, acme.connection_id)
    [found] = report.issues(acme.kit, None, connection_id=acme.connection_id).issues
    assert (found.issue.code, found.issue.about) == ("field_gone", "chess")
    standing = report.connection(acme.kit, acme.connection_id, None)
    assert standing.members[MemberState.FAILING] == standing.members[MemberState.WAITING] == 0
    assert acme.contact("ann@maple-street.test").fields["chess"] is True


def test_a_field_that_is_mapped_to_another_one_empties_nothing(acme: World) -> None:
    """The new one is empty for everybody: the platform's values fill it, they are not taken away."""
    _jo(acme, city="Leeds")
    acme.control.merge_field(acme.audience, "TOWN")
    acme.choose(fields=[FieldChoice("city", "TOWN"), FieldChoice("first_name", "FNAME")])
    _sweep(acme)
    until(lambda: acme.settled() and acme.member(JO)["merge_fields"]["TOWN"] == "Leeds")
    assert acme.contact(JO).fields["city"] == "Leeds"
    assert acme.member(JO)["merge_fields"]["CITY"] == "Leeds"
    acme.control.edit(acme.audience, JO, merge_fields={"TOWN": ""})
    until(lambda: not acme.contact(JO).fields.get("city"))


def test_a_new_field_is_shown_until_somebody_maps_it_or_leaves_it(acme: World) -> None:
    """It is named after the next sweep, and after a map that leaves it out not any more."""
    acme.control.merge_field(acme.audience, "SHOE", name="Shoe size")
    _sweep(acme)
    row = _row(acme)
    assert [item.tag for item in unsynced(row.policy, from_stored(row.audience_fields))] == ["SHOE"]
    known = from_stored(row.audience_fields)
    assert known is not None
    assert sentence(known.told[-1]).startswith("“Shoe size” is new in Mailchimp and not synced yet")
    assert {
        one.target for one in setup.draft(acme.kit, acme.connection_id, acme.audience).fields if one.is_new
    } == {"SHOE"}
    chosen = [FieldChoice(rule.field, rule.target) for rule in row.policy.fields]
    setup.save(acme.kit, acme.connection_id, Choices(acme.audience, fields=chosen), "jo")
    row = _row(acme)
    assert unsynced(row.policy, from_stored(row.audience_fields)) == []
    assert not any(one.is_new for one in setup.draft(acme.kit, acme.connection_id, acme.audience).fields)


def test_a_field_that_becomes_required_or_gets_other_choices_is_followed_and_told(acme: World) -> None:
    """The rule is as Mailchimp has the field now; a second look finds nothing new, and costs one call."""
    acme.control.merge_field(acme.audience, "SIZE", "radio", options={"choices": ["S", "M"]})
    acme.choose(fields=[FieldChoice("size", "SIZE"), FieldChoice("city", "CITY")])
    _marketer(acme, "PATCH", "SIZE", required=True, options={"choices": ["S", "M", "L"]})
    _sweep(acme)
    rule = _rule(acme, "size")
    assert (rule.required, rule.choices) == (True, ("S", "M", "L"))
    until(acme.settled)
    told = _told(acme)
    assert set(told) >= {FieldChange.REQUIRED, FieldChange.CHOICES}
    acme.control.forget_requests()
    _sweep(acme)
    assert (_told(acme), acme.control.calls().get(FIELDS)) == (told, 1)
