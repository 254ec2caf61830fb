"""One process, no network, no session: a frame of ten levels step by step, full books, and what a book holds; CPU time.

Both twins are measured, each in a process of its own; `python -m benches.pieces` measures the one that is in use.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from benches.feed import PRICE_SCALE, PRODUCT, SIZE_SCALE, Feed, instrument, numbered
from venuewire.book import BookKeeper, OrderBook, twins
from venuewire.model.market import BookSnapshot, BookUpdate
from venuewire.session.intake import Intake
from venuewire.venue import Seat
from venuewire.venues import find

T = TypeVar("T")
ROUNDS = 7
ROOT = Path(__file__).parents[1]


def run(rounds: int, scale: float) -> dict[str, dict[str, float]]:
    """Both twins, one after the other; the native one only where it was built. Has rounds and lengths of its own."""
    wanted = ["", "1"] if twins.native is not None else ["1"]
    found = [_in_a_process_of_its_own(pure) for pure in wanted]
    return {str(one.pop("core")): one for one in found}


def _in_a_process_of_its_own(pure: str) -> dict[str, Any]:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", "VENUEWIRE_PURE": pure}
    command = [sys.executable, "-m", "benches.pieces"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"pieces failed: {done.stderr.strip()[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def measure(steps: int = 2_000) -> dict[str, Any]:
    """Microseconds of CPU of each step, the best of several rounds; milliseconds of a full book; its memory."""
    feed = Feed(steps=steps)
    frames = [numbered(n + 1, body) for n, body in enumerate(feed.bodies)]
    initiator: Any = find("coinbase").initiator("ws", seat())
    keeper = BookKeeper(PRODUCT, PRICE_SCALE, SIZE_SCALE)

    full = feed.snapshot(0)

    def begin() -> None:
        (snapshot,) = initiator.receive(initiator.open(full), 1)
        assert isinstance(snapshot, BookSnapshot)
        assert keeper.apply(snapshot)

    def read_top(_: object) -> object:
        return keeper.book.best_bid, keeper.book.best_ask

    def whole(frame: bytes) -> None:
        for event in initiator.receive(initiator.open(frame), 1):
            keeper.apply(event)
            read_top(frame)

    take, again = by_express(keeper)

    def begin_again() -> None:
        begin()
        again()

    envelopes = [initiator.open(frame) for frame in frames]
    events: list[BookUpdate] = [initiator.receive(envelope, 1)[0] for envelope in envelopes]
    rows = [list(event.rows()) for event in events]
    us = {
        "envelope": _each(initiator.open, frames),
        "event": _each(lambda envelope: initiator.receive(envelope, 1), envelopes),
        "rows as Python objects": _each(lambda event: event.rows(), events),
        "those rows to the book": _each(keeper.book.apply_rows, rows, begin),
        "body to book": _each(keeper.apply, events, begin),
        "best bid and ask": _each(read_top, frames, begin),
        "all of it, the ordinary way": _each(whole, frames, begin),
        "all of it, by express": _each(lambda frame: (take(frame), read_top(frame)), frames, begin_again),
    }
    return {"core": twins.core(), **us, **_full_book(begin, full), **_memory(feed)}


def _full_book(begin: Callable[[], object], frame: bytes) -> dict[str, float]:
    """In turns; the median of each."""
    ours: list[float] = []
    parsed: list[float] = []
    for _ in range(ROUNDS):
        ours.append(_milliseconds(begin))
        parsed.append(_milliseconds(lambda: json.loads(frame)))
    return {
        "snapshot, frame to LIVE, ms": round(statistics.median(ours), 2),
        "json.loads of it, ms": round(statistics.median(parsed), 2),
    }


def _milliseconds(step: Callable[[], object]) -> float:
    gc.collect()
    started = time.process_time()
    step()
    return (time.process_time() - started) * 1e3


def _memory(feed: Feed) -> dict[str, float]:
    """What one book of 20,000 levels a side holds, without the frame it came from."""
    bids, asks = feed.book_after(0)
    tracemalloc.start()
    book = OrderBook(PRODUCT, PRICE_SCALE, SIZE_SCALE)
    # New numbers: those of the feed are held by the feed already.
    book.replace(
        [
            (side, int(str(price)), int(str(size)))
            for side, levels in enumerate((bids, asks))
            for price, size in levels.items()
        ]
    )
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return {"book of 20,000 a side, MB": round(held / 1e6, 2)}


def by_express(keeper: BookKeeper) -> tuple[Callable[[bytes], None], Callable[[], None]]:
    """Frames from the line to this book as plain ones go in a client; and what to call before the first of a round."""
    place, intake = seat(), twins.intake() or Intake()
    venue = find("coinbase")
    plan = None if venue.express is None else venue.express("ws", place, venue.initiator("ws", place))
    assert plan is not None
    # How old the made frames are says nothing.
    express = twins.express(plan, intake, {plan.key(PRODUCT): keeper.book}, numbered=True, max_lag=1 << 62)

    def take(frame: bytes) -> None:
        if not express.take(frame, 1):
            raise RuntimeError("a plain frame was not taken by express")

    def again() -> None:
        intake.open, intake.expected = True, 1

    return take, again


def seat() -> Seat:
    """A place at the venue that knows the product."""
    numbers, venue = count(), find("coinbase")
    staged = venue.stage(lambda digits: "1" * digits, 0)
    credentials = venue.credentials_from(staged.credentials)
    place = Seat(credentials, unique=lambda: next(numbers), random_hex=lambda digits: "0" * digits)
    place.know([instrument()])
    return place


def _each(step: Callable[[T], object], arguments: Sequence[T], begin: Callable[[], None] | None = None) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        if begin is not None:
            begin()
        started = time.process_time()
        for argument in arguments:
            step(argument)
        best = min(best, time.process_time() - started)
    return round(best / len(arguments) * 1e6, 2)


def table(result: dict[str, dict[str, float]]) -> list[str]:
    """For people."""
    names = list(next(iter(result.values())))
    lines = ["one frame of ten levels, us of CPU unless said" + "".join(f"{core:>14}" for core in result)]
    lines += [f"{name:39}" + "".join(f"{row[name]:>14.2f}" for row in result.values()) for name in names]
    return lines


if __name__ == "__main__":
    print(json.dumps(measure()))
