"""Coinbase `l2_data` frames of the walk, made by hand: for what is measured without a network."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from venuewire.cli.bench.walk import Sides, Walk, top
from venuewire.model.instrument import Instrument
from venuewire.model.market import SET_ASK, SET_BID, LevelRow

PRODUCT = "BTC-USD"
PRICE_SCALE = 2
SIZE_SCALE = 8

SIDES = ("bid", "offer")
ENVELOPE = (
    b'{"channel":"l2_data","client_id":"","timestamp":"2026-09-30T02:39:53.690696234Z","sequence_num":%d,"events":%b}'
)


def instrument() -> Instrument:
    """The product, as the venue lists it."""
    tick, lot = Decimal(1).scaleb(-PRICE_SCALE), Decimal(1).scaleb(-SIZE_SCALE)
    return Instrument(
        symbol=PRODUCT,
        security_id=PRODUCT,
        base="BTC",
        currency="USD",
        min_price_increment=tick,
        min_qty_increment=lot,
        min_trade_vol=lot,
    )


class Feed:
    """`snapshot` and then frame after frame; the same for the same arguments."""

    def __init__(self, *, seed: int = 1, levels: int = 20_000, steps: int = 3_000) -> None:
        self._walk = Walk(instrument(), "64000", levels=levels, steps=steps, seed=seed)
        self.bodies = [_events("update", step, n) for n, step in enumerate(self._walk.steps)]
        """The part of a frame after its number, one for each step of the round."""

    def snapshot(self, seq: int) -> bytes:
        """The whole book before the first step."""
        bids, asks = self.book_after(0)
        rows = [(SET_BID, price, size) for price, size in top(bids, None, reverse=True)]
        rows += [(SET_ASK, price, size) for price, size in top(asks, None, reverse=False)]
        return numbered(seq, _events("snapshot", rows))

    def book_after(self, frames: int) -> Sides:
        """Both sides, price -> size, after that many frames."""
        return self._walk.book_after(frames)


def numbered(seq: int, body: bytes) -> bytes:
    """A whole frame: the outer record with its number, then the events."""
    return ENVELOPE % (seq, body)


def _events(kind: str, changes: Iterable[LevelRow], n: int = 0) -> bytes:
    stamp = f"2026-09-30T02:{n // 1200:02d}:{n // 20 % 60:02d}.{n % 20 * 50_000 + 407:06d}Z"
    rows = ",".join(
        f'{{"side":"{SIDES[side]}","event_time":"{stamp}",'
        f'"price_level":"{text(price, PRICE_SCALE)}","new_quantity":"{text(size, SIZE_SCALE)}"}}'
        for side, price, size in changes
    )
    return f'[{{"type":"{kind}","product_id":"{PRODUCT}","updates":[{rows}]}}]'.encode()


def text(value: int, scale: int) -> str:
    """As the venue writes numbers: no zeros at the end, no point where nothing follows it."""
    whole, fraction = divmod(value, 10**scale)
    return f"{whole}.{fraction:0{scale}d}".rstrip("0").rstrip(".") if fraction else str(whole)
