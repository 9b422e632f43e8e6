"""The mail server, the platform's hook and a worker are killed in the middle: each notification arrives."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from processor import mailing, report
from processor.domain.connection import ConnectionState
from processor.kit import utc_now
from processor.store import keys
from tests.issues.smtp import MailServer, mail_server, text_of
from tests.outgoing.stage import Platform
from tests.outside.server import serving
from tests.production.installation import ACCOUNT, Installation, connect_audience, installation
from tests.production.processes import free_port
from tests.production.services import Database, shared_redis
from tests.whole.world import SUBSCRIBED, until

pytestmark = [pytest.mark.services, pytest.mark.slow]

FIELDS = [f"AGE{n}" for n in range(8)]
JO = "jo@maple-street.test"
OPENED, RESOLVED = "issue.opened", "issue.resolved"
SECONDS = 150.0


class Hook:
    """The platform's server, which may be killed and started again where it was."""

    def __init__(self) -> None:
        self.platform = Platform()
        self.port = free_port()
        self._running = ExitStack()

    def start(self) -> None:
        """Begin to answer."""
        self._running.enter_context(serving(self.platform.answer, port=self.port))

    def kill(self) -> None:
        """Answer nobody. Safe to repeat."""
        self._running.close()

    def told(self, kind: str) -> Counter[str]:
        """How often each issue was told in this way, by different notices."""
        bodies = {one.id: json.loads(one.body) for one in self.platform.got}
        return Counter(body["data"]["issue"] for body in bodies.values() if body["type"] == kind)


@contextmanager
def told(folder: Path, database: Database) -> Iterator[tuple[Installation, Hook, MailServer]]:
    """Run two workers, a mail server and the platform's hook, with an audience of many fields connected."""
    with ExitStack() as stack:
        hook = Hook()
        stack.callback(hook.kill)
        hook.start()
        mails = stack.enter_context(mail_server())
        settings = {
            "smtp_url": mails.url,
            "mail_from": "sync@bothways.test",
            "mail_digest_minutes": 0,
            "event_attempts": 1,
            "allow_private_targets": "true",
            "lease_seconds": 15,
        }
        redis_url = stack.enter_context(shared_redis())
        made = stack.enter_context(
            installation(folder, database.url, redis_url, webs=1, connected=False, **settings)
        )
        account = made.control.account("Acme")
        fields = [{"tag": tag, "type": "number"} for tag in FIELDS]
        made.audience = made.control.audience(account.id, "News", merge_fields=fields).id
        made.connection_id = connect_audience(made, ACCOUNT, account.id, made.audience)
        with made.house.store.write() as c:
            _, made.key = keys.create(c, "test", ACCOUNT, utc_now())
        until(lambda: made.connection().state == ConnectionState.IN_SYNC, SECONDS)
        mailing.set_address(made.kit, ACCOUNT, JO)
        url = f"http://127.0.0.1:{hook.port}/in"
        made.api("POST", "/webhook-endpoints", json={"url": url, "types": [OPENED, RESOLVED]})
        yield made, hook, mails


def write(made: Installation, value: Any) -> None:
    """Write a contact for each field, with this value in it."""
    for n, tag in enumerate(FIELDS):
        email = f"p{n}@maple-street.test"
        made.put(f"c{n}", email=email, fields={tag.lower(): value}, consent=SUBSCRIBED)


def issues(made: Installation) -> dict[str, str]:
    """The state of each issue."""
    return {one.issue.ref: one.issue.state.value for one in report.issues(made.kit, ACCOUNT).issues}


def in_mails(mails: MailServer, begins: Callable[[str], str]) -> Counter[str]:
    """How often each field is told in mails, by a line that begins in this way; the same mail counts once."""
    texts = {str(one["Message-ID"]): text_of(one) for one in mails.got}
    return Counter(
        tag
        for text in texts.values()
        for tag in FIELDS
        for line in text.splitlines()
        if line.startswith(begins(tag))
    )


def test_every_notification_arrives_once_though_all_three_were_killed(
    tmp_path: Path, database: Database
) -> None:
    """Killed before anything was told, and a worker while it tries to: when they are back, each issue is told
    once to the platform and once by mail. Then a worker is killed while the ends are told: each is told, and
    what came twice came under the same id."""
    with told(tmp_path, database) as (made, hook, mails):
        hook.kill()
        mails.stop()
        write(made, "soon")
        until(lambda: len(issues(made)) == len(FIELDS), SECONDS)
        until(lambda: any(row.attempts for row in mailing.sent(made.kit, ACCOUNT)[0]), SECONDS)
        made.workers[0].kill()
        made.workers[0].start()
        hook.start()
        mails.start()
        every = Counter(dict.fromkeys(issues(made), 1))
        until(lambda: hook.told(OPENED) == every, SECONDS)
        once = Counter(dict.fromkeys(FIELDS, 1))
        until(lambda: in_mails(mails, lambda tag: f"“soon” does not fit “{tag.lower()}”") == once, SECONDS)
        assert len(set(hook.platform.ids)) == len(hook.platform.ids), "one came twice"
        assert len(set(mails.ids)) == len(mails.ids), "one came twice"

        write(made, 30)
        until(lambda: hook.told(RESOLVED), SECONDS)
        made.workers[1].kill()
        made.workers[1].start()
        until(lambda: hook.told(RESOLVED) == every, SECONDS)
        until(lambda: sum(text_of(one).count("Solved: ") for one in mails.got) >= len(FIELDS), SECONDS)
        assert set(issues(made).values()) == {"resolved"}
        assert hook.told(OPENED) == every
