"""The keeper: never LIVE with a book that cannot be, and every hole told once when it opens and once when it closes."""

from collections.abc import Iterable
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from msgspec import structs

from venuewire.book import BookKeeper
from venuewire.book.states import TRANSITIONS, Happening
from venuewire.errors import BookError, RemoteProtocolError
from venuewire.model.market import SET_ASK, SET_BID, BookSnapshot, BookUpdate, LevelRow, given
from venuewire.model.session import Gap
from venuewire.model.terms import Side, Trust

SOUND: list[LevelRow] = [(SET_BID, 99, 5), (SET_BID, 98, 5), (SET_ASK, 101, 5)]


def damaged_reader(_body: bytes, _price_scale: int, _size_scale: int) -> Iterable[LevelRow]:
    yield SET_BID, 99, 1
    raise RemoteProtocolError("not a valid level")


def snapshot(rows: list[LevelRow], now: int = 1, price_scale: int = 2) -> BookSnapshot:
    return BookSnapshot(
        symbol="EURUSD", body=b"", read=given(rows), price_scale=price_scale, size_scale=0, recv_time=now
    )


def update(*rows: LevelRow, now: int = 2, price_scale: int = 2) -> BookUpdate:
    return BookUpdate(symbol="EURUSD", body=b"", read=given(rows), price_scale=price_scale, size_scale=0, recv_time=now)


def damaged(kind: type[BookSnapshot] | type[BookUpdate], now: int = 3) -> BookSnapshot | BookUpdate:
    return kind(symbol="EURUSD", body=b"", read=damaged_reader, price_scale=2, size_scale=0, recv_time=now)


def live(depth: int | None = None) -> BookKeeper:
    keeper = BookKeeper("EURUSD", 2, 0, depth=depth)
    assert keeper.apply(snapshot(SOUND))
    return keeper


# ------------------------------------------------------------------------------------------- the procedure


def test_updates_before_the_first_snapshot_are_dropped() -> None:
    keeper = BookKeeper("EURUSD", 2, 0)
    assert not keeper.apply(update((SET_BID, 97, 1)))
    assert keeper.trust is Trust.RESYNCING
    assert not keeper.wants_resync
    assert keeper.apply(snapshot(SOUND))
    assert len(keeper.require_live()) == len(SOUND)
    assert (keeper.updates, keeper.dropped, keeper.resyncs) == (1, 1, 0)


def test_the_first_snapshot_is_no_gap() -> None:
    assert live().take_gaps() == []


def test_an_update_of_a_live_book_is_shown() -> None:
    keeper = live()
    assert keeper.apply(update((SET_BID, 100, 3), now=7))
    assert keeper.book.bid == 100
    assert keeper.updates == 2


def test_a_book_may_cross_within_a_message_but_not_after_it() -> None:
    keeper = live()
    assert keeper.apply(update((SET_BID, 101, 1), (SET_ASK, 101, 0), (SET_ASK, 102, 1)))
    assert keeper.book.bid == 101


@pytest.mark.parametrize("bid", [101, 102], ids=["locked", "crossed"])
def test_a_crossed_or_locked_book_is_suspect_and_asks_for_another(bid: int) -> None:
    keeper = live()
    assert not keeper.apply(update((SET_BID, bid, 1)))
    assert keeper.trust is Trust.SUSPECT
    assert keeper.wants_resync
    with pytest.raises(BookError, match="SUSPECT"):
        keeper.require_live()


def test_a_crossed_snapshot_is_not_believed_either() -> None:
    keeper = BookKeeper("EURUSD", 2, 0)
    assert not keeper.apply(snapshot([(SET_BID, 102, 1), (SET_ASK, 101, 1)]))
    assert keeper.trust is Trust.SUSPECT
    assert keeper.updates == 0


@pytest.mark.parametrize("kind", [BookSnapshot, BookUpdate])
def test_damage_makes_it_suspect_and_raises_nothing(kind: type[BookSnapshot] | type[BookUpdate]) -> None:
    keeper = live()
    assert not keeper.apply(damaged(kind))
    assert keeper.trust is Trust.SUSPECT
    assert keeper.cause == "not a valid level"


def test_a_row_that_means_nothing_is_damage() -> None:
    keeper = live()
    assert not keeper.apply(update((SET_BID, -5, 1)))
    assert keeper.trust is Trust.SUSPECT


def test_an_update_in_other_scales_is_not_applied() -> None:
    keeper = live()
    assert not keeper.apply(update((SET_BID, 995, 1), price_scale=3))
    assert keeper.trust is Trust.SUSPECT
    assert keeper.book.bid == 99


def test_a_snapshot_in_other_scales_is_read_in_them() -> None:
    keeper = live()
    assert keeper.apply(snapshot([(SET_BID, 995, 1)], price_scale=3))
    best = keeper.require_live().best_bid
    assert best is not None
    assert best.price == Decimal("0.995")


def test_updates_on_top_of_a_hole_do_not_fill_it() -> None:
    keeper = live()
    keeper.suspect("message 8 is missing", 10)
    assert not keeper.apply(update((SET_BID, 100, 1), now=11))
    assert keeper.trust is Trust.SUSPECT
    assert keeper.book.bid == 99


