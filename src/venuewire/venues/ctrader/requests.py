"""Requests about orders, both ways: our commands as cTrader's requests, and its requests as our commands. Pure.

On our end `LocalProtocolError` refuses what the venue cannot take, before anything is sent; on the far end `Refused`
carries the venue's code and words. Limits of stop-limit and market-range orders are told as distances in points.
"""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum

from msgspec.structs import replace

from venuewire.errors import LocalProtocolError
from venuewire.model.account import Position
from venuewire.model.instrument import Instrument
from venuewire.model.orders import CancelOrder, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.terms import (
    EXACT,
    NANOS_PER_MILLI,
    OrdType,
    PositionEffect,
    Side,
    TimeInForce,
    decimal,
    to_scaled,
)
from venuewire.venues.ctrader import translate
from venuewire.venues.ctrader.protection import Levels
from venuewire.venues.ctrader.wire import words
from venuewire.venues.ctrader.wire.trading import (
    AmendOrderReq,
    AmendPositionSLTPReq,
    CancelOrderReq,
    ClosePositionReq,
    NewOrderReq,
)


class Refused(Exception):
    """The far end refuses a request: 2142, or 2132 where `is_order`."""

    def __init__(
        self,
        code: str,
        text: str,
        *,
        is_order: bool = True,
        order_id: int = 0,
        position_id: int = 0,
        retry_after: int | None = None,
    ) -> None:
        self.code, self.text, self.is_order = code, text, is_order
        self.retry_after = retry_after
        self.order_id, self.position_id = order_id, position_id
        super().__init__(f"{code}: {text}")


# --------------------------------------------------------------------------- our commands as requests


def new_order(command: NewOrder, instrument: Instrument, account_id: int) -> NewOrderReq:
    """2106. Raises `LocalProtocolError` for what the venue cannot take."""
    _refuse_strangers(command)
    price, stop_px = _prices_of(command.ord_type, command.price, command.stop_px, instrument)
    entry = stop_px if stop_px is not None else price
    slippage = None
    if command.ord_type is OrdType.STOP_LIMIT:
        assert price is not None
        assert stop_px is not None
        slippage, price = _points(command.side, stop_px, price, instrument), None
    return NewOrderReq(
        ctid_trader_account_id=account_id,
        symbol_id=int(instrument.security_id),
        order_type=int(translate.ORD_TYPES[command.ord_type]),
        trade_side=int(translate.SIDES[command.side]),
        volume=_volume(command.order_qty, instrument),
        limit_price=price,
        stop_price=stop_px,
        time_in_force=_life(command),
        expiration_timestamp=_expiry(command),
        stop_loss=_level(command.stop_loss_px, "stop_loss_px", command, entry, instrument),
        take_profit=_level(command.take_profit_px, "take_profit_px", command, entry, instrument),
        comment=command.text or None,
        slippage_in_points=slippage,
        position_id=order_number(command.position_id) if command.position_id else None,
        client_order_id=command.cl_ord_id or None,
        relative_stop_loss=_offset(command.stop_loss_offset, command.stop_loss_px, "stop_loss", instrument),
        relative_take_profit=_offset(command.take_profit_offset, command.take_profit_px, "take_profit", instrument),
        guaranteed_stop_loss=True if command.guaranteed_stop_loss else None,
        trailing_stop_loss=True if command.trailing_stop_loss else None,
    )


def close_position(
    command: NewOrder, instrument: Instrument, account_id: int, held: Position | None
) -> ClosePositionReq:
    """2111: a market order that can only reduce a position. Raises `LocalProtocolError`."""
    _check_close(command, instrument, held)
    if command.time_in_force not in {None, TimeInForce.IMMEDIATE_OR_CANCEL}:
        raise LocalProtocolError("closing a position at the market is immediate at cTrader")
    return ClosePositionReq(
        ctid_trader_account_id=account_id,
        position_id=order_number(command.position_id),
        volume=_volume(command.order_qty, instrument),
    )


