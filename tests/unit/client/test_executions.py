"""Streams of orders say in band when news of them may be missing, and when it is whole again."""

from __future__ import annotations

from typing import Any

from tests.unit.client.toy import Table, seated

from venuewire.client.live import LiveOrder
from venuewire.client.stream import Stream
from venuewire.model.orders import ExecutionReport, NewOrder
from venuewire.model.session import Gap
from venuewire.model.terms import OrdType, Side
from venuewire.transport.clock import settle

ORDER = NewOrder(symbol="S", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty=1, price="1")


async def placed(table: Table) -> LiveOrder:
    order = await table.client.place(ORDER)
    assert isinstance(await anext(aiter(order)), ExecutionReport)
    return order


async def told(stream: Stream[Any]) -> list[tuple[bool, str]]:
    """What gaps there are in a stream: (repaired, cause)."""
    found = []
    while stream._queue:
        item = await anext(stream)
        if isinstance(item, Gap):
            assert 0 < item.from_time <= item.to_time
            found.append((item.repaired, item.cause))
    return found


async def test_a_lost_line_is_a_gap_until_orders_have_been_compared() -> None:
    async with seated() as table:
        order, everything = await placed(table), table.client.executions()
        table.far.silent.add("OrderMassStatusRequest")
        table.line.cut()
        await settle()
        assert await told(aiter(order)) == await told(everything) == [(False, "closed with code 1006")]
        assert table.client.health()["orders"] == {"open": 1, "whole": False}
        await table.step(2)
        assert await told(aiter(order)) == []  # the line is back; nobody knows yet what was missed
        table.far.silent.clear()
        await table.step(15)
        assert await told(aiter(order)) == await told(everything) == [(True, "compared with the venue")]
        assert table.client.health()["orders"]["whole"]


async def test_a_missing_number_is_a_gap_until_orders_have_been_compared() -> None:
    async with seated() as table:
        order = await placed(table)
        table.line.seq += 1
        table.line.say("pong")
        await settle()
        (gap,) = await told(aiter(order))  # nobody read in between: both ends are told as one
        assert gap[0]
        assert gap[1].startswith("message ")
        assert table.client.desk.is_whole


async def test_what_is_missed_while_orders_are_compared_is_compared_again() -> None:
    async with seated() as table:
        order = await placed(table)
        table.far.silent.add("OrderMassStatusRequest")
        table.line.seq += 1
        table.line.say("pong")
        await settle()
        (asked,) = [m for m in table.line.heard if m["kind"] == "OrderMassStatusRequest"][1:]
        table.line.seq += 1
        table.line.say("pong")
        await settle()
        table.far.silent.clear()
        assert [repaired for repaired, _ in await told(aiter(order))] == [False]
        table.line.say("status", ref=asked["ref"])
        await settle()
        await table.step(1)
        assert table.client.desk.is_whole
        assert len([m for m in table.line.heard if m["kind"] == "OrderMassStatusRequest"]) == 3
        assert [repaired for repaired, _ in await told(aiter(order))] == [True]


async def test_an_order_placed_within_the_hole_hears_of_neither_end() -> None:
    async with seated() as table:
        table.far.silent.add("OrderMassStatusRequest")
        await table.cut()
        await table.step(2)
        order = await placed(table)
        table.far.silent.clear()
        await table.step(15)
        assert table.client.desk.is_whole
        assert await told(aiter(order)) == []


async def test_leaving_is_no_gap_and_ends_the_stream() -> None:
    async with seated() as table:
        everything = table.client.executions()
        order = await placed(table)
    assert [type(item) async for item in everything] == [ExecutionReport]
    assert await told(order._news) == []