def test_one_resync_is_in_flight_at_a_time() -> None:
    keeper = live()
    keeper.suspect("message 8 is missing", 10)
    assert keeper.wants_resync
    keeper.resyncing(11)
    keeper.suspect("message 12 is missing", 12)
    assert keeper.trust is Trust.RESYNCING
    assert not keeper.wants_resync


def test_a_resync_that_is_not_answered_is_asked_for_again() -> None:
    keeper = live()
    keeper.suspect("message 8 is missing", 10)
    keeper.resyncing(11)
    keeper.no_answer("no snapshot within 10 s", 21)
    assert keeper.wants_resync
    assert keeper.cause == "no snapshot within 10 s"


def test_giving_up_a_request_whose_snapshot_came_after_all_changes_nothing() -> None:
    keeper = live()
    keeper.no_answer("no snapshot within 10 s", 21)
    assert keeper.require_live() is keeper.book
    assert keeper.take_gaps() == []


def test_a_lost_line_is_stale_until_its_next_life_brings_a_snapshot() -> None:
    keeper = live()
    keeper.stale("line lost", 10)
    assert keeper.trust is Trust.STALE
    assert not keeper.wants_resync, "a new life subscribes anyway"
    keeper.resyncing(12)
    assert keeper.apply(snapshot(SOUND, now=15))
    assert keeper.require_live() is keeper.book
    assert keeper.resyncs == 1


def test_data_that_flow_again_after_silence_without_a_snapshot_are_suspect() -> None:
    keeper = live()
    keeper.stale("nothing for 80 s", 10)
    assert not keeper.apply(update((SET_BID, 100, 1), now=11))
    assert keeper.wants_resync


def test_a_gap_is_told_when_it_opens_and_when_it_closes() -> None:
    keeper = live()
    assert keeper.apply(update((SET_BID, 97, 1), now=5))
    keeper.suspect("message 8 is missing", 10)
    assert keeper.take_gaps() == [Gap(from_time=5, to_time=10, cause="message 8 is missing", repaired=False)]
    keeper.resyncing(11)
    assert keeper.apply(snapshot(SOUND, now=15))
    (closed,) = keeper.take_gaps()
    assert (closed.from_time, closed.to_time, closed.repaired) == (5, 15, True)
    assert keeper.take_gaps() == []


def test_the_book_says_why_it_is_not_live() -> None:
    keeper = BookKeeper("EURUSD", 2, 0)
    with pytest.raises(BookError, match="no snapshot has come yet"):
        keeper.require_live()
    assert keeper.apply(snapshot(SOUND))
    keeper.suspect("message 8 is missing", 10)
    keeper.resyncing(11)
    with pytest.raises(BookError, match="RESYNCING: message 8 is missing"):
        keeper.require_live()
    assert keeper.apply(snapshot(SOUND))
    assert keeper.cause == ""


def test_gaps_nobody_takes_do_not_pile_up() -> None:
    keeper = live()
    for now in range(10, 2_000):
        keeper.stale("line lost", now)
        assert keeper.apply(snapshot(SOUND, now=now))
    assert len(keeper.take_gaps()) <= 256


def test_a_book_is_cut_to_its_depth_after_each_message() -> None:
    keeper = live(depth=1)
    assert len(keeper.book) == 2
    assert keeper.apply(update((SET_BID, 100, 1)))
    assert [level.price for level in keeper.book.levels(Side.BUY)] == [Decimal("1.00")]


# ------------------------------------------------------------------------------------------- updates that come late

SECOND = 1_000_000_000
SKEW = 40 * SECOND
"""Our clock is that far ahead of the venue's; it must not matter."""


def sent(second: int, late: int = 0, price: int = 100) -> BookUpdate:
    """An update of that second of the venue's clock, that took `late` seconds longer than need be."""
    time = second * SECOND
    message = update((SET_BID, price, second), now=time + SKEW + late * SECOND)
    return structs.replace(message, transact_time=time)


def test_updates_that_come_late_make_it_stale_and_the_book_is_kept_all_the_same() -> None:
    keeper = live()
    assert all(keeper.apply(sent(second)) for second in range(100, 105))
    assert not keeper.apply(sent(105, late=4))
    assert keeper.cause == "updates come 4 s late"
    with pytest.raises(BookError, match="STALE"):
        keeper.require_live()
    assert not keeper.wants_resync
    assert not keeper.apply(sent(106, late=9, price=99))
    assert keeper.book.size_at(Side.BUY, Decimal("0.99")) > 0
    assert keeper.apply(sent(120))
    assert keeper.trust is Trust.LIVE
    assert [gap.repaired for gap in keeper.take_gaps()] == [False, True]
    assert keeper.resyncs == 0


def test_a_lag_within_the_bound_and_clocks_that_differ_change_nothing() -> None:
    keeper = live()
    assert all(keeper.apply(sent(second, late=second % 4)) for second in range(100, 140))
    assert keeper.take_gaps() == []


