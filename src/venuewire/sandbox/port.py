"""A client's place at the exchange: its account, its orders and its fills. Pure."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from venuewire.model.account import Balance, Position
from venuewire.model.orders import CancelReject, ExecutionReport
from venuewire.model.session import OrderCommand
from venuewire.model.terms import Nanos
from venuewire.sandbox.accounts import Account
from venuewire.sandbox.notes import OrderNote, Step
from venuewire.sandbox.ticket import Ticket, status

if TYPE_CHECKING:
    from venuewire.sandbox.exchange import SandboxExchange

_REMEMBERED: Final = 10_000
"""Orders that are done, and fills, an account can still ask about."""


class AccountPort:
    """One account at the exchange; all its connections share it. Implements `venue.Port`."""

    def __init__(self, exchange: SandboxExchange, account: Account, *, quiet: bool = False) -> None:
        self.account = account.name
        self.money = account
        self.quiet = quiet
        """Nobody listens: no events are made for it and nothing that is done is remembered (the market's own)."""
        self.working: dict[str, Ticket] = {}
        """By order id, oldest first."""
        self.done: dict[str, Ticket] = {}
        self._ended: deque[Ticket] = deque()
        """Those of `done`, the first that ended first."""
        self.filled: deque[Step] = deque(maxlen=_REMEMBERED)
        self._newest: dict[str, Ticket] = {}
        """By our own id; the old ones of replaced orders as well."""
        self._exchange = exchange

    # ---------------------------------------------------------------------------------------------- what a client does

    def execute(self, command: OrderCommand, now: Nanos) -> list[ExecutionReport | CancelReject]:
        """Do it; every step it had for this account, in order."""
        return [step.event() for step in self._exchange.execute(self, command, now)]

    def perform(self, command: OrderCommand, now: Nanos) -> list[OrderNote]:
        """The same, for who does not need the reports: a step becomes one when `event()` is asked of it."""
        return self._exchange.execute(self, command, now)

    def order(self, order_id: str = "", cl_ord_id: str = "") -> ExecutionReport | None:
        """Where one order stands, working or done; by our id, the newest that had it."""
        ticket = self.ticket(order_id, cl_ord_id)
        return None if ticket is None else status(ticket)

    def orders(self, *, working: bool = True) -> list[ExecutionReport]:
        """Where each order stands, oldest first; without `working`, those that are done as well."""
        tickets = list(self.working.values())
        if not working:
            tickets = sorted([*self.done.values(), *tickets], key=lambda ticket: ticket.order_id)
        return [status(ticket) for ticket in tickets]

    def fills(self) -> list[ExecutionReport]:
        """Every fill, oldest first."""
        return [step.event() for step in self.filled]

    def positions(self) -> list[Position]:
        return self._exchange.ledger.positions(self.money)

    def balances(self) -> list[Balance]:
        return self._exchange.ledger.balances(self.money)

    # ---------------------------------------------------------------------------------------------- for the exchange

    def ticket(self, order_id: str = "", cl_ord_id: str = "") -> Ticket | None:
        """An order by the exchange's id or, without one, by our own."""
        if order_id:
            return self.working.get(order_id) or self.done.get(order_id)
        return self._newest.get(cl_ord_id) if cl_ord_id else None

    def began(self, ticket: Ticket) -> None:
        """An order is in the book, or beside it."""
        self.working[ticket.told_id] = ticket
        cl_ord_id = ticket.terms.cl_ord_id
        if cl_ord_id:
            self._newest[cl_ord_id] = ticket

    def working_as(self, cl_ord_id: str) -> Ticket | None:
        """The order that works and goes by this id of ours; there is one at most."""
        ticket = self._newest.get(cl_ord_id)
        if ticket is None or not ticket.working or ticket.terms.cl_ord_id != cl_ord_id:
            return None
        return ticket

    def renamed(self, ticket: Ticket, cl_ord_id: str) -> None:
        """An order goes by another id of ours from now on; it is still found by the old one."""
        ticket.former_ids = (*ticket.former_ids, ticket.terms.cl_ord_id)
        ticket.terms = msgspec.structs.replace(ticket.terms, cl_ord_id=cl_ord_id)
        self._newest[cl_ord_id] = ticket

    def ended(self, ticket: Ticket) -> None:
        """An order is done."""
        self.working.pop(ticket.told_id, None)
        if self.quiet:
            self._forget(ticket)
            return
        self.done[ticket.told_id] = ticket
        self._ended.append(ticket)
        if len(self._ended) > _REMEMBERED:
            oldest = self._ended.popleft()
            del self.done[oldest.told_id]
            self._forget(oldest)

    def _forget(self, ticket: Ticket) -> None:
        newest, cl_ord_id = self._newest, ticket.terms.cl_ord_id
        if newest.get(cl_ord_id) is ticket:
            del newest[cl_ord_id]
        for former in ticket.former_ids:
            if newest.get(former) is ticket:
                del newest[former]
