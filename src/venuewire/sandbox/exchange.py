"""The exchange behind one venue's sandbox: every instrument's book, every account, and the news of both. Pure.

A command goes: intake (is it well formed, can it be paid for) -> engine (who met whom) -> settlement (money, reports,
trades) -> the stops that were reached, one after the other -> one book update for all of it. What there is to tell is
noted in `outbox`, in order, and taken from there with `drain`. A note is in integers; the events it stands for, which
cost more than all the rest, are made when somebody reads it.

How an order is told of:

- refused before the book: one REJECTED, with the reason and without an order id;
- taken in: NEW, then a TRADE for each fill, for both sides; a stop says TRIGGERED before it trades;
- what an order that does not rest leaves unfilled: CANCELED with NO_LIQUIDITY, whether it was filled in part or not at
  all;
- a refused cancel or replacement: CancelReject, and the order stands as it stood.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from venuewire.model.instrument import Instrument
from venuewire.model.market import BookSnapshot, Quote, Trade
from venuewire.model.orders import CancelOrder, CancelReject, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import Event, OrderCommand
from venuewire.model.terms import (
    ExecType,
    LiquidityInd,
    Nanos,
    OrdRejReason,
    OrdStatus,
    Side,
    TimeInForce,
)
from venuewire.sandbox.accounts import Ledger
from venuewire.sandbox.engine import DONE, HELD, Fill
from venuewire.sandbox.funding import afford_now, fund, refund
from venuewire.sandbox.intake import amended, end_of_day, taken_in
from venuewire.sandbox.listing import Listing, Refused
from venuewire.sandbox.notes import Deal, Note, OrderNote, RefusedChange, RefusedOrder, Step
from venuewire.sandbox.pit import Pit
from venuewire.sandbox.port import AccountPort
from venuewire.sandbox.ticket import Ticket
from venuewire.venue import Stage

_REFUSALS: Final = {
    OrdRejReason.POST_ONLY_WOULD_CROSS: "post-only order would take liquidity",
    OrdRejReason.SELF_TRADE: "order would meet an order of the same account",
}

# Looking a member up in its enumeration costs more than much of what is done with it here.
_NEW: Final = ExecType.NEW
_TRADE: Final = ExecType.TRADE
_CANCELED: Final = ExecType.CANCELED
_EXPIRED: Final = ExecType.EXPIRED
_IS_CANCELED: Final = OrdStatus.CANCELED
_IS_EXPIRED: Final = OrdStatus.EXPIRED
_MAKER: Final = LiquidityInd.MAKER
_TAKER: Final = LiquidityInd.TAKER


class SandboxExchange:
    """All instruments and accounts of one venue. Implements `venue.Exchange`."""

    def __init__(
        self,
        instruments: Iterable[Instrument],
        reference_prices: Mapping[str, str | Decimal],
        *,
        short_selling: bool = False,
        netting_currency: str = "",
        futures: Mapping[str, int] | None = None,
        replace_keeps_order_id: bool = True,
        first_order_id: int = 10_000_000_001,
    ) -> None:
        self._pits = {instrument.symbol: Pit(Listing(instrument)) for instrument in instruments}
        self._instruments = {symbol: pit.listing.instrument for symbol, pit in self._pits.items()}
        listings = {symbol: pit.listing for symbol, pit in self._pits.items()}
        if missing := self._pits.keys() - reference_prices.keys():
            raise ValueError(f"no reference price for {', '.join(sorted(missing))}")
        marks = {symbol: listings[symbol].price(str(text)) for symbol, text in reference_prices.items()}
        self.ledger = Ledger(
            listings.values(), marks, short_selling=short_selling, netting_currency=netting_currency, futures=futures
        )
        self.outbox: list[Note] = []
        self._ports: dict[str, AccountPort] = {}
        self._replace_keeps_order_id = replace_keeps_order_id
        self._next_order_id = first_order_id
        self._next_trade_id = first_order_id // 10
        # Of the command being executed: whose, its ref, which of its orders, what was reported to it, who was filled.
        self._actor: AccountPort | None = None
        self._ref: str | None = None
        self._subject: Ticket | None = None
        self._mine: list[OrderNote] = []
        self._touched: dict[AccountPort, None] = {}

    @classmethod
    def staged(
        cls, stage: Stage, *, replace_keeps_order_id: bool = True, first_order_id: int = 10_000_000_001
    ) -> SandboxExchange:
        """The exchange a venue's stage asks for, with its account opened."""
        exchange = cls(
            stage.instruments,
            stage.reference_prices,
            short_selling=stage.short_selling,
            netting_currency=stage.netting_currency,
            futures=stage.futures,
            replace_keeps_order_id=replace_keeps_order_id,
            first_order_id=first_order_id,
        )
        for account, balances in {stage.account: stage.balances, **stage.further_accounts}.items():
            exchange.open_account(account, balances)
        return exchange

    # ------------------------------------------------------------------------------------------------ questions

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """By symbol."""
        return self._instruments

    def open_account(self, account: str, balances: Mapping[str, str | Decimal], *, quiet: bool = False) -> AccountPort:
        """A new account and its place here. `quiet`: nobody will listen to it, so nothing is told.

        Raises `ValueError` for a name that is taken or a balance that is not an amount of its currency.
        """
        port = AccountPort(self, self.ledger.open(account, balances), quiet=quiet)
        self._ports[account] = port
        return port

    def port(self, account: str) -> AccountPort:
        """The place of an account; raises `KeyError` for an unknown one."""
        return self._ports[account]

    def book(self, symbol: str, depth: int | None = None) -> BookSnapshot:
        """The aggregated book, best levels first, bids before asks; raises `KeyError` for an unknown symbol."""
        return self._pits[symbol].snapshot(depth)

    def trades(self, symbol: str, limit: int) -> list[Trade]:
        """The newest public trades, newest last; at most as many as are kept (1000)."""
        return self._pits[symbol].newest(limit)

    def quote(self, symbol: str) -> Quote:
        """Best bid and ask and the last price; raises `KeyError` for an unknown symbol."""
        return self._pits[symbol].quote()

    def limits(self, symbol: str) -> Listing:
        """An instrument's rules in integers."""
        return self._pits[symbol].listing

    def mark(self, symbol: str) -> int:
        """The newest price, in the instrument's scale; the reference price before the first trade."""
        return self.ledger.marks[symbol]

    def best(self, symbol: str, side: Side) -> tuple[int, int] | None:
        """Best price of a side and its size, in the instrument's scales."""
        return self._pits[symbol].engine.best(is_buy=side is Side.BUY)

    def drain(self) -> list[Event]:
        """What has happened since the last call, in order."""
        return [event for note in self.take() for event in note.events()]

    def take(self) -> list[Note]:
        """The same as notes; whoever reads none of them has paid for no event."""
        notes, self.outbox = self.outbox, []
        return notes

    def state(self) -> dict[str, Any]:
        """The truth, as plain values: orders, fills, positions and balances of each account, and every book."""
        return {
            "accounts": {
                name: {
                    "orders": msgspec.to_builtins(port.orders(working=False)),
                    "fills": msgspec.to_builtins(port.fills()),
                    "positions": msgspec.to_builtins(port.positions()),
                    "balances": msgspec.to_builtins(port.balances()),
                }
                for name, port in self._ports.items()
                if not port.quiet
            },
            "books": {symbol: pit.plain() for symbol, pit in self._pits.items()},
        }

    # ------------------------------------------------------------------------------------------------ commands

    def execute(self, port: AccountPort, command: OrderCommand, now: Nanos) -> list[OrderNote]:
        """Do what an account asks; every step it had for that account, in order."""
        self._actor, self._ref, self._subject, self._mine = port, command.ref or None, None, []
        pit: Pit | None = None
        if type(command) is NewOrder:
            pit = self._new(port, command, now)
        elif type(command) is CancelOrder:
            pit = self._cancel(port, command, now)
        elif type(command) is ReplaceOrder:
            pit = self._replace(port, command, now)
        elif type(command) is MassCancel:
            for each in self._mass_cancel(port, command, now):
                self._finish(each, now)
        if pit is not None:
            self._finish(pit, now)
        mine, self._mine, self._actor, self._subject = self._mine, [], None, None
        return mine

    def advance(self, now: Nanos) -> None:
        """End the orders whose time has come by `now`."""
        self._ref = None
        for pit in self._pits.values():
            for ticket in pit.engine.advance(now):
                self._end(ticket, _IS_EXPIRED, now)
            self._finish(pit, now)

    def next_expiry(self) -> Nanos | None:
        """When `advance` has something to do."""
        times = [when for pit in self._pits.values() if (when := pit.engine.next_expiry()) is not None]
        return min(times, default=None)

    # ------------------------------------------------------------------------------------------------ a new order

    def _new(self, port: AccountPort, command: NewOrder, now: Nanos) -> Pit | None:
        try:
            pit = self._pits.get(command.symbol)
            if pit is None:
                raise Refused(OrdRejReason.UNKNOWN_SYMBOL, f"unknown symbol {command.symbol!r}")
            ticket = taken_in(pit, port, command, self._next_order_id, now)
            fund(self.ledger, pit, ticket)
        except Refused as refused:
            self._reject(port, command, refused.reason, refused.text, now)
            return None
        reason = pit.engine.submit(ticket)
        if reason is not None:
            self._reject(port, command, reason, _REFUSALS.get(reason, ""), now)
            return None
        self._next_order_id += 1
        self._begin(ticket)
        self._tell(ticket, _NEW, now)
        self._settle(pit, ticket, now)
        return pit

    def _begin(self, ticket: Ticket) -> None:
        self._subject = ticket
        if ticket.hold_unit:
            ticket.port.money.reserve(ticket.hold_currency, ticket.held)
        ticket.port.began(ticket)

    def _reject(self, port: AccountPort, command: NewOrder, reason: OrdRejReason, text: str, now: Nanos) -> None:
        self._say(port, RefusedOrder(port.account, command, reason, text, now, self._ref))

    # ------------------------------------------------------------------------------------------------ replace, cancel

    def _replace(self, port: AccountPort, command: ReplaceOrder, now: Nanos) -> Pit | None:
        ticket = self._working(port, command.order_id, command.orig_cl_ord_id)
        try:
            if ticket is None:
                raise Refused(OrdRejReason.UNKNOWN_ORDER, _unknown(port, command.order_id, command.orig_cl_ord_id))
            pit = self._pits[ticket.listing.symbol]
            if self._replace_keeps_order_id:
                self._amend(pit, ticket, command, now)
            else:
                self._reissue(pit, ticket, command, now)
        except Refused as refused:
            self._reject_change(port, command, ticket, refused, now)
            return None
        return pit

    def _amend(self, pit: Pit, ticket: Ticket, command: ReplaceOrder, now: Nanos) -> None:
        """Change an order that keeps its id."""
        qty, price, stop_px = amended(ticket, command)
        leaves = qty - ticket.cum
        if leaves <= 0:
            raise Refused(OrdRejReason.INCORRECT_QUANTITY, "as much or more is filled already")
        unit = refund(self.ledger, pit, ticket, leaves, price, stop_px)
        held = ticket.held
        reason = pit.engine.replace(ticket.order_id, leaves, price, stop_px)
        if reason is not None:
            raise Refused(reason, _REFUSALS.get(reason, ""))
        self._subject = ticket
        was = ticket.terms.cl_ord_id
        if command.cl_ord_id and command.cl_ord_id != was:
            ticket.port.renamed(ticket, command.cl_ord_id)
        ticket.terms = msgspec.structs.replace(ticket.terms, qty=qty, price=price, stop_px=stop_px)
        ticket.hold_unit = unit
        if unit:
            ticket.port.money.reserve(ticket.hold_currency, ticket.held - held)
        self._live_until(pit, ticket, command.time_in_force, now)
        self._tell(ticket, ExecType.REPLACED, now, orig_cl_ord_id=was)
        self._settle(pit, ticket, now)

    def _reissue(self, pit: Pit, old: Ticket, command: ReplaceOrder, now: Nanos) -> None:
        """Where a replacement is a cancel and a new order: the new one counts its fills from nothing."""
        qty, price, stop_px = amended(old, command)
        if command.order_qty is None:
            qty -= old.cum
        was = old.terms
        terms = msgspec.structs.replace(
            was,
            order_id=str(self._next_order_id),
            cl_ord_id=command.cl_ord_id or was.cl_ord_id,
            qty=qty,
            price=price,
            stop_px=stop_px if old.state == HELD else None,
        )
        new = Ticket(old.port, self._next_order_id, terms, old.life, expire=old.expire)
        new.hold_unit = refund(self.ledger, pit, old, qty, price, stop_px)
        new.hold_currency = old.hold_currency
        reason = None if new.stop_px is not None else pit.engine.objection(new)
        if reason is not None:
            raise Refused(reason, _REFUSALS.get(reason, ""))
        pit.engine.cancel(old.order_id)
        self._end(old, _IS_CANCELED, now)
        self._next_order_id += 1
        refused = pit.engine.submit(new)
        assert refused is None, "it was asked before"
        self._begin(new)
        self._live_until(pit, new, command.time_in_force, now)
        self._tell(new, ExecType.REPLACED, now, orig_cl_ord_id=was.cl_ord_id, orig_order_id=old.told_id)
        self._settle(pit, new, now)

    def _live_until(self, pit: Pit, ticket: Ticket, time_in_force: TimeInForce | None, now: Nanos) -> None:
        """A replacement may turn DAY into GOOD_TILL_CANCEL and back; a date it cannot give."""
        if time_in_force in (None, TimeInForce.GOOD_TILL_DATE) or time_in_force is ticket.terms.time_in_force:
            return
        assert time_in_force is not None
        ticket.terms = msgspec.structs.replace(ticket.terms, time_in_force=time_in_force, expire_time=None)
        pit.engine.end_at(ticket, end_of_day(now) if time_in_force is TimeInForce.DAY else None)

    def _cancel(self, port: AccountPort, command: CancelOrder, now: Nanos) -> Pit | None:
        ticket = self._working(port, command.order_id, command.orig_cl_ord_id)
        if ticket is None:
            text = _unknown(port, command.order_id, command.orig_cl_ord_id)
            self._reject_change(port, command, None, Refused(OrdRejReason.UNKNOWN_ORDER, text), now)
            return None
        return self._pull(ticket, now)

    def _mass_cancel(self, port: AccountPort, command: MassCancel, now: Nanos) -> list[Pit]:
        wanted = [
            ticket
            for ticket in port.working.values()
            if command.symbol is None or ticket.listing.symbol == command.symbol
        ]
        return list(dict.fromkeys(self._pull(ticket, now) for ticket in wanted))

    def _pull(self, ticket: Ticket, now: Nanos) -> Pit:
        """Take a working order out at its owner's wish."""
        pit = self._pits[ticket.listing.symbol]
        pit.engine.cancel(ticket.order_id)
        self._subject = ticket
        self._end(ticket, _IS_CANCELED, now)
        return pit

    @staticmethod
    def _working(port: AccountPort, order_id: str, cl_ord_id: str) -> Ticket | None:
        return port.working.get(order_id) if order_id else port.working_as(cl_ord_id)

    def _reject_change(
        self,
        port: AccountPort,
        command: ReplaceOrder | CancelOrder,
        ticket: Ticket | None,
        refused: Refused,
        now: Nanos,
    ) -> None:
        reject = CancelReject(
            order_id=ticket.told_id if ticket else command.order_id,
            orig_cl_ord_id=command.orig_cl_ord_id,
            cl_ord_id=command.cl_ord_id,
            reason=refused.reason,
            text=refused.text,
            symbol=command.symbol,
            account=port.account,
            is_replace=isinstance(command, ReplaceOrder),
            recv_time=now,
            ref=self._ref,
        )
        self._say(port, RefusedChange(port.account, reject))

    # ------------------------------------------------------------------------------------------------ settlement

    def _settle(self, pit: Pit, ticket: Ticket, now: Nanos) -> None:
        """Book what the engine did with this order, then with each stop that was reached by it."""
        if pit.engine.fills:
            self._book_fills(pit, now)
        if ticket.state == DONE:
            self._drop_rest(ticket, now)
        while (stop := pit.engine.next_triggered()) is not None:
            self._activate(pit, stop, now)

    def _book_fills(self, pit: Pit, now: Nanos) -> None:
        for fill in pit.engine.take_fills():
            self._book_fill(pit, fill, now)

    def _book_fill(self, pit: Pit, fill: Fill[Ticket], now: Nanos) -> None:
        taker, maker, qty, price = fill
        listing = pit.listing
        self.ledger.marks[listing.symbol] = price
        self._next_trade_id += 1
        deal = Deal(listing, self._next_trade_id, price, qty, taker.is_buy, now)
        self._book_side(pit, taker, deal, _TAKER)
        self._book_side(pit, maker, deal, _MAKER)
        pit.deals.append(deal)
        self.outbox.append(deal)

    def _book_side(self, pit: Pit, ticket: Ticket, deal: Deal, liquidity: LiquidityInd) -> None:
        port, qty, price = ticket.port, deal.qty, deal.price
        if ticket.hold_unit:
            port.money.reserved[ticket.hold_currency] -= ticket.hold_unit * qty
        self.ledger.settle(port.money, pit.listing, qty, price, is_buy=ticket.is_buy)
        if not port.quiet:
            self._touched[port] = None
        cum, total = ticket.cum + qty, ticket.terms.qty
        # Sized in money: what the engine planned for it is gone, and the book was not too thin for more.
        complete = cum == total if total is not None else not ticket.short and cum == ticket.planned
        ticket.filled(qty, price, complete=complete)
        if complete:
            port.ended(ticket)
        self._tell(ticket, _TRADE, deal.now, deal, liquidity)

    def _drop_rest(self, ticket: Ticket, now: Nanos) -> None:
        """An order that is done in the engine and not filled is cancelled: there was nothing more to take."""
        if ticket.state == DONE and ticket.working:
            self._end(ticket, _IS_CANCELED, now, OrdRejReason.NO_LIQUIDITY, "no liquidity for what is left")

    def _activate(self, pit: Pit, ticket: Ticket, now: Nanos) -> None:
        """A stop was reached: it becomes an ordinary order, if it can be paid for."""
        self._tell(ticket, ExecType.TRIGGERED, now)
        try:
            if ticket.price is None and ticket.is_buy and not pit.listing.netting:
                # Its reserve was made at the trigger price; what counts now is what the book asks.
                ticket.port.money.reserve(ticket.hold_currency, -ticket.held)
                ticket.hold_unit = 0
                afford_now(self.ledger, pit, ticket)
            reason = pit.engine.activate(ticket)
            if reason is not None:
                raise Refused(reason, _REFUSALS.get(reason, ""))
        except Refused as refused:
            self._end(ticket, _IS_CANCELED, now, refused.reason, refused.text)
            return
        self._book_fills(pit, now)
        self._drop_rest(ticket, now)

    def _end(
        self,
        ticket: Ticket,
        ord_status: OrdStatus,
        now: Nanos,
        reason: OrdRejReason | None = None,
        text: str = "",
    ) -> None:
        """An order is over without being filled whole."""
        if ticket.hold_unit:
            ticket.port.money.reserve(ticket.hold_currency, -ticket.held)
        ticket.status = ord_status
        ticket.text = text
        ticket.port.ended(ticket)
        self._tell(ticket, _EXPIRED if ord_status is _IS_EXPIRED else _CANCELED, now, None, None, reason, text)

    # ------------------------------------------------------------------------------------------------ telling

    def _tell(
        self,
        ticket: Ticket,
        exec_type: ExecType,
        now: Nanos,
        deal: Deal | None = None,
        liquidity: LiquidityInd | None = None,
        reason: OrdRejReason | None = None,
        text: str = "",
        *,
        orig_cl_ord_id: str = "",
        orig_order_id: str = "",
    ) -> None:
        """Note this step for the order's account, unless nobody there listens."""
        ticket.time = now
        port = ticket.port
        acts, listens = port is self._actor, not port.quiet
        if not (acts or listens):
            return
        step = Step(
            ticket.terms,
            exec_type,
            now,
            ticket.status,
            ticket.cum,
            ticket.notional,
            self._ref if ticket is self._subject else None,
            deal,
            liquidity,
            reason,
            text,
            orig_cl_ord_id,
            orig_order_id,
        )
        if acts:
            self._mine.append(step)
        if listens:
            self.outbox.append(step)
            if deal is not None:
                port.filled.append(step)

    def _say(self, port: AccountPort, note: RefusedOrder | RefusedChange) -> None:
        if port is self._actor:
            self._mine.append(note)
        if not port.quiet:
            self.outbox.append(note)

    def _finish(self, pit: Pit, now: Nanos) -> None:
        """After a command: one update of its book, and the money of those who were filled."""
        moved = pit.changes(now)
        if moved is not None:
            self.outbox.append(moved)
        if self._touched:
            for port in self._touched:
                self.outbox.append(self.ledger.funds(port.money, pit.listing, now))
            self._touched.clear()


def _unknown(port: AccountPort, order_id: str, cl_ord_id: str) -> str:
    ticket = port.ticket(order_id, cl_ord_id)
    return "no such order" if ticket is None else f"the order is {ticket.status.value.lower().replace('_', ' ')}"
