"""The order book: rows in, levels out, exact; the worst a row can do is be refused."""

from collections.abc import Iterator
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venuewire.book import OrderBook
from venuewire.errors import BookError, RemoteProtocolError
from venuewire.model.market import SET_ASK, SET_BID, THRU_ASK, THRU_BID, Level, LevelRow
from venuewire.model.terms import Side

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8), st.integers(0, 3)), max_size=60)
DEPTHS = st.one_of(st.none(), st.integers(1, 8))

Sides = dict[int, dict[int, int]]


def naive(sides: Sides, rows: list[LevelRow], depth: int | None) -> Sides:
    """What the rows mean, spelled out."""
    bids, asks = dict(sides[SET_BID]), dict(sides[SET_ASK])
    for action, price, size in rows:
        if action == THRU_BID:
            bids = {p: s for p, s in bids.items() if price and p <= price}
        elif action == THRU_ASK:
            asks = {p: s for p, s in asks.items() if price and p >= price}
        else:
            (bids if action == SET_BID else asks)[price] = size
    best_bids = sorted(((p, s) for p, s in bids.items() if s), reverse=True)
    best_asks = sorted((p, s) for p, s in asks.items() if s)
    return {SET_BID: dict(best_bids[:depth]), SET_ASK: dict(best_asks[:depth])}


def raw(book: OrderBook) -> Sides:
    """The book in its own integers, from the Decimals it shows."""
    return {
        action: {
            int(level.price.scaleb(book.price_scale)): int(level.size.scaleb(book.size_scale))
            for level in book.levels(side)
        }
        for action, side in ((SET_BID, Side.BUY), (SET_ASK, Side.SELL))
    }


def book_of(*rows: LevelRow, depth: int | None = None) -> OrderBook:
    book = OrderBook("BTC-USD", 2, 8, depth)
    book.apply_rows(rows)
    return book


@given(messages=st.lists(ROWS, max_size=6), depth=DEPTHS)
def test_a_book_is_what_its_rows_say(messages: list[list[LevelRow]], depth: int | None) -> None:
    book = OrderBook("BTC-USD", 2, 8, depth)
    expected: Sides = {SET_BID: {}, SET_ASK: {}}
    for rows in messages:
        book.apply_rows(rows)
        expected = naive(expected, rows, depth)
        assert raw(book) == expected
        assert len(book) == len(expected[SET_BID]) + len(expected[SET_ASK])
        assert book.bid == max(expected[SET_BID], default=None)
        assert book.ask == min(expected[SET_ASK], default=None)
        crossed = book.bid is not None and book.ask is not None and book.bid >= book.ask
        assert book.is_crossed is crossed


@given(before=ROWS, rows=ROWS, depth=DEPTHS)
def test_a_full_book_is_its_rows_applied_to_nothing(
    before: list[LevelRow], rows: list[LevelRow], depth: int | None
) -> None:
    replaced, built = book_of(*before, depth=depth), OrderBook("BTC-USD", 2, 8, depth)
    replaced.replace(rows)
    built.apply_rows(rows)
    assert replaced.as_dict() == built.as_dict()


def test_the_best_levels_are_exact_decimals() -> None:
    book = book_of((SET_BID, 6_400_010, 150_000_000), (SET_ASK, 6_400_011, 1))
    assert book.best_bid == Level(Decimal("64000.10"), Decimal("1.5"))
    assert book.best_ask == Level(Decimal("64000.11"), Decimal("0.00000001"))
    assert [str(level.price) for level in book.levels(Side.BUY)] == ["64000.10"]


def test_the_precision_of_the_program_rounds_nothing() -> None:
    with localcontext(prec=4):
        book = book_of((SET_BID, 6_400_012, 123_456_789))
        assert [(str(level.price), str(level.size)) for level in book.levels(Side.BUY)] == [("64000.12", "1.23456789")]


