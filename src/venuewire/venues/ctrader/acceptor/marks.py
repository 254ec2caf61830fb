"""Orders as the far end remembers them beyond the exchange's reports, and the records it tells them with. Pure."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from msgspec import Struct

from venuewire.model.orders import ExecutionReport
from venuewire.model.terms import NANOS_PER_MILLI, Nanos, OrdStatus, Side, TimeInForce
from venuewire.venues.ctrader import translate
from venuewire.venues.ctrader.acceptor.stage import Row
from venuewire.venues.ctrader.positions import Closing, Holding, as_price, plain
from venuewire.venues.ctrader.protection import Levels, ProtectiveOrder
from venuewire.venues.ctrader.wire import model, words

MONEY_DIGITS = 2


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
    levels: Levels = Levels()
    """The protection its position is to have."""
    protection: ProtectiveOrder | None = None
    """It is this protective order, whose level was reached."""
    fixed_price: Decimal | None = None
    """What it is filled at, whatever the market says: a guaranteed stop loss."""
    is_stop_out: bool = False
    """The venue closes because the margin is not enough any more."""


class Mark:
    """One order, as the venue knows it beyond the exchange's reports."""

    __slots__ = ("announced", "executed", "holding", "is_servers", "number", "opened_at", "row", "terms")

    def __init__(self, number: int, row: Row, terms: Terms, holding: Holding) -> None:
        self.number = number if terms.protection is None else terms.protection.number
        self.row = row
        self.terms = terms
        self.holding = holding
        self.opened_at = 0
        self.is_servers = terms.protection is not None or terms.is_stop_out
        """What the server does by itself is told by its fills alone."""
        self.announced = self.is_servers
        self.executed = 0
        """Volume filled before the fill that is being told."""


def order_record(
    mark: Mark, report: ExecutionReport, *, status: words.OrderStatus | None = None, executed: int | None = None
) -> model.Order:
    """An order as its report tells it; `status` and `executed` where it is told as it was before."""
    told = status or _STATUS[report.ord_status or OrdStatus.NEW]
    done = translate.hundredths(report.cum_qty or Decimal(0)) if executed is None else executed
    is_range = mark.terms.order_type == words.OrderType.MARKET_RANGE
    is_stop_limit = mark.terms.order_type == words.OrderType.STOP_LIMIT
    time = millis(report.transact_time)
    expires = report.expire_time
    return model.Order(
        order_id=mark.number,
        trade_data=model.TradeData(
            symbol_id=mark.row.symbol_id,
            volume=translate.hundredths(report.order_qty or Decimal(0)),
            trade_side=translate.SIDES[report.side or Side.BUY].value,
            open_timestamp=mark.opened_at or time,
            label=mark.terms.label,
            guaranteed_stop_loss=mark.terms.levels.is_guaranteed,
            comment=mark.terms.comment,
            measurement_units=mark.row.unit,
            close_timestamp=time if told is words.OrderStatus.FILLED else None,
        ),
        order_type=mark.terms.order_type,
        order_status=told.value,
        expiration_timestamp=None if expires is None else millis(expires),
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
        relative_stop_loss=mark.terms.levels.relative_stop_loss,
        relative_take_profit=mark.terms.levels.relative_take_profit,
        is_stop_out=True if mark.terms.is_stop_out else None,
        trailing_stop_loss=mark.terms.levels.is_trailing if mark.terms.levels else None,
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


def _points(mark: Mark, report: ExecutionReport) -> int | None:
    """The limit of a stop-limit order, as this venue tells it."""
    if report.price is None or report.stop_px is None:
        return mark.terms.slippage_in_points
    return abs(int((report.price - report.stop_px).scaleb(mark.row.digits)))


def deal_record(
    mark: Mark, report: ExecutionReport, volume: int, price: Decimal, rate: Fraction, cost: int, closing: Closing | None
) -> model.Deal:
    """One fill as a deal; `rate`: deposit money for one of the quote currency."""
    is_done = report.ord_status is OrdStatus.FILLED
    time = millis(report.transact_time)
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
        margin_rate=as_price(Fraction(price) * rate),
        commission=cost,
        base_to_usd_conversion_rate=as_price(Fraction(price) * rate),
        close_position_detail=None if closing is None else _detail(closing, volume),
        money_digits=MONEY_DIGITS,
    )


def _detail(closing: Closing, volume: int) -> model.ClosePositionDetail:
    return model.ClosePositionDetail(
        entry_price=as_price(closing.entry_price),
        gross_profit=closing.gross_profit,
        swap=closing.swap,
        commission=closing.commission,
        balance=closing.balance,
        quote_to_deposit_conversion_rate=as_price(closing.rate),
        closed_volume=volume,
        balance_version=closing.balance_version,
        money_digits=MONEY_DIGITS,
        pnl_conversion_fee=closing.fee,
    )


def millis(time: Nanos) -> int:
    return time // NANOS_PER_MILLI


def _life(life: TimeInForce | None) -> int | None:
    number = None if life is None else translate.LIVES.get(life)
    return None if number is None else number.value
