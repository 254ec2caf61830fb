"""The market that is flooded: a seeded walk of a deep book, as Coinbase `l2_data` frames of about ten levels.

The walk is a there-and-back: after the last step the same steps are undone in reverse, so the frames can be sent round
and round without ever crossing the book, and few of them make a flood of any length.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

PRODUCT = "BTC-USD"
PRICE_SCALE = 2
SIZE_SCALE = 8

# With the envelope, frames of about 1,150 bytes.
ROWS = 10

BID, OFFER = 0, 1
SIDES = ("bid", "offer")

# `client_id` is in the venue's documentation, and the SDK's own classes cannot do without; live frames come both ways.
ENVELOPE = (
    b'{"channel":"l2_data","client_id":"","timestamp":"2026-09-30T02:39:53.690696234Z","sequence_num":%d,"events":%b}'
)

Change = tuple[int, int, int]
"""(side, price, new size), integers in the scales above."""


class Feed:
    """`snapshot` and then frame after frame; the same for the same arguments."""

    def __init__(self, *, seed: int = 1, levels: int = 20_000, steps: int = 3_000) -> None:
        self._rng = random.Random(seed)
        self._start = self._sides(levels)
        self._book = (dict(self._start[BID]), dict(self._start[OFFER]))
        self._best = [max(self._book[BID]), min(self._book[OFFER])]
        there, back = [], []
        for _ in range(steps):
            forward, undone = self._step()
            there.append(forward)
            back.append(undone)
        self.steps = there + back[::-1]
        self.bodies = [_events("update", step, n) for n, step in enumerate(self.steps)]
        """The part of a frame after its number, one for each step of the round."""

    def snapshot(self, seq: int) -> bytes:
        """The whole book before the first step."""
        bids = [(BID, price, size) for price, size in sorted(self._start[BID].items(), reverse=True)]
        offers = [(OFFER, price, size) for price, size in sorted(self._start[OFFER].items())]
        return numbered(seq, _events("snapshot", bids + offers))

    def book_after(self, frames: int) -> tuple[dict[int, int], dict[int, int]]:
        """Both sides, price -> size, after that many frames: what every contestant must end with."""
        book = (dict(self._start[BID]), dict(self._start[OFFER]))
        for step in self._steps_of_last_round(frames):
            for side, price, size in step:
                _set(book[side], price, size)
        return book

    def _steps_of_last_round(self, frames: int) -> Iterator[list[Change]]:
        for n in range(frames % len(self.steps)):
            yield self.steps[n]

    # ------------------------------------------------------------------------------------------- the walk

    def _sides(self, levels: int) -> tuple[dict[int, int], dict[int, int]]:
        """Dense near the top, thin far from it."""
        bids: dict[int, int] = {}
        offers: dict[int, int] = {}
        for side, sign, price in ((bids, -1, 6_400_000), (offers, 1, 6_400_001)):
            at = price
            for n in range(levels):
                side[at] = self._size()
                at += sign * self._rng.randint(1, 2 + n // 1_000)
        return bids, offers

    def _size(self) -> int:
        whole = int(self._rng.lognormvariate(15.5, 1.5)) + 1
        return whole if self._rng.random() < 0.7 else max(whole // 10_000, 1) * 10_000

    def _step(self) -> tuple[list[Change], list[Change]]:
        """One frame, and the frame that undoes it."""
        touched: dict[tuple[int, int], int] = {}
        if self._rng.random() < 0.3:
            self._move(touched, self._rng.choice((BID, OFFER)), self._rng.randint(1, 5))
        while len(touched) < ROWS:
            self._touch(touched, self._rng.choice((BID, OFFER)))
        order = sorted(touched, key=lambda at: (at[0], -at[1] if at[0] == BID else at[1]))
        forward = [(side, price, self._book[side].get(price, 0)) for side, price in order]
        return forward, [(side, price, touched[side, price]) for side, price in order]

    def _move(self, touched: dict[tuple[int, int], int], eaten: int, ticks: int) -> None:
        """The market moves: the best levels of one side are eaten, and the other side follows."""
        sign = 1 if eaten == OFFER else -1
        other = 1 - eaten
        for price in range(self._best[eaten], self._best[eaten] + sign * ticks, sign):
            if price in self._book[eaten]:
                self._put(touched, eaten, price, 0)
        self._put(touched, other, self._best[eaten] - sign, self._size())

    def _touch(self, touched: dict[tuple[int, int], int], side: int) -> None:
        """A change near the top; now and then far from it."""
        reach = 40 if self._rng.random() < 0.9 else 5_000
        sign = -1 if side == BID else 1
        price = self._best[side] + sign * int(self._rng.expovariate(1 / reach))
        gone = price in self._book[side] and price != self._best[side] and self._rng.random() < 0.5
        self._put(touched, side, price, 0 if gone else self._size())

    def _put(self, touched: dict[tuple[int, int], int], side: int, price: int, size: int) -> None:
        touched.setdefault((side, price), self._book[side].get(price, 0))
        _set(self._book[side], price, size)
        if price == self._best[side] and not size:
            self._best[side] = (max if side == BID else min)(self._book[side])
        elif size:
            self._best[side] = (max if side == BID else min)(self._best[side], price)


def numbered(seq: int, body: bytes) -> bytes:
    """A whole frame: the outer record with its number, then the events."""
    return ENVELOPE % (seq, body)


def _events(kind: str, changes: list[Change], n: int = 0) -> bytes:
    stamp = f"2026-09-30T02:{n // 1200:02d}:{n // 20 % 60:02d}.{n % 20 * 50_000 + 407:06d}Z"
    rows = ",".join(
        f'{{"side":"{SIDES[side]}","event_time":"{stamp}",'
        f'"price_level":"{text(price, PRICE_SCALE)}","new_quantity":"{text(size, SIZE_SCALE)}"}}'
        for side, price, size in changes
    )
    return f'[{{"type":"{kind}","product_id":"{PRODUCT}","updates":[{rows}]}}]'.encode()


def text(value: int, scale: int) -> str:
    """As the venue writes numbers: no zeros at the end, no point where nothing follows it."""
    whole, fraction = divmod(value, 10**scale)
    return f"{whole}.{fraction:0{scale}d}".rstrip("0").rstrip(".") if fraction else str(whole)


def _set(side: dict[int, int], price: int, size: int) -> None:
    if size:
        side[price] = size
    else:
        side.pop(price, None)
