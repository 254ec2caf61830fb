"""A toy venue with a toy network in front of it, for clients on a stepped clock. Frames are small JSON objects.

The venue answers at once unless it is told not to; what it does to lines is what tests make it do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec

from venuewire import errors
from venuewire.client.client import Client
from venuewire.client.limits import OrderLimits
from venuewire.client.live import LiveBook
from venuewire.client.metrics import KeptMetrics
from venuewire.codec import Envelope
from venuewire.model.instrument import Instrument
from venuewire.model.market import BookSnapshot, BookUpdate, Quote, Trade, given
from venuewire.model.orders import CancelOrder, ExecutionReport, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import (
    Command,
    Event,
    Grant,
    GrantInvalidated,
    Heartbeat,
    Holdings,
    MassStatus,
    Reply,
    RequestRejected,
    Secret,
    SecurityList,
    Subscribe,
    SubscriptionAccepted,
    SubscriptionRejected,
    Unsubscribe,
    VenueStatus,
)
from venuewire.model.terms import NANOS_PER_SECOND, Channel, ExecType, Nanos, OrdStatus, OrdType, Side, Trust
from venuewire.transport.clock import SteppedClock, settle
from venuewire.transport.entropy import SeededEntropy
from venuewire.transport.network import Receiver
from venuewire.venue import (
    Answer,
    Capabilities,
    Credentials,
    Effect,
    Endpoint,
    Fetch,
    Flow,
    Limits,
    Seat,
    Send,
    Venue,
)

SECOND = NANOS_PER_SECOND
MINUTE = 60 * SECOND
INSTRUMENT = Instrument(
    symbol="S",
    security_id="1",
    base="S",
    currency="USD",
    min_price_increment=Decimal("0.01"),
    min_qty_increment=Decimal(1),
    min_trade_vol=Decimal(1),
    round_lot=Decimal(1),
    price_scale=2,
    qty_scale=0,
)
CAPABILITIES = Capabilities(
    channels=frozenset({Channel.BOOK, Channel.TRADES, Channel.QUOTES, Channel.ORDERS}),
    ord_types=frozenset({OrdType.LIMIT}),
    times_in_force=frozenset(),
    sequence=True,
)


class Welcome(msgspec.Struct, frozen=True):
    ends: Nanos | None


class ToyInitiator:
    """Our end. With `tokens` in the settings, a token fetched over HTTP is shared by the lines."""

    def __init__(self, line: str, seat: Seat) -> None:
        self.ready: list[Event] = []
        self.line, self.seat = line, seat
        self.held: Grant | None = None

    def handshake(self, now: Nanos) -> dict[str, str]:
        self.ready.clear()
        return {"key": self.seat.credentials.key.reveal()}

    def logon(self, now: Nanos) -> Flow:
        if not self.seat.settings.get("tokens"):
            reply = yield from self._auth("key")
            return Grant(Secret(""), now, reply.ends)
        grant = self.seat.grant
        if grant is None or grant is self.held:
            answer = yield Fetch(method="POST", path="/token", endpoint="http")
            assert isinstance(answer, Answer)
            if answer.status != 200:
                raise errors.LogonRejected(self.line, str(answer.status), "no token")
            token = msgspec.json.decode(answer.body)
            grant = self.seat.grant = Grant(Secret(token["token"]), now, now + token["life"])
        yield from self._auth(grant.token.reveal())
        self.held = grant
        return grant

    def _auth(self, token: str) -> Any:
        ref = str(self.seat.unique())
        reply = yield Send(frame("auth", ref=ref, token=token), ref)
        if isinstance(reply, RequestRejected):
            raise errors.LogonRejected(self.line, reply.code, reply.text)
        assert isinstance(reply, Reply)
        assert isinstance(reply.message, Welcome)
        return reply.message

    def heartbeat(self, now: Nanos) -> Send | None:
        return Send(frame("ping"))

    def send(self, command: Command, now: Nanos) -> list[Effect]:
        if isinstance(command, NewOrder) and self.seat.settings.get("http_orders"):
            return [Fetch(method="POST", path="/order", endpoint="http", ref=command.ref)]
        extra = {}
        if isinstance(command, (Subscribe, Unsubscribe)):
            extra = {"channel": str(command.channel), "symbol": command.symbol}
        elif isinstance(command, (NewOrder, CancelOrder)):
            extra = {"id": command.cl_ord_id}
        return [Send(frame(type(command).__name__, ref=command.ref, **extra), command.ref)]

    def open(self, payload: bytes) -> Envelope:
        try:
            outer = msgspec.json.decode(payload, type=dict[str, Any])
        except msgspec.DecodeError:
            raise errors.RemoteProtocolError("not JSON") from None
        return Envelope(outer.get("kind", ""), payload, outer.get("ref"), outer.get("seq"))

    def receive(self, envelope: Envelope, now: Nanos) -> Sequence[Event | Send]:
        body, ref = msgspec.json.decode(envelope.body), envelope.ref
        match envelope.kind:
            case "welcome":
                return [Reply(message=Welcome(body.get("ends")), ref=ref)]
            case "refused":
                return [RequestRejected(code=body["code"], text="no", ref=ref)]
            case "rejected":
                return [SubscriptionRejected(code="9", text="not now", ref=ref)]
            case "subscribed":
                return [SubscriptionAccepted(ref=ref)]
            case "list":
                return [SecurityList(instruments=(INSTRUMENT,), ref=ref)]
            case "status":
                return [MassStatus(reports=(), ref=ref)]
            case "holdings":
                return [Holdings(positions=(), balances=(), ref=ref)]
            case "snapshot" | "update":
                kind = BookSnapshot if envelope.kind == "snapshot" else BookUpdate
                rows = [(row[0], row[1], row[2]) for row in body["rows"]]
                return [
                    kind(symbol="S", body=b"", read=given(rows), price_scale=2, size_scale=0, recv_time=now, ref=ref)
                ]
            case "trade":
                return [trade(body["n"], now)]
            case "quote":
                return [Quote(symbol="S", bid=Decimal(body["n"]), ask=None, recv_time=now)]
            case "report":
                return [
                    ExecutionReport(
                        symbol="S",
                        exec_type=ExecType.NEW,
                        ord_status=OrdStatus.NEW,
                        order_id=f"v{body['id']}",
                        cl_ord_id=body["id"],
                        ref=ref,
                    )
                ]
            case "venue":
                return [VenueStatus(up=body["up"], text=body.get("text", ""), code=body.get("code", ""))]
            case "ended":
                return [GrantInvalidated(text="token ended")]
            case "bug":
                raise KeyError("a fault of ours")
            case _:
                return [Heartbeat(recv_time=now)]

    def answered(self, fetch: Fetch, answer: Answer, now: Nanos) -> Sequence[Event | Fetch]:
        return []


def frame(kind: str, **fields: Any) -> bytes:
    return msgspec.json.encode({"kind": kind, **fields})


def trade(n: int, now: Nanos) -> Trade:
    return Trade(
        symbol="S", trade_id=str(n), price=Decimal(1), size=Decimal(1), aggressor_side=None, transact_time=now,
        recv_time=now,
    )  # fmt: skip


class ToyCredentials(Credentials, frozen=True, kw_only=True):
    key: Secret = Secret("open sesame")
    changing: Secret = Secret("one")


def venue(lines: tuple[str, ...] = ("ws",), *, limits: Limits | None = None, orders_on: str = "ws") -> Venue:
    """The venue as the registry would find it."""

    def route(command: Command) -> str:
        is_order = isinstance(command, (NewOrder, ReplaceOrder, CancelOrder, MassCancel))
        return orders_on if is_order else lines[0]

    def nothing(*_: Any) -> Any:
        raise AssertionError("the toy venue is not in the sandbox")

    return Venue(
        name="toy",
        title="Toy",
        endpoints=(
            *(Endpoint(line, f"wss://{line}.toy.test/{line}") for line in lines),
            Endpoint("http", "https://toy.test"),
        ),
        lines=lines,
        route=route,
        capabilities=CAPABILITIES,
        limits=limits or Limits(),
        credentials=ToyCredentials,
        credentials_from=nothing,
        environment={},
        initiator=ToyInitiator,
        stage=nothing,
        host=nothing,
        default_symbol="S",
    )


class ToyLine:
    """One connection, from the venue's side and from ours."""

    def __init__(self, far: ToyFar, name: str, receiver: Receiver) -> None:
        self.far, self.name, self.receiver = far, name, receiver
        self.heard: list[dict[str, Any]] = []
        self.subscribed: dict[tuple[str, str | None], str] = {}
        self.seq = 0
        self.is_open = True

    # what the client calls

    def send(self, payload: bytes) -> None:
        message = msgspec.json.decode(payload)
        self.heard.append(message)
        if self.is_open and not self.far.mute:
            self.far.answer(self, message)

    def close(self, code: int = 1000, reason: str = "") -> None:
        if not self.far.half_open:
            self.cut(code, reason)

    def abort(self) -> None:
        self.cut(1006)

    def unsent(self) -> int:
        return 0

    # what the venue does

    def say(self, kind: str, **fields: Any) -> None:
        """Number it and send it; it arrives a turn of the event loop later."""
        payload = frame(kind, seq=self.seq, **fields)
        self.seq += 1
        asyncio.get_running_loop().call_soon(self.deliver, payload)

    def deliver(self, payload: bytes) -> None:
        if self.is_open and not self.far.mute:
            self.receiver.received(payload)

    def cut(self, code: int = 1006, reason: str = "") -> None:
        if self.is_open:
            self.is_open = False
            self.far.open_lines.remove(self)
            asyncio.get_running_loop().call_soon(self.receiver.closed, code, reason)

    def kinds(self) -> list[str]:
        return [message["kind"] for message in self.heard]


