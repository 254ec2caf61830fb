"""What belongs to a portfolio: orders, own trades, positions, summary (3.6.6, 3.6.7, 3.6.10, 3.6.11; 5.1).

`...Units` are pieces, `...Batch` are lots; `qty` is lots in orders and trades. Times are ISO 8601 UTC.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias

from msgspec import UNSET, Struct, UnsetType

from venuewire.codec import decoder
from venuewire.venues.alor.wire.variant import listed, variant

Figure: TypeAlias = Decimal | UnsetType | None
"""A number that may be absent or null."""
Text: TypeAlias = str | UnsetType | None


class IcebergSimple(Struct, kw_only=True):
    """The visible part of an iceberg order (3.6.11)."""

    creationFixedQuantity: Figure = UNSET
    creationVarianceQuantity: Figure = UNSET
    visibleQuantity: Figure = UNSET
    visibleQuantityBatch: Figure = UNSET
    visibleFilledQuantity: Figure = UNSET
    visibleFilledQuantityBatch: Figure = UNSET


_ICEBERG_SLIM = {
    "creationFixedQuantity": "cf",
    "creationVarianceQuantity": "cv",
    "visibleQuantity": "v",
    "visibleQuantityBatch": "vb",
    "visibleFilledQuantity": "vf",
    "visibleFilledQuantityBatch": "vfb",
}


class IcebergSlim(Struct, kw_only=True, rename=_ICEBERG_SLIM):
    """The same, short keys."""

    creationFixedQuantity: Figure = UNSET
    creationVarianceQuantity: Figure = UNSET
    visibleQuantity: Figure = UNSET
    visibleQuantityBatch: Figure = UNSET
    visibleFilledQuantity: Figure = UNSET
    visibleFilledQuantityBatch: Figure = UNSET


class OrderSimple(Struct, kw_only=True):
    """`OrdersGetAndSubscribeV2` and `GET .../orders`: an order, always whole (3.6.11)."""

    id: str | int
    """Up to 19 digits: above 2^53, hence text."""
    symbol: str
    board: Text = UNSET
    """Absent in the HTTP examples."""
    brokerSymbol: Text = UNSET
    portfolio: str = ""
    exchange: str
    comment: Text = UNSET
    type: str
    """`limit`, `market`."""
    side: str
    status: str
    """`working` (also when partly filled), `filled`, `canceled`, `rejected`."""
    transTime: Text = UNSET
    updateTime: Text = UNSET
    endTime: Text = UNSET
    qtyUnits: Decimal
    qtyBatch: Figure = UNSET
    qty: Figure = UNSET
    filledQtyUnits: Decimal
    filledQtyBatch: Figure = UNSET
    filled: Figure = UNSET
    price: Figure = UNSET
    existing: bool = False
    timeInForce: Text = UNSET
    iceberg: IcebergSimple | UnsetType | None = UNSET
    volume: Figure = UNSET
    """Price x pieces; null for market orders."""


_ORDER_SLIM = {
    "symbol": "sym",
    "board": "bd",
    "brokerSymbol": "tic",
    "portfolio": "p",
    "exchange": "ex",
    "comment": "cmt",
    "type": "t",
    "side": "s",
    "status": "st",
    "transTime": "tt",
    "updateTime": "ut",
    "endTime": "et",
    "qtyUnits": "q",
    "qtyBatch": "qb",
    "filledQtyUnits": "fq",
    "filledQtyBatch": "fqb",
    "price": "px",
    "existing": "h",
    "timeInForce": "tf",
    "iceberg": "i",
    "volume": "v",
}


class OrderSlim(Struct, kw_only=True, rename=_ORDER_SLIM):
    """The same, short keys; without the repeated lots."""

    id: str | int
    symbol: str
    board: Text = UNSET
    brokerSymbol: Text = UNSET
    portfolio: str = ""
    exchange: str
    comment: Text = UNSET
    type: str
    side: str
    status: str
    transTime: Text = UNSET
    updateTime: Text = UNSET
    endTime: Text = UNSET
    qtyUnits: Decimal
    qtyBatch: Figure = UNSET
    filledQtyUnits: Decimal
    filledQtyBatch: Figure = UNSET
    price: Figure = UNSET
    existing: bool = False
    timeInForce: Text = UNSET
    iceberg: IcebergSlim | UnsetType | None = UNSET
    volume: Figure = UNSET


class RepoSimple(Struct, kw_only=True, rename={"repo_yield": "yield"}):
    """What a repo trade has besides (3.6.10)."""

    repoRate: Figure = UNSET
    extRef: Text = UNSET
    repoTerm: Figure = UNSET
    account: Text = UNSET
    tradeTypeInfo: Text = UNSET
    value: Figure = UNSET
    repo_yield: Figure = UNSET


_REPO_SLIM = {
    "repoRate": "r",
    "extRef": "exr",
    "repoTerm": "tm",
    "account": "a",
    "tradeTypeInfo": "t",
    "value": "v",
    "repo_yield": "y",
}


class RepoSlim(Struct, kw_only=True, rename=_REPO_SLIM):
    """The same, short keys."""

    repoRate: Figure = UNSET
    extRef: Text = UNSET
    repoTerm: Figure = UNSET
    account: Text = UNSET
    tradeTypeInfo: Text = UNSET
    value: Figure = UNSET
    repo_yield: Figure = UNSET


class TradeSimple(Struct, kw_only=True):
    """`TradesGetAndSubscribeV2` and `GET .../trades`: one fill of ours (3.6.10)."""

    id: str | int
    orderno: str | int
    comment: Text = UNSET
    symbol: str
    brokerSymbol: Text = UNSET
    exchange: str
    date: str
    board: Text = UNSET
    qtyUnits: Decimal
    qtyBatch: Figure = UNSET
    qty: Figure = UNSET
    price: Decimal
    accruedInt: Figure = UNSET
    side: str
    existing: bool = False
    commission: Figure = UNSET
    """Null on derivatives."""
    repoSpecificFields: RepoSimple | UnsetType | None = UNSET
    volume: Figure = UNSET


_TRADE_SLIM = {
    "orderno": "eid",
    "comment": "cmt",
    "symbol": "sym",
    "brokerSymbol": "tic",
    "exchange": "ex",
    "date": "d",
    "board": "b",
    "qtyUnits": "q",
    "qtyBatch": "qb",
    "price": "px",
    "accruedInt": "ai",
    "side": "s",
    "existing": "h",
    "commission": "cms",
    "repoSpecificFields": "r",
    "volume": "v",
}


class TradeSlim(Struct, kw_only=True, rename=_TRADE_SLIM):
    """The same, short keys."""

    id: str | int
    orderno: str | int
    comment: Text = UNSET
    symbol: str
    brokerSymbol: Text = UNSET
    exchange: str
    date: str
    board: Text = UNSET
    qtyUnits: Decimal
    qtyBatch: Figure = UNSET
    price: Decimal
    accruedInt: Figure = UNSET
    side: str
    existing: bool = False
    commission: Figure = UNSET
    repoSpecificFields: RepoSlim | UnsetType | None = UNSET
    volume: Figure = UNSET


class PositionSimple(Struct, kw_only=True):
    """`PositionsGetAndSubscribeV2` and `GET .../positions`: what is held of one instrument, or one currency (3.6.6)."""

    volume: Figure = UNSET
    currentVolume: Figure = UNSET
    symbol: str
    """Cash rows: the currency's code."""
    brokerSymbol: Text = UNSET
    portfolio: str = ""
    exchange: str
    avgPrice: Figure = UNSET
    qtyUnits: Decimal
    openUnits: Figure = UNSET
    lotSize: Figure = UNSET
    shortName: Text = UNSET
    qtyT0: Figure = UNSET
    qtyT1: Figure = UNSET
    qtyT2: Figure = UNSET
    qtyTFuture: Figure = UNSET
    qtyT0Batch: Figure = UNSET
    qtyT1Batch: Figure = UNSET
    qtyT2Batch: Figure = UNSET
    qtyTFutureBatch: Figure = UNSET
    qtyBatch: Figure = UNSET
    openQtyBatch: Figure = UNSET
    qty: Figure = UNSET
    open: Figure = UNSET
    """Described as units, shown as lots (3.14)."""
    dailyUnrealisedPl: Figure = UNSET
    unrealisedPl: Figure = UNSET
    isCurrency: bool = False
    existing: bool = False


