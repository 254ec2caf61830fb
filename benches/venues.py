"""The same flood at every venue, through the whole client: what a level costs, beside what one costs at Coinbase.

The frames are made by each venue's own far end, so they are as different as the venues are: Coinbase tells about ten
changed levels, each with names and a time; ALOR the whole book of fifty levels a side; Finery the changes within
twenty-five levels; cTrader quotes by id.
"""

from __future__ import annotations

import asyncio
from typing import Any

from benches.race import CLIENT, Contestant, race, say, setting, summary, walk_of
from venuewire.book.twins import core
from venuewire.cli.bench.turn import far_end
from venuewire.venues import find, names

FRAMES = {"coinbase": 150_000, "alor": 60_000, "finery": 150_000, "ctrader": 40_000}
FIRST = "coinbase"


def contestants() -> list[Contestant]:
    """Both twins at every venue."""
    found: list[Contestant] = []
    for venue in sorted(names(), key=lambda name: name != FIRST):
        frames = FRAMES.get(venue, 40_000)
        found.append(Contestant(venue, CLIENT, frames, "call", venue=venue))
        found.append(Contestant(f"{venue}, pure Python", CLIENT, frames // 2, "call", venue=venue, pure=True))
    return found


def run(rounds: int, scale: float) -> dict[str, Any]:
    """Medians over the rounds, as one object."""
    return asyncio.run(_run(rounds, scale))


async def _run(rounds: int, scale: float) -> dict[str, Any]:
    say("making the markets")
    walks = {name: walk_of(find(name)) for name in names()}
    async with far_end(setting(names())) as far:
        found = await race(far, contestants(), rounds, scale, walks)
    rows: dict[str, dict[str, Any]] = {}
    for name, turns in found.items():
        row = rows[name] = summary(turns)
        row["frame_bytes"] = turns.results[0]["sent"]["frame_bytes"]
        row["cpu_ns_a_level"] = round(row["cpu_microseconds"] / row["levels"] * 1e3)
        row["ns_a_level"] = round(row["microseconds"] / row["levels"] * 1e3)
    for name, row in rows.items():
        first = rows[name.replace(name.partition(",")[0], FIRST)]
        row["times_first"] = round(row["ns_a_level"] / first["ns_a_level"], 2)
        row["cpu_times_first"] = round(row["cpu_ns_a_level"] / first["cpu_ns_a_level"], 2)
    return {"core": core(), "rounds": rounds, "venues": rows}


def table(result: dict[str, Any]) -> list[str]:
    """For people."""
    head = f"{'':24}{'frames/s':>10}{'CPU us':>8}{'levels':>8}{'bytes':>7}{'ns a level':>12}{'CPU':>7}"
    lines = [
        f"venuewire here: {result['core']}; median of {result['rounds']} rounds",
        f"{head}{'x coinbase':>12}{'CPU':>7}",
    ]
    for name, row in result["venues"].items():
        lines.append(
            f"{name:24}{row['frames_per_second']:>10,}{row['cpu_microseconds']:>8.2f}{row['levels']:>8.1f}"
            f"{row['frame_bytes']:>7,}{row['ns_a_level']:>12,}{row['cpu_ns_a_level']:>7,}"
            f"{row['times_first']:>12.2f}{row['cpu_times_first']:>7.2f}"
        )
    return lines
