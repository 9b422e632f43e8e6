"""Tests each part of an installation, and names one remedy for each fault."""

from __future__ import annotations

import secrets
import time
from contextlib import suppress
from dataclasses import dataclass

import httpx
import redis

from processor.broker import CHECK
from processor.calls import failing
from processor.domain.event import EventStatus
from processor.errors import BothwaysError, StorageDown, Unposted
from processor.kit import Kit
from processor.report.overview import oldest_due
from processor.report.standing import STALLED_AFTER, duration
from processor.report.why import LOOKED_BACK
from processor.seals import token_bind
from processor.storage import Storage, receive
from processor.store import calls, connections, inbox, leases, liveness
from processor.store.migrate import pending

ROUND_TRIP_SECONDS = 10.0
PROBE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: whether it works, what was seen, and what to do where it does not."""

    part: str
    ok: bool
    says: str
    remedy: str = ""


def examine(kit: Kit, client: redis.Redis | None, http: httpx.Client) -> list[Finding]:
    """Return one finding for each part. Nothing is changed but for a probe where photos are kept, which is
    taken away again; takes at most about a minute."""
    database = _database(kit)
    findings = [database, _redis(client)]
    if database.ok:
        findings += [_sealed(kit), _worker(kit, client), _waiting(kit), _mailchimp(kit)]
    return [*findings, _public_url(kit, http), _oauth(kit, http), _mail(kit), _photos(kit)]


def answer(kit: Kit, name: str) -> None:
    """Say that a poke has reached a worker: the doctor waits for this name among the leases."""
    with kit.store.write() as c:
        leases.take(c, name, kit.worker, kit.now(), ROUND_TRIP_SECONDS * 2)


def _database(kit: Kit) -> Finding:
    if not kit.store.is_up():
        return Finding("database", False, "does not answer", "Check DATABASE_URL, and that it runs.")
    if pending(kit.settings.database):
        return Finding("database", False, "its tables are not up to date", "Run: bothways migrate")
    return Finding("database", True, f"{kit.store.dialect}, tables up to date")


def _redis(client: redis.Redis | None) -> Finding:
    if client is None:
        return Finding("redis", True, "not used: the workers run inside the one process")
    try:
        client.ping()
        policy = client.info("memory").get("maxmemory_policy", "noeviction")
    except redis.RedisError as error:
        return Finding(
            "redis", False, f"does not answer ({type(error).__name__})", "Check REDIS_URL, and that it runs."
        )
    if policy != "noeviction":
        return Finding("redis", False, f"may throw keys away ({policy})", "Set maxmemory-policy noeviction.")
    return Finding("redis", True, "answers, keeps its keys")


def _sealed(kit: Kit) -> Finding:
    with kit.store.read() as c:
        rows = [row for row in connections.all(c) if row.token_sealed]
    for row in rows:
        try:
            kit.sealer.unseal(row.token_sealed or "", token_bind(row.id))
        except BothwaysError:
            says = f"the token of {row.id} was sealed with a key that is not in SECRET_KEY"
            return Finding("secrets", False, says, "Add the old key: SECRET_KEY=new,old; then keys reseal.")
    return Finding("secrets", True, f"{len(rows)} sealed tokens can be read")


def _worker(kit: Kit, client: redis.Redis | None) -> Finding:
    with kit.store.read() as c:
        alive = liveness.alive(c, kit.now())
    if not alive:
        return Finding(
            "workers", False, "none is running", "Start one: `worker` of the Procfile, or bothways up."
        )
    if client is None:
        return Finding("workers", True, f"{len(alive)} alive")
    name = f"{CHECK}:{secrets.token_hex(8)}"
    started = time.monotonic()
    kit.bell.ring(CHECK, [name])
    while time.monotonic() - started < ROUND_TRIP_SECONDS:
        with kit.store.read() as c:
            if leases.is_held(c, name, kit.now()):
                return Finding("workers", True, f"{len(alive)} alive, one answered through Redis")
        time.sleep(0.1)
    return Finding(
        "workers",
        False,
        f"{len(alive)} alive, but none answered through Redis",
        "Workers and web must share one REDIS_URL.",
    )


def _waiting(kit: Kit) -> Finding:
    now = kit.now()
    with kit.store.read() as c:
        oldest = oldest_due(c, now)
        dead = inbox.counts(c)[EventStatus.DEAD]
    said = f"{dead:,} dead events" if dead else "no dead events"
    if oldest is None:
        return Finding("queue", True, f"nothing is due, {said}")
    says = f"the oldest change has been due for {duration(now - oldest)}, {said}"
    if now - oldest > STALLED_AFTER:
        return Finding("queue", False, says, "/ops says why, connection by connection; so does the log.")
    return Finding("queue", True, says)


def _mailchimp(kit: Kit) -> Finding:
    with kit.store.read() as c:
        bad, made = failing(calls.since(c, kit.now() - LOOKED_BACK))
    if not made:
        return Finding("mailchimp", True, "not called in the last 15 minutes")
    says = f"{bad:,} of the last {made:,} calls failed"
    if bad * 2 >= made:
        return Finding(
            "mailchimp", False, says, "It is tried again by itself. See https://status.mailchimp.com"
        )
    return Finding("mailchimp", True, says)


def _public_url(kit: Kit, http: httpx.Client) -> Finding:
    try:
        answer = http.get(kit.settings.public + "/healthz", timeout=10)
    except httpx.HTTPError as error:
        return Finding(
            "public url",
            False,
            f"{kit.settings.public} does not answer ({type(error).__name__})",
            "Set PUBLIC_URL to where Mailchimp reaches the web process, and start it.",
        )
    if answer.status_code != 200:
        return Finding(
            "public url",
            False,
            f"{kit.settings.public}/healthz answers {answer.status_code}",
            "Something else answers there: check PUBLIC_URL and the router.",
        )
    if not answer.text.startswith('{"status"'):
        return Finding(
            "public url",
            False,
            f"{kit.settings.public}/healthz answers, but not as Bothways does",
            "Something else answers there: check PUBLIC_URL and the router.",
        )
    return Finding("public url", True, f"{kit.settings.public} answers")


def _mail(kit: Kit) -> Finding:
    if not kit.post.is_set:
        return Finding("mail", True, "not used: SMTP_URL is not set, so nobody is told by mail")
    try:
        kit.post.check()
    except Unposted as error:
        return Finding(
            "mail", False, f"the mail server: {error}", "Check SMTP_URL; then: bothways mails test"
        )
    return Finding("mail", True, "the mail server lets us in")


def _photos(kit: Kit) -> Finding:
    """Keep a few bytes, read them back and delete them, as a photo is."""
    place, remedy = (
        ("the bucket", "Check PHOTO_STORAGE and its keys: they must be allowed to put, get, list and delete.")
        if kit.settings.bucket
        else ("the directory", "Check that DATA_DIR can be written to, and that its disk is not full.")
    )
    try:
        came_back = _probed(kit.storage)
    except FileNotFoundError:
        return Finding("photos", False, f"{place} has not got what it was given", remedy)
    except (StorageDown, OSError) as error:
        says = str(error) or type(error).__name__
        return Finding("photos", False, f"{place} does not keep and give back ({says})", remedy)
    if not came_back:
        return Finding("photos", False, f"{place} gives back something else than it was given", remedy)
    return Finding("photos", True, f"{place} keeps, gives back and deletes")


def _probed(storage: Storage) -> bool:
    """Return whether a few bytes come back as they were given; they are deleted in any case. Raises
    StorageDown, FileNotFoundError, OSError."""
    content, folder = secrets.token_bytes(PROBE_BYTES), f"doctor_{secrets.token_hex(8)}"
    key = f"{folder}/probe"
    try:
        with receive(storage.scratch, [content], PROBE_BYTES) as received:
            storage.put(key, received)
        came_back = b"".join(storage.open(key))
    except (StorageDown, OSError):
        with suppress(StorageDown, OSError):
            storage.delete(key)
        raise
    storage.delete(key)
    storage.delete_all(folder)
    return came_back == content


def _oauth(kit: Kit, http: httpx.Client) -> Finding:
    settings = kit.settings
    if not settings.mailchimp_client_id or not settings.mailchimp_client_secret.get_secret_value():
        return Finding(
            "oauth",
            False,
            "MAILCHIMP_CLIENT_ID or MAILCHIMP_CLIENT_SECRET is not set",
            f"Register an app at Mailchimp with the redirect URI {settings.public}/connect/callback.",
        )
    try:
        http.get(settings.mailchimp_login_url + "/oauth2/metadata", timeout=10)
    except httpx.HTTPError as error:
        return Finding(
            "oauth",
            False,
            f"{settings.mailchimp_login_url} does not answer ({type(error).__name__})",
            "Check MAILCHIMP_LOGIN_URL and the way out to the internet.",
        )
    return Finding("oauth", True, f"{settings.mailchimp_login_url} answers, client id and secret are set")
