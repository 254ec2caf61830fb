from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Self

from venuewire.codec import FramePart
from venuewire.model.market import Level, LevelChange, LevelRow
from venuewire.model.quotes import QuoteRow
from venuewire.model.shape import FieldPlan, QuotePlan

SURFACE: Final[int]

class Ladder:
    def __new__(cls, sign: int) -> Self: ...
    @property
    def best(self) -> int | None: ...
    def set(self, price: int, size: int, /) -> None: ...
    @staticmethod
    def apply(bids: Ladder, asks: Ladder, rows: Iterable[LevelRow], /) -> None: ...
    def delete_thru(self, price: int, /) -> None: ...
    def load(self, levels: Mapping[int, int], /) -> None: ...
    def trim(self, depth: int, /) -> None: ...
    def size(self, price: int, /) -> int: ...
    def top(self, n: int | None = None, /) -> list[tuple[int, int]]: ...
    def __len__(self) -> int: ...

class QuoteTable:
    def apply(self, new: Iterable[QuoteRow], gone: Iterable[int], /) -> list[LevelRow]: ...
    def quotes(self) -> list[QuoteRow]: ...
    def __len__(self) -> int: ...

class Reader:
    def __new__(
        cls,
        body: int,
        sides: tuple[str, str],
        rows_are_arrays: bool,
        fields: tuple[FieldPlan, ...],
        words: tuple[tuple[str, int], ...],
        /,
    ) -> Self: ...
    def read(
        self,
        bids: Ladder,
        asks: Ladder,
        body: bytes,
        price_scale: int,
        size_scale: int,
        depth: int | None,
        replace: bool,
        /,
    ) -> bool: ...
    def rows(self, body: bytes, price_scale: int, size_scale: int, /) -> tuple[LevelRow, ...] | None: ...
    def levels(self, body: bytes, price_scale: int, size_scale: int, /) -> tuple[LevelChange, ...] | None: ...

class Core:
    symbol: str
    depth: int | None
    bids: Any
    asks: Any
    price_scale: int
    size_scale: int
    transact_time: int
    last_good: int
    least_lag: int
    updates: int
    live: bool
    told: Callable[[Any], object] | None
    unsound: Callable[[int, int, str], bool] | None
    @property
    def bid(self) -> int | None: ...
    @property
    def ask(self) -> int | None: ...
    @property
    def best_bid(self) -> Level | None: ...
    @property
    def best_ask(self) -> Level | None: ...
    def forget_top(self) -> None: ...
    def level(self, price: int, size: int, /) -> Level: ...

class Intake:
    open: bool
    frames_in: int
    bytes_in: int
    expected: int
    last_received: int

class Express:
    def __new__(
        cls,
        parts: tuple[FramePart, ...],
        tail: bytes,
        reader: Reader,
        intake: Intake,
        books: dict[bytes, Any],
        numbered: bool,
        max_lag: int,
        event: type,
        read: Any,
        shape: Any,
        /,
    ) -> Self: ...
    def take(self, payload: bytes, now: int, /) -> bool: ...

class QuoteExpress:
    def __new__(
        cls,
        parts: tuple[FramePart, ...],
        tail: bytes,
        plan: QuotePlan,
        intake: Intake,
        books: dict[bytes, Any],
        tables: dict[bytes, Any],
        numbered: bool,
        event: type,
        /,
    ) -> Self: ...
    def take(self, payload: bytes, now: int, /) -> bool: ...
