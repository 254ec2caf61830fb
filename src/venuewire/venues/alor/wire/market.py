"""Market data: order book, quote, anonymous trade, security (3.6.1, 3.6.3, 3.6.5, 5.4).

Volumes and sizes are lots throughout. What a client does not need may be missing: `UNSET` is "the key was not there",
`None` is `null`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, TypeAlias

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from venuewire.codec import decoder
from venuewire.venues.alor.wire.variant import listed, variant

Figure: TypeAlias = Decimal | UnsetType | None
"""A number that may be absent or null."""
Text: TypeAlias = str | UnsetType | None
Whole: TypeAlias = int | UnsetType | None

# --------------------------------------------------------------------------- order book (3.6.1)


class LevelSimple(Struct, gc=False):
    """One level of a book; `volume` in lots."""

    price: Decimal
    volume: int


class LevelSlim(Struct, kw_only=True, rename={"price": "p", "volume": "v", "bond_yield": "y"}):
    """One level of a book; the yield comes with bonds only."""

    price: Decimal
    volume: int
    bond_yield: Figure = UNSET


class BookSimple(Struct, kw_only=True):
    """A complete book of the depth asked for: it replaces the one before (3.6.1; S3). Also the HTTP answer (5.3)."""

    snapshot: bool | UnsetType = UNSET
    """Deprecated; stands next to `existing`."""
    bids: list[LevelSimple]
    """Best first."""
    asks: list[LevelSimple]
    timestamp: int | UnsetType = UNSET
    """Deprecated; Unix seconds."""
    ms_timestamp: int
    """Unix milliseconds."""
    existing: bool
    """True: the state found when subscribing; false: a live event."""


class BookSlim(Struct, kw_only=True, rename={"bids": "b", "asks": "a", "ms_timestamp": "t", "existing": "h"}):
    """The same, short keys."""

    bids: list[LevelSlim]
    asks: list[LevelSlim]
    ms_timestamp: int
    existing: bool


BookHeavy = variant(BookSimple, "BookHeavy", {"ms_timestamp": "msTimestamp"}, without=("snapshot", "timestamp"))

Lots: TypeAlias = Annotated[int, Meta(ge=0)]


class RowSimple(Struct, gc=False):
    """A level with nothing but what a book needs: the hot path decodes these. The price stays as it was written."""

    price: Raw
    volume: Lots


class RowSlim(Struct, gc=False, rename={"price": "p", "volume": "v"}):
    """The same, short keys."""

    price: Raw
    volume: Lots


class RowsSimple(Struct):
    """Only the levels of a `BookSimple`."""

    bids: list[RowSimple]
    asks: list[RowSimple]


class RowsSlim(Struct, rename={"bids": "b", "asks": "a"}):
    """Only the levels of a `BookSlim`."""

    bids: list[RowSlim]
    asks: list[RowSlim]


class BookHeadSimple(Struct):
    """Only the time of a `BookSimple`."""

    ms_timestamp: int = 0


BookHeadHeavy = variant(BookHeadSimple, "BookHeadHeavy", {"ms_timestamp": "msTimestamp"})


class BookHeadSlim(Struct, rename={"ms_timestamp": "t"}):
    """Only the time of a `BookSlim`."""

    ms_timestamp: int = 0


# --------------------------------------------------------------------------- quote (3.6.3)


class QuoteSimple(Struct, kw_only=True, rename={"bond_yield": "yield"}):
    """`QuotesSubscribe`: the state of one instrument. Sizes and volume in lots."""

    symbol: str
    exchange: str
    description: Text = UNSET
    prev_close_price: Figure = UNSET
    last_price: Figure = UNSET
    last_price_timestamp: Whole = UNSET
    """Unix seconds."""
    high_price: Figure = UNSET
    low_price: Figure = UNSET
    accruedInt: Figure = UNSET
    volume: Figure = UNSET
    open_interest: Whole = UNSET
    ask: Figure = UNSET
    bid: Figure = UNSET
    ask_vol: Figure = UNSET
    bid_vol: Figure = UNSET
    ob_ms_timestamp: Whole = UNSET
    """Unix milliseconds of the book state; may be null or 0."""
    open_price: Figure = UNSET
    bond_yield: Figure = UNSET
    lotsize: Figure = UNSET
    lotvalue: Figure = UNSET
    facevalue: Figure = UNSET
    type: Text = UNSET
    total_bid_vol: Figure = UNSET
    total_ask_vol: Figure = UNSET
    accrued_interest: Figure = UNSET
    change: Figure = UNSET
    change_percent: Figure = UNSET


_QUOTE_SLIM = {
    "symbol": "sym",
    "exchange": "ex",
    "description": "desc",
    "last_price_timestamp": "tst",
    "ob_ms_timestamp": "tso",
    "open_price": "o",
    "high_price": "h",
    "low_price": "l",
    "last_price": "c",
    "volume": "v",
    "accruedInt": "acci",
    "open_interest": "oi",
    "bond_yield": "y",
    "ask_vol": "av",
    "bid_vol": "bv",
    "total_bid_vol": "tbv",
    "total_ask_vol": "tav",
    "lotsize": "lot",
    "lotvalue": "lotv",
    "facevalue": "fv",
    "type": "t",
}


class QuoteSlim(Struct, kw_only=True, rename=_QUOTE_SLIM):
    """The same, short keys; without the previous close and what follows from it."""

    symbol: str
    exchange: str
    description: Text = UNSET
    last_price_timestamp: Whole = UNSET
    ob_ms_timestamp: Whole = UNSET
    open_price: Figure = UNSET
    high_price: Figure = UNSET
    low_price: Figure = UNSET
    last_price: Figure = UNSET
    volume: Figure = UNSET
    accruedInt: Figure = UNSET
    open_interest: Whole = UNSET
    bond_yield: Figure = UNSET
    ask: Figure = UNSET
    bid: Figure = UNSET
    ask_vol: Figure = UNSET
    bid_vol: Figure = UNSET
    total_bid_vol: Figure = UNSET
    total_ask_vol: Figure = UNSET
    lotsize: Figure = UNSET
    lotvalue: Figure = UNSET
    facevalue: Figure = UNSET
    type: Text = UNSET


QuoteHeavy = variant(
    QuoteSimple,
    "QuoteHeavy",
    {
        "prev_close_price": "prevClosePrice",
        "last_price": "lastPrice",
        "last_price_timestamp": "lastPriceTimestamp",
        "high_price": "highPrice",
        "low_price": "lowPrice",
        "accruedInt": "accruedInterest",
        "open_interest": "openInterest",
        "ask_vol": "askVol",
        "bid_vol": "bidVol",
        "ob_ms_timestamp": "obMsTimestamp",
        "open_price": "openPrice",
        "lotsize": "lotSize",
        "lotvalue": "lotValue",
        "facevalue": "faceValue",
        "total_bid_vol": "totalBidVol",
        "total_ask_vol": "totalAskVol",
        "change_percent": "changePercent",
    },
    without=("accrued_interest",),
    kinds={"currency": Text},
)

# --------------------------------------------------------------------------- anonymous trade (3.6.5)


class AllTradeSimple(Struct, kw_only=True):
    """`AllTradesGetAndSubscribe`: one anonymous trade; `qty` in lots."""

    id: int
    """A JSON number here, a text in own trades."""
    orderno: int | str | UnsetType | None = UNSET
    """Typed as text, shown as the number 0 (3.14)."""
    symbol: str
    """`[N/A]` where unknown."""
    board: Text = UNSET
    qty: int
    price: Decimal
    time: Text = UNSET
    timestamp: int
    """Unix milliseconds."""
    oi: Whole = UNSET
    existing: bool = False
    side: Text = UNSET
    """ASSUMPTION: the aggressor's."""


