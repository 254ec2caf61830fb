"""Order: one order as it stands, for users to read."""

from __future__ import annotations

from decimal import Decimal
from operator import attrgetter
from typing import Any

from venuewire.model.orders import ExecutionReport, NewOrder
from venuewire.model.terms import ExecType, Nanos, OrdRejReason, OrdStatus, OrdType, Side, TimeInForce
from venuewire.orders.leg import ZERO, Fill, Leg, quotient
from venuewire.orders.states import ENDED, OPEN, follows, moved, said

_TERMS = ("side", "ord_type", "time_in_force", "price", "stop_px", "cash_order_qty")
_WORDS = ("text", "code", "ord_rej_reason")
_terms = attrgetter(*_TERMS)
_seen = attrgetter(
    *(*_TERMS, *_WORDS, "status", "cum_qty", "order_qty", "avg_px", "commission"),
    *("order_id", "cl_ord_id", "symbol", "account", "ours"),
)


class Order:
    """What is known of an order. The blotter changes it; everyone else reads.

    Over a replacement that gives the order a new id at the venue it stays the same `Order`.
    """

    __slots__ = (
        "account",
        "avg_px",
        "cash_order_qty",
        "cl_ord_id",
        "code",
        "commission",
        "created",
        "cum_qty",
        "filled_before",
        "fills",
        "leaves_qty",
        "legs",
        "ord_rej_reason",
        "ord_type",
        "order_id",
        "order_qty",
        "ours",
        "price",
        "refused_here",
        "side",
        "status",
        "stop_px",
        "symbol",
        "text",
        "time_in_force",
        "told",
        "updated",
        "version",
    )

    def __init__(self, symbol: str, *, ours: bool, created: Nanos, cl_ord_id: str = "", order_id: str = "") -> None:
        self.symbol = symbol
        self.ours = ours
        """Placed through this blotter."""
        self.created = self.updated = created
        self.version = 0
        """Grows with every change."""
        self.cl_ord_id = cl_ord_id
        """Our newest id of it; empty for an order placed elsewhere without one."""
        self.order_id = order_id
        """The venue's newest id of it; empty until it is known."""
        self.account = ""
        self.side: Side | None = None
        self.ord_type: OrdType | None = None
        self.time_in_force: TimeInForce | None = None
        self.order_qty: Decimal | None = None
        """All of it: what was filled before a replacement, and what was asked for since."""
        self.cash_order_qty: Decimal | None = None
        self.price: Decimal | None = None
        self.stop_px: Decimal | None = None
        self.status = OrdStatus.PENDING_NEW
        self.cum_qty = ZERO
        self.filled_before = ZERO
        """The part of `cum_qty` that was filled under earlier ids of the venue's, before it was replaced: the venue
        counts what is filled under the newest one from nothing, and so must the quantity of another replacement."""
        self.leaves_qty: Decimal | None = None
        """What may still be filled; None while the order's quantity is not known."""
        self.avg_px: Decimal | None = None
        """Exact from the fills where every price is known, else as the venue told it."""
        self.commission: Decimal | None = None
        self.fills: list[Fill] = []
        """They add up to `cum_qty`."""
        self.text = ""
        """Why it was refused or cancelled, in the venue's words; or why its outcome is not known."""
        self.code = ""
        self.ord_rej_reason: OrdRejReason | None = None
        # What the blotter makes all this from: the legs by the venue's ids, when each term was told, and whether the
        # order ended by our own word.
        self.legs: dict[str, Leg] = {order_id: Leg(order_id, cl_ord_id)}
        self.told: dict[str, Nanos] = {}
        self.refused_here = False

    @property
    def is_open(self) -> bool:
        """It may still be filled, as far as is known. `OUTCOME_UNKNOWN` is neither open nor ended."""
        return self.status in OPEN

    @property
    def is_ended(self) -> bool:
        """Nothing more will happen to it, but for a fill told late."""
        return self.status in ENDED

    def __repr__(self) -> str:
        return (
            f"<Order {self.side} {self.order_qty} {self.symbol} {self.status} filled {self.cum_qty} "
            f"cl_ord_id={self.cl_ord_id} order_id={self.order_id}>"
        )


# What follows is the blotter's: the only place where an order changes.


