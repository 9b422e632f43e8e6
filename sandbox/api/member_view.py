"""A member as the API shows it."""

from __future__ import annotations

from typing import Any

from sandbox.api.call import Call
from sandbox.clock import iso
from sandbox.state import address
from sandbox.state.audience import Audience
from sandbox.state.member import Member

TAGS_SHOWN = 50


def view(call: Call, audience: Audience, member: Member, *, links: bool = True) -> dict[str, Any]:
    """All fields of one member; without `links` the costly `_links` are left out."""
    merges = merge_values(audience, member)
    latitude, longitude = member.location or (0, 0)
    body: dict[str, Any] = {
        "id": address.digest(member.email).hex(),
        "email_address": member.shown_email,
        "unique_email_id": address.unique_email_id(member.email),
        "contact_id": audience.members.contact_id(member),
        "full_name": f"{merges.get('FNAME', '')} {merges.get('LNAME', '')}".strip(),
        "web_id": audience.web_id_of(member),
        "email_type": member.email_type,
        "status": member.status,
        **({"unsubscribe_reason": member.unsubscribe_reason} if member.status == "unsubscribed" else {}),
        "consents_to_one_to_one_messaging": True,
        "sms_phone_number": member.sms_phone,
        "sms_subscription_status": member.sms_status,
        "sms_subscription_last_updated": iso(member.sms_seconds) if member.sms_seconds else "",
        "merge_fields": merges,
        **_groups(audience, member),
        "stats": {"avg_open_rate": 0, "avg_click_rate": 0},
        "ip_signup": member.ip_signup,
        "timestamp_signup": iso(member.signup_seconds),
        "ip_opt": member.ip_opt,
        "timestamp_opt": iso(member.opt_seconds),
        "member_rating": 2,
        "last_changed": iso(member.last_changed_seconds),
        "language": member.language,
        "vip": member.vip,
        "email_client": "",
        "location": {
            "latitude": latitude,
            "longitude": longitude,
            "gmtoff": 0,
            "dstoff": 0,
            "country_code": "",
            "timezone": "",
            "region": "",
        },
        **_permissions(audience, member),
        **_last_note(audience, member),
        "source": member.source,
        "tags_count": len(member.tags),
        "tags": _tags(call, audience, member),
        "list_id": audience.id,
    }
    if links:
        body["_links"] = _links(call, audience, body["id"])
    return body


def merge_values(audience: Audience, member: Member) -> dict[str, Any]:
    """Every merge field of the audience by tag; "" where the member has no value."""
    return {known.tag: member.merges.get(merge_id, "") for merge_id, known in audience.fields.items()}


def _groups(audience: Audience, member: Member) -> dict[str, Any]:
    ids = audience.interest_ids()
    return {"interests": {known: known in member.interests for known in ids}} if ids else {}


def _permissions(audience: Audience, member: Member) -> dict[str, Any]:
    if not audience.marketing_permissions:
        return {}
    shown = [
        {"marketing_permission_id": known, "text": text, "enabled": known in member.permissions}
        for known, text in audience.permissions.items()
    ]
    return {"marketing_permissions": shown}


def _last_note(audience: Audience, member: Member) -> dict[str, Any]:
    beside = audience.beside.get(member.serial)
    if not beside or not beside.notes:
        return {}
    last = beside.notes[-1]
    about = {
        "note_id": last.id,
        "created_at": iso(last.created_seconds),
        "created_by": "API",
        "note": last.text,
    }
    return {"last_note": about}


def _tags(call: Call, audience: Audience, member: Member) -> list[dict[str, Any]]:
    # Their order is not stable (recorded): nobody may rely on one.
    tags = [{"id": tag_id, "name": audience.tags[tag_id].name} for tag_id in member.tags]
    return call.world.ids.shuffled(tags)[:TAGS_SHOWN] if len(tags) > 1 else tags


def _links(call: Call, audience: Audience, subscriber_hash: str) -> list[dict[str, str]]:
    parent = f"/lists/{audience.id}/members"
    path = f"{parent}/{subscriber_hash}"
    return call.links(
        ("self", path, "GET"),
        ("parent", parent, "GET"),
        ("update", path, "PATCH"),
        ("upsert", path, "PUT"),
        ("delete", path, "DELETE"),
        ("activity", f"{path}/activity", "GET"),
        ("goals", f"{path}/goals", "GET"),
        ("notes", f"{path}/notes", "GET"),
        ("events", f"{path}/events", "POST"),
        ("delete_permanent", f"{path}/actions/delete-permanent", "POST"),
    )