_POSITION_SLIM = {
    "volume": "v",
    "currentVolume": "cv",
    "symbol": "sym",
    "brokerSymbol": "tic",
    "portfolio": "p",
    "exchange": "ex",
    "avgPrice": "pxavg",
    "qtyUnits": "q",
    "openUnits": "o",
    "lotSize": "lot",
    "shortName": "n",
    "qtyT0": "q0",
    "qtyT1": "q1",
    "qtyT2": "q2",
    "qtyTFuture": "qf",
    "dailyUnrealisedPl": "upd",
    "unrealisedPl": "up",
    "isCurrency": "cur",
    "existing": "h",
}


class PositionSlim(Struct, kw_only=True, rename=_POSITION_SLIM):
    """The same, short keys; pieces only."""

    volume: Figure = UNSET
    currentVolume: Figure = UNSET
    symbol: str
    brokerSymbol: Text = UNSET
    portfolio: str = ""
    exchange: str
    avgPrice: Figure = UNSET
    qtyUnits: Decimal
    openUnits: Figure = UNSET
    lotSize: Figure = UNSET
    shortName: Text = UNSET
    qtyT0: Figure = UNSET
    qtyT1: Figure = UNSET
    qtyT2: Figure = UNSET
    qtyTFuture: Figure = UNSET
    dailyUnrealisedPl: Figure = UNSET
    unrealisedPl: Figure = UNSET
    isCurrency: bool = False
    existing: bool = False


