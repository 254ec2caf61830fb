"""Market data, instruments and commands: the venue's records and ours, both ways; pure.

Orders and their states, which have more to them, are in `orders`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from msgspec import UNSET, Struct, UnsetType

from venuewire.codec import number, scaled
from venuewire.errors import LocalProtocolError, RemoteProtocolError
from venuewire.model.account import Balance
from venuewire.model.instrument import Instrument
from venuewire.model.market import SET_ASK, SET_BID, LevelRow, Quote, Trade
from venuewire.model.orders import CancelOrder, NewOrder, ReplaceOrder
from venuewire.model.terms import Channel, Nanos, OrdType, Side, TimeInForce, scale_of
from venuewire.venues.coinbase import reasons
from venuewire.venues.coinbase.reasons import Refusal
from venuewire.venues.coinbase.texts import amount, micros, nanos, plain, plain_scaled, words
from venuewire.venues.coinbase.wire import rest, stream

# --------------------------------------------------------------------------- channels

CHANNELS: dict[Channel, str] = {
    Channel.BOOK: "level2",
    Channel.TRADES: "market_trades",
    Channel.QUOTES: "ticker",
    Channel.ORDERS: "user",
}
"""What we subscribe to, in the venue's words."""
MARKET_CHANNELS = frozenset({"level2", "market_trades", "ticker"})
"""Those that need products."""
HEARTBEATS = "heartbeats"
USER = "user"

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


class PriceTexts(dict[str, int]):
    """Text of a price -> that price in one scale. The same come again and again; room for a full book."""

    __slots__ = ("scale",)

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale

    def __missing__(self, text: str) -> int:
        price = scaled(text, self.scale)
        if len(self) >= PRICES_KEPT:
            self.clear()
        self[text] = price
        return price


_prices: dict[int, PriceTexts] = {}


def read_levels(body: bytes, price_scale: int, size_scale: int) -> Sequence[LevelRow]:
    """Rows of an `updates` array: the `LevelReader` of this venue, and its hottest loop.

    The conversion of sizes is written out, for plain digits only: anything else is `scaled`'s to read or refuse.
    """
    price_of = _prices.get(price_scale)
    if price_of is None:
        price_of = _prices[price_scale] = PriceTexts(price_scale)
    result: list[LevelRow] = []
    add = result.append
    for row in stream.read_rows(body):
        text = row.new_quantity
        if text == "0":
            size = 0
        else:
            whole, _, fraction = text.partition(".")
            digits = whole + fraction.ljust(size_scale, "0")
            if len(fraction) <= size_scale and len(digits) <= 40 and digits.isdigit() and digits.isascii() and whole:
                size = int(digits)
            else:
                size = scaled(text, size_scale)
        add((SET_BID if row.side == "bid" else SET_ASK, price_of[row.price_level], size))
    return result


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


# --------------------------------------------------------------------------- commands -> requests

_LIMIT_KEYS: dict[TimeInForce, str] = {
    TimeInForce.GOOD_TILL_CANCEL: "limit_limit_gtc",
    TimeInForce.GOOD_TILL_DATE: "limit_limit_gtd",
    TimeInForce.IMMEDIATE_OR_CANCEL: "sor_limit_ioc",
    TimeInForce.FILL_OR_KILL: "limit_limit_fok",
}
_STOP_KEYS: dict[TimeInForce, str] = {
    TimeInForce.GOOD_TILL_CANCEL: "stop_limit_stop_limit_gtc",
    TimeInForce.GOOD_TILL_DATE: "stop_limit_stop_limit_gtd",
}
_MARKET_KEY = "market_market_ioc"
_STOP_DIRECTIONS: dict[Side, str] = {Side.BUY: "STOP_DIRECTION_STOP_UP", Side.SELL: "STOP_DIRECTION_STOP_DOWN"}
_RESTING = frozenset({TimeInForce.GOOD_TILL_CANCEL, TimeInForce.GOOD_TILL_DATE})


def _text(value: Decimal | str | int | None) -> str | UnsetType:
    return UNSET if value is None else plain(Decimal(value))


def create_order(order: NewOrder, product_id: str) -> rest.CreateOrder:
    """The request for a new order. Raises `LocalProtocolError` for what the venue has no form for."""
    return rest.CreateOrder(
        client_order_id=order.cl_ord_id,
        product_id=product_id,
        side=order.side.value,
        order_configuration={configuration_key(order): _checked_configuration(order)},
    )


