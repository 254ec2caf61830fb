"""Messages of cTrader <-> what we ask and what we are told. Pure.

Scales (PROTO; sheet, units and encodings): market-data prices are integers of 1/100000 whatever a symbol's digits;
volumes and sizes are hundredths of a unit; prices of orders are absolute JSON numbers; money is an integer of
10^-moneyDigits; times are milliseconds. A commission is negative on the wire and positive, a cost, with us.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import IntEnum

from msgspec.structs import replace

from venuewire.codec import checked
from venuewire.model.account import Position
from venuewire.model.instrument import Instrument
from venuewire.model.market import SecurityStatus
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import RequestRejected
from venuewire.model.terms import (
    EXACT,
    NANOS_PER_MILLI,
    NANOS_PER_SECOND,
    ExecType,
    Nanos,
    OrdRejReason,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
    from_scaled,
    to_scaled,
)
from venuewire.venues.ctrader.wire import model, words
from venuewire.venues.ctrader.wire.session import CommonErrorRes, ErrorRes
from venuewire.venues.ctrader.wire.trading import (
    ExecutionEvent,
)

PRICE_SCALE = 5
QTY_SCALE = 2

SIDES = {Side.BUY: words.TradeSide.BUY, Side.SELL: words.TradeSide.SELL}
SIDES_BACK = {1: Side.BUY, 2: Side.SELL}

ORD_TYPES = {
    OrdType.MARKET: words.OrderType.MARKET,
    OrdType.LIMIT: words.OrderType.LIMIT,
    OrdType.STOP: words.OrderType.STOP,
    OrdType.STOP_LIMIT: words.OrderType.STOP_LIMIT,
}
ORD_TYPES_BACK = {1: OrdType.MARKET, 2: OrdType.LIMIT, 3: OrdType.STOP, 5: OrdType.MARKET, 6: OrdType.STOP_LIMIT}

LIVES = {
    TimeInForce.GOOD_TILL_DATE: words.TimeInForce.GOOD_TILL_DATE,
    TimeInForce.GOOD_TILL_CANCEL: words.TimeInForce.GOOD_TILL_CANCEL,
    TimeInForce.IMMEDIATE_OR_CANCEL: words.TimeInForce.IMMEDIATE_OR_CANCEL,
    TimeInForce.FILL_OR_KILL: words.TimeInForce.FILL_OR_KILL,
}
LIVES_BACK: dict[int, TimeInForce] = {int(value): key for key, value in LIVES.items()}

_TIF = TimeInForce
LIVES_OF: dict[OrdType, frozenset[TimeInForce]] = {
    OrdType.MARKET: frozenset({_TIF.IMMEDIATE_OR_CANCEL, _TIF.FILL_OR_KILL}),
    OrdType.LIMIT: frozenset(LIVES),
    OrdType.STOP: frozenset({_TIF.GOOD_TILL_CANCEL, _TIF.GOOD_TILL_DATE}),
    OrdType.STOP_LIMIT: frozenset({_TIF.GOOD_TILL_CANCEL, _TIF.GOOD_TILL_DATE}),
}
"""Which lives each kind of order may have."""

_R = OrdRejReason
# PROTO, error codes; the last of a reason's codes are those seen in the wild that no schema has.
REASONS: dict[str, OrdRejReason] = {
    "SYMBOL_NOT_FOUND": _R.UNKNOWN_SYMBOL,
    "UNKNOWN_SYMBOL": _R.UNKNOWN_SYMBOL,
    "MARKET_CLOSED": _R.EXCHANGE_CLOSED,
    "SYMBOL_HAS_HOLIDAY": _R.EXCHANGE_CLOSED,
    "TRADING_DISABLED": _R.EXCHANGE_CLOSED,
    "NOT_ENOUGH_MONEY": _R.ORDER_EXCEEDS_LIMIT,
    "NO_ENOUGH_MONEY_TO_OPEN_POSITION": _R.ORDER_EXCEEDS_LIMIT,
    "MAX_EXPOSURE_REACHED": _R.ORDER_EXCEEDS_LIMIT,
    "TOO_MANY_POSITIONS": _R.ORDER_EXCEEDS_LIMIT,
    "ORDER_NOT_FOUND": _R.UNKNOWN_ORDER,
    "POSITION_NOT_FOUND": _R.UNKNOWN_ORDER,
    "POSITION_NOT_OPEN": _R.UNKNOWN_ORDER,
    "POSITION_NOT_FOUND_OR_NOT_OPENED": _R.UNKNOWN_ORDER,
    "ALREADY_CLOSED": _R.UNKNOWN_ORDER,
    "TRADING_BAD_VOLUME": _R.INCORRECT_QUANTITY,
    "TRADING_BAD_PRICES": _R.INVALID_PRICE,
    "TRADING_BAD_STOPS": _R.INVALID_PRICE,
    "PROTECTION_IS_TOO_CLOSE_TO_MARKET": _R.INVALID_PRICE,
    "TRADING_BAD_EXPIRATION_DATE": _R.INVALID_EXPIRE_TIME,
    "NO_QUOTES": _R.NO_LIQUIDITY,
    "TRADING_NOT_ALLOWED": _R.NOT_ALLOWED,
    "SHORT_SELLING_NOT_ALLOWED": _R.NOT_ALLOWED,
    "CHANNEL_IS_BLOCKED": _R.NOT_ALLOWED,
    "INVALID_REQUEST": _R.UNSUPPORTED_ORDER_CHARACTERISTIC,
    "UNSUPPORTED_MESSAGE": _R.UNSUPPORTED_ORDER_CHARACTERISTIC,
}
CODES: dict[OrdRejReason, str] = {
    _R.UNKNOWN_SYMBOL: "SYMBOL_NOT_FOUND",
    _R.EXCHANGE_CLOSED: "MARKET_CLOSED",
    _R.ORDER_EXCEEDS_LIMIT: "NOT_ENOUGH_MONEY",
    _R.UNKNOWN_ORDER: "ORDER_NOT_FOUND",
    _R.INCORRECT_QUANTITY: "TRADING_BAD_VOLUME",
    _R.INVALID_PRICE_INCREMENT: "TRADING_BAD_PRICES",
    _R.INVALID_PRICE: "TRADING_BAD_PRICES",
    _R.NO_LIQUIDITY: "NO_QUOTES",
    _R.INVALID_EXPIRE_TIME: "TRADING_BAD_EXPIRATION_DATE",
    _R.NOT_ALLOWED: "TRADING_NOT_ALLOWED",
}


def reason_of(code: str) -> OrdRejReason:
    """Why, in FIX words; the codes are an open set."""
    return REASONS.get(code, OrdRejReason.OTHER)


def code_of(reason: OrdRejReason | None) -> str:
    """The venue's code for a refusal of the exchange; what it has no word for is an invalid request."""
    return CODES.get(reason or OrdRejReason.OTHER, "INVALID_REQUEST")


