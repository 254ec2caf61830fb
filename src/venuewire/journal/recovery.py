"""After a restart: what the journal says was going on, and the blotter brought to where it stood.

The journal holds what went into the blotter, in the order it went in; the same once more gives the same orders, and a
fill that the venue tells again after the restart is known by its `exec_id`. What we had asked for and heard nothing of
may have arrived or not: nobody knows, and `OUTCOME_UNKNOWN` says so, until the venue is asked.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from msgspec import Struct

from venuewire.errors import JournalError, LocalProtocolError
from venuewire.journal.entry import (
    COMMAND_KINDS,
    Answered,
    Closed,
    Entry,
    InDoubt,
    NeverSent,
    NoAnswer,
    Opened,
    Pruned,
    Reserved,
    Salvaged,
    Sent,
    decoded,
)
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import OrderCommand
from venuewire.model.terms import Nanos, OrdStatus
from venuewire.orders.blotter import Blotter, Order
from venuewire.orders.leg import Fill

ENDED_EARLY = "the program ended before the answer came"

_COMMAND = (NewOrder, ReplaceOrder, CancelOrder, MassCancel)
Outcome: TypeAlias = ExecutionReport | CancelReject | NoAnswer | NeverSent | Answered | Sent | InDoubt


class Step(Struct, frozen=True):
    """One thing that was noted."""

    seq: int
    time: Nanos
    what: OrderCommand | Outcome
    about: int = 0
    cl_ord_id: str = ""
    order_id: str = ""


class InFlight(Struct, frozen=True, kw_only=True):
    """A command of which no outcome is known: it may have arrived."""

    seq: int
    time: Nanos
    command: OrderCommand
    line: str
    epoch: int
    sent: bool
    """The transport was handed it. False proves nothing: the note of it may be what was lost."""
    cause: str
    """Why there is no answer, where that was known before the program ended."""


class OpenOrder(Struct, frozen=True, kw_only=True):
    """An order of ours that is not known to have ended."""

    command: NewOrder | None
    """What was asked for; None where it was taken out or lost and only reports are left."""
    cl_ord_id: str
    order_id: str
    status: OrdStatus
    """As last known; `OUTCOME_UNKNOWN` where nothing was heard."""
    fills: tuple[Fill, ...]


class Recovered(Struct, frozen=True, kw_only=True):
    """What a journal held when it was opened."""

    steps: tuple[Step, ...]
    """What `seed` gives to a blotter, in order."""
    in_flight: tuple[InFlight, ...]
    open: tuple[OpenOrder, ...]
    cl_ord_ids: frozenset[str]
    """Every id of ours that was used, but for those pruned: none of these again."""
    exec_ids: frozenset[str]
    """Fills that were counted."""
    reserved: int
    """Numbers for ids begin above this one."""
    clean: bool
    """The last run closed the journal in good order."""


def recover(entries: Sequence[Entry]) -> Recovered:
    """Read what was noted. Raises `JournalError` for a record that this version cannot read."""
    steps = tuple(_steps(entries))
    in_flight = tuple(_in_flight(entries, steps))
    blotter = Blotter(keep_ended=sys.maxsize)
    _replay(blotter, steps)
    _doubt(blotter, in_flight, max((step.time for step in steps), default=0))
    asked = {blotter.find(step.cl_ord_id): step.what for step in steps if isinstance(step.what, NewOrder)}
    return Recovered(
        steps=steps,
        in_flight=tuple(flight for flight in in_flight if not _is_settled(flight, blotter)),
        open=tuple(_open_order(order, asked.get(order)) for order in blotter if order.ours and not order.is_ended),
        cl_ord_ids=frozenset(entry.cl_ord_id for entry in entries if entry.cl_ord_id and entry.kind in COMMAND_KINDS),
        exec_ids=frozenset(step.what.exec_id for step in steps if isinstance(step.what, ExecutionReport)) - {""},
        reserved=reserved(entries),
        clean=not entries or entries[-1].kind == Closed.__name__,
    )


def seed(blotter: Blotter, recovered: Recovered, now: Nanos) -> list[Order]:
    """Bring a fresh blotter to where the last run's stood; our orders that are not known to have ended.

    Orders whose command was in flight are `OUTCOME_UNKNOWN`, an unanswered replacement's id is known to be one. Then
    ask the venue: its lists and fills go through `blotter.apply` like any other report.
    """
    if len(blotter):
        raise LocalProtocolError("only an empty blotter is seeded; do it before the client logs on")
    _replay(blotter, recovered.steps)
    _doubt(blotter, recovered.in_flight, now)
    return [order for order in blotter if order.ours and not order.is_ended]


def reserved(entries: Iterable[Entry]) -> int:
    """The largest number that may have been given out as an id."""
    last = 0
    for entry in entries:
        if entry.kind in _RESERVING:
            record = decoded(entry)
            number = record.reserved if isinstance(record, (Opened, Reserved, Pruned, Salvaged, Closed)) else 0
            # A run that closed in good order gave out no more than it says.
            last = number if isinstance(record, Closed) else max(last, number)
    return max(last, max((_number(entry) for entry in entries if entry.kind in COMMAND_KINDS), default=0))


_RESERVING = frozenset(kind.__name__ for kind in (Opened, Reserved, Pruned, Salvaged, Closed))


def _number(entry: Entry) -> int:
    text = entry.cl_ord_id
    # Longer ones were not made here, and must not push ours beyond what venues take.
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else 0


# ---------------------------------------------------------------------- what was going on


def _steps(entries: Iterable[Entry]) -> Iterable[Step]:
    for entry in entries:
        if entry.kind not in _RESERVING:
            what = decoded(entry)
            yield Step(entry.seq, entry.time, what, entry.about, entry.cl_ord_id, entry.order_id)  # type: ignore[arg-type]  # of no other kind


def _in_flight(entries: Iterable[Entry], steps: Iterable[Step]) -> Iterable[InFlight]:
    places = {entry.seq: (entry.line, entry.epoch) for entry in entries if entry.kind in COMMAND_KINDS}
    open_: dict[int, InFlight] = {}
    by_id: dict[str, int] = {}
    for step in steps:
        what = step.what
        if isinstance(what, _COMMAND):
            line, epoch = places[step.seq]
            open_[step.seq] = InFlight(
                seq=step.seq, time=step.time, command=what, line=line, epoch=epoch, sent=False, cause=""
            )
            if step.cl_ord_id:
                by_id[step.cl_ord_id] = step.seq
        elif isinstance(what, (Answered, NeverSent)):
            open_.pop(step.about, None)
        elif isinstance(what, (Sent, NoAnswer)):
            _annotate(open_, step.about, what)
        elif isinstance(what, (ExecutionReport, CancelReject)):
            open_.pop(by_id.get(what.cl_ord_id, 0), None)
    return open_.values()


def _annotate(open_: dict[int, InFlight], seq: int, what: Sent | NoAnswer) -> None:
    known = open_.get(seq)
    if known is not None:
        cause = what.cause if isinstance(what, NoAnswer) else known.cause
        open_[seq] = InFlight(
            seq=seq,
            time=known.time,
            command=known.command,
            line=known.line,
            epoch=known.epoch,
            sent=True,
            cause=cause,
        )


def _is_settled(flight: InFlight, blotter: Blotter) -> bool:
    """Has the end of the order answered it? A replacement may live on when what it replaced has ended."""
    command = flight.command
    if isinstance(command, NewOrder):
        order = blotter.find(command.cl_ord_id)
    elif isinstance(command, CancelOrder):
        order = blotter.find(command.orig_cl_ord_id, command.order_id)
    else:
        return False
    return order is not None and order.is_ended


def _open_order(order: Order, command: NewOrder | None) -> OpenOrder:
    return OpenOrder(
        command=command,
        cl_ord_id=order.cl_ord_id,
        order_id=order.order_id,
        status=order.status,
        fills=tuple(order.fills),
    )


# ---------------------------------------------------------------------- the blotter again


def _replay(blotter: Blotter, steps: Iterable[Step]) -> None:
    commands: dict[int, OrderCommand] = {}
    for step in steps:
        what = step.what
        if isinstance(what, _COMMAND):
            commands[step.seq] = what
            if isinstance(what, NewOrder):
                _place(blotter, what, step)
        elif isinstance(what, ExecutionReport):
            blotter.apply(what)
        elif isinstance(what, CancelReject):
            blotter.reject_cancel(what)
        elif isinstance(what, (NoAnswer, NeverSent)):
            _unanswered(blotter, commands.get(step.about), what, step.time)
        elif isinstance(what, InDoubt):
            order = blotter.find(step.cl_ord_id, step.order_id)
            if order is not None:
                blotter.in_doubt(order, what.text, step.time)


def _place(blotter: Blotter, command: NewOrder, step: Step) -> None:
    try:
        blotter.place(command, step.time)
    except LocalProtocolError as error:
        raise JournalError(f"entry {step.seq} cannot be taken up: {error}") from error


def _unanswered(blotter: Blotter, command: OrderCommand | None, what: NoAnswer | NeverSent, time: Nanos) -> None:
    if command is not None:
        if isinstance(what, NoAnswer):
            blotter.unanswered(command, what.cause, time, sent=what.sent)
        else:
            blotter.unanswered(command, what.text, time, sent=False)


def _doubt(blotter: Blotter, in_flight: Iterable[InFlight], now: Nanos) -> None:
    for flight in in_flight:
        if not flight.cause:  # else the blotter was told when it was known
            blotter.unanswered(flight.command, ENDED_EARLY, now)
    for order in blotter:
        # The venue gave it an id and never said more: whoever waited for the rest of the answer is gone.
        if order.ours and order.status is OrdStatus.PENDING_NEW:
            blotter.in_doubt(order, ENDED_EARLY, now)


# ---------------------------------------------------------------------- taking out what is over


def without_ended(entries: Sequence[Entry], before: Nanos) -> tuple[list[Entry], int]:
    """The entries without orders that ended before a time, and how many orders those were."""
    steps = list(_steps(entries))
    blotter = Blotter(keep_ended=sys.maxsize)
    _replay(blotter, steps)
    flights = [flight for flight in _in_flight(entries, steps) if not _is_settled(flight, blotter)]
    flying = {flight.seq for flight in flights}
    replaced = {
        blotter.find(flight.command.orig_cl_ord_id, flight.command.order_id)
        for flight in flights
        if isinstance(flight.command, ReplaceOrder)
    }
    over = {order for order in blotter if order.is_ended and order.updated < before and order not in replaced}
    gone: set[int] = set()
    for entry in entries:
        if entry.kind in _RESERVING:
            continue
        if entry.seq not in flying and _is_over(entry, blotter, over, gone, before):
            gone.add(entry.seq)
    # What reserved ids is gathered into the note of the pruning.
    return [entry for entry in entries if entry.seq not in gone and entry.kind not in _RESERVING], len(over)


def _is_over(entry: Entry, blotter: Blotter, over: set[Order], gone: set[int], before: Nanos) -> bool:
    if entry.about:
        return entry.about in gone
    if entry.kind == MassCancel.__name__:
        return entry.time < before
    # A cancel's own id is not an order's: it goes with the order it was about.
    order = blotter.find(entry.cl_ord_id, entry.order_id) or blotter.find(entry.orig_cl_ord_id)
    return order in over


__all__ = ["ENDED_EARLY", "InFlight", "OpenOrder", "Recovered", "Step", "recover", "seed"]
