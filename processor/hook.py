"""Our webhook at an audience: registered once, with a secret path, and mended when it is not as it was."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Container
from dataclasses import dataclass

from processor.kit import Kit
from processor.log import say
from processor.mailchimp.client import Mailchimp
from processor.mailchimp.hooks import Webhook
from processor.seals import hook_secret_bind, hook_token_bind
from processor.store import hooks
from processor.store.connections import ConnectionRow
from processor.store.hooks import HookRow, HookState

logger = logging.getLogger(__name__)

PATH = "/webhooks/mailchimp/"
TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class _Ours:
    row: HookRow
    url: str


def register(kit: Kit, connection: ConnectionRow) -> str | None:
    """See to it that exactly one webhook of ours stands at the audience, and that its secret is known. What
    was wrong with one that stood before is written down, to be shown (`hooks.mended`), and returned by the
    catalogue's code; None where nothing was.

    The record of the URL is committed before Mailchimp is asked, which validates it at once (facts.md
    1.1). A crash in between leaves a webhook whose signing secret nobody knows, since it is told once:
    the next run finds it by its URL, deletes it and makes another. Safe to repeat. Raises MailchimpError.
    """
    mailchimp = kit.mailchimp(connection)
    audience = connection.audience_id or ""
    ours = _ours(kit, connection)
    standing = mailchimp.webhooks(audience)
    good = [o for o in ours if any(_is_good(o, hook) for hook in standing)][:1]
    wrong = _wrong(ours, standing)
    _clear(kit, mailchimp, audience, ours, standing, keep=good)
    token_hash = good[0].row.token_hash if good else _create(kit, mailchimp, connection)
    if wrong is not None:
        with kit.store.write() as c:
            hooks.note_mended(c, token_hash, wrong, kit.now())
        say(logger, logging.WARNING, "webhook mended", connection=connection.id, code=wrong)
    return wrong


def _wrong(ours: list[_Ours], standing: list[Webhook]) -> str | None:
    """Say, by the catalogue's code, what is wrong with the webhook that was registered; None where nothing
    is, and where none was: an attempt that was cut short is no news to anybody."""
    registered = [o for o in ours if o.row.webhook_id is not None]
    if not registered:
        return None
    mine = [(o, hook) for o in registered for hook in standing if hook.url == o.url]
    if not mine:
        return "webhook_gone"
    if any(_is_good(o, hook) for o, hook in mine):
        return "webhook_doubled" if len(mine) > 1 else None
    return "webhook_incomplete" if not any(hook.is_complete for _, hook in mine) else "webhook_unsigned"


def take_away(kit: Kit, connection: ConnectionRow) -> int:
    """Delete our webhooks at the audience, and nobody else's; return how many those were.

    For uninstalling. Safe to repeat. Raises MailchimpError.
    """
    mailchimp = kit.mailchimp(connection)
    audience = connection.audience_id or ""
    urls = {ours.url for ours in _ours(kit, connection, frozenset(HookState))}
    standing = [hook for hook in mailchimp.webhooks(audience) if hook.url in urls]
    return sum(mailchimp.delete_webhook(audience, hook.id) for hook in standing)


def _ours(
    kit: Kit, connection: ConnectionRow, states: Container[HookState] = frozenset({HookState.LIVE})
) -> list[_Ours]:
    with kit.store.read() as c:
        rows = hooks.for_connection(c, connection.id)
    binding = hook_token_bind(connection.id)
    return [
        _Ours(row, kit.settings.public + PATH + kit.sealer.unseal(row.token_sealed, binding))
        for row in rows
        if row.state in states and row.token_sealed
    ]


def _is_good(ours: _Ours, hook: Webhook) -> bool:
    """Whether this is our webhook, and complete: all events and sources, and signed just where we know how
    to check it. Where Mailchimp does not say whether it signs, it is believed to do as before."""
    if hook.url != ours.url or hook.id != ours.row.webhook_id:
        return False
    known = bool(ours.row.secrets_sealed)
    return hook.is_complete and hook.signing_enabled in {None, known}


def _clear(
    kit: Kit,
    mailchimp: Mailchimp,
    audience: str,
    ours: list[_Ours],
    standing: list[Webhook],
    *,
    keep: list[_Ours],
) -> None:
    """Delete what is ours and not to be kept, there and here. Nobody else's webhook is touched."""
    drop = [o for o in ours if o not in keep]
    urls = {o.url for o in drop}
    for hook in standing:
        if hook.url in urls:
            mailchimp.delete_webhook(audience, hook.id)
    with kit.store.write() as c:
        for one in drop:
            hooks.retire(c, one.row.token_hash)


def _create(kit: Kit, mailchimp: Mailchimp, connection: ConnectionRow) -> bytes:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    sealed = kit.sealer.seal(token, hook_token_bind(connection.id))
    with kit.store.write() as c:
        token_hash = hooks.add(c, token, connection.id, sealed, kit.now())
    hook = mailchimp.create_webhook(connection.audience_id or "", kit.settings.public + PATH + token)
    secret = hook.signing_secret
    with kit.store.write() as c:
        sealed_secret = kit.sealer.seal(secret, hook_secret_bind(connection.id)) if secret else None
        hooks.activate(c, token_hash, hook.id, sealed_secret)
    say(logger, logging.INFO, "webhook registered", connection=connection.id, signed=bool(secret))
    return token_hash
