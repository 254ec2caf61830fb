"""Contestants in turn, each in a process of its own, all against one far end: the same bytes for everybody."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benches.contestants.result import digest
from benches.environment import installed
from venuewire.cli.bench.far import Order, Setting
from venuewire.cli.bench.turn import FarProcess, expected
from venuewire.cli.bench.walk import Walk
from venuewire.cli.outcome import JobFailed
from venuewire.venue import Venue
from venuewire.venues import find

ROOT = Path(__file__).parents[1]
CLIENT = "benches.contestants.client"
TURN_SECONDS = 150
STEPS = 3_000
LEVELS = 20_000


@dataclass(frozen=True)
class Contestant:
    """Who is measured, over how many frames: about a second's worth."""

    name: str
    module: str
    frames: int
    manner: str = ""
    venue: str = "coinbase"
    peer: str = ""
    """The environment it runs in; empty: ours."""
    newest: bool = False
    """On the newest Python of this machine, with the release that is the newest there."""
    keeps_book: bool = True
    pure: bool = False
    """Without the native core."""

    @property
    def ours(self) -> bool:
        """Does it say when it is LIVE? Others are flooded as soon as they have asked for the book."""
        return self.module == CLIENT


@dataclass
class Turns:
    """What came of one contestant's turns."""

    results: list[dict[str, Any]] = field(default_factory=list)
    failed: str = ""
    """Why there is nothing to show: said in the table, and never left out."""


def say(text: str) -> None:
    """How far it has come."""
    print(f"== {text}", file=sys.stderr, flush=True)


def setting(venues: Sequence[str]) -> Setting:
    """Of a far end for races."""
    return Setting(venues=tuple(venues), levels=LEVELS, steps=STEPS)


async def turn(
    far: FarProcess, who: Contestant, frames: int, *, rate: int = 0, symbols: Sequence[str] = ()
) -> dict[str, Any]:
    """One contestant, once; what it printed, with `sent`: what the far end said. Raises `RuntimeError`."""
    python = python_for(who)
    chosen = tuple(symbols) or (find(who.venue).default_symbol,)
    order = Order(venue=who.venue, symbols=chosen, frames=frames, rate=rate, times=bool(rate), waits=not who.ours)
    if order.waits:
        far.order(order)
    what = {
        "ready": far.ready,
        "venue": who.venue,
        "symbols": chosen,
        "frames": frames,
        "manner": who.manner,
        "times": bool(rate),
    }
    try:
        printed = await run_program(
            *(python, who.module, json.dumps(what)),
            peer=bool(who.peer),
            pure=who.pure,
            live=None if order.waits else lambda: far.order(order),
        )
    except RuntimeError:
        if order.waits:
            with suppress(JobFailed):
                await far.report()  # it gives up waiting, or has sent to nobody
        raise
    sent = await far.report()
    return {**printed, "sent": sent}


def python_for(who: Contestant) -> str:
    """The Python it runs on. Raises `RuntimeError` where that cannot be had."""
    python, reason = installed(who.peer, newest=who.newest) if who.peer else (sys.executable, "")
    if python is None:
        raise RuntimeError(reason)
    return python


async def run_program(
    python: str,
    module: str,
    argument: str,
    *,
    peer: bool,
    pure: bool = False,
    live: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """What a contestant prints; `live` is called when it says that it is. Raises `RuntimeError` with its last words."""
    path = str(ROOT) if peer else os.pathsep.join((str(ROOT), str(ROOT / "src")))
    process = await asyncio.create_subprocess_exec(
        *(python, "-m", module, argument),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path} | ({"VENUEWIRE_PURE": "1"} if pure else {}),
        stdout=PIPE,
        stderr=PIPE,
        limit=64 << 20,
    )
    try:
        async with asyncio.timeout(TURN_SECONDS):
            if live is not None and process.stdout is not None and (await process.stdout.readline()).strip():
                live()
            out, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise RuntimeError(f"not done within {TURN_SECONDS} s") from None
    if process.returncode:
        raise RuntimeError(_last_words(errors.decode()) or f"it ended with {process.returncode}")
    printed: dict[str, Any] = json.loads(out.decode().strip().splitlines()[-1])
    return printed


def _last_words(errors: str) -> str:
    """The line of a traceback that says what was wrong; those of groups end in frames."""
    lines = [line.strip(" |") for line in errors.splitlines() if line.strip(" |+-")]
    said = [line for line in lines if "Error" in line.partition(":")[0] and not line.startswith("File ")]
    return (said or lines or [""])[-1]


async def race(
    far: FarProcess, contestants: Sequence[Contestant], rounds: int, scale: float, walks: dict[str, Walk]
) -> dict[str, Turns]:
    """Everybody's turns, alternating. A peer that fails is out from then on, and says why; ours must not fail."""
    found = {who.name: Turns() for who in contestants}
    for number in range(1, rounds + 1):
        for who in contestants:
            turns, frames = found[who.name], max(200, int(who.frames * scale))
            if turns.failed:
                continue
            say(f"round {number} of {rounds}: {who.name}")
            try:
                result = await turn(far, who, frames)
                _check(who, result, walks)
            except (RuntimeError, JobFailed) as error:
                if not who.peer:
                    raise RuntimeError(f"{who.name} failed: {error}") from None
                turns.failed = str(error)[:200]
                continue
            turns.results.append(result)
    return found


def _check(who: Contestant, result: dict[str, Any], walks: dict[str, Walk]) -> None:
    """Is the book it ended with the one it was sent?"""
    if not who.keeps_book:
        return
    venue = find(who.venue)
    steps = result["sent"]["at"][venue.default_symbol]
    if result["digest"] != digest(*expected(walks[who.venue], steps, venue.capabilities.book_depth)):
        raise RuntimeError("it ended with another book than it was sent")


def walk_of(venue: Venue) -> Walk:
    """The walk that the far end makes for a venue's usual symbol."""
    stage = venue.stage(lambda digits: "0" * digits, 0)
    instrument = next(it for it in stage.instruments if it.symbol == venue.default_symbol)
    depth = venue.capabilities.book_depth
    levels = LEVELS if depth is None else min(LEVELS, 4 * depth)
    return Walk(instrument, stage.reference_prices[venue.default_symbol], levels=levels, steps=STEPS, seed=1)


def summary(turns: Turns) -> dict[str, Any]:
    """Medians, or why there are none."""
    if turns.failed:
        return {"failed": turns.failed}
    seconds = statistics.median(one["seconds"] / one["frames"] for one in turns.results)
    cpu = statistics.median(one["cpu"] / one["frames"] for one in turns.results)
    row: dict[str, Any] = {
        "version": turns.results[0]["version"],
        "frames_per_second": round(1 / seconds),
        "microseconds": round(seconds * 1e6, 2),
        "cpu_microseconds": round(cpu * 1e6, 2),
    }
    if "levels" in turns.results[0]:
        row["levels"] = round(statistics.median(one["levels"] for one in turns.results), 1)
    return row
