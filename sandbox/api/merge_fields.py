"""Merge fields of an audience."""

from __future__ import annotations

from typing import Any

from sandbox import problem
from sandbox.api.call import NO_CONTENT, Answer, Call
from sandbox.state import fields
from sandbox.state.audience import Audience
from sandbox.state.fields import MergeField

# Common knowledge; the specification does not say it.
TAG_LENGTH = 10
_CHANGEABLE = ("name", "required", "default_value", "public", "display_order", "help_text")


def listing(call: Call) -> Answer:
    """GET: in the order of their tags, as recorded."""
    audience = call.audience()
    found = sorted(audience.fields.values(), key=lambda known: known.tag)
    if kind := call.query.get("type"):
        found = [known for known in found if known.type == kind]
    if "required" in call.query:
        found = [known for known in found if known.required == call.flag("required")]
    items = [view(call, audience, known) for known in found]
    return call.listed("merge_fields", items, f"/lists/{audience.id}/merge-fields", list_id=audience.id)


def read(call: Call) -> Answer:
    """GET one."""
    audience = call.audience()
    return call.chosen(view(call, audience, _field(call, audience)))


def create(call: Call) -> Answer:
    """POST. Without a tag one is made up (MMERGE5)."""
    audience, body = call.audience(), call.required("name", "type")
    if body["type"] not in fields.TYPES:
        accepted = ", ".join(fields.TYPES)
        raise problem.invalid_field("type", f"Data presented is not one of the accepted values: {accepted}.")
    tag = _free_tag(audience, str(body.get("tag") or ""))
    options = _options(body)
    if body["type"] in ("radio", "dropdown") and not options.get("choices"):
        raise problem.invalid_field("options.choices", "Please enter at least one choice.")
    more = {key: body[key] for key in _CHANGEABLE if key in body and key != "name"}
    made = audience.add_field(tag, str(body["name"]), body["type"], options=options, **more)
    return Answer(view(call, audience, made))


def update(call: Call) -> Answer:
    """PATCH; the type cannot be changed."""
    audience, body = call.audience(), call.document()
    held = _field(call, audience)
    if body.get("tag") and str(body["tag"]).upper() != held.tag:
        held.tag = _free_tag(audience, str(body["tag"]))
    for key in _CHANGEABLE:
        if key in body:
            setattr(held, key, body[key])
    held.options = {**held.options, **_options(body)}
    return Answer(view(call, audience, held))


def delete(call: Call) -> Answer:
    """DELETE: the members lose their values."""
    audience = call.audience()
    gone = _field(call, audience)
    del audience.fields[gone.merge_id]
    for member in audience.members:
        if gone.merge_id in member.merges:
            member.merges = {key: value for key, value in member.merges.items() if key != gone.merge_id}
    return NO_CONTENT


def view(call: Call, audience: Audience, known: MergeField) -> dict[str, Any]:
    """A merge field as the API shows it."""
    path = f"/lists/{audience.id}/merge-fields"
    return {
        "merge_id": known.merge_id,
        "tag": known.tag,
        "name": known.name,
        "type": known.type,
        "required": known.required,
        "default_value": known.default_value,
        "public": known.public,
        "display_order": known.display_order,
        "options": known.options,
        "help_text": known.help_text,
        "list_id": audience.id,
        "_links": call.links(
            ("self", f"{path}/{known.merge_id}", "GET"),
            ("parent", path, "GET"),
            ("update", f"{path}/{known.merge_id}", "PATCH"),
            ("delete", f"{path}/{known.merge_id}", "DELETE"),
        ),
    }


def _field(call: Call, audience: Audience) -> MergeField:
    text = call.params["merge_id"]
    known = audience.fields.get(int(text)) if text.isdigit() else None
    if known is None:
        raise problem.not_found()
    return known


def _free_tag(audience: Audience, tag: str) -> str:
    tag = tag.upper()
    if len(tag) > TAG_LENGTH:
        raise problem.invalid_field("tag", f"Merge tags may have at most {TAG_LENGTH} characters.")
    if tag == "EMAIL" or (tag and audience.field_by_tag(tag)):
        raise problem.invalid(f'A Merge Field with the tag "{tag}" already exists for this list.')
    return tag


def _options(body: dict[str, Any]) -> dict[str, Any]:
    given = body.get("options") or {}
    if not isinstance(given, dict):
        raise problem.invalid_field("options", "Schema describes object, array found instead")
    return given
