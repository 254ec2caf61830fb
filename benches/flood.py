"""The flood: this library and other people's clients over the same Coinbase frames, each in turn, several rounds."""

from __future__ import annotations

import asyncio
from typing import Any

from benches.race import CLIENT, Contestant, race, say, setting, summary, walk_of
from venuewire.book.twins import core
from venuewire.cli.bench.turn import far_end
from venuewire.venues import find

OURS = "venuewire"
EVENT = "venuewire, each message opened"
LOOP = "venuewire, async for"
PURE = "venuewire, pure Python"
BARE = "bare picows loop"

SDK, CCXT, FEEDS = (f"benches.contestants.{name}" for name in ("sdk", "ccxt_pro", "feeds"))

CONTESTANTS = (
    Contestant(OURS, CLIENT, 200_000, "call"),
    Contestant(EVENT, CLIENT, 60_000, "levels"),
    Contestant(LOOP, CLIENT, 120_000, "loop"),
    Contestant(PURE, CLIENT, 80_000, "call", pure=True),
    Contestant("official SDK, exact numbers", SDK, 30_000, "exact", peer="coinbase-sdk"),
    Contestant("official SDK, floats", SDK, 30_000, "floats", peer="coinbase-sdk"),
    Contestant("official SDK, floats, no classes", SDK, 50_000, "plain", peer="coinbase-sdk"),
    Contestant("ccxt.pro", CCXT, 12_000, peer="ccxt"),
    Contestant("cryptofeed, reads nothing", FEEDS, 25_000, "nothing", peer="cryptofeed"),
    Contestant("cryptofeed, reads the top", FEEDS, 1_200, "top", peer="cryptofeed"),
    Contestant("cryptofeed, reads nothing, newest Python", FEEDS, 25_000, "nothing", peer="cryptofeed", newest=True),
    Contestant("cryptofeed, reads the top, newest Python", FEEDS, 25_000, "top", peer="cryptofeed", newest=True),
    Contestant(BARE, "benches.contestants.bare", 400_000, keeps_book=False),
)


def run(rounds: int, scale: float) -> dict[str, Any]:
    """Medians over the rounds, as one object."""
    return asyncio.run(_run(rounds, scale))


async def _run(rounds: int, scale: float) -> dict[str, Any]:
    say("making the market")
    walks = {"coinbase": walk_of(find("coinbase"))}
    async with far_end(setting(["coinbase"])) as far:
        found = await race(far, CONTESTANTS, rounds, scale, walks)
    rows = {name: summary(turns) for name, turns in found.items()}
    sent = next(turns.results[0]["sent"] for turns in found.values() if turns.results)
    return {
        "frame_bytes": sent["frame_bytes"],
        "levels": rows[OURS]["levels"],
        "rounds": rounds,
        "core": core(),
        "contestants": rows,
        "ratios": _ratios(rows, "microseconds"),
        "cpu_ratios": _ratios(rows, "cpu_microseconds"),
    }


def _ratios(rows: dict[str, dict[str, Any]], what: str) -> dict[str, float]:
    """How many times the time of ours each took."""
    return {name: round(row[what] / rows[OURS][what], 2) for name, row in rows.items() if what in row}


def table(result: dict[str, Any]) -> list[str]:
    """For people."""
    lines = [
        f"venuewire here: {result['core']}",
        f"level2 frames of {result['frame_bytes']} bytes, 20,000 levels a side; median of {result['rounds']} rounds",
        f"{'':42}{'frames/s':>10}{'us each':>9}{'CPU us':>8}   venuewire is   by CPU time",
    ]
    for name, row in result["contestants"].items():
        if "failed" in row:
            lines.append(f"{name:42}not measured: {row['failed']}")
            continue
        ratio, cpu_ratio = result["ratios"][name], result["cpu_ratios"][name]
        figures = f"{row['frames_per_second']:>10,}{row['microseconds']:>9.2f}{row['cpu_microseconds']:>8.2f}"
        lines.append(f"{name:42}{figures}" + ("" if name == OURS else f"{ratio:>12.2f} x{cpu_ratio:>11.2f} x"))
    return lines
