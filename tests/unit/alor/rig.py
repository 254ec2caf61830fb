"""Both ends of ALOR in memory: a client's seat and lines, the host and its exchange, and a clock that is stepped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

import msgspec

from venuewire.codec import encode
from venuewire.model.orders import ExecutionReport, NewOrder
from venuewire.model.session import Command, Event, Grant, Secret, SecurityListRequest
from venuewire.model.terms import NANOS_PER_SECOND, Nanos, OrdType, Side
from venuewire.sandbox.exchange import SandboxExchange
from venuewire.venue import Acceptor, Answer, Await, Close, Effect, Fetch, Flow, Out, Request, Seat, Send
from venuewire.venues.alor import AlorCredentials
from venuewire.venues.alor.acceptor.hosts import AlorHost
from venuewire.venues.alor.acceptor.stage import stage as make_stage
from venuewire.venues.alor.initiator.lines import Orders, Subscriptions

START: Nanos = 1_760_000_000 * NANOS_PER_SECOND
SYMBOLS = ("MOEX:SBER", "MOEX:GAZP", "MOEX:LKOH")


def row(*values: object) -> tuple[object, ...]:
    """Values to be compared together, whatever their types: 20 equals Decimal("20")."""
    return values


def counter() -> Callable[[], int]:
    state = [1_000]

    def unique() -> int:
        state[0] += 1
        return state[0]

    return unique


def hex_digits() -> Callable[[int], str]:
    """Digits that differ at each call, and are the same in each run."""
    unique = counter()
    return lambda count: (f"{unique() * 0x9E3779B97F4A7C15 % 16**16:016x}" * 8)[:count]


class Venue:
    """The sandbox's side: exchange, host, and a market maker with deep pockets."""

    def __init__(self) -> None:
        self.now = START
        random_hex = hex_digits()
        self.stage = make_stage(random_hex, self.now)
        self.exchange = SandboxExchange.staged(self.stage, replace_keeps_order_id=False)
        self.host = AlorHost(self.stage, self.exchange, random_hex)
        self.portfolio = self.stage.account
        self.refresh_token = str(self.stage.credentials["refresh_token"])
        self.maker = self.exchange.open_account("maker", {"RUB": "1000000000", "SBER": "1000000", "LKOH": "1000000"})
        self.acceptors: list[tuple[Acceptor, list[bytes]]] = []

    def quote(self, price: str, side: Side, lots: int = 10, symbol: str = "MOEX:SBER") -> str:
        """The maker rests an order; its id."""
        lot = self.exchange.instruments[symbol].round_lot
        order = NewOrder(symbol=symbol, side=side, ord_type=OrdType.LIMIT, order_qty=lots * lot, price=price)
        report = self.maker.execute(order, self.now)[0]
        assert isinstance(report, ExecutionReport)
        return report.order_id

    def token(self) -> str:
        issued = self.host.issue(self.refresh_token, None, self.now)
        assert issued is not None
        return issued

    def get(self, path: str, token: str | None = None, **headers: str) -> Answer:
        return self.ask("GET", path, token, b"", **headers)

    def ask(self, method: str, path: str, token: str | None = None, body: Any = b"", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            named["authorization"] = f"Bearer {token}"
        where, _, query = path.partition("?")
        payload = body if isinstance(body, bytes) else encode(body)
        return self.host.serve(
            Request(method=method, path=where, query=query, headers=named, body=payload, host="sandbox"), self.now
        )

    def publish(self, *, extra: Iterable[Event] = ()) -> list[list[Out]]:
        """Hand the exchange's news to every connection; what each said."""
        news = [*self.told(), *extra]
        return [[out for event in news for out in end.publish(event, self.now)] for end, _ in self.acceptors]

    def told(self) -> list[Event]:
        """What happened at the exchange; the venue itself has been told."""
        happened = self.exchange.drain()
        for event in happened:
            self.host.publish(event, self.now)
        return happened

    def tick(self) -> None:
        """Let the venue do what is due."""
        due = self.host.next_tick()
        if due is not None and due <= self.now:
            self.host.tick(self.now)


class Wire:
    """One connection seen from a client that writes its own JSON."""

    def __init__(self, venue: Venue, line: str) -> None:
        self.venue = venue
        self.end = venue.host.accept(line)
        self.ended: Close | None = None
        assert self.end.handshake({}, venue.now) is None
        self.outs(self.end.opened(venue.now))
        venue.acceptors.append((self.end, []))

    def outs(self, outs: Iterable[Out]) -> list[dict[str, Any]]:
        frames: list[dict[str, Any]] = []
        for out in outs:
            if isinstance(out, Close):
                self.ended = out
            else:
                frames.append(msgspec.json.decode(out.payload))
        return frames

    def say(self, message: Any) -> list[dict[str, Any]]:
        payload = message if isinstance(message, bytes) else encode(message)
        return self.outs(self.end.receive(payload, self.venue.now))

    def raw(self, message: Any) -> list[bytes]:
        return [out.payload for out in self.end.receive(encode(message), self.venue.now) if isinstance(out, Send)]

    def news(self) -> list[dict[str, Any]]:
        """Frames for what has happened at the exchange since the last call."""
        return self.outs(out for event in self.venue.told() for out in self.end.publish(event, self.venue.now))

    def later(self, milliseconds: int) -> list[dict[str, Any]]:
        """Step the clock and tick."""
        self.venue.now += milliseconds * 1_000_000
        self.venue.tick()
        due = self.end.next_tick()
        return self.outs(self.end.tick(self.venue.now)) if due is not None and due <= self.venue.now else []


class Client:
    """Our two lines, carried by hand."""

    def __init__(self, venue: Venue, settings: dict[str, Any] | None = None, **credentials: str) -> None:
        self.venue = venue
        given = {"refresh_token": venue.refresh_token, "portfolio": venue.portfolio, **credentials}
        self.seat = Seat(
            AlorCredentials(refresh_token=Secret(given["refresh_token"]), portfolio=given["portfolio"]),
            unique=counter(),
            random_hex=hex_digits(),
            settings=settings,
        )
        self.ws = Subscriptions(self.seat)
        self.cws = Orders(self.seat)
        self.ends: dict[str, Acceptor] = {}
        self.fetched: list[Fetch] = []
        self.ended: list[Close] = []
        self.events: list[Event] = []

    @property
    def now(self) -> Nanos:
        return self.venue.now

    def line(self, name: str) -> Subscriptions | Orders:
        return self.ws if name == "ws" else self.cws

    def dial(self, name: str) -> Grant:
        """Connect and log on."""
        end = self.venue.host.accept(name)
        self.line(name).handshake(self.now)
        assert end.handshake({}, self.now) is None
        end.opened(self.now)
        self.ends[name] = end
        return self.logon(name)

    def logon(self, name: str) -> Grant:
        flow: Flow = self.line(name).logon(self.now)
        answer: Event | Answer | None = None
        while True:
            try:
                # A generator is begun by being sent None; its type says what it is handed after that.
                step = next(flow) if answer is None else flow.send(answer)
                answer = self._answer(name, step)
            except StopIteration as over:
                return cast(Grant, over.value)

    def _answer(self, name: str, step: Send | Fetch | Await) -> Event | Answer:
        if isinstance(step, Fetch):
            return self.fetch(step)
        assert isinstance(step, Send)
        events = self.exchange_frames(name, [step])
        return next(event for event in events if getattr(event, "ref", None) == step.ref)

    def fetch(self, fetch: Fetch) -> Answer:
        self.fetched.append(fetch)
        path, _, query = fetch.path.partition("?")
        request = Request(method=fetch.method, path=path, query=query, headers=dict(fetch.headers), body=fetch.body)
        return self.venue.host.serve(request, self.now)

    def exchange_frames(self, name: str, sends: Iterable[Effect]) -> list[Event]:
        """Carry frames there, and the answers back."""
        outs = [
            out for send in sends if isinstance(send, Send) for out in self.ends[name].receive(send.payload, self.now)
        ]
        return self.receive(name, outs)

    def receive(self, name: str, outs: Iterable[Out]) -> list[Event]:
        events: list[Event] = []
        line = self.line(name)
        for out in outs:
            if isinstance(out, Close):
                self.ended.append(out)
                continue
            for item in line.receive(line.open(out.payload), self.now):
                if isinstance(item, Send):
                    events += self.exchange_frames(name, [item])
                else:
                    events.append(item)
        return events

    def do(self, command: Command) -> list[Event]:
        """Send a command over its line; every event that came of it, the market's news afterwards included."""
        name = "cws" if type(command).__name__ in ("NewOrder", "ReplaceOrder", "CancelOrder", "MassCancel") else "ws"
        if not command.ref:
            command = msgspec.structs.replace(command, ref=str(self.seat.unique()))
        line = self.line(name)
        events: list[Event] = []
        effects = line.send(command, self.now)
        events += line.ready
        line.ready.clear()
        for effect in effects:
            if isinstance(effect, Fetch):
                events += line.answered(effect, self.fetch(effect), self.now)
            else:
                events += self.exchange_frames(name, [effect])
        return events + self.news()

    def news(self) -> list[Event]:
        """What the exchange has to tell the lines that are up."""
        happened = self.venue.told()
        return [
            event
            for name, end in self.ends.items()
            for told in happened
            for event in self.receive(name, end.publish(told, self.now))
        ]

    def know_all(self) -> None:
        """Ask for the instruments, as the client does first."""
        for event in self.do(SecurityListRequest(symbols=SYMBOLS)):
            self.seat.know(event.instruments)  # type: ignore[union-attr]

    def up(self) -> Client:
        """Both lines logged on, the instruments known."""
        self.dial("ws")
        self.dial("cws")
        self.know_all()
        return self
