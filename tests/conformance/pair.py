"""Both ends of one venue in memory: our sessions, their host and exchange, every frame carried by hand.

No sockets, no tasks, no waiting: `now` moves when a test moves it, and frames can be lost, repeated or reordered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from venuewire.book.keeper import BookKeeper
from venuewire.model.market import BookSnapshot, BookUpdate
from venuewire.model.orders import CancelReject, ExecutionReport
from venuewire.model.session import (
    Command,
    Event,
    LoggedOut,
    Missed,
    SecurityList,
    SecurityListRequest,
    SessionEvent,
    Subscribe,
    Unanswered,
    Unsubscribe,
)
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos, Trust
from venuewire.orders.blotter import Blotter
from venuewire.sandbox.exchange import SandboxExchange
from venuewire.session.session import Session
from venuewire.session.states import SessionState
from venuewire.venue import Acceptor, Answer, Close, Fetch, Out, Refusal, Request, Seat, Send, Venue

START = 1_800_000_000 * NANOS_PER_SECOND
Told = Event | SessionEvent


class Wire:
    """One line between a session and an acceptor, and what is under way on it."""

    def __init__(self, name: str, session: Session) -> None:
        self.name = name
        self.session = session
        self.acceptor: Acceptor | None = None
        self.inward: deque[bytes] = deque()
        self.spoil: Callable[[list[bytes]], Sequence[bytes]] = lambda payloads: payloads
        """What becomes of frames on their way to us."""


class Pair:
    """A venue's both ends."""

    def __init__(self, venue: Venue, *, settings: dict[str, Any] | None = None) -> None:
        self.venue = venue
        self.now: Nanos = START
        self._numbers = 0
        self.stage = venue.stage(self._hex, self.now)
        keeps = venue.capabilities.replace_keeps_order_id
        self.exchange = SandboxExchange.staged(self.stage, replace_keeps_order_id=keeps)
        self.host = venue.host(self.stage, self.exchange, self._hex)
        self.port = self.exchange.port(self.stage.account)
        self.credentials = venue.credentials_from(self.stage.credentials)
        self.seat = Seat(self.credentials, unique=self._unique, random_hex=self._hex, settings=settings)
        self.wires = {line: Wire(line, self._session(line, place)) for place, line in enumerate(venue.lines)}
        self.told: list[Told] = []
        self.keepers: dict[str, BookKeeper] = {}
        self.blotter = Blotter()
        self._subscriptions: dict[str, str] = {}

    def _session(self, line: str, place: int) -> Session:
        early = (len(self.venue.lines) - 1 - place) * 5 * NANOS_PER_SECOND
        initiator = self.venue.initiator(line, self.seat)
        return Session(line, initiator, self.seat, self.venue.limits, self.venue.capabilities, renew_early=early)

    def _hex(self, digits: int) -> str:
        self._numbers += 1
        return f"{self._numbers * 2654435761 % 16**8:08x}".ljust(digits, "5")[:digits]

    def _unique(self) -> int:
        self._numbers += 1
        return self.now // 1000 + self._numbers

    # ------------------------------------------------------------------ lines

    def dial(self, line: str) -> Refusal | None:
        """Dial one line; the refusal, if the venue refused the handshake."""
        wire = self.wires[line]
        headers = {name.lower(): value for name, value in wire.session.dial(self.now).items()}
        acceptor = self.host.accept(line)
        refusal = acceptor.handshake(headers, self.now)
        if refusal is not None:
            self.take(wire, wire.session.refused(str(refusal.status), refusal.body.decode(), self.now))
            return refusal
        wire.acceptor = acceptor
        wire.inward.clear()
        wire.session.connected(self.now)
        self.post(wire, acceptor.opened(self.now))
        return None

    def log_on(self) -> None:
        """Dial every line in turn, until all are ready."""
        for line in self.venue.lines:
            if self.wires[line].session.state is SessionState.CLOSED:
                self.dial(line)
                self.carry()

    def ready(self) -> bool:
        return all(wire.session.state is SessionState.READY for wire in self.wires.values())

    def cut(self, line: str, code: int = 1006) -> None:
        """The line is cut; what was under way is lost."""
        wire = self.wires[line]
        if wire.acceptor is not None:
            acceptor, wire.acceptor = wire.acceptor, None
            wire.inward.clear()
            acceptor.closed(self.now)
            self.publish()
            self.take(wire, wire.session.lost(code, "cut", self.now))

    def carry(self, rounds: int = 200) -> None:
        """Carry everything both ways until nothing is under way."""
        for _ in range(rounds):
            busy = False
            for wire in self.wires.values():
                busy |= self._carry_out(wire)
                busy |= self._carry_in(wire)
            if not busy:
                return
        raise AssertionError("the two ends never come to rest")

    def _carry_out(self, wire: Wire) -> bool:
        effects = wire.session.effects()
        for effect in effects:
            if isinstance(effect, Fetch):
                answer = self.fetch(effect)
                self.take(wire, wire.session.answered(wire.session.epoch, effect, answer, self.now))
            elif wire.acceptor is not None:
                self.post(wire, wire.acceptor.receive(effect.payload, self.now))
                self.publish()
        if wire.session.hangup is not None and wire.acceptor is not None:
            self.cut(wire.name)
        return bool(effects)

    def _carry_in(self, wire: Wire) -> bool:
        payloads = list(wire.inward)
        wire.inward.clear()
        for payload in wire.spoil(payloads):
            self.take(wire, wire.session.received(payload, self.now))
        due = wire.session.next_tick()
        if due is not None and due <= self.now:
            self.take(wire, wire.session.tick(self.now))
        return bool(payloads)

    def fetch(self, fetch: Fetch) -> Answer:
        """Carry one HTTP request."""
        base = next(endpoint.production for endpoint in self.venue.endpoints if endpoint.name == fetch.endpoint)
        address = urlsplit(base + fetch.path)
        request = Request(
            method=fetch.method,
            path=address.path or "/",
            query=address.query,
            headers={name.lower(): value for name, value in fetch.headers.items()},
            body=fetch.body,
            host=address.netloc,
        )
        answer = self.host.serve(request, self.now)
        self.publish()
        return answer

    def post(self, wire: Wire, outs: list[Out]) -> None:
        """What the venue's end wants on the line."""
        for out in outs:
            if isinstance(out, Send):
                wire.inward.append(out.payload)
            elif isinstance(out, Close):
                self._carry_in(wire)
                self.cut(wire.name, out.code)

    def publish(self) -> None:
        """Give what happened at the exchange to every connection."""
        for event in self.exchange.drain():
            self.host.publish(event, self.now)
            owner = getattr(event, "account", None)
            for wire in self.wires.values():
                if wire.acceptor is not None and owner in (None, wire.acceptor.account):
                    self.post(wire, wire.acceptor.publish(event, self.now))

    def step(self, seconds: float) -> None:
        """Let time pass, doing on both ends what falls due, in order."""
        end = self.now + int(seconds * NANOS_PER_SECOND)
        while (due := self._next_due()) is not None and due <= end:
            self.now = max(self.now, due)
            self._do_due()
            self.carry()
        self.now = end
        self._do_due()
        self.carry()

    def _next_due(self) -> Nanos | None:
        times = [self.host.next_tick(), *(wire.session.next_tick() for wire in self.wires.values())]
        times += [wire.acceptor.next_tick() for wire in self.wires.values() if wire.acceptor is not None]
        return min((time for time in times if time is not None), default=None)

    def _do_due(self) -> None:
        waiting = self.host.next_tick()
        if waiting is not None and waiting <= self.now:
            self.host.tick(self.now)
        for wire in self.wires.values():
            due = wire.session.next_tick()
            if due is not None and due <= self.now:
                self.take(wire, wire.session.tick(self.now))
            if wire.acceptor is not None:
                theirs = wire.acceptor.next_tick()
                if theirs is not None and theirs <= self.now:
                    self.post(wire, wire.acceptor.tick(self.now))

    # ------------------------------------------------------------------ what a client does

    def submit(self, command: Command) -> str:
        """Send a command on its line and carry everything; its ref."""
        wire = self.wires[self.venue.route(command)]
        ref = wire.session.submit(command, self.now)
        self.carry()
        return ref

    def answers(self, ref: str) -> list[Told]:
        """Everything that was told with this ref."""
        return [event for event in self.told if getattr(event, "ref", None) == ref]

    def start(self) -> None:
        """Log on and learn the instruments, as a client does."""
        self.log_on()
        assert self.ready(), [wire.session.describe(self.now) for wire in self.wires.values()]
        ref = self.submit(SecurityListRequest())
        lists = [answer for answer in self.answers(ref) if isinstance(answer, SecurityList)]
        assert lists, self.answers(ref)
        self.seat.know(lists[0].instruments)

    def watch(self, symbol: str) -> BookKeeper:
        """Keep the book of a symbol."""
        instrument = self.seat.instruments[symbol]
        keeper = BookKeeper(
            symbol, instrument.price_scale, instrument.qty_scale, depth=self.venue.capabilities.book_depth
        )
        self.keepers[symbol] = keeper
        self._subscriptions[symbol] = self.submit(Subscribe(channel=Channel.BOOK, symbol=symbol))
        return keeper

    def resync(self, symbol: str) -> None:
        """Ask for a new snapshot, as a client does."""
        self.keepers[symbol].resyncing(self.now)
        old = self._subscriptions[symbol]
        self.submit(Unsubscribe(channel=Channel.BOOK, symbol=symbol, subscription=old))
        self._subscriptions[symbol] = self.submit(Subscribe(channel=Channel.BOOK, symbol=symbol))

    def take(self, wire: Wire, told: Sequence[Told]) -> None:
        """Do with events what a client does."""
        for event in told:
            self.told.append(event)
            if isinstance(event, (BookSnapshot, BookUpdate)):
                if event.symbol in self.keepers:
                    self.keepers[event.symbol].apply(event)
            elif isinstance(event, ExecutionReport):
                self.blotter.apply(event)
            elif isinstance(event, CancelReject):
                self.blotter.reject_cancel(event)
            elif isinstance(event, Missed):
                for keeper in self.keepers.values():
                    keeper.suspect("missed", self.now)
            elif isinstance(event, LoggedOut):
                for keeper in self.keepers.values():
                    keeper.stale("lost", self.now)
            elif isinstance(event, Unanswered):
                self._unanswered(event)
        del wire

    def _unanswered(self, event: Unanswered) -> None:
        command: Any = event.command
        if not isinstance(command, (Subscribe, Unsubscribe, SecurityListRequest)) and hasattr(command, "side"):
            self.blotter.unanswered(command, event.cause, event.recv_time, sent=event.sent)

    def trust(self, symbol: str) -> Trust:
        return self.keepers[symbol].trust
