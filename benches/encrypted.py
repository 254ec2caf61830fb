"""The flood of Coinbase frames again, over TLS, which live venues speak: beside the same without, in one run."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from msgspec.structs import replace

from benches.flood import BARE, OURS, SDK
from benches.race import CLIENT, Contestant, Turns, race, say, setting, summary, walk_of
from venuewire.book.twins import core
from venuewire.cli.bench.turn import far_end
from venuewire.venues import find

CONTESTANTS = (
    Contestant(OURS, CLIENT, 150_000, "call"),
    Contestant("official SDK, exact numbers", SDK, 30_000, "exact", peer="coinbase-sdk"),
    Contestant(BARE, "benches.contestants.bare", 300_000, keeps_book=False),
)
LINES = {"plain": False, "TLS": True}


def run(rounds: int, scale: float) -> dict[str, Any]:
    """Medians over the rounds, as one object."""
    return asyncio.run(_run(rounds, scale))


async def _run(rounds: int, scale: float) -> dict[str, Any]:
    say("making the market, twice")
    walks = {"coinbase": walk_of(find("coinbase"))}
    found = {line: {who.name: Turns() for who in CONTESTANTS} for line in LINES}
    async with AsyncExitStack() as stack:
        far = {
            line: await stack.enter_async_context(far_end(replace(setting(["coinbase"]), tls=tls)))
            for line, tls in LINES.items()
        }
        for number in range(1, rounds + 1):
            say(f"round {number} of {rounds}")
            for line in LINES:
                for name, turns in (await race(far[line], CONTESTANTS, 1, scale, walks)).items():
                    found[line][name].results += turns.results
                    found[line][name].failed = found[line][name].failed or turns.failed
    rows = {line: {name: summary(turns) for name, turns in each.items()} for line, each in found.items()}
    return {"core": core(), "rounds": rounds, "lines": rows, "more_us": _more(rows)}


def _more(rows: dict[str, dict[str, dict[str, Any]]]) -> dict[str, float]:
    """Microseconds of CPU a frame that TLS adds."""
    what = "cpu_microseconds"
    return {
        name: round(row[what] - rows["plain"][name][what], 2)
        for name, row in rows["TLS"].items()
        if what in row and what in rows["plain"][name]
    }


def table(result: dict[str, Any]) -> list[str]:
    """For people."""
    lines = [
        f"venuewire here: {result['core']}; median of {result['rounds']} rounds",
        f"{'':42}{'line':>6}{'frames/s':>10}{'CPU us':>8}{'more':>8}",
    ]
    for name in result["lines"]["plain"]:
        for line, rows in result["lines"].items():
            row = rows[name]
            if "failed" in row:
                lines.append(f"{name:42}{line:>6}  not measured: {row['failed']}")
                continue
            more = f"{result['more_us'][name]:>8.2f}" if line == "TLS" and name in result["more_us"] else ""
            lines.append(f"{name:42}{line:>6}{row['frames_per_second']:>10,}{row['cpu_microseconds']:>8.2f}{more}")
    return lines
