"""No network: a message's body into a book and the top read, beside nautilus_trader's book (its pyo3 one).

The same bytes for both, in a file, each contestant in a process of its own, in turns. Ours is given the whole frame, as
it comes from a line, by express; and, the ordinary way, events whose bodies have been found. nautilus_trader's book
takes objects of its own, so its body is first decoded, by msgspec into records, the quickest that its environment has;
the book is told level by level, and in one list of deltas, as its own data clients do.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benches.contestants.result import digest
from benches.feed import Feed, numbered
from benches.race import Contestant, python_for, run_program, say
from venuewire.book.twins import core

OURS, PURE = "venuewire", "venuewire, pure Python"
CONTESTANTS = (
    Contestant(OURS, "benches.contestants.body", 0, "frame"),
    Contestant(PURE, "benches.contestants.body", 0, "frame", pure=True),
    Contestant("venuewire, the ordinary way", "benches.contestants.body", 0, "body"),
    Contestant("nautilus_trader, level by level", "benches.contestants.nautilus", 0, "levels", peer="nautilus"),
    Contestant("nautilus_trader, deltas", "benches.contestants.nautilus", 0, "deltas", peer="nautilus"),
    Contestant(
        *("nautilus_trader, level by level, newest Python", "benches.contestants.nautilus", 0, "levels"),
        peer="nautilus",
        newest=True,
    ),
)


def run(rounds: int, scale: float) -> dict[str, Any]:
    """Medians over the rounds, as one object. One length: every frame of a walk, the best of ten times."""
    return asyncio.run(_run(rounds))


async def _run(rounds: int) -> dict[str, Any]:
    feed = Feed()
    expected = digest(*feed.book_after(0))
    found: dict[str, list[dict[str, Any]]] = {who.name: [] for who in CONTESTANTS}
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="venuewire-bench-") as folder:
        path = Path(folder) / "frames"
        path.write_bytes(b"\n".join([feed.snapshot(0), *(numbered(n + 1, it) for n, it in enumerate(feed.bodies))]))
        for number in range(1, rounds + 1):
            for who in CONTESTANTS:
                if who.name in failed:
                    continue
                say(f"round {number} of {rounds}: {who.name}")
                try:
                    found[who.name].append(await _turn(who, path, expected))
                except RuntimeError as error:
                    if not who.peer:
                        raise
                    failed[who.name] = str(error)[:200]
    rows: dict[str, dict[str, Any]] = {
        name: {"failed": failed[name]} if name in failed else _summary(turns) for name, turns in found.items()
    }
    ratios = {name: round(row["us"] / rows[OURS]["us"], 2) for name, row in rows.items() if "us" in row}
    return {"core": core(), "rounds": rounds, "contestants": rows, "ratios": ratios}


async def _turn(who: Contestant, path: Path, expected: str) -> dict[str, Any]:
    python = python_for(who)
    argument = json.dumps({"path": str(path), "manner": who.manner})
    printed = await run_program(python, who.module, argument, peer=bool(who.peer), pure=who.pure)
    if printed["digest"] != expected:
        raise RuntimeError("it ended with another book than it was given")
    return printed


def _summary(turns: list[dict[str, Any]]) -> dict[str, Any]:
    return {"version": turns[0]["version"], "us": round(statistics.median(one["us"] for one in turns), 2)}


def table(result: dict[str, Any]) -> list[str]:
    """For people."""
    lines = [f"a message of ten levels to book, top read; us of CPU, median of {result['rounds']} rounds"]
    for name, row in result["contestants"].items():
        if "failed" in row:
            lines.append(f"{name:42}not measured: {row['failed']}")
        else:
            lines.append(f"{name:42}{row['us']:>8.2f}{result['ratios'][name]:>9.2f} x   {row['version']}")
    return lines
