"""A trader at every venue of a sandbox, with a journal at each, made to be killed at any moment.

python -m tests.chaos.trader READY.json FOLDER SEED            trade until killed
python -m tests.chaos.trader READY.json FOLDER SEED --settle   take up what is left, tell how all of it stands
"""

from __future__ import annotations

import asyncio
import json
import sys
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import venuewire as vw
from venuewire import errors
from venuewire.cli.places import from_ready
from venuewire.client import Client
from venuewire.venues import find, names

AT_ONCE = 3
"""Orders under way at each venue at a time."""
PAUSE = 0.01
SETTLE_SECONDS = 20


def client_of(venue: str, ready: dict[str, Any], folder: Path) -> Client:
    credentials = from_ready(find(venue), ready)
    return vw.connect(venue, credentials, journal=folder / f"{venue}.db", durability=vw.Durability.OS)


def new_order(client: Client, book: vw.LiveBook, draw: Random) -> vw.NewOrder | None:
    """A limit order that is filled at once, in part, or rests."""
    instrument = client.instruments[book.symbol]
    side = draw.choice(list(vw.Side))
    facing = book.best_ask if side is vw.Side.BUY else book.best_bid
    if facing is None:
        return None
    away = draw.randrange(-2, 40) * instrument.min_price_increment
    price = facing.price - away if side is vw.Side.BUY else facing.price + away
    size = instrument.min_trade_vol + draw.randrange(5) * instrument.min_qty_increment
    return vw.NewOrder(symbol=book.symbol, side=side, ord_type=vw.OrdType.LIMIT, order_qty=size, price=price)


async def act(client: Client, book: vw.LiveBook, draw: Random) -> None:
    """One thing a trader does."""
    resting = [order for order in client.orders() if order.order.ours and order.order_id]
    chance = draw.random()
    if resting and (chance < 0.35 or len(resting) > 20):
        await client.cancel(draw.choice(resting))
    elif resting and chance < 0.5:
        order, tick = draw.choice(resting), client.instruments[book.symbol].min_price_increment
        if order.order.price is not None:
            await client.replace(order, price=order.order.price + draw.choice((-tick, tick)))
    else:
        command = new_order(client, book, draw)
        if command is not None:
            await client.place(command)


async def keep_acting(client: Client, book: vw.LiveBook, draw: Random) -> None:
    while True:
        try:
            await act(client, book, draw)
        except errors.VenueError as error:
            sys.stderr.write(f"{client.venue.name}: {type(error).__name__}: {error}\n")
        await asyncio.sleep(PAUSE)


async def trade(venue: str, ready: dict[str, Any], folder: Path, seed: int) -> None:
    draw = Random(f"{seed} {venue}")
    async with client_of(venue, ready, folder) as client, client.book(client.venue.default_symbol) as book:
        tell(f"trading {venue}")
        await asyncio.gather(*(keep_acting(client, book, draw) for _ in range(AT_ONCE)))


async def settle(venue: str, ready: dict[str, Any], folder: Path, _seed: int) -> None:
    """Ask until two answers say the same; then tell."""
    async with client_of(venue, ready, folder) as client:
        before: list[dict[str, Any]] = []
        async with asyncio.timeout(SETTLE_SECONDS):
            while True:
                await client.refresh_orders()
                told = [record(order.order) for order in map(client.order, ids(client)) if order is not None]
                if told == before:
                    break
                before = told
                await asyncio.sleep(0.2)
        tell(json.dumps({"venue": venue, "recovered": len(client.recovered), "orders": told}))


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def ids(client: Client) -> list[str]:
    return [order.cl_ord_id or order.order_id for order in client.desk.blotter]


def record(order: Any) -> dict[str, Any]:
    return {
        "ours": order.ours,
        "status": order.status,
        "cl_ord_id": order.cl_ord_id,
        "order_ids": sorted({order.order_id, *order.legs} - {""}),
        "cum_qty": str(order.cum_qty),
        "filled": str(sum((fill.qty for fill in order.fills), Decimal(0))),
        "exec_ids": sorted(fill.exec_id for fill in order.fills if fill.exec_id),
    }


async def main(ready: dict[str, Any]) -> None:
    work = settle if "--settle" in sys.argv else trade
    async with asyncio.TaskGroup() as tasks:
        for venue in names():
            tasks.create_task(work(venue, ready, Path(sys.argv[2]), int(sys.argv[3])))


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
