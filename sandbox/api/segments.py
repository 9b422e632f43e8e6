"""Segments; a static segment is a tag under another name."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sandbox import problem
from sandbox.api.call import NO_CONTENT, Answer, Call
from sandbox.api.member_view import view as member_view
from sandbox.api.members import hashed_member_of
from sandbox.clock import iso
from sandbox.problem import Problem
from sandbox.state import acts
from sandbox.state.audience import Audience, Tag
from sandbox.state.member import Member


def listing(call: Call) -> Answer:
    """GET the segments."""
    audience = call.audience()
    kind = call.query.get("type", "")
    counts = Counter(tag_id for member in audience.members for tag_id in member.tags)
    found = [
        _view(call, audience, tag, counts[tag.id])
        for tag in audience.tags.values()
        if not kind or tag.kind == kind
    ]
    return call.listed("segments", found, f"/lists/{audience.id}/segments", list_id=audience.id)


def create(call: Call) -> Answer:
    """POST: `static_segment` (addresses) makes a tag, `options` a saved segment, kept but not worked out."""
    audience, body = call.audience(), call.required("name")
    name, now = str(body["name"]), call.world.clock.second()
    if any(tag.name == name for tag in audience.tags.values()):
        raise problem.invalid("Sorry, that tag already exists.")
    made = audience.tag_named(name, now)
    if "options" in body:
        made.kind, made.options = "saved", body["options"]
    for email in body.get("static_segment") or []:
        if member := audience.members.by_email(str(email)):
            acts.retag(audience, member, {name: True}, call.occasion())
    return Answer(_view(call, audience, made))


def read(call: Call) -> Answer:
    """GET one."""
    audience = call.audience()
    return call.chosen(_view(call, audience, _segment(call, audience)))


def update(call: Call) -> Answer:
    """PATCH: `name`; `static_segment` replaces who is in it."""
    audience, body = call.audience(), call.document()
    held = _segment(call, audience)
    held.name = str(body.get("name") or held.name)
    held.options = body.get("options") or held.options
    if "static_segment" in body:
        wanted = {str(email).lower() for email in body["static_segment"]}
        for member in list(audience.members):
            if (held.id in member.tags) != (member.email.lower() in wanted):
                acts.retag(audience, member, {held.name: member.email.lower() in wanted}, call.occasion())
    held.updated_seconds = call.world.clock.second()
    return Answer(_view(call, audience, held))


def delete(call: Call) -> Answer:
    """DELETE: the tag is gone from all members."""
    audience = call.audience()
    gone = _segment(call, audience)
    for member in _tagged(audience, gone):
        acts.retag(audience, member, {gone.name: False}, call.occasion())
    del audience.tags[gone.id]
    return NO_CONTENT


def members(call: Call) -> Answer:
    """GET the members of a segment."""
    audience = call.audience()
    found = [member for member in _tagged(audience, _segment(call, audience)) if member.status != "archived"]
    offset, count = call.page()
    page = [member_view(call, audience, member) for member in found[offset : offset + count]]
    path = f"/lists/{audience.id}/segments/{call.params['segment_id']}/members"
    return call.listed("members", page, path, len(found))


def change_many(call: Call) -> Answer:
    """POST a segment: `members_to_add`, `members_to_remove` (addresses)."""
    audience, body = call.audience(), call.document()
    segment = _segment(call, audience)
    done: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    errors = []
    for wanted, key in ((True, "members_to_add"), (False, "members_to_remove")):
        for email in body.get(key) or []:
            member = audience.members.by_email(str(email))
            if member is None:
                errors.append(
                    {"email_addresses": [str(email)], "error": "Email is not a member of this list."}
                )
            else:
                acts.retag(audience, member, {segment.name: wanted}, call.occasion())
                done[wanted].append(member_view(call, audience, member))
    body = {
        "members_added": done[True],
        "members_removed": done[False],
        "errors": errors,
        "total_added": len(done[True]),
        "total_removed": len(done[False]),
        "error_count": len(errors),
        "_links": call.links(("self", f"/lists/{audience.id}/segments/{segment.id}", "GET")),
    }
    return Answer(body)


def add_member(call: Call) -> Answer:
    """POST a member of a segment by `email_address`."""
    audience, body = call.audience(), call.required("email_address")
    segment = _segment(call, audience)
    member = audience.members.by_email(str(body["email_address"]))
    if member is None:
        raise Problem(404, "Resource Not Found", "The requested resource could not be found.")
    acts.retag(audience, member, {segment.name: True}, call.occasion())
    return Answer(member_view(call, audience, member))


def drop_member(call: Call) -> Answer:
    """DELETE a member from a segment; the member stays in the audience."""
    audience = call.audience()
    segment = _segment(call, audience)
    acts.retag(audience, hashed_member_of(call, audience), {segment.name: False}, call.occasion())
    return NO_CONTENT


def _segment(call: Call, audience: Audience) -> Tag:
    text = call.params["segment_id"]
    found = audience.tags.get(int(text)) if text.isdigit() else None
    if found is None:
        raise problem.not_found()
    return found


def _tagged(audience: Audience, tag: Tag) -> list[Member]:
    return [member for member in audience.members if tag.id in member.tags]


def _view(call: Call, audience: Audience, tag: Tag, count: int | None = None) -> dict[str, Any]:
    path = f"/lists/{audience.id}/segments/{tag.id}"
    conditions = [
        {"condition_type": "StaticSegment", "field": "static_segment", "op": "static_is", "value": tag.id}
    ]
    return {
        "id": tag.id,
        "name": tag.name,
        "member_count": len(_tagged(audience, tag)) if count is None else count,
        "type": tag.kind,
        "created_at": iso(tag.created_seconds),
        "updated_at": iso(tag.updated_seconds),
        "options": tag.options or {"match": "any", "conditions": conditions},
        "list_id": audience.id,
        "_links": call.links(("self", path, "GET"), ("members", f"{path}/members", "GET")),
    }
