"""One order at work, as the exchange remembers it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from venuewire.model.orders import ExecutionReport
from venuewire.model.terms import ExecType, Nanos, OrdStatus, Side
from venuewire.sandbox.engine import REST, Order
from venuewire.sandbox.notes import Step, Terms

if TYPE_CHECKING:
    from venuewire.sandbox.port import AccountPort

# Looking a member up in its enumeration costs more than the rest of what is done with it here.
_BUY: Final = Side.BUY
_NEW: Final = OrdStatus.NEW
_PARTIALLY_FILLED: Final = OrdStatus.PARTIALLY_FILLED
_FILLED: Final = OrdStatus.FILLED


class Ticket(Order):
    """An order at work: what was asked, how far it has come, and what it reserves."""

    __slots__ = (
        "cum",
        "former_ids",
        "hold_currency",
        "hold_unit",
        "listing",
        "notional",
        "port",
        "status",
        "terms",
        "text",
        "time",
        "told_id",
    )

    def __init__(
        self,
        port: AccountPort,
        order_id: int,
        terms: Terms,
        life: int = REST,
        budget: int | None = None,
        expire: Nanos | None = None,
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
            is_buy=terms.side is _BUY,
            post_only=terms.post_only,
        )
        self.port = port
        self.terms = terms
        self.listing = terms.listing
        self.told_id = terms.order_id
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
        qty = self.terms.qty
        return self.hold_unit * (qty - self.cum) if qty is not None and self.working else 0

    def filled(self, qty: int, price: int, *, complete: bool) -> None:
        """Count a fill."""
        self.cum += qty
        self.notional += qty * price
        self.status = _FILLED if complete else _PARTIALLY_FILLED


def status(ticket: Ticket) -> ExecutionReport:
    """Where an order stands, as nothing new."""
    told = ExecType.ORDER_STATUS
    step = Step(ticket.terms, told, ticket.time, ticket.status, ticket.cum, ticket.notional, text=ticket.text)
    return step.event()
