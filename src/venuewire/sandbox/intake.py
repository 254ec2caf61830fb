"""Is an order, or a change to one, well formed? What stands between a command and the book, money apart. Pure."""

from __future__ import annotations

from venuewire.model.orders import NewOrder, ReplaceOrder
from venuewire.model.terms import NANOS_PER_SECOND, Nanos, OrdRejReason, OrdType, Side, TimeInForce, decimal
from venuewire.sandbox.accounts import Refused
from venuewire.sandbox.engine import ALL_OR_NOTHING, DROP, HELD, REST, Order
from venuewire.sandbox.pit import Pit
from venuewire.sandbox.port import AccountPort
from venuewire.sandbox.ticket import Ticket

_DAY = 24 * 3600 * NANOS_PER_SECOND

_LIFE = {TimeInForce.IMMEDIATE_OR_CANCEL: DROP, TimeInForce.FILL_OR_KILL: ALL_OR_NOTHING}
_STOPS = frozenset({OrdType.STOP, OrdType.STOP_LIMIT})
_LIMITS = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT})


def taken_in(pit: Pit, port: AccountPort, command: NewOrder, order_id: int, now: Nanos) -> Ticket:
    """A new order as the exchange will keep it; raises `Refused` for what is not well formed."""
    life, time_in_force = _lifetime(command)
    expire = _end_of(command, time_in_force, now)
    listing = pit.listing
    is_limit, is_stop = command.ord_type in _LIMITS, command.ord_type in _STOPS
    price = listing.price(command.price) if is_limit else None
    stop_px = listing.price(command.stop_px, "stop price") if is_stop else None
    qty, budget = _sizes(pit, command, price, life)
    if command.cl_ord_id and command.cl_ord_id in port.working_ids:
        raise Refused(OrdRejReason.DUPLICATE_ORDER, f"an order {command.cl_ord_id} is working already")
    order = Order(
        order_id,
        port.account,
        qty,
        price,
        is_buy=command.side is Side.BUY,
        life=life,
        stop_px=stop_px,
        budget=budget,
        expire=expire,
        post_only=command.post_only,
    )
    return Ticket(
        port,
        listing,
        order,
        side=command.side,
        ord_type=command.ord_type,
        time_in_force=time_in_force,
        cl_ord_id=command.cl_ord_id,
        cash_order_qty=None if command.cash_order_qty is None else decimal(command.cash_order_qty),
        expire_time=command.expire_time if time_in_force is TimeInForce.GOOD_TILL_DATE else None,
        post_only=command.post_only,
    )


def amended(ticket: Ticket, command: ReplaceOrder) -> tuple[int, int | None, int | None]:
    """(total quantity, limit, trigger) after a replacement; raises `Refused`."""
    listing, order = ticket.listing, ticket.order
    if command.time_in_force in _LIFE:
        raise Refused(OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC, "a working order cannot become immediate")
    new_id = command.cl_ord_id
    if new_id and ticket.port.working_ids.get(new_id, ticket) is not ticket:
        raise Refused(OrdRejReason.DUPLICATE_ORDER, f"an order {new_id} is working already")
    assert ticket.qty is not None, "an order that works has a quantity"
    qty = ticket.qty if command.order_qty is None else listing.qty(command.order_qty)
    price, stop_px = order.price, order.stop_px
    if command.price is not None:
        if price is None:
            raise Refused(OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC, "this order has no limit price")
        price = listing.price(command.price)
    if command.stop_px is not None:
        if order.state != HELD:
            raise Refused(OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC, "this order waits for no stop price")
        stop_px = listing.price(command.stop_px, "stop price")
    return qty, price, stop_px


def _lifetime(command: NewOrder) -> tuple[int, TimeInForce]:
    """What becomes of the unfilled rest, and the time in force the order is told with; raises `Refused`."""
    time_in_force = command.time_in_force
    # A stop without a limit is a market order later: nothing of it can rest.
    is_market = command.ord_type not in _LIMITS
    life = _LIFE.get(time_in_force, DROP if is_market else REST) if time_in_force else (DROP if is_market else REST)
    if command.post_only and (life != REST or command.ord_type is not OrdType.LIMIT):
        raise Refused(OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC, "only a resting limit order can be post-only")
    if time_in_force is None:
        immediate = command.ord_type is OrdType.MARKET
        time_in_force = TimeInForce.IMMEDIATE_OR_CANCEL if immediate else TimeInForce.GOOD_TILL_CANCEL
    return life, time_in_force


def _end_of(command: NewOrder, time_in_force: TimeInForce, now: Nanos) -> Nanos | None:
    if time_in_force is TimeInForce.DAY:
        return end_of_day(now)
    if time_in_force is not TimeInForce.GOOD_TILL_DATE:
        return None
    if command.expire_time is None or command.expire_time <= now:
        raise Refused(OrdRejReason.INVALID_EXPIRE_TIME, "the end of the order is missing or past")
    return command.expire_time


def end_of_day(now: Nanos) -> Nanos:
    return (now // _DAY + 1) * _DAY


def _sizes(pit: Pit, command: NewOrder, price: int | None, life: int) -> tuple[int, int | None]:
    """(quantity, money): money only for what trades at once; a resting order sized in money has a quantity."""
    listing = pit.listing
    if command.cash_order_qty is None:
        return listing.qty(command.order_qty), None
    if command.order_qty is not None:
        raise Refused(OrdRejReason.INCORRECT_QUANTITY, "quantity and cash quantity are both given")
    if command.ord_type in _STOPS:
        raise Refused(OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC, "a stop order cannot be sized in money")
    budget = listing.cash(command.cash_order_qty)
    if life == REST:
        assert price is not None, "an order that rests has a limit"
        return listing.sized(budget // price // listing.step * listing.step), None
    best = pit.engine.best(is_buy=command.side is not Side.BUY)
    if best is not None:
        listing.sized(budget // best[0] // listing.step * listing.step)
    return 0, budget
