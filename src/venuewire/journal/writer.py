"""The one writer of a journal: what waits is written together, in order, and who waits is told.

A burst costs one commit: while one is under way, what comes waits for the next. With `FULL` all of it happens on a
thread of its own, for a sync takes as long as the disk pleases. `OS` commits where it is called from, at the end of
the loop's turn: that is cheaper than waking a thread; only when the thread is busy writing the log back does it take
over. `OFF` waits for nothing; the thread follows.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from enum import Enum
from typing import TypeAlias

from venuewire.errors import JournalError
from venuewire.journal.entry import Entry
from venuewire.journal.store import Store

BOUND = 10_000
"""Commands that may wait for the disk; beyond that they are refused."""
PATIENCE = 10
"""Outcomes cannot be refused. When this many times the bound wait, the journal gives up, and so refuses commands."""
BATCH = 2_000
LINGER = 0.005
"""With `OFF`, seconds the thread lets things gather."""


_Told: TypeAlias = tuple[asyncio.Future[None] | None, JournalError | None]


class Durability(Enum):
    """When does a command count as written, so that its first byte may leave?"""

    FULL = "full"
    """When it is synced to the disk. Survives a crash of ours and of the machine."""
    OS = "os"
    """When the operating system has it. Survives a crash of ours; the machine's may take the newest entries along."""
    OFF = "off"
    """At once; it is written behind. A crash of ours may lose the newest entries."""


class _Waiting:
    """An entry on its way, and who must be told when it is written."""

    __slots__ = ("entry", "future", "then")

    def __init__(
        self, entry: Entry, future: asyncio.Future[None] | None = None, then: Callable[[], None] | None = None
    ) -> None:
        self.entry = entry
        self.future = future
        self.then = then