class PowerSimple(Struct, kw_only=True):
    """Buying power in one currency (3.6.7)."""

    currency: str | None = None
    buyingPower: Decimal


class PowerSlim(Struct, kw_only=True, rename={"currency": "cr", "buyingPower": "bp"}):
    """The same, short keys."""

    currency: str | None = None
    buyingPower: Decimal


class SummarySimple(Struct, kw_only=True):
    """`GET .../summary` (3.6.7): the portfolio's money."""

    buyingPowerAtMorning: Figure = UNSET
    buyingPower: Figure = UNSET
    profit: Figure = UNSET
    profitRate: Figure = UNSET
    portfolioEvaluation: Figure = UNSET
    portfolioLiquidationValue: Figure = UNSET
    initialMargin: Figure = UNSET
    correctedMargin: Figure = UNSET
    riskBeforeForcePositionClosing: Figure = UNSET
    commission: Figure = UNSET
    buyingPowerByCurrency: list[PowerSimple] | UnsetType | None = UNSET


_SUMMARY_SLIM = {
    "buyingPowerAtMorning": "bpm",
    "buyingPower": "bp",
    "profit": "p",
    "profitRate": "pr",
    "portfolioEvaluation": "pe",
    "portfolioLiquidationValue": "plv",
    "initialMargin": "im",
    "correctedMargin": "mgc",
    "riskBeforeForcePositionClosing": "r",
    "commission": "cms",
    "buyingPowerByCurrency": "bpv2",
}


class SummarySlim(Struct, kw_only=True, rename=_SUMMARY_SLIM):
    """The same, short keys. The schema and HTTP say `bpv2`, an example of `/ws` says `bp2v`: both are read (3.14)."""

    buyingPowerAtMorning: Figure = UNSET
    buyingPower: Figure = UNSET
    profit: Figure = UNSET
    profitRate: Figure = UNSET
    portfolioEvaluation: Figure = UNSET
    portfolioLiquidationValue: Figure = UNSET
    initialMargin: Figure = UNSET
    correctedMargin: Figure = UNSET
    riskBeforeForcePositionClosing: Figure = UNSET
    commission: Figure = UNSET
    buyingPowerByCurrency: list[PowerSlim] | UnsetType | None = UNSET
    bp2v: list[PowerSlim] | UnsetType | None = UNSET


OrderHeavy = variant(OrderSimple, "OrderHeavy", {}, without=("qty", "filled"))
TradeHeavy = variant(
    TradeSimple,
    "TradeHeavy",
    {"orderno": "orderNo"},
    kinds={"settleDate": Text, "currency": Text, "shortName": Text},
)
PositionHeavy = variant(PositionSimple, "PositionHeavy", {}, without=("qtyBatch", "qty", "open"))

Order: TypeAlias = OrderSimple | OrderSlim
Trade: TypeAlias = TradeSimple | TradeSlim
Position: TypeAlias = PositionSimple | PositionSlim
Summary: TypeAlias = SummarySimple | SummarySlim

read_order: dict[str, Callable[[bytes], Order]] = {
    "Heavy": decoder(OrderHeavy),
    "Simple": decoder(OrderSimple),
    "Slim": decoder(OrderSlim),
}
read_orders: dict[str, Callable[[bytes], list[OrderSimple] | list[OrderSlim]]] = {
    "Heavy": decoder(listed(OrderHeavy)),
    "Simple": decoder(list[OrderSimple]),
    "Slim": decoder(list[OrderSlim]),
}
read_trade: dict[str, Callable[[bytes], Trade]] = {
    "Heavy": decoder(TradeHeavy),
    "Simple": decoder(TradeSimple),
    "Slim": decoder(TradeSlim),
}
read_trades: dict[str, Callable[[bytes], list[TradeSimple] | list[TradeSlim]]] = {
    "Heavy": decoder(listed(TradeHeavy)),
    "Simple": decoder(list[TradeSimple]),
    "Slim": decoder(list[TradeSlim]),
}
read_position: dict[str, Callable[[bytes], Position]] = {
    "Heavy": decoder(PositionHeavy),
    "Simple": decoder(PositionSimple),
    "Slim": decoder(PositionSlim),
}
read_positions: dict[str, Callable[[bytes], list[PositionSimple] | list[PositionSlim]]] = {
    "Heavy": decoder(listed(PositionHeavy)),
    "Simple": decoder(list[PositionSimple]),
    "Slim": decoder(list[PositionSlim]),
}
read_summary: dict[str, Callable[[bytes], Summary]] = {
    "Heavy": decoder(SummarySimple),
    "Simple": decoder(SummarySimple),
    "Slim": decoder(SummarySlim),
}
