"""The one place that builds: settings in, a house with everything in its place out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import dramatiq
import httpx
import redis

from processor import spans
from processor.attempt import current_work
from processor.broker import Bell, LocalBell, RedisBell, make_broker, redis_client
from processor.calls import Calls
from processor.channels import open_channels
from processor.config import Settings
from processor.errors import ConfigError, Reconnect
from processor.kit import Kit, Lanes, utc_now
from processor.log import say
from processor.mailchimp.client import Mailchimp
from processor.mailchimp.limits import LocalSlots, RedisSlots, Slots
from processor.mailchimp.transport import Call, Timeouts, open_http
from processor.outside import Outside
from processor.seals import token_bind
from processor.smtp import Post
from processor.storage import LocalStorage, Storage
from processor.store import open_store
from processor.store.connections import ConnectionRow
from processor.store.engine import Store
from processor.store.sealing import Sealer

logger = logging.getLogger(__name__)

Note = Callable[[str, str | None, Any, Call], None]
"""Is told of a call: for which connection, for which work, where its span hangs, and what happened."""
SLOT_TTL_SECONDS = 90.0
"""Longer than any call to Mailchimp may take: a slot older than this belongs to a dead worker."""


@dataclass(slots=True)
class House:
    """Everything that a process works with, built once. Close it at the end."""

    kit: Kit
    broker: dramatiq.Broker
    http: httpx.Client
    redis: redis.Redis | None

    @property
    def store(self) -> Store:
        """The database."""
        return self.kit.store

    def close(self) -> None:
        """Close connections. Safe to repeat."""
        self.http.close()
        self.kit.storage.close()
        self.kit.store.close()
        if self.redis is not None:
            self.redis.close()


def build(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> House:
    """Return a house for these settings. Opens no port, starts no thread and changes no table.

    Raises ConfigError when Redis may throw messages away, or the bucket for photos or a channel
    cannot be used.
    """
    spans.set_up()
    storage = _storage(settings)
    channels = open_channels(settings.channel_urls)
    client = _redis(settings)
    broker = make_broker(settings.redis_url, client)
    bell: Bell = LocalBell(broker) if client is None else RedisBell(broker, client)
    store = open_store(settings.database, pool_size=settings.worker_threads + 6)
    sealer = Sealer(settings.secret_keys)
    http = open_http()
    slots = _slots(settings, client)
    calls = Calls()
    kit = Kit(
        settings=settings,
        store=store,
        sealer=sealer,
        bell=bell,
        mailchimp=_mailchimp(settings, sealer, http, slots, partial(_note, calls, now)),
        slots=slots,
        outside=Outside(allow_private=settings.allow_private_targets),
        storage=storage,
        post=Post(settings.smtp_url.get_secret_value(), settings.mail_from),
        channels=channels,
        now=now,
        lanes=Lanes(settings.worker_threads),
        calls=calls,
    )
    return House(kit, broker, http, client)


def _storage(settings: Settings) -> Storage:
    bucket = settings.bucket
    if bucket is None:
        return LocalStorage(settings.data_dir / "photos")
    try:
        from processor.storage.s3 import S3Storage
    except ImportError:
        raise ConfigError(
            ["PHOTO_STORAGE: a bucket needs boto3. Install it: pip install 'bothways[s3]'"]
        ) from None
    return S3Storage(bucket)


def _redis(settings: Settings) -> redis.Redis | None:
    if not settings.redis_url:
        return None
    client = redis_client(settings.redis_url, verify_tls=settings.redis_tls_verify)
    try:
        policy = client.info("memory").get("maxmemory_policy", "noeviction")
    except redis.RedisError as error:
        # Not a reason to stay down: Redis carries pokes only, and the clock goes on without them.
        say(logger, logging.WARNING, "Redis does not answer", error=type(error).__name__)
        return client
    if policy != "noeviction":
        raise ConfigError(
            [
                "REDIS_URL: this Redis may throw keys away when it is full. "
                "Set its maxmemory-policy to noeviction."
            ]
        )
    return client


def _slots(settings: Settings, client: redis.Redis | None) -> Slots:
    if client is None:
        return LocalSlots(settings.mailchimp_connections)
    return RedisSlots(client, settings.mailchimp_connections, ttl_seconds=SLOT_TTL_SECONDS)


def _mailchimp(
    settings: Settings, sealer: Sealer, http: httpx.Client, slots: Slots, note: Note
) -> Callable[[ConnectionRow], Mailchimp]:
    timeouts = Timeouts(read_seconds=settings.mailchimp_timeout_seconds)

    def open_for(connection: ConnectionRow) -> Mailchimp:
        if connection.token_sealed is None:
            raise Reconnect("reconnect")
        return Mailchimp(
            http,
            api_base=connection.api_base,
            token=sealer.unseal(connection.token_sealed, token_bind(connection.id)),
            slots=slots,
            account_key=connection.mailchimp_account,
            # The work that it is opened for: its calls may be made by other threads.
            on_call=partial(note, connection.id, current_work(), spans.here()),
            timeouts=timeouts,
        )

    return open_for


def _note(
    calls: Calls,
    now: Callable[[], datetime],
    connection_id: str,
    work: str | None,
    where: Any,
    call: Call,
) -> None:
    calls.note(connection_id, work, call, now())
    facts = {"connection": connection_id, "http.response.status_code": call.status, "code": call.code or None}
    spans.called(where, f"{call.method} {call.template}", call.seconds, facts)
    say(
        logger,
        logging.DEBUG if not call.code else logging.INFO,
        "mailchimp call",
        method=call.method,
        path=call.template,
        status=call.status,
        seconds=round(call.seconds, 3),
        instance=call.instance,
        code=call.code,
        connection=connection_id,
        work=work,
    )
