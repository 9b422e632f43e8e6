"""Time and misfortune of a simulated installation: its clock, where its process dies, which calls fail."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

BEGINNING = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class Crash(BaseException):
    """The process ends here, at once: no `except Exception` of the product may see it."""


class LostThread(Exception):
    """The same in a thread of the product: what it would still have done is not done."""


@dataclass
class Clock:
    """The platform's clock, moved by hand. Mailchimp's runs beside it, `skew_seconds` ahead."""

    at: datetime = BEGINNING
    skew_seconds: float = 0.0

    def now(self) -> datetime:
        """The platform's time."""
        return self.at

    def there(self) -> datetime:
        """Mailchimp's time."""
        return self.at + timedelta(seconds=self.skew_seconds)

    def go_on(self, seconds: float) -> None:
        """Let time pass."""
        self.at += timedelta(seconds=seconds)


@dataclass
class Fault:
    """`kind` strikes `count` calls, after `skip` others."""

    kind: str
    skip: int
    count: int


@dataclass
class Fate:
    """What is going to happen to one process and its calls, counted in points: each call before and after
    Mailchimp has carried it out, each transaction before it begins, before and after its commit."""

    clock: Clock
    points_left: int | None = None
    is_dead: bool = False
    faults: list[Fault] = field(default_factory=list)
    meanwhile: list[tuple[int, Callable[[], None]]] = field(default_factory=list)
    """What happens in Mailchimp between two calls of ours: after so many calls, and what."""
    died_at: str = ""

    def point(self, where: str) -> None:
        """The process may die here. A dead one does nothing any more."""
        if not self.is_dead and self.points_left is not None:
            self.points_left -= 1
            if self.points_left < 0:
                self.is_dead, self.points_left, self.died_at = True, None, where
        if self.is_dead:
            if threading.current_thread() is not threading.main_thread():
                raise LostThread
            raise Crash

    def next_fault(self) -> str:
        """Which fault strikes this call; "" for none."""
        for fault in self.faults:
            if fault.skip:
                fault.skip -= 1
                return ""
            if fault.count:
                fault.count -= 1
                return fault.kind
        self.faults = []
        return ""

    def go_on_there(self) -> None:
        """Let happen in Mailchimp what is to happen before this call."""
        due = [act for calls, act in self.meanwhile if calls <= 0]
        self.meanwhile = [(calls - 1, act) for calls, act in self.meanwhile if calls > 0]
        for act in due:
            act()

    def mend(self) -> None:
        """From here on nothing goes wrong."""
        self.points_left, self.faults, self.meanwhile = None, [], []
