"""One order of the venue's, and the evidence of what was filled of it.

Evidence comes in three forms, and in any order: fills with a name (`exec_id`), which count once each; fills without
one, told together with the cumulative quantity they led to; and the cumulative quantity alone, with or without its
average price. What the named fills do not cover is filled in by provisional ones, derived from the rest, which give
way as named ones come. The same evidence gives the same fills, in whatever order it came.
"""

from __future__ import annotations

from decimal import Context, Decimal
from itertools import pairwise

from msgspec import Struct

from venuewire.model.orders import ExecutionReport
from venuewire.model.terms import ExecType, LiquidityInd, Nanos, OrdStatus, plain
from venuewire.orders.states import moved

# Sums and products of what venues send fit in this exactly; a quotient need not end, and is cut at 28 digits.
EXACT = Context(prec=100)
_QUOTIENT = Context(prec=28)

ZERO = Decimal(0)


class Fill(Struct, frozen=True, kw_only=True):
    """A part of an order that was traded."""

    qty: Decimal
    px: Decimal | None
    """None: only that it was filled is known, not at what price."""
    name: str = ""
    """The same however often, in whatever order and over whichever line it is told: the venue's name for it, or, where
    it was derived, the order's with what was filled up to and with it."""
    exec_id: str = ""
    """The venue's name for it; empty where the fill was derived from a cumulative quantity."""
    commission: Decimal | None = None
    liquidity: LiquidityInd | None = None
    transact_time: Nanos = 0

    @property
    def derived(self) -> bool:
        """Provisional: it gives way when the venue names the fills it stands for."""
        return not self.exec_id


def quotient(notional: Decimal, qty: Decimal) -> Decimal:
    """A price: exact where the quotient ends within 28 digits."""
    return _QUOTIENT.divide(notional, qty)


