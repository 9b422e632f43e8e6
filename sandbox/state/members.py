"""All members of one audience, with the indexes that make a page of a million quick."""

from __future__ import annotations

import hashlib
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sandbox.state import address
from sandbox.state.member import STATUSES, Member, Status

_SERIAL_BITS = 32
# The bucket of an unfiltered list: everybody but the archived (seen in recordings; the documents are silent).
VISIBLE = ""


class _Order:
    """Numbers in ascending order: `second << 32 | serial`, or the serial alone."""

    def __init__(self) -> None:
        self._keys = array("Q")

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: int) -> None:
        if not self._keys or key > self._keys[-1]:
            self._keys.append(key)
        else:
            self._keys.insert(bisect_left(self._keys, key), key)

    def extend(self, keys: Iterable[int]) -> None:
        self._keys = array("Q", sorted([*self._keys, *keys]))

    def discard(self, key: int) -> None:
        at = bisect_left(self._keys, key)
        if at < len(self._keys) and self._keys[at] == key:
            del self._keys[at]

    def bounds(self, after_second: float | None, until_second: float | None) -> tuple[int, int]:
        """Where the keys of seconds `after_second < s <= until_second` begin and end."""
        low = 0 if after_second is None else bisect_left(self._keys, (int(after_second) + 1) << _SERIAL_BITS)
        if after_second is not None and after_second < 0:
            low = 0
        high = len(self._keys)
        if until_second is not None:
            high = bisect_right(self._keys, ((int(max(until_second, 0)) + 1) << _SERIAL_BITS) - 1)
        return low, max(low, high)

    def serials(self, low: int, high: int) -> Iterable[int]:
        mask = (1 << _SERIAL_BITS) - 1
        return (key & mask for key in self._keys[low:high])


@dataclass(frozen=True, slots=True)
class Query:
    """What a list of members is asked for. Seconds are since 1970; `after` excludes, `until` includes."""

    status: str = VISIBLE
    after_second: float | None = None
    until_second: float | None = None
    keep: Callable[[Member], bool] | None = None
    sort_field: str = ""
    descending: bool = False
    offset: int = 0
    count: int = 10


