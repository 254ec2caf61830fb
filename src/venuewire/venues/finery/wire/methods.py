"""Every method that neither places nor changes an order: a record of its parameters each, and what its reply is.

A record is named as its method, with a capital letter; the pages are those of the methods. These are what
`client.ask` takes. Orders (`add`, `mod`, `del`, `delAll`) have words of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import UNSET, Struct, UnsetType

from venuewire.codec import decoder
from venuewire.venues.finery import wire
from venuewire.venues.finery.wire import clearing, feeds

# --------------------------------------------------------------------------- reading: the market and what was done


class Instruments(Struct, frozen=True):
    """Currencies, instruments and networks."""


class Book(Struct, frozen=True, kw_only=True):
    """The first 25 levels of each side: of the global book, or of the one that we can trade in (`tradable`)."""

    instrument: str
    tradable: bool | UnsetType = UNSET
    clientId: int | UnsetType = UNSET
    """Of a master's client."""


class Positions(Struct, frozen=True, kw_only=True):
    """Positions, working orders, open settlement orders."""

    filter: str | UnsetType = UNSET
    """Of masters: `all`, `subaccounts` or `external`."""


class _Page(Struct, frozen=True, kw_only=True, rename={"since": "from"}):
    """A page of a history; the least id of one page is the `till` of the next."""

    till: int | UnsetType = UNSET
    """An id, exclusive."""
    since: int | UnsetType = UNSET
    """`from` on the wire: milliseconds, inclusive."""
    to: int | UnsetType = UNSET
    """Milliseconds, exclusive."""
    limit: int | UnsetType = UNSET
    """At most 250, and 250 unless said otherwise."""


class DealHistory(_Page, frozen=True, kw_only=True):
    """Deals of own orders; `till` is a deal's id."""

    instrument: str | list[str] | UnsetType = UNSET
    """One, or (since 2024) several."""
    counterpartyIds: list[int] | UnsetType = UNSET
    filter: str | UnsetType = UNSET
    """Of masters, as for `Positions`."""


# --------------------------------------------------------------------------- reading: limits and clients


class Limits(Struct, frozen=True):
    """Global limits (legacy)."""


class Climits(Struct, frozen=True):
    """Limits of counterparties."""


class CAssetLimits(Struct, frozen=True, kw_only=True):
    """Limits of counterparties on single assets."""

    counterpartyId: int | UnsetType = UNSET
    filter: str | UnsetType = UNSET


class SubaccountsLimits(Struct, frozen=True):
    """For masters: limits of their clients."""


class InstrumentMarkups(Struct, frozen=True, kw_only=True):
    """Markups by counterparty and instrument."""

    counterpartyId: int | UnsetType = UNSET


class GetCounterpartyInfo(Struct, frozen=True, kw_only=True):
    """Who a counterparty is."""

    counterpartyId: int


class GetSubaccounts(Struct, frozen=True):
    """For masters: their clients."""


# --------------------------------------------------------------------------- reading: settlements


class SettlementOrders(Struct, frozen=True):
    """Open settlement orders."""


class SettlementRequests(Struct, frozen=True):
    """Open requests to settle, both ways."""


class SettlementTransactions(Struct, frozen=True):
    """Open settlement transactions, both ways."""


class SettlementHistory(_Page, frozen=True, kw_only=True):
    """Settlements that were committed; `till` is a settlement's id."""


class SettlementTransactionHistory(_Page, frozen=True, kw_only=True):
    """Transactions that are over; `till` is a transaction's id."""

    filter: str | UnsetType = UNSET


# --------------------------------------------------------------------------- changing: limits


class SetLimit(Struct, frozen=True, kw_only=True):
    """Set a global limit (legacy)."""

    currency: str
    netLimit: int
    grossLimit: int


class DelLimit(Struct, frozen=True, kw_only=True):
    """Drop a global limit (legacy)."""

    currency: str


class SetCLimit(Struct, frozen=True, kw_only=True):
    """Set what a counterparty may owe us."""

    counterpartyId: int
    currency: str
    netLimit: int | UnsetType = UNSET
    """Legacy."""
    grossLimit: int
    takerMarkup: int | UnsetType = UNSET
    """Of makers: percent x 1e4, at most 100000 either way."""


