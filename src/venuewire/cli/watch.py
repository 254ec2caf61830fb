"""`venuewire watch`: ladders of one or more books, and whether they can be trusted."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import Any, Protocol

from msgspec import Struct
from rich.console import Console

from venuewire import views
from venuewire.cli import places, running
from venuewire.cli.feed import Feed, open_feeds
from venuewire.cli.notes import notes_instead_of_logs
from venuewire.cli.outcome import FINE, INTERRUPTED, JobFailed
from venuewire.cli.panels import Screen, has_room_for_a_screen
from venuewire.cli.places import Place
from venuewire.cli.running import Stop
from venuewire.model.market import Level
from venuewire.model.terms import Side
from venuewire.venue import Credentials
from venuewire.venues import find


class Options(Struct, frozen=True, kw_only=True):
    """What the command line says."""

    places: tuple[Place, ...]
    depth: int = 10
    seconds: float | None = None
    as_json: bool = False
    sandbox: str | None = None


class Show(Protocol):
    """Where it is seen."""

    every: float
    """Seconds between two looks."""

    def look(self, feeds: Sequence[Feed]) -> None:
        """How it stands."""
        ...


def watch(options: Options) -> int:
    """Watch until the time is over or it is told to end; the exit status."""
    wanted = places.by_venue(options.places)
    known = {venue: places.credentials(find(venue), options.sandbox) for venue in wanted}
    return running.run(lambda stop: _watch(options, known, stop))


async def _watch(options: Options, known: Mapping[str, Credentials], stop: Stop) -> int:
    stop.listen()
    console = Console()
    # Those of one venue share a client.
    wanted = places.by_venue(options.places).items()
    feeds = [open_feeds(find(venue), symbols, known[venue]) for venue, symbols in wanted]
    live: set[Feed] = set()
    with _show(options, console) as show:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(_follow(client_feeds, live)) for client_feeds in feeds]
            await _look([feed for client_feeds in feeds for feed in client_feeds], show, options.seconds, stop)
            for task in running:
                task.cancel()
    return _verdict([feed for client_feeds in feeds for feed in client_feeds if feed not in live], stop)


async def _follow(feeds: Sequence[Feed], live: set[Feed]) -> None:
    """Hold one client and all its books until cancelled; note which came to be LIVE."""
    async with feeds[0].client, AsyncExitStack() as stack:
        for feed in feeds:
            await stack.enter_async_context(feed.follow())
            live.add(feed)
        await asyncio.get_running_loop().create_future()


async def _look(feeds: Sequence[Feed], show: Show, seconds: float | None, stop: Stop) -> None:
    began = time.monotonic()
    while True:
        show.look(feeds)
        left = show.every if seconds is None else min(show.every, began + seconds - time.monotonic())
        if left <= 0 or await stop.wait(left):
            return


def _verdict(never_live: Sequence[Feed], stop: Stop) -> int:
    if not never_live:
        return FINE
    if stop.asked:
        return INTERRUPTED
    names = ", ".join(f"{feed.venue.name}:{feed.symbol}" for feed in never_live)
    raise JobFailed(f"never LIVE in that time: {names}")


# ------------------------------------------------------------------ where it is seen


class Printed:
    """A line for each book that has changed since the last look."""

    def __init__(self, every: float, line: Callable[[Feed], str]) -> None:
        self.every = every
        self._line = line
        self._told: dict[Feed, object] = {}

    def look(self, feeds: Sequence[Feed]) -> None:
        """Tell what is new."""
        for feed in feeds:
            stand = (feed.updates, feed.trust, feed.last)
            if feed.book is not None and self._told.get(feed) != stand:
                self._told[feed] = stand
                print(self._line(feed))
        sys.stdout.flush()


class Window:
    """A panel for each book."""

    every = 0.2

    def __init__(self, screen: Screen, depth: int) -> None:
        self._screen, self._depth = screen, depth

    def look(self, feeds: Sequence[Feed]) -> None:
        """Draw it anew."""
        layout = self._screen.layout(len(feeds), rungs=self._depth)
        stages = {feed: "waiting for the book" if feed.session.tone is views.Tone.GOOD else "" for feed in feeds}
        seen = [feed.view(max(1, layout.rungs), layout.bar_width, stage=stages[feed]) for feed in feeds]
        self._screen.draw(seen, layout, "venuewire watch")


@contextmanager
def _show(options: Options, console: Console) -> Generator[Show]:
    if options.as_json:
        yield Printed(0.1, lambda feed: json.dumps(record(feed, options.depth)))
    elif has_room_for_a_screen(console):
        with notes_instead_of_logs() as notes, Screen(console, notes.lines) as screen:
            yield Window(screen, options.depth)
    else:
        yield Printed(1.0, lambda feed: views.progress(feed.view(1, 0)))


def record(feed: Feed, depth: int) -> dict[str, Any]:
    """One book for machines: numbers are text, for they are exact; times are nanoseconds."""
    book, last = feed.book, feed.last
    assert book is not None
    line_lag, waiting, reader_lag = feed.behind()
    return {
        "venue": feed.venue.name,
        "symbol": feed.symbol,
        "trust": feed.trust,
        "updates": feed.updates,
        "time": feed.client.clock.now(),
        "transact_time": book.book.transact_time or None,
        "line_lag": line_lag,
        "reader_lag": reader_lag,
        "waiting": waiting,
        "bids": _pairs(book.levels(Side.BUY, depth)),
        "asks": _pairs(book.levels(Side.SELL, depth)),
        "last": last and {"price": f"{last.price:f}", "size": f"{last.size:f}", "transact_time": last.transact_time},
    }


def _pairs(levels: Sequence[Level]) -> list[list[str]]:
    return [[f"{level.price:f}", f"{level.size:f}"] for level in levels]
