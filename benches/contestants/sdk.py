"""The official SDK, `coinbase-advanced-py`, with the book a careful user makes by hand: dicts and sorted lists.

In three manners, run by the Python of an environment of its own:

`exact`    frames read as the SDK's documentation does, with its response classes; prices and sizes are Decimals
`floats`   the same, but prices are floats and sizes stay the texts they came as, so a size cannot be reckoned with
`plain`    floats, and without the SDK's classes: the quickest that can be had from it
"""

from __future__ import annotations

import json
import os
import sys
import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from coinbase.websocket import (  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]
    WebsocketResponse,
    WSClient,
)

from benches.contestants.result import Asked, Stopwatch, asked, digest, release


class Side:
    """Sorted keys, best last; asks under negated prices. `price_of` and `size_of` make numbers of texts."""

    def __init__(self, sign: int, price_of: Callable[[str], Any], size_of: Callable[[str], Any]) -> None:
        self.sign, self.price_of, self.size_of = sign, price_of, size_of
        self.keys: list[Any] = []
        self.sizes: dict[Any, Any] = {}

    def set(self, price: str, size: str) -> None:
        key = self.price_of(price) * self.sign
        if size == "0":
            if self.sizes.pop(key, None) is not None:
                del self.keys[bisect_left(self.keys, key)]
        else:
            if key not in self.sizes:
                insort(self.keys, key)
            self.sizes[key] = self.size_of(size)

    def load(self, levels: Iterable[tuple[str, str]]) -> None:
        self.sizes = {self.price_of(price) * self.sign: self.size_of(size) for price, size in levels}
        self.keys = sorted(self.sizes)

    def scaled(self) -> dict[int, int]:
        return {round(key * self.sign * 100): round(float(size) * 1e8) for key, size in self.sizes.items()}


class Reader:
    """What the user hands to the SDK as `on_message`."""

    def __init__(self, frames: int, *, exact: bool) -> None:
        kinds = (Decimal, Decimal) if exact else (float, str)
        self.sides = {"bid": Side(1, *kinds), "offer": Side(-1, *kinds)}
        self.frames = frames
        self.seen = 0
        self.best: tuple[Any, Any] = (0, 0)
        self.watch: Stopwatch | None = None
        self.done = threading.Event()

    def documented(self, text: str) -> None:
        """`on_message`, with the SDK's classes."""
        message: Any = WebsocketResponse(json.loads(text))
        if message.channel != "l2_data":
            return
        for event in message.events:
            if event.type == "snapshot":
                for name, side in self.sides.items():
                    side.load((row.price_level, row.new_quantity) for row in event.updates if row.side == name)
                continue
            self.begin()
            for row in event.updates:
                self.sides[row.side].set(row.price_level, row.new_quantity)
            self.end()

    def plain(self, text: str) -> None:
        """`on_message`, with dicts."""
        message = json.loads(text)
        if message["channel"] != "l2_data":
            return
        for event in message["events"]:
            rows = event["updates"]
            if event["type"] == "snapshot":
                for name, side in self.sides.items():
                    side.load((row["price_level"], row["new_quantity"]) for row in rows if row["side"] == name)
                continue
            self.begin()
            for row in rows:
                self.sides[row["side"]].set(row["price_level"], row["new_quantity"])
            self.end()

    def begin(self) -> None:
        self.seen += 1
        if self.seen == 1:
            self.watch = Stopwatch()

    def end(self) -> None:
        self.best = (self.sides["bid"].keys[-1], -self.sides["offer"].keys[-1])
        if self.seen == self.frames:
            assert self.watch is not None
            self.watch.stop()
            self.done.set()


def main(what: Asked) -> None:
    if what.ca:  # it has no setting for that; the TLS library has
        os.environ["SSL_CERT_FILE"] = what.ca
    reader = Reader(what.frames, exact=what.manner == "exact")
    on_message = reader.plain if what.manner == "plain" else reader.documented
    client: Any = WSClient(on_message=on_message, base_url=what.url, max_size=64 << 20, retry=False)
    client.open()
    client.subscribe(product_ids=what.symbols, channels=["level2"])
    if not reader.done.wait(60):
        sys.exit(f"only {reader.seen} of {what.frames} frames came")
    client.close()
    assert reader.watch is not None
    book = digest(reader.sides["bid"].scaled(), reader.sides["offer"].scaled())
    print(reader.watch.report(what.frames, book, release("coinbase-advanced-py")))


if __name__ == "__main__":
    main(asked())
