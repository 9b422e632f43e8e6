"""Mails about issues, to a real mail server: gathered, never lost, known again when they come twice."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from processor import doctor, issues, mailing
from processor.doctor import Finding
from processor.domain.plan import MemberState
from processor.errors import Conflict
from processor.store import connections, members
from processor.store.mails import MailRow, MailState
from tests.issues.smtp import MailServer, html_of, mail_server, text_of
from tests.web.house import ACME, DATABASES, Api, Clock, make_connection, open_api, open_database, stand

FAILING, IN_SYNC = MemberState.FAILING, MemberState.IN_SYNC
DAY = 86_400.0
JO = "jo@maple-street.test"


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server."""
    with mail_server() as running:
        yield running


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database of either kind."""
    with open_database(request.param) as url:
        yield url


@pytest.fixture
def api(tmp_path: Path, server: MailServer, database_url: str) -> Iterator[Api]:
    """A house without workers, with a mail server: a test says when it works, and what time it is."""
    told = {"smtp_url": server.url, "mail_from": "Bothways <sync@bothways.test>"}
    told["operator_email"] = "ops@bothways.test"
    with open_api(tmp_path, Clock(), database_url=database_url, **told) as made:
        mailing.set_address(made.kit, ACME, JO)
        yield made


@pytest.fixture
def connection(api: Api) -> str:
    """A connection that works."""
    return make_connection(api.house, audience_id="a", audience_name="News", state="in_sync")


def fails(
    api: Api, connection: str, contact_id: str = "c0", reason: str = "email_fake", **named: Any
) -> None:
    """Let a contact fail, and have it noticed."""
    api.put(contact_id, email=f"{contact_id}@example.com", fields={"first_name": "Sam"})
    with api.house.store.write() as c:
        members.delete_many(
            c, [row.id for row in members.by_contact_ids(c, connection, [contact_id]).values()]
        )
    stand(api.house, connection, contact_id, state=FAILING, reason=reason, **named)
    issues.review(api.kit, connection)


def recovers(api: Api, connection: str, contact_id: str = "c0") -> None:
    """Let it be in step again."""
    with api.house.store.write() as c:
        rows = members.by_contact_ids(c, connection, [contact_id])
        members.delete_many(c, [row.id for row in rows.values()])
    stand(api.house, connection, contact_id, state=IN_SYNC)
    issues.review(api.kit, connection)


def later(api: Api, seconds: float = 301) -> int:
    """Let time pass, then send what is due."""
    assert isinstance(api.kit.now, Clock)
    api.kit.now.pass_seconds(seconds)
    return mailing.send_due(api.kit)


def mails(api: Api, account: str | None = ACME) -> list[MailRow]:
    """What was sent or waits, newest first."""
    return list(mailing.sent(api.kit, account)[0])


def test_what_comes_within_minutes_is_one_mail_that_says_what_to_do(
    api: Api, connection: str, server: MailServer
) -> None:
    """To the customer, in text and HTML, with a link to each issue; nothing before the minutes are over."""
    fails(api, connection, "c0")
    fails(api, connection, "c1")
    fails(api, connection, "c2", "field_value", field="birthday", detail="Please enter a date.")
    assert later(api, 200) == 0
    assert later(api, 101) == 1
    (mail,) = server.got
    assert (mail["To"], mail["From"]) == (JO, "Bothways <sync@bothways.test>")
    assert mail["Subject"] == "2 things about your Mailchimp sync need a look"
    for body in (text_of(mail), html_of(mail)):
        assert "Mailchimp takes “c0@example.com” for a made-up address" in body
        assert "The same goes for 1 other contact." in body
        assert "birthday" in body
        assert "Correct it on your platform; we try again at once." in body
        assert "issue=iss_" in body
    assert mails(api)[0].state is MailState.SENT
    assert later(api) == 0
    assert all(one.keys() == {"issue", "news"} for one in mails(api)[0].items)


def test_one_thing_is_said_in_the_subject_and_its_end_is_told(
    api: Api, connection: str, server: MailServer
) -> None:
    """Opened, reminded of after a day, solved."""
    fails(api, connection)
    later(api)
    later(api, DAY)
    issues.review(api.kit, connection)
    later(api)
    recovers(api, connection)
    later(api)
    need = "1 contact in News needs a look: The address looks made up"
    assert server.subjects == [need, f"Still open: {need}", "Solved: The address looks made up (News)"]
    assert "A reminder: open since 1 September 2026, 12:00 UTC" in text_of(server.got[1])
    assert len(set(server.ids)) == 3


def test_what_came_and_went_is_not_told(api: Api, connection: str, server: MailServer) -> None:
    """Nor what somebody said they know of; nor that it is over where its beginning was not told."""
    fails(api, connection)
    recovers(api, connection)
    assert later(api) == 0
    assert mails(api)[0].state is MailState.DROPPED
    fails(api, connection)
    issues.acknowledge(api.kit, issues_of(api)[0], ACME, "Jo")
    assert later(api, 7200) == 0
    assert server.got == []


def issues_of(api: Api) -> list[str]:
    """The ids of the account's issues."""
    return [one["id"] for one in api.call("GET", "/v1/issues", params={"account": ACME}).json()["issues"]]


