"""Both ends of one line in memory, on the real exchange; the client's frames are carried by hand."""

from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec

from venuewire.model.orders import CancelOrder, NewOrder
from venuewire.model.session import Command, Event, Grant, Heartbeat
from venuewire.model.terms import NANOS_PER_SECOND, Nanos, OrdType, Side
from venuewire.sandbox.exchange import SandboxExchange
from venuewire.venue import Answer, Close, Fetch, Request, Seat, Send, Stage
from venuewire.venues.finery import FineryCredentials, credentials_from, signing
from venuewire.venues.finery.acceptor.connection import FineryAcceptor
from venuewire.venues.finery.acceptor.host import FineryHost, Rules
from venuewire.venues.finery.acceptor.listing import stage
from venuewire.venues.finery.initiator.line import FineryInitiator

START: Nanos = 1_700_000_000 * NANOS_PER_SECOND
KEY = "RlZ4sKsHSr5zmYKIzbtf772J9y9gx8nekd8COrawI5V"
SECRET = "cZpZ1vwzOaXuiONfIQVg8h6za97FoHhrwwgoSCNwDAR"
UNIT = 100_000_000


def some_hex(digits: int) -> str:
    return ("0123456789abcdef" * 4)[:digits]


class Line:
    """A raw connection to the host, as any client's."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.acceptor = FineryAcceptor(house.host)
        self.inbox: list[bytes] = []
        self.close_code: int | None = None
        house.lines.append(self)

    def open(self, headers: dict[str, str]) -> bytes | None:
        """The body of a refusal; None when the connection stands."""
        refusal = self.acceptor.handshake({name.lower(): value for name, value in headers.items()}, self.house.now)
        if refusal is not None:
            self.house.lines.remove(self)
            return b"%d %b" % (refusal.status, refusal.body)
        self.take(self.acceptor.opened(self.house.now))
        return None

    def take(self, outs: list[Any]) -> None:
        for out in outs:
            if isinstance(out, Close):
                self.close_code = out.code
            else:
                self.inbox.append(out.payload)

    def say(self, message: Any) -> None:
        """Send one frame and let everything it caused be published."""
        payload = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.take(self.acceptor.receive(payload, self.house.now))
        self.house.publish()

    def ask(self, message: Any) -> Any:
        """The first frame that answers; what follows it stays to be heard."""
        self.heard()
        self.say(message)
        return json.loads(self.inbox.pop(0))

    def request(self, method: str, content: Any = None, number: int = 1) -> Any:
        message = {"event": "request", "reqId": number, "method": method}
        return self.ask(message if content is None else {**message, "content": content})

    def heard(self) -> list[Any]:
        """Every frame since the last look, as JSON values."""
        frames, self.inbox = self.inbox, []
        return [json.loads(frame) for frame in frames]

    def lose(self) -> None:
        """The connection is gone."""
        self.house.lines.remove(self)
        self.acceptor.closed(self.house.now)
        self.house.publish()


class House:
    """The sandbox's side with its exchange, and keys for two more accounts."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.now = START
        self.stage: Stage = msgspec.structs.replace(
            stage(some_hex, START), credentials={"key": KEY, "secret": SECRET}, account="ours"
        )
        self.exchange = SandboxExchange.staged(self.stage, replace_keeps_order_id=False)
        self.market = self.exchange.open_account("market", self.stage.balances)
        self.host = FineryHost(self.stage, self.exchange, some_hex, rules)
        self.port = self.exchange.port("ours")
        self.lines: list[Line] = []
        self._numbers = itertools.count(START // 1000)

    def unique(self) -> int:
        return next(self._numbers)

    def headers(self, *, key: str = KEY, secret: str = SECRET, nonce: int | None = None, at: int | None = None) -> Any:
        stamp = self.now // 1_000_000 if at is None else at
        content = signing.content(self.unique() if nonce is None else nonce, stamp)
        return {"EFX-Key": key, "EFX-Sign": signing.sign(secret, content.encode()), "EFX-Content": content}

    def line(self, **headers: Any) -> Line:
        """A connection that stands and has said its status."""
        line = Line(self)
        refused = line.open(self.headers(**headers))
        assert refused is None, refused
        assert line.heard() == [["X", 0, "Z", 0]]
        return line

    def publish(self) -> None:
        for event in self.exchange.drain():
            self.host.publish(event, self.now)
            for line in self.lines:
                line.take(line.acceptor.publish(event, self.now))

    def offer(self, side: Side, price: str, size: str, symbol: str = "BTC-USD") -> str:
        """The market places a limit order; its id."""
        order = NewOrder(symbol=symbol, side=side, ord_type=OrdType.LIMIT, order_qty=size, price=price)
        reports = self.market.execute(order, self.now)
        self.publish()
        return reports[0].order_id

    def withdraw(self, order_id: str) -> None:
        order = self.market.order(order_id)
        assert order is not None
        assert order.side is not None
        self.market.execute(
            CancelOrder(
                symbol=order.symbol, side=order.side, ord_type=OrdType.LIMIT, order_id=order_id, orig_cl_ord_id=""
            ),
            self.now,
        )
        self.publish()

    def rest(self, method: str, parameters: dict[str, Any] | None = None, *, verb: str = "POST", **how: Any) -> Any:
        """(status, JSON body) of a signed REST call."""
        key, secret = how.get("key", KEY), how.get("secret", SECRET)
        body = signing.rest_body(parameters or {}, how.get("nonce") or self.unique(), self.now // 1_000_000)
        sign = signing.sign(secret, signing.rest_text(method, body))
        headers = {"efx-key": key, "efx-sign": sign, "content-type": "text/html"}
        answer = self.host.serve(Request(method=verb, path=f"/api/{method}", headers=headers, body=body), self.now)
        self.publish()
        return answer.status, json.loads(answer.body) if answer.body else None


class Client:
    """Our initiator on a line of the house."""

    def __init__(self, house: House, **settings: Any) -> None:
        self.house = house
        credentials: FineryCredentials = credentials_from({"key": KEY, "secret": SECRET})
        self.seat = Seat(credentials, unique=house.unique, random_hex=some_hex, settings=settings)
        self.initiator = FineryInitiator("ws", self.seat)
        self.line = Line(house)
        self.events: list[Event] = []
        self._refs = itertools.count(house.now // 1000)
        assert self.line.open(dict(self.initiator.handshake(house.now))) is None
        self.grant = self._log_on()

    def _log_on(self) -> Grant:
        flow = self.initiator.logon(self.house.now)
        step = next(flow)
        try:
            while True:
                if isinstance(step, Send):
                    self.line.say(step.payload)
                self.carry()
                waits = step.ref is not None
                answer = next(event for event in self.events if event.ref == step.ref) if waits else Heartbeat()  # type: ignore[union-attr]
                step = flow.send(answer)
        except StopIteration as over:
            self.carry()
            self.events.clear()
            grant: Grant = over.value
            return grant

    def carry(self) -> None:
        """Everything the venue sent, through the initiator; what that answers, back."""
        while self.line.inbox:
            frames, self.line.inbox = self.line.inbox, []
            for frame in frames:
                for item in self.initiator.receive(self.initiator.open(frame), self.house.now):
                    if isinstance(item, Send):
                        self.line.say(item.payload)
                    else:
                        self.events.append(item)

    def submit(self, command: Command) -> list[Event]:
        """Everything that a command brings; its ref is set."""
        self.events.clear()
        self.ref = str(next(self._refs))
        command = msgspec.structs.replace(command, ref=self.ref)
        for effect in self.initiator.send(command, self.house.now):
            if isinstance(effect, Fetch):
                self.follow(effect)
            else:
                self.line.say(effect.payload)
            self.house.publish()
        self.carry()
        return self.answers()

    def follow(self, fetch: Fetch) -> None:
        """Make a call, and those it leads to."""
        for item in self.initiator.answered(fetch, self.fetch(fetch), self.house.now):
            if isinstance(item, Fetch):
                self.follow(item)
            else:
                self.events.append(item)

    def answers(self) -> list[Event]:
        return [event for event in self.events if getattr(event, "ref", None) == self.ref]

    def fetch(self, fetch: Fetch) -> Answer:
        headers = {name.lower(): value for name, value in fetch.headers.items()}
        request = Request(method=fetch.method, path=fetch.path, headers=headers, body=fetch.body)
        return self.house.host.serve(request, self.house.now)
