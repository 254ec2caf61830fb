"""`python -m benches [flood] [pieces] [memory] [--rounds N] [--scale X] [--json]`; all three unless some are named."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from typing import Any

from benches import flood, memory, pieces


def main() -> int:
    """Measure, print; 1 when something could not be measured or came out wrong."""
    parser = argparse.ArgumentParser(prog="python -m benches", description="Measurements; see benches/__init__.py.")
    parser.add_argument("what", nargs="*", choices=["flood", "pieces", "memory", []], help="all unless named")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the flood (3)")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="length of a turn, as a multiple of about a second (1)"
    )
    parser.add_argument("--json", action="store_true", help="one object instead of tables")
    given = parser.parse_args()
    benches: dict[str, tuple[Callable[[], Any], Callable[[Any], list[str]]]] = {
        "flood": (lambda: flood.run(given.rounds, given.scale), flood.table),
        "pieces": (pieces.run, pieces.table),
        "memory": (memory.run, memory.table),
    }
    machine = f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"
    results: dict[str, Any] = {"machine": machine}
    if not given.json:
        print(machine)
    for name in given.what or benches:
        run, table = benches[name]
        try:
            results[name] = run()
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 1
        if not given.json:
            print("\n" + "\n".join(table(results[name])), flush=True)
    if given.json:
        print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
