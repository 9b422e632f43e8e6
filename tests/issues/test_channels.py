"""The operator is told by channels beside mail: each has its own place in the outbox, so that one that is
away makes no other tell twice."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from processor import issues, mailing
from processor.channels import open_channels
from processor.domain.plan import MemberState
from processor.errors import ConfigError, Conflict
from processor.store import mails
from processor.store.mails import MailState
from tests.outside.server import plain, serving
from tests.web.house import DATABASES, Api, Clock, make_connection, open_api, open_database, stand

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Of Apprise's own imports."""


class Channel:
    """A server that takes what Apprise posts as JSON."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.status = 200

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Keep it, where it is taken."""
        if self.status == 200:
            self.got.append(json.loads(body))
        plain(handler, self.status)


@pytest.fixture
def channels() -> Iterator[tuple[Channel, Channel, str]]:
    """Two of them, and the setting that names both."""
    one, two = Channel(), Channel()
    with serving(one.answer) as port, serving(two.answer) as other:
        yield one, two, f"json://127.0.0.1:{port}/a json://user:secret@127.0.0.1:{other}/b"


@pytest.fixture(params=DATABASES)
def api(
    tmp_path: Path, channels: tuple[Channel, Channel, str], request: pytest.FixtureRequest
) -> Iterator[Api]:
    """A house without workers and without a mail server, whose operator has two channels."""
    with open_database(request.param) as url:
        told = {"operator_channels": channels[2], "public_url": "https://sync.maple-street.test"}
        with open_api(tmp_path, Clock(), database_url=url, **told) as made:
            yield made


def fails(api: Api, connection: str, contact_id: str) -> None:
    """Let a contact fail of what only the operator can mend."""
    stand(api.house, connection, contact_id, state=MemberState.FAILING, reason="internal")
    issues.review(api.kit, connection)


def later(api: Api, seconds: float = 301) -> int:
    """Let time pass, then send what is due, as workers do."""
    assert isinstance(api.kit.now, Clock)
    api.kit.now.pass_seconds(seconds)
    with api.house.store.read() as c:
        lanes = mails.due_lanes(c, api.kit.now())
    return sum(mailing.send_due(api.kit, lane) for lane in lanes)


def test_the_operator_is_told_by_each_channel_once(api: Api, channels: tuple[Channel, Channel, str]) -> None:
    """What happened and where to see it; what comes within minutes is one message; nobody else is told."""
    one, two, _ = channels
    connection = make_connection(api.house, audience_id="a", audience_name="News", state="in_sync")
    fails(api, connection, "c0")
    fails(api, connection, "c1")
    stand(api.house, connection, "c2", state=MemberState.FAILING, reason="email_fake")  # the customer's
    issues.review(api.kit, connection)
    assert later(api) == 2
    assert [later(api) for _ in range(3)] == [0, 0, 0]
    assert len(one.got) == len(two.got) == 1
    assert one.got[0]["title"] == "2 contacts in News need a look: Our mistake"
    assert f"https://sync.maple-street.test/ops/connections/{connection}" in one.got[0]["message"]
    assert "email_fake" not in json.dumps(one.got)


def test_a_channel_that_is_away_loses_nothing_and_makes_no_other_tell_twice(
    api: Api, channels: tuple[Channel, Channel, str]
) -> None:
    """It is tried again until it takes the message; why it did not is written down, without its secret."""
    one, two, _ = channels
    two.status = 503
    connection = make_connection(api.house, audience_id="a", audience_name="News", state="in_sync")
    fails(api, connection, "c0")
    assert later(api) == 1
    assert later(api, 600) == 0
    (waiting,) = [row for row in mailing.sent(api.kit, None)[0] if row.state is MailState.WAITING]
    assert "did not take it" in (waiting.reason or "")
    assert "secret" not in repr(waiting)
    two.status = 200
    assert later(api, 3600) == 1
    assert later(api, 3600) == 0
    assert (len(one.got), len(two.got)) == (1, 1)


def test_a_test_goes_to_each_channel(api: Api, channels: tuple[Channel, Channel, str]) -> None:
    """By the way of every message."""
    rows = mailing.test_channels(api.kit)
    assert later(api, 1) == 2
    assert {mailing.mail(api.kit, row.ref, None).state for row in rows} == {MailState.SENT}
    assert "This is a test" in channels[0].got[0]["message"]


def test_without_a_channel_a_test_says_what_to_set(tmp_path: Path) -> None:
    """And nothing waits."""
    with open_api(tmp_path, Clock()) as bare, pytest.raises(Conflict, match="OPERATOR_CHANNELS"):
        mailing.test_channels(bare.kit)


def test_what_apprise_does_not_know_is_told_without_its_value() -> None:
    """At start, by its number: it has a secret in it."""
    with pytest.raises(ConfigError) as caught:
        open_channels(["json://127.0.0.1/a", "carrier-pigeon://loft:secret@home"])
    assert caught.value.problems == [
        "OPERATOR_CHANNELS: number 2 is none that Apprise knows. See `apprise --help`."
    ]


def test_without_the_extra_the_setting_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """And an installation without the setting needs nothing of it."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert open_channels([]).names == ()
    with pytest.raises(ConfigError) as caught:
        open_channels(["json://127.0.0.1/a"])
    assert "pip install 'bothways[apprise]'" in caught.value.problems[0]
