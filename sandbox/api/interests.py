"""Interest categories and the interests in them."""

from __future__ import annotations

from typing import Any

from sandbox import problem
from sandbox.api.call import NO_CONTENT, Answer, Call
from sandbox.state.audience import Audience, Category, Interest

_TYPES = ("checkboxes", "dropdown", "radio", "hidden")


def categories(call: Call) -> Answer:
    """GET the categories."""
    audience = call.audience()
    wanted = call.query.get("type", "")
    found = [known for known in audience.categories.values() if not wanted or known.type == wanted]
    items = [_category_view(call, audience, known) for known in found]
    return call.listed("categories", items, _path(audience), list_id=audience.id)


def create_category(call: Call) -> Answer:
    """POST a category."""
    audience, body = call.audience(), call.required("title", "type")
    made = call.world.add_category(audience, str(body["title"]), _type(body))
    made.display_order = int(body.get("display_order") or made.display_order)
    return Answer(_category_view(call, audience, made))


def read_category(call: Call) -> Answer:
    """GET a category."""
    audience = call.audience()
    return call.chosen(_category_view(call, audience, _category(call, audience)))


def update_category(call: Call) -> Answer:
    """PATCH a category."""
    audience, body = call.audience(), call.document()
    held = _category(call, audience)
    held.title = str(body.get("title") or held.title)
    held.type = _type(body) if body.get("type") else held.type
    held.display_order = int(body.get("display_order", held.display_order))
    return Answer(_category_view(call, audience, held))


def delete_category(call: Call) -> Answer:
    """DELETE a category and its interests."""
    audience = call.audience()
    gone = audience.categories.pop(_category(call, audience).id)
    _untick(audience, set(gone.interests))
    return NO_CONTENT


def listing(call: Call) -> Answer:
    """GET the interests of a category."""
    audience = call.audience()
    category = _category(call, audience)
    items = [_view(call, audience, category, known) for known in category.interests.values()]
    path = f"{_path(audience)}/{category.id}/interests"
    return call.listed("interests", items, path, list_id=audience.id, category_id=category.id)


def create(call: Call) -> Answer:
    """POST an interest."""
    audience, body = call.audience(), call.required("name")
    category = _category(call, audience)
    made = call.world.add_interest(category, str(body["name"]))
    made.display_order = int(body.get("display_order") or made.display_order)
    return Answer(_view(call, audience, category, made))


def read(call: Call) -> Answer:
    """GET an interest."""
    audience = call.audience()
    category = _category(call, audience)
    return call.chosen(_view(call, audience, category, _interest(call, category)))


def update(call: Call) -> Answer:
    """PATCH an interest."""
    audience, body = call.audience(), call.document()
    category = _category(call, audience)
    held = _interest(call, category)
    held.name = str(body.get("name") or held.name)
    held.display_order = int(body.get("display_order", held.display_order))
    return Answer(_view(call, audience, category, held))


def delete(call: Call) -> Answer:
    """DELETE an interest."""
    audience = call.audience()
    category = _category(call, audience)
    gone = category.interests.pop(_interest(call, category).id)
    _untick(audience, {gone.id})
    return NO_CONTENT


def _untick(audience: Audience, gone: set[str]) -> None:
    for member in audience.members:
        if member.interests & gone:
            member.interests -= gone


def _category(call: Call, audience: Audience) -> Category:
    found = audience.categories.get(call.params["interest_category_id"])
    if found is None:
        raise problem.not_found()
    return found


def _interest(call: Call, category: Category) -> Interest:
    found = category.interests.get(call.params["interest_id"])
    if found is None:
        raise problem.not_found()
    return found


def _type(body: dict[str, Any]) -> str:
    if body["type"] not in _TYPES:
        accepted = ", ".join(_TYPES)
        raise problem.invalid_field("type", f"Data presented is not one of the accepted values: {accepted}.")
    return str(body["type"])


def _path(audience: Audience) -> str:
    return f"/lists/{audience.id}/interest-categories"


def _category_view(call: Call, audience: Audience, category: Category) -> dict[str, Any]:
    path = f"{_path(audience)}/{category.id}"
    return {
        "list_id": audience.id,
        "id": category.id,
        "title": category.title,
        "display_order": category.display_order,
        "type": category.type,
        "_links": call.links(("self", path, "GET"), ("interests", f"{path}/interests", "GET")),
    }


def _view(call: Call, audience: Audience, category: Category, interest: Interest) -> dict[str, Any]:
    path = f"{_path(audience)}/{category.id}/interests/{interest.id}"
    count = sum(1 for member in audience.members if interest.id in member.interests)
    return {
        "category_id": category.id,
        "list_id": audience.id,
        "id": interest.id,
        "name": interest.name,
        "subscriber_count": str(count),
        "display_order": interest.display_order,
        "_links": call.links(("self", path, "GET"), ("delete", path, "DELETE")),
    }
