"""The file of the journal: one table in SQLite with a write-ahead log, every row summed, the rows chained.

SQLite by itself forgives too much for this purpose: of a damaged log it takes the part before the damage and says
nothing, and a damaged page is an answer like any other. So the file is read whole before it is opened for writing, each
row against its own sum, the rows against their chain, the end against the mark; reading changes nothing. No index but
the row number: there is nothing to disagree with the table.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from venuewire.errors import JournalError
from venuewire.journal.entry import COLUMNS, ORIGIN, Entry, chained, digest, from_row, row
from venuewire.journal.hold import Mark, beside

FORMAT = 1
PAGE = 4096
CHECK_SECONDS = 2.0
"""How long SQLite's own check may take; the sums of the rows are always checked to the end."""
WRITTEN_BACK_AFTER = 500
"""Entries in the log after which it is written back into the table when there is time."""
WRITTEN_BACK_AT_LAST = 8_000

_SCHEMA = (
    "CREATE TABLE entry (seq INTEGER PRIMARY KEY, time INTEGER, venue TEXT, account TEXT, line TEXT, epoch INTEGER, "
    "kind TEXT, cl_ord_id TEXT, orig_cl_ord_id TEXT, order_id TEXT, about INTEGER, record BLOB, digest BLOB, "
    "chain BLOB)"
)
_INSERT = f"INSERT INTO entry VALUES ({', '.join('?' * len(COLUMNS))})"
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM entry"


def damaged(path: Path, what: str) -> JournalError:
    """What is wrong, with which file, and what to do."""
    return JournalError(
        f"{path} is damaged: {what}. Nothing was changed; Journal.salvage({str(path)!r}, ...) copies what is sound "
        "into a new file and says what is not; compare with the venue before trading on"
    )


class Store:
    """The entries of one file, for one thread at a time."""

    def __init__(self, path: Path, mark: Mark, *, synchronous: str) -> None:
        """Raises `JournalError` when the file is damaged, or cannot be made."""
        self.path = path
        self._mark = mark
        entries, self._chain = read(path, mark)
        self.entries: list[Entry] = entries
        """What was there at opening; taken by whoever recovers."""
        self.head = entries[-1].seq if entries else 0
        self._unwritten = 0
        self.commits = 0
        try:
            mark.begin(self.head)
            self._db = _open(path, synchronous)
        except (sqlite3.Error, OSError) as error:
            mark.end()
            raise JournalError(f"{path} cannot be opened for writing: {error}") from error

    def write(self, entries: Sequence[Entry]) -> None:
        """All of them or none, as durable as the store is. Raises `sqlite3.Error` or `OSError`."""
        if entries[0].seq <= self.head:
            raise ValueError(f"entry {entries[0].seq} comes after {self.head}")
        rows, chain = _rows(entries, self._chain)
        self._commit(rows)
        self._moved(entries, chain)
        self._unwritten += len(entries)

    def _moved(self, entries: Sequence[Entry], chain: bytes) -> None:
        self._chain, self.head = chain, entries[-1].seq
        self._mark.put(self.head)

    def _commit(self, rows: list[tuple[object, ...]], first: str = "") -> None:
        execute = self._db.execute
        execute("BEGIN IMMEDIATE")
        try:
            if first:
                execute(first)
            self._db.executemany(_INSERT, rows)
            execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                execute("ROLLBACK")
            raise
        self.commits += 1

    def rewrite(self, entries: Sequence[Entry]) -> None:
        """These instead of all that is there, in one step; the last must be new, so that the end moves on."""
        if entries[-1].seq <= self.head:
            raise ValueError("the end of a journal only moves on")
        rows, chain = _rows(entries, ORIGIN)
        self._commit(rows, "DELETE FROM entry")
        self._moved(entries, chain)
        self.write_back()

    def all(self) -> list[Entry]:
        """Every entry, from the open file."""
        return [from_row(values)[0] for values in self._db.execute(f"{_SELECT} ORDER BY seq")]

    @property
    def due(self) -> bool:
        """Is the log long enough to be written back when there is time?"""
        return self._unwritten >= WRITTEN_BACK_AFTER

    def write_back_if_due(self, *, idle: bool) -> None:
        """Keep the log short, preferably while nobody waits."""
        if self._unwritten >= (WRITTEN_BACK_AFTER if idle else WRITTEN_BACK_AT_LAST):
            self.write_back("PASSIVE")  # the log keeps its size: to write over it is cheaper than to extend it

    def write_back(self, how: str = "TRUNCATE") -> None:
        """The log into the table."""
        self._db.execute(f"PRAGMA wal_checkpoint({how})").fetchall()
        self._unwritten = 0

    def close(self) -> None:
        """The log is written back and removed."""
        try:
            self._db.close()
        finally:
            self._mark.end()


def _rows(entries: Sequence[Entry], chain: bytes) -> tuple[list[tuple[object, ...]], bytes]:
    rows: list[tuple[object, ...]] = []
    for entry in entries:
        values, chain = row(entry, chain)
        rows.append(values)
    return rows, chain