def protect_position(
    command: NewOrder, instrument: Instrument, account_id: int, held: Position | None
) -> AmendPositionSLTPReq:
    """2110: a closing STOP is the position's stop loss, a closing LIMIT its take profit.

    Raises `LocalProtocolError`.
    """
    position = _check_close(command, instrument, held)
    price, stop_px = _prices_of(command.ord_type, command.price, command.stop_px, instrument)
    if command.ord_type is OrdType.STOP_LIMIT:
        raise LocalProtocolError("a position is closed by a MARKET, STOP or LIMIT order at cTrader")
    if command.order_qty != abs(position.qty):
        raise LocalProtocolError(f"a stop loss or take profit covers the whole position of {abs(position.qty)}")
    if command.time_in_force not in {None, TimeInForce.GOOD_TILL_CANCEL}:
        raise LocalProtocolError("a stop loss or take profit stands until it is cancelled")
    return AmendPositionSLTPReq(
        ctid_trader_account_id=account_id,
        position_id=order_number(command.position_id),
        stop_loss=stop_px,
        take_profit=price,
        guaranteed_stop_loss=True if command.guaranteed_stop_loss else None,
        trailing_stop_loss=True if command.trailing_stop_loss else None,
    )


def amend_protection(
    command: ReplaceOrder, guard: ExecutionReport, instrument: Instrument, account_id: int
) -> AmendPositionSLTPReq:
    """2110: the protective order's levels; what is not given stays. Raises `LocalProtocolError`."""
    if command.order_qty is not None and command.order_qty != guard.order_qty:
        raise LocalProtocolError("a protective order always covers its whole position")
    stop_px = guard.stop_px if command.stop_px is None else _on_tick(_exact(command.stop_px), "stop_px", instrument)
    price = guard.price if command.price is None else _on_tick(_exact(command.price), "price", instrument)
    return AmendPositionSLTPReq(
        ctid_trader_account_id=account_id,
        position_id=order_number(guard.position_id),
        stop_loss=stop_px,
        take_profit=price,
    )


def cancel_protection(guard: ExecutionReport, account_id: int) -> AmendPositionSLTPReq:
    """2110 without levels: both are removed."""
    return AmendPositionSLTPReq(ctid_trader_account_id=account_id, position_id=order_number(guard.position_id))


def _check_close(command: NewOrder, instrument: Instrument, held: Position | None) -> Position:
    """A close names its position and is against it: the venue looks at the id alone."""
    _refuse_strangers(command)
    if not command.position_id:
        raise LocalProtocolError("position_effect CLOSE needs position_id: cTrader keeps positions one by one")
    if held is None:
        raise LocalProtocolError(f"position {command.position_id} is not known; ask for the positions first")
    if held.symbol != instrument.symbol:
        raise LocalProtocolError(f"position {command.position_id} is in {held.symbol}, not in {instrument.symbol}")
    if (held.qty > 0) is (command.side is Side.BUY):
        raise LocalProtocolError(f"{command.side} would not reduce position {command.position_id} of {held.qty}")
    if command.order_qty is not None and _exact(command.order_qty) > abs(held.qty):
        raise LocalProtocolError(f"order_qty {command.order_qty} is above the position's {abs(held.qty)}")
    levels = (command.stop_loss_px, command.take_profit_px, command.stop_loss_offset, command.take_profit_offset)
    if any(level is not None for level in levels):
        raise LocalProtocolError("an order that closes a position has no stop loss or take profit of its own")
    return held


def _level(
    level: Decimal | str | int | None, what: str, command: NewOrder, entry: Decimal | None, instrument: Instrument
) -> Decimal | None:
    """An attached level as a price: on its own side of the order's price."""
    if level is None:
        return None
    if entry is None:
        raise LocalProtocolError(f"a MARKET order at cTrader takes no {what}: give its distance, as an offset")
    exact = _on_tick(_exact(level), what, instrument)
    is_below = (command.side is Side.BUY) is (what == "stop_loss_px")
    if exact == entry or (exact < entry) is not is_below:
        raise LocalProtocolError(f"{what} {exact} is on the wrong side of the order's price {entry}")
    return exact


def _offset(
    offset: Decimal | str | int | None, level: Decimal | str | int | None, what: str, instrument: Instrument
) -> int | None:
    """An attached level as a distance in 1/100000."""
    if offset is None:
        return None
    if level is not None:
        raise LocalProtocolError(f"give {what}_px or {what}_offset, not both")
    return to_scaled(_on_tick(_exact(offset), f"{what}_offset", instrument), translate.PRICE_SCALE)


