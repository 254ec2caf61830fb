"""Makes an environment of its own for a client nobody here wrote, from requirements/peers/NAME.txt.

    python requirements/environment.py coinbase-sdk            prints the path of its python
    python requirements/environment.py cryptofeed --newest     the same on the newest Python of this machine

Made once and kept beside the checkout's own `.venv`; made again when the pinned file changes. Exit status 3 when it
cannot be installed (no package index to reach), with the reason as the last line on standard error.

The pins hold the newest release for each Python, and some clients' newest releases want a newer Python than ours: hence
`--newest`, which looks on the path and where pyenv and uv keep theirs; `PEERS_PYTHON` names one that it does not find.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CANNOT_INSTALL = 3


def python_of(name: str, base: str = "") -> Path:
    """The interpreter of the environment for `name`, made first if it is not there; with `base`, or our own."""
    pins = ROOT / "requirements" / "peers" / f"{name}.txt"
    home = ROOT / ".venv-peers" / (f"{name}-{'.'.join(map(str, version(base)))}" if base else name)
    python = home / "bin" / "python"
    stamp = home / ".pinned"
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return python
    print(f"== installing {name} into an environment of its own", file=sys.stderr)
    subprocess.run([base or sys.executable, "-m", "venv", "--clear", str(home)], check=True, stdout=sys.stderr)
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


def newest() -> str:
    """The newest interpreter of this machine, if it is newer than ours; else empty."""
    given = os.environ.get("PEERS_PYTHON", "")
    found = [given] if given else [*_on_path(), *_kept()]
    return max((python for python in found if version(python) > sys.version_info[:2]), key=version, default="")


def _on_path() -> list[str]:
    names = (f"python3.{minor}" for minor in range(sys.version_info[1] + 1, 30))
    return [path for name in names if (path := shutil.which(name))]


def _kept() -> list[str]:
    """By those who keep several."""
    places = (".pyenv/versions", ".local/share/uv/python")
    return [str(path) for place in places for path in Path.home().glob(f"{place}/*3.*/bin/python3") if path.is_file()]


def version(python: str) -> tuple[int, ...]:
    """Of an interpreter; (0, 0) for what is none, such as a name that stands for one that is not there."""
    code = "import sys; print(*sys.version_info[:2])"
    if shutil.which(python) is None:
        return (0, 0)
    told = subprocess.run([python, "-c", code], check=False, capture_output=True, text=True)
    return tuple(map(int, told.stdout.split())) if told.returncode == 0 else (0, 0)


def main() -> int:
    base = newest() if "--newest" in sys.argv else ""
    if "--newest" in sys.argv and not base:
        print(f"no Python newer than {sys.version_info[0]}.{sys.version_info[1]} on this machine", file=sys.stderr)
        return CANNOT_INSTALL
    try:
        print(python_of(sys.argv[1], base))
    except subprocess.CalledProcessError as error:
        print(f"{sys.argv[1]} cannot be installed: pip ended with {error.returncode}", file=sys.stderr)
        return CANNOT_INSTALL
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
