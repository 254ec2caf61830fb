"""Requests and their answers: a command goes out on its line, and whoever asked waits for the event with its ref."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from venuewire import errors
from venuewire.client.connection import Connection
from venuewire.model.session import Command, Event, RequestRejected, SubscriptionRejected, Unanswered
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.transport.clock import Clock
from venuewire.venue import Venue


class Requests:
    """Who waits for which answer."""

    def __init__(self, venue: Venue, connections: Mapping[str, Connection], clock: Clock) -> None:
        self._venue = venue
        self._connections = connections
        self._clock = clock
        self._waiting: dict[str, asyncio.Future[Event]] = {}

    def connection_of(self, command: Command) -> Connection:
        """The line a command belongs to."""
        return self._connections[self._venue.route(command)]

    async def ask(self, command: Command, *, timeout: Nanos | None = None) -> Event:
        """Send and wait for the answer.

        Raises `LocalProtocolError` and `NotLoggedOn` before anything is sent, `RequestRejected` when the venue says
        no, `RequestTimedOut` or `ConnectionLost` when no answer came.
        """
        connection = self.connection_of(command)
        ref = connection.session.submit(command, self._clock.now(), timeout=timeout)
        future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._waiting[ref] = future
        connection.flush()
        try:
            return await future
        finally:
            self._waiting.pop(ref, None)

    def answered(self, ref: str, event: Event) -> None:
        """An event that carries a ref: the first one answers, the rest are news."""
        future = self._waiting.get(ref)
        if future is None or future.done():
            return
        if isinstance(event, (RequestRejected, SubscriptionRejected)):
            future.set_exception(errors.RequestRejected("request", event.code, event.text))
        else:
            future.set_result(event)

    def unanswered(self, event: Unanswered, line: str) -> None:
        """No answer will come."""
        future = self._waiting.get(event.ref)
        if future is None or future.done():
            return
        what = type(event.command).__name__
        if "within" in event.cause:
            seconds = (event.recv_time - event.sent_time) / NANOS_PER_SECOND
            future.set_exception(errors.RequestTimedOut(what, seconds))
        else:
            future.set_exception(errors.ConnectionLost(line, 1006, f"{event.cause}, before the answer to {what}"))

    def end(self, error: errors.VenueError) -> None:
        """The client is gone: nobody waits for ever."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)
