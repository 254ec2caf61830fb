"""When to dial again: full jitter under a growing cap, and one limit on dials for everybody behind this address."""

from __future__ import annotations

from collections.abc import Callable

from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.transport.window import SharedTimes
from venuewire.venue import Rate

FIRST_CAP = NANOS_PER_SECOND // 2
LAST_CAP = 30 * NANOS_PER_SECOND
# A line that lived this long was healthy: the next loss starts from the first cap again.
HEALTHY = 30 * NANOS_PER_SECOND
# A dial reserved further ahead than this was noted by a clock that is not ours (a stepped one, one set back since).
HORIZON = 60 * NANOS_PER_SECOND


class Backoff:
    """Pauses between dials of one line. `draw` gives a number in [0, 1)."""

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._failures = 0

    def pause(self, lived: Nanos) -> Nanos:
        """How long to wait now, after a life of `lived` nanoseconds (0: it never logged on)."""
        if lived >= HEALTHY:
            self._failures = 0
        cap = min(LAST_CAP, FIRST_CAP << min(self._failures, 10))
        self._failures += 1
        return int(cap * self._draw())


class DialBudget:
    """At most `rate.count` dials in any `rate.per`, by all who share this; with `shared`, by other processes too."""

    def __init__(self, rate: Rate, shared: SharedTimes | None = None) -> None:
        self._rate = rate
        self._shared = shared
        self._taken: list[Nanos] = []
        """In order, and no two the same."""

    def take(self, now: Nanos) -> Nanos:
        """Reserve the next dial; when it may be made (`now` or later)."""
        if self._shared is None:
            return self._reserve(now)
        with self._shared.locked() as theirs:
            if theirs is None:
                return self._reserve(now)
            self._taken = sorted({*self._taken, *theirs})
            when = self._reserve(now)
            theirs[:] = self._taken
            return when

    def _reserve(self, now: Nanos) -> Nanos:
        taken = self._taken = [time for time in self._taken if now - self._rate.per < time <= now + HORIZON]
        when = now if len(taken) < self._rate.count else max(now, taken[-self._rate.count] + self._rate.per)
        if taken and when <= taken[-1]:
            when = taken[-1] + 1
        taken.append(when)
        return when
