"""One limit on dials for all programs of this user on this machine: the venue counts per address, not per process.

The times of the last dials to an address stand in a small file that is locked while it is looked at. The file is a
courtesy to the venue, never a reason not to dial: what cannot be locked, read or written is done without.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Generator
from pathlib import Path

import msgspec

from venuewire.model.terms import Nanos

try:
    import fcntl
except ImportError:  # Windows: each process then keeps to the limit for itself
    fcntl = None  # type: ignore[assignment]

KEPT = 256
"""Times kept; more than any venue's limit counts."""
TRIES = 5
PAUSE = 0.001
"""Seconds between tries for the lock. Whoever holds it does so for some tens of microseconds."""

_times = msgspec.json.Decoder(list[int])


def runtime_folder() -> Path | None:
    """Where this user's programs leave each other notes; None where there is no such place."""
    base = os.environ.get("XDG_RUNTIME_DIR") or os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    try:
        folder = Path(base) if base else Path.home() / ".cache"
        folder = folder / "venuewire"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder


class SharedTimes:
    """Times of the last dials to one address, by every process that uses the same folder."""

    def __init__(self, folder: Path, address: str) -> None:
        self.path = folder / f"dials-{re.sub(r'[^A-Za-z0-9.-]', '_', address)}.json"

    @contextlib.contextmanager
    def locked(self) -> Generator[list[Nanos] | None]:
        """The times, for the caller to change; written back at the end. None: the file cannot be had now."""
        descriptor = self._lock()
        if descriptor is None:
            yield None
            return
        try:
            times = _read(descriptor)
            yield times
            _write(descriptor, times[-KEPT:])
        finally:
            os.close(descriptor)  # this ends the lock, too

    def _lock(self) -> int | None:
        if fcntl is None:
            return None
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return None
        for _ in range(TRIES):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(PAUSE)
            else:
                return descriptor
        os.close(descriptor)
        return None


def _read(descriptor: int) -> list[Nanos]:
    """Nothing, where what stands there is not ours or was cut short."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        return _times.decode(os.read(descriptor, 1 << 16))
    except (OSError, msgspec.DecodeError):
        return []


def _write(descriptor: int, times: list[Nanos]) -> None:
    with contextlib.suppress(OSError):
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, msgspec.json.encode(times))
