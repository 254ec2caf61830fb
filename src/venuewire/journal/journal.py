"""Journal: what we asked for is on disk before its first byte leaves, and what came of it follows.

    journal = Journal.open("orders.db", durability=Durability.FULL, clock_now=clock.now)
    recovered = journal.recover()                      # what was going on when we last ended
    intent = await journal.intend(command)             # returns when it is written; send only then
    journal.sent(intent)                               # the transport has the bytes
    journal.told(report)                               # the venue's word; likewise `refused`, `unanswered`, ...
    journal.close()

It holds orders and ids, and nothing that a secret could be in.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec import Struct

from venuewire.errors import JournalError
from venuewire.journal import entry as entries
from venuewire.journal import recovery
from venuewire.journal.entry import Entry, encoded
from venuewire.journal.hold import Hold, Mark
from venuewire.journal.ids import NUMBERS, IdSource, Numbers
from venuewire.journal.salvage import Salvage, salvage
from venuewire.journal.store import Store
from venuewire.journal.writer import BOUND, Durability, Writer
from venuewire.model.orders import CancelReject, ExecutionReport
from venuewire.model.session import OrderCommand, Unanswered
from venuewire.model.terms import Nanos

_SYNCHRONOUS = {Durability.FULL: "FULL", Durability.OS: "NORMAL", Durability.OFF: "NORMAL"}


class Intent(Struct, frozen=True):
    """A command that is in the journal."""

    seq: int
    command: OrderCommand


class Journal:
    """The journal of one client, held by it alone. Use from one event loop."""

    def __init__(
        self,
        hold: Hold,
        store: Store,
        durability: Durability,
        clock_now: Callable[[], Nanos],
        *,
        venue: str,
        numbers: Numbers,
        bound: int,
    ) -> None:
        """Use `Journal.open`."""
        self.path = store.path
        self.durability = durability
        self._hold = hold
        self._store = store
        self._now = clock_now
        self._venue = venue
        self._numbers = numbers
        self._seq = store.head
        self._closed = False
        self.reserved = recovery.reserved(store.entries)
        """Ids up to this one may be given out."""
        numbers.begin_above(self.reserved)
        self._writer = Writer(store, durability, bound=bound)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        durability: Durability,
        clock_now: Callable[[], Nanos],
        venue: str = "",
        numbers: Numbers = NUMBERS,
        bound: int = BOUND,
    ) -> Self:
        """Open or make the journal in this file, and hold it until `close`.

        `venue` is noted with each entry; a journal of another venue is refused. Raises `JournalError` when another
        process holds it (saying which), when it is damaged (saying how, and what to do; nothing is changed), and when
        it cannot be written.
        """
        file = Path(path)
        hold = Hold(file)
        try:
            store = Store(file, Mark(file), synchronous=_SYNCHRONOUS[durability])
        except BaseException:
            hold.release()
            raise
        try:
            journal = cls(hold, store, durability, clock_now, venue=venue, numbers=numbers, bound=bound)
        except BaseException:
            store.close()
            hold.release()
            raise
        try:
            journal._begin()
        except BaseException:
            journal._let_go()
            raise
        return journal

    @staticmethod
    def salvage(path: str | os.PathLike[str], into: str | os.PathLike[str]) -> Salvage:
        """Copy what is sound of a damaged journal into a new file; what is not is told, and noted there.

        The damaged files stay as they are. Raises `JournalError` when somebody holds the journal, or when `into` is
        there already.
        """
        return salvage(Path(path), Path(into))

    def _begin(self) -> None:
        owner = next((entry.venue for entry in self._store.entries if entry.venue), self._venue)
        if self._venue and owner != self._venue:
            raise JournalError(f"{self.path} is the journal of {owner}, not of {self._venue}; use a file for each")
        opened = entries.Opened(os.getpid(), self.durability.value, 0)
        self.reserve_now(self._numbers.ahead(), opened)

    # ------------------------------------------------------------------ what was

    def recover(self) -> recovery.Recovered:
        """What the journal held when it was opened: hand it to `seed`. Call it once, before the first intent."""
        held, self._store.entries = self._store.entries, []
        return recovery.recover(held)

    def prune(self, before: Nanos) -> int:
        """Take out orders that ended before this time, with their commands and reports; how many.

        Ids stay used, and what is not known to have ended stays. For quiet times, best after opening: everything
        else waits until the file is written anew. Raises `JournalError`.
        """
        self._check_writable()
        with self._writer.alone() as store:
            kept, orders = recovery.without_ended(store.all(), before)
            if orders:
                last = self._entry(entries.Pruned(before, orders, self.reserved))
                store.rewrite([*kept, last])
                store.entries = [*kept, last] if store.entries else []
        return orders

    # ------------------------------------------------------------------ commands

    async def intend(self, command: OrderCommand, *, line: str = "", epoch: int = 0) -> Intent:
        """Write a command down; when this returns, send it.

        Raises `JournalError` when it could not be written as durably as was asked for: do not send it then.
        A caller that is cancelled meanwhile does not send it either, which is noted.
        """
        entry = self._entry(
            command,
            account=command.account,
            line=line,
            epoch=epoch,
            cl_ord_id=getattr(command, "cl_ord_id", ""),
            orig_cl_ord_id=getattr(command, "orig_cl_ord_id", ""),
            order_id=getattr(command, "order_id", ""),
        )
        intent = Intent(entry.seq, command)
        try:
            await self._writer.write(entry)
        except asyncio.CancelledError:
            self.never_sent(intent, "given up before it was sent")
            raise
        return intent

    def sent(self, intent: Intent) -> None:
        """The transport has been handed the bytes."""
        self._note(entries.Sent(), about=intent)

    def answered(self, intent: Intent, text: str = "") -> None:
        """The venue has answered; `text` for a refusal in words that are no report."""
        self._note(entries.Answered(text), about=intent)

    def never_sent(self, intent: Intent, text: str) -> None:
        """The command was refused here: not one byte left."""
        self._note(entries.NeverSent(text), about=intent)

    def unanswered(self, intent: Intent, event: Unanswered) -> None:
        """No answer came. The command stays in flight until evidence comes; one that never left does not."""
        if event.sent:
            note = entries.NoAnswer(cause=event.cause, sent_time=event.sent_time, sent=event.sent)
            self._note(note, about=intent, epoch=event.epoch)
        else:
            self.never_sent(intent, event.cause)

    # ------------------------------------------------------------------ the venue's word

    def told(self, report: ExecutionReport) -> None:
        """A report that told something new, as the venue sent it (not as the blotter completed it)."""
        self._note(
            report,
            account=report.account,
            cl_ord_id=report.cl_ord_id,
            orig_cl_ord_id=report.orig_cl_ord_id,
            order_id=report.order_id,
        )

    def refused(self, reject: CancelReject) -> None:
        """A cancel or a replacement was refused."""
        self._note(
            reject,
            account=reject.account,
            cl_ord_id=reject.cl_ord_id,
            orig_cl_ord_id=reject.orig_cl_ord_id,
            order_id=reject.order_id,
        )

    def in_doubt(self, cl_ord_id: str, order_id: str, text: str) -> None:
        """An order was put in doubt: the venue's list does not hold it."""
        self._note(entries.InDoubt(text), cl_ord_id=cl_ord_id, order_id=order_id)

    # ------------------------------------------------------------------ ids

    def ids(self) -> IdSource:
        """Ids that no run of this journal has given out."""
        return IdSource(self, self._numbers)

    def reserve(self, number: int) -> None:
        """Let ids go up to `number`, once that is written."""
        self._writer.note(self._entry(entries.Reserved(number)), lambda: self._reserve_up_to(number))

    def reserve_now(self, number: int, opened: entries.Opened | None = None) -> None:
        """The same, and wait for it. Raises `JournalError`."""
        self._check_writable()
        record = entries.Reserved(number) if opened is None else entries.Opened(opened.pid, opened.durability, number)
        self._writer.write_now(self._entry(record))
        self._reserve_up_to(number)

    def _reserve_up_to(self, number: int) -> None:
        self.reserved = max(self.reserved, number)

    # ------------------------------------------------------------------ state and end

    @property
    def failure(self) -> JournalError | None:
        """Why nothing can be written any more; None while it can."""
        return self._writer.failure

    @property
    def commits(self) -> int:
        """How often the file was written; with `FULL`, how often the disk was waited for."""
        return self._store.commits

    def flush(self) -> None:
        """Write everything that waits, now. Raises `JournalError`."""
        self._check_writable()
        self._writer.flush()
        self._check_writable()

    def close(self) -> None:
        """Write what waits, and let others have it. Never raises; twice is once."""
        if self._closed:
            return
        if self._writer.failure is None:
            # Nothing above the last id was given out: the next run need not leap.
            last = min(self._numbers.last, self.reserved)
            self._writer.note(self._entry(entries.Closed(last)))
        self._let_go()

    def _let_go(self) -> None:
        self._closed = True
        self._writer.close()
        try:
            self._store.close()
        finally:
            self._hold.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------------ entries

    def _check_writable(self) -> None:
        if self._writer.failure is not None:
            raise self._writer.failure

    def _note(self, record: Struct, *, about: Intent | None = None, epoch: int = 0, **ids: str) -> None:
        """Write behind. What cannot be written is the end of the journal, not of whoever brings news."""
        if about is not None:
            command = about.command
            ids = {"account": command.account, "cl_ord_id": getattr(command, "cl_ord_id", "")}
        try:
            entry = self._entry(record, about=about.seq if about is not None else 0, epoch=epoch, **ids)
        except JournalError as error:
            self._writer.fail(error)
            return
        self._writer.note(entry)

    def _entry(self, record: Struct, *, about: int = 0, epoch: int = 0, **ids: str) -> Entry:
        written = encoded(record)
        self._seq += 1
        return Entry(
            seq=self._seq,
            time=self._now(),
            venue=self._venue,
            kind=type(record).__name__,
            record=written,
            about=about,
            epoch=epoch,
            **ids,
        )


__all__ = ["Durability", "Intent", "Journal"]
