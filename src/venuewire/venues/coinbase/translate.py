"""Market data, instruments and balances: the venue's records and ours, both ways; pure.

Commands are in `configurations`, orders and their states in `orders`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import repeat
from operator import mul

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict, replace

from venuewire.codec import number, scaled
from venuewire.errors import RemoteProtocolError
from venuewire.model.account import AccountSummary, Balance
from venuewire.model.instrument import Instrument
from venuewire.model.market import SET_ASK, SET_BID, Bar, LevelRow, Quote, SecurityStatus, Trade
from venuewire.model.shape import Shape
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos, Side, scale_of
from venuewire.venues.coinbase.texts import amount, micros, nanos, plain, plain_scaled, words
from venuewire.venues.coinbase.wire import rest, stream

# --------------------------------------------------------------------------- channels

CHANNELS: dict[Channel, str] = {
    Channel.BOOK: "level2",
    Channel.TRADES: "market_trades",
    Channel.QUOTES: "ticker",
    Channel.BARS: "candles",
    Channel.STATUS: "status",
    Channel.ORDERS: "user",
    Channel.SUMMARY: "futures_balance_summary",
}
"""What we subscribe to, in the venue's words."""
MARKET_CHANNELS = frozenset({"level2", "market_trades", "ticker", "ticker_batch", "candles", "status"})
"""Those that need products."""
HEARTBEATS = "heartbeats"
USER = "user"
FUTURES = "futures_balance_summary"
PRIVATE_CHANNELS = frozenset({USER, FUTURES})
"""Those of the account; they need a token and no product."""

_OWN_BOOK_IN_USDC = frozenset({"USDT", "EURC"})


def book_product(product_id: str) -> str:
    """The product whose book and trades this one shares: BTC-USDC -> BTC-USD.

    Channels of market data call an alias by the name of its book, in frames and in the set of subscriptions
    (guide "WebSocket", unified USD and USDC books). A few coins have a USDC book of their own.
    """
    base, _, currency = product_id.rpartition("-")
    return f"{base}-USD" if currency == "USDC" and base and base not in _OWN_BOOK_IN_USDC else product_id


# --------------------------------------------------------------------------- books

PRICES_KEPT = 65_536
_DIGITS_MOST = 40
_POWERS = [10**exponent for exponent in range(_DIGITS_MOST)]
_SHIFTS = [_POWERS[scale::-1] for scale in range(21)]
"""Scale -> decimals of a text -> what its digits are multiplied by; of scales in which no `PlainRow` is too long."""

# Scale -> text of a price -> that price. The same come again and again; there is room for a full book. These are plain
# dicts, and what is not in them is an exception: a dict with `__missing__` is slower where nothing is missing.
_prices: dict[int, dict[str, int]] = {}


def _learn(prices: dict[str, int], text: str, scale: int) -> int:
    """A price that is not among those of its scale yet."""
    price = scaled(text, scale)
    if len(prices) >= PRICES_KEPT:
        prices.clear()
    prices[text] = price
    return price


def read_levels(body: bytes, price_scale: int, size_scale: int) -> Sequence[LevelRow]:
    """Rows of an `updates` array: the `LevelReader` of this venue, and its hottest loop.

    Sizes are read as `scaled` reads them, written out, while all are plain digits that fit the scale; a body with any
    other is read anew, or refused, the long way.
    """
    prices, bid, ask = _prices.setdefault(price_scale, {}), SET_BID, SET_ASK
    result: list[LevelRow] = []
    try:
        shifts = _SHIFTS[size_scale]
        for row in stream.read_plain_rows(body):
            text = row.new_quantity
            if text == "0":
                size = 0
            else:
                whole, _, fraction = text.partition(".")
                digits = whole + fraction
                if not (whole and digits.isdigit() and digits.isascii()):
                    return _any_levels(body, price_scale, size_scale)
                size = int(digits) * shifts[len(fraction)]
            try:
                price = prices[row.price_level]
            except KeyError:
                price = _learn(prices, row.price_level, price_scale)
            result.append((bid if row.side == "bid" else ask, price, size))
    except (RemoteProtocolError, IndexError):
        return _any_levels(body, price_scale, size_scale)
    return result