def ask(order: Order, command: NewOrder) -> None:
    """Begin with what we asked for."""
    order.account = command.account
    _complete(order, command)
    current(order).order_qty = _decimal(command.order_qty)
    refresh(order)


def current(order: Order) -> Leg:
    """The leg that no other has replaced."""
    newest = None
    for leg in reversed(order.legs.values()):
        if not leg.retired:
            return leg
        newest = newest or leg
    assert newest is not None, "an order has a leg from the beginning"
    return newest


def leg_of(order: Order, order_id: str) -> Leg:
    """The leg with this id of the venue's, a new one if need be."""
    if not order_id:
        return current(order)
    leg = order.legs.get(order_id)
    if leg is None:
        leg = order.legs.pop("", None) or Leg()
        leg.order_id = order_id
        order.legs[order_id] = leg
    return leg


def lacks_id(order: Order) -> bool:
    """Is the venue's id of it still to come?"""
    return "" in order.legs


def absorb(order: Order, other: Order) -> None:
    """`other` turns out to be the same order: take over all that is known of it."""
    for order_id, leg in other.legs.items():
        known = order.legs.get(order_id)
        if known is None:
            order.legs[order_id] = leg
        else:
            known.absorb(leg)
    for name, time in other.told.items():
        if name not in order.told or time > order.told[name]:
            setattr(order, name, getattr(other, name))
            order.told[name] = time
    _complete(order, other)
    order.ours = order.ours or other.ours
    order.created = min(order.created, other.created)


def take(order: Order, leg: Leg, report: ExecutionReport) -> None:
    """Merge one report: terms, evidence of fills, status, the venue's words."""
    if order.refused_here:
        # That was our own word, and here is the venue's.
        order.refused_here, leg.status, order.text = False, OrdStatus.PENDING_NEW, ""
    was_unknown = leg.status is OrdStatus.OUTCOME_UNKNOWN
    _take_terms(order, leg, report)
    leg.take(report)
    _move(leg, report)
    if was_unknown and leg.status is not OrdStatus.OUTCOME_UNKNOWN:
        order.text = ""
    if not leg.retired:
        _take_words(order, leg, report)
    refresh(order)


def refuse_here(order: Order, text: str) -> None:
    """It never left: the venue has not seen it."""
    leg = current(order)
    if leg.status is OrdStatus.PENDING_NEW:
        leg.status, order.refused_here, order.text = OrdStatus.REJECTED, True, text
        refresh(order)


def doubt(order: Order, text: str) -> None:
    """What became of it is not known."""
    leg = current(order)
    if follows(leg.status, OrdStatus.OUTCOME_UNKNOWN):
        leg.status, order.text = OrdStatus.OUTCOME_UNKNOWN, text
        refresh(order)


def snapshot(order: Order) -> tuple[Any, ...]:
    """Everything a user can see change."""
    return (*_seen(order), tuple(order.fills), len(order.legs))


def refresh(order: Order) -> None:
    """Add up the legs."""
    leg = current(order)
    order.order_id = leg.order_id or order.order_id
    order.cl_ord_id = leg.cl_ord_id or order.cl_ord_id
    if len(order.legs) == 1 and leg.is_unfilled:  # as nearly all orders begin, and many end
        order.fills, order.filled_before, order.cum_qty = [], ZERO, ZERO
        order.commission = order.avg_px = None
    else:
        _add_up(order, leg)
    order.order_qty = None if leg.order_qty is None else order.filled_before + leg.order_qty
    _set_status(order, leg)
    _set_leaves(order)


def _add_up(order: Order, leg: Leg) -> None:
    before = [other for other in order.legs.values() if other is not leg]
    order.fills = [fill for each in (*before, leg) for fill in each.fills()]
    order.filled_before = sum((other.cum_qty for other in before), ZERO)
    order.cum_qty = order.filled_before + leg.cum_qty
    costs = [cost for each in (*before, leg) if (cost := each.commission) is not None]
    order.commission = sum(costs, ZERO) if costs else None
    order.avg_px = _average(order, leg, alone=not before)


def _average(order: Order, leg: Leg, *, alone: bool) -> Decimal | None:
    if not order.cum_qty:
        return None
    told = leg.avg_told() if alone else None
    if told is not None and (not leg.named or any(fill.derived for fill in order.fills)):
        return told
    notional = ZERO
    for fill in order.fills:
        if fill.px is None:
            return told
        notional += fill.px * fill.qty
    return quotient(notional, order.cum_qty)


