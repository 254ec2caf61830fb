"""What travels on `/ws` and around the data: requests, acknowledgements, data frames (3.1 to 3.5, 3.10, 3.12).

Key order matters to clients: an acknowledgement begins with `requestGuid`, a data frame with `data` and ends with
`guid` (3.1).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import UNSET, Raw, Struct, UnsetType

from venuewire.codec import SecretText, decoder

Format: TypeAlias = Literal["Simple", "Slim", "Heavy"]
FORMATS: dict[str, Format] = {"simple": "Simple", "slim": "Slim", "heavy": "Heavy"}
"""The formats of data, by their name without case."""

MINIMUM_FREQUENCY: dict[Format, int] = {"Slim": 10, "Simple": 25, "Heavy": 500}
"""Shortest interval between frames of one subscription, milliseconds (3.9)."""
DEFAULT_FREQUENCY = 175
DEFAULT_DEPTH, MAXIMUM_DEPTH = 20, 50
"""Levels a side of a book (3.4)."""
MAXIMUM_TRADES = 5000
"""Trades of the past a subscription to all trades may ask for (3.4)."""

HANDLED = "Handled successfully"
INVALID_TOKEN = "Invalid JWT token!"
TOO_MANY = "Too Many Requests"
"""ASSUMPTION: of a 429 on `/cws` (8.14)."""
MALFORMED = "Provided json can't be properly deserialised, perhaps you made an error or forgot some field"


class Incoming(Struct):
    """Any frame a client receives on `/ws` or `/cws`, opened as far as needed to know what it is (3.1, 4.3)."""

    data: Raw = Raw(b"")
    guid: str | int = ""
    requestGuid: str | int | None = None
    httpCode: int = 0
    message: str | None = None
    orderNumber: str | int | None = None


class Reply(Struct, kw_only=True):
    """Acknowledgement, error, or answer to an order command: `requestGuid` first (3.1, 3.11, 4.3; S0, S3)."""

    requestGuid: str | int | None
    httpCode: int
    message: str | None = None
    orderNumber: str | int | UnsetType | None = UNSET
    """Text in the 2025 specification, a number on older pages."""

    @property
    def guid(self) -> str:
        """The request it answers; empty where the venue does not say (one real 401 did not)."""
        return "" if self.requestGuid is None else str(self.requestGuid)

    @property
    def text(self) -> str:
        """The message, or nothing."""
        return self.message or ""


class Pushed(Struct, kw_only=True):
    """A data frame: `data` first, `guid` last (3.1)."""

    data: Raw
    guid: str


class Asked(Struct, kw_only=True):
    """What every client frame has: enough to know which record it is and whom to answer."""

    opcode: str = ""
    guid: str | int = ""


class SubscribeInstrument(Struct, kw_only=True, rename={"start": "from"}):
    """The five subscriptions to an instrument's market data (3.3, 3.4; SPEC ws_sub_*)."""

    opcode: str
    code: str
    """Ticker."""
    exchange: str
    instrumentGroup: str | UnsetType = UNSET
    """Board; absent: the ticker's primary one."""
    depth: int | UnsetType = UNSET
    """Book: levels a side. All trades: how many past ones come first."""
    tf: str | int | UnsetType = UNSET
    """Bars: length in seconds, or `D`, `W`, `M`, `Y`."""
    start: int | UnsetType = UNSET
    """Bars: Unix seconds of the first candle wanted."""
    skipHistory: bool | UnsetType = UNSET
    """Bars: new data only."""
    splitAdjust: bool | UnsetType = UNSET
    sliceMode: str | UnsetType = UNSET
    """Bars; the SDK alone sends it."""
    frequency: int | UnsetType = UNSET
    """Milliseconds between frames; the last state within each interval is kept. Not for trades."""
    includeVirtualTrades: bool | UnsetType = UNSET
    format: str | UnsetType = UNSET
    guid: str | int
    token: SecretText = ""


class SubscribePortfolio(Struct, kw_only=True):
    """The subscriptions to what belongs to a portfolio (3.3, 3.5; SPEC ws_sub_*)."""

    opcode: str
    portfolio: str
    orderStatuses: list[str] | UnsetType = UNSET
    """Orders: filters the initial set, never live events."""
    skipHistory: bool | UnsetType = UNSET
    """True: no initial set."""
    exchange: str
    instrumentGroup: str | UnsetType = UNSET
    """Accepted; what it does is not described."""
    format: str | UnsetType = UNSET
    guid: str | int
    token: SecretText = ""


