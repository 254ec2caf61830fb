"""ccxt.pro: `watch_order_book` in a loop, as its manual shows. Run by the Python of an environment of its own.

Its loop gets its turn less often than messages come; so the top is read where a message is handled, once for each,
which costs it next to nothing and makes it the same work as everybody's.
"""

from __future__ import annotations

import asyncio
from typing import Any

import ccxt.pro as ccxt  # type: ignore[import-not-found]  # pyright: ignore[reportMissingImports]

from benches.contestants.result import Asked, Stopwatch, asked, digest, release, scaled

UNIFIED = "BTC/USD"


class Counted(ccxt.coinbase):  # type: ignore[misc]  # its class is not typed
    """Counts, and reads the top, when a message has been handled."""

    frames = 0
    seen = 0
    best: tuple[Any, Any] = (0, 0)
    watch_: Stopwatch | None = None

    def handle_order_book(self, client: Any, message: Any) -> None:
        if message["events"][0]["type"] == "update":
            self.seen += 1
            if self.seen == 1:
                self.watch_ = Stopwatch()
        super().handle_order_book(client, message)
        book = self.orderbooks[UNIFIED]
        self.best = (book["bids"][0], book["asks"][0])
        if self.seen == self.frames and self.watch_ is not None:
            self.watch_.stop()


async def main(what: Asked) -> None:
    exchange = Counted({"enableRateLimit": True, "newUpdates": True})
    exchange.frames = what.frames
    exchange.urls["api"]["ws"] = what.url
    exchange.aiohttp_trust_env = False
    exchange.set_markets([_market(what.symbol)])
    try:
        while exchange.seen < what.frames:
            await exchange.watch_order_book(UNIFIED)
        book = exchange.orderbooks[UNIFIED]
        bids, asks = scaled(dict(map(_pair, book["bids"]))), scaled(dict(map(_pair, book["asks"])))
        assert exchange.watch_ is not None
        print(exchange.watch_.report(what.frames, digest(bids, asks), release("ccxt")))
    finally:
        await exchange.close()


def _pair(level: Any) -> tuple[Any, Any]:
    return level[0], level[1]


def _market(product: str) -> dict[str, Any]:
    base, quote = product.split("-")
    return {
        "id": product,
        "symbol": UNIFIED,
        "base": base,
        "quote": quote,
        "baseId": base,
        "quoteId": quote,
        "spot": True,
        "type": "spot",
        "active": True,
        "precision": {"amount": 1e-8, "price": 0.01},
        "limits": {},
    }


if __name__ == "__main__":
    asyncio.run(main(asked()))
