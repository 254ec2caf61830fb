"""The seam: what a venue's folder gives to the rest, and what the rest gives to it.

A venue is a `Venue` value. Its client end is an `Initiator` for each line (WebSocket) a client holds; its far end,
for the sandbox, is a `Host` (what the venue's connections share, and its HTTP) that makes an `Acceptor` for each
connection. All of them are sans-IO: they are handed bytes and the time, and return events and effects. They share
`wire`, `signing` and `translate` and never see one another.

Time is an argument everywhere: `now` is integer nanoseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeAlias

from msgspec import Struct, field

from venuewire.codec import Envelope, Spelling
from venuewire.model.account import Balance, Position
from venuewire.model.instrument import Instrument
from venuewire.model.market import BookSnapshot, LevelReader, Quote, Trade
from venuewire.model.orders import CancelReject, ExecutionReport
from venuewire.model.quotes import QuoteTable, QuoteTables
from venuewire.model.session import (
    Command,
    Event,
    Grant,
    OrderCommand,
    Subscribe,
    Unsubscribe,
)
from venuewire.model.shape import Shape
from venuewire.model.terms import Channel, Nanos, OrdType, TimeInForce

Headers: TypeAlias = Mapping[str, str]

PEER = ":peer"
"""Where a handshake or request came from, put among its headers by whoever listens in the sandbox: an address without
a port. No client can send a header of such a name. Absent where there is no network."""

# --------------------------------------------------------------------------- effects: what to do on the wire


class Send(Struct, frozen=True):
    """Put this on the line's WebSocket, as one text frame."""

    payload: bytes
    ref: str | None = None
    """The request this frame makes; the event that answers it carries the same. None: no answer is expected."""
    channel: Channel | None = None
    """From an acceptor whose frames of one call do not all tell of the same: what this one does (to aim faults)."""
    kind: str = ""
    """From an initiator: which of `Limits.kinds` it counts against, where it counts against one."""


class Fetch(Struct, frozen=True, kw_only=True):
    """Make this HTTP request."""

    method: str
    path: str
    """Path and query, beginning with `/`."""
    endpoint: str = "http"
    """Which of the venue's addresses."""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    ref: str | None = None
    kind: str = ""
    """For the initiator itself: what `answered` must do with what comes back."""


class Answer(Struct, frozen=True):
    """What came back for a `Fetch`, or goes back for a `Request`. Header names are lower case."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Await(Struct, frozen=True):
    """In a logon flow: send nothing, wait for the event with this `ref`."""

    ref: str


Effect: TypeAlias = Send | Fetch
Flow: TypeAlias = Generator[Send | Fetch | Await, Event | Answer, Grant]
"""A logon: yields what to do, is handed the answer, returns the grant.

For `Send` and `Await` it is handed the first event that carries the effect's `ref` (a refusal comes as
`RequestRejected`); for `Fetch`, the `Answer`. It raises `errors.LogonRejected` when the venue says no. Everything
else that arrives meanwhile goes its ordinary way: a flow may run on a living line (renewal).
"""


# --------------------------------------------------------------------------- what a venue is


class Rate(Struct, frozen=True):
    """At most `count` in any window of `per` nanoseconds."""

    count: int
    per: Nanos


class Limits(Struct, frozen=True, kw_only=True):
    """The venue's published limits, as its README cites them. None: none is published."""

    dials: Rate | None = None
    """Connections opened, per address."""
    connections: int | None = None
    """Lines open at once."""
    sends: Rate | None = None
    """Frames sent on one line, or on all lines together (`sends_shared`)."""
    sends_shared: bool = False
    """True: the venue counts `sends` per address or user, over all lines of this process."""
    counted_together: bool = False
    """True: shared `sends` and `fetches`, which are of one rate, are counted as one."""
    kinds: Mapping[str, Rate] = field(default_factory=dict[str, Rate])
    """Frames of a kind that the venue takes less often than others (`Send.kind`): each waits for this rate as well as
    for `sends`, and what is of no kind goes meanwhile."""
    fetches: Rate | None = None
    """HTTP requests."""
    subscriptions: int | None = None
    """Subscriptions on one line. Where a line is full, the client opens a further one, up to `connections`."""
    channel_subscriptions: Mapping[Channel, int] = field(default_factory=dict[Channel, int])
    """The same of one channel."""
    heartbeat_interval: Nanos | None = None
    """Longest we may be silent: the session calls `Initiator.heartbeat` when this has passed since the last send."""
    liveness: Nanos | None = None
    """Longest silence of a healthy line, whatever is subscribed; longer means that it is dead. None: may be silent
    for ever, and only protocol pings tell."""
    cadence: Mapping[Channel, Nanos] = field(default_factory=dict[Channel, Nanos])
    """Longest silence of one channel on a healthy feed, from the venue's own beat or documented cadence. A book that
    is silent for longer is not to be relied on and is asked for anew. Absent: that channel may be quiet for ever."""
    max_frame: int = 32 * 1024 * 1024
    """Bytes of one message we accept."""
    unread: int | None = None
    """Messages that may wait at the venue for a client who does not read; with more of them it ends the line."""
    answer: Nanos = 10_000_000_000
    """Longest wait for the answer to a request."""


