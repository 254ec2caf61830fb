"""nautilus_trader's pyo3 order book without a network. Run by the Python of an environment of its own.

The body of a message is decoded by msgspec into records, then handed to the book: `levels`, an order at a time, or
`deltas`, one list of deltas for each message, as its data clients hand them on.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from nautilus_trader.core import nautilus_pyo3 as nautilus  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

from benches.contestants.result import digest, release

ROUNDS = 10
INSTRUMENT = nautilus.InstrumentId.from_str("BTC-USD.COINBASE")


class Row(msgspec.Struct):
    """A changed level."""

    side: str
    price_level: str
    new_quantity: str


decode_rows = msgspec.json.Decoder(list[Row]).decode
SIDES = {"bid": nautilus.OrderSide.BUY, "offer": nautilus.OrderSide.SELL}


def by_levels(book: Any, body: bytes, seq: int) -> None:
    """One order at a time; size 0 deletes."""
    order, price_of, size_of = nautilus.BookOrder, nautilus.Price.from_str, nautilus.Quantity.from_str
    for row in decode_rows(body):
        size = row.new_quantity
        told = order(SIDES[row.side], price_of(row.price_level), size_of(size), 0)
        if size == "0":
            book.delete(told, 0, seq, 0)
        else:
            book.update(told, 0, seq, 0)


def by_deltas(book: Any, body: bytes, seq: int) -> None:
    """One list of deltas."""
    order, price_of, size_of = nautilus.BookOrder, nautilus.Price.from_str, nautilus.Quantity.from_str
    delta, update, delete = nautilus.OrderBookDelta, nautilus.BookAction.UPDATE, nautilus.BookAction.DELETE
    book.apply_deltas(
        nautilus.OrderBookDeltas(
            INSTRUMENT,
            [
                delta(
                    INSTRUMENT,
                    delete if row.new_quantity == "0" else update,
                    order(SIDES[row.side], price_of(row.price_level), size_of(row.new_quantity), 0),
                    0,
                    seq,
                    0,
                    0,
                )
                for row in decode_rows(body)
            ],
        )
    )


def main(path: str, manner: str) -> None:
    snapshot, *frames = Path(path).read_bytes().split(b"\n")
    apply: Callable[[Any, bytes, int], None] = by_deltas if manner == "deltas" else by_levels
    book: Any = nautilus.OrderBook(INSTRUMENT, nautilus.BookType.L2_MBP)
    by_levels(book, body_of(snapshot), 0)
    bodies = [body_of(frame) for frame in frames]
    best = min(timed(apply, book, bodies) for _ in range(ROUNDS))
    us = best / len(frames) * 1e6
    sides = (scaled(book.bids_to_dict()), scaled(book.asks_to_dict()))
    print(json.dumps({"us": us, "digest": digest(*sides), "version": release("nautilus_trader")}))


def body_of(frame: bytes) -> bytes:
    """The list of levels, as it stands in the frame."""
    return frame[frame.index(b'"updates":') + len(b'"updates":') : frame.rindex(b"}]}")]


def timed(apply: Callable[[Any, bytes, int], None], book: Any, bodies: list[bytes]) -> float:
    started = time.process_time()
    for seq, body in enumerate(bodies):
        apply(book, body, seq)
        _ = book.best_bid_price(), book.best_ask_price()
    return time.process_time() - started


def scaled(levels: Any) -> dict[int, int]:
    return {int(price * 100): int(size * 10**8) for price, size in levels.items()}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    main(given["path"], given["manner"])