def test_what_only_the_operator_can_mend_is_told_to_the_operator(
    api: Api, connection: str, server: MailServer
) -> None:
    """With the command that shows it, and no way into the customer's portal."""
    fails(api, connection, "c0", "internal")
    later(api)
    (mail,) = server.got
    assert mail["To"] == "ops@bothways.test"
    where = f"{api.kit.settings.public_url}/ops/connections/{connection}"
    for body in (text_of(mail), html_of(mail)):
        assert (where in body) == bool(api.kit.settings.public_url)
        assert "bothways issues show iss_" in body
    assert "bothways issues show iss_" in text_of(mail)
    assert "link=" not in text_of(mail) + html_of(mail)


def test_nobody_is_told_who_gave_no_address(api: Api, connection: str, server: MailServer) -> None:
    """And nothing is gathered for them."""
    mailing.set_address(api.kit, ACME, None)
    fails(api, connection)
    assert later(api) == 0
    assert mails(api) == []
    with pytest.raises(Conflict, match="no address"):
        mailing.send_test(api.kit, ACME)


def test_the_link_opens_the_card_for_some_days(api: Api, connection: str, server: MailServer) -> None:
    """More often than once, since programs open links before people do; not after a week, nor once the
    address is another."""
    fails(api, connection)
    later(api)
    (address,) = set(re.findall(r"http\S+issue=iss_\w+", text_of(server.got[0])))
    path = address.removeprefix(api.kit.settings.public)

    def opens() -> httpx.Response:
        return api.call("GET", path, key="")

    for _ in range(2):
        came = opens()
        assert came.status_code == 303
        cookie = came.headers["set-cookie"].partition(";")[0]
        card = api.call("GET", came.headers["location"], key="", headers={"Cookie": cookie})
        page = api.call("GET", card.headers["location"], key="", headers={"Cookie": cookie})
        assert "c0@example.com" in page.text
    mailing.set_address(api.kit, ACME, "kim@maple-street.test")
    assert opens().status_code == 410


def test_a_connection_s_own_readers_are_told_in_place_of_the_account_s(
    api: Api, connection: str, server: MailServer
) -> None:
    """All of them in one mail; of another connection, and where it has none any more, the account's is."""
    other = make_connection(api.house, audience_id="b", audience_name="Members", state="in_sync")
    kept = mailing.set_readers(api.kit, connection, ACME, [" kim@maple-street.test", "lee@maple-street.test"])
    assert kept == ("kim@maple-street.test", "lee@maple-street.test")
    fails(api, connection)
    fails(api, other, "c1")
    assert later(api) == 2
    assert sorted(mail["To"] for mail in server.got) == [JO, ", ".join(kept)]
    server.to_recipients = [b"250 fine", b"550 no such reader"]
    mailing.send_test(api.kit, ACME, connection)
    assert later(api) == 1
    assert mails(api)[0].state is MailState.SENT
    assert "no such reader" in (mails(api)[0].reason or "")
    fails(api, connection, "c2", "refused")
    mailing.set_readers(api.kit, connection, ACME, [])  # while a mail is gathered for them
    assert later(api) == 1
    assert server.got[-1]["To"] == JO


def test_readers_are_the_connection_s_account_s_to_choose(api: Api, connection: str) -> None:
    """Over the API; nobody else's, and addresses only."""
    path = f"/v1/connections/{connection}/notify-emails"
    assert api.call("GET", path).json() == {"emails": [], "told": [JO]}
    kim = {"emails": ["kim@maple-street.test"]}
    assert api.call("PUT", path, json=kim).json()["told"] == kim["emails"]
    assert api.call("PUT", path, json={"emails": ["kim"]}).status_code == 422
    assert api.call("PUT", path, json=kim, key=api.birch_key).status_code == 404
    assert api.call("POST", f"{path}/test", key=api.birch_key).status_code == 404
    sent = api.call("POST", f"{path}/test")
    assert (sent.status_code, sent.json()["account"]) == (202, ACME)
    assert api.call("GET", path).json()["emails"] == kim["emails"]