class Capabilities(Struct, frozen=True, kw_only=True):
    """What the venue can do, so that shared code asks instead of knowing names."""

    channels: frozenset[Channel]
    ord_types: frozenset[OrdType]
    times_in_force: frozenset[TimeInForce]
    post_only: bool = False
    cash_order_qty: frozenset[OrdType] = frozenset()
    """Kinds of order that may be sized in money."""
    order_fields: frozenset[str] = frozenset()
    """Optional fields of `NewOrder` the venue can take beyond the plain ones: `max_floor`, `stop_loss_px`,
    `trigger_price_direction`, `position_id`, ... A field that is set and not named here is refused before sending."""
    bar_periods: frozenset[Nanos] = frozenset()
    """Lengths of bars the venue serves; empty: none."""
    order_estimate: bool = False
    """Tells what an order would cost before it is placed."""
    mass_cancel: bool = False
    cancel_on_disconnect: bool = False
    replace_keeps_order_id: bool = True
    """False: a replacement is a cancel plus a new order with a new id."""
    replaced_qty_counts_fills: bool = True
    """False: a replacement's quantity is what is to stand from then on, without what the old order has filled."""
    requests_over_http: bool = False
    """True: every command but a subscription is an HTTP request. Neither waits for the pace of the other then."""
    refuses_repeated_id: bool = False
    """True: sending the same order again is safe, the venue refuses or returns the first."""
    cl_ord_id: str = r"[0-9]{1,18}"
    """Pattern an id of ours must match whole."""
    sequence: bool = False
    """Messages of a line are numbered, from 0, one by one, over all channels."""
    book_depth: int | None = None
    """Levels a side the venue's book holds at most; the book is cut to it after each message."""
    renewal_interrupts: bool = False
    """While a grant is renewed on the living line, the venue refuses what is asked under the old one: commands wait."""
    snapshot_on_resubscribe: bool = True
    """False: subscribing again to what is subscribed brings no snapshot; unsubscribe first."""


class Endpoint(Struct, frozen=True):
    """One address of the venue. The sandbox serves the same path as the production address has."""

    name: str
    """`ws`, `http`, ...: what the ready line and configuration files call it."""
    production: str
    """With the real scheme: `wss://...` is a line, `https://...` is HTTP."""
    test: str = ""
    """The venue's own test address, where it has one."""
    port: int = 0
    """Endpoints of the same number share a port in the sandbox."""


class Credentials(Struct, frozen=True, kw_only=True):
    """Base of each venue's credentials: who we are, and where. Secret fields are of type `Secret`."""

    endpoints: dict[str, str] = field(default_factory=dict)
    """Addresses by endpoint name; those not given are the venue's production ones."""
    ca: str = ""
    """PEM of a certificate authority to trust instead of the system's: the sandbox's own. Never switches checks off."""


