"""Cost of a message against the number of books over the four venues in one process, and how long starting takes.

Every message goes to the next book in turn, so none is warm. Books are of 50 levels a side. As many are at each venue,
but for the venue whose line takes 30 at the most.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from typing import Any

from benches.race import run_program, say
from venuewire.venues import names

COUNTS = (4, 12, 100, 1_000)
FRAMES = 20_000
MOST_ROUNDS = 2
"""Starting a thousand takes its time."""
MOST = {"coinbase": 30}
"""Books a venue's line takes."""


def spread(count: int) -> dict[str, int]:
    """So many books over all venues."""
    found: dict[str, int] = {}
    left, venues = count, sorted(names(), key=lambda name: MOST.get(name, count))
    for place, venue in enumerate(venues):
        share = left // (len(venues) - place)
        found[venue] = min(share, MOST.get(venue, share))
        left -= found[venue]
    return found


def run(rounds: int, scale: float) -> dict[str, Any]:
    """Medians over the rounds, as one object."""
    frames = max(4_000, int(FRAMES * scale))
    found: dict[int, list[dict[str, Any]]] = {count: [] for count in COUNTS}
    rounds = min(rounds, MOST_ROUNDS)
    for number in range(1, rounds + 1):
        for count in COUNTS:
            say(f"round {number} of {rounds}: {count:,} books")
            argument = json.dumps({"books": spread(count), "frames": frames})
            program = run_program(sys.executable, "benches.contestants.many", argument, peer=False)
            found[count].append(asyncio.run(program))
    return {"rounds": rounds, "books": {str(count): _summary(count, turns) for count, turns in found.items()}}


def _summary(count: int, turns: list[dict[str, Any]]) -> dict[str, Any]:
    venues = {venue: _median(turns, "costs", venue, "cpu_us") for venue in turns[0]["costs"]}
    return {
        "spread": spread(count),
        # Each venue counts alike, however many of the books are its.
        "cpu_us": round(statistics.mean(venues.values()), 2),
        "venues": venues,
        "live_s": {venue: _median(turns, "live", venue) for venue in turns[0]["live"]},
        "refused": max(sum(turn["refused"].values()) for turn in turns),
        "megabytes": _median(turns, "megabytes"),
    }


def _median(turns: list[dict[str, Any]], *path: str) -> float:
    values: list[Any] = list(turns)
    for name in path:
        values = [value[name] for value in values]
    return round(float(statistics.median(values)), 2)


def table(result: dict[str, Any]) -> list[str]:
    """For people."""
    rows = result["books"]
    venues = list(next(iter(rows.values()))["venues"])
    lines = [
        f"us of CPU a message, median of {result['rounds']} rounds; in brackets seconds from nothing to all LIVE",
        f"{'books':>6}{'MB more':>9}{'mean':>8}" + "".join(f"{venue:>18}" for venue in venues),
    ]
    for count, row in rows.items():
        cells = [f"{row['venues'][venue]:.2f} ({row['live_s'][venue]:.1f})" for venue in venues]
        lines.append(
            f"{int(count):>6,}{row['megabytes']:>9.1f}{row['cpu_us']:>8.2f}" + "".join(f"{cell:>18}" for cell in cells)
        )
        if row["refused"]:
            lines.append(
                f"{'':6}of these subscriptions {row['refused']} were refused for their pace, and asked for again"
            )
    return lines
