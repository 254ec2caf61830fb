"""The venue's error codes: their names (page list-of-error-codes) and what they mean for an order, both ways."""

from __future__ import annotations

from venuewire.model.terms import OrdRejReason as Reason

NOT_IMPLEMENTED, NOT_CONNECTED, NOT_AUTHORISED, ALREADY_AUTHORISED = 1, 2, 3, 4
INVALID_NONCE, INVALID_TIMESTAMP, METHOD_NOT_AVAILABLE, INVALID_PARAMETER, INTERNAL_ERROR = 6, 7, 8, 9, 10
INVALID_SIGNATURE, CURRENCY_NOT_FOUND, INSTRUMENT_NOT_FOUND, INSTRUMENT_FORBIDDEN = 14, 26, 34, 36
INVALID_SIZE, INVALID_PRICE, TYPE_NOT_ALLOWED, CLIENT_ORDER_ID_IN_USE = 70, 71, 73, 74
POST_ONLY_WOULD_MATCH, NOTHING_TO_MATCH, NOT_ENOUGH_TO_FILL, SELF_TRADE, LIMITS = 75, 76, 77, 78, 79
ORDER_NOT_FOUND, SIZE_OR_VOLUME, VOLUME_NOT_FOR_MAKERS, INVALID_VOLUME, TRADING_NOT_ALLOWED = 80, 81, 82, 83, 84
NO_SIZE_LEFT, SIDE_MISMATCH = 90, 91
ALREADY_BOUND, NOT_BOUND, UNKNOWN_FEED, INVALID_FEED_ID, OUT_OF_SYNC = 100, 101, 102, 103, 104
CLIENT_NOT_FOUND, INVALID_NET_LIMIT, INVALID_GROSS_LIMIT, LIMIT_NOT_FOUND = 45, 51, 52, 53
REQUEST_EXISTS, REQUEST_NOT_FOUND, INVALID_REQUEST_FLAGS, INVALID_COUNTERPARTY = 130, 131, 132, 133
INVALID_COMMENT, INVALID_REQUEST_AMOUNT, INVALID_TRANSACTION_AMOUNT, INVALID_TX_ID = 134, 135, 141, 142
IDENTICAL_CLIENTS, TRANSACTION_NOT_FOUND = 143, 144

NAMES: dict[int, str] = {
    0: "ok",
    1: "not implemented",
    2: "not connected: an inner service is down",
    3: "not authorised: the key lacks the permission",
    4: "already authorised",
    5: "invalid password",
    6: "invalid nonce",
    7: "invalid timestamp",
    8: "method not available",
    9: "parameter missing or invalid",
    10: "internal error",
    11: "invalid code of the second factor",
    12: "second factor not enabled",
    13: "user agreement not signed",
    14: "invalid signature",
    15: "link expired",
    20: "invalid currency flags",
    21: "invalid currency price",
    22: "invalid currency balance step",
    23: "invalid currency name",
    24: "a currency's name cannot be changed",
    25: "a currency's balance step cannot be changed",
    26: "currency not found",
    27: "currency cannot be removed",
    28: "invalid currency type",
    30: "invalid instrument flags",
    31: "invalid instrument name",
    32: "an instrument's asset currency cannot be changed",
    33: "an instrument's balance currency cannot be changed",
    34: "instrument not found",
    35: "instrument cannot be removed",
    36: "instrument forbidden: not whitelisted by a counterparty",
    40: "invalid client flags",
    41: "invalid client taker delta ratio",
    42: "invalid name: it must have fewer than 20 characters",
    43: "a client's type cannot be changed",
    44: "client already exists",
    45: "client not found",
    46: "user name already exists",
    50: "invalid limit flags",
    51: "invalid net limit",
    52: "invalid gross limit",
    53: "limit not found",
    54: "the clients of a limit are identical",
    55: "the clients of a limit are of the same type",
    60: "invalid settlement order flags",
    61: "invalid settlement order size",
    62: "invalid settlement order comment",
    63: "the clients of a settlement are identical",
    64: "settlement not found",
    65: "settlement order comes from a transaction",
    70: "invalid order size",
    71: "invalid order price",
    72: "invalid order flags",
    73: "order type not allowed",
    74: "client order id already in use",
    75: "post-only order would match",
    76: "IOC: no orders to match",
    77: "FOK: not enough liquidity",
    78: "self-trade prevention",
    79: "limits exceeded",
    80: "order not found",
    81: "either size or volume must be given",
    82: "orders by volume are not for makers",
    83: "invalid order volume",
    84: "trading not allowed",
    85: "no open positions in the order's currencies",
    90: "no size left after what was filled",
    91: "side mismatch",
    100: "binding already exists",
    101: "binding not found",
    102: "invalid feed name",
    103: "invalid feed id",
    104: "database out of sync",
    110: "field required",
    111: "field invalid",
    112: "user name too poor",
    113: "password too poor",
    114: "password must be changed",
    120: "no more keys can be made",
    121: "key not found",
    130: "settlement request already exists",
    131: "settlement request not found",
    132: "invalid settlement request flags",
    133: "invalid settlement request counterparty",
    134: "invalid settlement request comment",
    135: "invalid settlement request amount",
    140: "invalid settlement transaction flags",
    141: "invalid settlement transaction amount",
    142: "invalid settlement transaction id of the network",
    143: "identical clients are not allowed",
    144: "settlement transaction not found",
    160: "settlement would breach client A's global net limit",
    161: "settlement would breach client A's global gross limit",
    162: "settlement would breach client B's global net limit",
    163: "settlement would breach client B's global gross limit",
    164: "settlement would breach client A's counterparty net limit",
    165: "settlement would breach client A's counterparty gross limit",
    166: "settlement would breach client B's counterparty net limit",
    167: "settlement would breach client B's counterparty gross limit",
}

