"""Edits of the bracket that is attached to an order, at the sandbox's Coinbase; pure.

Page: REST reference, "Edit Order" (`attached_order_configuration`, `cancel_attached_order`).
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import UnsetType

from venuewire.codec import number
from venuewire.errors import RemoteProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.orders import ExecutionReport
from venuewire.model.terms import OrdType, Side
from venuewire.venues.coinbase.conditions import Attachment
from venuewire.venues.coinbase.configurations import BRACKET
from venuewire.venues.coinbase.fields import NotEdited
from venuewire.venues.coinbase.wire import rest

_CARRIERS = frozenset({OrdType.MARKET, OrdType.LIMIT})


def is_asked(request: rest.EditOrder) -> bool:
    """Does the edit say anything of the attached bracket?"""
    return request.cancel_attached_order is True or bool(request.attached_order_configuration)


def edited(
    request: rest.EditOrder,
    report: ExecutionReport,
    now_is: Attachment | None,
    instrument: Instrument,
    *,
    is_placed: bool,
) -> Attachment | None:
    """What is to be attached from now on. Raises `NotEdited`."""
    if is_placed:
        raise NotEdited("CANNOT_CANCEL_ACTIVE_ATTACHED_ORDER")
    if report.cum_qty:
        raise NotEdited("CANNOT_MODIFY_ATTACHED_CONFIG_OF_NON_NEW_ORDER")
    if request.cancel_attached_order is True:
        if now_is is None or request.attached_order_configuration:
            raise NotEdited("ORDER_EDIT_INVALID_ATTACHED_ORDER_REQUEST")
        return None
    if report.ord_type not in _CARRIERS:
        raise NotEdited("CANNOT_ADD_ATTACHED_ORDER_TO_ORDER_TYPE")
    profit, loss = _prices(request)
    closing = (report.side or Side.BUY).opposite
    price = report.price if report.price is not None else (profit + loss) / 2
    if profit % instrument.min_price_increment or loss % instrument.min_price_increment:
        raise NotEdited("INVALID_EDITED_ATTACHED_ORDER_CONFIGURATION")
    if not (loss < price < profit if closing is Side.SELL else profit < price < loss):
        raise NotEdited("INVALID_EDITED_ATTACHED_ORDER_CONFIGURATION")
    if now_is is not None and (now_is.profit, now_is.loss) == (profit, loss):
        raise NotEdited("ATTACHED_CONFIGURATION_IS_EQUAL")
    return Attachment(
        account=report.account,
        product_id=report.symbol,
        symbol=report.symbol,
        closing=closing,
        profit=profit,
        loss=loss,
    )


def _prices(request: rest.EditOrder) -> tuple[Decimal, Decimal]:
    """(take profit, stop loss)."""
    given = request.attached_order_configuration
    fields = given.get(BRACKET) if isinstance(given, dict) and len(given) == 1 else None
    if fields is None or fields.base_size or fields.quote_size:
        raise NotEdited("INVALID_EDITED_ATTACHED_ORDER_CONFIGURATION")
    profit, loss = _number(fields.limit_price), _number(fields.stop_trigger_price)
    if profit is None or loss is None:
        raise NotEdited("SINGLE_LEGGED_ATTACHED_ORDER_CONFIGURATION_NOT_ALLOWED")
    return profit, loss


def _number(text: str | UnsetType | None) -> Decimal | None:
    try:
        return number(text) if isinstance(text, str) and text else None
    except RemoteProtocolError:
        raise NotEdited("INVALID_EDITED_ATTACHED_ORDER_CONFIGURATION") from None
