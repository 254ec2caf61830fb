"""What is sound of a damaged journal, copied into a new one; and what is not, in words."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from pathlib import Path

from msgspec import Struct

from venuewire.errors import JournalError
from venuewire.journal import recovery
from venuewire.journal.entry import ORIGIN, Entry, Salvaged, chained, decoded, digest, encoded
from venuewire.journal.hold import Hold, Mark, beside
from venuewire.journal.ids import NUMBERS
from venuewire.journal.store import Store, sound

MOST_WORDS = 50


class Salvage(Struct, frozen=True):
    """How it went."""

    path: Path
    """The new journal."""
    kept: int
    """Entries that were sound."""
    lost: tuple[str, ...]
    """What was not, in words."""


def salvage(path: Path, into: Path) -> Salvage:
    """See `Journal.salvage`."""
    if into.exists() or beside(into, "-mark").exists():
        raise JournalError(f"{into} is there already; name a new file")
    hold = Hold(path)
    try:
        kept, lost = _sound_part(path)
        kept, lost = _readable(kept, lost)
        lost += _missing_end(path, kept)
    finally:
        hold.release()
    _write(into, kept, tuple(lost[:MOST_WORDS]))
    return Salvage(into, len(kept), tuple(lost[:MOST_WORDS]))


def _sound_part(path: Path) -> tuple[list[Entry], list[str]]:
    """Read from a copy: to open damaged files is to change them."""
    kept: list[Entry] = []
    lost: list[str] = []
    chain = ORIGIN
    with tempfile.TemporaryDirectory(prefix="journal-") as folder:
        copy = Path(folder) / "copy"
        for suffix in ("", "-wal"):
            if beside(path, suffix).exists():
                shutil.copyfile(beside(path, suffix), beside(copy, suffix))
        try:
            for found in sound(copy) if copy.exists() else ():
                if isinstance(found, str):
                    lost.append(found)
                    continue
                entry, link = found
                if chained(chain, digest(entry)) != link:
                    lost.append(f"something before entry {entry.seq} is missing")
                chain = link
                kept.append(entry)
        except sqlite3.Error as error:
            lost.append(str(error))
    return kept, lost


def _readable(kept: list[Entry], lost: list[str]) -> tuple[list[Entry], list[str]]:
    """Without what only a newer version could read."""
    readable: list[Entry] = []
    for entry in kept:
        try:
            decoded(entry)
        except JournalError as error:
            lost = [*lost, str(error)]
        else:
            readable.append(entry)
    return readable, lost


def _missing_end(path: Path, kept: list[Entry]) -> list[str]:
    head = max((entry.seq for entry in kept), default=0)
    try:
        promised = Mark(path).read()
    except JournalError as error:
        return [f"whether the end is there: {error}"]
    if promised is None:
        return ["whether the end is there: the mark is missing"]
    return [f"entries {head + 1} to {promised}, the newest"] if promised > head else []


def _write(into: Path, kept: list[Entry], lost: tuple[str, ...]) -> None:
    hold = Hold(into)
    try:
        store = Store(into, Mark(into), synchronous="FULL")
        try:
            last = max((entry.seq for entry in kept), default=0) + 1
            # What was lost may have reserved more: begin well above all that is known.
            above = max(recovery.reserved(kept), NUMBERS.ahead())
            time = max((entry.time for entry in kept), default=0)
            note = encoded(Salvaged(lost, above))
            store.write([*kept, Entry(seq=last, time=time, kind=Salvaged.__name__, record=note)])
        finally:
            store.close()
    except sqlite3.Error as error:
        raise JournalError(f"{into} cannot be written: {error}") from error
    finally:
        hold.release()
