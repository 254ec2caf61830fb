"""The schema's enumerations (PROTO, model messages). On the wire they are integers; requests may name them."""

from __future__ import annotations

from enum import IntEnum


class TradeSide(IntEnum):
    """ProtoOATradeSide."""

    BUY = 1
    SELL = 2


class OrderType(IntEnum):
    """ProtoOAOrderType."""

    MARKET = 1
    LIMIT = 2
    STOP = 3
    STOP_LOSS_TAKE_PROFIT = 4
    """Made by the server alone, to carry the protective levels of a position."""
    MARKET_RANGE = 5
    STOP_LIMIT = 6


class TimeInForce(IntEnum):
    """ProtoOATimeInForce."""

    GOOD_TILL_DATE = 1
    GOOD_TILL_CANCEL = 2
    IMMEDIATE_OR_CANCEL = 3
    FILL_OR_KILL = 4
    MARKET_ON_OPEN = 5


class OrderStatus(IntEnum):
    """ProtoOAOrderStatus."""

    ACCEPTED = 1
    FILLED = 2
    REJECTED = 3
    EXPIRED = 4
    CANCELLED = 5


class PositionStatus(IntEnum):
    """ProtoOAPositionStatus."""

    OPEN = 1
    CLOSED = 2
    CREATED = 3
    """The empty shell of a pending order, or fully closed while its protective order is still there."""
    ERROR = 4


class ExecutionType(IntEnum):
    """ProtoOAExecutionType."""

    ORDER_ACCEPTED = 2
    ORDER_FILLED = 3
    ORDER_REPLACED = 4
    ORDER_CANCELLED = 5
    ORDER_EXPIRED = 6
    ORDER_REJECTED = 7
    ORDER_CANCEL_REJECTED = 8
    SWAP = 9
    DEPOSIT_WITHDRAW = 10
    ORDER_PARTIAL_FILL = 11
    BONUS_DEPOSIT_WITHDRAW = 12


class DealStatus(IntEnum):
    """ProtoOADealStatus."""

    FILLED = 2
    PARTIALLY_FILLED = 3


class Scope(IntEnum):
    """ClientPermissionScope."""

    VIEW = 0
    TRADE = 1


class CommissionType(IntEnum):
    """ProtoOACommissionType."""

    USD_PER_MILLION_USD = 1
    USD_PER_LOT = 2
    PERCENTAGE_OF_VALUE = 3
    QUOTE_CCY_PER_LOT = 4


def number_of(words: type[IntEnum], value: int | str) -> int:
    """An enumeration of a request as its number. Raises `ValueError` for what the enumeration does not have."""
    if isinstance(value, int):
        return words(value).value
    try:
        return words[value].value
    except KeyError:
        # As text a number is still a number.
        return words(int(value)).value if value.isdecimal() and len(value) < 10 else words(-1).value
