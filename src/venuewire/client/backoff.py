"""When to dial again: full jitter under a growing cap, and one limit on dials for all lines of the process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venue import Rate

FIRST_CAP = NANOS_PER_SECOND // 2
LAST_CAP = 30 * NANOS_PER_SECOND
# A line that lived this long was healthy: the next loss starts from the first cap again.
HEALTHY = 30 * NANOS_PER_SECOND


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
    """At most `rate.count` dials to one address in any `rate.per`, over all lines of this process."""

    _budgets: dict[str, DialBudget] = {}  # noqa: RUF012  # shared on purpose: the venue counts per address

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._taken: deque[Nanos] = deque()

    @classmethod
    def of(cls, address: str, rate: Rate) -> DialBudget:
        """The one budget of an address."""
        return cls._budgets.setdefault(address, cls(rate))

    def take(self, now: Nanos) -> Nanos:
        """Reserve the next dial; when it may be made (`now` or later)."""
        while self._taken and self._taken[0] <= now - self._rate.per:
            self._taken.popleft()
        when = now if len(self._taken) < self._rate.count else self._taken[-self._rate.count] + self._rate.per
        self._taken.append(when)
        return when
