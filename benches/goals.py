"""What was aimed at, beside what was measured: `python -m benches.goals` prints it from docs/performance.json.

Ratios by the clock, and by CPU time where both were taken; a goal whose bench was not run, or whose peer could not be
measured, says so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benches import flood
from benches.latency import RATES

Found = Mapping[str, Any]
"""By the bench's name: its result."""


@dataclass(frozen=True)
class Goal:
    """One line of what was aimed at."""

    work: str
    wanted: str
    """Such as `>= 20 x`."""
    values: Callable[[Found], list[float]]
    """By the clock, then by CPU time; one where there is but one. Raises `LookupError` for what was not measured."""

    def outcome(self, found: Found) -> tuple[str, str]:
        """What came out, and whether that is what was wanted."""
        try:
            values = self.values(found)
        except LookupError:
            return "not measured", "-"
        sign, limit = self.wanted.split()[:2]
        met = [value >= float(limit) if sign == ">=" else value <= float(limit) for value in values]
        verdict = "yes" if all(met) else "by CPU time" if met[-1] else "by the clock" if met[0] else "no"
        return ", ".join(map(_short, values)), verdict


def _short(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 1_000 else f"{value:,.0f}"


def against(peer: str, ours: str = flood.OURS) -> Callable[[Found], list[float]]:
    """How many times a peer's time is ours."""

    def values(found: Found) -> list[float]:
        rows = found["flood"]["contestants"]
        return [rows[peer][what] / rows[ours][what] for what in ("microseconds", "cpu_microseconds")]

    return values


def worst_venue(found: Found) -> list[float]:
    """Of the venues, the dearest a level beside Coinbase, our usual twin."""
    rows = [row for name, row in found["venues"]["venues"].items() if "," not in name]
    return [max(row[what] for row in rows) for what in ("times_first", "cpu_times_first")]


def at_rate(rate: int) -> Callable[[Found], list[float]]:
    """p50 beside the bare loop's."""
    return lambda found: [found["latency"]["rates"][str(rate)]["p50_ratio"]]


def nautilus(found: Found) -> list[float]:
    """The quickest of its rows."""
    ratios = [ratio for name, ratio in found["applied"]["ratios"].items() if name.startswith("nautilus")]
    if not ratios:
        raise LookupError
    return [min(ratios)]


def snapshot(found: Found) -> list[float]:
    """Beside `json.loads` of the same bytes."""
    row = next(iter(found["pieces"].values()))
    return [row["snapshot, frame to LIVE, ms"] / row["json.loads of it, ms"]]


def more_books(found: Found) -> list[float]:
    """A message among a thousand books beside one among four."""
    rows = list(found["books"]["books"].values())
    return [rows[-1]["cpu_us"] / rows[0]["cpu_us"]]


def import_seconds(found: Found) -> list[float]:
    """Names come when they are asked for; what a program that connects pays in all stands in the table."""
    return [found["memory"]["import_seconds"]]


def streaming(found: Found) -> list[float]:
    """MB of a program with a book at each venue."""
    return [found["memory"]["streaming_megabytes"]]


def ack(found: Found) -> list[float]:
    """Without a journal."""
    return [found["ack"]["none"]["ratio"]]


def exchange(found: Found) -> list[float]:
    """Orders a second of CPU: matching, accounts and events."""
    return [found["sandbox"]["per_second"]["exchange, accounts and events"]]


def fan_out(found: Found) -> list[float]:
    """The best of its ways."""
    return [max(one["frames_per_second"] for one in found["sandbox"]["fan_out"])]


def ready_seconds(found: Found) -> list[float]:
    """From the command to its ready line."""
    return [found["sandbox"]["ready"]["sandbox"]["seconds"]]


GOALS = (
    Goal("flood, beside ccxt.pro", ">= 20 x", against("ccxt.pro")),
    Goal("flood, beside the official SDK, exact numbers", ">= 9 x", against("official SDK, exact numbers")),
    Goal("flood, beside cryptofeed reading nothing", ">= 6 x", against("cryptofeed, reads nothing")),
    Goal("flood, beside cryptofeed reading the top", ">= 200 x", against("cryptofeed, reads the top")),
    Goal("the same, with its newest release", ">= 6 x", against("cryptofeed, reads the top, newest Python")),
    Goal("`async for`, beside ccxt.pro", ">= 12 x", against("ccxt.pro", flood.LOOP)),
    Goal("each message opened, beside ccxt.pro", ">= 12 x", against("ccxt.pro", flood.EVENT)),
    Goal("pure Python, beside ccxt.pro", ">= 6 x", against("ccxt.pro", flood.PURE)),
    Goal("no network, beside nautilus_trader's book", ">= 6 x", nautilus),
    Goal("full book to LIVE, beside `json.loads`", "<= 0.4 x", snapshot),
    Goal("the dearest venue, a level, beside Coinbase", "<= 1.5 x", worst_venue),
    *(Goal(f"p50 at {rate:,}/s, beside a bare loop", "<= 1.5 x", at_rate(rate)) for rate in RATES),
    Goal("a message among 1,000 books, beside 4", "<= 1.5 x", more_books),
    Goal("place to ack, no journal, p50 beside the bare request", "<= 1.5 x", ack),
    Goal("the sandbox's exchange, commands a second", ">= 250000", exchange),
    Goal("the sandbox to 200 connections, frames a second", ">= 100000", fan_out),
    Goal("the sandbox ready, s", "<= 0.5", ready_seconds),
    Goal("`import venuewire`, s", "<= 0.3", import_seconds),
    Goal("four venues streaming, MB", "<= 80 MB", streaming),
)


def rows(found: Found) -> list[tuple[str, ...]]:
    """Each goal with what came of it."""
    return [(goal.work, goal.wanted, *goal.outcome(found)) for goal in GOALS]


def main() -> int:
    """Print them; 0 whatever they say."""
    from benches.page import load

    found = {name: entry["result"] for name, entry in load().items()}
    for work, wanted, value, met in rows(found):
        print(f"{work:56}{wanted:>10}{value:>16}   {met}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