# --------------------------------------------------------------------------- numbers


def units(volume: int) -> Decimal:
    """Hundredths of a unit as units."""
    return from_scaled(volume, QTY_SCALE)


def hundredths(qty: Decimal) -> int:
    """Units as hundredths; raises `ValueError` when that loses anything."""
    return to_scaled(qty, QTY_SCALE)


def amount(value: int, money_digits: int | None) -> Decimal:
    """A money integer as money; every recorded object says 2 digits."""
    return from_scaled(value, 2 if money_digits is None else min(money_digits, 18))


def nanos(milliseconds: int | None) -> Nanos:
    """Milliseconds as nanoseconds; 0 where the venue does not say."""
    return 0 if milliseconds is None else milliseconds * NANOS_PER_MILLI


def _price(value: Decimal | None) -> Decimal | None:
    return None if value is None else checked(value)


def _qty(value: int | None) -> Decimal | None:
    return None if value is None else units(value)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Whatever precision the user's program has set."""
    return not EXACT.remainder(value, step)


def limit_from_points(side: Side | None, stop_px: Decimal | None, points: int | None, tick: Decimal) -> Decimal | None:
    """The other way: the limit that such a distance stands for."""
    if side is None or stop_px is None or points is None:
        return None
    return EXACT.add(stop_px, EXACT.multiply(tick, Decimal(points if side is Side.BUY else -points)))


# --------------------------------------------------------------------------- what we are told

_EXEC_TYPES = {
    2: ExecType.NEW,
    3: ExecType.TRADE,
    4: ExecType.REPLACED,
    5: ExecType.CANCELED,
    6: ExecType.EXPIRED,
    7: ExecType.REJECTED,
    11: ExecType.TRADE,
}
_DONE = {2: OrdStatus.FILLED, 3: OrdStatus.REJECTED, 4: OrdStatus.EXPIRED, 5: OrdStatus.CANCELED}


