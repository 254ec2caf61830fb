"""The depth book: ids to levels on our end, levels to ids on theirs."""

from __future__ import annotations

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from venuewire.model.market import SET_ASK, SET_BID, THRU_ASK, THRU_BID, LevelRow
from venuewire.venues.ctrader.acceptor.streams import DepthStream
from venuewire.venues.ctrader.initiator.depth import DepthBook
from venuewire.venues.ctrader.wire.market import DepthEvent
from venuewire.venues.ctrader.wire.model import DepthQuote


def event(*new: DepthQuote, gone: tuple[int, ...] = ()) -> DepthEvent:
    return DepthEvent(ctid_trader_account_id=1, symbol_id=2, new_quotes=new, deleted_quotes=gone)


def bid(quote_id: int, price: int, size: int) -> DepthQuote:
    return DepthQuote(id=quote_id, size=size, bid=price)


def ask(quote_id: int, price: int, size: int) -> DepthQuote:
    return DepthQuote(id=quote_id, size=size, ask=price)


def test_quotes_at_one_price_are_summed() -> None:
    book = DepthBook("EURUSD")
    assert book.apply(event(bid(1, 100, 5), bid(2, 100, 7), ask(3, 101, 9))) == [(SET_BID, 100, 12), (SET_ASK, 101, 9)]
    assert book.apply(event(gone=(1,))) == [(SET_BID, 100, 7)]
    assert book.apply(event(gone=(2,))) == [(SET_BID, 100, 0)]


def test_an_id_overwritten_moves_its_size() -> None:
    book = DepthBook("EURUSD")
    book.apply(event(bid(1, 100, 5), bid(2, 100, 1)))
    assert book.apply(event(bid(1, 99, 4))) == [(SET_BID, 100, 1), (SET_BID, 99, 4)]
    assert book.apply(event(bid(1, 99, 8))) == [(SET_BID, 99, 8)]


def test_deletions_come_first_so_that_an_id_used_again_survives() -> None:
    book = DepthBook("EURUSD")
    book.apply(event(bid(1, 100, 5)))
    assert book.apply(event(ask(1, 103, 6), gone=(1,))) == [(SET_BID, 100, 0), (SET_ASK, 103, 6)]


def test_unknown_ids_and_empty_quotes_say_nothing() -> None:
    book = DepthBook("EURUSD")
    assert book.apply(event(DepthQuote(id=4, size=10), gone=(77,))) == []
    assert book.levels == ({}, {})


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
    stream, book = DepthStream(1, 2, count(1)), DepthBook("EURUSD")
    truth: dict[tuple[int, int], int] = {}
    homes: dict[int, tuple[int, int]] = {}
    for message in messages:
        for row in message:
            applied(truth, row)
        told = stream.event(message)
        if told is None:
            continue
        book.apply(told)
        for quote in told.new_quotes:
            home = (SET_BID, quote.bid) if quote.bid is not None else (SET_ASK, quote.ask or 0)
            assert homes.setdefault(quote.id, home) == home
    ours = {(side, price): size for side in (SET_BID, SET_ASK) for price, size in book.levels[side].items()}
    assert ours == truth


def test_nothing_is_told_of_a_book_that_did_not_change() -> None:
    stream = DepthStream(1, 2, count(1))
    assert stream.whole([]) == event()
    assert stream.event([(SET_BID, 100, 5)]) == event(bid(1, 100, 5))
    assert stream.event([(SET_BID, 100, 5), (SET_ASK, 101, 0)]) is None
    assert stream.event([(SET_BID, 100, 6)]) == event(bid(1, 100, 6))
