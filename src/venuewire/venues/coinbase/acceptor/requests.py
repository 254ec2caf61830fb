"""Requests over REST as the sandbox reads them, and those it answers with a status other than 200; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import Struct

from venuewire.codec import encode
from venuewire.errors import RemoteProtocolError
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venue import Answer, Request
from venuewire.venues.coinbase.texts import nanos
from venuewire.venues.coinbase.wire import rest

T = TypeVar("T")

JSON = {"content-type": "application/json"}

Query = dict[str, list[str]]


class Wrong(Exception):
    """A request that is answered with a status other than 200."""

    def __init__(self, status: int, error: str, message: str) -> None:
        self.status, self.error, self.message = status, error, message
        super().__init__(message)

    def answer(self) -> Answer:
        """The gateway's shape of it."""
        body = rest.Failure(error=self.error, error_details=self.message, message=self.message)
        return Answer(self.status, encode(body), dict(JSON))


class Asked(Struct, frozen=True):
    """A request that may be answered."""

    request: Request
    query: Query
    account: str
    """Empty for public requests."""
    now: Nanos
    item: str = ""
    """The last part of paths that end in an id."""


# --------------------------------------------------------------------------- reading requests


def body_of(read: Callable[[bytes], T], asked: Asked) -> T:
    try:
        return read(asked.request.body)
    except RemoteProtocolError:
        raise Wrong(400, "INVALID_ARGUMENT", "the body is not a valid request") from None


def one(query: Query, name: str) -> str:
    return query.get(name, [""])[0]


def number_of(query: Query, name: str, default: int) -> int:
    text = one(query, name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise Wrong(400, "unknown", f'parsing field "{name}": "{text[:40]}" is not a valid value')
    return int(text)


def time_of(query: Query, name: str) -> Nanos:
    """RFC 3339, or Unix seconds; 0 where it is not given."""
    text = one(query, name)
    if text.isascii() and text.isdigit() and len(text) <= 12:
        return int(text) * NANOS_PER_SECOND
    try:
        return nanos(text)
    except RemoteProtocolError:
        raise not_a_value(name, text) from None


def enumerated(query: Query, name: str, words: frozenset[str]) -> frozenset[str]:
    given = frozenset(query.get(name, ()))
    for word in given - words:
        raise not_a_value(name, word)
    return given


def not_a_value(name: str, word: str) -> Wrong:
    return Wrong(400, "unknown", f'parsing field "{name}": "{word[:40]}" is not a valid value')


def page_of(items: Sequence[T], key: Callable[[T], str], cursor: str, limit: int) -> tuple[list[T], bool, str]:
    """(items after `cursor`, whether there are more, cursor to them). An unknown cursor begins anew."""
    start = next((at + 1 for at, item in enumerate(items) if cursor and key(item) == cursor), 0)
    page = list(items[start : start + limit])
    has_next = start + len(page) < len(items)
    return page, has_next, key(page[-1]) if has_next else ""
