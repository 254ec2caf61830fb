"""What has happened at the exchange, as it keeps it until somebody reads it: in integers. Pure.

A note becomes the events it stands for when they are asked for, and then once: they cost more than everything else that
is done for an order. Notes hold on to what does not change any more, never to an order, an account or a book.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeAlias

from msgspec import Struct

from venuewire.model.account import Balance, Position
from venuewire.model.market import BookUpdate, LevelRow, Quote, Trade, given
from venuewire.model.orders import CancelReject, ExecutionReport, NewOrder
from venuewire.model.terms import ExecType, LiquidityInd, Nanos, OrdRejReason, OrdStatus, OrdType, Side, TimeInForce
from venuewire.sandbox.engine import Top
from venuewire.sandbox.listing import Listing, average, exact

# Looking a member up in its enumeration costs more than the comparison it is looked up for.
_NEW: Final = OrdStatus.NEW
_PARTIALLY_FILLED: Final = OrdStatus.PARTIALLY_FILLED


class Terms(Struct, frozen=True, gc=False):
    """An order as it was asked. What a replacement changes makes a new object, so that what was told before stays as it
    was told; a step of the order holds on to these and not to the order, which has moved on."""

    account: str
    listing: Listing
    order_id: str
    """As it is told."""
    cl_ord_id: str
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce
    qty: int | None
    """Total quantity; None of an order sized in money that is spent at once."""
    price: int | None
    stop_px: int | None
    expire_time: Nanos | None = None
    post_only: bool = False
    cash_order_qty: Decimal | None = None


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


class Step(Struct, gc=False):
    """What has just happened to an order, and where it stood then."""

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
        terms, deal = self.terms, self.deal
        listing = terms.listing
        price_scale, qty_scale = listing.price_scale, listing.qty_scale
        return ExecutionReport(
            symbol=listing.symbol,
            exec_type=self.exec_type,
            order_id=terms.order_id,
            cl_ord_id=terms.cl_ord_id,
            orig_cl_ord_id=self.orig_cl_ord_id,
            orig_order_id=self.orig_order_id,
            side=terms.side,
            ord_status=self.status,
            ord_type=terms.ord_type,
            time_in_force=terms.time_in_force,
            order_qty=_told(terms.qty, qty_scale),
            cash_order_qty=terms.cash_order_qty,
            price=_told(terms.price, price_scale),
            stop_px=_told(terms.stop_px, price_scale),
            post_only=terms.post_only,
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
            account=terms.account,
            transact_time=self.now,
            ref=self.ref,
        )


def _told(value: int | None, scale: int) -> Decimal | None:
    return None if value is None else exact(value, scale)


class BookMoved(Struct, gc=False):
    """What a command did to a book: an update, and a quote if the top moved, made when they are read."""

    listing: Listing
    rows: list[LevelRow]
    top: Top | None
    """Where it has moved."""
    last: int | None
    now: Nanos

    @property
    def account(self) -> None:
        """Everybody's."""

    def events(self) -> list[BookUpdate | Quote]:
        listing = self.listing
        update = BookUpdate(
            symbol=listing.symbol,
            body=b"",
            read=given(_merged(self.rows)),
            price_scale=listing.price_scale,
            size_scale=listing.qty_scale,
            transact_time=self.now,
        )
        return [update] if self.top is None else [update, told_quote(listing, self.top, self.last, self.now)]


Money: TypeAlias = tuple[str, int, int, int]
"""(currency, total, available, their scale)"""


class Funds(Struct, gc=False):
    """What an account has after a fill; three events, made when they are read."""

    account: str
    listing: Listing
    qty: int
    cost: int
    money: tuple[Money, ...]
    now: Nanos

    def events(self) -> list[Position | Balance]:
        """The position, then each currency."""
        return [
            told_position(self.account, self.listing, self.qty, self.cost, self.now),
            *(told_balance(self.account, money, self.now) for money in self.money),
        ]


def told_balance(account: str, money: Money, now: Nanos) -> Balance:
    """An amount of one currency, for people."""
    currency, total, available, scale = money
    return Balance(
        currency=currency,
        total=exact(total, scale),
        available=exact(available, scale),
        account=account,
        recv_time=now,
    )


def told_position(account: str, listing: Listing, qty: int, cost: int, now: Nanos) -> Position:
    """What is held of one instrument, for people."""
    return Position(
        symbol=listing.symbol,
        qty=exact(qty, listing.qty_scale),
        avg_px=average(cost, qty, listing.price_scale),
        account=account,
        recv_time=now,
    )


class RefusedOrder(Struct, gc=False):
    """A new order that did not reach the book."""

    account: str
    command: NewOrder
    reason: OrdRejReason
    text: str
    now: Nanos
    ref: str | None
    made: ExecutionReport | None = None

    def event(self) -> ExecutionReport:
        """The report; the same object each time."""
        if self.made is None:
            self.made = self._report()
        return self.made

    def events(self) -> tuple[ExecutionReport]:
        return (self.event(),)

    def _report(self) -> ExecutionReport:
        command = self.command
        return ExecutionReport(
            symbol=command.symbol,
            exec_type=ExecType.REJECTED,
            cl_ord_id=command.cl_ord_id,
            side=command.side,
            ord_status=OrdStatus.REJECTED,
            ord_type=command.ord_type,
            time_in_force=command.time_in_force,
            order_qty=_given(command.order_qty),
            cash_order_qty=_given(command.cash_order_qty),
            price=_given(command.price),
            stop_px=_given(command.stop_px),
            post_only=command.post_only,
            expire_time=command.expire_time,
            cum_qty=Decimal(0),
            leaves_qty=Decimal(0),
            ord_rej_reason=self.reason,
            text=self.text,
            account=self.account,
            transact_time=self.now,
            ref=self.ref,
        )


class RefusedChange(Struct, gc=False):
    """A cancel or a replacement that was turned away."""

    account: str
    made: CancelReject

    def event(self) -> CancelReject:
        return self.made

    def events(self) -> tuple[CancelReject]:
        return (self.made,)


OrderNote: TypeAlias = Step | RefusedOrder | RefusedChange
Note: TypeAlias = OrderNote | Deal | BookMoved | Funds
"""What has happened, as the exchange keeps it until somebody reads it."""


def _open_qty(status: OrdStatus, qty: int | None, cum: int) -> int | None:
    """Quantity that may still be filled; unknown of an order sized in money until it is done."""
    if status is _NEW or status is _PARTIALLY_FILLED:
        return None if qty is None else qty - cum
    return 0


def told_quote(listing: Listing, top: Top, last: int | None, now: Nanos) -> Quote:
    """Best bid and ask and the last price, for people."""
    bid, bid_size, ask, ask_size = top
    return Quote(
        symbol=listing.symbol,
        bid=None if bid is None else exact(bid, listing.price_scale),
        ask=None if ask is None else exact(ask, listing.price_scale),
        bid_size=None if bid is None else exact(bid_size, listing.qty_scale),
        ask_size=None if ask is None else exact(ask_size, listing.qty_scale),
        last_px=None if last is None else exact(last, listing.price_scale),
        transact_time=now,
    )


def _merged(rows: list[LevelRow]) -> list[LevelRow]:
    """Each price once, with its last size."""
    if len(rows) == 1:
        return rows
    last = {(what, price): size for what, price, size in rows}
    return [(what, price, size) for (what, price), size in last.items()]


def _given(value: Decimal | str | int | None) -> Decimal | None:
    """A number of a command, which has become a Decimal when the command was made."""
    return None if value is None else Decimal(value)
