"""What a request wants a member to be, read from JSON and checked for form."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox import clock, problem
from sandbox.state import address

_STATUSES_BY_VERB = {
    "add": ("subscribed", "unsubscribed", "cleaned", "pending", "transactional"),
    "change": ("subscribed", "unsubscribed", "cleaned", "pending"),
}


@dataclass(slots=True)
class Wish:
    """The fields that a request named; None (or an empty collection) where it did not."""

    email: str | None = None
    status: str | None = None
    status_if_new: str | None = None
    merges: Mapping[str, Any] = field(default_factory=dict)
    interests: Mapping[str, bool] = field(default_factory=dict)
    permissions: Mapping[str, bool] = field(default_factory=dict)
    email_type: str | None = None
    language: str | None = None
    vip: bool | None = None
    location: tuple[float, float] | None = None
    ip_signup: str | None = None
    signup_seconds: int | None = None
    ip_opt: str | None = None
    opt_seconds: int | None = None
    tags: list[str] = field(default_factory=list)


def read(body: Mapping[str, Any], verb: str = "add") -> Wish:
    """A Wish from a JSON object. `verb` is "add" (POST, PUT) or "change" (PATCH, which knows fewer statuses).

    Raises Problem where a field has the wrong form.
    """
    allowed = _STATUSES_BY_VERB[verb]
    return Wish(
        email=address.check(body["email_address"]) if body.get("email_address") is not None else None,
        status=_status(body, "status", allowed),
        status_if_new=_status(body, "status_if_new", allowed),
        merges=_object(body, "merge_fields"),
        interests={str(key): bool(value) for key, value in _object(body, "interests").items()},
        permissions=_permissions(body),
        email_type=_one_of(body, "email_type", ("html", "text")),
        language=_text(body, "language"),
        vip=_flag(body, "vip"),
        location=_location(body),
        ip_signup=_ip(body, "ip_signup"),
        signup_seconds=_time(body, "timestamp_signup"),
        ip_opt=_ip(body, "ip_opt"),
        opt_seconds=_time(body, "timestamp_opt"),
        tags=_tags(body),
    )


def _status(body: Mapping[str, Any], key: str, allowed: tuple[str, ...]) -> str | None:
    status = _one_of(body, key, allowed)
    if status == "cleaned":
        # The enum lists it, but nobody has recorded it being accepted and the newer Contacts API refuses it.
        raise problem.invalid_field(key, "A contact cannot be set to cleaned by a request.")
    return status


def _one_of(body: Mapping[str, Any], key: str, allowed: tuple[str, ...]) -> str | None:
    value = body.get(key)
    if value is None or value == "":
        return None
    if value not in allowed:
        accepted = ", ".join(allowed)
        raise problem.invalid_field(key, f"Data presented is not one of the accepted values: {accepted}.")
    return str(value)


def _object(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = body.get(key)
    if value is None or value == []:
        # PHP writes an empty object as [].
        return {}
    if not isinstance(value, Mapping):
        raise problem.invalid_field(key, f"Schema describes object, {_kind(value)} found instead")
    return value


def _text(body: Mapping[str, Any], key: str) -> str | None:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise problem.invalid_field(key, f"Schema describes string, {_kind(value)} found instead")
    return value


def _flag(body: Mapping[str, Any], key: str) -> bool | None:
    value = body.get(key)
    if value is not None and not isinstance(value, bool):
        raise problem.invalid_field(key, f"Schema describes boolean, {_kind(value)} found instead")
    return value


def _ip(body: Mapping[str, Any], key: str) -> str | None:
    value = _text(body, key)
    if value:
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise problem.invalid_field(key, "Please enter a valid IP address.") from None
    return value


def _time(body: Mapping[str, Any], key: str) -> int | None:
    value = _text(body, key)
    if value is None:
        return None
    try:
        return int(clock.parse(value)) if value else 0
    except ValueError:
        raise problem.invalid_field(key, "Please enter a valid date and time.") from None


def _location(body: Mapping[str, Any]) -> tuple[float, float] | None:
    value = _object(body, "location")
    if not value:
        return None
    return float(value.get("latitude") or 0), float(value.get("longitude") or 0)


def _permissions(body: Mapping[str, Any]) -> dict[str, bool]:
    value = body.get("marketing_permissions") or []
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise problem.invalid_field(
            "marketing_permissions", f"Schema describes array, {_kind(value)} found instead"
        )
    return {str(item.get("marketing_permission_id")): bool(item.get("enabled")) for item in value}


def _tags(body: Mapping[str, Any]) -> list[str]:
    value = body.get("tags") or []
    if not isinstance(value, list):
        raise problem.invalid_field("tags", f"Schema describes array, {_kind(value)} found instead")
    # Batch subscribe is also sent tags as objects, in the form that the tags call uses.
    names = [item.get("name", "") if isinstance(item, Mapping) else item for item in value]
    return [str(name) for name in names if name]


def _kind(value: Any) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "null")
