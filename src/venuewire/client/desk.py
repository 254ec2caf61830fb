"""Orders for users: checked before they are sent, tracked until they are done, never guessed."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from venuewire.client.exposure import Exposure
from venuewire.client.limits import LimitCheck, Standing, Top, Wanted
from venuewire.client.live import LiveOrder, OrderNews
from venuewire.client.market import unknown_symbol
from venuewire.client.requests import Requests, Ticket
from venuewire.client.stream import FanOut
from venuewire.errors import (
    ConnectionLost,
    JournalError,
    LocalProtocolError,
    RequestRejected,
    RequestTimedOut,
    VenueError,
)
from venuewire.journal import Intent, Journal, seed
from venuewire.model.account import Position
from venuewire.model.instrument import Instrument
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import Event, Gap, MassStatus, OrderCommand, OrderMassStatusRequest, Unanswered
from venuewire.model.terms import ExecType, Nanos, OrdStatus, OrdType, Side, TimeInForce, decimal, plain
from venuewire.orders.blotter import Blotter, Order
from venuewire.orders.reconcile import reconcile
from venuewire.transport.clock import Clock
from venuewire.venue import Capabilities, Seat, Venue

logger = logging.getLogger("venuewire.client")


class Keeper(Protocol):
    """What a `Desk` tells a guard."""

    def check(self) -> None:
        """Raises `LocalProtocolError` when an order would go out without a guard."""
        ...

    def asked(self, command: OrderCommand) -> None:
        """Before its bytes leave. Raises `LocalProtocolError`."""
        ...

    def told(self, order: Order, report: ExecutionReport) -> None: ...

    def settled(self, command: OrderCommand, cause: str, *, sent: bool) -> None: ...


class Desk:
    """What a client does with orders. With a journal, each command is written down before its bytes leave."""

    def __init__(self, venue: Venue, requests: Requests, seat: Seat, clock: Clock, account: str) -> None:
        self.blotter = Blotter()
        self._venue = venue
        self._capabilities: Capabilities = venue.capabilities
        self._requests = requests
        self._seat = seat
        self._clock = clock
        self._account = account
        self._live: dict[Order, LiveOrder] = {}
        self._journal: Journal | None = None
        self._intents: dict[str, Intent] = {}
        """Commands in the journal whose answer is awaited, by their refs."""
        self._guard: Keeper | None = None
        self._limits: LimitCheck | None = None
        self._exposure: Exposure | None = None
        self._counting = False
        """Fills are news of this run: those that the start recovers are in the venue's word already."""
        self._top_of: Callable[[str], Top] = lambda _: Top(trust=None)
        self._tied: list[LiveOrder] = []
        self._stopped = ""
        """Why no new orders are sent any more; empty while they are."""
        self.on_report: list[Callable[[Order, ExecutionReport], None]] = []
        self.readers: FanOut[OrderNews] = FanOut(clock.now)
        """Who follows all orders at once."""
        self._holes = 0
        self._hole_from: Nanos = 0
        """Since when news may be missing; 0: it is whole."""

    def keep_journal(self, journal: Journal) -> list[LiveOrder]:
        """Take up what a journal holds, and write to it from now on: our orders that are not known to have ended.

        Before anything else is done with the desk. Raises `JournalError`.
        """
        orders = seed(self.blotter, journal.recover(), self._clock.now())
        self._journal = journal
        return [self._track(order) for order in orders]

    def keep_guard(self, guard: Keeper) -> None:
        """Tell a guard of every order; without one that stands ready, nothing is placed or replaced."""
        self._guard = guard

    def keep_limits(self, limits: LimitCheck, top_of: Callable[[str], Top]) -> None:
        """Check every order against these; `top_of` tells what the book of a symbol shows."""
        self._limits, self._top_of, self._exposure = limits, top_of, Exposure()

    def begin(self) -> None:
        """All that was before has been taken up: what is filled from now on counts."""
        self._counting = True

    def holds(self, positions: Iterable[Position]) -> None:
        """The venue's list of all positions."""
        if self._exposure is not None:
            self._exposure.told_all(positions)

    def positioned(self, position: Position) -> None:
        """The venue's word on a position."""
        if self._exposure is not None:
            self._exposure.told(position)

    def tied(self) -> list[LiveOrder]:
        """Orders that the venue cancels when the line ends over which they went."""
        return [live for live in self._tied if not live.order.is_ended]

    def stop(self, why: str) -> None:
        """From now on nothing is placed or replaced; cancels go on."""
        self._stopped = self._stopped or why

    # ------------------------------------------------------------------ commands

    async def place(self, order: NewOrder) -> LiveOrder:
        """Send an order; returns when the venue has answered, or when it is known that no answer came.

        Raises `LocalProtocolError`, `NotLoggedOn` or `JournalError` before anything is sent. A refused order is
        returned with status REJECTED and the venue's words, one without an answer with OUTCOME_UNKNOWN: neither is
        raised.
        """
        self._check_running()
        self.check(order)
        command = msgspec.structs.replace(
            order,
            cl_ord_id=order.cl_ord_id or str(self._seat.unique()),
            account=order.account or self._account,
            ref=order.ref or str(self._seat.unique()),
        )
        if self.blotter.find(cl_ord_id=command.cl_ord_id) is not None:
            raise LocalProtocolError(f"cl_ord_id {command.cl_ord_id} has been used already; take another")
        self._admit_new(command)
        live = self._track(self.blotter.place(command, self._clock.now()))
        if command.cancel_on_disconnect:
            self._tied = [*self.tied(), live]
        try:
            ticket = await self._sent(command)
        except (VenueError, asyncio.CancelledError) as error:
            self.unanswered(_never_sent(command, str(error) or "given up before it was sent"))
            raise
        with suppress(ConnectionLost, RequestTimedOut, RequestRejected):
            await ticket  # `unanswered` or `_settled` has put the order where it stands
        return live

    async def _sent(self, command: OrderCommand) -> Ticket:
        """Write a command down, then send it. Raises as `Requests.submit`, and `JournalError`: then it was not sent."""
        if self._journal is not None:
            await self._intend(self._journal, command)
        try:
            if isinstance(command, (NewOrder, ReplaceOrder)):
                self._check_running()  # it may have been stopped while this was written down
                if self._guard is not None:
                    self._guard.asked(command)
            ticket = self._requests.submit(command)
        except VenueError as error:
            intent = self._intents.pop(command.ref, None)
            if self._journal is not None and intent is not None:
                self._journal.never_sent(intent, str(error))
            raise
        ticket.answer.add_done_callback(lambda answer: self._settled(command, answer))
        return ticket

    async def _intend(self, journal: Journal, command: OrderCommand) -> None:
        session = self._requests.connection_of(command).session
        try:
            self._intents[command.ref] = await journal.intend(command, line=session.line, epoch=session.epoch)
        except JournalError as error:
            if not isinstance(command, (CancelOrder, MassCancel)):
                raise
            # What makes the risk smaller is never held up by a disk.
            logger.warning("a cancel goes out without having been written down: %s", error)

    def _settled(self, command: OrderCommand, answer: asyncio.Future[Event]) -> None:
        """A command has its answer, or its refusal in words; whoever asked may have stopped waiting."""
        error = None if answer.cancelled() else answer.exception()
        refusal = error if isinstance(error, RequestRejected) else None
        if refusal is not None and isinstance(command, NewOrder):
            self.apply(_refused(command, refusal))
        if error is None or refusal is not None:
            intent = self._intents.pop(command.ref, None)
            if self._journal is not None and intent is not None:
                self._journal.answered(intent, "" if refusal is None else refusal.text)

    async def replace(
        self,
        order: LiveOrder,
        *,
        order_qty: Decimal | str | int | None = None,
        price: Decimal | str | int | None = None,
        stop_px: Decimal | str | int | None = None,
    ) -> LiveOrder:
        """Change an open order. What is not given stays; `order_qty` is all of it, filled parts included.

        Raises `RequestRejected` when the venue refuses: the order then stands as it stood.
        """
        self._check_running()
        held = order.order
        total = held.order_qty if order_qty is None else decimal(order_qty, "order_qty")
        if not held.order_id:
            raise LocalProtocolError(f"order {held.cl_ord_id} has no id of the venue's yet; it cannot be replaced")
        command = ReplaceOrder(
            symbol=held.symbol,
            side=_side(held),
            ord_type=held.ord_type or OrdType.LIMIT,
            order_id=held.order_id,
            orig_cl_ord_id=held.cl_ord_id,
            cl_ord_id=str(self._seat.unique()),
            order_qty=self._replacement_qty(held, total),
            price=held.price if price is None else price,
            stop_px=held.stop_px if stop_px is None else stop_px,
            time_in_force=held.time_in_force,
            account=self._account,
            ref=str(self._seat.unique()),
        )
        self._check_numbers(self._instrument(command.symbol), command.order_qty, command.price, command.stop_px)
        self._admit_replacement(held, command, total)
        _raise_refusal(await (await self._sent(command)), "replace")
        return order

    def _replacement_qty(self, held: Order, total: Decimal | None) -> Decimal | None:
        """What the venue must be told, so that no more than `total` is ever filled.

        It does not know what was filled under ids the order had before; where it does not take the fills of the
        present one into account either, neither may we ask for them again.
        """
        if total is None:
            return None
        counted = held.filled_before if self._capabilities.replaced_qty_counts_fills else held.cum_qty
        if total <= held.cum_qty:
            raise LocalProtocolError(
                f"order_qty {total} is not above the {held.cum_qty} that is filled; cancel it instead"
            )
        return total - counted

    async def cancel(self, order: LiveOrder) -> LiveOrder:
        """Cancel an open order; returns when the venue has taken the cancel (`await order.done()` for its end).

        Raises `RequestRejected` when the venue refuses: the order then stands as it stood, or is already done.
        """
        held = order.order
        command = CancelOrder(
            symbol=held.symbol,
            side=_side(held),
            ord_type=held.ord_type or OrdType.LIMIT,
            order_id=held.order_id,
            orig_cl_ord_id=held.cl_ord_id,
            cl_ord_id=str(self._seat.unique()),
            account=self._account,
            ref=str(self._seat.unique()),
        )
        _raise_refusal(await (await self._sent(command)), "cancel")
        return order

    async def cancel_all(self, symbol: str | None = None) -> None:
        """Cancel every open order of ours, or every one in a symbol."""
        if self._capabilities.mass_cancel:
            command = MassCancel(symbol=symbol, account=self._account, ref=str(self._seat.unique()))
            await (await self._sent(command))
            return
        for order in self.open_orders():
            if order.order.ours and symbol in (None, order.symbol):
                try:
                    await self.cancel(order)
                except RequestRejected:
                    if order.is_open:  # refused because it was done by then is as good as cancelled
                        raise

    async def sync(self) -> None:
        """Ask the venue where every order stands, and bring the blotter there."""
        asked, holes = self._clock.now(), self._holes
        answer = await self._requests.ask(self._mass_status_request())
        if not isinstance(answer, MassStatus):
            return
        reports, missing = reconcile(self.blotter, answer, self._clock.now(), asked=asked, noted=self._note)
        for report in reports:
            self._tell(report)
        for order in missing:
            self._doubt(order, "not among the venue's open orders after a reconnect")
        self._whole(holes)

    def missed(self, cause: str, since: Nanos) -> None:
        """News of our orders may be missing since then: every stream of them says so, until a comparison is made."""
        self._holes += 1
        if not self._hole_from:
            self._hole_from = since or self._clock.now()
            self._tell_gap(cause, repaired=False)

    def _whole(self, holes: int) -> None:
        """Where all orders stand has been compared; what was missed since that was asked is missing still."""
        if self._hole_from and holes == self._holes:
            self._tell_gap("compared with the venue", repaired=True)
            self._hole_from = 0

    def _tell_gap(self, cause: str, *, repaired: bool) -> None:
        gap = Gap(from_time=self._hole_from, to_time=self._clock.now(), cause=cause, repaired=repaired)
        self.readers.put(gap)
        for live in self._live.values():
            live.miss(gap)

    @property
    def is_whole(self) -> bool:
        """False while news of orders may be missing."""
        return not self._hole_from

    def _mass_status_request(self) -> OrderMassStatusRequest:
        """Names ours that are not known to have ended; while an answer is awaited, that tells."""
        asked = [order for order in self.blotter if order.ours and not order.is_ended]
        return OrderMassStatusRequest(
            account=self._account,
            order_ids=tuple(order.order_id for order in asked if order.order_id),
            cl_ord_ids=tuple(
                order.cl_ord_id for order in asked if not order.order_id and order.status is OrdStatus.OUTCOME_UNKNOWN
            ),
        )

    def _doubt(self, order: Order, text: str) -> None:
        self.blotter.in_doubt(order, text, self._clock.now())
        if self._journal is not None:
            self._journal.in_doubt(order.cl_ord_id, order.order_id, text)

    def open_orders(self) -> list[LiveOrder]:
        """Every order that is working, ours and others of the account."""
        return [self._track(order) for order in self.blotter.open_orders()]

    def find(self, order_id: str) -> LiveOrder | None:
        """The order that has, or had, this id: the venue's, or ours."""
        order = self.blotter.find(cl_ord_id=order_id, order_id=order_id)
        if order is None:
            return None
        live = self._track(order)
        if order.is_ended:
            live.look()
            del self._live[order]
        return live

    def describe_journal(self) -> dict[str, Any] | None:
        """For `Client.health`; None without a journal."""
        journal = self._journal
        if journal is None:
            return None
        failure = journal.failure
        return {
            "path": str(journal.path),
            "durability": journal.durability.value,
            "failure": None if failure is None else str(failure),
            "in_flight": len(self._intents),
        }

    # ------------------------------------------------------------------ what the venue says

    def apply(self, report: ExecutionReport) -> None:
        """One report."""
        merged = self.blotter.apply(report)
        if merged is not None:
            self._note(report)
            order, complete = merged
            self._publish(order, complete)

    def _note(self, report: ExecutionReport) -> None:
        """It went into the blotter and said something new: the journal and the guard have it, too."""
        if self._journal is not None:
            self._journal.told(report)
        if self._guard is not None:
            order = self.blotter.find(report.cl_ord_id, report.order_id)
            if order is not None:
                self._guard.told(order, report)

    def reject_cancel(self, reject: CancelReject) -> None:
        """A cancel or replace was refused."""
        order = self.blotter.reject_cancel(reject)
        if self._journal is not None:
            self._journal.refused(reject)
        self.readers.put(reject)
        if order is not None and order in self._live:
            self._live[order].tell(reject)

    def unanswered(self, event: Unanswered) -> None:
        """No answer came to an order command."""
        command = event.command
        if isinstance(command, (NewOrder, ReplaceOrder, CancelOrder, MassCancel)):
            intent = self._intents.pop(event.ref, None)
            if self._journal is not None and intent is not None:
                self._journal.unanswered(intent, event)
            if self._guard is not None:
                self._guard.settled(command, event.cause, sent=event.sent)
            order = self.blotter.unanswered(command, event.cause, event.recv_time, sent=event.sent)
            if order is not None and order in self._live:
                self._live[order].look()
                if order.is_ended:
                    del self._live[order]

    def end(self, error: VenueError) -> None:
        """The client is gone: nobody waits for news of an order for ever."""
        for live in self._live.values():
            live.end(error)

    def _tell(self, report: ExecutionReport) -> None:
        order = self.blotter.find(cl_ord_id=report.cl_ord_id, order_id=report.order_id)
        if order is not None:
            self._publish(order, report)

    def _publish(self, order: Order, report: ExecutionReport) -> None:
        if self._exposure is not None and self._counting:
            self._exposure.filled(report, self._clock.now())
        for listener in self.on_report:
            listener(order, report)
        self.readers.put(report)
        live = self._live.get(order)
        if live is not None:
            live.tell(report)
            if order.is_ended:
                self._live.pop(order, None)

    def _track(self, order: Order) -> LiveOrder:
        live = self._live.get(order)
        if live is None:
            live = self._live[order] = LiveOrder(order, self._clock.now)
        return live

    # ------------------------------------------------------------------ checks before anything is sent

    def _check_running(self) -> None:
        if self._stopped:
            raise LocalProtocolError(f"no new orders: {self._stopped}")
        if self._guard is not None:
            self._guard.check()

    def _admit_new(self, order: NewOrder) -> None:
        wanted = Wanted(
            symbol=order.symbol,
            side=order.side,
            qty=_number(order.order_qty),
            cash=_number(order.cash_order_qty),
            price=_number(order.price),
        )
        self._admit(wanted, None)

    def _admit_replacement(self, held: Order, command: ReplaceOrder, total: Decimal | None) -> None:
        qty = held.leaves_qty if total is None else total - held.cum_qty
        self._admit(
            Wanted(symbol=held.symbol, side=command.side, qty=qty, price=_number(command.price)),
            held,
        )

    def _admit(self, wanted: Wanted, replaced: Order | None) -> None:
        if self._limits is not None:
            standing = [
                Standing(symbol=order.symbol, side=order.side, qty=_may_be_filled(order), price=order.price)
                for order in self.blotter
                if order.ours and not order.is_ended and order is not replaced
            ]
            now = self._clock.now()
            holdings = {} if self._exposure is None else self._exposure.all(now)
            self._limits.admit(wanted, self._top_of(wanted.symbol), standing, now, holdings)

    def _instrument(self, symbol: str) -> Instrument:
        instrument = self._seat.instruments.get(symbol)
        if instrument is None:
            raise unknown_symbol(symbol, self._seat)
        return instrument

    def check(self, order: NewOrder) -> None:
        """Would it be taken here? Raises `LocalProtocolError` for what this venue or instrument cannot take."""
        capabilities = self._capabilities
        instrument = self._instrument(order.symbol)
        _allowed(order.ord_type, capabilities.ord_types, "order type", self._venue.title)
        if order.time_in_force is not None:
            _allowed(order.time_in_force, capabilities.times_in_force, "time in force", self._venue.title)
        if order.post_only and not capabilities.post_only:
            raise LocalProtocolError(f"{self._venue.title} has no post-only orders")
        if order.cancel_on_disconnect and not capabilities.cancel_on_disconnect:
            raise LocalProtocolError(f"{self._venue.title} has no cancel on disconnect")
        if (order.order_qty is None) == (order.cash_order_qty is None):
            raise LocalProtocolError("give exactly one of order_qty and cash_order_qty")
        if order.cash_order_qty is not None and order.ord_type not in capabilities.cash_order_qty:
            raise LocalProtocolError(f"{self._venue.title} takes no {order.ord_type} order sized in money")
        for name in _EXTRAS:
            if getattr(order, name) and name not in capabilities.order_fields:
                able = ", ".join(sorted(capabilities.order_fields)) or "none of these"
                raise LocalProtocolError(f"{self._venue.title} takes no {name}; it takes {able}")
        if order.cl_ord_id and not re.fullmatch(capabilities.cl_ord_id, order.cl_ord_id):
            raise LocalProtocolError(
                f"cl_ord_id {order.cl_ord_id!r} is not one {self._venue.title} can take ({capabilities.cl_ord_id})"
            )
        _check_prices(order)
        self._check_numbers(instrument, order.order_qty, order.price, order.stop_px)

    def _check_numbers(
        self,
        instrument: Instrument,
        order_qty: Decimal | str | int | None,
        price: Decimal | str | int | None,
        stop_px: Decimal | str | int | None,
    ) -> None:
        if isinstance(order_qty, Decimal):
            _check_quantity(instrument, order_qty)
        for name, value in (("price", price), ("stop_px", stop_px)):
            if isinstance(value, Decimal):
                if value <= 0:
                    raise LocalProtocolError(f"{name} must be above zero, not {value}")
                if value % instrument.min_price_increment:
                    tick = plain(instrument.min_price_increment)
                    raise LocalProtocolError(
                        f"{name} {value} of {instrument.symbol} is not a multiple of its tick {tick}"
                    )


