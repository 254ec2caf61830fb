"""Orders of the sandbox's Coinbase that wait for a price its exchange does not wait for; pure.

- A *bracket* stands at the exchange as a limit order at its profit. When the market reaches its trigger it becomes a
  limit order 5 % beyond that (REST reference, "Create Order": `trigger_bracket_gtc`).
- A stop-limit order that waits the other way (a buy for a fall, a sale for a rise) stands there as a stop whose price
  is never reached. When the market reaches its own, that price is put where the market is.
- An *attached* bracket is placed when the order it is attached to is done, for what was filled of it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from venuewire.model.instrument import Instrument
from venuewire.model.orders import ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.terms import OrdType, PositionEffect, Side, TimeInForce, TriggerPriceDirection
from venuewire.venues.coinbase.configurations import direction_of, is_bracket, usual_direction

_BEYOND = Decimal("0.05")
_NEVER = 10**6
"""Times its own price: where a buy's stop is never reached."""


class Condition(Struct, kw_only=True):
    """One order that waits, or has waited."""

    kind: Literal["bracket", "stop"]
    account: str
    symbol: str
    side: Side
    direction: TriggerPriceDirection
    trigger: Decimal
    profit: Decimal | None = None
    """Of a bracket."""
    triggered: bool = False

    def reached(self, low: Decimal, high: Decimal) -> bool:
        """Do trades between these prices reach the trigger?"""
        return high >= self.trigger if self.direction is TriggerPriceDirection.UP else low <= self.trigger


class Attachment(Struct, frozen=True, kw_only=True):
    """A bracket that begins when its order is filled."""

    account: str
    product_id: str
    symbol: str
    closing: Side
    profit: Decimal
    loss: Decimal


def condition_of(order: NewOrder, account: str) -> Condition | None:
    """What this order waits for, if the exchange cannot."""
    if is_bracket(order):
        loss, profit = Decimal(order.stop_loss_px or 0), Decimal(order.price or 0)
        # A bracket that sells has its loss below, one that buys above.
        direction = usual_direction(order.side)
        return Condition(
            kind="bracket",
            account=account,
            symbol=order.symbol,
            side=order.side,
            direction=direction,
            trigger=loss,
            profit=profit,
        )
    if order.ord_type is OrdType.STOP_LIMIT and direction_of(order) is not usual_direction(order.side):
        return Condition(
            kind="stop",
            account=account,
            symbol=order.symbol,
            side=order.side,
            direction=direction_of(order),
            trigger=Decimal(order.stop_px or 0),
        )
    return None


def attachment_of(order: NewOrder, account: str, product_id: str) -> Attachment | None:
    """The bracket attached to this order."""
    if is_bracket(order) or order.take_profit_px is None or order.stop_loss_px is None:
        return None
    return Attachment(
        account=account,
        product_id=product_id,
        symbol=order.symbol,
        closing=order.side.opposite,
        profit=Decimal(order.take_profit_px),
        loss=Decimal(order.stop_loss_px),
    )


def at_exchange(order: NewOrder, condition: Condition | None, instrument: Instrument) -> NewOrder:
    """The order as the exchange is given it, without what it does not know."""
    plain = replace(order, stop_loss_px=None, take_profit_px=None, position_effect=None, trigger_price_direction=None)
    if condition is None or condition.kind == "bracket":
        return plain
    return replace(plain, stop_px=never(condition, instrument))


def never(condition: Condition, instrument: Instrument) -> Decimal:
    """A stop price the exchange's own trigger does not reach."""
    return instrument.min_price_increment if condition.side is Side.SELL else condition.trigger * _NEVER


def fired(condition: Condition, report: ExecutionReport, instrument: Instrument, last: Decimal) -> ReplaceOrder:
    """What makes the order an ordinary one, now that its trigger is reached."""
    price, stop_px = report.price, None
    if condition.kind == "bracket":
        price = beyond(condition, instrument)
    else:
        stop_px = last
    return ReplaceOrder(
        symbol=report.symbol,
        side=condition.side,
        ord_type=report.ord_type or OrdType.LIMIT,
        order_id=report.order_id,
        orig_cl_ord_id=report.cl_ord_id,
        cl_ord_id=report.cl_ord_id,
        order_qty=report.order_qty,
        price=price,
        stop_px=stop_px,
        account=condition.account,
    )


def beyond(condition: Condition, instrument: Instrument) -> Decimal:
    """The limit of a bracket's stop leg, on a tick."""
    factor = 1 - _BEYOND if condition.side is Side.SELL else 1 + _BEYOND
    tick = instrument.min_price_increment
    return max(condition.trigger * factor // tick * tick, tick)


def attached_order(attachment: Attachment, filled: Decimal) -> NewOrder:
    """The bracket for what was filled."""
    return NewOrder(
        symbol=attachment.symbol,
        side=attachment.closing,
        ord_type=OrdType.LIMIT,
        time_in_force=TimeInForce.GOOD_TILL_CANCEL,
        order_qty=filled,
        price=attachment.profit,
        stop_loss_px=attachment.loss,
        position_effect=PositionEffect.CLOSE,
        account=attachment.account,
    )


def changed(condition: Condition, command: ReplaceOrder) -> None:
    """The order was edited."""
    if command.stop_px is not None:
        condition.trigger = Decimal(command.stop_px)
    if condition.profit is not None and command.price is not None:
        condition.profit = Decimal(command.price)
