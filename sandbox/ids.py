"""Ids and chance, from one seed."""

from __future__ import annotations

import random
import uuid
from typing import TypeVar

T = TypeVar("T")


class Ids:
    """Makes the ids of this Mailchimp and answers questions of chance; the same seed gives the same row."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - nothing here is a secret from anybody

    def reseed(self, seed: int | None) -> None:
        """Begin the row of another seed; None takes one from the machine."""
        self._random.seed(seed)

    def hex(self, length: int) -> str:
        """`length` random hexadecimal digits."""
        return f"{self._random.getrandbits(length * 4):0{length}x}"

    def number(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return self._random.randint(low, high)

    def uuid(self) -> str:
        """A version 4 UUID, as in `X-Request-Id`."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def chance(self, fraction: float) -> bool:
        """True in `fraction` (0 to 1) of all calls."""
        return fraction > 0 and self._random.random() < fraction

    def between(self, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        return self._random.uniform(low, high)

    def shuffled(self, items: list[T]) -> list[T]:
        """The same items in another order."""
        items = list(items)
        self._random.shuffle(items)
        return items
