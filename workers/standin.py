"""Does the work itself while Redis cannot be told of it: a sync that is slower beats one that stands."""

from __future__ import annotations

import threading

from processor.kit import Kit
from workers.actors import VERBS, quiet

FINISH_SECONDS = 5.0


class StandIn:
    """Carries out in this process, one after the other, what a bell that nobody hears was rung for."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._changed = threading.Condition()
        self._waiting: dict[tuple[str, str], None] = {}  # in the order of arrival, each once
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="stand-in", daemon=True)
        self._work = {name: quiet(kit, name, verb) for name, verb in VERBS.items()}

    def start(self) -> None:
        """Begin to wait for work, in a thread of its own."""
        self._thread.start()

    def ring(self, actor: str, connection_id: str) -> None:
        """Do this soon. Safe to repeat; what waits already is not done twice."""
        with self._changed:
            self._waiting[actor, connection_id] = None
            self._changed.notify()

    def stop(self) -> None:
        """Begin nothing more and wait a little for what runs. Safe to repeat."""
        with self._changed:
            self._is_over = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(FINISH_SECONDS)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_over)
                if self._is_over:
                    return
                actor, connection_id = next(iter(self._waiting))
                del self._waiting[actor, connection_id]
            self._work[actor](connection_id)
