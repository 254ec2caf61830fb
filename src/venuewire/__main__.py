"""`python -m venuewire`: the same as the command `venuewire`."""

from __future__ import annotations

import sys

from venuewire.cli import main

if __name__ == "__main__":
    sys.exit(main())