def execution_report(
    event: ExecutionEvent, instruments: Mapping[str, Instrument], now: Nanos, ref: str | None
) -> ExecutionReport | None:
    """2126 as a report; None where it tells nothing of an order (swap, deposit, a kind not known yet).

    `instruments` are those known, by the venue's symbol id.
    """
    order, deal = event.order, event.deal
    exec_type = _EXEC_TYPES.get(event.execution_type)
    if order is None or exec_type is None:
        return None
    account = "" if event.ctid_trader_account_id is None else str(event.ctid_trader_account_id)
    standing = _standing(order, _symbol_id(event), account, instruments, now)
    code = event.error_code or ""
    report = replace(standing, exec_type=exec_type, code=code, text=code, ref=ref)
    if exec_type is ExecType.REJECTED:
        return replace(report, ord_rej_reason=reason_of(code))
    return with_fill(report, deal) if exec_type is ExecType.TRADE and deal is not None else report


def with_fill(report: ExecutionReport, deal: model.Deal) -> ExecutionReport:
    """The report with what the deal says."""
    volume = deal.filled_volume if deal.filled_volume is not None else deal.volume
    return replace(
        report,
        exec_id=str(deal.deal_id),
        last_qty=_qty(volume),
        last_px=_price(deal.execution_price),
        commission=None if deal.commission is None else -amount(deal.commission, deal.money_digits),
        transact_time=nanos(deal.execution_timestamp) or report.transact_time,
    )


def order_status(
    order: model.Order, account: str, instruments: Mapping[str, Instrument], now: Nanos
) -> ExecutionReport:
    """An order of 2125 as a report of where it stands."""
    symbol_id = None if order.trade_data is None else order.trade_data.symbol_id
    return replace(_standing(order, symbol_id, account, instruments, now), historical=True)


def _symbol_id(event: ExecutionEvent) -> int | None:
    """Whichever part of an execution says it."""
    if event.order is not None and event.order.trade_data is not None:
        return event.order.trade_data.symbol_id
    if event.position is not None:
        return event.position.trade_data.symbol_id
    return None if event.deal is None else event.deal.symbol_id


def symbol_of(symbol_id: int | None, instruments: Mapping[str, Instrument]) -> str:
    """Our name of a symbol; its number where it is not listed, for no execution may be lost over a name."""
    known = instruments.get(str(symbol_id))
    return known.symbol if known is not None else "" if symbol_id is None else str(symbol_id)


def _standing(
    order: model.Order, symbol_id: int | None, account: str, instruments: Mapping[str, Instrument], now: Nanos
) -> ExecutionReport:
    """Where an order stands."""
    trade = order.trade_data
    qty, done = (None if trade is None else units(trade.volume)), _qty(order.executed_volume)
    side = None if trade is None else SIDES_BACK.get(trade.trade_side)
    price, stop_px = _price(order.limit_price), _price(order.stop_price)
    known = instruments.get(str(symbol_id))
    if order.order_type == words.OrderType.STOP_LIMIT and price is None and known is not None:
        price = limit_from_points(side, stop_px, order.slippage_in_points, known.min_price_increment)
    return ExecutionReport(
        symbol=symbol_of(symbol_id, instruments),
        exec_type=ExecType.ORDER_STATUS,
        order_id=str(order.order_id),
        # The id of a protective order is the server's own; one of ours must never be taken for it.
        cl_ord_id="" if order.order_type == words.OrderType.STOP_LOSS_TAKE_PROFIT else order.client_order_id or "",
        side=side,
        ord_status=_status(order.order_status, done),
        ord_type=_ord_type(order),
        time_in_force=None if order.time_in_force is None else LIVES_BACK.get(order.time_in_force),
        order_qty=qty,
        price=price,
        stop_px=stop_px,
        expire_time=None if order.expiration_timestamp is None else nanos(order.expiration_timestamp),
        cum_qty=done,
        leaves_qty=_leaves(order.order_status, qty, done),
        avg_px=_price(order.execution_price),
        account=account,
        position_id="" if order.position_id is None else str(order.position_id),
        transact_time=nanos(order.utc_last_update_timestamp),
        recv_time=now,
    )


def _ord_type(order: model.Order) -> OrdType | None:
    """A protective order (4) is a stop with its stop loss, and a limit where it has a take profit alone."""
    if order.order_type == words.OrderType.STOP_LOSS_TAKE_PROFIT:
        return OrdType.STOP if order.stop_price is not None else OrdType.LIMIT
    return None if order.order_type is None else ORD_TYPES_BACK.get(order.order_type)


