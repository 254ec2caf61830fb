"""The flood: every contestant in turn, several rounds, each in a process of its own, all against one server."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benches.contestants.result import digest
from benches.environment import python_of
from benches.feed import Feed
from venuewire.book.twins import core

ROOT = Path(__file__).parents[1]
TURN_SECONDS = 60


@dataclass(frozen=True)
class Contestant:
    """Who is measured, over how many frames: about a second's worth."""

    name: str
    module: str
    frames: int
    arguments: tuple[str, ...] = ()
    python: str = sys.executable
    keeps_book: bool = True
    pure: bool = False
    """Without the native core."""


BARE = "bare receive loop"
OURS = "venuewire"
PURE = "venuewire, pure Python"
SDK = {
    "official SDK, exact": "exact",
    "official SDK, floats": "floats",
    "... without its classes": "plain",
}
"""How numbers and frames are read; see `contestants.sdk`. Only the first keeps exact numbers, as venuewire does."""


def contestants(scale: float) -> list[Contestant]:
    """All that can run here."""
    found = [
        Contestant(OURS, "benches.contestants.client", int(160_000 * scale)),
        Contestant(PURE, "benches.contestants.client", int(80_000 * scale), pure=True),
        Contestant(BARE, "benches.contestants.bare", int(400_000 * scale), keeps_book=False),
    ]
    python = python_of("coinbase-sdk")
    if python is not None:
        found += [
            Contestant(name, "benches.contestants.sdk", int(30_000 * scale), (manner,), python)
            for name, manner in SDK.items()
        ]
    return found


@contextmanager
def server() -> Iterator[int]:
    """The far end, in a process of its own; its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "benches.server"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["port"]
        finally:
            process.stdin.close()
            process.wait(10)


def turn(contestant: Contestant, port: int) -> dict[str, Any]:
    """One contestant, once. Raises `RuntimeError` when it fails or its book is not the one it was sent."""
    command = [contestant.python, "-m", contestant.module, f"ws://127.0.0.1:{port}/{contestant.frames}"]
    done = subprocess.run(
        [*command, str(contestant.frames), *contestant.arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | ({"VENUEWIRE_PURE": "1"} if contestant.pure else {}),
        capture_output=True,
        text=True,
        timeout=TURN_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{contestant.name} failed: {done.stderr.strip()[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def run(rounds: int, scale: float) -> dict[str, Any]:
    """Medians over the rounds, as one object."""
    runners = contestants(scale)
    feed = Feed()
    expected = {runner.frames: digest(*feed.book_after(runner.frames)) for runner in runners if runner.keeps_book}
    results: dict[str, list[dict[str, Any]]] = {runner.name: [] for runner in runners}
    with server() as port:
        for _ in range(rounds):
            for runner in runners:
                result = turn(runner, port)
                if runner.keeps_book and result["digest"] != expected[runner.frames]:
                    raise RuntimeError(f"{runner.name} ended with another book than it was sent")
                results[runner.name].append(result)
    summaries = {name: _summary(turns) for name, turns in results.items()}
    return {
        "frame_bytes": round(sum(map(len, feed.bodies)) / len(feed.bodies)) + 110,
        "rounds": rounds,
        "core": core(),
        "contestants": summaries,
        "ratios": {
            name: round(row["microseconds"] / summaries[OURS]["microseconds"], 2) for name, row in summaries.items()
        },
        "cpu_ratios": {
            name: round(row["cpu_microseconds"] / summaries[OURS]["cpu_microseconds"], 2)
            for name, row in summaries.items()
        },
    }


def _summary(turns: list[dict[str, Any]]) -> dict[str, float]:
    seconds = statistics.median(turn["seconds"] / turn["frames"] for turn in turns)
    cpu = statistics.median(turn["cpu"] / turn["frames"] for turn in turns)
    return {
        "frames_per_second": round(1 / seconds),
        "microseconds": round(seconds * 1e6, 2),
        "cpu_microseconds": round(cpu * 1e6, 2),
    }


def table(result: dict[str, Any]) -> list[str]:
    """For people."""
    rows = result["contestants"]
    lines = [
        f"venuewire here: {result['core']}",
        f"level2 frames of {result['frame_bytes']} bytes, 20,000 levels a side; median of {result['rounds']} rounds",
        f"{'':26}{'frames/s':>10}{'us each':>9}{'CPU us':>8}   venuewire is   by CPU time",
    ]
    for name, row in rows.items():
        ratio, cpu_ratio = result["ratios"][name], result["cpu_ratios"][name]
        figures = f"{row['frames_per_second']:>10,}{row['microseconds']:>9.2f}{row['cpu_microseconds']:>8.2f}"
        lines.append(f"{name:26}{figures}" + ("" if name == OURS else f"{ratio:>12.2f} x{cpu_ratio:>11.2f} x"))
    if not any(name in rows for name in SDK):
        lines.append("the official SDK could not be installed, and is left out")
    return lines
