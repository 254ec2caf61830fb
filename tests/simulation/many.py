"""Worlds by the thousand, in processes of their own, and one alone with its log."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import partial
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

from tests.simulation.positions import Place, strike
from tests.simulation.world import simulate

What = TypeVar("What")

Failure = tuple[str, str]
"""What it says, and the command that repeats it."""
_BATCH = 5
_TELL_EVERY = 2.0
"""Seconds."""

logger = logging.getLogger(__name__)


# ---------------------------------------------------------------------------------------------------- what is done


def simulate_one(seed: int) -> Failure | None:
    """One seed; what is wrong with it, if anything is."""
    return _outcome(partial(_simulated, seed), f"python -m tests.simulation {seed}")


def strike_one(place: Place) -> Failure | None:
    """One fault at one frame."""
    return _outcome(partial(_struck, place), f"python -m tests.simulation positions {place.venue} {place.position}")


def _simulated(seed: int) -> None:
    asyncio.run(simulate(seed))


def _struck(place: Place) -> None:
    asyncio.run(strike(place))


def _outcome(work: Callable[[], None], command: str) -> Failure | None:
    try:
        work()
    except Exception as error:  # noqa: BLE001
        # Whatever stops a world is a finding: a wrong answer, a wait without an end, a bug of the sandbox.
        logger.info("%s", "\n".join(getattr(error, "__notes__", ())))
        return f"{type(error).__name__}: {error}", command
    return None


def run_one(work: Callable[[What], Failure | None], what: What) -> int:
    """One of them, with the end of its log if it fails; 1 if it does."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="    %(message)s")
    failure = work(what)
    sys.stdout.write(f"{what}: {'well' if failure is None else failure[0]}\n")
    return int(failure is not None)


# ---------------------------------------------------------------------------------------------------- many


def run_all(work: Callable[[What], Failure | None], whats: Sequence[What], name: str, workers: int) -> int:
    """All of them, what fails with the command that repeats it; 1 if anything does."""
    began = told = time.monotonic()
    failures, done = list[Failure](), 0
    for ended, found in _batches(work, whats, workers):
        done += ended
        for said, command in found:
            sys.stdout.write(f"{said}\nrepeat it with: {command}\n\n")
            sys.stdout.flush()
        failures += found
        now = time.monotonic()
        if now - told > _TELL_EVERY:
            told = now
            sys.stderr.write(f"\r{done} of {len(whats)} {name}, {done / (now - began):.1f} a second")
            sys.stderr.flush()
    sys.stderr.write(f"\n{done} {name}, {len(failures) or 'none'} failing\n")
    return int(bool(failures))


def _batches(
    work: Callable[[What], Failure | None], whats: Sequence[What], workers: int
) -> Iterator[tuple[int, list[Failure]]]:
    """How many are done, and what failed of them, as the workers tell it."""
    waiting = (whats[start : start + _BATCH] for start in range(0, len(whats), _BATCH))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_quiet) as pool:
        under_way: set[Future[tuple[int, list[Failure]]]] = set()
        while True:
            under_way |= {pool.submit(_batch, work, one) for one in islice(waiting, 2 * workers - len(under_way))}
            if not under_way:
                return
            over, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in over)


def _batch(work: Callable[[What], Failure | None], whats: Sequence[What]) -> tuple[int, list[Failure]]:
    return len(whats), [failure for what in whats if (failure := work(what)) is not None]


def _quiet() -> None:
    logging.disable(logging.WARNING)
