"""Fields of a message that the schema we know does not have: real servers send some, and nothing of them is lost.

A record holds what the schema names. Of answers to `ask` and of news that nobody asked for, everything else is kept
beside it, by where it stood: `unknown(record)` gives `{"deal[0].someField": 5, ...}`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import msgspec
from msgspec import Struct

from venuewire.codec import decoder
from venuewire.venues.ctrader.wire.base import Message

_KEPT = "unknown"
_plain = decoder(dict[str, Any])


def keep_unknown(message: Message, body: bytes) -> None:
    """Keep what `body`, of which the record was made, says beyond it. Raises `RemoteProtocolError`."""
    found = dict(_beyond(message, _plain(body), ""))
    if found:
        vars(message)[_KEPT] = found


def unknown(message: Message) -> dict[str, Any]:
    """What came with it that the schema does not name: path -> value, numbers exact."""
    return dict(vars(message).get(_KEPT, {}))


def _beyond(known: object, told: object, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(known, Struct) and isinstance(told, dict):
        names = {field.encode_name: field.name for field in msgspec.structs.fields(known)}
        for key, value in cast("dict[str, object]", told).items():
            where = f"{path}.{key}" if path else key
            if key in names:
                yield from _beyond(getattr(known, names[key]), value, where)
            else:
                yield where, value
    elif isinstance(known, tuple) and isinstance(told, list):
        rows = zip(cast("tuple[object, ...]", known), cast("list[object]", told), strict=False)
        for number, (record, value) in enumerate(rows):
            yield from _beyond(record, value, f"{path}[{number}]")
