"""What one symbol at one venue streams, read all the time and measured; for `demo` and `watch`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from venuewire import views
from venuewire.cli.gauges import Delays, Rate
from venuewire.client import Client, LiveBook, connect
from venuewire.client.lag import line_lag
from venuewire.model.market import BookMessage, Quote, Trade
from venuewire.model.session import Gap
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos, Side, Trust
from venuewire.venue import Credentials, Venue

BEHIND = NANOS_PER_SECOND // 2
"""So late, on the line or in a queue, is worth a look."""


class Feed:
    """A book, its trades and quotes, and how they come."""

    def __init__(self, venue: Venue, symbol: str, client: Client) -> None:
        self.venue = venue
        self.symbol = symbol
        self.client = client
        self.book: LiveBook | None = None
        self.last: Trade | None = None
        self.quote: Quote | None = None
        # The first that has any is shown: quotes and trades may be held back, or carry the time of something else.
        self._book_delays, self._trade_delays, self._quote_delays = Delays(), Delays(), Delays()
        self._rate = Rate()

    @asynccontextmanager
    async def follow(self) -> AsyncGenerator[LiveBook]:
        """Read everything the venue streams of this symbol, while inside; the client must be logged on."""
        channels = self.venue.capabilities.channels
        async with self.client.book(self.symbol) as self.book, asyncio.TaskGroup() as tasks:
            readers = [tasks.create_task(self._read_book(self.book))]
            if Channel.TRADES in channels:
                readers.append(tasks.create_task(self._read_trades()))
            if Channel.QUOTES in channels:
                readers.append(tasks.create_task(self._read_quotes()))
            try:
                yield self.book
            finally:
                for reader in readers:
                    reader.cancel()

    async def _read_book(self, book: LiveBook) -> None:
        async for change in book:
            if not isinstance(change, Gap):
                _time(change, self._book_delays)

    async def _read_trades(self) -> None:
        async with self.client.trades(self.symbol) as trades:
            async for trade in trades:
                if not isinstance(trade, Gap):
                    self.last = trade
                    if not trade.historical:
                        _time(trade, self._trade_delays)

    async def _read_quotes(self) -> None:
        async with self.client.quotes(self.symbol) as quotes:
            async for quote in quotes:
                if not isinstance(quote, Gap):
                    self.quote = quote
                    _time(quote, self._quote_delays)

    # ------------------------------------------------------------------ as it stands

    @property
    def trust(self) -> Trust | None:
        """None: no book has been asked for yet."""
        return self.book.trust if self.book else None

    @property
    def updates(self) -> int:
        """Messages applied to the book."""
        return self.book.updates if self.book else 0

    @property
    def session(self) -> views.SessionView:
        """The client's lines."""
        return views.session(self.client.health())

    def view(
        self,
        depth: int,
        bar_width: int,
        *,
        stage: str = "",
        problem: str = "",
        orders: views.OrderTally | None = None,
        ack: Nanos | None = None,
    ) -> views.VenueView:
        """For people; depth and bars as the skin has room for."""
        now, health = self.client.clock.now(), self.client.health()
        delays = self._book_delays or self._trade_delays or self._quote_delays
        p50, p99 = delays.quantiles(0.5, 0.99)
        places = self._places()
        lag, waiting, behind = self._behind(health)
        return views.VenueView(
            name=self.venue.name,
            title=self.venue.title,
            symbol=self.symbol,
            stage=stage,
            problem=problem,
            session=views.session(health),
            trust=self.trust,
            cause=self.book.keeper.cause if self.book else "",
            updates=self.updates,
            ladder=_ladder(self.book, depth, bar_width, places) if self.book else None,
            last=views.trade(self.last, now, places) or _last_of(self.quote, places),
            streams_trades=Channel.TRADES in self.venue.capabilities.channels,
            orders=orders,
            ack=views.latency(ack),
            delay_p50=views.latency(p50),
            delay_p99=views.latency(p99),
            lag=views.latency(lag),
            queue=views.count(waiting) + (f", {views.latency(behind)}" if behind else ""),
            is_behind=max(lag or 0, behind) >= BEHIND,
            rate=self._rate.read(sum(line["frames_in"] for line in health["lines"].values()), now),
            rates=self._rate.history,
        )

    def behind(self) -> tuple[Nanos | None, int, Nanos]:
        """How much later the newest update of the book came than the quickest, what waits for us, and for how long."""
        return self._behind(self.client.health())

    def _behind(self, health: dict[str, Any]) -> tuple[Nanos | None, int, Nanos]:
        kept = health["books"].get(self.symbol)
        if kept is None or self.book is None:
            return None, 0, 0
        readers = kept["readers"]
        longest = max((reader["lag_s"] for reader in readers), default=0)
        waiting = max((reader["waiting"] for reader in readers), default=0)
        return line_lag(self.book.book), waiting, round(longest * NANOS_PER_SECOND)

    def _places(self) -> int:
        instrument = self.client.instruments.get(self.symbol)
        return views.decimals([instrument.min_price_increment]) if instrument else 0


def open_feeds(venue: Venue, symbols: list[str], credentials: Credentials) -> list[Feed]:
    """Feeds of one venue, over one client that is not logged on yet."""
    client = connect(venue.name, credentials, symbols=symbols)
    return [Feed(venue, symbol, client) for symbol in symbols]


def _time(event: BookMessage | Trade | Quote, delays: Delays) -> None:
    """From the venue's time of it to ours on receipt; our clock may be behind theirs."""
    if event.transact_time and event.recv_time:
        delays.add(max(0, event.recv_time - event.transact_time))


def _ladder(book: LiveBook, depth: int, bar_width: int, places: int) -> views.LadderView:
    bids, asks = book.levels(Side.BUY, depth), book.levels(Side.SELL, depth)
    return views.ladder(bids, asks, places=places, bar_width=bar_width)


def _last_of(quote: Quote | None, places: int) -> views.TradeView | None:
    """Where a venue streams no trades, its quotes may tell the last price."""
    price: Decimal | None = quote.last_px if quote else None
    if price is None:
        return None
    return views.TradeView(price=views.number(price, places), size="", side="", tone=views.Tone.PLAIN, age="")