def test_while_the_server_is_away_nothing_is_lost_and_nothing_comes_twice(
    api: Api, connection: str, server: MailServer
) -> None:
    """It is tried at growing intervals, and caught up with at once when it is back."""
    server.stop()
    fails(api, connection)
    assert later(api) == 0
    fails(api, connection, "c1", "field_value", field="birthday")
    assert [later(api, 600) for _ in range(3)] == [0, 0, 0]
    assert {row.state for row in mails(api)} == {MailState.WAITING}
    assert "does not answer" in (mails(api)[1].reason or "")
    server.start()
    assert sum(later(api, 3600) for _ in range(2)) == 2
    assert later(api, 3600) == 0
    assert len(set(server.ids)) == len(server.got) == 2


def test_a_server_that_breaks_off_gets_the_same_mail_again(
    api: Api, connection: str, server: MailServer
) -> None:
    """It had the mail, and its answer was lost: the Message-ID says that it is the same."""
    server.answers = [None]
    fails(api, connection)
    later(api)
    fails(api, connection, "c1")
    assert later(api) == 1
    first, second = server.got
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Subject"] == second["Subject"]
    assert first["Date"] == second["Date"]


def test_an_address_that_does_not_exist_is_given_up_and_three_days_are_enough(
    api: Api, connection: str, server: MailServer
) -> None:
    """The server's words are kept for whoever asks."""
    server.to_recipients = [b"550 no such mailbox"]
    fails(api, connection)
    later(api)
    row = mails(api)[0]
    assert (row.state, row.reason) == (MailState.DEAD, "550 no such mailbox")
    server.answers = [b"451 later"] * 1000
    fails(api, connection, "c1", "field_value", field="birthday")
    for _ in range(80):
        later(api, 3600)
    dead = mails(api)[0]
    assert (dead.state, dead.reason) == (MailState.DEAD, "451 later")


def test_a_worker_that_is_killed_after_sending_sends_the_same_again(
    api: Api, connection: str, server: MailServer, tmp_path: Path, database_url: str
) -> None:
    """Between the server's having it and our commit: at least once, under one Message-ID; never none."""
    fails(api, connection)
    assert isinstance(api.kit.now, Clock)
    api.kit.now.pass_seconds(301)
    now = api.kit.now().isoformat()
    args = [sys.executable, "-m", "tests.issues.dying", str(tmp_path), database_url, server.url, now]
    process = subprocess.Popen(args)
    server.after = process.kill
    process.wait(timeout=30)
    server.after = None
    assert mailing.send_due(api.kit) == 0  # the dead one's lease
    assert later(api, api.kit.settings.lease_seconds) == 1
    assert len(server.got) == 2
    assert len(set(server.ids)) == 1


def test_a_test_says_what_came_of_it(api: Api, server: MailServer) -> None:
    """By the way of every mail."""
    made = api.call("POST", f"/v1/accounts/{ACME}/notify-email/test").json()
    assert made["state"] == "waiting"
    later(api, 0)
    assert server.subjects == ["A test: mails from Bothways arrive"]
    found = api.call("GET", f"/v1/mails/{made['id']}", key=api.acme_key).json()
    assert (found["state"], found["error"]) == ("sent", None)
    assert api.call("GET", f"/v1/mails/{made['id']}", key=api.birch_key).status_code == 404


def test_an_issue_that_comes_and_goes_is_not_a_mail_each_time(
    api: Api, connection: str, server: MailServer
) -> None:
    """Opened and solved are told; that it is back, an hour after it was last told, if it still is."""
    fails(api, connection)
    later(api)
    recovers(api, connection)
    later(api)
    for _ in range(5):
        fails(api, connection)
        later(api)
        recovers(api, connection)
        later(api)
    assert len(server.got) == 2


def test_the_connections_problem_is_told_with_what_is_kept(
    api: Api, connection: str, server: MailServer
) -> None:
    """Reconnect, and its end."""
    with api.house.store.write() as c:
        connections.set_state(c, connection, "reconnect", api.kit.now(), problem_code="reconnect")
    issues.review(api.kit, connection)
    later(api)
    with api.house.store.write() as c:
        connections.set_state(c, connection, "in_sync", api.kit.now())
    issues.review(api.kit, connection)
    later(api)
    assert server.subjects == ["Reconnect Mailchimp (News)", "Solved: Reconnect Mailchimp (News)"]
    assert "Press Reconnect and log in" in text_of(server.got[0])


def test_the_doctor_says_whether_the_mail_server_lets_us_in(api: Api, server: MailServer) -> None:
    """And sends nothing to find out."""

    def mail() -> Finding:
        found = doctor.examine(api.kit, None, api.house.http)
        return next(one for one in found if one.part == "mail")

    assert mail().ok
    server.stop()
    assert not mail().ok
    assert "Check SMTP_URL" in mail().remedy
    assert server.got == []
