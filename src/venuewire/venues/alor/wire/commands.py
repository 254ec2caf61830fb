"""Orders: commands of `/cws`, the same as HTTP bodies, and their answers (4.1 to 4.3, 5.5, 5.6; S0, S3).

`quantity` is lots. The specification marks nothing as required; required here is what the pages and all clients send.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

from msgspec import UNSET, Raw, Struct, UnsetType

from venuewire.codec import SecretText, decoder


class Place(Struct, kw_only=True):
    """`instrument` of a command."""

    symbol: str
    exchange: str
    instrumentGroup: str | UnsetType = UNSET
    """Board; absent: the primary one. Older messages have `board` at the root instead."""


class User(Struct, kw_only=True):
    """`user` of a command."""

    portfolio: str


class Authorize(Struct, kw_only=True):
    """`authorize`: first on each connection, and again with a new token before the old one ends (2.5; S0)."""

    opcode: str
    guid: str | int
    token: SecretText = ""


class Create(Struct, kw_only=True):
    """`create:market`, `create:limit`, `create:stop`, `create:stopLimit` (4.2; SPEC ws_cmd_create*; S3)."""

    opcode: str
    guid: str | int
    side: str
    quantity: int
    price: Decimal | UnsetType = UNSET
    """Limit and stop-limit orders only."""
    condition: str | UnsetType | None = UNSET
    """Conditional orders: `more`, `less`, `moreorequal`, `lessorequal`, in any case (4.5)."""
    triggerPrice: Decimal | UnsetType | None = UNSET
    stopEndUnixTime: int | UnsetType | None = UNSET
    """Unix seconds; 0, or absent: until cancelled."""
    instrument: Place
    comment: str | UnsetType | None = UNSET
    """At most 100 characters; comes back with the order and its trades."""
    board: str | UnsetType | None = UNSET
    user: User
    timeInForce: str | UnsetType | None = UNSET
    allowMargin: bool | UnsetType | None = UNSET
    icebergFixed: int | UnsetType | None = UNSET
    icebergVariance: int | UnsetType | None = UNSET
    protectingSeconds: int | UnsetType | None = UNSET
    """Conditional orders: how long the condition must hold without a break, 1 to 300."""
    activate: bool | UnsetType | None = UNSET
    """False: visible but dormant until its group wakes it (5.7)."""
    checkDuplicates: bool | UnsetType | None = UNSET
    """Default true."""


class Update(Struct, kw_only=True):
    """`update:...`: cancel the order, place a new one under a new id (4.2; SPEC ws_cmd_update*)."""

    opcode: str
    guid: str | int
    orderId: str | int
    side: str
    quantity: int
    price: Decimal | UnsetType = UNSET
    condition: str | UnsetType | None = UNSET
    """Conditional orders: `more`, `less`, `moreorequal`, `lessorequal`, in any case (4.5)."""
    triggerPrice: Decimal | UnsetType | None = UNSET
    stopEndUnixTime: int | UnsetType | None = UNSET
    """Unix seconds; 0, or absent: until cancelled."""
    instrument: Place
    comment: str | UnsetType | None = UNSET
    board: str | UnsetType | None = UNSET
    user: User
    timeInForce: str | UnsetType | None = UNSET
    """Market and stop-limit orders only."""
    allowMargin: bool | UnsetType | None = UNSET
    icebergFixed: int | UnsetType | None = UNSET
    protectingSeconds: int | UnsetType | None = UNSET
    """Conditional orders: how long the condition must hold without a break, 1 to 300."""
    activate: bool | UnsetType | None = UNSET
    """False: visible but dormant until its group wakes it (5.7)."""
    checkDuplicates: bool | UnsetType | None = UNSET


class Delete(Struct, kw_only=True):
    """`delete:...` (4.2; SPEC ws_cmd_delete*)."""

    opcode: str
    guid: str | int
    orderId: str | int
    exchange: str
    user: User
    checkDuplicates: bool | UnsetType | None = UNSET


class HttpOrder(Struct, kw_only=True):
    """Body of POST and PUT `/commandapi/warptrans/TRADE/v2/client/orders/actions/...` (5.5; S3)."""

    side: str
    type: str | UnsetType | None = UNSET
    """`market`, `limit`, ...; S3 sends it, the newer schema has it no more."""
    quantity: int
    price: Decimal | UnsetType = UNSET
    condition: str | UnsetType | None = UNSET
    """Conditional orders: `more`, `less`, `moreorequal`, `lessorequal`, in any case (4.5)."""
    triggerPrice: Decimal | UnsetType | None = UNSET
    stopEndUnixTime: int | UnsetType | None = UNSET
    """Unix seconds; 0, or absent: until cancelled."""
    instrument: Place
    comment: str | UnsetType | None = UNSET
    board: str | UnsetType | None = UNSET
    user: User
    timeInForce: str | UnsetType | None = UNSET
    allowMargin: bool | UnsetType | None = UNSET
    icebergFixed: int | UnsetType | None = UNSET
    icebergVariance: int | UnsetType | None = UNSET
    protectingSeconds: int | UnsetType | None = UNSET
    """Conditional orders: how long the condition must hold without a break, 1 to 300."""
    activate: bool | UnsetType | None = UNSET
    """False: visible but dormant until its group wakes it (5.7)."""


class HttpDone(Struct, kw_only=True):
    """200 of POST and PUT, and of DELETE with `jsonResponse` (5.5)."""

    message: str = "success"
    orderNumber: str | int | UnsetType = UNSET


class HttpRefused(Struct, kw_only=True):
    """400: `message` for POST and PUT, `code` besides for DELETE (5.8)."""

    code: str | UnsetType = UNSET
    message: str


class OldAnswer(Struct, kw_only=True):
    """The first answer to a request id that came again (5.6)."""

    statusCode: int
    body: Raw
    """The body of the first answer: an object, or a text."""


class Repeated(Struct, kw_only=True):
    """400 to a request id that came again: not executed, the first answer copied (5.6)."""

    message: str
    oldResponse: OldAnswer


AUTHORIZE = "authorize"
AUTHORIZED = "The connection has been initialized."
REPEATED_REQID = "Request with such X-ALOR-REQID was already handled. We return the response to that request."
REPEATED_GUID = "Request with such guid was already handled."
"""Text and close code are not documented (8.1)."""
ORDERS_PATH = "/commandapi/warptrans/TRADE/v2/client/orders"
MAXIMUM_COMMENT = 100
LONGEST_PROTECTION = 300
"""Seconds (4.2)."""

OrderMessage: TypeAlias = Create | Update | Delete
COMMANDS: dict[str, type[OrderMessage | Authorize]] = {
    AUTHORIZE: Authorize,
    "create:market": Create,
    "create:limit": Create,
    "create:stop": Create,
    "create:stopLimit": Create,
    "update:market": Update,
    "update:limit": Update,
    "update:stop": Update,
    "update:stopLimit": Update,
    "delete:market": Delete,
    "delete:limit": Delete,
    "delete:stop": Delete,
    "delete:stopLimit": Delete,
}
"""Opcodes of `/cws` both ends speak (4.1)."""

read_command = {opcode.lower(): decoder(record, strict=False) for opcode, record in COMMANDS.items()}
read_http_order = decoder(HttpOrder, strict=False)
read_done = decoder(HttpDone)
read_refused = decoder(HttpRefused)
read_repeated = decoder(Repeated)
