"""The exchange behind one venue's sandbox: every instrument's book, every account, and the news of both. Pure.

A command goes: intake (is it well formed, can it be paid for) -> engine (who met whom) -> settlement (money, reports,
trades) -> the stops that were reached, one after the other -> one book update for all of it. What there is to tell is
put into `outbox`, in order, and taken from there with `drain`.

How an order is told of:

- refused before the book: one REJECTED, with the reason and without an order id;
- taken in: NEW, then a TRADE for each fill, for both sides; a stop says TRIGGERED before it trades;
- what an order that does not rest leaves unfilled: CANCELED with NO_LIQUIDITY, whether it was filled in part or not at
  all;
- a refused cancel or replacement: CancelReject, and the order stands as it stood.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from venuewire.model.instrument import Instrument
from venuewire.model.market import SET_ASK, SET_BID, BookSnapshot, BookUpdate, LevelRow, Quote, Trade, given
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import Event, OrderCommand
from venuewire.model.terms import (
    NANOS_PER_SECOND,
    ExecType,
    LiquidityInd,
    Nanos,
    OrdRejReason,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
    decimal,
)
from venuewire.sandbox.accounts import Ledger, Listing, Refused, exact
from venuewire.sandbox.engine import ALL_OR_NOTHING, DONE, DROP, HELD, REST, Engine, Fill, Order
from venuewire.sandbox.port import AccountPort
from venuewire.sandbox.ticket import Ticket
from venuewire.venue import Stage

_DAY = 24 * 3600 * NANOS_PER_SECOND
_TRADES_KEPT = 1000

_LIFE = {TimeInForce.IMMEDIATE_OR_CANCEL: DROP, TimeInForce.FILL_OR_KILL: ALL_OR_NOTHING}
_STOPS = frozenset({OrdType.STOP, OrdType.STOP_LIMIT})
_LIMITS = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT})

_REFUSALS = {
    OrdRejReason.POST_ONLY_WOULD_CROSS: "post-only order would take liquidity",
    OrdRejReason.SELF_TRADE: "order would meet an order of the same account",
}


class _Pit:
    """One instrument's place on the floor: its rules, its book, its newest trades."""

    __slots__ = ("engine", "listing", "top", "trades")

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.engine = Engine(listing.step)
        self.trades: deque[Trade] = deque(maxlen=_TRADES_KEPT)
        self.top: tuple[tuple[int, int] | None, tuple[int, int] | None] = (None, None)


