"""Settlements, limits and clients: the rows of feeds S, R, N, L, P, G and M and of the methods beside trading.

The layouts of three generations are told apart by their shape ("G1" about 2021 to 2023, "G2" 2023 to 2024, "G3"
today). Rows are arrays read by place, objects by name; amounts are integers of 1e-8, times milliseconds.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import UNSET, Raw, Struct, UnsetType

from venuewire.codec import decoder

# --------------------------------------------------------------------------- settlements


class _SettlementRow(Struct, frozen=True, array_like=True):
    """The places that all rows of settlements begin with."""

    id: int
    currency1: str
    currency2: str
    """May be empty."""
    size1: int
    size2: int
    createdAt: int
    counterpartyId: int


class SettlementOrderRow(_SettlementRow, frozen=True, array_like=True):
    """feed-p-positions and page positions: 9 places since G2, 7 before."""

    network1: str | None = None
    network2: str | None = None


class SettlementDealRow(_SettlementRow, frozen=True, array_like=True):
    """feed-p-positions and settlementHistory since G2: the order's 9 places, then moment and id."""

    network1: str
    network2: str
    moment: int
    settlementId: int


class SettlementDealRowG1(_SettlementRow, frozen=True, array_like=True):
    """settlementHistory of G1: no networks."""

    moment: int
    settlementId: int


class SettlementOrder(Struct, frozen=True, kw_only=True):
    """feed-s-settlement-orders, G3; with `settlementId` and `commitedAt` (spelled so) it is a settlement deal."""

    settlementOrderId: int
    clientId: int
    counterpartyId: int
    createdAt: int
    comment: str
    flags: int
    currency1: str
    size1: int
    network1: str | UnsetType = UNSET
    currency2: str | UnsetType = UNSET
    size2: int | UnsetType = UNSET
    network2: str | UnsetType = UNSET
    settlementId: int | UnsetType = UNSET
    commitedAt: int | UnsetType = UNSET


class SettlementRequest(Struct, frozen=True, array_like=True):
    """feed-r-settlement-requests: 6 places, 9 since G3. `amount` 0 is the whole position, `expires` 0 never."""

    counterpartyId: int
    currency: str
    flags: int
    amount: int
    comment: str
    expires: int
    network: str | None = None
    requestId: int | None = None
    createdAt: int | None = None


class SettlementTransaction(Struct, frozen=True, array_like=True):
    """feed-n-settlement-transactions: 12 places, 13 since G2."""

    counterpartyId: int
    currency: str
    amount: int
    settlementOrderId: int
    comment: str
    createdAt: int
    txId: str
    sentAt: int
    flags: int
    moment: int
    id: int
    networkFee: int
    network: str | None = None


class Requests(Struct, frozen=True, array_like=True):
    """Payload of feed R and reply of settlementRequests."""

    incoming: list[SettlementRequest]
    outgoing: list[SettlementRequest]


class Transactions(Struct, frozen=True, array_like=True):
    """Payload of the updates of feed N and reply of settlementTransactions."""

    incoming: list[SettlementTransaction]
    outgoing: list[SettlementTransaction]


class TransactionsSnapshot(Struct, frozen=True, array_like=True):
    """Snapshot of feed N: the first place is reserved now, the next id before."""

    nextId: int
    incoming: list[SettlementTransaction]
    outgoing: list[SettlementTransaction]


# --------------------------------------------------------------------------- limits


class GlobalLimit(Struct, frozen=True, array_like=True):
    """Feed G and reply of limits, of G1 and G2. The net utilisation may be negative."""

    currency: str
    netLimit: int
    grossLimit: int
    netUsed: int
    grossUsed: int
    flags: int


class CounterpartyLimitG1(Struct, frozen=True, array_like=True):
    """Feeds L and M and reply of climits in G1; in feed M places 5 and 7 are reserved."""

    currency: str
    netLimit: int
    grossLimit: int
    netUsed: int
    grossUsed: int
    flags: int
    counterpartyId: int
    takerMarkup: int


