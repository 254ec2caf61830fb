"""A venue small enough to see through, for tests of what is the same for all venues.

Words, parted by blanks: `time`, `whoami`, `book`, `buy QTY PRICE`, `sell QTY PRICE`, `flood N`, `break`, `bye CODE`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar

from venuewire.errors import ConfigError
from venuewire.model.instrument import Instrument
from venuewire.model.market import BookUpdate, Trade
from venuewire.model.orders import ExecutionReport, NewOrder
from venuewire.model.session import Command, Event
from venuewire.model.terms import NANOS_PER_SECOND, Channel, OrdType, Side, TimeInForce
from venuewire.venue import (
    Acceptor,
    Affliction,
    Answer,
    Capabilities,
    Close,
    Credentials,
    Endpoint,
    Exchange,
    Headers,
    Limits,
    Out,
    Refusal,
    Request,
    Send,
    SkipSequence,
    Stage,
    Venue,
)

COIN = Instrument(
    symbol="BTC-USD",
    security_id="1",
    base="BTC",
    currency="USD",
    min_price_increment=Decimal("0.01"),
    min_qty_increment=Decimal("0.0001"),
    min_trade_vol=Decimal("0.001"),
)
PING = 10 * NANOS_PER_SECOND


class ToyAcceptor:
    def __init__(self, host: ToyHost, line: str) -> None:
        self.host = host
        self.line = line
        self.account: str | None = None
        self.subscribed = False
        self.next_ping: int | None = None
        self.number = 0

    def handshake(self, headers: Headers, now: int) -> Refusal | None:
        if headers.get("x-key") == self.host.key:
            self.account = "toy"
        elif "x-key" in headers:
            return Refusal(401, b'["X",0,"Z",3]', {"content-type": "application/json", "x-why": "key"})
        return None

    def opened(self, now: int) -> list[Out]:
        self.next_ping = now + PING
        return [Send(f"welcome {self.line}".encode())]

    def receive(self, payload: bytes, now: int) -> list[Out]:
        match payload.decode().split():
            case ["time"]:
                return [Send(str(now).encode())]
            case ["whoami"]:
                return [Send(str(self.account).encode())]
            case ["book"]:
                self.subscribed = True
                return [Send(b"subscribed")]
            case ["buy" | "sell" as side, qty, price] if self.account:
                self.number += 1
                command = NewOrder(
                    symbol="BTC-USD",
                    side=Side.BUY if side == "buy" else Side.SELL,
                    ord_type=OrdType.LIMIT,
                    order_qty=qty,
                    price=price,
                    ref=str(self.number),
                )
                reports = self.host.exchange.port(self.account).execute(command, now)
                return [Send(f"answer {report.ref}".encode()) for report in reports[:1]]
            case ["flood", count]:
                return [Send(b"x" * 10_000)] * int(count)
            case ["break"]:
                raise RuntimeError("a bug of ours")
            case ["bye", code]:
                return [Send(b"last words"), Close(int(code), "you asked"), Send(b"never sent")]
            case _:
                return [Send(b"echo " + payload)]

    def publish(self, event: Event, now: int) -> list[Out]:
        match event:
            case ExecutionReport():
                return [Send(f"report {event.exec_type} {event.order_id}".encode())]
            case BookUpdate() | Trade() if self.subscribed:
                return [Send(f"market {type(event).__name__}".encode())]
            case _:
                return []

    def pinged(self, now: int) -> None:
        self.host.pings += 1

    def next_tick(self) -> int | None:
        return self.next_ping

    def tick(self, now: int) -> list[Out]:
        self.next_ping = now + PING
        return [Send(b"ping")]

    def closed(self, now: int) -> None:
        self.host.left.append(self.line)


class ToyHost:
    lines: ClassVar[tuple[str, ...]] = ("feed", "trade")
    habits: ClassVar[Mapping[str, str]] = {"odd": "it does what nobody expects"}

    def afflict(self, affliction: Affliction, now: int) -> bool:
        """There are no numbers to skip here."""
        if isinstance(affliction, SkipSequence):
            return False
        self.suffered.append((now, affliction))
        return True

    def __init__(self, stage: Stage, exchange: Exchange, random_hex: Callable[[int], str]) -> None:
        self.exchange = exchange
        self.key = stage.credentials["key"]
        self.left: list[str] = []
        self.suffered: list[tuple[int, Affliction]] = []
        self.pings = 0
        self.told: list[Event] = []
        self.alarm: int | None = None
        self.ticked: list[int] = []
        HOSTS.append(self)

    def publish(self, event: Event, now: int) -> None:
        self.told.append(event)

    def next_tick(self) -> int | None:
        return self.alarm

    def tick(self, now: int) -> None:
        self.alarm = None
        self.ticked.append(now)

    def accept(self, line: str) -> Acceptor:
        return ToyAcceptor(self, line)

    def serve(self, request: Request, now: int) -> Answer:
        if request.path == "/break":
            raise RuntimeError("a bug of ours")
        if request.path == "/key" and request.headers.get("x-key") != self.key:
            return Answer(403, b"no such key")
        if request.path == "/buy":
            order = NewOrder(
                symbol="BTC-USD", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty="0.01", price=request.body.decode()
            )
            reports = self.exchange.port("toy").execute(order, now)
            return Answer(200, str(len(reports)).encode())
        text = f"{request.method} {request.path}?{request.query} {request.headers.get('x-thing')} {request.body!r}"
        return Answer(418, text.encode(), {"content-type": "text/plain", "x-toy": "yes"})


HOSTS: list[ToyHost] = []
"""Every host that was made: tests look at the newest."""


class ToyCredentials(Credentials, frozen=True, kw_only=True):
    key: str = ""


def credentials_from(given: Mapping[str, Any]) -> ToyCredentials:
    return ToyCredentials(key=given["key"])


def stage(random_hex: Callable[[int], str], now: int) -> Stage:
    return Stage(
        instruments=(COIN,),
        reference_prices={"BTC-USD": "60000"},
        account="toy",
        balances={"USD": "1000000", "BTC": "100"},
        credentials={"key": random_hex(16)},
        short_selling=False,
    )


def no_initiator(line: str, seat: Any) -> Any:
    raise ConfigError("this venue has no client")


def route(command: Command) -> str:
    return "trade"


TOY = Venue(
    name="toy",
    title="Toy",
    endpoints=(
        Endpoint("feed", "wss://toy.example/v1/feed", port=0),
        Endpoint("http", "https://toy.example", port=0),
        Endpoint("trade", "wss://toy.example/", port=1),
    ),
    lines=("feed", "trade"),
    route=route,
    capabilities=Capabilities(
        channels=frozenset({Channel.BOOK}),
        ord_types=frozenset({OrdType.LIMIT}),
        times_in_force=frozenset({TimeInForce.GOOD_TILL_CANCEL}),
    ),
    limits=Limits(),
    credentials=ToyCredentials,
    credentials_from=credentials_from,
    environment={},
    initiator=no_initiator,
    stage=stage,
    host=ToyHost,
    default_symbol="BTC-USD",
    secret_headers=frozenset({"x-key"}),
)
