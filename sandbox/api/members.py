"""Members of an audience: read, write, archive, forget."""

from __future__ import annotations

from collections.abc import Callable

from sandbox import problem
from sandbox.api.call import NO_CONTENT, Answer, Call
from sandbox.api.member_view import view
from sandbox.state import acts, address, wish
from sandbox.state.acts import Outcome
from sandbox.state.audience import Audience
from sandbox.state.member import STATUSES, Member
from sandbox.state.members import VISIBLE, Query

_SORT_FIELDS = ("timestamp_opt", "timestamp_signup", "last_changed")


def listing(call: Call) -> Answer:
    """GET: without `status` all but the archived (recorded hint); `since_last_changed` is exclusive."""
    audience = call.audience()
    offset, count = call.page()
    if "unique_email_id" in call.query:
        found = audience.members.by_unique_email_id(call.query["unique_email_id"])
        members, total = ([found], 1) if found else ([], 0)
    else:
        members, total = audience.members.select(_query(call, offset, count))
    links = call.selection().has("members._links")
    shown = [view(call, audience, member, links=links) for member in members]
    return call.listed("members", shown, f"/lists/{audience.id}/members", total, list_id=audience.id)


def read(call: Call) -> Answer:
    """GET one: archived members too."""
    audience = call.audience()
    return call.chosen(view(call, audience, member_of(call, audience)))


def create(call: Call) -> Answer:
    """POST."""
    audience = call.audience()
    outcome = acts.add(audience, wish.read(call.required("email_address", "status")), call.occasion())
    return _told(call, audience, outcome)


def put(call: Call) -> Answer:
    """PUT."""
    audience = call.audience()
    outcome = acts.put(audience, call.params["subscriber_hash"], wish.read(call.document()), call.occasion())
    return _told(call, audience, outcome)


def patch(call: Call) -> Answer:
    """PATCH."""
    audience = call.audience()
    held = member_of(call, audience)
    outcome = acts.change(audience, held, wish.read(call.document(), "change"), call.occasion())
    return _told(call, audience, outcome)


def archive(call: Call) -> Answer:
    """DELETE archives."""
    audience = call.audience()
    notices = acts.archive(audience, member_of(call, audience), call.occasion())
    call.world.tell(audience, notices, "api")
    return NO_CONTENT


def forget(call: Call) -> Answer:
    """POST actions/delete-permanent."""
    audience = call.audience()
    notices = acts.forget(audience, hashed_member_of(call, audience))
    call.world.tell(audience, notices, "api")
    return NO_CONTENT


def member_of(call: Call, audience: Audience) -> Member:
    """The member that the path names, by hash, address or contact_id. Raises Problem 404."""
    found = audience.members.find(call.params["subscriber_hash"])
    if found is None:
        raise problem.not_found()
    return found


def hashed_member_of(call: Call, audience: Audience) -> Member:
    """The member that the path names by hash. Raises Problem 404.

    For tags, notes and deletion for good the specification names nothing but the MD5 hash; whoever sends an
    address or a contact_id there relies on what nobody promised.
    """
    found = member_of(call, audience)
    if address.digest(found.email).hex() != call.params["subscriber_hash"].lower():
        raise problem.not_found()
    return found


def _told(call: Call, audience: Audience, outcome: Outcome) -> Answer:
    call.world.tell(audience, outcome.notices, "api")
    return Answer(view(call, audience, outcome.member))


def _query(call: Call, offset: int, count: int) -> Query:
    status = call.query.get("status", VISIBLE)
    if status and status not in STATUSES:
        accepted = ", ".join(STATUSES)
        raise problem.invalid_field(
            "status", f"Data presented is not one of the accepted values: {accepted}."
        )
    sort_field = call.query.get("sort_field", "")
    if sort_field and sort_field not in _SORT_FIELDS:
        accepted = ", ".join(_SORT_FIELDS)
        raise problem.invalid_field(
            "sort_field", f"Data presented is not one of the accepted values: {accepted}."
        )
    after = call.moment("since_last_changed")
    if (since := call.moment("unsubscribed_since")) is not None:
        if status != "unsubscribed":
            raise problem.invalid_field("unsubscribed_since", "This filter needs status=unsubscribed.")
        after = max(after or 0, since)
    return Query(
        status=status,
        after_second=after,
        until_second=call.moment("before_last_changed"),
        keep=_keep(call),
        sort_field=sort_field,
        descending=call.query.get("sort_dir", "ASC").upper() == "DESC",
        offset=offset,
        count=count,
    )


def _keep(call: Call) -> Callable[[Member], bool] | None:
    """The filters that no index helps with, as one; None where there are none."""
    checks: list[Callable[[Member], bool]] = []
    if kind := call.query.get("email_type"):
        checks.append(lambda member: member.email_type == kind)
    if call.flag("vip_only"):
        checks.append(lambda member: member.vip)
    if (since := call.moment("since_timestamp_opt")) is not None:
        checks.append(lambda member: member.opt_seconds > since)
    if (before := call.moment("before_timestamp_opt")) is not None:
        checks.append(lambda member: 0 < member.opt_seconds <= before)
    if ids := call.query.get("interest_ids"):
        checks.append(_interested(set(ids.split(",")), call.query.get("interest_match", "any")))
    return (lambda member: all(check(member) for check in checks)) if checks else None


def _interested(ids: set[str], match: str) -> Callable[[Member], bool]:
    if match == "all":
        return lambda member: ids <= member.interests
    if match == "none":
        return lambda member: not ids & member.interests
    return lambda member: bool(ids & member.interests)
