"""Books that are told by quote ids: both twins of the table, and their express where messages are numbered."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from venuewire.book import BookKeeper, keeper, twins
from venuewire.codec import Mark, Spelling, decoder
from venuewire.model.market import SET_ASK, SET_BID, BookSnapshot, BookUpdate, LevelRow
from venuewire.model.market import given as known
from venuewire.model.quotes import QuoteChanges, QuoteRow, QuoteTable, QuoteTables
from venuewire.model.shape import QuoteShape
from venuewire.model.terms import Trust
from venuewire.session.intake import Intake
from venuewire.venue import QuoteExpress

MOST = 2**63 - 1
Make = Callable[[], QuoteTable]


@pytest.fixture(scope="module")
def make(twin: str) -> Make:
    return twins.quote_table if twin == "native" else QuoteTable


def sums(quotes: Iterable[QuoteRow]) -> dict[tuple[int, int], int]:
    """What the quotes add up to, the plainest way."""
    found: dict[tuple[int, int], int] = {}
    for _, side, price, size in quotes:
        found[side, price] = found.get((side, price), 0) + size
    return {level: size for level, size in found.items() if size}


# ------------------------------------------------------------------------------------------------- the table

IDS = st.integers(0, 12) | st.sampled_from([MOST, MOST - 1, 2**32, 2**62])
QUOTES = st.tuples(IDS, st.integers(0, 1), st.integers(1, 6) | st.just(MOST), st.integers(0, 3))
MESSAGES = st.lists(st.tuples(st.lists(QUOTES, max_size=8), st.lists(IDS, max_size=6)), max_size=12)


@given(messages=MESSAGES)
def test_rows_and_quotes_are_what_the_procedure_says(make: Make, messages: list[Any]) -> None:
    table, other = make(), QuoteTable()
    quotes: dict[int, QuoteRow] = {}
    levels: dict[tuple[int, int], int] = {}
    for new, gone in messages:
        for quote_id in gone:
            quotes.pop(quote_id, None)
        quotes |= {quote[0]: quote for quote in new}
        rows = table.apply(new, gone)
        assert rows == other.apply(new, gone)
        assert len({row[:2] for row in rows}) == len(rows)
        levels |= {(side, price): size for side, price, size in rows}
        levels = {level: size for level, size in levels.items() if size}
        assert levels == sums(quotes.values())
        assert sorted(table.quotes()) == sorted(quotes.values())
        assert len(table) == len(quotes)


def test_many_quotes_come_and_go(make: Make) -> None:
    """The tables grow, and what stood in the way of others leaves no hole."""
    table, quotes = make(), dict[int, QuoteRow]()
    for step in range(40):
        new = [(n * 64, n % 2, 1 + n % 500, n % 7) for n in range(step * 90, step * 90 + 150)]
        gone = [n * 64 for n in range(step * 60 + step % 3, step * 60 + 200, 1 + step % 3)]
        for quote_id in gone:
            quotes.pop(quote_id, None)
        quotes |= {quote[0]: quote for quote in new}
        for side, price, size in table.apply(new, gone):
            assert sums(quotes.values()).get((side, price), 0) == size
        assert sorted(table.quotes()) == sorted(quotes.values())
    table.apply([], [quote[0] for quote in table.quotes()])
    assert (len(table), table.quotes()) == (0, [])
    assert table.apply([(1, 0, 5, 5)], []) == [(SET_BID, 5, 5)]


def test_messages_may_come_as_any_iterable(make: Make) -> None:
    def new() -> Iterator[QuoteRow]:
        make().apply([(9, 1, 9, 9)], ())  # another table, meanwhile
        yield 1, SET_BID, 5, 5

    assert make().apply(new(), iter([4])) == [(SET_BID, 5, 5)]


def nothing_read(body: bytes) -> QuoteChanges:
    raise AssertionError(body)


class Bid(Struct, rename="camel", omit_defaults=True):
    """One quote of a made-up venue."""

    id: int
    size: int
    bid: int | None = None
    ask: int | None = None


class Told(Struct, rename="camel", omit_defaults=True):
    """One message of it."""

    book: int
    fresh: list[Bid] = []
    no_more: list[int] = []


SHAPE = QuoteShape(Told, Bid, new="fresh", gone="no_more")


@pytest.mark.parametrize(
    "quote",
    [(1, 0, 5, MOST), (1, 0, 5, 2**64), (1, 0, 2**63, 1), (2**63, 0, 5, 1), (1, 0, 0, 1), (1, 0, -5, 1), (1, 0, 5, -1)],
)
def test_a_table_that_meets_what_does_not_fit_goes_on_as_a_pure_one(make: Make, quote: QuoteRow) -> None:
    tables, other = QuoteTables(SHAPE, nothing_read, make), QuoteTable()
    tables.begin(b"X")
    messages: list[tuple[list[QuoteRow], list[int]]] = [
        ([(3, 0, 5, 1), (4, 1, 9, 2)], []), ([(5, 1, 9, 2), quote], [3]), ([(3, 0, 5, 7)], [quote[0], 5]),
    ]  # fmt: skip
    for new, gone in messages:
        assert tables.apply(b"X", new, gone) == other.apply(new, gone)
        assert sorted(tables.by_name[b"X"].quotes()) == sorted(other.quotes())


def test_what_does_not_fit_changes_nothing(make: Make) -> None:
    if make is QuoteTable:
        pytest.skip("the pure twin knows no bounds")
    table = make()
    table.apply([(1, 0, 5, MOST)], [])
    for new, gone in (([(2, 1, 5, 1)], []), ([(2, 1, 5, 0), (1, 0, 5, 2**63)], [1]), ([(2, 1, 5, 0)], [1, -1])):
        with pytest.raises(OverflowError):
            table.apply(new, gone)
        assert table.quotes() == [(1, 0, 5, MOST)]
    assert table.apply([], [1]) == [(SET_BID, 5, 0)]
    assert table.apply([(2, 1, 5, MOST)], []) == [(SET_ASK, 5, MOST)]


def test_what_is_no_quote_is_refused(make: Make) -> None:
    if make is QuoteTable:
        pytest.skip("the pure twin does not look")
    table: Any = make()
    wrong: list[tuple[Any, ...]] = [
        (1,), ([1], []), ([(1, 0, 5)], []), ([[1, 0, 5, 5]], []), ([(1, 0, 5, 5.0)], []), ([(1, 0, "5", 5)], []),
        ([], ["1"]), (None, []), ([], None),
    ]  # fmt: skip
    for arguments in wrong:
        with pytest.raises(TypeError):
            table.apply(*arguments)
    with pytest.raises(ValueError, match="a bid or an ask"):
        table.apply([(1, 2, 5, 5)], [])
    assert len(table) == 0


def test_a_table_says_how_large_it_is(make: Make) -> None:
    table = make()
    empty = sys.getsizeof(table)
    table.apply([(n, 0, n + 1, 1) for n in range(1000)], ())
    assert sys.getsizeof(table) > empty or make is QuoteTable


# ------------------------------------------------------------------------------------------------- shapes


class Odd(Struct):
    """Not whole."""

    id: int
    size: float
    bid: int
    ask: int


@pytest.mark.parametrize(
    ("message", "quote", "new"),
    [(Told, Odd, "fresh"), (Told, Told, "fresh"), (Told, Bid, "other"), (Bid, Bid, "id"), (Odd, Bid, "id")],
)
def test_a_shape_that_fits_no_record_is_refused(message: type[Struct], quote: type[Struct], new: str) -> None:
    with pytest.raises(ValueError, match="not"):
        QuoteShape(message, quote, new=new, gone="no_more" if message is Told else "ask_")


def test_a_plan_says_the_keys_as_they_are_written() -> None:
    assert SHAPE.plan == (("fresh", "noMore"), ("id", "size", "bid", "ask"), ("book",))


def test_a_plan_that_makes_no_sense_is_refused() -> None:
    if twins.native is None:
        pytest.skip("the native core was not built")
    lists, fields, others = SHAPE.plan
    wrong: list[tuple[Any, ...]] = [
        (lists[:1], fields, others), (lists, fields[:3], others), (lists, fields, others * 9),
        (lists, fields, ("k" * 99,)), (lists, fields, ('a"b',)), (("", "b"), fields, others),
    ]  # fmt: skip
    for plan in wrong:
        with pytest.raises(ValueError, match=r"not|plain"):
            twins.native.QuoteExpress((), b"", plan, twins.intake(), {}, {}, False, BookUpdate)
    for plan in ((lists, fields), (lists, fields, [*others]), (lists, fields, (1,))):
        with pytest.raises(TypeError):
            twins.native.QuoteExpress((), b"", plan, twins.intake(), {}, {}, False, BookUpdate)
    with pytest.raises(ValueError, match="parts"):
        twins.native.QuoteExpress(((0, b"", 0),) * 99, b"", SHAPE.plan, twins.intake(), {}, {}, False, BookUpdate)


# ------------------------------------------------------------------------------------------------- numbered messages


def read(body: bytes) -> QuoteChanges:
    told = decoder(Told)(body)
    rows = [(q.id, SET_ASK if q.bid is None else SET_BID, q.bid or q.ask or 0, q.size) for q in told.fresh]
    return b"%d" % told.book, rows, told.no_more


SPELLING = Spelling(b'{"seq":', Mark.SEQ, b',"body":', Mark.BODY, b'{"book":', Mark.KEY, tail=b"}")


def frame(seq: int, *new: Bid, gone: Iterable[int] = (), book: int = 1) -> bytes:
    return b'{"seq":%d,"body":%s}' % (seq, msgspec.json.encode(Told(book, list(new), list(gone))))


@pytest.fixture
def taken(twin: str, make: Make) -> Any:
    """A book that is LIVE at 5 and 9, its express, its tables, and where the line's frames are counted."""
    intake: Any = twins.intake() if twin == "native" else Intake()
    intake.open = True
    tables = QuoteTables(SHAPE, read, make)
    tables.begin(b"1")
    kept = BookKeeper("X", 0, 0)
    rows: list[LevelRow] = tables.apply(b"1", [(1, SET_BID, 5, 1), (2, SET_ASK, 9, 1)], [])
    kept.apply(BookSnapshot(symbol="X", body=b"", read=known(rows), price_scale=0, size_scale=0))
    kept.book.unsound = kept.settle
    plan = QuoteExpress(spelling=SPELLING, tables=tables, key=str.encode)
    take = twins.express(plan, intake, {b"1": kept.book}, numbered=True, max_lag=keeper.MAX_LAG).take
    return kept, take, tables, intake


