"""Numbers and times as this venue writes them, and back; pure.

Numbers are plain decimal text without trailing zeros. Times are RFC 3339 in UTC, with as many digits of the second as
are not zero: nine at most in envelopes, six in events.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TypeAlias

from msgspec import UnsetType

from venuewire.codec import number
from venuewire.errors import RemoteProtocolError
from venuewire.model.terms import NANOS_PER_SECOND, Nanos

Text: TypeAlias = str | UnsetType | None

NO_TIME = "0001-01-01T00:00:00Z"
"""What stands where a time does not apply."""

_MINUTE = len("2026-01-01T00:00:")
_SECOND = _MINUTE + 2
_TENS: tuple[int, ...] = tuple(int("1" + "0" * n) for n in range(10))
_FRACTION = _SECOND + 1
_minutes: dict[str, Nanos] = {}
"""Minutes read of late: consecutive messages share them."""
_seconds: dict[str, Nanos] = {}
"""Seconds read of late, with their point."""


def plain(value: Decimal) -> str:
    """`value` without exponent and trailing zeros: 1E-8 -> 0.00000001, 83362.00 -> 83362."""
    text = format(value, "f")
    return _trimmed(text) if "." in text else text


def plain_scaled(value: int, scale: int) -> str:
    """The number that `value` stands for in `scale` (value >= 0), likewise."""
    if scale == 0:
        return str(value)
    digits = str(value).rjust(scale + 1, "0")
    return _trimmed(f"{digits[:-scale]}.{digits[-scale:]}")


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".")


def words(text: Text) -> str:
    """A text that may be missing."""
    return text if isinstance(text, str) else ""


def amount(text: Text) -> Decimal | None:
    """The number in a text that may be missing or empty; raises `RemoteProtocolError` for what is no number."""
    return number(text) if isinstance(text, str) and text else None


def nanos(text: Text) -> Nanos:
    """RFC 3339 in UTC as nanoseconds; 0 for nothing and for the year one. Raises `RemoteProtocolError`."""
    if not isinstance(text, str):
        return 0
    second = _seconds.get(text[:_FRACTION])
    if second is not None:
        digits = text[_FRACTION:-1]
        if digits.isdigit() and digits.isascii() and len(digits) <= 9 and text[-1] == "Z":
            return second + int(digits) * _TENS[9 - len(digits)]
    return 0 if not text or text.startswith("0001-") else _nanos(text)


def _nanos(text: str) -> Nanos:
    minute = _minutes.get(text[:_MINUTE])
    if minute is None:
        minute = _read_minute(text[:_MINUTE])
    seconds, fraction = text[_MINUTE:_SECOND], text[_SECOND:-1]
    if not text.endswith("Z") or not (seconds.isdigit() and seconds.isascii()) or len(seconds) != 2:
        raise RemoteProtocolError("a time is not RFC 3339 in UTC")
    second = minute + int(seconds) * NANOS_PER_SECOND
    if not fraction:
        return second
    moment = second + _fraction(fraction)
    if len(_seconds) > 64:
        _seconds.clear()
    _seconds[text[:_FRACTION]] = second
    return moment


def _fraction(text: str) -> Nanos:
    digits = text[1:]
    if text[0] != "." or not (digits.isdigit() and digits.isascii()) or len(digits) > 9:
        raise RemoteProtocolError("a time is not RFC 3339 in UTC")
    return int(digits) * _TENS[9 - len(digits)]


def _read_minute(text: str) -> Nanos:
    try:
        moment = datetime.fromisoformat(text + "00+00:00")
    except ValueError:
        raise RemoteProtocolError("a time is not RFC 3339 in UTC") from None
    if len(_minutes) > 64:
        _minutes.clear()
    _minutes[text] = result = int(moment.timestamp()) * NANOS_PER_SECOND
    return result


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=64)
def rfc3339(moment: Nanos, digits: int = 9) -> str:
    """The time as text, cut to `digits` of the second, trailing zeros trimmed."""
    seconds, rest = divmod(moment, NANOS_PER_SECOND)
    whole = _second(seconds)
    fraction = f"{rest:09d}"[:digits].rstrip("0")
    return f"{whole}.{fraction}Z" if fraction else f"{whole}Z"


def micros(moment: Nanos) -> str:
    """The same to the microsecond, as events have it."""
    return rfc3339(moment, 6)


def time_or_none(moment: Nanos | None) -> str:
    """The time to the microsecond, or the year one."""
    return micros(moment) if moment else NO_TIME


def go_clock(now: Nanos, uptime: Nanos) -> str:
    """Go's own print of a clock with its monotonic part, which heartbeats carry."""
    seconds, rest = divmod(now, NANOS_PER_SECOND)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    fraction = f".{rest:09d}".rstrip("0").rstrip(".")
    ran, part = divmod(uptime, NANOS_PER_SECOND)
    return f"{whole}{fraction} +0000 UTC m=+{ran}.{part:09d}"
