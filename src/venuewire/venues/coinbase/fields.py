"""Single fields of order requests: written, read and checked by the venue's own reasons; pure."""

from __future__ import annotations

from decimal import Decimal

from msgspec import UNSET, UnsetType

from venuewire.codec import number
from venuewire.errors import RemoteProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.orders import NewOrder
from venuewire.model.terms import Nanos
from venuewire.venues.coinbase import reasons
from venuewire.venues.coinbase.reasons import Refusal
from venuewire.venues.coinbase.texts import nanos, plain


class Refused(Exception):
    """A request the venue refuses before its exchange sees it."""

    def __init__(self, refusal: Refusal, message: str = "") -> None:
        self.refusal, self.message = refusal, message or refusal.message
        super().__init__(refusal.new)


class NotEdited(Exception):
    """An edit that is refused before the exchange sees it, by the venue's reason."""


def text_of(value: Decimal | str | int | None) -> str | UnsetType:
    """A number as the venue writes it; nothing for None."""
    return UNSET if value is None else plain(Decimal(value))


def number_of(text: str | UnsetType | None) -> Decimal | None:
    """The number in a field; None where it is not given. Raises `Refused`."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return number(text)
    except RemoteProtocolError:
        raise Refused(reasons.NOT_A_NUMBER) from None


def price_of(text: str | UnsetType | None, refusal: Refusal) -> Decimal:
    """A price that must be there and above zero. Raises `Refused`."""
    price = number_of(text)
    if price is None or price <= 0:
        raise Refused(refusal)
    return price


def end_of(text: str | UnsetType | None, now: Nanos) -> Nanos:
    """The end of an order, which must lie ahead. Raises `Refused`."""
    try:
        end = nanos(text)
    except RemoteProtocolError:
        raise Refused(reasons.NO_END_TIME) from None
    if not end:
        raise Refused(reasons.NO_END_TIME)
    if end <= now:
        raise Refused(reasons.END_TIME_PAST)
    return end


def check_sizes(order: NewOrder, instrument: Instrument) -> None:
    """Increments and bounds, by the venue's own reasons; raises `Refused`."""
    if order.order_qty is not None:
        size = Decimal(order.order_qty)
        if size < instrument.min_trade_vol or size <= 0:
            raise Refused(reasons.TOO_SMALL)
        if instrument.max_trade_vol is not None and size > instrument.max_trade_vol:
            raise Refused(reasons.TOO_LARGE)
        if size % instrument.min_qty_increment:
            raise Refused(reasons.SIZE_PRECISION)
    if order.cash_order_qty is not None:
        cash = Decimal(order.cash_order_qty)
        if cash < MIN_CASH:
            raise Refused(reasons.QUOTE_TOO_SMALL)
        if cash > MAX_CASH:
            raise Refused(reasons.QUOTE_TOO_LARGE)
        if cash % instrument.min_price_increment:
            raise Refused(reasons.QUOTE_PRECISION)
    for price in (order.price, order.stop_px, order.stop_loss_px, order.take_profit_px):
        if price is not None and Decimal(price) % instrument.min_price_increment:
            raise Refused(reasons.PRICE_PRECISION)


MIN_CASH, MAX_CASH = Decimal(1), Decimal(150_000_000)
"""The sandbox's `quote_min_size` and `quote_max_size`."""
