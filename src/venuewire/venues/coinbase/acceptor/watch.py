"""What the sandbox's Coinbase watches the market for: bars, and orders that wait for a price.

It looks at every trade and report of the exchange, whoever is connected, and before and after each request over REST.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from venuewire.model.market import Trade
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, NewOrder
from venuewire.model.terms import ExecType, Nanos, OrdStatus, OrdType
from venuewire.venue import Exchange
from venuewire.venues.coinbase import conditions
from venuewire.venues.coinbase.acceptor.bars import History
from venuewire.venues.coinbase.conditions import Attachment, Condition

T = TypeVar("T")

_REMEMBERED = 10_000
_ROUNDS = 20
"""Orders that trigger orders that trigger orders: at most so deep in one look."""
_TRADES_KEPT = 1000
"""By the exchange."""
_DONE = frozenset({OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED})


class Watch:
    """All products of one venue."""

    def __init__(
        self,
        exchange: Exchange,
        references: dict[str, str],
        seed: str,
        on_trigger: Callable[[str], None],
        on_placed: Callable[[str, str, Nanos], None],
    ) -> None:
        """`on_trigger` is told of each order whose price came, `on_placed` of each bracket put in place."""
        self._exchange = exchange
        self._references = references
        self._seed = seed
        self._histories: dict[str, History] = {}
        self._last_trade: dict[str, str] = {}
        self._waiting: dict[str, Condition] = {}
        """By order id: not triggered yet."""
        self._conditions: OrderedDict[str, Condition] = OrderedDict()
        self._attachments: dict[str, Attachment] = {}
        """By the id of the order they belong to: not placed yet."""
        self.attached: OrderedDict[str, Attachment] = OrderedDict()
        self.children: OrderedDict[str, str] = OrderedDict()
        """Order -> the bracket that was attached to it, once that is placed."""
        self.parents: OrderedDict[str, str] = OrderedDict()
        """And back."""
        self._on_trigger = on_trigger
        self._on_placed = on_placed

    # ------------------------------------------------------------------ what is asked

    def history(self, symbol: str, now: Nanos) -> History:
        """A product's bars, up to now."""
        self._absorb(symbol, now)
        return self._histories[symbol]

    def condition(self, order_id: str) -> Condition | None:
        """What an order waits for, or has waited for, if the exchange does not know it."""
        return self._conditions.get(order_id)

    # ------------------------------------------------------------------ orders

    def began(self, order: NewOrder, order_id: str, condition: Condition | None, attachment: Attachment | None) -> None:
        """An order with more to it than the exchange knows is at the exchange."""
        if condition is not None:
            self._waiting[order_id] = condition
            remember(self._conditions, order_id, condition)
        if attachment is not None:
            self._attachments[order_id] = attachment
            remember(self.attached, order_id, attachment)

    def attach(self, order_id: str, attachment: Attachment | None) -> None:
        """Another bracket, or none, is attached to an order from now on."""
        if attachment is None:
            self._attachments.pop(order_id, None)
            self.attached.pop(order_id, None)
        else:
            self._attachments[order_id] = attachment
            remember(self.attached, order_id, attachment)

    def look(self, now: Nanos) -> None:
        """Take note of what was traded, and do what that brings about."""
        for _ in range(_ROUNDS):
            moved = [symbol for symbol in self._exchange.instruments if self._look_at(symbol, now)]
            placed = [order_id for order_id in tuple(self._attachments) if self._attach(order_id, now)]
            if not moved and not placed:
                return

    def _look_at(self, symbol: str, now: Nanos) -> bool:
        """True: an order was triggered."""
        trades = self._absorb(symbol, now)
        if not trades or not self._waiting:
            return False
        low, high = min(trade.price for trade in trades), max(trade.price for trade in trades)
        reached = [
            order_id
            for order_id, condition in self._waiting.items()
            if condition.symbol == symbol and condition.reached(low, high)
        ]
        for order_id in reached:
            self._fire(order_id, self._waiting.pop(order_id), trades[-1].price, now)
        return bool(reached)

    def _absorb(self, symbol: str, now: Nanos) -> list[Trade]:
        """The trades since the last look, oldest first."""
        newest = self._exchange.trades(symbol, 1)
        last = self._last_trade.get(symbol)
        history = self._histories.get(symbol)
        if history is not None and (not newest or newest[-1].trade_id == last):
            return []
        trades = self._exchange.trades(symbol, _TRADES_KEPT)
        if history is None:
            history = self._begin(symbol, trades[0].transact_time if trades else now)
        known = next((at for at in range(len(trades) - 1, -1, -1) if trades[at].trade_id == last), -1)
        trades = trades[known + 1 :]
        for trade in trades:
            history.add(trade)
        if trades:
            self._last_trade[symbol] = trades[-1].trade_id
        return trades

    def _begin(self, symbol: str, begins: Nanos) -> History:
        instrument = self._exchange.instruments[symbol]
        history = History(instrument, Decimal(self._references[symbol]), f"{self._seed} {symbol}", begins)
        self._histories[symbol] = history
        return history

    def _fire(self, order_id: str, condition: Condition, last: Decimal, now: Nanos) -> None:
        port = self._exchange.port(condition.account)
        report = port.order(order_id=order_id)
        if report is None or report.ord_status in _DONE:
            return
        condition.triggered = True
        self._on_trigger(order_id)
        command = conditions.fired(condition, report, self._exchange.instruments[condition.symbol], last)
        if any(isinstance(result, CancelReject) for result in port.execute(command, now)):
            self._give_up(report, condition, now)

    def _give_up(self, report: ExecutionReport, condition: Condition, now: Nanos) -> None:
        """The account cannot pay for what was triggered: the order ends."""
        cancel = CancelOrder(
            symbol=report.symbol,
            side=condition.side,
            ord_type=report.ord_type or OrdType.LIMIT,
            order_id=report.order_id,
            orig_cl_ord_id=report.cl_ord_id,
            account=condition.account,
        )
        self._exchange.port(condition.account).execute(cancel, now)

    def _attach(self, order_id: str, now: Nanos) -> bool:
        """True: the bracket of an order that is done was placed."""
        attachment = self._attachments[order_id]
        port = self._exchange.port(attachment.account)
        parent = port.order(order_id=order_id)
        if parent is not None and parent.ord_status not in _DONE:
            return False
        del self._attachments[order_id]
        if parent is None or not parent.cum_qty:
            return False
        order = conditions.attached_order(attachment, parent.cum_qty)
        condition = conditions.condition_of(order, attachment.account)
        instrument = self._exchange.instruments[attachment.symbol]
        report = port.execute(conditions.at_exchange(order, condition, instrument), now)[0]
        if isinstance(report, CancelReject) or report.exec_type is ExecType.REJECTED:
            return False
        self.began(order, report.order_id, condition, None)
        remember(self.children, order_id, report.order_id)
        remember(self.parents, report.order_id, order_id)
        self._on_placed(report.order_id, attachment.product_id, now)
        return True


def remember(kept: OrderedDict[str, T], key: str, value: T) -> None:
    """Keep the newest only."""
    kept[key] = value
    if len(kept) > _REMEMBERED:
        kept.popitem(last=False)