def _status(status: int | None, done: Decimal | None) -> OrdStatus | None:
    if status == words.OrderStatus.ACCEPTED:
        return OrdStatus.PARTIALLY_FILLED if done else OrdStatus.NEW
    return None if status is None else _DONE.get(status)


def _leaves(status: int | None, qty: Decimal | None, done: Decimal | None) -> Decimal | None:
    if status in _DONE:
        return Decimal(0)
    return None if qty is None or done is None else qty - done


def position(
    found: model.Position, account: str, instruments: Mapping[str, Instrument], now: Nanos, ref: str | None = None
) -> Position:
    """One position; a closed one, or an empty shell, has quantity zero."""
    size = Decimal(0) if found.position_status == words.PositionStatus.CLOSED else units(found.trade_data.volume)
    return Position(
        symbol=symbol_of(found.trade_data.symbol_id, instruments),
        qty=-size if found.trade_data.trade_side == words.TradeSide.SELL else size,
        avg_px=_price(found.price) if size else None,
        position_id=str(found.position_id),
        account=account,
        recv_time=now,
        ref=ref,
    )


# --------------------------------------------------------------------------- refusals


def retry_after(message: ErrorRes | CommonErrorRes, now: Nanos) -> Nanos | None:
    """How long to wait, from whichever of the fields says it: 2142 counts in seconds, 50 in milliseconds."""
    if isinstance(message, ErrorRes) and message.retry_after is not None:
        return message.retry_after * NANOS_PER_SECOND
    end = message.maintenance_end_timestamp
    if end is None:
        return None
    unit = NANOS_PER_SECOND if isinstance(message, ErrorRes) else NANOS_PER_MILLI
    return max(0, end * unit - now)


def rejected_order(command: NewOrder, rejected: RequestRejected, account: str, now: Nanos) -> ExecutionReport:
    """The refusal of a new order: news with its place in the table, not an error."""
    return ExecutionReport(
        symbol=command.symbol,
        exec_type=ExecType.REJECTED,
        ord_status=OrdStatus.REJECTED,
        cl_ord_id=command.cl_ord_id,
        side=command.side,
        ord_type=command.ord_type,
        ord_rej_reason=reason_of(rejected.code),
        code=rejected.code,
        text=rejected.text,
        account=account,
        recv_time=now,
        ref=command.ref,
    )


def rejected_change(
    command: ReplaceOrder | CancelOrder, rejected: RequestRejected, account: str, now: Nanos
) -> CancelReject:
    """The refusal of a change: the order stands as it stood."""
    return CancelReject(
        order_id=command.order_id,
        orig_cl_ord_id=command.orig_cl_ord_id,
        cl_ord_id=command.cl_ord_id,
        reason=reason_of(rejected.code),
        code=rejected.code,
        text=rejected.text,
        symbol=command.symbol,
        account=account,
        is_replace=isinstance(command, ReplaceOrder),
        recv_time=now,
        ref=command.ref,
    )


# --------------------------------------------------------------------------- what is traded


def instrument(light: model.LightSymbol, full: model.Symbol, assets: Mapping[int, str]) -> Instrument:
    """One symbol, from its two records and the names of the assets."""
    step = units(full.step_volume or 1)
    return Instrument(
        symbol=light.symbol_name or str(light.symbol_id),
        security_id=str(light.symbol_id),
        base=_asset(light.base_asset_id, assets),
        currency=_asset(light.quote_asset_id, assets),
        min_price_increment=Decimal(1).scaleb(-full.digits),
        min_qty_increment=step,
        min_trade_vol=units(full.min_volume) if full.min_volume else step,
        max_trade_vol=_qty(full.max_volume),
        round_lot=units(full.lot_size) if full.lot_size else Decimal(1),
        price_scale=PRICE_SCALE,
        qty_scale=QTY_SCALE,
    )


def security_status(symbol: str, full: model.Symbol, now: Nanos) -> SecurityStatus:
    """Whether new positions may be opened in a symbol; its hours are not looked at."""
    mode = full.trading_mode or 0
    return SecurityStatus(
        symbol=symbol,
        tradable=mode == words.TradingMode.ENABLED,
        text=name_of(words.TradingMode, mode),
        recv_time=now,
    )


def name_of(kind: type[IntEnum], number: int) -> str:
    """The venue's word for a number of an enumeration; the number itself where nobody knows it yet."""
    try:
        return kind(number).name
    except ValueError:
        return str(number)


def _asset(asset_id: int | None, assets: Mapping[int, str]) -> str:
    return "" if asset_id is None else assets.get(asset_id, str(asset_id))
