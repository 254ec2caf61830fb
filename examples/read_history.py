"""Read one's deals page by page, in the venue's own words: a request that the common vocabulary has no word for.

python examples/read_history.py
"""

import asyncio
from collections.abc import AsyncIterator

import venuewire as vw
from venuewire.client import Client
from venuewire.venues.finery import translate, wire
from venuewire.venues.finery.wire import methods


async def deals(client: Client, page: int = 250) -> AsyncIterator[wire.Deal]:
    """All of them, the newest first."""
    query = methods.DealHistory(limit=page)
    while True:
        answer = await client.ask(query)
        assert isinstance(answer, wire.Deals)
        for row in answer.rows:
            yield row
        if len(answer.rows) < page:
            return
        query = methods.DealHistory(limit=page, till=min(row.id for row in answer.rows))


async def main() -> None:
    async with vw.Sandbox(venues=["finery"]) as sandbox, vw.connect("finery", sandbox.credentials("finery")) as client:
        order = vw.NewOrder(symbol="BTC-USD", side=vw.Side.BUY, ord_type=vw.OrdType.MARKET, order_qty="0.01")
        for _ in range(5):
            await (await client.place(order)).done()
        async for deal in deals(client, page=2):
            size, price = translate.from_wire(deal.dealSize), translate.from_wire(deal.dealPrice)
            print(f"deal {deal.id}: {size} {deal.instrument} at {price}")


asyncio.run(main())
