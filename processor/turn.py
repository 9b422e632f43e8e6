"""One worker at a time for one connection's work of one kind, a few for pushing, across all processes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from processor.broker import DELIVER, PHOTOS, PUSH
from processor.errors import StoreDown
from processor.kit import Kit
from processor.store import leases

PLACES = {PUSH: 4, PHOTOS: 4, DELIVER: 2}
"""How many workers push, or carry photos, for one connection at a time: half as many as an account's open
calls, since each spends about as long on the database as on its calls. And how many send to one endpoint: one
that begins to hang must leave workers for others."""


def places(actor: str) -> list[str]:
    """Return the names of the turns that there are for one connection's work of this kind: whoever holds
    one may work. Only pushing, delivering and photos are shared."""
    return [actor, *(f"{actor}.{n}" for n in range(1, PLACES.get(actor, 1)))]


class Turn:
    """A turn that is held, or not: true where it is ours."""

    def __init__(self, kit: Kit, name: str) -> None:
        self._kit = kit
        self._name = name
        # Threads of one process are different workers; the process comes first, so that the turns of a
        # dead one are found.
        self._holder = f"{kit.worker}/{threading.get_ident()}"
        self.mine = self.renew()

    def __bool__(self) -> bool:
        return self.mine

    def renew(self) -> bool:
        """Hold it for another lease. Returns whether it is ours; others take over what runs out."""
        kit = self._kit
        with kit.store.write() as c:
            return leases.take(c, self._name, self._holder, kit.now(), kit.settings.lease_seconds)

    def give_up(self) -> None:
        """Let others have it; later, where the database is away."""
        try:
            with self._kit.store.write() as c:
                leases.give_up(c, self._name, self._holder)
        except StoreDown:
            self._kit.left_turns.append((self._name, self._holder))
            raise


@contextmanager
def any_turn(kit: Kit, actor: str, connection_id: str) -> Iterator[Turn]:
    """Hold one of the connection's `places` for this kind of work while inside; yields a false one where all
    of them are taken."""
    for name in places(actor):
        held = Turn(kit, f"{name}:{connection_id}")
        if held:
            break
    try:
        yield held
    finally:
        if held:
            held.give_up()


@contextmanager
def turn(kit: Kit, actor: str, connection_id: str) -> Iterator[Turn]:
    """Hold the connection's turn for this kind of work while inside; yields a false one where another
    has it. A worker that dies leaves its turn to others (see `processor.tick`)."""
    held = Turn(kit, f"{actor}:{connection_id}")
    try:
        yield held
    finally:
        if held:
            held.give_up()
