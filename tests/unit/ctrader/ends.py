"""Both ends of the venue in memory: our initiator, the venue's host and acceptor, and the sandbox's exchange."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from venuewire.model.orders import NewOrder
from venuewire.model.quotes import QuoteTable
from venuewire.model.session import Command, Event, SecurityList, SecurityListRequest
from venuewire.model.terms import NANOS_PER_SECOND, OrdType, Side
from venuewire.sandbox.exchange import SandboxExchange
from venuewire.venue import Close, Fetch, Out, Request, Seat, Send
from venuewire.venues.ctrader import VENUE
from venuewire.venues.ctrader.acceptor.connection import CTraderAcceptor
from venuewire.venues.ctrader.acceptor.host import CTraderHost
from venuewire.venues.ctrader.credentials import CTraderCredentials, credentials_from
from venuewire.venues.ctrader.initiator.line import CTraderInitiator

SECOND = NANOS_PER_SECOND
START = 1_790_000_000 * SECOND


def counted_hex() -> Callable[[int], str]:
    """Digits that are never the same twice."""
    made = [0]

    def random_hex(digits: int) -> str:
        made[0] += 1
        return f"{made[0] * 0x9E3779B97F4A7C15 % 16**16:016x}".rjust(digits, "a")[-digits:]

    return random_hex


class Sandbox:
    """The venue's side, without a client."""

    def __init__(self) -> None:
        self.now = START
        random_hex = counted_hex()
        self.stage = VENUE.stage(random_hex, self.now)
        self.exchange = SandboxExchange.staged(self.stage)
        self.host = CTraderHost(self.stage, self.exchange, random_hex)
        self.port = self.exchange.port(self.stage.account)
        self.lines: list[Line] = []

    @property
    def account_id(self) -> int:
        return int(self.stage.account)

    def line(self) -> Line:
        """A raw connection, as any program would open it."""
        line = Line(self)
        self.lines.append(line)
        return line

    def publish(self) -> None:
        """What happened at the exchange, to every connection."""
        while events := self.exchange.drain():
            for event in events:
                self.host.publish(event, self.now)
                for line in list(self.lines):
                    line.take(line.acceptor.publish(event, self.now))

    def others(self, side: Side, qty: str, price: str, symbol: str = "EURUSD") -> None:
        """Somebody else places a limit order."""
        port = self.exchange.open_account(f"other-{len(self.exchange.state()['accounts'])}", self.stage.balances)
        order = NewOrder(symbol=symbol, side=side, ord_type=OrdType.LIMIT, order_qty=qty, price=price)
        port.execute(order, self.now)
        self.publish()

    def serve(self, query: str, method: str = "GET", path: str = "/apps/token") -> tuple[int, dict[str, Any]]:
        answer = self.host.serve(Request(method=method, path=path, query=query), self.now)
        return answer.status, json.loads(answer.body or b"{}")


class Line:
    """One connection at the venue's end; `said` is everything it was told."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.acceptor: CTraderAcceptor = sandbox.host.accept("ws")
        self.acceptor.opened(sandbox.now)
        self.said: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.close: Close | None = None

    def take(self, outs: list[Out]) -> None:
        for out in outs:
            if isinstance(out, Close):
                self.close = out
            else:
                self.raw.append(out.payload)
                self.said.append(json.loads(out.payload, parse_float=Decimal))

    def ask(self, kind: int, payload: dict[str, Any] | None = None, mid: str | None = None) -> list[dict[str, Any]]:
        """Send a request; everything this line is told because of it."""
        message: dict[str, Any] = {"payloadType": kind}
        if payload is not None:
            message["payload"] = payload
        if mid is not None:
            message["clientMsgId"] = mid
        return self.send(json.dumps(message).encode())

    def send(self, frame: bytes) -> list[dict[str, Any]]:
        before = len(self.said)
        self.take(self.acceptor.receive(frame, self.sandbox.now))
        self.sandbox.publish()
        return self.said[before:]

    def wait(self, seconds: float) -> list[dict[str, Any]]:
        """Let time pass at this connection; what it is told meanwhile."""
        before, end = len(self.said), self.sandbox.now + int(seconds * SECOND)
        while (due := self.acceptor.next_tick()) is not None and due <= end and self.close is None:
            self.sandbox.now = max(self.sandbox.now, due)
            self.take(self.acceptor.tick(self.sandbox.now))
        self.sandbox.now = end
        return self.said[before:]

    def of(self, **fields: Any) -> dict[str, Any]:
        """A body with the account's id."""
        return {"ctidTraderAccountId": self.sandbox.account_id, **fields}

    def authorise(self) -> Line:
        """2100 and 2102, as the guide's program does it."""
        credentials = self.sandbox.stage.credentials
        self.ask(2100, {"clientId": credentials["clientId"], "clientSecret": credentials["clientSecret"]})
        said = self.ask(2102, self.of(accessToken=credentials["accessToken"]))
        assert said[-1]["payloadType"] == 2103
        return self


