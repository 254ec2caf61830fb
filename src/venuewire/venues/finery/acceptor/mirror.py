"""Reports of the exchange as the venue's rows and replies: the mirror image of `translate`, for the sandbox's end."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec import UNSET, Struct

from venuewire.model.orders import ExecutionReport
from venuewire.model.terms import NANOS_PER_MILLI, ExecType, LiquidityInd, OrdRejReason, OrdStatus, OrdType, TimeInForce
from venuewire.venues.finery import codes, translate, wire
from venuewire.venues.finery.acceptor.clearing import HOUSE, Clearing

_UNIT = 100_000_000
_AT_ONCE = frozenset({TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL})


def units(value: Decimal | None) -> int:
    """A Decimal of the exchange in 1e-8; what is finer than the venue can say is cut."""
    if value is None:
        return 0
    return translate.cut_to_wire(value)


def number(text: str) -> int:
    """An id of the exchange as the venue's number."""
    return int(text) if text.isascii() and text.isdigit() else int.from_bytes(text.encode()[-7:])


def deal_volume(price: int, size: int, step: int) -> int:
    """price x size / 1e8 to the nearest balance step, halves upward."""
    scale = step * _UNIT
    return (2 * price * size + scale) // (2 * scale) * step


class Book(Struct, frozen=True):
    """What rows need beside a report."""

    step: int
    """Balance step of the balance currency."""
    client_id: int
    created_at: int
    """When the order came, in milliseconds."""


def never_rests(report: ExecutionReport) -> bool:
    """Is this an order of a taker: one that trades at once or goes?"""
    return report.ord_type is OrdType.MARKET or report.time_in_force in _AT_ONCE


def type_number(report: ExecutionReport) -> int:
    """OrderType of a report; a kind no page has is shown as limit."""
    found = translate.order_type(report.ord_type, report.time_in_force, post_only=bool(report.post_only))
    return wire.LIMIT if found is None else found


def sizes(report: ExecutionReport, step: int) -> tuple[int, int, int]:
    """(initial, left, 1 if by volume), in the unit the order was given in."""
    if report.cash_order_qty is None:
        initial = units(report.order_qty)
        left = initial - units(report.cum_qty) if report.cum_qty is not None else units(report.leaves_qty)
        return initial, max(left, 0), 0
    initial = units(report.cash_order_qty)
    spent = deal_volume(units(report.avg_px), units(report.cum_qty), step)
    done = report.ord_status is OrdStatus.FILLED
    return initial, 0 if done else max(initial - spent, 0), 1


def order_row(report: ExecutionReport, book: Book, reason: int = wire.IN_PLACE) -> wire.Order:
    """A row of feed O."""
    initial, left, by_volume = sizes(report, book.step)
    return wire.Order(
        instrument=report.symbol,
        type=type_number(report),
        side=translate.side_number(report.side),
        cancelReason=reason,
        id=number(report.order_id),
        clientOrderId=number(report.cl_ord_id) if report.cl_ord_id else 0,
        price=units(report.price),
        initialSize=initial,
        sizeLeft=left,
        createdAt=book.created_at,
        byVolume=by_volume,
    )


def deal_row(report: ExecutionReport, book: Book) -> wire.Deal:
    """A deal of 24 places, as feed O and `dealHistory` have it today."""
    order = order_row(report, book)
    taker = report.last_liquidity_ind is not LiquidityInd.MAKER
    price, size = units(report.last_px), units(report.last_qty)
    return wire.Deal(
        instrument=order.instrument,
        type=order.type,
        side=order.side,
        cancelReason=wire.IN_PLACE,
        orderId=order.id,
        clientOrderId=order.clientOrderId,
        price=order.price,
        initialSize=order.initialSize,
        sizeLeft=order.sizeLeft,
        createdAt=order.createdAt,
        moment=report.transact_time // NANOS_PER_MILLI,
        id=number(report.exec_id),
        aggressorSide=order.side if taker else 1 - order.side,
        dealPrice=price,
        dealSize=size,
        dealVolume=deal_volume(price, size, book.step),
        delta=0,
        counterpartyId=HOUSE,
        byVolume=order.byVolume,
        takerOrderOwnerId=book.client_id if taker else HOUSE,
        linkedTo=0,
        dealType=0,
        makerOrderOwnerId=HOUSE if taker else book.client_id,
        liquiditySource=0,
    )


def position_row(currency: str, clearing: Clearing) -> wire.Position:
    """A row of feed K."""
    value = clearing.positions().get(currency, 0)
    return wire.Position(currency, value, HOUSE, *clearing.reachable(currency, value))


def position_rows(clearing: Clearing) -> list[wire.Position]:
    """All of them."""
    return [position_row(currency, clearing) for currency in sorted(clearing.positions())]


def added_deals(reports: Sequence[ExecutionReport], step: int) -> list[wire.AddedDeal]:
    """The immediate deals of an order, for the replies of `add` and `mod`."""
    return [
        wire.AddedDeal(
            counterpartyId=HOUSE,
            id=number(report.exec_id),
            price=units(report.last_px),
            size=units(report.last_qty),
            volume=deal_volume(units(report.last_px), units(report.last_qty), step),
            counterpartySubaccountId=0,
        )
        for report in reports
        if report.exec_type is ExecType.TRADE
    ]


class Outcome(Struct, frozen=True):
    """What became of a new order, from all its reports."""

    order_id: int
    deals: list[wire.AddedDeal]
    left: int
    """What may stay in the book, or was cancelled; by volume for orders by volume."""
    cancel_reason: int
    refused: int
    """The venue's code; 0 where it was taken."""


def outcome(
    reports: Sequence[ExecutionReport], initial: int, step: int, *, fill_or_kill: bool, by_volume: bool
) -> Outcome:
    """The venue's view of these reports: an order that did nothing at all and may not stay was never accepted."""
    deals = added_deals(reports, step)
    left = max(initial - sum(deal.volume if by_volume else deal.size for deal in deals), 0)
    last = reports[-1] if reports else None
    if last is None:
        return Outcome(0, [], initial, 0, codes.INTERNAL_ERROR)
    if last.ord_status is OrdStatus.FILLED:
        left = 0
    ended = last.exec_type in {ExecType.REJECTED, ExecType.CANCELED, ExecType.EXPIRED}
    if not ended:
        return Outcome(number(last.order_id), deals, left, wire.IN_PLACE, 0)
    why = last.ord_rej_reason or OrdRejReason.NO_LIQUIDITY
    if not deals:
        refused = codes.of_reason(why, fill_or_kill=fill_or_kill, by_volume=by_volume)
        return Outcome(0, [], initial, wire.IN_PLACE, refused)
    reason = wire.SELF_TRADE if why is OrdRejReason.SELF_TRADE else wire.NOT_A_BOOK_ORDER
    return Outcome(number(last.order_id), deals, left, reason, 0)


def added(result: Outcome, client_order_id: int, *, by_volume: bool) -> wire.Added:
    """The reply of `add`."""
    return wire.Added(
        id=result.order_id,
        remainingSize=UNSET if by_volume else result.left,
        remainingVolume=result.left if by_volume else UNSET,
        clientOrderId=client_order_id or UNSET,
        cancelReason=result.cancel_reason or UNSET,
        deals=result.deals,
    )