class CounterpartyLimitG2(Struct, frozen=True, array_like=True):
    """Feed L and reply of climits in G2. Margins are percent x 1e4; `disabled`: 1 by us, 2 by the counterparty."""

    counterpartyId: int
    currency: str
    grossLimit: int
    mutualCurrency: str | None
    mutualGrossLimit: int | None
    grossUsed: int
    maintenanceMargin: int
    restrictedTrading: int
    initialMargin: int
    equity: int
    takerMarkup: int
    disabled: int


class Permissions(Struct, frozen=True, kw_only=True):
    """feed-l-counterparty-limits; the flows only between masters."""

    ownTradingEnabled: bool
    mutualTradingEnabled: bool
    ownIncomingFlowEnabled: bool | UnsetType = UNSET
    mutualIncomingFlowEnabled: bool | UnsetType = UNSET
    ownOutgoingFlowEnabled: bool | UnsetType = UNSET
    mutualOutgoingFlowEnabled: bool | UnsetType = UNSET


class Limit(Struct, frozen=True, kw_only=True):
    """feed-l-counterparty-limits; `markup` and `tradingDisabled` in the form between G2 and G3."""

    grossLimit: int
    asset: str
    limitUtilization: int
    equity: int
    maintenanceMargin: int | UnsetType = UNSET
    restrictedTrading: int | UnsetType = UNSET
    initialMargin: int | UnsetType = UNSET
    markup: int | UnsetType = UNSET
    tradingDisabled: bool | UnsetType = UNSET


class CounterpartyLimit(Struct, frozen=True, kw_only=True):
    """feed-l-counterparty-limits, G3; without `tradingPermissions` in the form before."""

    counterpartyId: int
    tradingPermissions: Permissions | UnsetType = UNSET
    ownLimit: Limit | UnsetType = UNSET
    mutualLimit: Limit | UnsetType = UNSET


class SubaccountLimit(Struct, frozen=True, array_like=True):
    """Reply of subaccountsLimits, for masters."""

    id: int
    currency: str
    gross: int
    used: int
    maintenance: int
    restricted: int
    initial: int
    equity: int
    markup: int
    enabled: int


class AssetLimit(Struct, frozen=True, array_like=True):
    """Reply of cAssetLimits."""

    counterpartyId: int
    asset: str
    grossLimit: int
    currency: str
    mutualGrossLimit: int | None
    mutualCurrency: str | None


# --------------------------------------------------------------------------- replies


class Done(Struct, frozen=True):
    """Reply of the methods that have nothing to say: the code is 0."""

    error: int = 0


class TransactionAdded(Struct, frozen=True):
    """Reply of addOutgoingSettlementTransaction."""

    settlementTransactionId: int


class CounterpartyInfo(Struct, frozen=True, kw_only=True):
    """Reply of getCounterpartyInfo."""

    clientId: int
    clientType: str
    username: str | UnsetType = UNSET
    subaccount: bool | UnsetType = UNSET
    status: str
    disabled: bool


class SubaccountInfo(Struct, frozen=True, kw_only=True):
    """Who a sub-account is."""

    clientId: int
    username: str
    email: str


class Subaccount(Struct, frozen=True, kw_only=True):
    """One of the reply of getSubaccounts."""

    info: SubaccountInfo
    status: str
    createdAt: int
    type: str


class Markup(Struct, frozen=True, array_like=True):
    """One of the reply of instrumentMarkups; without an instrument it is the default. Percent x 1e4."""

    counterpartyId: int
    instrument: str | None
    bid: int
    ask: int
    direction: str


class StreamedOrder(Struct, frozen=True, kw_only=True):
    """What the quote streams' own socket sends to makers (qs-trading-for-liquidity-providers); read, never served."""

    event: str
    instrument: str
    clientOrderId: str
    price: int | UnsetType = UNSET
    size: int
    side: str
    type: str
    clientId: int


# --------------------------------------------------------------------------- lists of rows, of any generation

SettlementRow: TypeAlias = SettlementOrder | SettlementOrderRow | SettlementDealRow | SettlementDealRowG1
LimitRow: TypeAlias = CounterpartyLimit | CounterpartyLimitG1 | CounterpartyLimitG2


class Settlements(Struct, frozen=True):
    """Messages of feed S, replies of settlementOrders and settlementHistory."""

    rows: list[SettlementRow]