def test_the_best_level_follows_its_size_its_price_and_its_end() -> None:
    book = book_of((SET_BID, 100, 5), (SET_BID, 99, 7))
    seen = [book.best_bid]
    for row in ((SET_BID, 100, 6), (SET_BID, 100, 0), (SET_BID, 99, 0)):
        book.apply_rows([row])
        seen.append(book.best_bid)
    shown = [None if level is None else (int(level.price.scaleb(2)), int(level.size.scaleb(8))) for level in seen]
    assert shown == [(100, 5), (100, 6), (99, 7), None]


def test_a_full_book_in_new_scales_is_read_in_them() -> None:
    book = book_of((SET_BID, 100, 5))
    assert book.best_bid == Level(Decimal("1.00"), Decimal("0.00000005"))
    book.replace([(SET_BID, 100, 5)], price_scale=0, size_scale=1)
    assert book.best_bid == Level(Decimal(100), Decimal("0.5"))


def test_levels_are_told_best_first() -> None:
    book = book_of((SET_BID, 98, 1), (SET_BID, 99, 1), (SET_ASK, 102, 1), (SET_ASK, 101, 1))
    assert [level.price for level in book.levels(Side.BUY, 5)] == [Decimal("0.99"), Decimal("0.98")]
    assert [level.price for level in book.levels(Side.SELL, 1)] == [Decimal("1.01")]
    assert book.levels(Side.SELL, 0) == []


def test_what_stands_at_a_price() -> None:
    book = book_of((SET_BID, 99, 150_000_000))
    assert book.size_at(Side.BUY, Decimal("0.99")) == Decimal("1.5")
    assert book.size_at(Side.BUY, Decimal("0.98")) == 0
    assert book.size_at(Side.SELL, Decimal("0.99")) == 0
    assert book.size_at(Side.BUY, Decimal("0.9900001")) == 0


@pytest.mark.parametrize("row", [(SET_BID, -1, 1), (SET_ASK, 1, -1), (THRU_BID, -1, 0), (4, 1, 1), (-1, 1, 1)])
def test_a_row_that_means_nothing_is_refused(row: LevelRow) -> None:
    with pytest.raises(BookError, match=r"negative|unknown"):
        book_of(row)
    book = book_of((SET_BID, 5, 1))
    with pytest.raises(BookError, match=r"negative|unknown"):
        book.replace([(SET_BID, 7, 1), row])


def test_a_full_book_that_cannot_be_read_leaves_the_old_one() -> None:
    def damaged() -> Iterator[LevelRow]:
        yield SET_BID, 50, 1
        raise RemoteProtocolError("cut off")

    book = book_of((SET_BID, 5, 1), (SET_ASK, 6, 2))
    before = book.as_dict()
    with pytest.raises(RemoteProtocolError):
        book.replace(damaged(), 3, 3)
    assert book.as_dict() == before


def test_numbers_of_any_width_are_kept_exact() -> None:
    wide = 10**25 + 1
    book = book_of((SET_BID, 5, 1), (SET_ASK, 9, 4))
    book.apply_rows([(SET_BID, 6, 2), (SET_BID, 7, wide), (SET_ASK, 9, 0)])
    assert raw(book) == {SET_BID: {7: wide, 6: 2, 5: 1}, SET_ASK: {}}
    book.replace([(SET_ASK, wide, wide)])
    assert (book.bid, book.ask, raw(book)[SET_ASK]) == (None, wide, {wide: wide})
    book.apply_rows([(SET_BID, 5, 1)])
    assert (book.bid, book.size_at(Side.BUY, Decimal("0.05"))) == (5, Decimal("0.00000001"))
    fresh = OrderBook("BTC-USD", 2, 8)
    fresh.replace([(SET_BID, 5, wide), (SET_ASK, 7, 1)])
    assert raw(fresh) == {SET_BID: {5: wide}, SET_ASK: {7: 1}}
