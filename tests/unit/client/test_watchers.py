"""Being told of a book's changes by a call: at once, in order, and no longer than one holds the book."""

import pytest

from venuewire.book import BookKeeper
from venuewire.client.live import BookChange, KeptBook, LiveBook
from venuewire.client.stream import Policy
from venuewire.errors import BookError
from venuewire.model.market import SET_ASK, SET_BID, BookSnapshot, BookUpdate, LevelRow, given
from venuewire.model.session import Gap


def message(kind: type[BookSnapshot] | type[BookUpdate], *rows: LevelRow) -> BookChange:
    return kind(symbol="EURUSD", body=b"", read=given(rows), price_scale=2, size_scale=0, recv_time=1)


SNAPSHOT = message(BookSnapshot, (SET_BID, 99, 5), (SET_ASK, 101, 5))
UPDATE = message(BookUpdate, (SET_BID, 100, 1))
CROSSED = message(BookUpdate, (SET_BID, 101, 1))


class Market:
    """The part of the client's market that a hold needs: one book, LIVE."""

    def __init__(self) -> None:
        self.kept = KeptBook(BookKeeper("EURUSD", 2, 0), lambda: 1, lambda _: None)
        self.kept.applied(SNAPSHOT)

    async def enter(self, symbol: str) -> KeptBook:
        assert symbol == "EURUSD"
        return self.kept

    def leave(self, kept: KeptBook) -> None:
        assert kept is self.kept

    def hold(self) -> LiveBook:
        return LiveBook("EURUSD", self, bound=10, policy=Policy.DROP_OLDEST)


async def test_a_change_is_told_when_the_book_has_it_and_a_gap_in_its_place() -> None:
    market = Market()
    told: list[tuple[object, int | None]] = []
    async with market.hold() as book:
        book.on_change(lambda change: told.append((change, book.book.bid)))
        for change in (UPDATE, CROSSED, SNAPSHOT):
            market.kept.applied(change)
    assert [type(change) for change, _ in told] == [BookUpdate, Gap, Gap, BookSnapshot]
    assert [bid for _, bid in told] == [100, 101, 99, 99]


async def test_nobody_is_told_after_the_hold_and_others_still_are() -> None:
    market = Market()
    told: list[object] = []
    async with market.hold() as one:
        one.on_change(told.append)
        async with market.hold() as other:
            other.on_change(told.append)
            other.on_change(told.append)
            market.kept.applied(UPDATE)
        assert told == [UPDATE] * 3
        market.kept.applied(UPDATE)
        assert told == [UPDATE] * 4
    market.kept.applied(UPDATE)
    assert told == [UPDATE] * 4


async def test_there_is_nothing_to_watch_before_the_book_is_held() -> None:
    with pytest.raises(BookError, match="not kept yet"):
        Market().hold().on_change(print)
