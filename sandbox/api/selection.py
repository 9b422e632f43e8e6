"""`fields` and `exclude_fields`: dot notation, `members.id` reaches into every element of a list."""

from __future__ import annotations

from typing import Any

_Tree = dict[str, Any]


class Selection:
    """Which fields of an answer are wanted. An empty text is no restriction."""

    def __init__(self, fields: str = "", exclude_fields: str = "") -> None:
        self._wanted = _tree(fields)
        self._unwanted = _tree(exclude_fields)

    def has(self, path: str) -> bool:
        """True where a field such as `members._links` will be in the answer; spares making it otherwise."""
        return _wants(self._wanted, path.split(".")) and not _rejects(self._unwanted, path.split("."))

    def of(self, body: Any) -> Any:
        """The body with only what is wanted."""
        if self._wanted:
            body = _keep(body, self._wanted)
        return _drop(body, self._unwanted) if self._unwanted else body


def _tree(text: str) -> _Tree:
    root: _Tree = {}
    for path in filter(None, (part.strip() for part in text.split(","))):
        at = root
        for part in path.split("."):
            at = at.setdefault(part, {})
    return root


def _wants(wanted: _Tree, parts: list[str]) -> bool:
    for part in parts:
        if not wanted:
            return True
        if part not in wanted:
            return False
        wanted = wanted[part]
    return True


def _rejects(unwanted: _Tree, parts: list[str]) -> bool:
    for part in parts:
        if part not in unwanted:
            return False
        unwanted = unwanted[part]
        if not unwanted:
            return True
    return False


def _keep(body: Any, wanted: _Tree) -> Any:
    if isinstance(body, list):
        return [_keep(item, wanted) for item in body]
    if not isinstance(body, dict):
        return body
    return {
        key: _keep(body[key], below) if below else body[key] for key, below in wanted.items() if key in body
    }


def _drop(body: Any, unwanted: _Tree) -> Any:
    if isinstance(body, list):
        return [_drop(item, unwanted) for item in body]
    if not isinstance(body, dict):
        return body
    return {
        key: _drop(value, unwanted[key]) if key in unwanted else value
        for key, value in body.items()
        if key not in unwanted or unwanted[key]
    }
