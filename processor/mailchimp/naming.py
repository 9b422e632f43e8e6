"""Whether a delivery names somebody, told without knowing who: by hashes of addresses and by ids. No I/O."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import unquote_plus

from processor.domain.contact import subscriber_hash

_VALUES = re.compile(r"[&=\"\n\r]+")
_ADDRESSES = re.compile(r"[^\s<>()\[\],;:&=\"]+@[^\s<>()\[\],;:&=\"]+")


def names_one_of(body: bytes, hashes: Collection[str], ids: Collection[str]) -> bool:
    """Return whether one of the values in this body is one of these ids, or an address with one of these
    subscriber hashes. For forms and JSON alike, and for what is neither."""
    raw = body.decode("utf-8", "replace")
    if any(value in ids for value in map(unquote_plus, _VALUES.split(raw))):
        return True
    if "@" not in raw and "%40" not in raw:
        return False
    values = {value.strip().lower() for part in _VALUES.split(raw) for value in _read(part)}
    return any(subscriber_hash(value) in hashes for value in values if "@" in value)


def _read(part: str) -> list[str]:
    """The part as it stands and as a form means it, whole and each address in it: `+` is a space in a form,
    and itself in an address."""
    found = []
    for text in {part, unquote_plus(part), unquote_plus(part.replace("+", "%2B"))}:
        found += [text, *_ADDRESSES.findall(text)]
    return found
