"""Days in seconds: what must hold whatever goes wrong, on a stepped clock, from seeds that can be run again."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from tests.simulation.positions import places, strike
from tests.simulation.world import World, simulate

import venuewire as vw
from venuewire.model.session import LoggedOut, Missed
from venuewire.sandbox.faults import Fault, NoSuchThing
from venuewire.venues import names

SEEDS = 200
CHUNK = 10
PLACES = 30
"""Of each venue, in the everyday run."""


async def test_the_same_seed_gives_the_same_log() -> None:
    first, second = await simulate(42), await simulate(42)
    assert first.log == second.log
    assert len(first.log) > 500
    assert (await simulate(43)).log != first.log


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
async def test_nothing_breaks_under_random_faults(first: int) -> None:
    for seed in range(first, first + CHUNK):
        await simulate(seed)


async def test_a_day_of_tokens_loses_nothing() -> None:
    world = World(1, pace=120)
    async with world:
        told = {venue: client.events() for venue, client in world.clients.items()}
        for half_hour in range(48):
            await world.sandbox.advance(1800)
            for venue in names():
                order = await world.sandbox.run(world.clients[venue].place(world.order(venue)))
                assert order.status in {
                    vw.OrdStatus.NEW,
                    vw.OrdStatus.FILLED,
                    vw.OrdStatus.PARTIALLY_FILLED,
                    vw.OrdStatus.PENDING_NEW,
                }, (half_hour, venue, order)
                assert world.books[venue].trust is vw.Trust.LIVE, (half_hour, venue)
                if order.is_open:
                    await world.sandbox.run(world.clients[venue].cancel(order))
        for venue, client in world.clients.items():
            for line, state in client.health()["lines"].items():
                assert (state["dials"], state["state"]) == (1, "READY"), (venue, line, state)
            stream = told[venue]
            seen = [await anext(stream) for _ in range(stream.waiting)]
            assert not [event for event in seen if isinstance(event, (Missed, LoggedOut))]
        assert all(state["renewals"] >= 47 for state in world.clients["alor"].health()["lines"].values())


async def test_a_thousand_forced_expiries_lose_nothing() -> None:
    world = World(2, pace=60)
    async with world:
        for number in range(1000):
            try:
                world.sandbox.set_fault(msgspec.convert({"kind": "expire"}, Fault))
            except NoSuchThing:
                pytest.fail("no venue has tokens that end")
            await world.sandbox.advance(5)
            if number % 50 == 0:
                for venue in names():
                    order = await world.sandbox.run(world.clients[venue].place(world.order(venue)))
                    assert order.status is not vw.OrdStatus.REJECTED, (number, venue, order)
                    if order.is_open:
                        await world.sandbox.run(world.clients[venue].cancel(order))
        await world.calm()


@pytest.mark.parametrize("venue", names())
async def test_a_fault_at_any_frame_is_survived(venue: str) -> None:
    """Some places, spread over all of them; `python -m tests.simulation positions` takes every one."""
    every = await places((venue,))
    wheres = {place.where for place in every}
    assert {"to_client", "to_venue", "connection 1"} <= wheres
    random, kinds = Random(venue), sorted({str(place.fault["kind"]) for place in every})
    assert len(kinds) > 5
    # One of each kind and of each way, however rare, and some of all.
    chosen = [random.choice([place for place in every if place.fault["kind"] == kind]) for kind in kinds]
    chosen += [random.choice([place for place in every if place.where == where]) for where in sorted(wheres)]
    chosen += random.sample(every, PLACES - len(chosen))
    for place in chosen:
        await strike(place)


async def test_a_fault_strikes_where_it_is_aimed() -> None:
    """The run that is struck is the one that was recorded: each fault meets its frame."""
    every = await places(("coinbase",))
    for place in Random(1).sample(every, 12):
        world = await strike(place)
        (told,) = (fault for fault in world.sandbox.faults() if fault["fault"]["kind"] == place.fault["kind"])
        # What is half open tells no frames apart: it counts those it lets pass.
        passed = told["seen"] == place.position and place.fault["kind"] == "half_open"
        assert passed or told["struck"] == 1 or place.fault["kind"] == "mute", place
