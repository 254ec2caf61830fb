"""One order as the exchange remembers it, and the reports made of it. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from venuewire.model.orders import ExecutionReport
from venuewire.model.terms import (
    ExecType,
    LiquidityInd,
    Nanos,
    OrdRejReason,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
)
from venuewire.sandbox.accounts import Listing, average, exact
from venuewire.sandbox.engine import Order

if TYPE_CHECKING:
    from venuewire.sandbox.port import AccountPort

WORKING = frozenset({OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED})


class Ticket:
    """An order's terms as they were asked, how far it has come, and what it reserves."""

    __slots__ = (
        "cash_order_qty",
        "cl_ord_id",
        "cum",
        "expire_time",
        "former_ids",
        "hold_currency",
        "hold_unit",
        "listing",
        "notional",
        "ord_type",
        "order",
        "order_id",
        "port",
        "post_only",
        "price",
        "qty",
        "side",
        "status",
        "stop_px",
        "text",
        "time",
        "time_in_force",
    )

    def __init__(
        self,
        port: AccountPort,
        listing: Listing,
        order: Order,
        *,
        side: Side,
        ord_type: OrdType,
        time_in_force: TimeInForce,
        cl_ord_id: str = "",
        cash_order_qty: Decimal | None = None,
        expire_time: Nanos | None = None,
        post_only: bool = False,
    ) -> None:
        self.port = port
        self.listing = listing
        self.order = order
        self.order_id = str(order.order_id)
        self.cl_ord_id = cl_ord_id
        self.former_ids: list[str] = []
        """Our ids it went by before it was replaced."""
        self.side = side
        self.ord_type = ord_type
        self.time_in_force = time_in_force
        self.cash_order_qty = cash_order_qty
        self.expire_time = expire_time
        self.post_only = post_only
        self.qty: int | None = None if order.budget is not None else order.leaves
        """Total quantity; None of an order sized in money that is spent at once."""
        self.price = self._px(order.price)
        self.stop_px = self._px(order.stop_px)
        self.cum = 0
        self.notional = 0
        self.status = OrdStatus.NEW
        self.hold_currency = ""
        self.hold_unit = 0
        """Reserved for each unit of quantity that is left."""
        self.text = ""
        self.time: Nanos = 0
        """Of the last step."""

    def _px(self, price: int | None) -> Decimal | None:
        return None if price is None else exact(price, self.listing.price_scale)

    @property
    def working(self) -> bool:
        return self.status in WORKING

    @property
    def leaves(self) -> int | None:
        """Quantity that may still be filled; unknown of an order sized in money until it is done."""
        if self.status not in WORKING:
            return 0
        return None if self.qty is None else self.qty - self.cum

    @property
    def held(self) -> int:
        """What it reserves now, in the finest unit of `hold_currency`."""
        return self.hold_unit * (self.leaves or 0)

    def retermed(self, qty: int, price: int | None, stop_px: int | None) -> None:
        """New total quantity and prices."""
        self.qty = qty
        self.price = self._px(price)
        self.stop_px = self._px(stop_px)

    def filled(self, qty: int, price: int, *, complete: bool) -> None:
        """Count a fill."""
        self.cum += qty
        self.notional += qty * price
        self.status = OrdStatus.FILLED if complete else OrdStatus.PARTIALLY_FILLED

    def report(
        self,
        exec_type: ExecType,
        now: Nanos,
        *,
        ref: str | None = None,
        reason: OrdRejReason | None = None,
        text: str = "",
        exec_id: str = "",
        last_qty: int | None = None,
        last_px: int | None = None,
        liquidity: LiquidityInd | None = None,
        orig_cl_ord_id: str = "",
        orig_order_id: str = "",
    ) -> ExecutionReport:
        """Where the order stands, and what has just happened to it."""
        listing = self.listing
        qty_scale = listing.qty_scale
        leaves = self.leaves
        return ExecutionReport(
            symbol=listing.symbol,
            exec_type=exec_type,
            order_id=self.order_id,
            cl_ord_id=self.cl_ord_id,
            orig_cl_ord_id=orig_cl_ord_id,
            orig_order_id=orig_order_id,
            side=self.side,
            ord_status=self.status,
            ord_type=self.ord_type,
            time_in_force=self.time_in_force,
            order_qty=None if self.qty is None else exact(self.qty, qty_scale),
            cash_order_qty=self.cash_order_qty,
            price=self.price,
            stop_px=self.stop_px,
            post_only=self.post_only,
            expire_time=self.expire_time,
            exec_id=exec_id,
            last_qty=None if last_qty is None else exact(last_qty, qty_scale),
            last_px=self._px(last_px),
            cum_qty=exact(self.cum, qty_scale),
            leaves_qty=None if leaves is None else exact(leaves, qty_scale),
            avg_px=average(self.notional, self.cum, listing.price_scale),
            last_liquidity_ind=liquidity,
            ord_rej_reason=reason,
            text=text,
            account=self.port.account,
            transact_time=now,
            ref=ref,
        )
