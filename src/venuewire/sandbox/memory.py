"""`MemorySandbox`: every venue in the client's own process, without a socket, on a clock that is stepped.

    clock = SteppedClock(settle=at_rest)
    async with MemorySandbox(clock=clock) as sandbox:
        client = connect(name, sandbox.credentials(name), network=sandbox.network(), clock=clock)
        await sandbox.run(client.__aenter__())
        await sandbox.advance(600)

The same hosts, exchanges, markets and faults as behind the ports; nothing here asks what time it is or draws a number
but from the clock and the seed, so the same calls give the same frames.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import AsyncExitStack
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

from venuewire.errors import ConnectFailed
from venuewire.model.terms import NANOS_PER_SECOND
from venuewire.sandbox.connection import Connection, text_frame
from venuewire.sandbox.floor import Floor
from venuewire.sandbox.hall import Hall, address_of, is_line, owned_tasks, path_of
from venuewire.transport.clock import SteppedClock, at_rest
from venuewire.transport.memory import MemoryLine, MemoryNetwork
from venuewire.venue import Answer, Headers, Refusal, Request, Venue

if TYPE_CHECKING:
    from types import TracebackType

_numbers = count(1)
"""Sandboxes made in this process: each has addresses of its own, so that limits counted by address are not shared."""

ResultT = TypeVar("ResultT")


class MemoryConnection(Connection):
    """A connection over a memory line. Implements `transport.memory.Peer`."""

    _wire: MemoryLine | None = None

    def joined(self, line: MemoryLine) -> None:
        """The line stands."""
        self._wire = line
        self._floor.join(self)
        self.opened()

    def left(self) -> None:
        """The client is gone."""
        self._floor.leave(self)
        super().left()

    def write(self, payload: bytes) -> None:
        if self._wire is not None:
            self._wire.push(payload)

    def write_part(self, payload: bytes, count: int) -> None:
        # A message is told of when it is whole.
        if count >= len(text_frame(payload)):
            self.write(payload)
        self.abort()

    def say_goodbye(self, code: int, reason: str) -> None:
        if self._wire is not None:
            self._wire.end(code, reason)

    def abort(self) -> None:
        if self._wire is not None:
            self._wire.end(1006)


class MemorySandbox(Hall):
    """All venues, or some, in memory. Implements `transport.memory.FarEnd`.

    `venues`, `seed`: as of `Sandbox`. `clock`: a stepped one, the client's too. `pace`: seconds between two steps of
    each market; the ports' 0.05 would make a day of trading long.

    `async with` gives it timers, so that it keeps its own time as the clock moves. Without, `run_due` has to be called.
    """

    def __init__(
        self,
        venues: Iterable[str | Venue] | None = None,
        *,
        seed: int = 1,
        clock: SteppedClock | None = None,
        pace: float = 1.0,
    ) -> None:
        self.clock = SteppedClock(settle=at_rest) if clock is None else clock
        super().__init__(venues, seed, self.clock)
        self._routes: dict[tuple[str, str], tuple[Floor, str]] = {}
        """(host, path) -> venue and line."""
        self._hosts: dict[str, Floor] = {}
        self._stack = AsyncExitStack()
        number = next(_numbers)
        for venue in self._venues:
            floor = Floor(venue, self.clock, seed, round(pace * NANOS_PER_SECOND))
            self._floors[venue.name] = floor
            self._addresses[venue.name] = dict(self._placed(floor, number))

    def _placed(self, floor: Floor, number: int) -> Iterable[tuple[str, str]]:
        for endpoint in floor.venue.endpoints:
            host = f"{floor.name}-{endpoint.port}.memory-{number}"
            self._hosts[host] = floor
            if is_line(endpoint):
                self._routes[host, path_of(endpoint)] = floor, endpoint.name
            yield endpoint.name, address_of(endpoint, host)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(owned_tasks())
            for floor in self._floors.values():
                timer = tasks.create_task(floor.keep_time(), name=f"sandbox timer of {floor.name}")
                stack.callback(timer.cancel)
            stack.push_async_callback(self._clear)
            self._stack = stack.pop_all()
        await at_rest()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, traceback)

    async def _clear(self) -> None:
        for floor in self._floors.values():
            floor.closing = True
            floor.disconnect(1001)
        await at_rest()

    # ---------------------------------------------------------------------------------------------- for a network

    def network(self, *, automatic: bool = True) -> MemoryNetwork:
        """A way here for one client; see `MemoryNetwork`."""
        return MemoryNetwork(self, self.clock, automatic=automatic)

    def accept(self, url: str, headers: Headers) -> MemoryConnection | Refusal:
        """Take a handshake or refuse it. Raises `ConnectFailed` for an address that is not here."""
        address = urlsplit(url)
        found = self._routes.get((address.netloc, address.path.rstrip("/")))
        if found is None or found[0].closing:
            raise ConnectFailed(url, "nobody listens there")
        floor, line = found
        admitted, flap = floor.admit(line, {"host": address.netloc, **headers})
        if isinstance(admitted, Refusal):
            return admitted
        return MemoryConnection(floor, line, admitted, doomed=None if flap is None else flap.code)

    async def serve(self, url: str, request: Request) -> Answer | None:
        """Answer an HTTP request; None: the connection is cut instead. Raises `ConnectFailed` as `accept` does."""
        floor = self._hosts.get(urlsplit(url).netloc)
        if floor is None or floor.closing:
            raise ConnectFailed(url.partition("?")[0], "nobody listens there")
        return await floor.answer(request)

    # ---------------------------------------------------------------------------------------------- time

    async def advance(self, seconds: Decimal | float) -> None:
        """Move the clock ahead, letting everybody do what falls due, each at its time."""
        await self.clock.advance(int(seconds * NANOS_PER_SECOND))

    def set_pace(self, seconds: float) -> None:
        """From its next step on each market moves every so many seconds."""
        for floor in self._floors.values():
            floor.flow.pace = round(seconds * NANOS_PER_SECOND)

    def run_due(self) -> None:
        """Everything that is due, once; for who steps by hand and has not entered the sandbox."""
        for floor in self._floors.values():
            floor.run_due()

    async def run(self, work: Coroutine[Any, Any, ResultT], *, within: float = 600) -> ResultT:
        """Do `work`, moving the clock on whenever nothing can happen before it moves; what came of it.

        Raises `TimeoutError` if it is not done within so many seconds of the clock.
        """
        task = asyncio.ensure_future(work)
        end = self.now() + round(within * NANOS_PER_SECOND)
        try:
            while True:
                await at_rest()
                if task.done():
                    return task.result()
                due = self.clock.next_sleeper()
                if due is None or due > end:
                    raise TimeoutError(f"not done within {within:g} s of the stepped clock")
                await self.clock.advance(max(0, due - self.now()))
        finally:
            task.cancel()
