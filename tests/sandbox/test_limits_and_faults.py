"""Ten at a time, low roles, full plans, and everything that can be broken on purpose."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.sandbox.conftest import House


def _many(house: House, count: int, path: str = "/ping") -> list[httpx.Response]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: house.api.get(path, timeout=10), range(count)))


def test_eleven_at_a_time_are_one_too_many(house: House) -> None:
    """429 TooManyRequests beyond ten, shared by all tokens of the account; others are not touched."""
    house.control.latency(0.4)
    answers = _many(house, 14)
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [429] * 4
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["title"] == "TooManyRequests"
    assert refused.json()["detail"] == "You have exceeded the limit of 10 simultaneous connections."
    assert house.control.most_in_flight(house.account) == 10
    assert house.api.get("/ping").status_code == 200


def test_a_viewer_reads_and_does_not_write(house: House) -> None:
    """403 Forbidden; an author manages files only."""
    house.control.change_account(house.account, role="viewer")
    assert house.api.get("/lists").status_code == 200
    body = {"email_address": "jo@maple-street.test", "status": "subscribed"}
    refused = house.api.post(house.members(), json=body)
    assert (refused.status_code, refused.json()["title"]) == (403, "Forbidden")
    house.control.change_account(house.account, role="author")
    assert house.api.post("/file-manager/folders", json={"name": "Photos"}).status_code == 200
    assert house.api.post(house.members(), json=body).status_code == 403


def test_a_disabled_account_refuses_everything(house: House) -> None:
    """403 User Disabled."""
    house.control.change_account(house.account, disabled=True)
    assert house.api.get("/ping").json()["title"] == "User Disabled"


def test_a_full_plan_refuses_new_contacts_only(house: House) -> None:
    """403 for one, an error of that contact in batch subscribe; who is there can still be changed."""
    house.control.add(house.list.id, "jo@maple-street.test")
    house.control.change_account(house.account, plan_limit=1)
    new = {"email_address": "new@maple-street.test", "status": "subscribed"}
    refused = house.api.post(house.members(), json=new)
    assert (refused.status_code, refused.json()["title"]) == (403, "User action not permitted")
    batch = house.api.post(f"/lists/{house.list.id}", json={"members": [new]}).json()
    assert (batch["error_count"], batch["errors"][0]["error_code"]) == (1, "ERROR_GENERIC")
    assert house.api.patch(house.members("/jo@maple-street.test"), json={"vip": True}).status_code == 200


def test_an_address_can_be_throttled_for_a_while(house: House) -> None:
    """A 400 that passes with time."""
    words = "has signed up to a lot of lists very recently; we're not allowing more signups for now"
    house.control.change_audience(
        house.list.id, refused={"jo@maple-street.test": f"jo@maple-street.test {words}"}
    )
    body = {"email_address": "jo@maple-street.test", "status": "subscribed"}
    assert words in house.api.post(house.members(), json=body).json()["detail"]
    house.control.change_audience(house.list.id, refused={})
    assert house.api.post(house.members(), json=body).status_code == 200


def test_a_fault_strikes_what_it_names_and_as_often(house: House) -> None:
    """By method, path and number of hits."""
    house.control.fail(503, method="GET", path="/lists/*/members*", remaining=2)
    assert house.api.get("/ping").status_code == 200
    statuses = [house.api.get(house.members()).status_code for _ in range(3)]
    assert statuses == [503, 503, 200]


def test_a_fraction_of_calls_fails(house: House) -> None:
    """By chance, with a seed."""
    house.control.seed(1)
    house.control.fail(500, fraction=0.5)
    statuses = [house.api.get("/ping").status_code for _ in range(60)]
    assert 10 < statuses.count(500) < 50


def test_a_cdn_answers_with_html(house: House) -> None:
    """Status 403 and no JSON."""
    house.control.fail(403, html="<html>Access Denied</html>")
    answer = house.api.get("/ping")
    assert (answer.status_code, answer.headers["Content-Type"]) == (403, "text/html; charset=utf-8")


def test_an_answer_can_be_lost_after_the_work_was_done(house: House) -> None:
    """The caller sees a failure, the member is there."""
    house.control.fail(504, after=True, remaining=1)
    body = {"email_address": "jo@maple-street.test", "status": "subscribed"}
    assert house.api.post(house.members(), json=body).status_code == 504
    assert house.control.member(house.list.id, "jo@maple-street.test")


def test_a_hanging_call_holds_its_place_until_mended(house: House) -> None:
    """The client gives up, the place among the ten stays taken."""
    house.control.hang(path="/lists")
    with pytest.raises(httpx.ReadTimeout):
        house.api.get("/lists", timeout=0.2)
    seen: list[int] = []
    waiting = threading.Thread(target=lambda: seen.append(house.api.get("/lists", timeout=10).status_code))
    waiting.start()
    time.sleep(0.1)
    house.control.mend()
    waiting.join(5)
    assert seen == [200]
    assert house.control.most_in_flight(house.account) == 2


def test_a_call_that_was_lost_on_its_way_takes_no_place(house: House) -> None:
    """However many are given up, the account's ten stay free."""
    house.control.hang(path="/lists", holds=False)
    for _ in range(12):
        with pytest.raises(httpx.ReadTimeout):
            house.api.get("/lists", timeout=0.05)
    assert house.api.get("/ping").status_code == 200


