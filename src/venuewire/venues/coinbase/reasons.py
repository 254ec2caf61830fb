"""Why orders, edits and cancels are refused: the venue's words and FIX's, both ways; pure.

Pages: REST reference, "Create Order", "Edit Order", "Cancel Orders" (their enumerations). The venue has several
hundred reasons; those not listed here stay what they are in `code`, under `OrdRejReason.OTHER`.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from venuewire.model.terms import OrdRejReason
from venuewire.venues.coinbase.texts import words
from venuewire.venues.coinbase.wire.rest import CreateFailure, EditAnswer, EditFailure

R: TypeAlias = OrdRejReason

UNKNOWN_NEW = "UNKNOWN_FAILURE_REASON"
UNKNOWN_PREVIEW = "UNKNOWN_PREVIEW_FAILURE_REASON"
UNKNOWN_EDIT = "UNKNOWN_EDIT_ORDER_FAILURE_REASON"
UNKNOWN_CANCEL = "UNKNOWN_CANCEL_FAILURE_REASON"
_NOTHING = frozenset({"", UNKNOWN_NEW, UNKNOWN_PREVIEW, UNKNOWN_EDIT, UNKNOWN_CANCEL})

# The `PREVIEW_` twins are found by their tail.
_NEW: dict[str, OrdRejReason] = {
    "INSUFFICIENT_FUND": R.ORDER_EXCEEDS_LIMIT,
    "INSUFFICIENT_FUNDS": R.ORDER_EXCEEDS_LIMIT,
    "INVALID_LEDGER_BALANCE": R.ORDER_EXCEEDS_LIMIT,
    "INSUFFICIENT_LEDGER_BALANCE": R.ORDER_EXCEEDS_LIMIT,
    "BREACHED_RISK_LIMIT": R.ORDER_EXCEEDS_LIMIT,
    "INVALID_PRODUCT_ID": R.UNKNOWN_SYMBOL,
    "INVALID_UNSUPPORTED_INSTRUMENT": R.UNKNOWN_SYMBOL,
    "UNTRADABLE_PRODUCT": R.EXCHANGE_CLOSED,
    "ORDER_ENTRY_DISABLED": R.EXCHANGE_CLOSED,
    "TRADING_DISABLED": R.EXCHANGE_CLOSED,
    "PRODUCT_TRADING_HALTED": R.EXCHANGE_CLOSED,
    "NOT_ALLOWED_BY_MARKET_STATE": R.EXCHANGE_CLOSED,
    "DUPLICATE_CLIENT_ORDER_ID": R.DUPLICATE_ORDER,
    "UNSUPPORTED_ORDER_CONFIGURATION": R.UNSUPPORTED_ORDER_CHARACTERISTIC,
    "INVALID_ORDER_CONFIG": R.UNSUPPORTED_ORDER_CHARACTERISTIC,
    "INVALID_SIDE": R.UNSUPPORTED_ORDER_CHARACTERISTIC,
    "FOK_DISABLED": R.UNSUPPORTED_ORDER_CHARACTERISTIC,
    "FOK_ONLY_ALLOWED_ON_LIMIT_ORDERS": R.UNSUPPORTED_ORDER_CHARACTERISTIC,
    "POST_ONLY_NOT_ALLOWED_WITH_FOK": R.UNSUPPORTED_ORDER_CHARACTERISTIC,
    "INVALID_SIZE_PRECISION": R.INCORRECT_QUANTITY,
    "INVALID_QUOTE_SIZE_PRECISION": R.INCORRECT_QUANTITY,
    "INVALID_BASE_SIZE_TOO_SMALL": R.INCORRECT_QUANTITY,
    "INVALID_BASE_SIZE_TOO_LARGE": R.INCORRECT_QUANTITY,
    "INVALID_QUOTE_SIZE_TOO_SMALL": R.INCORRECT_QUANTITY,
    "INVALID_QUOTE_SIZE_TOO_LARGE": R.INCORRECT_QUANTITY,
    "NON_NUMERIC_ORDER_SIZE": R.INCORRECT_QUANTITY,
    "INVALID_PRICE_PRECISION": R.INVALID_PRICE_INCREMENT,
    "INVALID_LIMIT_PRICE_PRECISION": R.INVALID_PRICE_INCREMENT,
    "INVALID_STOP_PRICE_PRECISION": R.INVALID_PRICE_INCREMENT,
    "INVALID_LIMIT_PRICE": R.INVALID_PRICE,
    "INVALID_STOP_PRICE": R.INVALID_PRICE,
    "INVALID_PRICE_TOO_LARGE": R.INVALID_PRICE,
    "LIMIT_PRICE_TOO_FAR_FROM_MARKET": R.INVALID_PRICE,
    "BREACHED_PRICE_LIMIT": R.INVALID_PRICE,
    "STOP_PRICE_ABOVE_LAST_TRADE_PRICE": R.INVALID_PRICE,
    "STOP_PRICE_BELOW_LAST_TRADE_PRICE": R.INVALID_PRICE,
    "STOP_PRICE_ABOVE_LIMIT_PRICE": R.INVALID_PRICE,
    "STOP_PRICE_BELOW_LIMIT_PRICE": R.INVALID_PRICE,
    "INVALID_LIMIT_PRICE_POST_ONLY": R.POST_ONLY_WOULD_CROSS,
    "INVALID_NO_LIQUIDITY": R.NO_LIQUIDITY,
    "MISSING_PRODUCT_PRICE_BOOK": R.NO_LIQUIDITY,
    "END_TIME_IS_IN_THE_PAST": R.INVALID_EXPIRE_TIME,
    "END_TIME_TOO_FAR_IN_FUTURE": R.INVALID_EXPIRE_TIME,
    "GTD_ORDERS_MUST_HAVE_END_TIME": R.INVALID_EXPIRE_TIME,
    "INVALID_END_TIME": R.INVALID_EXPIRE_TIME,
    "GEOFENCING_RESTRICTION": R.NOT_ALLOWED,
}

_EDIT: dict[str, OrdRejReason] = {
    "ORDER_NOT_FOUND": R.UNKNOWN_ORDER,
    "CALLER_ID_MISMATCH": R.NOT_ALLOWED,
    "PORTFOLIO_NOT_ALLOWED_FOR_EDITS": R.NOT_ALLOWED,
    "CANNOT_EDIT_TO_BELOW_FILLED_SIZE": R.INCORRECT_QUANTITY,
    "INVALID_EDITED_SIZE": R.INCORRECT_QUANTITY,
    "SIZE_IN_QUOTE_EDITS_NOT_ALLOWED": R.INCORRECT_QUANTITY,
    "INVALID_EDITED_PRICE": R.INVALID_PRICE,
    "INVALID_EDITED_STOP_PRICE": R.INVALID_PRICE,
    "INVALID_EDITED_STOP_LIMIT_PRICE": R.INVALID_PRICE,
    "ONLY_LIMIT_ORDER_EDITS_SUPPORTED": R.UNSUPPORTED_ORDER_CHARACTERISTIC,
    "ONLY_OPEN_ORDERS_CAN_BE_EDITED": R.UNKNOWN_ORDER,
    "ORDER_EDIT_ORDER_TYPE_NOT_SUPPORTED": R.UNSUPPORTED_ORDER_CHARACTERISTIC,
    "EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST": R.DUPLICATE_ORDER,
}

_CANCEL: dict[str, OrdRejReason] = {
    "UNKNOWN_CANCEL_ORDER": R.UNKNOWN_ORDER,
    "ORDER_IS_FULLY_FILLED": R.UNKNOWN_ORDER,
    "DUPLICATE_CANCEL_REQUEST": R.DUPLICATE_ORDER,
    "INVALID_CANCEL_PRODUCT_ID": R.UNKNOWN_SYMBOL,
    "NOT_ALLOWED_TO_CANCEL": R.NOT_ALLOWED,
}


class Why(Struct, frozen=True):
    """A refusal as we tell it: the venue's code and words, and FIX's reason."""

    code: str
    text: str
    reason: OrdRejReason


# --------------------------------------------------------------------------- the venue's words -> FIX


def why_refused(failure: CreateFailure) -> Why:
    """The most telling of the reasons of a refused order; recordings fill in only some of them."""
    given = [words(failure.new_order_failure_reason), words(failure.preview_failure_reason), words(failure.error)]
    code = next((item for item in given if item not in _NOTHING), "") or next(filter(None, given), UNKNOWN_NEW)
    text = words(failure.message) or words(failure.error_details) or code
    return Why(code, text, new_reason(code))


def new_reason(code: str) -> OrdRejReason:
    """FIX's word for a reason of `new_order_failure_reason` or `preview_failure_reason`."""
    return _NEW.get(code) or _NEW.get(code.removeprefix("PREVIEW_")) or R.OTHER


