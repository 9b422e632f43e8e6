"""Form bytes with PHP's brackets in their keys, made into nested maps and lists; no I/O.

Own code instead of a query-string library: one key is sometimes a text and sometimes a map
(`data[merges][ADDRESS]`, facts.md 1.4), and a library's answer to such a clash is a surprise.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

from processor.errors import NotUnderstood
from processor.mailchimp.scrub import scrub

MAX_DEPTH = 6
"""Mailchimp's deepest is 5: `data[merges][GROUPINGS][0][id]`."""
MAX_KEYS = 1000
"""80 merge fields and 60 groups of four values each are possible, so 200 would refuse true deliveries;
a thousand cost a few milliseconds of a worker's time."""
MAX_KEY_LENGTH = 128

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def nest(body: bytes) -> dict[str, Any]:
    """Return the nested form: `data[merges][FNAME]=Jo` gives `{"data": {"merges": {"FNAME": "Jo"}}}`.

    Every value is a string; `[0]`, `[1]` … in a row become a list; of a key given twice the last one
    counts, and a map wins over a text. Raises NotUnderstood beyond the limits, and nothing else.
    """
    # Bytes that are not UTF-8 become U+FFFD: one broken name must not hide that somebody left.
    pairs = body.decode("utf-8", "replace").split("&")
    if len(pairs) > MAX_KEYS:
        raise NotUnderstood(f"The form has more than {MAX_KEYS} fields.")
    root: dict[str, Any] = {}
    for pair in pairs:
        if pair:
            key, _, value = pair.partition("=")
            path = _known_path(key) if len(key) <= MAX_KEY_LENGTH else _path(key)
            _place(root, path, _plain(value))
    return {key: _with_lists(value) for key, value in root.items()}


def _plain(written: str) -> str:
    is_coded = "%" in written or "+" in written
    return scrub(unquote_plus(written, errors="replace") if is_coded else written)


def _path(written: str) -> tuple[str, ...]:
    key = _plain(written)
    if len(key) > MAX_KEY_LENGTH:
        raise NotUnderstood(f"A field name is longer than {MAX_KEY_LENGTH} characters.")
    match = _KEY.fullmatch(key)
    if match is None:
        return (key,)
    path = (match[1], *match[2][1:-1].split("][")) if match[2] else (match[1],)
    if len(path) > MAX_DEPTH:
        raise NotUnderstood(f"A field is nested deeper than {MAX_DEPTH} levels.")
    return path


_known_path = lru_cache(maxsize=1024)(_path)
"""The same few names come in every delivery. Only short ones are remembered."""


def _place(root: dict[str, Any], path: tuple[str, ...], value: str) -> None:
    node = root
    for step in path[:-1]:
        inner = node.get(step)
        if not isinstance(inner, dict):
            inner = node[step] = {}
        node = inner
    if not isinstance(node.get(path[-1]), dict):
        node[path[-1]] = value


def _with_lists(value: Any) -> Any:
    """Turn maps with the keys 0, 1, 2 … into lists. Recursion ends at MAX_DEPTH."""
    if not isinstance(value, dict):
        return value
    inner = {key: _with_lists(item) for key, item in value.items()}
    if list(inner) == [str(index) for index in range(len(inner))]:
        return list(inner.values())
    return inner
