"""What is traded, and its prices (PROTO)."""

from __future__ import annotations

from venuewire.venues.ctrader.wire.base import Ids, Int, Message, UInt
from venuewire.venues.ctrader.wire.model import ArchivedSymbol, Asset, DepthQuote, LightSymbol, Symbol, Trendbar


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


def as_ids(value: Ids) -> tuple[int, ...]:
    """A list field as a list, whichever way it was written."""
    return (value,) if isinstance(value, int) else value
