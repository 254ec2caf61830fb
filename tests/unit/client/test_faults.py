"""A fault of ours surfaces; an end leaves nobody waiting; orders in flight at the end are not guessed at."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.client.toy import make, order, seated, stepping

from venuewire import errors
from venuewire.model.terms import OrdStatus
from venuewire.transport.clock import settle


async def test_a_fault_while_a_message_is_dealt_with_reaches_everybody_who_waits() -> None:
    table = make()
    await stepping(table.far.clock, table.client.__aenter__())
    client = table.client
    table.far.silent |= {"RequestForPositions", "snapshot"}
    waits = [asyncio.ensure_future(work) for work in (client.book("S").__aenter__(), all_of(client.events()))]
    in_flight = asyncio.ensure_future(client.positions())
    await settle()
    table.line.say("bug")
    await settle()
    for wait in waits:
        with pytest.raises(errors.ClientFailed) as caught:
            await wait
        assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(errors.ConnectionLost):
        await in_flight  # it was sent: that is what is known of it
    with pytest.raises(errors.ClientFailed):
        await client.wait_ready()
    with pytest.raises(errors.ClientFailed):
        await client.close()
    assert "KeyError" in client.health()["fault"]
    assert table.far.open_lines == []


async def all_of(news: Any) -> list[Any]:
    return [item async for item in news]


async def test_a_fault_in_a_listener_of_orders_surfaces_too() -> None:
    table = make()
    await stepping(table.far.clock, table.client.__aenter__())

    def listener(*_: Any) -> None:
        raise ZeroDivisionError

    table.client.desk.on_report.append(listener)
    with pytest.raises(errors.ClientFailed):
        await table.client.place(order())
    with pytest.raises(errors.ClientFailed):
        await table.client.close()


async def test_a_fault_in_a_task_ends_the_client_with_it() -> None:
    table = make()
    await stepping(table.far.clock, table.client.__aenter__())

    async def broken() -> None:
        raise ValueError("ours")

    table.client._spawn(broken())
    await settle()
    with pytest.raises(errors.ClientFailed):
        await table.client.positions()
    with pytest.raises(errors.ClientFailed):
        await table.client.close()


async def test_an_order_in_flight_when_the_client_is_closed_is_unknown_not_refused() -> None:
    table = make()
    await stepping(table.far.clock, table.client.__aenter__())
    table.far.silent.add("NewOrder")
    placing = asyncio.ensure_future(table.client.place(order()))
    await settle()
    await stepping(table.far.clock, table.client.close())
    live = await placing
    assert live.status is OrdStatus.OUTCOME_UNKNOWN
    with pytest.raises(errors.NotLoggedOn):
        await live.done()


async def test_an_order_that_never_left_is_known_not_to_have() -> None:
    async with seated(settings={"http_orders": True}) as table:
        live = await table.client.place(order())
        assert live.status is OrdStatus.REJECTED
        assert table.client.desk._live == {}


async def test_an_order_asked_for_while_the_line_is_away_is_refused_here() -> None:
    async with seated() as table:
        await table.cut()
        with pytest.raises(errors.NotLoggedOn):
            await table.client.place(order())


async def test_an_order_without_an_answer_is_unknown_after_its_time() -> None:
    async with seated() as table:
        table.far.silent.add("NewOrder")
        live = await stepping(table.far.clock, table.client.place(order()))
        assert live.status is OrdStatus.OUTCOME_UNKNOWN


async def test_orders_are_compared_after_each_loss_until_the_venue_has_answered() -> None:
    async with seated() as table:
        table.far.silent.add("OrderMassStatusRequest")
        await table.cut()
        await table.step(2)
        before = table.line.kinds().count("OrderMassStatusRequest")
        await table.step(30)
        assert table.line.kinds().count("OrderMassStatusRequest") > before
        table.far.silent.clear()
        await table.step(60)
        after = table.line.kinds().count("OrderMassStatusRequest")
        await table.step(60)
        assert table.line.kinds().count("OrderMassStatusRequest") == after


async def test_orders_are_compared_when_messages_of_their_line_are_missing() -> None:
    async with seated() as table:
        before = table.line.kinds().count("OrderMassStatusRequest")
        table.line.seq += 1
        table.line.say("pong")
        await settle()
        assert table.line.kinds().count("OrderMassStatusRequest") == before + 1


async def test_a_client_is_used_once() -> None:
    async with seated() as table:
        with pytest.raises(errors.LocalProtocolError):
            await table.client.__aenter__()
    with pytest.raises(errors.LocalProtocolError):
        await table.client.__aenter__()


async def test_closing_twice_is_nothing() -> None:
    async with seated() as table:
        await stepping(table.far.clock, table.client.close())


async def test_no_task_is_left_after_the_end() -> None:
    before = asyncio.all_tasks()
    async with seated() as table, table.client.book("S"), table.client.trades("S"):
        await table.cut()
        await table.step(10)
    await settle()
    assert asyncio.all_tasks() == before
