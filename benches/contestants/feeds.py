"""cryptofeed: a book callback, as its README shows. Run by the Python of an environment of its own.

Manners: `nothing` (the callback looks at nothing) and `top` (it reads best bid and best ask, as everybody else does).
Two things of it are mended, neither of which costs it anything while it is measured. Its connection class takes no
address without TLS, so it is given the address behind its back. And as released it loses every ask of a snapshot: it
looks for rows of the side `ask`, and the venue says `offer`.
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

        async def _pair_level2_snapshot(self, msg: Any, timestamp: float) -> None:
            for row in msg["updates"]:
                row["side"] = "bid" if row["side"] == "bid" else "ask"
            await super()._pair_level2_snapshot(msg, timestamp)

    return Here


async def main(what: Asked) -> None:
    Symbols.set(COINBASE, {what.symbol: what.symbol}, {"instrument_type": {what.symbol: "spot"}})
    reader = Reader(what)
    config = {"log": {"disabled": True}, "uvloop": True, "coinbase": {"key_id": "bench", "key_secret": "bench"}}
    handler = FeedHandler(config=config)
    handler.add_feed(
        here(what.url)(config=config, symbols=[what.symbol], channels=[L2_BOOK], callbacks={L2_BOOK: reader.told})
    )
    handler.run(start_loop=False, install_signal_handlers=False)
    try:
        async with asyncio.timeout(PATIENCE):
            await reader.done.wait()
    except TimeoutError:
        sys.exit(f"not all of {what.frames} frames came")
    sides = (dict(side.to_dict()) for side in (reader.book.book.bids, reader.book.book.asks))
    bids, asks = (scaled(side) for side in sides)
    assert reader.watch is not None
    print(reader.watch.report(what.frames, digest(bids, asks), release("cryptofeed")), flush=True)


if __name__ == "__main__":
    try:
        import uvloop  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]
    except ImportError:
        asyncio.run(main(asked()))
    else:
        uvloop.run(main(asked()))
