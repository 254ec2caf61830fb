"""Orders: what we ask and what we are told about them."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, field
from msgspec.structs import force_setattr

from venuewire.model.terms import (
    ExecType,
    LiquidityInd,
    Nanos,
    OrdRejReason,
    OrdStatus,
    OrdType,
    PositionEffect,
    Side,
    TimeInForce,
    TriggerPriceDirection,
    decimal,
)


def _exact(record: Struct, *names: str) -> None:
    """Turn text and integers in these fields into Decimals; floats are refused."""
    for name in names:
        value = getattr(record, name)
        if value is not None and type(value) is not Decimal:
            force_setattr(record, name, decimal(value, name))
        elif value is not None and not value.is_finite():
            raise ValueError(f"{name} is not a finite number: {value}")


class NewOrder(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """FIX NewOrderSingle (D). Quantities and prices may be given as Decimal, text or int; never as float."""

    symbol: str
    side: Side
    ord_type: OrdType
    order_qty: Decimal | str | int | None = None
    """In units; None only with `cash_order_qty`."""
    price: Decimal | str | int | None = None
    """Limit price."""
    stop_px: Decimal | str | int | None = None
    """Trigger price of stop orders."""
    cash_order_qty: Decimal | str | int | None = None
    """Size in money instead of units (FIX 152), where the venue can."""
    time_in_force: TimeInForce | None = None
    """None: the venue's ordinary one for this kind of order."""
    expire_time: Nanos | None = None
    """End of a GOOD_TILL_DATE order."""
    post_only: bool = False
    """Never take: refused rather than matched on arrival (FIX ExecInst 6)."""
    max_floor: Decimal | str | int | None = None
    """Iceberg: how much of it shows at a time, in units (FIX 111)."""
    trigger_price_direction: TriggerPriceDirection | None = None
    """Of stop orders; None: up for a buy, down for a sell (a stop-loss). The other way makes a take-profit."""
    stop_loss_px: Decimal | str | int | None = None
    """Attached protection: where the position this order opens is closed at a loss."""
    take_profit_px: Decimal | str | int | None = None
    stop_loss_offset: Decimal | str | int | None = None
    """The same as a distance from the price of the fill, where that is not known beforehand."""
    take_profit_offset: Decimal | str | int | None = None
    trailing_stop_loss: bool = False
    """The stop follows the market at its distance."""
    guaranteed_stop_loss: bool = False
    """The stop is filled at its price, whatever the market does, where the venue promises that."""
    position_id: str = ""
    """The position to add to or to close, where the venue keeps positions one by one."""
    position_effect: PositionEffect | None = None
    """CLOSE: only ever reduce `position_id`."""
    target_strategy: str = ""
    """FIX TargetStrategy (847): have the venue work the order by a strategy of its own, as its page calls it."""
    strategy_parameters: dict[str, str] = field(default_factory=dict[str, str])
    """FIX StrategyParametersGrp: what else the strategy needs, in the venue's own names and forms."""
    cancel_on_disconnect: bool = False
    """Have the venue cancel it when this connection is lost, where the venue can."""
    cl_ord_id: str = ""
    """Our id; the client makes one when it is empty."""
    account: str = ""
    text: str = ""
    ref: str = ""
    """Set by the session: which request this is."""

    def __post_init__(self) -> None:
        _exact(self, "order_qty", "price", "stop_px", "cash_order_qty", "max_floor")
        _exact(self, "stop_loss_px", "take_profit_px", "stop_loss_offset", "take_profit_offset")


class ReplaceOrder(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """FIX OrderCancelReplaceRequest (G). The client completes what the venue's form needs from the order itself."""

    symbol: str
    side: Side
    ord_type: OrdType
    order_id: str
    """The venue's id of the order to change."""
    orig_cl_ord_id: str
    cl_ord_id: str
    order_qty: Decimal | str | int | None = None
    """New total quantity, in units; None leaves it."""
    price: Decimal | str | int | None = None
    stop_px: Decimal | str | int | None = None
    time_in_force: TimeInForce | None = None
    account: str = ""
    text: str = ""
    ref: str = ""

    def __post_init__(self) -> None:
        _exact(self, "order_qty", "price", "stop_px")


class CancelOrder(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """FIX OrderCancelRequest (F)."""

    symbol: str
    side: Side
    ord_type: OrdType
    order_id: str
    """The venue's id; empty when only our own is known (then the venue must know orders by ours)."""
    orig_cl_ord_id: str
    cl_ord_id: str = ""
    account: str = ""
    ref: str = ""


class MassCancel(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """FIX OrderMassCancelRequest (q): every working order, or every one in `symbol`."""

    symbol: str | None = None
    account: str = ""
    ref: str = ""


class ExecutionReport(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """FIX ExecutionReport (8): one step in an order's life. `None` means that the venue did not say."""

    symbol: str
    exec_type: ExecType
    order_id: str = ""
    cl_ord_id: str = ""
    orig_cl_ord_id: str = ""
    """After a replacement: our id of the order that was replaced."""
    orig_order_id: str = ""
    """After a replacement that gave a new venue id: the venue's id of the order that was replaced."""
    side: Side | None = None
    ord_status: OrdStatus | None = None
    ord_type: OrdType | None = None
    time_in_force: TimeInForce | None = None
    order_qty: Decimal | None = None
    cash_order_qty: Decimal | None = None
    price: Decimal | None = None
    stop_px: Decimal | None = None
    post_only: bool | None = None
    expire_time: Nanos | None = None
    exec_id: str = ""
    """One fill's id, unique at the venue; set when `exec_type` is TRADE and the venue names fills."""
    last_qty: Decimal | None = None
    last_px: Decimal | None = None
    cum_qty: Decimal | None = None
    leaves_qty: Decimal | None = None
    avg_px: Decimal | None = None
    commission: Decimal | None = None
    """Of this fill; positive is a cost (FIX 12)."""
    cum_commission: Decimal | None = None
    """Of the whole order so far, where the venue reports totals only."""
    last_liquidity_ind: LiquidityInd | None = None
    ord_rej_reason: OrdRejReason | None = None
    text: str = ""
    """The venue's own words: reason of a refusal or of a cancellation."""
    code: str = ""
    """The venue's own code of a refusal."""
    account: str = ""
    position_id: str = ""
    """Where the venue keeps positions one by one."""
    transact_time: Nanos = 0
    recv_time: Nanos = 0
    historical: bool = False
    """From a first set or a list: it has happened before we asked."""
    ref: str | None = None
    """The request this answers."""


class CancelReject(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """FIX OrderCancelReject (9): a cancel or replace that was refused; the order stands as it stood."""

    order_id: str
    orig_cl_ord_id: str = ""
    cl_ord_id: str = ""
    reason: OrdRejReason = OrdRejReason.OTHER
    code: str = ""
    text: str = ""
    symbol: str = ""
    account: str = ""
    is_replace: bool = False
    recv_time: Nanos = 0
    ref: str | None = None
