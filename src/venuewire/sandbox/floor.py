"""One venue of the sandbox while it runs: its exchange, its far end, the market's participants, its connections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from venuewire.model.account import Balance, Position
from venuewire.model.orders import CancelReject, ExecutionReport
from venuewire.model.terms import Nanos
from venuewire.sandbox.exchange import SandboxExchange
from venuewire.sandbox.flow import Flow
from venuewire.transport.clock import Clock
from venuewire.venue import Answer, Request, Venue

if TYPE_CHECKING:
    from venuewire.sandbox.connection import Connection

logger = logging.getLogger("venuewire.sandbox")

_PRIVATE = (ExecutionReport, CancelReject, Position, Balance)
_CATCHING_UP = 10_000
"""Rounds of due ticks after a jump of the clock; a timer that never moves on must not hang the sandbox."""


class Floor:
    """One venue. Everything here runs in the event loop's one thread, a command at a time."""

    def __init__(self, venue: Venue, clock: Clock, seed: int | str) -> None:
        self.venue = venue
        self.name = venue.name
        self.connections: dict[Connection, None] = {}
        """Those that are open, the oldest first."""
        self.closing = False
        """The sandbox ends: nobody is let in any more."""
        self._empty = asyncio.Event()
        self._empty.set()
        self._clock = clock
        chance = Random(f"{venue.name} {seed}")
        random_hex = _hex_of(chance)
        now = clock.now()
        self.stage = venue.stage(random_hex, now)
        self.exchange = SandboxExchange.staged(
            self.stage,
            replace_keeps_order_id=venue.capabilities.replace_keeps_order_id,
            first_order_id=chance.randrange(10_000_000_000, 90_000_000_000),
        )
        self.host = venue.host(self.stage, self.exchange, random_hex)
        self.flow = Flow(self.exchange, self.stage.reference_prices, f"{venue.name} {seed}")
        self.flow.open(now)
        self.exchange.drain()
        self._publishing = False
        self._soonest: Nanos | None = None
        """What the timer sleeps for."""
        self._wake = asyncio.Event()

    def now(self) -> Nanos:
        return self._clock.now()

    # ---------------------------------------------------------------------------------------------- what happens

    def serve(self, request: Request) -> Answer:
        """Answer an HTTP request; everybody is told what came of it when the answer has been written."""
        try:
            answer = self.host.serve(request, self.now())
        except Exception:
            logger.exception("the venue's end of %s failed at %s %s", self.name, request.method, request.path)
            answer = Answer(500, b"internal error", {"content-type": "text/plain"})
        asyncio.get_running_loop().call_soon(self.publish)
        return answer

    def publish(self) -> None:
        """Tell every connection what has happened at the exchange; what that leads to is told as well."""
        if self._publishing:
            return
        self._publishing = True
        try:
            while events := self.exchange.drain():
                for connection in tuple(self.connections):
                    account = connection.acceptor.account
                    for event in events:
                        if connection.ended:
                            break
                        if not isinstance(event, _PRIVATE) or event.account == account:
                            connection.told(event)
        finally:
            self._publishing = False
        self._reconsider()

    def join(self, connection: Connection) -> None:
        """A connection is open."""
        self.connections[connection] = None
        self._empty.clear()

    def leave(self, connection: Connection) -> None:
        """It is not any more."""
        del self.connections[connection]
        if not self.connections:
            self._empty.set()

    async def clear(self, seconds: float) -> None:
        """Let nobody in, say goodbye to everybody, and cut those who have not left in time."""
        self.closing = True
        self.disconnect(1001)
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            self.disconnect(1006)

    def disconnect(self, code: int) -> int:
        """End every connection with this code (1006: cut); how many there were."""
        connections = tuple(self.connections)
        for connection in connections:
            connection.close(code)
        return len(connections)

    def state(self) -> dict[str, Any]:
        """The exchange's truth and who is connected, as plain values."""
        return {
            **self.exchange.state(),
            "connections": [
                {"line": connection.line, "account": connection.acceptor.account} for connection in self.connections
            ],
            "flow": {"paused": self.flow.paused},
        }

    # ---------------------------------------------------------------------------------------------- time

    def due(self) -> Nanos | None:
        """The next time anything here asked for."""
        times = [connection.acceptor.next_tick() for connection in self.connections]
        times += [self.flow.next_step(), self.exchange.next_expiry()]
        return min((when for when in times if when is not None), default=None)

    def _reconsider(self) -> None:
        """Wake the timer if something is due before what it sleeps for."""
        due = self.due()
        if due is not None and (self._soonest is None or due < self._soonest):
            self._wake.set()

    async def keep_time(self) -> None:
        """The venue's one timer; runs until it is cancelled."""
        while True:
            self._wake.clear()
            self._soonest = self.due()
            await self._sleep(self._soonest)
            self.run_due()

    async def _sleep(self, until: Nanos | None) -> None:
        """Until that time, or until something earlier comes up."""
        if until is None:
            await self._wake.wait()
            return
        alarm = asyncio.ensure_future(self._clock.sleep_until(until))
        alarm.add_done_callback(lambda _: self._wake.set())
        try:
            await self._wake.wait()
        finally:
            alarm.cancel()
            await asyncio.wait([alarm])
        if not alarm.cancelled():
            alarm.result()

    def run_due(self) -> None:
        """Everything whose time has come, once."""
        now = self.now()
        for connection in tuple(self.connections):
            when = connection.acceptor.next_tick()
            if when is not None and when <= now and not connection.ended:
                connection.ticked()
        expiry = self.exchange.next_expiry()
        if expiry is not None and expiry <= now:
            self.exchange.advance(now)
        self._step_flow(now)
        self.publish()

    def _step_flow(self, now: Nanos) -> None:
        step = self.flow.next_step()
        if step is None or step > now:
            return
        try:
            self.flow.step(now)
        except Exception:
            logger.exception("the market of %s failed and stands still from now on", self.name)
            self.flow.pause()

    def catch_up(self) -> None:
        """After a jump of the clock: everything that is due, and what becomes due by it."""
        for _ in range(_CATCHING_UP):
            due = self.due()
            if due is None or due > self.now():
                return
            self.run_due()


def _hex_of(chance: Random) -> Callable[[int], str]:
    """Random hex digits, the same ones for the same seed: a sandbox's secrets protect nothing."""

    def random_hex(digits: int) -> str:
        return chance.randbytes((digits + 1) // 2).hex()[:digits]

    return random_hex
