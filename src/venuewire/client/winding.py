"""The end of trading: every order of ours cancelled, confirmed by the venue, and told where it could not be."""

from __future__ import annotations

import asyncio

from msgspec import Struct

from venuewire.client.desk import Desk
from venuewire.errors import VenueError
from venuewire.model.terms import NANOS_PER_SECOND, Nanos, OrdStatus
from venuewire.orders.order import Order
from venuewire.transport.clock import Clock

STEP = NANOS_PER_SECOND // 10
PATIENCE = NANOS_PER_SECOND // 2
"""Between two cancels of one order, and between two questions about all."""
QUESTIONS = 2
"""How often the venue is asked about orders whose outcome is not known; then no more is to be learnt."""


class Unconfirmed(Struct, frozen=True, kw_only=True):
    """An order of ours that may still be working."""

    symbol: str
    cl_ord_id: str
    order_id: str
    status: OrdStatus
    text: str
    """Why it could not be confirmed."""


class StopReport(Struct, frozen=True, kw_only=True):
    """What became of our orders when trading was stopped."""

    canceled: tuple[str, ...]
    """Orders that the venue has said to be cancelled, by our ids, or by its own where there are none."""
    ended: tuple[str, ...]
    """Those that ended otherwise meanwhile: filled, refused, expired."""
    unconfirmed: tuple[Unconfirmed, ...]
    """Look at these at the venue itself."""

    @property
    def complete(self) -> bool:
        """Nothing of ours is working any more."""
        return not self.unconfirmed


class Winding:
    """Cancels every order of ours, asks about those that are not known, until none is left or time is up."""

    def __init__(
        self, desk: Desk, clock: Clock, seconds: float, *, only_ours: bool = True, patient: bool = False
    ) -> None:
        """`only_ours`: False takes every working order of the account, whoever placed it. `patient`: orders whose
        outcome is not known are looked for until the end, since what was under way may still arrive."""
        self._patient = patient
        self._only_ours = only_ours
        self._desk = desk
        self._clock = clock
        self._deadline = clock.now() + round(seconds * NANOS_PER_SECOND)
        self._seen: dict[Order, str] = {}
        """With what stood in the way last."""
        self._cancels: dict[Order, asyncio.Task[None]] = {}
        self._asked_at: dict[Order, Nanos] = {}
        self._question: asyncio.Task[bool] | None = None
        self._asked_all_at: Nanos = 0
        self._answers = 0

    async def run(self) -> StopReport:
        """Raises nothing: what could not be done is in the report."""
        try:
            while (left := self._left()) and self._clock.now() < self._deadline and not self._is_hopeless(left):
                for order in left:
                    self._cancel(order)
                self._ask()
                await self._clock.sleep_until(self._clock.now() + STEP)
        finally:
            tasks = [*self._cancels.values(), *([] if self._question is None else [self._question])]
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)
        return self.report()

    def _left(self) -> list[Order]:
        left = at_work(self._desk, only_ours=self._only_ours)
        for order in left:
            self._seen.setdefault(order, "")
        return left

    def _is_hopeless(self, left: list[Order]) -> bool:
        """The venue has answered, and knows nothing of what is left."""
        return (
            not self._patient
            and self._answers >= QUESTIONS
            and all(order.status is OrdStatus.OUTCOME_UNKNOWN for order in left)
        )

    def _cancel(self, order: Order) -> None:
        now, task = self._clock.now(), self._cancels.get(order)
        busy = task is not None and not task.done()
        if order.order_id and not busy and now - self._asked_at.get(order, -PATIENCE) >= PATIENCE:
            self._asked_at[order] = now
            self._cancels[order] = asyncio.ensure_future(self._cancel_one(order))

    async def _cancel_one(self, order: Order) -> None:
        live = self._desk.find(order.order_id)
        try:
            if live is not None:
                await self._desk.cancel(live)
        except VenueError as error:
            self._seen[order] = str(error)

    def _ask(self) -> None:
        if self._question is not None:
            if not self._question.done():
                return
            self._answers += self._question.result()
            self._question = None
        if self._clock.now() - self._asked_all_at >= PATIENCE:
            self._asked_all_at = self._clock.now()
            self._question = asyncio.ensure_future(self._ask_venue())

    async def _ask_venue(self) -> bool:
        try:
            await self._desk.sync()
        except VenueError:
            return False
        return True

    def report(self) -> StopReport:
        """How it stands."""
        left = at_work(self._desk, only_ours=self._only_ours)
        over = [order for order in self._seen if order.is_ended]
        return StopReport(
            canceled=tuple(_name(order) for order in over if order.status is OrdStatus.CANCELED),
            ended=tuple(_name(order) for order in over if order.status is not OrdStatus.CANCELED),
            unconfirmed=tuple(
                Unconfirmed(
                    symbol=order.symbol,
                    cl_ord_id=order.cl_ord_id,
                    order_id=order.order_id,
                    status=order.status,
                    text=self._seen.get(order) or order.text or "no confirmation came in time",
                )
                for order in left
            ),
        )


def at_work(desk: Desk, *, only_ours: bool = True) -> list[Order]:
    """Orders of ours, or of the account, that are not known to have ended."""
    return [order for order in desk.blotter if not order.is_ended and (order.ours or not only_ours)]


def _name(order: Order) -> str:
    return order.cl_ord_id or order.order_id


__all__ = ["StopReport", "Unconfirmed", "Winding", "at_work"]
