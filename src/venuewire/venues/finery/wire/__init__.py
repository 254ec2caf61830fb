"""The messages of Finery Markets' array protocol and REST methods that trading needs, both ways; what is beside it
is in `clearing`, `feeds` and `methods`.

Pages are named as in the public helpdesk: "Websocket API", "Data types", `feed-*` and the REST methods' own pages.
All prices, sizes, volumes and balances are integers of 1e-8; times are integer milliseconds, UTC ("Data types").
What arrives as an array is read by place; longer arrays than expected are accepted, since the venue has lengthened
them before without a version number.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, TypeGuard, cast

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from venuewire.codec import Mark, SecretText, Spelling, decoder, encode

SCALE = 8
"""Decimals of every number: prices in the balance currency, sizes in the asset ("Data types")."""

BID, ASK = 0, 1
NAMES_OF_SIDES = ("bid", "ask")

# OrderType in arrays ("Data types"); requests use the names.
LIMIT, POST_ONLY, LIMIT_IOC, LIMIT_FOK, MARKET_IOC, MARKET_FOK, MANUAL, PENDING_LIMIT = range(8)
NAMES_OF_TYPES = ("limit", "postOnly", "limitIOC", "limitFOK", "marketIOC", "marketFOK")

# CancelReason ("Data types").
IN_PLACE, BY_CLIENT, NOT_A_BOOK_ORDER, SELF_TRADE, CANCEL_ON_DISCONNECT = range(5)

INT64_MAX = 2**63 - 1
UINT64_MAX = 2**64 - 1

Amount = Annotated[int, Meta(ge=0, le=INT64_MAX)]

# --------------------------------------------------------------------------- both ways


class Content(Struct, frozen=True):
    """What the handshake signs ("Websocket API", header EFX-Content). Some clients send the numbers as text."""

    nonce: int | str
    timestamp: int | str


# --------------------------------------------------------------------------- client to venue


class BookId(Struct, frozen=True):
    """What feed MD is bound with, and feed F where a master names one of its clients (feed-md, feed-f)."""

    instrument: str
    makers: list[int] | UnsetType = UNSET
    clientId: int | UnsetType = UNSET


class Bind(Struct, frozen=True):
    """`bind` or `unbind` a feed ("Websocket API", Feeds)."""

    event: str
    feed: str
    feedId: str | int | BookId | UnsetType = UNSET


class Request(Struct, frozen=True):
    """A REST method over the socket ("Websocket API", Requests)."""

    event: str
    reqId: int
    method: str
    content: Any = UNSET


class Auth(Struct, frozen=True):
    """Authentication in band, where the handshake had no headers (relied upon by public connectors)."""

    event: str
    content: str
    key: SecretText
    signature: SecretText


class Ping(Struct, frozen=True):
    """The application's sign of life (relied upon by public connectors); nothing is said to answer it."""

    event: str = "ping"


class Add(Struct, frozen=True, kw_only=True):
    """Parameters of `add` (page add). Exactly one of size and volume."""

    instrument: str
    clientOrderId: int | UnsetType = UNSET
    price: int | UnsetType = UNSET
    size: int | UnsetType = UNSET
    volume: int | UnsetType = UNSET
    side: str
    type: str
    cod: bool | UnsetType = UNSET
    qsEnabled: bool | UnsetType = UNSET
    firmBookEnabled: bool | UnsetType = UNSET
    makers: list[int] | UnsetType = UNSET


class AddAuthorized(Add, frozen=True, kw_only=True):
    """Parameters of `authorized/add` (page add-authorized): a master's order for one of its clients."""

    clientId: int
    liquidation: bool | UnsetType = UNSET


class Del(Struct, frozen=True, kw_only=True):
    """Parameters of `del` (page del): exactly one of the two."""

    orderId: int | UnsetType = UNSET
    clientOrderId: int | UnsetType = UNSET


class DelAll(Struct, frozen=True, kw_only=True):
    """Parameters of `delAll` (page delAll)."""

    instrument: str | UnsetType = UNSET


class Mod(Struct, frozen=True, kw_only=True):
    """Parameters of `mod` (page mod). `clientOrderId` is of the new order; the size counts what was filled already."""

    orderId: int
    clientOrderId: int | UnsetType = UNSET
    price: int
    size: int


# --------------------------------------------------------------------------- venue to client: envelopes


