"""The engine against a deliberately naive matcher, and the rules one by one."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from venuewire.model.market import SET_ASK, SET_BID
from venuewire.model.terms import OrdRejReason
from venuewire.sandbox.engine import ALL_OR_NOTHING, DONE, DROP, HELD, REST, RESTING, TRIGGERED, Engine, Order


class Street:
    """One symbol, many owners; each verb is something a trader does."""

    def __init__(self) -> None:
        self.engine: Engine[Order] = Engine()
        self.ids = 0

    def order(self, owner: str, qty: int, price: int | None, *, is_buy: bool, **terms: int | bool) -> Order:
        self.ids += 1
        return Order(self.ids, owner, qty, price, is_buy=is_buy, **terms)  # type: ignore[arg-type]

    def buys(self, owner: str, qty: int, price: int | None, **terms: int | bool) -> Order:
        return self.submits(self.order(owner, qty, price, is_buy=True, **terms))

    def sells(self, owner: str, qty: int, price: int | None, **terms: int | bool) -> Order:
        return self.submits(self.order(owner, qty, price, is_buy=False, **terms))

    def submits(self, order: Order) -> Order:
        assert self.engine.submit(order) is None
        return order

    def met(self) -> list[tuple[str, str, int, int]]:
        return [(taker.owner, maker.owner, qty, price) for taker, maker, qty, price in self.engine.take_fills()]

    def book(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        return self.engine.depth(is_buy=True), self.engine.depth(is_buy=False)


@pytest.fixture
def street() -> Street:
    return Street()


def test_a_better_price_goes_first_and_then_the_older_order(street: Street) -> None:
    street.sells("late and dear", 5, 101)
    street.sells("first", 5, 100)
    street.sells("second", 5, 100)
    street.buys("taker", 12, 101)
    assert street.met() == [
        ("taker", "first", 5, 100),
        ("taker", "second", 5, 100),
        ("taker", "late and dear", 2, 101),
    ]
    assert street.book() == ([], [(101, 3)])
    assert street.engine.last == 101


def test_what_a_limit_order_does_not_fill_rests_at_its_price(street: Street) -> None:
    street.buys("maker", 3, 99)
    order = street.sells("taker", 10, 98)
    assert street.met() == [("taker", "maker", 3, 99)]
    assert (order.state, order.leaves) == (RESTING, 7)
    assert street.book() == ([], [(98, 7)])


def test_rows_hold_absolute_sizes(street: Street) -> None:
    street.sells("a", 5, 100)
    street.sells("b", 5, 100)
    street.sells("c", 4, 101)
    assert street.engine.take_rows() == [(SET_ASK, 100, 5), (SET_ASK, 100, 10), (SET_ASK, 101, 4)]
    street.buys("t", 12, 102)
    assert street.engine.take_rows() == [(SET_ASK, 100, 0), (SET_ASK, 101, 2)]
    street.buys("t", 3, 101)
    assert street.engine.take_rows() == [(SET_ASK, 101, 0), (SET_BID, 101, 1)]


def test_an_order_in_the_middle_of_a_queue_can_leave(street: Street) -> None:
    orders = [street.buys(name, 1, 50) for name in "abcd"]
    for gone in (orders[1], orders[0], orders[3]):
        assert street.engine.cancel(gone.order_id) is gone
    street.sells("t", 5, 50, life=DROP)
    assert street.met() == [("t", "c", 1, 50)]
    assert street.engine.cancel(orders[1].order_id) is None


def test_immediate_or_cancel_drops_its_rest(street: Street) -> None:
    street.sells("maker", 3, 100)
    order = street.buys("taker", 5, 100, life=DROP)
    assert (order.state, order.leaves) == (DONE, 2)
    assert street.book() == ([], [])


def test_fill_or_kill_fills_whole_or_not_at_all(street: Street) -> None:
    street.sells("maker", 3, 100)
    street.sells("maker", 3, 101)
    killed = street.buys("taker", 4, 100, life=ALL_OR_NOTHING)
    assert (killed.state, killed.leaves) == (DONE, 4)
    assert street.met() == []
    filled = street.buys("taker", 4, 101, life=ALL_OR_NOTHING)
    assert (filled.state, filled.leaves) == (DONE, 0)
    assert street.book() == ([], [(101, 2)])


def test_post_only_is_refused_when_it_would_take_and_rests_when_not(street: Street) -> None:
    street.sells("maker", 3, 100)
    crossing = street.order("m", 1, 100, is_buy=True, post_only=True)
    assert street.engine.submit(crossing) is OrdRejReason.POST_ONLY_WOULD_CROSS
    assert street.book() == ([], [(100, 3)])
    assert street.buys("m", 1, 99, post_only=True).state == RESTING


def test_an_order_that_would_meet_ones_own_is_refused_whole(street: Street) -> None:
    street.sells("other", 2, 100)
    street.sells("me", 2, 101)
    assert street.engine.submit(street.order("me", 3, 101, is_buy=True)) is OrdRejReason.SELF_TRADE
    assert street.met() == []
    assert street.book() == ([], [(100, 2), (101, 2)])
    # What ends before it reaches one's own order is no self-trade.
    street.buys("me", 2, 101, life=DROP)
    assert street.met() == [("me", "other", 2, 100)]


def test_a_smaller_size_keeps_its_place_and_a_larger_one_loses_it(street: Street) -> None:
    first, second = street.sells("first", 5, 100), street.sells("second", 5, 100)
    assert street.engine.replace(first.order_id, 4, 100) is None
    street.buys("t", 1, 100)
    assert street.met() == [("t", "first", 1, 100)]
    assert street.engine.replace(first.order_id, 6, 100) is None
    street.buys("t", 5, 100)
    assert street.met() == [("t", "second", 5, 100)]
    assert second.state == DONE
    assert street.book() == ([], [(100, 6)])


def test_a_new_price_loses_the_place_and_may_trade(street: Street) -> None:
    mover = street.sells("mover", 5, 101)
    street.sells("there", 5, 100)
    assert street.engine.replace(mover.order_id, 5, 100) is None
    street.buys("t", 6, 100)
    assert street.met() == [("t", "there", 5, 100), ("t", "mover", 1, 100)]
    street.buys("bid", 3, 95)
    assert street.engine.replace(mover.order_id, 4, 95) is None
    assert street.met() == [("mover", "bid", 3, 95)]
    assert street.book() == ([], [(95, 1)])


def test_a_refused_replacement_changes_nothing(street: Street) -> None:
    street.buys("me", 1, 99)
    post = street.sells("poster", 2, 101, post_only=True)
    own = street.sells("me", 2, 101)
    assert street.engine.replace(post.order_id, 2, 99) is OrdRejReason.POST_ONLY_WOULD_CROSS
    assert street.engine.replace(own.order_id, 9, 99) is OrdRejReason.SELF_TRADE
    assert street.engine.replace(12345, 1, 1) is OrdRejReason.UNKNOWN_ORDER
    assert street.book() == ([(99, 1)], [(101, 4)])
    street.buys("t", 3, 101, life=DROP)
    assert street.met() == [("t", "poster", 2, 101), ("t", "me", 1, 101)]


def test_stops_wait_for_a_trade_at_their_price(street: Street) -> None:
    street.sells("maker", 10, 100)
    street.sells("maker", 10, 105)
    stop = street.buys("stopper", 2, None, stop_px=105, life=DROP)
    limit = street.buys("stopper", 2, 99, stop_px=103)
    assert stop.state == limit.state == HELD
    street.buys("t", 10, 100)
    assert street.engine.next_triggered() is None
    street.buys("t", 1, 105)
    # Both were reached; the one accepted first goes first.
    assert street.engine.next_triggered() is stop
    assert street.engine.activate(stop) is None
    assert street.engine.next_triggered() is limit
    assert street.engine.activate(limit) is None
    assert street.engine.next_triggered() is None
    assert street.met()[-1] == ("stopper", "maker", 2, 105)
    assert street.book() == ([(99, 2)], [(105, 7)])


def test_sell_stops_wait_for_the_price_to_fall(street: Street) -> None:
    street.buys("maker", 5, 100)
    street.buys("maker", 5, 90)
    near = street.sells("s", 1, None, stop_px=95, life=DROP)
    far = street.sells("s", 1, None, stop_px=80, life=DROP)
    street.sells("t", 6, 90)
    assert street.engine.next_triggered() is near
    assert street.engine.next_triggered() is None
    assert far.state == HELD
    assert street.engine.cancel(far.order_id) is far


def test_every_price_of_a_sweep_counts_for_both_sides(street: Street) -> None:
    street.sells("maker", 1, 110)
    street.buys("t", 1, 110)
    falling = street.sells("s", 1, None, stop_px=102, life=DROP)
    rising = street.buys("s", 1, None, stop_px=104, life=DROP)
    assert street.engine.next_triggered() is rising
    for price in (100, 105):
        street.sells("maker", 1, price)
    assert falling.state == HELD
    street.buys("t", 2, 105)
    assert street.engine.next_triggered() is falling
    assert street.engine.next_triggered() is None


def test_a_stop_whose_price_was_reached_already_triggers_on_arrival(street: Street) -> None:
    street.sells("maker", 5, 100)
    street.buys("t", 1, 100)
    order = street.buys("s", 1, None, stop_px=100, life=DROP)
    assert order.state == TRIGGERED
    assert street.engine.next_triggered() is order


def test_a_cancelled_stop_never_fires(street: Street) -> None:
    street.sells("maker", 5, 100)
    stop = street.buys("s", 1, None, stop_px=100, life=DROP)
    moved = street.buys("s", 1, None, stop_px=100, life=DROP)
    assert street.engine.replace(moved.order_id, 1, None, 200) is None
    street.engine.cancel(stop.order_id)
    street.buys("t", 1, 100)
    assert street.engine.next_triggered() is None
    assert moved.state == HELD


def test_orders_end_when_their_time_has_come(street: Street) -> None:
    early = street.buys("a", 1, 10, expire=100)
    late = street.buys("a", 1, 10, expire=200)
    gone = street.buys("a", 1, 10, expire=50)
    street.engine.cancel(gone.order_id)
    assert street.engine.next_expiry() == 100
    assert street.engine.advance(99) == []
    assert street.engine.advance(100) == [early]
    assert street.engine.next_expiry() == 200
    assert street.book() == ([(10, 1)], [])
    assert street.engine.advance(1000) == [late]
    assert street.engine.next_expiry() is None


def test_money_buys_whole_steps_and_leaves_the_change(street: Street) -> None:
    engine = street.engine = Engine(step=5)
    street.sells("a", 10, 100)
    street.sells("b", 50, 110)
    assert engine.affordable(2000, None, is_buy=True) == (15, 1550, False)
    order = street.buys("t", 0, None, budget=2000, life=DROP)
    assert (order.state, order.leaves, order.short) == (DONE, 0, False)
    assert street.met() == [("t", "a", 10, 100), ("t", "b", 5, 110)]


def test_money_that_the_book_cannot_take_up_is_told(street: Street) -> None:
    street.sells("a", 10, 100)
    killed = street.buys("t", 0, None, budget=5000, life=ALL_OR_NOTHING)
    assert (killed.state, killed.short) == (DONE, True)
    assert street.met() == []
    order = street.buys("t", 0, None, budget=5000, life=DROP)
    assert (order.leaves, order.short) == (0, True)
    assert street.met() == [("t", "a", 10, 100)]


def test_the_expiry_list_does_not_grow_with_what_is_gone(street: Street) -> None:
    for _ in range(5000):
        order = street.buys("a", 1, 10, expire=10**9)
        street.engine.cancel(order.order_id)
    assert len(street.engine._expiries) < 2000  # pyright: ignore[reportPrivateUsage]


# ------------------------------------------------------------------------------------------- the naive matcher


@dataclass
class Plain:
    """An order of the naive matcher."""

    order_id: int
    owner: str
    is_buy: bool
    qty: int
    price: int | None
    life: int
    stop_px: int | None = None
    post_only: bool = False


@dataclass
class Naive:
    """The same rules with nothing but lists, sorted again at every question."""

    resting: list[Plain] = field(default_factory=list)
    held: list[Plain] = field(default_factory=list)
    fills: list[tuple[int, int, int, int]] = field(default_factory=list)
    last: int | None = None

    def reachable(self, order: Plain) -> list[Plain]:
        far = [r for r in self.resting if r.is_buy != order.is_buy and self.crosses(order, r)]
        # list.sort is stable: the older stay before the younger.
        return sorted(far, key=lambda r: -(r.price or 0) if r.is_buy else (r.price or 0))

    @staticmethod
    def crosses(order: Plain, resting: Plain) -> bool:
        assert resting.price is not None
        if order.price is None:
            return True
        return resting.price <= order.price if order.is_buy else resting.price >= order.price

    def objection(self, order: Plain) -> OrdRejReason | None:
        reachable = self.reachable(order)
        if reachable and order.post_only:
            return OrdRejReason.POST_ONLY_WOULD_CROSS
        left = order.qty
        for resting in reachable:
            if left <= 0:
                break
            if resting.owner == order.owner:
                return OrdRejReason.SELF_TRADE
            left -= resting.qty
        return None

    def enter(self, order: Plain) -> OrdRejReason | None:
        refused = self.objection(order)
        if refused:
            return refused
        reachable = self.reachable(order)
        prices: list[int] = []
        if order.life != ALL_OR_NOTHING or sum(r.qty for r in reachable) >= order.qty:
            for resting in reachable:
                qty = min(order.qty, resting.qty)
                if qty == 0:
                    break
                assert resting.price is not None
                order.qty -= qty
                resting.qty -= qty
                prices.append(resting.price)
                self.fills.append((order.order_id, resting.order_id, qty, resting.price))
                self.last = resting.price
        self.resting = [r for r in self.resting if r.qty]
        if order.qty and order.life == REST:
            self.resting.append(order)
        self.fire(prices)
        return None

    def fire(self, prices: list[int]) -> None:
        reached = [h for h in self.held if any(self.reaches(price, h) for price in prices)]
        self.held = [h for h in self.held if h not in reached]
        self.queue += reached

    queue: list[Plain] = field(default_factory=list)

    @staticmethod
    def reaches(price: int, held: Plain) -> bool:
        assert held.stop_px is not None
        return price >= held.stop_px if held.is_buy else price <= held.stop_px

    def submit(self, order: Plain) -> OrdRejReason | None:
        refused = None
        if order.stop_px is None:
            refused = self.enter(order)
        elif self.last is not None and self.reaches(self.last, order):
            self.queue.append(order)
        else:
            self.held.append(order)
        while self.queue:
            self.enter(self.queue.pop(0))
        return refused

    def cancel(self, order_id: int) -> bool:
        before = len(self.resting) + len(self.held)
        self.resting = [r for r in self.resting if r.order_id != order_id]
        self.held = [h for h in self.held if h.order_id != order_id]
        return len(self.resting) + len(self.held) < before

    def replace(self, order_id: int, qty: int, price: int) -> OrdRejReason | None:
        found = [r for r in self.resting if r.order_id == order_id]
        if not found:
            return OrdRejReason.UNKNOWN_ORDER
        order = found[0]
        if price == order.price and qty <= order.qty:
            order.qty = qty
            return None
        moved = Plain(order_id, order.owner, order.is_buy, qty, price, REST, post_only=order.post_only)
        refused = self.objection(moved)
        if refused:
            return refused
        self.resting.remove(order)
        self.enter(moved)
        while self.queue:
            self.enter(self.queue.pop(0))
        return None

    def depth(self, *, is_buy: bool) -> list[tuple[int, int]]:
        sizes: dict[int, int] = {}
        for order in self.resting:
            if order.is_buy == is_buy:
                assert order.price is not None
                sizes[order.price] = sizes.get(order.price, 0) + order.qty
        return sorted(sizes.items(), reverse=is_buy)


QTY = st.integers(1, 9)
PRICE = st.integers(95, 105)
NEW = st.tuples(
    st.just("new"),
    st.sampled_from("abc"),
    st.booleans(),
    QTY,
    st.one_of(st.none(), PRICE),
    st.sampled_from([REST, REST, REST, DROP, ALL_OR_NOTHING]),
    st.one_of(st.none(), st.none(), st.none(), PRICE),
    st.booleans(),
)
CANCEL = st.tuples(st.just("cancel"), st.integers(1, 60))
REPLACE = st.tuples(st.just("replace"), st.integers(1, 60), QTY, PRICE)
RUN = st.lists(st.one_of(NEW, NEW, NEW, CANCEL, REPLACE), max_size=60)


def drained(engine: Engine[Order]) -> None:
    while (order := engine.next_triggered()) is not None:
        engine.activate(order)


def reported(engine: Engine[Order]) -> list[tuple[int, int, int, int]]:
    return [(taker.order_id, maker.order_id, qty, price) for taker, maker, qty, price in engine.take_fills()]


@settings(max_examples=200)
@given(RUN)
def test_any_run_of_orders_gives_what_the_naive_matcher_gives(run: list[tuple]) -> None:  # type: ignore[type-arg]
    engine: Engine[Order] = Engine()
    naive = Naive()
    book: dict[int, dict[int, int]] = {SET_BID: {}, SET_ASK: {}}
    for number, (what, *rest) in enumerate(run, 1):
        if what == "new":
            owner, is_buy, qty, price, life, stop_px, post_only = rest
            if price is None and life == REST:
                life = DROP
            post_only = post_only and life == REST and stop_px is None
            order = Order(number, owner, qty, price, is_buy=is_buy, life=life, stop_px=stop_px, post_only=post_only)
            plain = Plain(number, owner, is_buy, qty, price, life, stop_px, post_only)
            assert engine.submit(order) == naive.submit(plain)
        elif what == "cancel":
            assert (engine.cancel(rest[0]) is not None) == naive.cancel(rest[0])
        elif not any(h.order_id == rest[0] for h in naive.held):
            assert engine.replace(*rest) == naive.replace(*rest)
        drained(engine)
        for action, price, size in engine.take_rows():
            book[action][price] = size
    assert reported(engine) == naive.fills
    assert engine.last == naive.last
    for is_buy, action in ((True, SET_BID), (False, SET_ASK)):
        depth = naive.depth(is_buy=is_buy)
        assert engine.depth(is_buy=is_buy) == depth
        # What the rows said, applied in order, is the book.
        assert {price: size for price, size in book[action].items() if size} == dict(depth)
    assert set(engine.orders) == {o.order_id for o in naive.resting + naive.held}
