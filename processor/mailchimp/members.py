"""Members: the calls about them, and a member of ours out of Mailchimp's. No I/O.

Source: facts.md 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from processor.domain.catalogue import recognise
from processor.domain.contact import Member, MemberStatus, Permission, email_key, subscriber_hash
from processor.errors import Invalid, NotUnderstood
from processor.mailchimp.protocol import PAGE_LIMIT, Request, maps, moment, number, text, written_moment

ADD_LIMIT = 500
"""Members in one `POST /lists/{id}` (facts.md 4.7)."""

_LIST = "/lists/{list_id}"
_MEMBERS = "/lists/{list_id}/members"
_MEMBER = "/lists/{list_id}/members/{member_id}"
_WANTED = (
    "id",
    "email_address",
    "unique_email_id",
    "contact_id",
    "web_id",
    "status",
    "unsubscribe_reason",
    "merge_fields",
    "interests",
    "language",
    "last_changed",
    "tags_count",
    "tags",
    "marketing_permissions",
    "sms_phone_number",
    "sms_subscription_status",
    "sms_subscription_last_updated",
)
_WANTED_IDS = ("id", "contact_id", "email_address", "status")
_STATUSES = {status.value: status for status in MemberStatus if status is not MemberStatus.DELETED}


@dataclass(frozen=True, slots=True)
class NewMember:
    """Somebody to add. Only a consent with evidence may stand behind `status=subscribed` (promise 3)."""

    email: str
    status: MemberStatus
    merge_fields: Mapping[str, Any] = field(default_factory=dict)
    interests: Mapping[str, bool] = field(default_factory=dict)
    language: str | None = None
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Refused:
    """Somebody who was not added: the address as it was sent, the catalogue's code, Mailchimp's own words,
    and the merge field that they are about, where they are about one."""

    email: str
    code: str
    detail: str = ""
    error_code: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of members to add: each that was sent is in exactly one of the two lists."""

    members: list[Member]
    refused: list[Refused]


@dataclass(frozen=True, slots=True)
class MembersPage:
    """Members of one page, and how many there are in all. `unreadable` were left out: their status is a
    word that we do not know."""

    members: list[Member]
    total: int
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class MemberId:
    """As little of a member as a full comparison needs."""

    id: str
    contact_id: str | None
    email: str
    status: str


@dataclass(frozen=True, slots=True)
class MemberIdsPage:
    """Ids of one page, and how many members there are in all."""

    members: list[MemberId]
    total: int


def member_id_of(member_id_or_email: str) -> str:
    """Return what addresses a member in a path: an id as it is, an address as its hash, so that no
    address stands in a URL."""
    return subscriber_hash(member_id_or_email) if "@" in member_id_or_email else member_id_or_email


def read_one(list_id: str, member_id_or_email: str) -> Request:
    """Ask for one member, archived ones too."""
    ids = {"list_id": list_id, "member_id": member_id_of(member_id_or_email)}
    return Request("GET", _MEMBER, ids, {"fields": ",".join(_WANTED)})


def read_tags(list_id: str, member_id: str, offset: int) -> Request:
    """Ask for one page of a member's tags, all of which no other answer shows (facts.md 4.2)."""
    ids = {"list_id": list_id, "member_id": member_id_of(member_id)}
    params: dict[str, str | int] = {"fields": "tags.name,total_items", "count": PAGE_LIMIT, "offset": offset}
    return Request("GET", _MEMBER + "/tags", ids, params)


def find(list_id: str, unique_email_id: str, *, status: MemberStatus | None = None) -> Request:
    """Ask for the member with this `unique_email_id`."""
    params: dict[str, str | int] = {"unique_email_id": unique_email_id, "count": 1, "fields": _page(_WANTED)}
    return Request("GET", _MEMBERS, {"list_id": list_id}, params | _status(status))


def read_page(
    list_id: str,
    *,
    since: datetime | None = None,
    before: datetime | None = None,
    status: MemberStatus | None = None,
    offset: int = 0,
    count: int = PAGE_LIMIT,
) -> Request:
    """Ask for one page of members, least recently changed first, so that pages can go on from a time."""
    params: dict[str, str | int] = {
        "fields": _page(_WANTED),
        "sort_field": "last_changed",
        "sort_dir": "ASC",
        "offset": offset,
        "count": count,
    }
    if since is not None:
        params["since_last_changed"] = written_moment(since)
    if before is not None:
        params["before_last_changed"] = written_moment(before)
    return Request("GET", _MEMBERS, {"list_id": list_id}, params | _status(status))