def _any_levels(body: bytes, price_scale: int, size_scale: int) -> Sequence[LevelRow]:
    """The same, however it is written."""
    return [
        (
            SET_BID if row.side == "bid" else SET_ASK,
            scaled(row.price_level, price_scale),
            scaled(row.new_quantity, size_scale),
        )
        for row in stream.read_rows(body)
    ]


def read_snapshot(body: bytes, price_scale: int, size_scale: int) -> Sequence[LevelRow]:
    """The same rows, read in bulk: a full book has tens of thousands, and hardly one price occurs twice.

    What is not plain throughout is `read_levels`'s to read or refuse.
    """
    rows = stream.read_rows(body)
    prices = _scaled_all([row.price_level for row in rows], price_scale)
    sizes = _scaled_all([row.new_quantity for row in rows], size_scale)
    if prices is None or sizes is None:
        return read_levels(body, price_scale, size_scale)
    sides = [SET_BID if row.side == "bid" else SET_ASK for row in rows]
    return list(zip(sides, prices, sizes, strict=True))


def _scaled_all(texts: list[str], scale: int) -> list[int] | None:
    """What `scaled` makes of each text; None unless all are plain decimals that fit the scale.

    A number is its digits without the point, times ten for each decimal that is not written; so the whole work is
    done by a few functions over all texts, and so is the check that nothing but digits and single points is there.
    """
    if not texts:
        return []
    joined = ",".join(texts)
    digits = joined.replace(".", "")
    points = list(map(str.find, texts, repeat(".")))
    if (
        not digits.replace(",", "0").isdigit()
        or not digits.isascii()
        or joined.count(".") != len(points) - points.count(-1)
        or 0 in points
        or "" in texts
        or max(map(len, texts)) > _DIGITS_MOST - scale
    ):
        return None
    lengths = map(len, texts)
    powers = [_POWERS[scale]] + [_POWERS[scale - decimals] for decimals in range(scale + 1)]
    try:
        shifts = [
            powers[length - point] if point >= 0 else powers[0] for length, point in zip(lengths, points, strict=True)
        ]
    except IndexError:
        return None
    return list(map(mul, map(int, digits.split(",")), shifts))


BOOK_SHAPE = Shape(stream.ReadRow, side=("side", "bid", "offer"), price="price_level", size="new_quantity")
"""What both of them read, for a native reader."""


def book_rows(rows: Iterable[LevelRow], instrument: Instrument, now: Nanos) -> list[stream.BookRow]:
    """Rows as the venue orders them: bids descending, then offers ascending, all of one time."""
    time = micros(now)
    bids = sorted(((price, size) for what, price, size in rows if what == SET_BID), reverse=True)
    asks = sorted((price, size) for what, price, size in rows if what == SET_ASK)
    sides = (("bid", bids), ("offer", asks))
    return [
        stream.BookRow(
            side, time, plain_scaled(price, instrument.price_scale), plain_scaled(size, instrument.qty_scale)
        )
        for side, levels in sides
        for price, size in levels
    ]


# --------------------------------------------------------------------------- trades, quotes

_SIDES: dict[str, Side] = {"BUY": Side.BUY, "SELL": Side.SELL}


def side_of(text: str | UnsetType) -> Side | None:
    """A side, or None where the venue says something else or nothing."""
    return _SIDES.get(text) if isinstance(text, str) else None


def trade_event(row: stream.TradeRow, symbol: str, now: Nanos, *, historical: bool, maker_side: bool) -> Trade:
    """A public trade. `maker_side`: the wire's side is the resting order's, as the documentation says."""
    side = side_of(row.side)
    return Trade(
        symbol=symbol,
        trade_id=row.trade_id,
        price=number(row.price),
        size=number(row.size),
        aggressor_side=side.opposite if side and maker_side else side,
        transact_time=nanos(row.time),
        recv_time=now,
        historical=historical,
    )