class SandboxExchange:
    """All instruments and accounts of one venue. Implements `venue.Exchange`."""

    def __init__(
        self,
        instruments: Iterable[Instrument],
        reference_prices: Mapping[str, str | Decimal],
        *,
        short_selling: bool = False,
        netting_currency: str = "",
        replace_keeps_order_id: bool = True,
        first_order_id: int = 10_000_000_001,
    ) -> None:
        self._pits = {instrument.symbol: _Pit(Listing(instrument)) for instrument in instruments}
        self._instruments = {symbol: pit.listing.instrument for symbol, pit in self._pits.items()}
        listings = {symbol: pit.listing for symbol, pit in self._pits.items()}
        if missing := self._pits.keys() - reference_prices.keys():
            raise ValueError(f"no reference price for {', '.join(sorted(missing))}")
        marks = {symbol: listings[symbol].price(str(text)) for symbol, text in reference_prices.items()}
        self.ledger = Ledger(listings.values(), marks, short_selling=short_selling, netting_currency=netting_currency)
        self.outbox: list[Event] = []
        self._ports: dict[str, AccountPort] = {}
        self._tickets: dict[int, Ticket] = {}
        """The working ones, by the engine's number."""
        self._replace_keeps_order_id = replace_keeps_order_id
        self._next_order_id = first_order_id
        self._next_trade_id = first_order_id // 10
        # Of the command being executed: whose, its ref, which of its orders, what was reported to it, who was filled.
        self._actor: AccountPort | None = None
        self._ref: str | None = None
        self._subject: Ticket | None = None
        self._mine: list[ExecutionReport | CancelReject] = []
        self._touched: dict[tuple[str, str], AccountPort] = {}

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
            replace_keeps_order_id=replace_keeps_order_id,
            first_order_id=first_order_id,
        )
        exchange.open_account(stage.account, stage.balances)
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
        pit = self._pits[symbol]
        bids = [(SET_BID, price, size) for price, size in pit.engine.depth(depth, is_buy=True)]
        asks = [(SET_ASK, price, size) for price, size in pit.engine.depth(depth, is_buy=False)]
        return BookSnapshot(
            symbol=symbol,
            body=b"",
            read=given(bids + asks),
            price_scale=pit.listing.price_scale,
            size_scale=pit.listing.qty_scale,
        )

    def trades(self, symbol: str, limit: int) -> list[Trade]:
        """The newest public trades, newest last; at most as many as are kept (1000)."""
        kept = self._pits[symbol].trades
        return [kept[i] for i in range(max(0, len(kept) - max(0, limit)), len(kept))]

    def quote(self, symbol: str) -> Quote:
        """Best bid and ask and the last price; raises `KeyError` for an unknown symbol."""
        return self._quote(self._pits[symbol], 0)

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
        events, self.outbox = self.outbox, []
        return events

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
            "books": {symbol: self._plain_book(pit) for symbol, pit in self._pits.items()},
        }

    @staticmethod
    def _plain_book(pit: _Pit) -> dict[str, Any]:
        listing, engine = pit.listing, pit.engine

        def side(*, is_buy: bool) -> list[list[str]]:
            return [
                [f"{exact(price, listing.price_scale):f}", f"{exact(size, listing.qty_scale):f}"]
                for price, size in engine.depth(is_buy=is_buy)
            ]

        last = None if engine.last is None else f"{exact(engine.last, listing.price_scale):f}"
        return {"bids": side(is_buy=True), "asks": side(is_buy=False), "last": last}

    # ------------------------------------------------------------------------------------------------ commands

    def execute(self, port: AccountPort, command: OrderCommand, now: Nanos) -> list[ExecutionReport | CancelReject]:
        """Do what an account asks; every step it had for that account, in order."""
        self._actor, self._ref, self._subject, self._mine = port, command.ref or None, None, []
        match command:
            case NewOrder():
                pits = self._new(port, command, now)
            case ReplaceOrder():
                pits = self._replace(port, command, now)
            case CancelOrder():
                pits = self._cancel(port, command, now)
            case MassCancel():
                pits = self._mass_cancel(port, command, now)
        self._finish(pits, now)
        mine, self._mine, self._actor, self._subject = self._mine, [], None, None
        return mine

    def advance(self, now: Nanos) -> None:
        """End the orders whose time has come by `now`."""
        self._ref = None
        for pit in self._pits.values():
            ended = pit.engine.advance(now)
            for order in ended:
                self._end(self._tickets[order.order_id], OrdStatus.EXPIRED, now)
            if ended:
                self._finish([pit], now)

    def next_expiry(self) -> Nanos | None:
        """When `advance` has something to do."""
        times = [when for pit in self._pits.values() if (when := pit.engine.next_expiry()) is not None]
        return min(times, default=None)

    # ------------------------------------------------------------------------------------------------ a new order

    def _new(self, port: AccountPort, command: NewOrder, now: Nanos) -> list[_Pit]:
        try:
            pit, ticket = self._intake(port, command, now)
        except Refused as refused:
            self._reject(port, command, refused.reason, refused.text, now)
            return []
        reason = pit.engine.submit(ticket.order)
        if reason is not None:
            self._reject(port, command, reason, _REFUSALS.get(reason, ""), now)
            return []
        self._next_order_id += 1
        self._begin(ticket)
        self._tell(ticket, ExecType.NEW, now)
        self._settle(pit, ticket, now)
        return [pit]

    def _intake(self, port: AccountPort, command: NewOrder, now: Nanos) -> tuple[_Pit, Ticket]:
        """Everything that is looked at before the book; raises `Refused`."""
        pit = self._pits.get(command.symbol)
        if pit is None:
            raise Refused(OrdRejReason.UNKNOWN_SYMBOL, f"unknown symbol {command.symbol!r}")
        life, time_in_force = _lifetime(command)
        expire = _end_of(command, time_in_force, now)
        listing = pit.listing
        is_limit, is_stop = command.ord_type in _LIMITS, command.ord_type in _STOPS
        price = listing.price(command.price) if is_limit else None
        stop_px = listing.price(command.stop_px, "stop price") if is_stop else None
        qty, budget = _sizes(pit, command, price, life)
        if command.cl_ord_id and command.cl_ord_id in port.working_ids:
            raise Refused(OrdRejReason.DUPLICATE_ORDER, f"an order {command.cl_ord_id} is working already")
        order = Order(
            self._next_order_id,
            port.account,
            qty,
            price,
            is_buy=command.side is Side.BUY,
            life=life,
            stop_px=stop_px,
            budget=budget,
            expire=expire,
            post_only=command.post_only,
        )
        ticket = Ticket(
            port,
            listing,
            order,
            side=command.side,
            ord_type=command.ord_type,
            time_in_force=time_in_force,
            cl_ord_id=command.cl_ord_id,
            cash_order_qty=None if command.cash_order_qty is None else decimal(command.cash_order_qty),
            expire_time=command.expire_time if time_in_force is TimeInForce.GOOD_TILL_DATE else None,
            post_only=command.post_only,
        )
        self._fund(pit, ticket)
        return pit, ticket

    def _fund(self, pit: _Pit, ticket: Ticket) -> None:
        """Can it be paid for? Sets what the order will reserve. Raises `Refused`."""
        order, listing, money = ticket.order, pit.listing, ticket.port.money
        if self.ledger.netting_currency:
            qty, price = order.leaves, order.price or order.stop_px or self.mark(listing.symbol)
            if order.budget is not None:
                qty = pit.engine.affordable(order.budget, order.price, is_buy=order.is_buy)[0]
            self.ledger.afford_margin(money, listing, qty if order.is_buy else -qty, price)
            return
        limit = order.price if order.price is not None else order.stop_px
        if order.budget is not None or (limit is None and order.is_buy):
            self._afford_now(pit, ticket)
            return
        # A seller reserves what is sold, whatever the price.
        currency, unit = self.ledger.hold(listing, limit or 0, is_buy=order.is_buy)
        if unit:
            self.ledger.afford(money, currency, unit * order.leaves)
        ticket.hold_currency, ticket.hold_unit = currency, unit

    def _afford_now(self, pit: _Pit, ticket: Ticket) -> None:
        """For what trades at once or not at all: what would it take, as the book stands? Raises `Refused`."""
        order, listing, ledger = ticket.order, pit.listing, self.ledger
        if order.budget is not None:
            found, notional, _ = pit.engine.affordable(order.budget, order.price, is_buy=order.is_buy)
        else:
            found, notional = pit.engine.takeable(order.leaves, order.price, is_buy=order.is_buy)
        if order.is_buy:
            currency, amount = listing.instrument.currency, notional * ledger.cash_unit(listing)
        elif ledger.short_selling:
            return
        else:
            currency, amount = listing.instrument.base, found * ledger.coin_unit(listing)
        ledger.afford(ticket.port.money, currency, amount)

    def _begin(self, ticket: Ticket) -> None:
        self._tickets[ticket.order.order_id] = ticket
        self._subject = ticket
        if ticket.hold_unit:
            ticket.port.money.reserve(ticket.hold_currency, ticket.held)
        ticket.port.began(ticket)

    def _reject(self, port: AccountPort, command: NewOrder, reason: OrdRejReason, text: str, now: Nanos) -> None:
        report = ExecutionReport(
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
            ord_rej_reason=reason,
            text=text,
            account=port.account,
            transact_time=now,
            ref=self._ref,
        )
        self._say(port, report)

    # ------------------------------------------------------------------------------------------------ replace, cancel

    def _replace(self, port: AccountPort, command: ReplaceOrder, now: Nanos) -> list[_Pit]:
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
            return []
        return [pit]

    def _new_terms(self, ticket: Ticket, command: ReplaceOrder) -> tuple[int, int | None, int | None]:
        """(total quantity, limit, trigger) after a replacement; raises `Refused`."""
        listing, order = ticket.listing, ticket.order
        if command.time_in_force in _LIFE:
            raise Refused(OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC, "a working order cannot become immediate")
        new_id = command.cl_ord_id
        if new_id and ticket.port.working_ids.get(new_id, ticket) is not ticket:
            raise Refused(OrdRejReason.DUPLICATE_ORDER, f"an order {new_id} is working already")
        assert ticket.qty is not None, "an order that works has a quantity"
        qty = ticket.qty if command.order_qty is None else listing.qty(command.order_qty)
        price, stop_px = order.price, order.stop_px
        if command.price is not None:
            if price is None:
                raise Refused(OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC, "this order has no limit price")
            price = listing.price(command.price)
        if command.stop_px is not None:
            if order.state != HELD:
                raise Refused(OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC, "this order waits for no stop price")
            stop_px = listing.price(command.stop_px, "stop price")
        return qty, price, stop_px

    def _amend(self, pit: _Pit, ticket: Ticket, command: ReplaceOrder, now: Nanos) -> None:
        """Change an order that keeps its id."""
        qty, price, stop_px = self._new_terms(ticket, command)
        leaves = qty - ticket.cum
        if leaves <= 0:
            raise Refused(OrdRejReason.INCORRECT_QUANTITY, "as much or more is filled already")
        unit = self._refund(pit, ticket, leaves, price, stop_px)
        held = ticket.held
        reason = pit.engine.replace(ticket.order.order_id, leaves, price, stop_px)
        if reason is not None:
            raise Refused(reason, _REFUSALS.get(reason, ""))
        self._subject = ticket
        ticket.retermed(qty, price, stop_px)
        ticket.hold_unit = unit
        if unit:
            ticket.port.money.reserve(ticket.hold_currency, ticket.held - held)
        self._live_until(pit, ticket, command.time_in_force, now)
        was = ticket.cl_ord_id
        if command.cl_ord_id and command.cl_ord_id != was:
            ticket.port.renamed(ticket, command.cl_ord_id)
        self._tell(ticket, ExecType.REPLACED, now, orig_cl_ord_id=was)
        self._settle(pit, ticket, now)

    def _reissue(self, pit: _Pit, ticket: Ticket, command: ReplaceOrder, now: Nanos) -> None:
        """Where a replacement is a cancel and a new order: the new one counts its fills from nothing."""
        qty, price, stop_px = self._new_terms(ticket, command)
        if command.order_qty is None:
            qty -= ticket.cum
        old = ticket.order
        order = Order(
            self._next_order_id,
            old.owner,
            qty,
            price,
            is_buy=old.is_buy,
            life=old.life,
            stop_px=stop_px if old.state == HELD else None,
            expire=old.expire,
            post_only=old.post_only,
        )
        unit = self._refund(pit, ticket, qty, price, stop_px)
        reason = None if order.stop_px is not None else pit.engine.objection(order)
        if reason is not None:
            raise Refused(reason, _REFUSALS.get(reason, ""))
        pit.engine.cancel(old.order_id)
        self._end(ticket, OrdStatus.CANCELED, now)
        self._next_order_id += 1
        new = Ticket(
            ticket.port,
            ticket.listing,
            order,
            side=ticket.side,
            ord_type=ticket.ord_type,
            time_in_force=ticket.time_in_force,
            cl_ord_id=command.cl_ord_id or ticket.cl_ord_id,
            expire_time=ticket.expire_time,
            post_only=ticket.post_only,
        )
        new.hold_currency, new.hold_unit = ticket.hold_currency, unit
        refused = pit.engine.submit(order)
        assert refused is None, "it was asked before"
        self._begin(new)
        self._live_until(pit, new, command.time_in_force, now)
        self._tell(new, ExecType.REPLACED, now, orig_cl_ord_id=ticket.cl_ord_id, orig_order_id=ticket.order_id)
        self._settle(pit, new, now)

    def _refund(self, pit: _Pit, ticket: Ticket, leaves: int, price: int | None, stop_px: int | None) -> int:
        """Can the changed order be paid for, its own reserve counted in? What each unit then reserves."""
        order, money = ticket.order, ticket.port.money
        limit = price if price is not None else stop_px
        if self.ledger.netting_currency:
            more = max(0, leaves - order.leaves)
            self.ledger.afford_margin(
                money, pit.listing, more if order.is_buy else -more, limit or self.mark(pit.listing.symbol)
            )
            return 0
        currency, unit = self.ledger.hold(pit.listing, limit or 0, is_buy=order.is_buy)
        if unit:
            self.ledger.afford(money, currency, unit * leaves, freed=ticket.held)
        return unit

    def _live_until(self, pit: _Pit, ticket: Ticket, time_in_force: TimeInForce | None, now: Nanos) -> None:
        """A replacement may turn DAY into GOOD_TILL_CANCEL and back; a date it cannot give."""
        if time_in_force in (None, TimeInForce.GOOD_TILL_DATE) or time_in_force is ticket.time_in_force:
            return
        assert time_in_force is not None
        ticket.time_in_force, ticket.expire_time = time_in_force, None
        pit.engine.end_at(ticket.order, _end_of_day(now) if time_in_force is TimeInForce.DAY else None)

    def _cancel(self, port: AccountPort, command: CancelOrder, now: Nanos) -> list[_Pit]:
        ticket = self._working(port, command.order_id, command.orig_cl_ord_id)
        if ticket is None:
            text = _unknown(port, command.order_id, command.orig_cl_ord_id)
            self._reject_change(port, command, None, Refused(OrdRejReason.UNKNOWN_ORDER, text), now)
            return []
        return [self._pull(ticket, now)]

    def _mass_cancel(self, port: AccountPort, command: MassCancel, now: Nanos) -> list[_Pit]:
        wanted = [
            ticket
            for ticket in port.working.values()
            if command.symbol is None or ticket.listing.symbol == command.symbol
        ]
        return list(dict.fromkeys(self._pull(ticket, now) for ticket in wanted))

    def _pull(self, ticket: Ticket, now: Nanos) -> _Pit:
        """Take a working order out at its owner's wish."""
        pit = self._pits[ticket.listing.symbol]
        pit.engine.cancel(ticket.order.order_id)
        self._subject = ticket
        self._end(ticket, OrdStatus.CANCELED, now)
        return pit

    @staticmethod
    def _working(port: AccountPort, order_id: str, cl_ord_id: str) -> Ticket | None:
        return port.working.get(order_id) if order_id else port.working_ids.get(cl_ord_id)

    def _reject_change(
        self,
        port: AccountPort,
        command: ReplaceOrder | CancelOrder,
        ticket: Ticket | None,
        refused: Refused,
        now: Nanos,
    ) -> None:
        reject = CancelReject(
            order_id=ticket.order_id if ticket else command.order_id,
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
        self._say(port, reject)

    # ------------------------------------------------------------------------------------------------ settlement

    def _settle(self, pit: _Pit, ticket: Ticket, now: Nanos) -> None:
        """Book what the engine did with this order, then with each stop that was reached by it."""
        self._book_fills(pit, now)
        self._drop_rest(ticket, now)
        while (order := pit.engine.next_triggered()) is not None:
            self._activate(pit, self._tickets[order.order_id], now)

    def _book_fills(self, pit: _Pit, now: Nanos) -> None:
        for fill in pit.engine.take_fills():
            self._book_fill(pit, fill, now)

    def _book_fill(self, pit: _Pit, fill: Fill, now: Nanos) -> None:
        taker, maker, qty, price = fill
        symbol = pit.listing.symbol
        self.ledger.marks[symbol] = price
        self._next_trade_id += 1
        trade_id = str(self._next_trade_id)
        for order, liquidity in ((taker, LiquidityInd.TAKER), (maker, LiquidityInd.MAKER)):
            self._book_side(pit, self._tickets[order.order_id], qty, price, liquidity, trade_id, now)
        trade = Trade(
            symbol=symbol,
            trade_id=trade_id,
            price=exact(price, pit.listing.price_scale),
            size=exact(qty, pit.listing.qty_scale),
            aggressor_side=Side.BUY if taker.is_buy else Side.SELL,
            transact_time=now,
        )
        pit.trades.append(trade)
        self.outbox.append(trade)

    def _book_side(
        self,
        pit: _Pit,
        ticket: Ticket,
        qty: int,
        price: int,
        liquidity: LiquidityInd,
        trade_id: str,
        now: Nanos,
    ) -> None:
        port, order = ticket.port, ticket.order
        if ticket.hold_unit:
            port.money.reserve(ticket.hold_currency, -ticket.hold_unit * qty)
        self.ledger.settle(port.money, pit.listing, qty, price, is_buy=order.is_buy)
        self._touched[port.account, pit.listing.symbol] = port
        cum = ticket.cum + qty
        if ticket.qty is not None:
            complete = cum == ticket.qty
        else:
            # Sized in money: what the engine planned for it is gone, and the book was not too thin for more.
            complete = not order.short and cum == order.planned
        ticket.filled(qty, price, complete=complete)
        if complete:
            self._forget(ticket)
        self._tell(ticket, ExecType.TRADE, now, exec_id=trade_id, last_qty=qty, last_px=price, liquidity=liquidity)

    def _drop_rest(self, ticket: Ticket, now: Nanos) -> None:
        """An order that is done in the engine and not filled is cancelled: there was nothing more to take."""
        if ticket.order.state == DONE and ticket.working:
            self._end(ticket, OrdStatus.CANCELED, now, OrdRejReason.NO_LIQUIDITY, "no liquidity for what is left")

    def _activate(self, pit: _Pit, ticket: Ticket, now: Nanos) -> None:
        """A stop was reached: it becomes an ordinary order, if it can be paid for."""
        order = ticket.order
        ticket.time = now
        self._tell(ticket, ExecType.TRIGGERED, now)
        try:
            if order.price is None and order.is_buy and not self.ledger.netting_currency:
                # Its reserve was made at the trigger price; what counts now is what the book asks.
                ticket.port.money.reserve(ticket.hold_currency, -ticket.held)
                ticket.hold_unit = 0
                self._afford_now(pit, ticket)
            reason = pit.engine.activate(order)
            if reason is not None:
                raise Refused(reason, _REFUSALS.get(reason, ""))
        except Refused as refused:
            self._end(ticket, OrdStatus.CANCELED, now, refused.reason, refused.text)
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
        self._forget(ticket)
        exec_type = ExecType.EXPIRED if ord_status is OrdStatus.EXPIRED else ExecType.CANCELED
        self._tell(ticket, exec_type, now, reason=reason, text=text)

    def _forget(self, ticket: Ticket) -> None:
        self._tickets.pop(ticket.order.order_id, None)
        ticket.port.ended(ticket)

    # ------------------------------------------------------------------------------------------------ telling

    def _tell(self, ticket: Ticket, exec_type: ExecType, now: Nanos, **what: Any) -> None:
        """A report of this step to the order's account, unless nobody there listens."""
        ticket.time = now
        port = ticket.port
        if port.quiet and port is not self._actor:
            return
        ref = self._ref if ticket is self._subject else None
        report = ticket.report(exec_type, now, ref=ref, **what)
        if exec_type is ExecType.TRADE and not port.quiet:
            port.filled.append(report)
        self._say(port, report)

    def _say(self, port: AccountPort, report: ExecutionReport | CancelReject) -> None:
        if port is self._actor:
            self._mine.append(report)
        if not port.quiet:
            self.outbox.append(report)

    def _finish(self, pits: list[_Pit], now: Nanos) -> None:
        """After a command: one update a book, a quote if the top moved, and the money of those who were filled."""
        for pit in pits:
            self._tell_book(pit, now)
        for (_, symbol), port in self._touched.items():
            if not port.quiet:
                self.outbox.append(self.ledger.position(port.money, symbol, now))
                listing = self._pits[symbol].listing
                self.outbox += [
                    self.ledger.balance(port.money, currency, now) for currency in self.ledger.moved_by(listing)
                ]
        self._touched.clear()

    def _tell_book(self, pit: _Pit, now: Nanos) -> None:
        rows = pit.engine.take_rows()
        if not rows:
            return
        listing, engine = pit.listing, pit.engine
        self.outbox.append(
            BookUpdate(
                symbol=listing.symbol,
                body=b"",
                read=given(_merged(rows)),
                price_scale=listing.price_scale,
                size_scale=listing.qty_scale,
                transact_time=now,
            )
        )
        top = engine.best(is_buy=True), engine.best(is_buy=False)
        if top != pit.top:
            pit.top = top
            self.outbox.append(self._quote(pit, now))

    @staticmethod
    def _quote(pit: _Pit, now: Nanos) -> Quote:
        listing, engine = pit.listing, pit.engine
        bid, ask = engine.best(is_buy=True), engine.best(is_buy=False)
        return Quote(
            symbol=listing.symbol,
            bid=exact(bid[0], listing.price_scale) if bid else None,
            ask=exact(ask[0], listing.price_scale) if ask else None,
            bid_size=exact(bid[1], listing.qty_scale) if bid else None,
            ask_size=exact(ask[1], listing.qty_scale) if ask else None,
            last_px=None if engine.last is None else exact(engine.last, listing.price_scale),
            transact_time=now,
        )


# ---------------------------------------------------------------------------------------------------- intake, in parts


def _lifetime(command: NewOrder) -> tuple[int, TimeInForce]:
    """What becomes of the unfilled rest, and the time in force the order is told with; raises `Refused`."""
    time_in_force = command.time_in_force
    # A stop without a limit is a market order later: nothing of it can rest.
    is_market = command.ord_type not in _LIMITS
    life = _LIFE.get(time_in_force, DROP if is_market else REST) if time_in_force else (DROP if is_market else REST)
    if command.post_only and (life != REST or command.ord_type is not OrdType.LIMIT):
        raise Refused(OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC, "only a resting limit order can be post-only")
    if time_in_force is None:
        immediate = command.ord_type is OrdType.MARKET
        time_in_force = TimeInForce.IMMEDIATE_OR_CANCEL if immediate else TimeInForce.GOOD_TILL_CANCEL
    return life, time_in_force


def _end_of(command: NewOrder, time_in_force: TimeInForce, now: Nanos) -> Nanos | None:
    if time_in_force is TimeInForce.DAY:
        return _end_of_day(now)
    if time_in_force is not TimeInForce.GOOD_TILL_DATE:
        return None
    if command.expire_time is None or command.expire_time <= now:
        raise Refused(OrdRejReason.INVALID_EXPIRE_TIME, "the end of the order is missing or past")
    return command.expire_time


def _end_of_day(now: Nanos) -> Nanos:
    return (now // _DAY + 1) * _DAY


def _sizes(pit: _Pit, command: NewOrder, price: int | None, life: int) -> tuple[int, int | None]:
    """(quantity, money): money only for what trades at once; a resting order sized in money has a quantity."""
    listing = pit.listing
    if command.cash_order_qty is None:
        return listing.qty(command.order_qty), None
    if command.order_qty is not None:
        raise Refused(OrdRejReason.INCORRECT_QUANTITY, "quantity and cash quantity are both given")
    if command.ord_type in _STOPS:
        raise Refused(OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC, "a stop order cannot be sized in money")
    budget = listing.cash(command.cash_order_qty)
    if life == REST:
        assert price is not None, "an order that rests has a limit"
        return listing.sized(budget // price // listing.step * listing.step), None
    best = pit.engine.best(is_buy=command.side is not Side.BUY)
    if best is not None:
        listing.sized(budget // best[0] // listing.step * listing.step)
    return 0, budget


def _unknown(port: AccountPort, order_id: str, cl_ord_id: str) -> str:
    ticket = port.ticket(order_id, cl_ord_id)
    return "no such order" if ticket is None else f"the order is {ticket.status.value.lower().replace('_', ' ')}"


def _given(value: Decimal | str | int | None) -> Decimal | None:
    """A number of a command, which has become a Decimal when the command was made."""
    return None if value is None else Decimal(value)


def _merged(rows: list[LevelRow]) -> list[LevelRow]:
    """Each price once, with its last size."""
    if len(rows) == 1:
        return rows
    last = {(what, price): size for what, price, size in rows}
    return [(what, price, size) for (what, price), size in last.items()]
