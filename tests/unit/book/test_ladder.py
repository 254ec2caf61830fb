"""The ladder, either twin, against the slowest thing that can be right: a dict sorted whenever it is looked at."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import venuewire.book.ladder as module
from venuewire.book import Ladder, twins
from venuewire.errors import BookError

Op = tuple[str, int, int]

# Few prices, so that most operations meet a level that is there.
PRICES = st.integers(0, 40)
SIZES = st.integers(0, 3)
OPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), PRICES, SIZES),
        st.tuples(st.just("thru"), PRICES, st.just(0)),
        st.tuples(st.just("trim"), st.integers(0, 12), st.just(0)),
    ),
    max_size=80,
)
SIDES = pytest.mark.parametrize("sign", [1, -1], ids=["bids", "asks"])


class Reference:
    """One side as the definition has it."""

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.sizes: dict[int, int] = {}

    def top(self) -> list[tuple[int, int]]:
        return sorted(self.sizes.items(), key=lambda level: -self.sign * level[0])

    def do(self, what: str, n: int, size: int) -> None:
        if what == "set":
            self.sizes[n] = size
            self.sizes = {price: size for price, size in self.sizes.items() if size}
        elif what == "thru":
            self.sizes = {price: size for price, size in self.sizes.items() if n and self.sign * price <= self.sign * n}
        else:
            self.sizes = dict(self.top()[:n])


def doing(ladder: Ladder) -> dict[str, Callable[[int, int], None]]:
    return {
        "set": ladder.set,
        "thru": lambda price, _: ladder.delete_thru(price),
        "trim": lambda depth, _: ladder.trim(depth),
    }


@SIDES
@given(ops=OPS)
def test_a_ladder_is_a_sorted_dict_after_every_operation(sign: int, ops: list[Op]) -> None:
    ladder, reference = twins.ladder(sign), Reference(sign)
    do = doing(ladder)
    for what, n, size in ops:
        do[what](n, size)
        reference.do(what, n, size)
        expected = reference.top()
        assert ladder.top() == expected
        assert len(ladder) == len(expected)
        assert ladder.best == (expected[0][0] if expected else None)


@SIDES
@given(ops=OPS)
def test_sweeping_changes_nothing_that_can_be_seen(sign: int, ops: list[Op]) -> None:
    ladder, reference = Ladder(sign), Reference(sign)
    do = doing(ladder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SPARE", 2)
        for what, n, size in ops:
            do[what](n, size)
            reference.do(what, n, size)
            assert ladder.best == next((price for price, _ in reference.top()), None)
    assert ladder.top() == reference.top()
    assert {price: ladder.size(price) for price in range(41)} == {p: reference.sizes.get(p, 0) for p in range(41)}


def test_prices_that_came_and_went_leave_nothing_behind() -> None:
    bids = Ladder(1)
    bids.set(1, 5)
    for price in range(2, 50_000):
        bids.set(price, 1)
        bids.set(price, 0)
    assert len(bids) == 1
    assert len(bids._keys) == len(bids._sizes) < 1_000


@SIDES
@given(levels=st.dictionaries(PRICES, SIZES), before=st.dictionaries(PRICES, SIZES), n=st.integers(0, 50))
def test_loading_replaces_everything(sign: int, levels: dict[int, int], before: dict[int, int], n: int) -> None:
    ladder, reference = twins.ladder(sign), Reference(sign)
    ladder.load(before)
    ladder.load(levels)
    for price, size in levels.items():
        reference.do("set", price, size)
    assert ladder.top() == reference.top()
    assert ladder.top(n) == reference.top()[:n]
    assert {price: ladder.size(price) for price in range(41)} == {p: levels.get(p, 0) for p in range(41)}


@SIDES
def test_what_is_looked_for_in_a_deep_ladder_is_found_wherever_it_stands(sign: int) -> None:
    for count in (1, 3, 4, 5, 127, 128, 129, 515, 3_000):
        ladder, at = twins.ladder(sign), range(10, 10 + 2 * count, 2)
        ladder.load({price: price for price in at})
        assert [ladder.size(price) for price in range(8, 12 + 2 * count)] == [
            price * (price in at) for price in range(8, 12 + 2 * count)
        ]


def test_the_best_bid_is_the_highest_and_the_best_ask_the_lowest() -> None:
    bids, asks = twins.ladder(1), twins.ladder(-1)
    for ladder in (bids, asks):
        for price in (100, 102, 101):
            ladder.set(price, 5)
    assert bids.top() == [(102, 5), (101, 5), (100, 5)]
    assert asks.top() == [(100, 5), (101, 5), (102, 5)]


def test_thru_leaves_the_price_itself() -> None:
    bids, asks = twins.ladder(1), twins.ladder(-1)
    for ladder in (bids, asks):
        for price in (98, 99, 100, 101):
            ladder.set(price, 1)
        ladder.delete_thru(99)
    assert [price for price, _ in bids.top()] == [99, 98]
    assert [price for price, _ in asks.top()] == [99, 100, 101]


def test_a_deep_ladder_stays_sorted_where_changes_cluster_and_where_they_do_not() -> None:
    bids = twins.ladder(1)
    bids.load(dict.fromkeys(range(10_000, 30_000), 1))
    for price in (29_999, 30_001, 20_000, 9_000, 30_000):
        bids.set(price, 0 if price in {29_999, 20_000} else 7)
    assert bids.top(3) == [(30_001, 7), (30_000, 7), (29_998, 1)]
    assert bids.size(20_000) == 0
    assert bids.top()[-1] == (9_000, 7)
    assert len(bids) == 20_001


@SIDES
def test_negative_numbers_are_refused_where_they_come(sign: int) -> None:
    ladder = twins.ladder(sign)
    ladder.set(5, 1)
    for price, size in ((-1, 1), (6, -1), (5, -1), (-1, 0), (-1, -1)):
        with pytest.raises(BookError, match="negative"):
            ladder.set(price, size)
    with pytest.raises(BookError, match="negative"):
        ladder.delete_thru(-1)
    assert ladder.top() == [(5, 1)]


@SIDES
def test_what_does_not_fit_is_refused_before_anything_changes(sign: int) -> None:
    ladder = twins.ladder(sign)
    ladder.set(5, 1)
    wide = 1 << 63
    if twins.ladder is Ladder:
        ladder.set(wide, wide)
        assert (wide, wide) in ladder.top()
        return
    for price, size in ((wide, 1), (6, wide)):
        with pytest.raises(OverflowError):
            ladder.set(price, size)
        with pytest.raises(OverflowError):
            ladder.load({1: 2, price: size})
    with pytest.raises(OverflowError):
        ladder.delete_thru(wide)
    assert (ladder.top(), ladder.size(wide)) == ([(5, 1)], 0)
    ladder.set(wide - 1, wide - 1)
    assert ladder.size(wide - 1) == wide - 1


@given(rows=st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 20), st.integers(-1, 3)), max_size=40))
def test_rows_are_applied_up_to_the_one_that_is_refused(rows: list[tuple[int, int, int]]) -> None:
    sides = twins.ladder(1), twins.ladder(-1)
    pure = Ladder(1), Ladder(-1)
    told = []
    for ladder, (bids, asks) in ((twins.ladder, sides), (Ladder, pure)):
        try:
            ladder.apply(bids, asks, rows)
        except BookError as error:
            told.append(str(error))
    assert len(told) in {0, 2}
    assert len(set(told)) < 2
    assert [side.top() for side in sides] == [side.top() for side in pure]


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12), st.sampled_from([0, 0, 1, 2])), max_size=8),
        max_size=12,
    )
)
def test_the_best_price_is_known_after_every_message(messages: list[list[tuple[int, int, int]]]) -> None:
    bids, asks = twins.ladder(1), twins.ladder(-1)
    for rows in messages:
        twins.ladder.apply(bids, asks, rows)
        assert bids.best == max((price for price, _ in bids.top()), default=None)
        assert asks.best == min((price for price, _ in asks.top()), default=None)
