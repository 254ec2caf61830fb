"""The official SDK, in an environment of its own inside the checkout, made once and kept: `.bench/`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PACKAGE = "coinbase-advanced-py"
VERSION = "1.8.4"
PLACE = Path(__file__).parents[1] / ".bench"
INSTALL_SECONDS = 240


def sdk_python() -> Path | None:
    """The Python that has the SDK; None, and the reason on standard error, when there is none and none can be made."""
    home = PLACE / f"sdk-{VERSION}"
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    done = home / ".done"
    if done.exists():
        return python
    print(f"installing {PACKAGE} {VERSION} into {home.relative_to(PLACE.parent)} (once) ...", file=sys.stderr)
    PLACE.mkdir(exist_ok=True)
    (PLACE / ".gitignore").write_text("*\n", encoding="utf-8")
    for command in (
        [sys.executable, "-m", "venv", str(home)],
        [
            str(python),
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--no-input",
            "install",
            "-q",
            f"{PACKAGE}=={VERSION}",
        ],
    ):
        problem = _run(command)
        if problem:
            print(f"the official SDK is left out: {problem}", file=sys.stderr)
            return None
    done.touch()
    return python


def _run(command: list[str]) -> str:
    """What went wrong; empty when nothing did."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if result.returncode == 0 else (result.stderr.strip() or result.stdout.strip()).splitlines()[-1]
