"""The depth book: ids to levels on our end, levels to ids on theirs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venuewire.book import twins
from venuewire.model.market import SET_ASK, SET_BID, THRU_ASK, THRU_BID, LevelRow
from venuewire.model.quotes import QuoteTable
from venuewire.venues.ctrader.acceptor.streams import DepthStream
from venuewire.venues.ctrader.initiator.depth import new_quotes
from venuewire.venues.ctrader.wire.market import DepthEvent
from venuewire.venues.ctrader.wire.model import DepthQuote


def event(*new: DepthQuote, gone: tuple[int, ...] = ()) -> DepthEvent:
    return DepthEvent(ctid_trader_account_id=1, symbol_id=2, new_quotes=new, deleted_quotes=gone)


def bid(quote_id: int, price: int, size: int) -> DepthQuote:
    return DepthQuote(id=quote_id, size=size, bid=price)


def ask(quote_id: int, price: int, size: int) -> DepthQuote:
    return DepthQuote(id=quote_id, size=size, ask=price)


class Table:
    """Events of one book to its table."""

    def __init__(self, make: Callable[[], QuoteTable]) -> None:
        self._table = make()
        self._sums: dict[tuple[int, int], int] = {}

    def __call__(self, event: DepthEvent) -> list[LevelRow]:
        rows = self._table.apply(new_quotes(event), event.deleted_quotes)
        for what, price, size in rows:
            self._sums[what, price] = size
        return rows

    def sums(self) -> dict[tuple[int, int], int]:
        """What stands at each price, by the rows and by the quotes alike."""
        found: dict[tuple[int, int], int] = {}
        for _, side, price, size in self._table.quotes():
            found[side, price] = found.get((side, price), 0) + size
        found = {level: size for level, size in found.items() if size}
        assert found == {level: size for level, size in self._sums.items() if size}
        return found


@pytest.fixture(params=["pure", "native"])
def table(request: pytest.FixtureRequest) -> Table:
    if request.param == "native" and twins.native is None:
        pytest.skip("the native core was not built, or VENUEWIRE_PURE is set")
    return Table(QuoteTable if request.param == "pure" else twins.quote_table)


def test_quotes_at_one_price_are_summed(table: Table) -> None:
    assert table(event(bid(1, 100, 5), bid(2, 100, 7), ask(3, 101, 9))) == [(SET_BID, 100, 12), (SET_ASK, 101, 9)]
    assert table(event(gone=(1,))) == [(SET_BID, 100, 7)]
    assert table(event(gone=(2,))) == [(SET_BID, 100, 0)]


def test_an_id_overwritten_moves_its_size(table: Table) -> None:
    table(event(bid(1, 100, 5), bid(2, 100, 1)))
    assert table(event(bid(1, 99, 4))) == [(SET_BID, 100, 1), (SET_BID, 99, 4)]
    assert table(event(bid(1, 99, 8))) == [(SET_BID, 99, 8)]
    assert table(event(ask(1, 103, 8))) == [(SET_BID, 99, 0), (SET_ASK, 103, 8)]


def test_deletions_come_first_so_that_an_id_used_again_survives(table: Table) -> None:
    table(event(bid(1, 100, 5)))
    assert table(event(ask(1, 103, 6), gone=(1,))) == [(SET_BID, 100, 0), (SET_ASK, 103, 6)]


def test_unknown_ids_and_empty_quotes_say_nothing(table: Table) -> None:
    assert table(event(DepthQuote(id=4, size=10), DepthQuote(id=5, size=10, bid=0, ask=7), gone=(77,))) == []
    assert table.sums() == {}


def test_a_quote_of_no_size_may_go_like_any_other(table: Table) -> None:
    """Nothing stands at its price by then."""
    assert table(event(bid(1, 100, 0), bid(2, 99, 0))) == [(SET_BID, 100, 0), (SET_BID, 99, 0)]
    assert table(event(bid(2, 98, 1), gone=(1,))) == [(SET_BID, 100, 0), (SET_BID, 99, 0), (SET_BID, 98, 1)]
    assert table.sums() == {(SET_BID, 98): 1}


rows = st.lists(
    st.tuples(st.sampled_from((SET_BID, SET_ASK)), st.integers(90, 110), st.integers(0, 3))
    | st.tuples(st.sampled_from((THRU_BID, THRU_ASK)), st.sampled_from((0, 95, 100, 105)), st.just(0)),
    max_size=6,
)


def applied(levels: dict[tuple[int, int], int], row: LevelRow) -> None:
    what, price, size = row
    if what in {SET_BID, SET_ASK}:
        levels[what, price] = size
        if not size:
            del levels[what, price]
        return
    side = SET_BID if what == THRU_BID else SET_ASK
    for key in list(levels):
        better = key[1] > price if side == SET_BID else key[1] < price
        if key[0] == side and (not price or better):
            del levels[key]


@given(messages=st.lists(rows, max_size=8))
def test_the_clients_book_is_the_exchanges(messages: list[list[LevelRow]]) -> None:
    """Any rows, through quotes by id and back, leave the same levels; and no id is ever used for another price."""
    stream, table = DepthStream(1, 2, count(1)), Table(twins.quote_table)
    truth: dict[tuple[int, int], int] = {}
    homes: dict[int, tuple[int, int]] = {}
    for message in messages:
        for row in message:
            applied(truth, row)
        told = stream.event(message)
        if told is None:
            continue
        table(told)
        for quote in told.new_quotes:
            home = (SET_BID, quote.bid) if quote.bid is not None else (SET_ASK, quote.ask or 0)
            assert homes.setdefault(quote.id, home) == home
    assert table.sums() == truth


def test_nothing_is_told_of_a_book_that_did_not_change() -> None:
    stream = DepthStream(1, 2, count(1))
    assert stream.whole([]) == event()
    assert stream.event([(SET_BID, 100, 5)]) == event(bid(1, 100, 5))
    assert stream.event([(SET_BID, 100, 5), (SET_ASK, 101, 0)]) is None
    assert stream.event([(SET_BID, 100, 6)]) == event(bid(1, 100, 6))
