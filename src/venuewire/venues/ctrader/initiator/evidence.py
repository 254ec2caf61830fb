"""What became of the account's orders while we were away, gathered from the venue's lists. Pure.

The list of pending orders (2125) does not say how the others ended. So the orders that changed since we last heard
(2175) and the deals since then (2133) are asked for as well; together they make one `MassStatus`, in which every fill
is named by its deal before its order's standing. Rows may come in any order and more than once: they are kept by id.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from venuewire.model.instrument import Instrument
from venuewire.model.orders import ExecutionReport
from venuewire.model.terms import NANOS_PER_MILLI, NANOS_PER_SECOND, ExecType, Nanos
from venuewire.venues.ctrader import translate
from venuewire.venues.ctrader.wire import model

FIRST_LOOK: Nanos = 24 * 3600 * NANOS_PER_SECOND
"""How far back the first life of a line looks."""
LONGEST_LOOK: Nanos = 6 * FIRST_LOOK
"""The venue lists at most a week."""
SLACK: Nanos = 60 * NANOS_PER_SECOND
"""Our clock and the venue's need not agree."""


class Evidence:
    """Orders and deals of one request for a mass status."""

    def __init__(self, since: Nanos, now: Nanos) -> None:
        self.start = max(since, 0) // NANOS_PER_MILLI
        self.end = (now + SLACK) // NANOS_PER_MILLI
        self._from, self._to = self.start, self.end
        self.has_pending = False
        self._working: dict[int, model.Order] = {}
        self._ended: dict[int, model.Order] = {}
        self._deals: dict[int, model.Deal] = {}

    def pending(self, orders: tuple[model.Order, ...]) -> None:
        """2125."""
        self.has_pending = True
        self._working = {order.order_id: order for order in orders}

    def listed(self, orders: tuple[model.Order, ...]) -> bool:
        """2176; is there anything new in it?"""
        before = len(self._ended)
        self._ended.update((order.order_id, order) for order in orders)
        return self._narrow([order.utc_last_update_timestamp for order in orders]) and len(self._ended) > before

    def dealt(self, deals: tuple[model.Deal, ...]) -> bool:
        """2134; is there anything new in it?"""
        before = len(self._deals)
        self._deals.update((deal.deal_id, deal) for deal in deals)
        return self._narrow([deal.execution_timestamp for deal in deals]) and len(self._deals) > before

    def window(self) -> tuple[int, int]:
        """(from, to) of the next page."""
        return self._from, self._to

    def begin_list(self) -> None:
        """The next list is asked for from its beginning."""
        self._from, self._to = self.start, self.end

    def _narrow(self, times: list[int | None]) -> bool:
        """Whichever way the rows run, the next page is on their far side."""
        known = [time for time in times if time is not None]
        if not known:
            return False
        if known[0] <= known[-1]:
            self._from = max(known)
        else:
            self._to = min(known)
        return self._from <= self._to

    def reports(self, account: str, instruments: Mapping[str, Instrument], now: Nanos) -> list[ExecutionReport]:
        """Fills, then where each order stands; those that are over first."""
        told: list[ExecutionReport] = []
        deals = sorted(self._deals.values(), key=lambda deal: (deal.execution_timestamp or 0, deal.deal_id))
        # What the pending list says of an order is older than what the list of changes says.
        for order_id, order in {**self._working, **self._ended}.items():
            standing = translate.order_status(order, account, instruments, now)
            told += [_fill(standing, deal) for deal in deals if deal.order_id == order_id]
            told.append(standing)
        return told


def _fill(standing: ExecutionReport, deal: model.Deal) -> ExecutionReport:
    """A deal as a fill of its order: how far the order had come by then is not said."""
    bare = replace(standing, exec_type=ExecType.TRADE, ord_status=None, cum_qty=None, leaves_qty=None, avg_px=None)
    return translate.with_fill(bare, deal)
