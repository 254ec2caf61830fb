"""Both ends in memory, on the real exchange, under one stepped clock: a client's two lines, and raw connections."""

from __future__ import annotations

import itertools
import json
from typing import Any

from venuewire.model.orders import CancelReject, ExecutionReport, NewOrder
from venuewire.model.session import Command, Event, Grant, SecurityListRequest
from venuewire.model.terms import NANOS_PER_MILLI, NANOS_PER_SECOND, Nanos, OrdType, Side
from venuewire.sandbox.exchange import SandboxExchange
from venuewire.venue import Answer, Close, Effect, Fetch, Out, Request, Seat, Send
from venuewire.venues.coinbase import VENUE
from venuewire.venues.coinbase.acceptor.connection import CoinbaseAcceptor, CoinbaseHost
from venuewire.venues.coinbase.acceptor.switches import Switches
from venuewire.venues.coinbase.initiator.line import CoinbaseInitiator
from venuewire.venues.coinbase.signing import SigningKey

START: Nanos = 1_777_863_721 * NANOS_PER_SECOND + 123_456_789
REST_HOST = "127.0.0.1:4006"


class HexSource:
    """Different digits at each call, the same at each run."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, digits: int) -> str:
        self._count += 1
        return (f"{self._count:04x}" * (digits // 4 + 1))[:digits]


class World:
    """The sandbox's far end, a key to it, and somebody to trade with."""

    def __init__(self, **switches: Any) -> None:
        self.now = START
        self.random_hex = HexSource()
        self.stage = VENUE.stage(self.random_hex, self.now)
        self.exchange = SandboxExchange.staged(self.stage)
        wealth = {"USD": "100000000", "BTC": "1000", "ETH": "1000", "SOL": "1000"}
        self.maker = self.exchange.open_account("maker", wealth)
        self.taker = self.exchange.open_account("taker", wealth)
        self.host = CoinbaseHost(self.stage, self.exchange, self.random_hex, Switches(**switches))
        self.key = SigningKey(self.stage.credentials["key_name"], self.stage.credentials["private_key"])
        self.unique = itertools.count(900_000)
        self.refs = itertools.count(1)
        self.lines: list[RawLine | ClientLine] = []
        self.seat = self.new_seat()

    def new_seat(self, **credentials: str) -> Seat:
        given = {**self.stage.credentials, "endpoints": {"http": f"http://{REST_HOST}"}, **credentials}
        seat = Seat(VENUE.credentials_from(given), unique=lambda: next(self.unique), random_hex=self.random_hex)
        seat.know(self.stage.instruments)
        return seat

    # ------------------------------------------------------------------ time and news

    def publish(self) -> None:
        """Tell every line what has happened at the exchange."""
        for event in self.exchange.drain():
            self.host.publish(event, self.now)
            for line in self.lines:
                line.take(line.acceptor.publish(event, self.now))

    def step(self, nanos: Nanos) -> None:
        """Let time pass, calling each line's timer when it is due."""
        end = self.now + nanos
        while True:
            due = [(when, line) for line in self.lines if (when := line.acceptor.next_tick()) is not None]
            when, line = min(due, key=lambda item: item[0], default=(end + 1, None))
            if line is None or when > end:
                break
            self.now = max(self.now, when)
            line.take(line.acceptor.tick(self.now))
        self.now = end

    def settle(self) -> None:
        """Publish, and let what is gathered go out."""
        self.publish()
        self.step(300 * NANOS_PER_MILLI)

    def quote(self, side: Side, qty: str, price: str, symbol: str = "BTC-USD") -> list[ExecutionReport | CancelReject]:
        """An order of somebody else's."""
        order = NewOrder(symbol=symbol, side=side, ord_type=OrdType.LIMIT, order_qty=qty, price=price)
        return self.maker.execute(order, self.now)

    def hit(self, side: Side, qty: str, price: str, symbol: str = "BTC-USD") -> None:
        """An order of a third party that meets those of `quote`."""
        order = NewOrder(symbol=symbol, side=side, ord_type=OrdType.LIMIT, order_qty=qty, price=price)
        self.taker.execute(order, self.now)

    # ------------------------------------------------------------------ HTTP

    def http(
        self,
        method: str,
        path: str,
        body: Any = b"",
        *,
        token: str | None = None,
        query: str = "",
        host: str = REST_HOST,
    ) -> Answer:
        """A request with a token made for it, unless another is given (empty: none)."""
        if token is None:
            token = self.key.token(self.now, self.random_hex(16), f"{method} {REST_HOST}{path}")
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {token}"} if token else {}
        request = Request(method=method, path=path, query=query, headers=headers, body=payload, host=host)
        return self.host.serve(request, self.now)

    def call(self, method: str, path: str, body: Any = b"", query: str = "") -> Any:
        """The same under the API's root, expecting HTTP 200; its body."""
        answer = self.http(method, f"/api/v3/brokerage{path}", body, query=query)
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def fetch(self, fetch: Fetch) -> Answer:
        """A client's fetch, as the transport carries it."""
        path, _, query = fetch.path.partition("?")
        headers = {name.lower(): value for name, value in fetch.headers.items()}
        request = Request(method=fetch.method, path=path, query=query, headers=headers, body=fetch.body, host=REST_HOST)
        return self.host.serve(request, self.now)


