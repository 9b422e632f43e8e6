"""What answers mean, member by member and refusal by refusal, without a network."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.domain.contact import MemberStatus, subscriber_hash
from processor.errors import Gone, MailchimpError, MemberExists, NotUnderstood, Passing, Reconnect
from processor.mailchimp import members
from processor.mailchimp.protocol import decipher, written_moment
from tests.mailchimp.shared import needs_material, recorded_exchanges

HEADERS = {"X-Request-Id": "c70d656a-0000"}


def problem(status: int, title: str, detail: str, **more: Any) -> bytes:
    """A problem document as Mailchimp writes it."""
    return json.dumps(
        {"title": title, "status": status, "detail": detail, "instance": "c70d656a", **more}
    ).encode()


@pytest.mark.parametrize(
    ("status", "title", "detail", "leaf", "code"),
    [
        (400, "Member Exists", "x@y is already a list member. Use PUT to …", MemberExists, "member_exists"),
        (401, "API Key Invalid", "Your API key may be invalid, or …", Reconnect, "reconnect"),
        (404, "Resource Not Found", "The requested resource could not be found.", Gone, "gone"),
        (429, "TooManyRequests", "You have exceeded the limit of 10 …", Passing, "rate_limited"),
        (500, "InternalServerError", "An unexpected internal error has occurred.", Passing, "mailchimp_down"),
        (503, "ComplianceRelated", "This method has been disabled.", Passing, "mailchimp_down"),
    ],
)
def test_each_refusal_is_the_right_leaf(
    status: int, title: str, detail: str, leaf: type[MailchimpError], code: str
) -> None:
    """The leaf says what to do, the code names the words, and Mailchimp's own words are kept."""
    with pytest.raises(MailchimpError) as refusal:
        decipher(status, HEADERS, problem(status, title, detail))
    error = refusal.value
    assert type(error) is leaf
    assert (error.code, error.status, error.title, error.detail) == (code, status, title, detail)
    assert error.instance == "c70d656a"


@pytest.mark.parametrize("status", [301, 302, 403, 404, 408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'"text"', b"\xff", b"[" * 100_000])
def test_an_answer_without_a_json_object_proves_nothing(status: int, body: bytes) -> None:
    """Where something between us and Mailchimp answers, nothing is believed to be gone or forbidden."""
    with pytest.raises(Passing) as refusal:
        decipher(status, HEADERS, body)
    assert refusal.value.instance == "c70d656a-0000"


def test_a_refused_field_keeps_its_message() -> None:
    """`errors[]` arrives as pairs, and odd entries in it do no harm."""
    body = problem(
        400, "Invalid Resource", "…", errors=[{"field": "LTV", "message": "Please enter a number"}, 7, {}]
    )
    with pytest.raises(MailchimpError) as refusal:
        decipher(400, HEADERS, body)
    assert refusal.value.field_errors[0] == ("LTV", "Please enter a number")


def test_no_content_is_nothing() -> None:
    """204 has no body."""
    assert decipher(204, HEADERS, b"") is None


def test_what_a_database_refuses_is_replaced_in_answers() -> None:
    """NULs and lone surrogates in JSON do not reach the store."""
    said = decipher(200, HEADERS, b'{"a": ["x\\u0000y", {"b\\ud800": "\\uDFFF"}], "c": "\\ud83d\\ude00"}')
    assert said == {"a": ["x\ufffdy", {"b\ufffd": "\ufffd"}], "c": "😀"}


answers = st.one_of(
    st.binary(max_size=80),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["title", "detail", "errors", "instance", "field", "members"]), inner
            )
        ),
    ).map(lambda said: json.dumps(said).encode()),
)


def outcome(status: int, headers: dict[str, str], body: bytes) -> dict[str, Any] | MailchimpError | None:
    """What deciphering gives or raises; any other exception fails the test."""
    try:
        return decipher(status, headers, body)
    except MailchimpError as error:
        return error


@given(st.integers(100, 599), answers)
def test_any_answer_is_read_or_is_a_mailchimp_error(status: int, body: bytes) -> None:
    """No bytes from the network raise anything else."""
    said = outcome(status, {}, body)
    if isinstance(said, MailchimpError):
        assert said.code
    else:
        members.to_members_page(said or {})
        members.to_ids_page(said or {})


