"""Whose money: positions and balances."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

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
