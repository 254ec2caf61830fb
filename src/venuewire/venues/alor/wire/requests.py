"""Requests and feeds for which the rest of venuewire has no word of its own (3.5, 5.1, 5.2, 5.5, 5.7).

`client.ask(record)` makes the request a record stands for, `client.feed(record)` opens the feed. Fields are those of
the venue's query, path or body; what is left out is not sent. Where a portfolio can be named and is not, it is one's
own. Answers come in the format `Simple`; arrays as `Listed`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Generic, TypeVar

from msgspec import UNSET, Struct, UnsetType

from venuewire.codec import decoder
from venuewire.venues.alor.wire import account, candles, commands, groups, market, risk, status, stops

T = TypeVar("T")


class Listed(Struct, Generic[T], frozen=True, kw_only=True):
    """The rows of an array."""

    rows: tuple[T, ...]
    total: int | None = None
    """How many there are without the limit, where the venue tells."""


class Time(Struct, frozen=True, kw_only=True):
    """What the venue's clock shows, Unix seconds."""

    seconds: int


class Said(Struct, frozen=True, kw_only=True):
    """An answer in plain text."""

    text: str


# --------------------------------------------------------------------------- feeds (3.5, 3.6.4)


class RisksFeed(Struct, frozen=True, kw_only=True):
    """`RisksGetAndSubscribe`; told in `risk.Risk`."""

    portfolio: str = ""
    exchange: str = ""


class SpectraRisksFeed(Struct, frozen=True, kw_only=True):
    """`SpectraRisksGetAndSubscribe`: the derivatives market's figures; told in `risk.SpectraRisk`."""

    portfolio: str = ""
    exchange: str = ""


class InstrumentFeed(Struct, frozen=True, kw_only=True):
    """`InstrumentsGetAndSubscribeV2` with all it has (margins, theoretical prices); told in `status.InstrumentStatus`.

    The first is whole, later ones have what has changed (3.6.4).
    """

    code: str
    exchange: str = "MOEX"
    instrumentGroup: str = ""


# --------------------------------------------------------------------------- the portfolio (5.1)


class SummaryRequest(Struct, frozen=True, kw_only=True):
    """`GET .../summary`."""

    portfolio: str = ""
    exchange: str = ""


class RiskRequest(Struct, frozen=True, kw_only=True):
    """`GET .../risk`."""

    portfolio: str = ""
    exchange: str = ""


class SpectraRiskRequest(Struct, frozen=True, kw_only=True):
    """`GET .../fortsrisk`."""

    portfolio: str = ""
    exchange: str = ""


class PositionsRequest(Struct, frozen=True, kw_only=True):
    """`GET .../positions`, with all the venue tells of each."""

    portfolio: str = ""
    exchange: str = ""
    withoutCurrency: bool | UnsetType = UNSET


class PositionRequest(Struct, frozen=True, kw_only=True):
    """`GET .../positions/{symbol}`."""

    symbol: str
    portfolio: str = ""
    exchange: str = ""


class LoginPositionsRequest(Struct, frozen=True, kw_only=True):
    """`GET /md/v2/Clients/{login}/positions`: of all portfolios of a login."""

    login: str
    withoutCurrency: bool | UnsetType = UNSET


class OrderRequest(Struct, frozen=True, kw_only=True):
    """`GET .../orders/{orderId}`."""

    orderId: str
    portfolio: str = ""
    exchange: str = ""


class StopOrderRequest(Struct, frozen=True, kw_only=True):
    """`GET .../stoporders/{orderId}`; the venue's own id, without our `stop:`."""

    orderId: str
    portfolio: str = ""
    exchange: str = ""


class TradesRequest(Struct, frozen=True, kw_only=True):
    """`GET .../trades`: one's own trades of this session."""

    portfolio: str = ""
    exchange: str = ""
    withRepo: bool | UnsetType = UNSET


class SymbolTradesRequest(Struct, frozen=True, kw_only=True):
    """`GET .../{symbol}/trades`: those in one instrument."""

    symbol: str
    portfolio: str = ""
    exchange: str = ""
    instrumentGroup: str = ""


class TradeHistoryRequest(Struct, frozen=True, kw_only=True, rename={"first": "from"}):
    """`GET /md/v2/Stats/.../history/trades`: one's own trades of the sessions before this one.

    With a single cash position `orderByTradeDate` must be true (5.1).
    """

    portfolio: str = ""
    exchange: str = ""
    ticker: str = ""
    instrumentGroup: str = ""
    dateFrom: str = ""
    first: int | UnsetType = UNSET
    """Id of the trade to begin with (`from`)."""
    limit: int | UnsetType = UNSET
    orderByTradeDate: bool | UnsetType = UNSET
    descending: bool | UnsetType = UNSET
    withRepo: bool | UnsetType = UNSET
    side: str = ""


# --------------------------------------------------------------------------- instruments and market data (5.2)


