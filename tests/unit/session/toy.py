"""A toy venue, small and whole: one JSON object a frame, a token over HTTP, numbered messages. And a desk to sit at it.

The initiator is a real one by the seam; the venue is played by the test, which says what comes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from venuewire import errors
from venuewire.codec import Envelope
from venuewire.model.market import Trade
from venuewire.model.orders import CancelOrder, ExecutionReport, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import (
    BarRequest,
    Command,
    Event,
    Grant,
    GrantInvalidated,
    OrderMassStatusRequest,
    Reply,
    RequestRejected,
    Secret,
    SecurityList,
    SecurityListRequest,
    SessionEvent,
    Subscribe,
    SubscriptionAccepted,
    SubscriptionRejected,
    Unknown,
    Unsubscribe,
)
from venuewire.model.terms import NANOS_PER_SECOND, Channel, ExecType, Nanos, OrdType, Side
from venuewire.session import Pacer, Session, SessionState
from venuewire.venue import (
    Answer,
    Capabilities,
    Effect,
    Fetch,
    Flow,
    Limits,
    Rate,
    Seat,
    Send,
)

SECOND = NANOS_PER_SECOND
MINUTE = 60 * SECOND
START: Nanos = 1_800_000_000 * SECOND

CAPABILITIES = Capabilities(
    channels=frozenset({Channel.BOOK, Channel.TRADES, Channel.ORDERS}),
    ord_types=frozenset({OrdType.LIMIT}),
    times_in_force=frozenset(),
    mass_cancel=True,
)


class Welcome(msgspec.Struct, frozen=True):
    """What the toy venue answers to a good token."""

    expires_at: Nanos | None


class ToyInitiator:
    """Our end of the toy venue. With `by_http` the token is fetched first, and each one is good once."""

    def __init__(self, seat: Seat, *, by_http: bool = False) -> None:
        self.ready: list[Event] = []
        self.seat = seat
        self.by_http = by_http
        self.life = 0
        self.tokens: list[str] = ["first"]
        self.grantless = False
        """Another line has found the shared grant to be worth nothing, and dropped it."""

    def handshake(self, now: Nanos) -> dict[str, str]:
        self.life += 1
        return {"x-life": str(self.life)}

    def logon(self, now: Nanos) -> Flow:
        if self.by_http:
            answer = yield Fetch(method="POST", path="/token", body=self.tokens[-1].encode())
            assert isinstance(answer, Answer)
            if answer.status >= 500:
                raise errors.RemoteProtocolError(f"no token: HTTP {answer.status}")
            if answer.status != 200:
                raise errors.LogonRejected("ws", str(answer.status), answer.body.decode())
            self.tokens.append(answer.body.decode())
        reply = yield Send(self._frame("auth", f"auth-{now}", token=self.tokens[-1]), ref=f"auth-{now}")
        if isinstance(reply, RequestRejected):
            raise errors.LogonRejected("ws", reply.code, reply.text)
        assert isinstance(reply, Reply)
        assert isinstance(reply.message, Welcome)
        return Grant(Secret("grant"), now, reply.message.expires_at)

    def heartbeat(self, now: Nanos) -> Send | None:
        return Send(self._frame("beat", None))

    def send(self, command: Command, now: Nanos) -> list[Effect]:
        if self.grantless:
            raise errors.NotLoggedOn("ws")
        match command:
            case Subscribe(symbol="NONE") | NewOrder(symbol="NONE"):
                raise errors.LocalProtocolError("no such symbol: NONE")
            case Subscribe(channel=Channel.ORDERS):
                self.ready.append(SubscriptionAccepted(ref=command.ref))
                return []
            case SecurityListRequest() | OrderMassStatusRequest():
                path = f"/list?life={self.life}"
                return [Fetch(method="GET", path=path, ref=command.ref, kind=type(command).__name__)]
            case BarRequest():
                return [Send(self._frame("bars", command.ref), ref=command.ref, kind="slow")]
            case ReplaceOrder():
                # Two frames: the toy venue changes an order in two steps.
                return [
                    Send(self._frame("hold", command.ref), ref=command.ref),
                    Send(self._frame("change", command.ref), ref=command.ref),
                ]
            case _:
                return [Send(self._frame(type(command).__name__, command.ref), ref=command.ref)]

    def open(self, payload: bytes) -> Envelope:
        try:
            outer = msgspec.json.decode(payload, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise errors.RemoteProtocolError(f"not JSON: {error}") from None
        return Envelope(outer.get("kind", ""), payload, outer.get("ref"), outer.get("seq"))

    def receive(self, envelope: Envelope, now: Nanos) -> Sequence[Event | Send]:
        body = msgspec.json.decode(envelope.body)
        ref = envelope.ref
        match envelope.kind:
            case "welcome":
                return [Reply(message=Welcome(body.get("expires_at")), ref=ref)]
            case "refused":
                return [RequestRejected(code=body["code"], text=body.get("text", ""), ref=ref)]
            case "subscribed":
                return [SubscriptionAccepted(ref=ref)]
            case "not subscribed":
                return [SubscriptionRejected(code="1", text="no", ref=ref)]
            case "report":
                return [ExecutionReport(symbol="S", exec_type=ExecType.NEW, ref=ref, order_id=body.get("id", "1"))]
            case "trade":
                return [trade(now)]
            case "ended":
                return [GrantInvalidated(text="token ended")]
            case "more":
                return [Send(self._frame("bars", ref), ref=ref, kind="slow")]
            case "not so often":
                return [RequestRejected(code="often", text="wait", retry_after=body["wait"], ref=ref)]
            case "ping":
                return [Send(self._frame("pong", None))]
            case "broken":
                raise errors.RemoteProtocolError("a message without its fields")
            case _:
                return [Unknown(kind=str(envelope.kind), body=envelope.body, ref=ref)]

    def answered(self, fetch: Fetch, answer: Answer, now: Nanos) -> Sequence[Event | Fetch]:
        if answer.status >= 500:
            raise errors.RemoteProtocolError(f"HTTP {answer.status}")
        if answer.status >= 400:
            return [RequestRejected(code=str(answer.status), text="no", ref=fetch.ref)]
        if answer.body == b"more":
            return [Fetch(method="GET", path="/list/2", ref=fetch.ref, kind=fetch.kind)]
        return [SecurityList(instruments=(), ref=fetch.ref)]

    def _frame(self, what: str, ref: str | None, **more: str) -> bytes:
        return msgspec.json.encode({"do": what, "ref": ref, "life": self.life, **more})


def trade(now: Nanos) -> Trade:
    """A public trade of the toy venue."""
    return Trade(
        symbol="S",
        trade_id="1",
        price=Decimal(1),
        size=Decimal(1),
        aggressor_side=None,
        transact_time=now,
    )


class Unique:
    """Growing numbers."""

    def __init__(self) -> None:
        self.last = 0

    def __call__(self) -> int:
        self.last += 1
        return self.last


class Desk:
    """A session of the toy venue with a clock to step; everything told and everything sent is kept."""

    def __init__(
        self,
        *,
        by_http: bool = False,
        sequence: bool = False,
        renew_early: Nanos = 0,
        fetch_pacer: Pacer | None = None,
        send_pacer: Pacer | None = None,
        sends: Rate | None = None,
        fetches: Rate | None = None,
        heartbeat_interval: Nanos | None = None,
        liveness: Nanos | None = None,
        subscriptions: int | None = None,
        slow: Rate | None = None,
        renewal_interrupts: bool = False,
        requests_over_http: bool = False,
    ) -> None:
        self.now: Nanos = START
        self.seat = Seat(None, unique=Unique(), random_hex=lambda digits: "0" * digits)
        self.initiator = ToyInitiator(self.seat, by_http=by_http)
        limits = Limits(
            sends=sends,
            fetches=fetches,
            heartbeat_interval=heartbeat_interval,
            liveness=liveness,
            subscriptions=subscriptions,
            kinds={} if slow is None else {"slow": slow},
        )
        self.session = Session(
            "ws",
            self.initiator,
            self.seat,
            limits,
            msgspec.structs.replace(
                CAPABILITIES,
                sequence=sequence,
                renewal_interrupts=renewal_interrupts,
                requests_over_http=requests_over_http,
            ),
            renew_early=renew_early,
            fetch_pacer=fetch_pacer,
            send_pacer=send_pacer,
        )
        self.told: list[Event | SessionEvent] = []
        self.sent: list[dict[str, Any]] = []
        """Frames that went out, decoded, each with the time it went at under `at`."""
        self.fetched: list[tuple[int, Fetch]] = []
        """Fetches that went out, each with its epoch, until they are answered."""

    # ------------------------------------------------------------------ the line

    def dial(self) -> Desk:
        self.session.dial(self.now)
        return self

    def connect(self) -> Desk:
        self.session.connected(self.now)
        return self.drain()

    def log_on(self, *, lasts: Nanos | None = 30 * MINUTE) -> Desk:
        """Dial, connect, and be welcomed."""
        self.dial().connect()
        if self.initiator.by_http:
            self.give_token("next")
        return self.welcome(lasts=lasts)

    def give_token(self, token: str = "next", *, status: int = 200) -> Desk:
        return self.answer(Answer(status, token.encode()))

    def welcome(self, *, lasts: Nanos | None = 30 * MINUTE) -> Desk:
        """Answer the newest auth that went out."""
        ref = next(frame["ref"] for frame in reversed(self.sent) if frame["do"] == "auth")
        return self.say("welcome", ref=ref, expires_at=None if lasts is None else self.now + lasts)

    def refuse(self, code: str) -> Desk:
        ref = next(frame["ref"] for frame in reversed(self.sent) if frame["do"] == "auth")
        return self.say("refused", ref=ref, code=code, text="wrong token")

    def lose(self, *, requested: bool = False) -> Desk:
        return self.hear(self.session.lost(1006, "cut", self.now, requested=requested))

    def hang_up(self) -> Desk:
        assert self.session.hangup is not None
        return self.lose()

    # ------------------------------------------------------------------ traffic

    def say(self, kind: str, **fields: Any) -> Desk:
        """The venue sends a message."""
        return self.receive(msgspec.json.encode({"kind": kind, **fields}))

    def receive(self, payload: bytes) -> Desk:
        return self.hear(self.session.received(payload, self.now))

    def answer(self, answer: Answer | None, error: str = "") -> Desk:
        """Answer the oldest fetch that is out."""
        epoch, fetch = self.fetched.pop(0)
        return self.hear(self.session.answered(epoch, fetch, answer, self.now, error))

    def submit(self, command: Command, *, timeout: Nanos | None = None) -> str:
        ref = self.session.submit(command, self.now, timeout=timeout)
        self.drain()
        return ref

    def step(self, span: Nanos) -> Desk:
        """Let time pass, ticking exactly when the session wants it."""
        end = self.now + span
        while (due := self.session.next_tick()) is not None and due <= end:
            self.now = max(self.now, due)
            self.hear(self.session.tick(self.now))
            if self.session.hangup is not None:
                break
        self.now = end
        return self

    def tick(self) -> Desk:
        return self.hear(self.session.tick(self.now))

    # ------------------------------------------------------------------ looking

    def hear(self, events: Sequence[Event | SessionEvent]) -> Desk:
        self.told += events
        return self.drain()

    def drain(self) -> Desk:
        for effect in self.session.effects():
            if isinstance(effect, Send):
                self.sent.append({**msgspec.json.decode(effect.payload), "at": self.now})
            else:
                self.fetched.append((self.session.epoch, effect))
        return self

    def is_now(self, state: SessionState) -> bool:
        return self.session.state is state

    def news(self) -> list[Event | SessionEvent]:
        """What was told since the last look, kept events included."""
        if self.session.next_tick() == self.now:
            self.tick()
        told, self.told = self.told, []
        return told

    def kinds(self) -> list[str]:
        """The same, by name."""
        return [type(event).__name__ for event in self.news()]

    def doings(self) -> list[str]:
        """What went out on the line since the last look."""
        sent, self.sent = self.sent, []
        return [frame["do"] for frame in sent]


def new_order(symbol: str = "S", cl_ord_id: str = "", ref: str = "") -> NewOrder:
    return NewOrder(
        symbol=symbol, side=Side.BUY, ord_type=OrdType.LIMIT, order_qty=1, price=1, cl_ord_id=cl_ord_id, ref=ref
    )


def cancel(cl_ord_id: str = "") -> CancelOrder:
    return CancelOrder(symbol="S", side=Side.BUY, ord_type=OrdType.LIMIT, order_id="", orig_cl_ord_id=cl_ord_id)


def change(cl_ord_id: str = "") -> ReplaceOrder:
    return ReplaceOrder(
        symbol="S", side=Side.BUY, ord_type=OrdType.LIMIT, order_id="1", orig_cl_ord_id="1", cl_ord_id=cl_ord_id
    )


def book(symbol: str = "S") -> Subscribe:
    return Subscribe(channel=Channel.BOOK, symbol=symbol)


def end_of(ref: str, symbol: str = "S") -> Unsubscribe:
    return Unsubscribe(channel=Channel.BOOK, symbol=symbol, subscription=ref)


def cancel_all(symbol: str | None = None) -> MassCancel:
    return MassCancel(symbol=symbol)
