"""One venue's part of the demo: log on, keep a book, have an order filled and another canceled, then go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any

from msgspec import Struct

from venuewire import views
from venuewire.cli.feed import Feed, open_feeds
from venuewire.cli.gauges import Delays
from venuewire.cli.outcome import JobFailed, first_of
from venuewire.client import Client, LiveBook, LiveOrder
from venuewire.errors import VenueError
from venuewire.model.instrument import Instrument
from venuewire.model.market import SET_BID, BookSnapshot, Level
from venuewire.model.orders import NewOrder
from venuewire.model.terms import OrdStatus, OrdType, Side, TimeInForce, Trust
from venuewire.venue import Capabilities, Credentials, Venue

ORDER_SECONDS = 10
SETTLE_SECONDS = 2.0
QUIET_SECONDS = 0.1
LOOK_SECONDS = 0.02
# Venues have a smallest amount of money for an order beside the smallest quantity; this is above each of them.
LEAST_MONEY = Decimal(100)
AWAY = Decimal("0.95")
ANY_DEPTH = 1 << 30

Sides = tuple[list[Level], list[Level]]
Truth = Callable[[str, int | None], BookSnapshot]
"""(symbol, depth) -> the exchange's own book."""


class Result(Struct, frozen=True, kw_only=True):
    """What came of a trial."""

    name: str
    complaints: list[str]
    """Empty: all of it was done."""
    report: dict[str, Any]
    """For machines: the contract of `demo --json`."""
    view: views.VenueView
    equals_exchange: bool


class Trial:
    """What is tried at one venue, how far it has come, and what was measured on the way."""

    def __init__(self, venue: Venue, credentials: Credentials) -> None:
        self.venue = venue
        self.stage = "logging on"
        self.problem = ""
        self.traded = asyncio.Event()
        """The orders are done, or it is known that they never will be."""
        self.equals_exchange = False
        self.feed: Feed = open_feeds(venue, [venue.default_symbol], credentials)[0]
        self._logged_on = False
        self._orders: list[LiveOrder] = []
        self._acks = Delays()

    # ------------------------------------------------------------------ the work

    async def run(self) -> None:
        """Do all of it, and hold the lines until cancelled. What fails is kept in `problem`, not raised."""
        try:
            await self._run()
        except (VenueError, OSError) as error:
            self._failed(error)
        except ExceptionGroup as group:
            self._failed(first_of(group))
        finally:
            self.traded.set()

    def _failed(self, error: BaseException) -> None:
        if not isinstance(error, (VenueError, OSError)):
            raise error
        self.stage, self.problem = "failed", str(error)

    async def _run(self) -> None:
        async with self.feed.client as client:
            self._logged_on, self.stage = True, "subscribing"
            async with self.feed.follow() as book:
                self.stage = "trading"
                await self._trade(client, book)
                self.stage = "streaming"
                self.traded.set()
                await asyncio.get_running_loop().create_future()

    async def _trade(self, client: Client, book: LiveBook) -> None:
        """One order that is filled, and one that rests and is canceled."""
        instrument = client.instruments[book.symbol]
        taker = await self._place(client, taking(instrument, client.venue.capabilities, _best(book, Side.SELL)))
        await _becomes(taker, OrdStatus.FILLED)
        maker = await self._place(client, resting(instrument, _best(book, Side.BUY)))
        if not maker.is_open:
            raise JobFailed(f"the order that was to rest is {maker.status}: {maker.text or 'no reason given'}")
        await client.cancel(maker)
        await _becomes(maker, OrdStatus.CANCELED)

    async def _place(self, client: Client, order: NewOrder) -> LiveOrder:
        began = time.perf_counter_ns()
        placed = await client.place(order)
        self._acks.add(time.perf_counter_ns() - began)
        self._orders.append(placed)
        return placed

    # ------------------------------------------------------------------ the end

    async def settle(self, truth: Truth) -> None:
        """The flow has been paused: wait until the line has drained, then hold the book against the exchange's own."""
        book = self.feed.book
        if book is None or self.problem:
            return
        depth = self.venue.capabilities.book_depth
        deadline = time.monotonic() + SETTLE_SECONDS
        quiet_since, updates = time.monotonic(), book.updates
        while True:
            now = time.monotonic()
            if book.updates != updates:
                quiet_since, updates = now, book.updates
            self.equals_exchange = _shown(book, depth) == _true(truth(book.symbol, depth), depth)
            if now >= deadline or (self.equals_exchange and now - quiet_since >= QUIET_SECONDS):
                return
            await asyncio.sleep(LOOK_SECONDS)

    def complaints(self) -> list[str]:
        """What of the job was not done, in words; empty when all of it was."""
        if self.problem:
            return [self.problem]
        orders, trust = self.tally(), self.feed.trust
        wrong = {
            "it is not logged on": not self._logged_on,
            f"its book is {trust or 'not there'}": trust is not Trust.LIVE,
            "its book is not equal to the exchange's": not self.equals_exchange,
            "no order was filled": not orders.filled,
            "no order was canceled": not orders.canceled,
            f"{orders.rejected} orders were rejected": orders.rejected > 0,
            f"{orders.unknown} orders have an unknown outcome": orders.unknown > 0,
            f"{orders.working} orders are still working": orders.working > 0,
        }
        return [text for text, is_so in wrong.items() if is_so]

    def tally(self) -> views.OrderTally:
        """Where our orders stand."""
        return views.tally(order.status for order in self._orders)

    def result(self) -> Result:
        """How it ended; to be taken while the lines are still up."""
        session, orders, complaints = self.feed.session, self.tally(), self.complaints()
        report: dict[str, Any] = {
            "logged_on": self._logged_on,
            "logon_ms": None if session.logon_ms is None else round(session.logon_ms, 1),
            "renewals": session.renewals,
            "book": {
                "symbol": self.feed.symbol,
                "trust": self.feed.trust,
                "updates": self.feed.updates,
                "equals_exchange": self.equals_exchange,
            },
            "orders": {name: getattr(orders, name) for name in ("filled", "canceled", "rejected", "unknown")},
        }
        return Result(
            name=self.venue.name,
            complaints=complaints,
            report=report | ({"error": "; ".join(complaints)} if complaints else {}),
            view=self.view(0, 0),
            equals_exchange=self.equals_exchange,
        )

    def view(self, depth: int, bar_width: int) -> views.VenueView:
        """For people, as of now."""
        (ack,) = self._acks.quantiles(0.5)
        return self.feed.view(depth, bar_width, stage=self.stage, problem=self.problem, orders=self.tally(), ack=ack)


