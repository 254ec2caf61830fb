"""A planned change of a line, at the toy venue: what the real ones cannot be made to do."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from tests.unit.client.toy import SECOND, Table, seated, trade, trust

from venuewire import errors
from venuewire.client.changeover import _is_newer
from venuewire.model.orders import NewOrder
from venuewire.model.terms import OrdStatus, OrdType, Side, Trust
from venuewire.transport.clock import settle

ORDER = NewOrder(symbol="S", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty=1, price="1")


async def begun(table: Table) -> asyncio.Future[None]:
    """A change whose new line does not get its snapshot yet."""
    table.far.silent.add("snapshot")
    changing = asyncio.ensure_future(table.client.renew_lines())
    await settle()
    assert len(table.far.open_lines) == 2
    assert not changing.done()
    return changing


async def test_until_the_snapshot_has_come_the_old_line_tells() -> None:
    async with seated() as table, table.client.book("S") as book:
        changing = await begun(table)
        old, new = table.far.open_lines
        new.say("update", rows=[[0, 99, 9]])  # before its snapshot
        old.say("update", rows=[[0, 101, 7]])
        await settle()
        assert book.best_bid is not None
        assert book.best_bid.price == Decimal("1.01")
        new.say("snapshot", rows=[(0, 100, 5), (1, 102, 5)])
        new.say("update", rows=[[0, 101, 8]])
        await settle()
        await changing
        assert table.far.open_lines == [new]
        assert (book.best_bid.size, trust(book), book.keeper.gaps) == (Decimal(8), Trust.LIVE, 0)


async def test_what_is_subscribed_and_ended_meanwhile_is_so_on_the_new_line() -> None:
    async with seated() as table, table.client.book("S"):
        async with table.client.quotes("S"):
            changing = await begun(table)
            old, new = table.far.open_lines
        trades = table.client.trades("S")
        await trades.__aenter__()
        new.say("snapshot", rows=[(0, 100, 5)])
        await settle()
        await changing
        await settle()
        assert set(new.subscribed) == {("ORDERS", None), ("BOOK", "S"), ("TRADES", "S")}
        assert not old.is_open
        await trades.__aexit__(None, None, None)


async def test_an_order_on_its_way_is_answered_by_the_old_line() -> None:
    async with seated() as table, table.client.book("S"):
        table.far.silent.add("NewOrder")
        placing = asyncio.ensure_future(table.client.place(ORDER))
        changing = await begun(table)
        old, new = table.far.open_lines
        new.say("snapshot", rows=[(0, 100, 5)])
        await settle()
        assert old.is_open
        (sent,) = [message for message in old.heard if message["kind"] == "NewOrder"]
        old.say("report", ref=sent["ref"], id=sent["id"])
        await settle()
        assert (await placing).status is OrdStatus.NEW
        await changing
        assert not old.is_open


async def test_a_new_line_that_is_refused_a_subscription_is_given_up() -> None:
    async with seated() as table, table.client.book("S") as book:
        table.far.rejects.add("BOOK")
        with pytest.raises(errors.RequestRejected, match="not now"):
            await table.client.renew_lines()
        await settle()
        (old,) = table.far.open_lines
        assert [message["kind"] for message in table.far.lines[1].heard].count("Subscribe") == 2  # orders, and the book
        old.say("update", rows=[[0, 101, 7]])
        await settle()
        assert (book.best_bid.price if book.best_bid else 0, trust(book)) == (Decimal("1.01"), Trust.LIVE)


async def test_a_new_line_without_its_snapshot_is_given_up() -> None:
    async with seated() as table, table.client.book("S") as book:
        changing = await begun(table)
        old, new = table.far.open_lines
        with pytest.raises(errors.LocalProtocolError, match="already"):
            await table.client.renew_lines()
        await table.step(31)
        with pytest.raises(errors.ConnectFailed, match="take over"):
            await changing
        assert (old.is_open, new.is_open) == (True, False)
        assert trust(book) is Trust.LIVE


async def test_the_client_may_be_closed_meanwhile() -> None:
    async with seated() as table, table.client.book("S"):
        changing = await begun(table)
    with pytest.raises(errors.VenueError):
        await changing
    assert table.far.open_lines == []


def test_a_trade_of_the_past_is_told_by_its_time_and_its_number() -> None:
    first, second = trade(9, SECOND), trade(10, SECOND)
    assert _is_newer(first, None)
    assert [_is_newer(second, first), _is_newer(first, second), _is_newer(first, first)] == [True, False, False]
    assert not _is_newer(trade(11, 0), first)
    assert _is_newer(trade(3, 2 * SECOND), first)
