"""Client order ids: numbers that grow and are never given out twice, over restarts too, whatever the clock does.

A number is the wall clock in microseconds, pushed on where two would be equal: 16 digits until the year 2286. How far
numbers may go is on disk before one of them is given out, so after a crash we begin above everything that was. An id
is the decimal text of its number, so venues with integer ids take the same id, both ways (`number_of`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from venuewire.errors import LocalProtocolError

BLOCK = 60_000_000
"""Numbers reserved at a time: a minute of microseconds."""


class Reserves(Protocol):
    """What keeps the high-water mark: the journal."""

    @property
    def reserved(self) -> int:
        """Numbers up to this one may be given out."""
        ...

    def reserve(self, number: int) -> None:
        """Reserve up to `number`, behind our back: `reserved` grows when it is written."""
        ...

    def reserve_now(self, number: int) -> None:
        """The same, and wait. Raises `JournalError`."""
        ...


def _microseconds() -> int:
    return time.time_ns() // 1_000


class Numbers:
    """Numbers that grow. One for the whole process: clients may share a key whose numbers must differ."""

    __slots__ = ("_clock", "last")

    def __init__(self, clock: Callable[[], int] = _microseconds) -> None:
        self._clock = clock
        self.last = 0

    def begin_above(self, number: int) -> None:
        """From now on, only larger ones than this."""
        self.last = max(self.last, number)

    def __call__(self) -> int:
        self.last = max(self.last + 1, self._clock())
        return self.last

    def below(self, ceiling: int) -> int:
        """The next one; not so far on as the clock where that is above `ceiling`."""
        clock = self._clock()
        self.last = clock if self.last < clock <= ceiling else self.last + 1
        return self.last

    def ahead(self) -> int:
        """A number far enough above all that are near."""
        return max(self.last, self._clock()) + BLOCK


NUMBERS = Numbers()


class IdSource:
    """Ids of one journal: `IdSource(journal).unique()`; hand `unique` to whoever makes ids."""

    __slots__ = ("_asked", "_numbers", "_reserves")

    def __init__(self, reserves: Reserves, numbers: Numbers = NUMBERS) -> None:
        self._reserves = reserves
        self._numbers = numbers
        self._asked = reserves.reserved

    def unique(self) -> int:
        """A number never given out before. Raises `JournalError` when no more could be reserved."""
        ceiling = self._reserves.reserved
        number = self._numbers.below(ceiling)
        if number > ceiling - BLOCK // 2:
            self._reserve(number, ceiling)
        return number

    def _reserve(self, number: int, ceiling: int) -> None:
        further = self._numbers.ahead()
        if number > ceiling:
            self._reserves.reserve_now(further)
            self._asked = further
        elif self._asked <= ceiling:
            self._asked = further
            self._reserves.reserve(further)


def number_of(cl_ord_id: str) -> int:
    """The integer that a venue with integer ids knows this id by. Raises `LocalProtocolError` where there is none."""
    if not (cl_ord_id.isascii() and cl_ord_id.isdigit() and len(cl_ord_id) <= 18 and cl_ord_id[0] != "0"):
        raise LocalProtocolError(f"cl_ord_id {cl_ord_id!r} is not an integer of at most 18 digits")
    return int(cl_ord_id)


def id_of(number: int) -> str:
    """Our id of an order that the venue knows by this integer; the way back from `number_of`."""
    return str(number)