class Seat:
    """A client's place at a venue: what its lines share."""

    def __init__(
        self,
        credentials: Any,
        *,
        unique: Callable[[], int],
        random_hex: Callable[[int], str],
        settings: Mapping[str, Any] | None = None,
        quote_table: Callable[[], QuoteTable] = QuoteTable,
    ) -> None:
        self.credentials = credentials
        self.quote_table = quote_table
        """An empty table for a book that is told by quote ids."""
        self.unique = unique
        """A new integer at each call, growing for ever, over restarts too (microseconds at the least)."""
        self.random_hex = random_hex
        """Random hex digits, as many as asked."""
        self.settings: dict[str, Any] = dict(settings or {})
        """The venue's switches (its README lists them)."""
        self.grant: Grant | None = None
        """The newest grant any line obtained, where the venue's lines share one."""
        self.instruments: dict[str, Instrument] = {}
        """By symbol. Filled from `SecurityList` events before books and orders are asked for."""
        self.by_security_id: dict[str, Instrument] = {}
        self.clock_offset: Nanos = 0
        """The venue's clock minus ours, as far as it has been measured; 0 while it is within what measuring shows."""
        self.renewing: object | None = None
        """Whose fetch of the next grant is on its way: another line waits for it instead of fetching, too."""

    def now(self, now: Nanos) -> Nanos:
        """What the venue's clock shows when ours shows `now`; for what is signed with a time the venue checks."""
        return now + self.clock_offset

    def know(self, instruments: Sequence[Instrument]) -> None:
        """Remember these instruments."""
        for instrument in instruments:
            self.instruments[instrument.symbol] = instrument
            self.by_security_id[instrument.security_id] = instrument


class Express(Struct, frozen=True, kw_only=True):
    """How plain book updates may go straight from the line to their books, without an envelope and an event.

    Only what is spelt exactly as `spelling` says, for a book that is LIVE and bears its number; anything else goes the
    ordinary way, by `open` and `receive`, and would come out the same.
    """

    spelling: Spelling
    shape: Shape
    read: LevelReader
    key: Callable[[str], bytes]
    """How frames call the book of a symbol. Two symbols may share a book: neither goes by express then."""


class QuoteExpress(Struct, frozen=True, kw_only=True):
    """The same for books that are told by quote ids: their tables stand between frame and book, either way."""

    spelling: Spelling
    tables: QuoteTables
    """Those of the line."""
    key: Callable[[str], bytes]
    """How frames call the book of a symbol, and the tables, too."""


class Consent(Struct, frozen=True, kw_only=True):
    """How the owner of an account gives consent in a browser, where a venue has that: `venuewire login`. Pure.

    Whoever runs it opens `address`, waits at the redirect address, makes the request `exchange` says, and keeps what
    `taken` makes of the answer before anything else is done with it. `state` is a text nobody can guess.
    """

    address: Callable[[Any, str, str], str]
    """(credentials, redirect address, state) -> the page to open. Raises `ConfigError`."""
    exchange: Callable[[Any, str, str, str], Fetch]
    """(credentials, the address the browser came back with, redirect address, state) -> the request for the tokens.
    Raises `ConfigError` where consent was not given."""
    taken: Callable[[Any, Answer, Nanos], Credentials]
    """(credentials, answer, now) -> those with the tokens. Raises `LogonRejected`, `RemoteProtocolError`."""


class Initiator(Protocol):
    """Our end of one line. One object serves all its lives; `handshake` begins each and forgets the last."""

    ready: list[Event]
    """Answers to commands that needed nothing on the wire; the session takes them after each `send`."""

    def handshake(self, now: Nanos) -> Headers:
        """A new life: forget what belonged to the last; the headers to dial with."""
        ...

    def logon(self, now: Nanos) -> Flow:
        """Become authorised. Also run on a living line, before the grant ends."""
        ...

    def heartbeat(self, now: Nanos) -> Send | None:
        """The venue's own sign of life, where it has one."""
        ...

    def send(self, command: Command, now: Nanos) -> list[Effect]:
        """The effects of a command, built now, from the grant in hand. `command.ref` is set and unique.

        Raises `LocalProtocolError`, before anything is sent, for what the venue cannot do or would not understand.
        """
        ...

    def open(self, payload: bytes) -> Envelope:
        """Find the envelope. Raises `RemoteProtocolError`."""
        ...

    def receive(self, envelope: Envelope, now: Nanos) -> Sequence[Event | Send]:
        """What the message means, and what must be answered at once. Raises `RemoteProtocolError`."""
        ...

    def answered(self, fetch: Fetch, answer: Answer, now: Nanos) -> Sequence[Event | Fetch]:
        """What the answer to a fetch of `send` means; a `Fetch` (same `ref`) asks for the next page of a list.

        Raises `RemoteProtocolError`.
        """
        ...


# --------------------------------------------------------------------------- the sandbox's side


