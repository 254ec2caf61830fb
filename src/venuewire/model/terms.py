"""The trade's words: enumerations named as FIX names them, and exact numbers.

Times are integer nanoseconds since the Unix epoch, UTC. Prices, quantities and amounts are `Decimal`;
quantities count units of what is traded (shares, coins, units of base currency), never lots.
"""

from __future__ import annotations

from decimal import Context, Decimal
from enum import StrEnum
from typing import TypeAlias

Nanos: TypeAlias = int

NANOS_PER_SECOND = 1_000_000_000
NANOS_PER_MILLI = 1_000_000

# No price or size of any venue needs more digits; anything beyond is damage or an attack on the decoder.
MAX_DIGITS = 40
MAX_EXPONENT = 30

EXACT = Context(prec=4 * MAX_DIGITS)
"""For arithmetic that must lose nothing: the precision the user's program has set would round our numbers."""

multiply = EXACT.multiply


class _Units(dict[int, Decimal]):
    """Scale -> one unit of it. Those of another than the usual scales are made each time: nothing grows."""

    def __missing__(self, scale: int) -> Decimal:
        return EXACT.scaleb(1, -scale)


UNITS = _Units((scale, EXACT.scaleb(1, -scale)) for scale in range(19))
"""A number of units is multiplied sooner than it is shifted."""


class Word(StrEnum):
    """A word of the trade; it shows as itself."""

    def __repr__(self) -> str:
        return self.value


class Side(Word):
    """FIX Side (54)."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class OrdType(Word):
    """FIX OrdType (40)."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_LIMIT = "STOP_LIMIT"


class TimeInForce(Word):
    """FIX TimeInForce (59)."""

    DAY = "DAY"
    GOOD_TILL_CANCEL = "GOOD_TILL_CANCEL"
    IMMEDIATE_OR_CANCEL = "IMMEDIATE_OR_CANCEL"
    FILL_OR_KILL = "FILL_OR_KILL"
    GOOD_TILL_DATE = "GOOD_TILL_DATE"


class OrdStatus(Word):
    """FIX OrdStatus (39). `OUTCOME_UNKNOWN` is ours: the answer never came, and nobody guesses."""

    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"


class ExecType(Word):
    """FIX ExecType (150): what has just happened to an order."""

    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    TRADE = "TRADE"
    CANCELED = "CANCELED"
    REPLACED = "REPLACED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    TRIGGERED = "TRIGGERED"
    ORDER_STATUS = "ORDER_STATUS"
    """Nothing new: where the order stands, from a snapshot or a list."""


class OrdRejReason(Word):
    """FIX OrdRejReason (103) where FIX has the word; the rest in the same manner."""

    UNKNOWN_SYMBOL = "UNKNOWN_SYMBOL"
    EXCHANGE_CLOSED = "EXCHANGE_CLOSED"
    ORDER_EXCEEDS_LIMIT = "ORDER_EXCEEDS_LIMIT"
    """Not enough money, or a limit on positions or open orders would be passed."""
    UNKNOWN_ORDER = "UNKNOWN_ORDER"
    DUPLICATE_ORDER = "DUPLICATE_ORDER"
    UNSUPPORTED_ORDER_CHARACTERISTIC = "UNSUPPORTED_ORDER_CHARACTERISTIC"
    INCORRECT_QUANTITY = "INCORRECT_QUANTITY"
    INVALID_PRICE_INCREMENT = "INVALID_PRICE_INCREMENT"
    INVALID_PRICE = "INVALID_PRICE"
    NO_LIQUIDITY = "NO_LIQUIDITY"
    POST_ONLY_WOULD_CROSS = "POST_ONLY_WOULD_CROSS"
    SELF_TRADE = "SELF_TRADE"
    INVALID_EXPIRE_TIME = "INVALID_EXPIRE_TIME"
    NOT_ALLOWED = "NOT_ALLOWED"
    OTHER = "OTHER"


class TriggerPriceDirection(Word):
    """FIX TriggerPriceDirection (1109): which way the market must come to the trigger price."""

    UP = "UP"
    """Trigger when the price is at the trigger or above it."""
    DOWN = "DOWN"


class PositionEffect(Word):
    """FIX PositionEffect (77)."""

    OPEN = "OPEN"
    CLOSE = "CLOSE"


class LiquidityInd(Word):
    """FIX LastLiquidityInd (851)."""

    MAKER = "MAKER"
    TAKER = "TAKER"


class Trust(Word):
    """May a book be relied on now?"""

    LIVE = "LIVE"
    """Complete and current."""
    SUSPECT = "SUSPECT"
    """Something was missed or contradicts itself; a new snapshot is about to be asked for."""
    RESYNCING = "RESYNCING"
    """A snapshot has been asked for and has not come yet."""
    STALE = "STALE"
    """The line is down, or nothing has come for longer than this channel is ever silent."""


class Channel(Word):
    """What can be subscribed to."""

    BOOK = "BOOK"
    TRADES = "TRADES"
    QUOTES = "QUOTES"
    ORDERS = "ORDERS"
    """Own orders and their fills."""
    POSITIONS = "POSITIONS"
    """Own positions and balances."""
    BARS = "BARS"
    """Prices by period: open, high, low, close, volume."""
    STATUS = "STATUS"
    """Whether and within which prices an instrument can be traded."""
    SUMMARY = "SUMMARY"
    """Own money as a whole: equity, margin, buying power."""
    VENUE = "VENUE"
    """A feed of the venue's own, named by a record of its `wire`."""
    HEARTBEATS = "HEARTBEATS"


def decimal(value: Decimal | str | int, what: str = "number") -> Decimal:
    """`value` as an exact, finite Decimal.

    Raises `TypeError` for a float (it has already lost what it was), `ValueError` for anything that is not a
    plain finite number of reasonable size.
    """
    # Callers without a type checker do hand over floats.
    if isinstance(value, bool) or not isinstance(value, (Decimal, str, int)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{what} must be a Decimal, a str or an int, not {type(value).__name__}: {value!r}")
    try:
        number = Decimal(value)
    except ArithmeticError:
        raise ValueError(f"{what} is not a number: {value!r}") from None
    if not number.is_finite() or abs(number.adjusted()) > MAX_EXPONENT or len(number.as_tuple().digits) > MAX_DIGITS:
        raise ValueError(f"{what} is not a finite number of reasonable size: {value!r}")
    return number


def plain(number: Decimal) -> str:
    """For people: no exponent, no idle zeros, every digit that counts whatever precision the program has set."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def scale_of(increment: Decimal) -> int:
    """How many decimals an increment has: `0.01` -> 2, `5` -> 0, `1E-8` -> 8."""
    exponent = increment.normalize(EXACT).as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def to_scaled(value: Decimal, scale: int) -> int:
    """`value * 10**scale` as an integer. Raises `ValueError` when digits would be lost."""
    shifted = value.scaleb(scale, EXACT)
    result = int(shifted)
    if result != shifted:
        raise ValueError(f"{value} has more than {scale} decimals")
    return result


def from_scaled(value: int, scale: int) -> Decimal:
    """The Decimal that `value` stands for in this scale."""
    return multiply(value, UNITS[scale])
