"""The venue's words and ours: symbols, times, sides, statuses, reasons. Pure, both ways."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from venuewire.codec import checked
from venuewire.errors import LocalProtocolError, RemoteProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.terms import (
    NANOS_PER_SECOND,
    Nanos,
    OrdRejReason,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
    TriggerPriceDirection,
)

# --------------------------------------------------------------------------- symbols


class Listing(Struct, frozen=True):
    """Where an instrument is listed, as the venue names it."""

    exchange: str
    ticker: str
    board: str = ""
    """Empty: the ticker's primary board."""


def listing(symbol: str) -> Listing:
    """`MOEX:SBER` or `MOEX:SBER:TQBR` taken apart. Raises `LocalProtocolError` for anything else."""
    parts = symbol.split(":")
    if not 2 <= len(parts) <= 3 or not all(part and part.isprintable() and "/" not in part for part in parts):
        raise LocalProtocolError(f"{symbol!r} is not EXCHANGE:TICKER or EXCHANGE:TICKER:BOARD, such as MOEX:SBER")
    return Listing(*parts)


def symbol_of(exchange: str, ticker: str) -> str:
    """Our symbol for a ticker on its primary board."""
    return f"{exchange}:{ticker}"


def lots(units: Decimal, lot: Decimal) -> int:
    """Pieces as lots. Raises `LocalProtocolError` unless they are whole lots, at least one."""
    whole, rest = divmod(units, lot)
    if rest or whole <= 0:
        raise LocalProtocolError(f"{units} pieces are not a whole number of lots of {lot}")
    return int(whole)


def lot_of(instrument: Instrument) -> int:
    """Pieces in a lot."""
    return int(instrument.round_lot)


# --------------------------------------------------------------------------- times

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_TICKS = 10_000_000
"""The wire's seven decimals: units of 100 nanoseconds."""


def nanos_of(text: str) -> Nanos:
    """ISO 8601 UTC with up to nine decimals; the closing `Z` is missing in one Slim field (3.6.11)."""
    head, _, fraction = text.removesuffix("Z").partition(".")
    try:
        moment = datetime.fromisoformat(head).replace(tzinfo=UTC)
    except ValueError:
        raise RemoteProtocolError("a text is not an ISO 8601 time") from None
    if fraction and not (fraction.isascii() and fraction.isdigit() and len(fraction) <= 9):
        raise RemoteProtocolError("a text is not an ISO 8601 time")
    return (moment - _EPOCH) // _SECOND * NANOS_PER_SECOND + int(fraction.ljust(9, "0") or "0")


def iso_of(time: Nanos) -> str:
    """The wire's form: `2023-12-11T07:02:48.0000000Z`."""
    seconds, rest = divmod(time, NANOS_PER_SECOND)
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest * _TICKS // NANOS_PER_SECOND:07d}Z"


def end_of_day(time: Nanos) -> str:
    """When a `oneday` order ends, as the venue writes it."""
    return f"{_EPOCH + timedelta(seconds=time // NANOS_PER_SECOND):%Y-%m-%d}T23:59:59.9990000Z"


def settled(time: Nanos) -> str:
    """When a share traded now is settled: midnight after the next day (T+1)."""
    return f"{_EPOCH + timedelta(seconds=time // NANOS_PER_SECOND, days=1):%Y-%m-%d}T00:00:00.0000000Z"


# --------------------------------------------------------------------------- enumerations (read without case, 4.2)

SIDES = {"buy": Side.BUY, "sell": Side.SELL}
SIDE_WORDS = {side: word for word, side in SIDES.items()}

ORD_TYPES = {"limit": OrdType.LIMIT, "market": OrdType.MARKET}
ORD_TYPE_WORDS = {ord_type: word for word, ord_type in ORD_TYPES.items()}
STOP_TYPES = {"stop": OrdType.STOP, "stoplimit": OrdType.STOP_LIMIT}
"""Conditional orders; a plain stop places a market order, the other a limit order (4.5)."""
COMMAND_TYPES = ORD_TYPES | STOP_TYPES
COMMAND_WORDS = ORD_TYPE_WORDS | {OrdType.STOP: "stop", OrdType.STOP_LIMIT: "stopLimit"}
"""As opcodes and paths spell them."""
WITH_PRICE = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT})

CONDITIONS = ("more", "less", "moreorequal", "lessorequal")


def holds(condition: str, price: Decimal, trigger: Decimal) -> bool:
    """Does the market price satisfy a condition of `CONDITIONS`? `more` fires when the price rises above (4.5)."""
    if price == trigger:
        return condition.endswith("orequal")
    return (price > trigger) == condition.startswith("more")


