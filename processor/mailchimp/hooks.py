"""An audience's webhooks: the calls that manage them. No I/O. What they deliver: `webhook.py`.

Source: facts.md 1.9 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from processor.mailchimp.protocol import Request, maps, text

EVENTS = frozenset({"subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign"})
SOURCES = frozenset({"user", "admin", "api"})
"""`api` as well: other tools' changes are heard, and our own echo makes an empty plan (promise 4)."""

_HOOKS = "/lists/{list_id}/webhooks"
_HOOK = "/lists/{list_id}/webhooks/{webhook_id}"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook of an audience. `signing_secret` is told once, in the answer to create (facts.md 1.6).
    The URL holds a secret too, so neither is shown in a repr."""

    id: str
    url: str = field(repr=False)
    events: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    signing_enabled: bool | None = None
    """None where Mailchimp does not say."""
    signing_secret: str | None = field(default=None, repr=False)

    @property
    def is_complete(self) -> bool:
        """Whether it tells of everything that we listen to."""
        return self.events >= EVENTS and self.sources >= SOURCES


def read_all(list_id: str) -> Request:
    """Ask for all webhooks; this call knows no pages."""
    return Request("GET", _HOOKS, {"list_id": list_id})


def create(list_id: str, url: str) -> Request:
    """Create one. Mailchimp asks the URL by GET before it answers, so the URL must already be served.
    All sources are named, because what an omitted one means is not documented (facts.md 1.9)."""
    return Request("POST", _HOOKS, {"list_id": list_id}, json={"url": url, **_everything()})


def update(list_id: str, webhook_id: str, *, url: str | None = None) -> Request:
    """Make one tell of everything again, at another URL where one is given."""
    body = _everything() if url is None else {"url": url, **_everything()}
    return Request("PATCH", _HOOK, {"list_id": list_id, "webhook_id": webhook_id}, json=body)


def delete(list_id: str, webhook_id: str) -> Request:
    """Delete one."""
    return Request("DELETE", _HOOK, {"list_id": list_id, "webhook_id": webhook_id})


def to_webhook(body: Mapping[str, Any]) -> Webhook:
    """Return the webhook."""
    return Webhook(
        id=text(body.get("id")),
        url=text(body.get("url")),
        events=_switched_on(body.get("events")),
        sources=_switched_on(body.get("sources")),
        signing_enabled=said if isinstance(said := body.get("signing_enabled"), bool) else None,
        signing_secret=text(body.get("signing_secret")) or None,
    )


def to_webhooks(body: Mapping[str, Any]) -> list[Webhook]:
    """Return all webhooks of an answer."""
    return [to_webhook(item) for item in maps(body.get("webhooks"))]


def _everything() -> dict[str, Any]:
    return {
        "events": dict.fromkeys(sorted(EVENTS), True),
        "sources": dict.fromkeys(sorted(SOURCES), True),
    }


def _switched_on(switches: Any) -> frozenset[str]:
    if not isinstance(switches, Mapping):
        return frozenset()
    return frozenset(name for name, is_on in switches.items() if is_on is True)
