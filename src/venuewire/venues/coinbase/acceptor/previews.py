"""What an order would come to if it met the book as it stands; pure."""

from __future__ import annotations

from decimal import Decimal

from venuewire.model.instrument import Instrument
from venuewire.model.market import SET_ASK, SET_BID, BookSnapshot
from venuewire.model.orders import NewOrder
from venuewire.model.terms import OrdType, Side, from_scaled


def estimate(order: NewOrder, book: BookSnapshot, instrument: Instrument) -> tuple[Decimal, Decimal]:
    """(size, money): a market order's from the levels it would take, any other's from its limit."""
    cash = None if order.cash_order_qty is None else Decimal(order.cash_order_qty)
    if order.ord_type is not OrdType.MARKET and order.price is not None:
        price = Decimal(order.price)
        size = Decimal(order.order_qty or 0) if cash is None else _lots(cash / price, instrument)
        return size, size * price
    return _walk(order, cash, book, instrument)


def _walk(order: NewOrder, cash: Decimal | None, book: BookSnapshot, instrument: Instrument) -> tuple[Decimal, Decimal]:
    side = SET_ASK if order.side is Side.BUY else SET_BID
    wanted = None if order.order_qty is None else Decimal(order.order_qty)
    size, value = Decimal(0), Decimal(0)
    for what, price, there in book.rows():
        if what != side:
            continue
        at, most = from_scaled(price, instrument.price_scale), from_scaled(there, instrument.qty_scale)
        left = wanted - size if wanted is not None else _lots(((cash or Decimal(0)) - value) / at, instrument)
        taken = min(most, left)
        if taken <= 0:
            break
        size, value = size + taken, value + taken * at
    return size, value


def _lots(size: Decimal, instrument: Instrument) -> Decimal:
    return size // instrument.min_qty_increment * instrument.min_qty_increment
