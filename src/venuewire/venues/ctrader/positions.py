"""The far end's position book of one account, as this venue keeps it: positions one by one, and the balance. Pure.

The account is HEDGED: every order opens a position of its own, and only a closing order reduces one. Money follows
the sheet's section on money and P&L, all of it recorded from a real server:

- a fill's commission is a negative integer of cents, per side, rounded half away from zero;
- an opening fill leaves the balance as it was; a closing one adds gross profit and commission, where the commission is
  the closed part's share of the opening side and the closing side together, and the closed part's share of the swap;
- used margin is units times the margin rate over the leverage: the price of the base in the deposit currency at entry;
- what is gained in another currency is converted at the rate of the moment, for a fee.

Volumes are hundredths of a unit, money is cents of the deposit currency; rates are deposit money for one of the quote
currency. Entry prices are fractions, so that nothing is lost however often a position is added to.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from msgspec import Struct

from venuewire.venues.ctrader.wire.words import CommissionType

LEVERAGE = 100
_CENTS = 100
_UNIT = 100
"""Hundredths in a unit."""
_PRICE_PLACES = 10
_PER_FEE = 10_000
ONE = Fraction(1)
"""The rate of a symbol that is quoted in the deposit currency."""


class Tariff(Struct, frozen=True):
    """What a symbol costs to trade."""

    kind: int
    """CommissionType."""
    rate: int
    """`preciseTradingCommissionRate`: 10^-8, but 10^-5 percent for the percentage kind."""
    lot: int
    """Hundredths of a unit in a lot."""
    fee: int = 0
    """Of converting a profit or loss, in hundredths of a percent."""


class Closing(Struct, frozen=True):
    """What a closing fill settled, in cents."""

    entry_price: Fraction
    gross_profit: int
    swap: int
    commission: int
    fee: int
    rate: Fraction
    balance: int
    balance_version: int


class Holding:
    """One position."""

    __slots__ = (
        "closed_at",
        "comment",
        "commission",
        "entry",
        "is_buy",
        "is_trailing",
        "label",
        "margin_rate",
        "opened_at",
        "position_id",
        "swap",
        "symbol_id",
        "updated_at",
        "volume",
    )

    def __init__(
        self, position_id: int, symbol_id: int, *, is_buy: bool, label: str | None, comment: str | None
    ) -> None:
        self.position_id = position_id
        self.symbol_id = symbol_id
        self.is_buy = is_buy
        self.label = label
        self.comment = comment
        self.volume = 0
        self.entry = Fraction(0)
        self.margin_rate = Fraction(0)
        """Deposit money for one unit, when it was opened."""
        self.commission = 0
        """Of the opening side; what belongs to closed parts has left it."""
        self.swap = 0
        """Of the nights it has been held; likewise."""
        self.opened_at: int | None = None
        self.updated_at: int | None = None
        self.closed_at: int | None = None
        self.is_trailing = False
        """Its order asked for a stop that follows."""

    @property
    def is_open(self) -> bool:
        return self.volume > 0


class PositionBook:
    """All positions of an account, open and gone, and its balance."""

    def __init__(self, balance: int, first_id: int = 5_000_001) -> None:
        self.balance = balance
        self.balance_version: int | None = None
        """Counts changes of the balance; None until the first."""
        self.leverage = LEVERAGE
        self.positions: dict[int, Holding] = {}
        self._open: dict[int, Holding] = {}
        self._next_id = first_id

    def begin(self, symbol_id: int, *, is_buy: bool, label: str | None = None, comment: str | None = None) -> Holding:
        """The empty shell of a new order: its position has an id before it holds anything."""
        holding = Holding(self._next_id, symbol_id, is_buy=is_buy, label=label, comment=comment)
        self.positions[holding.position_id] = holding
        self._next_id += 1
        return holding

    def open_positions(self) -> list[Holding]:
        """Those that hold something, the longest open first."""
        return list(self._open.values())

    def used_margin(self, holding: Holding) -> int:
        """What a position binds, in cents."""
        return rounded(holding.margin_rate * holding.volume * _CENTS / (_UNIT * self.leverage))

    def pay(self, amount: int) -> None:
        """Money that comes or, below zero, goes, in cents."""
        self.balance += amount
        self.balance_version = (self.balance_version or 0) + 1

    def add(
        self, holding: Holding, volume: int, price: Decimal, tariff: Tariff, time: int, rate: Fraction = ONE
    ) -> int:
        """An opening fill; its commission in cents."""
        cost = commission(tariff, volume, Fraction(price))
        total = holding.volume + volume
        holding.entry = (holding.entry * holding.volume + Fraction(price) * volume) / total
        holding.margin_rate = (holding.margin_rate * holding.volume + Fraction(price) * rate * volume) / total
        holding.volume = total
        self._open[holding.position_id] = holding
        holding.commission += cost
        holding.opened_at = time if holding.opened_at is None else holding.opened_at
        holding.updated_at, holding.closed_at = time, None
        return cost

    def reduce(
        self, holding: Holding, volume: int, price: Decimal, tariff: Tariff, time: int, rate: Fraction = ONE
    ) -> tuple[int, Closing]:
        """A closing fill of no more than the position holds; its own commission, and what it settled."""
        cost = commission(tariff, volume, Fraction(price))
        share = rounded(Fraction(holding.commission * volume, holding.volume))
        swap = rounded(Fraction(holding.swap * volume, holding.volume))
        entry = holding.entry
        gain = (Fraction(price) - entry) if holding.is_buy else (entry - Fraction(price))
        gross = rounded(gain * rate * volume * _CENTS / _UNIT)
        fee = 0 if rate == ONE else -rounded(Fraction(abs(gross) * tariff.fee, _PER_FEE))
        holding.volume -= volume
        holding.commission -= share
        holding.swap -= swap
        holding.updated_at = time
        if not holding.volume:
            holding.closed_at, holding.entry, holding.margin_rate = time, Fraction(0), Fraction(0)
            del self._open[holding.position_id]
        self.pay(gross + swap + share + cost + fee)
        settled = Closing(entry, gross, swap, share + cost, fee, rate, self.balance, self.balance_version or 0)
        return cost, settled

    def abandon(self, holding: Holding, time: int) -> None:
        """The order of a shell is over and nothing was filled."""
        if not holding.is_open:
            holding.updated_at = holding.closed_at = time


def commission(tariff: Tariff, volume: int, price: Fraction) -> int:
    """Cents of one side of a fill, never positive."""
    value = price * volume / _UNIT
    match tariff.kind:
        case CommissionType.PERCENTAGE_OF_VALUE:
            cost = value * Fraction(tariff.rate, 10**5) / 100
        case CommissionType.USD_PER_MILLION_USD:
            cost = value / 10**6 * Fraction(tariff.rate, 10**8)
        case _:
            cost = Fraction(volume, tariff.lot) * Fraction(tariff.rate, 10**8)
    return -rounded(cost * _CENTS)


def rounded(value: Fraction) -> int:
    """To a whole number, half away from zero."""
    whole = (abs(value.numerator) * 2 + value.denominator) // (value.denominator * 2)
    return whole if value >= 0 else -whole


def as_price(value: Fraction) -> Decimal:
    """A price as a JSON number, to ten places where it does not end before."""
    scaled = Decimal(rounded(value * 10**_PRICE_PLACES)).scaleb(-_PRICE_PLACES)
    return plain(scaled)


def plain(value: Decimal) -> Decimal:
    """Without trailing zeros, but with one decimal as the venue's doubles have: 1.0, never 1 or 1E+1."""
    short = value.normalize()
    exponent = short.as_tuple().exponent
    return short.quantize(Decimal("0.1")) if isinstance(exponent, int) and exponent > -1 else short
