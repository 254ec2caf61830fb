"""Protection and positions by id at cTrader, through the whole client and over the network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

import venuewire as vw
from venuewire.model.terms import PositionEffect


@pytest.fixture
async def sandbox() -> AsyncIterator[vw.Sandbox]:
    async with vw.Sandbox(venues=["ctrader"]) as running:
        yield running


async def test_a_protected_position_is_opened_guarded_and_closed(sandbox: vw.Sandbox) -> None:
    async with asyncio.timeout(30), vw.connect("ctrader", sandbox.credentials("ctrader")) as client:
        order = await client.place(
            vw.NewOrder(
                symbol="EURUSD",
                side=vw.Side.BUY,
                ord_type=vw.OrdType.MARKET,
                order_qty="1000",
                stop_loss_offset="0.02",
                take_profit_offset="0.03",
            )
        )
        await order.done()
        assert order.status is vw.OrdStatus.FILLED
        (position,) = await client.positions()
        # The protective order was told in the same breath as the fill: before the answer to anything asked later.
        (guard,) = [one for one in client.orders() if one.order.stop_px is not None]
        target = guard.order.price
        await client.replace(guard, stop_px="1.05")
        assert (guard.order.stop_px, guard.order.price) == (Decimal("1.05"), target)
        close = await client.place(
            vw.NewOrder(
                symbol="EURUSD",
                side=vw.Side.SELL,
                ord_type=vw.OrdType.MARKET,
                order_qty="1000",
                position_id=position.position_id,
                position_effect=PositionEffect.CLOSE,
            )
        )
        await close.done()
        await guard.done()
        assert (close.status, guard.status) == (vw.OrdStatus.FILLED, vw.OrdStatus.CANCELED)
        assert await client.positions() == []