def amend_order(command: ReplaceOrder, instrument: Instrument, account_id: int) -> AmendOrderReq:
    """2109: what is not given stays. Raises `LocalProtocolError`."""
    price, stop_px = command.price, command.stop_px
    slippage = None
    if command.ord_type is OrdType.STOP_LIMIT and price is not None:
        if stop_px is None:
            raise LocalProtocolError("the limit of a stop-limit order is a distance here: give stop_px with price")
        slippage, price = _points(command.side, _exact(stop_px), _exact(price), instrument), None
    # The form has no time in force: what the client hands us is the order's own, and it stays.
    return AmendOrderReq(
        ctid_trader_account_id=account_id,
        order_id=order_number(command.order_id),
        volume=None if command.order_qty is None else _volume(command.order_qty, instrument),
        limit_price=None if price is None else _on_tick(_exact(price), "price", instrument),
        stop_price=None if stop_px is None else _on_tick(_exact(stop_px), "stop_px", instrument),
        slippage_in_points=slippage,
    )


def cancel_order(command: CancelOrder, account_id: int) -> CancelOrderReq:
    """2108. Raises `LocalProtocolError` when the venue's order id is not known."""
    return CancelOrderReq(ctid_trader_account_id=account_id, order_id=order_number(command.order_id))


def order_number(order_id: str) -> int:
    """The venue's order id as it travels."""
    if not (order_id.isascii() and order_id.isdigit() and len(order_id) <= 18):
        raise LocalProtocolError(f"cTrader knows orders by its own number only, and {order_id!r} is none")
    return int(order_id)


def _refuse_strangers(command: NewOrder) -> None:
    """What other venues have and this one does not."""
    if command.post_only:
        raise LocalProtocolError("cTrader has no post-only orders")
    if command.cash_order_qty is not None:
        raise LocalProtocolError("cTrader sizes orders in units: give order_qty, not cash_order_qty")
    if command.cancel_on_disconnect:
        raise LocalProtocolError("cTrader does not cancel orders when a connection is lost")
    if command.max_floor is not None or command.trigger_price_direction is not None:
        raise LocalProtocolError("cTrader has no iceberg orders, and its stops trigger in their own direction only")
    for asked, what in (
        (command.trailing_stop_loss, "trailing_stop_loss"),
        (command.guaranteed_stop_loss, "guaranteed_stop_loss"),
    ):
        if asked and not _has_stop(command):
            raise LocalProtocolError(f"{what} needs a stop loss")
    if len(command.cl_ord_id) > 50:
        raise LocalProtocolError("cl_ord_id is longer than the 50 characters cTrader keeps")
    if len(command.text) > 512:
        raise LocalProtocolError("text is longer than the 512 characters cTrader keeps")


def _has_stop(command: NewOrder) -> bool:
    if command.position_effect is PositionEffect.CLOSE:
        return command.ord_type is OrdType.STOP
    return command.stop_loss_px is not None or command.stop_loss_offset is not None


def _exact(value: Decimal | str | int) -> Decimal:
    # The model has turned it into a Decimal already; its type cannot say so.
    return value if isinstance(value, Decimal) else Decimal(value)


def _volume(qty: Decimal | str | int | None, instrument: Instrument) -> int:
    if qty is None:
        raise LocalProtocolError("an order needs order_qty")
    exact, step = _exact(qty), instrument.min_qty_increment
    least, most = instrument.min_trade_vol, instrument.max_trade_vol
    if exact < least or not translate.is_multiple(exact, step):
        raise LocalProtocolError(
            f"{instrument.symbol}: order_qty {exact} must be at least {least} and a multiple of {step}"
        )
    if most is not None and exact > most:
        raise LocalProtocolError(f"{instrument.symbol}: order_qty {exact} is above the {most} allowed")
    return translate.hundredths(exact)


def _on_tick(price: Decimal, what: str, instrument: Instrument) -> Decimal:
    if price <= 0 or not translate.is_multiple(price, instrument.min_price_increment):
        raise LocalProtocolError(
            f"{instrument.symbol}: {what} {price} must be positive and a multiple of {instrument.min_price_increment}"
        )
    return price