def _check_prices(order: NewOrder) -> None:
    limit, stop = (order.ord_type in kinds for kinds in (_WITH_PRICE, _WITH_STOP))
    if limit != (order.price is not None):
        raise LocalProtocolError(f"a {order.ord_type} order {'needs a' if limit else 'takes no'} price")
    if stop != (order.stop_px is not None):
        raise LocalProtocolError(f"a {order.ord_type} order {'needs a' if stop else 'takes no'} stop_px")
    if (order.time_in_force is TimeInForce.GOOD_TILL_DATE) != (order.expire_time is not None):
        raise LocalProtocolError("expire_time goes with GOOD_TILL_DATE, and GOOD_TILL_DATE with expire_time")


def _check_quantity(instrument: Instrument, quantity: Decimal) -> None:
    step = instrument.min_qty_increment
    if quantity <= 0:
        raise LocalProtocolError(f"order_qty must be above zero, not {quantity}")
    if quantity < instrument.min_trade_vol:
        least = plain(instrument.min_trade_vol)
        raise LocalProtocolError(f"order_qty {quantity} of {instrument.symbol} is below its smallest order {least}")
    if quantity % step:
        raise LocalProtocolError(
            f"order_qty {quantity} of {instrument.symbol} is not a multiple of {plain(step)}, its lot or quantity step"
        )
    if instrument.max_trade_vol is not None and quantity > instrument.max_trade_vol:
        raise LocalProtocolError(
            f"order_qty {quantity} of {instrument.symbol} is above its largest order {plain(instrument.max_trade_vol)}"
        )


