"""Every venue's market line may be joined by a further one: what has no room goes there, and comes back from there."""

from __future__ import annotations

from contextlib import AsyncExitStack

from msgspec.structs import replace

import venuewire as vw
from venuewire.model.session import Subscribe
from venuewire.model.terms import Channel, Trust
from venuewire.sandbox import MemorySandbox
from venuewire.transport.clock import SteppedClock, at_rest
from venuewire.transport.entropy import SeededEntropy
from venuewire.venue import Venue


def with_room_for_one_book(venue: Venue) -> Venue:
    """The venue, if a line carried what the client itself asks for and one book."""
    line = venue.route(Subscribe(channel=Channel.BOOK, symbol=venue.default_symbol))
    own = {Channel.ORDERS, Channel.POSITIONS} & venue.capabilities.channels
    there = sum(venue.route(Subscribe(channel=channel)) == line for channel in own)
    return replace(venue, limits=replace(venue.limits, subscriptions=there + 1, channel_subscriptions={}))


async def test_a_book_that_has_no_room_is_kept_on_a_further_line(venue: Venue) -> None:
    clock = SteppedClock(settle=at_rest)
    async with MemorySandbox([with_room_for_one_book(venue)], clock=clock) as sandbox, AsyncExitStack() as stack:
        client = vw.Client(
            with_room_for_one_book(venue),
            sandbox.credentials(venue.name),
            network=sandbox.network(),
            clock=clock,
            entropy=SeededEntropy(1, clock.now),
        )
        await sandbox.run(client.__aenter__())
        stack.push_async_callback(sandbox.run, client.close())
        symbols = list(sandbox.exchange(venue.name).instruments)[:2]
        books = [await sandbox.run(stack.enter_async_context(client.book(symbol))) for symbol in symbols]
        line = venue.route(Subscribe(channel=Channel.BOOK, symbol=symbols[0]))
        assert set(client.health()["lines"]) == {*venue.lines, f"{line} 2"}
        for after in (0, 1):
            if after:
                assert sandbox.disconnect(venue.name) == len(venue.lines) + 1
            await sandbox.advance(30)
            assert client.health()["ready"], client.health()
            assert [book.trust for book in books] == [Trust.LIVE, Trust.LIVE]
            for symbol, book in zip(symbols, books, strict=True):
                quote = sandbox.exchange(venue.name).quote(symbol)
                assert book.best_bid
                assert book.best_ask
                assert (book.best_bid.price, book.best_ask.price) == (quote.bid, quote.ask)