class Client:
    """Our end, on a line of the sandbox; carries frames at once."""

    def __init__(
        self,
        sandbox: Sandbox,
        credentials: CTraderCredentials | None = None,
        *,
        quote_table: Callable[[], QuoteTable] = QuoteTable,
        **settings: Any,
    ) -> None:
        self.sandbox = sandbox
        self._number = 1_000
        self.seat = Seat(
            credentials or credentials_from(sandbox.stage.credentials),
            unique=self._unique,
            random_hex=counted_hex(),
            settings=settings or None,
            quote_table=quote_table,
        )
        self.initiator = CTraderInitiator("ws", self.seat)
        self.told: list[Event] = []
        self.sent: list[bytes] = []
        self.grant: Any = None
        self.dial()

    def dial(self) -> None:
        self.initiator.handshake(self.sandbox.now)
        self.line = self.sandbox.line()

    def _unique(self) -> int:
        self._number += 1
        return self._number

    def log_on(self) -> Client:
        """Run the flow as a session does."""
        flow = self.initiator.logon(self.sandbox.now)
        answer: Any = None
        while True:
            try:
                step = next(flow) if answer is None else flow.send(answer)
            except StopIteration as over:
                self.grant = over.value
                return self
            assert isinstance(step, Send)
            before = len(self.told)
            self.give(step.payload)
            answer = next(event for event in self.told[before:] if getattr(event, "ref", None) == step.ref)

    def start(self) -> Client:
        """Log on and learn what is traded."""
        self.log_on()
        (answer,) = self.submit(SecurityListRequest(ref="1"))
        assert isinstance(answer, SecurityList)
        self.seat.know(answer.instruments)
        return self

    def submit(self, command: Command) -> list[Event]:
        """Send a command; everything told since."""
        before = len(self.told)
        for effect in self.initiator.send(command, self.sandbox.now):
            assert not isinstance(effect, Fetch)
            self.give(effect.payload)
        self.told += self.initiator.ready
        self.initiator.ready.clear()
        self.carry()
        return self.told[before:]

    def give(self, payload: bytes) -> None:
        self.sent.append(payload)
        self.line.send(payload)
        self.carry()

    def carry(self) -> list[Event]:
        """Read what has come; frames that must go at once, go."""
        before = len(self.told)
        while self.line.raw:
            payload = self.line.raw.pop(0)
            for item in self.initiator.receive(self.initiator.open(payload), self.sandbox.now):
                if isinstance(item, Send):
                    self.give(item.payload)
                else:
                    self.told.append(item)
        return self.told[before:]

    def hear(self, kind: int, payload: dict[str, Any] | None = None, mid: str | None = None) -> list[Any]:
        """Give our end a frame the sandbox would not send by itself."""
        message: dict[str, Any] = {"payloadType": kind}
        if payload is not None:
            message["payload"] = payload
        if mid is not None:
            message["clientMsgId"] = mid
        envelope = self.initiator.open(json.dumps(message).encode())
        return list(self.initiator.receive(envelope, self.sandbox.now))