@needs_material
def test_every_recorded_answer_is_deciphered() -> None:
    """All recorded exchanges: bodies of good ones come back whole, refusals with status and number."""
    for exchange in recorded_exchanges():
        body = exchange["response_body"]
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        said = outcome(exchange["status"], exchange["response_headers"], raw)
        if isinstance(said, MailchimpError):
            assert said.status == exchange["status"] >= 400
            assert said.instance == exchange["response_headers"]["X-Request-Id"]
        else:
            assert exchange["status"] < 300
            assert said == (body or None)


def recorded_members() -> list[dict[str, Any]]:
    """Every member object in the recorded answers."""
    found: list[dict[str, Any]] = []
    for exchange in recorded_exchanges():
        body = exchange["response_body"]
        if isinstance(body, dict):
            found += [body] if "email_address" in body else body.get("members") or []
    return found


@needs_material
def test_every_recorded_member_is_read() -> None:
    """Ids, status, values, tags and times of real members, as they are."""
    bodies = recorded_members()
    assert len(bodies) > 20
    for body in bodies:
        member = members.to_member(body)
        assert member.id == body["id"] == subscriber_hash(member.email)
        assert member.email == body["email_address"]
        assert member.status.value == body["status"]
        assert member.merge_fields == body["merge_fields"]
        assert member.contact_id == body["contact_id"]
        assert member.unique_email_id == body["unique_email_id"]
        assert member.web_id == body["web_id"]
        assert member.tags == {tag["name"] for tag in body["tags"]}
        assert member.tags_complete
        assert member.last_changed == datetime.fromisoformat(body["last_changed"])


def test_tags_that_were_not_shown_are_unknown_not_empty() -> None:
    """An answer without tags, or with fewer than it counts, is incomplete."""
    plain = {"id": "a", "email_address": "jo@maple-street.test", "status": "subscribed"}
    assert not members.to_member(plain).tags_complete
    assert not members.to_member(plain | {"tags": [{"name": "x"}], "tags_count": 2}).tags_complete
    assert members.to_member(plain | {"tags": [], "tags_count": 0}).tags_complete


def test_a_contact_without_an_address_is_read() -> None:
    """SMS contacts have none."""
    assert members.to_member({"id": "a", "status": "subscribed"}).email == ""


def test_one_member_in_a_status_new_to_us_hides_no_other() -> None:
    """Alone it is said not to be understood; on a page it is counted."""
    strange = {"id": "a", "email_address": "jo@maple-street.test", "status": "dormant"}
    plain = {"id": "b", "email_address": "sam@maple-street.test", "status": "subscribed"}
    with pytest.raises(NotUnderstood):
        members.to_member(strange)
    page = members.to_members_page({"members": [strange, plain], "total_items": 2})
    assert ([member.id for member in page.members], page.total, page.unreadable) == (["b"], 2, 1)


def test_who_is_left_out_of_the_answer_to_an_add_is_told_as_existing() -> None:
    """Mailchimp may be silent about somebody who unsubscribed; nobody may get lost by that."""
    sent = [members.NewMember("Jo@maple-street.test", MemberStatus.SUBSCRIBED)]
    added = members.to_added(sent, {"new_members": [], "updated_members": [], "errors": []})
    assert added.refused == [members.Refused("Jo@maple-street.test", "member_exists")]


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC), "2026-03-01T12:00:00Z"),
        (datetime(2026, 3, 1, 12, 0, 0, 999000, tzinfo=UTC), "2026-03-01T12:00:00.999Z"),
        (datetime(2026, 3, 1, 12, 0, 0, 999999, tzinfo=UTC), "2026-03-01T12:00:00.999999Z"),
        (datetime(2026, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=2))), "2026-03-01T10:00:00Z"),
    ],
)
def test_times_are_written_in_utc_with_their_fraction(at: datetime, written: str) -> None:
    """Nothing is cut off, and the zone is UTC."""
    assert written_moment(at) == written
