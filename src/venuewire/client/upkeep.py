"""The tasks of a client, and its lines while it lives: kept, added where one is full, changed for new ones, let go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine

from msgspec.structs import replace

from venuewire import errors
from venuewire.client.changeover import Changeover
from venuewire.client.connection import Connection
from venuewire.client.desk import Desk
from venuewire.client.dispatch import Dispatch
from venuewire.client.express import ExpressBooks, Take
from venuewire.client.lines import Lines
from venuewire.client.market import MarketData
from venuewire.client.metrics import Metrics
from venuewire.client.waiting import before
from venuewire.model.terms import NANOS_PER_SECOND
from venuewire.transport.clock import Clock
from venuewire.venue import Credentials, Seat, Venue

logger = logging.getLogger("venuewire.client")

LOGON_SECONDS = 30
# Seconds that a further line stays with nothing subscribed on it: dialling is worth more than an empty line.
LINGER_SECONDS = 5


class Upkeep:
    """Owns every task of one client while it runs."""

    def __init__(
        self,
        venue: Venue,
        seat: Seat,
        lines: Lines,
        dispatch: Dispatch,
        market: MarketData,
        desk: Desk,
        *,
        express: ExpressBooks,
        make: Callable[..., Connection],
        closing: asyncio.Event,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`make`: a connection of this name to this endpoint; see `Client`. `closing` is set when all is to end."""
        self._venue = venue
        self._seat = seat
        self._lines = lines
        self._connections = lines.connections
        self._dispatch = dispatch
        self._market = market
        self._desk = desk
        self._express = express
        self._make = make
        self._clock = clock
        self._metrics = metrics
        self._tasks: asyncio.TaskGroup | None = None
        self._spawned: set[asyncio.Task[None]] = set()
        self._line_tasks: set[asyncio.Task[None]] = set()
        self._changing: set[Connection] = set()
        """Lines that are about to take over, or to be let go."""
        self._closing = closing

    async def run(self, watch: Coroutine[None, None, None], closed: Callable[[], None]) -> None:
        """Keep the lines, and `watch` beside them, until all is to end; `closed` is called when the lines are."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for connection in self._connections.values():
                self._keep(connection, connection.run())
            self.spawn(watch)
            await self._closing.wait()
            self._tasks = None
            for task in self._spawned:
                task.cancel()
            for connection in (*self._connections.values(), *self._changing):
                connection.close()
            # What waits for an answer gets it from the closing of its line: sent, and not answered.
            await asyncio.wait(tuple(self._line_tasks))
            closed()

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Have it done meanwhile; nothing is begun at a client that does not run."""
        if self._tasks is None:
            work.close()
        else:
            task = self._tasks.create_task(work)
            self._spawned.add(task)
            task.add_done_callback(self._spawned.discard)

    def ended(self) -> None:
        """Nothing is begun any more."""
        self._tasks = None

    def _keep(self, connection: Connection, run: Coroutine[None, None, None]) -> None:
        assert self._tasks is not None, "lines are kept while the client runs"
        task = self._tasks.create_task(run, name=f"{self._venue.name} {connection.session.line}")
        self._line_tasks.add(task)
        task.add_done_callback(self._line_tasks.discard)

    # ------------------------------------------------------------------ further lines

    def begin_further(self, connection: Connection) -> None:
        """Keep a line beyond those the venue names, because they are full. Raises `NotLoggedOn`."""
        if self._tasks is None:
            raise errors.NotLoggedOn("of a closed client")
        self._dispatch.ready[connection.session.line] = asyncio.Event()
        self._keep(connection, self._keep_further(connection))
        self.spawn(self._retire(connection))

    async def _keep_further(self, connection: Connection) -> None:
        """Until it is closed; then nothing is left of it."""
        await connection.run()
        line = connection.session.line
        if not self._closing.is_set() and self._connections.get(line) is connection:
            self._lines.forget(line)
            self._dispatch.forget(line)

    async def _retire(self, connection: Connection) -> None:
        """Close a further line once nothing has been subscribed on it for a while."""
        was_idle = False
        while not (was_idle and connection.session.is_idle):
            was_idle = connection.session.is_idle
            await self._clock.sleep_until(self._clock.now() + LINGER_SECONDS * NANOS_PER_SECOND)
        connection.close()

    # ------------------------------------------------------------------ lines that are changed as planned

    async def renew(self, credentials: Credentials | None) -> None:
        """See `Client.renew_lines`."""
        self._check_change(credentials)
        before_it = self._seat.credentials
        if credentials is not None:
            self._seat.credentials = replace(credentials, endpoints=before_it.endpoints, ca=before_it.ca)
        try:
            for number, line in enumerate(list(self._connections)):
                if number:
                    self._check_change(None)
                await self._change(line)
                before_it = self._seat.credentials
        finally:
            self._seat.credentials = before_it

    def _check_change(self, credentials: Credentials | None) -> None:
        if self._changing:
            raise errors.LocalProtocolError("a line is being changed already")
        if missing := self._dispatch.not_ready():
            raise errors.NotLoggedOn(missing[0])
        if tied := self._desk.tied():
            ids = ", ".join(order.cl_ord_id for order in tied)
            raise errors.LocalProtocolError(
                f"these orders would be cancelled with their line; cancel them first: {ids}"
            )
        if credentials is not None and type(credentials) is not type(self._seat.credentials):
            raise errors.LocalProtocolError(f"these are not credentials of {self._venue.title}")
        if credentials is not None and self._seat.grant is not None:
            raise errors.LocalProtocolError(
                f"{self._venue.title} gives tokens that renew themselves; for other credentials make another client"
            )
        most = self._venue.limits.connections
        if most is not None and len(self._connections) >= most:
            raise errors.LocalProtocolError(f"{self._venue.title} allows {most} lines, and all are in use")

    async def _change(self, line: str) -> None:
        old, endpoint = self._connections[line], self._lines.endpoint(line)
        new = self._make(line, endpoint, -1 - len(self._connections), express=False)
        new.dials = old.dials
        change = Changeover(
            old, new, self._dispatch.deliver, self._express_of, self._market.topics.last_trade, self._clock.now
        )
        change.begin()
        is_further = endpoint != line
        self._changing = {new}
        try:
            self._keep(new, self._keep_further(new) if is_further else new.run())
            await before(self._clock, self._clock.now() + LOGON_SECONDS * NANOS_PER_SECOND, change.ready())
        except TimeoutError:
            change.abandon()
            reason = f"the new line could not take over within {LOGON_SECONDS} s"
            raise errors.ConnectFailed(f"{self._venue.title}, line {line}", reason) from None
        except BaseException:
            change.abandon()
            raise
        finally:
            self._changing = set()
        await self._let_go(change)
        if is_further:
            self.spawn(self._retire(new))

    async def _let_go(self, change: Changeover) -> None:
        """The new line is the line; the old one is closed when it has answered what it was asked."""
        line = change.new.session.line
        self._connections[line], self._changing = change.new, {change.old}
        change.switch()
        self._dispatch.changed(line)
        self._metrics.count("changeovers", line=line)
        try:
            await before(self._clock, self._clock.now() + self._venue.limits.answer, change.drained())
        except TimeoutError:
            logger.warning("%s: the old line %s was let go with requests unanswered", self._venue.name, line)
        finally:
            change.finish()
            self._changing = set()

    def _express_of(self, connection: Connection) -> Take | None:
        session = connection.session
        return self._express.of_line(self._lines.endpoint(session.line), session)
