"""Kill a trader again and again, then compare: `python -m tests.chaos KILLS [SEED]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.chaos.killing import chaos

if __name__ == "__main__":
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(f"{chaos(kills, seed, Path(folder))}\n")
