"""Market data over the REST of the sandbox's Coinbase: the same for everybody, with a token and without.

Pages: REST API reference, "List Products", "Get Product Book", "Get Best Bid/Ask", "Get Product Candles",
"Get Market Trades", and their public twins.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from venuewire.model.instrument import Instrument
from venuewire.model.market import SET_BID, Trade
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venues.coinbase import translate
from venuewire.venues.coinbase.acceptor import products
from venuewire.venues.coinbase.acceptor.day import Day
from venuewire.venues.coinbase.acceptor.host import Shared
from venuewire.venues.coinbase.acceptor.requests import Asked, Wrong, not_a_value, number_of, one
from venuewire.venues.coinbase.texts import micros, plain, plain_scaled
from venuewire.venues.coinbase.wire import rest

_PRODUCT_TYPES = frozenset({"UNKNOWN_PRODUCT_TYPE", "SPOT", "FUTURE", "EQUITY", "OPTION_GROUP", "FUTURE_GROUP"})
_PERIODS: dict[str, Nanos] = {word: period for period, word in translate.GRANULARITIES.items()}
MOST_CANDLES = 350
_TRADES, _MOST_TRADES = 100, 1000


class MarketPages:
    """Everything that only reads the market."""

    def __init__(self, host: Shared) -> None:
        self._host = host

    def _figures(self, instrument: Instrument) -> Day:
        return Day(self._host.exchange.trades(instrument.symbol, 1000))

    def _all_products(self) -> list[rest.Product]:
        result: list[rest.Product] = []
        for instrument in self._host.exchange.instruments.values():
            quote, day = self._host.exchange.quote(instrument.symbol), self._figures(instrument).figures()
            result.append(products.product(instrument, quote, day))
            if products.alias_of(instrument):
                result.append(products.alias_product(instrument, quote, day))
        return result

    def products(self, asked: Asked) -> Struct:
        """Those that fit the query; of other kinds than SPOT there are none."""
        kind = one(asked.query, "product_type")
        if kind and kind not in _PRODUCT_TYPES:
            raise not_a_value("product_type", kind)
        wanted = frozenset(asked.query.get("product_ids", ()))
        listed = [
            product
            for product in self._all_products()
            if (not wanted or product.product_id in wanted) and kind in {"", "UNKNOWN_PRODUCT_TYPE", "SPOT"}
        ]
        start = number_of(asked.query, "offset", 0)
        page = listed[start : start + (number_of(asked.query, "limit", 0) or len(listed))]
        return rest.ProductsAnswer(products=page, num_products=len(page))

    def product(self, asked: Asked) -> Struct:
        """One of them."""
        for product in self._all_products():
            if product.product_id == asked.item:
                return product
        raise Wrong(404, "NOT_FOUND", "valid product_id is required")

    def product_book(self, asked: Asked) -> Struct:
        """The book now, or as much of it as is asked for."""
        product_id = one(asked.query, "product_id")
        instrument = self._instrument(product_id)
        depth = number_of(asked.query, "limit", 0) or None
        return self._with_spread(self._book(product_id, instrument, depth, asked.now), instrument)

    def best_bid_ask(self, asked: Asked) -> Struct:
        """Books of one level: of the products asked for, or of all."""
        wanted = asked.query.get("product_ids") or list(self._host.exchange.instruments)
        return rest.PriceBooksAnswer(
            [self._book(product_id, self._instrument(product_id), 1, asked.now) for product_id in wanted]
        )

    def _instrument(self, product_id: str) -> Instrument:
        instrument = self._host.book_of(product_id)
        if instrument is None:
            raise Wrong(404, "NOT_FOUND", "product not found" if product_id else "valid product_id is required")
        return instrument

    def _book(self, product_id: str, instrument: Instrument, depth: int | None, now: Nanos) -> rest.PriceBook:
        bids: list[rest.BookLevel] = []
        asks: list[rest.BookLevel] = []
        for what, price, size in self._host.exchange.book(instrument.symbol, depth).rows():
            texts = plain_scaled(price, instrument.price_scale), plain_scaled(size, instrument.qty_scale)
            (bids if what == SET_BID else asks).append(rest.BookLevel(*texts))
        return rest.PriceBook(product_id=product_id, bids=bids, asks=asks, time=micros(now))

    def _with_spread(self, book: rest.PriceBook, instrument: Instrument) -> rest.ProductBookAnswer:
        quote = self._host.exchange.quote(instrument.symbol)
        answer = rest.ProductBookAnswer(
            pricebook=book, last=plain(quote.last_px or Decimal(0)), mid_market="", spread_bps="", spread_absolute=""
        )
        if quote.bid is not None and quote.ask is not None:
            middle, spread = (quote.bid + quote.ask) / 2, quote.ask - quote.bid
            answer.mid_market, answer.spread_absolute = plain(middle), plain(spread)
            answer.spread_bps = plain(round(spread * 10_000 / middle, 4))
        return answer

    # ------------------------------------------------------------------ candles, trades

    def candles(self, asked: Asked) -> Struct:
        """Newest first. More than can be told is refused, as is a period that is not the venue's."""
        instrument = self._instrument(asked.item)
        word = one(asked.query, "granularity")
        if word not in _PERIODS:
            raise not_a_value("granularity", word)
        period, now = _PERIODS[word], asked.now
        limit = min(number_of(asked.query, "limit", MOST_CANDLES) or MOST_CANDLES, MOST_CANDLES)
        end = _seconds(asked, "end", now)
        start = _seconds(asked, "start", end - (limit - 1) * period)
        if (end - start) // period > MOST_CANDLES:
            text = f"number of candles requested should be less than {MOST_CANDLES}"
            raise Wrong(400, "INVALID_ARGUMENT", text)
        bars = self._host.watch.history(instrument.symbol, now).bars(period, start, end + 1, now)
        return rest.CandlesAnswer([translate.candle(bar) for bar in reversed(bars[-limit:])])

    def trades(self, asked: Asked) -> Struct:
        """Newest first, with the best prices now."""
        instrument = self._instrument(asked.item)
        limit = min(number_of(asked.query, "limit", _TRADES) or _TRADES, _MOST_TRADES)
        start, end = _seconds(asked, "start", 0), _seconds(asked, "end", asked.now)
        trades = [
            trade
            for trade in self._host.exchange.trades(instrument.symbol, _MOST_TRADES)
            if start <= trade.transact_time <= end
        ]
        quote = self._host.exchange.quote(instrument.symbol)
        return rest.MarketTradesAnswer(
            trades=[_trade(trade, asked.item) for trade in reversed(trades[-limit:])],
            best_bid="" if quote.bid is None else plain(quote.bid),
            best_ask="" if quote.ask is None else plain(quote.ask),
        )


def _seconds(asked: Asked, name: str, default: Nanos) -> Nanos:
    text = one(asked.query, name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 12:
        raise not_a_value(name, text)
    return int(text) * NANOS_PER_SECOND


def _trade(trade: Trade, product_id: str) -> rest.MarketTrade:
    """Over REST the side is the taker's."""
    row = translate.trade_row(replace(trade, symbol=product_id), maker_side=False)
    return rest.MarketTrade(
        trade_id=row.trade_id,
        product_id=row.product_id,
        price=row.price,
        size=row.size,
        time=row.time,
        side=row.side,
        bid="",
        ask="",
        exchange="coinbase",
    )
