"""What a program with four venues streaming holds at its most, what the demo does, and how long importing takes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DEMO_SECONDS = 6


def import_seconds(code: str) -> float:
    """Median of five fresh interpreters, each less what an empty one takes."""
    return statistics.median(_python(code) - _python("pass") for _ in range(5))


def _python(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    return time.perf_counter() - began


def demo() -> dict[str, Any]:
    """The demo, watched: most memory held (MB), and whether it said that all was well."""
    command = [sys.executable, "-m", "venuewire", "demo", "--seconds", str(DEMO_SECONDS), "--json"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    try:
        fine = process.returncode == 0 and json.loads(output).get("ok") is True
    except ValueError:
        fine = False
    return {"megabytes": round(usage.ru_maxrss * unit / 1e6, 1), "ok": fine}


def streaming() -> float:
    """MB of a process that follows a book at each venue; the sandbox is another's."""
    with subprocess.Popen(
        [sys.executable, "-m", "venuewire", "sandbox"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as sandbox:
        assert sandbox.stdout is not None
        try:
            program = [sys.executable, "-m", "benches.contestants.streaming", sandbox.stdout.readline()]
            done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)
        finally:
            sandbox.terminate()
    return round(float(done.stdout), 1)


def run(rounds: int, scale: float) -> dict[str, Any]:
    """All of it, as one object. Has rounds and lengths of its own.

    By a small process: the most that a child has held begins with what its parent held when it was forked.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benches.memory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure() -> dict[str, Any]:
    """See `run`."""
    held = demo() if hasattr(os, "wait4") else None
    return {
        "import_seconds": round(import_seconds("import venuewire"), 3),
        # Names come when they are asked for; this is what a program that connects pays in all.
        "connect_seconds": round(import_seconds("from venuewire import connect"), 3),
        "streaming_megabytes": streaming(),
        "demo": held,
    }


def table(result: dict[str, Any]) -> list[str]:
    """For people."""
    held = result["demo"]
    lines = [
        f"import venuewire            {result['import_seconds']:.3f} s   (goal: under 0.35 s)",
        f"... and connect             {result['connect_seconds']:.3f} s",
        f"four venues streaming       {result['streaming_megabytes']:.0f} MB   (goal: under 80 MB)",
    ]
    if held is None:
        lines.append("memory of the demo          not measured on this system")
    else:
        said = "" if held["ok"] else "   and the demo did not say that all was well"
        lines.append(f"memory of the demo          {held['megabytes']:.0f} MB   (goal: under 120 MB){said}")
    return lines


if __name__ == "__main__":
    print(json.dumps(measure()))
