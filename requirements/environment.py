"""Makes an environment of its own for a client nobody here wrote, from requirements/peers/NAME.txt.

    python requirements/environment.py coinbase-sdk      prints the path of its python

Made once and kept beside the checkout's own `.venv`; made again when the pinned file changes. Exit status 3 when it
cannot be installed (no package index to reach), with pip's last line on standard error.

`PEERS_PYTHON` names another interpreter for them: the pins hold the newest release for each Python, and some clients'
newest releases want a newer Python than ours.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CANNOT_INSTALL = 3


def python_of(name: str) -> Path:
    """The interpreter of the environment for `name`, which is made first if it is not there."""
    pins = ROOT / "requirements" / "peers" / f"{name}.txt"
    other = os.environ.get("PEERS_PYTHON", "")
    home = ROOT / ".venv-peers" / (f"{name}-{_version(other)}" if other else name)
    python = home / "bin" / "python"
    stamp = home / ".pinned"
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return python
    print(f"== installing {name} into an environment of its own", file=sys.stderr)
    subprocess.run([other or sys.executable, "-m", "venv", "--clear", str(home)], check=True, stdout=sys.stderr)
    pip = [
        str(python),
        "-m",
        "pip",
        "install",
        "-qq",
        "--disable-pip-version-check",
        "--require-hashes",
        "-r",
        str(pins),
    ]
    subprocess.run(pip, check=True, stdout=sys.stderr)
    stamp.write_text(digest)
    return python


def _version(python: str) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def main() -> int:
    try:
        print(python_of(sys.argv[1]))
    except subprocess.CalledProcessError as error:
        print(f"{sys.argv[1]} cannot be installed: pip ended with {error.returncode}", file=sys.stderr)
        return CANNOT_INSTALL
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
