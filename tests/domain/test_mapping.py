"""Between a member's fields and the platform's: nothing is lost, nothing is cut."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.domain.contact import Member
from processor.domain.mapping import (
    AudienceField,
    AudienceInterest,
    comparable,
    default_rules,
    read,
    write,
)
from processor.domain.policy import FieldKind, Policy
from tests.domain.builders import POLICY, RULES, member

HOME = {"addr1": "1 Maple St", "city": "Springfield", "state": "OR", "zip": 97475, "country": "us"}


@pytest.mark.parametrize(
    ("field", "value", "meant"),
    [
        ("first_name", " Jo ", "Jo"),
        ("first_name", "", None),
        ("first_name", None, None),
        ("first_name", 15.0, "15"),
        ("first_name", True, "true"),
        ("first_name", "J\0o\ud800", "Jo"),
        ("first_name", "é" * 127, "é" * 127),
        ("points", "15.0", 15),
        ("points", 15.5, 15.5),
        ("points", Decimal("2.50"), 2.5),
        ("points", "-1e3", -1000),
        ("points", True, 1),
        ("points", "", None),
        ("joined", "2026-09-01", "2026-09-01"),
        ("joined", "2026-09-01T23:30:00-05:00", "2026-09-01"),
        ("joined", datetime(2026, 9, 1, 23, 30, tzinfo=UTC), "2026-09-01"),
        ("joined", date(2026, 9, 1), "2026-09-01"),
        ("joined", "09/01/2026", "2026-09-01"),
        ("joined", "1.9.2026", "2026-09-01"),
        ("birthday", "9/1", "09/01"),
        ("birthday", "2001-09-01", "09/01"),
        ("birthday", "02/29", "02/29"),
        ("birthday", "--02-29", "02/29"),
        ("zip", 97475, "97475"),
        ("phone", " 555 0100 ", "555 0100"),
        ("size", " large", "Large"),
        ("colour", "RED", "red"),
        ("interest_tips", "yes", True),
        ("interest_tips", None, False),
        ("address", "", None),
        ("address", {"addr1": "", "country": "US"}, None),
        (
            "address",
            HOME,
            {"addr1": "1 Maple St", "addr2": "", "city": "Springfield", "state": "OR", "zip": "97475"}
            | {"country": "US"},
        ),
        ("language", "fr", "fr"),
    ],
)
def test_values_are_compared_by_what_they_mean(field: str, value: Any, meant: Any) -> None:
    """Several spellings, one value."""
    values, problems = comparable({field: value}, POLICY)
    assert values == {field: meant}
    assert problems == ()


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("first_name", "é" * 128, "256 bytes"),
        ("first_name", {"a": 1}, "single value"),
        ("points", "many", "number"),
        ("points", "1_000", "number"),
        ("points", float("nan"), "number"),
        ("points", 2**60, "number"),
        pytest.param("points", 10**5000, "number", id="endless number"),
        ("points", Decimal("sNaN"), "number"),
        ("joined", "31/12/2026", "YYYY-MM-DD"),
        ("joined", 20, "YYYY-MM-DD"),
        ("birthday", "13/13", "MM/DD"),
        ("birthday", "02/30", "MM/DD"),
        ("size", "huge", "Small, Large"),
        ("address", {"addr1": "1 Maple St"}, "city, state, zip"),
        ("address", "1 Maple St, Springfield", "street"),
        ("address", {**HOME, "country": "Germany"}, "two-letter"),
        ("address", {**HOME, "city": ["a"]}, "single value"),
        ("interest_tips", "maybe", "true nor false"),
        ("photo", ["a"], "single value"),
    ],
)
def test_a_value_that_cannot_be_taken_is_told_and_never_cut(field: str, value: Any, why: str) -> None:
    """With the value as it is, and left out of what is compared and sent."""
    values, problems = comparable({field: value}, POLICY)
    assert values == {}
    assert (problems[0].field, problems[0].value, problems[0].code) == (field, value, "field_value")
    assert why in problems[0].message


def test_unknown_stays_unknown() -> None:
    """Names that the platform does not use, rules that it does not fill, a language that is empty."""
    assert comparable({"unmapped": 1, "language": ""}, POLICY) == ({}, ())
    assert read(Member("x", "jo@maple-street.test", member().status), POLICY) == {}


def test_day_first_dates_follow_the_audience() -> None:
    """Where its field says DD/MM/YYYY."""
    rule = next(rule for rule in RULES if rule.field == "joined")
    policy = Policy(fields=(rule.model_copy(update={"date_format": "DD/MM/YYYY"}),))
    assert comparable({"joined": "01/09/2026"}, policy)[0] == {"joined": "2026-09-01"}


def test_written_values_have_mailchimps_form() -> None:
    """Empty clears; an address without a country leaves the default to the audience."""
    sent = write(
        {"first_name": None, "points": 7, "interest_tips": None, "language": "fr", "unmapped": 1}
        | {"address": {"addr1": "1 Maple St", "country": ""}},
        POLICY,
    )
    assert sent.merge_fields == {"FNAME": "", "POINTS": 7, "ADDRESS": {"addr1": "1 Maple St"}}
    assert sent.interests == {"a1b2c3": False}
    assert sent.language == "fr"
    assert write({}, POLICY).language is None


texts = st.text(max_size=300)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.dates() | st.datetimes()
days = st.dates().map(str) | st.datetimes(timezones=st.just(UTC)).map(str) | st.dates()
parts = st.fixed_dictionaries(
    {part: texts | st.integers() | st.none() for part in ("addr1", "city", "state", "zip")},
    optional={"addr2": texts, "country": st.sampled_from(["", "us", "DE", "Germany"])},
)
fitting: dict[str, st.SearchStrategy[Any]] = {
    "joined": days,
    "birthday": days | st.dates().map(lambda day: f"{day.month}/{day.day}"),
    "points": st.integers().map(str) | st.floats().map(str) | st.decimals(),
    "size": st.sampled_from(["small", "LARGE", "Large "]),
    "colour": st.sampled_from(["Red", "green"]),
    "address": parts,
    "language": st.sampled_from(["fr", "", "pt_BR"]),
}
anything = st.fixed_dictionaries(
    {},
    optional={
        rule.field: scalars | fitting.get(rule.field, st.nothing()) | st.lists(scalars, max_size=1)
        for rule in RULES
    },
)


@settings(max_examples=200, deadline=None)
@given(anything)
def test_one_mapping_each_way_and_back_loses_nothing(fields: dict[str, Any]) -> None:
    """What we would send, read back from Mailchimp, is what we meant; and meaning it again changes
    nothing."""
    values, _ = comparable(fields, POLICY)
    assert comparable(values, POLICY) == (values, ())
    sent = write(values, POLICY)
    there = Member(
        id="x",
        email="jo@maple-street.test",
        status=member().status,
        merge_fields=sent.merge_fields,
        interests=sent.interests,
        language=sent.language,
    )
    assert read(there, POLICY) == values


def test_default_names_are_what_a_developer_would_guess() -> None:
    """Well-known tags keep their names, others are lower-cased, and no two are the same."""
    rules = default_rules(
        [
            AudienceField("FIRST_NAME", "Other first name"),
            AudienceField("EMAIL", "Address"),
            AudienceField("FNAME", "First name", required=True),
            AudienceField("MMERGE7", "Size", "radio", choices=("S", "L")),
            AudienceField("BIRTHDAY", "Birthday", "birthday", date_format="MM/DD"),
        ],
        [
            AudienceInterest("a1", "Weekly tips & tricks!"),
            AudienceInterest("a2", "Weekly Tips, Tricks"),
            AudienceInterest("a3", "猫"),
        ],
    )
    assert {rule.field: rule.target for rule in rules} == {
        "first_name": "FNAME",
        "birthday": "BIRTHDAY",
        "first_name_2": "FIRST_NAME",
        "mmerge7": "MMERGE7",
        "interest_weekly_tips_tricks": "a1",
        "interest_weekly_tips_tricks_2": "a2",
        "interest_a3": "a3",
    }
    by_name = {rule.field: rule for rule in rules}
    assert by_name["first_name"].required
    assert by_name["mmerge7"].choices == ("S", "L")
    assert by_name["interest_a3"].kind is FieldKind.INTEREST
