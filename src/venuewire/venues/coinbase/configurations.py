"""Orders as the venue configures them, and our commands, both ways; pure.

Pages: REST reference, "Create Order", "Edit Order", "Cancel Orders". Two of the venue's forms have fields of ours to
themselves:

- a *bracket* (`trigger_bracket_gtc`, `_gtd`) closes at a profit or at a loss, whichever comes first: a LIMIT order
  with `position_effect` CLOSE, whose `price` takes the profit and whose `stop_loss_px` begins the stop leg;
- an *attached* bracket begins when the order it is attached to is filled, with what was filled: a MARKET or LIMIT order
  with both `take_profit_px` and `stop_loss_px`.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import UNSET

from venuewire.errors import LocalProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.orders import CancelOrder, NewOrder, ReplaceOrder
from venuewire.model.terms import Nanos, OrdType, PositionEffect, Side, TimeInForce, TriggerPriceDirection
from venuewire.venues.coinbase import reasons, strategies
from venuewire.venues.coinbase.fields import Refused, check_sizes, end_of, number_of, price_of, text_of
from venuewire.venues.coinbase.texts import micros
from venuewire.venues.coinbase.translate import side_of
from venuewire.venues.coinbase.wire import rest

CASH_TYPES = frozenset({OrdType.MARKET, OrdType.LIMIT})
"""Kinds of order that may be sized in money."""

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
BRACKET = "trigger_bracket_gtc"
_BRACKET_KEYS: dict[TimeInForce, str] = {
    TimeInForce.GOOD_TILL_CANCEL: BRACKET,
    TimeInForce.GOOD_TILL_DATE: "trigger_bracket_gtd",
}
_MARKET_KEY = "market_market_ioc"
_DIRECTIONS: dict[TriggerPriceDirection, str] = {
    TriggerPriceDirection.UP: "STOP_DIRECTION_STOP_UP",
    TriggerPriceDirection.DOWN: "STOP_DIRECTION_STOP_DOWN",
}
_RESTING = frozenset({TimeInForce.GOOD_TILL_CANCEL, TimeInForce.GOOD_TILL_DATE})


def usual_direction(side: Side) -> TriggerPriceDirection:
    """Which way a stop of this side goes where nothing is said: that of a stop-loss."""
    return TriggerPriceDirection.UP if side is Side.BUY else TriggerPriceDirection.DOWN


def direction_of(order: NewOrder) -> TriggerPriceDirection:
    """Which way the market must come to a stop order's trigger."""
    return order.trigger_price_direction or usual_direction(order.side)


def is_bracket(order: NewOrder) -> bool:
    """Does it close at a profit or at a loss?"""
    return order.position_effect is PositionEffect.CLOSE


# --------------------------------------------------------------------------- commands -> requests


def create_order(order: NewOrder, product_id: str) -> rest.CreateOrder:
    """The request for a new order. Raises `LocalProtocolError` for what the venue has no form for."""
    if order.target_strategy:
        strategies.check(order)
    else:
        _check(order)
    key = configuration_key(order)
    return rest.CreateOrder(
        client_order_id=order.cl_ord_id,
        product_id=product_id,
        side=order.side.value,
        order_configuration={key: configuration(order)},
        attached_order_configuration=attached_configuration(order) or UNSET,
    )


def preview_order(order: NewOrder, product_id: str) -> rest.PreviewOrder:
    """The request for an estimate: the same without an id of ours."""
    created = create_order(order, product_id)
    return rest.PreviewOrder(
        product_id=product_id,
        side=created.side,
        order_configuration=created.order_configuration,
        attached_order_configuration=created.attached_order_configuration,
    )


def configuration_key(order: NewOrder) -> str:
    """Which of the venue's order configurations this is; raises `LocalProtocolError` when there is none."""
    if order.target_strategy:
        return strategies.configuration_key(order)
    tif = order.time_in_force
    if order.ord_type is OrdType.MARKET and tif in {None, TimeInForce.IMMEDIATE_OR_CANCEL}:
        return _MARKET_KEY
    limit_keys = _BRACKET_KEYS if is_bracket(order) else _LIMIT_KEYS
    keys = {OrdType.LIMIT: limit_keys, OrdType.STOP_LIMIT: _STOP_KEYS}.get(order.ord_type, {})
    key = keys.get(tif or TimeInForce.GOOD_TILL_CANCEL)
    if key is None:
        raise LocalProtocolError(f"this venue has no {order.ord_type} order {f'that is {tif}' if tif else ''}".strip())
    return key


