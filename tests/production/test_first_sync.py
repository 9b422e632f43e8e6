"""A first sync whose workers are killed, whose token dies and that Mailchimp limits still ends equal."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from processor import connect, contacts, install
from processor.domain.connection import ConnectionState
from processor.domain.contact import Consent, ConsentStatus
from processor.domain.edit import ContactPatch
from processor.kit import utc_now
from processor.store.runs import RunState
from processor.store.tables import leases, members
from sandbox.control import Control
from tests.production.installation import ACCOUNT, Installation, connect_audience, embedded, installation
from tests.production.load import NAMES
from tests.production.processes import Process
from tests.production.services import Database, shared_redis
from tests.whole.world import until

pytestmark = pytest.mark.slow

KILLS = 10
THERE = range(1500)
"""Who is in Mailchimp when it begins."""
HERE = range(750, 2250)
"""Who is on the platform: half of them are known to both, and every fifth of those differently."""
GONE = range(750, 800)
"""Who had left in Mailchimp before, and whom the platform holds as subscribed."""
LEAVING = [*range(800, 860), *range(100, 140)]
"""Who unsubscribes while it runs."""


def address(n: int) -> str:
    """One person's."""
    return f"p{n}@maple-street.test"


def _people(made: Installation) -> None:
    agreed = Consent(ConsentStatus.SUBSCRIBED, utc_now() - timedelta(days=400), "checkout")
    account = made.control.account("Acme")
    listed = made.control.audience(account.id, "News", merge_fields=[{"tag": "CITY", "type": "text"}])
    made.audience, made.mailchimp_account = listed.id, account.id
    made.control.put_members(
        listed.id,
        [
            {
                "email_address": address(n),
                "status": "unsubscribed" if n in GONE else "subscribed",
                "merge_fields": {"FNAME": f"p{n}", "CITY": "Oslo"},
            }
            for n in THERE
        ],
    )
    written = [(f"c{n}", ContactPatch(email=address(n), fields=_fields(n), consent=agreed)) for n in HERE]
    for start in range(0, len(written), 500):
        contacts.put_many(made.kit, ACCOUNT, dict(written[start : start + 500]))


def _fields(n: int) -> dict[str, str]:
    return {"first_name": f"p{n}"} | ({"city": "Bergen"} if n % 5 == 0 else {})


def _leave(made: Installation, stop: threading.Event, chance: random.Random) -> None:
    """People unsubscribe, one after the other, while it runs."""
    with Control(made.control.url) as control:
        for n in LEAVING:
            stop.wait(chance.uniform(0.05, 0.4))  # once it is set, the rest leave at once
            control.unsubscribe(made.audience, address(n))


def _is_at_work(made: Installation) -> bool:
    """Whether a living worker holds members, or a turn of the connection."""
    from sqlalchemy import func, select

    with made.house.store.read() as c:
        turns = select(leases.c.holder).where(leases.c.name.contains(made.connection_id))
        claims = select(func.count()).select_from(members).where(members.c.claim.is_not(None))
        names = {name for process in made.workers for name in made.names_of(process)}
        turned = any(holder.partition("/")[0] in names for holder in c.scalars(turns))
        return turned or bool(c.execute(claims).scalar_one())


def _kill_all(made: Installation, processes: list[Process]) -> None:
    for process in processes:
        process.kill()
    for process in processes:
        process.start()


def _progress(made: Installation) -> install.Progress:
    return install.progress(made.kit, made.connection_id)


def _reconnect(made: Installation) -> None:
    begun = connect.begin_for(made.kit, ACCOUNT, made.connection_id)
    said = {"account": made.mailchimp_account, "answer": "allow"}
    back = httpx.post(begun.authorize_url, data=said).headers["location"]
    asked = dict(parse_qsl(urlsplit(back).query))
    connect.complete(
        made.kit, made.house.http, state=asked["state"], browser=begun.browser, code=asked["code"]
    )


def _lose_access(made: Installation) -> None:
    """Mailchimp takes the token back, and the customer signs in again a little later."""
    made.control.revoke(made.mailchimp_account)
    until(lambda: made.connection().state == ConnectionState.RECONNECT or _progress(made).is_finished, 60)
    time.sleep(1)
    _reconnect(made)


