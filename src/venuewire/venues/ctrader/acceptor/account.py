"""The far end's view of one account: what the exchange reports, as this venue tells it.

The exchange knows orders and fills; positions by id, money and the order's venue-side fields (label, kind, position)
are kept here. Every report becomes one or more executions (2126), made once and cached: each connection of the account
gets the same bytes, whoever asks first. Fills that happened while nobody was connected are caught up with.

The recorded sequences (sheet, order and position life): an order is ACCEPTED with the shell of its position (status
CREATED, volume 0), then FILLED or PARTIAL_FILL with the position and the deal; REPLACED; CANCELLED or EXPIRED, which
close a shell that never held anything. A position with levels gets a protective order right after the fill (a server
event without `clientMsgId`); a closing fill is followed by what becomes of it, with the `clientMsgId` of the close.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from msgspec.structs import replace

from venuewire.model.orders import CancelReject, ExecutionReport
from venuewire.model.terms import ExecType, OrdStatus, OrdType, Side
from venuewire.venue import Port
from venuewire.venues.ctrader import translate
from venuewire.venues.ctrader.acceptor.marks import MONEY_DIGITS, Mark, Terms, deal_record, millis, order_record
from venuewire.venues.ctrader.acceptor.stage import DEPOSIT_ASSET, Row, tariff
from venuewire.venues.ctrader.positions import LEVERAGE, Closing, Holding, PositionBook, as_price, plain, rounded
from venuewire.venues.ctrader.protection import FIRST_ID, Levels, ProtectiveOrder, entry_on_tick
from venuewire.venues.ctrader.wire import model, words
from venuewire.venues.ctrader.wire.table import frame
from venuewire.venues.ctrader.wire.trading import ExecutionEvent

NO_REF = "\0"
"""`ref` of a command whose request had no clientMsgId: the exchange must still tell that a client asked."""
_CACHED = 1024
_REMEMBERED = 20_000
"""Fills that are not booked again; more than the exchange still lists."""
_TYPES = words.ExecutionType
FIRST_POSITION = 5_000_001
_FIRST_PAYMENT = 8_000_001
_APART = 10_000_000


class Step(NamedTuple):
    """One execution to be told, and whether it carries the `clientMsgId` of what caused it."""

    event: ExecutionEvent
    echoes: bool


class _Fill(NamedTuple):
    """A booked fill: the position after it, the deal, the order where it is not the exchange's, what follows."""

    position: model.Position
    deal: model.Deal
    order: model.Order | None
    then: tuple[Step, ...]