_EXTRAS = (
    *("max_floor", "trigger_price_direction", "stop_loss_px", "take_profit_px", "stop_loss_offset"),
    *("take_profit_offset", "trailing_stop_loss", "guaranteed_stop_loss", "position_id", "position_effect"),
    *("target_strategy", "strategy_parameters"),
)
_WITH_PRICE = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT})
_WITH_STOP = frozenset({OrdType.STOP, OrdType.STOP_LIMIT})


def _allowed(value: str, allowed: frozenset[OrdType] | frozenset[TimeInForce], what: str, title: str) -> None:
    if value not in allowed:
        raise LocalProtocolError(f"{title} has no {what} {value}; it has {', '.join(sorted(allowed))}")


def _number(value: Decimal | str | int | None) -> Decimal | None:
    return value if value is None else decimal(value, "number")


def _may_be_filled(order: Order) -> Decimal:
    """Of an order whose outcome is not known: all that was not."""
    if order.leaves_qty is not None and order.is_open:
        return order.leaves_qty
    return (order.order_qty or Decimal(0)) - order.cum_qty


def _side(order: Order) -> Side:
    if order.side is None:
        raise LocalProtocolError("the side of this order is not known yet; ask the venue for its orders first")
    return order.side


def _raise_refusal(answer: object, what: str) -> None:
    if isinstance(answer, CancelReject):
        raise RequestRejected(what, answer.code, answer.text)
    if isinstance(answer, ExecutionReport) and answer.exec_type is ExecType.REJECTED:
        raise RequestRejected(what, answer.code, answer.text)


def _refused(command: NewOrder, refusal: RequestRejected) -> ExecutionReport:
    return ExecutionReport(
        symbol=command.symbol,
        exec_type=ExecType.REJECTED,
        ord_status=OrdStatus.REJECTED,
        cl_ord_id=command.cl_ord_id,
        code=refusal.code,
        text=refusal.text,
        ref=command.ref or None,
    )


def _never_sent(command: NewOrder, cause: str) -> Unanswered:
    return Unanswered(ref=command.ref, command=command, cause=cause, sent_time=0, epoch=0, sent=False)