def _check(order: NewOrder) -> None:
    _check_size(order)
    if (order.price is None) != (order.ord_type is OrdType.MARKET):
        raise LocalProtocolError(f"a {order.ord_type} order {'needs a' if order.price is None else 'has no'} price")
    if (order.stop_px is None) == (order.ord_type is OrdType.STOP_LIMIT):
        raise LocalProtocolError(f"a {order.ord_type} order {'needs a' if order.stop_px is None else 'has no'} stop_px")
    if (order.expire_time is None) == (order.time_in_force is TimeInForce.GOOD_TILL_DATE):
        raise LocalProtocolError("expire_time belongs to GOOD_TILL_DATE, and to nothing else")
    if order.cancel_on_disconnect:
        raise LocalProtocolError("this venue does not cancel on disconnect")
    if order.post_only and (
        order.ord_type is not OrdType.LIMIT
        or is_bracket(order)
        or (order.time_in_force or TimeInForce.GOOD_TILL_CANCEL) not in _RESTING
    ):
        raise LocalProtocolError("post_only is for limit orders that may rest")
    if order.trigger_price_direction is not None and order.ord_type is not OrdType.STOP_LIMIT:
        raise LocalProtocolError("trigger_price_direction is for stop-limit orders")
    _check_protection(order)


def _check_size(order: NewOrder) -> None:
    if (order.order_qty is None) == (order.cash_order_qty is None):
        raise LocalProtocolError("give order_qty or cash_order_qty, and not both")
    if order.cash_order_qty is not None and (order.ord_type not in CASH_TYPES or is_bracket(order)):
        raise LocalProtocolError("only market and limit orders may be sized in money here, and no brackets")


def _check_protection(order: NewOrder) -> None:
    """Take profit and stop loss, on the right sides of one another."""
    if order.max_floor is not None or order.stop_loss_offset is not None or order.take_profit_offset is not None:
        raise LocalProtocolError("this venue has no max_floor and no offsets: give stop_loss_px and take_profit_px")
    if order.trailing_stop_loss or order.position_id or order.position_effect is PositionEffect.OPEN:
        raise LocalProtocolError("this venue has no trailing stops and no positions by id")
    if is_bracket(order):
        if order.stop_loss_px is None or order.take_profit_px is not None:
            raise LocalProtocolError("a bracket is a LIMIT order whose price takes the profit, with a stop_loss_px")
        _check_sides(order.side, Decimal(order.price or 0), Decimal(order.stop_loss_px))
        return
    if (order.stop_loss_px is None) != (order.take_profit_px is None):
        raise LocalProtocolError("an attached bracket needs both take_profit_px and stop_loss_px")
    if order.stop_loss_px is not None and order.take_profit_px is not None:
        if order.ord_type is OrdType.STOP_LIMIT:
            raise LocalProtocolError("stop-limit orders take no attached bracket")
        _check_sides(order.side.opposite, Decimal(order.take_profit_px), Decimal(order.stop_loss_px))


def _check_sides(closing: Side, profit: Decimal, loss: Decimal) -> None:
    if not _in_order(closing, profit, loss):
        where = "above" if closing is Side.SELL else "below"
        raise LocalProtocolError(f"what is closed by a {closing} takes its profit {where} its stop: {profit}, {loss}")


def _in_order(closing: Side, profit: Decimal, loss: Decimal) -> bool:
    return profit > loss if closing is Side.SELL else profit < loss


def configuration(order: NewOrder) -> rest.Configuration:
    """The fields under the key."""
    if order.target_strategy:
        return strategies.configuration(order)
    bracket, stop = is_bracket(order), order.ord_type is OrdType.STOP_LIMIT
    resting_limit = order.ord_type is OrdType.LIMIT and not bracket and order.time_in_force in {None, *_RESTING}
    return rest.Configuration(
        quote_size=text_of(order.cash_order_qty),
        base_size=text_of(order.order_qty),
        limit_price=text_of(order.price),
        stop_price=text_of(order.stop_px),
        stop_direction=_DIRECTIONS[direction_of(order)] if stop else UNSET,
        end_time=micros(order.expire_time) if order.expire_time else UNSET,
        post_only=order.post_only if resting_limit else UNSET,
        stop_trigger_price=text_of(order.stop_loss_px) if bracket else UNSET,
    )


