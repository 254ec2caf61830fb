"""Methods beside trading, for the sandbox: limits, settlements, counterparties, sub-accounts (their own pages).

Who may: `settle` for what changes limits and settlements, `read` for the rest. Codes of refusals are assumed where
the pages do not say which of the list belongs to which fault.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import UNSET, Struct

from venuewire.model.terms import NANOS_PER_MILLI, Nanos
from venuewire.venues.finery import codes, wire
from venuewire.venues.finery.acceptor.clearing import HOUSE, Own
from venuewire.venues.finery.acceptor.counter import ROWS, Desk, Parameters, Refused
from venuewire.venues.finery.wire import clearing as rows

_LARGEST_MARKUP = 100_000
_DAY = 86_400_000
_LONGEST = 30 * _DAY
_LONGEST_COMMENT = 1000

DONE = rows.Done()


def _currency(desk: Desk, given: Parameters) -> str:
    name = given.needed("currency")
    if name not in desk.listing.currencies:
        raise Refused(codes.CURRENCY_NOT_FOUND)
    return name


def _counterparty(desk: Desk, given: Parameters, code: int) -> None:
    number = given.integer("counterpartyId", 0)
    if number is None:
        raise Refused(codes.INVALID_PARAMETER, "counterpartyId")
    if number == desk.client_id:
        raise Refused(codes.IDENTICAL_CLIENTS)
    if number != HOUSE:
        raise Refused(code)


def _amount(desk: Desk, given: Parameters, currency: str, code: int, *, least: int) -> int:
    amount = given.integer("amount")
    if amount is None and least:
        raise Refused(codes.INVALID_PARAMETER, "amount")
    if (amount or 0) < least or (amount or 0) % desk.listing.step(currency):
        raise Refused(code)
    return amount or 0


def _comment(given: Parameters) -> str:
    comment = given.text("comment") or ""
    if len(comment) > _LONGEST_COMMENT:
        raise Refused(codes.INVALID_COMMENT)
    return comment


# --------------------------------------------------------------------------- limits


def limits(desk: Desk, _given: Parameters, _now: Nanos) -> Sequence[Struct]:
    """Global limits (page limits, legacy)."""
    return desk.clearing.global_rows()


def counterparty_limits(desk: Desk, _given: Parameters, _now: Nanos) -> Sequence[Struct]:
    """Page climits; today's form is assumed to be that of feed L."""
    if desk.layout.objects:
        return [desk.clearing.limit()]
    return [desk.clearing.limit_row(desk.layout.generation)]


def asset_limits(_desk: Desk, given: Parameters, _now: Nanos) -> list[Any]:
    """Page cAssetLimits. No page says how one is set: there are none."""
    given.integer("counterpartyId", 0)
    given.text("filter")
    return []


def _limit(given: Parameters, currency: str) -> Own:
    net, gross = given.integer("netLimit"), given.integer("grossLimit")
    if gross is None:
        raise Refused(codes.INVALID_PARAMETER, "grossLimit")
    if gross < 0:
        raise Refused(codes.INVALID_GROSS_LIMIT)
    if net is not None and net < 0:
        raise Refused(codes.INVALID_NET_LIMIT)
    return Own(currency, gross if net is None else net, gross)


def set_limit(desk: Desk, given: Parameters, _now: Nanos) -> Struct:
    """Page setLimit (legacy)."""
    limit = _limit(given, _currency(desk, given))
    desk.clearing.limits[limit.currency] = limit
    desk.clearing.tell("G", "M", limit.currency)
    return DONE


def del_limit(desk: Desk, given: Parameters, _now: Nanos) -> Struct:
    """Page delLimit (legacy)."""
    currency = _currency(desk, given)
    if desk.clearing.limits.pop(currency, None) is None:
        raise Refused(codes.LIMIT_NOT_FOUND)
    desk.clearing.tell("G", "M", currency)
    return DONE


def set_counterparty_limit(desk: Desk, given: Parameters, _now: Nanos) -> Struct:
    """Page setCLimit."""
    _counterparty(desk, given, codes.CLIENT_NOT_FOUND)
    limit = _limit(given, _currency(desk, given))
    markup = given.integer("takerMarkup", -_LARGEST_MARKUP, _LARGEST_MARKUP)
    if markup is not None and desk.role == "taker":  # Assumed: what only makers have is no parameter of others.
        raise Refused(codes.INVALID_PARAMETER, "takerMarkup")
    was, desk.clearing.own = desk.clearing.own, Own(limit.currency, limit.net, limit.gross, markup or 0)
    desk.clearing.tell("L", "M" if was is not None or desk.layout.objects else "+")
    return DONE


def del_counterparty_limit(desk: Desk, given: Parameters, _now: Nanos) -> Struct:
    """Page delCLimit."""
    _counterparty(desk, given, codes.CLIENT_NOT_FOUND)
    if desk.clearing.own is None:
        raise Refused(codes.LIMIT_NOT_FOUND)
    desk.clearing.own = None
    # Today the row stays, with the limit of the other side.
    desk.clearing.tell("L", "M" if desk.layout.objects else "-")
    return DONE


