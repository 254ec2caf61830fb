"""This library without a network: `body`, of an event whose body was found, into the book; `frame`, all of a frame."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from benches.contestants.result import digest
from benches.feed import PRICE_SCALE, PRODUCT, SIZE_SCALE
from benches.pieces import seat
from venuewire._version import __version__
from venuewire.book import BookKeeper
from venuewire.book.twins import core
from venuewire.model.terms import Side
from venuewire.venues import find

ROUNDS = 3


def main(path: str, manner: str) -> None:
    snapshot, *frames = Path(path).read_bytes().split(b"\n")
    initiator: Any = find("coinbase").initiator("ws", seat())
    keeper = BookKeeper(PRODUCT, PRICE_SCALE, SIZE_SCALE)
    keeper.apply(initiator.receive(initiator.open(snapshot), 1)[0])
    events = [initiator.receive(initiator.open(frame), 1)[0] for frame in frames]
    best = min(_round(manner, initiator, keeper, frames, events) for _ in range(ROUNDS))
    keeper.require_live()
    bids, asks = (
        {int(level.price.scaleb(2)): int(level.size.scaleb(8)) for level in keeper.book.levels(side)}
        for side in (Side.BUY, Side.SELL)
    )
    us = best / len(frames) * 1e6
    print(json.dumps({"us": us, "digest": digest(bids, asks), "version": f"venuewire {__version__}, {core()}"}))


def _round(manner: str, initiator: Any, keeper: BookKeeper, frames: list[bytes], events: list[Any]) -> float:
    book = keeper.book
    started = time.perf_counter()
    if manner == "body":
        for event in events:
            keeper.apply(event)
            _ = book.best_bid, book.best_ask
    else:
        for frame in frames:
            for event in initiator.receive(initiator.open(frame), 1):
                keeper.apply(event)
            _ = book.best_bid, book.best_ask
    return time.perf_counter() - started


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    main(given["path"], given["manner"])