_ALL_TRADE_SLIM = {
    "symbol": "sym",
    "board": "bd",
    "qty": "q",
    "price": "px",
    "timestamp": "t",
    "existing": "h",
    "side": "s",
}


class AllTradeSlim(Struct, kw_only=True, rename=_ALL_TRADE_SLIM):
    """The same, short keys."""

    id: int
    symbol: str
    board: Text = UNSET
    qty: int
    price: Decimal
    timestamp: int
    oi: Whole = UNSET
    existing: bool = False
    side: Text = UNSET


AllTradeHeavy = variant(AllTradeSimple, "AllTradeHeavy", {}, without=("orderno",))


class AllTradesHistory(Struct, kw_only=True, rename={"trades": "list"}):
    """200 of `GET .../alltrades/history` (5.2): `list` is an array, though the example shows one object (3.14)."""

    total: int
    trades: Raw
    """Trades, in the format asked for."""


# --------------------------------------------------------------------------- security (5.4)


class SecuritySimple(Struct, kw_only=True, rename={"bond_yield": "yield"}):
    """An instrument, `GET /md/v2/Securities/...` (5.2, 5.4)."""

    symbol: str
    shortname: Text = UNSET
    description: Text = UNSET
    exchange: str
    market: Text = UNSET
    """`FORTS`, `FOND`, `CURR`, `SPBX`."""
    type: Text = UNSET
    lotsize: Decimal
    """Pieces in a lot."""
    facevalue: Figure = UNSET
    cfiCode: Text = UNSET
    cancellation: Text = UNSET
    minstep: Decimal
    """Price step."""
    rating: Figure = UNSET
    marginbuy: Figure = UNSET
    marginsell: Figure = UNSET
    marginrate: Figure = UNSET
    pricestep: Figure = UNSET
    """What a price step is worth, roubles."""
    priceMax: Figure = UNSET
    priceMin: Figure = UNSET
    theorPrice: Figure = UNSET
    theorPriceLimit: Figure = UNSET
    volatility: Figure = UNSET
    currency: Text = UNSET
    ISIN: Text = UNSET
    bond_yield: Figure = UNSET
    board: Text = UNSET
    primary_board: Text = UNSET
    tradingStatus: Whole = UNSET
    tradingStatusInfo: Text = UNSET
    complexProductCategory: Text = UNSET
    priceMultiplier: Figure = UNSET
    priceShownUnits: Figure = UNSET
    strikePrice: Figure = UNSET
    endExpiration: Text = UNSET
    fixedSpotDiscount: Figure = UNSET
    projectedSpotDiscount: Figure = UNSET
    underlyingSymbol: Text = UNSET
    optionSide: Text = UNSET