def why_not_edited(answer: EditAnswer) -> Why:
    """The reason of a refused edit, wherever the answer puts it."""
    errors = answer.errors
    listed = [errors] if isinstance(errors, EditFailure) else errors if isinstance(errors, list) else []
    given = [words(code) for item in listed for code in (item.edit_failure_reason, item.preview_failure_reason)]
    text = ""
    if answer.error_response:
        given.append(words(answer.error_response.edit_order_failure_reason))
        text = words(answer.error_response.error_details)
    told = [item for item in given if item not in _NOTHING]
    # The exchange behind the venue refused it; why is told, if at all, by the preview.
    code = next((item for item in told if not item.startswith("COMMANDER")), "") or next(iter(told), UNKNOWN_EDIT)
    return Why(code, text or code, _EDIT.get(code) or new_reason(code))


def why_not_cancelled(code: str) -> Why:
    """The reason of a refused cancel."""
    code = code or UNKNOWN_CANCEL
    return Why(code, code, _CANCEL.get(code, R.OTHER))


# --------------------------------------------------------------------------- FIX -> the venue's words


class Refusal(Struct, frozen=True):
    """A refused order as the venue tells it. The two reasons have an enumeration each; one may have no word for it."""

    new: str
    preview: str
    message: str = ""


def _twins(reason: str, message: str = "") -> Refusal:
    return Refusal(reason, f"PREVIEW_{reason}", message)


