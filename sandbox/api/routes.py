"""Every call that is served, as one list."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from sandbox import problem
from sandbox.api import (
    batch_subscribe,
    batches,
    beside,
    files,
    interests,
    lists,
    members,
    merge_fields,
    root,
    segments,
    tags,
    webhooks,
)
from sandbox.api.call import Handler

_LIST = "/lists/{list_id}"
_MEMBER = f"{_LIST}/members/{{subscriber_hash}}"
_CATEGORY = f"{_LIST}/interest-categories/{{interest_category_id}}"
_SEGMENT = f"{_LIST}/segments/{{segment_id}}"
_BATCH_HOOK = "/batch-webhooks/{batch_webhook_id}"
_FOLDER = "/file-manager/folders/{folder_id}"

# Method, path under /3.0, handler.
ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/", root.account),
    ("GET", "/ping", root.ping),
    ("GET", "/authorized-apps", root.apps),
    ("GET", "/authorized-apps/{app_id}", root.app),
    ("GET", "/lists", lists.listing),
    ("POST", "/lists", lists.create),
    ("GET", _LIST, lists.read),
    ("POST", _LIST, batch_subscribe.batch_subscribe),
    ("PATCH", _LIST, lists.update),
    ("DELETE", _LIST, lists.delete),
    ("GET", f"{_LIST}/merge-fields", merge_fields.listing),
    ("POST", f"{_LIST}/merge-fields", merge_fields.create),
    ("GET", f"{_LIST}/merge-fields/{{merge_id}}", merge_fields.read),
    ("PATCH", f"{_LIST}/merge-fields/{{merge_id}}", merge_fields.update),
    ("DELETE", f"{_LIST}/merge-fields/{{merge_id}}", merge_fields.delete),
    ("GET", f"{_LIST}/interest-categories", interests.categories),
    ("POST", f"{_LIST}/interest-categories", interests.create_category),
    ("GET", _CATEGORY, interests.read_category),
    ("PATCH", _CATEGORY, interests.update_category),
    ("DELETE", _CATEGORY, interests.delete_category),
    ("GET", f"{_CATEGORY}/interests", interests.listing),
    ("POST", f"{_CATEGORY}/interests", interests.create),
    ("GET", f"{_CATEGORY}/interests/{{interest_id}}", interests.read),
    ("PATCH", f"{_CATEGORY}/interests/{{interest_id}}", interests.update),
    ("DELETE", f"{_CATEGORY}/interests/{{interest_id}}", interests.delete),
    ("GET", f"{_LIST}/members", members.listing),
    ("POST", f"{_LIST}/members", members.create),
    ("GET", _MEMBER, members.read),
    ("PUT", _MEMBER, members.put),
    ("PATCH", _MEMBER, members.patch),
    ("DELETE", _MEMBER, members.archive),
    ("POST", f"{_MEMBER}/actions/delete-permanent", members.forget),
    ("GET", f"{_MEMBER}/tags", tags.of_member),
    ("POST", f"{_MEMBER}/tags", tags.change),
    ("GET", f"{_MEMBER}/activity", beside.activity),
    ("GET", f"{_MEMBER}/activity-feed", beside.activity_feed),
    ("GET", f"{_MEMBER}/goals", beside.goals),
    ("GET", f"{_MEMBER}/events", beside.events),
    ("POST", f"{_MEMBER}/events", beside.create_event),
    ("GET", f"{_MEMBER}/notes", beside.notes),
    ("POST", f"{_MEMBER}/notes", beside.create_note),
    ("GET", f"{_MEMBER}/notes/{{note_id}}", beside.read_note),
    ("PATCH", f"{_MEMBER}/notes/{{note_id}}", beside.update_note),
    ("DELETE", f"{_MEMBER}/notes/{{note_id}}", beside.delete_note),
    ("GET", f"{_LIST}/tag-search", tags.search),
    ("GET", f"{_LIST}/segments", segments.listing),
    ("POST", f"{_LIST}/segments", segments.create),
    ("GET", _SEGMENT, segments.read),
    ("PATCH", _SEGMENT, segments.update),
    ("POST", _SEGMENT, segments.change_many),
    ("DELETE", _SEGMENT, segments.delete),
    ("GET", f"{_SEGMENT}/members", segments.members),
    ("POST", f"{_SEGMENT}/members", segments.add_member),
    ("DELETE", f"{_SEGMENT}/members/{{subscriber_hash}}", segments.drop_member),
    ("GET", f"{_LIST}/webhooks", webhooks.listing),
    ("POST", f"{_LIST}/webhooks", webhooks.create),
    ("GET", f"{_LIST}/webhooks/{{webhook_id}}", webhooks.read),
    ("PATCH", f"{_LIST}/webhooks/{{webhook_id}}", webhooks.update),
    ("DELETE", f"{_LIST}/webhooks/{{webhook_id}}", webhooks.delete),
    ("GET", "/batches", batches.listing),
    ("POST", "/batches", batches.create),
    ("GET", "/batches/{batch_id}", batches.read),
    ("DELETE", "/batches/{batch_id}", batches.delete),
    ("GET", "/batch-webhooks", batches.list_hooks),
    ("POST", "/batch-webhooks", batches.create_hook),
    ("GET", _BATCH_HOOK, batches.read_hook),
    ("PATCH", _BATCH_HOOK, batches.update_hook),
    ("DELETE", _BATCH_HOOK, batches.delete_hook),
    ("GET", "/file-manager/files", files.listing),
    ("POST", "/file-manager/files", files.create),
    ("GET", "/file-manager/files/{file_id}", files.read),
    ("PATCH", "/file-manager/files/{file_id}", files.update),
    ("DELETE", "/file-manager/files/{file_id}", files.delete),
    ("GET", "/file-manager/folders", files.folders),
    ("POST", "/file-manager/folders", files.create_folder),
    ("GET", _FOLDER, files.read_folder),
    ("PATCH", _FOLDER, files.update_folder),
    ("DELETE", _FOLDER, files.delete_folder),
    ("GET", f"{_FOLDER}/files", files.in_folder),
]

# Known to nobody: the template under which an unknown path is counted.
UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Match:
    """Where a path leads: its template, its parameters and the handler of each method."""

    template: str
    params: dict[str, str]
    handlers: dict[str, Handler]

    def handler(self, method: str) -> Handler:
        """The handler of a method. Raises Problem 404 for an unknown path and 405 for a method it lacks."""
        if not self.handlers:
            raise problem.not_found()
        if method not in self.handlers:
            raise problem.method_not_allowed(", ".join(sorted(self.handlers)))
        return self.handlers[method]


class Router:
    """Finds the route of a path by its segments; a name goes before a parameter."""

    def __init__(self, routes: list[tuple[str, str, Handler]]) -> None:
        self._by_length: dict[int, dict[str, dict[str, Handler]]] = {}
        for method, template, handler in routes:
            known = self._by_length.setdefault(template.count("/"), {})
            known.setdefault(template, {})[method] = handler

    def match(self, raw_path: str) -> Match:
        """Where a path leads, percent-encoding still in it; `UNKNOWN` where nothing is there."""
        path = raw_path.rstrip("/") or "/"
        parts = [unquote(part) for part in path.split("/")]
        for template, handlers in self._by_length.get(path.count("/"), {}).items():
            params = _fit(template.split("/"), parts)
            if params is not None:
                return Match(template, params, handlers)
        return Match(UNKNOWN, {}, {})


def _fit(template: list[str], parts: list[str]) -> dict[str, str] | None:
    params = {}
    for expected, part in zip(template, parts, strict=True):
        if expected.startswith("{"):
            params[expected[1:-1]] = part
        elif expected != part:
            return None
    return params


ROUTER = Router(ROUTES)
