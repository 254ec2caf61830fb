"""What is traded."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct
from msgspec.structs import force_setattr

from venuewire.model.terms import scale_of


class Instrument(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """One tradable instrument, in the units this library speaks."""

    symbol: str
    """Our name for it at this venue: `MOEX:SBER`, `BTC-USD`, `EURUSD`."""
    security_id: str
    """The venue's own id (FIX 48): a ticker, a number as text, a product id."""
    base: str
    """What an order's quantity counts: a share's ticker, a currency."""
    currency: str
    """What a price is in (FIX 15)."""
    min_price_increment: Decimal
    """Tick (FIX 969)."""
    min_qty_increment: Decimal
    """Quantities are multiples of this, in units. Where lots are traded: the lot."""
    min_trade_vol: Decimal
    """Smallest order, in units (FIX 562)."""
    max_trade_vol: Decimal | None = None
    """Largest order, in units (FIX 1140)."""
    round_lot: Decimal = Decimal(1)
    """Units in a lot (FIX 561); 1 where the venue does not trade in lots."""
    security_exchange: str = ""
    """Market of listing (FIX 207) where the venue knows several."""
    market_segment_id: str = ""
    """Board or segment (FIX 1300)."""
    price_scale: int = -1
    """Decimals of prices inside a book; from the tick unless given."""
    qty_scale: int = -1
    """Decimals of quantities inside a book; from the quantity increment unless given."""

    def __post_init__(self) -> None:
        # A frozen Struct may be completed here only, before anyone has seen it.
        if self.price_scale < 0:
            force_setattr(self, "price_scale", scale_of(self.min_price_increment))
        if self.qty_scale < 0:
            force_setattr(self, "qty_scale", scale_of(self.min_qty_increment))
