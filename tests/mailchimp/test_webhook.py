"""Bytes become meaning: what each delivery says, and that no bytes break the reading."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.domain.event import Event, EventType
from processor.errors import NotUnderstood
from processor.mailchimp.forms import MAX_DEPTH, MAX_KEY_LENGTH, MAX_KEYS
from processor.mailchimp.webhook import is_forgotten, parse
from tests.mailchimp.shared import needs_material, sample

FORM = "application/x-www-form-urlencoded"
JSON = "application/json; charset=utf-8"


def read(*pairs: tuple[str, str]) -> Event:
    """Parse these form fields."""
    return parse(urlencode(pairs).encode(), FORM)


SAMPLES: dict[str, dict[str, Any]] = {
    "subscribe.recorded": {
        "type": EventType.SUBSCRIBE,
        "fired_at": datetime(2020, 9, 7, 21, 31, 9, tzinfo=UTC),
        "list_id": "8a6d823488",
        "email": "sample.person@example.net",
        "unique_email_id": "b748506b63",
    },
    "unsubscribe.recorded-shape": {
        "type": EventType.UNSUBSCRIBE,
        "fired_at": datetime(2014, 10, 22, 13, 10, 40, tzinfo=UTC),
        "list_id": "f1243a3b12",
        "email": "sample.person@example.net",
        "unique_email_id": "94826aa750",
        "action": "unsub",
        "reason": "manual",
    },
    "upemail.recorded": {
        "type": EventType.UPEMAIL,
        "fired_at": datetime(2017, 4, 23, 8, 8, 31, tzinfo=UTC),
        "list_id": "93ab23d636",
        "email": "new.person@example.net",
        "old_email": "old.person@example.net",
        "unique_email_id": "50696b797a",
    },
    "profile.documented": {
        "type": EventType.PROFILE,
        "fired_at": datetime(2009, 3, 26, 21, 31, 21, tzinfo=UTC),
        "list_id": "a6b5da1054",
        "email": "sample.person@example.net",
        "unique_email_id": "8a25ff1d98",
    },
    "profile-address-set.composite": {
        "type": EventType.PROFILE,
        "fired_at": datetime(2024, 5, 1, 10, 20, 30, tzinfo=UTC),
        "list_id": "a6b5da1054",
        "email": "sample.person@example.net",
        "unique_email_id": "8a25ff1d98",
    },
    "cleaned.documented": {
        "type": EventType.CLEANED,
        "fired_at": datetime(2009, 3, 26, 22, 1, tzinfo=UTC),
        "list_id": "a6b5da1054",
        "email": "sample.person@example.net",
        "reason": "hard",
    },
    "campaign.documented": {
        "type": EventType.CAMPAIGN,
        "fired_at": datetime(2009, 3, 26, 21, 31, 21, tzinfo=UTC),
        "list_id": "a6b5da1054",
    },
    "batch_operation_completed.documented": {
        "type": EventType.BATCH_COMPLETED,
        "fired_at": datetime(2017, 2, 10, 14, 59, 37, tzinfo=UTC),
        "batch_id": "123abc456d",
    },
}
HINTS = (
    "type",
    "fired_at",
    "list_id",
    "email",
    "old_email",
    "unique_email_id",
    "action",
    "reason",
    "batch_id",
)


@needs_material
@pytest.mark.parametrize("name", SAMPLES)
def test_every_known_delivery_is_understood(name: str) -> None:
    """Each recorded or documented body, byte for byte, says what it should and nothing else."""
    event = parse(sample(name), FORM)
    said = {hint: getattr(event, hint) for hint in HINTS if getattr(event, hint) is not None}
    assert said == SAMPLES[name]
    assert event.raw_type == event.type.value


@needs_material
def test_groups_come_as_a_list_and_empty_merges_as_empty_text() -> None:
    """The recorded subscribe body keeps every value that it brought."""
    merges = parse(sample("subscribe.recorded"), FORM).data["merges"]
    assert merges["FNAME"] == ""
    assert merges["ADDRESS"] == ""
    assert merges["INTEREST"] == "8"
    assert [group["unique_id"] for group in merges["GROUPINGS"]] == ["458a556058", "f64af23d78", "a9829c90a6"]


@needs_material
def test_an_address_may_be_a_map() -> None:
    """A set address is read as a map, with letters beyond ASCII kept."""
    merges = parse(sample("profile-address-set.composite"), FORM).data["merges"]
    assert merges["FNAME"] == "Zoë"
    assert merges["ADDRESS"] == {
        "addr1": "1 High Street",
        "addr2": "",
        "city": "Leeds",
        "state": "West Yorkshire",
        "zip": "LS1 1AA",
        "country": "GB",
    }


@pytest.mark.parametrize(
    "pairs",
    [
        [("data[merges][ADDRESS]", ""), ("data[merges][ADDRESS][city]", "Leeds")],
        [("data[merges][ADDRESS][city]", "Leeds"), ("data[merges][ADDRESS]", "")],
    ],
)
def test_a_key_that_is_text_and_map_at_once_is_the_map(pairs: list[tuple[str, str]]) -> None:
    """In either order the map, which says more, is kept."""
    assert read(("type", "profile"), *pairs).data["merges"]["ADDRESS"] == {"city": "Leeds"}


def test_a_word_we_do_not_know_is_recorded_not_refused() -> None:
    """A type that Mailchimp adds tomorrow is UNKNOWN, with its word kept."""
    event = read(("type", "whatsapp_subscribe"), ("data[list_id]", "abc"))
    assert (event.type, event.raw_type, event.list_id) == (EventType.UNKNOWN, "whatsapp_subscribe", "abc")


@pytest.mark.parametrize("kind", ["sms_subscribe", "sms_unsubscribe", "upsms", "sms_campaign"])
def test_sms_events_need_no_address(kind: str) -> None:
    """SMS contacts may have no address at all; the event is kept all the same."""
    event = read(("type", kind), ("data[sms_phone_number]", "+15550100"))
    assert (event.type.value, event.email) == (kind, None)


def test_an_address_only_among_the_merges_is_found() -> None:
    """Some events bring the address in the merges alone."""
    assert read(("type", "profile"), ("data[merges][EMAIL]", "jo@maple-street.test")).email == (
        "jo@maple-street.test"
    )


def test_a_delivery_of_a_forgotten_contact_can_be_told() -> None:
    """Mailchimp's stand-in address is kept, and recognised by its whole domain."""
    gone = read(("type", "unsubscribe"), ("data[email]", "a1b2c3@Forgotten.mailchimp.com"))
    assert gone.email == "a1b2c3@Forgotten.mailchimp.com"
    assert is_forgotten(gone)
    assert not is_forgotten(read(("type", "profile"), ("data[email]", "jo@notforgotten.mailchimp.com")))
    assert not is_forgotten(read(("type", "profile")))