def attached_configuration(order: NewOrder) -> rest.Configurations | None:
    """The bracket that begins when this order is filled, if it has one; its size is what was filled."""
    if order.take_profit_px is None or order.stop_loss_px is None:
        return None
    prices = rest.Configuration(
        limit_price=text_of(order.take_profit_px), stop_trigger_price=text_of(order.stop_loss_px)
    )
    return {BRACKET: prices}


def edit_order(order: ReplaceOrder) -> rest.EditOrder:
    """The request for a replacement: the venue wants the order's id, and both price and total size."""
    if not order.order_id:
        raise LocalProtocolError("this venue edits orders by its own order_id")
    if order.price is None or order.order_qty is None:
        raise LocalProtocolError("this venue's edit needs both price and order_qty")
    return rest.EditOrder(
        order_id=order.order_id,
        price=text_of(order.price),
        size=text_of(order.order_qty),
        stop_price=text_of(order.stop_px),
    )


def cancel_orders(order: CancelOrder) -> rest.CancelOrders:
    """The request for a cancel."""
    if not order.order_id:
        raise LocalProtocolError("this venue cancels by its own order_id; list the orders to learn it")
    return rest.CancelOrders(order_ids=[order.order_id])


# --------------------------------------------------------------------------- requests -> commands

_KEYS: dict[str, tuple[OrdType, TimeInForce]] = {
    _MARKET_KEY: (OrdType.MARKET, TimeInForce.IMMEDIATE_OR_CANCEL),
    **{key: (OrdType.LIMIT, tif) for tif, key in (*_LIMIT_KEYS.items(), *_BRACKET_KEYS.items())},
    **{key: (OrdType.STOP_LIMIT, tif) for tif, key in _STOP_KEYS.items()},
}


def new_order(request: rest.AnyCreateOrder, instrument: Instrument, account: str, now: Nanos) -> NewOrder:
    """The command a client's request makes; raises `Refused` for what its form alone shows to be wrong."""
    side = side_of(request.side)
    if side is None:
        raise Refused(reasons.INVALID_SIDE)
    if not request.client_order_id:
        raise Refused(reasons.INVALID_REQUEST, "client_order_id is required")
    configurations = request.order_configuration or {}
    key = next(iter(configurations), "")
    if len(configurations) == 1 and key in strategies.NAMES:
        if request.attached_order_configuration:
            raise Refused(reasons.NOT_ATTACHABLE)
        plain = NewOrder(
            symbol=instrument.symbol,
            side=side,
            ord_type=OrdType.LIMIT,
            cl_ord_id=request.client_order_id,
            account=account,
        )
        return strategies.new_order(key, configurations[key], plain, instrument, now)
    if len(configurations) != 1 or key not in _KEYS:
        raise Refused(reasons.UNSUPPORTED)
    ord_type, tif = _KEYS[key]
    fields, bracket = configurations[key], key in _BRACKET_KEYS.values()
    size, cash = _sizes(fields, ord_type, bracket=bracket)
    profit, loss = _attached(request.attached_order_configuration or {}, ord_type, bracket=bracket)
    order = NewOrder(
        symbol=instrument.symbol,
        side=side,
        ord_type=ord_type,
        time_in_force=tif,
        order_qty=size,
        cash_order_qty=cash,
        price=price_of(fields.limit_price, reasons.INVALID_PRICE) if ord_type is not OrdType.MARKET else None,
        stop_px=price_of(fields.stop_price, reasons.INVALID_STOP) if ord_type is OrdType.STOP_LIMIT else None,
        trigger_price_direction=_direction(fields, side) if ord_type is OrdType.STOP_LIMIT else None,
        stop_loss_px=price_of(fields.stop_trigger_price, reasons.INVALID_BRACKET_STOP) if bracket else loss,
        take_profit_px=profit,
        position_effect=PositionEffect.CLOSE if bracket else None,
        expire_time=end_of(fields.end_time, now) if tif is TimeInForce.GOOD_TILL_DATE else None,
        post_only=_post_only(fields, ord_type, tif),
        cl_ord_id=request.client_order_id,
        account=account,
    )
    check_sizes(order, instrument)
    _check_brackets(order)
    return order


