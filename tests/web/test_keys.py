"""Keys: who may see what. A tenant's key finds nothing of another's, on any operation."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest

from processor import endpoints, issues, report
from processor.domain.plan import MemberState
from processor.photos.keep import Handed
from processor.photos.keep import keep as keep_photo
from processor.store import keys, mails, replays
from processor.web.api.operation import Operation
from processor.web.api.table import OPERATIONS
from tests.web.house import ACME, BIRCH, Api, keep, make_connection, open_database, stand

PICTURE = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 8, 8)
BODIES: dict[str, Any] = {
    "writeContact": {"email": "jo@maple-street.test"},
    "writeContacts": {"contacts": [{"id": "jo"}]},
    "changeConnection": {"audience_id": "a6b5da1054"},
    "retryMembers": {},
    "leaveMembersOut": {"contacts": ["jo"]},
    "takeMembersBack": {"contacts": ["jo"]},
    "beginSync": {},
    "resumeConnection": {},
    "replayEvents": {"status": "received"},
    "makeWebhookEndpoint": {"url": "https://hooks.birch.test/"},
    "changeWebhookEndpoint": {"enabled": False},
    "handOverPhoto": {"url": "https://maple-street.test/beach.png"},
    "pullPhotos": {},
    "changePhotoRules": {"push_at_once": True},
    "muteIssue": {"contacts": 9},
    "changeNotifyEmails": {"emails": ["lee@birch.test"]},
    "changeNotifyEmail": {"email": "lee@birch.test"},
    "addConnection": {"beside": "con_x"},
    "sayPermission": {"contact": "jo", "permission": "a1b2c3", "enabled": False},
}
"""A body that is taken, for each operation that has one."""


@pytest.fixture
def database_url() -> Iterator[str]:
    """SQLite alone: the fence stands before the database, and every operation has its own test on both."""
    with open_database("sqlite") as url:
        yield url


def address(operation: Operation, **parts: str) -> str:
    """The operation's address with its parts filled in."""
    path = operation.path.replace(":path", "")
    for name, part in parts.items():
        path = path.replace("{" + name + "}", part)
    assert "{" not in path
    return path


def call(api: Api, operation: Operation, path: str, key: str) -> Any:
    """One call of the operation, with its body."""
    sent = {"json": BODIES[operation.name]} if operation.body else {}
    return api.call(operation.method, path, key=key, **sent)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
