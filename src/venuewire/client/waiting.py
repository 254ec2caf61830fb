"""Waiting with an end: for the first of several things, and for something before its deadline. No task is left."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.transport.clock import Clock

T = TypeVar("T")

# Pauses before something is asked for again that did not come: 1, 2, 4 ... seconds.
FIRST_PAUSE = NANOS_PER_SECOND
LONGEST_PAUSE = 30 * NANOS_PER_SECOND
# A subscription that was accepted once and is then refused so many times in a row is not coming back.
REFUSALS = 5


async def first_of(*waits: Coroutine[Any, Any, object]) -> None:
    """Return when the first is over; the others are ended, and their ends awaited. What the first raised is raised."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        # `wait`, not `gather`: it neither raises what they raised nor is upset by their being cancelled.
        await asyncio.wait(tasks)
    for task in done:
        task.result()


async def before(clock: Clock, deadline: Nanos, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives. Raises `TimeoutError`, with `work` ended, when the clock reaches the deadline first."""
    task = asyncio.ensure_future(work)
    sleep = asyncio.ensure_future(clock.sleep_until(deadline))
    try:
        await asyncio.wait((task, sleep), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise TimeoutError
    finally:
        for each in (task, sleep):
            each.cancel()
        await asyncio.wait((task, sleep))
