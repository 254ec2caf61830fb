"""Opening messages: the envelope, the table from kind to record, frames spelt byte for byte, exact numbers, and which
fields are secret.

A venue's `wire` imports this and nothing else of ours. Decoders and encoders are made once, when a module loads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from functools import lru_cache
from typing import Annotated, Any, Generic, TypeAlias, TypeVar, get_type_hints

import msgspec
from msgspec import Meta, Raw, Struct

from venuewire.errors import RemoteProtocolError
from venuewire.model.terms import EXACT, NANOS_PER_SECOND, Nanos

SECRET = Meta(extra={"secret": True})
SecretText = Annotated[str, SECRET]
"""A text field of a wire record that no log, recording or error may show."""

RecordT = TypeVar("RecordT", bound=Struct)
T = TypeVar("T")

# Bounds of any number a venue may send us; NaN, Infinity and 1e999999999 are valid Decimals to the decoder.
_MAX_EXPONENT = 30
_MAX_DIGITS = 40


class Envelope(Struct, frozen=True):
    """A message whose outer record has been opened and whose body has not been touched."""

    kind: str | int
    """What the venue calls this kind of message; how that is told is the venue's business."""
    body: bytes
    """The part that depends on the kind, as it came."""
    ref: str | None = None
    """The request it answers, in the venue's own terms, where the outer record says."""
    seq: int | None = None
    """Its number, where the venue numbers messages."""


def decoder(record: type[T], *, strict: bool = True) -> Callable[[bytes | bytearray | memoryview | str | Raw], T]:
    """A function from bytes to `record` that raises `RemoteProtocolError` on anything else, and nothing else."""
    decode = msgspec.json.Decoder(record, strict=strict, float_hook=exact_number).decode
    name = getattr(record, "__name__", str(record))

    def run(payload: bytes | bytearray | memoryview | str | Raw) -> T:
        try:
            return decode(payload)  # pyright: ignore[reportArgumentType]  # Raw is a buffer
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, ArithmeticError) as error:
            raise RemoteProtocolError(f"not a valid {name}: {error}") from None

    return run


_encoder = msgspec.json.Encoder(decimal_format="number")
_text_encoder = msgspec.json.Encoder(decimal_format="string")


def encode(record: Any) -> bytes:
    """JSON with Decimals as JSON numbers."""
    return _encoder.encode(record)


def encode_text(record: Any) -> bytes:
    """JSON with Decimals as JSON strings."""
    return _text_encoder.encode(record)


def exact_number(text: str) -> Decimal:
    """The decoder's hook for numbers in untyped places: exact, finite, of reasonable size."""
    return checked(Decimal(text))


def checked(number: Decimal) -> Decimal:
    """`number` unless it is NaN, infinite or absurd; then `RemoteProtocolError`. For Decimal fields of records."""
    if not number.is_finite() or abs(number.adjusted()) > _MAX_EXPONENT or len(number.as_tuple().digits) > _MAX_DIGITS:
        raise RemoteProtocolError("a number is not finite or not of reasonable size")
    return number


def number(text: str) -> Decimal:
    """The Decimal in a text field; raises `RemoteProtocolError` when there is none."""
    try:
        return checked(Decimal(text))
    except ArithmeticError:
        raise RemoteProtocolError("a text is not a number") from None


class MessageTable(Generic[RecordT]):
    """kind -> record, with a decoder each. An unknown kind is `None`: news, not a crash."""

    def __init__(self, records: Mapping[str | int, type[RecordT]], *, strict: bool = True) -> None:
        self.records = dict(records)
        self._decoders = {kind: decoder(record, strict=strict) for kind, record in records.items()}
        self._kinds = {record: kind for kind, record in records.items()}

    def __contains__(self, kind: str | int) -> bool:
        return kind in self._decoders

    def decode(self, kind: str | int, body: bytes) -> RecordT | None:
        """The body as its record; None for an unknown kind. Raises `RemoteProtocolError` on damage."""
        decode = self._decoders.get(kind)
        return None if decode is None else decode(body)

    def kind(self, record: RecordT) -> str | int:
        """What the venue calls this record."""
        return self._kinds[type(record)]


class Mark(IntEnum):
    """What stands between the fixed bytes of a frame."""

    TEXT = 1
    """Anything without quotes and escapes; passed over."""
    SEQ = 2
    """The number of the message: up to 18 digits."""
    KEY = 3
    """Whose book it is, in letters, digits and `-._:/@`."""
    TIME = 4
    """When the book changed, in RFC 3339, UTC, from 1970 on; a quote follows."""
    BODY = 5
    """Here the body begins: what follows stands in it, and it goes on to the tail."""


FramePart: TypeAlias = tuple[int, bytes, int]
"""(a `Mark`, or 0 for fixed bytes; those; how many parts may be left out from here on)."""
_FIXED = 0
_PATTERNS: Mapping[Mark, bytes] = {
    # What has been found is not given back (`+` behind the count): what follows begins with something else.
    Mark.TEXT: rb'[^"\\]*+',
    Mark.SEQ: rb"(?P<seq>\d{1,18}+)",
    Mark.KEY: rb"(?P<key>[0-9A-Za-z._:/@-]++)",
    Mark.TIME: rb'(?P<time>(?P<second>[0-9T:-]{19}+)(?:\.(?P<fraction>\d{1,9}+))?Z)(?=")',
    Mark.BODY: rb"(?P<body>)",
}


