"""Counts only the first SIGTERM.

A hosting platform sends it to every process of the group, and Dramatiq's main process forwards it to its
children as well; Dramatiq takes the second as "kill" and cuts running work (dramatiq/cli.py,
`worker_process`).
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

import dramatiq


class OneSignal(dramatiq.Middleware):
    """Passes the first SIGTERM on to Dramatiq's own handler and drops the others."""

    def after_process_boot(self, broker: Any) -> None:
        """Take the place of the handler that Dramatiq has just set."""
        if threading.current_thread() is not threading.main_thread():
            return  # embedded: signals are the web server's business
        first = signal.getsignal(signal.SIGTERM)
        if not callable(first):
            return
        seen = False

        def once(signum: int, frame: FrameType | None) -> None:
            nonlocal seen
            if not seen:
                seen = True
                first(signum, frame)

        signal.signal(signal.SIGTERM, once)