def trade_row(trade: Trade, *, maker_side: bool) -> stream.TradeRow:
    """The same on the wire; a trade without an aggressor is told as a buy's."""
    aggressor = trade.aggressor_side or Side.BUY
    return stream.TradeRow(
        product_id=trade.symbol,
        trade_id=trade.trade_id,
        price=plain(trade.price),
        size=plain(trade.size),
        time=micros(trade.transact_time),
        side=(aggressor.opposite if maker_side else aggressor).value,
    )


def quote_event(row: stream.TickerRow, symbol: str, time: Nanos, now: Nanos) -> Quote:
    """Best prices and the last one; empty text is None."""
    return Quote(
        symbol=symbol,
        bid=amount(row.best_bid),
        ask=amount(row.best_ask),
        bid_size=amount(row.best_bid_quantity),
        ask_size=amount(row.best_ask_quantity),
        last_px=amount(row.price),
        transact_time=time,
        recv_time=now,
    )


class DayFigures(Struct):
    """What a ticker tells of the last day; the sandbox has no longer past, so its year is its day."""

    price: Decimal | None = None
    volume: Decimal = Decimal(0)
    low: Decimal | None = None
    high: Decimal | None = None
    change: Decimal = Decimal(0)
    """In percent."""


def ticker_row(product_id: str, day: DayFigures, quote: Quote) -> stream.TickerRow:
    """One ticker."""

    def text(value: Decimal | None) -> str:
        return "" if value is None else plain(value)

    return stream.TickerRow(
        type="ticker",
        product_id=product_id,
        price=text(day.price if day.price is not None else quote.last_px),
        volume_24_h=plain(day.volume),
        low_24_h=text(day.low),
        high_24_h=text(day.high),
        low_52_w=text(day.low),
        high_52_w=text(day.high),
        price_percent_chg_24_h=plain(day.change),
        best_bid=text(quote.bid),
        best_bid_quantity=text(quote.bid_size),
        best_ask=text(quote.ask),
        best_ask_quantity=text(quote.ask_size),
    )


def without_best(row: stream.TickerRow) -> stream.TickerRow:
    """As `ticker_batch` has it."""
    return replace(row, best_bid=UNSET, best_bid_quantity=UNSET, best_ask=UNSET, best_ask_quantity=UNSET)


# --------------------------------------------------------------------------- bars

STREAM_PERIOD: Nanos = 300 * NANOS_PER_SECOND
"""Of the channel `candles`: it has no other."""
GRANULARITIES: dict[Nanos, str] = {
    60 * NANOS_PER_SECOND: "ONE_MINUTE",
    STREAM_PERIOD: "FIVE_MINUTE",
    900 * NANOS_PER_SECOND: "FIFTEEN_MINUTE",
    1800 * NANOS_PER_SECOND: "THIRTY_MINUTE",
    3600 * NANOS_PER_SECOND: "ONE_HOUR",
    7200 * NANOS_PER_SECOND: "TWO_HOUR",
    14400 * NANOS_PER_SECOND: "FOUR_HOUR",
    21600 * NANOS_PER_SECOND: "SIX_HOUR",
    86400 * NANOS_PER_SECOND: "ONE_DAY",
}
"""Of the bars REST serves."""


def bar_event(row: stream.CandleRow | rest.Candle, symbol: str, period: Nanos, now: Nanos, *, final: bool) -> Bar:
    """A candle. Raises `RemoteProtocolError` for numbers that are none."""
    if not (row.start.isascii() and row.start.isdigit()) or len(row.start) > 12:
        raise RemoteProtocolError("the start of a candle is not Unix seconds")
    return Bar(
        symbol=symbol,
        period=period,
        open_time=int(row.start) * NANOS_PER_SECOND,
        open=number(row.open),
        high=number(row.high),
        low=number(row.low),
        close=number(row.close),
        volume=number(row.volume),
        final=final,
        recv_time=now,
    )


def is_over(start: str, period: Nanos, now: Nanos) -> bool:
    """Has the period ended that began at these Unix seconds?"""
    return start.isascii() and start.isdigit() and len(start) <= 12 and int(start) * NANOS_PER_SECOND + period <= now


