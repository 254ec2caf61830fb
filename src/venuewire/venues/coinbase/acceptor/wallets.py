"""Wallets of the sandbox's Coinbase; pure.

USD and USDC share books but not wallets (guide "WebSocket", unified books). The exchange knows only the books in USD
and settles them in USD: what was traded for an alias in USDC is moved from the one wallet to the other here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from msgspec.structs import replace

from venuewire.model.account import Balance
from venuewire.model.orders import ExecutionReport, NewOrder
from venuewire.model.terms import Side

SETTLED, ALIAS = "USD", "USDC"
_ZERO = Decimal(0)


def gained(fills: Iterable[ExecutionReport]) -> Decimal:
    """Money that these fills brought in (below zero: cost)."""
    total = _ZERO
    for fill in fills:
        value = (fill.last_px or _ZERO) * (fill.last_qty or _ZERO)
        total += value if fill.side is Side.SELL else -value
    return total


def reserved(working: Iterable[ExecutionReport]) -> Decimal:
    """Money that these buys set aside."""
    return sum(
        ((order.price or _ZERO) * (order.leaves_qty or _ZERO) for order in working if order.side is Side.BUY), _ZERO
    )


def moved(balances: Sequence[Balance], gain: Decimal, hold: Decimal) -> list[Balance]:
    """Balances with `gain` and `hold` of orders for aliases taken out of the USD wallet and put into that of USDC."""
    result: list[Balance] = []
    for balance in balances:
        sign = {SETTLED: -1, ALIAS: 1}.get(balance.currency, 0)
        result.append(
            replace(balance, total=balance.total + sign * gain, available=balance.available + sign * (gain - hold))
            if sign
            else balance
        )
    return result


def cost(order: NewOrder, best_ask: Decimal | None) -> Decimal:
    """Money that a buy needs at the most, as far as it can be told before."""
    if order.side is not Side.BUY:
        return _ZERO
    if order.cash_order_qty is not None:
        return Decimal(order.cash_order_qty)
    price = Decimal(order.price) if order.price is not None else best_ask or _ZERO
    return price * Decimal(order.order_qty or 0)
