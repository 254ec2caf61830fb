"""Dispatch: every event of every line passes here, once, and goes to the room it belongs to.

What the lines tell of themselves is kept here: which are ready, which were refused, what last went wrong.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeAlias, get_args

from venuewire import errors
from venuewire.client.connection import Connection
from venuewire.client.desk import Desk
from venuewire.client.market import MarketData
from venuewire.client.metrics import Metrics
from venuewire.client.offset import Offset
from venuewire.client.requests import Requests
from venuewire.client.stream import FanOut
from venuewire.client.subscription import Subscription
from venuewire.client.waiting import FIRST_PAUSE, LONGEST_PAUSE, before
from venuewire.model.account import AccountSummary, Balance, Position
from venuewire.model.market import Bar, BookSnapshot, BookUpdate, Quote, SecurityStatus, Trade
from venuewire.model.orders import CancelReject, ExecutionReport
from venuewire.model.session import (
    Damaged,
    Degraded,
    Event,
    GrantInvalidated,
    Heartbeat,
    LoggedOn,
    LoggedOut,
    LogonRejected,
    Missed,
    OrderMassStatusRequest,
    Renewed,
    SecurityList,
    SessionEvent,
    Subscribe,
    Unanswered,
    Unknown,
    VenueNews,
    VenueStatus,
)
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos
from venuewire.session.states import LOGGED_ON, SessionState
from venuewire.transport.clock import Clock
from venuewire.venue import Seat, Venue

logger = logging.getLogger("venuewire.client")

News: TypeAlias = SessionEvent | Unknown | VenueStatus | GrantInvalidated | Position | Balance | VenueNews
_NEWS: frozenset[type] = frozenset(get_args(News)) - {VenueNews}


class Dispatch:
    """Of one client."""

    def __init__(
        self,
        venue: Venue,
        seat: Seat,
        connections: Mapping[str, Connection],
        requests: Requests,
        market: MarketData,
        desk: Desk,
        *,
        clock: Clock,
        metrics: Metrics,
        offset: Offset,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        is_closing: Callable[[], bool],
    ) -> None:
        self.connections = connections
        self.ready: dict[str, asyncio.Event] = {line: asyncio.Event() for line in venue.lines}
        """Set while a line is logged on; and when nobody should wait for it any more."""
        self.refused: dict[str, LogonRejected] = {}
        self.trouble = ""
        """What last went wrong with a line; empty when all is well again."""
        self.news: FanOut[News] = FanOut(clock.now)
        self.started = False
        """Has the client begun, so that there is something to miss?"""
        self._venue = venue
        self._seat = seat
        self._requests = requests
        self._market = market
        self._desk = desk
        self._clock = clock
        self._metrics = metrics
        self._offset = offset
        self._spawn = spawn
        self._is_closing = is_closing
        self._own: dict[Channel, Subscription] = {}
        """The account's own channels, held as long as the client."""
        self._away: dict[str, tuple[int, asyncio.Event]] = {}
        """Lines whose venue has said that it is down: in which life, and what is set when it is up."""
        self._ended_grants: set[str] = set()
        """Lines whose grant the venue has ended: with the next they get their subscriptions anew."""
        self._syncing = False
        self._sync_again = False
        self._table: dict[type, Callable[[Connection, Any], None]] = self._dispatch_table()

    def not_ready(self) -> list[str]:
        """Lines that are not logged on."""
        return [line for line, connection in self.connections.items() if connection.session.state not in LOGGED_ON]

    def forget(self, line: str) -> None:
        """A further line has been closed."""
        self.ready.pop(line).set()
        self.refused.pop(line, None)
        self._away.pop(line, None)

    def changed(self, line: str) -> None:
        """Another connection, logged on, is this line from now on."""
        self._ended_grants.discard(line)
        self.ready[line].set()

    def end(self, fault: errors.VenueError | None) -> None:
        """Nobody waits for ever."""
        self.news.end(fault)
        for ready in self.ready.values():
            ready.set()

    # ------------------------------------------------------------------ every event

    def _dispatch_table(self) -> dict[type, Callable[[Connection, Any], None]]:
        topics = self._market.topics
        return {
            Trade: lambda _, trade: topics.put_trade(trade),
            Quote: lambda _, quote: topics.put_quote(quote),
            Bar: lambda _, bar: topics.put_bar(bar),
            SecurityStatus: lambda _, status: topics.put_status(status),
            AccountSummary: lambda _, summary: topics.put_summary(summary),
            VenueNews: self._on_venue_news,
            SecurityList: lambda _, listed: self._seat.know(listed.instruments),
            ExecutionReport: self._on_report,
            Position: self._on_position,
            CancelReject: self._on_cancel_reject,
            LoggedOn: self._on_logged_on,
            Renewed: self._on_renewed,
            Degraded: self._on_degraded,
            LoggedOut: self._on_logged_out,
            LogonRejected: self._on_logon_rejected,
            GrantInvalidated: self._on_grant_ended,
            VenueStatus: self._on_venue_status,
            Heartbeat: self._on_heartbeat,
            Missed: self._on_missed,
            Damaged: self._on_damaged,
            Unanswered: self._on_unanswered,
        }

    def deliver(self, connection: Connection, events: Sequence[Event | SessionEvent]) -> None:
        for event in events:
            kind = type(event)
            if kind is BookUpdate or kind is BookSnapshot:
                self._market.applied(event)  # type: ignore[arg-type]  # the line above says what it is
                continue
            act = self._table.get(kind)
            if act is not None:
                act(connection, event)
            if kind in _NEWS and self.news:
                self.news.put(event)  # type: ignore[arg-type]  # of _NEWS
            ref = getattr(event, "ref", None)
            if ref:
                self._requests.answered(ref, event)  # type: ignore[arg-type]

    def _on_venue_news(self, _: Connection, news: VenueNews) -> None:
        """To the feed it belongs to; what nobody asked for is news of the session."""
        if news.ref is not None:
            self._market.topics.put_news(news)
        elif self.news:
            self.news.put(news)

    def _on_report(self, _: Connection, report: ExecutionReport) -> None:
        self._desk.apply(report)

    def _on_position(self, _: Connection, position: Position) -> None:
        self._desk.positioned(position)

    def _on_cancel_reject(self, _: Connection, reject: CancelReject) -> None:
        self._desk.reject_cancel(reject)

    def _on_heartbeat(self, _: Connection, beat: Heartbeat) -> None:
        if beat.transact_time and beat.recv_time:
            self._seat.clock_offset = self._offset.note_frame(beat.transact_time, beat.recv_time)

    # ---- the life of a line

    def _on_logged_on(self, connection: Connection, event: LoggedOn) -> None:
        self.trouble = connection.trouble = ""
        self.ready[event.line].set()
        self._ended_grants.discard(event.line)
        self._metrics.count("logons", line=event.line)
        self._note_grant(event.line, event.expires_at)
        if event.epoch > 1:
            self._metrics.count("reconnects", line=event.line)
            self._market.restoring(event.line)
            if self._tells_of_orders(connection):
                self.sync_orders()

    def _tells_of_orders(self, connection: Connection) -> bool:
        """Does news of our orders, or the list of them, come over this line?"""
        own = self._own.get(Channel.ORDERS)
        line = connection.session.line
        return self._requests.connection_of(OrderMassStatusRequest()) is connection or (
            own is not None and own.line == line
        )

    def _on_renewed(self, connection: Connection, event: Renewed) -> None:
        self._metrics.count("renewals", line=event.line)
        self._note_grant(event.line, event.expires_at)
        if event.line in self._ended_grants:
            self._ended_grants.discard(event.line)
            self._market.restoring(event.line)
            if self._tells_of_orders(connection):
                self.sync_orders()

    def _note_grant(self, line: str, expires_at: Nanos | None) -> None:
        if expires_at is not None:
            left = (expires_at - self._clock.now()) / NANOS_PER_SECOND
            self._metrics.gauge("grant_seconds_left", left, line=line)
        self._metrics.gauge("clock_offset_seconds", self._seat.clock_offset / NANOS_PER_SECOND)

    def _on_degraded(self, connection: Connection, event: Degraded) -> None:
        self.trouble = connection.trouble = f"renewal failed: {event.text}"
        self._metrics.count("failed_renewals", line=event.line)

    def _on_grant_ended(self, connection: Connection, event: GrantInvalidated) -> None:
        """With the grant goes what was subscribed under it, at some venues without a word."""
        line = connection.session.line
        if line not in self._ended_grants and connection.session.state in LOGGED_ON:
            self._ended_grants.add(line)
            self._market.stale(f"the venue ended our grant: {event.text}", line)
            self._miss_orders(connection, f"the venue ended our grant: {event.text}")

    def _on_logged_out(self, connection: Connection, event: LoggedOut) -> None:
        if not event.requested:
            self.trouble = connection.trouble = event.text
        self._ended_grants.discard(event.line)
        if not self._is_closing():
            self.ready[event.line].clear()
        self._market.stale(event.text or "the line was lost", event.line)
        if not event.requested:
            self._miss_orders(connection, event.text or "the line was lost")

    def _on_logon_rejected(self, connection: Connection, event: LogonRejected) -> None:
        self.trouble = connection.trouble = f"logon refused: {event.text} (code {event.code})"
        self._metrics.count("logon_refusals", line=event.line)
        if connection.session.state is not SessionState.REFUSED:
            return  # passing trouble, such as too many dials: it is tried again
        self.refused[event.line] = event
        error = errors.LogonRejected(event.line, event.code, event.text)
        self._requests.refused(error)
        self._market.end_line(event.line, error)
        for ready in self.ready.values():  # those who wait for other lines hear of it, too
            ready.set()
        for line in self.not_ready():
            if line not in self.refused:
                self.ready[line] = asyncio.Event()

    def let_lines_look(self) -> None:
        """A fetch is over: lines that waited for its grant may go on."""
        for connection in tuple(self.connections.values()):
            if connection.session.waits_for_grant:
                connection.look()

    # ---- the venue behind the line

    def _on_venue_status(self, connection: Connection, status: VenueStatus) -> None:
        line, session = connection.session.line, connection.session
        epoch, up = self._away.get(line, (0, None))
        if session.venue_up:
            if up is not None and epoch == session.epoch:
                # It restores by itself what was subscribed: the snapshots are on their way.
                self._market.restoring(line)
                up.set()
        elif epoch != session.epoch:
            self.trouble = connection.trouble = f"the venue is down: {status.text} (code {status.code})"
            self._market.stale(f"the venue is down: {status.text}", line)
            self._miss_orders(connection, f"the venue is down: {status.text}")
            self._away[line] = session.epoch, asyncio.Event()
            self._spawn(self._until_up(connection, *self._away[line]))

    async def _until_up(self, connection: Connection, epoch: int, up: asyncio.Event) -> None:
        """Wait for the venue quietly. Some do not say when they are back: a request now and then finds out."""
        session, pause = connection.session, 2 * FIRST_PAUSE
        while session.epoch == epoch and not up.is_set():
            try:
                await before(self._clock, self._clock.now() + pause, up.wait())
            except TimeoutError:
                pause = min(2 * pause, LONGEST_PAUSE)
                if session.epoch == epoch and session.state in LOGGED_ON and await self._is_up(connection):
                    self._market.renew(session.line)
                    break
        if self._away.get(session.line) == (epoch, up):
            del self._away[session.line]
        if session.epoch == epoch and session.state in LOGGED_ON:
            self.trouble = connection.trouble = ""
            self.sync_orders()

    async def _is_up(self, connection: Connection) -> bool:
        if not connection.session.venue_up:
            try:
                await self._desk.sync()
            except errors.VenueError as error:
                logger.debug("%s is not up yet: %s", self._venue.name, error)
                return False
            connection.session.venue_answers()
        return True

    # ---- what was missed

    def _on_missed(self, connection: Connection, event: Missed) -> None:
        self._metrics.count("missed", line=event.line)
        self._doubt(connection, f"message {event.expected} expected, {event.got} came")

    def _on_damaged(self, connection: Connection, event: Damaged) -> None:
        self._metrics.count("damaged", line=event.line)
        self._doubt(connection, f"a message could not be read: {event.text}")

    def _doubt(self, connection: Connection, cause: str) -> None:
        self._market.suspect(cause, connection.session.line)
        self._miss_orders(connection, cause)
        if self._tells_of_orders(connection):
            self.sync_orders()

    def _miss_orders(self, connection: Connection, cause: str) -> None:
        """News of our orders may be missing, if this line tells it. At the start there is nothing to miss yet."""
        if self.started and self._tells_of_orders(connection):
            self._desk.missed(cause, connection.session.last_received)

    def _on_unanswered(self, connection: Connection, event: Unanswered) -> None:
        self._metrics.count("unanswered", line=connection.session.line, what=type(event.command).__name__)
        self._desk.unanswered(event)
        self._requests.unanswered(event, connection.session.line)

    # ------------------------------------------------------------------ own orders and positions

    async def hold_own(self) -> None:
        """Subscribe to the account's own channels, as far as the venue has them, and wait until it has taken that."""
        for channel in (Channel.ORDERS, Channel.POSITIONS):
            if channel in self._venue.capabilities.channels:
                if channel not in self._own or self._own[channel].is_refused:
                    wanted = Subscribe(channel=channel)
                    self._own[channel] = Subscription(self._requests, wanted, self._own_lost(channel))
                await self._own[channel].accepted()

    def _own_lost(self, channel: Channel) -> Callable[[errors.VenueError], None]:
        def lost(error: errors.VenueError) -> None:
            logger.warning("%s: the subscription to own %s was lost: %s", self._venue.name, channel, error)
            if channel is Channel.ORDERS and self.started:
                self._desk.missed(f"the subscription was lost: {error}", 0)
            self._spawn(self._renew_own(channel))

        return lost

    async def _renew_own(self, channel: Channel) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._own[channel].renew()
            except (errors.TransportError, errors.NotLoggedOn):
                return  # the line is gone: with it comes the subscription
            except errors.VenueError as error:
                logger.warning("%s: own %s still not subscribed: %s", self._venue.name, channel, error)
                await self._clock.sleep_until(self._clock.now() + pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self.sync_orders()
                return

    def sync_orders(self) -> None:
        """Something of our own orders may have been missed: ask where each stands, until the venue has said."""
        if not self.started:
            return  # the start asks for itself
        self._sync_again = True
        if not self._syncing:
            self._syncing = True
            self._spawn(self._sync_until_done())

    async def _sync_until_done(self) -> None:
        pause = FIRST_PAUSE
        try:
            while self._sync_again:
                self._sync_again = False
                try:
                    await self._desk.sync()
                except errors.NotLoggedOn:
                    return  # the line's return asks again
                except errors.VenueError as error:
                    logger.warning("orders of %s could not be compared: %s", self._venue.name, error)
                    self._sync_again = True
                    await self._clock.sleep_until(self._clock.now() + pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            self._syncing = False
