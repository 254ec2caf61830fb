from collections.abc import Iterable, Mapping
from typing import Final, Self

from venuewire.model.market import LevelRow
from venuewire.model.shape import FieldPlan

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