def _set_status(order: Order, leg: Leg) -> None:
    status = leg.status
    if status is OrdStatus.NEW and order.cum_qty > 0:
        # Filled in part before it was replaced.
        status = OrdStatus.PARTIALLY_FILLED
    order.status = status


def _set_leaves(order: Order) -> None:
    if order.is_ended:
        order.leaves_qty = ZERO
    else:
        order.leaves_qty = None if order.order_qty is None else max(order.order_qty - order.cum_qty, ZERO)


def _move(leg: Leg, report: ExecutionReport) -> None:
    """Move the leg along the table, by what the report says and by what was filled."""
    status = said(report)
    if status is OrdStatus.REJECTED and _is_of_another(leg, report):
        return
    if status is OrdStatus.PARTIALLY_FILLED and not leg.cum_qty:
        # A fill whose quantity was not told.
        status = OrdStatus.NEW
    # A fill alone, perhaps of long ago and told again, does not say that the rest still stands: doubt remains.
    says_where = report.ord_status is not None or (status is not None and report.exec_type is not ExecType.TRADE)
    if says_where or leg.status is not OrdStatus.OUTCOME_UNKNOWN:
        leg.status = moved(leg.status, status)
        if leg.cum_qty > 0:
            leg.status = moved(leg.status, OrdStatus.PARTIALLY_FILLED)
    # A venue that says in so many words that it is open knows of a larger quantity than we do yet.
    says_open = report.ord_status in OPEN
    if leg.order_qty and leg.cum_qty >= leg.order_qty and not says_open:
        leg.status = moved(leg.status, OrdStatus.FILLED)


def _is_of_another(leg: Leg, report: ExecutionReport) -> bool:
    """Is this refusal about another order than the one it names?

    As a duplicate of an order we know, or are not sure of, it is about the second sending. With the id of an order
    that was to be replaced, it is about the replacement: the old one's end, if it has come to that, is told by itself.
    """
    if report.orig_cl_ord_id and report.orig_cl_ord_id != report.cl_ord_id:
        return True
    return report.ord_rej_reason is OrdRejReason.DUPLICATE_ORDER and leg.status is not OrdStatus.PENDING_NEW


def _take_terms(order: Order, leg: Leg, report: ExecutionReport) -> None:
    """Terms that are newer than those we have replace them; others only complete them."""
    order.symbol = order.symbol or report.symbol
    order.account = order.account or report.account
    leg.cl_ord_id = leg.cl_ord_id or report.cl_ord_id
    for name, value, known in zip(_TERMS, _terms(report), _terms(order), strict=True):
        if value is not None:
            told = order.told.get(name)
            if known is None or (not leg.retired and _is_newer(report, told)):
                setattr(order, name, value)
                order.told[name] = max(told or 0, report.transact_time)
    if report.order_qty is not None and _is_newer(report, leg.qty_told):
        leg.order_qty = report.order_qty
        leg.qty_told = max(leg.qty_told or 0, report.transact_time)


def _is_newer(report: ExecutionReport, told: Nanos | None) -> bool:
    """Are the terms of this report newer than those told at `told`? Anything told is newer than what we asked for.

    A replacement and a list are about the terms, and without a time as new as the moment they came; other reports
    only repeat them.
    """
    if told is None:
        return True
    if report.exec_type in {ExecType.REPLACED, ExecType.ORDER_STATUS}:
        return not report.transact_time or report.transact_time >= told
    return report.transact_time > told


def _complete(order: Order, source: NewOrder | Order) -> None:
    for name, value, known in zip(_TERMS, _terms(source), _terms(order), strict=True):
        if known is None:
            setattr(order, name, value)


def _take_words(order: Order, leg: Leg, report: ExecutionReport) -> None:
    """The words of the end stay; before it, the newest."""
    tells_the_end = said(report) is leg.status and leg.status in ENDED
    for name in _WORDS:
        value = getattr(report, name)
        if value and (tells_the_end or leg.status not in ENDED or not getattr(order, name)):
            setattr(order, name, value)


def _decimal(value: Decimal | str | int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


__all__ = ["Fill", "Order"]
