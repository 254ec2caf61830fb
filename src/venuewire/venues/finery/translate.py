"""The venue's records to our events, and back. Pure, exact: 1e-8 integers become Decimals and return.

Listings, levels, orders, deals and positions. What we ask of orders, and what is answered, is in `orders`; the mirror
image, which only the sandbox's end needs (rows and replies from the exchange's reports), in `mirror`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal

from msgspec import Struct
from msgspec.structs import replace

from venuewire.errors import RemoteProtocolError
from venuewire.model.account import Balance
from venuewire.model.instrument import Instrument
from venuewire.model.market import SET_ASK, SET_BID, THRU_ASK, THRU_BID, LevelRow
from venuewire.model.orders import ExecutionReport
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
from venuewire.venues.finery import wire

EXACT = Context(prec=100)
"""A context of our own: nobody's `decimal.setcontext` may round an order."""
_ZERO = Decimal(0)
_IOC, _FOK = TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL
_GTC = TimeInForce.GOOD_TILL_CANCEL

# --------------------------------------------------------------------------- numbers, sides, kinds of order


def from_wire(value: int) -> Decimal:
    """A 1e-8 integer as the Decimal it stands for."""
    return EXACT.scaleb(Decimal(value), -wire.SCALE)


def to_wire(value: Decimal) -> int | None:
    """A Decimal as a 1e-8 integer; None where digits would be lost or the venue's 64 bits would overflow."""
    shifted = EXACT.scaleb(value, wire.SCALE)
    result = int(shifted)
    return result if result == shifted and abs(result) <= wire.INT64_MAX else None


def cut_to_wire(value: Decimal) -> int:
    """A Decimal as a 1e-8 integer, without what is finer."""
    return int(EXACT.scaleb(value, wire.SCALE))


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
ORDINARY = {OrdType.LIMIT: _GTC, OrdType.MARKET: _IOC}
"""Time in force of an order that names none."""


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
    return _TYPES.get((ord_type, time_in_force or ORDINARY.get(ord_type, _GTC), post_only))


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


REMOVALS: dict[int, str] = {
    wire.BY_CLIENT: "canceled by the client",
    wire.NOT_A_BOOK_ORDER: "what could not be matched at once was canceled",
    wire.SELF_TRADE: "self-trade prevention",
    wire.CANCEL_ON_DISCONNECT: "canceled on disconnect",
}
"""Why an order left the book, by CancelReason."""


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
        text=REMOVALS.get(row.cancelReason, ""),
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
