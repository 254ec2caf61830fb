"""The far end's view of one account: what the exchange reports, as this venue tells it.

The exchange knows orders and fills; positions by id, money and the order's venue-side fields (label, kind, position)
are kept here. Every report becomes one or more executions (2126), made once and cached: each connection of the account
gets the same bytes, whoever asks first. Fills that happened while nobody was connected are caught up with.

The recorded sequences (sheet, order and position life): an order is ACCEPTED with the shell of its position (status
CREATED, volume 0), then FILLED or PARTIAL_FILL with the position and the deal; REPLACED; CANCELLED or EXPIRED, which
close a shell that never held anything.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from venuewire.model.orders import ExecutionReport
from venuewire.model.terms import NANOS_PER_MILLI, ExecType, Nanos, OrdStatus, OrdType, Side, TimeInForce
from venuewire.venue import Port
from venuewire.venues.ctrader import translate
from venuewire.venues.ctrader.positions import LEVERAGE, Closing, Holding, PositionBook, as_price, plain
from venuewire.venues.ctrader.stage import DEPOSIT_ASSET, Row, tariff
from venuewire.venues.ctrader.wire import model, words
from venuewire.venues.ctrader.wire.table import frame
from venuewire.venues.ctrader.wire.trading import ExecutionEvent

MONEY_DIGITS = 2
NO_REF = "\0"
"""`ref` of a command whose request had no clientMsgId: the exchange must still tell that a client asked."""
_CACHED = 1024
_REMEMBERED = 20_000
"""Fills that are not booked again; more than the exchange still lists."""


class Terms(Struct, frozen=True, kw_only=True):
    """What a request says of an order that the exchange has no field for."""

    order_type: int
    client_order_id: str | None = None
    label: str | None = None
    comment: str | None = None
    base_slippage_price: Decimal | None = None
    slippage_in_points: int | None = None
    holding: Holding | None = None
    """The position it adds to or closes; None: one of its own."""
    is_closing: bool = False


class _Mark:
    """One order, as the venue knows it beyond the exchange's reports."""

    __slots__ = ("announced", "executed", "holding", "number", "opened_at", "row", "terms")

    def __init__(self, number: int, row: Row, terms: Terms, holding: Holding) -> None:
        self.number = number
        self.row = row
        self.terms = terms
        self.holding = holding
        self.opened_at = 0
        self.announced = False
        self.executed = 0
        """Volume filled before the fill that is being told."""


