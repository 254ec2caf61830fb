"""This library with many books at all venues in one process: how long until all are LIVE, and what a message costs."""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from benches.wide import symbols
from venuewire.cli.bench.far import Order, Setting
from venuewire.cli.bench.turn import FarProcess, Manner, far_end, follow, log_on
from venuewire.client import LiveBook
from venuewire.errors import RequestRejected
from venuewire.venues import find

LEVELS = 50
"""A side: it is the number of books that is measured, not their depth."""
STEPS = 4
AT_ONCE = 100
"""Subscriptions asked for at a time: what waits its turn in the client's outbox for ten seconds is given up."""
TRIES = 20
"""A subscription refused because too many came at once is asked for again; how many were is told."""


async def main(wanted: Mapping[str, int], frames: int) -> None:
    setting = Setting(venues=tuple(wanted), levels=LEVELS, steps=STEPS)
    async with far_end(setting, "benches.wide", str(max(wanted.values()))) as far, AsyncExitStack() as stack:
        before = resident()
        begun = time.monotonic()
        held: dict[str, list[LiveBook]] = {}
        live: dict[str, float] = {}
        refused = dict.fromkeys(wanted, 0)

        async def begin(venue: str, count: int) -> None:
            client = await stack.enter_async_context(log_on(far.ready, venue))
            room = asyncio.Semaphore(AT_ONCE)

            async def enter(symbol: str) -> LiveBook:
                async with room:
                    for _ in range(TRIES):
                        try:
                            return await stack.enter_async_context(client.book(symbol))
                        except RequestRejected:
                            refused[venue] += 1
                            await asyncio.sleep(1)
                    return await stack.enter_async_context(client.book(symbol))

            held[venue] = list(await asyncio.gather(*map(enter, symbols(find(venue), count))))
            live[venue] = round(time.monotonic() - begun, 2)

        async with asyncio.TaskGroup() as tasks:
            for venue, count in wanted.items():
                tasks.create_task(begin(venue, count))
        gc.collect()
        megabytes = resident() - before
        costs = {venue: await cost(far, venue, books, frames) for venue, books in held.items()}
    print(json.dumps({"live": live, "megabytes": round(megabytes, 1), "costs": costs, "refused": refused}))


async def cost(far: FarProcess, venue: str, books: list[LiveBook], frames: int) -> dict[str, float]:
    """A flood over all books of one venue, in turn."""
    order = Order(venue=venue, symbols=tuple(book.symbol for book in books), frames=frames)
    measured = await follow(books, frames, lambda: far.order(order), Manner())
    await far.report()
    each = 1e6 / measured.frames
    return {"cpu_us": round(measured.cpu * each, 2), "us": round(measured.seconds * each, 2)}


def resident() -> float:
    """Megabytes this process has in memory now; the most it ever had, where the system does not tell."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    asyncio.run(main(given["books"], given["frames"]))