class ToyFar:
    """The venue behind a network; see `transport.network.Network`."""

    def __init__(self, clock: SteppedClock) -> None:
        self.clock = clock
        self.dials: list[Nanos] = []
        self.lines: list[ToyLine] = []
        self.open_lines: list[ToyLine] = []
        self.fetched: list[str] = []
        self.silent: set[str] = set()
        """Kinds of messages that are not answered."""
        self.rejects: set[str] = set()
        """Channels whose subscriptions are rejected."""
        self.refuse: errors.ConnectFailed | None = None
        self.refuse_logon = ""
        self.mute = False
        self.half_open = False
        self.on_open: Callable[[ToyLine], None] = lambda line: None
        self.dialling: asyncio.Event | None = None
        """Set by a test: dials wait for it."""
        self.token_life = 30 * MINUTE
        self.fetching: asyncio.Event | None = None
        self.date: str | None = None
        self.book = [(0, 100, 5), (1, 102, 5)]

    async def dial(self, url: str, headers: Any, receiver: Receiver, *, max_frame: int) -> ToyLine:
        self.dials.append(self.clock.now())
        if self.dialling is not None:
            await self.dialling.wait()
        await asyncio.sleep(0)
        if self.refuse is not None:
            raise self.refuse
        line = ToyLine(self, url.rpartition("/")[2], receiver)
        self.lines.append(line)
        self.open_lines.append(line)
        self.on_open(line)
        return line

    async def fetch(self, method: str, url: str, headers: Any, body: bytes, *, seconds: float) -> Answer:
        path = url.partition(".test")[2]
        self.fetched.append(path)
        if self.fetching is not None:
            await self.fetching.wait()
        await asyncio.sleep(0)
        if path == "/order":
            raise errors.ConnectFailed(url, "nobody there")
        token = {"token": f"t{len(self.fetched)}", "life": self.token_life}
        return Answer(200, msgspec.json.encode(token), {} if self.date is None else {"date": self.date})

    async def close(self) -> None:
        raise AssertionError("this network is not the client's to close")

    def answer(self, line: ToyLine, message: dict[str, Any]) -> None:
        kind, ref = message["kind"], message.get("ref")
        if kind in self.silent:
            return
        if kind == "auth" and self.refuse_logon:
            line.say("refused", ref=ref, code=self.refuse_logon)
        elif kind == "auth":
            line.say("welcome", ref=ref)
        elif kind == "Subscribe":
            self._subscribe(line, message)
        elif kind == "Unsubscribe":
            line.subscribed.pop((message["channel"], message["symbol"]), None)
            line.say("subscribed", ref=ref)
        elif kind == "NewOrder":
            line.say("report", ref=ref, id=message["id"])
        else:
            says = {"SecurityListRequest": "list", "OrderMassStatusRequest": "status", "ping": "pong"}
            line.say(says.get(kind, "holdings"), ref=ref)

    def _subscribe(self, line: ToyLine, message: dict[str, Any]) -> None:
        key = message["channel"], message["symbol"]
        if message["channel"] in self.rejects:
            line.say("rejected", ref=message["ref"])
            return
        line.subscribed[key] = message["ref"]
        line.say("subscribed", ref=message["ref"])
        if message["channel"] == "BOOK" and "snapshot" not in self.silent:
            line.say("snapshot", rows=self.book)

    @property
    def line(self) -> ToyLine:
        """The newest one that is open."""
        return self.open_lines[-1]


