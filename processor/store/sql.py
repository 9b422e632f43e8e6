"""Small things that the questions of the store share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

PIECE = 1000
"""How many values go into one `IN (…)`: far below what either database takes (32,766 and 65,535)."""


def pieces(items: Iterable[T], size: int = PIECE) -> Iterator[list[T]]:
    """Yield the items in lists of at most `size`, in order; nothing for no items."""
    rest = iter(items)
    while piece := list(islice(rest, size)):
        yield piece