def test_numbers_are_looked_at_where_messages_have_them(taken: Any) -> None:
    kept, take, _, intake = taken
    assert not take(frame(1, Bid(3, 2, bid=6)), 1)
    assert take(frame(0, Bid(3, 2, bid=6)), 1)
    assert not take(frame(0, Bid(3, 2, bid=7)), 1)
    assert take(frame(1, gone=[3]), 2)
    assert (kept.book.bid, intake.expected, kept.updates, kept.last_good) == (5, 2, 3, 2)


def test_a_book_is_cut_to_its_depth(taken: Any) -> None:
    kept, take, tables, _ = taken
    kept.book.depth = 2
    assert take(frame(0, Bid(3, 2, bid=6), Bid(4, 3, bid=7)), 1)
    assert kept.book.bids.top() == [(7, 3), (6, 2)]
    assert len(tables.by_name[b"1"]) == 4


def test_a_book_that_comes_out_crossed_is_in_doubt_and_nobody_is_told(taken: Any) -> None:
    kept, take, _, _ = taken
    told: list[BookUpdate] = []
    kept.book.told = told.append
    assert take(frame(0, Bid(3, 2, bid=9)), 1)
    assert (kept.trust, told) == (Trust.SUSPECT, [])


def test_a_size_that_cannot_be_is_damage_or_left_alone(twin: str, taken: Any) -> None:
    kept, take, tables, _ = taken
    before = tables.by_name[b"1"].quotes()
    if take(frame(0, Bid(3, -2, bid=6)), 1):
        assert (twin, kept.trust) == ("pure", Trust.SUSPECT)
        assert "negative" in kept.cause
    else:
        assert (twin, kept.trust) == ("native", Trust.LIVE)
        assert tables.by_name[b"1"].quotes() == before