class AccountBook:
    """Orders, positions and money of one account."""

    def __init__(self, account_id: int, balance: int, rows: Mapping[str, Row]) -> None:
        self.account_id = account_id
        self.money = PositionBook(balance)
        self._rows = rows
        self._marks: dict[str, _Mark] = {}
        self._fills: dict[str, tuple[model.Position, model.Deal]] = {}
        self._frames: OrderedDict[ExecutionReport, tuple[bytes, ...]] = OrderedDict()

    def place(self, order_id: str, symbol: str, side: Side, terms: Terms) -> None:
        """An order of ours has been taken: what its reports will be told with."""
        if order_id in self._marks:
            return
        row = self._rows[symbol]
        holding = terms.holding or self.money.begin(
            row.symbol_id, is_buy=side is Side.BUY, label=terms.label, comment=terms.comment
        )
        self._marks[order_id] = _Mark(int(order_id), row, terms, holding)

    def holding(self, position_id: int) -> Holding | None:
        """One position, open or not."""
        return self.money.positions.get(position_id)

    def frames(self, report: ExecutionReport) -> tuple[bytes, ...]:
        """The executions a report is told with; none where this venue tells nothing."""
        known = self._frames.get(report)
        if known is None:
            ref = None if report.ref == NO_REF else report.ref
            known = tuple(frame(event, ref) for event in self._executions(report))
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

    def orders(self, port: Port) -> tuple[model.Order, ...]:
        """2125: the pending ones."""
        marked = [(self._mark(report), report) for report in port.orders()]
        return tuple(_order(mark, report) for mark, report in marked if mark is not None)

    def trader(self) -> model.Trader:
        """2122, with the fields a real server sends."""
        return model.Trader(
            ctid_trader_account_id=self.account_id,
            balance=self.money.balance,
            balance_version=self.money.balance_version,
            access_rights=0,
            deposit_asset_id=DEPOSIT_ASSET,
            swap_free=False,
            leverage_in_cents=LEVERAGE * 100,
            total_margin_calculation_type=1,
            max_leverage=LEVERAGE * 100,
            french_risk=False,
            trader_login=self.account_id % 10_000_000,
            account_type=0,
            is_limited_risk=False,
            money_digits=MONEY_DIGITS,
        )

    # ----------------------------------------------------------------------------------------- executions

    def _mark(self, report: ExecutionReport) -> _Mark | None:
        """The order of a report; one placed past this venue's own requests is taken as it is reported."""
        mark = self._marks.get(report.order_id)
        if mark is None and report.order_id.isdecimal() and report.symbol in self._rows and report.side is not None:
            kind = translate.ORD_TYPES[report.ord_type or OrdType.LIMIT]
            terms = Terms(order_type=kind.value, client_order_id=report.cl_ord_id or None)
            self.place(report.order_id, report.symbol, report.side, terms)
            mark = self._marks[report.order_id]
        return mark

    def _executions(self, report: ExecutionReport) -> list[ExecutionEvent]:
        # Refused before the book: 2132 has told whoever asked, and nobody else hears of it.
        mark = self._mark(report) if report.order_id else None
        if mark is None:
            return []
        told: list[ExecutionEvent] = []
        if not mark.announced:
            mark.announced, mark.opened_at = True, _millis(report.transact_time)
            told.append(self._accepted(mark, report))
        match report.exec_type:
            case ExecType.TRADE:
                told.append(self._traded(mark, report))
            case ExecType.REPLACED:
                told.append(self._event(words.ExecutionType.ORDER_REPLACED, mark, report))
            case ExecType.CANCELED | ExecType.EXPIRED | ExecType.REJECTED:
                told.append(self._ended(mark, report))
            case _:
                # NEW has been told above; a stop that is reached is told by its fill.
                pass
        return told

    def _accepted(self, mark: _Mark, report: ExecutionReport) -> ExecutionEvent:
        order = _order(mark, report, status=words.OrderStatus.ACCEPTED, executed=0)
        return ExecutionEvent(
            ctid_trader_account_id=self.account_id,
            execution_type=words.ExecutionType.ORDER_ACCEPTED.value,
            position=self._position(mark.holding),
            order=order,
            is_server_event=report.ref is None,
        )

    def _event(self, kind: words.ExecutionType, mark: _Mark, report: ExecutionReport) -> ExecutionEvent:
        return ExecutionEvent(
            ctid_trader_account_id=self.account_id,
            execution_type=kind.value,
            position=self._position(mark.holding),
            order=_order(mark, report),
            is_server_event=report.ref is None,
        )

    def _ended(self, mark: _Mark, report: ExecutionReport) -> ExecutionEvent:
        kind = {
            ExecType.CANCELED: words.ExecutionType.ORDER_CANCELLED,
            ExecType.EXPIRED: words.ExecutionType.ORDER_EXPIRED,
            ExecType.REJECTED: words.ExecutionType.ORDER_REJECTED,
        }[report.exec_type]
        if not mark.terms.is_closing:
            self.money.abandon(mark.holding, _millis(report.transact_time))
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

    def _traded(self, mark: _Mark, report: ExecutionReport) -> ExecutionEvent:
        position, deal = self._fills.get(report.exec_id) or self._fill(mark, report)
        is_done = report.ord_status is OrdStatus.FILLED
        kind = words.ExecutionType.ORDER_FILLED if is_done else words.ExecutionType.ORDER_PARTIAL_FILL
        return ExecutionEvent(
            ctid_trader_account_id=self.account_id,
            execution_type=kind.value,
            position=position,
            order=_order(mark, report),
            deal=deal,
            is_server_event=report.ref is None,
        )

    def _fill(self, mark: _Mark, report: ExecutionReport) -> tuple[model.Position, model.Deal]:
        """Book a fill, once; the position after it, and the deal."""
        volume, price = translate.hundredths(report.last_qty or Decimal(0)), report.last_px or Decimal(0)
        time, costs = _millis(report.transact_time), tariff(mark.row)
        closing: Closing | None = None
        if mark.terms.is_closing and mark.holding.volume >= volume:
            cost, closing = self.money.reduce(mark.holding, volume, price, costs, time)
        else:
            if mark.holding.closed_at is not None or mark.terms.is_closing:
                # The position it was meant for is gone: ids are never used again.
                mark.holding = self.money.begin(mark.row.symbol_id, is_buy=report.side is Side.BUY)
            cost = self.money.add(mark.holding, volume, price, costs, time)
        deal = _deal(mark, report, volume, price, cost, closing)
        told = self._fills[report.exec_id] = (self._position(mark.holding), deal)
        mark.executed += volume
        if len(self._fills) > _REMEMBERED:
            del self._fills[next(iter(self._fills))]
        return told

    def _position(self, holding: Holding) -> model.Position:
        """A position as it stands."""
        status = words.PositionStatus.CREATED
        if holding.is_open:
            status = words.PositionStatus.OPEN
        elif holding.closed_at is not None:
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
                guaranteed_stop_loss=False,
                comment=holding.comment,
                measurement_units=self._unit(holding.symbol_id),
                close_timestamp=holding.closed_at,
            ),
            position_status=status.value,
            swap=0,
            price=price,
            utc_last_update_timestamp=holding.updated_at,
            commission=holding.commission,
            # Every symbol here is quoted in the deposit currency: the rate of its base is its price.
            margin_rate=price,
            mirroring_commission=0,
            guaranteed_stop_loss=False,
            used_margin=holding.used_margin,
            money_digits=MONEY_DIGITS,
        )

    def _unit(self, symbol_id: int) -> str:
        return next((row.unit for row in self._rows.values() if row.symbol_id == symbol_id), "")


