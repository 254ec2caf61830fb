"""What is traded, and its prices (PROTO)."""

from __future__ import annotations

from venuewire.venues.ctrader.wire.base import Ids, Int, Message, UInt, Word
from venuewire.venues.ctrader.wire.model import (
    ArchivedSymbol,
    Asset,
    AssetClass,
    DepthQuote,
    LightSymbol,
    Symbol,
    SymbolCategory,
    Trendbar,
)


class AssetListReq(Message, frozen=True, kw_only=True):
    """2112, answered by 2113 (PROTO)."""

    ctid_trader_account_id: Int


class AssetListRes(Message, frozen=True, kw_only=True):
    """2113 (PROTO)."""

    ctid_trader_account_id: Int
    asset: tuple[Asset, ...] = ()


class SymbolsListReq(Message, frozen=True, kw_only=True):
    """2114, answered by 2115 (PROTO)."""

    ctid_trader_account_id: Int
    include_archived_symbols: bool | None = None


class SymbolsListRes(Message, frozen=True, kw_only=True):
    """2115 (PROTO)."""

    ctid_trader_account_id: Int
    symbol: tuple[LightSymbol, ...] = ()
    archived_symbol: tuple[ArchivedSymbol, ...] = ()


class SymbolByIdReq(Message, frozen=True, kw_only=True):
    """2116, answered by 2117 (PROTO)."""

    ctid_trader_account_id: Int
    symbol_id: Ids = ()


class SymbolByIdRes(Message, frozen=True, kw_only=True):
    """2117 (PROTO)."""

    ctid_trader_account_id: Int
    symbol: tuple[Symbol, ...] = ()
    archived_symbol: tuple[ArchivedSymbol, ...] = ()


class SubscribeSpotsReq(Message, frozen=True, kw_only=True):
    """2127, answered by 2128 (PROTO)."""

    ctid_trader_account_id: Int
    symbol_id: Ids = ()
    subscribe_to_spot_timestamp: bool | None = None


class SubscribeSpotsRes(Message, frozen=True, kw_only=True):
    """2128 (PROTO)."""

    ctid_trader_account_id: Int


class UnsubscribeSpotsReq(Message, frozen=True, kw_only=True):
    """2129, answered by 2130 (PROTO)."""

    ctid_trader_account_id: Int
    symbol_id: Ids = ()


class UnsubscribeSpotsRes(Message, frozen=True, kw_only=True):
    """2130 (PROTO)."""

    ctid_trader_account_id: Int


class SpotEvent(Message, frozen=True, kw_only=True):
    """A side that is absent has not changed. `timestamp` only where it was asked for."""

    ctid_trader_account_id: Int
    symbol_id: Int
    bid: UInt | None = None
    ask: UInt | None = None
    trendbar: tuple[Trendbar, ...] = ()
    session_close: UInt | None = None
    timestamp: Int | None = None


class SubscribeDepthQuotesReq(Message, frozen=True, kw_only=True):
    """2156, answered by 2157 (PROTO)."""

    ctid_trader_account_id: Int
    symbol_id: Ids = ()


class SubscribeDepthQuotesRes(Message, frozen=True, kw_only=True):
    """2157 (PROTO)."""

    ctid_trader_account_id: Int


class UnsubscribeDepthQuotesReq(Message, frozen=True, kw_only=True):
    """2158, answered by 2159 (PROTO)."""

    ctid_trader_account_id: Int
    symbol_id: Ids = ()


class UnsubscribeDepthQuotesRes(Message, frozen=True, kw_only=True):
    """2159 (PROTO)."""

    ctid_trader_account_id: Int


class DepthEvent(Message, frozen=True, kw_only=True):
    """Quotes by id: inserted or overwritten, and erased."""

    ctid_trader_account_id: Int
    symbol_id: Int
    new_quotes: tuple[DepthQuote, ...] = ()
    deleted_quotes: tuple[UInt, ...] = ()


class SymbolsForConversionReq(Message, frozen=True, kw_only=True):
    """2118, answered by 2119 (PROTO)."""

    ctid_trader_account_id: Int
    first_asset_id: Int
    last_asset_id: Int


class SymbolsForConversionRes(Message, frozen=True, kw_only=True):
    """2119 (PROTO). The chain is in order."""

    ctid_trader_account_id: Int
    symbol: tuple[LightSymbol, ...] = ()


class SymbolChangedEvent(Message, frozen=True, kw_only=True):
    """2120 (PROTO): these symbols are to be read again."""

    ctid_trader_account_id: Int
    symbol_id: tuple[Int, ...] = ()


class AssetClassListReq(Message, frozen=True, kw_only=True):
    """2153, answered by 2154 (PROTO)."""

    ctid_trader_account_id: Int


class AssetClassListRes(Message, frozen=True, kw_only=True):
    """2154 (PROTO)."""

    ctid_trader_account_id: Int
    asset_class: tuple[AssetClass, ...] = ()


class SymbolCategoryListReq(Message, frozen=True, kw_only=True):
    """2160, answered by 2161 (PROTO)."""

    ctid_trader_account_id: Int


class SymbolCategoryListRes(Message, frozen=True, kw_only=True):
    """2161 (PROTO)."""

    ctid_trader_account_id: Int
    symbol_category: tuple[SymbolCategory, ...] = ()


class SubscribeLiveTrendbarReq(Message, frozen=True, kw_only=True):
    """2135, answered by 2165 (PROTO)."""

    ctid_trader_account_id: Int
    period: Word
    symbol_id: Int


class SubscribeLiveTrendbarRes(Message, frozen=True, kw_only=True):
    """2165 (PROTO)."""

    ctid_trader_account_id: Int


class UnsubscribeLiveTrendbarReq(Message, frozen=True, kw_only=True):
    """2136, answered by 2166 (PROTO)."""

    ctid_trader_account_id: Int
    period: Word
    symbol_id: Int


class UnsubscribeLiveTrendbarRes(Message, frozen=True, kw_only=True):
    """2166 (PROTO)."""

    ctid_trader_account_id: Int


def as_ids(value: Ids) -> tuple[int, ...]:
    """A list field as a list, whichever way it was written."""
    return (value,) if isinstance(value, int) else value