@pytest.mark.parametrize("fired_at", ["", "yesterday", "2024-13-01 00:00:00", "0001-01-01 00:00:00+14:00"])
def test_a_time_that_cannot_be_read_hides_nothing(fired_at: str) -> None:
    """The time is only shown, so a broken one does not stop the event."""
    event = read(("type", "unsubscribe"), ("fired_at", fired_at), ("data[email]", "jo@maple-street.test"))
    assert event.fired_at is None
    assert event.email == "jo@maple-street.test"


def test_broken_bytes_in_a_name_do_not_hide_that_somebody_left() -> None:
    """Latin-1 bytes, NULs and surrogates become the replacement character; the rest is understood."""
    event = parse(
        b"type=unsubscribe&data[email]=jo%40maple-street.test&data[merges][FNAME]=Zo%EB%00%ED%A0%80", FORM
    )
    assert event.email == "jo@maple-street.test"
    assert set(event.data["merges"]["FNAME"][2:]) == {"\ufffd"}


def test_a_nul_never_turns_one_address_into_another() -> None:
    """Taking a character out of an address could name somebody else, so it is replaced instead."""
    assert read(("type", "unsubscribe"), ("data[email]", "j\0o@maple-street.test")).email == (
        "j\ufffdo@maple-street.test"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"fired_at=2024-05-01+10%3A20%3A30&data%5Bid%5D=1",
        b"type=",
        b"type[x]=profile",
        b"type=profile&data=text",
        b"type=profile&data[0]=text",
        b"type=profile&data" + b"[a]" * MAX_DEPTH + b"=1",
        b"type=profile&" + b"k" * (MAX_KEY_LENGTH + 1) + b"=1",
        b"type=profile&" + b"&".join(b"a%d=1" % n for n in range(MAX_KEYS)),
        b"type=profile&data" + b"[a]" * 5000 + b"=1",
        b'{"type": "profile"}',
    ],
)
def test_what_cannot_be_read_is_said_to_be_so(body: bytes) -> None:
    """No type, data that is no map, and forms beyond the limits are NotUnderstood."""
    with pytest.raises(NotUnderstood):
        parse(body, FORM)


