"""Nothing that was answered 200 is missing, and nothing that could not be committed is answered 200."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from bench.load import post_each
from processor import broker
from processor.domain.event import Delivery
from processor.doorkeeper import Doorkeeper
from processor.errors import StoreDown
from processor.kit import Kit
from processor.receive import Overloaded, Receiver, ShuttingDown
from processor.web.app import build
from processor.web.server import Running
from processor.web.webhooks import Webhooks
from tests.receiver.faults import Backends, full_disk, held_back, refuse_poison
from tests.receiver.house import (
    FORM,
    FrozenBell,
    Rung,
    add_hook,
    body_of,
    kept,
    make_kit,
    make_settings,
)

LARGE = b"x" * 15_000


def post(server: Running, token: str, bodies: list[bytes], connections: int) -> dict[bytes, int]:
    """Post each once, over that many connections at a time; return the status of each."""
    return asyncio.run(post_each(server.port, f"/webhooks/mailchimp/{token}", bodies, connections))


def delivery(number: int, connection_id: str = "con_one") -> Delivery:
    return Delivery(connection_id, body_of(number), FORM, datetime.now(UTC))


def take_all(receiver: Receiver, work: Callable[[Receiver], Awaitable[list[object]]]) -> list[object]:
    """Run the work on a started receiver and stop it; return what the work returned."""

    async def run() -> list[object]:
        receiver.start()
        try:
            return await work(receiver)
        finally:
            await receiver.stop()

    return asyncio.run(run())


def outcomes(found: list[object]) -> Counter[str]:
    """Count results by what they are: None is a delivery that was kept."""
    return Counter("kept" if one is None else type(one).__name__ for one in found)


def test_five_hundred_posts_at_once_are_all_kept_and_twins_once(server: Running, kit: Kit) -> None:
    """Everybody is answered 200, each different body is there, each once."""
    bodies = [body_of(number % 250) for number in range(500)]
    answered = post(server, add_hook(kit), bodies, 500)
    assert Counter(answered.values()) == {200: 250}
    assert kept(kit.store) == {body_of(number): 1 for number in range(250)}


def test_many_deliveries_share_a_commit(server: Running, http: httpx.Client, kit: Kit, bell: Rung) -> None:
    """Under load there are far fewer commits, and rings, than deliveries."""
    bodies = [body_of(number) for number in range(1_000)]
    post(server, add_hook(kit), bodies, 100)
    numbers = dict(line.rsplit(" ", 1) for line in http.get("/metrics").text.splitlines() if line[0] != "#")
    assert int(numbers["bothways_deliveries_accepted_total"]) == 1_000
    assert int(numbers["bothways_commits_total"]) < 500
    assert len(bell.rings) <= int(numbers["bothways_commits_total"])


def test_each_connection_that_received_is_rung_for(server: Running, kit: Kit, bell: Rung) -> None:
    """A batch with several connections wakes work for all of them."""
    for number in range(3):
        assert post(server, add_hook(kit, f"con_{number}"), [body_of(number)], 1) == {body_of(number): 200}
    for number in range(3):
        assert bell.wait_for(broker.PROCESS, f"con_{number}")


def test_a_frozen_bell_delays_nobody(tmp_path: Path, database_url: str) -> None:
    """Redis hangs: deliveries are kept and answered, and the process stops in time."""
    bell = FrozenBell()
    kit = make_kit(make_settings(tmp_path, database_url), bell=bell)
    began = time.monotonic()
    with Running(build(kit)) as server:
        token = add_hook(kit)
        for number in range(20):
            assert post(server, token, [body_of(number)], 1) == {body_of(number): 200}
        assert time.monotonic() - began < 5
    assert time.monotonic() - began < 10
    assert len(bell.rings) == 1, "while one ring hangs, the others wait together"
    bell.go_on.set()
    assert len(kept(kit.store)) == 20
    kit.store.close()


def test_a_full_disk_refuses_everybody_and_recovers(tmp_path: Path) -> None:
    """While nothing can be committed all are answered 503; afterwards the next try is kept."""
    settings = make_settings(tmp_path)
    kit = make_kit(settings)
    bodies = [LARGE + body_of(number) for number in range(60)]
    with Running(build(kit)) as server:
        token = add_hook(kit)
        assert post(server, token, [body_of(0)], 1) == {body_of(0): 200}
        with full_disk(kit.store):
            answered = post(server, token, bodies, 20)
        assert Counter(answered.values()) == {503: 60}
        assert set(kept(kit.store)) == {body_of(0)}
        assert set(post(server, token, bodies, 20).values()) == {200}
    assert set(kept(kit.store)) == {body_of(0), *bodies}
    kit.store.close()


@pytest.mark.services
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_restart_of_postgresql_loses_nothing_acknowledged(tmp_path: Path, database_url: str) -> None:
    """Its connections die in the middle of commits: what was answered 200 is there, and it goes on."""
    kit = make_kit(make_settings(tmp_path, database_url))
    backends = Backends(kit.store)
    bodies = [body_of(number) for number in range(6_000)]
    with Running(build(kit)) as server:
        token = add_hook(kit)

        async def under_fire() -> dict[bytes, int]:
            load = asyncio.create_task(post_each(server.port, f"/webhooks/mailchimp/{token}", bodies, 32))
            while not load.done():
                await asyncio.sleep(0.15)
                await asyncio.to_thread(backends.end_all, database_url)
            return await load

        answered = asyncio.run(under_fire())
        acknowledged = {body for body, status in answered.items() if status == 200}
        assert set(answered.values()) <= {200, 503}
        assert acknowledged <= set(kept(kit.store))
        assert post(server, token, [body_of(0)], 1) == {body_of(0): 200}
    kit.store.close()


def test_one_delivery_that_the_database_refuses_does_not_refuse_its_neighbours(kit: Kit) -> None:
    """A batch with a poisoned row is kept row by row."""
    refuse_poison(kit.store)

    async def work(receiver: Receiver) -> list[object]:
        poison = Delivery("con_one", b"poison", FORM, datetime.now(UTC))
        every = [*map(delivery, range(5)), poison, *map(delivery, range(5, 10))]
        return list(await asyncio.gather(*map(receiver.take, every), return_exceptions=True))

    found = take_all(Receiver(kit.store, kit.bell), work)
    assert [type(one) for one in found] == [type(None)] * 5 + [StoreDown] + [type(None)] * 5
    assert set(kept(kit.store)) == {body_of(number) for number in range(10)}


def test_who_waits_too_long_is_told_before_mailchimp_gives_up(kit: Kit, database_url: str) -> None:
    """A commit hangs: its senders get a 503 in time, and their next try is a twin of what came through."""
    receiver = Receiver(kit.store, kit.bell, patience_seconds=0.2)

    async def work(receiver: Receiver) -> list[object]:
        with held_back(kit.store, database_url) as let_go:
            first = await asyncio.gather(*map(receiver.take, map(delivery, range(3))), return_exceptions=True)
            let_go()
        await receiver.take(delivery(0))
        return list(first)

    assert outcomes(take_all(receiver, work)) == {"StoreDown": 3}
    assert kept(kit.store) == {body_of(0): 1, body_of(1): 0, body_of(2): 0}


def test_too_many_waiting_are_refused_and_the_others_kept(kit: Kit, database_url: str) -> None:
    """The waiting list has an end; whoever is on it is kept."""

    async def work(receiver: Receiver) -> list[object]:
        with held_back(kit.store, database_url) as let_go:
            tasks = [asyncio.ensure_future(receiver.take(delivery(number))) for number in range(15)]
            await asyncio.sleep(0.2)
            let_go()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    found = take_all(Receiver(kit.store, kit.bell, waiting=10), work)
    assert outcomes(found) == {"kept": 10, "Overloaded": 5}
    assert set(kept(kit.store)) == {body_of(number) for number in range(10)}
    assert isinstance(found[-1], Overloaded)


@pytest.mark.parametrize(("waiting", "is_started", "closes"), [(0, True, False), (10, False, True)])
def test_a_receiver_that_cannot_take_more_answers_503(
    kit: Kit, waiting: int, is_started: bool, closes: bool
) -> None:
    """Overloaded or not running: come again, and where it stops, to another process."""
    receiver = Receiver(kit.store, kit.bell, waiting=waiting)
    doorkeeper = Doorkeeper(kit.store, kit.sealer, kit.now)
    endpoint = Webhooks(receiver, doorkeeper, kit.now, max_body_bytes=20_000)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if is_started:
            receiver.start()
        yield
        if is_started:
            await receiver.stop()

    with Running(Starlette(routes=[endpoint.route()], lifespan=lifespan)) as server:
        url = f"{server.url}/webhooks/mailchimp/{add_hook(kit)}"
        answer = httpx.post(url, content=body_of(1), headers={"Content-Type": FORM})
    doorkeeper.close()
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert (answer.headers.get("Connection") == "close") is closes
    assert kept(kit.store) == {}


def test_stopping_keeps_what_waits_and_refuses_what_comes(kit: Kit) -> None:
    """Nobody who was let in is sent away without a commit."""

    async def run() -> tuple[list[object], list[object]]:
        receiver = Receiver(kit.store, kit.bell)
        receiver.start()
        early = [asyncio.ensure_future(receiver.take(delivery(number))) for number in range(50)]
        await asyncio.sleep(0)
        stopping = asyncio.ensure_future(receiver.stop())
        await asyncio.sleep(0)
        late = [asyncio.ensure_future(receiver.take(delivery(number))) for number in range(50, 60)]
        await stopping
        await receiver.stop()
        return (
            list(await asyncio.gather(*early, return_exceptions=True)),
            list(await asyncio.gather(*late, return_exceptions=True)),
        )

    early, late = asyncio.run(run())
    assert outcomes(early) == {"kept": 50}
    assert outcomes(late) == {"ShuttingDown": 10}
    assert isinstance(late[0], ShuttingDown)
    assert len(kept(kit.store)) == 50


def test_a_sender_that_went_away_does_not_disturb_its_batch(kit: Kit, database_url: str) -> None:
    """Cancelled waiting is not cancelled keeping: the neighbours are answered, the delivery is there."""

    async def work(receiver: Receiver) -> list[object]:
        with held_back(kit.store, database_url) as let_go:
            tasks = [asyncio.ensure_future(receiver.take(delivery(number))) for number in range(5)]
            await asyncio.sleep(0.1)
            tasks[2].cancel()
            let_go()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    assert outcomes(take_all(Receiver(kit.store, kit.bell), work)) == {"kept": 4, "CancelledError": 1}
    assert len(kept(kit.store)) == 5