class Push(Struct, frozen=True, array_like=True):
    """`[feed, feedId, action, payload]` ("Websocket API", feed pages)."""

    feed: str
    feedId: str | int | dict[str, Any]
    action: str
    payload: Raw


class Reply(Struct, frozen=True):
    """Any object of the venue's: reply or failure of a request, of `auth`, or a bare error."""

    event: str | UnsetType = UNSET
    reqId: int | UnsetType = UNSET
    reply: Raw | UnsetType = UNSET
    error: int | UnsetType = UNSET
    param: str | UnsetType = UNSET


# --------------------------------------------------------------------------- venue to client: rows


class Currency(Struct, frozen=True, array_like=True):
    """feed-i and page instruments. The feed leaves the networks out; the earliest rows end before the type."""

    name: str
    id: int
    balanceStep: int
    usdPrice: int
    type: str | None = None
    networks: list[str] | None = None


class Instrument(Struct, frozen=True, array_like=True):
    """feed-i and page instruments."""

    name: str
    id: int
    asset: str
    balance: str


class Network(Struct, frozen=True, array_like=True):
    """Page instruments."""

    name: str
    description: str
    id: int


class Listing(Struct, frozen=True, array_like=True):
    """Reply of `instruments`; the snapshot of feed I is the first two lists."""

    currencies: list[Currency]
    instruments: list[Instrument]
    networks: list[Network] | None = None


class Level(Struct, frozen=True, array_like=True, gc=False):
    """bookLevel of feed-f and feed-b: all that stands at one price."""

    price: Amount
    size: Amount


class LevelChange(Struct, frozen=True, array_like=True, gc=False):
    """bookUpdate of feed-f: `+`, `M`, `-` or `~`."""

    action: str
    price: Amount
    size: Amount


class Levels(Struct, frozen=True, array_like=True):
    """Snapshot of feeds B and F, reply of `book`: bids falling, asks rising."""

    bids: list[Level]
    asks: list[Level]


class LevelChanges(Struct, frozen=True, array_like=True):
    """Update of a book; either list may be empty."""

    bids: list[LevelChange]
    asks: list[LevelChange]


class Order(Struct, frozen=True, array_like=True):
    """feed-o-orders, 11 places. Sizes are volumes (of the balance currency) when the order was by volume."""

    instrument: str
    type: int
    side: int
    cancelReason: int
    id: int
    clientOrderId: int
    price: int
    initialSize: int
    sizeLeft: int
    createdAt: int
    byVolume: int = 0


class Deal(Struct, frozen=True, array_like=True):
    """feed-o-orders and dealHistory: 24 places today; 19, 21 and 22 before, and still accepted."""

    instrument: str
    type: int
    side: int
    cancelReason: int
    orderId: int
    clientOrderId: int
    price: int
    initialSize: int
    sizeLeft: int
    createdAt: int
    moment: int
    id: int
    aggressorSide: int
    dealPrice: int
    dealSize: int
    dealVolume: int
    delta: int
    counterpartyId: int
    byVolume: int
    takerOrderOwnerId: int | None = None
    linkedTo: int | None = None
    dealType: int | None = None
    makerOrderOwnerId: int | None = None
    liquiditySource: int | None = None


class Deals(Struct, frozen=True):
    """Reply of dealHistory."""

    rows: list[Deal]


class Position(Struct, frozen=True, array_like=True):
    """feed-k-positions: one per currency and counterparty; 3 places before, 5 today."""

    currency: str
    value: int
    counterpartyId: int
    maxReachable: int | None = None
    minReachable: int | None = None


class Positions(Struct, frozen=True, array_like=True):
    """Reply of `positions` (page positions)."""

    nextId: int
    positions: list[Position]
    orders: list[Order]
    settlementOrders: list[Raw] = []
    """`clearing.settlement_row` reads one, of any generation."""


# --------------------------------------------------------------------------- venue to client: replies


class AddedDeal(Struct, frozen=True, kw_only=True):
    """One immediate deal in the reply of `add` or `mod` (page add)."""

    counterpartyId: int
    id: int
    price: int
    size: int
    volume: int
    delta: int = 0
    counterpartySubaccountId: int | UnsetType = UNSET


class Added(Struct, frozen=True, kw_only=True):
    """Reply of `add` (page add). `cancelReason` is left out when it is 0."""

    id: int
    remainingSize: int | UnsetType = UNSET
    remainingVolume: int | UnsetType = UNSET
    clientOrderId: int | UnsetType = UNSET
    cancelReason: int | UnsetType = UNSET
    deals: list[AddedDeal] = []


