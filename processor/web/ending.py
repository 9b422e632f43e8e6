"""Lets the house know of the end as soon as the signal comes, not when the last request is over."""

from __future__ import annotations

import signal
import threading
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def tell_of_the_end(stopping: threading.Event) -> None:
    """Set `stopping` when the process is asked to end, and then do what the server has set up to do.

    A feed call that waits for news would otherwise hold a deploy up until the server's patience is over.
    Call it once the server's own handlers are in place; outside the main thread it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in SIGNALS:
        before = signal.getsignal(number)
        if not callable(before):
            continue

        def told(signum: int, frame: FrameType | None, before: signal._HANDLER = before) -> None:
            stopping.set()
            if callable(before):
                before(signum, frame)

        signal.signal(number, told)