DIRECTIONS = {TriggerPriceDirection.UP: "moreorequal", TriggerPriceDirection.DOWN: "lessorequal"}

_STOP = "stop:"


def stop_id(raw: str | int) -> str:
    """Our id of a conditional order: its series is apart from that of the others, and may hold the same number."""
    return f"{_STOP}{raw}"


def raw_id(order_id: str) -> tuple[str, bool]:
    """The venue's id, and whether it is a conditional order's."""
    return order_id.removeprefix(_STOP), order_id.startswith(_STOP)


FOREVER = "2060-12-31T23:59:59.0000000Z"
"""End of what is good till cancelled, as the venue shows it (3.6.12)."""
LAST_SECOND = 253_402_300_800
"""Unix seconds of the year 10000, which no time on the wire can reach."""
FOREVER_FROM: Nanos = 2_840_140_800 * NANOS_PER_SECOND
"""2060 and later is for ever."""

TIMES_IN_FORCE = {
    "oneday": TimeInForce.DAY,
    "immediateorcancel": TimeInForce.IMMEDIATE_OR_CANCEL,
    "fillorkill": TimeInForce.FILL_OR_KILL,
    "goodtillcancelled": TimeInForce.GOOD_TILL_CANCEL,
}
TIME_IN_FORCE_WORDS = {life: word for word, life in TIMES_IN_FORCE.items()}
PASSIVE = "bookorcancel"
"""Passive only, cancelled if it would trade at once (6.4): our `post_only`."""
DERIVATIVES_ONLY = frozenset({"goodtillcancelled"})
DERIVATIVES = frozenset({"RFUD", "ROPD"})
"""Boards of futures and options (6.8)."""
_LONG = "20235559"
"""The sandbox's orders of derivatives have ids of 19 digits, as the venue's have (6.8): these, then its exchange's."""


def is_derivative(instrument: Instrument) -> bool:
    """A future or an option."""
    return instrument.market_segment_id in DERIVATIVES


def wire_id(order_id: str, instrument: Instrument) -> str:
    """An order id of the sandbox's exchange, as the venue shows it."""
    return f"{_LONG}{order_id}" if is_derivative(instrument) else order_id


def exchange_id(order_id: str) -> str:
    """The same, the other way."""
    return order_id.removeprefix(_LONG) if len(order_id) > len(_LONG) + 8 else order_id


ON_CLOSE = "attheclose"
"""Closing auction of SPBX; elsewhere `fillorkill` (6.4)."""


def side_of(word: str) -> Side:
    """Raises `RemoteProtocolError` for an unknown word."""
    try:
        return SIDES[word.lower()]
    except KeyError:
        raise RemoteProtocolError("a side is neither buy nor sell") from None


def status_of(word: str, filled: Decimal) -> OrdStatus:
    """There is no word for "partly filled": the quantity filled tells (6.1)."""
    match word.lower():
        case "working":
            return OrdStatus.PARTIALLY_FILLED if filled else OrdStatus.NEW
        case "filled":
            return OrdStatus.FILLED
        case "canceled":
            return OrdStatus.CANCELED
        case "rejected":
            return OrdStatus.REJECTED
        case _:
            raise RemoteProtocolError("an order's status is not one of the four there are")


STATUS_WORDS = {
    OrdStatus.PENDING_NEW: "working",
    OrdStatus.NEW: "working",
    OrdStatus.PARTIALLY_FILLED: "working",
    OrdStatus.FILLED: "filled",
    OrdStatus.CANCELED: "canceled",
    OrdStatus.EXPIRED: "canceled",
    OrdStatus.REJECTED: "rejected",
}

# --------------------------------------------------------------------------- reasons (5.8: texts clients match)

