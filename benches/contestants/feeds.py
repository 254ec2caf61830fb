"""cryptofeed: a book callback, as its README shows. Run by the Python of an environment of its own.

Manners: `nothing` (the callback looks at nothing) and `top` (it reads best bid and best ask, as everybody else does).
Its connection class takes no address without TLS, so it is given the address behind its back. Releases before 3 (the
newest for Python before 3.13 is one) lose every ask of a snapshot: they look for rows of the side `ask`, and the venue
says `offer`. There the snapshot's rows are renamed first. Neither costs it anything while it is measured.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, ClassVar

from cryptofeed import FeedHandler  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]
from cryptofeed.connection import (  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]
    WebsocketEndpoint,
)
from cryptofeed.defines import (  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]
    COINBASE,
    L2_BOOK,
)
from cryptofeed.exchanges import Coinbase  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]
from cryptofeed.symbols import Symbols  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

from benches.contestants.result import Asked, Stopwatch, asked, digest, release, scaled

PATIENCE = 120
RELEASE = release("cryptofeed")
LOSES_ASKS = int(RELEASE.split()[1].partition(".")[0]) < 3
MENDED = ", mended" if LOSES_ASKS else ""


class Reader:
    """What the user hands over as the callback for books."""

    def __init__(self, what: Asked) -> None:
        self._frames = what.frames
        self._top = what.manner == "top"
        self._seen = 0
        self.best: tuple[Any, Any] = (0, 0)
        self.watch: Stopwatch | None = None
        self.book: Any = None
        self.done = asyncio.Event()

    async def told(self, book: Any, _receipt: float) -> None:
        if book.delta is None:
            return
        self._seen += 1
        if self._seen == 1:
            self.watch = Stopwatch()
        if self._top:
            self.best = (book.book.bids.index(0), book.book.asks.index(0))
        if self._seen == self._frames:
            assert self.watch is not None
            self.watch.stop()
            self.book = book
            self.done.set()


def here(url: str) -> Any:
    """The exchange's class, at this address."""

    class Here(Coinbase):  # type: ignore[misc]  # its class is not typed
        websocket_endpoints: ClassVar = [WebsocketEndpoint("wss://127.0.0.1", options={"compression": None})]

        def connect(self) -> Any:
            made = super().connect()
            for connection, *_ in made:
                connection.address = url
            return made

        async def _pair_level2_snapshot(self, msg: Any, *more: Any) -> None:
            if LOSES_ASKS:
                for row in msg["updates"]:
                    row["side"] = "bid" if row["side"] == "bid" else "ask"
            await super()._pair_level2_snapshot(msg, *more)

    return Here


async def main(what: Asked) -> None:
    Symbols.set(COINBASE, {what.symbol: what.symbol}, {"instrument_type": {what.symbol: "spot"}})
    reader = Reader(what)
    config = {"log": {"disabled": True}, "uvloop": True, "coinbase": {"key_id": "bench", "key_secret": "bench"}}
    handler = FeedHandler(config=config)
    handler.add_feed(
        here(what.url)(config=config, symbols=[what.symbol], channels=[L2_BOOK], callbacks={L2_BOOK: reader.told})
    )
    if LOSES_ASKS:
        handler.run(start_loop=False, install_signal_handlers=False)
        running = None
    else:
        running = asyncio.create_task(handler.run_async(install_signal_handlers=False))
    try:
        async with asyncio.timeout(PATIENCE):
            await reader.done.wait()
    except TimeoutError:
        sys.exit(f"not all of {what.frames} frames came")
    if running is not None:
        handler.request_stop()
    sides = (dict(side.to_dict()) for side in (reader.book.book.bids, reader.book.book.asks))
    bids, asks = (scaled(side) for side in sides)
    assert reader.watch is not None
    print(reader.watch.report(what.frames, digest(bids, asks), RELEASE + MENDED), flush=True)


if __name__ == "__main__":
    try:
        import uvloop  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]
    except ImportError:
        asyncio.run(main(asked()))
    else:
        uvloop.run(main(asked()))
