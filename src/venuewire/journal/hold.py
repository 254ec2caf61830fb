"""The lock of a journal: one holder at a time, who says who it is; and the mark of what is known to be written.

Both are files beside the journal. The lock is the system's: it ends with its holder, however that ends. The mark is
the number of the newest entry that was reported written. It is put down after the entry, so it never promises what is
not there; and when the journal ends before its mark, something that was written has been lost.
"""

from __future__ import annotations

import os
import struct
import sys
import zlib
from pathlib import Path

from venuewire.errors import JournalError

_MARK = struct.Struct("<4sQ")
_SUM = struct.Struct("<I")
_MAGIC = b"vwjm"

# Windows forbids reading what is locked: the byte that stands for the lock is far behind the holder's name.
_LOCKED_BYTE = 1 << 20

if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> None:
        os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def beside(path: Path, suffix: str) -> Path:
    """A file that belongs to the journal: `orders.db` -> `orders.db-mark`."""
    return path.with_name(path.name + suffix)


class Hold:
    """The journal is ours until `release`, or until this process ends."""

    def __init__(self, path: Path) -> None:
        """Raises `JournalError` when somebody else holds it, saying who."""
        self._file = beside(path, "-lock")
        try:
            self._fd = os.open(self._file, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        except OSError as error:
            raise JournalError(f"{self._file} cannot be written: {error.strerror}; check folder and rights") from error
        try:
            _lock(self._fd)
        except OSError:
            holder = os.pread(self._fd, 32, 0) if hasattr(os, "pread") else os.read(self._fd, 32)
            os.close(self._fd)
            who = holder.split(b"\n")[0].decode("ascii", "replace") or "unknown"
            raise JournalError(
                f"{path} is held by process {who}; a journal has one writer: end that one, or use another file"
            ) from None
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, b"%d\n" % os.getpid())

    def release(self) -> None:
        """Let others have it. The file stays: to remove it would let two hold it."""
        os.close(self._fd)


class Mark:
    """The newest entry known to be written."""

    def __init__(self, path: Path) -> None:
        self.file = beside(path, "-mark")
        self._fd = -1

    def read(self) -> int | None:
        """None: there is no mark. Raises `JournalError` when it is damaged."""
        try:
            stored = self.file.read_bytes()
        except FileNotFoundError:
            return None
        if not stored:
            return None  # whoever made it was ended before the first word
        body, check = stored[: _MARK.size], stored[_MARK.size :]
        if len(stored) != _MARK.size + _SUM.size or _SUM.pack(zlib.crc32(body)) != check or body[:4] != _MAGIC:
            raise JournalError(f"{self.file} is damaged")
        return int(_MARK.unpack(body)[1])

    def begin(self, seq: int) -> None:
        """Begin to write it; it is on disk when this returns."""
        self._fd = os.open(self.file, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        self.put(seq)
        os.ftruncate(self._fd, _MARK.size + _SUM.size)
        os.fsync(self._fd)

    def put(self, seq: int) -> None:
        """Entry `seq` and all before it are written. A kill does not tear this: it is one small write."""
        body = _MARK.pack(_MAGIC, seq)
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, body + _SUM.pack(zlib.crc32(body)))

    def end(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