# ------------------------------------------------------------------ orders that do what they should


def taking(instrument: Instrument, capabilities: Capabilities, ask: Level) -> NewOrder:
    """A small order that is filled at once: at the market, or a little through the best ask where there is no such."""
    quantity = smallest(instrument, ask.price)
    if OrdType.MARKET in capabilities.ord_types:
        return NewOrder(symbol=instrument.symbol, side=Side.BUY, ord_type=OrdType.MARKET, order_qty=quantity)
    return NewOrder(
        symbol=instrument.symbol,
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_qty=quantity,
        price=_on_tick(ask.price / AWAY, instrument),
        time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
    )


def resting(instrument: Instrument, bid: Level) -> NewOrder:
    """A small order so far below the market that it rests."""
    return NewOrder(
        symbol=instrument.symbol,
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_qty=smallest(instrument, bid.price),
        price=_on_tick(bid.price * AWAY, instrument),
    )


def smallest(instrument: Instrument, price: Decimal) -> Decimal:
    """The smallest quantity that is an order everywhere: the venue's least, and worth a little money."""
    step = instrument.min_qty_increment
    least = max(instrument.min_trade_vol, LEAST_MONEY / price)
    return (least / step).to_integral_value(ROUND_CEILING) * step


def _on_tick(price: Decimal, instrument: Instrument) -> Decimal:
    tick = instrument.min_price_increment
    return price // tick * tick


def _best(book: LiveBook, side: Side) -> Level:
    level = book.best_ask if side is Side.SELL else book.best_bid
    if level is None:
        raise JobFailed(f"the book of {book.symbol} has nothing on its {side} side to trade with")
    return level


async def _becomes(order: LiveOrder, wanted: OrdStatus) -> None:
    if order.status is not OrdStatus.OUTCOME_UNKNOWN:
        try:
            async with asyncio.timeout(ORDER_SECONDS):
                await order.done()
        except TimeoutError:
            raise JobFailed(f"an order was not {wanted} within {ORDER_SECONDS} s; it is {order.status}") from None
    if order.status is not wanted:
        reason = f": {order.text}" if order.text else ""
        raise JobFailed(f"an order that should be {wanted} is {order.status}{reason}")


# ------------------------------------------------------------------ two books


def _shown(book: LiveBook, depth: int | None) -> Sides:
    most = depth or ANY_DEPTH
    return book.levels(Side.BUY, most), book.levels(Side.SELL, most)


def _true(snapshot: BookSnapshot, depth: int | None) -> Sides:
    sides: Sides = ([], [])
    for change in snapshot.levels:
        sides[0 if change.action == SET_BID else 1].append(Level(change.price, change.size))
    return _best_first(sides[0], reverse=True)[:depth], _best_first(sides[1], reverse=False)[:depth]


def _best_first(levels: Sequence[Level], *, reverse: bool) -> list[Level]:
    return sorted(levels, key=lambda level: level.price, reverse=reverse)