_SECURITY_SLIM = {
    "symbol": "sym",
    "shortname": "n",
    "description": "desc",
    "exchange": "ex",
    "type": "t",
    "lotsize": "lot",
    "facevalue": "fv",
    "cfiCode": "cfi",
    "minstep": "stp",
    "cancellation": "cncl",
    "rating": "rt",
    "marginbuy": "mgb",
    "marginsell": "mgs",
    "marginrate": "mgrt",
    "pricestep": "stppx",
    "priceMax": "pxmx",
    "priceMin": "pxmn",
    "theorPrice": "pxt",
    "theorPriceLimit": "pxtl",
    "priceMultiplier": "pxmu",
    "priceShownUnits": "pxu",
    "volatility": "vl",
    "currency": "cur",
    "ISIN": "isin",
    "bond_yield": "yld",
    "board": "bd",
    "primary_board": "pbd",
    "tradingStatus": "st",
    "tradingStatusInfo": "sti",
    "complexProductCategory": "cpct",
    "strikePrice": "pxs",
    "endExpiration": "exp",
    "fixedSpotDiscount": "fdis",
    "projectedSpotDiscount": "pdis",
    "underlyingSymbol": "usym",
    "optionSide": "osd",
}


class SecuritySlim(Struct, kw_only=True, rename=_SECURITY_SLIM):
    """The same, short keys; without the market."""

    symbol: str
    shortname: Text = UNSET
    description: Text = UNSET
    exchange: str
    type: Text = UNSET
    lotsize: Decimal
    facevalue: Figure = UNSET
    cfiCode: Text = UNSET
    minstep: Decimal
    cancellation: Text = UNSET
    rating: Figure = UNSET
    marginbuy: Figure = UNSET
    marginsell: Figure = UNSET
    marginrate: Figure = UNSET
    pricestep: Figure = UNSET
    priceMax: Figure = UNSET
    priceMin: Figure = UNSET
    theorPrice: Figure = UNSET
    theorPriceLimit: Figure = UNSET
    priceMultiplier: Figure = UNSET
    priceShownUnits: Figure = UNSET
    volatility: Figure = UNSET
    currency: Text = UNSET
    ISIN: Text = UNSET
    bond_yield: Figure = UNSET
    board: Text = UNSET
    primary_board: Text = UNSET
    tradingStatus: Whole = UNSET
    tradingStatusInfo: Text = UNSET
    complexProductCategory: Text = UNSET
    strikePrice: Figure = UNSET
    endExpiration: Text = UNSET
    fixedSpotDiscount: Figure = UNSET
    projectedSpotDiscount: Figure = UNSET
    underlyingSymbol: Text = UNSET
    optionSide: Text = UNSET


