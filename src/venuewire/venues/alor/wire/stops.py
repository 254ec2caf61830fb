"""Conditional orders: `StopOrdersGetAndSubscribeV2`, its older form, and `GET .../stoporders` (3.6.12, 3.6.13, 5.1).

Their ids are a series of their own: the pair of kind and id is the key (6.8).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from msgspec import UNSET, Struct, UnsetType

from venuewire.codec import decoder
from venuewire.venues.alor.wire.account import Figure, IcebergSimple, IcebergSlim, Text
from venuewire.venues.alor.wire.frames import Format
from venuewire.venues.alor.wire.variant import variant


class StopOrder(Struct, kw_only=True):
    """A conditional order, always whole (3.6.12)."""

    id: str | int
    exchangeOrderId: str | int | UnsetType | None = UNSET
    """The order that was placed when it was triggered; null until then."""
    symbol: str
    brokerSymbol: Text = UNSET
    portfolio: str = ""
    exchange: str
    comment: Text = UNSET
    board: Text = UNSET
    type: str
    """`stop`, `stoplimit`."""
    side: str
    condition: Text = UNSET
    """`more`, `less`, `moreorequal`, `lessorequal`, in any case (4.5)."""
    status: str
    """`filled`: triggered."""
    transTime: Text = UNSET
    updateTime: Text = UNSET
    endTime: Text = UNSET
    error: Text = UNSET
    """Why it was refused or cancelled."""
    qtyUnits: Decimal
    qtyBatch: Figure = UNSET
    qty: Figure = UNSET
    filled: Figure = UNSET
    filledQtyUnits: Figure = UNSET
    filledQtyBatch: Figure = UNSET
    price: Figure = UNSET
    """Of the order to be placed; 0 of a plain stop."""
    avg_price: Figure = UNSET
    stopPrice: Decimal
    existing: bool = False
    timeInForce: Text = UNSET
    iceberg: IcebergSimple | UnsetType | None = UNSET
    volume: Figure = UNSET
    protectingSeconds: Figure = UNSET


_LOTS_AGAIN = ("qty", "filled")

StopOrderSlim = variant(
    StopOrder,
    "StopOrderSlim",
    {
        "exchangeOrderId": "eid",
        "symbol": "sym",
        "brokerSymbol": "tic",
        "portfolio": "p",
        "exchange": "ex",
        "comment": "cmt",
        "board": "bd",
        "type": "t",
        "side": "s",
        "condition": "cnd",
        "status": "st",
        "transTime": "tt",
        "updateTime": "ut",
        "endTime": "et",
        "error": "err",
        "qtyUnits": "q",
        "qtyBatch": "qb",
        "filledQtyUnits": "fq",
        "filledQtyBatch": "fqb",
        "price": "px",
        "avg_price": "pxavg",
        "stopPrice": "pxs",
        "existing": "h",
        "timeInForce": "tf",
        "iceberg": "i",
        "volume": "v",
        "protectingSeconds": "psec",
    },
    without=_LOTS_AGAIN,
    kinds={"iceberg": IcebergSlim | UnsetType | None},
)
StopOrderHeavy = variant(StopOrder, "StopOrderHeavy", {"avg_price": "avgPrice"}, without=_LOTS_AGAIN)


class OldStopOrder(Struct, kw_only=True):
    """The same in the deprecated subscription `StopOrdersGetAndSubscribe` (3.6.13)."""

    id: str | int
    """A text in the schema, a number in the example."""
    symbol: str
    brokerSymbol: Text = UNSET
    exchange: str
    board: Text = UNSET
    type: str
    stopPrice: Decimal
    side: str
    status: str
    endTime: Text = UNSET
    qty: Decimal
    """Lots."""
    filledQtyBatch: Figure = UNSET
    price: Figure = UNSET
    existing: bool = False


OldStopOrderSlim = variant(
    OldStopOrder,
    "OldStopOrderSlim",
    {
        "symbol": "sym",
        "brokerSymbol": "tic",
        "exchange": "ex",
        "board": "bd",
        "type": "t",
        "stopPrice": "pxs",
        "side": "s",
        "status": "st",
        "endTime": "exp",
        "qty": "q",
        "filledQtyBatch": "fqb",
        "price": "px",
        "existing": "e",
    },
)

STOP_ORDERS: dict[Format, type[StopOrder]] = {
    "Simple": StopOrder,
    "Slim": StopOrderSlim,
    "Heavy": StopOrderHeavy,
}
OLD_STOP_ORDERS: dict[Format, type[OldStopOrder]] = {
    "Simple": OldStopOrder,
    "Slim": OldStopOrderSlim,
    "Heavy": OldStopOrder,
}
read_stop_order: dict[str, Callable[[bytes], StopOrder]] = {
    form: decoder(record) for form, record in STOP_ORDERS.items()
}
read_stop_orders: Callable[[bytes], list[StopOrder]] = decoder(list[StopOrder])
"""The list, Simple."""
read_old_stop_order: dict[str, Callable[[bytes], OldStopOrder]] = {
    form: decoder(record) for form, record in OLD_STOP_ORDERS.items()
}
