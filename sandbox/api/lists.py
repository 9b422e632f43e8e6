"""Audiences, which the API calls lists."""

from __future__ import annotations

from typing import Any

from sandbox import problem
from sandbox.api.call import NO_CONTENT, Answer, Call
from sandbox.clock import iso
from sandbox.state.audience import Audience

_CONTACT = {
    "company": "Sandbox",
    "address1": "1 Sandbox Street",
    "address2": "",
    "city": "Atlanta",
    "state": "GA",
    "zip": "30308",
    "country": "US",
    "phone": "",
}
_CAMPAIGN_DEFAULTS = {
    "from_name": "Sandbox",
    "from_email": "news@sandbox.test",
    "subject": "",
    "language": "en",
}
_REQUIRED = ("name", "contact", "permission_reminder", "campaign_defaults", "email_type_option")
_SETTINGS = {
    "contact": _CONTACT,
    "permission_reminder": "You signed up in the sandbox.",
    "use_archive_bar": False,
    "campaign_defaults": _CAMPAIGN_DEFAULTS,
    "notify_on_subscribe": "",
    "notify_on_unsubscribe": "",
    "email_type_option": False,
}


def listing(call: Call) -> Answer:
    """GET /lists."""
    found = list(call.account.audiences.values())
    since, before = call.moment("since_date_created"), call.moment("before_date_created")
    if since is not None:
        found = [audience for audience in found if audience.created_seconds > since]
    if before is not None:
        found = [audience for audience in found if audience.created_seconds < before]
    if email := call.query.get("email"):
        found = [audience for audience in found if audience.members.by_email(email)]
    if call.query.get("sort_field") == "date_created":
        descending = call.query.get("sort_dir", "").upper() == "DESC"
        found.sort(key=lambda audience: audience.created_seconds, reverse=descending)
    most, held = call.account.max_audiences, len(call.account.audiences)
    constraints = {"may_create": held < most, "max_instances": most, "current_total_instances": held}
    offset, count = call.page()
    page = [view(call, audience) for audience in found[offset : offset + count]]
    return call.listed("lists", page, "/lists", len(found), constraints=constraints)


def read(call: Call) -> Answer:
    """GET /lists/{list_id}."""
    return call.chosen(view(call, call.audience()))


def create(call: Call) -> Answer:
    """POST /lists."""
    body = call.required(*_REQUIRED)
    if len(call.account.audiences) >= call.account.max_audiences:
        raise problem.not_permitted("Your plan does not allow more audiences.")
    made = call.world.open_audience(
        call.account,
        str(body["name"]),
        double_optin=bool(body.get("double_optin")),
        marketing_permissions=bool(body.get("marketing_permissions")),
    )
    made.settings.update(_settings(body))
    return Answer(view(call, made))


def update(call: Call) -> Answer:
    """PATCH /lists/{list_id}."""
    audience, body = call.audience(), call.document()
    audience.name = str(body.get("name") or audience.name)
    audience.double_optin = bool(body.get("double_optin", audience.double_optin))
    audience.marketing_permissions = bool(body.get("marketing_permissions", audience.marketing_permissions))
    if audience.marketing_permissions and not audience.permissions:
        audience.add_permissions([call.world.ids.hex(10) for _ in range(3)])
    audience.settings.update(_settings(body))
    return Answer(view(call, audience))


def delete(call: Call) -> Answer:
    """DELETE /lists/{list_id}: with all its members and webhooks, and no webhook tells of it."""
    del call.account.audiences[call.audience().id]
    return NO_CONTENT


def _settings(body: dict[str, Any]) -> dict[str, Any]:
    sent = {key: body[key] for key in _SETTINGS if key in body}
    if "contact" in sent:
        sent["contact"] = {**dict.fromkeys(_CONTACT, ""), **sent["contact"]}
    return sent


def view(call: Call, audience: Audience) -> dict[str, Any]:
    """An audience as the API shows it."""
    path = f"/lists/{audience.id}"
    login = "https://sandbox.list-manage.test"
    return {
        "id": audience.id,
        "web_id": audience.web_id,
        "name": audience.name,
        **_SETTINGS,
        **audience.settings,
        "date_created": iso(audience.created_seconds),
        "list_rating": 0,
        "subscribe_url_short": f"{login}/{audience.id}",
        "subscribe_url_long": f"{login}/subscribe?u={call.account.id}&id={audience.id}",
        "beamer_address": f"{call.account.dc}-{audience.id}@inbound.sandbox.test",
        "visibility": "prv",
        "double_optin": audience.double_optin,
        "has_welcome": False,
        "marketing_permissions": audience.marketing_permissions,
        "modules": [],
        "stats": _stats(audience, total=call.flag("include_total_contacts")),
        "_links": call.links(
            ("self", path, "GET"),
            ("parent", "/lists", "GET"),
            ("update", path, "PATCH"),
            ("batch-sub-unsub-members", path, "POST"),
            ("delete", path, "DELETE"),
            ("interest-categories", f"{path}/interest-categories", "GET"),
            ("members", f"{path}/members", "GET"),
            ("merge-fields", f"{path}/merge-fields", "GET"),
            ("segments", f"{path}/segments", "GET"),
            ("webhooks", f"{path}/webhooks", "GET"),
        ),
    }


def _stats(audience: Audience, *, total: bool) -> dict[str, Any]:
    members = audience.members
    return {
        "member_count": members.count("subscribed"),
        **({"total_contacts": len(members)} if total else {}),
        "unsubscribe_count": members.count("unsubscribed"),
        "cleaned_count": members.count("cleaned"),
        "member_count_since_send": members.count("subscribed"),
        "unsubscribe_count_since_send": members.count("unsubscribed"),
        "cleaned_count_since_send": members.count("cleaned"),
        "campaign_count": 0,
        "campaign_last_sent": "",
        "merge_field_count": len(audience.fields),
        "avg_sub_rate": 0,
        "avg_unsub_rate": 0,
        "target_sub_rate": 0,
        "open_rate": 0,
        "click_rate": 0,
        "last_sub_date": iso(audience.last_sub_seconds),
        "last_unsub_date": iso(audience.last_unsub_seconds),
    }
