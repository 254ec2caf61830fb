"""The lives of a line: each end that nobody asked for is followed by a dial, at the venue's pace; a refusal ends it."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from tests.unit.client.toy import SECOND, Table, ToyLine, make, order, seated, stepping, trust

from venuewire import errors
from venuewire.client import connection
from venuewire.client.client import Client
from venuewire.model.session import LoggedOn, LoggedOut, VenueStatus
from venuewire.model.terms import OrdStatus, Trust
from venuewire.transport.clock import settle
from venuewire.venue import Limits, Rate


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 1012, 1013, 4001, 4999])
async def test_every_end_nobody_asked_for_is_followed_by_a_dial(code: int) -> None:
    async with seated() as table, table.client.book("S") as book:
        await table.cut(code)
        assert trust(book) is Trust.STALE
        await table.step(2)
        assert len(table.far.dials) == 2
        assert trust(book) is Trust.LIVE
        assert table.client.health()["lines"]["ws"]["reconnects"] == 1


async def test_backoff_begins_anew_only_after_a_healthy_life() -> None:
    async with seated() as table:
        for _ in range(12):
            await table.cut()
            await stepping(table.far.clock, until_open(table))
        await table.step(1)
        pauses = [later - first for first, later in zip(table.far.dials, table.far.dials[1:], strict=False)]
        assert max(pauses[6:]) > SECOND
        await table.step(60)  # a healthy life
        ended = table.far.clock.now()
        await table.cut()
        await stepping(table.far.clock, until_open(table))
        assert table.far.dials[-1] - ended <= SECOND // 2


async def until_open(table: Table) -> None:
    await table.client.wait_ready()


async def test_a_flapping_server_sees_no_more_dials_than_the_venue_allows() -> None:
    limits = Limits(dials=Rate(2, SECOND))
    async with seated(lines=("ws", "two"), limits=limits, orders_on="two") as table:
        table.far.on_open = ToyLine.cut
        await table.cut()
        await table.step(300)
        dials = table.far.dials
        assert len(dials) > 20
        assert all(later - first >= SECOND for first, later in zip(dials, dials[2:], strict=False))
        table.far.on_open = lambda line: None
        await table.step(40)
        assert table.client.health()["ready"]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_handshake_refused_for_now_is_tried_again(status: int) -> None:
    async with seated() as table:
        table.far.refuse = errors.ConnectFailed("ws", "no", status, b"busy")
        await table.cut()
        await table.step(20)
        assert table.client.health()["refused"] is None
        table.far.refuse = None
        await table.step(60)
        assert table.client.health()["ready"]


async def test_the_venue_may_say_how_long_to_wait() -> None:
    async with seated() as table:
        table.far.refuse = errors.ConnectFailed("ws", "no", 429, b"busy")
        table.far.refuse.retry_after = 120
        await table.cut()
        await table.step(5)
        assert len(table.far.dials) == 2
        await table.step(110)
        assert len(table.far.dials) == 2


async def test_a_redirect_is_not_a_refusal_of_us() -> None:
    async with seated() as table:
        table.far.refuse = errors.ConnectFailed("ws", "moved", 302, b"<html>")
        await table.cut()
        await table.step(5)
        assert len(table.far.dials) > 2


async def test_a_refused_credential_stops_the_dialling_and_everybody_hears_why() -> None:
    async with seated() as table:
        client = table.client
        async with client.trades("S") as trades:
            table.far.silent.add("snapshot")
            waiting = asyncio.ensure_future(client.book("S").__aenter__())
            await settle()
            table.far.refuse_logon = "401"
            await table.cut()
            await table.step(100)
            assert len(table.far.dials) == 2
            with pytest.raises(errors.LogonRejected):
                await waiting
            assert type(await anext(trades)).__name__ == "Gap"
            with pytest.raises(errors.LogonRejected):
                await anext(trades)
        with pytest.raises(errors.LogonRejected):
            await client.wait_ready()
        with pytest.raises(errors.LogonRejected):
            await client.book("S").__aenter__()
        with pytest.raises(errors.LogonRejected):
            await client.place(order())
        assert "401" in client.health()["refused"]
        table.far.refuse_logon = ""
        table.far.silent.clear()
        client.log_on_again()
        await table.step(1)
        async with client.book("S") as book:
            assert trust(book) is Trust.LIVE


async def test_what_comes_from_a_life_that_is_over_is_not_heard() -> None:
    async with seated(limits=Limits(liveness=10 * SECOND)) as table, table.client.book("S") as book:
        old = table.line
        table.far.mute = True
        await table.step(11)
        table.far.mute = False
        await table.step(30)
        assert table.client.health()["ready"]
        dials, updates = len(table.far.dials), book.updates
        old.receiver.closed(1006, "the end of the first, late")
        old.receiver.received(b'{"kind":"update","seq":99,"rows":[[0,101,1]]}')
        await table.step(1)
        assert len(table.far.dials) == dials
        assert book.updates == updates
        assert trust(book) is Trust.LIVE


async def test_a_close_while_dialling_ends_at_once_and_leaves_no_line() -> None:
    async with seated() as table:
        table.far.dialling = asyncio.Event()
        await table.cut()
        await table.step(1)
        assert len(table.far.dials) == 2
        async with asyncio.timeout(0.5):
            await table.client.close()
        assert table.far.open_lines == []


async def test_a_line_made_in_the_moment_of_the_close_is_cut() -> None:
    table = make()
    await stepping(table.far.clock, table.client.__aenter__())
    await table.cut()
    table.far.on_open = lambda line: table.client._closing.set()
    await stepping(table.far.clock, table.client.close())
    assert table.far.open_lines == []


async def test_closing_does_not_wait_for_a_peer_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "GOODBYE_SECONDS", 0.02)
    async with seated() as table:
        table.far.half_open = True
        async with asyncio.timeout(1):
            await table.client.close()
        assert table.far.open_lines == []


async def test_half_open_and_mute_lines_are_found_within_twice_the_cadence() -> None:
    limits = Limits(heartbeat_interval=5 * SECOND, liveness=10 * SECOND)
    async with seated(limits=limits) as table, table.client.book("S") as book:
        table.far.mute = table.far.half_open = True
        await table.step(10.5)
        assert trust(book) is Trust.STALE
        table.far.mute = table.far.half_open = False
        await table.step(30)
        assert trust(book) is Trust.LIVE


async def test_an_hour_of_a_quiet_market_is_no_alarm() -> None:
    limits = Limits(heartbeat_interval=5 * SECOND, liveness=10 * SECOND)
    async with seated(limits=limits) as table, table.client.book("S") as book, table.client.trades("S"):
        await table.step(3600)
        assert len(table.far.dials) == 1
        assert book.last_gap is None
        assert table.metrics.total("resyncs") == 0


async def test_a_thousand_reconnects_leave_nothing_behind() -> None:
    tracemalloc.start()
    try:
        async with seated() as table, table.client.book("S"), table.client.trades("S"):
            await many_reconnects(table, 100)
            tasks, weights = len(asyncio.all_tasks()), [footprint()]
            for _ in range(3):
                await many_reconnects(table, 333)
                weights.append(footprint())
            assert len(asyncio.all_tasks()) == tasks
            assert len(table.far.open_lines) == 1
            # A leak shows in every part; what is made once, and a table that has grown, in one. Eight bytes a
            # reconnect would show.
            assert min(after - before for before, after in pairwise(weights)) < 8 * 333
    finally:
        tracemalloc.stop()


async def many_reconnects(table: Table, times: int) -> None:
    table.far.clock._sleepers.clear()
    for _ in range(times):
        for line in list(table.far.open_lines):
            line.cut()
        await settle(5)
        while not table.far.open_lines:
            await table.far.clock.advance(8 * SECOND)
        table.far.lines.clear()
        table.far.dials.clear()


def footprint() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def test_when_the_venue_is_down_orders_are_refused_here_and_nothing_is_dialled() -> None:
    async with seated() as table, table.client.book("S") as book:
        table.far.silent.add("OrderMassStatusRequest")
        table.line.say("venue", up=False, text="core away")
        await settle()
        assert trust(book) is Trust.STALE
        with pytest.raises(errors.VenueDown):
            await table.client.place(order())
        assert table.client.health()["lines"]["ws"]["venue_up"] is False
        assert "core away" in table.client.health()["trouble"]
        await table.step(300)
        assert len(table.far.dials) == 1
        table.line.say("venue", up=True)
        table.line.say("snapshot", rows=[[0, 100, 5]])
        await settle()
        assert trust(book) is Trust.LIVE
        placed = await table.client.place(order())
        assert placed.status is OrdStatus.NEW


async def test_a_venue_that_does_not_say_that_it_is_back_is_found_by_asking() -> None:
    async with seated() as table, table.client.book("S") as book:
        table.far.silent.add("OrderMassStatusRequest")
        table.line.say("venue", up=False, text="maintenance")
        await table.step(60)
        assert trust(book) is Trust.STALE
        table.far.silent.clear()
        await table.step(60)
        assert trust(book) is Trust.LIVE
        assert (await table.client.place(order())).status is OrdStatus.NEW


async def test_lines_that_share_a_grant_fetch_it_once_also_when_both_want_it_at_once() -> None:
    async with seated(lines=("ws", "two"), orders_on="two", settings={"tokens": True}) as table:
        assert table.far.fetched == ["/token"]
        for line in table.far.open_lines:
            line.say("ended")
        await table.step(2)
        assert table.far.fetched == ["/token"] * 2
        sent = [
            message["token"] for line in table.far.open_lines for message in line.heard if message["kind"] == "auth"
        ]
        assert sent == ["t1", "t2", "t1", "t2"]


async def test_a_day_of_short_tokens_costs_one_fetch_each_and_no_subscription() -> None:
    async with (
        seated(lines=("ws", "two"), orders_on="two", settings={"tokens": True}) as table,
        table.client.book("S") as book,
    ):
        for _ in range(24):
            await table.step(3600)
        assert len(table.far.dials) == 2
        assert 48 <= len(table.far.fetched) <= 62
        assert book.last_gap is None


async def test_the_venues_clock_is_measured_and_renewal_allows_for_it() -> None:
    table = make(settings={"tokens": True})
    table.far.date = "Fri, 15 Jan 2027 08:01:30 GMT"  # ours shows 08:00:00
    async with seated_at(table):
        assert 89 * SECOND <= table.client.seat.clock_offset <= 91 * SECOND
        assert table.client.seat.now(0) == table.client.seat.clock_offset
        assert 89 <= table.client.health()["clock_offset_s"] <= 91


def seated_at(table: Table) -> Any:
    class At:
        async def __aenter__(self) -> Client:
            return await stepping(table.far.clock, table.client.__aenter__())  # type: ignore[no-any-return]

        async def __aexit__(self, *_: object) -> None:
            await stepping(table.far.clock, table.client.close())

    return At()


async def test_a_start_on_a_line_that_breaks_is_begun_again() -> None:
    table = make()
    breaks = iter([True, True, False])

    def fragile(line: ToyLine) -> None:
        if next(breaks, False):
            asyncio.get_running_loop().call_soon(line.cut)

    table.far.on_open = fragile
    await stepping(table.far.clock, table.client.__aenter__())
    assert len(table.far.dials) == 3
    await table.client.close()


async def test_a_start_has_an_end() -> None:
    table = make()
    table.far.silent.add("SecurityListRequest")
    with pytest.raises(errors.ConnectFailed):
        await stepping(table.far.clock, table.client.__aenter__())
    assert table.far.open_lines == []


async def test_events_tell_of_each_life() -> None:
    async with seated() as table:
        news = table.client.events()
        await table.cut(1012)
        await table.step(2)
        told = [await anext(news) for _ in range(news.waiting)]
        assert [type(item) for item in told] == [LoggedOut, LoggedOn]
        table.line.say("venue", up=False)
        assert isinstance(await anext(news), VenueStatus)


async def test_forced_ends_of_tokens_lose_nothing() -> None:
    async with (
        seated(lines=("ws", "two"), orders_on="two", settings={"tokens": True}) as table,
        table.client.book("S") as book,
        table.client.trades("S") as trades,
    ):
        for _ in range(50):
            for line in list(table.far.open_lines):
                line.say("ended")
            await table.step(3)
            assert trust(book) is Trust.LIVE
        assert len(table.far.dials) == 2
        table.far.open_lines[0].say("trade", n=1)
        await settle()
        assert trades.waiting == 1


async def test_what_is_refused_just_as_it_starts_is_asked_for_again() -> None:
    table = make()
    table.far.rejects.add("ORDERS")
    starting = asyncio.ensure_future(table.client.__aenter__())
    await settle()
    assert not starting.done()
    table.far.rejects.clear()
    await table.step(0.6)
    await settle()
    await starting
    assert table.client.health()["ready"]
    assert ("ORDERS", None) in table.line.subscribed
    await table.client.close()


async def test_what_is_refused_again_and_again_at_the_start_is_raised() -> None:
    table = make()
    table.far.rejects.add("ORDERS")
    starting = asyncio.ensure_future(table.client.__aenter__())
    await settle()
    for seconds in (0.6, 1.1):
        assert not starting.done()
        await table.step(seconds)
        await settle()
    with pytest.raises(errors.RequestRejected):
        await starting
    assert table.far.open_lines == []
