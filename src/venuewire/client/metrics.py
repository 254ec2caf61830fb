"""Figures for monitors, behind two calls, so that any metrics library can stand behind them.

Told as things happen, never for each message: `client.health()` has the counters of the hot path.

    dials, reconnects           line
    logons, logon_refusals      line
    renewals, failed_renewals   line
    missed, damaged             line          numbered messages missing or repeated; messages nobody could read
    unanswered                  line, what    requests whose answer did not come
    resyncs, gaps               symbol        books asked for anew; streams and books with something missing
    clock_offset_seconds        (gauge)       the venue's clock minus ours
    grant_seconds_left          line (gauge)  at each logon and renewal
"""

from __future__ import annotations

from typing import Protocol


class Metrics(Protocol):
    """Where figures go. Neither call may block or raise."""

    def count(self, name: str, n: int = 1, **labels: str) -> None:
        """`n` more of these."""
        ...

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """It stands at this now."""
        ...


class KeptMetrics:
    """Figures kept in memory: the default, and what tests look at."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, tuple[tuple[str, str], ...]], int] = {}
        self.gauges: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}

    def count(self, name: str, n: int = 1, **labels: str) -> None:
        key = (name, tuple(sorted(labels.items())))
        self.counts[key] = self.counts.get(key, 0) + n

    def gauge(self, name: str, value: float, **labels: str) -> None:
        self.gauges[name, tuple(sorted(labels.items()))] = value

    def total(self, name: str) -> int:
        """The sum of a count over all its labels."""
        return sum(n for (counted, _), n in self.counts.items() if counted == name)
