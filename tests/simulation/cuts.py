"""The cable is cut at every byte of the request, and of the answer, of every order command, over real sockets.

python -m tests.simulation.cuts [VENUE ...] [--every N] [--command NAME]

After each cut the client comes back by itself, asks, and must then say of every order what the exchange says, or that
it does not know. A command that needs several messages is cut within each. Ends 1 at the first thing that is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack, suppress
from decimal import Decimal
from typing import Self

import msgspec
from msgspec import Struct
from tests.simulation.cutter import Cable, Cutter, Way
from tests.simulation.world import Broken
from tests.simulation.world import _agree as agree

import venuewire as vw
from venuewire import errors
from venuewire.client import Client
from venuewire.model.orders import NewOrder
from venuewire.orders import Order
from venuewire.sandbox import Sandbox
from venuewire.transport.clock import SystemClock
from venuewire.transport.entropy import SystemEntropy
from venuewire.venues import find, names

COMMANDS = ("place", "take", "replace", "cancel")
WAYS: tuple[Way, ...] = ("out", "in")
BACK_SECONDS = 30
"""Within these the client must be back and agree."""
LEFT_OPEN = 20
OF_ONE_CLIENT = 20
"""Cuts that one client suffers: what it will never know it asks about again and again."""
OF_ONE_SANDBOX = 60
TRIES = 5
"""To log on."""
SPEED = 10
"""Times faster than life goes the clock of both ends where the venue allows few questions a second."""


class NoJitter(SystemEntropy):
    """Dials again at once: what is cut here is not a venue's line."""

    def draw(self) -> float:
        return 0.0


class Outcome(Struct, kw_only=True):
    """What came of the cuts of one command one way."""

    venue: str
    command: str
    way: str
    length: int
    """Bytes of it."""
    cuts: int = 0
    statuses: Counter[str] = msgspec.field(default_factory=Counter[str])
    """How the command's order stood when the call came back, or which error it raised."""
    unknown: int = 0
    """Orders that were not known even after the client had asked."""


