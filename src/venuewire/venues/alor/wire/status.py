"""An instrument's trading status and limits, and currency pairs (3.6.4, 5.2)."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UNSET, Struct

from venuewire.codec import decoder
from venuewire.venues.alor.wire.frames import Format
from venuewire.venues.alor.wire.market import Figure, Text, Whole
from venuewire.venues.alor.wire.variant import variant


class InstrumentStatus(Struct, kw_only=True):
    """`InstrumentsGetAndSubscribeV2`: the first frame whole, later ones the ticker and what has changed (3.6.4)."""

    symbol: str
    exchange: Text = UNSET
    board: Text = UNSET
    tradingStatus: Whole = UNSET
    """See 6.6."""
    tradingStatusInfo: Text = UNSET
    priceMin: Figure = UNSET
    priceMax: Figure = UNSET
    marginBuy: Figure = UNSET
    marginSell: Figure = UNSET
    marginSyntetic: Figure = UNSET
    theorPrice: Figure = UNSET
    theorPriceLimit: Figure = UNSET
    volatility: Figure = UNSET


InstrumentStatusSlim = variant(
    InstrumentStatus,
    "InstrumentStatusSlim",
    {
        "symbol": "sym",
        "exchange": "ex",
        "board": "bd",
        "tradingStatus": "st",
        "tradingStatusInfo": "sti",
        "priceMin": "pxmn",
        "priceMax": "pxmx",
        "marginBuy": "mgb",
        "marginSell": "mgs",
        "marginSyntetic": "mgsnt",
        "theorPrice": "pxt",
        "theorPriceLimit": "pxtl",
        "volatility": "vl",
    },
)


class CurrencyPair(Struct, kw_only=True):
    """A row of `GET /md/v2/Securities/currencyPairs` (5.2)."""

    firstCode: str
    secondCode: str
    symbolTom: str


STATUSES: dict[Format, type[InstrumentStatus]] = {
    "Simple": InstrumentStatus,
    "Slim": InstrumentStatusSlim,
    "Heavy": InstrumentStatus,
}
read_status: dict[str, Callable[[bytes], InstrumentStatus]] = {
    form: decoder(record) for form, record in STATUSES.items()
}
read_currency_pairs = decoder(list[CurrencyPair])