class Table:
    """A client at the toy venue, and the clock."""

    def __init__(self, far: ToyFar, client: Client, metrics: KeptMetrics) -> None:
        self.far, self.client, self.metrics = far, client, metrics

    @property
    def line(self) -> ToyLine:
        return self.far.line

    async def step(self, seconds: float) -> None:
        await settle()  # what is said arrives now, not at the end of the step
        await self.far.clock.advance(int(seconds * SECOND))

    async def cut(self, code: int = 1006) -> None:
        """Cut every line and let the client come back."""
        for line in list(self.far.open_lines):
            line.cut(code)
        await settle()


def make(
    *,
    lines: tuple[str, ...] = ("ws",),
    limits: Limits | None = None,
    orders_on: str = "ws",
    seed: int = 1,
    order_limits: OrderLimits | None = None,
    **options: Any,
) -> Table:
    clock = SteppedClock()
    far, metrics = ToyFar(clock), KeptMetrics()
    found = venue(lines, limits=limits, orders_on=orders_on)
    credentials = options.pop("credentials", ToyCredentials())
    entropy = SeededEntropy(seed, clock.now)
    client = Client(
        found, credentials, network=far, clock=clock, entropy=entropy, metrics=metrics, limits=order_limits, **options
    )
    return Table(far, client, metrics)


async def stepping(clock: SteppedClock, work: Any, *, seconds: int = 120) -> Any:
    """Let time pass until `work` is done."""
    task = asyncio.ensure_future(work)
    for _ in range(seconds * 4):
        await settle()
        if task.done():
            break
        await clock.advance(SECOND // 4)
    assert task.done(), "it waits for ever"
    return await task


@asynccontextmanager
async def seated(**options: Any) -> AsyncIterator[Table]:
    """A client that has logged on."""
    table = make(**options)
    await stepping(table.far.clock, table.client.__aenter__())
    try:
        yield table
    finally:
        await stepping(table.far.clock, table.client.close())


def trust(book: LiveBook) -> Trust:
    """Asked anew each time: it changes behind the type checker's back."""
    return book.trust


def order(cl_ord_id: str = "") -> NewOrder:
    return NewOrder(symbol="S", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty=1, price="1.00", cl_ord_id=cl_ord_id)
