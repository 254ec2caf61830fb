"""Orders of one account at a venue, for tests: short ways to say what happened."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from venuewire.model.orders import ExecutionReport, NewOrder
from venuewire.model.terms import ExecType, OrdStatus, OrdType, Side
from venuewire.orders import Blotter, Order

D = Decimal


def order(cl_ord_id: str = "1", qty: str | None = "10", price: str = "5") -> NewOrder:
    return NewOrder(symbol="S", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty=qty, price=price, cl_ord_id=cl_ord_id)


def placed(cl_ord_id: str = "1", qty: str | None = "10") -> tuple[Blotter, Order]:
    blotter = Blotter()
    return blotter, blotter.place(order(cl_ord_id, qty), 100)


def report(exec_type: ExecType, **fields: Any) -> ExecutionReport:
    """A report; numbers may be given as text."""
    for name in ("last_qty", "last_px", "cum_qty", "avg_px", "order_qty", "price", "commission", "cum_commission"):
        if fields.get(name) is not None:
            fields[name] = D(fields[name])
    return ExecutionReport(**{"symbol": "S", "exec_type": exec_type, **fields})


def new(**fields: Any) -> ExecutionReport:
    return report(ExecType.NEW, **{"order_id": "x", "cl_ord_id": "1", "ord_status": OrdStatus.NEW, **fields})


def named(exec_id: str, qty: str, px: str, **fields: Any) -> ExecutionReport:
    """A fill with a name, as a stream of trades tells it: no totals, no status."""
    return report(ExecType.TRADE, **{"order_id": "x", "exec_id": exec_id, "last_qty": qty, "last_px": px, **fields})


def total(cum: str, avg: str | None = None, status: OrdStatus | None = None, **fields: Any) -> ExecutionReport:
    """What an order stream tells: only how much is filled by now."""
    told = {"order_id": "x", "cum_qty": cum, "avg_px": avg, "ord_status": status, **fields}
    return report(ExecType.TRADE, **told)


def ended(status: OrdStatus, **fields: Any) -> ExecutionReport:
    exec_type = ExecType.TRADE if status is OrdStatus.FILLED else ExecType[status.name]
    return report(exec_type, **{"order_id": "x", "ord_status": status, **fields})


def replaced(old: str, new_id: str, **fields: Any) -> ExecutionReport:
    """A replacement that gave a new id."""
    told = {"orig_order_id": old, "order_id": new_id, "ord_status": OrdStatus.NEW, **fields}
    return report(ExecType.REPLACED, **told)


def is_now(it: Order, status: OrdStatus) -> bool:
    return it.status is status
