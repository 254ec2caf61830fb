"""Protection and positions by id at cTrader, through the whole client and over the network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import TypeVar

import pytest
from msgspec.structs import replace

import venuewire as vw
from venuewire.model.account import AccountSummary
from venuewire.model.market import Bar, SecurityStatus
from venuewire.model.session import VenueNews
from venuewire.model.terms import NANOS_PER_SECOND, PositionEffect
from venuewire.sandbox.faults import Fault, Kind
from venuewire.venues.ctrader.credentials import CTraderCredentials
from venuewire.venues.ctrader.wire import session, trading

EventT = TypeVar("EventT")


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


async def test_the_account_its_symbols_and_the_rest_are_asked_for(sandbox: vw.Sandbox) -> None:
    known = sandbox.credentials("ctrader")
    assert isinstance(known, CTraderCredentials)
    second = str(known.accountId + 1)
    both = replace(known, accountIds=(known.accountId + 1,))
    async with asyncio.timeout(60), vw.connect("ctrader", both) as client:
        order = vw.NewOrder(
            symbol="EURUSD", side=vw.Side.BUY, ord_type=vw.OrdType.MARKET, order_qty="1000", account=second
        )
        estimate = await client.preview(order)
        assert estimate.currency == "USD"
        assert estimate.margin is not None
        assert 10 < estimate.margin < 13
        async with client.summaries() as summaries, client.statuses("EURUSD") as statuses, client.events() as events:
            first = [await told(summaries, AccountSummary) for _ in range(2)]
            assert {one.account: one.equity for one in first} == {
                str(known.accountId): Decimal(1_000_000),
                second: Decimal(50_000),
            }
            assert (await told(statuses, SecurityStatus)).tradable is True
            placed = await client.place(order)
            await placed.done()
            after = await told(summaries, AccountSummary)
            assert after.account == second
            assert after.initial_margin is not None
            assert abs(after.initial_margin - estimate.margin) < Decimal("0.1")
            assert [position.account for position in await client.positions()] == [second]
            sandbox.set_fault(Fault(kind=Kind.HABIT, name="close-only"))
            assert (await told(statuses, SecurityStatus)).text == "CLOSE_ONLY_MODE"
            sandbox.set_fault(Fault(kind=Kind.HABIT, name="paid-in"))
            async for event in events:
                if isinstance(event, VenueNews) and _is_payment(event):
                    break
        async with client.live_bars("EURUSD", 60 * NANOS_PER_SECOND) as bars:
            live = await told(bars, Bar)
            assert (live.symbol, live.period, live.final) == ("EURUSD", 60 * NANOS_PER_SECOND, False)
        version = await client.ask(session.VersionReq())
        assert isinstance(version, session.VersionRes)
        now = client.clock.now()
        # Many pages of history, five requests a second, and none refused.
        asked = [client.bars("EURUSD", 60 * NANOS_PER_SECOND, now - 3600 * NANOS_PER_SECOND, now) for _ in range(12)]
        answers = await asyncio.gather(*asked)
        assert all(answer.complete for answer in answers)


async def told(stream: AsyncIterator[object], kind: type[EventT]) -> EventT:
    """The next of a stream, in which nothing may be missing."""
    event = await anext(stream)
    assert isinstance(event, kind)
    return event


def _is_payment(news: VenueNews) -> bool:
    return isinstance(news.message, trading.ExecutionEvent) and news.message.deposit_withdraw is not None