def _sizes(fields: rest.Configuration, ord_type: OrdType, *, bracket: bool) -> tuple[Decimal | None, Decimal | None]:
    size, cash = number_of(fields.base_size), number_of(fields.quote_size)
    if (size is None) == (cash is None):
        raise Refused(reasons.INVALID_REQUEST, "exactly one of base_size and quote_size is required")
    if cash is not None and bracket:
        raise Refused(reasons.QUOTE_SIZE_BRACKET)
    if cash is not None and ord_type not in CASH_TYPES:
        raise Refused(reasons.UNSUPPORTED, "quote_size is for market and limit orders")
    return size, cash


def _attached(
    configurations: rest.Configurations, ord_type: OrdType, *, bracket: bool
) -> tuple[Decimal | None, Decimal | None]:
    """(take profit, stop loss) of an attached bracket."""
    if not configurations:
        return None, None
    if bracket or ord_type is OrdType.STOP_LIMIT:
        raise Refused(reasons.NOT_ATTACHABLE)
    if configurations.keys() != {BRACKET}:
        raise Refused(reasons.ATTACHED_TYPE)
    fields = configurations[BRACKET]
    if number_of(fields.base_size) is not None or number_of(fields.quote_size) is not None:
        raise Refused(reasons.ATTACHED_SIZE)
    return (
        price_of(fields.limit_price, reasons.ATTACHED_PRICES),
        price_of(fields.stop_trigger_price, reasons.ATTACHED_PRICES),
    )


def _check_brackets(order: NewOrder) -> None:
    loss, profit = order.stop_loss_px, order.take_profit_px
    if loss is not None and is_bracket(order):
        if not _in_order(order.side, Decimal(order.price or 0), Decimal(loss)):
            raise Refused(reasons.BRACKET_PRICES)
    elif loss is not None and profit is not None:
        if not _in_order(order.side.opposite, Decimal(profit), Decimal(loss)):
            raise Refused(reasons.ATTACHED_PROFIT)
        if order.price is not None and not _in_order(order.side.opposite, Decimal(profit), Decimal(order.price)):
            raise Refused(reasons.ATTACHED_PROFIT)
        if order.price is not None and not _in_order(order.side.opposite, Decimal(order.price), Decimal(loss)):
            raise Refused(reasons.ATTACHED_LOSS)


def _direction(fields: rest.Configuration, side: Side) -> TriggerPriceDirection | None:
    """None for the usual one. The venue wants it told."""
    direction = next((way for way, word in _DIRECTIONS.items() if word == fields.stop_direction), None)
    if direction is None:
        raise Refused(reasons.INVALID_REQUEST, "stop_direction is required")
    return None if direction is usual_direction(side) else direction


def _post_only(fields: rest.Configuration, ord_type: OrdType, tif: TimeInForce) -> bool:
    if fields.post_only is not True:
        return False
    if ord_type is not OrdType.LIMIT or tif not in _RESTING:
        raise Refused(reasons.POST_ONLY_FOK)
    return True


# --------------------------------------------------------------------------- where the market must be


def check_stop(order: NewOrder, last: Decimal | None) -> None:
    """Is the market where a stop's or a bracket's trigger is still ahead of it? Raises `Refused`."""
    if order.ord_type is OrdType.STOP_LIMIT and order.stop_px is not None and order.price is not None:
        stop, limit = Decimal(order.stop_px), Decimal(order.price)
        direction = direction_of(order)
        if direction is usual_direction(order.side):
            if order.side is Side.BUY and stop > limit:
                raise Refused(reasons.STOP_ABOVE_LIMIT)
            if order.side is Side.SELL and stop < limit:
                raise Refused(reasons.STOP_BELOW_LIMIT)
        if last is not None and direction is TriggerPriceDirection.UP and stop <= last:
            raise Refused(reasons.STOP_BELOW_LAST)
        if last is not None and direction is TriggerPriceDirection.DOWN and stop >= last:
            raise Refused(reasons.STOP_ABOVE_LAST)
    if is_bracket(order) and order.stop_loss_px is not None and last is not None:
        if not _in_order(order.side, last, Decimal(order.stop_loss_px)):
            raise Refused(reasons.INVALID_BRACKET_STOP)
        if not _in_order(order.side, Decimal(order.price or 0), last):
            raise Refused(reasons.INVALID_BRACKET_LIMIT)
