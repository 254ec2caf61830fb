"""OrderBook: two ladders and the scales they are in. It says what stands where, and nothing about trust.

The ladders are native where the native core was built. A book whose numbers do not fit into 64 bits goes on with the
pure ladders, which know no bounds; nobody need notice.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from venuewire.book import twins
from venuewire.book.ladder import Ladder
from venuewire.errors import BookError
from venuewire.model.market import SET_ASK, SET_BID, THRU_ASK, THRU_BID, Level, LevelRow
from venuewire.model.shape import Shape
from venuewire.model.terms import Side, from_scaled


class OrderBook(twins.Core):
    """The book of one symbol. Integers in the instrument's scales inside; `Level`s of Decimals for those who ask."""

    __slots__ = ("_ladder", "_read", "_shape")

    def __init__(
        self,
        symbol: str,
        price_scale: int,
        size_scale: int,
        depth: int | None = None,
        *,
        ladder: type[Ladder] | None = None,
    ) -> None:
        super().__init__()
        self.symbol = symbol
        self.price_scale = price_scale
        self.size_scale = size_scale
        self.depth = depth
        self._ladder = ladder or twins.ladder
        self.bids = self._ladder(1)
        self.asks = self._ladder(-1)
        # The shape last read, and the native reader for it; None where rows must come from Python.
        self._shape: Shape | None = None
        self._read: Any = None

    def apply_rows(self, rows: Iterable[LevelRow]) -> None:
        """Apply the rows of one message, in their order, then cut to `depth`.

        Raises `BookError` on a negative price or size or an action nobody knows; rows before the bad one have been
        applied by then, so the book must be taken for damaged (also when `rows` itself raises on the way).
        """
        if self._ladder is not Ladder:
            rows = list(rows)
        try:
            self._ladder.apply(self.bids, self.asks, rows)
        except OverflowError:  # of the native ladders, before anything has changed
            self._widen()
            Ladder.apply(self.bids, self.asks, rows)
        finally:
            if self.depth is not None:
                self._cut(self.depth)

    def read(self, shape: Shape, body: bytes) -> bool:
        """Apply a raw body without making rows of it. False: not read, nothing has changed, `apply_rows` must do it."""
        if shape is not self._shape:
            self._learn(shape)
        read = self._read
        if read is None:
            return False
        return bool(read(self.bids, self.asks, body, self.price_scale, self.size_scale, self.depth, False))  # noqa: FBT003  # replace

    def read_whole(self, shape: Shape, body: bytes, price_scale: int, size_scale: int) -> bool:
        """The same for `replace`: a new book, in these scales, in place of the old one."""
        if shape is not self._shape:
            self._learn(shape)
        read = self._read
        if read is None or not read(self.bids, self.asks, body, price_scale, size_scale, self.depth, True):  # noqa: FBT003
            return False
        self.price_scale, self.size_scale = price_scale, size_scale
        self.forget_top()
        return True

    def replace(self, rows: Iterable[LevelRow], price_scale: int | None = None, size_scale: int | None = None) -> None:
        """A new book in place of the old one, in new scales if the instrument's have changed.

        All or nothing: on `BookError`, or when `rows` raises on the way, the old book stands.
        """
        bids: dict[int, int] = {}
        asks: dict[int, int] = {}
        for action, price, size in rows:
            if price < 0 or size < 0:
                raise BookError(f"a negative price or size: {price}, {size}")
            if action == SET_BID:
                bids[price] = size
            elif action == SET_ASK:
                asks[price] = size
            else:
                _delete_thru(bids if self._side_of_thru(action) is self.bids else asks, action, price)
        self.price_scale = self.price_scale if price_scale is None else price_scale
        self.size_scale = self.size_scale if size_scale is None else size_scale
        self.forget_top()
        try:
            self._load(bids, asks)
        except OverflowError:
            self._widen()
            self._load(bids, asks)
        if self.depth is not None:
            self._cut(self.depth)

    def _load(self, bids: dict[int, int], asks: dict[int, int]) -> None:
        self.bids.load(bids)
        self.asks.load(asks)

    def _cut(self, depth: int) -> None:
        """After a message: what is beyond the venue's depth goes."""
        self.bids.trim(depth)
        self.asks.trim(depth)

    def _widen(self) -> None:
        """Go on with ladders that know no bounds."""
        bids, asks = Ladder(1), Ladder(-1)
        bids.load(dict(self.bids.top()))
        asks.load(dict(self.asks.top()))
        self._ladder, self.bids, self.asks, self._shape = Ladder, bids, asks, None

    def _learn(self, shape: Shape) -> None:
        """Have the reader for bodies of this shape at hand."""
        self._shape = shape
        reader = None if self._ladder is Ladder else twins.reader(shape)
        self._read = None if reader is None else reader.read

    def _side_of_thru(self, action: int) -> Ladder:
        if action == THRU_BID:
            return self.bids
        if action == THRU_ASK:
            return self.asks
        raise BookError(f"unknown action {action}")

    # ------------------------------------------------------------------------------------------- reading

    @property
    def is_crossed(self) -> bool:
        """Is the best bid at or above the best ask? Between whole messages no sound book is."""
        bid, ask = self.bid, self.ask
        return bid is not None and ask is not None and bid >= ask

    def levels(self, side: Side, n: int | None = None) -> list[Level]:
        """The best `n` levels of a side, or all of them; best first."""
        return [self.level(price, size) for price, size in self._side(side).top(n)]

    def size_at(self, side: Side, price: Decimal) -> Decimal:
        """What stands at this price; 0 when nothing does."""
        key = price.scaleb(self.price_scale)
        return from_scaled(self._side(side).size(int(key)) if key == int(key) else 0, self.size_scale)

    def __len__(self) -> int:
        """Levels on both sides."""
        return len(self.bids) + len(self.asks)

    def as_dict(self) -> dict[Side, dict[Decimal, Decimal]]:
        """The whole book, side -> price -> size, best first: two books are the same when these are equal."""
        return {side: {level.price: level.size for level in self.levels(side)} for side in (Side.BUY, Side.SELL)}

    def __repr__(self) -> str:
        return f"<OrderBook {self.symbol}: {len(self.bids)} bids, {len(self.asks)} asks, {self.bid} / {self.ask}>"

    def _side(self, side: Side) -> Ladder:
        return self.bids if side is Side.BUY else self.asks


def _delete_thru(levels: dict[int, int], action: int, price: int) -> None:
    """What `Ladder.delete_thru` does, on levels that are not sorted yet."""
    better = [key for key in levels if not price or (key > price if action == THRU_BID else key < price)]
    for key in better:
        del levels[key]