class Leg:
    """One id of the venue's in the life of an order; a replacement that gives a new id adds one."""

    __slots__ = (
        "cl_ord_id",
        "commissions",
        "cums",
        "named",
        "order_id",
        "order_qty",
        "qty_told",
        "retired",
        "status",
        "unnamed",
    )

    def __init__(self, order_id: str = "", cl_ord_id: str = "") -> None:
        self.order_id = order_id
        self.cl_ord_id = cl_ord_id
        self.status = OrdStatus.PENDING_NEW
        self.order_qty: Decimal | None = None
        self.qty_told: Nanos | None = None
        """The venue's time of the report that told it; None while it is only what we asked for."""
        self.retired = False
        """Another leg has replaced it: its end is not the order's end."""
        self.named: dict[str, Fill] = {}
        self.cums: dict[Decimal, Decimal | None] = {}
        """Each cumulative quantity that was told, with its average price where that was told too."""
        self.unnamed: dict[Decimal, tuple[Decimal, Decimal]] = {}
        """By the cumulative quantity it led to: quantity and price of a fill without a name."""
        self.commissions: dict[Decimal, Decimal] = {}
        """By cumulative quantity: the commission so far, where the venue tells totals."""

    # ------------------------------------------------------------------ evidence

    def take(self, report: ExecutionReport) -> None:
        """Note what a report says about what was filled."""
        qty, px, cum = report.last_qty, report.last_px, report.cum_qty
        if report.exec_type is ExecType.TRADE and qty:
            if not report.exec_id and cum is not None and px is not None:
                self.unnamed[cum] = (qty, px)
                self._note(cum - qty, None)
            elif report.exec_id or cum is None:
                self._name(report, qty)
        if cum is None and report.ord_status is OrdStatus.FILLED:
            cum = self.order_qty
        if cum is not None:
            self._note(cum, report.avg_px)
        if report.cum_commission is not None:
            self.commissions[self.cum_qty if cum is None else cum] = report.cum_commission

    def _name(self, report: ExecutionReport, qty: Decimal) -> None:
        # Neither a name nor a total: time, quantity and price are all there is to know a repeat by.
        name = report.exec_id or f"{report.transact_time}:{qty}:{report.last_px}"
        known = self.named.get(name) or Fill(qty=qty, px=None, name=name, exec_id=name)
        self.named[name] = Fill(
            qty=qty,
            px=_first(known.px, report.last_px),
            name=name,
            exec_id=name,
            commission=_first(known.commission, report.commission),
            liquidity=known.liquidity or report.last_liquidity_ind,
            transact_time=known.transact_time or report.transact_time,
        )

    def _note(self, cum: Decimal, avg: Decimal | None) -> None:
        if cum > 0:
            # Venues that send no average send zero.
            self.cums[cum] = _first(avg or None, self.cums.get(cum))

    def absorb(self, other: Leg) -> None:
        """Take over the evidence of another leg that turns out to be this one."""
        self.order_id = self.order_id or other.order_id
        self.cl_ord_id = self.cl_ord_id or other.cl_ord_id
        self.status = moved(self.status, other.status)
        if self.qty_told is None or (other.qty_told is not None and other.qty_told > self.qty_told):
            self.order_qty, self.qty_told = _first(other.order_qty, self.order_qty), other.qty_told
        self.retired = self.retired or other.retired
        self.named = other.named | self.named
        self.unnamed = other.unnamed | self.unnamed
        self.commissions = other.commissions | self.commissions
        for cum, avg in other.cums.items():
            self._note(cum, _first(self.cums.get(cum), avg))

    # ------------------------------------------------------------------ what it adds up to

    @property
    def is_unfilled(self) -> bool:
        """Nothing has been told of a fill, or of what one cost."""
        return not (self.named or self.cums or self.commissions)

    @property
    def cum_qty(self) -> Decimal:
        """What was filled, by the strongest evidence; it never falls."""
        if not (self.named or self.cums):
            return ZERO
        return max(self._named_qty(), max(self.cums, default=ZERO))

    @property
    def commission(self) -> Decimal | None:
        """What it cost so far; None when the venue has not said."""
        each = [fill.commission for fill in self.named.values() if fill.commission is not None]
        newest = max(self.commissions, default=None)
        if newest is not None and (newest >= self.cum_qty or not each):
            return self.commissions[newest]
        return sum(each, ZERO) if each else None

    def fills(self) -> list[Fill]:
        """Named fills by time, then what has to be derived. They add up to `cum_qty`."""
        return sorted(self.named.values(), key=lambda fill: (fill.transact_time, fill.exec_id)) + self._derived()

    def avg_told(self) -> Decimal | None:
        """The venue's own average of all that was filled, if it told one."""
        return self.cums.get(self.cum_qty)

    def _named_qty(self) -> Decimal:
        return sum((fill.qty for fill in self.named.values()), ZERO)

    def _derived(self) -> list[Fill]:
        if not self.named:
            return [self._step(before, cum) for before, cum in pairwise([ZERO, *sorted(self.cums)])]
        rest = self.cum_qty - self._named_qty()
        return [Fill(qty=rest, px=self._price_of_rest(rest), name=self._name_of(self.cum_qty))] if rest > 0 else []

    def _step(self, before: Decimal, cum: Decimal) -> Fill:
        """The fill that led from one cumulative quantity to the next."""
        qty, px = self.unnamed.get(cum, (ZERO, None))
        if qty != cum - before:
            qty, px = cum - before, self._price_between(before, cum)
        return Fill(qty=qty, px=px, name=self._name_of(cum))

    def _name_of(self, cum: Decimal) -> str:
        return f"{self.order_id or self.cl_ord_id}:{plain(cum)}"

    def _price_between(self, before: Decimal, cum: Decimal) -> Decimal | None:
        was, then = self._notional(before), self._notional(cum)
        return None if was is None or then is None else _price(then - was, cum - before)

    def _price_of_rest(self, rest: Decimal) -> Decimal | None:
        total = self._notional(self.cum_qty)
        for fill in self.named.values():
            total = None if total is None or fill.px is None else total - fill.px * fill.qty
        return None if total is None else _price(total, rest)

    def _notional(self, cum: Decimal) -> Decimal | None:
        """What `cum` cost: by its average, or step by step from fills without names."""
        if not cum:
            return ZERO
        avg = self.cums.get(cum)
        if avg is not None:
            return avg * cum
        qty, px = self.unnamed.get(cum, (None, None))
        if qty is None or px is None or qty > cum:
            return None
        before = self._notional(cum - qty)
        return None if before is None else before + px * qty


def _price(notional: Decimal, qty: Decimal) -> Decimal | None:
    # Averages are rounded by venues; where that leaves no sensible price, none is better than a wrong one.
    return quotient(notional, qty) if notional > 0 else None


def _first(a: Decimal | None, b: Decimal | None) -> Decimal | None:
    return b if a is None else a