class Unsubscribe(Struct, kw_only=True):
    """`unsubscribe`, with the guid of the subscription (3.10; SPEC ws_unsubscribe)."""

    opcode: str
    token: SecretText = ""
    guid: str | int


class Ping(Struct, kw_only=True):
    """`ping`, undocumented: ALOR's own terminal lives by it (3.12). No token on `/cws`."""

    opcode: str
    guid: str | int
    token: SecretText | UnsetType = UNSET
    confirm: bool | UnsetType = UNSET


BOOK = "OrderBookGetAndSubscribe"
QUOTES = "QuotesSubscribe"
ALL_TRADES = "AllTradesGetAndSubscribe"
ORDERS = "OrdersGetAndSubscribeV2"
TRADES = "TradesGetAndSubscribeV2"
POSITIONS = "PositionsGetAndSubscribeV2"
BARS = "BarsGetAndSubscribe"
INSTRUMENTS = "InstrumentsGetAndSubscribeV2"
SUMMARIES = "SummariesGetAndSubscribeV2"
RISKS = "RisksGetAndSubscribe"
SPECTRA_RISKS = "SpectraRisksGetAndSubscribe"
STOP_ORDERS = "StopOrdersGetAndSubscribeV2"
OLD_STOP_ORDERS = "StopOrdersGetAndSubscribe"
UNSUBSCRIBE = "unsubscribe"
PING = "ping"

SubscribeRequest: TypeAlias = SubscribeInstrument | SubscribePortfolio
REQUESTS: dict[str, type[SubscribeRequest | Unsubscribe | Ping]] = {
    BOOK: SubscribeInstrument,
    QUOTES: SubscribeInstrument,
    ALL_TRADES: SubscribeInstrument,
    ORDERS: SubscribePortfolio,
    TRADES: SubscribePortfolio,
    POSITIONS: SubscribePortfolio,
    BARS: SubscribeInstrument,
    INSTRUMENTS: SubscribeInstrument,
    SUMMARIES: SubscribePortfolio,
    RISKS: SubscribePortfolio,
    SPECTRA_RISKS: SubscribePortfolio,
    STOP_ORDERS: SubscribePortfolio,
    OLD_STOP_ORDERS: SubscribePortfolio,
    UNSUBSCRIBE: Unsubscribe,
    PING: Ping,
}
"""Opcodes of `/ws` both ends speak (3.2)."""

read_incoming = decoder(Incoming)
read_reply = decoder(Reply)
# The venue takes numbers and booleans written as text, and opcodes in any case (3.2, 3.3): its end reads leniently.
read_asked = decoder(Asked, strict=False)
read_request = {opcode.lower(): decoder(record, strict=False) for opcode, record in REQUESTS.items()}
SPELLING = {opcode.lower(): opcode for opcode in REQUESTS}

__all__ = [
    "ALL_TRADES",
    "BARS",
    "BOOK",
    "DEFAULT_DEPTH",
    "DEFAULT_FREQUENCY",
    "FORMATS",
    "HANDLED",
    "INSTRUMENTS",
    "INVALID_TOKEN",
    "MALFORMED",
    "MAXIMUM_DEPTH",
    "MAXIMUM_TRADES",
    "MINIMUM_FREQUENCY",
    "OLD_STOP_ORDERS",
    "ORDERS",
    "PING",
    "POSITIONS",
    "QUOTES",
    "REQUESTS",
    "RISKS",
    "SPECTRA_RISKS",
    "SPELLING",
    "STOP_ORDERS",
    "SUMMARIES",
    "TOO_MANY",
    "TRADES",
    "UNSUBSCRIBE",
    "Asked",
    "Format",
    "Incoming",
    "Ping",
    "Pushed",
    "Reply",
    "SubscribeInstrument",
    "SubscribePortfolio",
    "SubscribeRequest",
    "Unsubscribe",
    "read_asked",
    "read_incoming",
    "read_reply",
    "read_request",
]