class SecuritiesRequest(Struct, frozen=True, kw_only=True):
    """`GET /md/v2/Securities`: a search."""

    query: str = ""
    limit: int | UnsetType = UNSET
    offset: int | UnsetType = UNSET
    sector: str = ""
    """`FORTS`, `FOND`, `CURR`."""
    cficode: str = ""
    exchange: str = "MOEX"
    instrumentGroup: str = ""
    includeNonBaseBoards: bool | UnsetType = UNSET


class SecurityRequest(Struct, frozen=True, kw_only=True):
    """`GET /md/v2/Securities/{exchange}/{symbol}`."""

    symbol: str
    exchange: str = "MOEX"
    instrumentGroup: str = ""


class BoardsRequest(Struct, frozen=True, kw_only=True):
    """`GET .../availableBoards`."""

    symbol: str
    exchange: str = "MOEX"


class AllTradesRequest(Struct, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """`GET .../alltrades`: anonymous trades of this session."""

    symbol: str
    exchange: str = "MOEX"
    instrumentGroup: str = ""
    start: int | UnsetType = UNSET
    """Unix seconds (`from`)."""
    end: int | UnsetType = UNSET
    """Unix seconds (`to`)."""
    fromId: int | UnsetType = UNSET
    toId: int | UnsetType = UNSET
    qtyFrom: int | UnsetType = UNSET
    qtyTo: int | UnsetType = UNSET
    priceFrom: Decimal | UnsetType = UNSET
    priceTo: Decimal | UnsetType = UNSET
    side: str = ""
    offset: int | UnsetType = UNSET
    take: int | UnsetType = UNSET
    descending: bool | UnsetType = UNSET
    includeVirtualTrades: bool | UnsetType = UNSET


class AllTradesHistoryRequest(Struct, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """`GET .../alltrades/history`: anonymous trades of the sessions before this one."""

    symbol: str
    limit: int
    """1 to 50000."""
    exchange: str = "MOEX"
    instrumentGroup: str = ""
    start: int | UnsetType = UNSET
    end: int | UnsetType = UNSET
    offset: int | UnsetType = UNSET


class FuturesQuoteRequest(Struct, frozen=True, kw_only=True):
    """`GET .../actualFuturesQuote`: the quote of the nearest future on this."""

    symbol: str
    exchange: str = "MOEX"


class QuotesRequest(Struct, frozen=True, kw_only=True):
    """`GET /md/v2/Securities/{symbols}/quotes`."""

    symbols: tuple[str, ...]
    """Such as `MOEX:SBER`."""


class CurrencyPairsRequest(Struct, frozen=True, kw_only=True):
    """`GET /md/v2/Securities/currencyPairs`."""


class BookRequest(Struct, frozen=True, kw_only=True):
    """`GET /md/v2/orderbooks/{exchange}/{symbol}`."""

    symbol: str
    exchange: str = "MOEX"
    depth: int | UnsetType = UNSET
    instrumentGroup: str = ""


class HistoryRequest(Struct, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """`GET /md/v2/history`: candles, with what `client.bars` does not ask (`countBack`, `untraded`)."""

    symbol: str
    tf: str
    start: int
    end: int
    exchange: str = "MOEX"
    instrumentGroup: str = ""
    countBack: int | UnsetType = UNSET
    untraded: bool | UnsetType = UNSET
    splitAdjust: bool | UnsetType = UNSET


class TimeRequest(Struct, frozen=True, kw_only=True):
    """`GET /md/v2/time`."""


class RiskRatesRequest(Struct, frozen=True, kw_only=True):
    """`GET /md/v2/risk/rates`."""

    riskCategoryId: int
    exchange: str = ""
    ticker: str = ""
    search: str = ""
    limit: int | UnsetType = UNSET
    offset: int | UnsetType = UNSET


# --------------------------------------------------------------------------- estimates and groups of orders (5.5, 5.7)


class EstimatesRequest(Struct, frozen=True, kw_only=True):
    """`POST .../estimate/all`: several at once."""

    orders: tuple[groups.EstimateRequest, ...]


class GroupsRequest(Struct, frozen=True, kw_only=True):
    """`GET /commandapi/api/orderGroups`."""


class GroupShownRequest(Struct, frozen=True, kw_only=True):
    """`GET /commandapi/api/orderGroups/{groupId}`."""

    groupId: str


class GroupChangeRequest(Struct, frozen=True, kw_only=True):
    """`PUT /commandapi/api/orderGroups/{groupId}`: other members, another policy."""

    groupId: str
    group: groups.GroupRequest


class GroupEndRequest(Struct, frozen=True, kw_only=True):
    """`DELETE /commandapi/api/orderGroups/{groupId}`: the group ends, its orders stay."""

    groupId: str


# --------------------------------------------------------------------------- how each is made, and what answers


class Call(Struct, frozen=True):
    """How a request is made."""

    path: str
    """Fields of the record in braces; the rest goes into the query of a GET."""
    read: Callable[[bytes], Struct]
    """The answer."""
    method: str = "GET"
    body: Callable[[Struct], object] | None = None


def _rows(read: Callable[[bytes], list[T]]) -> Callable[[bytes], Listed[T]]:
    return lambda body: Listed(rows=tuple(read(body)))


_read_trades = decoder(list[market.AllTradeSimple])
_read_seconds = decoder(int)


def _past_trades(body: bytes) -> Listed[market.AllTradeSimple]:
    """An array, though an example shows one object (3.14)."""
    record = market.read_all_trades_history(body)
    raw = bytes(record.trades)
    return Listed(rows=tuple(_read_trades(raw if raw.startswith(b"[") else b"[" + raw + b"]")), total=record.total)


def _rates(body: bytes) -> Listed[risk.RiskRate]:
    record = risk.read_risk_rates(body)
    return Listed(rows=tuple(record.rates), total=record.total)


def _said(body: bytes) -> Said:
    return Said(text=body.decode(errors="replace").strip().strip('"'))


def _itself(record: Struct) -> object:
    return record


def _orders_of(record: Struct) -> object:
    assert isinstance(record, EstimatesRequest)
    return record.orders


def _group_of(record: Struct) -> object:
    assert isinstance(record, GroupChangeRequest)
    return record.group


_OWN = "/md/v2/Clients/{exchange}/{portfolio}"
_SECURITY = "/md/v2/Securities/{exchange}/{symbol}"
_ESTIMATE = f"{commands.ORDERS_PATH}/estimate"
_read_group_made = groups.read_group_made

CALLS: dict[type[Struct], Call] = {
    SummaryRequest: Call(f"{_OWN}/summary", account.read_summary["Simple"]),
    RiskRequest: Call(f"{_OWN}/risk", risk.read_risk["Simple"]),
    SpectraRiskRequest: Call(f"{_OWN}/fortsrisk", risk.read_spectra_risk["Simple"]),
    PositionsRequest: Call(f"{_OWN}/positions", _rows(decoder(list[account.PositionSimple]))),
    PositionRequest: Call(f"{_OWN}/positions/{{symbol}}", account.read_position["Simple"]),
    LoginPositionsRequest: Call("/md/v2/Clients/{login}/positions", _rows(decoder(list[account.PositionSimple]))),
    OrderRequest: Call(f"{_OWN}/orders/{{orderId}}", account.read_order["Simple"]),
    StopOrderRequest: Call(f"{_OWN}/stoporders/{{orderId}}", stops.read_stop_order["Simple"]),
    TradesRequest: Call(f"{_OWN}/trades", _rows(decoder(list[account.TradeSimple]))),
    SymbolTradesRequest: Call(f"{_OWN}/{{symbol}}/trades", _rows(decoder(list[account.TradeSimple]))),
    TradeHistoryRequest: Call(
        "/md/v2/Stats/{exchange}/{portfolio}/history/trades", _rows(decoder(list[account.TradeSimple]))
    ),
    SecuritiesRequest: Call("/md/v2/Securities", _rows(decoder(list[market.SecuritySimple]))),
    SecurityRequest: Call(_SECURITY, market.read_security["Simple"]),
    BoardsRequest: Call(f"{_SECURITY}/availableBoards", _rows(decoder(list[str]))),
    AllTradesRequest: Call(f"{_SECURITY}/alltrades", _rows(_read_trades)),
    AllTradesHistoryRequest: Call(f"{_SECURITY}/alltrades/history", _past_trades),
    FuturesQuoteRequest: Call(f"{_SECURITY}/actualFuturesQuote", market.read_quote["Simple"]),
    QuotesRequest: Call("/md/v2/Securities/{symbols}/quotes", _rows(decoder(list[market.QuoteSimple]))),
    CurrencyPairsRequest: Call("/md/v2/Securities/currencyPairs", _rows(status.read_currency_pairs)),
    BookRequest: Call("/md/v2/orderbooks/{exchange}/{symbol}", market.read_book["Simple"]),
    HistoryRequest: Call("/md/v2/history", candles.read_history["Simple"]),
    TimeRequest: Call("/md/v2/time", lambda body: Time(seconds=_read_seconds(body))),
    RiskRatesRequest: Call("/md/v2/risk/rates", _rates),
    groups.EstimateRequest: Call(_ESTIMATE, groups.read_estimate, "POST", _itself),
    EstimatesRequest: Call(f"{_ESTIMATE}/all", _rows(decoder(list[groups.Estimate])), "POST", _orders_of),
    GroupsRequest: Call(groups.GROUPS_PATH, _rows(decoder(list[groups.Group]))),
    groups.GroupRequest: Call(groups.GROUPS_PATH, _read_group_made, "POST", _itself),
    GroupShownRequest: Call(f"{groups.GROUPS_PATH}/{{groupId}}", groups.read_group),
    GroupChangeRequest: Call(f"{groups.GROUPS_PATH}/{{groupId}}", _said, "PUT", _group_of),
    GroupEndRequest: Call(f"{groups.GROUPS_PATH}/{{groupId}}", _said, "DELETE"),
}
"""Every record `ask` takes."""

FEEDS: tuple[type[Struct], ...] = (RisksFeed, SpectraRisksFeed, InstrumentFeed)
"""Every record `feed` takes."""