def test_the_largest_honest_form_is_understood() -> None:
    """Eighty merge fields and sixty groups are within the limits."""
    merges = [(f"data[merges][FIELD{n}]", "x") for n in range(80)]
    groups = [
        (f"data[merges][GROUPINGS][{n}][{key}]", "x") for n in range(60) for key in ("id", "name", "groups")
    ]
    event = read(("type", "profile"), *merges, *groups)
    assert len(event.data["merges"]["GROUPINGS"]) == 60


def test_json_is_read_when_it_says_that_it_is_json() -> None:
    """Should deliveries ever come as JSON, they mean the same; numbers keep their text."""
    said = {"type": "profile", "data": {"list_id": "abc", "web_id": 12, "merges": {"FNAME": "J\0o\ud800"}}}
    event = parse(json.dumps(said).encode(), JSON)
    assert (event.type, event.list_id, event.data["web_id"]) == (EventType.PROFILE, "abc", "12")
    assert event.data["merges"]["FNAME"] == "J\ufffdo\ufffd"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"type=profile",
        b"\xff\xfe{",
        b"[" * 100_000,
        b'{"type": "profile", "data": ' + b'{"a":' * 10 + b"1" + b"}" * 11,
        b'{"type": "profile", "data": [' + b"1," * 2000 + b"1]}",
    ],
)
def test_json_that_cannot_be_read_is_said_to_be_so(body: bytes) -> None:
    """Broken, bottomless and endless JSON is NotUnderstood."""
    with pytest.raises(NotUnderstood):
        parse(body, JSON)


def understood_or_said_so(body: bytes, content_type: str) -> None:
    """Parse; what comes out can be written to a database as UTF-8 JSON without NULs."""
    try:
        event = parse(body, content_type)
    except NotUnderstood:
        return
    kept = json.dumps([event.raw_type, event.email, event.data], ensure_ascii=False).encode()
    assert b"\0" not in kept
    assert b"\\u0000" not in kept.replace(b"\\\\", b"")


@given(st.binary(max_size=400), st.sampled_from([FORM, JSON, "", "text/plain"]))
def test_any_bytes_are_understood_or_said_not_to_be(body: bytes, content_type: str) -> None:
    """No bytes raise anything but NotUnderstood."""
    understood_or_said_so(body, content_type)


words = st.one_of(
    st.text(max_size=12), st.sampled_from(["type", "data", "merges", "0", "1", "", "subscribe", "ADDRESS"])
)
keys = st.lists(words, min_size=1, max_size=8).map(
    lambda path: path[0] + "".join(f"[{step}]" for step in path[1:])
)


@given(st.lists(st.tuples(keys, words), max_size=12))
def test_any_nested_form_is_understood_or_said_not_to_be(pairs: list[tuple[str, str]]) -> None:
    """Keys of any nesting, clashing with each other, raise nothing but NotUnderstood."""
    body = urlencode([("type", "profile"), *pairs], errors="replace").encode()
    understood_or_said_so(body, FORM)


leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6))
trees = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=6), inner))


@given(st.dictionaries(st.sampled_from(["type", "data", "fired_at", "x"]), trees | st.just("profile")))
def test_any_json_is_understood_or_said_not_to_be(said: dict[str, Any]) -> None:
    """JSON of any shape raises nothing but NotUnderstood."""
    understood_or_said_so(json.dumps(said).encode(), JSON)


merge_values = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,10}", fullmatch=True), merge_values))
def test_every_merge_value_arrives_as_it_was_sent(merges: dict[str, str]) -> None:
    """Encoding a form and reading it gives each merge value back unchanged."""
    event = read(("type", "profile"), *((f"data[merges][{tag}]", value) for tag, value in merges.items()))
    assert event.data.get("merges", {}) == merges
