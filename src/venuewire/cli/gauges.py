"""What a screen measures: rates and quantiles, over a bounded past. Pure; the time is an argument."""

from __future__ import annotations

from collections import deque

from venuewire.model.terms import NANOS_PER_SECOND, Nanos

# A grown system measures itself over its recent past; this many samples give a steady p99.
SAMPLES = 4096
HISTORY = 60


class Delays:
    """The newest delays, and their quantiles."""

    def __init__(self, bound: int = SAMPLES) -> None:
        self._samples: deque[Nanos] = deque(maxlen=bound)

    def add(self, delay: Nanos) -> None:
        self._samples.append(delay)

    def __len__(self) -> int:
        return len(self._samples)

    def quantiles(self, *fractions: float) -> tuple[Nanos | None, ...]:
        """The delay below which each fraction of the samples lies (nearest rank); None without samples."""
        ordered = sorted(self._samples)
        if not ordered:
            return tuple(None for _ in fractions)
        last = len(ordered) - 1
        return tuple(ordered[min(last, int(fraction * len(ordered)))] for fraction in fractions)


class Rate:
    """How fast a counter grows: read it as often as you like, it averages over the last `window`."""

    def __init__(self, window: Nanos = NANOS_PER_SECOND) -> None:
        self._window = window
        self._readings: deque[tuple[Nanos, int]] = deque()
        self._history: deque[float] = deque(maxlen=HISTORY)
        self._next_history: Nanos = 0

    def read(self, total: int, now: Nanos) -> float:
        """Take a reading of the counter; growth a second."""
        readings = self._readings
        readings.append((now, total))
        while len(readings) > 2 and readings[1][0] <= now - self._window:
            readings.popleft()
        began, first = readings[0]
        rate = (total - first) * NANOS_PER_SECOND / (now - began) if now > began else 0.0
        if now >= self._next_history and now > began:
            self._next_history = now + self._window // 2
            self._history.append(rate)
        return rate

    @property
    def history(self) -> tuple[float, ...]:
        """Readings of the last while, oldest first, one for each half window."""
        return tuple(self._history)