class DelCLimit(Struct, frozen=True, kw_only=True):
    """Drop a counterparty's limit."""

    counterpartyId: int


# --------------------------------------------------------------------------- changing: settlements


class AddIncomingSettlementRequest(Struct, frozen=True, kw_only=True):
    """Ask a counterparty to pay."""

    counterpartyId: int
    currency: str
    amount: int | UnsetType = UNSET
    """0, or left out: the whole position."""
    comment: str | UnsetType = UNSET
    flags: int | UnsetType = UNSET
    """1: the recipient pays the fee."""
    cancelTimestamp: int | UnsetType = UNSET
    """Milliseconds; a day ahead unless said otherwise, 30 days at most, 0 never."""


class DelIncomingSettlementRequest(Struct, frozen=True, kw_only=True):
    """Take back what we asked for."""

    counterpartyId: int
    currency: str


class DelIncomingSettlementCPRequest(Struct, frozen=True, kw_only=True):
    """Turn down what a counterparty asks for."""

    counterpartyId: int
    currency: str


class AddOutgoingSettlementTransaction(Struct, frozen=True, kw_only=True):
    """Announce a payment."""

    counterpartyId: int
    currency: str
    amount: int
    comment: str | UnsetType = UNSET
    fee: int | UnsetType = UNSET


class SendOutgoingSettlementTransaction(Struct, frozen=True, kw_only=True):
    """Say that a payment is on its way."""

    transactionId: int
    txId: str
    fee: int | UnsetType = UNSET


class DelOutgoingSettlementTransaction(Struct, frozen=True, kw_only=True):
    """Take back a payment that was announced."""

    transactionId: int


class CommitIncomingSettlementTransaction(Struct, frozen=True, kw_only=True):
    """Say that a payment has arrived."""

    transactionId: int


# --------------------------------------------------------------------------- methods and their replies

Method: TypeAlias = tuple[str, Callable[[bytes], Struct]]
"""The venue's name of it, and its reply."""

_done = decoder(clearing.Done)

READING: dict[type[Struct], Method] = {
    Instruments: ("instruments", wire.listing),
    Book: ("book", wire.levels),
    Positions: ("positions", feeds.account),
    DealHistory: ("dealHistory", lambda body: wire.Deals(wire.deals(body))),
    Limits: ("limits", clearing.global_limits),
    Climits: ("climits", clearing.counterparty_limits),
    CAssetLimits: ("cAssetLimits", clearing.asset_limits),
    SubaccountsLimits: ("subaccountsLimits", clearing.subaccount_limits),
    InstrumentMarkups: ("instrumentMarkups", clearing.markups),
    GetCounterpartyInfo: ("getCounterpartyInfo", decoder(clearing.CounterpartyInfo)),
    GetSubaccounts: ("getSubaccounts", clearing.subaccounts),
    SettlementOrders: ("settlementOrders", clearing.settlements),
    SettlementRequests: ("settlementRequests", clearing.requests),
    SettlementTransactions: ("settlementTransactions", clearing.transactions),
    SettlementHistory: ("settlementHistory", clearing.settlements),
    SettlementTransactionHistory: ("settlementTransactionHistory", clearing.closed_transactions),
}
"""What only asks."""

CHANGING: dict[type[Struct], Method] = {
    SetLimit: ("setLimit", _done),
    DelLimit: ("delLimit", _done),
    SetCLimit: ("setCLimit", _done),
    DelCLimit: ("delCLimit", _done),
    AddIncomingSettlementRequest: ("addIncomingSettlementRequest", _done),
    DelIncomingSettlementRequest: ("delIncomingSettlementRequest", _done),
    DelIncomingSettlementCPRequest: ("delIncomingSettlementCPRequest", _done),
    AddOutgoingSettlementTransaction: ("addOutgoingSettlementTransaction", decoder(clearing.TransactionAdded)),
    SendOutgoingSettlementTransaction: ("sendOutgoingSettlementTransaction", _done),
    DelOutgoingSettlementTransaction: ("delOutgoingSettlementTransaction", _done),
    CommitIncomingSettlementTransaction: ("commitIncomingSettlementTransaction", _done),
}
"""What changes limits or moves money: never asked twice by itself."""

METHODS: dict[type[Struct], Method] = READING | CHANGING
