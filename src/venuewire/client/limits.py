"""Limits of our own, checked before an order is sent: what is refused here never reaches the venue. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import force_setattr

from venuewire.client.exposure import Held
from venuewire.errors import LocalProtocolError
from venuewire.model.terms import NANOS_PER_SECOND, Nanos, Side, Trust, decimal, plain

_EXACT = (
    *("max_order_qty", "max_order_value", "max_open_qty", "max_open_value", "max_exposure_qty", "max_exposure_value"),
    "price_band",
)


class OrderLimits(Struct, frozen=True, kw_only=True):
    """What may be asked of a venue; None: no such limit. Cancels are never limited.

    For the whole client, and for single symbols in `symbols`, which are checked as well. Numbers may be given as
    Decimal, text or int. Values are quantity times price, in the currency of the instrument.
    """

    max_order_qty: Decimal | str | int | None = None
    """The largest order, in units."""
    max_order_value: Decimal | str | int | None = None
    """The largest order, by its value."""
    max_open_qty: Decimal | str | int | None = None
    """Units of one symbol, on one side, that may still be filled, this order included; of orders whose outcome is not
    known all that was not filled counts."""
    max_open_value: Decimal | str | int | None = None
    """The value of all that may still be filled, on both sides; in the client's limits over all symbols."""
    max_exposure_qty: Decimal | str | int | None = None
    """Units of one symbol that may be held, long or short, once all that works on that side has been filled: the
    position, what may still be filled, and this order. What makes a position smaller is never refused."""
    max_exposure_value: Decimal | str | int | None = None
    """The value of the same, of each symbol the worse of its two sides; in the client's limits over all symbols. An
    order that does not make that of its own symbol worse always passes."""
    price_band: Decimal | str | int | None = None
    """How far a limit price may be from the middle of the book, as a part of it: 0.05 is five per cent."""
    orders_per_second: int | None = None
    """New orders and replacements within any second."""
    live_book: bool = True
    """No order in a symbol whose book is not held and LIVE. False: then the band holds only while it is."""
    symbols: Mapping[str, OrderLimits] = MappingProxyType({})

    def __post_init__(self) -> None:
        for name in _EXACT:
            value = getattr(self, name)
            if value is not None:
                force_setattr(self, name, decimal(value, name))
                if getattr(self, name) < 0:
                    raise ValueError(f"{name} must not be below zero")


class Wanted(Struct, frozen=True, kw_only=True):
    """An order that is about to be sent, or what a replacement makes of one."""

    symbol: str
    side: Side
    qty: Decimal | None
    """What may still be filled of it; None where only its size in money is known."""
    cash: Decimal | None = None
    price: Decimal | None = None
    """None: at the market."""


class Standing(Struct, frozen=True, kw_only=True):
    """An order of ours that may still be filled."""

    symbol: str
    side: Side | None
    qty: Decimal
    price: Decimal | None


class Top(Struct, frozen=True, kw_only=True):
    """What the book of a symbol shows."""

    trust: Trust | None
    """None: nobody holds it."""
    bid: Decimal | None = None
    ask: Decimal | None = None


class LimitCheck:
    """Checks each order against the limits; remembers when orders were let through."""

    def __init__(self, limits: OrderLimits) -> None:
        self._limits = limits
        self._passed: deque[tuple[Nanos, str]] = deque()

    def admit(
        self,
        wanted: Wanted,
        top: Top,
        standing: Iterable[Standing],
        now: Nanos,
        holdings: Mapping[str, Held] = MappingProxyType({}),
    ) -> None:
        """Let it through, and count it. Raises `LocalProtocolError` naming the limit and its value.

        `holdings`: the account's positions, by symbol; what is not there is not held.
        """
        held = list(standing)
        own = self._limits.symbols.get(wanted.symbol)
        scopes = [("", self._limits), *([] if own is None else [(f" of {wanted.symbol}", own)])]
        _check_book(wanted, top, own or self._limits)
        for scope, limits in scopes:
            _check_size(wanted, top, limits, scope)
            _check_open(wanted, top, held, limits, scope)
            _check_exposure(wanted, top, held, holdings, limits, scope)
            _check_band(wanted, top, limits, scope)
            self._check_rate(wanted.symbol if scope else None, limits, scope, now)
        self._passed.append((now, wanted.symbol))

    def _check_rate(self, symbol: str | None, limits: OrderLimits, scope: str, now: Nanos) -> None:
        while self._passed and self._passed[0][0] <= now - NANOS_PER_SECOND:
            self._passed.popleft()
        count = sum(symbol in {None, passed} for _, passed in self._passed)
        if limits.orders_per_second is not None and count >= limits.orders_per_second:
            raise LocalProtocolError(
                f"limit orders_per_second{scope} is {limits.orders_per_second}: {count} went out within the last second"
            )


def _check_book(wanted: Wanted, top: Top, limits: OrderLimits) -> None:
    if limits.live_book and top.trust is not Trust.LIVE:
        state = "not held" if top.trust is None else str(top.trust)
        raise LocalProtocolError(
            f"limit live_book is True: the book of {wanted.symbol} is {state}; hold it with client.book(...)"
        )


