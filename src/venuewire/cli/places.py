"""What a command line names: a symbol at a venue, and where that venue is: the real one, or a sandbox that runs."""

from __future__ import annotations

import http.client
import ipaddress
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from venuewire.cli.outcome import JobFailed, UsageError
from venuewire.client import config
from venuewire.venue import Credentials, Venue
from venuewire.venues import find, names

SECONDS = 5
# A ready line has a few thousand bytes; whatever sends more is not a sandbox.
MOST_BYTES = 1_000_000


class Place(Struct, frozen=True):
    """A symbol at a venue."""

    venue: str
    symbol: str

    def __str__(self) -> str:
        return f"{self.venue}:{self.symbol}"


def place(text: str) -> Place:
    """`VENUE:SYMBOL`, parted at the first colon: a symbol may hold more of them. Raises `UsageError`."""
    venue, colon, symbol = text.partition(":")
    if not colon or not venue or not symbol:
        example = find(names()[0])
        raise UsageError(f"{text!r} is not VENUE:SYMBOL, such as {example.name}:{example.default_symbol}")
    return Place(find(venue).name, symbol)


def venues(text: str | None) -> tuple[str, ...]:
    """`a,b` as names of venues, each once; all of them for None. Raises `ConfigError` for one there is not."""
    if text is None:
        return names()
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    if not wanted:
        raise UsageError(f"no venue is named; there are: {', '.join(names())}")
    return tuple(dict.fromkeys(find(name).name for name in wanted))


def credentials(venue: Venue, control: str | None) -> Credentials:
    """Of the sandbox whose control address this is, or else the user's own.

    Raises `ConfigError` where there are none, `JobFailed` when no sandbox answers there.
    """
    if not control:
        return config.credentials(venue)
    return from_ready(venue, ready(control))


def from_ready(venue: Venue, line: Mapping[str, Any]) -> Credentials:
    """What a sandbox's ready line says of a venue."""
    served: Mapping[str, Any] = line.get("venues") or {}
    if venue.name not in served:
        raise UsageError(
            f"that sandbox does not serve {venue.name}; it serves {', '.join(sorted(served)) or 'nothing'}"
        )
    told = served[venue.name]
    endpoints = {endpoint.name: told[endpoint.name] for endpoint in venue.endpoints if endpoint.name in told}
    return config.from_table(venue, {**told["credentials"], "endpoints": endpoints, "ca": line.get("ca")})


def ready(control: str) -> dict[str, Any]:
    """The ready line of the sandbox with this control address; loopback only. Blocks for a few seconds at most."""
    address = _control(control)
    try:
        line: Any = json.loads(_get(address, "/ready"))
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise JobFailed(f"no sandbox answers at {control}: {reason}; start one with: venuewire sandbox") from None
    if not isinstance(line, dict) or cast("dict[str, Any]", line).get("ready") is not True:
        raise JobFailed(f"what answers at {control} is not a sandbox")
    return cast("dict[str, Any]", line)


def _control(control: str) -> SplitResult:
    wanted = "take the `control` of the sandbox's ready line, such as http://127.0.0.1:4000"
    try:
        address = urlsplit(control)
        port = address.port
    except ValueError:
        raise UsageError(f"{control!r} is not a control address: {wanted}") from None
    if address.scheme != "http" or not address.hostname or port is None:
        raise UsageError(f"{control!r} is not a control address: {wanted}")
    if not is_loopback(address.hostname):
        raise UsageError(f"a sandbox is controlled on its own machine only, {control!r} is elsewhere: {wanted}")
    return address


def _get(address: SplitResult, path: str) -> bytes:
    """Straight to the address: no proxy, no redirect."""
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        if answer.status != 200:
            raise http.client.HTTPException(f"status {answer.status}")
        return answer.read(MOST_BYTES)
    finally:
        connection.close()


def is_loopback(host: str) -> bool:
    """Does this name mean our own machine, whatever a name server says?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_real(venue: Venue, known: Credentials) -> bool:
    """Would an order leave this machine?"""
    addresses = {endpoint.name: endpoint.production for endpoint in venue.endpoints} | known.endpoints
    return not all(is_loopback(urlsplit(address).hostname or "") for address in addresses.values())


def by_venue(places: Sequence[Place]) -> dict[str, list[str]]:
    """Symbols of each venue, each once, in the order they were named."""
    found: dict[str, list[str]] = {}
    for wanted in places:
        symbols = found.setdefault(wanted.venue, [])
        if wanted.symbol not in symbols:
            symbols.append(wanted.symbol)
    return found
