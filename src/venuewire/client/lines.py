"""The lines of a client: those its venue names, and further ones to the same address where one is full.

A venue may let one line carry so many subscriptions only (`Limits.subscriptions`, `Limits.channel_subscriptions`). What
has no room goes to the next line to the same address: `ws`, `ws 2`, `ws 3`, as far as `Limits.connections` allows.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from venuewire.client.connection import Connection
from venuewire.errors import LocalProtocolError
from venuewire.model.session import Command, Subscribe, Unsubscribe
from venuewire.model.terms import Channel
from venuewire.venue import Venue


class Lines:
    """Which line a command belongs to; `connections` has all of them by name."""

    def __init__(
        self, venue: Venue, make: Callable[[str, str, int], Connection], begin: Callable[[Connection], None]
    ) -> None:
        """`make` a connection: (its name, its endpoint, its place in the order of renewals). `begin` keeps a further
        one from now on; it raises where the client is not running."""
        self._venue = venue
        self._make = make
        self._begin = begin
        self.connections = {line: make(line, line, place) for place, line in enumerate(venue.lines)}
        self._further: dict[str, str] = {}
        """Name -> endpoint of lines the venue does not name."""

    def of(self, command: Command) -> Connection:
        """The line for a command; a new one, where a subscription has no room on those that are.

        Raises `LocalProtocolError` where the venue allows no more lines, and what `begin` raises.
        """
        endpoint = self._venue.route(command)
        if isinstance(command, Subscribe):
            return self._with_room(endpoint, command.channel)
        if isinstance(command, Unsubscribe):
            return self._holding(endpoint, command.subscription)
        return self.connections[endpoint]

    def endpoint(self, name: str) -> str:
        """Where a line goes to."""
        return self._further.get(name, name)

    def forget(self, name: str) -> None:
        """A further line has been closed."""
        self._further.pop(name, None)
        self.connections.pop(name, None)

    def _to(self, endpoint: str) -> list[Connection]:
        further = [self.connections[name] for name, other in self._further.items() if other == endpoint]
        return [self.connections[endpoint], *further]

    def _holding(self, endpoint: str, ref: str) -> Connection:
        """The line that has this subscription; where none has, its ordinary one will say so."""
        holding = (connection for connection in self._to(endpoint) if connection.session.holds(ref))
        return next(holding, self.connections[endpoint])

    def _with_room(self, endpoint: str, channel: Channel) -> Connection:
        for connection in self._to(endpoint):
            if connection.session.room_for(channel) and not connection.is_closing:
                return connection
        return self._one_more(endpoint)

    def _one_more(self, endpoint: str) -> Connection:
        most = self._venue.limits.connections
        if most is not None and len(self.connections) >= most:
            raise LocalProtocolError(
                f"every line to {endpoint} is full and {self._venue.title} allows {most}; end a subscription first"
            )
        name = next(name for number in count(2) if (name := f"{endpoint} {number}") not in self.connections)
        # Lines that share a grant renew one after the other: a further one before those that are.
        connection = self._make(name, endpoint, -1 - len(self._further))
        self._begin(connection)
        self._further[name] = endpoint
        self.connections[name] = connection
        return connection