class Writer:
    """Writes what it is given, in the order it is given."""

    def __init__(self, store: Store, durability: Durability, *, bound: int = BOUND) -> None:
        self._store = store
        self._durability = durability
        self._bound = bound
        self._backlog: deque[_Waiting] = deque()
        self._store_lock = threading.Lock()
        self._wake = threading.Condition()
        self._asleep = False
        self._closing = False
        self._turn_ends = False
        self._stalled = False
        """The disk was full: nothing is tried again before somebody wants something."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self.failure: JournalError | None = None
        """Set for good when the file can no longer be relied on."""
        self._thread = threading.Thread(target=self._run, name=f"journal {store.path.name}", daemon=True)
        self._thread.start()

    # ------------------------------------------------------------------ taking

    async def write(self, entry: Entry) -> None:
        """Return when the entry is as durable as was asked for. Raises `JournalError` when it is not written."""
        if self.failure is not None:
            raise self.failure
        waiting = len(self._backlog)
        if waiting >= self._bound:
            self._stalled = False
            self._rouse()  # the disk may have room again
            raise JournalError(f"{waiting} entries wait for {self._store.path} already; the command was not sent")
        if self._durability is Durability.OFF and waiting < self._bound // 2:
            self._put(_Waiting(entry))
            return
        self._loop = asyncio.get_running_loop()
        future = self._loop.create_future()
        self._put(_Waiting(entry, future))
        await future

    def note(self, entry: Entry, then: Callable[[], None] | None = None) -> None:
        """Write behind; `then` is called, on any thread, once it is written. Never raises, never waits."""
        if len(self._backlog) >= self._bound * PATIENCE:
            self.fail(JournalError(f"{self._store.path} does not keep up: {len(self._backlog)} entries wait"))
        if self.failure is None:
            self._put(_Waiting(entry, None, then))

    def write_now(self, entry: Entry) -> None:
        """Everything up to this entry, before anything else happens. Raises `JournalError`."""
        written: list[bool] = []
        self._backlog.append(_Waiting(entry, None, lambda: written.append(True)))
        self.flush()
        if not written:
            raise self.failure or JournalError(f"{self._store.path} could not be written; is the disk full?")

    def _put(self, waiting: _Waiting) -> None:
        if self.failure is not None:
            raise self.failure
        self._backlog.append(waiting)
        self._stalled = False
        if self._durability is Durability.OFF:
            self._rouse()
        elif not self._turn_ends:
            # At the end of this turn of the loop, so that all that comes in it is written together.
            self._turn_ends = self._at_turn_end()

    def _at_turn_end(self) -> bool:
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self._rouse()  # called from outside a loop
            return False
        self._loop.call_soon(self._turn_end)
        return True

    def _turn_end(self) -> None:
        self._turn_ends = False
        if self._durability is Durability.FULL or not self._store_lock.acquire(blocking=False):
            self._rouse()
            return
        try:
            told = self._write_batch()
        finally:
            self._store_lock.release()
        _tell(told)
        if self._backlog or self._store.due:
            self._rouse()  # the rest can wait for the thread

    def _rouse(self) -> None:
        if self._asleep:
            with self._wake:
                self._wake.notify()

    # ------------------------------------------------------------------ writing

    def _run(self) -> None:
        try:
            while self._wait():
                self._work()
        except BaseException as error:
            self._give_up(error)
            self._hand_over([(waiting.future, self.failure) for waiting in self._backlog])
            raise

    def _wait(self) -> bool:
        """Until there is something to do; False when this is the end."""
        with self._wake:
            self._asleep = True
            # Looked at after the flag is up: whoever put something in before saw it down, whoever does now rouses.
            while not self._closing and (self._stalled or not self._has_work()):
                self._wake.wait()
            self._asleep = False
            if self._durability is Durability.OFF and not self._closing:
                self._wake.wait(LINGER)
        return not self._closing

    def _has_work(self) -> bool:
        return bool(self._backlog) or (self._store.due and self.failure is None)

    def _work(self) -> None:
        with self._store_lock:
            told = self._write_batch()
            try:
                self._store.write_back_if_due(idle=not self._backlog)
            except sqlite3.Error as error:
                self._not_written([], error)
        self._hand_over(told)

    def flush(self) -> None:
        """Write all that waits, here and now; and wait for what the thread has under way."""
        while True:
            with self._store_lock:
                told = self._write_batch()
            self._hand_over(told)
            if not self._backlog or any(error is not None for _, error in told):
                break
        if self._store.due:
            self._rouse()

    def _write_batch(self) -> list[_Told]:
        """One commit of what waits; what to tell whom. Called by whoever has the store's lock."""
        batch = [self._backlog.popleft() for _ in range(min(len(self._backlog), BATCH))]
        if not batch:
            return []
        error = self.failure
        if error is None:
            try:
                self._store.write([waiting.entry for waiting in batch])
            except (sqlite3.Error, OSError, ValueError, TypeError, ArithmeticError) as cause:
                error = self._not_written(batch, cause)
        if error is None:
            for waiting in batch:
                if waiting.then is not None:
                    waiting.then()
        return [(waiting.future, error) for waiting in batch if waiting.future is not None or error is not None]

    def _not_written(self, batch: list[_Waiting], cause: Exception) -> JournalError:
        """A full disk may be emptied: outcomes wait for that, commands are refused. Anything else is the end."""
        if getattr(cause, "sqlite_errorcode", None) != sqlite3.SQLITE_FULL:
            return self._give_up(cause)
        self._stalled = True
        self._backlog.extendleft(reversed([waiting for waiting in batch if waiting.future is None]))
        return JournalError(f"{self._store.path} cannot be written: {cause}; make room and try again")

    def _give_up(self, cause: BaseException) -> JournalError:
        error = JournalError(f"{self._store.path} cannot be written any more: {cause}; open it anew to go on")
        error.__cause__ = cause
        return self.fail(error)

    def fail(self, error: JournalError) -> JournalError:
        """From now on nothing is written."""
        self.failure = self.failure or error
        return self.failure

    def _hand_over(self, told: list[_Told]) -> None:
        """Tell those who wait on the loop, from the thread."""
        if not told or self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(_tell, told)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    # ------------------------------------------------------------------ the end

    @contextmanager
    def alone(self) -> Generator[Store]:
        """The store, with everything written that waited. Raises `JournalError` when what is done with it fails."""
        self.flush()
        if self._backlog:
            raise self.failure or JournalError(f"{self._store.path} could not be written; is the disk full?")
        with self._store_lock:
            try:
                yield self._store
            except (sqlite3.Error, OSError) as cause:
                raise self._not_written([], cause) from cause

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._closing = True
        with self._wake:
            self._wake.notify()
        self._thread.join()
        self.flush()
        error = self.fail(JournalError(f"{self._store.path} is closed"))
        self._hand_over([(waiting.future, error) for waiting in self._backlog])
        self._backlog.clear()


def _tell(told: list[_Told]) -> None:
    for future, error in told:
        if future is None or future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


__all__ = ["Durability", "Writer"]
