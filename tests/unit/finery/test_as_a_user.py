"""`client.ask` and `client.feed`, as a user meets them: through a whole client, on a stepped clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
from tests.unit.finery.test_own_words import LISTS, Believer, as_listed, something

import venuewire as vw
from venuewire import errors
from venuewire.client.stream import Stream
from venuewire.model.session import VenueNews
from venuewire.sandbox import MemorySandbox
from venuewire.sandbox.faults import Fault, Kind
from venuewire.transport.clock import SteppedClock, at_rest
from venuewire.transport.entropy import SeededEntropy
from venuewire.venue import Send
from venuewire.venues.finery.acceptor.host import FineryHost
from venuewire.venues.finery.wire import clearing, methods
from venuewire.venues.finery.wire.feeds import Feed, FeedMessage

UNIT = 100_000_000
PAY = methods.AddOutgoingSettlementTransaction(counterpartyId=87, currency="BTC", amount=UNIT)


class Desk:
    """A client of a sandbox in memory."""

    def __init__(self, sandbox: MemorySandbox, requests: str) -> None:
        self.sandbox = sandbox
        self.requests = requests
        self.client = vw.connect(
            "finery",
            sandbox.credentials("finery"),
            settings={"requests": requests},
            network=sandbox.network(),
            clock=sandbox.clock,
            entropy=SeededEntropy(1, sandbox.now),
        )

    async def ask(self, record: Any) -> Any:
        return await self.sandbox.run(self.client.ask(record))

    @asynccontextmanager
    async def reading(self, feed: Feed) -> AsyncIterator[Stream[VenueNews]]:
        """`client.feed`, with the clock moved on while it waits."""
        context = self.client.feed(feed)
        stream = await self.sandbox.run(context.__aenter__())
        try:
            yield stream
        finally:
            await self.sandbox.run(context.__aexit__(None, None, None))

    async def some(self, stream: Any, count: int) -> list[str]:
        """What comes next: `S+` and the like, and `gap`."""
        return await self.sandbox.run(_some(stream, count))

    @property
    def host(self) -> FineryHost:
        host = self.sandbox._floor("finery").host
        assert isinstance(host, FineryHost)
        return host


@pytest.fixture(params=["ws", "http"])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with MemorySandbox(("finery",), clock=SteppedClock(settle=at_rest)) as sandbox:
        desk = Desk(sandbox, request.param)
        await sandbox.run(desk.client.__aenter__())
        sandbox.pause_flow()
        yield desk
        await sandbox.run(desk.client.close())


async def _some(stream: Any, count: int) -> list[str]:
    told: list[str] = []
    async for item in stream:
        if isinstance(item, VenueNews):
            assert isinstance(item.message, FeedMessage)
            told.append(item.message.feed + item.message.action)
        else:
            told.append("mended" if item.repaired else "gap")
        if len(told) == count:
            break
    return told


async def test_what_is_asked_is_answered_by_a_record(desk: Desk) -> None:
    limits = await desk.ask(methods.Climits())
    assert isinstance(limits, clearing.CounterpartyLimits)
    (row,) = limits.rows
    assert isinstance(row, clearing.CounterpartyLimit)
    assert row.counterpartyId == 87
    added = await desk.ask(PAY)
    assert isinstance(added, clearing.TransactionAdded)
    (paid,) = (await desk.ask(methods.SettlementTransactions())).outgoing
    assert paid.id == added.settlementTransactionId


async def test_a_refusal_and_a_record_that_is_no_request_are_errors(desk: Desk) -> None:
    with pytest.raises(errors.RequestRejected, match="client not found") as refused:
        await desk.ask(methods.GetCounterpartyInfo(counterpartyId=5))
    assert refused.value.code == "45"
    with pytest.raises(errors.LocalProtocolError, match=r"wire\.methods"):
        await desk.client.ask(clearing.Done())
    with pytest.raises(errors.LocalProtocolError, match="asked for by Feed"):
        async with desk.client.feed(Feed("F")):
            pass


async def test_what_moves_money_is_never_asked_twice_by_itself(desk: Desk) -> None:
    """The answer is lost: the user is told so, and the venue has one payment."""
    if desk.requests == "ws":
        lost = Fault(kind=Kind.DROP, venue="finery", channel="ANSWERS", count=1)
    else:
        lost = Fault(kind=Kind.DROP, venue="finery", path="/api/add", when="after")
    desk.sandbox.set_fault(lost)
    with pytest.raises((errors.RequestTimedOut, errors.ConnectionLost)):
        await desk.ask(PAY)
    desk.sandbox.clear_faults()
    await desk.sandbox.advance(120)
    assert len((await desk.ask(methods.SettlementTransactions())).outgoing) == 1


async def test_a_feed_begins_with_all_there_is_and_ends_with_its_reader(desk: Desk) -> None:
    async with desk.reading(Feed("S")) as orders, desk.reading(Feed("R")) as requests:
        assert await desk.some(orders, 1) == ["SS"]
        assert await desk.some(requests, 1) == ["RS"]
        await desk.ask(PAY)
        assert await desk.some(orders, 1) == ["S+"]
        assert set(desk.client.health()["streams"]["VENUE"]) == {"Feed(feed='S')", "Feed(feed='R')"}
        async with desk.reading(Feed("S")) as again:
            await desk.ask(PAY)
            assert await desk.some(again, 1) == await desk.some(orders, 1) == ["S+"]
    assert desk.client.health()["streams"] == {}
    await desk.sandbox.advance(1)
    assert not any(connection.feeds._bindings.get(("S", b"0")) for connection in desk.host.connections)


async def test_a_line_that_was_lost_is_told_in_its_place_and_the_feed_begins_anew(desk: Desk) -> None:
    async with desk.reading(Feed("S")) as orders:
        assert await desk.some(orders, 1) == ["SS"]
        desk.sandbox.disconnect("finery")
        await desk.sandbox.advance(30)
        await desk.ask(PAY)
        assert await desk.some(orders, 3) == ["mended", "SS", "S+"]


async def test_while_the_core_is_away_nothing_is_asked_and_then_the_feed_begins_anew(desk: Desk) -> None:
    async with desk.reading(Feed("S")) as orders:
        assert await desk.some(orders, 1) == ["SS"]
        desk.sandbox.set_fault(Fault(kind=Kind.MAINTENANCE, venue="finery", seconds=5))
        assert await desk.some(orders, 1) == ["gap"]
        with pytest.raises(errors.RequestRejected, match="not connected"):
            await desk.ask(PAY)
        await desk.sandbox.advance(6)
        await desk.ask(PAY)
        told = await desk.some(orders, 3)
        assert sorted(told[:2]) == ["SS", "mended"]
        assert told[2] == "S+"


async def test_a_feed_of_which_something_was_lost_is_asked_for_anew(desk: Desk) -> None:
    async with desk.reading(Feed("S")) as orders:
        assert await desk.some(orders, 1) == ["SS"]
        (connection,) = desk.host.connections
        connection.feeds._news.append(Send(b'["S",0,"+",["what is this?"]]'))
        await desk.sandbox.advance(5)
        assert await desk.some(orders, 3) == ["gap", "SS", "mended"]


async def test_a_feed_the_venue_does_not_have_is_refused_when_it_is_asked_for(desk: Desk) -> None:
    async def read() -> None:
        async with desk.client.feed(Feed("G")):
            pass

    with pytest.raises(errors.RequestRejected, match="invalid feed name"):
        await desk.sandbox.run(read())


async def test_with_feed_i_the_client_knows_what_is_newly_listed(desk: Desk) -> None:
    assert "OP-USD" not in desk.client.instruments
    async with desk.reading(Feed("I")) as listing:
        assert await desk.some(listing, 1) == ["IS"]
        desk.sandbox.set_fault(Fault(kind=Kind.HABIT, venue="finery", name="new_listing"))
        assert await desk.some(listing, 3) == ["C+", "I+", "CM"]
        assert desk.client.instruments["OP-USD"].base == "OP"


async def _believe(stream: Any, believer: Believer) -> None:
    async for item in stream:
        if isinstance(item, VenueNews):
            assert isinstance(item.message, FeedMessage)
            believer.take(item.message)


@pytest.mark.parametrize("seed", range(8))
async def test_whoever_follows_knows_what_is_listed_whatever_becomes_of_the_line(desk: Desk, seed: int) -> None:
    chance, believer, client = random.Random(seed), Believer(), desk.client
    async with AsyncExitStack() as stack:
        for letter in ("S", "R", "N", "L"):
            stream = await stack.enter_async_context(desk.reading(Feed(letter)))
            task = asyncio.create_task(_believe(stream, believer))
            stack.callback(task.cancel)
        for _ in range(40):
            match chance.randrange(12):
                case 0:
                    desk.sandbox.disconnect("finery")
                case 1:
                    desk.sandbox.set_fault(Fault(kind=Kind.MAINTENANCE, venue="finery", seconds=3))
                case 2:
                    desk.sandbox.set_fault(Fault(kind=Kind.HABIT, venue="finery", name="counterparty_asks", for_s=9))
                case _:
                    to = {"counterpartyId": 87, "currency": chance.choice(("BTC", "USD"))}
                    record = something(believer, chance.randrange(7), to, chance.randrange(1, 4))
                    with suppress(errors.RequestRejected, errors.TransportError, errors.NotLoggedOn):
                        await desk.ask(record)
            await desk.sandbox.advance(chance.random() * 4)
        await desk.sandbox.advance(60)
        assert client.health()["ready"]
        assert believer.lists() == as_listed([await desk.ask(record) for record in LISTS])
