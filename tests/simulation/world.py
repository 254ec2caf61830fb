"""A trading day in one process: real clients, real far ends, a stepped clock, seeded faults, and what must hold of it.

The same seed gives the same log, line for line. A seed that fails is repeated with

    python -m tests.simulation SEED
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from random import Random
from typing import Any, Self

import msgspec
from tests.watching import watched

import venuewire as vw
from venuewire import errors
from venuewire.client import Client, LiveBook
from venuewire.model.session import Event
from venuewire.model.terms import NANOS_PER_SECOND, plain
from venuewire.sandbox import MemorySandbox
from venuewire.sandbox.faults import Fault, NoSuchThing
from venuewire.transport.clock import SteppedClock, at_rest
from venuewire.transport.entropy import SeededEntropy
from venuewire.venue import Credentials
from venuewire.venues import find, names

Top = tuple[str, str] | None
SLACK = 6.0
"""Seconds on top of a venue's longest healthy silence: a LIVE book is never older than the two together."""
QUIET = 80.0
"""Seconds of silence allowed where a venue has no beat of its own."""
CALM = 240
"""Seconds without faults after which everything must be well again."""
CALM_PACE = 6.0
"""Seconds between two steps of a calm market. Calm is four fifths of a world: so a world costs half, and a market that
is all but silent is lived through as well."""


_ATTEMPTS = 3
_ATTEMPTS_APART = 10**6


class Broken(AssertionError):
    """Something that must hold did not."""