PASSING = frozenset({NOT_CONNECTED, INVALID_NONCE, INVALID_TIMESTAMP, INTERNAL_ERROR, OUT_OF_SYNC})
"""Codes of a refused handshake that may be gone at the next one, which brings a new nonce and the time of day."""

NO_OUTCOME = frozenset({INTERNAL_ERROR, OUT_OF_SYNC})
"""Codes that do not say whether the venue acted; an order answered so is not refused, its outcome is unknown."""

_REASONS: dict[int, Reason] = {
    2: Reason.EXCHANGE_CLOSED,
    3: Reason.NOT_ALLOWED,
    13: Reason.NOT_ALLOWED,
    34: Reason.UNKNOWN_SYMBOL,
    36: Reason.NOT_ALLOWED,
    70: Reason.INCORRECT_QUANTITY,
    71: Reason.INVALID_PRICE_INCREMENT,
    72: Reason.UNSUPPORTED_ORDER_CHARACTERISTIC,
    73: Reason.UNSUPPORTED_ORDER_CHARACTERISTIC,
    74: Reason.DUPLICATE_ORDER,
    75: Reason.POST_ONLY_WOULD_CROSS,
    76: Reason.NO_LIQUIDITY,
    77: Reason.NO_LIQUIDITY,
    78: Reason.SELF_TRADE,
    79: Reason.ORDER_EXCEEDS_LIMIT,
    80: Reason.UNKNOWN_ORDER,
    81: Reason.INCORRECT_QUANTITY,
    82: Reason.UNSUPPORTED_ORDER_CHARACTERISTIC,
    83: Reason.INCORRECT_QUANTITY,
    84: Reason.EXCHANGE_CLOSED,
    85: Reason.NOT_ALLOWED,
    90: Reason.INCORRECT_QUANTITY,
}

_CODES: dict[Reason, int] = {
    Reason.UNKNOWN_SYMBOL: INSTRUMENT_NOT_FOUND,
    Reason.EXCHANGE_CLOSED: TRADING_NOT_ALLOWED,
    Reason.ORDER_EXCEEDS_LIMIT: LIMITS,
    Reason.UNKNOWN_ORDER: ORDER_NOT_FOUND,
    Reason.DUPLICATE_ORDER: CLIENT_ORDER_ID_IN_USE,
    Reason.UNSUPPORTED_ORDER_CHARACTERISTIC: TYPE_NOT_ALLOWED,
    Reason.INCORRECT_QUANTITY: INVALID_SIZE,
    Reason.INVALID_PRICE_INCREMENT: INVALID_PRICE,
    Reason.INVALID_PRICE: INVALID_PRICE,
    Reason.POST_ONLY_WOULD_CROSS: POST_ONLY_WOULD_MATCH,
    Reason.SELF_TRADE: SELF_TRADE,
    Reason.INVALID_EXPIRE_TIME: INVALID_PARAMETER,
    Reason.NOT_ALLOWED: TRADING_NOT_ALLOWED,
}


def name(code: int) -> str:
    """The code in words; codes no page explains are shown as they are."""
    return NAMES.get(code, f"error {code}")


def reason(code: int) -> Reason:
    """What a code means for an order."""
    return _REASONS.get(code, Reason.OTHER)


def of_reason(why: Reason, *, fill_or_kill: bool = False, by_volume: bool = False) -> int:
    """The code the venue gives for a refusal of the exchange."""
    if why is Reason.NO_LIQUIDITY:
        return NOT_ENOUGH_TO_FILL if fill_or_kill else NOTHING_TO_MATCH
    if why is Reason.INCORRECT_QUANTITY and by_volume:
        return INVALID_VOLUME
    return _CODES.get(why, TRADING_NOT_ALLOWED)