class Members:
    """The members of one audience by address, by contact_id and in the order of their last change.

    `salt` is the audience's id: it makes contact ids differ between audiences.
    """

    def __init__(self, salt: str) -> None:
        self._by_digest: dict[bytes, Member] = {}
        self._by_unique: dict[int, Member] = {}
        self._by_serial: list[Member | None] = []
        self._changed = {bucket: _Order() for bucket in (VISIBLE, *STATUSES)}
        self._created = {bucket: _Order() for bucket in (VISIBLE, *STATUSES)}
        self._salt = salt.encode()

    def __len__(self) -> int:
        return len(self._by_digest)

    def __iter__(self) -> Iterator[Member]:
        return (member for member in self._by_serial if member is not None)

    def next_serial(self) -> int:
        """The serial of the member that is added next."""
        return len(self._by_serial)

    def count(self, status: Status) -> int:
        """How many members have this status."""
        return len(self._created[status])

    # -- looking up

    def by_email(self, email: str) -> Member | None:
        """The member with this address, in whatever case it is written."""
        return self._by_digest.get(address.digest(email))

    def by_unique_email_id(self, text: str) -> Member | None:
        """The member whose address has this ten-digit id."""
        try:
            return self._by_unique.get(int(text, 16))
        except ValueError:
            return None

    def find(self, key: str) -> Member | None:
        """The member that a path names: by subscriber hash, address or contact_id."""
        if "@" in key:
            return self.by_email(key)
        try:
            raw = bytes.fromhex(key)
        except ValueError:
            return None
        return self._by_digest.get(raw) or self._by_contact_id(key.lower())

    def contact_id(self, member: Member) -> str:
        """32 hexadecimal digits that stay when the address changes.

        The serial is hidden in it, so that a million members need no index to be found by it.
        """
        mark = hashlib.md5(self._salt + member.serial.to_bytes(4), usedforsecurity=False).hexdigest()[:24]
        return f"{mark}{member.serial ^ zlib.crc32(mark.encode()):08x}"

    def _by_contact_id(self, contact_id: str) -> Member | None:
        if len(contact_id) != 32:
            return None
        serial = int(contact_id[24:], 16) ^ zlib.crc32(contact_id[:24].encode())
        member = self._by_serial[serial] if serial < len(self._by_serial) else None
        return member if member and self.contact_id(member) == contact_id else None

    # -- changing

    def add(self, member: Member) -> None:
        """Take in a new member; its serial must be `next_serial()` and its address new here."""
        self._by_serial.append(member)
        self._name(member)
        self._enter(member)

    def add_many(self, members: list[Member]) -> None:
        """Take in many new members at the cost of one sort."""
        self._by_serial.extend(members)
        self._index(members)

    def restore(self, members: list[Member], next_serial: int) -> None:
        """Take in members that had their serials before; those of forgotten ones stay empty."""
        self._by_serial = [None] * next_serial
        for member in members:
            self._by_serial[member.serial] = member
        self._index(members)

    def _index(self, members: list[Member]) -> None:
        fresh: dict[str, list[Member]] = {}
        for member in members:
            self._name(member)
            for bucket in _buckets(member.status):
                fresh.setdefault(bucket, []).append(member)
        for bucket, some in fresh.items():
            self._changed[bucket].extend(_changed_key(member) for member in some)
            self._created[bucket].extend(member.serial for member in some)

    def remove(self, member: Member) -> None:
        """Forget a member; its serial is not given out again."""
        self._leave(member)
        self._unname(member)
        self._by_serial[member.serial] = None

    def rename(self, member: Member, email: str) -> None:
        """Give a member another address; contact_id and web_id stay."""
        self._unname(member)
        member.email = email
        self._name(member)

    def restate(self, member: Member, status: Status) -> None:
        """Give a member another status."""
        self._leave(member)
        member.status = status
        self._enter(member)

    def touch(self, member: Member, second: int) -> None:
        """Say that a member was last changed in this second."""
        self._leave(member)
        member.last_changed_seconds = second
        self._enter(member)

    def _name(self, member: Member) -> None:
        self._by_digest[address.digest(member.email)] = member
        self._by_unique[address.unique_number(member.email)] = member

    def _unname(self, member: Member) -> None:
        self._by_digest.pop(address.digest(member.email), None)
        self._by_unique.pop(address.unique_number(member.email), None)

    def _enter(self, member: Member) -> None:
        for bucket in _buckets(member.status):
            self._changed[bucket].add(_changed_key(member))
            self._created[bucket].add(member.serial)

    def _leave(self, member: Member) -> None:
        for bucket in _buckets(member.status):
            self._changed[bucket].discard(_changed_key(member))
            self._created[bucket].discard(member.serial)

    # -- listing

    def select(self, query: Query) -> tuple[list[Member], int]:
        """The page that is asked for and how many match in all."""
        windowed = query.after_second is not None or query.until_second is not None
        plain = query.keep is None and query.sort_field in ("", "last_changed")
        if plain and (query.sort_field or not windowed):
            return self._page_of_order(query)
        found = self._matching(query)
        found.sort(key=_SORTS[query.sort_field], reverse=query.descending)
        return found[query.offset : query.offset + query.count], len(found)

    def _page_of_order(self, query: Query) -> tuple[list[Member], int]:
        orders = self._changed if query.sort_field else self._created
        order = orders[query.status]
        low, high = (
            order.bounds(query.after_second, query.until_second) if query.sort_field else (0, len(order))
        )
        total = high - low
        if query.descending:
            end = max(low, high - query.offset)
            page = list(self._members(order, max(low, end - query.count), end))[::-1]
        else:
            start = min(high, low + query.offset)
            page = list(self._members(order, start, min(high, start + query.count)))
        return page, total

    def _matching(self, query: Query) -> list[Member]:
        order = self._changed[query.status]
        low, high = order.bounds(query.after_second, query.until_second)
        some = self._members(order, low, high)
        return [member for member in some if query.keep is None or query.keep(member)]

    def _members(self, order: _Order, low: int, high: int) -> Iterator[Member]:
        for serial in order.serials(low, high):
            member = self._by_serial[serial]
            if member is not None:
                yield member


def _buckets(status: Status) -> tuple[str, ...]:
    return (status,) if status == "archived" else (status, VISIBLE)


def _changed_key(member: Member) -> int:
    return member.last_changed_seconds << _SERIAL_BITS | member.serial


_SORTS: dict[str, Callable[[Member], tuple[int, int]]] = {
    "": lambda m: (m.serial, 0),
    "last_changed": lambda m: (m.last_changed_seconds, m.serial),
    "timestamp_opt": lambda m: (m.opt_seconds, m.serial),
    "timestamp_signup": lambda m: (m.signup_seconds, m.serial),
}