def test_a_refusal_names_the_fields(house: House) -> None:
    """As a recorded answer does."""
    errors = [{"field": "url", "message": "Invalid URL"}]
    house.control.fail(400, title="Invalid Resource", errors=errors)
    assert house.api.get("/ping").json()["errors"] == errors


def test_one_account_is_mended_and_the_others_stay_broken(house: House) -> None:
    """Rules about one account are its own."""
    house.control.fail(503, account=house.account)
    house.control.fail(500, path="/lists")
    house.control.mend(house.account)
    assert house.api.get("/ping").status_code == 200
    assert house.api.get("/lists").status_code == 500


def test_a_call_can_hang_after_its_work_was_done(house: House) -> None:
    """The caller's time-out says nothing about what happened."""
    house.control.hang(after=True, method="POST")
    body = {"email_address": "jo@maple-street.test", "status": "subscribed"}
    with pytest.raises(httpx.ReadTimeout):
        house.api.post(house.members(), json=body, timeout=0.2)
    assert house.control.member(house.list.id, "jo@maple-street.test")


def test_latency_does_not_block_others(house: House) -> None:
    """Ten slow calls take less time than one after the other."""
    house.control.latency(1)
    began = time.monotonic()
    _many(house, 10)
    assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    ("name", "status"), [("TooManyRequests", 429), ("APIKeyInvalid", 401), ("Internal Server Error", 500)]
)
def test_an_error_can_be_asked_for(house: House, name: str, status: int) -> None:
    """X-Trigger-Error, spelled loosely."""
    assert house.api.get("/ping", headers={"X-Trigger-Error": name}).status_code == status


def test_a_change_can_be_answered_and_ignored(house: House) -> None:
    """As if it were taken; the member shows what it showed before."""
    added = house.control.add(house.list.id, "jo@maple-street.test", merge_fields={"FNAME": "Jo"})
    house.control.ignore(method="PATCH")

    def rename() -> tuple[int, str]:
        answer = house.api.patch(house.members(f"/{added['id']}"), json={"merge_fields": {"FNAME": "Joan"}})
        return answer.status_code, answer.json()["merge_fields"]["FNAME"]

    assert rename() == (200, "Jo")
    house.control.mend()
    assert rename() == (200, "Joan")


def test_calls_are_counted_by_template(house: House) -> None:
    """Exactly, with status, account, duration, user agent and how many ran at the time."""
    house.control.forget_requests()
    for _ in range(3):
        house.api.get(house.members("?count=1"))
    house.api.get("/no/such/path")
    assert house.control.calls() == {"GET /lists/{list_id}/members": 3, "GET ?": 1}
    last = house.control.requests(method="GET", status=200)[-1]
    assert (last["query"], last["concurrency"], last["account"]) == ("count=1", 1, house.account)
    assert last["user_agent"].startswith("python-httpx")


def test_what_is_not_json_is_told_so(house: House) -> None:
    """And a method that a path lacks is answered with Allow."""
    assert house.api.post(house.members(), content=b"{nope").json()["title"] == "JSON Parse Exception"
    refused = house.api.put("/lists")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, POST")
    assert house.api.get("/lists/none").status_code == 404