class _Alarm(logging.Handler):
    """What is logged as an error: neither we nor the sandbox ever have reason to."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(self.format(record))


class World:
    """One simulated world."""

    def __init__(
        self,
        seed: int,
        venues: tuple[str, ...] = names(),
        *,
        pace: float = 2.0,
        faults: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """`pace`: seconds between two steps of each market; `faults` are set before anybody connects."""
        self.seed = seed
        self._pace = pace
        self._faults = faults
        self.log: list[str] = []
        self._alarm = _Alarm()
        self._credentials: dict[str, Credentials] = {}
        """Those that a venue has replaced."""
        self.placed = 0
        self._random = Random(seed)
        self._venues = venues
        self._clock = SteppedClock(settle=at_rest)
        self.clients: dict[str, Client] = {}
        self.books: dict[str, LiveBook] = {}
        self._truths: dict[str, list[tuple[int, Top]]] = {venue: [] for venue in venues}
        self._orders: dict[str, list[vw.LiveOrder]] = {venue: [] for venue in venues}
        self._stack = AsyncExitStack()

    # ------------------------------------------------------------------ life

    async def __aenter__(self) -> Self:
        self.sandbox = await self._stack.enter_async_context(
            MemorySandbox(self._venues, seed=self.seed, clock=self._clock, pace=self._pace)
        )
        logger = logging.getLogger("venuewire")
        logger.addHandler(self._alarm)
        self._stack.callback(logger.removeHandler, self._alarm)
        for fault in self._faults:
            self.strike(fault)
        for number, venue in enumerate(self._venues):
            self._follow(venue)
            for attempt in range(_ATTEMPTS):
                try:
                    await self._connect(venue, self.seed * 10 + number + attempt * _ATTEMPTS_APART)
                    break
                except errors.VenueError as error:
                    # Whoever is not let in at the very first is told, and comes again; with faults only.
                    self.say(venue, "connect", error)
                    if not self._faults or attempt == _ATTEMPTS - 1:
                        raise
        return self

    async def _connect(self, venue: str, seed: int) -> None:
        client = vw.connect(
            venue,
            self._credentials.get(venue) or self.sandbox.credentials(venue),
            network=self.sandbox.network(),
            clock=self._clock,
            entropy=SeededEntropy(seed, self._clock.now),
            # Refresh tokens that work once are kept, as everybody has to who comes again.
            store=lambda renewed: self._credentials.update({venue: renewed}),
        )
        await self.sandbox.run(client.__aenter__())
        self._stack.push_async_callback(self._leave, client)
        self.clients[venue] = client
        book = client.book(client.venue.default_symbol)
        await self.sandbox.run(book.__aenter__())
        self.books[venue] = book

    def _follow(self, venue: str) -> None:
        """Note every top of the book the exchange ever has."""
        exchange = self.sandbox.exchange(venue)
        symbol = find(venue).default_symbol
        truths = self._truths[venue]

        def noted(events: list[Event]) -> None:
            truths.extend(
                (self._clock.now(), top_of(event))
                for event in events
                if isinstance(event, vw.Quote) and event.symbol == symbol
            )

        truths.append((self._clock.now(), top_of(exchange.quote(symbol))))
        self._stack.enter_context(watched(exchange, "drain", noted))

    async def _leave(self, client: Client) -> None:
        await self.sandbox.run(client.close())

    async def __aexit__(self, *failure: object) -> None:
        await self._stack.aclose()

    def say(self, *words: object) -> None:
        """A line of the log."""
        self.log.append(f"{(self._clock.now() // 1_000_000) % 10**9} {' '.join(map(str, words))}")

    def tell(self, error: Exception, lines: int = 400) -> None:
        """Note the end of the log with what is raised."""
        error.add_note("\n".join(self.log[-lines:]))

    # ------------------------------------------------------------------ what happens

    async def run(
        self, seconds: float, *, step: float = 0.5, faults: bool = True, orders: bool = True, changes: float = 0
    ) -> None:
        """Let time pass, a step at a time, doing as the seed says, and looking at every book; with this chance at each
        step a client changes its lines."""
        for _ in range(int(seconds / step)):
            if faults and self._random.random() < 0.04:
                self._misfortune()
            if orders and self._random.random() < 0.15:
                await self._act()
            if changes and self._random.random() < changes:
                venue = self._random.choice(self._venues)
                await self._try(venue, "change of lines", self.clients[venue].renew_lines())
            await self.sandbox.advance(step)
            self.look()

    def _misfortune(self) -> None:
        self.strike(self._drawn())

    def strike(self, fault: Mapping[str, Any]) -> str:
        """Set a fault; its id, or nothing where the venue has no such thing."""
        try:
            name = self.sandbox.set_fault(msgspec.convert(fault, Fault))
        except NoSuchThing:
            self.say("no such thing", fault["kind"], fault["venue"])
            return ""
        self.say("fault", msgspec.json.encode(fault).decode())
        return name

    def _drawn(self) -> dict[str, Any]:
        draw = self._random
        venue = draw.choice(self._venues)
        lasts = round(draw.uniform(0.5, 12), 1)
        numbered = self.clients[venue].venue.capabilities.sequence
        # On a line without numbers nobody can see frames that were withheld and never sent: there it is for good.
        until = {"for_s": lasts} if numbered else {"connection": "open"}
        kinds: list[dict[str, Any]] = [
            *({"kind": "close", "code": code} for code in (1000, 1001, 1006, 1011, 1012, 1013)),
            {"kind": "cut", "bytes": draw.randrange(1, 60)},
            {"kind": "mute", **until},
            {"kind": "half_open", **until},
            {"kind": "flap", "for_s": lasts},
            {"kind": "refuse", "status": 503, "for_s": lasts},
            {"kind": "delay", "seconds": round(draw.uniform(0.1, 3), 1), "for_s": lasts},
            {"kind": "maintenance", "seconds": lasts},
            {"kind": "expire"},
            {"kind": "drop", "path": "/", "when": draw.choice(("before", "after")), "count": 1, "for_s": 20},
        ]
        if numbered:  # without numbers nobody can see a lost increment on a living line, and TCP loses none
            odds = {"probability": 0.2, "seed": draw.randrange(100), "for_s": lasts}
            kinds += [{"kind": kind, **odds} for kind in ("drop", "duplicate", "swap")]
            kinds.append({"kind": "skip", "numbers": draw.randrange(1, 5)})
        return {**draw.choice(kinds), "venue": venue}

    async def _act(self) -> None:
        venue = self._random.choice(self._venues)
        mine = [order for order in self._orders[venue] if order.is_open and order.order_id]
        if mine and self._random.random() < 0.5:
            await self._try(venue, "cancel", self.clients[venue].cancel(self._random.choice(mine)))
        else:
            order = await self._try(venue, "place", self.clients[venue].place(self.order(venue)))
            if isinstance(order, vw.LiveOrder):
                self._orders[venue].append(order)
                self.placed += 1

    async def _try(self, venue: str, what: str, work: Any) -> Any:
        try:
            result = await self.sandbox.run(work, within=60)
        except errors.VenueError as error:
            self.say(venue, what, type(error).__name__)
            return None
        self.say(venue, what, getattr(result, "status", ""), getattr(result, "order_id", ""))
        return result

    def order(self, venue: str) -> vw.NewOrder:
        """A limit order somewhere near the market, as the seed says."""
        client = self.clients[venue]
        instrument = client.instruments[client.venue.default_symbol]
        book = self.sandbox.exchange(venue).quote(instrument.symbol)
        middle = book.bid or book.ask or Decimal(self.sandbox.exchange(venue).trades(instrument.symbol, 1)[0].price)
        tick = instrument.min_price_increment
        price = (middle // tick + self._random.randrange(-60, 30)) * tick
        size = instrument.min_trade_vol + self._random.randrange(0, 9) * instrument.min_qty_increment
        return vw.NewOrder(
            symbol=instrument.symbol,
            side=self._random.choice(list(vw.Side)),
            ord_type=vw.OrdType.LIMIT,
            order_qty=size,
            price=price,
        )

    # ------------------------------------------------------------------ what must hold

    def look(self) -> None:
        """No book that is called LIVE is crossed, or shows what the exchange has not had for a while."""
        now = self._clock.now()
        for venue, book in self.books.items():
            top = self._top(book)
            self.say(venue, book.trust, top)
            if book.trust is not vw.Trust.LIVE:
                continue
            if book.book.is_crossed:
                raise Broken(f"seed {self.seed}: {venue} is LIVE and crossed: {top}")
            if not self._was_true(venue, top, now):
                tops = [top for _, top in self._truths[venue][-12:]]
                raise Broken(f"seed {self.seed}: {venue} is LIVE with {top}, which the exchange has not had: {tops}")

    def _was_true(self, venue: str, top: Top, now: int) -> bool:
        """A top is true from the moment it is there until the next one is."""
        until = now
        for when, truth in reversed(self._truths[venue]):
            if until < now - self._bound(venue):
                return False
            if truth == top:
                return True
            until = when
        return False

    def _bound(self, venue: str) -> int:
        silence = self.clients[venue].venue.limits.liveness
        return int(SLACK * NANOS_PER_SECOND) + (int(QUIET * NANOS_PER_SECOND) if silence is None else silence)

    @staticmethod
    def _top(book: LiveBook) -> Top:
        bid, ask = book.best_bid, book.best_ask
        return None if bid is None or ask is None else (plain(bid.price), plain(ask.price))

    async def calm(self) -> None:
        """No new faults, the market stands still, everybody catches up: then both sides agree on everything.

        Faults are not cleared: each ends by itself, those that withhold frames from unnumbered lines with the line.
        """
        self.sandbox.set_pace(CALM_PACE)
        await self.run(CALM, step=3.0, faults=False, orders=False)
        self.sandbox.pause_flow()
        await self.sandbox.advance(15)
        for venue in self._venues:
            await self._try(venue, "compare", self.clients[venue].refresh_orders())
            self._check_book(venue)
            self._check_orders(venue)
        if self._alarm.heard:
            raise Broken(f"seed {self.seed}: logged as an error: {self._alarm.heard[0]}")

    def _check_book(self, venue: str) -> None:
        book = self.books[venue]
        if book.trust is not vw.Trust.LIVE:
            state = self.clients[venue].health()
            raise Broken(f"seed {self.seed}: {venue} is {book.trust} ({book.keeper.cause}) after all is well: {state}")
        for side in vw.Side:
            mine = [(level.price, level.size) for level in book.levels(side, 10)]
            theirs = self._levels(venue, side)
            if mine != theirs[: len(mine)] or len(mine) < min(10, len(theirs)):
                raise Broken(f"seed {self.seed}: {venue} {side}: {mine} is not {theirs[:10]}")

    def _levels(self, venue: str, side: vw.Side) -> list[tuple[Decimal, Decimal]]:
        changes = self.sandbox.exchange(venue).book(self.clients[venue].venue.default_symbol).levels
        return [(change.price, change.size) for change in changes if (change.action == 0) is (side is vw.Side.BUY)]

    def _check_orders(self, venue: str) -> None:
        """Each order of ours stands where it stands at the exchange, or is called unknown; nothing is there twice."""
        client = self.clients[venue]
        port = self.sandbox.exchange(venue).port(self.sandbox.account(venue))
        seen: dict[str, int] = {}
        for report in port.orders(working=False):
            seen[report.cl_ord_id] = seen.get(report.cl_ord_id, 0) + 1
        for order in client.desk.blotter:
            theirs = port.order(order_id=order.order_id, cl_ord_id=order.cl_ord_id)
            if seen.get(order.cl_ord_id, 0) > 1:
                raise Broken(f"seed {self.seed}: {venue} has {order.cl_ord_id} {seen[order.cl_ord_id]} times")
            if order.status is vw.OrdStatus.OUTCOME_UNKNOWN:
                self.say(venue, "unknown", order.cl_ord_id, None if theirs is None else theirs.ord_status)
            elif theirs is None:
                if order.status is not vw.OrdStatus.REJECTED:
                    raise Broken(f"seed {self.seed}: {venue}: {order} is nowhere at the exchange")
            elif not _agree(order, theirs):
                raise Broken(f"seed {self.seed}: {venue}: {order} is, at the exchange, {theirs}")


def top_of(quote: vw.Quote) -> Top:
    """Best bid and ask as text."""
    return None if quote.bid is None or quote.ask is None else (plain(quote.bid), plain(quote.ask))


def _agree(order: Any, theirs: vw.ExecutionReport) -> bool:
    if order.cum_qty != theirs.cum_qty:
        return False
    if order.status == theirs.ord_status:
        return True
    nothing = theirs.ord_status is vw.OrdStatus.CANCELED and not theirs.cum_qty
    return nothing and order.status in {vw.OrdStatus.REJECTED, vw.OrdStatus.EXPIRED}


async def simulate(seed: int, seconds: float = 60, venues: tuple[str, ...] = names()) -> World:
    """One world from beginning to calm. Raises `Broken`, with the end of the log as a note."""
    world = World(seed, venues)
    try:
        async with world:
            await world.run(seconds)
            await world.calm()
    except Exception as error:
        world.tell(error)
        raise
    return world
