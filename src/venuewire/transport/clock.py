"""Clocks: one is injected everywhere, so that a day can be stepped through in a test."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Protocol

from venuewire.model.terms import NANOS_PER_SECOND, Nanos

_monotonic_ns = time.monotonic_ns


class Clock(Protocol):
    """What time it is, and waiting for a time."""

    def now(self) -> Nanos:
        """Nanoseconds since the Unix epoch, UTC; never runs backwards."""
        ...

    async def sleep_until(self, when: Nanos) -> None:
        """Return when `now() >= when`; at once if that is past."""
        ...


class SystemClock:
    """The machine's clock: read once, then carried on by the monotonic clock, so that a step of the wall clock
    neither fires nor delays a deadline. `speed` runs it faster than life, `offset` ahead of it."""

    def __init__(self, speed: float = 1.0) -> None:
        self._monotonic = time.monotonic_ns()
        self._speed = speed
        self._is_plain = speed == 1.0
        self._ahead = time.time_ns() - self._monotonic
        """Of the monotonic clock."""
        self._moved = asyncio.Event()

    def now(self) -> Nanos:
        if self._is_plain:  # asked with every message
            return _monotonic_ns() + self._ahead
        passed = _monotonic_ns() - self._monotonic
        return self._monotonic + int(passed * self._speed) + self._ahead

    def advance(self, nanos: Nanos) -> None:
        """Jump ahead; those who sleep look again."""
        self._ahead += nanos
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def sleep_until(self, when: Nanos) -> None:
        while (left := when - self.now()) > 0:
            moved = self._moved
            try:
                async with asyncio.timeout(left / NANOS_PER_SECOND / self._speed):
                    await moved.wait()
            except TimeoutError:
                continue


class SteppedClock:
    """A clock that moves only when it is told to. `settle` is how it lets everybody run before it moves on."""

    def __init__(
        self,
        start: Nanos = 1_800_000_000 * NANOS_PER_SECOND,
        settle: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._now = start
        self._settle = settle if settle is not None else _settle
        self._sleepers: list[tuple[Nanos, int, asyncio.Future[None]]] = []
        self._order = count()

    def now(self) -> Nanos:
        return self._now

    async def sleep_until(self, when: Nanos) -> None:
        if when <= self._now:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (when, next(self._order), future))
        await future

    def next_sleeper(self) -> Nanos | None:
        """When the first sleeper wants to wake."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    async def advance(self, nanos: Nanos) -> None:
        """Move on, waking each sleeper at its own time and letting everybody run in between."""
        end = self._now + nanos
        while (when := self.next_sleeper()) is not None and when <= end:
            self._now = max(self._now, when)
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
            await self._settle()
        self._now = end
        await self._settle()


async def settle(rounds: int = 20) -> None:
    """Let every task that can run do so."""
    for _ in range(rounds):
        await asyncio.sleep(0)


async def at_rest(rounds: int = 100_000) -> None:
    """Let every task run until none can before time moves on: exact, and quick, where nothing waits for a socket.

    Raises `RuntimeError` if that never is.
    """
    # What a loop is about to run is nobody else's business, but there is no other way to ask; uvloop keeps it hidden.
    ready = getattr(asyncio.get_running_loop(), "_ready", None)
    if ready is None:
        await settle(200)
        return
    for _ in range(rounds):
        await asyncio.sleep(0)
        if not ready:
            return
    raise RuntimeError(f"the tasks have not come to rest within {rounds} rounds")


_settle = settle