_MARGINS = tuple(
    f"initialMargin{level}Risk{way}" for level in ("Low", "Standard", "High", "Special") for way in ("Long", "Short")
)
SecurityHeavy = variant(
    SecuritySimple,
    "SecurityHeavy",
    {
        "shortname": "shortName",
        "lotsize": "lotSize",
        "facevalue": "faceValue",
        "minstep": "minStep",
        "marginbuy": "marginBuy",
        "marginsell": "marginSell",
        "marginrate": "marginRate",
        "pricestep": "priceStep",
        "primary_board": "primaryBoard",
    },
    kinds={
        "roundTo": Whole,
        "nominalCurrency": Text,
        "settlementCurrency": Text,
        "underlyingCurrency": Text,
        **dict.fromkeys(_MARGINS, Figure),
    },
)

Book: TypeAlias = BookSimple | BookSlim
Quote: TypeAlias = QuoteSimple | QuoteSlim
AllTrade: TypeAlias = AllTradeSimple | AllTradeSlim
Security: TypeAlias = SecuritySimple | SecuritySlim

read_rows: dict[str, Callable[[bytes], RowsSimple | RowsSlim]] = {
    "Simple": decoder(RowsSimple),
    "Heavy": decoder(RowsSimple),
    "Slim": decoder(RowsSlim),
}
read_book_head: dict[str, Callable[[bytes], BookHeadSimple | BookHeadSlim]] = {
    "Heavy": decoder(BookHeadHeavy),
    "Simple": decoder(BookHeadSimple),
    "Slim": decoder(BookHeadSlim),
}
read_book: dict[str, Callable[[bytes], Book]] = {
    "Heavy": decoder(BookHeavy),
    "Simple": decoder(BookSimple),
    "Slim": decoder(BookSlim),
}
read_quote: dict[str, Callable[[bytes], Quote]] = {
    "Heavy": decoder(QuoteHeavy),
    "Simple": decoder(QuoteSimple),
    "Slim": decoder(QuoteSlim),
}
read_all_trade: dict[str, Callable[[bytes], AllTrade]] = {
    "Heavy": decoder(AllTradeHeavy),
    "Simple": decoder(AllTradeSimple),
    "Slim": decoder(AllTradeSlim),
}
read_security: dict[str, Callable[[bytes], Security]] = {
    "Heavy": decoder(SecurityHeavy),
    "Simple": decoder(SecuritySimple),
    "Slim": decoder(SecuritySlim),
}
read_securities: dict[str, Callable[[bytes], list[SecuritySimple] | list[SecuritySlim]]] = {
    "Simple": decoder(list[SecuritySimple]),
    "Heavy": decoder(listed(SecurityHeavy)),
    "Slim": decoder(list[SecuritySlim]),
}
read_all_trades_history = decoder(AllTradesHistory)