def test_a_message_without_changes_is_one_all_the_same(taken: Any) -> None:
    kept, take, _, _ = taken
    told: list[BookUpdate] = []
    kept.book.told = told.append
    assert take(b'{"seq":0,"body":{"book":1}}', 1)
    assert (kept.updates, list(told[0].rows()), told[0].levels) == (2, [], ())


@settings(max_examples=150)
@given(changes=MESSAGES)
def test_by_express_the_book_is_what_the_quotes_add_up_to(twin: str, make: Make, changes: list[Any]) -> None:
    intake: Any = twins.intake() if twin == "native" else Intake()
    intake.open = True
    tables, kept = QuoteTables(SHAPE, read, make), BookKeeper("X", 0, 0)
    tables.begin(b"1")
    kept.apply(BookSnapshot(symbol="X", body=b"", read=known([]), price_scale=0, size_scale=0))
    kept.book.unsound = lambda time, now, damage: True
    told: list[BookUpdate] = []
    kept.book.told = told.append
    plan = QuoteExpress(spelling=SPELLING, tables=tables, key=str.encode)
    take = twins.express(plan, intake, {b"1": kept.book}, numbered=True, max_lag=keeper.MAX_LAG).take
    other = QuoteTable()
    for new, gone in changes:
        near = [quote for quote in new if quote[0] < 99 and quote[2] < 99]
        low = [quote_id for quote_id in gone if quote_id < 99]
        quotes = [Bid(n, size, **{"ask" if side else "bid": price}) for n, side, price, size in near]
        assert take(frame(intake.expected, *quotes, gone=low), 1)
        assert told[-1].rows() == other.apply(near, low)
        levels = {(SET_BID, p): s for p, s in kept.book.bids.top()} | {(SET_ASK, p): s for p, s in kept.book.asks.top()}
        assert levels == sums(other.quotes()) == sums(tables.by_name[b"1"].quotes())
