"""Commands on orders as the parameters of requests, and their replies and refusals as reports. Pure, exact."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from venuewire.errors import LocalProtocolError, RemoteProtocolError
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import Event
from venuewire.model.terms import ExecType, LiquidityInd, Nanos, OrdStatus, OrdType
from venuewire.venues.finery import codes, translate, wire
from venuewire.venues.finery.translate import EXACT

_ZERO = Decimal(0)

# --------------------------------------------------------------------------- commands to requests


def _amount(value: Decimal | str | int | None, what: str) -> int | UnsetType:
    if value is None:
        return UNSET
    result = translate.to_wire(Decimal(value))
    if result is None or result <= 0:
        raise LocalProtocolError(f"{what} must be positive, with at most {wire.SCALE} decimals: {value}")
    return result


def numeric_id(cl_ord_id: str) -> int | UnsetType:
    """An id of ours as the venue's int64. Raises `LocalProtocolError` where it is none."""
    if not cl_ord_id:
        return UNSET
    number = int(cl_ord_id) if cl_ord_id.isascii() and cl_ord_id.isdigit() and len(cl_ord_id) <= 19 else 0
    # The venue gives the number back, so an id with leading zeros would come back as another one.
    if not 1 <= number <= wire.INT64_MAX or str(number) != cl_ord_id:
        raise LocalProtocolError(f"cl_ord_id must be a number from 1 to 2^63-1 here: {cl_ord_id!r}")
    return number


def _order_id(order_id: str) -> int:
    if not (order_id.isascii() and order_id.isdigit()) or len(order_id) > 20:
        raise LocalProtocolError(f"order_id is not one of this venue's: {order_id!r}")
    return int(order_id)


def _type_name(order: NewOrder) -> str:
    number = translate.order_type(order.ord_type, order.time_in_force, post_only=order.post_only)
    if number is None or order.stop_px is not None or order.expire_time is not None:
        asked = f"{order.ord_type}, {order.time_in_force}{', post only' if order.post_only else ''}"
        raise LocalProtocolError(
            f"no such order here: {asked}; there are LIMIT (GTC, post only, IOC, FOK) and MARKET (IOC, FOK)"
        )
    return wire.NAMES_OF_TYPES[number]


def add_of(order: NewOrder) -> wire.Add:
    """Parameters of `add`. Raises `LocalProtocolError` for what the venue has no words for."""
    kind = _type_name(order)
    if (order.order_qty is None) == (order.cash_order_qty is None):
        raise LocalProtocolError("give order_qty or cash_order_qty, and only one of them")
    if order.cash_order_qty is not None and kind in {"limit", "postOnly"}:
        raise LocalProtocolError("an order that may rest in the book cannot be sized in money")
    if (order.price is None) == (order.ord_type is OrdType.LIMIT):
        raise LocalProtocolError("a LIMIT order needs a price, a MARKET order takes none")
    return wire.Add(
        instrument=order.symbol,
        clientOrderId=numeric_id(order.cl_ord_id),
        price=_amount(order.price, "price"),
        size=_amount(order.order_qty, "order_qty"),
        volume=_amount(order.cash_order_qty, "cash_order_qty"),
        side=wire.NAMES_OF_SIDES[translate.side_number(order.side)],
        type=kind,
        # Always said: no page gives its default.
        cod=order.cancel_on_disconnect,
    )


def mod_of(order: ReplaceOrder) -> wire.Mod:
    """Parameters of `mod`. Raises `LocalProtocolError` where price, quantity or the venue's id is missing."""
    price, size = _amount(order.price, "price"), _amount(order.order_qty, "order_qty")
    if price is UNSET or size is UNSET:
        raise LocalProtocolError("a replacement needs both price and order_qty (the total, filled part included)")
    if order.ord_type is not OrdType.LIMIT or order.stop_px is not None:
        raise LocalProtocolError("only LIMIT orders can be replaced")
    return wire.Mod(
        orderId=_order_id(order.order_id), clientOrderId=numeric_id(order.cl_ord_id), price=price, size=size
    )


