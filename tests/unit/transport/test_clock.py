"""Clocks that can be stepped."""

import asyncio

from venuewire.model.terms import NANOS_PER_SECOND
from venuewire.transport.clock import SteppedClock, SystemClock

HOUR = 3600 * NANOS_PER_SECOND


async def test_a_stepped_clock_wakes_sleepers_in_order_each_at_its_own_time() -> None:
    clock = SteppedClock(0)
    woken: list[tuple[str, int]] = []

    async def sleep(name: str, *whens: int) -> None:
        for when in whens:
            await clock.sleep_until(when)
            woken.append((name, clock.now()))

    tasks = [asyncio.ensure_future(sleep("a", 30, 90)), asyncio.ensure_future(sleep("b", 10, 60))]
    await asyncio.sleep(0)
    await clock.advance(100)
    assert woken == [("b", 10), ("a", 30), ("b", 60), ("a", 90)]
    assert clock.now() == 100
    await asyncio.gather(*tasks)


async def test_a_day_passes_at_once() -> None:
    clock = SteppedClock(0)
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await clock.sleep_until(clock.now() + NANOS_PER_SECOND * 60)
            beats += 1

    task = asyncio.ensure_future(beat())
    await asyncio.sleep(0)
    await clock.advance(24 * HOUR)
    assert beats == 24 * 60
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_jump_of_the_system_clock_wakes_who_it_passes() -> None:
    clock = SystemClock()
    sleeping = asyncio.ensure_future(clock.sleep_until(clock.now() + HOUR))
    await asyncio.sleep(0)
    assert not sleeping.done()
    clock.advance(2 * HOUR)
    await asyncio.wait_for(sleeping, 5)


async def test_a_fast_clock_runs_ahead() -> None:
    clock = SystemClock(speed=1000)
    began = clock.now()
    await clock.sleep_until(began + NANOS_PER_SECOND)  # a millisecond of life
    assert clock.now() - began >= NANOS_PER_SECOND
