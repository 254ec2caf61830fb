"""Which twin of the exchange serves: compiled (mypyc), where the build could, or as it stands. One source for both.

What was compiled from other sources than those that lie here is not used, nor is it with `VENUEWIRE_PURE=1` in the
environment: then Python is told to read the sources of this folder and nothing else. The build reads this file by
itself, without the package around it.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from hashlib import blake2b
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from pathlib import Path

FOLDER = Path(__file__).parent
MODULES = ("accounts", "engine", "exchange", "funding", "intake", "listing", "pit", "port", "ticket")
"""What is compiled, all at once."""


def wanted() -> bool:
    """Not when the environment says `VENUEWIRE_PURE=1`."""
    return os.environ.get("VENUEWIRE_PURE", "") in {"", "0"}


def group() -> str:
    """The name under which the sources, as they are now, are compiled."""
    found = blake2b(digest_size=8)
    for name in MODULES:
        found.update((FOLDER / f"{name}.py").read_bytes())
    return f"_{found.hexdigest()}"


def compiled_files() -> list[Path]:
    """What lies here of a compiled exchange, whatever it was compiled from."""
    suffix = EXTENSION_SUFFIXES[0]
    return [path for name in (*MODULES, "*__mypyc") for path in FOLDER.glob(name + suffix)]


@cache
def compiled() -> bool:
    """Does the compiled exchange serve? Settled by the first who asks."""
    if any(FOLDER.glob(f"*__mypyc{EXTENSION_SUFFIXES[0]}")):
        if wanted() and (FOLDER / f"{group()}__mypyc{EXTENSION_SUFFIXES[0]}").exists():
            return True
        sys.path_importer_cache[str(FOLDER)] = FileFinder(str(FOLDER), (SourceFileLoader, SOURCE_SUFFIXES))
    return False


def exchange() -> str:
    """For people: which twin serves."""
    return "compiled exchange" if compiled() else "exchange in Python"