def read_ids_page(list_id: str, *, status: MemberStatus | None, offset: int, count: int) -> Request:
    """Ask for one page of ids, most recently changed first.

    Offset pages move under a moving set: in this order a member that changes meanwhile is the only one
    that can be missed by its change, in the other order it hides its neighbour (facts.md 4.6).
    """
    params: dict[str, str | int] = {
        "fields": _page(_WANTED_IDS),
        "sort_field": "last_changed",
        "sort_dir": "DESC",
        "offset": offset,
        "count": count,
    }
    return Request("GET", _MEMBERS, {"list_id": list_id}, params | _status(status))


def add(list_id: str, members: Iterable[NewMember], *, update_existing: bool = False) -> Request:
    """Add up to 500 members at once; with `update_existing` also change the statuses of existing ones."""
    body = {"members": [_new(member) for member in members], "update_existing": update_existing}
    return Request("POST", _LIST, {"list_id": list_id}, json=body, is_slow=True)


def change(
    list_id: str,
    member_id: str,
    *,
    email: str | None = None,
    status: MemberStatus | None = None,
    merge_fields: Mapping[str, Any] | None = None,
    interests: Mapping[str, bool] | None = None,
    language: str | None = None,
    permissions: Mapping[str, bool] | None = None,
) -> Request:
    """Change what is given of an existing member, and nothing else; merge fields not named keep their value.

    PATCH and never PUT, which creates a contact where the hash is stale (facts.md 4.2).
    """
    body: dict[str, Any] = {}
    if email is not None:
        body["email_address"] = email
    if status is not None:
        body["status"] = status.value
    if merge_fields:
        body["merge_fields"] = dict(merge_fields)
    if interests:
        body["interests"] = dict(interests)
    if language is not None:
        body["language"] = language
    if permissions:
        body["marketing_permissions"] = [
            {"marketing_permission_id": permission_id, "enabled": enabled}
            for permission_id, enabled in sorted(permissions.items())
        ]
    ids = {"list_id": list_id, "member_id": member_id_of(member_id)}
    return Request("PATCH", _MEMBER, ids, json=body)


def tag(
    list_id: str, member_id: str, added: Iterable[str], removed: Iterable[str], *, is_syncing: bool = False
) -> Request:
    """Put tags on and take tags off; `is_syncing` keeps automations that wait for a tag from starting."""
    tags = [{"name": name, "status": "active"} for name in sorted(added)]
    tags += [{"name": name, "status": "inactive"} for name in sorted(removed)]
    ids = {"list_id": list_id, "member_id": member_id_of(member_id)}
    return Request("POST", _MEMBER + "/tags", ids, json={"tags": tags, "is_syncing": is_syncing})


def archive(list_id: str, member_id: str) -> Request:
    """Archive a member: kept by Mailchimp, out of the audience."""
    return Request("DELETE", _MEMBER, {"list_id": list_id, "member_id": member_id_of(member_id)})


def delete_permanently(list_id: str, member_id: str) -> Request:
    """Delete a member for good: the address cannot be added again by anybody but the person."""
    ids = {"list_id": list_id, "member_id": member_id_of(member_id)}
    return Request("POST", _MEMBER + "/actions/delete-permanent", ids)


def to_member(body: Mapping[str, Any]) -> Member:
    """Return the member that Mailchimp's object describes; `email` is "" for contacts without an address.

    Tags that the answer does not hold, or holds in part, are marked by `tags_complete=False`: unknown is
    not empty. Raises NotUnderstood when it has no id or a status that we do not know.
    """
    status = _STATUSES.get(text(body.get("status")))
    if status is None or not text(body.get("id")):
        raise NotUnderstood("Mailchimp's answer holds a member without an id, or in a status new to us.")
    tags, count = to_tags(maps(body.get("tags"))), number(body.get("tags_count"))
    merge_fields, interests = body.get("merge_fields"), body.get("interests")
    return Member(
        id=text(body.get("id")),
        email=text(body.get("email_address")),
        status=status,
        merge_fields=merge_fields if isinstance(merge_fields, Mapping) else {},
        interests=_interests(interests) if isinstance(interests, Mapping) else {},
        tags=tags,
        contact_id=text(body.get("contact_id")) or None,
        unique_email_id=text(body.get("unique_email_id")) or None,
        web_id=number(body.get("web_id")) or None,
        language=text(body.get("language")) or None,
        last_changed=moment(body.get("last_changed")),
        unsubscribe_reason=text(body.get("unsubscribe_reason")) or None,
        permissions=_permissions(body.get("marketing_permissions")),
        sms_phone=text(body.get("sms_phone_number")) or None,
        sms_status=text(body.get("sms_subscription_status")) or None,
        sms_changed_at=moment(body.get("sms_subscription_last_updated")),
        tags_complete="tags" in body and count <= len(tags),
        tags_count=count,
    )


