"""One order as the exchange remembers it, and what is told of it. Pure.

A `Step` is what has just happened to an order, in the exchange's integers. It becomes an `ExecutionReport` when
somebody reads it: a report costs more than everything else the exchange does for an order.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct

from venuewire.model.market import Trade
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
from venuewire.sandbox.engine import REST, Order

if TYPE_CHECKING:
    from venuewire.sandbox.port import AccountPort

# Looking a member up in its enumeration costs more than the rest of what is done with it here.
_BUY = Side.BUY
_NEW, _PARTIALLY_FILLED, _FILLED = OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED, OrdStatus.FILLED


class Terms(Struct, frozen=True, gc=False):
    """What a replacement may change: a new object then, so that what was told before stays as it was told."""

    cl_ord_id: str
    qty: int | None
    """Total quantity; None of an order sized in money that is spent at once."""
    price: int | None
    stop_px: int | None
    time_in_force: TimeInForce
    expire_time: Nanos | None = None


class Ticket(Order):
    """An order's terms as they were asked, how far it has come, and what it reserves."""

    __slots__ = (
        "cash_order_qty",
        "cum",
        "former_ids",
        "hold_currency",
        "hold_unit",
        "listing",
        "notional",
        "ord_type",
        "port",
        "side",
        "status",
        "terms",
        "text",
        "time",
        "told_id",
    )

    def __init__(
        self,
        port: AccountPort,
        listing: Listing,
        order_id: int,
        ord_type: OrdType,
        terms: Terms,
        side: Side,
        life: int = REST,
        budget: int | None = None,
        expire: Nanos | None = None,
        *,
        post_only: bool = False,
        cash_order_qty: Decimal | None = None,
    ) -> None:
        Order.__init__(
            self,
            order_id,
            port.account,
            terms.qty or 0,
            terms.price,
            life,
            terms.stop_px,
            budget,
            expire,
            is_buy=side is _BUY,
            post_only=post_only,
        )
        self.port = port
        self.listing = listing
        self.side = side
        self.told_id = str(order_id)
        """The order id as it is told."""
        self.ord_type = ord_type
        self.terms = terms
        self.cash_order_qty = cash_order_qty
        self.former_ids: tuple[str, ...] = ()
        """Our ids it went by before it was replaced."""
        self.cum = 0
        self.notional = 0
        self.status = _NEW
        self.hold_currency = ""
        self.hold_unit = 0
        """Reserved for each unit of quantity that is left."""
        self.text = ""
        self.time: Nanos = 0
        """Of the last step."""

    @property
    def working(self) -> bool:
        return self.status is _NEW or self.status is _PARTIALLY_FILLED

    @property
    def held(self) -> int:
        """What it reserves now, in the finest unit of `hold_currency`."""
        return self.hold_unit * (_open_qty(self.status, self.terms.qty, self.cum) or 0)

    def filled(self, qty: int, price: int, *, complete: bool) -> None:
        """Count a fill."""
        self.cum += qty
        self.notional += qty * price
        self.status = _FILLED if complete else _PARTIALLY_FILLED


def _open_qty(status: OrdStatus, qty: int | None, cum: int) -> int | None:
    """Quantity that may still be filled; unknown of an order sized in money until it is done."""
    if status is _NEW or status is _PARTIALLY_FILLED:
        return None if qty is None else qty - cum
    return 0


class Deal(Struct, gc=False):
    """Who met whom, as the public is told: a `Trade`, once somebody reads it."""

    listing: Listing
    number: int
    price: int
    qty: int
    is_buy: bool
    """Did the buyer come to the seller?"""
    now: Nanos
    made: Trade | None = None

    @property
    def account(self) -> None:
        """Everybody's."""

    def event(self) -> Trade:
        """The same object each time."""
        if self.made is None:
            self.made = Trade(
                symbol=self.listing.symbol,
                trade_id=str(self.number),
                price=exact(self.price, self.listing.price_scale),
                size=exact(self.qty, self.listing.qty_scale),
                aggressor_side=Side.BUY if self.is_buy else Side.SELL,
                transact_time=self.now,
            )
        return self.made

    def events(self) -> tuple[Trade]:
        return (self.event(),)


class Step(Struct):
    """What has just happened to an order, and where it stood then."""

    ticket: Ticket
    terms: Terms
    exec_type: ExecType
    now: Nanos
    status: OrdStatus
    cum: int
    notional: int
    ref: str | None = None
    deal: Deal | None = None
    """The fill, where this is one."""
    liquidity: LiquidityInd | None = None
    reason: OrdRejReason | None = None
    text: str = ""
    orig_cl_ord_id: str = ""
    orig_order_id: str = ""
    made: ExecutionReport | None = None

    def events(self) -> tuple[ExecutionReport]:
        return (self.event(),)

    def event(self) -> ExecutionReport:
        """The report; the same object each time."""
        if self.made is None:
            self.made = self._report()
        return self.made

    def _report(self) -> ExecutionReport:
        ticket, terms, deal = self.ticket, self.terms, self.deal
        listing = ticket.listing
        price_scale, qty_scale = listing.price_scale, listing.qty_scale
        return ExecutionReport(
            symbol=listing.symbol,
            exec_type=self.exec_type,
            order_id=ticket.told_id,
            cl_ord_id=terms.cl_ord_id,
            orig_cl_ord_id=self.orig_cl_ord_id,
            orig_order_id=self.orig_order_id,
            side=ticket.side,
            ord_status=self.status,
            ord_type=ticket.ord_type,
            time_in_force=terms.time_in_force,
            order_qty=_told(terms.qty, qty_scale),
            cash_order_qty=ticket.cash_order_qty,
            price=_told(terms.price, price_scale),
            stop_px=_told(terms.stop_px, price_scale),
            post_only=ticket.post_only,
            expire_time=terms.expire_time,
            exec_id="" if deal is None else str(deal.number),
            last_qty=None if deal is None else exact(deal.qty, qty_scale),
            last_px=None if deal is None else exact(deal.price, price_scale),
            cum_qty=exact(self.cum, qty_scale),
            leaves_qty=_told(_open_qty(self.status, terms.qty, self.cum), qty_scale),
            avg_px=average(self.notional, self.cum, price_scale),
            last_liquidity_ind=self.liquidity,
            ord_rej_reason=self.reason,
            text=self.text,
            account=ticket.port.account,
            transact_time=self.now,
            ref=self.ref,
        )


def _told(value: int | None, scale: int) -> Decimal | None:
    return None if value is None else exact(value, scale)


def status(ticket: Ticket) -> ExecutionReport:
    """Where an order stands, as nothing new."""
    told = ExecType.ORDER_STATUS
    step = Step(ticket, ticket.terms, told, ticket.time, ticket.status, ticket.cum, ticket.notional, text=ticket.text)
    return step.event()
