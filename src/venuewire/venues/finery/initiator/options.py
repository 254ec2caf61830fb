"""The settings of our end (README, Settings), read once when a line is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from venuewire.errors import LocalProtocolError

BOOKS = ("F", "B", "MD")
"""Feeds that setting `book_feed` may name."""
_ROUTES: dict[str, tuple[bool | UnsetType, bool | UnsetType]] = {
    "venue": (UNSET, UNSET),
    "firm": (False, True),
    "streams": (True, False),
    "best": (True, True),
}
"""Setting `routing` -> qsEnabled, firmBookEnabled (page add)."""


class Options(Struct, frozen=True, kw_only=True):
    """What the settings say."""

    book_feed: str
    over_http: bool
    """Requests as REST calls."""
    in_band: bool
    """Authenticate in the first message, not in the handshake."""
    streams: bool | UnsetType
    firm: bool | UnsetType
    makers: list[int] | UnsetType
    """Client ids of makers: who may fill orders on the quote streams, and whose prices feed MD shows."""
    client_id: int
    """Of a master's client, whose book is shown; 0: our own."""
    history_pages: int


def options(settings: Mapping[str, Any]) -> Options:
    """Raises `LocalProtocolError` for a value that means nothing."""
    streams, firm = _ROUTES[_choice(settings, "routing", tuple(_ROUTES))]
    return Options(
        book_feed=_choice(settings, "book_feed", BOOKS),
        over_http=_choice(settings, "requests", ("ws", "http")) == "http",
        in_band=_choice(settings, "logon", ("headers", "in_band")) == "in_band",
        streams=streams,
        firm=firm,
        makers=_numbers(settings, "makers"),
        client_id=_number(settings, "client_id", 0),
        history_pages=_number(settings, "history_pages", 4),
    )


def _choice(settings: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    value = settings.get(name, choices[0])
    if value not in choices:
        raise LocalProtocolError(f"setting {name} is one of {', '.join(choices)}: {value!r}")
    return str(value)


def _number(settings: Mapping[str, Any], name: str, ordinary: int) -> int:
    return _as_number(settings.get(name, ordinary), name)


def _numbers(settings: Mapping[str, Any], name: str) -> list[int] | UnsetType:
    """A list of numbers, or a text with commas; none: nothing is said."""
    given = settings.get(name, ())
    parts = given.split(",") if isinstance(given, str) else [given] if isinstance(given, int) else list(given)
    return [_as_number(part, name) for part in parts if part != ""] or UNSET


def _as_number(value: Any, name: str) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if number < 0:
        raise LocalProtocolError(f"setting {name} is a number, 0 or more: {value!r}")
    return number
