"""The feeds beside books, own orders and positions: how one is asked for, and what its messages say.

`client.feed(Feed("S"))` asks; each message comes as a `FeedMessage`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from venuewire.venues.finery import wire
from venuewire.venues.finery.wire import clearing


class Feed(Struct, frozen=True, repr_omit_defaults=True):
    """Asks for a feed by its letter."""

    feed: str
    """S settlement orders, R requests, N transactions, L counterparty limits, I instruments and currencies; of older
    generations P (positions, orders and settlement orders in one), G global limits, M mutual limits."""
    currency: str = ""
    """Of S: one currency only."""


class Account(Struct, frozen=True):
    """Snapshot of feed P and reply of positions, with its settlement orders read."""

    nextId: int
    """Of the next deal, settlement or transaction: all below it are in the histories."""
    positions: list[wire.Position]
    orders: list[wire.Order]
    settlements: list[clearing.SettlementRow]


def account(body: bytes) -> Account:
    """Raises `RemoteProtocolError`."""
    found = wire.positions_reply(body)
    rows = [clearing.settlement_row(row) for row in found.settlementOrders]
    return Account(found.nextId, found.positions, found.orders, rows)


Told: TypeAlias = (
    clearing.Settlements
    | clearing.Requests
    | clearing.Transactions
    | clearing.TransactionsSnapshot
    | clearing.CounterpartyLimits
    | clearing.GlobalLimits
    | Account
    | wire.Listing
    | wire.Instrument
    | wire.Currency
)


class FeedMessage(Struct, frozen=True):
    """One message of a feed."""

    feed: str
    """Its letter; changes of currencies have C, and those of settlement orders under P have S."""
    action: str
    """S all there is (it replaces everything before), + added, M modified, - removed, D dealt or committed."""
    says: Told


FEEDS = ("S", "R", "N", "L", "I", "P", "G", "M")
"""Those that `Feed` may name."""

_ACTIONS = {
    "S": "S+MD-",
    "R": "S+-",
    "N": "S+D-",
    "L": "S+M-",
    "M": "S+M-",
    "G": "SM",
    "P": "S",
    "I": "S+M-",
    "C": "+M-",
}

KINDS = frozenset(f"{feed}{action}" for feed, actions in _ACTIONS.items() for action in actions)
"""What `told` reads: feed and action."""

_READERS: dict[str, Callable[[bytes], Told]] = {
    "S": clearing.settlements,
    "R": clearing.requests,
    "N": clearing.transactions,
    "NS": clearing.transactions_snapshot,
    "L": clearing.counterparty_limits,
    "M": clearing.counterparty_limits,
    "G": clearing.global_limits,
    "P": account,
    "I": wire.instrument,
    "IS": wire.listing,
    "C": wire.currency,
}


def told(kind: str, body: bytes) -> FeedMessage:
    """A message by its kind (`S+`, `NS`), one of `KINDS`. Raises `RemoteProtocolError`."""
    feed, action = kind[:-1], kind[-1:]
    read = _READERS.get(kind) or _READERS[feed]
    return FeedMessage(feed, action, read(body))
