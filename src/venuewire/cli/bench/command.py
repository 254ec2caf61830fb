"""`venuewire bench`: how fast this machine is, in a bounded time: a flood at each venue, and latency at one pace."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from venuewire import views
from venuewire.book.twins import core
from venuewire.cli.bench.far import Order, Setting
from venuewire.cli.bench.turn import FarProcess, Latency, Manner, Measured, far_end, latency, turn
from venuewire.cli.outcome import FINE
from venuewire.cli.running import Stop
from venuewire.venues import find

FRAMES = 20_000
"""Of one round of a flood: a fraction of a second."""
STEPS = 500
"""Of the walk: few, so that a round is made quickly."""
RATE = 5_000
"""Frames a second of the paced turn."""
LEAST_SECONDS = 1.0
"""Of the paced turn; no shorter one says anything."""
MOST_SECONDS = 5.0


class Options(Struct, frozen=True, kw_only=True):
    """What the command line says."""

    venues: tuple[str, ...]
    seconds: float = 15.0
    """For everything; each part is measured once in any case."""
    as_json: bool = False


class Figures(Struct, frozen=True, kw_only=True):
    """A flood at one venue; medians over its rounds."""

    frames_per_second: int
    microseconds: float
    """A frame, by the clock."""
    cpu_microseconds: float
    """A frame, of this process's CPU."""
    levels: float
    """In a message."""
    frame_bytes: int
    rounds: int


class Results(Struct, frozen=True, kw_only=True):
    """All of it; `--json` prints this."""

    machine: str
    core: str
    """Whether the native core is in use."""
    flood: dict[str, Figures]
    latency: dict[str, Latency]
    """By venue: the first of those asked for."""


async def bench(options: Options, stop: Stop) -> int:
    """Measure and print; the exit status."""
    setting = Setting(venues=options.venues, steps=STEPS)
    begun = time.monotonic()
    say("starting the other end")
    async with far_end(setting) as far:
        floods: dict[str, Figures] = {}
        for number, venue in enumerate(options.venues, 1):
            say(f"flood, {venue}: {number} of {len(options.venues)}")
            # What is left is shared by those that are left, the paced turn among them.
            left = options.seconds - (time.monotonic() - begun)
            floods[venue] = await flood(far, venue, left / (len(options.venues) + 2 - number))
        say(f"latency at {RATE:,} frames a second")
        left = options.seconds - (time.monotonic() - begun)
        at = options.venues[0]
        paced = await pace(far, at, RATE, max(LEAST_SECONDS, min(left - LEAST_SECONDS, MOST_SECONDS)))
    results = Results(machine=machine(), core=core(), flood=floods, latency={at: paced})
    print(json.dumps(msgspec.to_builtins(results)) if options.as_json else "\n".join(table(results)))
    return FINE


def machine() -> str:
    """What it was measured on."""
    return f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"


def say(text: str) -> None:
    """How far it has come, for a person who waits."""
    print(f"venuewire bench: {text}", file=sys.stderr, flush=True)


# ------------------------------------------------------------------ the parts


async def flood(far: FarProcess, venue: str, seconds: float, frames: int = FRAMES) -> Figures:
    """Rounds of a flood for about so long; one at the least."""
    rounds: list[Measured] = []
    begun, longest, frame_bytes = time.monotonic(), 0.0, 0
    while not rounds or time.monotonic() - begun + longest < seconds:
        started = time.monotonic()
        measured, report = await _turn(far, Order(venue=venue, symbols=_symbol(venue), frames=frames), Manner())
        frame_bytes = int(report["frame_bytes"])
        rounds.append(measured)
        longest = max(longest, time.monotonic() - started)
    return figures(rounds, frame_bytes)


async def pace(far: FarProcess, venue: str, rate: int, seconds: float) -> Latency:
    """Frames at a fixed rate for so long."""
    order = Order(venue=venue, symbols=_symbol(venue), frames=int(rate * seconds), rate=rate, times=True)
    measured, report = await _turn(far, order, Manner(times=True))
    return latency(rate, measured.times, report["times"])


async def _turn(far: FarProcess, order: Order, manner: Manner) -> tuple[Measured, dict[str, Any]]:
    # Side by side: when the far end cannot, nobody waits for its frames.
    async with asyncio.TaskGroup() as tasks:
        report = tasks.create_task(far.report())
        told = tasks.create_task(
            turn(far.ready, order.venue, order.symbols, order.frames, lambda: far.order(order), manner)
        )
    return told.result()[0], report.result()


def _symbol(venue: str) -> tuple[str, ...]:
    return (find(venue).default_symbol,)


def figures(rounds: Sequence[Measured], frame_bytes: int) -> Figures:
    """Medians over the rounds."""
    seconds = statistics.median(one.seconds / one.frames for one in rounds)
    return Figures(
        frames_per_second=round(1 / seconds),
        microseconds=round(seconds * 1e6, 2),
        cpu_microseconds=round(statistics.median(one.cpu / one.frames for one in rounds) * 1e6, 2),
        levels=round(statistics.median(one.levels for one in rounds), 1),
        frame_bytes=frame_bytes,
        rounds=len(rounds),
    )


# ------------------------------------------------------------------ for people


def table(results: Results) -> list[str]:
    """As people read it."""
    head = ("flood", "frames/s", "us a frame", "CPU us", "levels", "bytes", "CPU us a level", "rounds")
    rows = [
        (
            name,
            f"{row.frames_per_second:,}",
            f"{row.microseconds:.2f}",
            f"{row.cpu_microseconds:.2f}",
            f"{row.levels:.0f}",
            f"{row.frame_bytes:,}",
            f"{row.cpu_microseconds / row.levels:.3f}",
            str(row.rounds),
        )
        for name, row in results.flood.items()
    ]
    return [
        f"{results.machine}; {results.core}",
        *views.table([head, *rows], right=set(range(1, len(head)))),
        *(_pace_line(venue, late) for venue, late in results.latency.items()),
    ]


def _pace_line(venue: str, late: Latency) -> str:
    fifths = f"first fifth {late.first:.0f}, last {late.last:.0f}"
    return (
        f"sent to told, {venue}, at {late.reached:,} frames a second: p50 {late.p50:.0f} us, p90 {late.p90:.0f} us "
        f"({fifths})"
    )
