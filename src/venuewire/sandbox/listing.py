"""An instrument's rules in integers, and how integers become Decimals again. Pure."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact
from functools import lru_cache
from typing import Final

from venuewire.model.instrument import Instrument
from venuewire.model.terms import OrdRejReason, decimal

# Scaling must never round, whatever the context of the thread: 40 digits and 30 places come in at most.
_WIDE: Final = Context(prec=120)
_EXACT: Final = Context(prec=34, traps=[Inexact])
_ROUNDED: Final = Context(prec=16)

_KEPT: Final = 20_000
"""Numbers of commands a listing remembers in integers: prices and sizes repeat."""
LEVERAGE: Final = 100
"""A netting account may open positions worth this many times its balance."""


class Refused(Exception):
    """An order that is turned away before it reaches the book; the exchange makes a report of it."""

    def __init__(self, reason: OrdRejReason, text: str) -> None:
        self.reason, self.text = reason, text
        super().__init__(text)


@lru_cache(maxsize=4096)
def exact(value: int, scale: int) -> Decimal:
    """The Decimal that `value` stands for in this scale, whatever its size, without idle zeros: 1.5, 60000, 0."""
    number, rest = divmod(value, 10**scale)
    return Decimal(value).scaleb(-scale, _WIDE).normalize(_WIDE) if rest else Decimal(number)


def whole(value: Decimal, scale: int) -> int | None:
    """`value` as an integer in this scale; None when digits would be lost."""
    shifted = value.scaleb(scale, _WIDE)
    result = int(shifted)
    return result if result == shifted else None


def average(notional: int, qty: int, price_scale: int) -> Decimal | None:
    """Price times quantity over quantity: exact where it ends, else to 16 digits; None of nothing."""
    if not qty:
        return None
    price, rest = divmod(notional, qty)
    if not rest:
        return exact(price, price_scale)
    try:
        ratio = _EXACT.divide(Decimal(notional), Decimal(qty))
    except Inexact:
        ratio = _ROUNDED.divide(Decimal(notional), Decimal(qty))
    return ratio.scaleb(-price_scale, _WIDE)


def _sane(value: Decimal | str | int, what: str, reason: OrdRejReason) -> Decimal:
    try:
        return decimal(value, what)
    except ValueError as error:
        raise Refused(reason, str(error)) from None


def _remembered(table: dict[str, int], text: str, number: int) -> int:
    if len(table) >= _KEPT:
        table.clear()
    table[text] = number
    return number


class Listing:
    """An instrument's rules in integers."""

    __slots__ = (
        "_prices",
        "_sizes",
        "base",
        "cash_unit",
        "coin_unit",
        "currency",
        "instrument",
        "least",
        "leverage",
        "most",
        "netting",
        "notional_scale",
        "price_scale",
        "qty_scale",
        "step",
        "symbol",
        "tick",
    )

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.symbol = instrument.symbol
        self.netting = ""
        """The currency its positions net in; empty where what is bought is delivered. The ledger sets both."""
        self.leverage = LEVERAGE
        self.base = instrument.base
        self.currency = instrument.currency
        self.cash_unit = self.coin_unit = 1
        """Money of one unit of price times quantity, and coins of one unit of quantity, in the scales of the ledger,
        which sets them."""
        # By their text: a Decimal's own hash costs several times as much.
        self._prices: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self.price_scale = instrument.price_scale
        self.qty_scale = instrument.qty_scale
        self.notional_scale = instrument.price_scale + instrument.qty_scale
        self.tick = self._own(instrument.min_price_increment, self.price_scale)
        self.step = self._own(instrument.min_qty_increment, self.qty_scale)
        self.least = self._own(instrument.min_trade_vol, self.qty_scale)
        most = instrument.max_trade_vol
        self.most = None if most is None else self._own(most, self.qty_scale)

    def _own(self, value: Decimal, scale: int) -> int:
        number = whole(value, scale)
        if number is None or number <= 0:
            raise ValueError(f"{self.symbol}: {value} does not fit its scale of {scale} decimals")
        return number

    def price(self, value: Decimal | str | int | None, what: str = "price") -> int:
        """A price as an integer; refused when it is missing, not positive or off the tick."""
        known = self._prices.get(text := str(value))
        return _remembered(self._prices, text, self._checked_price(value, what)) if known is None else known

    def _checked_price(self, value: Decimal | str | int | None, what: str) -> int:
        if value is None:
            raise Refused(OrdRejReason.INVALID_PRICE, f"{what} is missing")
        number = _sane(value, what, OrdRejReason.INVALID_PRICE)
        if number <= 0:
            raise Refused(OrdRejReason.INVALID_PRICE, f"{what} must be above zero")
        scaled = whole(number, self.price_scale)
        if scaled is None or scaled % self.tick:
            tick = self.instrument.min_price_increment
            raise Refused(OrdRejReason.INVALID_PRICE_INCREMENT, f"{what} {number:f} is off the tick of {tick:f}")
        return scaled

    def qty(self, value: Decimal | str | int | None) -> int:
        """A quantity as an integer; refused when it is missing, off the step, too small or too large."""
        known = self._sizes.get(text := str(value))
        return _remembered(self._sizes, text, self._checked_qty(value)) if known is None else known

    def _checked_qty(self, value: Decimal | str | int | None) -> int:
        if value is None:
            raise Refused(OrdRejReason.INCORRECT_QUANTITY, "quantity is missing")
        number = _sane(value, "quantity", OrdRejReason.INCORRECT_QUANTITY)
        scaled = whole(number, self.qty_scale)
        if number <= 0 or scaled is None or scaled % self.step:
            step = self.instrument.min_qty_increment
            raise Refused(OrdRejReason.INCORRECT_QUANTITY, f"quantity {number:f} is not a multiple of {step:f}")
        return self.sized(scaled)

    def sized(self, qty: int) -> int:
        """`qty` itself, refused when it is too small or too large."""
        if qty < self.least:
            least = self.instrument.min_trade_vol
            raise Refused(OrdRejReason.INCORRECT_QUANTITY, f"quantity is below the smallest order of {least:f}")
        if self.most is not None and qty > self.most:
            most = self.instrument.max_trade_vol
            raise Refused(OrdRejReason.INCORRECT_QUANTITY, f"quantity is above the largest order of {most:f}")
        return qty

    def cash(self, value: Decimal | str | int) -> int:
        """A sum of money, in price scale plus quantity scale; what is finer than that buys nothing and is cut off."""
        number = _sane(value, "cash quantity", OrdRejReason.INCORRECT_QUANTITY)
        if number <= 0:
            raise Refused(OrdRejReason.INCORRECT_QUANTITY, "cash quantity must be above zero")
        return int(number.scaleb(self.notional_scale, _WIDE))
