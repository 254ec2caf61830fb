"""Books as feeds F and B send them equal the engine's, after any run of orders, read as the pages say to read them."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.finery.link import UNIT, Client, House, Line

from venuewire.book.keeper import BookKeeper
from venuewire.model.market import SET_BID, BookSnapshot, BookUpdate
from venuewire.model.orders import CancelOrder, NewOrder
from venuewire.model.session import Subscribe
from venuewire.model.terms import Channel, OrdType, Side, TimeInForce
from venuewire.venue import Habit

DEPTH = 25
SYMBOL = "BTC-USD"
Side25 = dict[int, int]


class Reader:
    """A client of nobody's here: plain dicts, and the four actions in the words of page feed-f."""

    def __init__(self, snapshot: list[list[list[int]]]) -> None:
        self.sides: list[Side25] = [dict(map(tuple, side)) for side in snapshot]  # type: ignore[arg-type]
        self.seen: Counter[str] = Counter()

    def take(self, payload: list[list[list[Any]]]) -> None:
        for bids, changes in zip((True, False), payload, strict=True):
            for action, price, size in changes:
                self.take_one(self.sides[not bids], action, price, size, bids=bids)

    def take_one(self, side: Side25, action: str, price: int, size: int, *, bids: bool) -> None:
        if action == "~" and not price:
            assert not size
            self.seen["~ all"] += 1
            side.clear()
            return
        self.seen["~ to" if action == "~" else action] += 1
        if action == "~":
            for better in [p for p in side if (p > price if bids else p < price)]:
                del side[better]
        if action == "-":
            del side[price]
        else:
            assert (price in side) or action != "M"
            side[price] = size
        assert len(side) <= DEPTH

    def shown(self) -> list[list[tuple[int, int]]]:
        return [sorted(side.items(), reverse=n == 0) for n, side in enumerate(self.sides)]


def engine(house: House) -> list[list[tuple[int, int]]]:
    """The first 25 levels of the exchange's own book."""
    sides: list[list[tuple[int, int]]] = [[], []]
    for what, price, size in house.exchange.book(SYMBOL, DEPTH).rows():
        sides[what != SET_BID].append((price, size))
    return sides


class Floor:
    """A market of two accounts on a narrow grid of prices, so that levels meet, and books deeper than 25."""

    def __init__(self) -> None:
        self.house = House()
        self.takers = self.house.exchange.open_account("takers", self.house.stage.balances)
        self.live: list[str] = []

    def act(self, kind: int, price: int, size: int) -> None:
        side = Side.BUY if price % 2 else Side.SELL
        if kind < 6:
            at = 64_000 + (price // 2) * (-1 if side is Side.BUY else 1) + (kind == 0) * (3 - price % 7)
            self.live.append(self.house.offer(side, str(at), f"0.{size}"))
        elif kind < 8 and self.live:
            self.cancel(self.live.pop(price % len(self.live)))
        else:
            qty = f"0.{size}" if kind < 10 else size if size < 9 else 10_000
            order = NewOrder(
                symbol=SYMBOL,
                side=side,
                ord_type=OrdType.MARKET,
                order_qty=qty,
                time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
            )
            self.takers.execute(order, self.house.now)
        self.house.publish()

    def cancel(self, order_id: str) -> None:
        order = CancelOrder(symbol=SYMBOL, side=Side.BUY, ord_type=OrdType.LIMIT, order_id=order_id, orig_cl_ord_id="")
        self.house.market.execute(order, self.house.now)


ACTION = st.tuples(st.integers(0, 11), st.integers(0, 79), st.integers(1, 9))


@given(before=st.lists(ACTION, max_size=60), after=st.lists(ACTION, min_size=1, max_size=40))
def test_both_books_follow_the_engine(before: list[tuple[int, int, int]], after: list[tuple[int, int, int]]) -> None:
    floor = Floor()
    for action in before:
        floor.act(*action)
    line = floor.house.line()
    reader = Reader(line.ask({"event": "bind", "feed": "F", "feedId": SYMBOL})[3])
    whole = line.ask({"event": "bind", "feed": "B", "feedId": 4955410050})[3]
    for action in after:
        floor.act(*action)
        whole = follow(line, reader, whole)
        assert reader.shown() == engine(floor.house)
        assert [[tuple(level) for level in side] for side in whole] == engine(floor.house)


def follow(line: Line, reader: Reader, whole: Any) -> Any:
    """Take what came; the newest whole book."""
    for feed, _, action, payload in line.heard():
        assert (feed, action) in {("F", "M"), ("B", "S")}
        if feed == "F":
            reader.take(payload)
        else:
            whole = payload
    return whole


def test_a_long_day_has_every_action_and_both_meanings_of_the_tilde() -> None:
    floor, dice = Floor(), random.Random(11)
    line = floor.house.line()
    reader = Reader(line.ask({"event": "bind", "feed": "F", "feedId": SYMBOL})[3])
    for _ in range(600):
        floor.act(dice.randrange(12), dice.randrange(80), dice.randrange(1, 10))
        follow(line, reader, None)
        assert reader.shown() == engine(floor.house)
    assert min(reader.seen[action] for action in ("+", "M", "-", "~ to", "~ all")) > 9, reader.seen


@given(feed=st.sampled_from(["F", "B", "MD", "B of 2023"]), actions=st.lists(ACTION, min_size=1, max_size=40))
def test_our_own_book_follows_the_engine(feed: str, actions: list[tuple[int, int, int]]) -> None:
    floor = Floor()
    if feed == "B of 2023":
        floor.house.host.afflict(Habit("generation_1"), floor.house.now)
    client = Client(floor.house, book_feed=feed.split(maxsplit=1)[0])
    keeper = BookKeeper(SYMBOL, 8, 8, depth=DEPTH)
    client.submit(Subscribe(channel=Channel.BOOK, symbol=SYMBOL))
    for action in [*actions, (0, 1, 1)]:
        for event in client.events:
            if isinstance(event, BookSnapshot | BookUpdate):
                keeper.apply(event)
        client.events.clear()
        mine = [
            [(int(level.price * UNIT), int(level.size * UNIT)) for level in keeper.book.levels(side, DEPTH)]
            for side in (Side.BUY, Side.SELL)
        ]
        assert mine == engine(floor.house)
        floor.act(*action)
        client.carry()


@pytest.mark.parametrize("feed", ["F", "B"])
def test_an_emptied_book_is_empty_on_both_feeds(feed: str) -> None:
    floor = Floor()
    line = floor.house.line()
    only = floor.house.offer(Side.BUY, "64000", "1")
    line.ask({"event": "bind", "feed": feed, "feedId": SYMBOL})
    floor.house.withdraw(only)
    assert line.heard()[0][3] == ([[["~", 0, 0]], []] if feed == "F" else [[], []])
