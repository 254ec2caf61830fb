"""Books, trades and quotes: one subscription for all who use it, never lost, never doubled, and honest about holes."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.client.toy import CAPABILITIES, SECOND, Table, make, seated, stepping, trust

from venuewire import errors
from venuewire.client.live import LiveBook
from venuewire.model.session import Gap
from venuewire.model.terms import Channel, Trust
from venuewire.transport.clock import settle
from venuewire.venue import Limits

BOOK = ("BOOK", "S")
TRADES = ("TRADES", "S")


def asked(table: Table, kind: str, channel: str) -> int:
    return sum(m["kind"] == kind and m.get("channel") == channel for line in table.far.lines for m in line.heard)


async def test_a_second_user_shares_the_book_and_has_a_stream_of_its_own() -> None:
    async with seated() as table, table.client.book("S") as first, table.client.book("S") as second:
        ones, others = aiter(first), aiter(second)
        table.line.say("update", rows=[[0, 101, 1]])
        await settle()
        assert ones.waiting == others.waiting == 1
        assert asked(table, "Subscribe", "BOOK") == 1
        assert first.best_bid == second.best_bid


async def test_the_book_stays_for_the_second_when_the_first_leaves() -> None:
    async with seated() as table:
        first = table.client.book("S")
        await first.__aenter__()
        async with table.client.book("S") as second:
            await first.__aexit__(None, None, None)
            table.line.say("update", rows=[[0, 101, 7]])
            await settle()
            assert trust(second) is Trust.LIVE
            assert trust(first) is Trust.STALE
            assert asked(table, "Unsubscribe", "BOOK") == 0
        await settle()
        assert table.line.subscribed == {("ORDERS", None): table.line.subscribed["ORDERS", None]}


async def test_two_who_come_at_once_to_a_refused_book_both_hear_it() -> None:
    async with seated() as table:
        table.far.rejects.add("BOOK")
        both = [asyncio.ensure_future(table.client.book("S").__aenter__()) for _ in range(2)]
        await settle()
        for one in both:
            with pytest.raises(errors.RequestRejected):
                await one
        assert table.client.market.books == {}
        table.far.rejects.clear()
        async with table.client.book("S") as book:
            assert trust(book) is Trust.LIVE


async def test_two_who_come_at_once_to_refused_trades_both_hear_it() -> None:
    async with seated() as table:
        table.far.rejects.add("TRADES")

        async def read() -> None:
            async with table.client.trades("S"):
                raise AssertionError("nothing was subscribed")

        both = [asyncio.ensure_future(read()) for _ in range(2)]
        await settle()
        for one in both:
            with pytest.raises(errors.RequestRejected):
                await one


async def test_one_who_stops_waiting_leaves_no_subscription_behind() -> None:
    async with seated() as table:
        table.far.silent.add("snapshot")
        waiting = asyncio.ensure_future(table.client.book("S").__aenter__())
        await settle()
        assert BOOK in table.line.subscribed
        waiting.cancel()
        await settle()
        assert BOOK not in table.line.subscribed
        assert table.client.health()["lines"]["ws"]["subscriptions"] == 1


async def test_one_who_stops_waiting_for_the_answer_leaves_no_subscription_behind() -> None:
    async with seated() as table:
        table.far.silent.add("Subscribe")
        waiting = asyncio.ensure_future(table.client.book("S").__aenter__())
        await settle()
        waiting.cancel()
        table.far.silent.clear()
        await settle()
        await table.cut()
        await table.step(2)
        assert BOOK not in table.line.subscribed


async def test_the_first_giving_up_does_not_take_the_book_from_the_second() -> None:
    async with seated() as table:
        table.far.silent.add("snapshot")
        first = asyncio.ensure_future(table.client.book("S").__aenter__())
        second = asyncio.ensure_future(table.client.book("S").__aenter__())
        await settle()
        first.cancel()
        await settle()
        table.line.say("snapshot", rows=table.far.book)
        book = await second
        assert trust(book) is Trust.LIVE
        await book.__aexit__(None, None, None)


async def test_leaving_and_coming_again_at_once_keeps_the_order_of_the_two() -> None:
    async with seated() as table:
        book = table.client.book("S")
        await book.__aenter__()
        await book.__aexit__(None, None, None)
        async with table.client.book("S") as again:
            await settle()
            assert trust(again) is Trust.LIVE
            assert BOOK in table.line.subscribed


async def test_a_subscription_that_is_not_given_again_is_asked_for_until_it_is() -> None:
    async with seated() as table, table.client.book("S") as book, table.client.trades("S") as trades:
        table.far.rejects |= {"BOOK", "TRADES"}
        await table.cut()
        await table.step(2)
        assert trust(book) is not Trust.LIVE
        table.far.rejects.clear()
        await table.step(5)
        assert trust(book) is Trust.LIVE
        assert TRADES in table.line.subscribed
        gap = await anext(trades)
        assert isinstance(gap, Gap)
        assert gap.repaired


async def test_a_subscription_refused_for_good_ends_its_readers_with_the_reason() -> None:
    async with seated() as table, table.client.book("S") as book, table.client.trades("S") as trades:
        table.far.rejects |= {"BOOK", "TRADES"}
        await table.cut()
        await table.step(60)
        with pytest.raises(errors.RequestRejected):
            await book.wait_live()
        await anext(trades)
        with pytest.raises(errors.RequestRejected):
            await anext(trades)


async def test_leaving_what_the_venue_has_refused_again_hurts_nobody() -> None:
    async with seated() as table:
        async with table.client.book("S"):
            table.far.rejects.add("BOOK")
            await table.cut()
            await table.step(1)
        await table.step(30)
        assert table.client.health()["fault"] is None
        assert table.client.health()["ready"]


async def test_a_gap_makes_the_book_suspect_and_one_resync_mends_it() -> None:
    async with seated() as table, table.client.book("S") as book:
        changes = aiter(book)
        table.far.silent.add("snapshot")
        table.line.seq += 3
        for _ in range(5):
            table.line.say("update", rows=[[0, 101, 1]])
        await settle()
        assert trust(book) is Trust.RESYNCING
        assert asked(table, "Subscribe", "BOOK") == 2
        table.line.say("snapshot", rows=[[0, 99, 1], [1, 103, 1]])
        await settle()
        assert trust(book) is Trust.LIVE
        assert book.best_bid is not None
        assert str(book.best_bid.price) == "0.99"
        assert book.last_gap is not None
        assert book.last_gap.repaired
        told = [await anext(changes) for _ in range(changes.waiting + 1)]
        assert isinstance(told[0], Gap)


async def test_a_repeated_or_late_message_is_not_applied() -> None:
    async with seated() as table, table.client.book("S") as book:
        table.line.say("update", rows=[[0, 101, 1]])
        table.line.seq -= 1
        table.line.say("update", rows=[[0, 101, 9]])
        await settle()
        assert trust(book) is Trust.LIVE  # after one resync: what came twice may not have been the same
        assert book.best_bid is not None
        assert (str(book.best_bid.price), str(book.best_bid.size)) == ("1.00", "5")  # the snapshot's
        assert book.keeper.resyncs == 1


async def test_numbers_that_begin_again_end_the_line() -> None:
    async with seated() as table, table.client.book("S") as book:
        for _ in range(30):
            table.line.say("trade", n=1)
        table.line.seq = 0
        for _ in range(25):
            table.line.say("trade", n=1)
        await table.step(3)
        assert len(table.far.dials) == 2
        assert trust(book) is Trust.LIVE


async def test_damage_and_a_crossed_book_are_mended_by_a_resync() -> None:
    async with seated() as table, table.client.book("S") as book:
        table.line.deliver(b"{not json")
        await settle()
        assert book.keeper.resyncs == 1
        table.line.say("update", rows=[[0, 102, 1]])
        await settle()
        assert book.keeper.resyncs == 2
        assert trust(book) is Trust.LIVE
        assert table.metrics.total("damaged") == 1


async def test_a_resync_while_the_line_goes_is_taken_up_on_the_next() -> None:
    async with seated() as table, table.client.book("S") as book:
        table.far.silent.add("Unsubscribe")
        table.line.deliver(b"{not json")
        await settle()
        await table.cut()
        table.far.silent.clear()
        await table.step(3)
        assert trust(book) is Trust.LIVE
        assert sum(m["kind"] == "Subscribe" and m["channel"] == "BOOK" for m in table.line.heard) == 1


async def test_leaving_while_a_resync_is_under_way_leaves_nothing_subscribed() -> None:
    async with seated() as table:
        async with table.client.book("S"):
            table.far.silent.add("Unsubscribe")
            table.line.deliver(b"{not json")
            await settle()
        table.far.silent.clear()
        await table.step(30)
        assert table.client.health()["lines"]["ws"]["subscriptions"] == 1


async def test_a_snapshot_that_does_not_come_is_asked_for_again() -> None:
    async with seated() as table, table.client.book("S") as book:
        table.far.silent.add("snapshot")
        await table.cut()
        await table.step(12)
        assert trust(book) is not Trust.LIVE
        table.far.silent.clear()
        await table.step(15)
        assert trust(book) is Trust.LIVE


async def test_gaps_are_told_on_trades_and_quotes_too() -> None:
    async with seated() as table, table.client.trades("S") as trades, table.client.quotes("S") as quotes:
        table.line.say("trade", n=1)
        table.line.say("quote", n=1)
        await settle()
        await table.cut()
        await table.step(3)
        table.line.say("trade", n=2)
        table.line.say("quote", n=2)
        await settle()
        for stream in (trades, quotes):
            told = [await anext(stream) for _ in range(3)]
            assert [isinstance(item, Gap) for item in told] == [False, True, False]
            gap = told[1]
            assert isinstance(gap, Gap)
            assert gap.repaired
            assert gap.to_time > gap.from_time
        assert table.client.health()["streams"]["TRADES"]["S"]["gaps"] == 1


async def test_a_grant_the_venue_has_ended_takes_trust_with_it_until_the_next_brings_snapshots() -> None:
    async with seated(settings={"tokens": True}) as table, table.client.book("S") as book:
        table.far.fetching = asyncio.Event()
        table.line.say("ended")
        await settle()
        assert trust(book) is Trust.STALE
        table.far.fetching.set()
        await settle()
        assert trust(book) is Trust.LIVE


async def test_a_channel_silent_beyond_its_cadence_is_stale_and_asked_for_anew() -> None:
    cadence = {Channel.BOOK: 5 * SECOND, Channel.TRADES: 20 * SECOND}
    async with seated(cadence=cadence) as table, table.client.book("S") as book, table.client.trades("S") as trades:
        await table.step(2)
        table.line.say("trade", n=1)
        table.far.silent.add("snapshot")
        await table.step(4)
        assert trust(book) is Trust.RESYNCING
        assert "no message for 5 s" in book.keeper.cause
        table.far.silent.clear()
        await table.step(12)
        assert trust(book) is Trust.LIVE
        assert trades.waiting == 1
        await table.step(8)
        assert asked(table, "Subscribe", "TRADES") == 2
        await anext(trades)
        assert isinstance(await anext(trades), Gap)


async def test_without_a_cadence_silence_is_no_alarm() -> None:
    async with seated(limits=Limits()) as table, table.client.book("S") as book:
        await table.step(3600)
        assert trust(book) is Trust.LIVE
        assert asked(table, "Subscribe", "BOOK") == 1


async def test_a_book_of_a_closed_client_is_not_live_and_nobody_waits_for_it() -> None:
    table = make()
    await stepping(table.far.clock, table.client.__aenter__())
    book = table.client.book("S")
    await book.__aenter__()
    changes = aiter(book)
    reading = asyncio.ensure_future(anext(changes))
    await settle()
    await stepping(table.far.clock, table.client.close())
    assert trust(book) is Trust.STALE
    with pytest.raises(errors.BookError):
        await book.wait_live()
    result = (await asyncio.gather(reading, return_exceptions=True))[0]
    assert isinstance(result, (StopAsyncIteration, Gap))
    with pytest.raises(errors.VenueError):
        await table.client.book("S").__aenter__()
    async for _ in table.client.events():
        raise AssertionError("nothing comes after the end")
    await book.__aexit__(None, None, None)


async def test_blocking_is_refused_for_market_data() -> None:
    async with seated() as table:
        for ask in (table.client.book, table.client.trades, table.client.quotes):
            with pytest.raises(errors.LocalProtocolError, match="drop_oldest"):
                ask("S", policy="block")
        assert Channel.BOOK in CAPABILITIES.channels


async def test_a_reader_ten_times_too_slow_keeps_memory_flat_and_the_counters_add_up() -> None:
    async with (
        seated() as table,
        table.client.trades("S", bound=50) as dropping,
        table.client.trades("S", bound=50, policy="conflate") as conflating,
        table.client.trades("S", bound=50, policy="disconnect") as ended,
    ):
        sent = 0
        for _ in range(600):  # 60 s, a hundred trades a second, each reader takes ten
            for _ in range(10):
                table.line.say("trade", n=sent)
                sent += 1
            await table.step(0.1)
            for stream in (dropping, conflating):
                await anext(stream)
            assert dropping.waiting <= 50
            assert conflating.waiting <= 1
        for stream in (dropping, conflating, ended):
            assert stream.offered == sent == stream.delivered + stream.dropped + stream.waiting
        assert dropping.lag > SECOND // 4
        with pytest.raises(errors.SlowReader):
            [item async for item in ended]
        readers = table.client.health()["streams"]["TRADES"]["S"]["readers"]
        assert readers[0]["dropped"] == dropping.dropped > 5000


async def entering(table: Table) -> asyncio.Future[LiveBook]:
    """Somebody who waits for a book whose snapshot the venue does not send."""
    table.far.silent.add("snapshot")
    entering = asyncio.ensure_future(table.client.book("S").__aenter__())
    await settle()
    return entering


async def test_a_first_snapshot_that_may_have_been_lost_is_asked_for_again_soon() -> None:
    async with seated() as table:
        waiting = await entering(table)
        table.line.seq += 1  # what bore that number is lost
        table.line.say("pong")
        await settle()
        table.far.silent.clear()
        await table.step(0.9)
        assert not waiting.done()
        await table.step(0.2)
        await settle()
        book = await waiting
        assert trust(book) is Trust.LIVE
        assert asked(table, "Subscribe", "BOOK") == 2
        await book.__aexit__(None, None, None)


async def test_a_first_snapshot_of_which_nothing_is_missing_is_given_all_its_time() -> None:
    async with seated() as table:
        waiting = await entering(table)
        table.far.silent.clear()
        await table.step(9.9)
        assert asked(table, "Subscribe", "BOOK") == 1
        await table.step(0.2)
        book = await waiting
        assert asked(table, "Subscribe", "BOOK") == 2
        await book.__aexit__(None, None, None)


async def test_snapshots_that_are_lost_again_and_again_are_asked_for_more_and_more_seldom() -> None:
    async with seated() as table:
        waiting = await entering(table)
        for _ in range(600):
            table.line.seq += 1
            table.line.say("pong")
            await table.step(0.1)
        assert 6 <= asked(table, "Subscribe", "BOOK") <= 10  # after 1, 2, 4, 8, then 10 seconds each
        table.far.silent.clear()
        await table.step(10)
        book = await waiting
        assert trust(book) is Trust.LIVE
        await book.__aexit__(None, None, None)


async def test_a_line_that_is_refused_while_a_snapshot_is_awaited_ends_the_book_and_not_the_client() -> None:
    async with seated() as table:
        waiting = await entering(table)
        table.far.refuse_logon = "401"
        await table.cut()
        await table.step(5)
        with pytest.raises(errors.LogonRejected):
            await waiting
        table.far.refuse_logon = ""
        table.far.silent.clear()
        table.client.log_on_again()
        await table.step(5)
        async with table.client.book("S") as book:
            assert trust(book) is Trust.LIVE