def _check_size(wanted: Wanted, top: Top, limits: OrderLimits, scope: str) -> None:
    if limits.max_order_qty is not None:
        _compare("max_order_qty", scope, limits.max_order_qty, _quantity(wanted, top))
    if limits.max_order_value is not None:
        _compare("max_order_value", scope, limits.max_order_value, _value(wanted, top))


def _check_open(wanted: Wanted, top: Top, held: list[Standing], limits: OrderLimits, scope: str) -> None:
    if limits.max_open_qty is not None:
        same = [order.qty for order in held if order.symbol == wanted.symbol and order.side in {wanted.side, None}]
        quantity = _quantity(wanted, top)
        _compare("max_open_qty", scope, limits.max_open_qty, None if quantity is None else sum(same, quantity))
    if limits.max_open_value is not None:
        among = [order for order in held if not scope or order.symbol == wanted.symbol]
        _compare("max_open_value", scope, limits.max_open_value, _sum_of_values(wanted, top, among))


def _check_exposure(
    wanted: Wanted, top: Top, held: list[Standing], holdings: Mapping[str, Held], limits: OrderLimits, scope: str
) -> None:
    mine = [order for order in held if order.symbol == wanted.symbol]
    position = holdings.get(wanted.symbol, Held())
    quantity = _quantity(wanted, top)
    if limits.max_exposure_qty is not None:
        after = None if quantity is None else _side(wanted.side, position, mine) + quantity
        _compare("max_exposure_qty", scope, limits.max_exposure_qty, after)
    if limits.max_exposure_value is not None:
        before = _worst(position, mine)
        after = None if quantity is None else max(before, _side(wanted.side, position, mine) + quantity)
        if after is None or after > before:
            others = {} if scope else {symbol: it for symbol, it in holdings.items() if symbol != wanted.symbol}
            value = _exposed(after, _price_of(wanted, top, position), others, held, scope, wanted.symbol)
            _compare("max_exposure_value", scope, limits.max_exposure_value, value)


def _side(side: Side, position: Held, orders: list[Standing]) -> Decimal:
    """Units held on this side when every order of it has been filled; negative: the other side outweighs it."""
    open_qty = sum((order.qty for order in orders if order.side in {side, None}), Decimal(0))
    return open_qty + (position.high if side is Side.BUY else -position.low)


def _worst(position: Held, orders: list[Standing]) -> Decimal:
    return max(_side(side, position, orders) for side in Side)


def _price_of(wanted: Wanted, top: Top, position: Held) -> Decimal | None:
    at = _at(wanted, top)
    return position.px if at is None else at


def _exposed(
    quantity: Decimal | None,
    price: Decimal | None,
    others: Mapping[str, Held],
    held: list[Standing],
    scope: str,
    symbol: str,
) -> Decimal | None:
    """The value of it all; None where a price is not known."""
    if quantity is None or price is None:
        return None
    value = quantity * price
    symbols: set[str] = set() if scope else {*others, *(order.symbol for order in held)} - {symbol}
    for other in symbols:
        mine = [order for order in held if order.symbol == other]
        position = others.get(other, Held())
        worst = _worst(position, mine)
        if worst <= 0:
            continue
        prices = [it for it in (position.px, *(order.price for order in mine)) if it is not None]
        if not prices:
            return None
        value += worst * max(prices)
    return value


def _check_band(wanted: Wanted, top: Top, limits: OrderLimits, scope: str) -> None:
    if limits.price_band is None or wanted.price is None or top.trust is not Trust.LIVE:
        return
    if top.bid is None or top.ask is None:
        raise LocalProtocolError(
            f"limit price_band{scope} is {limits.price_band}: the book of {wanted.symbol} is empty"
        )
    middle = (top.bid + top.ask) / 2
    if abs(wanted.price - middle) > middle * decimal(limits.price_band, "price_band"):
        raise LocalProtocolError(
            f"limit price_band{scope} is {limits.price_band}: {plain(wanted.price)} is too far from {plain(middle)}"
        )


def _compare(name: str, scope: str, limit: Decimal | str | int, value: Decimal | None) -> None:
    if value is None:
        raise LocalProtocolError(f"limit {name}{scope} is {limit}: without a book the size of this order is not known")
    if value > decimal(limit, name):
        raise LocalProtocolError(f"limit {name}{scope} is {limit}: with this order it would be {plain(value)}")


def _at(wanted: Wanted, top: Top) -> Decimal | None:
    """The price it may be filled at, as far as is known."""
    return wanted.price if wanted.price is not None else (top.ask if wanted.side is Side.BUY else top.bid)


def _quantity(wanted: Wanted, top: Top) -> Decimal | None:
    if wanted.qty is not None:
        return wanted.qty
    at = _at(wanted, top)
    return None if wanted.cash is None or not at else wanted.cash / at


def _value(wanted: Wanted, top: Top) -> Decimal | None:
    if wanted.cash is not None:
        return wanted.cash
    at = _at(wanted, top)
    return None if wanted.qty is None or at is None else wanted.qty * at


def _sum_of_values(wanted: Wanted, top: Top, held: list[Standing]) -> Decimal | None:
    value = _value(wanted, top)
    for order in held:
        # What works at the market is worth what this order's book says, where it is the same.
        price = order.price or (_at(wanted, top) if order.symbol == wanted.symbol else None)
        if value is None or price is None:
            return None
        value += order.qty * price
    return value


__all__ = ["LimitCheck", "OrderLimits", "Standing", "Top", "Wanted"]
