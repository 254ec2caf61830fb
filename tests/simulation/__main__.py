"""Many seeds, or one again; or every fault at every frame.

    python -m tests.simulation                          10,000 seeds, then every fault at every frame; on every core
    python -m tests.simulation 0 500 --workers 1        a range, on one
    python -m tests.simulation 4711                     that seed, and its log
    python -m tests.simulation positions                every fault at every frame position of a recorded run
    python -m tests.simulation positions coinbase 17    at one venue, at one position, with the log of what fails

What fails is told with the command that repeats it; the rest goes on. Progress goes to standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from tests.simulation.many import run_all, run_one, simulate_one, strike_one
from tests.simulation.positions import places

ALL = 10_000


def main(words: Sequence[str] | None = None) -> int:
    """The command; 1 if anything failed."""
    given = _arguments(words)
    if given.what[:1] == ["positions"]:
        return _positions(given.what[1:], given.workers)
    numbers = [int(word) for word in given.what]
    if len(numbers) == 1:
        return run_one(simulate_one, numbers[0])
    if numbers:
        return run_all(simulate_one, range(*numbers), "seeds", given.workers)
    return max(run_all(simulate_one, range(ALL), "seeds", given.workers), _positions((), given.workers))


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", nargs="*", help="SEED, FIRST LAST, or positions [VENUE [POSITION]]")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes at once (every core)")
    return parser.parse_args(words)


def _positions(words: Sequence[str], workers: int) -> int:
    found = asyncio.run(places())
    if words:
        found = [place for place in found if place.venue == words[0]]
    if len(words) > 1:
        found = [place for place in found if place.position == int(words[1])]
        return max((run_one(strike_one, place) for place in found), default=2)
    return run_all(strike_one, found, "faults at frames", workers)


if __name__ == "__main__":
    sys.exit(main())