def del_of(order: CancelOrder) -> wire.Del:
    """Parameters of `del`: exactly one id, the venue's where it is known."""
    if order.order_id:
        return wire.Del(orderId=_order_id(order.order_id))
    if not order.orig_cl_ord_id:
        raise LocalProtocolError("a cancel needs order_id or orig_cl_ord_id")
    return wire.Del(clientOrderId=numeric_id(order.orig_cl_ord_id))


# --------------------------------------------------------------------------- replies to events


def refused_order(order: NewOrder, code: int, now: Nanos, text: str = "") -> ExecutionReport:
    """The venue's refusal of a new order."""
    return ExecutionReport(
        symbol=order.symbol,
        exec_type=ExecType.REJECTED,
        cl_ord_id=order.cl_ord_id,
        side=order.side,
        ord_status=OrdStatus.REJECTED,
        ord_type=order.ord_type,
        time_in_force=order.time_in_force,
        order_qty=_decimal(order.order_qty),
        cash_order_qty=_decimal(order.cash_order_qty),
        price=_decimal(order.price),
        ord_rej_reason=codes.reason(code),
        code=str(code),
        text=text or codes.name(code),
        recv_time=now,
        ref=order.ref,
    )


def refused_change(order: CancelOrder | ReplaceOrder, code: int, now: Nanos, text: str = "") -> CancelReject:
    """The venue's refusal of a cancel or a replacement: the order stands as it stood."""
    return CancelReject(
        order_id=order.order_id,
        orig_cl_ord_id=order.orig_cl_ord_id,
        cl_ord_id=order.cl_ord_id,
        reason=codes.reason(code),
        code=str(code),
        text=text or codes.name(code),
        symbol=order.symbol,
        is_replace=isinstance(order, ReplaceOrder),
        recv_time=now,
        ref=order.ref,
    )


