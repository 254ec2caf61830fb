"""One entry of the journal: what it says, how it is written exactly, and the sums that prove it whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeVar, cast, get_args

import msgspec
from msgspec import Struct

from venuewire.errors import JournalError
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.terms import Nanos

ORIGIN = b"\0" * 16
"""What the first entry is chained to."""

COLUMNS = (
    *("seq", "time", "venue", "account", "line", "epoch", "kind", "cl_ord_id", "orig_cl_ord_id", "order_id"),
    *("about", "record", "digest", "chain"),
)


class Entry(Struct, frozen=True, kw_only=True):
    """A row of the journal, as written."""

    seq: int
    """Grows by one with each thing that is noted; what could not be written leaves a number out."""
    time: Nanos
    venue: str = ""
    account: str = ""
    line: str = ""
    epoch: int = 0
    """Which life of the line a command was meant for."""
    kind: str
    """Name of the record's class."""
    cl_ord_id: str = ""
    orig_cl_ord_id: str = ""
    order_id: str = ""
    about: int = 0
    """The `seq` of the intent this is an outcome of; 0: none, or known by ids only."""
    record: bytes = b"{}"
    """All of it, as JSON; numbers as exact text."""


# What is noted beside commands and the venue's reports.


class Opened(Struct, frozen=True):
    """Somebody begins to write."""

    pid: int
    durability: str
    reserved: int
    """No id above this has been given out before this journal was opened, nor will be until a larger one is noted."""


class Reserved(Struct, frozen=True):
    """Ids up to this one may be given out from now on."""

    reserved: int


class Sent(Struct, frozen=True):
    """The transport was handed the bytes. That this is missing proves nothing."""


class Answered(Struct, frozen=True):
    """The venue has answered the command; what it said of orders is in the reports."""

    text: str = ""


class NeverSent(Struct, frozen=True):
    """Not one byte of the command left."""

    text: str = ""


class NoAnswer(Struct, frozen=True):
    """No answer came to a command: by its deadline, or because its line was cut."""

    cause: str
    sent_time: Nanos = 0
    sent: bool = True


class InDoubt(Struct, frozen=True):
    """The venue's list does not hold an order that was thought open."""

    text: str = ""


class Pruned(Struct, frozen=True):
    """Orders that ended before a time were taken out."""

    before: Nanos
    orders: int
    reserved: int


class Salvaged(Struct, frozen=True):
    """This journal was made from what was sound in a damaged one."""

    lost: tuple[str, ...]
    reserved: int


class Closed(Struct, frozen=True):
    """The writer ended in good order."""

    reserved: int


RecordT = TypeVar("RecordT", bound=Struct)

COMMANDS: tuple[type[Struct], ...] = (NewOrder, ReplaceOrder, CancelOrder, MassCancel)
_NOTES: tuple[type[Struct], ...] = (
    *(ExecutionReport, CancelReject, Opened, Reserved, Sent, Answered, NeverSent, NoAnswer, InDoubt),
    *(Pruned, Salvaged, Closed),
)
COMMAND_KINDS = frozenset(kind.__name__ for kind in COMMANDS)


def _stored_type(kind: object) -> object:
    """Where a command takes Decimal, text or int it holds a Decimal: it has been made exact when it was made."""
    parts = get_args(kind)
    return Decimal | None if Decimal in parts else kind


def _default_of(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=field.default_factory)
    return field.default


def _decoder(kind: type[Struct]) -> Callable[[bytes], Struct]:
    """Reads records of this class: every field known, every number exact."""
    fields = [
        (field.name, _stored_type(field.type))
        if field.required
        else (field.name, _stored_type(field.type), _default_of(field))
        for field in msgspec.structs.fields(kind)
    ]
    stored = msgspec.defstruct(
        kind.__name__, cast("Any", fields), kw_only=True, frozen=True, forbid_unknown_fields=True
    )
    decode = msgspec.json.Decoder(stored).decode
    return lambda record: kind(**msgspec.structs.asdict(decode(record)))


_DECODE = MappingProxyType({kind.__name__: _decoder(kind) for kind in (*COMMANDS, *_NOTES)})
_encode = msgspec.json.Encoder(decimal_format="string").encode
_pack = msgspec.msgpack.Encoder().encode


def encoded(record: Struct) -> bytes:
    """The record as JSON. Raises `JournalError` for text that is none (half a surrogate pair)."""
    try:
        return _encode(record)
    except (UnicodeEncodeError, OverflowError) as error:
        raise JournalError(f"a {type(record).__name__} cannot be written to the journal: {error}") from error


def decoded(entry: Entry) -> Struct:
    """The record of an entry. Raises `JournalError` when this version cannot read it whole."""
    decode = _DECODE.get(entry.kind)
    if decode is None:
        raise JournalError(f"entry {entry.seq} is a {entry.kind}, which this version does not know; use a newer one")
    try:
        return decode(entry.record)
    except (msgspec.DecodeError, TypeError, ValueError) as error:
        raise JournalError(f"entry {entry.seq} ({entry.kind}) cannot be read by this version: {error}") from error


def digest(entry: Entry) -> bytes:
    """Proves one entry whole."""
    return hashlib.blake2b(_pack(entry), digest_size=16).digest()


def chained(before: bytes, this: bytes) -> bytes:
    """Proves that nothing is missing before this entry."""
    return hashlib.blake2b(before + this, digest_size=16).digest()


def row(entry: Entry, chain: bytes) -> tuple[tuple[object, ...], bytes]:
    """The entry as a row of the table, and the chain after it."""
    this = digest(entry)
    after = chained(chain, this)
    return (*msgspec.structs.astuple(entry), this, after), after


def from_row(values: tuple[Any, ...]) -> tuple[Entry, bytes]:
    """The entry of a row, and its link of the chain. Raises `ValueError` for a row that is not as it was written."""
    *own, this, chain = values
    entry = msgspec.convert(dict(zip(COLUMNS, own, strict=False)), Entry, builtin_types=(bytes,))
    if digest(entry) != this:
        raise ValueError(f"entry {entry.seq} is not as it was written")
    if not isinstance(chain, bytes):
        raise TypeError(f"the link of entry {entry.seq} is not as it was written")
    return entry, chain
