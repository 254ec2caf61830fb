"""What a guarded client tells of its orders, taken into a blotter of our own. Pure."""

from __future__ import annotations

from venuewire.client.guard_channel import Noted, Settled, noted_record
from venuewire.model.orders import ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.terms import Nanos, OrdStatus
from venuewire.orders.blotter import Blotter


class Charges:
    """The orders to be cancelled when it comes to that: those the client has told of, and no others."""

    def __init__(self, blotter: Blotter) -> None:
        """`blotter`: of a client that places nothing itself; what the venue says goes into it, too."""
        self._blotter = blotter
        self._replacements: dict[str, ReplaceOrder] = {}
        """Those the venue has said nothing of yet, by the client's ids."""
        self._asked: dict[str, NewOrder] = {}
        """Likewise new orders."""

    def take(self, note: Noted, now: Nanos) -> None:
        """A command that is about to be sent, or the venue's word. Raises `JournalError` for what cannot be read."""
        record = noted_record(note)
        if isinstance(record, NewOrder):
            self._asked[record.cl_ord_id] = record
            self._blotter.adopt(record, now)
        elif isinstance(record, ReplaceOrder):
            self._replacements[record.cl_ord_id] = record
        elif isinstance(record, ExecutionReport):
            self._asked.pop(record.cl_ord_id, None)
            self._replacements.pop(record.cl_ord_id, None)
            self._blotter.apply(record)

    def settle(self, settled: Settled, now: Nanos) -> None:
        """No answer will come to a new order."""
        command = self._asked.pop(settled.cl_ord_id, None)
        if command is not None:
            self._blotter.unanswered(command, settled.cause, now, sent=settled.sent)

    def bereave(self, cause: str, now: Nanos) -> None:
        """The client is gone: what was in flight may have arrived or not, and nobody else will ask."""
        commands: tuple[NewOrder | ReplaceOrder, ...] = (*self._asked.values(), *self._replacements.values())
        for command in commands:
            self._blotter.unanswered(command, cause, now)
        for order in self._blotter:
            if order.ours and order.status is OrdStatus.PENDING_NEW and not order.order_id:
                self._blotter.in_doubt(order, cause, now)
        self._asked.clear()
        self._replacements.clear()

    def __len__(self) -> int:
        """How many are not known to have ended."""
        return sum(1 for order in self._blotter if order.ours and not order.is_ended)


__all__ = ["Charges"]
