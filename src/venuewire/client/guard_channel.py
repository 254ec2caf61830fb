"""What a guarded client and its guard tell each other, over a local stream: one JSON record a line.

    client -> guard   Charge, then Noted of each order that stands; Noted and Tokens as they come; Beat; Goodbye
    guard -> client   Armed, Echo of each beat; Trouble; Struck

The stream's end without a `Goodbye`, or no word for too long, is what the guard waits for. A `Charge` and `Tokens` hold
secrets: the stream never leaves the machine, is open to nobody but this user, and is not logged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec import Raw, Struct, field, structs

from venuewire.errors import RemoteProtocolError
from venuewire.journal.entry import Entry, decoded, encoded
from venuewire.model.orders import ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import Secret
from venuewire.model.terms import ExecType, OrdStatus, OrdType
from venuewire.orders.order import Order
from venuewire.venue import Credentials, Venue

VERSION = 1
LONGEST = 4 * 1024 * 1024
"""Bytes of one line."""

Values: TypeAlias = dict[str, Any]


class Charge(Struct, frozen=True, kw_only=True, tag=True):
    """Whom to guard, and how."""

    version: int
    venue: str
    pid: int
    values: Values
    """The credentials' own fields, without tokens that work once."""
    endpoints: dict[str, str]
    ca: str
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    symbols: tuple[str, ...] = ()
    silence: float
    """Seconds without a word after which the client counts as hung."""
    within: float
    """Seconds, from then on or from the stream's end, in which its orders must be gone."""

    def __repr__(self) -> str:
        return f"Charge(venue={self.venue!r}, ***)"


class Tokens(Struct, frozen=True, tag=True):
    """The credentials have changed: these are in force."""

    values: Values

    def __repr__(self) -> str:
        return "Tokens(***)"


class Noted(Struct, frozen=True, tag=True):
    """A command that is about to be sent, or the venue's word on an order; as in the journal."""

    kind: str
    record: Raw


class Settled(Struct, frozen=True, tag=True):
    """No answer will come to a new order: it was never sent, or its outcome is not known."""

    cl_ord_id: str
    cause: str
    sent: bool


class Beat(Struct, frozen=True, tag=True):
    """The client's event loop turns."""

    number: int


class Goodbye(Struct, frozen=True, tag=True):
    """The client ends in good order: nothing is to be done."""


class Armed(Struct, frozen=True, tag=True):
    """The guard is logged on and will act."""


class Echo(Struct, frozen=True, tag=True):
    """A beat has been heard."""

    number: int


class Trouble(Struct, frozen=True, tag=True):
    """Why the guard cannot act."""

    text: str


class Struck(Struct, frozen=True, tag=True):
    """The guard has taken the client for hung: it cancels the client's orders."""

    text: str


ToGuard: TypeAlias = Charge | Tokens | Noted | Settled | Beat | Goodbye
RecordT = TypeVar("RecordT")
ToClient: TypeAlias = Armed | Echo | Trouble | Struck

_encode = msgspec.json.Encoder().encode
_to_guard: Callable[[bytes], ToGuard] = msgspec.json.Decoder(ToGuard).decode
_to_client: Callable[[bytes], ToClient] = msgspec.json.Decoder(ToClient).decode


def line(record: ToGuard | ToClient) -> bytes:
    """The record as it is sent."""
    return _encode(record) + b"\n"


def read_at_guard(payload: bytes) -> ToGuard:
    """Raises `RemoteProtocolError` for what is no record; its text shows nothing of it."""
    return _read(_to_guard, payload)


def read_at_client(payload: bytes) -> ToClient:
    """Raises `RemoteProtocolError`."""
    return _read(_to_client, payload)


def _read(decode: Callable[[bytes], RecordT], payload: bytes) -> RecordT:
    try:
        return decode(payload)
    except msgspec.MsgspecError:
        raise RemoteProtocolError("a record on the guard's channel cannot be read") from None


class Lines:
    """Bytes as they come, cut into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, some: bytes) -> list[bytes]:
        """The lines that are whole now. Raises `RemoteProtocolError` for one without an end."""
        *whole, self._rest = (self._rest + some).split(b"\n")
        if len(self._rest) > LONGEST:
            raise RemoteProtocolError("a record on the guard's channel is too long")
        return whole


# ------------------------------------------------------------------ orders


def noted(record: NewOrder | ReplaceOrder | ExecutionReport) -> Noted:
    """As the journal writes it."""
    return Noted(type(record).__name__, Raw(encoded(record)))


def noted_record(note: Noted) -> Struct:
    """What was noted. Raises `JournalError` for a kind that this version does not know."""
    return decoded(Entry(seq=0, time=0, kind=note.kind, record=bytes(note.record)))


def as_it_stands(order: Order) -> list[Noted]:
    """An order of ours for a guard that knows nothing of it yet."""
    if order.side is None:
        return []
    asked = NewOrder(
        symbol=order.symbol,
        side=order.side,
        ord_type=order.ord_type or OrdType.LIMIT,
        order_qty=order.order_qty,
        price=order.price,
        stop_px=order.stop_px,
        cl_ord_id=order.cl_ord_id,
        account=order.account,
    )
    if not order.order_id:
        return [noted(asked)]
    # What was filled is the venue's to tell: a guard asks it.
    known = ExecutionReport(
        symbol=order.symbol,
        exec_type=ExecType.ORDER_STATUS,
        order_id=order.order_id,
        cl_ord_id=order.cl_ord_id,
        side=order.side,
        ord_type=order.ord_type,
        ord_status=OrdStatus.NEW if order.is_open else None,
        order_qty=_exact(order.order_qty),
        transact_time=order.updated,
    )
    return [noted(asked), noted(known)]


def _exact(value: Decimal | None) -> Decimal | None:
    return value if value is None else Decimal(value)


# ------------------------------------------------------------------ credentials


def values_of(venue: Venue, credentials: Credentials) -> Values:
    """The fields of credentials in plain, for the guard's ears only; never one that works once."""
    values: Values = {}
    for name in credentials.__struct_fields__:
        value = getattr(credentials, name)
        if name in {"endpoints", "ca"} or name in venue.single_use:
            continue
        values[name] = value.reveal() if isinstance(value, Secret) else value
    return values


def credentials_of(venue: Venue, values: Values, endpoints: Mapping[str, str], ca: str) -> Credentials:
    """The way back. Raises `ConfigError` where something is missing."""
    return structs.replace(venue.credentials_from(values), endpoints=dict(endpoints), ca=ca)


def plain_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The venue's switches, without what is no plain value (a function that keeps tokens)."""
    return {name: value for name, value in settings.items() if isinstance(value, (str, int, bool, list, tuple, dict))}