def configuration_key(order: NewOrder) -> str:
    """Which of the venue's order configurations this is; raises `LocalProtocolError` when there is none."""
    tif = order.time_in_force
    if order.ord_type is OrdType.MARKET and tif in {None, TimeInForce.IMMEDIATE_OR_CANCEL}:
        return _MARKET_KEY
    keys = {OrdType.LIMIT: _LIMIT_KEYS, OrdType.STOP_LIMIT: _STOP_KEYS}.get(order.ord_type, {})
    key = keys.get(tif or TimeInForce.GOOD_TILL_CANCEL)
    if key is None:
        raise LocalProtocolError(f"this venue has no {order.ord_type} order {f'that is {tif}' if tif else ''}".strip())
    return key


def _checked_configuration(order: NewOrder) -> rest.Configuration:
    if (order.order_qty is None) == (order.cash_order_qty is None):
        raise LocalProtocolError("give order_qty or cash_order_qty, and not both")
    if order.cash_order_qty is not None and order.ord_type is not OrdType.MARKET:
        raise LocalProtocolError("only market orders may be sized in money here")
    if (order.price is None) != (order.ord_type is OrdType.MARKET):
        raise LocalProtocolError(f"a {order.ord_type} order {'needs a' if order.price is None else 'has no'} price")
    if (order.stop_px is None) == (order.ord_type is OrdType.STOP_LIMIT):
        raise LocalProtocolError(f"a {order.ord_type} order {'needs a' if order.stop_px is None else 'has no'} stop_px")
    if (order.expire_time is None) == (order.time_in_force is TimeInForce.GOOD_TILL_DATE):
        raise LocalProtocolError("expire_time belongs to GOOD_TILL_DATE, and to nothing else")
    if order.cancel_on_disconnect:
        raise LocalProtocolError("this venue does not cancel on disconnect")
    if order.post_only and (
        order.ord_type is not OrdType.LIMIT or (order.time_in_force or TimeInForce.GOOD_TILL_CANCEL) not in _RESTING
    ):
        raise LocalProtocolError("post_only is for limit orders that may rest")
    return configuration(order)


def configuration(order: NewOrder) -> rest.Configuration:
    """The fields under the key."""
    resting_limit = order.ord_type is OrdType.LIMIT and order.time_in_force in {None, *_RESTING}
    stop = order.ord_type is OrdType.STOP_LIMIT
    return rest.Configuration(
        quote_size=_text(order.cash_order_qty),
        base_size=_text(order.order_qty),
        limit_price=_text(order.price),
        stop_price=_text(order.stop_px),
        stop_direction=_STOP_DIRECTIONS[order.side] if stop else UNSET,
        end_time=micros(order.expire_time) if order.expire_time else UNSET,
        post_only=order.post_only if resting_limit else UNSET,
    )


def edit_order(order: ReplaceOrder) -> rest.EditOrder:
    """The request for a replacement: the venue wants the order's id, and both price and total size."""
    if not order.order_id:
        raise LocalProtocolError("this venue edits orders by its own order_id")
    if order.price is None or order.order_qty is None:
        raise LocalProtocolError("this venue's edit needs both price and order_qty")
    return rest.EditOrder(
        order_id=order.order_id, price=_text(order.price), size=_text(order.order_qty), stop_price=_text(order.stop_px)
    )


def cancel_orders(order: CancelOrder) -> rest.CancelOrders:
    """The request for a cancel."""
    if not order.order_id:
        raise LocalProtocolError("this venue cancels by its own order_id; list the orders to learn it")
    return rest.CancelOrders(order_ids=[order.order_id])


# --------------------------------------------------------------------------- requests -> commands

_KEYS: dict[str, tuple[OrdType, TimeInForce]] = {
    _MARKET_KEY: (OrdType.MARKET, TimeInForce.IMMEDIATE_OR_CANCEL),
    **{key: (OrdType.LIMIT, tif) for tif, key in _LIMIT_KEYS.items()},
    **{key: (OrdType.STOP_LIMIT, tif) for tif, key in _STOP_KEYS.items()},
}


class Refused(Exception):
    """A request the venue refuses before its exchange sees it."""

    def __init__(self, refusal: Refusal, message: str = "") -> None:
        self.refusal, self.message = refusal, message or refusal.message
        super().__init__(refusal.new)


