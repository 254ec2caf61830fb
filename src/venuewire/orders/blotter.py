"""Blotter: every order, by our id and by the venue's, merged from reports in any order, repeated, with gaps.

An order we place is here before its bytes leave. What the venue says of it finds it by our id or by the venue's,
whichever comes first; when a report links two ids that were thought two orders, they become one. Where a replacement
gives an order a new id at the venue, the order moves on to it, and its old ids still find it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from decimal import Decimal, localcontext

from msgspec.structs import replace

from venuewire.errors import LocalProtocolError
from venuewire.model.orders import CancelReject, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import OrderCommand
from venuewire.model.terms import ExecType, Nanos
from venuewire.orders import order as orders
from venuewire.orders.leg import EXACT, Leg, quotient
from venuewire.orders.order import Fill, Order


class Blotter:
    """The orders of one account at one venue.

    `keep_ended` bounds memory over weeks: that many ended orders are remembered, the newest; open ones always.
    """

    def __init__(self, *, keep_ended: int = 10_000) -> None:
        self._orders: dict[Order, None] = {}
        self._by_cl_ord_id: dict[str, Order] = {}
        self._by_order_id: dict[str, Order] = {}
        self._replacements: set[str] = set()
        """Ids of ours for replacements without an answer: an order that bears one is the replacement."""
        self._ended: deque[Order] = deque()
        self._keep_ended = keep_ended

    # ------------------------------------------------------------------ reading

    def find(self, cl_ord_id: str = "", order_id: str = "") -> Order | None:
        """The order that has, or had, this id."""
        found = self._by_cl_ord_id.get(cl_ord_id) if cl_ord_id else None
        return found or (self._by_order_id.get(order_id) if order_id else None)

    def open_orders(self) -> list[Order]:
        """Orders that may still be filled, ours and others of the account, oldest first."""
        return [order for order in self._orders if order.is_open]

    def __iter__(self) -> Iterator[Order]:
        return iter(list(self._orders))

    def __len__(self) -> int:
        return len(self._orders)

    # ------------------------------------------------------------------ what we do

    def place(self, command: NewOrder, now: Nanos) -> Order:
        """Before the bytes leave: the order, PENDING_NEW. Raises `LocalProtocolError` without a fresh `cl_ord_id`."""
        if not command.cl_ord_id:
            raise LocalProtocolError("an order needs a cl_ord_id before it is placed")
        if command.cl_ord_id in self._by_cl_ord_id:
            raise LocalProtocolError(f"cl_ord_id {command.cl_ord_id} has been used already; take another")
        order = self._add(Order(command.symbol, ours=True, created=now, cl_ord_id=command.cl_ord_id))
        orders.ask(order, command)
        return order

    def adopt(self, command: NewOrder, now: Nanos) -> Order:
        """An order that another client of ours places: ours from here on, even where the venue has told of it first."""
        order = self._by_cl_ord_id.get(command.cl_ord_id) if command.cl_ord_id else None
        if order is None:
            return self.place(command, now)
        order.ours = True
        return order

    def unanswered(self, command: OrderCommand, cause: str, now: Nanos, *, sent: bool = True) -> Order | None:
        """No answer came to a command. A new order that was sent is OUTCOME_UNKNOWN, one that never left is REJECTED
        here; a cancel or a replacement leaves its order as it stood."""
        if isinstance(command, NewOrder):
            return self._new_unanswered(command, cause, now, sent=sent)
        if isinstance(command, ReplaceOrder):
            return self._replace_unanswered(command, now, sent=sent)
        return None

    def in_doubt(self, order: Order, text: str, now: Nanos) -> None:
        """The venue does not list an order that we think open: OUTCOME_UNKNOWN, until a report says more."""
        before = orders.snapshot(order)
        orders.doubt(order, text)
        self._note_change(order, before, now)

    # ------------------------------------------------------------------ what the venue says

    def apply(self, report: ExecutionReport) -> tuple[Order, ExecutionReport] | None:
        """Merge one report; the order, and the report completed with what we know.

        Its `last_qty` is what this report newly shows to be filled, so that these add up to `cum_qty` whatever forms
        the venue tells a fill in; one that names a fill whose quantity was known already becomes an ORDER_STATUS.
        (What was told of an id before its link to one of our orders is told again, as that order's, with the link.)
        None: it says nothing new.
        """
        if not report.order_id and not report.cl_ord_id:
            return None
        with localcontext(EXACT):
            known = self.find(report.cl_ord_id, report.order_id) is not None
            order, leg = self._place_of(report)
            before, cum_before, cost_before = orders.snapshot(order), order.cum_qty, _cost(order)
            orders.take(order, leg, report)
            changed = self._note_change(order, before, report.transact_time or report.recv_time)
            if known and not changed:
                return None
            return order, _completed(report, order, order.cum_qty - cum_before, cost_before)

    def reject_cancel(self, reject: CancelReject) -> Order | None:
        """A cancel or replacement was refused: the order, which stands as it stood."""
        order = self.find(reject.orig_cl_ord_id, reject.order_id) or self.find(reject.cl_ord_id)
        self._replacements.discard(reject.cl_ord_id)
        return order

    # ------------------------------------------------------------------ whose report is it

    def _place_of(self, report: ExecutionReport) -> tuple[Order, Leg]:
        """The order and the leg a report is about, joined or made if need be."""
        if report.exec_type is ExecType.REPLACED and report.orig_order_id not in {"", report.order_id}:
            return self._replaced(report, report.orig_order_id)
        by_ours = self._by_cl_ord_id.get(report.cl_ord_id) if report.cl_ord_id else None
        by_theirs = self._by_order_id.get(report.order_id) if report.order_id else None
        if by_ours is not None and by_ours is not by_theirs and not self._may_join(by_ours, report):
            if report.cl_ord_id in self._replacements:
                return self._replaced(report, by_ours.order_id)
            # Ours has another id at the venue already: one order of the venue's is not two of ours.
            by_ours = None
        if by_ours is not None:
            orders.leg_of(by_ours, report.order_id)
        order = self._joined(by_ours, by_theirs) or self._by_orig(report) or self._unknown(report)
        return order, self._linked(order, report)

    def _may_join(self, order: Order, report: ExecutionReport) -> bool:
        return not report.order_id or orders.lacks_id(order)

    def _by_orig(self, report: ExecutionReport) -> Order | None:
        """A replacement that kept the order's id but not ours."""
        order = self._by_cl_ord_id.get(report.orig_cl_ord_id) if report.orig_cl_ord_id else None
        return order if order is not None and self._may_join(order, report) else None

    def _unknown(self, report: ExecutionReport) -> Order:
        """An order placed elsewhere, or told of before its link to one of ours."""
        created = report.transact_time or report.recv_time
        order = Order(report.symbol, ours=False, created=created, order_id=report.order_id)
        return self._add(order)

    def _linked(self, order: Order, report: ExecutionReport) -> Leg:
        leg = orders.leg_of(order, report.order_id)
        if report.order_id:
            self._by_order_id[report.order_id] = order
        if report.cl_ord_id and self._by_cl_ord_id.setdefault(report.cl_ord_id, order) is order:
            if report.exec_type is ExecType.REPLACED or not leg.cl_ord_id:
                leg.cl_ord_id = report.cl_ord_id
            self._replacements.discard(report.cl_ord_id)
        return leg

    def _replaced(self, report: ExecutionReport, orig_order_id: str) -> tuple[Order, Leg]:
        """The order moves on from its old id at the venue to a new one; its old ids still find it.

        Links may come in any order, and after news of the new id: both ends may be known, as two orders.
        """
        older = self._by_order_id.get(orig_order_id) or self._by_cl_ord_id.get(report.orig_cl_ord_id)
        newer = self._by_order_id.get(report.order_id)
        if older is not None:
            orders.leg_of(older, orig_order_id)
        order = self._joined(older, newer) or self._unknown(report)
        orders.leg_of(order, orig_order_id).retired = True
        self._by_order_id[orig_order_id] = order
        return order, self._linked(order, report)

    def _joined(self, one: Order | None, other: Order | None) -> Order | None:
        """Two orders that are one become one: ours, if either is."""
        if one is None or other is None or one is other:
            return one or other
        if other.ours and not one.ours:
            one, other = other, one
        orders.absorb(one, other)
        for index in (self._by_cl_ord_id, self._by_order_id):
            for name in [name for name, order in index.items() if order is other]:
                index[name] = one
        del self._orders[other]
        return one

    # ------------------------------------------------------------------ the rest

    def _new_unanswered(self, command: NewOrder, cause: str, now: Nanos, *, sent: bool) -> Order | None:
        order = self._by_cl_ord_id.get(command.cl_ord_id)
        # Once the venue has given it an id, its pushes tell how it stands, answered or not.
        if order is not None and not order.order_id:
            before = orders.snapshot(order)
            if sent:
                orders.doubt(order, cause)
            else:
                orders.refuse_here(order, cause)
            self._note_change(order, before, now)
        return order

    def _replace_unanswered(self, command: ReplaceOrder, now: Nanos, *, sent: bool) -> Order | None:
        order = self.find(command.orig_cl_ord_id, command.order_id)
        if order is None or not sent or not command.cl_ord_id:
            return order
        told_before = self._by_cl_ord_id.setdefault(command.cl_ord_id, order)
        if told_before is order:
            self._replacements.add(command.cl_ord_id)
            return order
        # Pushes of the new order came, and the answer that links it to the old one never will.
        before = orders.snapshot(order)
        orders.current(order).retired = True
        joined = self._joined(order, told_before)
        orders.refresh(order)
        self._note_change(order, before, now)
        return joined

    def _add(self, order: Order) -> Order:
        self._orders[order] = None
        if order.cl_ord_id:
            self._by_cl_ord_id[order.cl_ord_id] = order
        if order.order_id:
            self._by_order_id[order.order_id] = order
        return order

    def _note_change(self, order: Order, before: tuple[object, ...], now: Nanos) -> bool:
        if orders.snapshot(order) == before:
            return False
        order.version += 1
        order.updated = max(order.updated, now)
        if order.is_ended:
            self._ended.append(order)
            self._forget_oldest()
        return True

    def _forget_oldest(self) -> None:
        while len(self._ended) > self._keep_ended:
            order = self._ended.popleft()
            # One that changed after its end stands in line again; one that was joined is gone already.
            if order in self._ended or order not in self._orders or not order.is_ended:
                continue
            del self._orders[order]
            for index in (self._by_cl_ord_id, self._by_order_id):
                for name in [name for name, known in index.items() if known is order]:
                    del index[name]


def _cost(order: Order) -> Decimal | None:
    """What was paid so far, where every price is known."""
    cost = Decimal(0)
    for fill in order.fills:
        if fill.px is None:
            return None
        cost += fill.px * fill.qty
    return cost


def _completed(report: ExecutionReport, order: Order, filled: Decimal, cost_before: Decimal | None) -> ExecutionReport:
    """The report with everything that is known of the order, and `last_qty` as what is newly known to be filled."""
    repeats = not filled and report.exec_type is ExecType.TRADE
    return replace(
        report,
        exec_type=ExecType.ORDER_STATUS if repeats else report.exec_type,
        symbol=order.symbol,
        order_id=report.order_id or order.order_id,
        cl_ord_id=report.cl_ord_id or order.cl_ord_id,
        side=order.side,
        ord_status=order.status,
        ord_type=order.ord_type,
        time_in_force=order.time_in_force,
        order_qty=order.order_qty,
        price=order.price,
        stop_px=order.stop_px,
        last_qty=filled or None,
        last_px=_last_px(report, order, filled, cost_before),
        cum_qty=order.cum_qty,
        leaves_qty=order.leaves_qty,
        avg_px=order.avg_px,
    )


def _last_px(report: ExecutionReport, order: Order, filled: Decimal, cost_before: Decimal | None) -> Decimal | None:
    if not filled:
        return None
    if report.last_px is not None and report.last_qty == filled:
        return report.last_px
    cost = _cost(order)
    if cost is None or cost_before is None or cost <= cost_before:
        return None
    return quotient(cost - cost_before, filled)


__all__ = ["Blotter", "Fill", "Order"]
