"""Place a resting order, move it, cancel it, and follow what the venue says of it.

python examples/follow_an_order.py
"""

import asyncio

import venuewire as vw


async def main() -> None:
    async with (
        vw.Sandbox(venues=["ctrader"]) as sandbox,
        vw.connect("ctrader", sandbox.credentials("ctrader")) as client,
        client.book("EURUSD") as book,
    ):
        assert book.best_bid is not None
        tick = client.instruments["EURUSD"].min_price_increment
        order = await client.place(
            vw.NewOrder(
                symbol="EURUSD",
                side=vw.Side.BUY,
                ord_type=vw.OrdType.LIMIT,
                order_qty=10_000,  # units of the base currency
                price=book.best_bid.price - 100 * tick,
            )
        )
        await client.replace(order, price=book.best_bid.price - 200 * tick)
        await client.cancel(order)
        async for report in order:
            print(report)
        print("done:", order.status)


asyncio.run(main())
