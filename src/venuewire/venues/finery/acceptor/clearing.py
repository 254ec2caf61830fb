"""Behind trading: an account's limits, settlement requests, transactions and orders. Pure; the sandbox's end only.

Every position stands against one counterparty. How it behaves is assumed: it pays what it is asked for, and takes what
is sent, at once (`prompt`). A settlement's size is the change it makes to our position: what we send raises it, what
we are paid lowers it. What there is to tell is put into `news`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from venuewire.model.terms import NANOS_PER_MILLI, Nanos
from venuewire.venues.finery.wire import clearing as rows

HOUSE = 87
"""Client id of whoever trades against the sandbox's accounts: one counterparty for all."""

_UNIT = 100_000_000
_WIDE = 500_000_000_000_000_000
"""Five thousand million dollars: a limit nobody meets by chance."""
_OPEN = 1000
"""Settlements that may be open at once."""
_KEPT = 20_000
"""Rows of a history; the oldest are forgotten."""
CANCELLED_BY_SENDER = 2
"""transactionFlags, bits 0 and 1 (feed-n)."""


class Own(Struct, frozen=True):
    """A limit we have set."""

    currency: str = "USD"
    net: int = _WIDE
    gross: int = _WIDE
    markup: int = 0


class News(Struct, frozen=True):
    """Something that a feed tells."""

    feed: str
    action: str
    currency: str = ""
    settlement: rows.SettlementOrder | None = None
    request: rows.SettlementRequest | None = None
    transaction: rows.SettlementTransaction | None = None
    incoming: bool = False


