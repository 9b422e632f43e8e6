"""The account and its audiences: the calls about them, and ours out of Mailchimp's. No I/O.

Source: facts.md 4.8 and 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from processor.domain.mapping import AudienceField, AudienceInterest
from processor.mailchimp.protocol import PAGE_LIMIT, Request, maps, number, text

_AUDIENCE = (
    "id",
    "name",
    "double_optin",
    "marketing_permissions",
    "stats.member_count",
    "subscribe_url_short",
    "subscribe_url_long",
)
_ACCOUNT = (
    "account_id",
    "login_id",
    "account_name",
    "role",
    "pricing_plan_type",
    "total_subscribers",
    "account_timezone",
)


@dataclass(frozen=True, slots=True)
class MailchimpAccount:
    """The Mailchimp account behind a token, and the login that connected it."""

    account_id: str
    login_id: str
    name: str
    role: str = ""
    plan: str = ""
    total_subscribers: int = 0
    timezone: str = ""


@dataclass(frozen=True, slots=True)
class Audience:
    """An audience. `member_count` counts the subscribed ones, as Mailchimp does; `signup_url` is where its
    sign-up form is, "" where there is none."""

    id: str
    name: str
    member_count: int = 0
    double_opt_in: bool = False
    marketing_permissions: bool = False
    signup_url: str = ""


def read_account() -> Request:
    """Ask who this is."""
    return Request("GET", "/", params={"fields": ",".join(_ACCOUNT)})


def read_all(offset: int) -> Request:
    """Ask for one page of audiences."""
    fields = ",".join([*(f"lists.{name}" for name in _AUDIENCE), "total_items"])
    return Request("GET", "/lists", params={"fields": fields, "count": PAGE_LIMIT, "offset": offset})


def read_one(list_id: str) -> Request:
    """Ask for one audience."""
    return Request("GET", "/lists/{list_id}", {"list_id": list_id}, {"fields": ",".join(_AUDIENCE)})


def read_fields(list_id: str, offset: int) -> Request:
    """Ask for one page of merge fields."""
    fields = ",".join(
        [
            *(
                f"merge_fields.{name}"
                for name in ("merge_id", "tag", "name", "type", "required", "default_value", "options")
            ),
            "total_items",
        ]
    )
    params: dict[str, str | int] = {"fields": fields, "count": PAGE_LIMIT, "offset": offset}
    return Request("GET", "/lists/{list_id}/merge-fields", {"list_id": list_id}, params)


def read_groups(list_id: str) -> Request:
    """Ask for the groups, which hold interests; 60 at most, so one page."""
    params: dict[str, str | int] = {"fields": "categories.id", "count": PAGE_LIMIT}
    return Request("GET", "/lists/{list_id}/interest-categories", {"list_id": list_id}, params)


def read_interests(list_id: str, group_id: str) -> Request:
    """Ask for the interests of one group; 60 in an audience at most, so one page."""
    return Request(
        "GET",
        "/lists/{list_id}/interest-categories/{group_id}/interests",
        {"list_id": list_id, "group_id": group_id},
        {"fields": "interests.id,interests.name", "count": PAGE_LIMIT},
    )


def to_account(body: Mapping[str, Any]) -> MailchimpAccount:
    """Return the account."""
    return MailchimpAccount(
        account_id=text(body.get("account_id")),
        login_id=text(body.get("login_id")),
        name=text(body.get("account_name")),
        role=text(body.get("role")),
        plan=text(body.get("pricing_plan_type")),
        total_subscribers=number(body.get("total_subscribers")),
        timezone=text(body.get("account_timezone")),
    )


def to_audience(body: Mapping[str, Any]) -> Audience:
    """Return the audience."""
    stats = body.get("stats")
    return Audience(
        id=text(body.get("id")),
        name=text(body.get("name")),
        member_count=number(stats.get("member_count")) if isinstance(stats, Mapping) else 0,
        double_opt_in=body.get("double_optin") is True,
        marketing_permissions=body.get("marketing_permissions") is True,
        signup_url=text(body.get("subscribe_url_short")) or text(body.get("subscribe_url_long")),
    )


def to_fields(body: Mapping[str, Any]) -> list[AudienceField]:
    """Return the merge fields of one page. The address is not among them: it is the member's own."""
    return [_field(item) for item in maps(body.get("merge_fields"))]


def _field(item: Mapping[str, Any]) -> AudienceField:
    options = item.get("options")
    options = options if isinstance(options, Mapping) else {}
    choices = options.get("choices")
    return AudienceField(
        tag=text(item.get("tag")),
        name=text(item.get("name")),
        type=text(item.get("type")) or "text",
        required=item.get("required") is True,
        choices=tuple(c for c in choices if isinstance(c, str)) if isinstance(choices, list) else (),
        date_format=text(options.get("date_format")) or None,
        default_value=text(item.get("default_value")),
        merge_id=number(item.get("merge_id")) or None,
    )


def to_interests(body: Mapping[str, Any]) -> list[AudienceInterest]:
    """Return the interests of one group."""
    return [
        AudienceInterest(id=text(item.get("id")), name=text(item.get("name")))
        for item in maps(body.get("interests"))
    ]
