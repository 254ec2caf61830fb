"""Orders, executions, positions and money (PROTO)."""

from __future__ import annotations

from decimal import Decimal

from venuewire.venues.ctrader.wire.base import Int, Message, Word
from venuewire.venues.ctrader.wire.model import BonusDepositWithdraw, Deal, DepositWithdraw, Order, Position, Trader


class TraderReq(Message, frozen=True, kw_only=True):
    """2121, answered by 2122 (PROTO)."""

    ctid_trader_account_id: Int


class TraderRes(Message, frozen=True, kw_only=True):
    """2122 (PROTO)."""

    ctid_trader_account_id: Int
    trader: Trader


class TraderUpdatedEvent(Message, frozen=True, kw_only=True):
    """2123 (PROTO)."""

    ctid_trader_account_id: Int
    trader: Trader


class ReconcileReq(Message, frozen=True, kw_only=True):
    """2124, answered by 2125 (PROTO)."""

    ctid_trader_account_id: Int
    return_protection_orders: bool | None = None


class ReconcileRes(Message, frozen=True, kw_only=True):
    """2125 (PROTO)."""

    ctid_trader_account_id: Int
    position: tuple[Position, ...] = ()
    order: tuple[Order, ...] = ()


class NewOrderReq(Message, frozen=True, kw_only=True):
    """2106, answered by 2126 or 2132 (PROTO)."""

    ctid_trader_account_id: Int
    symbol_id: Int
    order_type: Word
    trade_side: Word
    volume: Int
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: Word | None = None
    expiration_timestamp: Int | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    comment: str | None = None
    base_slippage_price: Decimal | None = None
    slippage_in_points: Int | None = None
    label: str | None = None
    position_id: Int | None = None
    client_order_id: str | None = None
    relative_stop_loss: Int | None = None
    relative_take_profit: Int | None = None
    guaranteed_stop_loss: bool | None = None
    trailing_stop_loss: bool | None = None
    stop_trigger_method: Word | None = None


class CancelOrderReq(Message, frozen=True, kw_only=True):
    """2108, answered by 2126 or 2132 (PROTO)."""

    ctid_trader_account_id: Int
    order_id: Int


class AmendOrderReq(Message, frozen=True, kw_only=True):
    """`volume` is the total; what is absent stays."""

    ctid_trader_account_id: Int
    order_id: Int
    volume: Int | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    expiration_timestamp: Int | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    slippage_in_points: Int | None = None
    relative_stop_loss: Int | None = None
    relative_take_profit: Int | None = None
    guaranteed_stop_loss: bool | None = None
    trailing_stop_loss: bool | None = None
    stop_trigger_method: Word | None = None


class ClosePositionReq(Message, frozen=True, kw_only=True):
    """2111, answered by 2126 or 2132 (PROTO)."""

    ctid_trader_account_id: Int
    position_id: Int
    volume: Int


class AmendPositionSLTPReq(Message, frozen=True, kw_only=True):
    """2110, answered by 2126 or 2132 (PROTO). A level that is left out is removed."""

    ctid_trader_account_id: Int
    position_id: Int
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    guaranteed_stop_loss: bool | None = None
    trailing_stop_loss: bool | None = None
    """Absent: as it was. False needs a `stop_loss`."""
    stop_loss_trigger_method: Word | None = None


class TrailingSLChangedEvent(Message, frozen=True, kw_only=True):
    """2107 (PROTO): a trailing stop has moved; nothing else tells of it."""

    ctid_trader_account_id: Int
    position_id: Int
    order_id: Int
    stop_price: Decimal
    utc_last_update_timestamp: Int


class ExecutionEvent(Message, frozen=True, kw_only=True):
    """2126 (PROTO)."""

    ctid_trader_account_id: Int | None = None
    execution_type: Int
    position: Position | None = None
    order: Order | None = None
    deal: Deal | None = None
    bonus_deposit_withdraw: BonusDepositWithdraw | None = None
    deposit_withdraw: DepositWithdraw | None = None
    error_code: str | None = None
    is_server_event: bool | None = None


class OrderErrorEvent(Message, frozen=True, kw_only=True):
    """2132: a refused order request; `order_id` and `position_id` may be 0 or absent."""

    error_code: str
    order_id: Int | None = None
    position_id: Int | None = None
    ctid_trader_account_id: Int | None = None
    description: str | None = None
