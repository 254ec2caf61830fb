"""Whose money: positions and balances."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, field

from venuewire.model.terms import Nanos


class Position(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """FIX PositionReport (AP): what is held of one instrument, or of one position where they are kept apart."""

    symbol: str
    qty: Decimal
    """In units; negative is short; zero means it is gone."""
    avg_px: Decimal | None = None
    position_id: str = ""
    account: str = ""
    recv_time: Nanos = 0
    ref: str | None = None


class Balance(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """FIX CollateralReport (BA): money, or coins, in one currency."""

    currency: str
    total: Decimal
    available: Decimal
    """What a new order may use."""
    account: str = ""
    recv_time: Nanos = 0
    ref: str | None = None


class AccountSummary(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """An account as a whole, as far as the venue tells it; None is what it does not."""

    currency: str = ""
    equity: Decimal | None = None
    """What everything in it is worth, open positions included."""
    available: Decimal | None = None
    """What new orders may use: buying power, free margin."""
    initial_margin: Decimal | None = None
    """What positions (and orders, where the venue counts them) bind."""
    maintenance_margin: Decimal | None = None
    """Below this the venue begins to close positions."""
    unrealized_pnl: Decimal | None = None
    figures: dict[str, Decimal | str] = field(default_factory=dict[str, Decimal | str])
    """The venue's other figures, by the venue's own names."""
    account: str = ""
    recv_time: Nanos = 0
    ref: str | None = None
