"""The venue's records to our events and commands, and back. Pure, exact: 1e-8 integers become Decimals and return.

Towards us: listings, levels, orders, deals, positions and replies. Towards the venue: parameters of the requests.
The mirror image, which only the sandbox's end needs (rows and replies from the exchange's reports), is in `mirror`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from venuewire.errors import LocalProtocolError, RemoteProtocolError
from venuewire.model.account import Balance
from venuewire.model.instrument import Instrument
from venuewire.model.market import SET_ASK, SET_BID, THRU_ASK, THRU_BID, LevelRow
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import Event
from venuewire.model.shape import Op, Shape
from venuewire.model.terms import (
    NANOS_PER_MILLI,
    ExecType,
    LiquidityInd,
    Nanos,
    OrdRejReason,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
)
from venuewire.venues.finery import codes, wire

# A context of our own: nobody's `decimal.setcontext` may round an order.
_EXACT = Context(prec=100)
_ZERO = Decimal(0)
_IOC, _FOK = TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL
_GTC = TimeInForce.GOOD_TILL_CANCEL

# --------------------------------------------------------------------------- numbers, sides, kinds of order


def from_wire(value: int) -> Decimal:
    """A 1e-8 integer as the Decimal it stands for."""
    return _EXACT.scaleb(Decimal(value), -wire.SCALE)


def to_wire(value: Decimal) -> int | None:
    """A Decimal as a 1e-8 integer; None where digits would be lost or the venue's 64 bits would overflow."""
    shifted = _EXACT.scaleb(value, wire.SCALE)
    result = int(shifted)
    return result if result == shifted and abs(result) <= wire.INT64_MAX else None


def cut_to_wire(value: Decimal) -> int:
    """A Decimal as a 1e-8 integer, without what is finer."""
    return int(_EXACT.scaleb(value, wire.SCALE))


def _amount(value: Decimal | str | int | None, what: str) -> int | UnsetType:
    if value is None:
        return UNSET
    result = to_wire(Decimal(value))
    if result is None or result <= 0:
        raise LocalProtocolError(f"{what} must be positive, with at most {wire.SCALE} decimals: {value}")
    return result


_SIDES = (Side.BUY, Side.SELL)

# OrderType -> (type, time in force, post only); manual trades, RFQ and whatever comes say nothing of it.
_KINDS: dict[int, tuple[OrdType, TimeInForce, bool]] = {
    wire.LIMIT: (OrdType.LIMIT, _GTC, False),
    wire.POST_ONLY: (OrdType.LIMIT, _GTC, True),
    wire.LIMIT_IOC: (OrdType.LIMIT, _IOC, False),
    wire.LIMIT_FOK: (OrdType.LIMIT, _FOK, False),
    wire.MARKET_IOC: (OrdType.MARKET, _IOC, False),
    wire.MARKET_FOK: (OrdType.MARKET, _FOK, False),
    wire.PENDING_LIMIT: (OrdType.LIMIT, _GTC, False),
}
_TYPES = {kind: number for number, kind in _KINDS.items() if number != wire.PENDING_LIMIT}
_ORDINARY = {OrdType.LIMIT: _GTC, OrdType.MARKET: _IOC}


def side_of(number: int) -> Side:
    """Side in arrays. Raises `RemoteProtocolError` for a third one."""
    if number not in {wire.BID, wire.ASK}:
        raise RemoteProtocolError("a side is neither bid nor ask")
    return _SIDES[number]


def side_number(side: Side | None) -> int:
    return wire.ASK if side is Side.SELL else wire.BID


def order_type(ord_type: OrdType | None, time_in_force: TimeInForce | None, *, post_only: bool) -> int | None:
    """OrderType number; None where the venue has no such kind of order."""
    if ord_type is None:
        return None
    return _TYPES.get((ord_type, time_in_force or _ORDINARY.get(ord_type, _GTC), post_only))


def kind_of(number: int) -> tuple[OrdType, TimeInForce, bool]:
    """(type, time in force, post only) of an OrderType that a request can name."""
    return _KINDS[number]


# --------------------------------------------------------------------------- instruments


