"""Requests and their answers: a command goes out on its line, and whoever asked waits for the event with its ref."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator

from venuewire import errors
from venuewire.client.connection import Connection
from venuewire.client.lines import Lines
from venuewire.model.session import (
    Command,
    Event,
    RequestRejected,
    Subscribe,
    SubscriptionAccepted,
    SubscriptionRejected,
    Unanswered,
    Unsubscribe,
)
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.session.states import SessionState
from venuewire.transport.clock import Clock

# What a subscription brings carries its ref, too, and may come before the answer.
_SUBSCRIBING = (SubscriptionAccepted, SubscriptionRejected, RequestRejected)


class Ticket:
    """A request that has been submitted; `await` it for its answer, by as many as like."""

    def __init__(self, ref: str, line: str, command: Command) -> None:
        self.ref = ref
        self.line = line
        self.command = command
        self.answer: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self.answer.add_done_callback(_seen)
        self._waiting: list[asyncio.Future[Event]] = []

    def __await__(self) -> Generator[None, None, Event]:
        if self.answer.done():
            return self.answer.__await__()
        # One of its own for each: who stops waiting does not end the request for the others. Told in the same turn of
        # the loop as `answer`, after whoever was to be called with that.
        waiter: asyncio.Future[Event] = self.answer.get_loop().create_future()
        waiter.add_done_callback(_seen)
        self._waiting.append(waiter)
        return waiter.__await__()

    def settle(self, event: Event) -> None:
        """This is the answer, unless there has been one."""
        for future in (self.answer, *self._waiting):
            if not future.done():
                future.set_result(event)

    def fail(self, error: errors.VenueError) -> None:
        """No answer will come, for this reason."""
        for future in (self.answer, *self._waiting):
            if not future.done():
                future.set_exception(error)


def _seen(answer: asyncio.Future[Event]) -> None:
    """A refusal that nobody waits for any more is no news to the event loop."""
    if not answer.cancelled():
        answer.exception()


class Requests:
    """Who waits for which answer."""

    def __init__(self, lines: Lines, clock: Clock) -> None:
        self._lines = lines
        self._clock = clock
        self._waiting: dict[str, Ticket] = {}
        self._refusals: dict[str, errors.LogonRejected] = {}
        self._over: errors.VenueError | None = None
        self.on_lost: dict[str, Callable[[errors.VenueError], None]] = {}
        """By the ref of a subscription that was accepted: who to tell when the venue takes it back or a new line
        does not get it again."""

    def connection_of(self, command: Command) -> Connection:
        """The line a command belongs to. Raises as `Lines.of`."""
        return self._lines.of(command)

    def submit(self, command: Command, *, timeout: Nanos | None = None) -> Ticket:
        """Send, now or as soon as the line allows; the ticket has its answer.

        Raises, before anything is sent, `LocalProtocolError`, `NotLoggedOn`, and `LogonRejected` where the line's
        credentials have been refused. The ticket raises `RequestRejected` when the venue says no, `RequestTimedOut`
        or `ConnectionLost` when no answer came.
        """
        if self._over is not None:
            raise self._over
        connection = self.connection_of(command)
        line = connection.session.line
        if line in self._refusals and connection.session.state is SessionState.REFUSED:
            raise self._refusals[line]
        ref = connection.session.submit(command, self._clock.now(), timeout=timeout)
        ticket = self._waiting[ref] = Ticket(ref, line, command)
        ticket.answer.add_done_callback(lambda _: self._waiting.pop(ref, None))
        connection.flush()
        return ticket

    async def ask(self, command: Command, *, timeout: Nanos | None = None) -> Event:
        """Send and wait for the answer; raises as `submit` and its ticket do."""
        return await self.submit(command, timeout=timeout)

    def answered(self, ref: str, event: Event) -> None:
        """An event that carries a ref: the first one that answers does, the rest are news."""
        refused = isinstance(event, (RequestRejected, SubscriptionRejected))
        ticket = self._waiting.get(ref)
        if ticket is None or ticket.answer.done():
            if refused and ref in self.on_lost:
                self.on_lost[ref](_refusal(event))
        elif refused:
            ticket.fail(_refusal(event))
        elif not isinstance(ticket.command, (Subscribe, Unsubscribe)) or isinstance(event, _SUBSCRIBING):
            ticket.settle(event)

    def unanswered(self, event: Unanswered, line: str) -> None:
        """No answer will come."""
        what = type(event.command).__name__
        error: errors.VenueError
        if event.timed_out:
            waited = (event.recv_time - event.sent_time) / NANOS_PER_SECOND if event.sent else 0
            error = errors.RequestTimedOut(what, waited, sent=event.sent)
        else:
            error = errors.ConnectionLost(line, 1006, f"{event.cause}, before the answer to {what}")
        ticket = self._waiting.get(event.ref)
        if ticket is not None:
            ticket.fail(error)
        elif event.ref in self.on_lost:
            self.on_lost[event.ref](error)

    def refused(self, error: errors.LogonRejected) -> None:
        """The credentials of a line were refused: what waits for the line waits in vain."""
        self._refusals[error.line] = error
        for ticket in [ticket for ticket in self._waiting.values() if ticket.line == error.line]:
            ticket.fail(error)

    def end(self, error: errors.VenueError) -> None:
        """The client is gone: nobody waits for ever."""
        self._over = error
        for ticket in list(self._waiting.values()):
            ticket.fail(error)
        self._waiting.clear()
        self.on_lost.clear()

    def __len__(self) -> int:
        """Requests in flight."""
        return len(self._waiting)


def _refusal(event: Event) -> errors.RequestRejected:
    assert isinstance(event, (RequestRejected, SubscriptionRejected))
    return errors.RequestRejected("request", event.code, event.text)
