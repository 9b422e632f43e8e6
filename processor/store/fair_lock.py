"""A lock that is handed to whoever has waited longest."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType


class FairLock:
    """First come, first served; not re-entrant.

    SQLite has one writer. Left to its busy time-out the threads of one process poll for it, and an unlucky
    one starves; `threading.Lock` promises no order either.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._owner: int | None = None
        self._held = False

    def acquire(self) -> None:
        """Wait until it is this thread's turn. Raises RuntimeError where this thread holds it already."""
        with self._mutex:
            if self._owner == threading.get_ident():
                raise RuntimeError("a write inside a write of the same thread would wait for itself")
            if not self._held:
                self._take()
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        try:
            turn.acquire()
        except BaseException:
            self._leave(turn)
            raise
        self._owner = threading.get_ident()

    def release(self) -> None:
        """Hand it to the one that has waited longest."""
        with self._mutex:
            self._owner = None
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False

    def _take(self) -> None:
        self._held = True
        self._owner = threading.get_ident()

    def _leave(self, turn: threading.Lock) -> None:
        with self._mutex:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return
        self.release()  # it was handed over in the same instant: pass it on

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
