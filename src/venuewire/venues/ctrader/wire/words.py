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
    REJECTED = 4
    """By the liquidity provider."""
    INTERNALLY_REJECTED = 5
    """By the server."""
    ERROR = 6
    MISSED = 7
    """The provider did not answer in time."""


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


class TrendbarPeriod(IntEnum):
    """ProtoOATrendbarPeriod."""

    M1 = 1
    M2 = 2
    M3 = 3
    M4 = 4
    M5 = 5
    M10 = 6
    M15 = 7
    M30 = 8
    H1 = 9
    H4 = 10
    H12 = 11
    D1 = 12
    W1 = 13
    MN1 = 14


class QuoteType(IntEnum):
    """ProtoOAQuoteType."""

    BID = 1
    ASK = 2


class OrderTriggerMethod(IntEnum):
    """ProtoOAOrderTriggerMethod."""

    TRADE = 1
    """A stop to buy looks at the ask, one to sell at the bid; a stop loss of a buy at the bid, of a sell at the ask."""
    OPPOSITE = 2
    DOUBLE_TRADE = 3
    """As the first, at the second tick in a row."""
    DOUBLE_OPPOSITE = 4


class NotificationType(IntEnum):
    """ProtoOANotificationType: the three margin calls of an account."""

    MARGIN_LEVEL_THRESHOLD_1 = 61
    MARGIN_LEVEL_THRESHOLD_2 = 62
    MARGIN_LEVEL_THRESHOLD_3 = 63


class DayOfWeek(IntEnum):
    """ProtoOADayOfWeek."""

    NONE = 0
    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7


class SymbolDistanceType(IntEnum):
    """ProtoOASymbolDistanceType."""

    SYMBOL_DISTANCE_IN_POINTS = 1
    SYMBOL_DISTANCE_IN_PERCENTAGE = 2


class MinCommissionType(IntEnum):
    """ProtoOAMinCommissionType."""

    CURRENCY = 1
    QUOTE_CURRENCY = 2


class TradingMode(IntEnum):
    """ProtoOATradingMode."""

    ENABLED = 0
    DISABLED_WITHOUT_PENDINGS_EXECUTION = 1
    DISABLED_WITH_PENDINGS_EXECUTION = 2
    CLOSE_ONLY_MODE = 3


class SwapCalculationType(IntEnum):
    """ProtoOASwapCalculationType."""

    PIPS = 0
    PERCENTAGE = 1
    POINTS = 2


class AccessRights(IntEnum):
    """ProtoOAAccessRights."""

    FULL_ACCESS = 0
    CLOSE_ONLY = 1
    NO_TRADING = 2
    NO_LOGIN = 3


class TotalMarginCalculationType(IntEnum):
    """ProtoOATotalMarginCalculationType."""

    MAX = 0
    SUM = 1
    NET = 2


class AccountType(IntEnum):
    """ProtoOAAccountType."""

    HEDGED = 0
    NETTED = 1
    SPREAD_BETTING = 2


class LimitedRiskMarginCalculationStrategy(IntEnum):
    """ProtoOALimitedRiskMarginCalculationStrategy."""

    ACCORDING_TO_LEVERAGE = 0
    ACCORDING_TO_GSL = 1
    ACCORDING_TO_GSL_AND_LEVERAGE = 2


class StopOutStrategy(IntEnum):
    """ProtoOAStopOutStrategy."""

    MOST_MARGIN_USED_FIRST = 0
    MOST_LOSING_FIRST = 1


class ChangeBonusType(IntEnum):
    """ProtoOAChangeBonusType."""

    BONUS_DEPOSIT = 0
    BONUS_WITHDRAW = 1


class ChangeBalanceType(IntEnum):
    """ProtoOAChangeBalanceType; the direction is in the name."""

    BALANCE_DEPOSIT = 0
    BALANCE_WITHDRAW = 1
    BALANCE_DEPOSIT_STRATEGY_COMMISSION_INNER = 3
    BALANCE_WITHDRAW_STRATEGY_COMMISSION_INNER = 4
    BALANCE_DEPOSIT_IB_COMMISSIONS = 5
    BALANCE_WITHDRAW_IB_SHARED_PERCENTAGE = 6
    BALANCE_DEPOSIT_IB_SHARED_PERCENTAGE_FROM_SUB_IB = 7
    BALANCE_DEPOSIT_IB_SHARED_PERCENTAGE_FROM_BROKER = 8
    BALANCE_DEPOSIT_REBATE = 9
    BALANCE_WITHDRAW_REBATE = 10
    BALANCE_DEPOSIT_STRATEGY_COMMISSION_OUTER = 11
    BALANCE_WITHDRAW_STRATEGY_COMMISSION_OUTER = 12
    BALANCE_WITHDRAW_BONUS_COMPENSATION = 13
    BALANCE_WITHDRAW_IB_SHARED_PERCENTAGE_TO_BROKER = 14
    BALANCE_DEPOSIT_DIVIDENDS = 15
    BALANCE_WITHDRAW_DIVIDENDS = 16
    BALANCE_WITHDRAW_GSL_CHARGE = 17
    BALANCE_WITHDRAW_ROLLOVER = 18
    BALANCE_DEPOSIT_NONWITHDRAWABLE_BONUS = 19
    BALANCE_WITHDRAW_NONWITHDRAWABLE_BONUS = 20
    BALANCE_DEPOSIT_SWAP = 21
    BALANCE_WITHDRAW_SWAP = 22
    BALANCE_DEPOSIT_MANAGEMENT_FEE = 27
    BALANCE_WITHDRAW_MANAGEMENT_FEE = 28
    BALANCE_DEPOSIT_PERFORMANCE_FEE = 29
    BALANCE_WITHDRAW_FOR_SUBACCOUNT = 30
    BALANCE_DEPOSIT_TO_SUBACCOUNT = 31
    BALANCE_WITHDRAW_FROM_SUBACCOUNT = 32
    BALANCE_DEPOSIT_FROM_SUBACCOUNT = 33
    BALANCE_WITHDRAW_COPY_FEE = 34
    BALANCE_WITHDRAW_INACTIVITY_FEE = 35
    BALANCE_DEPOSIT_TRANSFER = 36
    BALANCE_WITHDRAW_TRANSFER = 37
    BALANCE_DEPOSIT_CONVERTED_BONUS = 38
    BALANCE_DEPOSIT_NEGATIVE_BALANCE_PROTECTION = 39


def number_of(words: type[IntEnum], value: int | str) -> int:
    """An enumeration of a request as its number. Raises `ValueError` for what the enumeration does not have."""
    if isinstance(value, int):
        return words(value).value
    try:
        return words[value].value
    except KeyError:
        # As text a number is still a number.
        return words(int(value)).value if value.isdecimal() and len(value) < 10 else words(-1).value