def _decimal(value: Decimal | str | int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def added_reports(order: NewOrder, reply: wire.Added, now: Nanos) -> list[Event]:
    """What the reply of `add` says: accepted, each immediate deal, and the end of a rest that may not stay."""
    first = ExecutionReport(
        symbol=order.symbol,
        exec_type=ExecType.NEW,
        order_id=str(reply.id),
        cl_ord_id=order.cl_ord_id,
        side=order.side,
        ord_status=OrdStatus.NEW,
        ord_type=order.ord_type,
        time_in_force=order.time_in_force or translate.ORDINARY.get(order.ord_type),
        order_qty=_decimal(order.order_qty),
        cash_order_qty=_decimal(order.cash_order_qty),
        price=_decimal(order.price),
        post_only=order.post_only,
        cum_qty=_ZERO,
        leaves_qty=_decimal(order.order_qty),
        recv_time=now,
        ref=order.ref,
    )
    left = reply.remainingSize if order.cash_order_qty is None else reply.remainingVolume
    return [first, *_deals_after(first, reply.deals, left, reply.cancelReason)]


def _deals_after(
    accepted: ExecutionReport,
    deals: Sequence[wire.AddedDeal],
    left: int | UnsetType,
    cancel_reason: int | UnsetType,
) -> list[Event]:
    reports: list[Event] = []
    cum = _ZERO
    for n, deal in enumerate(deals, 1):
        cum = EXACT.add(cum, translate.from_wire(deal.size))
        last = n == len(deals) and left == 0
        total = accepted.order_qty
        reports.append(
            replace(
                accepted,
                exec_type=ExecType.TRADE,
                ord_status=OrdStatus.FILLED if last else OrdStatus.PARTIALLY_FILLED,
                exec_id=str(deal.id),
                last_qty=translate.from_wire(deal.size),
                last_px=translate.from_wire(deal.price),
                cum_qty=cum,
                leaves_qty=EXACT.subtract(total, cum) if total is not None else (_ZERO if last else None),
                last_liquidity_ind=LiquidityInd.TAKER,
            )
        )
    if cancel_reason is not UNSET and cancel_reason != wire.IN_PLACE:
        reports.append(
            replace(
                accepted,
                exec_type=ExecType.CANCELED,
                ord_status=OrdStatus.CANCELED,
                cum_qty=cum,
                leaves_qty=_ZERO,
                text=translate.REMOVALS.get(cancel_reason, f"cancel reason {cancel_reason}"),
            )
        )
    return reports


def deleted_report(order: CancelOrder, reply: wire.Deleted, now: Nanos) -> ExecutionReport:
    """What the reply of `del` says. How much was filled before is not in it: feed O and the blotter know."""
    return ExecutionReport(
        symbol=order.symbol,
        exec_type=ExecType.CANCELED,
        order_id=str(reply.id),
        cl_ord_id=order.orig_cl_ord_id,
        side=order.side,
        ord_status=OrdStatus.CANCELED,
        ord_type=order.ord_type,
        leaves_qty=_ZERO,
        text=translate.REMOVALS[wire.BY_CLIENT],
        recv_time=now,
        ref=order.ref,
    )


def modified_reports(order: ReplaceOrder, reply: wire.Modified, now: Nanos) -> list[Event]:
    """What the reply of `mod` says. Raises `RemoteProtocolError` where it says neither success nor what was lost."""
    if reply.error is not UNSET:
        return _replaced_by_nothing(order, reply, reply.error, now)
    if reply.id is UNSET or reply.initialSize is UNSET:
        raise RemoteProtocolError("a reply of mod has neither a new order nor an error")
    first = ExecutionReport(
        symbol=order.symbol,
        exec_type=ExecType.REPLACED,
        order_id=str(reply.id),
        cl_ord_id=order.cl_ord_id,
        orig_cl_ord_id=order.orig_cl_ord_id,
        orig_order_id=order.order_id,
        side=order.side,
        ord_status=OrdStatus.NEW,
        ord_type=order.ord_type,
        order_qty=translate.from_wire(reply.initialSize),
        price=_decimal(order.price),
        cum_qty=_ZERO,
        leaves_qty=translate.from_wire(reply.initialSize),
        recv_time=now,
        ref=order.ref,
    )
    deals = [] if reply.deals is UNSET else reply.deals
    return [first, *_deals_after(first, deals, reply.remainingSize, reply.cancelReason)]


def _replaced_by_nothing(order: ReplaceOrder, reply: wire.Modified, code: int, now: Nanos) -> list[Event]:
    """The old order was removed and the new one refused (page mod): both ends are told."""
    gone = ExecutionReport(
        symbol=order.symbol,
        exec_type=ExecType.CANCELED,
        order_id=order.order_id,
        cl_ord_id=order.orig_cl_ord_id,
        side=order.side,
        ord_status=OrdStatus.CANCELED,
        ord_type=order.ord_type,
        leaves_qty=_ZERO,
        code=str(code),
        text=f"removed to be replaced, and the replacement was refused: {codes.name(code)}",
        recv_time=now,
        ref=order.ref,
    )
    refused = ExecutionReport(
        symbol=order.symbol,
        exec_type=ExecType.REJECTED,
        cl_ord_id=order.cl_ord_id,
        orig_cl_ord_id=order.orig_cl_ord_id,
        orig_order_id=order.order_id,
        side=order.side,
        ord_status=OrdStatus.REJECTED,
        ord_type=order.ord_type,
        order_qty=_decimal(order.order_qty),
        price=_decimal(order.price),
        ord_rej_reason=codes.reason(code),
        code=str(code),
        text=codes.name(code),
        recv_time=now,
        ref=order.ref,
    )
    # Without an id of its own the replacement cannot be told from the order that is gone.
    return [gone, refused] if order.cl_ord_id and order.cl_ord_id != order.orig_cl_ord_id else [gone]