class Refusal(Struct, frozen=True):
    """A handshake refused: HTTP status and body as the venue gives them."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Request(Struct, frozen=True, kw_only=True):
    """An HTTP request as it reached the sandbox. Header names are lower case."""

    method: str
    path: str
    """Without the query."""
    query: str = ""
    """Raw query string, without the question mark."""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    host: str = ""
    """Host (and port) the client addressed."""


class Close(Struct, frozen=True):
    """End the connection. 1006 cuts it without a close frame."""

    code: int
    reason: str = ""


Out: TypeAlias = Send | Close


class Port(Protocol):
    """A client's place at the exchange behind the sandbox; implemented there, used by acceptors."""

    account: str

    def execute(self, command: OrderCommand, now: Nanos) -> list[ExecutionReport | CancelReject]:
        """Do it; every step it had for this account, in order. `ref` and `cl_ord_id` are carried over.

        The same reports also go to every connection of the account through `Acceptor.publish`, after the acceptor's
        own answer. A refusal is a report with `exec_type` REJECTED and its reason; no order id was spent on it.
        """
        ...

    def order(self, order_id: str = "", cl_ord_id: str = "") -> ExecutionReport | None:
        """Where one order stands (ExecType ORDER_STATUS), working or done."""
        ...

    def orders(self, *, working: bool = True) -> list[ExecutionReport]:
        """Where each order stands, oldest first."""
        ...

    def fills(self) -> list[ExecutionReport]:
        """Every fill (ExecType TRADE), oldest first."""
        ...

    def positions(self) -> list[Position]: ...

    def balances(self) -> list[Balance]: ...


class Exchange(Protocol):
    """The exchange behind one venue's sandbox."""

    @property
    def instruments(self) -> Mapping[str, Instrument]: ...

    def port(self, account: str) -> Port:
        """The place of an account; raises `KeyError` for an unknown one."""
        ...

    def book(self, symbol: str, depth: int | None = None) -> BookSnapshot:
        """The aggregated book, best levels first."""
        ...

    def trades(self, symbol: str, limit: int) -> list[Trade]:
        """The newest public trades, newest last."""
        ...

    def quote(self, symbol: str) -> Quote: ...


class Acceptor(Protocol):
    """The venue's end of one connection."""

    @property
    def account(self) -> str | None:
        """Whose connection this is, once that is known."""
        ...

    def handshake(self, headers: Headers, now: Nanos) -> Refusal | None:
        """Accept (None) or refuse. Header names are lower case."""
        ...

    def opened(self, now: Nanos) -> list[Out]:
        """The frames the venue sends first."""
        ...

    def receive(self, payload: bytes, now: Nanos) -> list[Out]:
        """Answers to one frame. Never raises for what a client sent."""
        ...

    def publish(self, event: Event, now: Nanos) -> list[Out]:
        """Frames this connection gets for something that happened at the exchange; none where it did not ask."""
        ...

    def pinged(self, now: Nanos) -> None:
        """A WebSocket ping came, and has been answered: where the venue counts pings as a sign of life."""
        ...

    def next_tick(self) -> Nanos | None:
        """When `tick` wants to be called: heartbeats, idle ends, conflation."""
        ...

    def tick(self, now: Nanos) -> list[Out]: ...

    def closed(self, now: Nanos) -> None:
        """The connection is gone: cancel on disconnect, forget."""
        ...


class ExpireGrants(Struct, frozen=True):
    """Every token issued so far ends now, as if its time had come; what the venue does then is the venue's way."""


class RevokeGrants(Struct, frozen=True):
    """Every token issued so far is taken back, and the venue says so where it has words for it."""


class Throttle(Struct, frozen=True):
    """Until then the venue answers requests as it answers those who ask too often."""

    until: Nanos


class Maintenance(Struct, frozen=True):
    """Until then the venue is, or its core is, away for maintenance, in the venue's own manner."""

    until: Nanos


class SkipSequence(Struct, frozen=True):
    """On every line now open the next messages bear numbers `count` too high."""

    count: int = 1


class Habit(Struct, frozen=True):
    """One of the venue's own odd habits (`Host.habits`), switched on or off."""

    name: str
    on: bool = True


Affliction: TypeAlias = ExpireGrants | RevokeGrants | Throttle | Maintenance | SkipSequence | Habit