def _prices_of(
    kind: OrdType, price: Decimal | str | int | None, stop_px: Decimal | str | int | None, instrument: Instrument
) -> tuple[Decimal | None, Decimal | None]:
    """The prices this kind of order has, and no other."""
    found: list[Decimal | None] = []
    for value, what, kinds in (
        (price, "price", {OrdType.LIMIT, OrdType.STOP_LIMIT}),
        (stop_px, "stop_px", {OrdType.STOP, OrdType.STOP_LIMIT}),
    ):
        if (value is None) == (kind in kinds):
            raise LocalProtocolError(f"a {kind} order {'needs' if value is None else 'has no'} {what}")
        found.append(None if value is None else _on_tick(_exact(value), what, instrument))
    return found[0], found[1]


def _points(side: Side, stop_px: Decimal, price: Decimal, instrument: Instrument) -> int:
    """The limit of a stop-limit order is told as a distance from its trigger, in points, on the worse side of it."""
    gap = EXACT.subtract(price, stop_px) if side is Side.BUY else EXACT.subtract(stop_px, price)
    distance = EXACT.divide(gap, instrument.min_price_increment)
    if distance < 0 or distance != int(distance):
        raise LocalProtocolError(f"{instrument.symbol}: the limit of a {side} stop-limit order lies beyond its stop_px")
    return int(distance)


def _life(command: NewOrder) -> int | None:
    life = command.time_in_force
    if life is None:
        return None
    if life not in translate.LIVES_OF[command.ord_type]:
        allowed = ", ".join(sorted(translate.LIVES_OF[command.ord_type]))
        raise LocalProtocolError(f"a {command.ord_type} order at cTrader is {allowed}, never {life}")
    return int(translate.LIVES[life])


def _expiry(command: NewOrder) -> int | None:
    if (command.expire_time is None) == (command.time_in_force is TimeInForce.GOOD_TILL_DATE):
        raise LocalProtocolError("expire_time and GOOD_TILL_DATE belong together")
    # Milliseconds on the wire; rounding down ends the order earlier by less than one, never later.
    return None if command.expire_time is None else command.expire_time // NANOS_PER_MILLI


# --------------------------------------------------------------------------- requests as commands

_MAX_LENGTHS = {"comment": 512, "label": 100, "client_order_id": 50}


def new_order_command(request: NewOrderReq, instrument: Instrument, account: str, ref: str) -> NewOrder:
    """2106 as a command for the exchange. Raises `Refused`."""
    kind = _number(words.OrderType, request.order_type, "orderType")
    side = translate.SIDES_BACK[_number(words.TradeSide, request.trade_side, "tradeSide")]
    _refuse_unserved(request, kind)
    tick = instrument.min_price_increment
    price, stop_px = request.limit_price, request.stop_price
    if kind == words.OrderType.MARKET:
        price = stop_px = None
    elif kind == words.OrderType.MARKET_RANGE:
        base = _needed(request.base_slippage_price, "baseSlippagePrice")
        price, stop_px = translate.limit_from_points(side, base, request.slippage_in_points or 0, tick), None
    elif kind == words.OrderType.LIMIT:
        price, stop_px = _needed(price, "limitPrice"), None
    else:
        stop_px = _needed(stop_px, "stopPrice")
        points = request.slippage_in_points or 0
        price = translate.limit_from_points(side, stop_px, points, tick) if kind == words.OrderType.STOP_LIMIT else None
    life = _time_in_force(request, kind)
    return NewOrder(
        symbol=instrument.symbol,
        side=side,
        ord_type=OrdType.LIMIT if kind == words.OrderType.MARKET_RANGE else translate.ORD_TYPES_BACK[kind],
        order_qty=_units(request.volume),
        price=_sane(price),
        stop_px=_sane(stop_px),
        time_in_force=life,
        expire_time=_end(request) if life is TimeInForce.GOOD_TILL_DATE else None,
        cl_ord_id=request.client_order_id or "",
        account=account,
        text=request.comment or "",
        ref=ref,
    )


