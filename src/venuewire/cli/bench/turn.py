"""One turn of a measurement: our end, through the whole client; and the process at the other end.

A turn logs on, keeps the books, reads best bid and best ask at each message, and compares the books it ends with to
those that were sent.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from array import array
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
from msgspec import Struct

from venuewire.cli.bench.far import Order, Setting
from venuewire.cli.bench.walk import Sides, Walk, top
from venuewire.cli.outcome import JobFailed
from venuewire.cli.places import from_ready
from venuewire.client import Client, LiveBook, connect
from venuewire.client.live import BookChange
from venuewire.model.session import Gap
from venuewire.model.terms import NANOS_PER_SECOND, Side
from venuewire.venues import find

SAMPLES = 50
"""Messages whose levels are counted."""
PATIENCE = 60.0
"""Seconds a turn may take."""
READER_BOUND = 1 << 20
"""Messages that may wait for `async for`: a flood comes faster than a task gets its turn, and none may be dropped."""
_LINE = 64 << 20
"""Bytes of one line of the far end: the times of a paced flood are long."""


class Measured(Struct, frozen=True, kw_only=True):
    """What one turn took."""

    frames: int
    seconds: float
    cpu: float
    """Seconds of CPU of this process."""
    levels: float
    """Levels in a message, as the client was told them."""
    times: Sequence[int] = ()
    """When each message had been applied and told, on the monotonic clock that processes share; where asked for."""


class Manner(Struct, frozen=True, kw_only=True):
    """How the user of a turn follows its books."""

    how: str = "call"
    """`call`: `on_change`; `levels`: the same, each message opened into its levels; `loop`: `async for`."""
    times: bool = False
    """Note when each message was told."""


class Watch:
    """Counts the messages of all books of a turn, from the first to the last."""

    def __init__(self, expected: int, manner: Manner) -> None:
        self.done = asyncio.Event()
        self.seen = 0
        self._gap: Gap | None = None
        self._times = array("q")
        self._expected = expected
        self._manner = manner
        self._samples: list[BookChange] = []
        self._begun = self._begun_cpu = 0.0
        self._seconds = self._cpu = 0.0

    def looker(self, book: LiveBook) -> Callable[[BookChange | Gap], None]:
        """To be called with each change of this book: what a user would write who looks at the top each time."""
        opened, times, end = self._manner.how == "levels", self._times if self._manner.times else None, self._expected

        def look(change: BookChange | Gap) -> None:
            best_bid, best_ask = book.best_bid, book.best_ask
            self.seen = seen = self.seen + 1
            if opened and not isinstance(change, Gap):
                _ = change.levels
            if times is not None:
                times.append(time.monotonic_ns())
            if seen <= SAMPLES or seen == end or best_bid is None or best_ask is None or isinstance(change, Gap):
                self._note(change, book)

        return look

    def _note(self, change: BookChange | Gap, book: LiveBook) -> None:
        """The first messages, the last, and whatever should not be."""
        if isinstance(change, Gap):
            self._gap = change
            self.done.set()
            return
        if book.best_bid is None or book.best_ask is None:
            raise JobFailed("a side of the book is empty")
        if self.seen == 1:
            self._begun, self._begun_cpu = time.perf_counter(), time.process_time()
        if self.seen <= SAMPLES:
            self._samples.append(change)
        if self.seen == self._expected:
            self._seconds = time.perf_counter() - self._begun
            self._cpu = time.process_time() - self._begun_cpu
            self.done.set()

    def result(self) -> Measured:
        """What it took. Raises `JobFailed` when something was missed."""
        if self._gap is not None:
            raise JobFailed(f"a book had a gap: {self._gap.cause}")
        levels = sum(len(change.levels) for change in self._samples) / max(1, len(self._samples))
        return Measured(
            frames=self.seen, seconds=self._seconds, cpu=self._cpu, levels=levels, times=self._times.tolist()
        )


# ------------------------------------------------------------------ a turn


async def turn(
    ready: Mapping[str, Any],
    venue: str,
    symbols: Sequence[str],
    frames: int,
    begin: Callable[[], None],
    manner: Manner | None = None,
) -> tuple[Measured, dict[str, Sides]]:
    """Log on, have the flood begin, follow the books until so many messages have come.

    What it took, and the books as they are then. `begin` is called when the books are LIVE and looked at.
    """
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(log_on(ready, venue))
        books = [await stack.enter_async_context(client.book(symbol)) for symbol in symbols]
        measured = await follow(books, frames, begin, manner or Manner())
        return measured, {book.symbol: sides(book) for book in books}


def log_on(ready: Mapping[str, Any], venue: str) -> Client:
    """A client of the far end."""
    return connect(venue, from_ready(find(venue), dict(ready)))


async def follow(books: Sequence[LiveBook], frames: int, begin: Callable[[], None], manner: Manner) -> Measured:
    """Follow these books, have the flood begin, and wait until so many messages have come. Raises `JobFailed`."""
    watch = Watch(frames, manner)
    try:
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
            readers: list[asyncio.Task[None]] = []
            for book in books:
                if manner.how == "loop":
                    readers.append(tasks.create_task(_read(book, watch.looker(book))))
                else:
                    book.on_change(watch.looker(book))
            if manner.how == "loop":
                await asyncio.sleep(0)  # readers read from here on
            begin()
            await watch.done.wait()
            for reader in readers:
                reader.cancel()
    except TimeoutError:
        raise JobFailed(f"only {watch.seen:,} of {frames:,} messages came in {PATIENCE:g} s") from None
    for book in books:
        book.keeper.require_live()
    return watch.result()


async def _read(book: LiveBook, look: Callable[[BookChange | Gap], None]) -> None:
    async for change in book.stream(READER_BOUND):
        look(change)


def sides(book: LiveBook) -> Sides:
    """A book as integers in its scales."""
    it = book.book
    bids, asks = (
        {int(level.price.scaleb(it.price_scale)): int(level.size.scaleb(it.size_scale)) for level in it.levels(side)}
        for side in (Side.BUY, Side.SELL)
    )
    return bids, asks


def expected(walk: Walk, frames: int, depth: int | None) -> Sides:
    """The book that a turn must end with."""
    bids, asks = walk.book_after(frames)
    return dict(top(bids, depth, reverse=True)), dict(top(asks, depth, reverse=False))


# ------------------------------------------------------------------ the process at the other end


class FarProcess:
    """The far end, as the one who measures holds it."""

    def __init__(self, process: Process, ready: dict[str, Any]) -> None:
        self._process = process
        self.ready = ready

    def order(self, order: Order) -> None:
        """Have it flood whoever has these books."""
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")

    async def report(self) -> dict[str, Any]:
        """What it sent, when it has. Raises `JobFailed`."""
        said = await _said(self._process)
        if "error" in said:
            raise JobFailed(f"the far end: {said['error']}")
        return said


@asynccontextmanager
async def far_end(setting: Setting, module: str = "venuewire.cli.bench.far", *more: str) -> AsyncGenerator[FarProcess]:
    """Start it, and end it. Raises `JobFailed` when it does not start."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, msgspec.json.encode(setting).decode(), *more),
        stdin=PIPE,
        stdout=PIPE,
        limit=_LINE,
        # Ctrl-C is for us; the far end goes when its standard input does.
        start_new_session=True,
    )
    try:
        yield FarProcess(process, await _said(process))
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _said(process: Process) -> dict[str, Any]:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        line = await process.stdout.readline()
    if not line:
        raise JobFailed("the far end ended; what it said of it is above")
    said: dict[str, Any] = json.loads(line)
    return said


