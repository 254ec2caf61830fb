"""Client: one account at one venue."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, TypeAlias, get_args

from venuewire import errors
from venuewire.client import config
from venuewire.client.connection import Connection
from venuewire.client.desk import Desk
from venuewire.client.live import LiveBook, LiveOrder
from venuewire.client.market import READER_BOUND, MarketData
from venuewire.client.requests import Requests
from venuewire.client.stream import FanOut, Stream
from venuewire.model.account import Balance, Position
from venuewire.model.instrument import Instrument
from venuewire.model.market import BookSnapshot, BookUpdate, Quote, Trade
from venuewire.model.orders import CancelReject, ExecutionReport, NewOrder
from venuewire.model.session import (
    Damaged,
    Event,
    Holdings,
    LoggedOn,
    LoggedOut,
    LogonRejected,
    Missed,
    OrderMassStatusRequest,
    RequestForPositions,
    SecurityList,
    SecurityListRequest,
    SessionEvent,
    Subscribe,
    Unanswered,
    Unknown,
    VenueStatus,
)
from venuewire.model.terms import NANOS_PER_SECOND, Channel
from venuewire.session.session import Session
from venuewire.session.states import SessionState
from venuewire.transport.clock import Clock, SystemClock
from venuewire.transport.http import SocketNetwork
from venuewire.transport.network import Network
from venuewire.venue import Credentials, Seat, Venue
from venuewire.venues import find

logger = logging.getLogger("venuewire.client")

LOGON_SECONDS = 30
# Lines that share a grant renew one after the other, so that the second finds what the first obtained.
RENEW_STAGGER = 5 * NANOS_PER_SECOND

News: TypeAlias = SessionEvent | Unknown | VenueStatus | Position | Balance


def connect(
    venue: str,
    credentials: Credentials | None = None,
    *,
    symbols: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    network: Network | None = None,
    clock: Clock | None = None,
) -> Client:
    """A client of `venue`; use it as `async with`, which logs on and comes back when everything is ready.

    Without `credentials` they are looked for in the environment (by the names the official SDKs use), in
    `venuewire.toml`, and in the keyring; `ConfigError` says what is missing. `symbols` narrows the list of
    instruments where a venue has very many. `settings` are the venue's switches, listed in its page.
    """
    found = find(venue)
    return Client(
        found,
        credentials or config.credentials(found),
        symbols=tuple(symbols),
        settings=settings,
        network=network,
        clock=clock,
    )


class Client:
    """One account at one venue: its lines, kept; its books, trades, quotes, orders, positions.

    Leaving the `async with` closes the lines; it does not cancel orders.
    """

    def __init__(
        self,
        venue: Venue,
        credentials: Credentials,
        *,
        symbols: tuple[str, ...] = (),
        settings: Mapping[str, Any] | None = None,
        network: Network | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.venue = venue
        self.clock: Clock = clock or SystemClock()
        self._symbols = symbols
        self._network: Network = network or SocketNetwork(credentials.ca)
        self.seat = Seat(credentials, unique=_unique, random_hex=_random_hex, settings=settings)
        urls = {endpoint.name: endpoint.production for endpoint in venue.endpoints} | credentials.endpoints
        self.connections = {line: self._connection(line, position, urls) for position, line in enumerate(venue.lines)}
        self._requests = Requests(venue, self.connections, self.clock)
        self.market = MarketData(self._requests, self.seat, venue.capabilities, venue.limits, self.clock, self._spawn)
        self.desk = Desk(venue, self._requests, self.seat, self.clock, account="")
        self._news: FanOut[News] = FanOut(self.clock.now)
        self._ready: dict[str, asyncio.Event] = {line: asyncio.Event() for line in venue.lines}
        self._refused: LogonRejected | None = None
        self._last_trouble = ""
        self._tasks: asyncio.TaskGroup | None = None
        self._runner: asyncio.Task[None] | None = None
        self._started = False
        self._closing = asyncio.Event()
        self._table: dict[type, Callable[[Connection, Any], None]] = self._dispatch_table()

    def _connection(self, line: str, position: int, urls: dict[str, str]) -> Connection:
        venue = self.venue
        initiator = venue.initiator(line, self.seat)
        session = Session(
            line,
            initiator,
            self.seat,
            venue.limits,
            venue.capabilities,
            renew_early=(len(venue.lines) - 1 - position) * RENEW_STAGGER,
        )
        return Connection(
            session,
            initiator,
            urls=urls,
            network=self._network,
            clock=self.clock,
            limits=venue.limits,
            deliver=self._deliver,
            draw=random.random,
        )

    # ------------------------------------------------------------------ life

    async def __aenter__(self) -> Self:
        """Log on, learn the instruments, take up orders and positions. Raises `LogonRejected`, `ConnectFailed`."""
        self._runner = asyncio.create_task(self._run(), name=f"client of {self.venue.name}")
        try:
            await self._within(self._start())
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def close(self) -> None:
        """Close the lines and let go of everything; the same as leaving the `async with`."""
        await self._stop()

    async def _run(self) -> None:
        """Owns every task of this client."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for connection in self.connections.values():
                tasks.create_task(connection.run(), name=f"{self.venue.name} {connection.session.line}")
            await self._closing.wait()
            for connection in self.connections.values():
                connection.close()

    async def _stop(self) -> None:
        runner, self._runner = self._runner, None
        if runner is None:
            return
        closed = errors.NotLoggedOn("of a closed client")
        self._requests.end(closed)
        self.market.end(None)
        self._news.end()
        self._closing.set()
        try:
            async with asyncio.timeout(5):
                await runner
        except TimeoutError:
            logger.warning("client of %s: lines did not close in time and were cut", self.venue.name)
        finally:
            await self._network.close()

    async def _within(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` while the lines live; if they fail, that is the error."""
        assert self._runner is not None
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait((task, self._runner), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await self._runner
                raise errors.NotLoggedOn("of a closed client")
            task.result()
        finally:
            task.cancel()

    async def _start(self) -> None:
        await self._log_on()
        instruments = await self._requests.ask(SecurityListRequest(symbols=self._symbols))
        if not isinstance(instruments, SecurityList):
            raise errors.RemoteProtocolError("the venue did not answer with its instruments")
        self.seat.know(instruments.instruments)
        for channel in (Channel.ORDERS, Channel.POSITIONS):
            if channel in self.venue.capabilities.channels:
                await self._requests.ask(Subscribe(channel=channel))
        await self.desk.sync()
        self._started = True

    async def _log_on(self) -> None:
        try:
            async with asyncio.timeout(LOGON_SECONDS):
                for line in self.venue.lines:
                    await self._ready[line].wait()
                    self._raise_refusal()
        except TimeoutError:
            waiting = [line for line, ready in self._ready.items() if not ready.is_set()]
            reason = self._last_trouble or f"not logged on within {LOGON_SECONDS} s"
            raise errors.ConnectFailed(f"{self.venue.title}, line {', '.join(waiting)}", reason) from None

    def _raise_refusal(self) -> None:
        if self._refused is not None:
            raise errors.LogonRejected(self._refused.line, self._refused.code, self._refused.text)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if self._tasks is None or self._closing.is_set():
            work.close()
        else:
            self._tasks.create_task(work)

    # ------------------------------------------------------------------ market data

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """What is traded here, by symbol."""
        return self.seat.instruments

    def book(self, symbol: str) -> LiveBook:
        """The book of a symbol: `async with client.book("BTC-USD") as book`. Raises `LocalProtocolError`."""
        return self.market.book(symbol)

    def trades(self, symbol: str, *, bound: int = READER_BOUND) -> AbstractAsyncContextManager[Stream[Trade]]:
        """Public trades: `async with client.trades(symbol) as trades: async for trade in trades`."""
        return self.market.topic(self.market.trades, Channel.TRADES, symbol, bound)

    def quotes(self, symbol: str, *, bound: int = READER_BOUND) -> AbstractAsyncContextManager[Stream[Quote]]:
        """Best bid and ask as the venue's quote channel tells them."""
        return self.market.topic(self.market.quotes, Channel.QUOTES, symbol, bound)

    # ------------------------------------------------------------------ orders

    async def place(self, order: NewOrder) -> LiveOrder:
        """See `Desk.place`."""
        return await self.desk.place(order)

    async def replace(
        self,
        order: LiveOrder,
        *,
        order_qty: Decimal | str | int | None = None,
        price: Decimal | str | int | None = None,
        stop_px: Decimal | str | int | None = None,
    ) -> LiveOrder:
        """See `Desk.replace`."""
        return await self.desk.replace(order, order_qty=order_qty, price=price, stop_px=stop_px)

    async def cancel(self, order: LiveOrder) -> LiveOrder:
        """See `Desk.cancel`."""
        return await self.desk.cancel(order)

    async def cancel_all(self, symbol: str | None = None) -> None:
        """See `Desk.cancel_all`."""
        await self.desk.cancel_all(symbol)

    def orders(self) -> list[LiveOrder]:
        """Every working order of the account, as the pushes have told."""
        return self.desk.open_orders()

    async def refresh_orders(self) -> list[LiveOrder]:
        """The same after asking the venue."""
        await self.desk.sync()
        return self.desk.open_orders()

    async def positions(self) -> list[Position]:
        """Positions, asked from the venue now."""
        return list((await self._holdings()).positions)

    async def balances(self) -> list[Balance]:
        """Balances, asked from the venue now."""
        return list((await self._holdings()).balances)

    async def _holdings(self) -> Holdings:
        answer = await self._requests.ask(RequestForPositions())
        if not isinstance(answer, Holdings):
            raise errors.RemoteProtocolError("the venue did not answer with positions")
        return answer

    # ------------------------------------------------------------------ health

    def events(self) -> Stream[News]:
        """What the lines tell of themselves, from now on; never dropped."""
        return self._news.open(None)

    async def wait_ready(self) -> None:
        """Return when every line is logged on."""
        for ready in self._ready.values():
            await ready.wait()
        self._raise_refusal()

    def health(self) -> dict[str, Any]:
        """How it stands, for people and monitors: lines, books, readers."""
        now = self.clock.now()
        return {
            "venue": self.venue.name,
            "lines": {
                line: {**connection.session.describe(now), "dials": connection.dials}
                for line, connection in self.connections.items()
            },
            "books": {
                symbol: {
                    "trust": str(book.trust),
                    "cause": book.keeper.cause,
                    "updates": book.keeper.updates,
                    "resyncs": book.keeper.resyncs,
                    "dropped_by_readers": book.readers.dropped,
                }
                for symbol, book in self.market.books.items()
            },
            "orders": {"open": sum(1 for _ in self.desk.blotter.open_orders())},
        }

    # ------------------------------------------------------------------ dispatch: every event passes here, once

    def _dispatch_table(self) -> dict[type, Callable[[Connection, Any], None]]:
        return {
            Trade: self._on_trade,
            Quote: self._on_quote,
            ExecutionReport: self._on_report,
            CancelReject: self._on_cancel_reject,
            LoggedOn: self._on_logged_on,
            LoggedOut: self._on_logged_out,
            LogonRejected: self._on_logon_rejected,
            Missed: self._on_missed,
            Damaged: self._on_damaged,
            Unanswered: self._on_unanswered,
        }

    def _deliver(self, connection: Connection, events: Sequence[Event | SessionEvent]) -> None:
        for event in events:
            kind = type(event)
            if kind is BookUpdate or kind is BookSnapshot:
                self.market.applied(event)  # type: ignore[arg-type]  # the line above says what it is
                continue
            act = self._table.get(kind)
            if act is not None:
                act(connection, event)
            if kind in _NEWS and self._news:
                self._news.put(event)  # type: ignore[arg-type]  # of _NEWS
            ref = getattr(event, "ref", None)
            if ref:
                self._requests.answered(ref, event)  # type: ignore[arg-type]

    def _on_trade(self, _: Connection, trade: Trade) -> None:
        topic = self.market.trades.get(trade.symbol)
        if topic is not None:
            topic.put(trade)

    def _on_quote(self, _: Connection, quote: Quote) -> None:
        topic = self.market.quotes.get(quote.symbol)
        if topic is not None:
            topic.put(quote)

    def _on_report(self, _: Connection, report: ExecutionReport) -> None:
        self.desk.apply(report)

    def _on_cancel_reject(self, _: Connection, reject: CancelReject) -> None:
        self.desk.reject_cancel(reject)

    def _on_logged_on(self, connection: Connection, event: LoggedOn) -> None:
        self._ready[event.line].set()
        if event.epoch > 1:
            self.market.restoring(event.line)
            if self._started and self._carries_orders(connection):
                self._spawn(self._sync_after_loss())

    def _carries_orders(self, connection: Connection) -> bool:
        return self._requests.connection_of(OrderMassStatusRequest()) is connection

    async def _sync_after_loss(self) -> None:
        try:
            await self.desk.sync()
        except errors.VenueError as error:
            logger.warning("orders of %s could not be compared after a reconnect: %s", self.venue.name, error)

    def _on_logged_out(self, _: Connection, event: LoggedOut) -> None:
        self._last_trouble = event.text
        self._ready[event.line].clear()
        self.market.stale(event.text or "the line was lost", event.line)

    def _on_logon_rejected(self, connection: Connection, event: LogonRejected) -> None:
        self._last_trouble = f"logon refused: {event.text} (code {event.code})"
        if connection.session.state is not SessionState.REFUSED:
            return  # passing trouble, such as too many dials: it is tried again
        self._refused = event
        for ready in self._ready.values():
            ready.set()

    def _on_missed(self, _: Connection, event: Missed) -> None:
        self.market.suspect(f"message {event.expected} expected, {event.got} came", event.line)

    def _on_damaged(self, _: Connection, event: Damaged) -> None:
        self.market.suspect(f"a message could not be read: {event.text}", event.line)

    def _on_unanswered(self, connection: Connection, event: Unanswered) -> None:
        self.desk.unanswered(event)
        self._requests.unanswered(event, connection.session.line)


_NEWS: frozenset[type] = frozenset({*get_args(SessionEvent), Unknown, VenueStatus, Position, Balance})


def _random_hex(digits: int) -> str:
    return secrets.token_hex((digits + 1) // 2)[:digits]


class _UniqueNumbers:
    """Microseconds of the wall clock, pushed on where two would be equal: growing, over restarts too, and never the
    same for two clients of one process (they may share a key whose nonces must differ)."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> int:
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return self._last


_unique = _UniqueNumbers()
