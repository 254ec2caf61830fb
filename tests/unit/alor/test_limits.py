"""A whole client in memory against the venue: its published limits are kept, and its own words work to the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

import venuewire as vw
from venuewire.client.client import Client
from venuewire.errors import LocalProtocolError, RequestRejected
from venuewire.model.account import AccountSummary
from venuewire.model.market import SecurityStatus
from venuewire.model.orders import NewOrder
from venuewire.model.session import Gap, VenueNews
from venuewire.model.terms import NANOS_PER_SECOND, OrdStatus, OrdType, Side
from venuewire.sandbox.memory import MemorySandbox
from venuewire.venues.alor import VENUE
from venuewire.venues.alor.wire import account, requests, risk, status

SYMBOL = "MOEX:SBER"


@asynccontextmanager
async def trading(**settings: Any) -> AsyncIterator[tuple[MemorySandbox, Client]]:
    """A client that has logged on, on a clock of the sandbox's."""
    async with MemorySandbox([VENUE], pace=60) as sandbox:
        client = vw.connect(
            "alor",
            sandbox.credentials("alor"),
            symbols=[SYMBOL],
            settings=settings,
            network=sandbox.network(),
            clock=sandbox.clock,
        )
        await sandbox.run(client.__aenter__())
        yield sandbox, client
        await sandbox.run(client.close())


def limit(price: str, lots: int = 1) -> NewOrder:
    return NewOrder(symbol=SYMBOL, side=Side.BUY, ord_type=OrdType.LIMIT, order_qty=10 * lots, price=price)


async def all_of(act: Callable[[int], Awaitable[Any]], count: int) -> list[Any]:
    return list(await asyncio.gather(*(act(number) for number in range(count))))


async def test_orders_and_reads_together_never_pass_a_hundred_a_second() -> None:
    """The sandbox answers 429 to the hundred and first request of a second, over whichever way it comes."""
    async with trading() as (sandbox, client):

        async def either(number: int) -> Any:
            return await (client.place(limit("200")) if number % 2 else client.ask(requests.TimeRequest()))

        began = sandbox.now()
        done = await sandbox.run(all_of(either, 260))
        assert sandbox.now() - began >= 2 * NANOS_PER_SECOND
        placed = [order for order in done if not isinstance(order, requests.Time)]
        assert len(placed) == 130
        assert {order.status for order in placed} == {OrdStatus.NEW}


async def test_summaries_statuses_feeds_and_requests_through_a_client_and_a_lost_line() -> None:
    async with trading() as (sandbox, client):
        risks = requests.RisksFeed()
        async with (
            client.summaries() as summaries,
            client.statuses(SYMBOL) as statuses,
            client.feed(risks) as feed,
            client.feed(requests.InstrumentFeed(code="GAZP")) as other,
        ):
            summary = await sandbox.run(anext(summaries))
            assert isinstance(summary, AccountSummary)
            assert summary.equity is not None
            found = await sandbox.run(anext(statuses))
            assert isinstance(found, SecurityStatus)
            assert found.tradable is True
            for stream, kind in ((feed, risk.Risk), (other, status.InstrumentStatus)):
                news = await sandbox.run(anext(stream))
                assert isinstance(news, VenueNews)
                assert isinstance(news.message, kind)
            await sandbox.run(client.place(limit("300")))
            after = await sandbox.run(anext(summaries))
            assert isinstance(after, AccountSummary)
            assert after.available is not None
            assert summary.available is not None
            assert after.available < summary.available
            sandbox.disconnect("alor", 1006)
            told: list[Any] = []
            while not (told and isinstance(told[-1], Gap) and told[-1].repaired):
                told.append(await sandbox.run(anext(feed)))
            again = await sandbox.run(anext(feed))
            assert [gap.repaired for gap in told if isinstance(gap, Gap)] == [False, True]
            assert isinstance(again, VenueNews)
            assert isinstance(again.message, risk.Risk)


async def test_a_preview_and_what_is_asked_by_record() -> None:
    async with trading() as (sandbox, client):
        fine = await sandbox.run(client.preview(limit("250", 2)))
        assert (fine.accepted, fine.notional) == (True, Decimal(5000))
        assert (await sandbox.run(client.preview(limit("250", 100_000)))).accepted is False
        answer = await sandbox.run(client.ask(requests.SummaryRequest()))
        assert isinstance(answer, account.SummarySimple)
        with pytest.raises(RequestRejected) as refusal:
            await sandbox.run(client.ask(requests.OrderRequest(orderId="1")))
        assert refusal.value.code == "404"
        with pytest.raises(LocalProtocolError):
            await sandbox.run(client.ask(risk.Risk(portfolio="D1", exchange="MOEX")))


@pytest.mark.parametrize(("form", "least"), [("Slim", 10), ("Simple", 25), ("Heavy", 500)])
async def test_no_book_comes_more_often_than_its_format_allows(form: str, least: int) -> None:
    async with trading(format=form) as (sandbox, client):
        sandbox.set_pace(least / 4000)
        async with client.book(SYMBOL) as book:
            times: list[int] = []

            async def read() -> None:
                async for change in book:
                    assert not isinstance(change, Gap)
                    times.append(change.recv_time)
                    if len(times) == 10:
                        return

            await sandbox.run(read())
        gaps = [later - first for first, later in pairwise(times)]
        assert min(gaps) >= least * 1_000_000
