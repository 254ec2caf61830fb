"""The market that is flooded: a seeded walk of a book, about ten levels a step.

The walk goes there and back: after its last step the same steps are undone in reverse, so that a round ends where it
began, can be sent round and round without ever crossing the book, and few steps make a flood of any length.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from decimal import Decimal

from venuewire.model.instrument import Instrument
from venuewire.model.market import SET_ASK, SET_BID, BookSnapshot, BookUpdate, LevelRow, given
from venuewire.model.terms import Nanos, to_scaled

ROWS = 10
"""Levels of one step; a few more where the market moves."""

Sides = tuple[dict[int, int], dict[int, int]]
"""Bids and asks, price -> size, integers in the instrument's scales."""

_FAR_APART = 1_000
"""Levels beyond so many stand further from each other, and so on."""
_FINE = 6
"""Decimals of a quantity from which on sizes are like those of coins, and not counted in lots."""


class Walk:
    """One instrument's book and the steps it takes; the same for the same arguments."""

    def __init__(
        self, instrument: Instrument, price: str, *, levels: int = 20_000, steps: int = 3_000, seed: int = 1
    ) -> None:
        self.instrument = instrument
        self._rng = random.Random(seed)
        self._tick = to_scaled(instrument.min_price_increment, instrument.price_scale)
        self._lot = to_scaled(instrument.min_qty_increment, instrument.qty_scale)
        begin = self._opening(to_scaled(Decimal(price), instrument.price_scale), levels)
        self._start: Sides = (dict(begin[SET_BID]), dict(begin[SET_ASK]))
        self._book = begin
        self._best = [max(begin[SET_BID]), min(begin[SET_ASK])]
        there: list[list[LevelRow]] = []
        back: list[list[LevelRow]] = []
        for _ in range(steps):
            forward, undone = self._step()
            there.append(forward)
            back.append(undone)
        self.steps: Sequence[Sequence[LevelRow]] = there + back[::-1]
        """A round of them; after the last the book is what it was before the first."""

    def book_after(self, count: int) -> Sides:
        """Both sides after that many steps: what everyone must end with."""
        book: Sides = (dict(self._start[SET_BID]), dict(self._start[SET_ASK]))
        for step in self.steps[: count % len(self.steps)]:
            for side, price, size in step:
                put(book[side], price, size)
        return book

    def update(self, n: int, time: Nanos) -> BookUpdate:
        """The nth step as the exchange tells it."""
        it = self.instrument
        return BookUpdate(
            symbol=it.symbol,
            body=b"",
            read=given(self.steps[n % len(self.steps)]),
            price_scale=it.price_scale,
            size_scale=it.qty_scale,
            transact_time=time,
        )

    # ------------------------------------------------------------------ the walk

    def _opening(self, price: int, levels: int) -> Sides:
        """Dense near the top, thin far from it."""
        sides: Sides = ({}, {})
        first = price // self._tick * self._tick
        for side, sign, best in ((sides[0], -1, first), (sides[1], 1, first + self._tick)):
            price = best
            for n in range(levels):
                if price <= 0:
                    break
                side[price] = self._size()
                price += sign * self._tick * self._rng.randint(1, 2 + n // _FAR_APART)
        return sides

    def _size(self) -> int:
        if self.instrument.qty_scale < _FINE:
            return self._lot * (int(self._rng.lognormvariate(3, 1)) + 1)
        lots = int(self._rng.lognormvariate(15.5, 1.5)) + 1
        return self._lot * (lots if self._rng.random() < 0.7 else max(lots // 10_000, 1) * 10_000)

    def _step(self) -> tuple[list[LevelRow], list[LevelRow]]:
        """One message, and the message that undoes it."""
        touched: dict[tuple[int, int], int] = {}
        if self._rng.random() < 0.3:
            self._move(touched, self._rng.choice((SET_BID, SET_ASK)), self._rng.randint(1, 5))
        while len(touched) < ROWS:
            self._touch(touched, self._rng.choice((SET_BID, SET_ASK)))
        order = sorted(touched, key=lambda at: (at[0], -at[1] if at[0] == SET_BID else at[1]))
        forward = [(side, price, self._book[side].get(price, 0)) for side, price in order]
        return forward, [(side, price, touched[side, price]) for side, price in order]

    def _move(self, touched: dict[tuple[int, int], int], eaten: int, ticks: int) -> None:
        """The market moves: the best levels of one side are eaten, and the other side follows."""
        sign = self._tick if eaten == SET_ASK else -self._tick
        for price in range(self._best[eaten], self._best[eaten] + sign * ticks, sign):
            if price in self._book[eaten]:
                self._put(touched, eaten, price, 0)
        self._put(touched, SET_BID + SET_ASK - eaten, self._best[eaten] - sign, self._size())

    def _touch(self, touched: dict[tuple[int, int], int], side: int) -> None:
        """A change near the top; now and then far from it."""
        reach = 40 if self._rng.random() < 0.9 else 5_000
        away = min(int(self._rng.expovariate(1 / reach)), len(self._start[side]))
        price = self._best[side] + (-away if side == SET_BID else away) * self._tick
        if price <= 0:
            return
        gone = price in self._book[side] and price != self._best[side] and self._rng.random() < 0.5
        self._put(touched, side, price, 0 if gone else self._size())

    def _put(self, touched: dict[tuple[int, int], int], side: int, price: int, size: int) -> None:
        touched.setdefault((side, price), self._book[side].get(price, 0))
        put(self._book[side], price, size)
        best = max if side == SET_BID else min
        if size:
            self._best[side] = best(self._best[side], price)
        elif price == self._best[side]:
            self._best[side] = best(self._book[side])


class Stand:
    """Where a walk stands: a book that steps are applied to, and that tells itself."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.at = 0
        """Steps taken."""
        self._book = walk.book_after(0)

    def step(self) -> int:
        """Take one step; its number."""
        for side, price, size in self.walk.steps[self.at % len(self.walk.steps)]:
            put(self._book[side], price, size)
        self.at += 1
        return self.at - 1

    def snapshot(self, depth: int | None, time: Nanos) -> BookSnapshot:
        """The book as it is, best levels first."""
        it = self.walk.instrument
        rows = [(SET_BID, price, size) for price, size in top(self._book[SET_BID], depth, reverse=True)]
        rows += [(SET_ASK, price, size) for price, size in top(self._book[SET_ASK], depth, reverse=False)]
        return BookSnapshot(
            symbol=it.symbol,
            body=b"",
            read=given(rows),
            price_scale=it.price_scale,
            size_scale=it.qty_scale,
            transact_time=time,
        )


def top(side: Mapping[int, int], depth: int | None, *, reverse: bool) -> list[tuple[int, int]]:
    """The best levels of a side, best first."""
    return sorted(side.items(), reverse=reverse)[:depth]


def put(side: dict[int, int], price: int, size: int) -> None:
    """Set a level; size 0 deletes it."""
    if size:
        side[price] = size
    else:
        side.pop(price, None)