# --------------------------------------------------------------------------- settlements


def settlement_requests(desk: Desk, _given: Parameters, now: Nanos) -> Struct:
    """Page settlementRequests."""
    clearing = desk.clearing
    clearing.expire(now)
    return rows.Requests([*clearing.incoming_requests.values()], [*clearing.outgoing_requests.values()])


def settlement_transactions(desk: Desk, _given: Parameters, _now: Nanos) -> Struct:
    """Page settlementTransactions."""
    return rows.Transactions([*desk.clearing.incoming.values()], [*desk.clearing.outgoing.values()])


def settlement_orders(desk: Desk, _given: Parameters, _now: Nanos) -> list[Any]:
    """Page settlementOrders; the form is assumed to be that of feed S."""
    return [desk.layout.settlement(order) for order in desk.clearing.orders.values()]


def add_request(desk: Desk, given: Parameters, now: Nanos) -> Struct:
    """Page addIncomingSettlementRequest; amount 0, or none, asks for the whole position."""
    _counterparty(desk, given, codes.INVALID_COUNTERPARTY)
    currency = _currency(desk, given)
    flags = given.integer("flags") or 0
    if flags not in {0, 1}:
        raise Refused(codes.INVALID_REQUEST_FLAGS)
    amount, comment = _amount(desk, given, currency, codes.INVALID_REQUEST_AMOUNT, least=0), _comment(given)
    at = now // NANOS_PER_MILLI
    expires = given.integer("cancelTimestamp", 0)
    expires = at + _DAY if expires is None else expires
    if expires and not at < expires <= at + _LONGEST:
        raise Refused(codes.INVALID_PARAMETER, "cancelTimestamp")
    desk.clearing.expire(now)
    if currency in desk.clearing.incoming_requests:
        raise Refused(codes.REQUEST_EXISTS)
    desk.clearing.request(currency, amount, comment, flags, expires, now)
    return DONE


def del_request(desk: Desk, given: Parameters, _now: Nanos) -> Struct:
    """Page delIncomingSettlementRequest: one of ours."""
    return _dropped(desk, given, incoming=True)


def del_counterparty_request(desk: Desk, given: Parameters, _now: Nanos) -> Struct:
    """Page delIncomingSettlementCPRequest: assumed to be the counterparty's request to us."""
    return _dropped(desk, given, incoming=False)


def _dropped(desk: Desk, given: Parameters, *, incoming: bool) -> Struct:
    _counterparty(desk, given, codes.INVALID_COUNTERPARTY)
    try:
        desk.clearing.drop_request(_currency(desk, given), incoming=incoming)
    except KeyError:
        raise Refused(codes.REQUEST_NOT_FOUND) from None
    return DONE


def add_transaction(desk: Desk, given: Parameters, now: Nanos) -> Struct:
    """Page addOutgoingSettlementTransaction."""
    _counterparty(desk, given, codes.CLIENT_NOT_FOUND)
    currency = _currency(desk, given)
    amount = _amount(desk, given, currency, codes.INVALID_TRANSACTION_AMOUNT, least=1)
    fee = given.integer("fee", 0) or 0
    if not desk.clearing.takes(currency, amount):
        raise Refused(codes.INVALID_TRANSACTION_AMOUNT)
    return rows.TransactionAdded(desk.clearing.pay(currency, amount, _comment(given), fee, now))


def _transaction_id(given: Parameters) -> int:
    number = given.integer("transactionId", 0)
    if number is None:
        raise Refused(codes.INVALID_PARAMETER, "transactionId")
    return number


def send_transaction(desk: Desk, given: Parameters, now: Nanos) -> Struct:
    """Page sendOutgoingSettlementTransaction."""
    number, fee, tx_id = _transaction_id(given), given.integer("fee", 0), given.text("txId")
    if not tx_id or len(tx_id) > _LONGEST_COMMENT:
        raise Refused(codes.INVALID_TX_ID)
    found = desk.clearing.outgoing.get(number)
    if found is None or found.sentAt:
        raise Refused(codes.TRANSACTION_NOT_FOUND)
    desk.clearing.send(number, tx_id, UNSET if fee is None else fee, now)
    return DONE


def del_transaction(desk: Desk, given: Parameters, now: Nanos) -> Struct:
    """Page delOutgoingSettlementTransaction."""
    try:
        desk.clearing.cancel(_transaction_id(given), now)
    except KeyError:
        raise Refused(codes.TRANSACTION_NOT_FOUND) from None
    return DONE


def commit_transaction(desk: Desk, given: Parameters, now: Nanos) -> Struct:
    """Page commitIncomingSettlementTransaction."""
    try:
        desk.clearing.commit(_transaction_id(given), now, incoming=True)
    except KeyError:
        raise Refused(codes.TRANSACTION_NOT_FOUND) from None
    return DONE


