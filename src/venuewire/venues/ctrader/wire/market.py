"""What is traded, and its prices (PROTO)."""

from __future__ import annotations

from venuewire.venues.ctrader.wire.base import Ids, Int, Message, UInt
from venuewire.venues.ctrader.wire.model import ArchivedSymbol, Asset, DepthQuote, LightSymbol, Symbol, Trendbar


class AssetListReq(Message, frozen=True, kw_only=True):
    ctid_trader_account_id: Int


class AssetListRes(Message, frozen=True, kw_only=True):
    ctid_trader_account_id: Int
    asset: tuple[Asset, ...] = ()


class SymbolsListReq(Message, frozen=True, kw_only=True):
    ctid_trader_account_id: Int
    include_archived_symbols: bool | None = None


class SymbolsListRes(Message, frozen=True, kw_only=True):
    ctid_trader_account_id: Int
    symbol: tuple[LightSymbol, ...] = ()
    archived_symbol: tuple[ArchivedSymbol, ...] = ()


class SymbolByIdReq(Message, frozen=True, kw_only=True):
    ctid_trader_account_id: Int
    symbol_id: Ids = ()


class SymbolByIdRes(Message, frozen=True, kw_only=True):
    ctid_trader_account_id: Int
    symbol: tuple[Symbol, ...] = ()
    archived_symbol: tuple[ArchivedSymbol, ...] = ()


class SubscribeSpotsReq(Message, frozen=True, kw_only=True):
    ctid_trader_account_id: Int
    symbol_id: Ids = ()
    subscribe_to_spot_timestamp: bool | None = None


class SubscribeSpotsRes(Message, frozen=True, kw_only=True):
    ctid_trader_account_id: Int


class UnsubscribeSpotsReq(Message, frozen=True, kw_only=True):
    ctid_trader_account_id: Int
    symbol_id: Ids = ()


class UnsubscribeSpotsRes(Message, frozen=True, kw_only=True):
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
    ctid_trader_account_id: Int
    symbol_id: Ids = ()


class SubscribeDepthQuotesRes(Message, frozen=True, kw_only=True):
    ctid_trader_account_id: Int


class UnsubscribeDepthQuotesReq(Message, frozen=True, kw_only=True):
    ctid_trader_account_id: Int
    symbol_id: Ids = ()


class UnsubscribeDepthQuotesRes(Message, frozen=True, kw_only=True):
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
