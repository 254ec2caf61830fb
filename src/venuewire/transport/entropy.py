"""Chance, and numbers that are used once: injected everywhere, so that a simulation can be run again as it was."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from typing import Protocol

from venuewire.model.terms import Nanos


class Entropy(Protocol):
    """Where a client takes its jitter, its nonces and its ids from."""

    def draw(self) -> float:
        """A number in [0, 1), for jitter."""
        ...

    def hex(self, digits: int) -> str:
        """That many hexadecimal digits nobody can guess."""
        ...

    def unique(self) -> int:
        """A number that grows with every call, for ever, over restarts too: for nonces and ids of orders."""
        ...


class _Microseconds:
    """Microseconds of the wall clock, pushed on where two would be equal: growing, over restarts too, and never the
    same for two clients of one process (they may share a key whose nonces must differ)."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> int:
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return self._last


_microseconds = _Microseconds()


class SystemEntropy:
    """The machine's own."""

    def draw(self) -> float:
        return random.random()

    def hex(self, digits: int) -> str:
        return secrets.token_hex((digits + 1) // 2)[:digits]

    def unique(self) -> int:
        return _microseconds()


class SeededEntropy:
    """The same seed and the same clock give the same numbers; for simulations and tests, never for real accounts.

    Clients that share a key must share one of these: `unique` counts for itself.
    """

    def __init__(self, seed: int, now: Callable[[], Nanos]) -> None:
        self._random = random.Random(seed)
        self._now = now
        self._last = 0

    def draw(self) -> float:
        return self._random.random()

    def hex(self, digits: int) -> str:
        return f"{self._random.getrandbits(4 * digits):0{digits}x}" if digits else ""

    def unique(self) -> int:
        self._last = max(self._last + 1, self._now() // 1000)
        return self._last