TOO_SMALL = Refusal(UNKNOWN_NEW, "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL")
TOO_LARGE = Refusal(UNKNOWN_NEW, "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE")
QUOTE_TOO_SMALL = Refusal(UNKNOWN_NEW, "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL")
QUOTE_TOO_LARGE = Refusal(UNKNOWN_NEW, "PREVIEW_INVALID_QUOTE_SIZE_TOO_LARGE")
SIZE_PRECISION = _twins("INVALID_SIZE_PRECISION")
QUOTE_PRECISION = Refusal("INVALID_SIZE_PRECISION", "PREVIEW_INVALID_QUOTE_SIZE_PRECISION")
PRICE_PRECISION = _twins("INVALID_PRICE_PRECISION")
INVALID_PRICE = _twins("INVALID_LIMIT_PRICE")
INVALID_STOP = Refusal(UNKNOWN_NEW, "PREVIEW_INVALID_STOP_PRICE")
INVALID_PRODUCT = _twins("INVALID_PRODUCT_ID")
UNTRADABLE = _twins("UNTRADABLE_PRODUCT")
INVALID_SIDE = _twins("INVALID_SIDE")
UNSUPPORTED = Refusal("UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_INVALID_ORDER_CONFIG")
INVALID_REQUEST = Refusal("INVALID_REQUEST", UNKNOWN_PREVIEW)
DUPLICATE = Refusal("DUPLICATE_CLIENT_ORDER_ID", UNKNOWN_PREVIEW)
NO_END_TIME = _twins("GTD_ORDERS_MUST_HAVE_END_TIME")
END_TIME_PAST = _twins("END_TIME_IS_IN_THE_PAST")
NO_LIQUIDITY = _twins("INVALID_NO_LIQUIDITY")
NOT_A_NUMBER = Refusal(UNKNOWN_NEW, "PREVIEW_NON_NUMERIC_ORDER_SIZE")
POST_ONLY_FOK = _twins("POST_ONLY_NOT_ALLOWED_WITH_FOK")

_REFUSALS: dict[OrdRejReason, Refusal] = {
    R.ORDER_EXCEEDS_LIMIT: _twins("INSUFFICIENT_FUND", "Insufficient balance in source account"),
    R.UNKNOWN_SYMBOL: INVALID_PRODUCT,
    R.EXCHANGE_CLOSED: UNTRADABLE,
    R.DUPLICATE_ORDER: DUPLICATE,
    R.UNSUPPORTED_ORDER_CHARACTERISTIC: UNSUPPORTED,
    R.INCORRECT_QUANTITY: SIZE_PRECISION,
    R.INVALID_PRICE_INCREMENT: PRICE_PRECISION,
    R.INVALID_PRICE: INVALID_PRICE,
    R.NO_LIQUIDITY: NO_LIQUIDITY,
    R.POST_ONLY_WOULD_CROSS: _twins("INVALID_LIMIT_PRICE_POST_ONLY"),
    R.INVALID_EXPIRE_TIME: END_TIME_PAST,
}
_COMMANDER = Refusal("COMMANDER_REJECTED_NEW_ORDER", UNKNOWN_PREVIEW)


def refusal_of(reason: OrdRejReason | None) -> Refusal:
    """How the venue refuses a new order for this reason."""
    return _REFUSALS.get(reason or R.OTHER, _COMMANDER)


_EDIT_REFUSALS: dict[OrdRejReason, str] = {
    R.UNKNOWN_ORDER: "ORDER_NOT_FOUND",
    R.INCORRECT_QUANTITY: "INVALID_EDITED_SIZE",
    R.INVALID_PRICE: "INVALID_EDITED_PRICE",
    R.INVALID_PRICE_INCREMENT: "INVALID_EDITED_PRICE",
    R.UNSUPPORTED_ORDER_CHARACTERISTIC: "ORDER_EDIT_ORDER_TYPE_NOT_SUPPORTED",
    R.DUPLICATE_ORDER: "EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST",
}


def edit_refusal_of(reason: OrdRejReason | None) -> EditFailure:
    """How the venue refuses an edit for this reason; what only orders can be refused for is told by the preview."""
    code = _EDIT_REFUSALS.get(reason or R.OTHER)
    if code is not None:
        return EditFailure(edit_failure_reason=code, preview_failure_reason=UNKNOWN_PREVIEW)
    return EditFailure(
        edit_failure_reason="COMMANDER_REJECTED_EDIT_ORDER", preview_failure_reason=refusal_of(reason).preview
    )


_CANCEL_REFUSALS: dict[OrdRejReason, str] = {
    R.UNKNOWN_ORDER: "UNKNOWN_CANCEL_ORDER",
    R.DUPLICATE_ORDER: "DUPLICATE_CANCEL_REQUEST",
    R.NOT_ALLOWED: "NOT_ALLOWED_TO_CANCEL",
}


def cancel_refusal_of(reason: OrdRejReason | None) -> str:
    """How the venue refuses a cancel for this reason."""
    return _CANCEL_REFUSALS.get(reason or R.OTHER, "COMMANDER_REJECTED_CANCEL_ORDER")
