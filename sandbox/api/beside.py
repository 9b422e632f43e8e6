"""What stands beside a member: notes, events, activity, goals."""

from __future__ import annotations

from typing import Any

from sandbox import clock, problem
from sandbox.api.call import NO_CONTENT, Answer, Call
from sandbox.api.members import hashed_member_of, member_of
from sandbox.clock import iso
from sandbox.state import address
from sandbox.state.audience import Audience, Note
from sandbox.state.member import Member


def notes(call: Call) -> Answer:
    """GET the notes, newest first."""
    audience = call.audience()
    member = hashed_member_of(call, audience)
    items = [_note_view(call, audience, member, note) for note in reversed(audience.beside_of(member).notes)]
    return call.listed("notes", items, f"{_path(audience, member)}/notes", **_whose(audience, member))


def create_note(call: Call) -> Answer:
    """POST a note."""
    audience = call.audience()
    member = hashed_member_of(call, audience)
    now = call.world.clock.second()
    made = Note(call.world.ids.number(1, 2**31), str(call.required("note")["note"]), now, now)
    audience.beside_of(member).notes.append(made)
    return Answer(_note_view(call, audience, member, made))


def read_note(call: Call) -> Answer:
    """GET a note."""
    audience, member = _both(call)
    return call.chosen(_note_view(call, audience, member, _note(call, audience, member)))


def update_note(call: Call) -> Answer:
    """PATCH a note."""
    audience, member = _both(call)
    note = _note(call, audience, member)
    note.text = str(call.document().get("note") or note.text)
    note.updated_seconds = call.world.clock.second()
    return Answer(_note_view(call, audience, member, note))


def delete_note(call: Call) -> Answer:
    """DELETE a note."""
    audience, member = _both(call)
    audience.beside_of(member).notes.remove(_note(call, audience, member))
    return NO_CONTENT


def events(call: Call) -> Answer:
    """GET the events that were recorded for a member, newest first."""
    audience, member = _both(call)
    items = list(reversed(audience.beside_of(member).events))
    return call.listed("events", items, f"{_path(audience, member)}/events")


def create_event(call: Call) -> Answer:
    """POST an event: a name of 2 to 30 characters, properties that are texts."""
    audience, member = _both(call)
    body = call.required("name")
    name, properties = str(body["name"]), body.get("properties") or {}
    if not 2 <= len(name) <= 30:
        raise problem.invalid_field("name", "Event names have 2 to 30 characters.")
    if not isinstance(properties, dict) or not all(isinstance(value, str) for value in properties.values()):
        raise problem.invalid_field("properties", "Schema describes string, object found instead")
    try:
        occurred = (
            int(clock.parse(body["occurred_at"])) if body.get("occurred_at") else call.world.clock.second()
        )
    except ValueError:
        raise problem.invalid_field("occurred_at", "Please enter a valid date and time.") from None
    event = {"occurred_at": iso(occurred), "name": name, "properties": properties}
    audience.beside_of(member).events.append(event)
    return NO_CONTENT


def activity(call: Call) -> Answer:
    """GET what happened to a member, newest first; the last 50."""
    audience, member = _both(call)
    wanted = set(filter(None, call.query.get("action", "").split(",")))
    found = [item for item in audience.beside_of(member).activity if not wanted or item["action"] in wanted]
    items = list(reversed(found))[:50]
    whose = {**_whose(audience, member), "contact_id": audience.members.contact_id(member)}
    return call.listed("activity", items, f"{_path(audience, member)}/activity", len(items), **whose)


def activity_feed(call: Call) -> Answer:
    """GET the same as a feed."""
    audience, member = _both(call)
    items = [
        {"activity_type": item["action"], "created_at_timestamp": item["timestamp"]}
        for item in reversed(audience.beside_of(member).activity)
    ]
    return call.listed(
        "activity", items, f"{_path(audience, member)}/activity-feed", **_whose(audience, member)
    )


def goals(call: Call) -> Answer:
    """GET: nobody visits web pages in a sandbox."""
    audience, member = _both(call)
    return call.listed("goals", [], f"{_path(audience, member)}/goals", 0, **_whose(audience, member))


def _both(call: Call) -> tuple[Audience, Member]:
    audience = call.audience()
    return audience, member_of(call, audience)


def _whose(audience: Audience, member: Member) -> dict[str, Any]:
    return {"email_id": address.digest(member.email).hex(), "list_id": audience.id}


def _path(audience: Audience, member: Member) -> str:
    return f"/lists/{audience.id}/members/{address.digest(member.email).hex()}"


def _note(call: Call, audience: Audience, member: Member) -> Note:
    wanted = call.params["note_id"]
    for note in audience.beside_of(member).notes:
        if str(note.id) == wanted:
            return note
    raise problem.not_found()


def _note_view(call: Call, audience: Audience, member: Member, note: Note) -> dict[str, Any]:
    return {
        "id": note.id,
        "created_at": iso(note.created_seconds),
        "created_by": "API",
        "updated_at": iso(note.updated_seconds),
        "note": note.text,
        **_whose(audience, member),
        "contact_id": audience.members.contact_id(member),
        "_links": call.links(("self", f"{_path(audience, member)}/notes/{note.id}", "GET")),
    }
