"""`venuewire demo`: a sandbox in this process, and all venues logged on to it, streaming and trading."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Protocol

from msgspec import Struct
from rich.console import Console
from rich.text import Text

from venuewire import views
from venuewire.cli.notes import notes_instead_of_logs
from venuewire.cli.outcome import FAILED, FINE, INTERRUPTED, complain
from venuewire.cli.panels import STYLES, Screen, has_room_for_a_screen
from venuewire.cli.places import from_ready
from venuewire.cli.running import Stop
from venuewire.cli.trial import Result, Trial
from venuewire.model.terms import NANOS_PER_MILLI
from venuewire.sandbox import Sandbox
from venuewire.venues import find

UNATTENDED_SECONDS = 8.0
# Longer than any step of a trial may take; only then is one given up that does not come to its end.
PATIENCE_SECONDS = 45.0


class Options(Struct, frozen=True, kw_only=True):
    """What the command line says."""

    venues: tuple[str, ...]
    seconds: float | None = None
    """None: until Ctrl-C on a terminal, else for eight seconds."""
    as_json: bool = False
    seed: int = 1
    tls: bool = False


class Show(Protocol):
    """Where the demo is seen."""

    every: float
    """Seconds between two looks."""

    def look(self, trials: Sequence[Trial], elapsed: float) -> None:
        """How it stands."""
        ...


async def demo(options: Options, stop: Stop) -> int:
    """Run it; the exit status."""
    stop.listen()
    console = Console()
    is_live = has_room_for_a_screen(console) and not options.as_json
    seconds = UNATTENDED_SECONDS if options.seconds is None and not is_live else options.seconds
    with _live(console) if is_live else _plain(as_json=options.as_json) as show:
        results = await _run(options, seconds, show, stop)
    if options.as_json:
        print(as_json(results))
    else:
        _print_summary(console, results)
    return _verdict(results, stop)


async def _run(options: Options, seconds: float | None, show: Show, stop: Stop) -> list[Result]:
    async with Sandbox(venues=options.venues, seed=options.seed, tls=options.tls) as sandbox:
        ready = sandbox.ready()  # what any other client of it would be told
        trials = [Trial(find(name), from_ready(find(name), ready)) for name in options.venues]
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(trial.run(), name=trial.venue.name) for trial in trials]
            await _watch(trials, seconds, show, stop)
            sandbox.pause_flow()
            await asyncio.gather(*(trial.settle(sandbox.exchange(trial.venue.name).book) for trial in trials))
            results = [trial.result() for trial in trials]
            for task in running:
                task.cancel()
    return results


async def _watch(trials: Sequence[Trial], seconds: float | None, show: Show, stop: Stop) -> None:
    """Show it until its time is over and the orders are done, or until asked to stop."""
    began = time.monotonic()
    while True:
        elapsed = time.monotonic() - began
        show.look(trials, elapsed)
        are_done = all(trial.traded.is_set() for trial in trials) or elapsed >= PATIENCE_SECONDS
        if seconds is not None and elapsed >= seconds and are_done:
            return
        left = show.every if seconds is None or elapsed >= seconds else min(show.every, seconds - elapsed)
        if await stop.wait(max(0.02, left)):
            return


def _verdict(results: Sequence[Result], stop: Stop) -> int:
    wrong = [result for result in results if result.complaints]
    if wrong and stop.asked and not any(result.view.problem for result in wrong):
        return INTERRUPTED
    for result in wrong:
        complain(f"{result.name}: {'; '.join(result.complaints)}")
    return FAILED if wrong else FINE


# ------------------------------------------------------------------ where it is seen


class Nowhere:
    """For machines: the object at the end is all."""

    every = 0.2

    def look(self, trials: Sequence[Trial], elapsed: float) -> None:
        """Nothing."""


class Lines:
    """A line for each venue every second."""

    every = 1.0

    def look(self, trials: Sequence[Trial], elapsed: float) -> None:
        """Print them."""
        for trial in trials:
            print(f"{elapsed:5.1f} s  {views.progress(trial.view(1, 0))}")
        sys.stdout.flush()


class Window:
    """A panel for each venue."""

    every = 0.2

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def look(self, trials: Sequence[Trial], elapsed: float) -> None:
        """Draw it anew."""
        layout = self._screen.layout(len(trials), rows_of_orders=1)
        seen = [trial.view(max(1, layout.rungs), layout.bar_width) for trial in trials]
        up = sum(view.session.tone is views.Tone.GOOD for view in seen)
        header = f"venuewire demo   sandbox on this machine   {up} of {len(seen)} logged on   {views.duration(elapsed)}"
        self._screen.draw(seen, layout, header)


@contextmanager
def _live(console: Console) -> Generator[Show]:
    with notes_instead_of_logs() as notes, Screen(console, notes.lines) as screen:
        yield Window(screen)


@contextmanager
def _plain(*, as_json: bool) -> Generator[Show]:
    yield Nowhere() if as_json else Lines()


# ------------------------------------------------------------------ the end


def as_json(results: Sequence[Result]) -> str:
    """One line for machines."""
    is_ok = not any(result.complaints for result in results)
    return json.dumps({"ok": is_ok, "venues": {result.name: result.report for result in results}})


def summary(results: Sequence[Result]) -> list[str]:
    """What came of it, as a table of less than 80 characters."""
    head = ("venue", "logon", "book", "", "updates", "equal", "filled", "canceled", "ack")
    return views.table([head, *(_row(result) for result in results)], right={1, 4, 6, 7, 8})


def _row(result: Result) -> tuple[str, ...]:
    view, orders = result.view, result.report["orders"]
    logon = view.session.logon_ms
    return (
        view.name,
        views.latency(None if logon is None else round(logon * NANOS_PER_MILLI)),
        view.symbol,
        str(view.trust or views.UNKNOWN),
        views.count(view.updates),
        "yes" if result.equals_exchange else "NO",
        str(orders["filled"]),
        str(orders["canceled"]),
        view.ack,
    )


def _print_summary(console: Console, results: Sequence[Result]) -> None:
    good = sum(not result.complaints for result in results)
    tone = views.Tone.GOOD if good == len(results) else views.Tone.BAD
    head, *rows = summary(results)
    for line in (Text(head, style="dim"), *map(Text, rows)):
        console.print(line, soft_wrap=True)
    verdict = f"{good} of {len(results)} did all of it: logged on, book equal, an order filled, another canceled"
    console.print(Text(verdict, style=STYLES[tone]), soft_wrap=True)
