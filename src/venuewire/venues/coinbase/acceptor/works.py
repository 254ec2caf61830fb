"""Orders that the sandbox's Coinbase works by a strategy: TWAP and scaled ones, as the parts it places for them.

Clients see one order, under an id of its own; its parts stand at the exchange, and their fills are its fills.
ASSUMPTION: each bucket of a TWAP is an order that takes what it can at the limit at once, and what it could not take is
asked for again in the next one; when the time is over the order is EXPIRED.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal

from msgspec import Struct
from msgspec.structs import replace

from venuewire.model.account import Balance, Position
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, NewOrder
from venuewire.model.session import OrderCommand
from venuewire.model.terms import EXACT, ExecType, Nanos, OrdStatus, OrdType, TimeInForce
from venuewire.venue import Exchange, Port
from venuewire.venues.coinbase import reasons, strategies
from venuewire.venues.coinbase.acceptor.watch import remember
from venuewire.venues.coinbase.fields import Refused
from venuewire.venues.coinbase.strategies import Part

_ZERO = Decimal(0)
_ENDED: dict[OrdStatus, ExecType] = {
    OrdStatus.FILLED: ExecType.TRADE,
    OrdStatus.CANCELED: ExecType.CANCELED,
    OrdStatus.EXPIRED: ExecType.EXPIRED,
}
_WORKING = frozenset({OrdStatus.PENDING_NEW, OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED})
_TOLD = 1000
"""Steps kept for connections that have not told them yet."""


class Work(Struct, kw_only=True):
    """One order, and its parts."""

    order: NewOrder
    order_id: str
    parts: list[Part]
    placed: int = 0
    """How many of the parts have been placed, or passed over."""
    children: list[str] = []
    """Their ids at the exchange."""
    ended: OrdStatus | None = None
    time: Nanos = 0
    """Of its last step."""
    told: tuple[OrdStatus, Decimal] | None = None

    @property
    def is_twap(self) -> bool:
        return self.order.target_strategy == strategies.TWAP

    @property
    def due(self) -> Nanos | None:
        """When something is to be done for it."""
        if self.ended is not None or not self.is_twap:
            return None
        return self.parts[self.placed].time if self.placed < len(self.parts) else self.order.expire_time


class Works:
    """All of them."""

    def __init__(self, exchange: Exchange, created: Callable[[ExecutionReport], Nanos]) -> None:
        """`created` tells when an order was made."""
        self._exchange = exchange
        self._created = created
        self._works: OrderedDict[str, Work] = OrderedDict()
        self._parents: OrderedDict[str, str] = OrderedDict()
        self._reports: deque[ExecutionReport] = deque(maxlen=_TOLD)
        self.told = 0
        """How many steps there have been."""

    def __bool__(self) -> bool:
        return bool(self._parents or self._works)

    def work(self, order_id: str) -> Work | None:
        """The order with this id, if it is one of these."""
        return self._works.get(order_id)

    def parent_of(self, order_id: str) -> str:
        """The order an order at the exchange belongs to: one of these, or itself."""
        return self._parents.get(order_id, order_id)

    def since(self, told: int) -> list[ExecutionReport]:
        """The steps after so many."""
        count = min(self.told - told, len(self._reports))
        return list(self._reports)[len(self._reports) - count :] if count else []

    # ------------------------------------------------------------------ what happens to one

    def begin(self, order: NewOrder, order_id: str, now: Nanos) -> ExecutionReport:
        """Place what is to be placed now. Raises `Refused`; then nothing was."""
        parts = strategies.plan(order, self._exchange.instruments[order.symbol])
        work = Work(order=order, order_id=order_id, parts=parts, time=now)
        if not work.is_twap:
            self._place_all(work, now)
        remember(self._works, order_id, work)
        self._tell(work, ExecType.NEW, OrdStatus.NEW)
        self.tick(now)
        self._settle(work, now)
        return self.report(work)

    def _place_all(self, work: Work, now: Nanos) -> None:
        for part in work.parts:
            report = self._place(work, part.qty, part.cash, part.price, now)
            if isinstance(report, CancelReject) or report.exec_type is ExecType.REJECTED:
                self._pull(work, now)
                reason = report.reason if isinstance(report, CancelReject) else report.ord_rej_reason
                raise Refused(reasons.refusal_of(reason))
        work.placed = len(work.parts)

    def _place(
        self, work: Work, qty: Decimal | None, cash: Decimal | None, price: Decimal, now: Nanos
    ) -> ExecutionReport | CancelReject:
        order = work.order
        child = NewOrder(
            symbol=order.symbol,
            side=order.side,
            ord_type=OrdType.LIMIT,
            order_qty=qty,
            cash_order_qty=cash,
            price=price,
            time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL if work.is_twap else TimeInForce.GOOD_TILL_CANCEL,
            account=order.account,
        )
        report = self._exchange.port(order.account).execute(child, now)[0]
        if isinstance(report, ExecutionReport) and report.order_id:
            work.children.append(report.order_id)
            remember(self._parents, report.order_id, work.order_id)
        return report

    def heard(self, event: ExecutionReport, now: Nanos) -> None:
        """Something happened at the exchange, perhaps to a part."""
        work = self._works.get(self._parents.get(event.order_id, ""))
        if work is not None:
            self._settle(work, now)

    def cancel(self, work: Work, now: Nanos) -> list[ExecutionReport | CancelReject]:
        """Its parts are pulled, and no more are placed."""
        self._pull(work, now)
        self._settle(work, now)
        if work.ended is None:
            self._end(work, OrdStatus.CANCELED, now)
        return [self.report(work)]

    def _pull(self, work: Work, now: Nanos) -> None:
        port = self._exchange.port(work.order.account)
        for child in work.children:
            report = port.order(order_id=child)
            if report is not None and report.ord_status in _WORKING:
                cancel = CancelOrder(
                    symbol=report.symbol,
                    side=work.order.side,
                    ord_type=OrdType.LIMIT,
                    order_id=child,
                    orig_cl_ord_id="",
                    account=work.order.account,
                )
                port.execute(cancel, now)

    # ------------------------------------------------------------------ time

    def next_tick(self) -> Nanos | None:
        """When a bucket begins, or the time of an order is over."""
        return min((due for work in self._works.values() if (due := work.due) is not None), default=None)

    def tick(self, now: Nanos) -> None:
        """Do what is due."""
        for work in tuple(self._works.values()):
            while (due := work.due) is not None and due <= now:
                if work.placed == len(work.parts):
                    self._end(work, OrdStatus.EXPIRED, now)
                else:
                    self._next_bucket(work, now)

    def _next_bucket(self, work: Work, now: Nanos) -> None:
        """What the plan has asked for until now and has not got."""
        work.placed += 1
        instrument, asked = self._exchange.instruments[work.order.symbol], work.parts[: work.placed]
        filled, value = self._filled(work)
        if work.order.cash_order_qty is None:
            qty, cash = sum((part.qty or _ZERO for part in asked), _ZERO) - filled, None
            enough = qty >= instrument.min_trade_vol
        else:
            tick = instrument.min_price_increment
            left = sum((part.cash or _ZERO for part in asked), _ZERO) - value
            qty, cash = None, (left / tick).to_integral_value(ROUND_FLOOR) * tick
            enough = cash > 0
        if enough:
            self._place(work, qty, cash, asked[-1].price, now)
        self._settle(work, now)

    # ------------------------------------------------------------------ where it stands

    def _states(self, work: Work) -> list[ExecutionReport]:
        port = self._exchange.port(work.order.account)
        return [report for child in work.children if (report := port.order(order_id=child)) is not None]

    def _filled(self, work: Work) -> tuple[Decimal, Decimal]:
        """(size, money)."""
        states = self._states(work)
        filled = sum((state.cum_qty or _ZERO for state in states), _ZERO)
        return filled, sum((EXACT.multiply(state.cum_qty or _ZERO, state.avg_px or _ZERO) for state in states), _ZERO)

    def _settle(self, work: Work, now: Nanos) -> None:
        """Tell what is new of it."""
        if work.ended is not None:
            return
        filled, value = self._filled(work)
        if self._is_whole(work, filled, value):
            self._end(work, OrdStatus.FILLED, now)
        elif filled and (OrdStatus.PARTIALLY_FILLED, filled) != work.told:
            work.time = now
            self._tell(work, ExecType.TRADE, OrdStatus.PARTIALLY_FILLED)

    def _is_whole(self, work: Work, filled: Decimal, value: Decimal) -> bool:
        order, instrument = work.order, self._exchange.instruments[work.order.symbol]
        if order.cash_order_qty is None:
            return filled >= Decimal(order.order_qty or 0)
        if not work.is_twap:
            return not any(state.ord_status in _WORKING for state in self._states(work))
        # What is left would not buy the smallest size.
        return Decimal(order.cash_order_qty) - value < instrument.min_qty_increment * Decimal(order.price or 0) + (
            instrument.min_price_increment
        )

    def _end(self, work: Work, status: OrdStatus, now: Nanos) -> None:
        work.ended, work.time = status, now
        self._tell(work, _ENDED[status], status)

    def _tell(self, work: Work, exec_type: ExecType, status: OrdStatus) -> None:
        report = replace(self.report(work), exec_type=exec_type, ord_status=status)
        work.told = status, report.cum_qty or _ZERO
        self._reports.append(report)
        self.told += 1

    def report(self, work: Work) -> ExecutionReport:
        """Where it stands."""
        order, (filled, value) = work.order, self._filled(work)
        status = work.ended or (OrdStatus.PARTIALLY_FILLED if filled else OrdStatus.NEW)
        qty = None if order.order_qty is None else Decimal(order.order_qty)
        return ExecutionReport(
            symbol=order.symbol,
            exec_type=ExecType.ORDER_STATUS,
            ord_status=status,
            order_id=work.order_id,
            cl_ord_id=order.cl_ord_id,
            side=order.side,
            ord_type=OrdType.LIMIT,
            time_in_force=order.time_in_force,
            order_qty=qty,
            cash_order_qty=None if order.cash_order_qty is None else Decimal(order.cash_order_qty),
            price=Decimal(order.price or 0),
            expire_time=order.expire_time,
            cum_qty=filled,
            leaves_qty=_ZERO if work.ended else None if qty is None else qty - filled,
            avg_px=EXACT.divide(value, filled) if filled else None,
            account=order.account,
            transact_time=work.time,
        )

    # ------------------------------------------------------------------ as clients see them

    def seen(self, port: Port, *, working: bool) -> list[ExecutionReport]:
        """Orders of an account with these in place of their parts, oldest first."""
        shown: dict[str, ExecutionReport] = {}
        for report in port.orders(working=working):
            if self.parent_of(report.order_id) == report.order_id:
                shown[report.order_id] = report
        for work in self._works.values():
            if work.order.account == port.account and not (working and work.ended):
                shown[work.order_id] = self.report(work)
        return sorted(shown.values(), key=self._created)

    def fills(self, port: Port) -> list[ExecutionReport]:
        """Fills of an account, those of parts as their orders'."""
        upto: dict[str, Decimal] = {}
        result: list[ExecutionReport] = []
        for fill in port.fills():
            work = self._works.get(self._parents.get(fill.order_id, ""))
            if work is None:
                result.append(fill)
                continue
            upto[work.order_id] = upto.get(work.order_id, _ZERO) + (fill.last_qty or _ZERO)
            result.append(
                replace(
                    fill,
                    order_id=work.order_id,
                    cl_ord_id=work.order.cl_ord_id,
                    cash_order_qty=None if work.order.cash_order_qty is None else Decimal(work.order.cash_order_qty),
                    cum_qty=upto[work.order_id],
                )
            )
        return result


class WorksPort:
    """An account's place at the exchange as clients see it. Implements `venue.Port`."""

    def __init__(self, port: Port, works: Works) -> None:
        self._port = port
        self._works = works
        self.account = port.account

    def execute(self, command: OrderCommand, now: Nanos) -> list[ExecutionReport | CancelReject]:
        work = self._works.work(command.order_id) if isinstance(command, CancelOrder) else None
        return self._port.execute(command, now) if work is None else self._works.cancel(work, now)

    def order(self, order_id: str = "", cl_ord_id: str = "") -> ExecutionReport | None:
        work = self._works.work(order_id)
        if work is not None and work.order.account == self.account:
            return self._works.report(work)
        report = self._port.order(order_id, cl_ord_id)
        return report if report and self._works.parent_of(report.order_id) == report.order_id else None

    def orders(self, *, working: bool = True) -> list[ExecutionReport]:
        return self._works.seen(self._port, working=working)

    def fills(self) -> list[ExecutionReport]:
        return self._works.fills(self._port)

    def positions(self) -> list[Position]:
        return self._port.positions()

    def balances(self) -> list[Balance]:
        return self._port.balances()
