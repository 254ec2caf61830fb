"""The account of US futures of somebody who holds none, over both transports; pure.

Pages: WebSocket "Channels" (Futures Balance Summary), REST "Get Futures Balance Summary". The sandbox trades no
futures: what is true of such an account is its money.
"""

from __future__ import annotations

from collections.abc import Sequence

from venuewire.model.account import Balance
from venuewire.venues.coinbase.texts import plain, words
from venuewire.venues.coinbase.wire import rest, stream

_CURRENCY = "USD"
_AMOUNTS = (
    "futures_buying_power",
    "total_usd_balance",
    "cbi_usd_balance",
    "cfm_usd_balance",
    "total_open_orders_hold_amount",
    "unrealized_pnl",
    "daily_realized_pnl",
    "initial_margin",
    "available_margin",
    "liquidation_threshold",
    "liquidation_buffer_amount",
)


def _window(kind: str) -> stream.MarginWindow:
    return stream.MarginWindow(
        margin_window_type=f"FCM_MARGIN_WINDOW_TYPE_{kind}",
        margin_level="MARGIN_LEVEL_TYPE_BASE",
        initial_margin="0",
        maintenance_margin="0",
        liquidation_buffer_percentage="0",
        total_hold="0",
        futures_buying_power="0",
    )


def summary(balances: Sequence[Balance]) -> stream.BalanceSummary:
    """As the stream tells it: the money is in the spot wallet, and none of it in futures."""
    wallet = next((balance for balance in balances if balance.currency == _CURRENCY), None)
    total = plain(wallet.total) if wallet else "0"
    hold = plain(wallet.total - wallet.available) if wallet else "0"
    return stream.BalanceSummary(
        futures_buying_power="0",
        total_usd_balance=total,
        cbi_usd_balance=total,
        cfm_usd_balance="0",
        total_open_orders_hold_amount=hold,
        unrealized_pnl="0",
        daily_realized_pnl="0",
        initial_margin="0",
        available_margin="0",
        liquidation_threshold="0",
        liquidation_buffer_amount="0",
        liquidation_buffer_percentage="0",
        intraday_margin_window_measure=_window("INTRADAY"),
        overnight_margin_window_measure=_window("OVERNIGHT"),
    )


def over_rest(told: stream.BalanceSummary) -> rest.CfmBalance:
    """The same over REST, where amounts have their currency."""
    return rest.CfmBalance(
        **{name: rest.Amount(words(getattr(told, name)), _CURRENCY) for name in _AMOUNTS},
        liquidation_buffer_percentage=told.liquidation_buffer_percentage,
        intraday_margin_window_measure=told.intraday_margin_window_measure,
        overnight_margin_window_measure=told.overnight_margin_window_measure,
    )