def replace_command(
    request: AmendOrderReq, standing: ExecutionReport, instrument: Instrument, ref: str
) -> ReplaceOrder | None:
    """2109 as a command; `standing` is the order as it is. None: it changes nothing the exchange knows of.

    Raises `Refused`.
    """
    _refuse_unserved(request, 0)
    side, kind = standing.side or Side.BUY, standing.ord_type or OrdType.LIMIT
    price, stop_px = _sane(request.limit_price), _sane(request.stop_price)
    if kind is OrdType.STOP_LIMIT and request.slippage_in_points is not None:
        trigger = standing.stop_px if stop_px is None else stop_px
        tick = instrument.min_price_increment
        price = translate.limit_from_points(side, trigger, request.slippage_in_points, tick)
    qty = None if request.volume is None else _units(request.volume)
    same = (qty in {None, standing.order_qty}, price in {None, standing.price}, stop_px in {None, standing.stop_px})
    if all(same):
        return None
    return ReplaceOrder(
        symbol=standing.symbol,
        side=side,
        ord_type=kind,
        order_id=standing.order_id,
        orig_cl_ord_id=standing.cl_ord_id,
        cl_ord_id=standing.cl_ord_id,
        order_qty=qty,
        price=price,
        stop_px=stop_px,
        account=standing.account,
        ref=ref,
    )


def cancel_command(standing: ExecutionReport, ref: str) -> CancelOrder:
    """2108 as a command."""
    return CancelOrder(
        symbol=standing.symbol,
        side=standing.side or Side.BUY,
        ord_type=standing.ord_type or OrdType.LIMIT,
        order_id=standing.order_id,
        orig_cl_ord_id=standing.cl_ord_id,
        account=standing.account,
        ref=ref,
    )


def close_command(request: ClosePositionReq, symbol: str, *, is_buy: bool, account: str, ref: str) -> NewOrder:
    """2111 as a command: a market order against the position."""
    return NewOrder(
        symbol=symbol,
        side=Side.SELL if is_buy else Side.BUY,
        ord_type=OrdType.MARKET,
        order_qty=_units(request.volume),
        time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
        account=account,
        ref=ref,
    )


def _number(kind: type[IntEnum], value: int | str, name: str) -> int:
    try:
        return words.number_of(kind, value)
    except ValueError:
        raise Refused("INVALID_REQUEST", f"{name} has no value {value!r}", is_order=False) from None


def _refuse_unserved(request: NewOrderReq | AmendOrderReq, kind: int) -> None:
    """What the venue forbids, and what this sandbox does not play: never silently left out."""
    if kind == words.OrderType.MARKET and (request.stop_loss is not None or request.take_profit is not None):
        text = "Absolute stop loss and take profit are allowed only for LIMIT, STOP and STOP_LIMIT orders"
        raise Refused("INVALID_REQUEST", text)
    if kind == words.OrderType.STOP_LOSS_TAKE_PROFIT:
        raise Refused("INVALID_REQUEST", "STOP_LOSS_TAKE_PROFIT orders are made by the server only")
    trigger = request.stop_trigger_method
    if trigger is not None and _number(words.OrderTriggerMethod, trigger, "stopTriggerMethod") != 1:
        raise Refused("INVALID_REQUEST", "stopTriggerMethod other than TRADE is not played by this sandbox")
    for name, most in _MAX_LENGTHS.items():
        if len(getattr(request, name, None) or "") > most:
            raise Refused("INVALID_REQUEST", f"{name} is longer than {most} characters")


def levels_of(
    request: NewOrderReq | AmendOrderReq, side: Side, entry: Decimal | None, tick: Decimal, old: Levels
) -> Levels:
    """The protection an order asks for, as distances; what is not given stays. `entry`: its own price, if it has one.

    Raises `Refused`.
    """
    loss = _distance(request.stop_loss, request.relative_stop_loss, entry, tick, up=side is Side.SELL)
    profit = _distance(request.take_profit, request.relative_take_profit, entry, tick, up=side is Side.BUY)
    loss = old.relative_stop_loss if loss is None else loss
    trailing = old.is_trailing if request.trailing_stop_loss is None else request.trailing_stop_loss
    guaranteed = old.is_guaranteed if request.guaranteed_stop_loss is None else request.guaranteed_stop_loss
    for asked, what in ((request.trailing_stop_loss, "trailingStopLoss"), (guaranteed, "guaranteedStopLoss")):
        if asked and loss is None:
            raise Refused("INVALID_REQUEST", f"{what} needs a stop loss")
    return Levels(
        relative_stop_loss=loss,
        relative_take_profit=old.relative_take_profit if profit is None else profit,
        is_trailing=trailing,
        is_guaranteed=guaranteed,
    )


