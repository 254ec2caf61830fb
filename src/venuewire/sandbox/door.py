"""How a venue turns somebody away because of a fault: with a status that was asked for, or in its own words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from msgspec.structs import replace

from venuewire.sandbox.faults import Fault, Kind
from venuewire.venue import Headers, Refusal, Request

_WITHOUT_WORDS = {Kind.REFUSE: 401, Kind.THROTTLE: 429}

CallT = TypeVar("CallT", Request, Mapping[str, str])


def refused(fault: Fault) -> Refusal:
    """The answer a fault asks for."""
    status = fault.status or _WITHOUT_WORDS[fault.kind]
    kind = "application/json" if fault.body[:1] in ("{", "[") else "text/plain"
    headers = {"content-type": kind} if fault.body else {}
    if status == 429:
        headers["retry-after"] = str(max(1, round(fault.seconds or 1)))
    return Refusal(status, fault.body.encode(), headers)


def spoiled(call: CallT, secret: frozenset[str]) -> CallT:
    """The same handshake or request with credentials nobody knows, so that the venue itself says what it says then."""
    if isinstance(call, Request):
        headers = _spoiled(call.headers, secret)
        # Where no header is secret, who asks is in the body.
        return replace(call, headers=headers, body=call.body if headers != call.headers else b"")
    return _spoiled(call, secret)


def _spoiled(headers: Headers, secret: frozenset[str]) -> dict[str, str]:
    return {name: _turned(value) if name in secret else value for name, value in headers.items()}


def _turned(value: str) -> str:
    """The last word backwards: what comes before it is the kind of credentials."""
    kind, space, word = value.rpartition(" ")
    return kind + space + word[::-1]
