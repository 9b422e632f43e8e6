"""`POST /lists/{list_id}`: up to 500 members at once, answered at once, 200 even when all of them fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox import problem
from sandbox.api.call import Answer, Call
from sandbox.api.member_view import view
from sandbox.problem import Problem
from sandbox.state import acts, wish
from sandbox.state.audience import Audience
from sandbox.state.member import Member
from sandbox.state.wish import Wish

MOST = 500


@dataclass(slots=True)
class _Batch:
    call: Call
    audience: Audience
    update_existing: bool
    sync_tags: bool
    created: list[Member] = field(default_factory=list)
    updated: list[Member] = field(default_factory=list)
    errors: list[dict[str, str]] = field(default_factory=list)
    seen: dict[str, Wish] = field(default_factory=dict)


def batch_subscribe(call: Call) -> Answer:
    """Add many; with `update_existing` change those that are there, with `sync_tags` replace their tags."""
    audience, body = call.audience(), call.required("members")
    members = body["members"]
    if not isinstance(members, list) or len(members) > MOST:
        raise problem.invalid_field("members", f"You may only send up to {MOST} members at a time.")
    update_existing = bool(body.get("update_existing"))
    batch = _Batch(call, audience, update_existing, bool(body.get("sync_tags")) and update_existing)
    for item in members:
        _one(batch, item if isinstance(item, dict) else {})
    return Answer(_body(batch))


def _one(batch: _Batch, item: dict[str, Any]) -> None:
    email = str(item.get("email_address") or "")
    try:
        _take(batch, wish.read(item))
    except Problem as error:
        code = "ERROR_CONTACT_EXISTS" if error.title == "Member Exists" else "ERROR_GENERIC"
        first = (error.errors or [{}])[0]
        told = {
            "email_address": email,
            "error": _words(error, email),
            "error_code": code,
            "field": first.get("field", ""),
            "field_message": first.get("message", ""),
        }
        batch.errors.append(told)


def _take(batch: _Batch, wanted: Wish) -> None:
    call, audience = batch.call, batch.audience
    held = audience.members.by_email(wanted.email or "")
    ours = _seen_before(batch, wanted) and held in batch.created
    occasion = call.occasion()
    if held is None or held.status == "archived" or not (batch.update_existing or ours):
        outcome = acts.add(audience, wanted, occasion)
        batch.created.append(outcome.member)
    else:
        outcome = acts.change(audience, held, wanted, occasion)
        if batch.sync_tags:
            acts.retag(audience, held, _only(audience, held, wanted), occasion)
        if not ours:
            batch.updated.append(held)
    call.world.tell(audience, outcome.notices, "api")


def _only(audience: Audience, held: Member, wanted: Wish) -> dict[str, bool]:
    dropped = {audience.tags[tag_id].name: False for tag_id in held.tags}
    return {**dropped, **dict.fromkeys(wanted.tags, True)}


def _seen_before(batch: _Batch, wanted: Wish) -> bool:
    first = batch.seen.setdefault((wanted.email or "").lower(), wanted)
    if first is wanted:
        return False
    if not batch.call.flag("skip_duplicate_check"):
        raise problem.invalid(f"Duplicate items found for {wanted.email}.")
    # The first appearance's status is kept (specification).
    wanted.status = first.status
    return True


def _words(error: Problem, email: str) -> str:
    if error.title == "Member Exists":
        return (
            f"{email} is already a list member, do you want to update? "
            "please provide update_existing:true in the request body"
        )
    return error.detail


def _body(batch: _Batch) -> dict[str, Any]:
    call, audience = batch.call, batch.audience
    return {
        "new_members": [view(call, audience, member) for member in batch.created],
        "updated_members": [view(call, audience, member) for member in batch.updated],
        "errors": batch.errors,
        "total_created": len(batch.created),
        "total_updated": len(batch.updated),
        "error_count": len(batch.errors),
        "_links": call.links(("self", f"/lists/{audience.id}", "POST")),
    }