def _distance(
    level: Decimal | None, relative: int | None, entry: Decimal | None, tick: Decimal, *, up: bool
) -> int | None:
    """A level as a distance from the entry in 1/100000, however it was given."""
    if level is not None and relative is not None:
        raise Refused("INVALID_REQUEST", "a level is absolute or relative, not both")
    if level is not None and entry is not None:
        sound = _needed(level, "a level")
        gap = EXACT.subtract(sound, entry) if up else EXACT.subtract(entry, sound)
        if not translate.is_multiple(sound, tick):
            raise Refused("TRADING_BAD_STOPS", f"{sound} has more digits than the symbol allows")
        relative = int(gap.scaleb(translate.PRICE_SCALE))
    if relative is None:
        return None
    if relative <= 0 or not translate.is_multiple(Decimal(relative).scaleb(-translate.PRICE_SCALE), tick):
        raise Refused("TRADING_BAD_STOPS", "stop loss or take profit is on the wrong side, or off the tick")
    return relative


def check_level(
    level: Decimal | None, market: Decimal | None, tick: Decimal, *, is_above: bool, position_id: int
) -> None:
    """A level of an open position: on the tick, and on its own side of the market. Raises `Refused`."""
    if level is None:
        return
    sound = _needed(level, "a level")
    if not translate.is_multiple(sound, tick):
        raise Refused("TRADING_BAD_STOPS", f"{sound} has more digits than the symbol allows", position_id=position_id)
    if market is not None and (sound <= market if is_above else sound >= market):
        text = f"{sound} is on the wrong side of the current price {market}"
        raise Refused("TRADING_BAD_STOPS", text, position_id=position_id)


def trigger_of(request: AmendPositionSLTPReq, old: int) -> int:
    """How the stop loss is to look at the market."""
    method = request.stop_loss_trigger_method
    return old if method is None else _number(words.OrderTriggerMethod, method, "stopLossTriggerMethod")


def _needed(value: Decimal | None, name: str) -> Decimal:
    sound = _sane(value)
    if sound is None:
        raise Refused("INVALID_REQUEST", f"{name} is missing")
    return sound


def _sane(price: Decimal | None) -> Decimal | None:
    """A price that can be one at all; whether it is on the tick, the exchange looks."""
    try:
        sound = None if price is None else decimal(price)
    except ValueError:
        raise Refused("TRADING_BAD_PRICES", "a price is not a number of reasonable size") from None
    if sound is not None and sound <= 0:
        raise Refused("TRADING_BAD_PRICES", "a price must be above zero")
    return sound


def _units(volume: int) -> Decimal:
    if volume <= 0:
        raise Refused("TRADING_BAD_VOLUME", f"Order volume = {volume} must be above zero")
    return translate.units(volume)


def _time_in_force(request: NewOrderReq, kind: int) -> TimeInForce | None:
    """Market orders come back as immediate whatever was asked [recorded]; others live until they are cancelled."""
    number = None if request.time_in_force is None else _number(words.TimeInForce, request.time_in_force, "timeInForce")
    life = None if number is None else translate.LIVES_BACK.get(number)
    if number is not None and life is None:
        raise Refused("INVALID_REQUEST", "timeInForce MARKET_ON_OPEN is not served")
    is_market = kind in {words.OrderType.MARKET, words.OrderType.MARKET_RANGE}
    if is_market and life is not TimeInForce.FILL_OR_KILL:
        is_plain = kind == words.OrderType.MARKET and life is None
        return None if is_plain else TimeInForce.IMMEDIATE_OR_CANCEL
    return life


def _end(request: NewOrderReq) -> int:
    if request.expiration_timestamp is None or not 0 < request.expiration_timestamp < 2**43:
        raise Refused("TRADING_BAD_EXPIRATION_DATE", "expirationTimestamp is missing or out of range")
    return request.expiration_timestamp * NANOS_PER_MILLI


def without_id(command: NewOrder) -> NewOrder:
    """The same order without an id of the client's."""
    return replace(command, cl_ord_id="")
