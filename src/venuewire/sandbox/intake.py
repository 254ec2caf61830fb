"""Is an order, or a change to one, well formed? What stands between a command and the book, money apart. Pure."""

from __future__ import annotations

from typing import Final

from venuewire.model.orders import NewOrder, ReplaceOrder
from venuewire.model.terms import NANOS_PER_SECOND, Nanos, OrdRejReason, OrdType, Side, TimeInForce, decimal
from venuewire.sandbox.engine import ALL_OR_NOTHING, DROP, HELD, REST
from venuewire.sandbox.listing import Refused
from venuewire.sandbox.notes import Terms
from venuewire.sandbox.pit import Pit
from venuewire.sandbox.port import AccountPort
from venuewire.sandbox.ticket import Ticket

_DAY: Final = 24 * 3600 * NANOS_PER_SECOND

# Looking a member up in its enumeration costs more than the comparison it is looked up for.
_MARKET: Final = OrdType.MARKET
_LIMIT: Final = OrdType.LIMIT
_STOP: Final = OrdType.STOP
_STOP_LIMIT: Final = OrdType.STOP_LIMIT
_DAY_ORDER: Final = TimeInForce.DAY
_GTC: Final = TimeInForce.GOOD_TILL_CANCEL
_IOC: Final = TimeInForce.IMMEDIATE_OR_CANCEL
_FOK: Final = TimeInForce.FILL_OR_KILL
_GTD: Final = TimeInForce.GOOD_TILL_DATE
_BUY: Final = Side.BUY


def taken_in(pit: Pit, port: AccountPort, command: NewOrder, order_id: int, now: Nanos) -> Ticket:
    """A new order as the exchange will keep it; raises `Refused` for what is not well formed."""
    ord_type, cl_ord_id = command.ord_type, command.cl_ord_id
    life, time_in_force = _lifetime(command)
    expire = None if time_in_force is _GTC else _end_of(command, time_in_force, now)
    listing = pit.listing
    price = listing.price(command.price) if ord_type is _LIMIT or ord_type is _STOP_LIMIT else None
    stop_px = listing.price(command.stop_px, "stop price") if ord_type is _STOP or ord_type is _STOP_LIMIT else None
    qty, budget = _sizes(pit, command, price, life)
    if cl_ord_id and port.working_as(cl_ord_id) is not None:
        raise Refused(OrdRejReason.DUPLICATE_ORDER, f"an order {cl_ord_id} is working already")
    terms = Terms(
        port.account,
        listing,
        str(order_id),
        cl_ord_id,
        command.side,
        ord_type,
        time_in_force,
        qty,
        price,
        stop_px,
        command.expire_time if time_in_force is _GTD else None,
        command.post_only,
        None if command.cash_order_qty is None else decimal(command.cash_order_qty),
    )
    return Ticket(port, order_id, terms, life, budget, expire)


def amended(ticket: Ticket, command: ReplaceOrder) -> tuple[int, int | None, int | None]:
    """(total quantity, limit, trigger) after a replacement; raises `Refused`."""
    listing, terms = ticket.listing, ticket.terms
    if command.time_in_force is _IOC or command.time_in_force is _FOK:
        raise Refused(OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC, "a working order cannot become immediate")
    new_id = command.cl_ord_id
    if new_id and ticket.port.working_as(new_id) not in (None, ticket):
        raise Refused(OrdRejReason.DUPLICATE_ORDER, f"an order {new_id} is working already")
    assert terms.qty is not None, "an order that works has a quantity"
    qty = terms.qty if command.order_qty is None else listing.qty(command.order_qty)
    price, stop_px = ticket.price, ticket.stop_px
    if command.price is not None:
        if price is None:
            raise Refused(OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC, "this order has no limit price")
        price = listing.price(command.price)
    if command.stop_px is not None:
        if ticket.state != HELD:
            raise Refused(OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC, "this order waits for no stop price")
        stop_px = listing.price(command.stop_px, "stop price")
    return qty, price, stop_px


def _lifetime(command: NewOrder) -> tuple[int, TimeInForce]:
    """What becomes of the unfilled rest, and the time in force the order is told with; raises `Refused`."""
    time_in_force, ord_type = command.time_in_force, command.ord_type
    if time_in_force is _IOC:
        life = DROP
    elif time_in_force is _FOK:
        life = ALL_OR_NOTHING
    else:
        # A stop without a limit is a market order later: nothing of it can rest.
        life = REST if ord_type is _LIMIT or ord_type is _STOP_LIMIT else DROP
    if command.post_only and (life != REST or ord_type is not _LIMIT):
        raise Refused(OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC, "only a resting limit order can be post-only")
    if time_in_force is None:
        time_in_force = _IOC if ord_type is _MARKET else _GTC
    return life, time_in_force


def _end_of(command: NewOrder, time_in_force: TimeInForce, now: Nanos) -> Nanos | None:
    if time_in_force is _DAY_ORDER:
        return end_of_day(now)
    if time_in_force is not _GTD:
        return None
    if command.expire_time is None or command.expire_time <= now:
        raise Refused(OrdRejReason.INVALID_EXPIRE_TIME, "the end of the order is missing or past")
    return command.expire_time


def end_of_day(now: Nanos) -> Nanos:
    return (now // _DAY + 1) * _DAY


def _sizes(pit: Pit, command: NewOrder, price: int | None, life: int) -> tuple[int | None, int | None]:
    """(quantity, money): one of the two. Money only for what trades at once: an order that rests has a quantity."""
    listing = pit.listing
    if command.cash_order_qty is None:
        return listing.qty(command.order_qty), None
    if command.order_qty is not None:
        raise Refused(OrdRejReason.INCORRECT_QUANTITY, "quantity and cash quantity are both given")
    if command.ord_type is _STOP or command.ord_type is _STOP_LIMIT:
        raise Refused(OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC, "a stop order cannot be sized in money")
    budget = listing.cash(command.cash_order_qty)
    if life == REST:
        assert price is not None, "an order that rests has a limit"
        return listing.sized(budget // price // listing.step * listing.step), None
    best = pit.engine.best(is_buy=command.side is not _BUY)
    if best is not None:
        listing.sized(budget // best[0] // listing.step * listing.step)
    return None, budget
