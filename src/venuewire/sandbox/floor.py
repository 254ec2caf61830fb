"""One venue of the sandbox while it runs: its exchange, its far end, the market's participants, its connections, and
the faults that are set for it.

Two times: `world()` is the sandbox's clock, by which faults and timers go; `now()` is the venue's own, which differs
while a skew is set.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from venuewire.model.account import Balance, Position
from venuewire.model.orders import CancelReject, ExecutionReport
from venuewire.model.session import Event
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.sandbox.door import refused, spoiled
from venuewire.sandbox.exchange import SandboxExchange
from venuewire.sandbox.faults import VENUES_OWN, Fault, Faults, Kind, Rule
from venuewire.sandbox.flow import INTERVAL, Flow
from venuewire.transport.clock import Clock
from venuewire.venue import (
    Acceptor,
    Affliction,
    Answer,
    ExpireGrants,
    Habit,
    Headers,
    Maintenance,
    Refusal,
    Request,
    RevokeGrants,
    SkipSequence,
    Throttle,
    Venue,
)

if TYPE_CHECKING:
    from venuewire.sandbox.connection import Connection

logger = logging.getLogger("venuewire.sandbox")

_PRIVATE = (ExecutionReport, CancelReject, Position, Balance)
_CATCHING_UP = 10_000
"""Rounds of due ticks after a jump of the clock; a timer that never moves on must not hang the sandbox."""


class Floor:
    """One venue. Everything here runs in the event loop's one thread, a command at a time."""

    def __init__(self, venue: Venue, clock: Clock, seed: int | str, pace: Nanos = INTERVAL) -> None:
        self.venue = venue
        self.name = venue.name
        self.connections: dict[Connection, None] = {}
        """Those that are open, the oldest first."""
        self.dials = 0
        """Handshakes, accepted or refused, since it started."""
        self.closing = False
        """The sandbox ends: nobody is let in any more."""
        self._empty = asyncio.Event()
        self._empty.set()
        self._clock = clock
        self.faults = Faults()
        self.skew: Nanos = 0
        """How far the venue's clock is ahead of the world's."""
        self._connected = 0
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
        self.flow = Flow(self.exchange, self.stage.reference_prices, f"{venue.name} {seed}", pace)
        self.flow.open(now)
        self.exchange.drain()
        self._publishing = False
        self._unsent: list[Connection] = []
        """Connections that have gathered frames in this turn."""
        self._soonest: Nanos | None = None
        """What the timer sleeps for."""
        self._wake = asyncio.Event()

    def now(self) -> Nanos:
        """The venue's time."""
        return self._clock.now() + self.skew

    def world(self) -> Nanos:
        """The world's time."""
        return self._clock.now()

    def next_number(self) -> int:
        """The number of the next connection."""
        self._connected += 1
        return self._connected

    # ---------------------------------------------------------------------------------------------- what happens

    def admit(self, line: str, headers: Headers) -> tuple[Acceptor | Refusal, Fault | None]:
        """Take a handshake, or refuse it; and, if it is to be cut as soon as it stands, by which fault."""
        self.dials += 1
        fault = self.faults.on_dial(line, self.world())
        refusing = fault is not None and fault.kind is Kind.REFUSE
        if refusing and fault is not None and fault.status is not None:
            return refused(fault), None
        try:
            acceptor = self.host.accept(line)
            if refusing:
                headers = spoiled(headers, self.venue.secret_headers)
            refusal = acceptor.handshake(headers, self.now())
        except Exception:
            logger.exception("the venue's end of %s/%s failed at a handshake", self.name, line)
            return Refusal(500, b"internal error", {"content-type": "text/plain"}), None
        if refusal is None and refusing and fault is not None:
            # The handshake says nothing of who we are: what is in front of the venue refuses it.
            acceptor.closed(self.now())
            return refused(fault), None
        return (acceptor, fault) if refusal is None else (refusal, None)

    async def answer(self, request: Request) -> Answer | None:
        """Answer an HTTP request, as late and in the way the faults make it; None: the connection is cut instead."""
        faults = self.faults.on_request(request.path, self.world())
        for fault in faults:
            if fault.kind is Kind.DROP and fault.when == "before":
                return None
            if fault.kind in (Kind.REFUSE, Kind.THROTTLE):
                return self._refusal_of(fault, request)
            if fault.kind is Kind.DELAY and fault.when == "before":
                await self._wait(fault)
        answer = self.serve(request)
        for fault in faults:
            if fault.kind is Kind.DROP:
                return None
            if fault.kind is Kind.DELAY and fault.when == "after":
                await self._wait(fault)
        return answer

    async def _wait(self, fault: Fault) -> None:
        await self._clock.sleep_until(self.world() + round((fault.seconds or 0) * NANOS_PER_SECOND))

    def _refusal_of(self, fault: Fault, request: Request) -> Answer:
        if fault.kind is Kind.REFUSE and fault.status is None:
            answer = self.serve(spoiled(request, self.venue.secret_headers))
            if answer.status >= 400:
                return answer
        refusal = refused(fault)
        return Answer(refusal.status, refusal.body, refusal.headers)

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
        """Tell the venue, then every connection, what has happened at the exchange; what that leads to as well."""
        if not self._publishing:
            self._tell()
            self.reconsider()

    def _tell(self) -> None:
        self._publishing = True
        try:
            while events := self.exchange.drain():
                for event in events:
                    self._publish(event)
        finally:
            self._publishing = False
        self.flush()

    def gathers(self, connection: Connection) -> None:
        """It has begun to gather frames, which leave together at the end of this turn."""
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self.flush)
        self._unsent.append(connection)

    def flush(self) -> None:
        """The turn is over: what was gathered leaves."""
        unsent, self._unsent = self._unsent, []
        for connection in unsent:
            connection.flush()

    def _publish(self, event: Event) -> None:
        now = self.now()
        try:
            self.host.publish(event, now)
        except Exception:
            logger.exception("the venue's end of %s failed at what happened at its exchange", self.name)
        account = event.account if isinstance(event, _PRIVATE) else None
        for connection in tuple(self.connections):
            if not connection.ended and (account is None or account == connection.acceptor.account):
                connection.told(event, now)

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
                {"line": connection.line, "account": connection.acceptor.account, "number": connection.number}
                for connection in self.connections
            ],
            "flow": {"paused": self.flow.paused},
        }

    # ---------------------------------------------------------------------------------------------- time

    def due(self) -> Nanos | None:
        """The next time anything here asked for."""
        own = (self.flow.next_step(), self.exchange.next_expiry(), self.host.next_tick())
        times = [when - self.skew for when in own if when is not None]
        times += [when for connection in self.connections if (when := connection.next_due()) is not None]
        if (fault := self.faults.next_due()) is not None:
            times.append(fault)
        return min(times, default=None)

    def reconsider(self) -> None:
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
            self._run_due()

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
        self._run_due()
        self.reconsider()

    def _run_due(self) -> None:
        self._run_faults()
        self._tick_host()
        world = self.world()
        for connection in tuple(self.connections):
            when = connection.next_due()
            if when is not None and when <= world:
                connection.run_due()
        now = self.now()
        expiry = self.exchange.next_expiry()
        if expiry is not None and expiry <= now:
            self.exchange.advance(now)
        self._step_flow(now)
        self._tell()

    def _tick_host(self) -> None:
        now = self.now()
        due = self.host.next_tick()
        if due is None or due > now:
            return
        try:
            self.host.tick(now)
        except Exception:
            logger.exception("the venue's end of %s failed at what was due", self.name)

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
            if due is None or due > self.world():
                return
            self.run_due()

    # ---------------------------------------------------------------------------------------------- faults

    def set_fault(self, name: str, fault: Fault) -> bool:
        """A fault is set; whether the venue can suffer it, as far as that shows now."""
        if fault.kind is Kind.HABIT and fault.name not in self.host.habits:
            return False
        rule = self.faults.add(name, fault, self.world())
        suffered = rule.start > self.world() or self._begin(rule)
        if not suffered:
            self.faults.remove(name)
        self.reconsider()
        return suffered

    def clear_fault(self, name: str) -> bool:
        """It is over; whether there was one of that name."""
        rule = self.faults.rules.get(name)
        if rule is None:
            return False
        self._end(rule)
        self.faults.remove(name)
        self.publish()
        return True

    def _run_faults(self) -> None:
        """Those whose time has come begin or end."""
        for rule in self.faults.due(self.world()):
            if rule.begun:
                self._end(rule)
            elif not self._begin(rule):
                logger.warning("%s has no such thing as %s", self.name, rule.fault.kind)
            # One that lasts no time at all.
            if rule.end is not None and rule.end <= self.world() and not rule.over:
                self._end(rule)

    def _begin(self, rule: Rule) -> bool:
        rule.begin(self._connected)
        suffered = True
        if rule.at_once:
            suffered = self.suffer(rule.fault, rule)
            rule.struck += suffered
            rule.over = rule.end is None and rule.fault.kind is not Kind.HABIT
        self.faults.sort()
        self._set_skew()
        return suffered

    def _end(self, rule: Rule) -> None:
        was, rule.over = rule.over, True
        if rule.at_once and rule.struck and not was:
            self._undo(rule.fault, early=rule.end is not None and self.world() < rule.end)
        self.faults.sort()
        self._set_skew()

    def _undo(self, fault: Fault, *, early: bool) -> None:
        now = self.now()
        if fault.kind is Kind.HABIT:
            self.host.afflict(Habit(fault.name, not fault.on), now)
        elif fault.kind is Kind.THROTTLE and early:
            self.host.afflict(Throttle(now), now)
        elif fault.kind is Kind.MAINTENANCE and early:
            self.host.afflict(Maintenance(now), now)

    def _set_skew(self) -> None:
        skew = self.faults.skew()
        if skew != self.skew:
            # The market goes by the world's time, whatever the venue's clock shows.
            self.flow.shift(skew - self.skew)
            self.skew = skew

    def suffer(self, fault: Fault, rule: Rule | None = None) -> bool:
        """What strikes without a frame, or because of one; whether the venue can suffer it."""
        if fault.kind is Kind.CLOSE:
            for connection in tuple(self.connections):
                if rule is None or rule.concerns(connection.line, connection.number):
                    connection.close(fault.code)
            return True
        assert fault.kind in VENUES_OWN, f"{fault.kind} is the wire's"
        suffered = self.host.afflict(_affliction(fault, self.now()), self.now())
        self.publish()
        return suffered


def _affliction(fault: Fault, now: Nanos) -> Affliction:
    until = now + round((fault.seconds or 0) * NANOS_PER_SECOND)
    match fault.kind:
        case Kind.EXPIRE:
            return ExpireGrants()
        case Kind.REVOKE:
            return RevokeGrants()
        case Kind.THROTTLE:
            return Throttle(until)
        case Kind.MAINTENANCE:
            return Maintenance(until)
        case Kind.SKIP:
            return SkipSequence(fault.numbers)
        case Kind.HABIT:
            return Habit(fault.name, fault.on)
        case _:
            raise AssertionError(f"{fault.kind} is the wire's")


def _hex_of(chance: Random) -> Callable[[int], str]:
    """Random hex digits, the same ones for the same seed: a sandbox's secrets protect nothing."""

    def random_hex(digits: int) -> str:
        return chance.randbytes((digits + 1) // 2).hex()[:digits]

    return random_hex