def candle_row(bar: Bar) -> stream.CandleRow:
    """The same on the stream."""
    return stream.CandleRow(product_id=bar.symbol, **_candle(bar))


def candle(bar: Bar) -> rest.Candle:
    """The same over REST."""
    return rest.Candle(**_candle(bar))


def _candle(bar: Bar) -> dict[str, str]:
    numbers = {"high": bar.high, "low": bar.low, "open": bar.open, "close": bar.close, "volume": bar.volume}
    return {"start": str(bar.open_time // NANOS_PER_SECOND)} | {name: plain(value) for name, value in numbers.items()}


# --------------------------------------------------------------------------- instruments, balances


def instrument_of(product: rest.Product) -> Instrument | None:
    """A product as an instrument; None where increments are missing, as on products that are only shown.

    `market_segment_id` names the product whose book it shares, where it has none of its own.
    """
    tick, lot = amount(words(product.price_increment) or product.quote_increment), amount(product.base_increment)
    if not tick or not lot or tick < 0 or lot < 0:
        return None
    base, _, currency = product.product_id.rpartition("-")
    return Instrument(
        symbol=product.product_id,
        security_id=product.product_id,
        base=words(product.base_currency_id) or base,
        currency=words(product.quote_currency_id) or currency,
        min_price_increment=tick,
        min_qty_increment=lot,
        min_trade_vol=amount(product.base_min_size) or lot,
        max_trade_vol=amount(product.base_max_size),
        market_segment_id=words(product.alias),
        price_scale=max(scale_of(amount(product.quote_increment) or tick), scale_of(tick)),
        # Sizes in a book may be finer than what a new order may have: increments have changed under resting orders.
        qty_scale=max(scale_of(lot), 8),
    )


def is_spot(product: rest.Product) -> bool:
    """Only spot products are traded in base units; the rest is for later."""
    return words(product.product_type) in {"", "SPOT"}


def balance_of(account: rest.Account, now: Nanos) -> Balance:
    """A wallet: what is available and what is on hold."""
    available = number(account.available_balance.value)
    held = number(account.hold.value) if isinstance(account.hold, rest.Amount) else Decimal(0)
    return Balance(
        currency=account.currency,
        total=available + held,
        available=available,
        account=words(account.retail_portfolio_id),
        recv_time=now,
    )


# --------------------------------------------------------------------------- states of products and of the account

FUTURES_CURRENCY = "USD"
_ONLINE = "online"


def status_event(row: stream.StatusRow, symbol: str, time: Nanos, now: Nanos) -> SecurityStatus:
    """Whether a product is traded; an empty word says nothing of it."""
    word = words(row.status)
    return SecurityStatus(
        symbol=symbol,
        tradable=word == _ONLINE if word else None,
        text=": ".join(text for text in (word, words(row.status_message)) if text),
        transact_time=time,
        recv_time=now,
    )


_SUMMED = ("total_usd_balance", "futures_buying_power", "initial_margin", "liquidation_threshold", "unrealized_pnl")


def summary_event(told: stream.BalanceSummary, now: Nanos) -> AccountSummary:
    """The account of US futures. Raises `RemoteProtocolError` for numbers that are none.

    Figures of the two margin windows have the window's name before theirs.
    """
    figures: dict[str, Decimal | str] = {}
    windows = {"intraday": told.intraday_margin_window_measure, "overnight": told.overnight_margin_window_measure}
    named: list[tuple[str, Struct]] = [("", told), *((f"{name}_", it) for name, it in windows.items() if it)]
    for prefix, record in named:
        for name, text in asdict(record).items():
            if isinstance(text, str) and text and not (record is told and name in _SUMMED):
                figures[prefix + name] = text if name.startswith("margin_") else number(text)
    return AccountSummary(
        currency=FUTURES_CURRENCY,
        equity=amount(told.total_usd_balance),
        available=amount(told.futures_buying_power),
        initial_margin=amount(told.initial_margin),
        maintenance_margin=amount(told.liquidation_threshold),
        unrealized_pnl=amount(told.unrealized_pnl),
        figures=figures,
        recv_time=now,
    )