# ------------------------------------------------------------------ times


def delays(told: Sequence[int], sent: Sequence[int]) -> list[int]:
    """Nanoseconds from sending to telling, message by message. Raises `JobFailed` when they are not as many."""
    if len(told) != len(sent):
        raise JobFailed(f"{len(told)} messages told of {len(sent)} sent")
    return [there - here for there, here in zip(told, sent, strict=True)]


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


class Latency(Struct, frozen=True, kw_only=True):
    """Microseconds from sending to telling at one pace."""

    rate: int
    """Frames a second asked for."""
    reached: int
    """Frames a second sent."""
    p50: float
    p90: float
    first: float
    """p50 of the first fifth."""
    last: float
    """p50 of the last fifth; a queue that grew would show."""


def latency(rate: int, told: Sequence[int], sent: Sequence[int]) -> Latency:
    """From the two lists of times, in nanoseconds."""
    late = delays(told, sent)
    fifth = max(1, len(late) // 5)
    reached = (len(sent) - 1) * NANOS_PER_SECOND / max(1, sent[-1] - sent[0])

    def microseconds(part: Sequence[int], share: float) -> float:
        return round(quantile(part, share) / 1e3, 1)

    return Latency(
        rate=rate,
        reached=round(reached),
        p50=microseconds(late, 0.5),
        p90=microseconds(late, 0.9),
        first=microseconds(late[:fifth], 0.5),
        last=microseconds(late[-fifth:], 0.5),
    )