def instrument_of(row: wire.Instrument, steps: Mapping[str, int]) -> Instrument:
    """An instrument; ticks and lots are the balance steps of its two currencies (page "Data types").

    Scales are the wire's own, so that book rows are the wire's integers as they come.
    """
    price_step = from_wire(steps.get(row.balance, 1))
    size_step = from_wire(steps.get(row.asset, 1))
    return Instrument(
        symbol=row.name,
        security_id=str(row.id),
        base=row.asset,
        currency=row.balance,
        min_price_increment=price_step,
        min_qty_increment=size_step,
        min_trade_vol=size_step,
        price_scale=wire.SCALE,
        qty_scale=wire.SCALE,
    )


# --------------------------------------------------------------------------- books: the hot path


def snapshot_rows(body: bytes, _price_scale: int, _size_scale: int) -> list[LevelRow]:
    """Rows of a snapshot. The scales are always the wire's: nothing is converted."""
    book = wire.levels(body)
    rows: list[LevelRow] = [(SET_BID, level.price, level.size) for level in book.bids]
    rows += [(SET_ASK, level.price, level.size) for level in book.asks]
    return rows


def update_rows(body: bytes, _price_scale: int, _size_scale: int) -> list[LevelRow]:
    """Rows of an update (feed-f): `+` and `M` set, `-` deletes, `~` deletes all better levels and sets the new top."""
    changes = wire.level_changes(body)
    rows: list[LevelRow] = []
    if changes.bids:
        _side_rows(changes.bids, SET_BID, THRU_BID, rows)
    if changes.asks:
        _side_rows(changes.asks, SET_ASK, THRU_ASK, rows)
    return rows


def _side_rows(changes: list[wire.LevelChange], put: int, thru: int, rows: list[LevelRow]) -> None:
    for change in changes:
        action = change.action
        if action in {"+", "M"}:
            rows.append((put, change.price, change.size))
        elif action == "-":
            rows.append((put, change.price, 0))
        elif action == "~":
            rows.append((thru, change.price, 0))
            if change.price:  # Price 0: the whole side is empty now.
                rows.append((put, change.price, change.size))
        else:
            raise RemoteProtocolError("a level is neither added, modified, removed nor cut through")


SNAPSHOT_SHAPE = Shape(wire.Level, wire.Levels)
UPDATE_SHAPE = Shape(
    wire.LevelChange,
    wire.LevelChanges,
    op=("action", {"+": Op.SET, "M": Op.SET, "-": Op.DELETE, "~": Op.THRU}),
)
"""What the two above read, for a native reader."""


# --------------------------------------------------------------------------- own orders: rows to reports


class _Sizes(Struct, frozen=True):
    """What a row says of sizes. By volume, initial and left count the balance currency, and only an end is exact."""

    order_qty: Decimal | None
    cash_order_qty: Decimal | None
    cum_qty: Decimal | None
    leaves_qty: Decimal | None


def _sizes(initial: int, left: int, by_volume: int) -> _Sizes:
    if by_volume:
        return _Sizes(None, from_wire(initial), _ZERO if left == initial else None, None if left else _ZERO)
    return _Sizes(from_wire(initial), None, from_wire(initial - left), from_wire(left))


def _working_status(initial: int, left: int) -> OrdStatus:
    if left == 0:
        return OrdStatus.FILLED
    return OrdStatus.NEW if left == initial else OrdStatus.PARTIALLY_FILLED


def _our_id(client_order_id: int) -> str:
    return str(client_order_id) if client_order_id else ""


_REMOVAL: dict[int, str] = {
    wire.BY_CLIENT: "canceled by the client",
    wire.NOT_A_BOOK_ORDER: "what could not be matched at once was canceled",
    wire.SELF_TRADE: "self-trade prevention",
    wire.CANCEL_ON_DISCONNECT: "canceled on disconnect",
}


def order_report(row: wire.Order, exec_type: ExecType, now: Nanos, *, historical: bool = False) -> ExecutionReport:
    """Where an order stands that is in the book."""
    kind = _KINDS.get(row.type)
    sizes = _sizes(row.initialSize, row.sizeLeft, row.byVolume)
    return ExecutionReport(
        symbol=row.instrument,
        exec_type=exec_type,
        order_id=str(row.id),
        cl_ord_id=_our_id(row.clientOrderId),
        side=side_of(row.side),
        ord_status=_working_status(row.initialSize, row.sizeLeft),
        ord_type=kind[0] if kind else None,
        time_in_force=kind[1] if kind else None,
        post_only=kind[2] if kind else None,
        order_qty=sizes.order_qty,
        cash_order_qty=sizes.cash_order_qty,
        price=from_wire(row.price) if row.price else None,
        cum_qty=sizes.cum_qty,
        leaves_qty=sizes.leaves_qty,
        transact_time=row.createdAt * NANOS_PER_MILLI,
        recv_time=now,
        historical=historical,
    )