def read(path: Path, mark: Mark) -> tuple[list[Entry], bytes]:
    """Every entry and the end of their chain, from a file that nobody writes; it is not changed.

    Raises `JournalError` when anything is damaged or missing.
    """
    try:
        promised = mark.read()
    except JournalError as error:
        raise damaged(path, str(error)) from None
    size = path.stat().st_size if path.exists() else 0
    if not promised and not size:
        if beside(path, "-wal").exists() and promised is None:
            raise damaged(path, "there is a log but no journal")
        return [], ORIGIN
    if promised is None:
        raise damaged(path, f"its mark {mark.file} is missing, so it cannot be known whether its end is")
    if not size:
        raise damaged(path, f"it is missing or empty, but {promised} entries had been written")
    if not _begins_well(path, size):
        raise damaged(path, "its first bytes are not those of a journal")
    entries, chain = _read_checked(path)
    head = entries[-1].seq if entries else 0
    if head < promised:
        raise damaged(path, f"it ends with entry {head}, but {promised} had been written")
    return entries, chain


def _begins_well(path: Path, size: int) -> bool:
    """SQLite removes the log of a file that it takes for empty: it must not come to that."""
    with path.open("rb") as file:
        head = file.read(18)
    return size >= PAGE and head == b"SQLite format 3\0" + PAGE.to_bytes(2, "big")


def _read_checked(path: Path) -> tuple[list[Entry], bytes]:
    try:
        with reading(path) as db:
            if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return [], ORIGIN  # made, but ended before its first entry: the mark knows better if not
            _check_form(db)
            return _linked(db)
    except JournalError as error:
        raise damaged(path, str(error)) from None
    except (sqlite3.Error, OSError, ValueError, TypeError, msgspec.ValidationError, OverflowError) as error:
        raise damaged(path, str(error)) from error


class reading(closing[sqlite3.Connection]):  # noqa: N801  # a verb, used as `with reading(path)`
    """The file, for reading only; SQLite leaves no trace."""

    def __init__(self, path: Path) -> None:
        had_log = beside(path, "-wal").exists()
        self._left = [beside(path, "-shm"), *([] if had_log else [beside(path, "-wal")])]
        super().__init__(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None))

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        for file in self._left:
            file.unlink(missing_ok=True)


def _check_form(db: sqlite3.Connection) -> None:
    schema = [sql for (sql,) in db.execute("SELECT sql FROM sqlite_master")]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if schema != [_SCHEMA]:
        raise JournalError("it is not a journal, or its outline is damaged")
    if version != FORMAT:
        raise JournalError(f"it is written in format {version}, this version reads {FORMAT}")
    until = time.monotonic() + CHECK_SECONDS
    db.set_progress_handler(lambda: time.monotonic() > until, 10_000)
    try:
        found = [text for (text,) in db.execute("PRAGMA quick_check(3)")]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        found = ["ok"]
    finally:
        db.set_progress_handler(None, 0)
    if found != ["ok"]:
        raise JournalError("; ".join(found))


def _linked(db: sqlite3.Connection) -> tuple[list[Entry], bytes]:
    entries: list[Entry] = []
    chain = ORIGIN
    for values in db.execute(f"{_SELECT} ORDER BY seq"):
        entry, link = from_row(values)
        chain = chained(chain, digest(entry))
        if chain != link:
            raise JournalError(f"something is missing before entry {entry.seq}")
        entries.append(entry)
    return entries, chain


def sound(path: Path) -> Iterator[tuple[Entry, bytes] | str]:
    """What can be read of a damaged file, entry by entry with its link; and what cannot, in words."""
    with reading(path) as db:
        seq, misses = 0, 0
        while misses < 1_000:
            try:
                values = db.execute(f"{_SELECT} WHERE seq > ? ORDER BY seq LIMIT 1", (seq,)).fetchone()
                if values is None:
                    return
                seq = max(seq + 1, values[0])
                yield from_row(values)
                misses = 0
            except (sqlite3.Error, ValueError, TypeError, msgspec.ValidationError, OverflowError) as error:
                seq, misses = seq + (1 if isinstance(error, sqlite3.Error) else 0), misses + 1
                yield f"at entry {seq}: {error}"


def _open(path: Path, synchronous: str) -> sqlite3.Connection:
    fresh = not path.exists()
    if fresh:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        # The log in memory is for us alone, and nobody else gets in.
        db.execute(f"PRAGMA page_size = {PAGE}")
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise sqlite3.OperationalError(f"this file system allows no write-ahead log (got {mode})")
        db.execute(f"PRAGMA synchronous = {synchronous}")
        db.execute("PRAGMA fullfsync = 1")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            db.execute("BEGIN IMMEDIATE")
            db.execute(_SCHEMA)
            db.execute(f"PRAGMA user_version = {FORMAT}")
            db.execute("COMMIT")
    except BaseException:
        db.close()
        raise
    _sync_folder(path.parent)
    return db


def _sync_folder(folder: Path) -> None:
    """A file is only as safe as its name in its folder. (Windows has no such thing.)"""
    with suppress(PermissionError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