class CounterpartyLimits(Struct, frozen=True):
    """Messages of feeds L and M, reply of climits."""

    rows: list[LimitRow]


class GlobalLimits(Struct, frozen=True):
    """Messages of feed G, reply of limits."""

    rows: list[GlobalLimit]


class AssetLimits(Struct, frozen=True):
    """Reply of cAssetLimits."""

    rows: list[AssetLimit]


class SubaccountLimits(Struct, frozen=True):
    """Reply of subaccountsLimits."""

    rows: list[SubaccountLimit]


class Subaccounts(Struct, frozen=True):
    """Reply of getSubaccounts."""

    rows: list[Subaccount]


class Markups(Struct, frozen=True):
    """Reply of instrumentMarkups."""

    rows: list[Markup]


class ClosedTransactions(Struct, frozen=True):
    """Reply of settlementTransactionHistory."""

    rows: list[SettlementTransaction]


# --------------------------------------------------------------------------- decoders, made once

_raw_rows = decoder(list[Raw])
_settlement_order = decoder(SettlementOrder)
_settlement_order_row = decoder(SettlementOrderRow)
_settlement_deal_row = decoder(SettlementDealRow)
_settlement_deal_row_g1 = decoder(SettlementDealRowG1)
_limit = decoder(CounterpartyLimit)
_limit_g1 = decoder(CounterpartyLimitG1)
_limit_g2 = decoder(CounterpartyLimitG2)
_global_limit = decoder(GlobalLimit)
_asset_limits = decoder(list[AssetLimit])
_subaccount_limits = decoder(list[SubaccountLimit])
_subaccounts = decoder(list[Subaccount])
_markups = decoder(list[Markup])
_closed = decoder(list[SettlementTransaction])
requests = decoder(Requests)
transactions = decoder(Transactions)
transactions_snapshot = decoder(TransactionsSnapshot)


def _each(body: bytes) -> list[Raw]:
    """The rows of a payload that is a list of them, or one alone."""
    text = body.lstrip()
    if not text.startswith(b"["):
        return [Raw(text)]
    rows = _raw_rows(text)
    return rows if not rows or bytes(rows[0]).lstrip()[:1] in {b"[", b"{"} else [Raw(text)]


def limit_row(body: bytes | Raw) -> LimitRow:
    """A counterparty's limit in any of its layouts: an object, or an array that begins with the currency or the id."""
    text = bytes(body).lstrip()
    if not text.startswith(b"["):
        return _limit(text)
    return _limit_g1(text) if text[1:].lstrip().startswith(b'"') else _limit_g2(text)


def settlement_row(body: bytes | Raw) -> SettlementRow:
    """A settlement order or deal in any of its layouts: an object, or an array of 7, 9 or 11 places."""
    text = bytes(body).lstrip()
    if not text.startswith(b"["):
        return _settlement_order(text)
    places = _raw_rows(text)
    if len(places) >= 11:
        return _settlement_deal_row(text)
    # Two networks, or moment and id?
    is_deal = len(places) >= 9 and not bytes(places[7]).lstrip().startswith((b'"', b"n"))
    return _settlement_deal_row_g1(text) if is_deal else _settlement_order_row(text)


def settlements(body: bytes) -> Settlements:
    """A list of objects today; one row, or a list of rows, before."""
    return Settlements([settlement_row(row) for row in _each(body)])


def counterparty_limits(body: bytes) -> CounterpartyLimits:
    """One, or a list of them."""
    return CounterpartyLimits([limit_row(row) for row in _each(body)])


def global_limits(body: bytes) -> GlobalLimits:
    """One, or a list of them."""
    return GlobalLimits([_global_limit(row) for row in _each(body)])


def asset_limits(body: bytes) -> AssetLimits:
    return AssetLimits(_asset_limits(body))


def subaccount_limits(body: bytes) -> SubaccountLimits:
    return SubaccountLimits(_subaccount_limits(body))


def subaccounts(body: bytes) -> Subaccounts:
    return Subaccounts(_subaccounts(body))


def markups(body: bytes) -> Markups:
    return Markups(_markups(body))


def closed_transactions(body: bytes) -> ClosedTransactions:
    return ClosedTransactions(_closed(body))