def removed_report(row: wire.Order, now: Nanos) -> ExecutionReport:
    """An order that has left the book. Reason 0 with nothing left is the end of a filled one."""
    report = order_report(row, ExecType.ORDER_STATUS, now)
    if row.sizeLeft == 0 and row.cancelReason == wire.IN_PLACE:
        return report
    return replace(
        report,
        exec_type=ExecType.CANCELED,
        ord_status=OrdStatus.CANCELED,
        leaves_qty=_ZERO,
        ord_rej_reason=OrdRejReason.SELF_TRADE if row.cancelReason == wire.SELF_TRADE else None,
        text=_REMOVAL.get(row.cancelReason, ""),
        # `createdAt` is the only time of the row: it says nothing of when the order was removed.
        transact_time=0,
    )


def deal_report(row: wire.Deal, now: Nanos, *, historical: bool = False) -> ExecutionReport:
    """One fill. Deals of 19 to 24 places are alike here: the first 19 say all of it."""
    kind = _KINDS.get(row.type)
    sizes = _sizes(row.initialSize, row.sizeLeft, row.byVolume)
    aggressor = row.aggressorSide == row.side
    return ExecutionReport(
        symbol=row.instrument,
        exec_type=ExecType.TRADE,
        order_id=str(row.orderId),
        cl_ord_id=_our_id(row.clientOrderId),
        side=side_of(row.side),
        ord_status=OrdStatus.FILLED if row.sizeLeft == 0 else OrdStatus.PARTIALLY_FILLED,
        ord_type=kind[0] if kind else None,
        time_in_force=kind[1] if kind else None,
        post_only=kind[2] if kind else None,
        order_qty=sizes.order_qty,
        cash_order_qty=sizes.cash_order_qty,
        price=from_wire(row.price) if row.price else None,
        exec_id=str(row.id),
        last_qty=from_wire(row.dealSize),
        last_px=from_wire(row.dealPrice),
        cum_qty=sizes.cum_qty,
        leaves_qty=sizes.leaves_qty,
        last_liquidity_ind=LiquidityInd.TAKER if aggressor else LiquidityInd.MAKER,
        transact_time=row.moment * NANOS_PER_MILLI,
        recv_time=now,
        historical=historical,
    )


# --------------------------------------------------------------------------- positions


def balances(values: Mapping[tuple[str, int], int], currencies: Iterable[str], now: Nanos) -> list[Balance]:
    """What is held of these currencies, over all counterparties.

    The venue trades on limits and settles later: a position may be negative, and nothing is "available" apart from it.
    """
    totals = dict.fromkeys(currencies, 0)
    for (currency, _), value in values.items():
        if currency in totals:
            totals[currency] += value
    return [
        Balance(currency=currency, total=from_wire(total), available=from_wire(total), recv_time=now)
        for currency, total in totals.items()
    ]


# --------------------------------------------------------------------------- commands to requests


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
    number = order_type(order.ord_type, order.time_in_force, post_only=order.post_only)
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
        side=wire.NAMES_OF_SIDES[side_number(order.side)],
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
        time_in_force=order.time_in_force or _ORDINARY.get(order.ord_type),
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
        cum = _EXACT.add(cum, from_wire(deal.size))
        last = n == len(deals) and left == 0
        total = accepted.order_qty
        reports.append(
            replace(
                accepted,
                exec_type=ExecType.TRADE,
                ord_status=OrdStatus.FILLED if last else OrdStatus.PARTIALLY_FILLED,
                exec_id=str(deal.id),
                last_qty=from_wire(deal.size),
                last_px=from_wire(deal.price),
                cum_qty=cum,
                leaves_qty=_EXACT.subtract(total, cum) if total is not None else (_ZERO if last else None),
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
                text=_REMOVAL.get(cancel_reason, f"cancel reason {cancel_reason}"),
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
        text=_REMOVAL[wire.BY_CLIENT],
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
        order_qty=from_wire(reply.initialSize),
        price=_decimal(order.price),
        cum_qty=_ZERO,
        leaves_qty=from_wire(reply.initialSize),
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
