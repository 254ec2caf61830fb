"""`python -m benches [NAME...] [--rounds N] [--scale X] [--json] [--record]`; see BENCHES for the names, `all` for all.

`--record` writes what was measured to docs/performance.json, and from it the tables of docs/performance.md and the
plots beside it: what was not measured this time stays as it was.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from benches import page
from benches.race import say
from venuewire.cli.bench.command import machine

BENCHES = {
    # name: the module with `run(rounds, scale)` and `table(result)`
    "flood": "benches.flood",
    "venues": "benches.venues",
    "encrypted": "benches.encrypted",
    "latency": "benches.latency",
    "applied": "benches.applied",
    "books": "benches.books",
    "pieces": "benches.pieces",
    "memory": "benches.memory",
    "sandbox": "benches.sandbox",
    "ack": "benches.ack",
}


class Bench(Protocol):
    """What each module of BENCHES is."""

    def run(self, rounds: int, scale: float) -> Any:
        """Measure; raises `RuntimeError` or `VenueError` when it cannot."""
        ...

    def table(self, result: Any) -> list[str]:
        """For people."""
        ...


def busy() -> float | None:
    """Processors that others have in use just now; None where the system does not tell."""
    before = _idle()
    if before is None:
        return None
    time.sleep(1)
    after = _idle()
    return None if after is None else round(max(0.0, (os.cpu_count() or 1) - (after - before)), 1)


def _idle() -> float | None:
    """Seconds all processors have been idle."""
    uptime = Path("/proc/uptime")
    return float(uptime.read_text().split()[1]) if uptime.exists() else None


def main() -> int:
    """Measure, print; 1 when something could not be measured or came out wrong."""
    parser = argparse.ArgumentParser(prog="python -m benches", description="Measurements; see benches/__init__.py.")
    parser.add_argument("what", nargs="*", help=f"{', '.join(BENCHES)}, or all (the default)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of what is measured in turns (3)")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="length of a turn, as a multiple of about a second (1)"
    )
    parser.add_argument("--json", action="store_true", help="one object instead of tables")
    parser.add_argument("--record", action="store_true", help="write the results, tables and plots into docs/")
    given = parser.parse_args()
    unknown = [name for name in given.what if name not in {*BENCHES, "all"}]
    if unknown:
        parser.error(f"no bench {', '.join(unknown)}; there are: {', '.join(BENCHES)}")
    names = list(BENCHES) if not given.what or "all" in given.what else given.what
    loads: dict[str, float | None] = {}
    results: dict[str, Any] = {"machine": machine(), "loads": loads}
    failed = False
    for number, name in enumerate(names, 1):
        say(f"{name}: {number} of {len(names)}")
        bench: Bench = import_module(BENCHES[name])
        begun = time.monotonic()
        loads[name] = busy()
        try:
            results[name] = bench.run(given.rounds, given.scale)
        except Exception as error:  # noqa: BLE001  # the others are measured all the same, and the status tells
            say(f"{name} failed: {type(error).__name__}: {error}")
            failed = True
            continue
        say(f"{name}: {time.monotonic() - begun:.0f} s")
        if not given.json:
            print("\n" + "\n".join(bench.table(results[name])), flush=True)
    if given.json:
        print(json.dumps(results))
    if given.record:
        page.record(results)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
