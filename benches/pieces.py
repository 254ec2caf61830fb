"""One frame of ten levels, step by step, in this process: where the time goes. No network, no session."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar

from benches.feed import PRICE_SCALE, PRODUCT, SIZE_SCALE, Feed, numbered
from venuewire.book import BookKeeper
from venuewire.model.instrument import Instrument
from venuewire.model.market import BookSnapshot, BookUpdate
from venuewire.venue import Seat
from venuewire.venues import find

T = TypeVar("T")
ROUNDS = 5


def run(steps: int = 2_000) -> dict[str, float]:
    """Microseconds of each step, the best of several rounds."""
    feed = Feed(steps=steps)
    frames = [numbered(n + 1, body) for n, body in enumerate(feed.bodies)]
    initiator: Any = find("coinbase").initiator("ws", _seat())
    keeper = BookKeeper(PRODUCT, PRICE_SCALE, SIZE_SCALE)

    def begin() -> None:
        (snapshot,) = initiator.receive(initiator.open(feed.snapshot(0)), 1)
        assert isinstance(snapshot, BookSnapshot)
        assert keeper.apply(snapshot)

    def read_top(_: object) -> object:
        return keeper.book.best_bid, keeper.book.best_ask

    def whole(frame: bytes) -> None:
        for event in initiator.receive(initiator.open(frame), 1):
            keeper.apply(event)
            read_top(frame)

    envelopes = [initiator.open(frame) for frame in frames]
    events: list[BookUpdate] = [initiator.receive(envelope, 1)[0] for envelope in envelopes]
    rows = [list(event.rows()) for event in events]
    return {
        "envelope": _each(initiator.open, frames),
        "event": _each(lambda envelope: initiator.receive(envelope, 1), envelopes),
        "rows": _each(lambda event: event.rows(), events),
        "ladders": _each(keeper.book.apply_rows, rows, begin),
        "rows, ladders and trust": _each(keeper.apply, events, begin),
        "best bid and ask": _each(read_top, frames, begin),
        "all of it": _each(whole, frames, begin),
    }


def _seat() -> Seat:
    numbers = count()
    seat = Seat(None, unique=lambda: next(numbers), random_hex=lambda digits: "0" * digits)
    tick, lot = Decimal(1).scaleb(-PRICE_SCALE), Decimal(1).scaleb(-SIZE_SCALE)
    seat.know(
        [
            Instrument(
                symbol=PRODUCT,
                security_id=PRODUCT,
                base="BTC",
                currency="USD",
                min_price_increment=tick,
                min_qty_increment=lot,
                min_trade_vol=lot,
            )
        ]
    )
    return seat


def _each(step: Callable[[T], object], arguments: Sequence[T], begin: Callable[[], None] | None = None) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        if begin is not None:
            begin()
        started = time.perf_counter()
        for argument in arguments:
            step(argument)
        best = min(best, time.perf_counter() - started)
    return round(best / len(arguments) * 1e6, 2)


def table(result: dict[str, float]) -> list[str]:
    """For people."""
    return ["one frame of ten levels, us", *(f"{name:26}{value:>10.2f}" for name, value in result.items())]
