"""Everything that can happen to a member, and what each act leaves behind.

Each act returns the notices that webhooks may carry. The transitions are those of Mailchimp's own behaviour;
where a recording settles a case the comment says so, where nothing does it says that the choice is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox import problem
from sandbox.clock import iso
from sandbox.state import address, fields
from sandbox.state.audience import Audience
from sandbox.state.member import COMPLIANCE, Member, OptOut, Status
from sandbox.state.wish import Wish

BY_ADMIN = "N/A (Unsubscribed by admin)"
# No webhook tells of changes to these: nobody mails them, or they are not in the audience yet.
_SILENT: frozenset[Status] = frozenset({"pending", "archived", "cleaned"})


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a webhook may tell: its type and what only this type carries."""

    type: str
    member: Member
    action: str = "unsub"
    reason: str = "manual"
    old_email: str = ""
    shown_email: str = ""
    """Shown in place of the member's address, for one that was forgotten."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The member after an act, whether the act made it, and what webhooks may tell."""

    member: Member
    created: bool
    notices: list[Notice]


@dataclass(frozen=True, slots=True)
class Occasion:
    """When an act happens, from which address on the net, and under which rules."""

    second: int
    ip: str = ""
    source: str = "API - Generic"
    skip_required: bool = False
    plan_full: bool = False


def add(audience: Audience, wish: Wish, occasion: Occasion) -> Outcome:
    """POST: a new member, or an archived one back with its ids, tags and values (recorded).

    Raises Problem: Member Exists, Forgotten Email Not Subscribed, Invalid Resource.
    """
    email = _wanted_email(wish)
    status = wish.status or wish.status_if_new
    if status is None:
        raise problem.invalid_field("status", "Required fields were not provided: status")
    held = audience.members.by_email(email)
    if held is None:
        return _create(audience, email, status, wish, occasion)
    if held.status != "archived":
        raise problem.member_exists(held.email)
    return Outcome(held, False, _change(audience, held, wish, occasion, demand_required=True))


def put(audience: Audience, key: str, wish: Wish, occasion: Occasion) -> Outcome:
    """PUT: change the member that the path names, or create the one that the body names.

    Raises Problem as `add` and `change` do; Member Exists where only the body names somebody.
    """
    held = audience.members.find(key)
    if held is not None:
        notices = _change(audience, held, wish, occasion, demand_required=True)
        return Outcome(held, False, notices)
    if wish.email is None and "@" in key:
        wish.email = address.check(key)
    email = _wanted_email(wish)
    other = audience.members.by_email(email)
    if other is not None and other.status != "archived":
        raise problem.member_exists(other.email)
    if other is not None:
        return Outcome(other, False, _change(audience, other, wish, occasion, demand_required=True))
    status = wish.status_if_new or wish.status
    if status is None:
        raise problem.invalid_field("status_if_new", "Required fields were not provided: status_if_new")
    return _create(audience, email, status, wish, occasion)


def change(audience: Audience, held: Member, wish: Wish, occasion: Occasion) -> Outcome:
    """PATCH: change what the body names of a member that is there.

    Raises Problem: Member In Compliance State, Invalid Resource.
    """
    return Outcome(held, False, _change(audience, held, wish, occasion, demand_required=False))


def archive(audience: Audience, member: Member, occasion: Occasion, *, strict: bool = True) -> list[Notice]:
    """Take a member out of sight; ids, tags and values stay (recorded).

    `strict` is the API's rule: Problem 405 for one that is cleaned, pending or archived (recorded).
    """
    if strict and member.status in _SILENT:
        detail = (
            "This list member cannot be removed. "
            "Can not archive a contact that is bounced, pending or archived"
        )
        raise problem.method_not_allowed("GET, PUT, PATCH", detail)
    if member.status == "archived":
        return []
    _restate(audience, member, "archived", occasion)
    return [Notice("unsubscribe", member, action="delete")]


def forget(audience: Audience, member: Member) -> list[Notice]:
    """Delete a member for good: only the contact's own sign-up brings the address back."""
    known = address.digest(member.email)
    audience.forgotten.add(known)
    audience.members.remove(member)
    audience.beside.pop(member.serial, None)
    if member.status == "archived":
        return []
    shown = f"{known.hex()}@forgotten.mailchimp.com"
    return [Notice("unsubscribe", member, action="delete", shown_email=shown)]


