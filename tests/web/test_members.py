"""Contacts of a connection over the API: who is failing or left out, why, and trying them again."""

from __future__ import annotations

from typing import Any

import pytest

from processor.domain.plan import MemberState
from tests.web.house import BIRCH, SUBSCRIBED, Api, make_connection, stand

FAILING, EXCLUDED = MemberState.FAILING, MemberState.EXCLUDED


@pytest.fixture
def connection(api: Api) -> str:
    """A connection with one contact refused by Mailchimp, two left out, and one in step."""
    api.put("jo", email="jo@example.com", fields={"first_name": "Jo", "last_name": "Maple"})
    api.put("kim", email="kim@maple-street.test")
    made = make_connection(api.house, audience_id="a", audience_name="News", state="paused")
    said = {"detail": "jo@example.com looks fake", "instance": "c70d656a", "pushed_version": 1}
    stand(api.house, made, "jo", state=FAILING, reason="email_fake", attempts=1, **said)
    stand(api.house, made, "kim", state=EXCLUDED, reason="no_consent")
    stand(api.house, made, None, state=EXCLUDED, reason="not_imported", email_key="lee@maple-street.test")
    stand(api.house, made, "max", state=MemberState.IN_SYNC)
    return made


def listed(api: Api, connection: str, query: str = "", key: str | None = None) -> list[dict[str, Any]]:
    """One page."""
    answer = api.call("GET", f"/v1/connections/{connection}/members{query}", key=key)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["members"])


def retried(api: Api, connection: str, **body: Any) -> int:
    """How many were tried again."""
    answer = api.call("POST", f"/v1/connections/{connection}/members/retry", json=body)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["retried"])


def test_a_refused_contact_says_what_happened_and_what_to_do(api: Api, connection: str) -> None:
    """Who, in which words of ours, in which of Mailchimp's, and that it is not tried by itself."""
    (jo,) = listed(api, connection, "?state=failing")
    assert (jo["contact"], jo["email"], jo["reason"]) == ("jo", "jo@example.com", "email_fake")
    assert "“jo@example.com”" in jo["words"]["happened"]
    assert jo["words"]["todo"].startswith("Correct it")
    assert (jo["detail"], jo["instance"]) == ("jo@example.com looks fake", "c70d656a")
    assert jo["next_try_at"] is None


def test_whoever_is_left_out_is_told_why(api: Api, connection: str) -> None:
    """Also a member whom the platform does not have; by state and by reason."""
    kim, lee = listed(api, connection, "?state=excluded")
    assert kim["words"]["happened"].startswith("Nobody has recorded when and where they agreed")
    assert (lee["contact"], lee["email"]) == (None, "lee@maple-street.test")
    assert listed(api, connection, "?reason=no_consent") == [kim]
    assert len(listed(api, connection, "?state=excluded&state=failing")) == 3
    assert listed(api, connection, "?state=waiting") == []


def test_pages_lead_on_to_the_end(api: Api, connection: str) -> None:
    """Each contact is on one page, and the last page has no cursor."""
    seen, cursor = [], ""
    while cursor is not None:
        path = f"/v1/connections/{connection}/members?limit=2{cursor and f'&after={cursor}'}"
        page = api.call("GET", path).json()
        seen += [member["contact"] for member in page["members"]]
        cursor = page["cursor"]
    assert seen == ["jo", "kim", None, "max"]


def test_a_retry_makes_what_fails_due_now(api: Api, connection: str) -> None:
    """Those that are named, or all; what does not fail is passed over, and twice is once."""
    assert retried(api, connection, contacts=["kim", "max", "nobody"]) == 0
    assert retried(api, connection, contacts=["jo", "jo"]) == 1
    assert retried(api, connection) == 0
    (jo,) = listed(api, connection, "?state=waiting")
    assert jo["next_try_at"] is not None
    assert jo["attempts"] == 0
    assert "made-up" in jo["words"]["happened"]


def test_contacts_are_left_out_by_choice_and_taken_back_in(api: Api, connection: str) -> None:
    """With who chose it, counted apart; who is not there is passed over, and twice is once."""
    path = f"/v1/connections/{connection}"
    asked = {"json": {"contacts": ["jo", "nobody"]}, "key": api.acme_key}
    assert api.call("POST", f"{path}/members/leave-out", **asked).json() == {"left_out": 1}
    assert api.call("POST", f"{path}/members/leave-out", **asked).json() == {"left_out": 0}
    (jo,) = listed(api, connection, "?reason=by_choice")
    assert (jo["state"], jo["detail"]) == ("excluded", None)
    assert jo["left_out"]["by"].startswith("key:")
    assert jo["words"]["todo"].endswith("take them back in.")
    found = api.call("GET", path).json()
    assert (found["left_out_by_choice"], found["members"]["failing"]) == (1, 0)
    assert api.call("POST", f"{path}/members/take-back", **asked).json() == {"taken_back": 1}
    assert api.call("POST", f"{path}/members/take-back", **asked).json() == {"taken_back": 0}
    (jo,) = listed(api, connection, "?state=waiting")
    assert (jo["reason"], jo["left_out"]) == (None, None)
    assert jo["next_try_at"] is not None
    theirs = {**asked, "key": api.birch_key}
    assert api.call("POST", f"{path}/members/leave-out", **theirs).status_code == 404
    assert api.call("POST", f"{path}/members/take-back", **theirs).status_code == 404


def test_all_that_fail_are_tried_again_at_once(api: Api, connection: str) -> None:
    """However many: more than go into one transaction."""
    for n in range(501):
        stand(api.house, connection, f"n{n}", state=FAILING, reason="refused")
    assert retried(api, connection) == 502
    assert listed(api, connection, "?state=failing") == []


@pytest.mark.parametrize("query", ["state=lost", "after=evt_1", "after=-1", "limit=0", "x=1", "reason="])
def test_a_wrong_question_is_told(api: Api, connection: str, query: str) -> None:
    """With its name, and never as an empty list."""
    answer = api.call("GET", f"/v1/connections/{connection}/members?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].split(".")[0] == query.partition("=")[0]


def test_an_empty_list_is_not_all(api: Api, connection: str) -> None:
    """Whoever names nobody by mistake does not send everybody round."""
    answer = api.call("POST", f"/v1/connections/{connection}/members/retry", json={"contacts": []})
    assert answer.status_code == 422
    assert len(listed(api, connection, "?state=failing")) == 1


def test_a_tenant_sees_and_retries_its_own_only(api: Api, connection: str) -> None:
    """Another account's connection is not found, as if it were not there; a contact's id of two accounts
    shows each its own address."""
    path = f"/v1/connections/{connection}/members"
    for method, where, sent in (("GET", path, {}), ("POST", f"{path}/retry", {"json": {}})):
        theirs = api.call(method, where, key=api.birch_key, **sent)
        nowhere = api.call(method, where.replace(connection, "con_nobody"), key=api.birch_key, **sent)
        assert theirs.status_code == nowhere.status_code == 404
        assert api.call(method, where, key="", **sent).status_code == 401
    assert len(listed(api, connection, "?state=failing")) == 1
    api.put("jo", BIRCH, email="jo@birch.test", consent=SUBSCRIBED)
    birch = make_connection(api.house, BIRCH, audience_id="b")
    stand(api.house, birch, "jo", state=FAILING, reason="email_fake")
    assert [m["email"] for m in listed(api, birch, key=api.birch_key)] == ["jo@birch.test"]
    assert [m["email"] for m in listed(api, connection, "?state=failing", api.acme_key)] == ["jo@example.com"]
