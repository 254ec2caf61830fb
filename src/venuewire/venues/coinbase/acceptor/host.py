"""What all connections to the sandbox's Coinbase share: keys, the account, the clock, what is known of orders."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import ClassVar
from uuid import NAMESPACE_URL, uuid5

from msgspec.structs import replace

from venuewire.frame import Once
from venuewire.model.account import Balance
from venuewire.model.instrument import Instrument
from venuewire.model.market import Trade
from venuewire.model.orders import ExecutionReport
from venuewire.model.session import Event
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venue import (
    Affliction,
    Exchange,
    ExpireGrants,
    Habit,
    Maintenance,
    Port,
    RevokeGrants,
    SkipSequence,
    Stage,
    Throttle,
)
from venuewire.venues.coinbase import signing
from venuewire.venues.coinbase.acceptor import wallets
from venuewire.venues.coinbase.acceptor.habits import HABITS, switch
from venuewire.venues.coinbase.acceptor.switches import Switches
from venuewire.venues.coinbase.acceptor.watch import Watch, remember
from venuewire.venues.coinbase.acceptor.window import Window
from venuewire.venues.coinbase.acceptor.works import Works, WorksPort
from venuewire.venues.coinbase.orders import State
from venuewire.venues.coinbase.signing import SigningKey
from venuewire.venues.coinbase.translate import book_product
from venuewire.venues.coinbase.wire import rest

_OLDEST_START = 0x15180
"""Seconds: a process of the venue has been up for some part of a day when we come."""


def uuid_of(*names: str) -> str:
    """A uuid that is always the same for these names."""
    return str(uuid5(NAMESPACE_URL, "coinbase:" + ":".join(names)))


class Shared:
    """State behind every connection and every request. One key, one account: a CDP key is bound to one portfolio."""

    lines: ClassVar[tuple[str, ...]] = ("ws", "user_ws")
    habits: ClassVar[Mapping[str, str]] = HABITS

    def __init__(
        self, stage: Stage, exchange: Exchange, random_hex: Callable[[int], str], switches: Switches | None = None
    ) -> None:
        self.exchange = exchange
        self.switches = switches or Switches()
        key = SigningKey(stage.credentials["key_name"], stage.credentials["private_key"])
        self.keys: Mapping[str, signing.PublicKey] = {key.name: key.public()}
        """By key name: the halves that verify. The private half is the client's."""
        self.accounts: Mapping[str, str] = {key.name: stage.account}
        self.user_id = uuid_of("user", stage.account)
        self.started: Nanos | None = None
        self.triggered: OrderedDict[str, None] = OrderedDict()
        """Stop orders that have been triggered, by order id."""
        self.taken: OrderedDict[str, tuple[rest.AnyCreateOrder, rest.CreateAnswer]] = OrderedDict()
        """By client_order_id: requests that made an order, with their answers."""
        self.throttled_until: Nanos = 0
        self.away_until: Nanos = 0
        self.restarts = 0
        """Counts the maintenances: a connection opened before one is ended by it."""
        self.skipped = 0
        """Numbers that every connection then open has to leave out."""
        self.once = Once()
        """What every connection that subscribed to it is sent alike: all of a frame but its head."""
        self.dials = Window()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._created: OrderedDict[str, Nanos] = OrderedDict()
        self._submitted: OrderedDict[str, str] = OrderedDict()
        """By order id: the product an order was for, where that is an alias."""
        self.works = Works(exchange, self.created)
        """Orders that are worked by a strategy."""
        self._uptime = int(random_hex(8), 16) % _OLDEST_START * NANOS_PER_SECOND
        self.watch = Watch(exchange, stage.reference_prices, random_hex(16), self.was_triggered, self.began)

    # ------------------------------------------------------------------ who, what

    def verified(self, token: str, now: Nanos, uris: frozenset[str] | None = None) -> str:
        """The account a token speaks for. Raises `signing.BadToken`."""
        name = signing.verify(
            token, self.keys, now, uris=uris, life=self.switches.token_life, skew=self.switches.token_skew
        )
        if token in self._ended:
            raise signing.BadToken("ended before its time")
        remember(self._seen, token, None)
        return self.accounts[name]

    # ------------------------------------------------------------------ what can happen to it

    def afflict(self, affliction: Affliction, now: Nanos) -> bool:
        """Suffer this. Tokens are the client's own here: those that were seen end. The venue has no words for it."""
        match affliction:
            case ExpireGrants() | RevokeGrants():
                for token in self._seen:
                    remember(self._ended, token, None)
            case Throttle(until=until):
                self.throttled_until = until
            case Maintenance(until=until):
                self.away_until = until
                self.restarts += 1
            case SkipSequence(count=count):
                self.skipped += count
            case Habit(name=name, on=on) if name in HABITS:
                switch(self.switches, name, on=on)
            case Habit():
                return False
        return True

    def publish(self, event: Event, now: Nanos) -> None:
        """A trade may reach what an order waits for; a report may end the order another one is attached to."""
        if isinstance(event, ExecutionReport):
            self.works.heard(event, now)
        if isinstance(event, Trade | ExecutionReport):
            self.watch.look(now)

    def next_tick(self) -> Nanos | None:
        """Orders that are worked bit by bit."""
        return self.works.next_tick()

    def tick(self, now: Nanos) -> None:
        """Place the bits that are due."""
        self.works.tick(now)

    def refusal(self, now: Nanos) -> int:
        """The HTTP status that everything is answered with now; 0: none."""
        return 503 if now < self.away_until else 429 if now < self.throttled_until else 0

    def port(self, account: str) -> Port:
        """The account's place at the exchange, as clients see it."""
        port = self.exchange.port(account)
        return WorksPort(port, self.works) if self.works else port

    def instrument(self, product_id: str) -> Instrument | None:
        """What is traded under this name itself, not under an alias."""
        return self.exchange.instruments.get(product_id)

    def book_of(self, product_id: str) -> Instrument | None:
        """The instrument whose book a product shows; an alias shows another's."""
        return self.instrument(product_id) or self.instrument(book_product(product_id))

    def uptime(self, now: Nanos) -> Nanos:
        """How long the venue's process has been running: what heartbeats count."""
        if self.started is None:
            self.started = now - self._uptime
        return now - self.started

    # ------------------------------------------------------------------ orders

    def began(self, order_id: str, product_id: str, now: Nanos) -> None:
        """An order was made now, for this product."""
        remember(self._created, order_id, now)
        if product_id not in self.exchange.instruments:
            remember(self._submitted, order_id, product_id)

    def balances(self, account: str) -> list[Balance]:
        """The account's wallets, those of aliases told apart."""
        port, order_of = self.exchange.port(account), self.works.parent_of
        if not self._submitted:
            return port.balances()
        gain = wallets.gained(fill for fill in port.fills() if order_of(fill.order_id) in self._submitted)
        working = port.orders(working=True)
        hold = wallets.reserved(order for order in working if order_of(order.order_id) in self._submitted)
        return wallets.moved(port.balances(), gain, hold)

    def product_of(self, report: ExecutionReport) -> str:
        """The product an order was submitted for: an alias keeps its name in orders and fills."""
        return self._submitted.get(report.order_id, report.symbol)

    def took(self, request: rest.AnyCreateOrder, answer: rest.CreateAnswer) -> None:
        """A request made an order: the same one again gets the same answer."""
        remember(self.taken, request.client_order_id, (request, answer))

    def was_triggered(self, order_id: str) -> None:
        """A stop order became a limit order."""
        remember(self.triggered, order_id, None)

    def created(self, report: ExecutionReport) -> Nanos:
        """When an order was made."""
        return self._created.get(report.order_id, report.transact_time)

    def state(self, report: ExecutionReport, account: str) -> State:
        """The order a report is of, as it stood when the report was made."""
        cum_qty = report.cum_qty
        fills = (
            [
                fill
                for fill in self.port(account).fills()
                if fill.order_id == report.order_id and fill.cum_qty is not None and fill.cum_qty <= cum_qty
            ]
            if cum_qty
            else []
        )
        created = self.created(report)
        watch = self.watch
        return State(
            report=self.shown(report),
            fills=fills,
            created=created,
            portfolio=account,
            user_id=self.user_id,
            triggered=report.order_id in self.triggered,
            condition=watch.condition(report.order_id),
            attachment=watch.attached.get(report.order_id),
            attached_id=watch.children.get(report.order_id, ""),
            originating_id=watch.parents.get(report.order_id, ""),
            strategy=None if (work := self.works.work(report.order_id)) is None else work.order,
        )

    def shown(self, report: ExecutionReport) -> ExecutionReport:
        """A report in the terms the order was given in, which may not be those it stands at the exchange with."""
        condition, product_id = self.watch.condition(report.order_id), self.product_of(report)
        if condition is None:
            return report if product_id == report.symbol else replace(report, symbol=product_id)
        price = report.price if condition.profit is None else condition.profit
        return replace(report, symbol=product_id, price=price, stop_px=condition.trigger)
