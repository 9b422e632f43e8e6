"""Every failure has a cause, somebody who can act, and a next step."""

from __future__ import annotations

import inspect
import json
import re
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor import errors
from processor.domain.catalogue import ENTRIES, Retry, Who, entry, recognise, words

FACTS = {
    "name": "Jo Maple",
    "email": "jo@maple-street.test",
    "field": "Birthday",
    "value": "31/31",
    "audience": "News",
    "count": 37,
    "reference": "evt_7",
    "detail": "Please enter a date",
    "instance": "c70d656a",
    "limit": "10 MB",
    "size": "12 MB",
    "ours": "Jo",
    "theirs": "Joanna",
    "winner": "Mailchimp",
    "other": "c2",
}
RECORDED = Path("../shared/mailchimp/recorded/exchanges.json")


@pytest.mark.parametrize("code", sorted(ENTRIES))
def test_every_failure_is_told_with_and_without_facts(code: str) -> None:
    """Whole sentences, no hole, nobody blamed, and never “something went wrong”."""
    for told in (words(code, **FACTS), words(code), words(code, name="", count=None)):
        for text in (told.title, told.happened, told.todo):
            assert text
            assert not re.search(r"[{}]|None|\.\.|went wrong|you failed|your fault|illegal", text), text
            assert text[0].isupper() or text[0] in "“" or text.startswith("jo@"), text
        assert told.happened.endswith((".", "”."))
        assert told.todo.endswith(".")
        assert not told.title.endswith(".")


@pytest.mark.parametrize("code", sorted(ENTRIES))
def test_every_failure_names_who_acts_and_uses_known_facts_only(code: str) -> None:
    """What waits for a fix says who fixes it; what nobody need act on has no button but Retry."""
    found = entry(code)
    assert found.code == code
    names = {
        name
        for text in (found.title, found.happened, found.todo)
        for _, name, _, _ in string.Formatter().parse(text)
        if name
    }
    assert names <= {*FACTS, "changes"}
    if found.retry is Retry.AFTER_FIX:
        assert found.who in {Who.CUSTOMER, Who.CONTACT, Who.OPERATOR}


@pytest.mark.parametrize(
    "code",
    [
        "consent_unsubscribed",
        "email_cleaned",
        "email_forgotten",
        "email_invalid",
        "email_fake",
        "email_taken",
        "field_required",
        "field_value",
        "signup_throttled",
        "plan_full",
        "reconnect",
        "role_too_low",
        "account_disabled",
        "audience_gone",
        "webhook_gone",
        "webhook_incomplete",
        "webhook_doubled",
        "webhook_unsigned",
        "rate_limited",
        "mailchimp_down",
        "network",
        "conflict",
        "event_not_understood",
        "store_rejected",
        "photo_too_large",
        "photo_type",
        "internal",
        "refused",
    ],
)
def test_the_catalogue_is_complete(code: str) -> None:
    """Every failure of the design is in it."""
    assert code in ENTRIES


def test_every_error_raised_on_purpose_has_an_entry() -> None:
    """A leaf without words would reach people as a code."""
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    leaves = [kind for kind in kinds if issubclass(kind, errors.BothwaysError) and not kind.__subclasses__()]
    assert {leaf.code for leaf in leaves} <= set(ENTRIES)


def test_facts_are_named() -> None:
    """The person, the field and the value, and how many changes wait."""
    assert "Jo Maple unsubscribed in Mailchimp" in words("consent_unsubscribed", **FACTS).happened
    assert "This contact unsubscribed" in words("consent_unsubscribed").happened
    assert words("field_required", **FACTS).title == "Birthday is required"
    assert "“31/31” does not fit Birthday" in words("field_value", **FACTS).happened
    assert "1,200 changes are safe" in words("rate_limited", count=1200).todo
    assert "1 change is safe" in words("rate_limited", count=1).todo
    assert "your changes are safe" in words("rate_limited").todo
    assert "evt_7" in words("internal", reference="evt_7").todo


def test_an_unknown_refusal_is_told_in_mailchimps_own_words() -> None:
    """With the number that Mailchimp's support asks for."""
    told = words("refused", name="Jo", detail="The moon is full", instance="c70d656a")
    assert "“The moon is full”" in told.happened
    assert "c70d656a" in told.todo


def test_a_code_that_nobody_wrote_down_is_our_mistake() -> None:
    """It is said, and it does not raise."""
    assert words("no_such_code").title == words("internal").title


@given(st.text(), st.dictionaries(st.sampled_from(sorted(FACTS)), st.text() | st.integers() | st.none()))
def test_telling_never_fails(code: str, facts: dict[str, object]) -> None:
    """Whatever a contact's name or value holds, braces included; a long one is shown in part."""
    for known in (code, "conflict", "refused", "rate_limited"):
        assert words(known, **facts).happened
    assert len(words("field_value", value="x" * 5000).happened) < 400


REFUSALS = json.loads((Path(__file__).parent / "refusals.json").read_text())
"""Bodies of facts.md 2, 4.2, 4.3 and 6.3, as they were seen or are documented, with their code."""


@pytest.mark.parametrize("said", REFUSALS, ids=lambda said: f"{said['status']} {said['code']}")
def test_refusals_are_told_apart(said: dict[str, Any]) -> None:
    """By status, title, detail and field errors."""
    fields = [(name, message) for name, message in said["errors"]]
    assert recognise(said["status"], said["title"], said["detail"], fields, True) == said["code"]
    assert said["code"] in ENTRIES


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "rate_limited"),
        (429, "rate_limited"),
        (502, "mailchimp_down"),
        (503, "mailchimp_down"),
        (404, "mailchimp_down"),
        (401, "reconnect"),
        (400, "refused"),
        (302, "mailchimp_down"),
    ],
)
def test_answers_without_json_come_from_somebody_between(status: int, code: str) -> None:
    """A block of the CDN is no lack of rights, and its 404 says nothing about the member."""
    assert recognise(status, "", "", (), False) == code


@given(st.integers(100, 999), st.text(), st.text(), st.lists(st.tuples(st.text(), st.text())), st.booleans())
def test_every_answer_has_a_code_with_words(
    status: int, title: str, detail: str, fields: list[tuple[str, str]], has_json: bool
) -> None:
    """Whatever Mailchimp says one day."""
    assert recognise(status, title, detail, fields, has_json) in ENTRIES


def test_recorded_refusals_are_recognised() -> None:
    """Real answers of 2021 and 2022."""
    if not RECORDED.exists():
        pytest.skip("the recorded exchanges are not beside this checkout")
    exchanges = json.loads(RECORDED.read_text())["exchanges"]
    refusals = [exchange for exchange in exchanges if exchange["status"] >= 400]
    assert refusals
    for exchange in refusals:
        said = exchange["response_body"]
        fields = [(error["field"], error["message"]) for error in said.get("errors", [])]
        code = recognise(exchange["status"], said["title"], said["detail"], fields, True)
        assert code == ("gone" if exchange["status"] == 404 else "field_value"), said