class Trial:
    """One venue, one client, one cable."""

    def __init__(self, venue: str) -> None:
        self.venue = find(venue)
        self._stack = AsyncExitStack()
        self._known: set[Order] = set()
        """Orders that have ended, and were compared then."""
        self._asked = self._suffered = self._of_sandbox = 0
        self._clock = SystemClock(SPEED if self.venue.limits.kinds else 1.0)
        probe = NewOrder(symbol="", side=vw.Side.BUY, ord_type=vw.OrdType.LIMIT, order_qty=1, price=1)
        self._line = self.venue.route(probe)
        self.client: Client
        self.sandbox: Sandbox
        self.cutter: Cutter

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def _open(self) -> None:
        """A sandbox without a past, and a client: what an account has done before makes each question longer."""
        self._stack, self._asked, self._of_sandbox = AsyncExitStack(), 0, 0
        stack, name = self._stack, self.venue.name
        self.sandbox = await stack.enter_async_context(Sandbox(venues=[name], seed=3, clock=self._clock))
        self.sandbox.pause_flow()
        self._cable = await stack.enter_async_context(Cable(self.sandbox.credentials(name).endpoints))
        self._port = self.sandbox.exchange(name).port(self.sandbox.account(name))
        await self._another_client()
        stack.push_async_callback(self._leave)
        self.cutter = await self._order_cutter()

    async def _refresh(self) -> None:
        """Another client, or another sandbox, when this one has suffered enough."""
        if self._of_sandbox >= OF_ONE_SANDBOX:
            self.check_once()
            await self._stack.aclose()
            self._suffered = 0
            await self._open()
        elif self._suffered >= OF_ONE_CLIENT:
            await self._another_client()
        self._suffered += 1
        self._of_sandbox += 1

    async def __aexit__(self, *failure: object) -> None:
        await self._stack.aclose()

    async def _leave(self) -> None:
        await self.client.close()

    async def _another_client(self) -> None:
        """One that knows nothing of what was; the orders of the one before are gone."""
        if self._suffered:
            with suppress(errors.VenueError):
                await self.client.cancel_all()
            await self.client.close()
        self._suffered = 0
        self._known.clear()
        direct = self.sandbox.credentials(self.venue.name)
        credentials = msgspec.structs.replace(direct, endpoints=self._cable.endpoints)
        for attempt in range(TRIES):
            self.client = vw.connect(self.venue.name, credentials, entropy=NoJitter(), clock=self._clock)
            try:
                await self.client.__aenter__()
            except errors.VenueError:  # on a busy machine so fast a clock leaves little time
                if attempt == TRIES - 1:
                    raise
            else:
                return

    async def _order_cutter(self) -> Cutter:
        """The port that orders go over: some venues take them over HTTP."""
        before = {name: self._cable.cutter(name).passed["out"] for name in self._cable.endpoints}
        await self._place(away=60)
        grown = [name for name in before if self._cable.cutter(name).passed["out"] > before[name]]
        await self.client.cancel_all()
        return self._cable.cutter(self._line if self._line in grown else grown[0])

    # ------------------------------------------------------------------ commands

    async def _place(self, *, away: int) -> vw.LiveOrder:
        """A buy order: at the best offer, or so many ticks below it."""
        self._asked += 1
        instrument = self.client.instruments[self.venue.default_symbol]
        ask = await self._ask(instrument.symbol)
        return await self.client.place(
            vw.NewOrder(
                symbol=instrument.symbol,
                side=vw.Side.BUY,
                ord_type=vw.OrdType.LIMIT,
                order_qty=instrument.min_trade_vol,
                price=ask - away * instrument.min_price_increment,
            )
        )

    async def _standing(self) -> vw.LiveOrder:
        """An order to be changed or cancelled; tried again where a line was lost by itself."""
        for _ in range(TRIES):
            with suppress(errors.VenueError):
                order = await self._place(away=60)
                if order.is_open:
                    return order
            await self._settle()
        raise Broken("no order can be placed")

    async def _ask(self, symbol: str) -> Decimal:
        """The best offer; others come when ours have bought all there were."""
        while (ask := self.sandbox.exchange(self.venue.name).quote(symbol).ask) is None:
            self.sandbox.resume_flow()
            await asyncio.sleep(0.05)
            self.sandbox.pause_flow()
        return ask

    async def _do(self, command: str, order: vw.LiveOrder | None) -> vw.LiveOrder:
        if order is not None and command == "cancel":
            return await self.client.cancel(order)
        if order is not None and command == "replace":
            assert order.order.price is not None
            self._asked += 1
            tick = self.client.instruments[order.symbol].min_price_increment
            return await self.client.replace(order, price=order.order.price - tick)
        return await self._place(away=0 if command == "take" else 60)

    async def _one(self, command: str, way: Way, count: int | None) -> str:
        """One command, cut or not; how its order stood then, or what was raised."""
        order = await self._standing() if command in {"replace", "cancel"} else None
        if count is not None:
            self.cutter.arm(way, count)
        try:
            live = await self._do(command, order)
        except errors.VenueError as error:
            return type(error).__name__
        if order is None and live.status is vw.OrdStatus.REJECTED:
            theirs = self._port.order(cl_ord_id=live.cl_ord_id)
            if theirs is not None:
                raise Broken(f"{live} is called rejected, and is {theirs}")
        return str(live.status)

    # ------------------------------------------------------------------ cuts

    async def length(self, command: str, way: Way) -> int:
        """Bytes of this command that pass one way."""
        order = await self._standing() if command in {"replace", "cancel"} else None
        began = self.cutter.passed[way]
        await self._do(command, order)
        length = self.cutter.passed[way] - began
        await self._settle()
        return length

    async def cut(self, command: str, way: Way, every: int) -> Outcome:
        """Every byte, or every so many, the last of them always. Raises `Broken`."""
        length = await self.length(command, way)
        outcome = Outcome(venue=self.venue.name, command=command, way=way, length=length)
        for count in sorted({*range(0, length + 1, every), length}):
            await self._refresh()
            before = self.cutter.cuts
            status = await self._one(command, way, count)
            outcome.statuses[status] += 1
            self.cutter.disarm()
            outcome.cuts += self.cutter.cuts - before
            try:
                outcome.unknown += await self._compare()
            except (Broken, TimeoutError) as error:
                raise Broken(
                    f"{self.venue.name} {command}, cut at byte {count} {way} of {length}, then {status}: {error}"
                ) from error
        return outcome

    # ------------------------------------------------------------------ what must hold

    async def _settle(self) -> None:
        """Logged on, asked, and every answer here. Raises `TimeoutError`."""
        async with asyncio.timeout(BACK_SECONDS):
            while True:
                await self.client.wait_ready()
                try:
                    await self.client.refresh_orders()
                except errors.VenueError:
                    await asyncio.sleep(0.005)
                else:
                    return

    async def _compare(self) -> int:
        """Each order of ours stands where it stands at the exchange, or is called unknown; how many are unknown."""
        await self._settle()
        wrong = ""
        with suppress(TimeoutError):
            async with asyncio.timeout(BACK_SECONDS):
                while wrong := self._disagreement():  # noqa: ASYNC110  # a push may be on its way
                    await asyncio.sleep(0.002)
        if wrong:
            raise Broken(wrong)
        unknown = [order for order in self._uncompared() if order.status is vw.OrdStatus.OUTCOME_UNKNOWN]
        self._known |= {order for order in self._uncompared() if order.is_ended} | set(unknown)
        if sum(order.is_open for order in self._uncompared()) > LEFT_OPEN:
            with suppress(errors.VenueError):
                await self.client.cancel_all()
        return len(unknown)

    def _uncompared(self) -> Iterable[Order]:
        return [order for order in self.client.desk.blotter if order.ours and order not in self._known]

    def _disagreement(self) -> str:
        for order in self._uncompared():
            theirs = self._port.order(order_id=order.order_id, cl_ord_id=order.cl_ord_id)
            if order.status is vw.OrdStatus.OUTCOME_UNKNOWN:
                continue
            if theirs is None:
                if order.status is not vw.OrdStatus.REJECTED:
                    return f"{order} is nowhere at the exchange"
            elif not agree(order, theirs):
                return f"{order} is, at the exchange, {theirs}"
        return ""

    def check_once(self) -> None:
        """Nothing is at the exchange twice. Raises `Broken`."""
        times = Counter(report.cl_ord_id for report in self._port.orders(working=False))
        twice = [cl_ord_id for cl_ord_id, count in times.items() if cl_ord_id and count > 1]
        if twice or len(times) > self._asked:
            raise Broken(f"{self.venue.name}: asked for {self._asked}, there are {len(times)}; twice: {twice}")


