"""Protective orders of the far end: the stop loss and take profit of one position, carried by one order. Pure.

The server makes it (order type 4) when a position with levels opens, changes it with the position, and cancels it when
the position is closed otherwise. A stop loss or take profit of a buy looks at the bid, of a sell at the ask; trigger
methods 2 and 4 turn the stop loss to the other price, 3 and 4 wait for a second tick in a row. What is reached is
filled at the market. A trailing stop keeps the distance it was set with and only ever follows (sheet, order and
position life).
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from venuewire.model.terms import EXACT
from venuewire.venues.ctrader.positions import Holding, as_price, plain
from venuewire.venues.ctrader.wire import model, words

FIRST_ID = 6_000_001
"""Far from the exchange's own numbers."""
_RELATIVE_SCALE = 5
_OPPOSITE = frozenset({words.OrderTriggerMethod.OPPOSITE, words.OrderTriggerMethod.DOUBLE_OPPOSITE})
_DOUBLE = frozenset({words.OrderTriggerMethod.DOUBLE_TRADE, words.OrderTriggerMethod.DOUBLE_OPPOSITE})


class Levels(Struct, frozen=True, kw_only=True):
    """What an order asks for the position it will open: distances of 1/100000 from the price of its fill."""

    relative_stop_loss: int | None = None
    relative_take_profit: int | None = None
    is_trailing: bool = False
    is_guaranteed: bool = False

    def __bool__(self) -> bool:
        return self.relative_stop_loss is not None or self.relative_take_profit is not None

    def stop_loss(self, entry: Decimal, *, is_buy: bool) -> Decimal | None:
        """The price the stop loss stands at."""
        return _away(entry, self.relative_stop_loss, up=not is_buy)

    def take_profit(self, entry: Decimal, *, is_buy: bool) -> Decimal | None:
        """The price the take profit stands at."""
        return _away(entry, self.relative_take_profit, up=is_buy)


def _away(entry: Decimal, distance: int | None, *, up: bool) -> Decimal | None:
    if distance is None:
        return None
    gap = Decimal(distance).scaleb(-_RELATIVE_SCALE)
    return EXACT.add(entry, gap) if up else EXACT.subtract(entry, gap)


class ProtectiveOrder:
    """The protective order of one position."""

    __slots__ = (
        "closed_at",
        "distance",
        "executed",
        "execution_price",
        "hits",
        "holding",
        "is_guaranteed",
        "is_trailing",
        "method",
        "number",
        "opened_at",
        "status",
        "stop_loss",
        "take_profit",
        "updated_at",
        "volume",
    )

    def __init__(self, number: int, holding: Holding, opened_at: int) -> None:
        self.number = number
        self.holding = holding
        self.volume = holding.volume
        self.stop_loss: Decimal | None = None
        self.take_profit: Decimal | None = None
        self.is_trailing = False
        self.is_guaranteed = False
        """The stop loss is filled at its price."""
        self.distance: Decimal | None = None
        """Between the market and a trailing stop."""
        self.method: int = words.OrderTriggerMethod.TRADE.value
        self.opened_at = self.updated_at = opened_at
        self.closed_at: int | None = None
        self.status: int = words.OrderStatus.ACCEPTED.value
        self.executed = 0
        self.execution_price: Decimal | None = None
        self.hits = 0
        """Ticks in a row at or beyond the stop loss."""

    def set(
        self, stop_loss: Decimal | None, take_profit: Decimal | None, *, is_trailing: bool, market: Decimal
    ) -> None:
        """New levels; `market` is the price the position would be closed at."""
        self.stop_loss, self.take_profit = stop_loss, take_profit
        self.is_trailing = is_trailing and stop_loss is not None
        self.distance = abs(market - stop_loss) if self.is_trailing and stop_loss is not None else None
        self.hits = 0

    def is_reached(self, bid: Decimal | None, ask: Decimal | None) -> bool:
        """Has this quote reached one of the levels? Each quote is to be shown once."""
        is_buy = self.holding.is_buy
        usual, other = (bid, ask) if is_buy else (ask, bid)
        looked_at = other if self.method in _OPPOSITE else usual
        self.hits = self.hits + 1 if _beyond(looked_at, self.stop_loss, up=not is_buy) else 0
        return self.hits > (self.method in _DOUBLE) or _beyond(usual, self.take_profit, up=is_buy)

    @property
    def fixed_price(self) -> Decimal | None:
        """What a guaranteed stop loss that has just been reached is filled at."""
        return self.stop_loss if self.is_guaranteed and self.hits else None

    def is_worse(self, stop_loss: Decimal | None) -> bool:
        """Would this stop loss risk more?"""
        if self.stop_loss is None:
            return False
        if stop_loss is None:
            return True
        return stop_loss < self.stop_loss if self.holding.is_buy else stop_loss > self.stop_loss

    def follow(self, bid: Decimal | None, ask: Decimal | None) -> bool:
        """Move a trailing stop after the market; did it move?"""
        market = bid if self.holding.is_buy else ask
        if self.distance is None or self.stop_loss is None or market is None:
            return False
        wanted = market - self.distance if self.holding.is_buy else market + self.distance
        is_better = wanted > self.stop_loss if self.holding.is_buy else wanted < self.stop_loss
        if is_better:
            self.stop_loss = wanted
        return is_better

    def end(self, status: words.OrderStatus, time: int) -> None:
        """Filled, or cancelled with its position."""
        self.status, self.updated_at = status.value, time
        self.closed_at = time

    def record(self, symbol_unit: str) -> model.Order:
        """As 2126, 2125 and the lists tell it."""
        holding = self.holding
        side = words.TradeSide.SELL if holding.is_buy else words.TradeSide.BUY
        return model.Order(
            order_id=self.number,
            trade_data=model.TradeData(
                symbol_id=holding.symbol_id,
                volume=self.volume,
                trade_side=side.value,
                open_timestamp=self.opened_at,
                label=holding.label,
                guaranteed_stop_loss=self.is_guaranteed,
                comment=holding.comment,
                measurement_units=symbol_unit,
                close_timestamp=self.closed_at,
            ),
            order_type=words.OrderType.STOP_LOSS_TAKE_PROFIT.value,
            order_status=self.status,
            execution_price=None if self.execution_price is None else plain(self.execution_price),
            executed_volume=self.executed,
            utc_last_update_timestamp=self.updated_at,
            closing_order=True,
            limit_price=None if self.take_profit is None else plain(self.take_profit),
            stop_price=None if self.stop_loss is None else plain(self.stop_loss),
            client_order_id=f"protection-{self.number}",
            time_in_force=words.TimeInForce.GOOD_TILL_CANCEL.value,
            position_id=holding.position_id,
            trailing_stop_loss=self.is_trailing,
            stop_trigger_method=self.method,
        )


def _beyond(price: Decimal | None, level: Decimal | None, *, up: bool) -> bool:
    if price is None or level is None:
        return False
    return price >= level if up else price <= level


def entry_on_tick(holding: Holding, digits: int) -> Decimal:
    """A position's price as levels are reckoned from: to the symbol's digits."""
    return as_price(holding.entry).quantize(Decimal(1).scaleb(-digits))
