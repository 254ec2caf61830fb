"""The model objects that messages are made of (PROTO, model messages)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, field

from venuewire.venues.ctrader.wire.base import Int, Message, UInt


class TradeData(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    symbol_id: Int
    volume: Int
    trade_side: Int
    open_timestamp: Int | None = None
    label: str | None = None
    guaranteed_stop_loss: bool | None = None
    comment: str | None = None
    measurement_units: str | None = None
    close_timestamp: Int | None = None


class Order(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    order_id: Int
    trade_data: TradeData | None = None
    """Its volume is the full volume of the order."""
    order_type: Int | None = None
    order_status: Int | None = None
    expiration_timestamp: Int | None = None
    execution_price: Decimal | None = None
    executed_volume: Int | None = None
    utc_last_update_timestamp: Int | None = None
    base_slippage_price: Decimal | None = None
    slippage_in_points: Int | None = None
    closing_order: bool | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    client_order_id: str | None = None
    time_in_force: Int | None = None
    position_id: Int | None = None
    relative_stop_loss: Int | None = None
    relative_take_profit: Int | None = None
    is_stop_out: bool | None = None
    trailing_stop_loss: bool | None = None
    stop_trigger_method: Int | None = None


class Position(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    position_id: Int
    trade_data: TradeData
    position_status: Int | None = None
    swap: Int | None = None
    price: Decimal | None = None
    """Volume-weighted entry; 0.0 while empty."""
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    utc_last_update_timestamp: Int | None = None
    commission: Int | None = None
    """Of the opening side; negative is a cost. In the units of `money_digits`."""
    margin_rate: Decimal | None = None
    mirroring_commission: Int | None = None
    guaranteed_stop_loss: bool | None = None
    used_margin: Int | None = None
    stop_loss_trigger_method: Int | None = None
    money_digits: Int | None = None
    trailing_stop_loss: bool | None = None


class ClosePositionDetail(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    entry_price: Decimal | None = None
    gross_profit: Int | None = None
    swap: Int | None = None
    commission: Int | None = None
    """Share of the opening side and the closing side together."""
    balance: Int | None = None
    quote_to_deposit_conversion_rate: Decimal | None = None
    closed_volume: Int | None = None
    balance_version: Int | None = None
    money_digits: Int | None = None
    pnl_conversion_fee: Int | None = None


class Deal(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    deal_id: Int
    order_id: Int | None = None
    position_id: Int | None = None
    volume: Int | None = None
    filled_volume: Int | None = None
    symbol_id: Int | None = None
    create_timestamp: Int | None = None
    execution_timestamp: Int | None = None
    utc_last_update_timestamp: Int | None = None
    execution_price: Decimal | None = None
    trade_side: Int | None = None
    deal_status: Int | None = None
    margin_rate: Decimal | None = None
    commission: Int | None = None
    base_to_usd_conversion_rate: Decimal | None = None
    close_position_detail: ClosePositionDetail | None = None
    money_digits: Int | None = None


class DepositWithdraw(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    operation_type: Int
    balance_history_id: Int
    balance: Int
    delta: Int
    change_balance_timestamp: Int
    external_note: str | None = None
    balance_version: Int | None = None
    equity: Int | None = None
    money_digits: Int | None = None


class BonusDepositWithdraw(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    operation_type: Int
    bonus_history_id: Int
    manager_bonus: Int
    manager_delta: Int
    ib_bonus: Int
    ib_delta: Int
    change_bonus_timestamp: Int
    external_note: str | None = None
    introducing_broker_id: Int | None = None
    money_digits: Int | None = None


class Trader(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    ctid_trader_account_id: Int
    balance: Int
    balance_version: Int | None = None
    """Counts changes of the balance; absent until the first."""
    manager_bonus: Int | None = None
    ib_bonus: Int | None = None
    non_withdrawable_bonus: Int | None = None
    access_rights: Int | None = None
    deposit_asset_id: Int
    swap_free: bool | None = None
    leverage_in_cents: Int | None = None
    """10000 is 1:100."""
    total_margin_calculation_type: Int | None = None
    max_leverage: Int | None = None
    french_risk: bool | None = None
    trader_login: Int | None = None
    account_type: Int | None = None
    broker_name: str | None = None
    registration_timestamp: Int | None = None
    is_limited_risk: bool | None = None
    limited_risk_margin_calculation_strategy: Int | None = None
    money_digits: Int | None = None
    fair_stop_out: bool | None = None
    stop_out_strategy: Int | None = None


class CtidTraderAccount(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    ctid_trader_account_id: Int
    is_live: bool
    trader_login: Int | None = None
    last_closing_deal_timestamp: Int | None = None
    last_balance_update_timestamp: Int | None = None
    broker_title_short: str | None = None


class LightSymbol(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    symbol_id: Int
    symbol_name: str | None = None
    enabled: bool | None = None
    base_asset_id: Int | None = None
    quote_asset_id: Int | None = None
    symbol_category_id: Int | None = None
    description: str | None = None
    sorting_number: Decimal | None = None


class ArchivedSymbol(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    symbol_id: Int
    name: str
    utc_last_update_timestamp: Int
    description: str | None = None


class Interval(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    start_second: Int
    end_second: Int


class Holiday(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    holiday_id: Int
    name: str
    description: str | None = None
    schedule_time_zone: str
    holiday_date: Int
    is_recurring: bool
    start_second: Int | None = None
    end_second: Int | None = None


class Symbol(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    symbol_id: Int
    digits: Annotated[int, Meta(ge=0, le=20)]
    pip_position: Int | None = None
    enable_short_selling: bool | None = None
    guaranteed_stop_loss: bool | None = None
    swap_rollover3_days: Int | None = None
    swap_long: Decimal | None = None
    swap_short: Decimal | None = None
    max_volume: Int | None = None
    min_volume: Int | None = None
    step_volume: Int | None = None
    max_exposure: Int | None = None
    schedule: tuple[Interval, ...] = ()
    commission: Int | None = None
    commission_type: Int | None = None
    sl_distance: Int | None = None
    tp_distance: Int | None = None
    gsl_distance: Int | None = None
    gsl_charge: Int | None = None
    distance_set_in: Int | None = None
    min_commission: Int | None = None
    min_commission_type: Int | None = None
    min_commission_asset: str | None = None
    rollover_commission: Int | None = None
    skip_rollover_days: Int | None = None
    schedule_time_zone: str | None = None
    trading_mode: Int | None = None
    rollover_commission3_days: Int | None = None
    swap_calculation_type: Int | None = None
    lot_size: Int | None = None
    precise_trading_commission_rate: Int | None = None
    precise_min_commission: Int | None = None
    holiday: tuple[Holiday, ...] = ()
    pnl_conversion_fee_rate: Int | None = None
    leverage_id: Int | None = None
    swap_period: Int | None = None
    swap_time: Int | None = None
    skip_swap_periods: Int | None = field(default=None, name="skipSWAPPeriods")
    charge_swap_at_weekends: bool | None = None
    measurement_units: str | None = None


class Asset(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    asset_id: Int
    name: str
    display_name: str | None = None
    digits: Int | None = None


class Trendbar(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    volume: Int
    period: Int | None = None
    low: Int | None = None
    delta_open: Int | None = None
    delta_close: Int | None = None
    delta_high: Int | None = None
    utc_timestamp_in_minutes: Int | None = None


class DepthQuote(Message, frozen=True, kw_only=True):
    """One quote of a depth book; exactly one of bid and ask."""

    id: UInt
    size: UInt
    bid: UInt | None = None
    ask: UInt | None = None


class AssetClass(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    id: Int | None = None
    name: str | None = None
    sorting_number: Decimal | None = None


class SymbolCategory(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    id: Int
    asset_class_id: Int
    name: str
    sorting_number: Decimal | None = None


class TickData(Message, frozen=True, kw_only=True):
    """The first row of a list is absolute, every later one a difference to the row before it."""

    timestamp: Int
    """Milliseconds."""
    tick: Int


class ExpectedMargin(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    volume: Int
    buy_margin: Int
    sell_margin: Int


class PositionUnrealizedPnL(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    position_id: Int
    gross_unrealized: Int = field(name="grossUnrealizedPnL")
    net_unrealized: Int = field(name="netUnrealizedPnL")
    """Swap and the opening commission are in it, the future closing commission is not."""


class MarginCall(Message, frozen=True, kw_only=True):
    """One of the three thresholds of an account."""

    margin_call_type: Int
    margin_level_threshold: Decimal
    """Percent (assumed)."""
    utc_last_update_timestamp: Int | None = None


class DynamicLeverageTier(Message, frozen=True, kw_only=True):
    """PROTO, model messages. The scale of `leverage` is not documented; hundredths are assumed."""

    volume: Int
    leverage: Int


class DynamicLeverage(Message, frozen=True, kw_only=True):
    """Tiers ascend by volume; the last also applies above it."""

    leverage_id: Int
    tiers: tuple[DynamicLeverageTier, ...] = ()


class DealOffset(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    deal_id: Int
    volume: Int
    execution_timestamp: Int | None = None
    execution_price: Decimal | None = None


class CtidProfile(Message, frozen=True, kw_only=True):
    """PROTO, model messages."""

    user_id: Int
