"""Batch operations: asked now, done later."""

from __future__ import annotations

import io
import json
import tarfile
import time
from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import House, Receiver


def _operations(count: int) -> list[dict[str, Any]]:
    return [
        {
            "method": "POST",
            "path": "/lists/{list}/members",
            "operation_id": f"op-{n}",
            "body": json.dumps({"email_address": f"p{n}@maple.test", "status": "subscribed"}),
        }
        for n in range(count)
    ]


def _hand_in(house: House, operations: list[dict[str, Any]]) -> dict[str, Any]:
    for operation in operations:
        operation["path"] = operation["path"].replace("{list}", house.list.id)
    answer = house.api.post("/batches", json={"operations": operations})
    assert answer.status_code == 200, answer.text
    return answer.json()


def _finished(house: House, batch_id: str) -> dict[str, Any]:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        batch = house.api.get(f"/batches/{batch_id}").json()
        if batch["status"] == "finished":
            return batch
        time.sleep(0.02)
    raise AssertionError("the batch did not finish")


def _results(raw: bytes) -> tuple[list[str], list[dict[str, Any]]]:
    found = []
    with tarfile.open(fileobj=io.BytesIO(raw), mode="r:gz") as tar:
        names = tar.getnames()
        for entry in tar:
            if entry.isfile():
                found.append(json.loads(tar.extractfile(entry).read()))
    assert [] in found
    return names, [result for some in found for result in some]


def test_a_batch_is_done_later_and_its_results_are_packed(house: House) -> None:
    """pending at first; then counts; `./` first, several files, one of them `[]`, in no kept order."""
    operations = [*_operations(20), {"method": "GET", "path": "/lists/none", "operation_id": "bad"}]
    batch = _hand_in(house, operations)
    assert (batch["status"], batch["response_body_url"], batch["completed_at"]) == ("pending", "", "")
    done = _finished(house, batch["id"])
    counts = (done["total_operations"], done["finished_operations"], done["errored_operations"])
    assert counts == (21, 21, 1)
    names, results = _results(httpx.get(done["response_body_url"], trust_env=False).content)
    assert names[0] == "."
    assert len(names) > 3
    ids = [result["operation_id"] for result in results]
    assert sorted(ids) == sorted(operation["operation_id"] for operation in operations)
    assert ids != [operation["operation_id"] for operation in operations]
    bad = next(result for result in results if result["operation_id"] == "bad")
    assert bad["status_code"] == 404
    assert json.loads(bad["response"])["title"] == "Resource Not Found"
    assert len(house.control.members(house.list.id)) == 20
    assert house.control.calls()["POST /lists/{list_id}/members"] == 20
    assert len(house.control.requests(batch=batch["id"])) == 21


def test_the_results_need_no_token_and_a_given_one_is_seen(house: House) -> None:
    """The address is good for ten minutes; asking again gives a new one."""
    batch = _finished(house, _hand_in(house, _operations(1))["id"])
    url = batch["response_body_url"]
    assert house.control.leaks() == []
    httpx.get(url, headers={"Authorization": f"Bearer {house.token}"}, trust_env=False)
    assert len(house.control.leaks()) == 1
    house.control.clock(601)
    assert httpx.get(url, trust_env=False).status_code == 403
    fresh = house.api.get(f"/batches/{batch['id']}").json()["response_body_url"]
    assert httpx.get(fresh, trust_env=False).status_code == 200
    assert httpx.get(fresh.replace("Signature=", "Signature=0"), trust_env=False).status_code == 403


def test_a_batched_get_without_a_count_gives_everything(house: House) -> None:
    """Where a plain one gives ten."""
    house.control.put_members(house.list.id, [{"email_address": f"p{n}@maple.test"} for n in range(30)])
    batch = _hand_in(
        house, [{"method": "GET", "path": "/lists/{list}/members", "params": {"status": "subscribed"}}]
    )
    _, results = _results(
        httpx.get(_finished(house, batch["id"])["response_body_url"], trust_env=False).content
    )
    assert len(json.loads(results[0]["response"])["members"]) == 30


@pytest.mark.parametrize(
    "operation",
    [
        {"method": "GET"},
        {"method": "FETCH", "path": "/ping"},
        {"method": "POST", "path": "/lists", "body": {"name": "an object, not a text"}},
    ],
)
def test_an_operation_of_the_wrong_form_is_refused_at_once(house: House, operation: dict[str, Any]) -> None:
    """400, before anything is done."""
    assert house.api.post("/batches", json={"operations": [operation]}).status_code == 400


def test_a_batch_can_be_stopped(house: House) -> None:
    """Then it is gone and does nothing more."""
    house.control.batches(5)
    batch = _hand_in(house, _operations(5))
    assert house.api.delete(f"/batches/{batch['id']}").status_code == 204
    assert house.api.get(f"/batches/{batch['id']}").status_code == 404
    assert house.control.members(house.list.id) == {}


def test_more_than_500_pending_batches_are_too_many(house: House) -> None:
    """429."""
    house.control.batches(60)
    operation = {"operations": [{"method": "GET", "path": "/ping"}]}
    statuses = [house.api.post("/batches", json=operation).status_code for _ in range(501)]
    assert statuses == [200] * 500 + [429]


def test_a_batch_webhook_hears_of_the_end(house: House, receiver: Receiver) -> None:
    """As a signed form with the keys of the documented example; it goes when the access goes."""
    made = house.api.post("/batch-webhooks", json={"url": receiver.url}).json()
    assert made["signing_secret"]
    batch = _hand_in(house, _operations(2))
    _finished(house, batch["id"])
    house.control.settle(5)
    (told,) = receiver.posts
    text = told.body.decode()
    assert text.startswith("type=batch_operation_completed&fired_at=")
    for key in ("id", "status", "total_operations", "errored_operations", "response_body_url"):
        assert f"data%5B{key}%5D=" in text
    assert "data%5B_links%5D%5B0%5D%5Brel%5D=parent" in text
    house.control.revoke(house.account, house.token)
    key = house.control.token(house.account)
    left = httpx.get(
        f"{house.url}/3.0/batch-webhooks", headers={"Authorization": f"Bearer {key}"}, trust_env=False
    )
    assert left.json()["total_items"] == 0


def test_twenty_batch_webhooks_and_no_more(house: House, receiver: Receiver) -> None:
    """The URL is asked by GET."""
    for n in range(20):
        assert house.api.post("/batch-webhooks", json={"url": f"{receiver.url}/{n}"}).status_code == 200
    assert house.api.post("/batch-webhooks", json={"url": f"{receiver.url}/20"}).status_code == 400
    receiver.answer_get = 404
    path = f"/batch-webhooks/{house.api.get('/batch-webhooks').json()['webhooks'][0]['id']}"
    assert house.api.patch(path, json={"url": f"{receiver.url}/new"}).status_code == 400