class Spelling:
    """How a venue spells the frame of a plain book message, byte for byte: fixed bytes, and marks between them.

    A sequence among the parts may be absent as a whole. `parts` and `tail` are what a native reader takes; `match`
    finds the same in Python, up to the end of the parts, with the groups `seq`, `key`, `time` (`spelled_time` reads it)
    and `body` (empty, where the body begins). Other spellings of the same message are not matched, and that is nobody's
    loss: they go by the venue's records.
    """

    __slots__ = ("is_timed", "match", "parts", "tail")

    def __init__(self, *parts: bytes | Mark | Sequence[bytes | Mark], tail: bytes) -> None:
        self.tail = tail
        groups = [[part] if isinstance(part, (bytes, Mark)) else list(part) for part in parts]
        absent = [not isinstance(part, (bytes, Mark)) for part in parts]
        self.parts: tuple[FramePart, ...] = tuple(
            _part(part, len(group) if may_be_absent and n == 0 else 0)
            for group, may_be_absent in zip(groups, absent, strict=True)
            for n, part in enumerate(group)
        )
        self.is_timed = any(Mark.TIME in group for group in groups)
        patterns = [b"".join(map(_pattern, group)) for group in groups]
        self.match = re.compile(
            b"".join(
                b"(?:" + pattern + b")?" if may else pattern for pattern, may in zip(patterns, absent, strict=True)
            )
        ).match


_is_second = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d").fullmatch
_EPOCH_YEAR = 1970


def spelled_time(found: re.Match[bytes]) -> Nanos:
    """The time in a frame whose spelling has one; raises `RemoteProtocolError` where there is no such time."""
    fraction = found["fraction"]
    return _second(found["second"]) + (int(fraction.ljust(9, b"0")) if fraction else 0)


@lru_cache(maxsize=64)
def _second(text: bytes) -> Nanos:
    """Consecutive messages share it."""
    try:
        moment = datetime.fromisoformat(f"{text.decode('ascii')}+00:00")
    except ValueError:
        raise RemoteProtocolError("a time is not RFC 3339") from None
    if moment.year < _EPOCH_YEAR or not _is_second(text):
        raise RemoteProtocolError("a time is not RFC 3339, or before 1970")
    return int(moment.timestamp()) * NANOS_PER_SECOND


def _part(part: bytes | Mark, optional: int) -> FramePart:
    if isinstance(part, bytes):
        return _FIXED, part, optional
    if optional:
        raise ValueError("what may be absent begins with fixed bytes")
    return int(part), b"", 0


def _pattern(part: bytes | Mark) -> bytes:
    return _PATTERNS[part] if isinstance(part, Mark) else re.escape(part)


def secret_fields(record: type[Struct]) -> frozenset[str]:
    """Wire names of the fields of `record` that must never be shown."""
    hints = get_type_hints(record, include_extras=True)
    names = {field.name: field.encode_name for field in msgspec.structs.fields(record)}
    return frozenset(names[name] for name, hint in hints.items() if name in names and _is_secret(hint))


def _is_secret(hint: object) -> bool:
    if any(meta is SECRET for meta in getattr(hint, "__metadata__", ())):
        return True
    return any(_is_secret(part) for part in getattr(hint, "__args__", ()))


def redacted(record: Struct) -> Struct:
    """A copy of `record` with its secret fields, at every depth, shown as `***`."""
    hidden = secret_fields(type(record))
    changes: dict[str, Any] = {}
    for field in msgspec.structs.fields(record):
        value = getattr(record, field.name)
        if field.encode_name in hidden and value:
            changes[field.name] = "***"
        elif isinstance(value, Struct):
            changes[field.name] = redacted(value)
    return msgspec.structs.replace(record, **changes) if changes else record


def scaled(text: str, scale: int) -> int:
    """A plain decimal text as an integer in `scale`: ("64000.1", 2) -> 6400010.

    Exact or refused: digits beyond the scale that are not zero, exponents, signs, blanks and anything that is not
    a plain number raise `RemoteProtocolError`.
    """
    whole, point, fraction = text.partition(".")
    if point:
        if len(fraction) > scale:
            if fraction[scale:].strip("0"):
                raise RemoteProtocolError(f"a number has more than {scale} decimals")
            fraction = fraction[:scale]
        else:
            fraction = fraction.ljust(scale, "0")
        digits = whole + fraction
    else:
        digits = whole + "0" * scale
    if not (digits.isascii() and digits.isdigit() and whole) or len(digits) > _MAX_DIGITS:
        raise RemoteProtocolError("a text is not a plain number")
    return int(digits)


def scaled_decimal(value: Decimal, scale: int) -> int:
    """A Decimal that came as a JSON number as an integer in `scale`; `RemoteProtocolError` if digits are lost."""
    shifted = checked(value).scaleb(scale, EXACT)
    result = int(shifted)
    if result != shifted or result < 0:
        raise RemoteProtocolError(f"a number is negative or has more than {scale} decimals")
    return result