class Clearing:
    """One account's. `positions` gives what the exchange says is held, by currency, in 1e-8; `price` what a unit of a
    currency is worth in dollars, likewise."""

    def __init__(
        self, client_id: int, positions: Callable[[], dict[str, int]], price: Callable[[str], int], *, prompt: bool
    ) -> None:
        self.client_id = client_id
        self.prompt = prompt
        """The counterparty does its part at once; else it never does."""
        self.news: list[News] = []
        self.limits: dict[str, Own] = {"USD": Own()}
        """Global ones (legacy), by currency."""
        self.own: Own | None = Own()
        """What the counterparty may owe us."""
        self.mutual = Own()
        """What we may owe it."""
        self.incoming_requests: dict[str, rows.SettlementRequest] = {}
        """What we ask to be paid, by currency."""
        self.outgoing_requests: dict[str, rows.SettlementRequest] = {}
        """What the counterparty asks to be paid."""
        self.incoming: dict[int, rows.SettlementTransaction] = {}
        self.outgoing: dict[int, rows.SettlementTransaction] = {}
        self.orders: dict[int, rows.SettlementOrder] = {}
        self.deals: list[rows.SettlementOrder] = []
        """Committed, oldest first."""
        self.closed: list[rows.SettlementTransaction] = []
        """Transactions that are over, oldest first."""
        self.settled: dict[str, int] = {}
        """By currency: what settlements have changed of what the exchange says."""
        self._positions = positions
        self._price = price
        self._ids = count(1001)

    def tell(self, feed: str, action: str, currency: str = "") -> None:
        """Something that the row of the feed itself shows."""
        self.news.append(News(feed, action, currency))

    # ----------------------------------------------------------------------- positions and limits

    def positions(self) -> dict[str, int]:
        """What is held, by currency, settlements included."""
        held = self._positions()
        return {name: held.get(name, 0) + self.settled.get(name, 0) for name in {**held, **self.settled}}

    def reachable(self, currency: str, value: int) -> tuple[int, int]:
        """(most, least) of a position if the open settlements were committed."""
        sizes = [order.size1 for order in self.orders.values() if order.currency1 == currency]
        return value + sum(size for size in sizes if size > 0), value + sum(size for size in sizes if size < 0)

    def in_dollars(self, currency: str, amount: int) -> int:
        """At the listed prices."""
        return amount * self._price(currency) // _UNIT

    def used(self, currency: str) -> tuple[int, int, int]:
        """(owed to us, owed by us, net of both), in a currency."""
        values = [self.in_dollars(name, value) for name, value in self.positions().items()]
        price = self._price(currency) or _UNIT
        positive, negative = sum(v for v in values if v > 0), -sum(v for v in values if v < 0)
        return positive * _UNIT // price, negative * _UNIT // price, (positive - negative) * _UNIT // price

    def allows(self, currency: str, amount: int) -> bool:
        """May a deal of this size be made? Assumed: both gross limits hold as if nothing were netted."""
        if self.own is None:
            return False
        dollars = self.in_dollars(currency, amount)
        for limit, place in ((self.own, 0), (self.mutual, 1)):
            price = self._price(limit.currency) or _UNIT
            if self.used(limit.currency)[place] + dollars * _UNIT // price > limit.gross:
                return False
        return True

    def limit(self) -> rows.CounterpartyLimit:
        """The counterparty's row of feed L, today."""
        return rows.CounterpartyLimit(
            counterpartyId=HOUSE,
            tradingPermissions=rows.Permissions(ownTradingEnabled=self.own is not None, mutualTradingEnabled=True),
            ownLimit=UNSET if self.own is None else self._limit(self.own, 0),
            mutualLimit=self._limit(self.mutual, 1),
        )

    def _limit(self, own: Own, place: int) -> rows.Limit:
        used = self.used(own.currency)
        equity = used[2] if place == 0 else -used[2]
        return rows.Limit(grossLimit=own.gross, asset=own.currency, limitUtilization=used[place], equity=equity)

    def limit_row(self, generation: int) -> rows.CounterpartyLimitG1 | rows.CounterpartyLimitG2:
        """The same before G3."""
        own = self.own or Own(gross=0, net=0)
        owed, _, net = self.used(own.currency)
        if generation == 1:
            return rows.CounterpartyLimitG1(own.currency, own.net, own.gross, net, owed, 0, HOUSE, own.markup)
        mutual = self.mutual
        return rows.CounterpartyLimitG2(
            HOUSE, own.currency, own.gross, mutual.currency, mutual.gross, owed, 0, 0, 0, net, own.markup, 0
        )

    def mutual_row(self) -> rows.CounterpartyLimitG1:
        """Feed M of G1: what the counterparty has set; places 5 and 7 are reserved."""
        mutual = self.mutual
        _, owing, net = self.used(mutual.currency)
        return rows.CounterpartyLimitG1(mutual.currency, mutual.net, mutual.gross, -net, owing, 0, HOUSE, 0)

    def global_rows(self) -> list[rows.GlobalLimit]:
        """Feed G and the method limits."""
        return [self.global_row(currency) for currency in self.limits]

    def global_row(self, currency: str) -> rows.GlobalLimit:
        own = self.limits.get(currency) or Own(currency, 0, 0)
        owed, _, net = self.used(currency)
        return rows.GlobalLimit(currency, own.net, own.gross, net, owed, 0)

    # ----------------------------------------------------------------------- settlement requests

    def request(
        self, currency: str, amount: int, comment: str, flags: int, expires: int, now: Nanos
    ) -> rows.SettlementRequest:
        """Ask to be paid; the counterparty pays at once what it owes."""
        found = rows.SettlementRequest(
            HOUSE, currency, flags, amount, comment, expires, "", next(self._ids), now // NANOS_PER_MILLI
        )
        self.incoming_requests[currency] = found
        self.news.append(News("R", "+", currency, request=found, incoming=True))
        _, least = self.reachable(currency, self.positions().get(currency, 0))
        due = amount or max(least, 0)
        if self.prompt and 0 < due <= least and self.takes(currency, due):
            self.drop_request(currency)
            self._transaction(currency, due, comment, 0, now, incoming=True)
        return found

    def demand(self, amount: int, now: Nanos, *, on: bool = True) -> None:
        """The counterparty asks to be paid in dollars; or it does so no more."""
        asks = self.outgoing_requests.get("USD")
        if on and asks is None:
            at = now // NANOS_PER_MILLI
            asks = rows.SettlementRequest(HOUSE, "USD", 0, amount, "", 0, "", next(self._ids), at)
            self.outgoing_requests["USD"] = asks
            self.news.append(News("R", "+", "USD", request=asks))
        elif asks is not None and not on:
            self.drop_request("USD", incoming=False)

    def drop_request(self, currency: str, *, incoming: bool = True) -> None:
        """A request goes. Raises `KeyError`."""
        requests = self.incoming_requests if incoming else self.outgoing_requests
        gone = requests.pop(currency)
        self.news.append(News("R", "-", currency, request=gone, incoming=incoming))

    def next_expiry(self) -> Nanos | None:
        """When the next request ends by itself."""
        ends = [it.expires * NANOS_PER_MILLI for it in self.incoming_requests.values() if it.expires]
        return min(ends, default=None)

    def expire(self, now: Nanos) -> None:
        """End the requests whose time has come."""
        for currency, request in list(self.incoming_requests.items()):
            if request.expires and request.expires * NANOS_PER_MILLI <= now:
                self.drop_request(currency)

    # ----------------------------------------------------------------------- settlement transactions

    def takes(self, currency: str, amount: int) -> bool:
        """Is there room for a settlement of this size? The wire's integers have an end, and so has patience."""
        open_sizes = sum(abs(order.size1) for order in self.orders.values() if order.currency1 == currency)
        total = abs(self.positions().get(currency, 0)) + open_sizes + amount
        return len(self.orders) < _OPEN and total <= _WIDE and self.in_dollars(currency, total) <= _WIDE

    def pay(self, currency: str, amount: int, comment: str, fee: int, now: Nanos) -> int:
        """An outgoing transaction, not sent yet; its id."""
        return self._transaction(currency, amount, comment, fee, now, incoming=False).id

    def _transaction(
        self, currency: str, amount: int, comment: str, fee: int, now: Nanos, *, incoming: bool
    ) -> rows.SettlementTransaction:
        at, number, order_id = now // NANOS_PER_MILLI, next(self._ids), next(self._ids)
        sent = (f"sandbox-{number}", at) if incoming else ("", 0)
        found = rows.SettlementTransaction(
            HOUSE,
            currency,
            amount,
            order_id,
            comment,
            at,
            *sent,
            flags=0,
            moment=0,
            id=number,
            networkFee=fee,
            network="",
        )
        (self.incoming if incoming else self.outgoing)[number] = found
        self.orders[order_id] = order = rows.SettlementOrder(
            settlementOrderId=order_id,
            clientId=self.client_id,
            counterpartyId=HOUSE,
            createdAt=at,
            comment=comment,
            flags=0,
            currency1=currency,
            size1=-amount if incoming else amount,
        )
        self._tell("+", found, order, incoming=incoming)
        return found

    def _tell(
        self, action: str, found: rows.SettlementTransaction, order: rows.SettlementOrder, *, incoming: bool
    ) -> None:
        self.news += [
            News("N", action, found.currency, transaction=found, incoming=incoming),
            News("S", action, found.currency, settlement=order),
            News("K", "M", found.currency),
        ]

    def send(self, number: int, tx_id: str, fee: int | UnsetType, now: Nanos) -> None:
        """An outgoing transaction is on its way; the counterparty takes it at once. Raises `KeyError`."""
        found = self.outgoing[number]
        at = now // NANOS_PER_MILLI
        found = replace(found, txId=tx_id, sentAt=at, networkFee=found.networkFee if fee is UNSET else fee)
        self.outgoing[number] = found
        # Assumed: the row again, as it is now; the actions of the page have no other for it.
        self.news.append(News("N", "+", found.currency, transaction=found))
        if self.prompt:
            self.commit(number, now, incoming=False)

    def cancel(self, number: int, now: Nanos) -> None:
        """An outgoing transaction is taken back. Raises `KeyError`."""
        found = replace(self.outgoing.pop(number), flags=CANCELLED_BY_SENDER, moment=now // NANOS_PER_MILLI)
        self._close(found)
        self._tell("-", found, self.orders.pop(found.settlementOrderId), incoming=False)

    def commit(self, number: int, now: Nanos, *, incoming: bool) -> None:
        """A transaction has arrived: the position changes. Raises `KeyError`."""
        at = now // NANOS_PER_MILLI
        found = replace((self.incoming if incoming else self.outgoing).pop(number), moment=at)
        order = replace(self.orders.pop(found.settlementOrderId), settlementId=next(self._ids), commitedAt=at)
        self._close(found)
        self.deals.append(order)
        del self.deals[:-_KEPT]
        self.settled[found.currency] = self.settled.get(found.currency, 0) + order.size1
        self._tell("D", found, order, incoming=incoming)
        self.tell("L", "M")
        asked = self.outgoing_requests.get(found.currency)
        if not incoming and asked is not None and found.amount >= asked.amount:
            self.drop_request(found.currency, incoming=False)

    def _close(self, found: rows.SettlementTransaction) -> None:
        self.closed.append(found)
        del self.closed[:-_KEPT]
