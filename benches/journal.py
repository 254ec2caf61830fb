"""What a command pays for being written down first: `python -m benches.journal [--json] [--folder F]`.

A single command is waited for alone; a burst is a hundred commands of a hundred tasks at once. `bare write` and `bare
sync` are what the disk itself takes for a page, without SQLite and without us, in the same folder. `opening` is what it
takes to open a journal of 10,000 orders that were acknowledged and filled, and to bring a blotter to where it stood.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

from msgspec.structs import replace

from venuewire.journal import Durability, Journal, seed
from venuewire.model.orders import ExecutionReport, NewOrder
from venuewire.model.terms import ExecType, OrdType, Side
from venuewire.orders import Blotter

SINGLES = 2_000
BURSTS = 50
BURST = 100
PAGE = bytes(4_120)

Row: TypeAlias = dict[str, float]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benches.journal", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="a folder on the disk to measure (this one)")
    parser.add_argument("--json", action="store_true", help="one object instead of a table")
    given = parser.parse_args()
    results = run(given.folder)
    if given.json:
        print(json.dumps({"machine": machine(), **results}))
    else:
        print(machine() + "\n" + "\n".join(table(results)))
    return 0


def machine() -> str:
    return f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"


def run(folder: Path) -> dict[str, Row]:
    """Microseconds: of a single command p50 and p99, of a burst per command; and commits per burst."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="bench-journal-") as place:
        results = {
            "bare write": bare(Path(place) / "bare", sync=False),
            "bare sync": bare(Path(place) / "s", sync=True),
        }
        for durability in Durability:
            results[durability.value] = asyncio.run(journal(Path(place) / durability.value, durability))
        results["opening"] = opening(Path(place) / "opening")
        return results


def bare(path: Path, *, sync: bool) -> Row:
    """A page written, and synced, by nobody else's means."""
    fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    os.write(fd, PAGE * SINGLES)
    os.fsync(fd)
    os.lseek(fd, 0, os.SEEK_SET)
    spans: list[float] = []
    for _ in range(SINGLES):
        begun = time.perf_counter()
        os.write(fd, PAGE)
        if sync:
            # As SQLite does on this system, where it can.
            getattr(os, "fdatasync", os.fsync)(fd)
        spans.append(time.perf_counter() - begun)
    os.close(fd)
    return {"p50": _micros(spans, 50), "p99": _micros(spans, 99)}


async def journal(path: Path, durability: Durability) -> Row:
    """One after the other, then bursts."""
    with Journal.open(path, durability=durability, clock_now=time.time_ns) as it:
        unique = it.ids().unique
        commands = [_command(str(unique())) for _ in range(SINGLES + BURST * BURSTS + 1)]
        await it.intend(commands.pop())
        spans: list[float] = []
        for command in commands[:SINGLES]:
            begun = time.perf_counter()
            await it.intend(command)
            spans.append(time.perf_counter() - begun)
            it.flush()  # what is written behind is written between, as in life
            await asyncio.sleep(0)
        bursts, commits = await _bursts(it, commands[SINGLES:])
    return {"p50": _micros(spans, 50), "p99": _micros(spans, 99), "burst": bursts / BURST, "commits": commits}


def opening(path: Path) -> Row:
    """Seconds to read and check a journal, and to seed a blotter from it."""
    count = 10_000
    with Journal.open(path, durability=Durability.OFF, clock_now=time.time_ns) as it:
        asyncio.run(_day(it, count))
    begun = time.perf_counter()
    with Journal.open(path, durability=Durability.OFF, clock_now=time.time_ns) as it:
        opened = time.perf_counter()
        recovered = it.recover()
        read = time.perf_counter()
        blotter = Blotter()
        seed(blotter, recovered, time.time_ns())
        seeded = time.perf_counter()
    if len(blotter) != count:
        raise RuntimeError(f"{len(blotter)} orders came back of {count}")
    return {"check_s": opened - begun, "recover_s": read - opened, "seed_s": seeded - read}


async def _day(it: Journal, count: int) -> None:
    for n in range(1, count + 1):
        await it.intend(_command(str(n)))
        new = ExecutionReport(symbol="BTC-USD", exec_type=ExecType.NEW, cl_ord_id=str(n), order_id=f"v{n}")
        it.told(new)
        it.told(
            replace(new, exec_type=ExecType.TRADE, exec_id=f"e{n}", last_qty=Decimal("0.01"), last_px=Decimal(64000))
        )
        if n % 500 == 0:
            it.flush()


async def _bursts(it: Journal, commands: list[NewOrder]) -> tuple[float, float]:
    spans: list[float] = []
    before = it.commits
    for n in range(0, len(commands), BURST):
        begun = time.perf_counter()
        await asyncio.gather(*(it.intend(command) for command in commands[n : n + BURST]))
        spans.append(time.perf_counter() - begun)
        it.flush()
    return _micros(spans, 50), (it.commits - before) / len(spans)


def _command(cl_ord_id: str) -> NewOrder:
    return NewOrder(
        symbol="BTC-USD",
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_qty="0.01",
        price="64000.00",
        cl_ord_id=cl_ord_id,
        account="portfolio",
    )


def _micros(spans: list[float], percent: int) -> float:
    return statistics.quantiles(spans, n=100)[percent - 1] * 1e6


def table(results: dict[str, Row]) -> list[str]:
    """As people read it."""
    lines = ["microseconds      single p50   single p99   of a burst of 100, each   commits a burst"]
    spans = results["opening"]
    for name, row in results.items():
        if row is spans:
            continue
        each = f"{row['burst']:>25.1f}{row['commits']:>18.2f}" if "burst" in row else ""
        lines.append(f"{name:<16}{row['p50']:>12.1f}{row['p99']:>13.1f}{each}")
    check, recover, blotter = spans["check_s"], spans["recover_s"], spans["seed_s"]
    return [*lines, f"10,000 orders: checked in {check:.2f} s, recovered in {recover:.2f} s, seeded in {blotter:.2f} s"]


if __name__ == "__main__":
    sys.exit(main())
