"""What a contestant prints. Runs on any Python 3.11, with nothing installed: the SDK's environment has no more."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping


class Stopwatch:
    """From the first update to the last: made at the one, stopped at the other."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        self.seconds = time.perf_counter() - self._wall
        self.cpu = time.process_time() - self._cpu

    def report(self, frames: int, digest: str | None = None) -> str:
        """The line to print."""
        return json.dumps({"frames": frames, "seconds": self.seconds, "cpu": self.cpu, "digest": digest})


def digest(bids: Mapping[int, int], asks: Mapping[int, int]) -> str:
    """Of both sides, price -> size, integers in the feed's scales."""
    text = ";".join(",".join(f"{price}:{side[price]}" for price in sorted(side)) for side in (bids, asks))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