def to_tags(items: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the names of tags."""
    return frozenset(name for tag in items if (name := text(tag.get("name"))))


def to_members_page(body: Mapping[str, Any]) -> MembersPage:
    """Return one page. One member that cannot be read does not hide the others: it is counted."""
    found, unreadable = _readable(maps(body.get("members")))
    return MembersPage(found, number(body.get("total_items")), unreadable)


def _readable(items: Iterable[Mapping[str, Any]]) -> tuple[list[Member], int]:
    found, unreadable = [], 0
    for item in items:
        try:
            found.append(to_member(item))
        except NotUnderstood:
            unreadable += 1
    return found, unreadable


def to_ids_page(body: Mapping[str, Any]) -> MemberIdsPage:
    """Return one page of ids."""
    found = [
        MemberId(
            text(item.get("id")),
            text(item.get("contact_id")) or None,
            text(item.get("email_address")),
            text(item.get("status")),
        )
        for item in maps(body.get("members"))
    ]
    return MemberIdsPage(found, number(body.get("total_items")))


def without_twins(members: Sequence[NewMember]) -> tuple[list[NewMember], list[Refused]]:
    """Return the first of each address, and the others as refused: Mailchimp takes an address once in a
    call (facts.md 4.7). Raises Invalid for more than 500 members."""
    if len(members) > ADD_LIMIT:
        raise Invalid(f"Add at most {ADD_LIMIT} members in one call.", field="members")
    first: dict[str, NewMember] = {}
    twins = []
    for member in members:
        if first.setdefault(email_key(member.email), member) is not member:
            twins.append(Refused(member.email, "email_taken", "Two contacts have this address."))
    return list(first.values()), twins


def to_added(sent: Sequence[NewMember], body: Mapping[str, Any]) -> Added:
    """Return what became of each member that was sent.

    Mailchimp has been seen to leave somebody who unsubscribed out of every list of its answer (facts.md
    4.7); such a one is told as `member_exists`, so that it is read and reconciled.
    """
    spelling = {email_key(member.email): member.email for member in sent}
    members, _ = _readable(maps(body.get("new_members")) + maps(body.get("updated_members")))
    refused = [_refused(item, spelling) for item in maps(body.get("errors"))]
    answered = {email_key(member.email) for member in members} | {email_key(r.email) for r in refused}
    silent = [Refused(email, "member_exists") for key, email in spelling.items() if key not in answered]
    return Added(members, refused + silent)


def _refused(item: Mapping[str, Any], spelling: Mapping[str, str]) -> Refused:
    email, detail = text(item.get("email_address")), text(item.get("error"))
    error_code, about = text(item.get("error_code")), text(item.get("field"))
    if error_code == "ERROR_CONTACT_EXISTS":
        code = "member_exists"
    else:
        field_errors = ((about, text(item.get("field_message"))),) if about else ()
        code = recognise(400, "Invalid Resource", detail, field_errors, True)
        if about:
            detail = f"{about}: {text(item.get('field_message')) or detail}"
    return Refused(spelling.get(email_key(email), email), code, detail, error_code, about)


def _new(member: NewMember) -> dict[str, Any]:
    body: dict[str, Any] = {"email_address": member.email, "status": member.status.value}
    if member.merge_fields:
        body["merge_fields"] = dict(member.merge_fields)
    if member.interests:
        body["interests"] = dict(member.interests)
    if member.language:
        body["language"] = member.language
    if member.tags:
        body["tags"] = sorted(member.tags)
    return body


def _interests(interests: Mapping[str, Any]) -> dict[str, bool]:
    return {key: value for key, value in interests.items() if isinstance(value, bool)}


def _permissions(said: Any) -> dict[str, Permission]:
    named = {text(one.get("marketing_permission_id")): one for one in maps(said)}
    named.pop("", None)
    return {
        permission_id: Permission(text(one.get("text")), one.get("enabled") is True)
        for permission_id, one in named.items()
    }


def _status(status: MemberStatus | None) -> dict[str, str | int]:
    return {} if status is None else {"status": status.value}


def _page(wanted: Iterable[str]) -> str:
    return ",".join([*(f"members.{name}" for name in wanted), "total_items"])
