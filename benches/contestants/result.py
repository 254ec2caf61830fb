"""What a contestant is asked and what it prints. Runs on any Python 3.11 with nothing installed: peers have no more."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

LIVE = "LIVE"
"""A line before the result: the books are there, the flood may begin. Peers do not say it, it begins when they ask."""


class Asked:
    """The one argument of a contestant."""

    def __init__(self, text: str) -> None:
        given: dict[str, Any] = json.loads(text)
        self.ready: dict[str, Any] = given["ready"]
        """The far end's ready line."""
        self.venue: str = given["venue"]
        self.symbols: list[str] = given["symbols"]
        self.frames: int = given["frames"]
        self.manner: str = given["manner"]
        self.times: bool = given["times"]

    @property
    def url(self) -> str:
        """Where market data are."""
        return str(self.ready["venues"][self.venue]["ws"])

    @property
    def ca(self) -> str:
        """Whose certificates to trust; empty where the line is plain."""
        return str(self.ready.get("ca") or "")

    @property
    def symbol(self) -> str:
        return self.symbols[0]


def asked() -> Asked:
    """What this process was started for."""
    return Asked(sys.argv[1])


class Stopwatch:
    """From the first update to the last: made at the one, stopped at the other."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        self.seconds = time.perf_counter() - self._wall
        self.cpu = time.process_time() - self._cpu

    def report(self, frames: int, digest: str | None = None, release: str = "", times: Sequence[int] = ()) -> str:
        """The line to print."""
        return report(frames, self.seconds, self.cpu, digest, release, times)


def report(
    frames: int, seconds: float, cpu: float, digest: str | None, release: str, times: Sequence[int] = (), **more: Any
) -> str:
    """The line to print."""
    fixed = {"frames": frames, "seconds": seconds, "cpu": cpu, "digest": digest, "version": release}
    return json.dumps({**fixed, "times": list(times), **more})


def release(distribution: str) -> str:
    """Its name and version, and the Python it runs on."""
    return f"{distribution} {version(distribution)}, Python {sys.version_info[0]}.{sys.version_info[1]}"


def digest(bids: Mapping[int, int], asks: Mapping[int, int]) -> str:
    """Of both sides, price -> size, integers in the instrument's scales."""
    text = ";".join(",".join(f"{price}:{side[price]}" for price in sorted(side)) for side in (bids, asks))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def scaled(levels: Mapping[Any, Any], *, price: int = 2, size: int = 8) -> dict[int, int]:
    """Levels of a client with numbers of its own kind, Decimals or floats, as integers in the feed's scales."""
    return {round(float(at) * 10**price): round(float(quantity) * 10**size) for at, quantity in levels.items()}
