"""The form bodies of webhooks, key for key as recorded ones have them."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import urlencode

from sandbox.clock import fired_at
from sandbox.state import address
from sandbox.state.acts import Notice
from sandbox.state.audience import Audience
from sandbox.state.member import Member

Pairs = list[tuple[str, str]]
CONTENT_TYPE = "application/x-www-form-urlencoded"


def body(audience: Audience, notice: Notice, at_seconds: float, campaign_id: str = "") -> bytes:
    """The bytes of one delivery: every value a string, brackets percent-encoded, blanks as `+`."""
    head = [("type", notice.type), ("fired_at", fired_at(at_seconds))]
    data = _DATA[notice.type](audience, notice, campaign_id)
    return form(head + [(f"data{key}", value) for key, value in data])


def campaign(audience: Audience, campaign_id: str, subject: str, at_seconds: float) -> bytes:
    """The bytes that tell of a sent campaign."""
    data = {
        "type": "campaign",
        "fired_at": fired_at(at_seconds),
        "data[id]": campaign_id,
        "data[subject]": subject,
        "data[status]": "sent",
        "data[reason]": "",
        "data[list_id]": audience.id,
    }
    return form(list(data.items()))


def form(pairs: Pairs) -> bytes:
    """Pairs as a form body."""
    return urlencode(pairs).encode()


def signature(secret: str, raw: bytes, at_second: int) -> str:
    """The value of `X-Mailchimp-Signature` for these bytes at this second."""
    signed = hmac.new(secret.encode(), f"{at_second}.".encode() + raw, hashlib.sha256).hexdigest()
    return f"t={at_second},v1={signed}"


def _profile(audience: Audience, notice: Notice, _: str) -> Pairs:
    return [*_person(audience, notice), ("[list_id]", audience.id)]


def _unsubscribe(audience: Audience, notice: Notice, campaign_id: str) -> Pairs:
    act = [("[action]", notice.action), ("[reason]", notice.reason)]
    sent = [("[campaign_id]", campaign_id)] if campaign_id else []
    return [*act, *_person(audience, notice), *sent, ("[list_id]", audience.id)]


def _upemail(audience: Audience, notice: Notice, _: str) -> Pairs:
    return [
        ("[new_id]", address.unique_email_id(notice.member.email)),
        ("[new_email]", notice.member.email),
        ("[old_email]", notice.old_email),
        ("[list_id]", audience.id),
    ]


def _cleaned(audience: Audience, notice: Notice, campaign_id: str) -> Pairs:
    return [
        ("[list_id]", audience.id),
        ("[campaign_id]", campaign_id),
        ("[reason]", notice.reason),
        ("[email]", notice.member.email),
    ]


def _person(audience: Audience, notice: Notice) -> Pairs:
    member = notice.member
    email = notice.shown_email or member.shown_email
    return [
        ("[id]", address.unique_email_id(member.email)),
        ("[email]", email),
        ("[email_type]", member.email_type),
        ("[ip_opt]", member.ip_opt),
        *([("[ip_signup]", member.ip_signup)] if member.ip_signup else []),
        ("[web_id]", str(audience.web_id_of(member))),
        ("[merges][EMAIL]", email),
        *_merges(audience, member),
    ]


def _merges(audience: Audience, member: Member) -> Pairs:
    pairs: Pairs = []
    for field in sorted(audience.fields.values(), key=lambda known: known.display_order):
        value = member.merges.get(field.merge_id, "")
        if isinstance(value, dict):
            # A set address is a map, an empty one a string, both under one key (recorded; seen in receivers).
            pairs += [(f"[merges][{field.tag}][{part}]", str(text)) for part, text in value.items()]
        else:
            pairs.append((f"[merges][{field.tag}]", str(value)))
    return pairs + _groups(audience, member)


def _groups(audience: Audience, member: Member) -> Pairs:
    if not audience.categories:
        return []
    pairs: Pairs = []
    chosen: list[str] = []
    for n, category in enumerate(audience.categories.values()):
        names = [interest.name for interest in category.interests.values() if interest.id in member.interests]
        chosen += names
        about: dict[str, Any] = {
            "id": category.number,
            "unique_id": category.id,
            "name": category.title,
            "groups": ", ".join(names),
        }
        pairs += [(f"[merges][GROUPINGS][{n}][{key}]", str(value)) for key, value in about.items()]
    return [("[merges][INTERESTS]", ", ".join(chosen)), *pairs]


_DATA = {
    "subscribe": _profile,
    "profile": _profile,
    "unsubscribe": _unsubscribe,
    "upemail": _upemail,
    "cleaned": _cleaned,
}
