"""What `dramatiq workers:load` runs: actors of a few lines over the verbs, and the clock."""

from __future__ import annotations

import dramatiq

from processor import bootstrap, config, log
from processor.broker import RedisBell
from workers.actors import declare
from workers.clock import Clock, ClockMiddleware
from workers.memory import share_arenas
from workers.signals import OneSignal
from workers.standin import StandIn

__all__ = ["Clock", "declare", "load"]


def load() -> None:
    """Build this worker process from the environment and set its broker, as `dramatiq workers:load` asks.

    Raises ConfigError naming every setting that is missing.
    """
    share_arenas()
    settings = config.load(config.Role.WORKER)
    log.set_up(settings.log_level, as_json=settings.log_format == "json")
    house = bootstrap.build(settings)
    dramatiq.set_broker(house.broker)
    declare(house.broker, house.kit)
    house.broker.add_middleware(OneSignal())
    stand_in = StandIn(house.kit)
    if isinstance(house.kit.bell, RedisBell):
        house.kit.bell.otherwise = stand_in.ring
    house.broker.add_middleware(ClockMiddleware(Clock(house.kit), stand_in))