class Host(Protocol):
    """The venue's side as a whole: what its connections share (tokens, nonces, limits), and its HTTP."""

    lines: ClassVar[tuple[str, ...]]
    habits: ClassVar[Mapping[str, str]]
    """Odd habits of the venue that can be switched on: name -> what it does, in a sentence."""

    def afflict(self, affliction: Affliction, now: Nanos) -> bool:
        """Suffer this from now on; frames it causes come out of the acceptors' next ticks.

        False: the venue has no such thing (no numbers to skip, no tokens that end, no habit of that name).
        """
        ...

    def accept(self, line: str) -> Acceptor: ...

    def serve(self, request: Request, now: Nanos) -> Answer:
        """Answer one HTTP request. Never raises for what a client sent."""
        ...

    def publish(self, event: Event, now: Nanos) -> None:
        """Something happened at the exchange: told once, before any connection is told, and while there is none.

        What the venue itself does with it belongs here: orders that wait for a price, bars. `Acceptor.publish` only
        tells.
        """
        ...

    def next_tick(self) -> Nanos | None:
        """When `tick` wants to be called, whoever is connected: orders and offers that end with the time."""
        ...

    def tick(self, now: Nanos) -> None:
        """Do what is due; frames it causes come out of the acceptors' next ticks."""
        ...


class Stage(Struct, frozen=True, kw_only=True):
    """What the sandbox gives a venue to build its far end: which accounts and instruments there are to be."""

    instruments: tuple[Instrument, ...]
    reference_prices: dict[str, str]
    """Where the market of each symbol begins."""
    account: str
    """The account the ready line's credentials belong to."""
    balances: dict[str, str]
    """What that account begins with, by currency; enough for hours of play."""
    futures: dict[str, int] = field(default_factory=dict[str, int])
    """Symbols that are settled in money rather than delivered, and how many times its margin a position may cost."""
    further_accounts: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """More accounts of the same owner, each with what it begins with."""
    credentials: dict[str, Any]
    """As the ready line prints them."""
    short_selling: bool
    """May an account sell what it does not hold?"""
    netting_currency: str = ""
    """Where positions are margined in one currency rather than delivered: that currency."""


class Venue(Struct, frozen=True, kw_only=True):
    """One venue, as the registry finds it: the value `VENUE` of a folder in `venuewire.venues`."""

    name: str
    title: str
    endpoints: tuple[Endpoint, ...]
    lines: tuple[str, ...]
    """The endpoints that are WebSockets a client holds open, in the order they are dialled."""
    route: Callable[[Command], str]
    """Which line a command belongs to (its own HTTP requests included)."""
    capabilities: Capabilities
    limits: Limits
    credentials: type[Credentials]
    credentials_from: Callable[[Mapping[str, Any]], Credentials]
    """Credentials from the ready line's `credentials` object, or the same keys in a configuration file."""
    environment: Mapping[str, str]
    """Environment names -> key of the same object, as the official SDKs name them."""
    initiator: Callable[[str, Seat], Initiator]
    """(line, seat) -> our end."""
    stage: Callable[[Callable[[int], str], Nanos], Stage]
    """(random hex, now) -> what the sandbox should set up."""
    host: Callable[[Stage, Exchange, Callable[[int], str]], Host]
    """(stage, exchange, random hex) -> the far end."""
    default_symbol: str
    """What examples and the demo trade."""
    refusal: Callable[[int, bytes], tuple[str, str, bool]] | None = None
    """What a refused handshake means, from its HTTP status and body: (code, text for people, is it final?). None: the
    status is the code, the body the text, and HTTP's own meaning decides."""
    express: Callable[[str, Seat, Initiator], Express | QuoteExpress | None] | None = None
    """(line, seat, our end of the line) -> how its plain book updates are spelt; None where they always go the
    ordinary way."""
    consent: Callable[[], Consent] | None = None
    """How an account's owner lets us in by a browser; None where that is not the way."""
    secret_headers: frozenset[str] = frozenset()
    """HTTP and handshake headers no log or recording may show; lower case."""
    single_use: frozenset[str] = frozenset()
    """Fields of the credentials that work once: only the client that keeps what comes of them may spend them."""


__all__ = [
    "Acceptor",
    "Affliction",
    "Answer",
    "Await",
    "Capabilities",
    "Channel",
    "Close",
    "Consent",
    "Credentials",
    "Effect",
    "Endpoint",
    "Exchange",
    "ExpireGrants",
    "Express",
    "Fetch",
    "Flow",
    "Grant",
    "Habit",
    "Headers",
    "Host",
    "Initiator",
    "Limits",
    "Maintenance",
    "Out",
    "Port",
    "QuoteExpress",
    "Rate",
    "Refusal",
    "Request",
    "RevokeGrants",
    "Seat",
    "Send",
    "SkipSequence",
    "Stage",
    "Subscribe",
    "Throttle",
    "Unsubscribe",
    "Venue",
]
