"""Puts many members into an audience at once, past all checks; and takes a picture of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from sandbox import clock
from sandbox.api.member_view import merge_values
from sandbox.clock import iso
from sandbox.state import address
from sandbox.state.audience import Audience
from sandbox.state.member import NOBODY, NOTHING, STATUSES, Member, OptOut
from sandbox.world import World


def put(world: World, audience: Audience, members: Iterable[Mapping[str, Any]]) -> int:
    """Adds members, or replaces those with the same address, without telling anybody; how many there were.

    Each may hold `email_address`, `status`, `merge_fields` (by tag), `tags` (names), `interests` (ids),
    `opt_out`, `last_changed`, `timestamp_opt`, `timestamp_signup`, `ip_opt`, `ip_signup`, `vip`, `language`.
    """
    now = world.clock.second()
    ids = {known.tag: merge_id for merge_id, known in audience.fields.items()}
    fresh: dict[bytes, Member] = {}
    for about in members:
        email = str(about["email_address"])
        if held := audience.members.by_email(email):
            audience.members.remove(held)
        fresh[address.digest(email)] = _member(audience, about, ids, now)
    first = audience.members.next_serial()
    for n, member in enumerate(fresh.values()):
        member.serial = first + n
    audience.members.add_many(list(fresh.values()))
    world.dirty = True
    return len(fresh)


def _member(audience: Audience, about: Mapping[str, Any], ids: Mapping[str, int], now: int) -> Member:
    status = str(about.get("status") or "subscribed")
    if status not in STATUSES:
        raise ValueError(f"status must be one of {', '.join(STATUSES)}")
    merges = {
        ids[tag]: value
        for tag, value in (about.get("merge_fields") or {}).items()
        if value != "" and tag in ids
    }
    opt_out = about.get("opt_out")
    if opt_out is None:
        opt_out = {"unsubscribed": "admin", "cleaned": "bounce"}.get(status, "")
    return Member(
        serial=0,
        email=str(about["email_address"]),
        status=status,
        last_changed_seconds=_second(about.get("last_changed"), now),
        merges=merges or NOTHING,
        tags={audience.tag_named(name, now).id: now for name in about.get("tags") or ()} or NOTHING,
        interests=frozenset(about.get("interests") or ()) or NOBODY,
        opt_out=cast("OptOut", opt_out),
        unsubscribe_reason=str(about.get("unsubscribe_reason") or ""),
        language=str(about.get("language") or ""),
        vip=bool(about.get("vip")),
        ip_signup=str(about.get("ip_signup") or ""),
        signup_seconds=_second(about.get("timestamp_signup"), 0),
        ip_opt=str(about.get("ip_opt") or ""),
        opt_seconds=_second(about.get("timestamp_opt"), now if status == "subscribed" else 0),
        source=str(about.get("source") or "Import"),
        sms_phone=str(about.get("sms_phone") or ""),
        sms_status=str(about.get("sms_status") or ""),
        sms_seconds=now if about.get("sms_status") else 0,
    )


def _second(text: Any, usual: int) -> int:
    return int(clock.parse(str(text))) if text else usual


def snapshot(audience: Audience, member: Member) -> dict[str, Any]:
    """A member with what the API hides (who made an opt-out); `tags` (names) and `interests` (ids) sorted."""
    return {
        "id": address.digest(member.email).hex(),
        "email_address": member.email,
        "unique_email_id": address.unique_email_id(member.email),
        "contact_id": audience.members.contact_id(member),
        "web_id": audience.web_id_of(member),
        "status": member.status,
        "opt_out": member.opt_out,
        "merge_fields": merge_values(audience, member),
        "tags": sorted(audience.tags[tag_id].name for tag_id in member.tags),
        "interests": sorted(member.interests),
        "marketing_permissions": sorted(member.permissions),
        "sms_phone": member.sms_phone,
        "sms_status": member.sms_status,
        "language": member.language,
        "vip": member.vip,
        "last_changed": iso(member.last_changed_seconds),
        "source": member.source,
    }
