"""Other people's clients, each in the pinned environment that `requirements/environment.py` makes and keeps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

MAKER = Path(__file__).parents[1] / "requirements" / "environment.py"


def python_of(name: str) -> str | None:
    """The Python that has the client; None, and the reason on standard error, when it cannot be installed here."""
    python, reason = installed(name)
    if python is None:
        print(f"{name} is left out: {reason}", file=sys.stderr)
    return python


def installed(name: str, *, newest: bool = False) -> tuple[str | None, str]:
    """The Python that has the client, or None and the reason. The first time takes a minute or two.

    `newest`: on the newest Python of this machine, which some clients' newest releases want.
    """
    command = [sys.executable, str(MAKER), name, *(["--newest"] if newest else [])]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        return None, (made.stderr.strip() or "no reason given").splitlines()[-1]
    return made.stdout.strip(), ""