def settlement_history(desk: Desk, given: Parameters, _now: Nanos) -> list[Any]:
    """Page settlementHistory: the newest first; `till` is a settlement's id, exclusive."""
    wanted = _page(given)
    deals = [it for it in reversed(desk.clearing.deals) if wanted(it.settlementId or 0, it.commitedAt or 0)]
    return [wire.plain(desk.layout.settlement_row(it)) for it in deals[: _limit_of(given)]]


def transaction_history(desk: Desk, given: Parameters, _now: Nanos) -> list[Any]:
    """Page settlementTransactionHistory: the newest first; `till` is a transaction's id, exclusive."""
    given.text("filter")
    wanted = _page(given)
    closed = [it for it in sorted(desk.clearing.closed, key=lambda it: -it.id) if wanted(it.id, it.moment)]
    return closed[: _limit_of(given)]


def _page(given: Parameters) -> Callable[[int, int], bool]:
    till = given.integer("till", 0, wire.UINT64_MAX)
    since, until = given.integer("from", 0), given.integer("to", 0)

    def wanted(number: int, moment: int) -> bool:
        if till is not None and number >= till:
            return False
        return (since is None or moment >= since) and (until is None or moment < until)

    return wanted


def _limit_of(given: Parameters) -> int:
    limit = given.integer("limit", 0)
    return ROWS if limit is None else min(limit, ROWS)


# --------------------------------------------------------------------------- clients


def counterparty_info(_desk: Desk, given: Parameters, _now: Nanos) -> Struct:
    """Page getCounterpartyInfo."""
    number = given.integer("counterpartyId", 0)
    if number is None:
        raise Refused(codes.INVALID_PARAMETER, "counterpartyId")
    if number != HOUSE:
        raise Refused(codes.CLIENT_NOT_FOUND)
    return rows.CounterpartyInfo(
        clientId=HOUSE, clientType="maker", username="market", subaccount=False, status="connected", disabled=False
    )


def subaccounts(desk: Desk, _given: Parameters, _now: Nanos) -> list[Any]:
    """Page getSubaccounts, for masters."""
    _master(desk)
    return [
        rows.Subaccount(
            info=rows.SubaccountInfo(clientId=number, username=found.name, email=""),
            status="active",
            createdAt=0,
            type=found.role,
        )
        for number, found in desk.subaccounts.items()
    ]


def subaccounts_limits(desk: Desk, _given: Parameters, _now: Nanos) -> list[Any]:
    """Page subaccountsLimits, for masters."""
    _master(desk)
    found: list[Any] = []
    for number in desk.subaccounts:
        limit = desk.of_subaccount(number).clearing.limit().mutualLimit
        if limit is not UNSET:
            money = (limit.asset, limit.grossLimit, limit.limitUtilization)
            found.append(rows.SubaccountLimit(number, *money, 0, 0, 0, limit.equity, 0, 1))
    return found


def markups(_desk: Desk, given: Parameters, _now: Nanos) -> list[Any]:
    """Page instrumentMarkups: the sandbox has none but the default of nothing, either way."""
    if given.integer("counterpartyId", 0) not in {None, HOUSE}:
        raise Refused(codes.CLIENT_NOT_FOUND)
    return [rows.Markup(HOUSE, None, 0, 0, direction) for direction in ("incoming", "outgoing")]


def _master(desk: Desk) -> None:
    if desk.role != "master":
        raise Refused(codes.NOT_AUTHORISED)


METHODS: dict[str, tuple[Callable[[Desk, Parameters, Nanos], Any], str]] = {
    "limits": (limits, "read"),
    "climits": (counterparty_limits, "read"),
    "cAssetLimits": (asset_limits, "read"),
    "setLimit": (set_limit, "settle"),
    "delLimit": (del_limit, "settle"),
    "setCLimit": (set_counterparty_limit, "settle"),
    "delCLimit": (del_counterparty_limit, "settle"),
    "settlementRequests": (settlement_requests, "read"),
    "settlementTransactions": (settlement_transactions, "read"),
    "settlementOrders": (settlement_orders, "read"),
    "addIncomingSettlementRequest": (add_request, "settle"),
    "delIncomingSettlementRequest": (del_request, "settle"),
    "delIncomingSettlementCPRequest": (del_counterparty_request, "settle"),
    "addOutgoingSettlementTransaction": (add_transaction, "settle"),
    "sendOutgoingSettlementTransaction": (send_transaction, "settle"),
    "delOutgoingSettlementTransaction": (del_transaction, "settle"),
    "commitIncomingSettlementTransaction": (commit_transaction, "settle"),
    "settlementHistory": (settlement_history, "read"),
    "settlementTransactionHistory": (transaction_history, "read"),
    "getCounterpartyInfo": (counterparty_info, "read"),
    "getSubaccounts": (subaccounts, "read"),
    "subaccountsLimits": (subaccounts_limits, "read"),
    "instrumentMarkups": (markups, "read"),
}
"""Method -> what it does, and the permission it takes."""
