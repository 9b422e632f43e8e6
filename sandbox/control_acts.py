"""What a person or the net does to a member: acts that no API call can make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox import problem
from sandbox.state import acts, address, wish
from sandbox.state.acts import Notice, Occasion
from sandbox.state.audience import Audience
from sandbox.state.member import SMS_ONLY, Member
from sandbox.world import World

PERSON_IP = "192.0.2.10"
Sent = Mapping[str, Any]
_Act = Callable[[Audience, Member, Sent, Occasion], "list[Notice]"]


def act(world: World, audience: Audience, name: str, sent: Sent) -> Member | None:
    """Carries out an act by name and tells the webhooks; the member after it, None where it is gone.

    `sent` names the member by `email` (or any key a path takes) and what the act needs: `merge_fields`,
    `interests`, `tags`, `new_email`, `reason`, `by` ("user" or "admin"). Raises Problem: 404 for an unknown
    member or act, or as Mailchimp's app would refuse.
    """
    occasion = Occasion(world.clock.second(), PERSON_IP, "Admin Add", skip_required=True)
    key = str(sent.get("email", ""))
    if name in ("subscribe", "add"):
        return _enter(world, audience, name, sent, occasion)
    if name not in ACTS:
        raise problem.invalid_field("act", f"Known acts: add, subscribe, {', '.join(ACTS)}.")
    members = audience.members
    member = members.by_email(key) if key.startswith(SMS_ONLY) else members.find(key)
    if member is None:
        raise problem.not_found()
    usual_source, done = ACTS[name]
    notices = done(audience, member, sent, occasion)
    world.tell(audience, notices, str(sent.get("by") or usual_source))
    return audience.members.by_email(member.email)


def _enter(world: World, audience: Audience, name: str, sent: Sent, occasion: Occasion) -> Member:
    wanted = wish.read({**_about(sent), "email_address": sent.get("email")})
    if name == "subscribe":
        outcome = acts.sign_up(audience, wanted, occasion)
        source = "user"
    else:
        wanted.status = wanted.status or str(sent.get("status") or "subscribed")
        outcome = acts.add(audience, wanted, occasion)
        source = "admin"
    world.tell(audience, outcome.notices, str(sent.get("by") or source))
    return outcome.member


def _about(sent: Sent) -> dict[str, Any]:
    return {key: sent[key] for key in ("merge_fields", "interests", "tags", "language", "vip") if key in sent}


def _unsubscribe(audience: Audience, member: Member, sent: Sent, occasion: Occasion) -> list[Notice]:
    by_admin = sent.get("by") == "admin"
    if member.status == "unsubscribed" and (by_admin or member.opt_out == "contact"):
        return []
    return acts.leave(
        audience, member, occasion, "admin" if by_admin else "contact", str(sent.get("reason") or "")
    )


def _complain(audience: Audience, member: Member, _: Sent, occasion: Occasion) -> list[Notice]:
    return acts.leave(audience, member, occasion, "complaint", "Spam complaint")


def _clean(audience: Audience, member: Member, sent: Sent, occasion: Occasion) -> list[Notice]:
    return acts.clean(audience, member, occasion, str(sent.get("reason") or "hard"))


def _confirm(audience: Audience, member: Member, _: Sent, occasion: Occasion) -> list[Notice]:
    return acts.confirm(audience, member, occasion)


def _readdress(audience: Audience, member: Member, sent: Sent, occasion: Occasion) -> list[Notice]:
    email = address.check(sent.get("new_email"))
    if member.email.startswith(SMS_ONLY):  # a first address is none that changes
        audience.members.rename(member, email)
        audience.members.touch(member, occasion.second)
        return [Notice("profile", member)]
    return acts.readdress(audience, member, email, occasion)


def _edit(audience: Audience, member: Member, sent: Sent, occasion: Occasion) -> list[Notice]:
    return acts.change(audience, member, wish.read(_about(sent), "change"), occasion).notices


def _tag(audience: Audience, member: Member, sent: Sent, occasion: Occasion) -> list[Notice]:
    wanted = {str(name): bool(active) for name, active in dict(sent.get("tags") or {}).items()}
    acts.retag(audience, member, wanted, occasion)
    return []


def _permit(audience: Audience, member: Member, sent: Sent, occasion: Occasion) -> list[Notice]:
    given = {str(known): bool(enabled) for known, enabled in dict(sent.get("permissions") or {}).items()}
    return acts.change(audience, member, wish.Wish(permissions=given), occasion).notices


def _text(audience: Audience, member: Member, sent: Sent, occasion: Occasion) -> list[Notice]:
    member.sms_phone = str(sent.get("phone") or member.sms_phone)
    member.sms_status, member.sms_seconds = str(sent.get("status") or "subscribed"), occasion.second
    audience.members.touch(member, occasion.second)
    return []


def _archive(audience: Audience, member: Member, _: Sent, occasion: Occasion) -> list[Notice]:
    return acts.archive(audience, member, occasion, strict=False)


def _forget(audience: Audience, member: Member, _: Sent, __: Occasion) -> list[Notice]:
    return acts.forget(audience, member)


def _restore(audience: Audience, member: Member, _: Sent, occasion: Occasion) -> list[Notice]:
    wanted = wish.Wish(status="subscribed")
    return acts.change(audience, member, wanted, occasion).notices


# Name, the source that webhooks are told by default, and what is done.
ACTS: dict[str, tuple[str, _Act]] = {
    "unsubscribe": ("user", _unsubscribe),
    "complain": ("user", _complain),
    "clean": ("admin", _clean),
    "confirm": ("user", _confirm),
    "change-address": ("user", _readdress),
    "edit": ("admin", _edit),
    "tag": ("admin", _tag),
    "permit": ("user", _permit),
    "sms": ("user", _text),
    "archive": ("admin", _archive),
    "resubscribe": ("admin", _restore),
    "delete": ("admin", _forget),
}
