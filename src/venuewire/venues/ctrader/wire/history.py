"""The past: bars, ticks, orders, deals and cash flow (PROTO; DOC21, faq)."""

from __future__ import annotations

from venuewire.venues.ctrader.wire.base import Int, Message, UInt, Word
from venuewire.venues.ctrader.wire.model import Deal, DealOffset, DepositWithdraw, Order, TickData, Trendbar


class GetTrendbarsReq(Message, frozen=True, kw_only=True):
    """2137, answered by 2138 (PROTO). With `count`, `from_timestamp` does not bound the answer."""

    ctid_trader_account_id: Int
    from_timestamp: Int | None = None
    to_timestamp: Int | None = None
    period: Word
    symbol_id: Int
    count: UInt | None = None


class GetTrendbarsRes(Message, frozen=True, kw_only=True):
    """2138 (PROTO). Oldest first; bars without a period of their own. `timestamp` is deprecated."""

    ctid_trader_account_id: Int
    period: Int
    timestamp: Int | None = None
    trendbar: tuple[Trendbar, ...] = ()
    symbol_id: Int | None = None
    has_more: bool | None = None


class GetTickDataReq(Message, frozen=True, kw_only=True):
    """2145, answered by 2146 (PROTO)."""

    ctid_trader_account_id: Int
    symbol_id: Int
    type: Word
    from_timestamp: Int | None = None
    to_timestamp: Int | None = None


class GetTickDataRes(Message, frozen=True, kw_only=True):
    """2146 (PROTO). Newest first, as differences."""

    ctid_trader_account_id: Int
    tick_data: tuple[TickData, ...] = ()
    has_more: bool


class DealListReq(Message, frozen=True, kw_only=True):
    """2133, answered by 2134 (PROTO)."""

    ctid_trader_account_id: Int
    from_timestamp: Int | None = None
    to_timestamp: Int | None = None
    max_rows: Int | None = None


class DealListRes(Message, frozen=True, kw_only=True):
    """2134 (PROTO)."""

    ctid_trader_account_id: Int
    deal: tuple[Deal, ...] = ()
    has_more: bool


class OrderListReq(Message, frozen=True, kw_only=True):
    """2175, answered by 2176 (PROTO)."""

    ctid_trader_account_id: Int
    from_timestamp: Int | None = None
    to_timestamp: Int | None = None


class OrderListRes(Message, frozen=True, kw_only=True):
    """2176 (PROTO)."""

    ctid_trader_account_id: Int
    order: tuple[Order, ...] = ()
    has_more: bool


class DealListByPositionIdReq(Message, frozen=True, kw_only=True):
    """2179, answered by 2180 (PROTO)."""

    ctid_trader_account_id: Int
    position_id: Int
    from_timestamp: Int | None = None
    to_timestamp: Int | None = None


class DealListByPositionIdRes(Message, frozen=True, kw_only=True):
    """2180 (PROTO). Newest first."""

    ctid_trader_account_id: Int
    deal: tuple[Deal, ...] = ()
    has_more: bool


class OrderDetailsReq(Message, frozen=True, kw_only=True):
    """2181, answered by 2182 (PROTO)."""

    ctid_trader_account_id: Int
    order_id: Int


class OrderDetailsRes(Message, frozen=True, kw_only=True):
    """2182 (PROTO): an order and all its deals."""

    ctid_trader_account_id: Int
    order: Order
    deal: tuple[Deal, ...] = ()


class OrderListByPositionIdReq(Message, frozen=True, kw_only=True):
    """2183, answered by 2184 (PROTO)."""

    ctid_trader_account_id: Int
    position_id: Int
    from_timestamp: Int | None = None
    to_timestamp: Int | None = None


class OrderListByPositionIdRes(Message, frozen=True, kw_only=True):
    """2184 (PROTO). Newest first."""

    ctid_trader_account_id: Int
    order: tuple[Order, ...] = ()
    has_more: bool


class DealOffsetListReq(Message, frozen=True, kw_only=True):
    """2185, answered by 2186 (PROTO)."""

    ctid_trader_account_id: Int
    deal_id: Int


class DealOffsetListRes(Message, frozen=True, kw_only=True):
    """2186 (PROTO): what closed this deal, and what this deal closed."""

    ctid_trader_account_id: Int
    offset_by: tuple[DealOffset, ...] = ()
    offsetting: tuple[DealOffset, ...] = ()


class CashFlowHistoryListReq(Message, frozen=True, kw_only=True):
    """2143, answered by 2144 (PROTO). At most a week."""

    ctid_trader_account_id: Int
    from_timestamp: Int
    to_timestamp: Int


class CashFlowHistoryListRes(Message, frozen=True, kw_only=True):
    """2144 (PROTO)."""

    ctid_trader_account_id: Int
    deposit_withdraw: tuple[DepositWithdraw, ...] = ()
