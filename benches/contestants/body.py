"""This library without a network: `body`, of an event whose body was found, to the book; `frame`, all, by express."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benches.contestants.result import digest
from benches.feed import PRICE_SCALE, PRODUCT, SIZE_SCALE
from benches.pieces import by_express, seat
from venuewire._version import __version__
from venuewire.book import BookKeeper
from venuewire.book.twins import core
from venuewire.model.terms import Side
from venuewire.venues import find

ROUNDS = 10


def main(path: str, manner: str) -> None:
    snapshot, *frames = Path(path).read_bytes().split(b"\n")
    initiator: Any = find("coinbase").initiator("ws", seat())
    keeper = BookKeeper(PRODUCT, PRICE_SCALE, SIZE_SCALE)
    keeper.apply(initiator.receive(initiator.open(snapshot), 1)[0])
    events = [initiator.receive(initiator.open(frame), 1)[0] for frame in frames]
    take, again = by_express(keeper)
    best = min(_round(manner, keeper, take, again, frames, events) for _ in range(ROUNDS))
    keeper.require_live()
    bids, asks = (
        {int(level.price.scaleb(2)): int(level.size.scaleb(8)) for level in keeper.book.levels(side)}
        for side in (Side.BUY, Side.SELL)
    )
    us = best / len(frames) * 1e6
    print(json.dumps({"us": us, "digest": digest(bids, asks), "version": f"venuewire {__version__}, {core()}"}))


def _round(
    manner: str,
    keeper: BookKeeper,
    take: Callable[[bytes], None],
    again: Callable[[], None],
    frames: list[bytes],
    events: list[Any],
) -> float:
    book = keeper.book
    again()
    started = time.process_time()
    if manner == "body":
        for event in events:
            keeper.apply(event)
            _ = book.best_bid, book.best_ask
    else:
        for frame in frames:
            take(frame)
            _ = book.best_bid, book.best_ask
    return time.process_time() - started


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    main(given["path"], given["manner"])
