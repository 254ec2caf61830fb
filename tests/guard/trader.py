"""A trader with a guard, made to be killed, stopped or sent home: `python -m tests.guard.trader READY.json`, told on
standard input what comes next; one JSON line for each thing done.

Standard error is the guard's, too: its end is the end of both.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import venuewire as vw
from venuewire import errors
from venuewire.cli.places import from_ready
from venuewire.client import Client
from venuewire.venues import find


def resting(client: Client, book: vw.LiveBook, away: int) -> vw.NewOrder:
    """A buy order so many ticks below the market."""
    instrument = client.instruments[book.symbol]
    ask = book.best_ask
    assert ask is not None
    price = ask.price - (200 + away) * instrument.min_price_increment
    return vw.NewOrder(
        symbol=book.symbol,
        side=vw.Side.BUY,
        ord_type=vw.OrdType.LIMIT,
        order_qty=instrument.min_trade_vol,
        price=price,
    )


async def act(client: Client, book: vw.LiveBook, words: list[str]) -> dict[str, Any]:
    """One thing; what came of it."""
    what = words[0]
    try:
        if what == "place":
            order = await client.place(resting(client, book, int(words[1])))
            return {"cl_ord_id": order.cl_ord_id, "status": order.status, "text": order.text}
        if what == "replace":
            order = (
                client.orders()[0]
                if len(words) == 1
                else next(it for it in client.orders() if it.cl_ord_id == words[1])
            )
            assert order.order.price is not None
            tick = client.instruments[order.symbol].min_price_increment
            await client.replace(order, price=order.order.price - tick)
            return {"cl_ord_id": order.cl_ord_id, "status": order.status}
        if what == "hold":  # placed, and not waited for
            placing = asyncio.create_task(client.place(resting(client, book, int(words[1]))))
            placing.add_done_callback(lambda it: it.cancelled() or it.exception())
            await asyncio.sleep(0)
            return {"placing": True}
        if what == "health":
            return {"guard": client.health()["guard"]}
    except errors.VenueError as error:
        return {"error": type(error).__name__, "text": str(error)}
    raise SystemExit(f"what is {words}?")


async def main(venue: str, ready: dict[str, Any], options: dict[str, Any]) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    guard = vw.Guard(**options)
    client = vw.connect(venue, from_ready(find(venue), ready), guard=guard)
    async with client, client.book(client.venue.default_symbol) as book:
        tell({"armed": client.health()["guard"]["armed"], "guard": client.health()["guard"]["pid"]})
        while words := (await reader.readline()).decode().split():
            if words[0] == "crash":
                raise RuntimeError("as if the strategy had failed")
            if words[0] == "goodbye":
                break
            tell(await act(client, book, words))


def tell(record: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])))