def retag(audience: Audience, member: Member, wanted: dict[str, bool], occasion: Occasion) -> bool:
    """Add (True) and remove (False) tags by name; True if that changed anything. No webhook tells of it."""
    tags = dict(member.tags)
    for name, active in wanted.items():
        known = next((tag for tag in audience.tags.values() if tag.name == name), None)
        if active:
            tags.setdefault(audience.tag_named(name, occasion.second).id, occasion.second)
        elif known is not None:
            tags.pop(known.id, None)
    if tags.keys() == member.tags.keys():
        return False
    for tag_id in tags.keys() ^ member.tags.keys():
        audience.tags[tag_id].updated_seconds = occasion.second
    member.tags = tags
    audience.members.touch(member, occasion.second)
    return True


def leave(
    audience: Audience, member: Member, occasion: Occasion, opt_out: OptOut, reason: str = ""
) -> list[Notice]:
    """A member is unsubscribed by themselves ("contact"), by a complaint or by the marketer ("admin")."""
    told = member.status == "subscribed"
    member.opt_out = opt_out
    member.unsubscribe_reason = reason or (
        BY_ADMIN if opt_out == "admin" else "N/A (Unsubscribed by subscriber)"
    )
    _restate(audience, member, "unsubscribed", occasion)
    audience.last_unsub_seconds = occasion.second
    _remember(audience, member, "abuse" if opt_out == "complaint" else "unsub", occasion)
    if not told and opt_out != "complaint":
        return []
    return [Notice("unsubscribe", member, reason="abuse" if opt_out == "complaint" else "manual")]


def clean(audience: Audience, member: Member, occasion: Occasion, reason: str = "hard") -> list[Notice]:
    """The address bounces (reason "hard"); `cleaned` is told and nothing else."""
    member.opt_out = "bounce"
    _restate(audience, member, "cleaned", occasion)
    _remember(audience, member, "bounce", occasion)
    return [Notice("cleaned", member, reason=reason)]


def sign_up(audience: Audience, wish: Wish, occasion: Occasion) -> Outcome:
    """The contact fills in the hosted form: what clears an opt-out, a bounce and a permanent deletion."""
    email = _wanted_email(wish)
    status: Status = "pending" if audience.double_optin else "subscribed"
    audience.forgotten.discard(address.digest(email))
    held = audience.members.by_email(email)
    if held is None:
        outcome = _create(audience, email, status, wish, occasion)
        _sign(outcome.member, occasion)
        return outcome
    if held.status == "subscribed":
        return Outcome(held, False, _change(audience, held, wish, occasion, demand_required=False))
    if status == "subscribed":
        held.opt_out = ""
    wish.status, wish.status_if_new = status, None
    _sign(held, occasion)
    return Outcome(held, False, _change(audience, held, wish, occasion, demand_required=False))


def confirm(audience: Audience, member: Member, occasion: Occasion) -> list[Notice]:
    """The contact answers the mail that asks whether they want to be subscribed."""
    if member.status != "pending":
        return []
    member.opt_out = ""
    return _subscribe(audience, member, occasion)


def readdress(audience: Audience, member: Member, email: str, occasion: Occasion) -> list[Notice]:
    """Change a member's address. Mailchimp tells it twice: `upemail` and `profile` come at the same time.

    Raises Problem where the member is not subscribed or the address is taken.
    """
    if member.status != "subscribed":
        raise problem.invalid_field(
            "email address",
            f'This member\'s status is "{member.status}." You can only update email addresses for members '
            'with a status of "subscribed."',
        )
    other = audience.members.by_email(email)
    if other is not None and other is not member:
        message = f'"{email}" is already in this list with a status of "{other.status}".'
        raise problem.invalid_field("email address", message)
    if address.digest(email) in audience.forgotten:
        raise problem.forgotten(email)
    old = member.email
    audience.members.rename(member, email)
    audience.members.touch(member, occasion.second)
    return [Notice("upemail", member, old_email=old), Notice("profile", member)]


def _wanted_email(wish: Wish) -> str:
    if wish.email is None:
        raise problem.invalid_field("email_address", "Required fields were not provided: email_address")
    return wish.email


def _create(audience: Audience, email: str, status: str, wish: Wish, occasion: Occasion) -> Outcome:
    if address.digest(email) in audience.forgotten:
        raise problem.forgotten(email)
    if words := audience.refused.get(email.lower()):
        raise problem.invalid(words)
    if occasion.plan_full:
        raise problem.not_permitted(
            "Your plan's contact limit has been reached. Upgrade to add more contacts."
        )
    merges = fields.checked(audience.fields, wish.merges, {}, demand_required=not occasion.skip_required)
    known: Status = _known(status)
    member = Member(
        audience.members.next_serial(), email, known, occasion.second, merges, source=occasion.source
    )
    _take(audience, member, wish)
    if known == "unsubscribed":
        member.opt_out, member.unsubscribe_reason = "admin", BY_ADMIN
    if known == "subscribed":
        member.opt_seconds = member.opt_seconds or occasion.second
        member.ip_opt = member.ip_opt or occasion.ip
        audience.last_sub_seconds = occasion.second
    audience.members.add(member)
    retag(audience, member, dict.fromkeys(wish.tags, True), occasion)
    return Outcome(member, True, [Notice("subscribe", member)] if known == "subscribed" else [])