def test_without_a_key_nothing_is_answered(api: Api, operation: Operation) -> None:
    """No key, an unknown one, another scheme: 401, with what to send, before anything is looked at."""
    parts = {"connection": "con_x", "event": "evt_1", "audience": "a", "erasure": "ers_x", "replay": "rpl_x"}
    parts |= {"endpoint": "end_x", "notice": "ntc_x", "photo": "pho_x", "issue": "iss_x", "mail": "mail_x"}
    parts["conflict"] = "cfl_1"
    path = address(operation, account=ACME, id="jo", **parts)
    for header in ("", "Bearer", "Bearer bw_unknown", "Basic am86eA==", f"Bearer {'x' * 5000}", "Bearer é"):
        headers = {"Authorization": header.encode()} if header else {}
        answer = api.call(operation.method, path, key="", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
def test_a_tenant_finds_nothing_of_another(api: Api, operation: Operation) -> None:
    """Birch's key with Acme's ids gets what it would get for ids that do not exist, and changes nothing."""
    connection = make_connection(api.house, ACME)
    (event,) = keep(api.house, connection, b"type=profile&secret=acme")
    api.put("gone", email="gone@maple-street.test")
    erasure = api.call("POST", f"/v1/accounts/{ACME}/contacts/gone/erase").json()["id"]
    api.put("jo", email="jo@maple-street.test")
    photo = keep_photo(api.kit, ACME, Handed("beach.png"), iter([PICTURE])).photo.id
    stand(api.house, connection, "jo", state=MemberState.FAILING, reason="email_fake")
    issues.review(api.kit, connection)
    issue = report.issues(api.kit, ACME).issues[0].issue.ref
    with api.house.store.write() as c:
        mail = mails.write_test(c, mails.Reader(ACME), api.kit.now())
    before = [*everything(api, connection, event, photo), report.issue(api.kit, issue, ACME)]
    endpoint, _ = endpoints.create(api.kit, ACME, "https://hooks.maple-street.test/")
    notice = endpoints.test(api.kit, endpoint.id, ACME).ref
    there = {"connection": connection, "event": event, "audience": "a", "erasure": erasure, "photo": photo}
    there |= {"endpoint": endpoint.id, "notice": notice, "issue": issue, "mail": mail}
    before.append(endpoints.get(api.kit, endpoint.id, ACME))
    there |= {"replay": begun_replay(api), "conflict": "cfl_1"}
    path = address(operation, account=ACME, id="jo", **there)
    answer = call(api, operation, path, api.birch_key)
    if "{" in operation.path:
        assert answer.status_code == 404
        none = {"connection": "con_none", "event": "evt_99999", "audience": "a", "erasure": "ers_none"}
        none |= {"endpoint": "end_none", "notice": "ntc_none", "issue": "iss_none", "mail": "mail_none"}
        none |= {"replay": "rpl_none", "photo": "pho_none", "conflict": "cfl_9"}
        nowhere = address(operation, account="nobody", id="jo", **none)
        unknown = call(api, operation, nowhere, api.birch_key)
        assert unknown.status_code == 404
        assert list(unknown.json()) == list(answer.json())
    else:
        assert answer.status_code in {200, 201}
        found = answer.json()
        assert found.get("events", []) == []
        assert found.get("count", 0) == 0
        assert found.get("endpoints", []) == []
        assert found.get("issues", []) == []
    assert "maple-street" not in answer.text
    after = [*everything(api, connection, event, photo), report.issue(api.kit, issue, ACME)]
    after.append(endpoints.get(api.kit, endpoint.id, ACME))
    assert after == before


def begun_replay(api: Api) -> str:
    """A replay of the account's that goes on."""
    with api.house.store.write() as c:
        return replays.begin(
            c,
            replays.ReplayKind.EVENTS,
            {"statuses": ["dead"]},
            account_id=ACME,
            per_minute=60,
            total=1,
            last_id=1,
            asked_by="test",
            now=api.kit.now(),
        ).id


def everything(api: Api, connection: str, event: str, photo: str) -> list[Any]:
    """All that a tenant's call could have changed."""
    paths = (
        f"/v1/accounts/{ACME}/contacts/jo",
        f"/v1/accounts/{ACME}/changes",
        f"/v1/connections/{connection}",
        f"/v1/events/{event}",
        f"/v1/photos/{photo}",
        f"/v1/connections/{connection}/photos/rules",
    )
    return [api.call("GET", path).json() for path in paths]


def test_filters_do_not_reach_over_the_fence(api: Api) -> None:
    """Another tenant's connection or account in a filter, or an event's id in a replay, finds nothing."""
    connection = make_connection(api.house, ACME)
    (event,) = keep(api.house, connection, b"type=profile")
    for query in (f"connection={connection}", f"account={ACME}"):
        assert api.call("GET", f"/v1/events?{query}", key=api.birch_key).status_code == 404
    replay = api.call("POST", "/v1/replays", key=api.birch_key, json={"ids": [event]})
    assert (replay.json()["count"], replay.json()["not_now"], replay.json()["sent"]) == (0, 0, 0)
    by_connection = {"connection": connection}
    assert api.call("POST", "/v1/replays", key=api.birch_key, json=by_connection).status_code == 404


def test_a_tenant_reaches_what_is_theirs(api: Api) -> None:
    """Acme's own key opens Acme's contacts, connections and events."""
    connection = make_connection(api.house, ACME)
    (event,) = keep(api.house, connection, b"type=profile")
    make_connection(api.house, BIRCH)
    for path in (
        f"/v1/accounts/{ACME}/connections",
        f"/v1/accounts/{ACME}/changes",
        f"/v1/connections/{connection}",
        f"/v1/events/{event}",
        f"/v1/events?connection={connection}",
    ):
        assert api.call("GET", path, key=api.acme_key).status_code == 200, path
    assert [e["id"] for e in api.call("GET", "/v1/events", key=api.acme_key).json()["events"]] == [event]


def test_a_revoked_key_opens_nothing(api: Api) -> None:
    """From the moment it is revoked."""
    path = f"/v1/accounts/{ACME}/connections"
    assert api.call("GET", path, key=api.acme_key).status_code == 200
    with api.house.store.write() as c:
        key = keys.by_plain(c, api.acme_key)
        assert key is not None
        keys.revoke(c, key.id, api.kit.now())
    assert api.call("GET", path, key=api.acme_key).status_code == 401


def test_the_last_use_of_a_key_is_written_once_a_minute(api: Api, clock: Any) -> None:
    """A person can tell which keys are in use, and busy callers do not queue for the row."""

    def last_used() -> Any:
        with api.house.store.read() as c:
            key = keys.by_plain(c, api.acme_key)
        assert key is not None
        return key.last_used_at

    path = f"/v1/accounts/{ACME}/connections"
    assert last_used() is None
    first = clock()
    for seconds in (0, 30):
        clock.pass_seconds(seconds)
        api.call("GET", path, key=api.acme_key)
        assert last_used() == first
    clock.pass_seconds(31)
    api.call("GET", path, key=api.acme_key)
    assert last_used() == clock()
