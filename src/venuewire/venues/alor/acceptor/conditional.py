"""Conditional orders as the venue keeps them (4.5): beside the exchange, nothing blocked, until their time comes.

Each waits for the last price to satisfy its condition, without a break for its protecting seconds, then places exactly
one order. Pure but for what it is handed: `place`, which brings an order to the exchange, and `tell`.

    working --condition holds long enough, order placed--> filled
    working --the order is refused--> rejected, with the reason in `error`
    working --deleted, or its end has come--> canceled
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from msgspec import Struct

from venuewire.model.instrument import Instrument
from venuewire.model.terms import NANOS_PER_SECOND, Nanos, OrdType, Side
from venuewire.venues.alor import terms

WORKING, FILLED, CANCELED, REJECTED = "working", "filled", "canceled", "rejected"

_FIRST_ID = 8_000
"""Their ids are a short series of their own (6.8)."""
_REMEMBERED = 10_000
"""Those that are done are shown until there are so many newer ones."""


class Terms(Struct, frozen=True, kw_only=True):
    """What was asked for, whose values have been looked at."""

    account: str
    instrument: Instrument
    ord_type: OrdType
    """STOP places a market order, STOP_LIMIT a limit order."""
    side: Side
    lots: int
    condition: str
    """One of `terms.CONDITIONS`."""
    trigger: Decimal
    price: Decimal | None = None
    end: Nanos | None = None
    """None: until it is deleted."""
    protecting: Nanos = 0
    """How long the condition must hold without a break."""
    time_in_force: str = "oneday"
    """Of the order it places."""
    iceberg: tuple[int, int] | None = None
    """Of the order it places: visible lots, and variance in percent."""
    comment: str = ""


class Conditional(Struct, kw_only=True):
    """One conditional order."""

    order_id: str
    terms: Terms
    placed: Nanos
    active: bool = True
    """False: dormant until its group wakes it (5.7)."""
    status: str = WORKING
    updated: Nanos | None = None
    exchange_order_id: str = ""
    error: str = ""
    held_since: Nanos | None = None
    """Since when the condition has been holding."""

    @property
    def due(self) -> Nanos | None:
        """When something happens to it without a new price."""
        times = [self.terms.end]
        if self.held_since is not None:
            times.append(self.held_since + self.terms.protecting)
        return min((time for time in times if time is not None), default=None)


class Placed(Struct, frozen=True):
    """What came of the order a conditional order placed: its id, or why there is none."""

    order_id: str = ""
    error: str = ""


class Waiting:
    """Every conditional order of the venue."""

    def __init__(self, place: Callable[[Terms, Nanos], Placed], tell: Callable[[Conditional], None]) -> None:
        self._place = place
        self._tell = tell
        self._orders: dict[str, Conditional] = {}
        self._working: dict[str, dict[str, Conditional]] = {}
        """By symbol, then by id."""
        self._next_id = _FIRST_ID

    # ---- questions

    def of(self, account: str) -> list[Conditional]:
        """Those of an account, oldest first, done ones too."""
        return [order for order in self._orders.values() if order.terms.account == account]

    def find(self, order_id: str, account: str) -> Conditional | None:
        """One of an account's."""
        order = self._orders.get(order_id)
        return order if order is not None and order.terms.account == account else None

    @property
    def symbols(self) -> list[str]:
        """Whose prices matter now."""
        return [symbol for symbol, orders in self._working.items() if orders]

    def next_due(self) -> Nanos | None:
        """When `advance` has something to do."""
        times = [order.due for orders in self._working.values() for order in orders.values()]
        return min((time for time in times if time is not None), default=None)

    # ---- what a client does

    def add(self, terms_asked: Terms, now: Nanos, *, active: bool = True) -> Conditional:
        """A new one; nobody has looked yet whether its condition holds."""
        self._next_id += 1
        order = Conditional(order_id=str(self._next_id), terms=terms_asked, placed=now, active=active)
        self._orders[order.order_id] = order
        self._working.setdefault(terms_asked.instrument.symbol, {})[order.order_id] = order
        self._tell(order)
        self._forget()
        return order

    def cancel(self, order: Conditional, now: Nanos) -> None:
        """Take it away."""
        self._done(order, CANCELED, now)

    def wake(self, order: Conditional, now: Nanos) -> None:
        """A dormant one begins to watch."""
        if order.status == WORKING and not order.active:
            order.active, order.updated = True, now
            self._tell(order)

    # ---- what happens

    def priced(self, symbol: str, price: Decimal, now: Nanos) -> None:
        """The last price of an instrument."""
        for order in list(self._working.get(symbol, {}).values()):
            self.look(order, price, now)

    def look(self, order: Conditional, price: Decimal, now: Nanos) -> None:
        """The last price, for one of them."""
        if not order.active:
            return
        # What came due before this price was known comes first.
        self._look(order, now)
        if not terms.holds(order.terms.condition, price, order.terms.trigger):
            order.held_since = None
            return
        if order.held_since is None:
            order.held_since = now
        self._look(order, now)

    def advance(self, now: Nanos) -> None:
        """Trigger and end those whose time has come."""
        for orders in list(self._working.values()):
            for order in list(orders.values()):
                if order.due is not None and order.due <= now:
                    self._look(order, now)

    def _look(self, order: Conditional, now: Nanos) -> None:
        asked = order.terms
        if order.status != WORKING:
            return
        if asked.end is not None and asked.end <= now:
            self._done(order, CANCELED, now)
        elif order.held_since is not None and order.held_since + asked.protecting <= now:
            # Out of the list first: what it places may move the price that others, and it, wait for.
            del self._working[asked.instrument.symbol][order.order_id]
            placed = self._place(asked, now)
            order.exchange_order_id, order.error = placed.order_id, placed.error
            self._done(order, FILLED if placed.order_id else REJECTED, now)

    def _done(self, order: Conditional, status: str, now: Nanos) -> None:
        self._working.get(order.terms.instrument.symbol, {}).pop(order.order_id, None)
        order.status, order.updated, order.held_since = status, now, None
        self._tell(order)

    def _forget(self) -> None:
        """The oldest ones that are done, beyond what is remembered."""
        while len(self._orders) > _REMEMBERED:
            oldest = next((key for key, order in self._orders.items() if order.status != WORKING), None)
            if oldest is None:
                return
            del self._orders[oldest]


def protecting_of(seconds: int) -> Nanos:
    """Protecting seconds as a length."""
    return seconds * NANOS_PER_SECOND
