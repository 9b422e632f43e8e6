"""Tags of a member and the search for tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox import problem
from sandbox.api.call import NO_CONTENT, Answer, Call
from sandbox.api.members import hashed_member_of, member_of
from sandbox.clock import iso
from sandbox.state import acts


def of_member(call: Call) -> Answer:
    """GET the tags of a member."""
    audience = call.audience()
    member = member_of(call, audience)
    items = [
        {"id": tag_id, "name": audience.tags[tag_id].name, "date_added": iso(added)}
        for tag_id, added in member.tags.items()
    ]
    return call.listed("tags", items, f"/lists/{audience.id}/members/{call.params['subscriber_hash']}/tags")


def change(call: Call) -> Answer:
    """POST: 204 for archived members too, and for no tags at all (recorded); no webhook tells of it."""
    audience, body = call.audience(), call.document()
    member = hashed_member_of(call, audience)
    sent = body.get("tags")
    if not isinstance(sent, list):
        raise problem.invalid_field("", "Required fields were not provided: tags")
    acts.retag(audience, member, dict(_wanted(item) for item in sent), call.occasion())
    return NO_CONTENT


def search(call: Call) -> Answer:
    """GET tag-search: the tags whose name begins with `name`."""
    audience = call.audience()
    wanted = call.query.get("name", "").lower()
    items = [
        {"id": tag.id, "name": tag.name}
        for tag in audience.tags.values()
        if tag.kind == "static" and tag.name.lower().startswith(wanted)
    ]
    return call.listed("tags", items, f"/lists/{audience.id}/tag-search", len(items))


def _wanted(item: Any) -> tuple[str, bool]:
    if not isinstance(item, Mapping) or not item.get("name"):
        raise problem.invalid_field("tags.item:0.name", "Please enter a value")
    if item.get("status") not in ("active", "inactive"):
        accepted = "inactive, active"
        raise problem.invalid_field(
            "tags.item:0.status", f"Data presented is not one of the accepted values: {accepted}."
        )
    return str(item["name"]), item["status"] == "active"
