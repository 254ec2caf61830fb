"""Frame: what crossed the wire, as it crossed, with direction and time. It is what is recorded and replayed."""

from __future__ import annotations

from enum import StrEnum

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