class RawLine:
    """A connection of any client's, by hand."""

    def __init__(self, world: World, line: str = "ws") -> None:
        self.world = world
        self.acceptor: CoinbaseAcceptor = world.host.accept(line)
        self.frames: list[dict[str, Any]] = []
        self.payloads: list[bytes] = []
        self.close: Close | None = None
        assert self.acceptor.handshake({}, world.now) is None
        self.take(self.acceptor.opened(world.now))
        world.lines.append(self)

    def take(self, outs: list[Out]) -> None:
        for out in outs:
            if isinstance(out, Close):
                self.close = out
            else:
                self.payloads.append(out.payload)
                self.frames.append(json.loads(out.payload))

    def say(self, message: Any) -> list[dict[str, Any]]:
        """Send one frame; the frames that answer."""
        before = len(self.frames)
        payload = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.take(self.acceptor.receive(payload, self.world.now))
        return self.frames[before:]

    def subscribe(self, channel: str, *products: str, kind: str = "subscribe", jwt: str | None = None) -> Any:
        """A request as the official SDK makes it, signed unless `jwt` is given (empty: none)."""
        token = self.world.key.token(self.world.now, self.world.random_hex(64)) if jwt is None else jwt
        message: dict[str, Any] = {"type": kind, "product_ids": list(products), "channel": channel}
        return self.say(message | ({"jwt": token} if token else {}))


class ClientLine:
    """Our initiator against the acceptor, as the session drives it."""

    def __init__(self, world: World, line: str, seat: Seat | None = None) -> None:
        self.world = world
        self.line = line
        self.initiator = CoinbaseInitiator(line, seat or world.seat)
        self.acceptor: CoinbaseAcceptor = world.host.accept(line)
        self.events: list[Event] = []
        self.close: Close | None = None
        self.initiator.handshake(world.now)
        self.acceptor.opened(world.now)
        world.lines.append(self)

    def take(self, outs: list[Out]) -> list[Event]:
        heard: list[Event] = []
        for out in outs:
            if isinstance(out, Send):
                items = self.initiator.receive(self.initiator.open(out.payload), self.world.now)
                for item in items:
                    if isinstance(item, Send):
                        heard += self.do(item)
                    else:
                        heard.append(item)
                        self.events.append(item)
            else:
                self.close = out
        return heard

    def do(self, effect: Effect) -> list[Event]:
        """Carry one effect to the far end and back, with every page that follows."""
        if isinstance(effect, Send):
            return self.take(self.acceptor.receive(effect.payload, self.world.now))
        answer = self.world.fetch(effect)
        heard: list[Event] = []
        for item in self.initiator.answered(effect, answer, self.world.now):
            heard += self.do(item) if isinstance(item, Fetch) else [item]
        return heard

    def logon(self) -> Grant:
        flow = self.initiator.logon(self.world.now)
        effect = next(flow)
        while True:
            assert isinstance(effect, (Send, Fetch))
            answers = [event for event in self.do(effect) if getattr(event, "ref", None) == effect.ref]
            try:
                effect = flow.send(answers[0])
            except StopIteration as end:
                grant = end.value
                assert isinstance(grant, Grant)
                return grant

    def ask(self, command: Command) -> list[Event]:
        """A command and everything that answers it."""
        heard: list[Event] = []
        for effect in self.initiator.send(command, self.world.now):
            heard += self.do(effect)
        heard += self.initiator.ready
        self.initiator.ready.clear()
        return heard


def logged_on(world: World) -> tuple[ClientLine, ClientLine]:
    """`ws` and `user_ws`, ready for commands, with the venue's products known."""
    market, user = ClientLine(world, "ws"), ClientLine(world, "user_ws")
    market.logon()
    user.logon()
    (listed,) = user.ask(SecurityListRequest(ref="1"))
    world.seat.know(listed.instruments)  # type: ignore[union-attr]
    return market, user
