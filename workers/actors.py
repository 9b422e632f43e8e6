"""The actors: what a poke does. They never raise: what goes wrong is in the rows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import dramatiq

from processor.attempt import attempt
from processor.broker import (
    CHECK,
    COLLECT,
    DELIVER,
    ERASE,
    MAIL,
    PHOTOS,
    PREVIEW,
    PROCESS,
    PUSH,
    QUEUE,
    REPLAY,
    REVIEW,
    SWEEP,
    UNINSTALL,
)
from processor.deliver import deliver
from processor.doctor import answer
from processor.erase import finish as finish_erasing
from processor.issues import review
from processor.kit import Kit
from processor.mailing import send_due
from processor.photos.work import carry
from processor.preview import carry_out
from processor.process import process
from processor.push import push
from processor.push.collect import collect
from processor.replay import carry_on
from processor.sweep import sweep
from processor.uninstall import finish

Verb = Callable[[Kit, str], object]

VERBS: dict[str, Verb] = {
    PROCESS: process,
    PUSH: push,
    COLLECT: collect,
    SWEEP: sweep,
    UNINSTALL: finish,
    ERASE: finish_erasing,
    PREVIEW: carry_out,
    DELIVER: deliver,
    REPLAY: carry_on,
    PHOTOS: carry,
    REVIEW: review,
    MAIL: send_due,
    CHECK: answer,
}


def declare(broker: dramatiq.Broker, kit: Kit) -> None:
    """Give the broker one actor for each name that web processes may ring for."""
    for name, verb in VERBS.items():
        dramatiq.Actor(
            quiet(kit, name, verb), broker=broker, actor_name=name, queue_name=QUEUE, priority=0, options={}
        )


def quiet(kit: Kit, name: str, verb: Verb) -> Callable[[str], None]:
    """Return the verb as an actor runs it: what it raises is logged, and nothing begins while stopping."""

    def run(connection_id: str) -> None:
        if kit.stopping.is_set():
            kit.bell.answered(name, connection_id)  # or the next ring would not be heard
            return  # the row stays due: another worker's clock finds it
        # What it raises is in the attempt's line.
        with suppress(Exception), attempt(kit, name, connection_id) as it:
            it.count = verb(kit, connection_id)

    return run
