"""Reconciliation: the venue's list of working orders, held against ours."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from venuewire.model.orders import ExecutionReport
from venuewire.model.session import MassStatus
from venuewire.model.terms import Nanos, OrdStatus
from venuewire.orders.blotter import Blotter, Order


def reconcile(
    blotter: Blotter,
    mass_status: MassStatus,
    now: Nanos,
    *,
    asked: Nanos | None = None,
    noted: Callable[[ExecutionReport], None] | None = None,
) -> tuple[list[ExecutionReport], list[Order]]:
    """Bring the blotter to where the venue says its orders stand: what was news in that, and what was missing.

    Orders that we think open and the venue does not list have ended, but how is not known, and is not guessed: ask the
    venue for each, or mark it `in_doubt`. An order whose own answer is still awaited is not among them; nor is one that
    changed after `asked`, when the list was asked for: it may have come into being behind the list. `noted` is called
    with each report of the list that was news, as it went into the blotter.
    """
    news: list[ExecutionReport] = []
    listed: set[Order] = set()
    for report in mass_status.reports:
        recovered = replace(report, historical=True, recv_time=report.recv_time or now)
        merged = blotter.apply(recovered)
        if merged is not None:
            if noted is not None:
                noted(recovered)
            news.append(merged[1])
        order = blotter.find(report.cl_ord_id, report.order_id)
        if order is not None:
            listed.add(order)
    missing = [
        order
        for order in blotter.open_orders()
        if order not in listed
        and order.status is not OrdStatus.PENDING_NEW
        and (asked is None or order.updated < asked)
    ]
    return news, missing