def test_a_hole_during_a_lag_is_a_hole() -> None:
    keeper = live()
    assert keeper.apply(sent(100))
    assert not keeper.apply(sent(101, late=5))
    keeper.suspect("numbers are missing", 1)
    assert keeper.cause == "updates come 5 s late"  # the line says next what it knows
    assert not keeper.apply(sent(102))
    assert keeper.trust is Trust.SUSPECT
    assert keeper.wants_resync


# ------------------------------------------------------------------------------------------- the table


def test_the_table_has_an_answer_to_everything() -> None:
    assert set(TRANSITIONS) == set(Trust)
    assert all(set(row) == set(Happening) for row in TRANSITIONS.values())


def test_only_a_snapshot_makes_a_book_live_or_the_end_of_a_lag() -> None:
    into_live = {
        happening
        for before, row in TRANSITIONS.items()
        for happening, after in row.items()
        if after is Trust.LIVE and before is not Trust.LIVE
    }
    assert into_live == {Happening.SNAPSHOT, Happening.CAUGHT_UP}


ROWS = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 12), st.integers(0, 2)), max_size=4)


class KeepersLife(RuleBasedStateMachine):
    """Anything a venue, a network and a client can do to a book, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.keeper = BookKeeper("EURUSD", 2, 0)
        self.now = 0
        self.left_live = 0
        self.came_back = 0
        self.gaps: list[Gap] = []

    def tick(self) -> int:
        self.now += 1
        return self.now

    def watch(self, before: Trust) -> None:
        """Count what the gaps must tell, beside the keeper."""
        after = self.keeper.trust
        if before is Trust.LIVE and after is not Trust.LIVE:
            self.left_live += 1
        if before is not Trust.LIVE and after is Trust.LIVE and self.left_live:
            self.came_back += 1
        self.gaps += self.keeper.take_gaps()

    @rule(rows=ROWS)
    def update_comes(self, rows: list[LevelRow]) -> None:
        before, book = self.keeper.trust, self.keeper.book.as_dict()
        shown = self.keeper.apply(update(*rows, now=self.tick()))
        assert shown is (self.keeper.trust is Trust.LIVE)
        if before is not Trust.LIVE:
            assert self.keeper.book.as_dict() == book
        self.watch(before)

    @rule(rows=ROWS)
    def snapshot_comes(self, rows: list[LevelRow]) -> None:
        before = self.keeper.trust
        shown = self.keeper.apply(snapshot(rows, now=self.tick()))
        assert shown is (self.keeper.trust is Trust.LIVE)
        self.watch(before)

    @rule()
    def sound_snapshot_comes(self) -> None:
        before = self.keeper.trust
        assert self.keeper.apply(snapshot(SOUND, now=self.tick()))
        assert self.keeper.trust is Trust.LIVE
        self.watch(before)

    @rule(kind=st.sampled_from([BookSnapshot, BookUpdate]))
    def damage_comes(self, kind: type[BookSnapshot] | type[BookUpdate]) -> None:
        before = self.keeper.trust
        assert not self.keeper.apply(damaged(kind, self.tick()))
        assert self.keeper.trust is not Trust.LIVE
        self.watch(before)

    @rule(what=st.sampled_from(["suspect", "stale", "no_answer"]))
    def told(self, what: str) -> None:
        before = self.keeper.trust
        getattr(self.keeper, what)(what, self.tick())
        self.watch(before)

    @rule()
    def asked(self) -> None:
        before = self.keeper.trust
        self.keeper.resyncing(self.tick())
        assert not self.keeper.wants_resync
        self.watch(before)

    @invariant()
    def live_is_never_crossed(self) -> None:
        if self.keeper.trust is Trust.LIVE:
            book = self.keeper.require_live()
            bid, ask = book.best_bid, book.best_ask
            assert bid is None or ask is None or bid.price < ask.price

    @invariant()
    def every_leave_of_live_is_one_pair_of_gaps(self) -> None:
        opened = [gap for gap in self.gaps if not gap.repaired]
        closed = [gap for gap in self.gaps if gap.repaired]
        assert (len(opened), len(closed)) == (self.left_live, self.came_back)
        assert [gap.repaired for gap in self.gaps] == [bool(i % 2) for i in range(len(self.gaps))]
        assert all(a.from_time == b.from_time and a.to_time <= b.to_time for a, b in zip(opened, closed, strict=False))
        assert self.keeper.resyncs == len(closed)


def test_a_keepers_life() -> None:
    run_state_machine_as_test(KeepersLife, settings=settings(stateful_step_count=30))


def test_the_newest_gap_is_there_for_those_who_only_read() -> None:
    keeper = live()
    assert keeper.last_gap is None
    keeper.suspect("a message is missing", 5)
    assert keeper.last_gap is not None
    assert not keeper.last_gap.repaired
    keeper.apply(snapshot([(SET_BID, 100, 1), (SET_ASK, 102, 1)], now=9))
    assert keeper.last_gap.repaired
    assert (keeper.last_gap.to_time, keeper.gaps, keeper.last_good) == (9, 1, 9)