async def cut_all(
    venue: str, every: int, commands: Iterable[str] = COMMANDS, tell: Callable[[Outcome], object] = lambda _: None
) -> list[Outcome]:
    """Every command of a venue, both ways; `tell` hears of each when it is done. Raises `Broken`."""
    outcomes: list[Outcome] = []
    async with Trial(venue) as trial:
        for command in commands:
            for way in WAYS:
                outcomes.append(await trial.cut(command, way, every))
                tell(outcomes[-1])
        trial.check_once()
    return outcomes


def say(outcome: Outcome) -> None:
    sys.stdout.write(f"{told(outcome)}\n")
    sys.stdout.flush()


def told(outcome: Outcome) -> str:
    what = "request" if outcome.way == "out" else "answer"
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(outcome.statuses.items()))
    return (
        f"{outcome.venue:9} {outcome.command:8} {what:8} {outcome.length:5} bytes, {outcome.cuts:5} cuts: {statuses}; "
        f"{outcome.unknown} unknown in the end"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation.cuts", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("venues", nargs="*", default=list(names()), help="which; all unless named")
    parser.add_argument("--every", type=int, default=1, help="not every byte, but every so many")
    parser.add_argument("--command", choices=COMMANDS, action="append", help="which commands; all unless named")
    given = parser.parse_args()
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # that requests end half-way is the point
    began = time.monotonic()
    for venue in given.venues:
        try:
            asyncio.run(cut_all(venue, given.every, given.command or COMMANDS, say))
        except Broken as error:
            sys.stdout.write(f"wrong: {error}\n")
            return 1
    sys.stdout.write(f"nothing wrong, in {time.monotonic() - began:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
