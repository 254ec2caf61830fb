"""Margin, its warnings, leverage and unrealised profit (PROTO)."""

from __future__ import annotations

from msgspec import field

from venuewire.venues.ctrader.wire.base import Ids, Int, Message, UInt
from venuewire.venues.ctrader.wire.model import DynamicLeverage, ExpectedMargin, MarginCall, PositionUnrealizedPnL


class ExpectedMarginReq(Message, frozen=True, kw_only=True):
    """2139, answered by 2140 (PROTO)."""

    ctid_trader_account_id: Int
    symbol_id: Int
    volume: Ids = ()


class ExpectedMarginRes(Message, frozen=True, kw_only=True):
    """2140 (PROTO). One row for each volume asked."""

    ctid_trader_account_id: Int
    margin: tuple[ExpectedMargin, ...] = ()
    money_digits: Int | None = None


class MarginChangedEvent(Message, frozen=True, kw_only=True):
    """2141 (PROTO): used margin that changed otherwise than by a fill."""

    ctid_trader_account_id: Int
    position_id: UInt
    used_margin: UInt
    money_digits: Int | None = None


class MarginCallListReq(Message, frozen=True, kw_only=True):
    """2167, answered by 2168 (PROTO)."""

    ctid_trader_account_id: Int


class MarginCallListRes(Message, frozen=True, kw_only=True):
    """2168 (PROTO). Normally three rows; without the account's id."""

    margin_call: tuple[MarginCall, ...] = ()


class MarginCallUpdateReq(Message, frozen=True, kw_only=True):
    """2169, answered by 2170 (PROTO)."""

    ctid_trader_account_id: Int
    margin_call: MarginCall


class MarginCallUpdateRes(Message, frozen=True, kw_only=True):
    """2170 (PROTO)."""


class MarginCallUpdateEvent(Message, frozen=True, kw_only=True):
    """2171 (PROTO)."""

    ctid_trader_account_id: Int
    margin_call: MarginCall


class MarginCallTriggerEvent(Message, frozen=True, kw_only=True):
    """2172 (PROTO): at most once in ten minutes."""

    ctid_trader_account_id: Int
    margin_call: MarginCall


class GetDynamicLeverageByIDReq(Message, frozen=True, kw_only=True):
    """2177, answered by 2178 (PROTO)."""

    ctid_trader_account_id: Int
    leverage_id: Int


class GetDynamicLeverageByIDRes(Message, frozen=True, kw_only=True):
    """2178 (PROTO)."""

    ctid_trader_account_id: Int
    leverage: DynamicLeverage


class GetPositionUnrealizedPnLReq(Message, frozen=True, kw_only=True):
    """2187, answered by 2188 (PROTO)."""

    ctid_trader_account_id: Int


class GetPositionUnrealizedPnLRes(Message, frozen=True, kw_only=True):
    """2188 (PROTO). One row for each open position."""

    ctid_trader_account_id: Int
    positions: tuple[PositionUnrealizedPnL, ...] = field(default=(), name="positionUnrealizedPnL")
    money_digits: Int
