"""Counting what may happen so often in any such time, as the sandbox's Coinbase does."""

from __future__ import annotations

from collections import deque

from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venue import Rate


class Window:
    """At most so many in any such time."""

    def __init__(self) -> None:
        self._times: deque[Nanos] = deque()

    def take(self, rate: Rate | None, now: Nanos) -> bool:
        """Whether one more fits now."""
        if rate is None:
            return True
        while self._times and self._times[0] <= now - rate.per:
            self._times.popleft()
        if len(self._times) >= rate.count:
            return False
        self._times.append(now)
        return True

    def headers(self, rate: Rate, now: Nanos) -> dict[str, str]:
        """What the official SDK shows of a limit when asked to."""
        ends = (self._times[0] if self._times else now) + rate.per
        return {
            "x-ratelimit-limit": str(rate.count),
            "x-ratelimit-remaining": str(rate.count - len(self._times)),
            "x-ratelimit-reset": str(-(-ends // NANOS_PER_SECOND)),
        }
