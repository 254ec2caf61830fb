"""Our client against the sandbox, through sockets: the kinds of order ALOR keeps itself."""

from __future__ import annotations

import asyncio

import venuewire as vw
from venuewire.model.orders import NewOrder
from venuewire.model.terms import OrdStatus, OrdType, Side, TriggerPriceDirection

SECONDS = 10
SYMBOL = "MOEX:SBER"


async def test_stop_orders_and_icebergs_are_one_order_each_from_beginning_to_end() -> None:
    async with (
        vw.Sandbox(venues=["alor"]) as sandbox,
        vw.connect("alor", sandbox.credentials("alor")) as client,
        client.book(SYMBOL) as book,
    ):
        assert book.best_bid is not None
        bid = book.best_bid.price
        profit = await client.place(
            NewOrder(
                symbol=SYMBOL,
                side=Side.SELL,
                ord_type=OrdType.STOP_LIMIT,
                order_qty=20,
                stop_px=bid + 50,
                price=bid + 49,
                trigger_price_direction=TriggerPriceDirection.UP,
            )
        )
        await client.replace(profit, stop_px=bid + 60)
        assert (str(profit.status), profit.order.stop_px) == ("NEW", bid + 60)
        await client.cancel(profit)
        await asyncio.wait_for(profit.done(), SECONDS)
        assert profit.status == OrdStatus.CANCELED
        # The price is below the trigger already: it goes off at once, and what it places is filled.
        loss = await client.place(
            NewOrder(symbol=SYMBOL, side=Side.SELL, ord_type=OrdType.STOP, order_qty=20, stop_px=bid + 10)
        )
        await asyncio.wait_for(loss.done(), SECONDS)
        assert loss.status == OrdStatus.FILLED
        assert loss.order.cum_qty == 20
        assert not loss.order.order_id.startswith("stop:")
        iceberg = await client.place(
            NewOrder(
                symbol=SYMBOL,
                side=Side.SELL,
                ord_type=OrdType.LIMIT,
                order_qty=100,
                max_floor=20,
                price=bid + 50,
            )
        )
        await client.cancel(iceberg)
        await asyncio.wait_for(iceberg.done(), SECONDS)
        assert iceberg.status == OrdStatus.CANCELED
