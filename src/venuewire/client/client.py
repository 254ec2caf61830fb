"""Client: one account at one venue."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from msgspec import Struct

from venuewire import errors
from venuewire.book import twins
from venuewire.client import config
from venuewire.client.budgets import budgets_of
from venuewire.client.connection import Connection
from venuewire.client.desk import Desk
from venuewire.client.dispatch import Dispatch, News
from venuewire.client.express import ExpressBooks
from venuewire.client.guarding import Guard, Guarding
from venuewire.client.limits import LimitCheck, OrderLimits, Top
from venuewire.client.lines import Lines
from venuewire.client.live import BOOK_READER_BOUND, LiveBook, LiveOrder, OrderNews
from venuewire.client.market import READER_BOUND, MarketData, unknown_symbol
from venuewire.client.metrics import KeptMetrics, Metrics
from venuewire.client.offset import Offset
from venuewire.client.requests import Requests
from venuewire.client.stream import Policy, Stream, policy
from venuewire.client.tokens import Store, Tokens
from venuewire.client.upkeep import LOGON_SECONDS, Upkeep
from venuewire.client.waiting import FIRST_PAUSE, before
from venuewire.client.winding import StopReport, Winding, at_work
from venuewire.journal import Durability, IdSource, Journal
from venuewire.journal.ids import NUMBERS, Numbers
from venuewire.model.account import AccountSummary, Balance, Position
from venuewire.model.instrument import Instrument
from venuewire.model.market import Bar, Quote, SecurityStatus, Trade
from venuewire.model.orders import NewOrder
from venuewire.model.session import (
    BarRequest,
    Bars,
    Event,
    Holdings,
    OrderEstimate,
    OrderEstimateRequest,
    Reply,
    RequestForPositions,
    SecurityList,
    SecurityListRequest,
    SessionEvent,
    Subscribe,
    VenueNews,
    VenueRequest,
)
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos
from venuewire.session.session import Session
from venuewire.session.states import LOGGED_ON
from venuewire.transport.clock import Clock, SystemClock
from venuewire.transport.entropy import Entropy, SystemEntropy
from venuewire.transport.http import SocketNetwork
from venuewire.transport.network import Network
from venuewire.venue import Credentials, Seat, Venue
from venuewire.venues import find

logger = logging.getLogger("venuewire.client")

# Seconds of the machine's clock that lines have to close; then they are cut.
CLOSING_SECONDS = 5
# Requests of the start that are refused are made again so many times.
START_REFUSALS = 2
# Lines that share a grant renew one after the other, so that the second finds what the first obtained.
RENEW_STAGGER = 5 * NANOS_PER_SECOND


def connect(
    venue: str,
    credentials: Credentials | None = None,
    *,
    symbols: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    network: Network | None = None,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
    store: Store | None = None,
    metrics: Metrics | None = None,
    cadence: Mapping[Channel, Nanos] | None = None,
    journal: Journal | Path | str | None = None,
    durability: Durability = Durability.FULL,
    limits: OrderLimits | None = None,
    guard: Guard | None = None,
) -> Client:
    """A client of `venue`; use it as `async with`, which logs on and comes back when everything is ready.

    Without `credentials` they are looked for in the environment (by the names the official SDKs use), in
    `venuewire.toml`, and in the keyring; `ConfigError` says what is missing. `symbols` narrows the list of
    instruments where a venue has very many. `settings` are the venue's switches, listed in its page.

    `store`: where tokens that work once are kept when the venue gives the next: a file (its newer tokens are used in
    place of the configured ones), or a function that is called with the new credentials before they are relied on.
    Without credentials of your own, `store` of `venuewire.toml` is used. `cadence` sets the longest silence (in
    nanoseconds) of a channel after which it is taken for stale and asked for anew, where you know it better than the
    venue's documents.

    `journal`: the file in which order commands are written down, as `durability` says, before they are sent, and what
    came of them; orders of earlier runs are taken up from it (`client.recovered`). A `Journal` of your own is not
    closed. `limits`: of our own, checked before an order is sent. `guard`: a process that cancels this client's orders
    when it is killed, crashes or hangs; without it standing ready nothing is placed. `network`, `clock` and `entropy`
    are for simulations.
    """
    found = find(venue)
    if credentials is None:
        credentials = config.credentials(found)
        store = config.store(found) if store is None else store
    return Client(
        found,
        credentials,
        symbols=tuple(symbols),
        settings=settings,
        network=network,
        clock=clock,
        entropy=entropy,
        store=store,
        metrics=metrics,
        cadence=cadence,
        journal=journal,
        durability=durability,
        limits=limits,
        guard=guard,
    )


class Client:
    """One account at one venue: its lines, kept; its books, trades, quotes, orders, positions.

    Used once, as `async with`. Leaving it closes the lines; it does not cancel orders. A fault of ours ends the client:
    whoever waits, and the `async with` itself, gets `ClientFailed`.
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
        entropy: Entropy | None = None,
        store: Store | None = None,
        metrics: Metrics | None = None,
        cadence: Mapping[Channel, Nanos] | None = None,
        journal: Journal | Path | str | None = None,
        durability: Durability = Durability.FULL,
        limits: OrderLimits | None = None,
        guard: Guard | None = None,
    ) -> None:
        self.venue = venue
        self.clock: Clock = clock or SystemClock()
        self.metrics: Metrics = metrics or KeptMetrics()
        self._symbols = symbols
        self._entropy: Entropy = entropy or SystemEntropy()
        self._network: Network = network or SocketNetwork(credentials.ca)
        self._owns_network = network is None
        self._tokens = Tokens(venue.name, credentials, store, self.clock, self._spawn)
        credentials = self._tokens.credentials
        switches = dict(settings or {})
        self._guarding: Guarding | None = None
        if self._tokens.are_kept or guard is not None:
            switches["store"] = self._keep_credentials
        # By default one source for the process: clients may share a key whose numbers must differ.
        self._numbers: Callable[[], int] = NUMBERS if entropy is None else entropy.unique
        self._ids: IdSource | None = None
        self.seat = Seat(
            credentials,
            unique=self._unique,
            random_hex=self._entropy.hex,
            settings=switches,
            quote_table=twins.quote_table,
        )
        self._express = ExpressBooks(venue, self.seat)
        if guard is not None:
            if network is not None:
                raise errors.ConfigError("a guard is a process of its own: it cannot come into a simulated network")
            self._guarding = Guarding(guard, venue, self.seat, symbols, self.clock)
        self._offset = Offset()
        self.recovered: list[LiveOrder] = []
        """Our orders of earlier runs that were not known to have ended when this one began; from the journal."""
        self._journal_at = journal
        self._durability = durability
        self._journal: Journal | None = None
        self._urls = {endpoint.name: endpoint.production for endpoint in venue.endpoints} | credentials.endpoints
        self._lines = Lines(venue, self._connection, self._begin_further)
        self.connections = self._lines.connections
        self._requests = Requests(self._lines, self.clock)
        # A line's own beat is its session's business (`Limits.liveness`).
        known = {**venue.limits.cadence, **(cadence or {})}
        self._cadence: dict[Channel, Nanos] = {
            channel: span for channel, span in known.items() if channel is not Channel.HEARTBEATS
        }
        self.market = MarketData(
            self._requests,
            self.seat,
            venue.capabilities,
            venue.limits,
            self.clock,
            self._spawn,
            self.metrics,
            self._cadence,
            self._express,
        )
        self.desk = Desk(venue, self._requests, self.seat, self.clock, account="")
        if self._guarding is not None:
            self.desk.keep_guard(self._guarding)
            self._guarding.watch(lambda: at_work(self.desk))
        if limits is not None:
            self.desk.keep_limits(LimitCheck(limits), self._top_of)
        self._fault: errors.VenueError | None = None
        self._runner: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._dispatch = Dispatch(
            venue,
            self.seat,
            self.connections,
            self._requests,
            self.market,
            self.desk,
            clock=self.clock,
            metrics=self.metrics,
            offset=self._offset,
            spawn=self._spawn,
            is_closing=self._closing.is_set,
        )
        self._upkeep = Upkeep(
            venue,
            self.seat,
            self._lines,
            self._dispatch,
            self.market,
            self.desk,
            express=self._express,
            make=self._connection,
            closing=self._closing,
            clock=self.clock,
            metrics=self.metrics,
        )

    def _connection(self, line: str, endpoint: str, position: int, *, express: bool = True) -> Connection:
        venue, budgets = self.venue, budgets_of(self._network, self.clock)
        urls = {**self._urls, line: self._urls[endpoint]}
        initiator = venue.initiator(endpoint, self.seat)
        session = Session(
            line,
            initiator,
            self.seat,
            venue.limits,
            venue.capabilities,
            renew_early=(len(venue.lines) - 1 - position) * RENEW_STAGGER,
            fetch_pacer=budgets.fetches(venue, urls.get("http", urls[line])),
            send_pacer=budgets.sends(venue, urls[line]),
            intake=twins.intake(),
        )
        return Connection(
            session,
            initiator,
            seat=self.seat,
            urls=urls,
            network=self._network,
            clock=self.clock,
            limits=venue.limits,
            deliver=self._deliver,
            draw=self._entropy.draw,
            budget=budgets.dials(venue, urls[line]),
            fetched=self._let_lines_look,
            offset=self._offset,
            refusal=venue.refusal,
            express=self._express.of_line(endpoint, session) if express else None,
        )

    # Lines are made before what they tell has anywhere to go, and before whoever keeps them.

    def _deliver(self, connection: Connection, events: Sequence[Event | SessionEvent]) -> None:
        self._dispatch.deliver(connection, events)

    def _let_lines_look(self) -> None:
        self._dispatch.let_lines_look()

    def _begin_further(self, connection: Connection) -> None:
        self._upkeep.begin_further(connection)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        self._upkeep.spawn(work)

    # ------------------------------------------------------------------ the journal

    def _unique(self) -> int:
        """A number never used before; ids of orders and requests are made of them."""
        if self._ids is not None:
            try:
                return self._ids.unique()
            except errors.JournalError as error:
                # New orders are refused by the journal itself; logons, beats and cancels must go on.
                logger.warning("%s: an id that is not reserved in the journal: %s", self.venue.name, error)
        return self._numbers()

    def _open_journal(self) -> None:
        """Before the first line is dialled. Raises `JournalError`."""
        at = self._journal_at
        if at is None:
            return
        if isinstance(at, Journal):
            journal = at
        else:
            if not isinstance(self._numbers, Numbers):
                self._numbers = Numbers(lambda: self.clock.now() // 1_000)
            journal = Journal.open(
                at,
                durability=self._durability,
                clock_now=self.clock.now,
                venue=self.venue.name,
                numbers=self._numbers,
            )
            self._journal = journal
        self.recovered = self.desk.keep_journal(journal)
        self._ids = journal.ids()

    def _close_journal(self) -> None:
        """After the lines: what they still told is in it."""
        journal, self._journal = self._journal, None
        if journal is not None:
            self._ids = None
            journal.close()

    # ------------------------------------------------------------------ life

    async def __aenter__(self) -> Self:
        """Log on, learn the instruments, take up orders and positions.

        Raises `LogonRejected`, `ConnectFailed`, and before anything is dialled `JournalError`.
        """
        if self._runner is not None or self._closing.is_set():
            raise errors.LocalProtocolError("a client is used once; make another with connect(...)")
        try:
            self._open_journal()
        except BaseException:
            self._close_journal()
            raise
        self._runner = asyncio.create_task(self._run(), name=f"client of {self.venue.name}")
        self._runner.add_done_callback(self._note_end)
        try:
            await self._start()
            await self._arm()
        except BaseException:
            await self._stop()
            raise
        return self

    async def _arm(self) -> None:
        """Nobody trades before the guard is ready. Raises `ConnectFailed`."""
        guarding = self._guarding
        if guarding is not None:
            self._spawn(guarding.keep())
            try:
                await before(self.clock, self.clock.now() + LOGON_SECONDS * NANOS_PER_SECOND, guarding.armed())
            except TimeoutError:
                raise guarding.unarmed(LOGON_SECONDS) from None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop(orderly=error is None)
        if self._fault is not None and error is None:
            raise self._fault

    async def close(self) -> None:
        """Close the lines and let go of everything; the same as leaving the `async with`."""
        await self.__aexit__(None, None, None)

    async def _run(self) -> None:
        """Owns everything of this client that runs."""
        await self._upkeep.run(self._watch_silence(), lambda: self._end(errors.NotLoggedOn("of a closed client")))

    def _note_end(self, runner: asyncio.Task[None]) -> None:
        """Everything of this client is over. If that is our fault, everybody who waits is told."""
        self._upkeep.ended()
        if runner.cancelled():
            self._end(errors.NotLoggedOn("of a closed client"))
            return
        fault = _innermost(runner.exception())
        if fault is None:
            return
        if isinstance(fault, errors.VenueError):
            self._fault = fault
        else:
            self._fault = errors.ClientFailed(
                f"the client of {self.venue.title} was ended by a fault of its own: {type(fault).__name__}"
            )
            self._fault.__cause__ = fault
        logger.error("%s", self._fault, exc_info=fault)
        self._end(self._fault)

    def _end(self, error: errors.VenueError) -> None:
        """Nobody waits for ever."""
        self._requests.end(error)
        self.market.end(None if self._fault is None else error)
        self.desk.end(error)
        self.desk.readers.end(self._fault)
        self._dispatch.end(self._fault)

    async def _stop(self, *, orderly: bool = True) -> None:
        """A guard is disarmed, unless an exception or a fault of ours ends us."""
        runner = self._runner
        if runner is None:
            return
        if self._guarding is not None:
            self._guarding.part(orderly=orderly and self._fault is None)
        self._closing.set()
        if not runner.done():
            await asyncio.wait((runner,), timeout=CLOSING_SECONDS)
        if not runner.done():
            logger.warning("client of %s: lines did not close in time and were cut", self.venue.name)
            runner.cancel()
            await asyncio.wait((runner,))
        self._close_journal()
        if self._guarding is not None:
            await self._guarding.gone()
        if self._owns_network:
            await self._network.close()

    # ------------------------------------------------------------------ beginning

    async def _start(self) -> None:
        deadline = self.clock.now() + LOGON_SECONDS * NANOS_PER_SECOND
        try:
            await before(self.clock, deadline, self._take_up())
        except TimeoutError:
            waiting = [line for line, ready in self._dispatch.ready.items() if not ready.is_set()]
            reason = self._dispatch.trouble or f"not ready within {LOGON_SECONDS} s"
            where = f", line {', '.join(waiting)}" if waiting else ""
            raise errors.ConnectFailed(f"{self.venue.title}{where}", reason) from None
        self._dispatch.started = True
        self.desk.begin()

    async def _take_up(self) -> None:
        """Log on and learn what there is; begun again when a line is lost meanwhile, or a token ended just then."""
        refusals = 0
        while True:
            await self.wait_ready()
            try:
                await self._learn()
            except (errors.TransportError, errors.NotLoggedOn, errors.RequestTimedOut, errors.RequestRejected) as error:
                refusals += isinstance(error, errors.RequestRejected)
                if self._closing.is_set() or self._fault is not None or refusals > START_REFUSALS:
                    raise
                self._dispatch.trouble = str(error)
                await self.clock.sleep_until(self.clock.now() + (FIRST_PAUSE // 4 << refusals))
            else:
                return

    async def _learn(self) -> None:
        try:
            instruments = await self._requests.ask(SecurityListRequest(symbols=self._symbols))
        except errors.RequestRejected as error:
            raise self._unknown_symbols(error) from None
        if not isinstance(instruments, SecurityList):
            raise errors.RemoteProtocolError("the venue did not answer with its instruments")
        self.seat.know(instruments.instruments)
        await self._dispatch.hold_own()
        await self.desk.sync()

    def _unknown_symbols(self, error: errors.RequestRejected) -> errors.VenueError:
        """A refused list of instruments that was narrowed: to what there is not, where the venue says so."""
        if not self._symbols or error.code not in {"", "404"}:
            return error
        return errors.LocalProtocolError(
            f"unknown symbol {', '.join(self._symbols)} at {self.venue.title}: {error.text or 'there is none'}"
        )

    async def wait_ready(self) -> None:
        """Return when every line is logged on. Raises `LogonRejected`, or what ended the client."""
        while True:
            self._raise_end()
            waiting = [ready for ready in self._dispatch.ready.values() if not ready.is_set()]
            if not waiting:
                return
            await waiting[0].wait()

    def _raise_end(self) -> None:
        if self._fault is not None:
            raise self._fault
        if self._closing.is_set():
            raise errors.NotLoggedOn("of a closed client")
        for refused in self._dispatch.refused.values():
            raise errors.LogonRejected(refused.line, refused.code, refused.text)

    def log_on_again(self) -> None:
        """Dial the lines that were refused once more: the credentials have been put right at the venue."""
        for line in list(self._dispatch.refused):
            del self._dispatch.refused[line]
            self._dispatch.ready[line].clear()
            self.connections[line].allow()

    # ------------------------------------------------------------------ lines that are changed as planned

    async def renew_lines(self, credentials: Credentials | None = None) -> None:
        """Change every line for a new one, made before the old one is let go: books stay LIVE, nothing is missed.

        For keys that are about to be replaced at the venue: with `credentials` the new lines log on with those, and
        everything is signed with them from now on; where the first new line is refused, all stays as it was. Without,
        to leave before a maintenance that was announced for the far end of these lines.

        Raises `LocalProtocolError` while orders are open that end with their line (cancel on disconnect): the change
        would cancel them; and where the venue's tokens renew themselves, for other `credentials`. Raises what keeps a
        new line from taking over, then the old one stands: `LogonRejected`, `ConnectionLost`, `ConnectFailed`,
        `RequestRejected`.
        """
        await self._upkeep.renew(credentials)
        if credentials is not None and self._guarding is not None:
            self._guarding.renewed()

    # ------------------------------------------------------------------ credentials that change

    def _keep_credentials(self, credentials: Credentials) -> None:
        """What a venue calls with the next tokens, before they are used."""
        if self._guarding is not None:
            self._guarding.renewed()
        self._tokens.keep(credentials)

    # ------------------------------------------------------------------ market data

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """What is traded here, by symbol."""
        return self.seat.instruments

    def book(self, symbol: str, *, bound: int = BOOK_READER_BOUND, policy: str = Policy.DROP_OLDEST) -> LiveBook:
        """A hold on the book of a symbol: `async with client.book("BTC-USD") as book`. Raises `LocalProtocolError`.

        `bound` and `policy` (`drop_oldest`, `conflate`, `disconnect`) are those of its stream of changes; the book
        itself is kept whether it is read or not.
        """
        return self.market.book(symbol, bound=bound, policy=_policy(policy))

    def trades(
        self, symbol: str, *, bound: int = READER_BOUND, policy: str = Policy.DROP_OLDEST
    ) -> AbstractAsyncContextManager[Stream[Trade]]:
        """Public trades: `async with client.trades(symbol) as trades: async for trade in trades`."""
        return self.market.reading(Subscribe(channel=Channel.TRADES, symbol=symbol), bound, _policy(policy))

    def quotes(
        self, symbol: str, *, bound: int = READER_BOUND, policy: str = Policy.DROP_OLDEST
    ) -> AbstractAsyncContextManager[Stream[Quote]]:
        """Best bid and ask as the venue's quote channel tells them."""
        return self.market.reading(Subscribe(channel=Channel.QUOTES, symbol=symbol), bound, _policy(policy))

    def live_bars(
        self, symbol: str, period: Nanos, *, bound: int = READER_BOUND, policy: str = Policy.DROP_OLDEST
    ) -> AbstractAsyncContextManager[Stream[Bar]]:
        """Bars as they form: each whenever it changes, `final` once it is over.

        Raises `LocalProtocolError` for a length the venue does not serve; some stream fewer lengths than they have of
        the past, and refuse when the subscription is made.
        """
        self._require_period(period)
        wanted = Subscribe(channel=Channel.BARS, symbol=symbol, period=period)
        return self.market.reading(wanted, bound, _policy(policy))

    def statuses(
        self, symbol: str, *, bound: int = READER_BOUND, policy: str = Policy.DROP_OLDEST
    ) -> AbstractAsyncContextManager[Stream[SecurityStatus]]:
        """Whether, and within which prices, an instrument can be traded."""
        return self.market.reading(Subscribe(channel=Channel.STATUS, symbol=symbol), bound, _policy(policy))

    def summaries(
        self, *, bound: int = READER_BOUND, policy: str = Policy.DROP_OLDEST
    ) -> AbstractAsyncContextManager[Stream[AccountSummary]]:
        """The account as a whole, whenever it changes."""
        return self.market.reading(Subscribe(channel=Channel.SUMMARY), bound, _policy(policy))

    # ------------------------------------------------------------------ what is the venue's own

    def feed(
        self, record: Struct, *, bound: int = READER_BOUND, policy: str = Policy.DROP_OLDEST
    ) -> AbstractAsyncContextManager[Stream[VenueNews]]:
        """A feed for which there is no word here: `record` of the venue's `wire` asks for it, as its page says.

        Each message comes as `VenueNews` with a record of the venue's, and a `Gap` where something was missed; then,
        as on every new line, it is asked for anew (not where the reader itself was too slow). Raises, on entering,
        `LocalProtocolError` for a record that the page does not list, and `RequestRejected` when the venue refuses.
        """
        return self.market.reading(Subscribe(channel=Channel.VENUE, message=record), bound, _policy(policy))

    async def ask(self, record: Struct) -> Struct:
        """A request for which there is no word here: `record` of the venue's `wire`; the venue's answer is another.

        Sent once, whatever becomes of it: after `RequestTimedOut` or `ConnectionLost` nobody knows whether the venue
        has acted, and asking again is up to you. Raises `LocalProtocolError` for a record that the venue's page does
        not list, `RequestRejected` when the venue refuses, and what any request may raise.
        """
        answer = await self._requests.ask(VenueRequest(message=record))
        if not isinstance(answer, Reply):
            raise errors.RemoteProtocolError(f"the venue did not answer {type(record).__name__}")
        return answer.message

    async def preview(self, order: NewOrder) -> OrderEstimate:
        """What the venue expects of an order; nothing is placed. Raises as `place` does before it sends."""
        if not self.venue.capabilities.order_estimate:
            raise errors.LocalProtocolError(f"{self.venue.title} does not estimate orders")
        self.desk.check(order)
        answer = await self._requests.ask(OrderEstimateRequest(order=order))
        if not isinstance(answer, OrderEstimate):
            raise errors.RemoteProtocolError("the venue did not answer with an estimate")
        return answer

    async def _watch_silence(self) -> None:
        """Doubt channels that are silent for longer than they ever are."""
        if not self._cadence:
            return
        while True:
            due = self.market.next_overdue()
            # What begins meanwhile cannot be overdue before the shortest cadence has passed.
            latest = self.clock.now() + min(self._cadence.values())
            await self.clock.sleep_until(latest if due is None else min(max(due, self.clock.now() + 1), latest))
            self.market.check_silence(self._is_logged_on)

    def _is_logged_on(self, line: str) -> bool:
        connection = self.connections.get(line)
        return connection is not None and connection.session.state in LOGGED_ON

    async def bars(self, symbol: str, period: Nanos, start: Nanos, end: Nanos) -> Bars:
        """Bars of the past that began in [`start`, `end`), oldest first; `bars.columns()` makes a frame of them.

        Raises `LocalProtocolError` for a length the venue does not serve, `RequestRejected` when it refuses.
        """
        self._require_period(period)
        if symbol not in self.seat.instruments:
            raise unknown_symbol(symbol, self.seat)
        answer = await self._requests.ask(BarRequest(symbol=symbol, period=period, start=start, end=end))
        if not isinstance(answer, Bars):
            raise errors.RemoteProtocolError("the venue did not answer with bars")
        return answer

    def _require_period(self, period: Nanos) -> None:
        lengths = self.venue.capabilities.bar_periods
        if period not in lengths:
            able = ", ".join(f"{length // NANOS_PER_SECOND} s" for length in sorted(lengths)) or "none"
            raise errors.LocalProtocolError(f"{self.venue.title} has no bars of that length; it has {able}")

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

    async def kill(self, *, seconds: float = 10) -> StopReport:
        """The switch: nothing is placed or replaced from now on, and every order of ours is cancelled.

        Returns when the venue has confirmed all of it, or after so many seconds, with what it could not be confirmed
        of. Orders that are not ours are not touched; the lines stay. Raises nothing of the venue's.
        """
        self.desk.stop("the kill switch was thrown")
        return await Winding(self.desk, self.clock, seconds).run()

    async def shutdown(self, *, cancel: bool = True, seconds: float = 10) -> StopReport:
        """Stop, cancel every order of ours, have it confirmed, close; what could not be confirmed is in the report.

        Without `cancel` orders stay as they are, and all that may be working are in the report.
        """
        self.desk.stop("the client is shutting down")
        winding = Winding(self.desk, self.clock, seconds)
        try:
            return await winding.run() if cancel else winding.report()
        finally:
            await self.close()

    def _top_of(self, symbol: str) -> Top:
        kept = self.market.books.get(symbol)
        if kept is None:
            return Top(trust=None)
        bid, ask = kept.keeper.book.best_bid, kept.keeper.book.best_ask
        return Top(
            trust=kept.keeper.trust, bid=None if bid is None else bid.price, ask=None if ask is None else ask.price
        )

    def orders(self) -> list[LiveOrder]:
        """Every working order of the account, as the pushes have told."""
        return self.desk.open_orders()

    def executions(self) -> Stream[OrderNews]:
        """What becomes of every order of the account from now on, ours and others'; never dropped.

        A `Gap` says that news may be missing since the line was lost, another one, repaired, that all orders have been
        compared with the venue's own list.
        """
        return self.desk.readers.open(None)

    def order(self, order_id: str) -> LiveOrder | None:
        """The order that has, or had, this id, the venue's or ours; those of earlier runs are in the journal."""
        return self.desk.find(order_id)

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
        self.desk.holds(answer.positions)
        return answer

    # ------------------------------------------------------------------ health

    def events(self) -> Stream[News]:
        """What the lines tell of themselves, from now on; never dropped."""
        return self._dispatch.news.open(None)

    def health(self) -> dict[str, Any]:
        """How it stands, for people and monitors; plain values, times in seconds.

        - `venue`; `ready`: every line is logged on; `refused`: why a line was refused, or None; `fault`: likewise of
          a fault of ours; `trouble`: what last went wrong with a line; `store`: trouble with the credentials store
        - `clock_offset_s`: the venue's clock minus ours, 0 while within what can be measured
        - `lines`: for each what `Session.describe` tells (`state`, `venue_up`, `epoch`, `grant_seconds_left`,
          `renewals`, `seconds_since_received`, `frames_in`, ...) and `dials`, `reconnects`; a further line to an
          address whose first is full is called `ws 2`, and is there for as long as something is subscribed on it
        - `feeds`: seconds since the last message of each channel
        - `books`: for each `trust`, `cause`, `updates`, `resyncs`, `gaps`, `last_gap` (from, to, cause, repaired),
          `age_s` since the last good message, `lag_s`: how much later the newest update reached us than the quickest of
          its line, `delay_s`: from the venue's time of it to its receipt as far as the clocks are known (both None
          where the venue does not time updates), `users`, `dropped_by_readers`, `readers` (each `offered`, `delivered`,
          `dropped`, `waiting`, `lag_s` in event time)
        - `streams`: the same of trades and quotes, by channel and symbol, with `count` and `delay_s`
        - `requests` in flight; `orders`: `open`, and `whole`: False while news of them may be missing
        - `journal`: None without one; else `path`, `durability`, `failure` (why no new order is taken, or None) and
          `in_flight`: commands that are written down and not answered
        - `guard`: None without one; else `armed`, `needed` (False: the venue cancels by itself what is to be
          cancelled), `trouble` (why it is not armed), `pid` and `starts`
        """
        now = self.clock.now()
        refused = next(iter(self._dispatch.refused.values()), None)
        return {
            "venue": self.venue.name,
            "ready": self._fault is None and not self._closing.is_set() and not self._dispatch.not_ready(),
            "refused": None if refused is None else f"{refused.text} (code {refused.code}, line {refused.line})",
            "fault": None if self._fault is None else str(self._fault),
            "trouble": self._dispatch.trouble,
            "store": self._tokens.trouble,
            "clock_offset_s": self.seat.clock_offset / NANOS_PER_SECOND,
            "lines": {
                line: {
                    **connection.session.describe(now),
                    "dials": connection.dials,
                    "reconnects": max(0, connection.dials - 1),
                }
                for line, connection in self.connections.items()
            },
            "feeds": self.market.ages(),
            "books": self.market.describe_books(),
            "streams": self.market.topics.describe(self.seat.clock_offset),
            "requests": len(self._requests),
            "orders": {
                "open": sum(1 for _ in self.desk.blotter.open_orders()),
                "whole": self.desk.is_whole,
            },
            "journal": self.desk.describe_journal(),
            "guard": None if self._guarding is None else self._guarding.describe(),
        }


_policy = policy


def _innermost(fault: BaseException | None) -> BaseException | None:
    """The one that began it: of a group the first that says more than that a task was ended."""
    while isinstance(fault, BaseExceptionGroup):
        inner: tuple[BaseException, ...] = fault.exceptions  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        fault = inner[0]
    return fault