REFUSALS: tuple[tuple[str, OrdRejReason], ...] = (
    ("Order to cancel not found", OrdRejReason.UNKNOWN_ORDER),
    ("OrderToCancelNotFound", OrdRejReason.UNKNOWN_ORDER),
    ("Duplicate command", OrdRejReason.DUPLICATE_ORDER),
    ("Invalid or unsupported quantity", OrdRejReason.INCORRECT_QUANTITY),
    ("Invalid quantity", OrdRejReason.INCORRECT_QUANTITY),
    ("BAD_AMOUNT", OrdRejReason.INCORRECT_QUANTITY),
    ("Minimum available value of the quantity", OrdRejReason.INCORRECT_QUANTITY),
    ("Minimum price step", OrdRejReason.INVALID_PRICE_INCREMENT),
    ("Цена не кратна минимальному шагу", OrdRejReason.INVALID_PRICE_INCREMENT),
    ("Price may not be 0", OrdRejReason.INVALID_PRICE),
    ("can not be less than", OrdRejReason.INVALID_PRICE),
    ("can not be greater than", OrdRejReason.INVALID_PRICE),
    ("BAD_PRICE_LIMITS", OrdRejReason.INVALID_PRICE),
    ("Цена сделки вне лимита", OrdRejReason.INVALID_PRICE),
    ("Нехватка средств", OrdRejReason.ORDER_EXCEEDS_LIMIT),
    ("снижения уровня маржи", OrdRejReason.ORDER_EXCEEDS_LIMIT),
    ("PROHIBITION_CH", OrdRejReason.NOT_ALLOWED),
    ("HALT_INSTRUMENT", OrdRejReason.EXCHANGE_CLOSED),
    ("INSTR_NOTRADE", OrdRejReason.EXCHANGE_CLOSED),
    ("Security is in break period", OrdRejReason.EXCHANGE_CLOSED),
    ("Security is not currently trading", OrdRejReason.EXCHANGE_CLOSED),
    ("Сейчас эта сессия не идет", OrdRejReason.EXCHANGE_CLOSED),
    ("BAD_INSTRUMENT", OrdRejReason.UNKNOWN_SYMBOL),
    ("Неизвестный инструмент", OrdRejReason.UNKNOWN_SYMBOL),
    ("BAD_FLAGS", OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC),
    ("Order was canceled before it was posted", OrdRejReason.POST_ONLY_WOULD_CROSS),
    ("Invalid JWT token", OrdRejReason.NOT_ALLOWED),
)

UNKNOWN_OUTCOME = "Command Timeout"
"""No answer from the trading system: nobody knows whether the order stands (5.8)."""
HANDLED_BEFORE = "already handled"
"""In the refusal of a guid or request id that came again: the first one may have been carried out."""

UNKNOWN_ORDER = "Order to cancel not found"
UNKNOWN_ORDERS = "Orders to cancel not found"
UNKNOWN_INSTRUMENT = "Неизвестный инструмент в заявке"
BAD_QUANTITY = "Invalid or unsupported quantity"
NO_PRICE = "Price may not be 0 for a limit order"
BAD_FLAGS = "BAD_FLAGS"
NOT_TRADING = "Security is not currently trading"
IN_BREAK = "Security is in break period"
DUPLICATE = "Duplicate command"
PROHIBITED = "PROHIBITION_CH"

_SAID = {
    OrdRejReason.UNKNOWN_SYMBOL: UNKNOWN_INSTRUMENT,
    OrdRejReason.EXCHANGE_CLOSED: NOT_TRADING,
    OrdRejReason.ORDER_EXCEEDS_LIMIT: "Нехватка средств по лимитам клиента",
    OrdRejReason.UNKNOWN_ORDER: UNKNOWN_ORDER,
    OrdRejReason.DUPLICATE_ORDER: DUPLICATE,
    OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC: BAD_FLAGS,
    OrdRejReason.INCORRECT_QUANTITY: BAD_QUANTITY,
    OrdRejReason.INVALID_PRICE: "BAD_PRICE_LIMITS",
    OrdRejReason.POST_ONLY_WOULD_CROSS: "Order was canceled before it was posted",
    OrdRejReason.NOT_ALLOWED: PROHIBITED,
}


def is_unknown(code: int, text: str) -> bool:
    """Does this answer to an order leave open whether the order stands? Then it must not be taken for a refusal."""
    return code == 408 or code >= 500 or (code >= 300 and (UNKNOWN_OUTCOME in text or HANDLED_BEFORE in text))


def reason_of(text: str) -> OrdRejReason:
    """Why, from the venue's text: it has no codes of its own."""
    return next((reason for part, reason in REFUSALS if part in text), OrdRejReason.OTHER)


def text_of(reason: OrdRejReason | None, instrument: Instrument | None, text: str = "") -> str:
    """What the venue says for a reason; `text` is the exchange's own where the venue has no wording."""
    if reason is OrdRejReason.INVALID_PRICE_INCREMENT and instrument is not None:
        return f"Minimum price step: {instrument.min_price_increment}"
    if reason is not None and reason in _SAID:
        return _SAID[reason]
    return text or "Order was rejected"


# --------------------------------------------------------------------------- numbers


def figure(value: object) -> Decimal | None:
    """A number that may be absent or null; None then. Raises `RemoteProtocolError` if it is not a reasonable one."""
    return checked(value) if isinstance(value, Decimal) else None


def plain(value: Decimal) -> Decimal:
    """The same number, written without a positive exponent: `1E+2` becomes `100`."""
    exponent = value.as_tuple().exponent
    return Decimal(f"{value:f}") if isinstance(exponent, int) and exponent > 0 else value