class AccountBook:
    """Orders, positions and money of one account."""

    def __init__(
        self,
        account_id: int,
        balance: int,
        rows: Mapping[str, Row],
        rate: Callable[[Row], Fraction],
        number: int = 0,
    ) -> None:
        """`rate`: deposit money for one of a symbol's quote currency, now; `number` parts the ids of one account from
        those of the next."""
        self.rate = rate
        self.account_id = account_id
        self.money = PositionBook(balance, FIRST_POSITION + number * _APART)
        self._rows = rows
        self._marks: dict[str, Mark] = {}
        self._fills: dict[str, _Fill] = {}
        self._guards: dict[int, ProtectiveOrder] = {}
        """By position, while they stand."""
        self.protective: dict[int, ProtectiveOrder] = {}
        """By number, those that are over as well."""
        self._next_guard = FIRST_ID + number * _APART
        self._next_payment = _FIRST_PAYMENT + number * _APART
        self.payments: list[model.DepositWithdraw] = []
        """Money that came and went, oldest first."""
        self.registered_at: int | None = None
        self.is_limited_risk = False
        """Every position needs a guaranteed stop loss."""
        self._frames: OrderedDict[ExecutionReport, tuple[bytes, ...]] = OrderedDict()

    def place(self, order_id: str, symbol: str, side: Side, terms: Terms) -> None:
        """An order of ours has been taken: what its reports will be told with."""
        if order_id in self._marks:
            return
        row = self._rows[symbol]
        holding = terms.holding or self.money.begin(
            row.symbol_id, is_buy=side is Side.BUY, label=terms.label, comment=terms.comment
        )
        holding.is_trailing = terms.levels.is_trailing or holding.is_trailing
        self._marks[order_id] = Mark(int(order_id), row, terms, holding)

    def reterm(self, order_id: str, levels: Levels) -> None:
        """A pending order is to have other levels."""
        mark = self._marks[order_id]
        mark.terms = replace(mark.terms, levels=levels)
        mark.holding.is_trailing = levels.is_trailing

    def levels_of(self, order_id: str) -> Levels:
        """What a pending order asks for its position."""
        mark = self._marks.get(order_id)
        return Levels() if mark is None else mark.terms.levels

    def restated(self, report: ExecutionReport, ref: str | None) -> bytes | None:
        """A pending order that was changed in what only this venue knows of it."""
        mark = self._mark(report)
        return None if mark is None else frame(self._event(_TYPES.ORDER_REPLACED, mark, report, by_server=False), ref)

    def book(self, reports: Iterable[ExecutionReport | CancelReject]) -> None:
        """Fills that are known before they are published."""
        for report in reports:
            if isinstance(report, ExecutionReport) and report.exec_type is ExecType.TRADE:
                mark = self._mark(report)
                if mark is not None and report.exec_id not in self._fills:
                    self._fill(mark, report)

    def holding(self, position_id: int) -> Holding | None:
        """One position, open or not."""
        return self.money.positions.get(position_id)

    def frames(self, report: ExecutionReport) -> tuple[bytes, ...]:
        """The executions a report is told with; none where this venue tells nothing."""
        known = self._frames.get(report)
        if known is None:
            ref = None if report.ref == NO_REF else report.ref
            known = tuple(frame(step.event, ref if step.echoes else None) for step in self._steps(report))
            self._frames[report] = known
            if len(self._frames) > _CACHED:
                self._frames.popitem(last=False)
        return known

    def catch_up(self, port: Port) -> None:
        """Fills that nobody was connected to be told of."""
        for fill in port.fills():
            if fill.exec_id not in self._fills:
                mark = self._mark(fill)
                if mark is not None:
                    self._fill(mark, fill)

    # ----------------------------------------------------------------------------------------- what is open

    def positions(self) -> tuple[model.Position, ...]:
        """2125: those that hold something; the shells of pending orders are not listed."""
        return tuple(self._position(holding) for holding in self.money.open_positions())

    def orders(self, port: Port, *, with_protection: bool = False) -> tuple[model.Order, ...]:
        """2125: the pending ones; the protective ones only if asked for."""
        guards = [guard.record(self.unit(guard.holding.symbol_id)) for guard in self._guards.values()]
        marked = [(self._mark(report), report) for report in port.orders()]
        pending = [order_record(mark, report) for mark, report in marked if mark is not None]
        return (*(guards if with_protection else ()), *pending)

    def all_orders(self, port: Port, window: tuple[int, int] | None = None) -> list[model.Order]:
        """Every order that is remembered, done or not, oldest change first; of a window, those that changed in it."""
        guards = [guard for guard in self.protective.values() if _within(guard.updated_at, window)]
        told = [guard.record(self.unit(guard.holding.symbol_id)) for guard in guards]
        for report in port.orders(working=False):
            mark = self._mark(report) if _within(millis(report.transact_time), window) else None
            if mark is not None and mark.terms.protection is None:
                told.append(order_record(mark, report))
        return sorted(told, key=lambda order: (order.utc_last_update_timestamp or 0, order.order_id))

    def deals(self, port: Port, window: tuple[int, int] | None = None) -> list[model.Deal]:
        """Every deal that is remembered, oldest first, as lists tell them [recorded]: last updated when it was sent."""
        self.catch_up(port)
        found = [fill.deal for fill in self._fills.values() if _within(fill.deal.execution_timestamp, window)]
        told = [replace(deal, utc_last_update_timestamp=deal.create_timestamp) for deal in found]
        return sorted(told, key=lambda deal: (deal.execution_timestamp or 0, deal.deal_id))

    def trader(self) -> model.Trader:
        """2122, with the fields a real server sends."""
        return model.Trader(
            ctid_trader_account_id=self.account_id,
            balance=self.money.balance,
            balance_version=self.money.balance_version,
            access_rights=0,
            deposit_asset_id=DEPOSIT_ASSET,
            swap_free=False,
            leverage_in_cents=self.money.leverage * 100,
            total_margin_calculation_type=1,
            max_leverage=LEVERAGE * 100,
            french_risk=False,
            trader_login=self.account_id % 10_000_000,
            account_type=0,
            registration_timestamp=self.registered_at,
            is_limited_risk=self.is_limited_risk,
            money_digits=MONEY_DIGITS,
        )

    # ----------------------------------------------------------------------------------------- executions

    def _mark(self, report: ExecutionReport) -> Mark | None:
        """The order of a report; one placed past this venue's own requests is taken as it is reported."""
        mark = self._marks.get(report.order_id)
        if mark is None and report.order_id.isdecimal() and report.symbol in self._rows and report.side is not None:
            kind = translate.ORD_TYPES[report.ord_type or OrdType.LIMIT]
            terms = Terms(order_type=kind.value, client_order_id=report.cl_ord_id or None)
            self.place(report.order_id, report.symbol, report.side, terms)
            mark = self._marks[report.order_id]
        return mark

    def _steps(self, report: ExecutionReport) -> list[Step]:
        # Refused before the book: 2132 has told whoever asked, and nobody else hears of it.
        mark = self._mark(report) if report.order_id else None
        if mark is None or (mark.is_servers and report.exec_type is not ExecType.TRADE):
            # A protective order that found nobody to trade with stands as it stood; a stop-out is tried again.
            return []
        told: list[Step] = []
        if not mark.announced:
            mark.announced, mark.opened_at = True, millis(report.transact_time)
            told.append(Step(self._accepted(mark, report), echoes=True))
        match report.exec_type:
            case ExecType.TRADE:
                told += self._traded(mark, report)
            case ExecType.REPLACED:
                told.append(Step(self._event(words.ExecutionType.ORDER_REPLACED, mark, report), echoes=True))
            case ExecType.CANCELED | ExecType.EXPIRED | ExecType.REJECTED:
                told.append(Step(self._ended(mark, report), echoes=True))
            case _:
                # NEW has been told above; a stop that is reached is told by its fill.
                pass
        return told

    def _accepted(self, mark: Mark, report: ExecutionReport) -> ExecutionEvent:
        order = order_record(mark, report, status=words.OrderStatus.ACCEPTED, executed=0)
        return ExecutionEvent(
            ctid_trader_account_id=self.account_id,
            execution_type=words.ExecutionType.ORDER_ACCEPTED.value,
            position=self._position(mark.holding),
            order=order,
            is_server_event=report.ref is None,
        )

    def _event(
        self, kind: words.ExecutionType, mark: Mark, report: ExecutionReport, *, by_server: bool | None = None
    ) -> ExecutionEvent:
        return ExecutionEvent(
            ctid_trader_account_id=self.account_id,
            execution_type=kind.value,
            position=self._position(mark.holding),
            order=order_record(mark, report),
            is_server_event=report.ref is None if by_server is None else by_server,
        )

    def _ended(self, mark: Mark, report: ExecutionReport) -> ExecutionEvent:
        kind = {
            ExecType.CANCELED: words.ExecutionType.ORDER_CANCELLED,
            ExecType.EXPIRED: words.ExecutionType.ORDER_EXPIRED,
            ExecType.REJECTED: words.ExecutionType.ORDER_REJECTED,
        }[report.exec_type]
        if not mark.terms.is_closing:
            self.money.abandon(mark.holding, millis(report.transact_time))
        event = self._event(kind, mark, report)
        code = translate.code_of(report.ord_rej_reason) if report.exec_type is ExecType.REJECTED else None
        return ExecutionEvent(
            ctid_trader_account_id=event.ctid_trader_account_id,
            execution_type=event.execution_type,
            position=event.position,
            order=event.order,
            error_code=code,
            is_server_event=event.is_server_event,
        )

    def _traded(self, mark: Mark, report: ExecutionReport) -> list[Step]:
        fill = self._fills.get(report.exec_id) or self._fill(mark, report)
        is_done = report.ord_status is OrdStatus.FILLED
        event = ExecutionEvent(
            ctid_trader_account_id=self.account_id,
            execution_type=(_TYPES.ORDER_FILLED if is_done else _TYPES.ORDER_PARTIAL_FILL).value,
            position=fill.position,
            order=fill.order or order_record(mark, report),
            deal=fill.deal,
            is_server_event=report.ref is None,
        )
        return [Step(event, echoes=True), *fill.then]

    def _fill(self, mark: Mark, report: ExecutionReport) -> _Fill:
        """Book a fill, once; what there is to tell of it."""
        volume, price = translate.hundredths(report.last_qty or Decimal(0)), _price_of(mark, report)
        time, costs, rate = millis(report.transact_time), tariff(mark.row), self.rate(mark.row)
        closing: Closing | None = None
        if mark.terms.is_closing and mark.holding.volume >= volume:
            cost, closing = self.money.reduce(mark.holding, volume, price, costs, time, rate)
        else:
            if mark.holding.closed_at is not None or mark.terms.is_closing:
                # The position it was meant for is gone: ids are never used again.
                mark.holding = self.money.begin(mark.row.symbol_id, is_buy=report.side is Side.BUY)
            cost = self.money.add(mark.holding, volume, price, costs, time, rate)
        deal = deal_record(mark, report, volume, price, rate, cost, closing)
        order = self._protection_filled(mark, volume, price, time)
        told = self._fills[report.exec_id] = _Fill(
            self._position(mark.holding), deal, order, self._follow_up(mark, time)
        )
        mark.executed += volume
        if len(self._fills) > _REMEMBERED:
            del self._fills[next(iter(self._fills))]
        return told

    # ----------------------------------------------------------------------------------------- protection

    def guard(self, position_id: int) -> ProtectiveOrder | None:
        """The protective order of an open position."""
        return self._guards.get(position_id)

    def guards_of(self, symbol: str) -> list[ProtectiveOrder]:
        """Those of all open positions in a symbol."""
        symbol_id = self._rows[symbol].symbol_id
        return [guard for guard in self._guards.values() if guard.holding.symbol_id == symbol_id]

    def protect(self, holding: Holding, time: int) -> ProtectiveOrder:
        """A new protective order for an open position; its levels are still to be set."""
        guard = ProtectiveOrder(self._next_guard, holding, time)
        self._next_guard += 1
        self._guards[holding.position_id] = self.protective[guard.number] = guard
        if len(self.protective) > _REMEMBERED:
            del self.protective[next(iter(self.protective))]
        return guard

    def unprotect(self, guard: ProtectiveOrder, status: words.OrderStatus, time: int) -> None:
        """It is over."""
        guard.end(status, time)
        self._guards.pop(guard.holding.position_id, None)

    def told_of(self, kind: words.ExecutionType, guard: ProtectiveOrder, *, by_server: bool) -> ExecutionEvent:
        """A step of a protective order, with its position."""
        return ExecutionEvent(
            ctid_trader_account_id=self.account_id,
            execution_type=kind.value,
            position=self._position(guard.holding),
            order=guard.record(self.unit(guard.holding.symbol_id)),
            is_server_event=by_server,
        )

    def _protection_filled(self, mark: Mark, volume: int, price: Decimal, time: int) -> model.Order | None:
        """A level was reached: the order that is told of is the protective one."""
        guard = mark.terms.protection
        if guard is None:
            return None
        before = (guard.execution_price or Decimal(0)) * guard.executed
        guard.executed += volume
        guard.execution_price = as_price(Fraction(before + price * volume) / guard.executed)
        guard.updated_at = time
        if not mark.holding.is_open:
            self.unprotect(guard, words.OrderStatus.FILLED, time)
        return guard.record(mark.row.unit)

    def _follow_up(self, mark: Mark, time: int) -> tuple[Step, ...]:
        """What the server does with the protection of a position that a fill has changed."""
        holding, levels = mark.holding, mark.terms.levels
        guard = self._guards.get(holding.position_id)
        if guard is not None and guard is mark.terms.protection:
            return ()
        if guard is None:
            return self._protected(mark, time) if levels and holding.is_open else ()
        guard.updated_at = holding.updated_at = time
        if not holding.is_open:
            self.unprotect(guard, words.OrderStatus.CANCELLED, time)
            return (Step(self.told_of(_TYPES.ORDER_CANCELLED, guard, by_server=True), mark.terms.is_closing),)
        guard.volume = holding.volume + guard.executed
        return (Step(self.told_of(_TYPES.ORDER_REPLACED, guard, by_server=True), mark.terms.is_closing),)

    def _protected(self, mark: Mark, time: int) -> tuple[Step, ...]:
        """Levels are reckoned from the price of the fill, not of the request."""
        holding, levels = mark.holding, mark.terms.levels
        entry = entry_on_tick(holding, mark.row.digits)
        guard = self.protect(holding, time)
        guard.set(
            levels.stop_loss(entry, is_buy=holding.is_buy),
            levels.take_profit(entry, is_buy=holding.is_buy),
            is_trailing=levels.is_trailing,
            market=entry,
        )
        guard.is_guaranteed = levels.is_guaranteed
        return (Step(self.told_of(_TYPES.ORDER_ACCEPTED, guard, by_server=True), echoes=False),)

    # ----------------------------------------------------------------------------------------- money

    def open_with(self, time: int) -> None:
        """The account is opened, with what it has."""
        self.registered_at = time
        self._note_payment(words.ChangeBalanceType.BALANCE_DEPOSIT, self.money.balance, time, "opening balance", None)

    def pay(self, amount: int, equity: int, time: int, note: str) -> ExecutionEvent:
        """Money is paid in or, below zero, out; in cents. `equity` is what the account is worth then."""
        self.money.pay(amount)
        kinds = words.ChangeBalanceType
        kind = kinds.BALANCE_DEPOSIT if amount > 0 else kinds.BALANCE_WITHDRAW
        # The amount is positive; its direction is in the kind.
        payment = self._note_payment(kind, abs(amount), time, note, equity)
        return ExecutionEvent(
            ctid_trader_account_id=self.account_id,
            execution_type=_TYPES.DEPOSIT_WITHDRAW.value,
            deposit_withdraw=payment,
            is_server_event=True,
        )

    def _note_payment(
        self, kind: words.ChangeBalanceType, amount: int, time: int, note: str, equity: int | None
    ) -> model.DepositWithdraw:
        payment = model.DepositWithdraw(
            operation_type=kind.value,
            balance_history_id=self._next_payment,
            balance=self.money.balance,
            delta=amount,
            change_balance_timestamp=time,
            external_note=note,
            balance_version=self.money.balance_version,
            equity=self.money.balance if equity is None else equity,
            money_digits=MONEY_DIGITS,
        )
        self._next_payment += 1
        self.payments.append(payment)
        return payment

    def charge_night(self, holding: Holding, nights: int, time: int) -> ExecutionEvent | None:
        """The swap of a position that is held overnight; None where its symbol has none."""
        row = next(row for row in self._rows.values() if row.symbol_id == holding.symbol_id)
        pips = Fraction(row.swap_long if holding.is_buy else row.swap_short)
        # Hundredths of units times a price are cents.
        amount = rounded(pips * nights * holding.volume * self.rate(row) / 10**row.pip)
        if not amount:
            return None
        holding.swap += amount
        holding.updated_at = time
        return ExecutionEvent(
            ctid_trader_account_id=self.account_id,
            execution_type=_TYPES.SWAP.value,
            position=self._position(holding),
            is_server_event=True,
        )

    # ----------------------------------------------------------------------------------------- records

    def _position(self, holding: Holding) -> model.Position:
        """A position as it stands."""
        guard = self._guards.get(holding.position_id)
        status = words.PositionStatus.CREATED
        if holding.is_open:
            status = words.PositionStatus.OPEN
        elif holding.closed_at is not None and guard is None:
            # While its protective order is still to be cancelled it is CREATED again [recorded].
            status = words.PositionStatus.CLOSED
        price = as_price(holding.entry) if holding.is_open else Decimal("0.0")
        return model.Position(
            position_id=holding.position_id,
            trade_data=model.TradeData(
                symbol_id=holding.symbol_id,
                volume=holding.volume,
                trade_side=(words.TradeSide.BUY if holding.is_buy else words.TradeSide.SELL).value,
                open_timestamp=holding.opened_at,
                label=holding.label,
                guaranteed_stop_loss=guard is not None and guard.is_guaranteed,
                comment=holding.comment,
                measurement_units=self.unit(holding.symbol_id),
                close_timestamp=holding.closed_at if status is words.PositionStatus.CLOSED else None,
            ),
            position_status=status.value,
            swap=holding.swap,
            price=price,
            stop_loss=None if guard is None or guard.stop_loss is None else plain(guard.stop_loss),
            take_profit=None if guard is None or guard.take_profit is None else plain(guard.take_profit),
            utc_last_update_timestamp=holding.updated_at,
            commission=holding.commission,
            margin_rate=as_price(holding.margin_rate) if holding.is_open else price,
            mirroring_commission=0,
            guaranteed_stop_loss=guard is not None and guard.is_guaranteed,
            used_margin=self.money.used_margin(holding),
            stop_loss_trigger_method=None if guard is None else guard.method,
            money_digits=MONEY_DIGITS,
            trailing_stop_loss=holding.is_trailing if guard is None else guard.is_trailing,
        )

    def unit(self, symbol_id: int) -> str:
        """What a symbol's volumes count."""
        return next((row.unit for row in self._rows.values() if row.symbol_id == symbol_id), "")


def _price_of(mark: Mark, report: ExecutionReport) -> Decimal:
    return mark.terms.fixed_price or report.last_px or Decimal(0)


def _within(time: int | None, window: tuple[int, int] | None) -> bool:
    return window is None or (time is not None and window[0] <= time <= window[1])
