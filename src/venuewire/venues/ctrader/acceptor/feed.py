"""The far end's market data of one account on one connection: spots, depth and live bars, as subscribed there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from msgspec.structs import replace

from venuewire.model.market import BookUpdate, Quote
from venuewire.model.terms import NANOS_PER_MILLI, Nanos
from venuewire.venue import Exchange
from venuewire.venues.ctrader.acceptor.stage import Row
from venuewire.venues.ctrader.acceptor.streams import DepthStream, SpotStream
from venuewire.venues.ctrader.acceptor.symbols import Symbols
from venuewire.venues.ctrader.acceptor.tape import Tape
from venuewire.venues.ctrader.requests import Refused
from venuewire.venues.ctrader.wire import market, model, words
from venuewire.venues.ctrader.wire.base import Message


class FeedDesk:
    """Subscriptions of one account on one connection."""

    def __init__(
        self,
        account_id: int,
        symbols: Symbols,
        exchange: Exchange,
        tapes: Mapping[str, Tape],
        closes: Mapping[str, int],
        quote_ids: count[int],
    ) -> None:
        self._account_id = account_id
        self._symbols = symbols
        self._exchange = exchange
        self._tapes = tapes
        self._closes = closes
        self._quote_ids = quote_ids
        """Shared by all books of the connection."""
        self._spots: dict[str, SpotStream] = {}
        self._bars: dict[str, dict[int, None]] = {}
        """Periods of live bars, by symbol."""
        self._depth: dict[str, DepthStream] = {}

    def answers(self) -> dict[type[Message], Callable[[Any, str | None, Nanos], list[Message]]]:
        """Its requests."""
        return {
            market.SubscribeSpotsReq: self._subscribe_spots,
            market.UnsubscribeSpotsReq: self._unsubscribe_spots,
            market.SubscribeDepthQuotesReq: self._subscribe_depth,
            market.UnsubscribeDepthQuotesReq: self._unsubscribe_depth,
            market.SubscribeLiveTrendbarReq: self._subscribe_bars,
            market.UnsubscribeLiveTrendbarReq: self._unsubscribe_bars,
        }

    def moved(self, update: BookUpdate) -> market.DepthEvent | None:
        """2155, where the book is subscribed to."""
        depth = self._depth.get(update.symbol)
        return None if depth is None else depth.event(update.rows())

    def quoted(self, quote: Quote, now: Nanos) -> market.SpotEvent | None:
        """2131, where anything has changed."""
        spots = self._spots.get(quote.symbol)
        ticked = None if spots is None else spots.next(quote, now)
        if ticked is None or ticked.bid is None:
            # Bars are of bids: events that tell the ask alone carry none.
            return ticked
        return replace(ticked, trendbar=self._live_bars(quote.symbol, now))

    def _live_bars(self, symbol: str, now: Nanos) -> tuple[model.Trendbar, ...]:
        tape, time = self._tapes[symbol], now // NANOS_PER_MILLI
        bars = (tape.live(period, time) for period in self._bars.get(symbol, ()))
        return tuple(bar for bar in bars if bar is not None)

    # ----------------------------------------------------------------------------------------- requests

    def _subscribe_spots(self, request: market.SubscribeSpotsReq, ref: str | None, now: Nanos) -> list[Message]:
        names = self._symbols.names(request.symbol_id)
        _refuse_twice(names, self._spots)
        answers: list[Message] = [market.SubscribeSpotsRes(ctid_trader_account_id=self._account_id)]
        for name, symbol_id in names.items():
            stream = SpotStream(self._account_id, symbol_id, with_time=bool(request.subscribe_to_spot_timestamp))
            self._spots[name] = stream
            answers.append(stream.first(self._exchange.quote(name), self._closes[name], now))
        return answers

    def _unsubscribe_spots(self, request: market.UnsubscribeSpotsReq, ref: str | None, now: Nanos) -> list[Message]:
        """Depth and live bars need spots: without them they go silent as well."""
        for name in self._symbols.names(request.symbol_id):
            self._spots.pop(name, None)
            self._bars.pop(name, None)
            self._depth.pop(name, None)
        return [market.UnsubscribeSpotsRes(ctid_trader_account_id=self._account_id)]

    def _subscribe_depth(self, request: market.SubscribeDepthQuotesReq, ref: str | None, now: Nanos) -> list[Message]:
        names = self._symbols.names(request.symbol_id)
        if missing := [name for name in names if name not in self._spots]:
            text = f"Not subscribed to spots of {', '.join(missing)}"
            raise Refused("NOT_SUBSCRIBED_TO_SPOTS", text, is_order=False)
        _refuse_twice(names, self._depth)
        answers: list[Message] = [market.SubscribeDepthQuotesRes(ctid_trader_account_id=self._account_id)]
        for name, symbol_id in names.items():
            stream = self._depth[name] = DepthStream(self._account_id, symbol_id, self._quote_ids)
            answers.append(stream.whole(self._exchange.book(name).rows()))
        return answers

    def _unsubscribe_depth(
        self, request: market.UnsubscribeDepthQuotesReq, ref: str | None, now: Nanos
    ) -> list[Message]:
        for name in self._symbols.names(request.symbol_id):
            self._depth.pop(name, None)
        return [market.UnsubscribeDepthQuotesRes(ctid_trader_account_id=self._account_id)]

    def _subscribe_bars(self, request: market.SubscribeLiveTrendbarReq, ref: str | None, now: Nanos) -> list[Message]:
        """2135: the first event repeats the prices and carries the bar."""
        row, period = self._bar_of(request)
        spots = self._spots.get(row.name)
        if spots is None:
            # Observed so; the schema would have NOT_SUBSCRIBED_TO_SPOTS.
            text = f"Not subscribed to spots of {row.name}"
            raise Refused("INVALID_REQUEST", text, is_order=False)
        wanted = self._bars.setdefault(row.name, {})
        if period in wanted:
            raise Refused("ALREADY_SUBSCRIBED", f"Already subscribed to these bars of {row.name}", is_order=False)
        wanted[period] = None
        first = replace(spots.again(self._closes[row.name], now), trendbar=self._live_bars(row.name, now))
        return [market.SubscribeLiveTrendbarRes(ctid_trader_account_id=self._account_id), first]

    def _unsubscribe_bars(
        self, request: market.UnsubscribeLiveTrendbarReq, ref: str | None, now: Nanos
    ) -> list[Message]:
        row, period = self._bar_of(request)
        self._bars.get(row.name, {}).pop(period, None)
        return [market.UnsubscribeLiveTrendbarRes(ctid_trader_account_id=self._account_id)]

    def _bar_of(self, request: market.SubscribeLiveTrendbarReq | market.UnsubscribeLiveTrendbarReq) -> tuple[Row, int]:
        try:
            period = words.number_of(words.TrendbarPeriod, request.period)
        except ValueError:
            text = f"period has no value {request.period!r}"
            raise Refused("INVALID_REQUEST", text, is_order=False) from None
        return self._symbols.row(request.symbol_id), period


def _refuse_twice(names: dict[str, int], subscribed: Mapping[str, object]) -> None:
    if repeated := [name for name in names if name in subscribed]:
        raise Refused("ALREADY_SUBSCRIBED", f"Already subscribed to {', '.join(repeated)}", is_order=False)
