"""The market of the bench: what it floods must itself be sound, or its figures say nothing."""

import json

from benches.feed import Feed, instrument, numbered, text

from venuewire.book import OrderBook
from venuewire.cli.bench.walk import Walk
from venuewire.model.market import SET_ASK, SET_BID


def test_the_walk_never_crosses_the_book_and_comes_back_to_where_it_began() -> None:
    walk = Walk(instrument(), "64000", levels=300, steps=200, seed=1)
    book = OrderBook("BTC-USD", 2, 8)
    bids, asks = walk.book_after(0)
    book.replace([*((SET_BID, *level) for level in bids.items()), *((SET_ASK, *level) for level in asks.items())])
    before = book.as_dict()
    for step in walk.steps:
        book.apply_rows(step)
        assert not book.is_crossed
    assert book.as_dict() == before


def test_the_same_seed_makes_the_same_flood() -> None:
    assert Feed(levels=50, steps=20).bodies == Feed(levels=50, steps=20).bodies


def test_a_frame_is_one_event_of_about_ten_levels() -> None:
    feed = Feed(levels=50, steps=20)
    frame = json.loads(numbered(7, feed.bodies[3]))
    (event,) = frame["events"]
    assert (frame["sequence_num"], event["type"]) == (7, "update")
    assert len(event["updates"]) >= 10


def test_numbers_are_written_as_the_venue_writes_them() -> None:
    assert [text(value, 2) for value in (0, 5, 6_400_000, 6_400_010, 6_400_012)] == [
        "0",
        "0.05",
        "64000",
        "64000.1",
        "64000.12",
    ]
