"""This library, as a user has it: logged on, the book kept, best bid and ask read at each message."""

from __future__ import annotations

import asyncio
import sys

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import venuewire as vw
from benches.contestants.result import Stopwatch, digest
from venuewire.book import keeper
from venuewire.venues.coinbase import CoinbaseCredentials

SYMBOL = "BTC-USD"


# The frames were made beforehand, at a pace of their own: how old they are says nothing here.
keeper.MAX_LAG = 1 << 62


def credentials(url: str) -> CoinbaseCredentials:
    """Of nobody; every line goes to the flood's server, the user line to one that floods nothing."""
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    root = url.rpartition("/")[0]
    endpoints = {"ws": url, "user_ws": f"{root}/0", "http": "http" + root.removeprefix("ws")}
    return CoinbaseCredentials(
        key_name="organizations/bench/apiKeys/bench", private_key=vw.Secret(key.decode()), endpoints=endpoints
    )


async def follow(book: vw.LiveBook, frames: int) -> tuple[int, Stopwatch]:
    """Be told of every change, and read the top of the book at each; how many there were."""
    done = asyncio.Event()
    # The snapshot has come, and what came with it has been applied.
    waiting = frames - (book.updates - 1)
    seen = 0
    watch = Stopwatch()

    def look(change: vw.BookUpdate | vw.BookSnapshot | vw.Gap) -> None:
        nonlocal seen
        best_bid, best_ask = book.best_bid, book.best_ask
        assert best_bid is not None
        assert best_ask is not None
        seen += 1
        if seen == waiting or isinstance(change, vw.Gap):
            done.set()

    book.on_change(look)
    await done.wait()
    watch.stop()
    if book.last_gap is not None:
        sys.exit(f"the book had a gap: {book.last_gap.cause}")
    return waiting, watch


async def main(url: str, frames: int) -> None:
    async with vw.connect("coinbase", credentials(url)) as client, client.book(SYMBOL) as book:
        counted, watch = await follow(book, frames)
        bids, asks = (
            {int(level.price.scaleb(2)): int(level.size.scaleb(8)) for level in book.book.levels(side)}
            for side in (vw.Side.BUY, vw.Side.SELL)
        )
        book.require_live()
        print(watch.report(counted, digest(bids, asks)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
