"""Further lines: what has no room on a full one goes to the next to the same address, and comes back from there."""

from __future__ import annotations

from contextlib import AsyncExitStack
from itertools import pairwise

import pytest
from tests.unit.client.toy import SECOND, Table, seated, stepping, trust

from venuewire import errors
from venuewire.model.session import LoggedOut
from venuewire.model.terms import Channel, Trust
from venuewire.transport.clock import settle
from venuewire.venue import Limits, Rate

# Own orders are subscribed from the beginning: there is room for one more.
TWO = Limits(subscriptions=2)


async def entered(table: Table, stack: AsyncExitStack, *holds: object) -> None:
    for hold in holds:
        await stepping(table.far.clock, stack.enter_async_context(hold))  # type: ignore[arg-type]


def lines(table: Table) -> list[str]:
    return list(table.client.health()["lines"])


async def test_what_has_no_room_goes_to_a_further_line_to_the_same_address() -> None:
    async with seated(limits=TWO) as table, AsyncExitStack() as stack:
        client = table.client
        await entered(table, stack, client.book("S"), client.trades("S"), client.quotes("S"))
        assert lines(table) == ["ws", "ws 2"]
        assert [list(line.subscribed) for line in table.far.lines] == [
            [("ORDERS", None), ("BOOK", "S")],
            [("TRADES", "S"), ("QUOTES", "S")],
        ]
        assert {line.name for line in table.far.lines} == {"ws"}
        assert client.health()["lines"]["ws 2"]["subscriptions"] == 2
        assert client.health()["ready"] is True


async def test_a_channel_may_have_a_limit_of_its_own() -> None:
    async with seated(limits=Limits(channel_subscriptions={Channel.TRADES: 0})) as table:
        assert client_room(table) == {Channel.TRADES: False, Channel.BOOK: True}


def client_room(table: Table) -> dict[Channel, bool]:
    session = table.client.connections["ws"].session
    return {channel: session.room_for(channel) for channel in (Channel.TRADES, Channel.BOOK)}


async def test_a_further_line_that_is_lost_comes_back_with_what_it_had_and_doubts_only_that() -> None:
    async with seated(limits=TWO) as table, AsyncExitStack() as stack:
        client = table.client
        trades = await stepping(table.far.clock, stack.enter_async_context(client.trades("S")))
        book = client.book("S")
        await entered(table, stack, book)
        (first, second) = table.far.lines
        assert list(second.subscribed) == [("BOOK", "S")]
        second.cut()
        await settle()
        assert (trust(book), client.health()["ready"]) == (Trust.STALE, False)
        assert trades.waiting == 0, "a line that stands has missed nothing"
        await table.step(2)
        assert trust(book) is Trust.LIVE
        assert list(table.far.lines[2].subscribed) == [("BOOK", "S")]
        assert client.health()["lines"]["ws 2"]["reconnects"] == 1
        assert first.is_open


async def test_the_end_of_a_subscription_goes_where_it_is_and_an_empty_line_is_closed() -> None:
    async with seated(limits=TWO) as table, AsyncExitStack() as stack:
        client = table.client
        events = client.events()
        await entered(table, stack, client.book("S"))
        inner = AsyncExitStack()
        await entered(table, inner, client.trades("S"))
        second = table.far.lines[1]
        await stepping(table.far.clock, inner.aclose())
        assert second.kinds()[-1] == "Unsubscribe"
        assert "Unsubscribe" not in table.far.lines[0].kinds()
        await table.step(1)
        assert lines(table) == ["ws", "ws 2"], "it stays for a moment: what ends often begins again"
        await table.step(15)
        assert lines(table) == ["ws"]
        assert not second.is_open
        assert client.health()["trouble"] == ""
        news = [await anext(events) for _ in range(events.waiting)]
        told = [event for event in news if isinstance(event, LoggedOut)]
        assert [(event.line, event.requested) for event in told] == [("ws 2", True)]
        await entered(table, stack, client.trades("S"))
        assert lines(table) == ["ws", "ws 2"]


async def test_a_place_that_has_become_free_is_taken_first() -> None:
    async with seated(limits=TWO) as table, AsyncExitStack() as stack:
        client = table.client
        inner = AsyncExitStack()
        await entered(table, inner, client.book("S"))
        await entered(table, stack, client.trades("S"))
        await stepping(table.far.clock, inner.aclose())
        await entered(table, stack, client.quotes("S"))
        assert list(table.far.lines[0].subscribed) == [("ORDERS", None), ("QUOTES", "S")]


async def test_no_more_lines_than_the_venue_allows() -> None:
    limits = Limits(subscriptions=1, connections=2)
    async with seated(limits=limits) as table, AsyncExitStack() as stack:
        await entered(table, stack, table.client.book("S"))
        with pytest.raises(errors.LocalProtocolError, match="Toy allows 2;"):
            await entered(table, stack, table.client.trades("S"))
        assert lines(table) == ["ws", "ws 2"]


async def test_further_lines_are_dialled_within_the_same_budget() -> None:
    limits = Limits(subscriptions=1, dials=Rate(1, 10 * SECOND))
    async with seated(limits=limits) as table, AsyncExitStack() as stack:
        client = table.client
        await entered(table, stack, client.book("S"), client.trades("S"), client.quotes("S"))
        dials = table.far.dials
        assert len(dials) == 4
        assert all(later - first >= 10 * SECOND for first, later in pairwise(dials))


async def test_a_closed_client_opens_no_further_line() -> None:
    async with seated(limits=Limits(subscriptions=1)) as table:
        client = table.client
        await stepping(table.far.clock, client.close())
        with pytest.raises(errors.NotLoggedOn):
            await client.book("S").__aenter__()
        assert lines(table) == ["ws"]


async def test_the_client_closes_its_further_lines_with_the_others() -> None:
    async with seated(limits=TWO) as table:
        stack = AsyncExitStack()
        await entered(table, stack, table.client.book("S"), table.client.trades("S"))
        await stepping(table.far.clock, table.client.close())
        assert table.far.open_lines == []
        await stack.aclose()
