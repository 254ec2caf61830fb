"""From the moment a frame is sent to the moment the user's callback has it, at fixed paces, beside a bare loop.

The sender is a process of its own that notes when it writes each frame; the receiver notes when the frame has been
applied and told. Both read the monotonic clock, which all processes of a machine share. A queue that grew would show
as a last fifth that is later than the first. What is beyond p90 belongs to the machine.
"""

from __future__ import annotations

import asyncio
import statistics
from typing import Any

from benches.flood import BARE, OURS
from benches.race import CLIENT, Contestant, say, setting, turn
from venuewire.cli.bench.turn import FarProcess, Latency, far_end, latency

RATES = (2_000, 5_000, 20_000)
SECONDS = 2.0
CONTESTANTS = (
    Contestant(OURS, CLIENT, 0, "call"),
    Contestant(BARE, "benches.contestants.bare", 0, keeps_book=False),
)


def run(rounds: int, scale: float) -> dict[str, Any]:
    """Medians over the rounds, as one object."""
    return asyncio.run(_run(rounds, scale))


async def _run(rounds: int, scale: float) -> dict[str, Any]:
    found: dict[int, dict[str, list[Latency]]] = {rate: {who.name: [] for who in CONTESTANTS} for rate in RATES}
    async with far_end(setting(["coinbase"])) as far:
        for number in range(1, rounds + 1):
            say(f"round {number} of {rounds}")
            for rate in RATES:
                for who in CONTESTANTS:
                    found[rate][who.name].append(await _paced(far, who, rate, scale))
    rates = {str(rate): _rate({name: _medians(turns) for name, turns in rows.items()}) for rate, rows in found.items()}
    return {"rounds": rounds, "seconds": SECONDS * scale, "rates": rates}


async def _paced(far: FarProcess, who: Contestant, rate: int, scale: float) -> Latency:
    result = await turn(far, who, max(400, int(rate * SECONDS * scale)), rate=rate)
    return latency(rate, result["times"], result["sent"]["times"])


def _medians(turns: list[Latency]) -> dict[str, float]:
    return {
        name: round(statistics.median(getattr(one, name) for one in turns), 1)
        for name in ("reached", "p50", "p90", "first", "last")
    }


def _rate(rows: dict[str, dict[str, float]]) -> dict[str, Any]:
    return {**rows, "p50_ratio": round(rows[OURS]["p50"] / rows[BARE]["p50"], 2)}


def table(result: dict[str, Any]) -> list[str]:
    """For people."""
    lines = [
        f"sent to told, us; {result['seconds']:g} s at each pace, median of {result['rounds']} rounds",
        f"{'frames/s':>8}  {'':42}{'p50':>8}{'p90':>8}{'first fifth':>13}{'last fifth':>12}{'reached':>9}",
    ]
    for rate, rows in result["rates"].items():
        for name in (OURS, BARE):
            row = rows[name]
            lines.append(
                f"{int(rate):>8,}  {name:42}{row['p50']:>8.1f}{row['p90']:>8.1f}{row['first']:>13.1f}"
                f"{row['last']:>12.1f}{row['reached']:>9,.0f}"
            )
        lines.append(f"{'':10}p50 is {rows['p50_ratio']:.2f} times the bare loop's")
    return lines
