"""Frame: what crossed the wire, as it crossed, with direction and time. It is what is recorded and replayed.

`Once`: what crosses many wires alike.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from enum import StrEnum
from operator import is_
from typing import Any, TypeVar

from msgspec import Struct

from venuewire.model.terms import Nanos


class Direction(StrEnum):
    """Seen from the client."""

    IN = "IN"
    OUT = "OUT"


class Frame(Struct, frozen=True, kw_only=True):
    """One WebSocket payload, or one half of an HTTP exchange."""

    direction: Direction
    line: str
    """The line or endpoint it crossed: `ws`, `cws`, `http`."""
    time: Nanos
    payload: bytes
    epoch: int = 0
    """Which life of the line."""


ValueT = TypeVar("ValueT")


class Once:
    """What many connections are sent alike: made for the first of them, and kept for the others until there is news."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[tuple[object, ...], Any]] = {}

    def get(self, shape: Hashable, of: tuple[object, ...], make: Callable[[], ValueT]) -> ValueT:
        """What `make` gave for this shape, if that was made of the very same objects; otherwise what it gives now."""
        kept = self._kept.get(shape)
        if kept is not None and len(kept[0]) == len(of) and all(map(is_, kept[0], of)):
            value: ValueT = kept[1]
            return value
        value = make()
        self._kept[shape] = of, value
        return value
