"""The commands: `venuewire demo | sandbox | watch | order`. `main` is what the console script calls.

Exit statuses: 0 fine, 1 the job failed, 2 wrong usage or bad input, 130 ended by Ctrl-C before its work was done.
What a person can cause is one line on standard error, never a traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; its exit status. Everything heavy is imported from here on, not before."""
    try:
        from venuewire.cli.commands import run
    except ModuleNotFoundError as missing:
        if missing.name not in {"cyclopts", "rich"}:
            raise
        print(f"venuewire: the commands need {missing.name}: pip install 'venuewire[cli]'", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return run(sys.argv[1:] if arguments is None else arguments)