def _storm(made: Installation) -> None:
    """Mailchimp limits half of the calls, and a CDN refuses some in HTML, for a while."""
    made.control.fail(429, 0.5)
    made.control.fail(403, 0.3, html="<html><h1>Access Denied</h1></html>")
    time.sleep(5)
    made.control.mend()
    made.control.latency(0.05)


def _suffer(made: Installation) -> int:
    """Kill every worker ten times at random moments, with the rest in between. Returns how many kills have
    met a worker at work."""
    seed = int(os.environ.get("BOTHWAYS_TEST_SEED") or random.SystemRandom().randrange(10**6))
    print(f"BOTHWAYS_TEST_SEED={seed}")  # noqa: T201 - to repeat a run that failed
    chance = random.Random(seed)
    met = 0
    for n in range(KILLS):
        deadline = time.monotonic() + 25
        while not _is_at_work(made) and not _progress(made).is_finished and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.8))
        met += _is_at_work(made)
        _kill_all(made, made.workers)
        if n == 4:
            _lose_access(made)
        if n == 6:
            _storm(made)
    return met


def _assert_equal(made: Installation) -> None:
    theirs = made.control.members(made.audience)
    ours = made.contacts()
    assert set(ours) == set(theirs) == {address(n) for n in {*THERE, *HERE}}
    for email, member in theirs.items():
        contact = ours[email]
        said = (contact.fields.get("first_name"), contact.fields.get("city") or "", contact.consent.status)
        is_there = (member["merge_fields"]["FNAME"], member["merge_fields"]["CITY"], NAMES[member["status"]])
        assert said == is_there, email


def _assert_nobody_came_back(made: Installation) -> None:
    theirs = made.control.members(made.audience)
    back = [n for n in (*GONE, *LEAVING) if theirs[address(n)]["status"] != "unsubscribed"]
    assert back == []


def _assert_nobody_was_subscribed_twice(made: Installation) -> None:
    bodies = [parse_qs(d["body"]) for d in made.control.deliveries(made.audience, limit=20_000)]
    subscribed = Counter(b["data[email]"][0] for b in bodies if b["type"] == ["subscribe"])
    assert {email: n for email, n in subscribed.items() if n > 1} == {}
    assert set(subscribed) <= {address(n) for n in set(HERE) - set(THERE)}


def _through_everything(made: Installation) -> None:
    _people(made)
    made.control.latency(0.05)
    made.connection_id = connect_audience(
        made, ACCOUNT, made.mailchimp_account, made.audience, brake_share=1.0
    )
    stop = threading.Event()
    leaving = threading.Thread(target=_leave, args=(made, stop, random.Random(1)))
    leaving.start()
    try:
        met = _suffer(made)
    finally:
        stop.set()
        leaving.join()
    until(lambda: _progress(made).run_state is RunState.DONE, 180)
    assert made.control.settle(60)
    until(made.is_settled, 120)
    assert made.connection().state == ConnectionState.IN_SYNC
    _assert_nobody_came_back(made)
    _assert_equal(made)
    _assert_nobody_was_subscribed_twice(made)
    assert met >= 3, "the kills have met nobody at work"


@contextmanager
def _processes(folder: Path, kind: str) -> Iterator[Installation]:
    if kind == "embedded":
        with embedded(folder, connected=False) as made:
            yield made
        return
    with (
        Database() as database,
        shared_redis() as redis_url,
        installation(folder, database.url, redis_url, connected=False) as made,
    ):
        yield made


@pytest.mark.parametrize("kind", ["embedded", pytest.param("production", marks=pytest.mark.services)])
def test_a_first_sync_that_everything_befalls_ends_equal(tmp_path: Path, kind: str) -> None:
    """kill -9 of every worker at ten random moments, a token that is taken back, a storm of 429 and HTML 403,
    people who leave meanwhile: equal in the end, nobody subscribed twice, nobody back who left."""
    with _processes(tmp_path, kind) as made:
        _through_everything(made)
