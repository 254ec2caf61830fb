"""Orders as they stand: merged from whatever the venue says, in whatever order it says it, and never guessed."""

from __future__ import annotations

from venuewire.orders.blotter import Blotter
from venuewire.orders.order import Fill, Order
from venuewire.orders.reconcile import reconcile

__all__ = ["Blotter", "Fill", "Order", "reconcile"]
