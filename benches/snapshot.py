"""A full book of Coinbase's, 25,000 levels a side: from the frame to LIVE, against a bare `json.loads` of its bytes.

python -m benches.snapshot
"""

from __future__ import annotations

import json
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from benches.feed import PRICE_SCALE, PRODUCT, SIZE_SCALE
from benches.pieces import seat  # the same instrument as the other benches have
from venuewire.book import BookKeeper
from venuewire.model.market import BookSnapshot
from venuewire.venues import find

LEVELS = 25_000
ROUNDS = 9
_TIME = "2026-09-30T02:37:15.057778Z"


def frame(levels: int = LEVELS) -> bytes:
    """As the venue writes it: trailing zeros trimmed, bids descending, then offers ascending, one time for all."""

    def row(side: str, place: int) -> dict[str, str]:
        price = 6_400_000 + (place + 1) * 7 * (1 if side == "offer" else -1)
        size = (place * 7919 + 13) * 1009 % 10**9 + 1
        return {
            "side": side,
            "event_time": _TIME,
            "price_level": f"{price // 100}.{price % 100:02d}".rstrip("0").rstrip("."),
            "new_quantity": f"{size // 10**8}.{size % 10**8:08d}".rstrip("0").rstrip("."),
        }

    rows = [row(side, place) for side in ("bid", "offer") for place in range(levels)]
    event = {"type": "snapshot", "product_id": PRODUCT, "updates": rows}
    whole = {"channel": "l2_data", "timestamp": _TIME, "sequence_num": 0, "events": [event]}
    return json.dumps(whole, separators=(",", ":")).encode()


def live(initiator: Any, payload: bytes) -> BookKeeper:
    """A keeper whose book is LIVE from this frame."""
    keeper = BookKeeper(PRODUCT, PRICE_SCALE, SIZE_SCALE)
    (snapshot,) = initiator.receive(initiator.open(payload), 1)
    assert isinstance(snapshot, BookSnapshot)
    assert keeper.apply(snapshot)
    return keeper


def run() -> dict[str, float]:
    """Milliseconds, the best of several rounds; megabytes that the book keeps."""
    payload = frame()
    initiator = find("coinbase").initiator("ws", seat())
    bare, ours = _best(lambda: json.loads(payload)), _best(lambda: live(initiator, payload))
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    keeper = live(initiator, payload)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(keeper.book) == 2 * LEVELS
    return {
        "frame, MB": len(payload) / 1e6,
        "json.loads, ms": bare * 1e3,
        "to LIVE, ms": ours * 1e3,
        "times json.loads": ours / bare,
        "book, MB": (after - before) / 1e6,
    }


def _best(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begun)
    return best


def main() -> int:
    for name, value in run().items():
        print(f"{name:>18}  {value:8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