def _change(
    audience: Audience, member: Member, wish: Wish, occasion: Occasion, *, demand_required: bool
) -> list[Notice]:
    """Everything is checked before anything is changed: a refused request leaves no trace."""
    _check_status(member, wish)
    demand = demand_required and not occasion.skip_required
    merges = fields.checked(audience.fields, wish.merges, member.merges, demand_required=demand)
    notices: list[Notice] = []
    if wish.email is not None and wish.email.lower() != member.email.lower():
        notices += readdress(audience, member, wish.email, occasion)
    before = _told(member)
    kept = _kept(member)
    member.merges = merges
    _take(audience, member, wish)
    if _kept(member) != kept:
        audience.members.touch(member, occasion.second)
    restated = _wanted_status(audience, member, wish, occasion)
    retag(audience, member, dict.fromkeys(wish.tags, True), occasion)
    if _told(member) != before and not restated and not notices and member.status not in _SILENT:
        notices.append(Notice("profile", member))
    return notices + restated


def _check_status(member: Member, wish: Wish) -> None:
    stuck = member.status in ("unsubscribed", "cleaned", "pending") and member.opt_out in COMPLIANCE
    if wish.status == "subscribed" and stuck:
        raise problem.compliance(member.email)


def _wanted_status(audience: Audience, member: Member, wish: Wish, occasion: Occasion) -> list[Notice]:
    if wish.status is None or wish.status == member.status:
        return []
    if wish.status == "subscribed":
        # The archive hides an earlier opt-out (documented), so coming back from it clears one.
        member.opt_out = ""
        return _subscribe(audience, member, occasion)
    if wish.status == "unsubscribed":
        opt_out = member.opt_out if member.opt_out in COMPLIANCE else "admin"
        return leave(audience, member, occasion, opt_out, BY_ADMIN)
    _restate(audience, member, _known(wish.status), occasion)
    return []


def _subscribe(audience: Audience, member: Member, occasion: Occasion) -> list[Notice]:
    member.unsubscribe_reason = ""
    member.opt_seconds = occasion.second
    member.ip_opt = occasion.ip or member.ip_opt
    _restate(audience, member, "subscribed", occasion)
    audience.last_sub_seconds = occasion.second
    return [Notice("subscribe", member)]


def _sign(member: Member, occasion: Occasion) -> None:
    member.signup_seconds, member.ip_signup = occasion.second, occasion.ip
    member.source = "Hosted Signup Form"


def _remember(audience: Audience, member: Member, action: str, occasion: Occasion) -> None:
    event = {"action": action, "timestamp": iso(occasion.second)}
    audience.beside_of(member).activity.append(event)


def _restate(audience: Audience, member: Member, status: Status, occasion: Occasion) -> None:
    audience.members.restate(member, status)
    audience.members.touch(member, occasion.second)


def _take(audience: Audience, member: Member, wish: Wish) -> None:
    """Take over the simple fields; ids of interests and permissions that the audience lacks are ignored."""
    member.interests = _toggled(member.interests, wish.interests, set(audience.interest_ids()))
    member.permissions = _toggled(member.permissions, wish.permissions, set(audience.permissions))
    for name in (
        "email_type",
        "language",
        "vip",
        "location",
        "ip_signup",
        "signup_seconds",
        "ip_opt",
        "opt_seconds",
    ):
        value: Any = getattr(wish, name)
        if value is not None:
            setattr(member, name, value)


def _toggled(held: frozenset[str], wanted: Any, known: set[str]) -> frozenset[str]:
    if not wanted:
        return held
    on = {key for key, value in wanted.items() if value and key in known}
    off = {key for key, value in wanted.items() if not value}
    return (held | on) - off


def _told(member: Member) -> tuple[object, ...]:
    """What a `profile` webhook tells of: tags and GDPR fields are not among it."""
    return dict(member.merges), member.interests, member.email_type, member.language


def _kept(member: Member) -> tuple[object, ...]:
    """What bumps `last_changed` when it changes; a write that changes nothing does not (recorded)."""
    return (
        *_told(member),
        member.permissions,
        member.vip,
        member.location,
        member.ip_opt,
        member.opt_seconds,
    )


def _known(status: str) -> Status:
    known: dict[str, Status] = {
        "subscribed": "subscribed",
        "unsubscribed": "unsubscribed",
        "pending": "pending",
        "transactional": "transactional",
    }
    return known[status]