def _order(
    mark: _Mark, report: ExecutionReport, *, status: words.OrderStatus | None = None, executed: int | None = None
) -> model.Order:
    """An order as its report tells it; `status` and `executed` where it is told as it was before."""
    told = status or _STATUS[report.ord_status or OrdStatus.NEW]
    done = translate.hundredths(report.cum_qty or Decimal(0)) if executed is None else executed
    is_range = mark.terms.order_type == words.OrderType.MARKET_RANGE
    is_stop_limit = mark.terms.order_type == words.OrderType.STOP_LIMIT
    time = _millis(report.transact_time)
    expires = report.expire_time
    return model.Order(
        order_id=mark.number,
        trade_data=model.TradeData(
            symbol_id=mark.row.symbol_id,
            volume=translate.hundredths(report.order_qty or Decimal(0)),
            trade_side=translate.SIDES[report.side or Side.BUY].value,
            open_timestamp=mark.opened_at or time,
            label=mark.terms.label,
            guaranteed_stop_loss=False,
            comment=mark.terms.comment,
            measurement_units=mark.row.unit,
            close_timestamp=time if told is words.OrderStatus.FILLED else None,
        ),
        order_type=mark.terms.order_type,
        order_status=told.value,
        expiration_timestamp=None if expires is None else _millis(expires),
        execution_price=None if report.avg_px is None or not done else plain(report.avg_px),
        executed_volume=done,
        utc_last_update_timestamp=time,
        base_slippage_price=mark.terms.base_slippage_price,
        slippage_in_points=_points(mark, report) if is_stop_limit else mark.terms.slippage_in_points,
        closing_order=mark.terms.is_closing,
        limit_price=None if report.price is None or is_range or is_stop_limit else plain(report.price),
        stop_price=None if report.stop_px is None else plain(report.stop_px),
        client_order_id=mark.terms.client_order_id,
        time_in_force=_life(report.time_in_force),
        position_id=mark.holding.position_id,
    )


_STATUS = {
    OrdStatus.PENDING_NEW: words.OrderStatus.ACCEPTED,
    OrdStatus.NEW: words.OrderStatus.ACCEPTED,
    OrdStatus.PARTIALLY_FILLED: words.OrderStatus.ACCEPTED,
    OrdStatus.FILLED: words.OrderStatus.FILLED,
    OrdStatus.REJECTED: words.OrderStatus.REJECTED,
    OrdStatus.EXPIRED: words.OrderStatus.EXPIRED,
    OrdStatus.CANCELED: words.OrderStatus.CANCELLED,
}


def _points(mark: _Mark, report: ExecutionReport) -> int | None:
    """The limit of a stop-limit order, as this venue tells it."""
    if report.price is None or report.stop_px is None:
        return mark.terms.slippage_in_points
    return abs(int((report.price - report.stop_px).scaleb(mark.row.digits)))


def _deal(
    mark: _Mark, report: ExecutionReport, volume: int, price: Decimal, cost: int, closing: Closing | None
) -> model.Deal:
    """One fill as a deal."""
    is_done = report.ord_status is OrdStatus.FILLED
    time = _millis(report.transact_time)
    return model.Deal(
        deal_id=int(report.exec_id),
        order_id=mark.number,
        position_id=mark.holding.position_id,
        volume=translate.hundredths(report.order_qty or Decimal(0)) - mark.executed,
        filled_volume=volume,
        symbol_id=mark.row.symbol_id,
        create_timestamp=mark.opened_at or time,
        execution_timestamp=time,
        utc_last_update_timestamp=time,
        execution_price=plain(price),
        trade_side=translate.SIDES[report.side or Side.BUY].value,
        deal_status=(words.DealStatus.FILLED if is_done else words.DealStatus.PARTIALLY_FILLED).value,
        margin_rate=plain(price),
        commission=cost,
        base_to_usd_conversion_rate=plain(price),
        close_position_detail=None if closing is None else _detail(closing, volume),
        money_digits=MONEY_DIGITS,
    )


def _detail(closing: Closing, volume: int) -> model.ClosePositionDetail:
    return model.ClosePositionDetail(
        entry_price=as_price(closing.entry_price),
        gross_profit=closing.gross_profit,
        swap=0,
        commission=closing.commission,
        balance=closing.balance,
        quote_to_deposit_conversion_rate=Decimal("1.0"),
        closed_volume=volume,
        balance_version=closing.balance_version,
        money_digits=MONEY_DIGITS,
        pnl_conversion_fee=0,
    )


def _millis(time: Nanos) -> int:
    return time // NANOS_PER_MILLI


def _life(life: TimeInForce | None) -> int | None:
    number = None if life is None else translate.LIVES.get(life)
    return None if number is None else number.value
