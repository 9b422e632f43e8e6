"""Our webhook: one of it whatever happens, and what was mended is said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import httpx

from processor import hook, report
from processor.store import connections, hooks
from processor.store.connections import ConnectionRow
from processor.sweep import sweep
from tests.whole.world import ACCOUNT, World, until

KILLED_AFTER_THE_ANSWER = """
import os, signal
from processor import bootstrap, hook
from processor.config import Settings
from processor.mailchimp.client import Mailchimp
from processor.store import connections

made = Mailchimp.create_webhook
def create_and_die(self, audience_id, url):
    made(self, audience_id, url)
    os.kill(os.getpid(), signal.SIGKILL)
Mailchimp.create_webhook = create_and_die
house = bootstrap.build(Settings())
with house.store.read() as c:
    row = connections.get(c, os.environ["CONNECTION"])
hook.register(house.kit, row)
"""


def _row(acme: World) -> ConnectionRow:
    with acme.house.store.read() as c:
        row = connections.get(c, acme.connection_id)
    assert row is not None
    return row


def _standing(acme: World) -> list[dict[str, Any]]:
    return list(acme.control.audience_info(acme.audience)["webhooks"])


def _away(acme: World, webhook_id: str) -> None:
    token = acme.control.token(acme.mailchimp_account)
    url = f"{acme.control.url}/3.0/lists/{acme.audience}/webhooks/{webhook_id}"
    assert httpx.delete(url, headers={"Authorization": f"Bearer {token}"}).status_code == 204


def test_a_process_killed_before_it_wrote_the_secret_down_leaves_one_webhook(acme: World) -> None:
    """Killed between Mailchimp's answer and our commit: the next run ends with one webhook of ours, whose
    deliveries it can check."""
    _away(acme, _standing(acme)[0]["id"])
    settings = acme.kit.settings
    env = {
        **os.environ,
        "CONNECTION": acme.connection_id,
        "DATA_DIR": str(settings.data_dir),
        "PORT": str(settings.port),
        "PUBLIC_URL": settings.public,
        "SECRET_KEY": "a secret key that is long enough for a test",
        "MAILCHIMP_LOGIN_URL": settings.mailchimp_login_url,
        "MAILCHIMP_CLIENT_ID": "app",
        "MAILCHIMP_CLIENT_SECRET": "app-secret",
    }
    died = subprocess.run([sys.executable, "-c", KILLED_AFTER_THE_ANSWER], env=env, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    (orphan,) = _standing(acme)
    for _ in range(2):
        hook.register(acme.kit, _row(acme))
    (ours,) = _standing(acme)
    assert ours["url"] != orphan["url"]
    acme.control.subscribe(acme.audience, "jo@maple-street.test")
    until(lambda: acme.contact("jo@maple-street.test"))
    with acme.house.store.read() as c:
        live = [row for row in hooks.for_connection(c, acme.connection_id) if row.state == "live"]
    assert [bool(row.secrets_sealed) for row in live] == [True]


def test_what_is_wrong_with_it_is_mended_and_said(acme: World) -> None:
    """Gone, then incomplete: set up again at the next full check, and told as information."""
    assert report.connection(acme.kit, acme.connection_id, ACCOUNT).notice is None
    _away(acme, _standing(acme)[0]["id"])
    until(lambda: sweep(acme.kit, acme.connection_id, full=True))
    (ours,) = _standing(acme)
    told = report.connection(acme.kit, acme.connection_id, ACCOUNT)
    assert told.notice is not None
    assert told.notice.code == "webhook_gone"
    assert "We have set it up again" in told.notice.words.happened
    assert told.problem is None
    token = acme.control.token(acme.mailchimp_account)
    url = f"{acme.control.url}/3.0/lists/{acme.audience}/webhooks/{ours['id']}"
    lame = {"events": {"profile": False}}
    assert httpx.patch(url, json=lame, headers={"Authorization": f"Bearer {token}"}).status_code == 200
    hook.register(acme.kit, _row(acme))
    told = report.connection(acme.kit, acme.connection_id, ACCOUNT)
    assert told.notice is not None
    assert told.notice.code == "webhook_incomplete"
    assert len(_standing(acme)) == 1
    before = told.notice
    hook.register(acme.kit, _row(acme))
    assert report.connection(acme.kit, acme.connection_id, ACCOUNT).notice == before