class Deleted(Struct, frozen=True, kw_only=True):
    """Reply of `del` (page del)."""

    id: int
    remainingSize: int | UnsetType = UNSET


class Removed(Struct, frozen=True, kw_only=True):
    """Reply of `delAll` (page delAll)."""

    removed: int = 0


class Modified(Struct, frozen=True, kw_only=True):
    """Reply of `mod` (page mod). With `error`: the old order is gone and the new one was refused."""

    id: int | UnsetType = UNSET
    initialSize: int | UnsetType = UNSET
    remainingSize: int | UnsetType = UNSET
    cancelReason: int | UnsetType = UNSET
    deals: list[AddedDeal] | UnsetType = UNSET
    error: int | UnsetType = UNSET
    origId: int | UnsetType = UNSET
    origRemainingSize: int | UnsetType = UNSET


class ModifiedOverHttp(Struct, frozen=True, kw_only=True):
    """The odd answer of `mod` as REST gives it: the same object one level deeper (page mod)."""

    reply: Modified


# --------------------------------------------------------------------------- decoders, made once

push = decoder(Push)
answer = decoder(Reply)
listing = decoder(Listing)
levels = decoder(Levels)
level_changes = decoder(LevelChanges)
currency = decoder(Currency)
instrument = decoder(Instrument)
order = decoder(Order)
orders = decoder(list[Order])
deal = decoder(Deal)
deals = decoder(list[Deal])
position = decoder(Position)
position_rows = decoder(list[Position])
any_list = decoder(list[Raw])
positions_reply = decoder(Positions)
added = decoder(Added)
deleted = decoder(Deleted)
removed = decoder(Removed)
modified = decoder(Modified)
modified_over_http = decoder(ModifiedOverHttp)
content = decoder(Content)


# A union is no class to the type checkers, and is one to the decoder.
_code: Callable[[bytes], int | list[int]] = decoder(cast("type[int | list[int]]", int | list[int]))


def failure_code(body: bytes) -> int:
    """The code of action `Z`: an integer, or an array that holds it; the venue has sent both."""
    found = _code(body)
    if isinstance(found, int):
        return found
    return found[0] if found else 1


def positions(body: bytes) -> list[Position]:
    """The snapshot of feed K: a list of rows, or in its older form `[nextId, rows]`."""
    parts = any_list(body)
    if len(parts) == 2 and bytes(parts[0])[:1].isdigit():
        return position_rows(parts[1])
    return position_rows(body)


# --------------------------------------------------------------------------- encoding


def is_list(value: object) -> TypeGuard[list[Any]]:
    """A JSON array."""
    return isinstance(value, list)


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """A JSON object."""
    return isinstance(value, dict)


def plain(record: Any) -> Any:
    """A record as JSON values; arrays end where the record was not given more, but never before what it must have."""
    if is_list(record):
        return [plain(item) for item in record]
    if not isinstance(record, Struct):
        return record
    if not record.__struct_config__.array_like:
        return {name: plain(value) for name, value in _members(record)}
    row = [plain(value) for _, value in _members(record)]
    needed = sum(field.required for field in _fields(type(record)))
    while len(row) > needed and row[-1] is None:
        row.pop()
    return row


_fields = cache(msgspec.structs.fields)
"""Of a record's class; found by reading its annotations, which takes longer than all the rest."""


def _members(record: Struct) -> list[tuple[str, Any]]:
    members = [(field.encode_name, getattr(record, field.name)) for field in _fields(type(record))]
    return [(name, value) for name, value in members if value is not UNSET]


def row(record: Struct) -> bytes:
    """A record as the venue writes it."""
    return encode(plain(record))


def pushed(feed: str, feed_id: bytes, action: str, payload: bytes) -> bytes:
    """An array of the venue's; `feed_id` is JSON already, echoed exactly as the client wrote it."""
    return b'["%b",%b,"%b",%b]' % (feed.encode(), feed_id, action.encode(), payload)


PING = encode(Ping())


def book_update(feed: str) -> Spelling:
    """How increments of a book are spelt, where the feed id is a name."""
    return Spelling(b'["%b","' % feed.encode(), Mark.KEY, b'","M",', Mark.BODY, tail=b"]")