def new_order(request: rest.AnyCreateOrder, instrument: Instrument, account: str, now: Nanos) -> NewOrder:
    """The command a client's request makes; raises `Refused` for what its form alone shows to be wrong."""
    side = side_of(request.side)
    if side is None:
        raise Refused(reasons.INVALID_SIDE)
    if not request.client_order_id:
        raise Refused(reasons.INVALID_REQUEST, "client_order_id is required")
    configurations = request.order_configuration or {}
    key = next(iter(configurations), "")
    if len(configurations) != 1 or key not in _KEYS:
        raise Refused(reasons.UNSUPPORTED)
    ord_type, tif = _KEYS[key]
    fields = configurations[key]
    size, cash = _sizes(fields, ord_type)
    order = NewOrder(
        symbol=instrument.symbol,
        side=side,
        ord_type=ord_type,
        time_in_force=tif,
        order_qty=size,
        cash_order_qty=cash,
        price=_price(fields.limit_price, reasons.INVALID_PRICE) if ord_type is not OrdType.MARKET else None,
        stop_px=_stop(fields, side) if ord_type is OrdType.STOP_LIMIT else None,
        expire_time=_end(fields, now) if tif is TimeInForce.GOOD_TILL_DATE else None,
        post_only=_post_only(fields, ord_type, tif),
        cl_ord_id=request.client_order_id,
        account=account,
    )
    check_sizes(order, instrument)
    return order


def _sizes(fields: rest.Configuration, ord_type: OrdType) -> tuple[Decimal | None, Decimal | None]:
    size, cash = _number(fields.base_size), _number(fields.quote_size)
    if (size is None) == (cash is None):
        raise Refused(reasons.INVALID_REQUEST, "exactly one of base_size and quote_size is required")
    if cash is not None and ord_type is not OrdType.MARKET:
        raise Refused(reasons.UNSUPPORTED, "quote_size is for market orders here")
    return size, cash


def _number(text: str | UnsetType | None) -> Decimal | None:
    if not isinstance(text, str) or not text:
        return None
    try:
        return number(text)
    except RemoteProtocolError:
        raise Refused(reasons.NOT_A_NUMBER) from None


def _price(text: str | UnsetType | None, refusal: Refusal) -> Decimal:
    price = _number(text)
    if price is None or price <= 0:
        raise Refused(refusal)
    return price


def _stop(fields: rest.Configuration, side: Side) -> Decimal:
    """ASSUMPTION: only the protective direction, up for a buy and down for a sell, is offered here."""
    if fields.stop_direction != _STOP_DIRECTIONS[side]:
        raise Refused(reasons.UNSUPPORTED, "stop_direction must be up for a buy and down for a sell")
    return _price(fields.stop_price, reasons.INVALID_STOP)


def _end(fields: rest.Configuration, now: Nanos) -> Nanos:
    try:
        end = nanos(fields.end_time)
    except RemoteProtocolError:
        raise Refused(reasons.NO_END_TIME) from None
    if not end:
        raise Refused(reasons.NO_END_TIME)
    if end <= now:
        raise Refused(reasons.END_TIME_PAST)
    return end


def _post_only(fields: rest.Configuration, ord_type: OrdType, tif: TimeInForce) -> bool:
    if fields.post_only is not True:
        return False
    if ord_type is not OrdType.LIMIT or tif not in _RESTING:
        raise Refused(reasons.POST_ONLY_FOK)
    return True


def check_sizes(order: NewOrder, instrument: Instrument) -> None:
    """Increments and bounds, by the venue's own reasons; raises `Refused`."""
    if order.order_qty is not None:
        size = Decimal(order.order_qty)
        if size < instrument.min_trade_vol or size <= 0:
            raise Refused(reasons.TOO_SMALL)
        if instrument.max_trade_vol is not None and size > instrument.max_trade_vol:
            raise Refused(reasons.TOO_LARGE)
        if size % instrument.min_qty_increment:
            raise Refused(reasons.SIZE_PRECISION)
    if order.cash_order_qty is not None:
        cash = Decimal(order.cash_order_qty)
        if cash < MIN_CASH:
            raise Refused(reasons.QUOTE_TOO_SMALL)
        if cash > MAX_CASH:
            raise Refused(reasons.QUOTE_TOO_LARGE)
        if cash % instrument.min_price_increment:
            raise Refused(reasons.QUOTE_PRECISION)
    for price in (order.price, order.stop_px):
        if price is not None and Decimal(price) % instrument.min_price_increment:
            raise Refused(reasons.PRICE_PRECISION)


MIN_CASH, MAX_CASH = Decimal(1), Decimal(150_000_000)
"""The sandbox's `quote_min_size` and `quote_max_size`."""
