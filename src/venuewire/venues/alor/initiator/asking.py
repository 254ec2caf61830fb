"""The venue's own requests: a record of `wire.requests` as the HTTP request it stands for, and its answer. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from string import Formatter
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

import msgspec
from msgspec import UNSET, Struct

from venuewire.codec import checked, encode
from venuewire.errors import LocalProtocolError
from venuewire.venue import Answer, Fetch
from venuewire.venues.alor.wire import requests

KIND = "ask "
"""Beginning of a fetch's kind; the record's name follows."""
_BY_NAME = {record.__name__: call for record, call in requests.CALLS.items()}
_JSON = "application/json"

Own: TypeAlias = tuple[str, str]
"""Exchange and portfolio that are meant where none is named."""


def fetch_of(message: Struct, own: Own, bearer: str, ref: str) -> Fetch:
    """The request. Raises `LocalProtocolError` for a record that is none, or that leaves out what the path needs."""
    call = requests.CALLS.get(type(message))
    if call is None:
        able = ", ".join(sorted(_BY_NAME)[:6])
        raise LocalProtocolError(
            f"{type(message).__name__} is no request of ALOR's; {able} are, and others of alor.wire.requests"
        )
    path = _path_of(call, message, own)
    headers = {"authorization": bearer, "accept": _JSON}
    body = b""
    if call.body is not None:
        body, headers["content-type"] = encode(call.body(message)), _JSON
    kind = f"{KIND}{type(message).__name__}"
    return Fetch(method=call.method, path=path, body=body, headers=headers, ref=ref, kind=kind)


def answer_of(fetch: Fetch, answer: Answer) -> Struct:
    """What came back, as a record. Raises `RemoteProtocolError` for what is none, or has a number that is none."""
    record = _BY_NAME[fetch.kind.removeprefix(KIND)].read(answer.body)
    check_numbers(record)
    return record


def check_numbers(value: object) -> None:
    """Raises `RemoteProtocolError` when a number anywhere in it is not a reasonable one."""
    if isinstance(value, Decimal):
        checked(value)
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            check_numbers(getattr(value, name))
    elif isinstance(value, (list, tuple)):
        for item in value:  # pyright: ignore[reportUnknownVariableType]  # of a record's field
            check_numbers(item)  # pyright: ignore[reportUnknownArgumentType]


def _path_of(call: requests.Call, message: Struct, own: Own) -> str:
    given = _given(message)
    named = [name for _, name, _, _ in Formatter().parse(call.path) if name]
    if "portfolio" in named:
        for name, ours in zip(("exchange", "portfolio"), own, strict=True):
            given.setdefault(name, ours)
    missing = [name for name in named if name not in given]
    if missing:
        raise LocalProtocolError(f"{type(message).__name__} needs {', '.join(missing)}")
    path = call.path.format_map({name: quote(given.pop(name), safe=":,") for name in named})
    query = urlencode(given) if call.body is None else ""
    return f"{path}?{query}" if query else path


def _given(message: Struct) -> dict[str, str]:
    """The fields that say something, as the query has them."""
    found: dict[str, str] = {}
    for field in msgspec.structs.fields(message):
        value: object = getattr(message, field.name)
        text = _TEXTS.get(value.__class__, _no_text)(value)
        if text:
            found[field.encode_name] = text
    return found


def _no_text(_value: object) -> str:
    return ""


_TEXTS: dict[type, Callable[[Any], str]] = {
    str: str,
    int: str,
    bool: lambda value: "true" if value else "false",
    Decimal: lambda value: f"{value:f}",
    tuple: lambda value: ",".join(item for item in value if isinstance(item, str)),
    type(UNSET): _no_text,
}
