"""Requests in flight: each has one answer, or none in time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from venuewire.model.session import (
    Command,
    Event,
    RequestRejected,
    Subscribe,
    SubscriptionAccepted,
    SubscriptionRejected,
    Unanswered,
    Unsubscribe,
)
from venuewire.model.terms import Nanos

ANSWERS_TO_SUBSCRIBING = (SubscriptionAccepted, SubscriptionRejected, RequestRejected)


class InFlight:
    """One request: what was asked, and until when an answer is waited for."""

    __slots__ = ("command", "deadline", "epoch", "kind", "sent", "sent_time", "timeout")

    def __init__(self, command: Command, timeout: Nanos, epoch: int) -> None:
        self.command = command
        self.timeout = timeout
        self.epoch = epoch
        self.deadline: Nanos | None = None
        self.kind = ""
        """Of its newest frame, where that has a rate of its own."""
        self.sent = False
        """True once the transport was handed it."""
        self.sent_time: Nanos = 0

    def unanswered(self, cause: str, now: Nanos, *, timed_out: bool = False) -> Unanswered:
        """What the user is told when no answer came."""
        return Unanswered(
            ref=self.command.ref,
            command=self.command,
            cause=cause,
            sent_time=self.sent_time,
            epoch=self.epoch,
            sent=self.sent,
            timed_out=timed_out,
            recv_time=now,
        )


class Pending:
    """The requests in flight, oldest first."""

    __slots__ = ("_by_ref", "_deadlines")

    def __init__(self) -> None:
        self._by_ref: dict[str, InFlight] = {}
        # Answered requests stay in the heap until their deadline passes: cheaper than finding them.
        self._deadlines: list[tuple[Nanos, str]] = []

    def add(self, command: Command, timeout: Nanos, epoch: int) -> InFlight:
        """A request begins; it has no deadline yet."""
        request = self._by_ref[command.ref] = InFlight(command, timeout, epoch)
        return request

    def wait_until(self, request: InFlight, deadline: Nanos) -> None:
        """From now on its answer is waited for, until `deadline`."""
        request.deadline = deadline
        heapq.heappush(self._deadlines, (deadline, request.command.ref))

    def pause(self, ref: str) -> None:
        """It waits here and not for the venue: no deadline until it goes."""
        request = self._by_ref.get(ref)
        if request is not None:
            request.deadline = None

    def get(self, ref: str) -> InFlight | None:
        """The request in flight with this ref."""
        return self._by_ref.get(ref)

    def drop(self, ref: str) -> InFlight | None:
        """It is over."""
        return self._by_ref.pop(ref, None)

    def settle(self, ref: str, event: Event) -> InFlight | None:
        """The request that `event` answers, now over; None when there is none.

        What a subscription brings carries its ref too, and may come before the answer.
        """
        request = self._by_ref.get(ref)
        if request is None:
            return None
        if isinstance(request.command, (Subscribe, Unsubscribe)) and not isinstance(event, ANSWERS_TO_SUBSCRIBING):
            return None
        return self._by_ref.pop(ref)

    def next_deadline(self) -> Nanos | None:
        """When the first of them has waited long enough."""
        while self._deadlines:
            deadline, ref = self._deadlines[0]
            request = self._by_ref.get(ref)
            if request is not None and request.deadline == deadline:
                return deadline
            heapq.heappop(self._deadlines)
        return None

    def overdue(self, now: Nanos) -> Iterator[InFlight]:
        """Requests whose deadline has passed, now over."""
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            _, ref = heapq.heappop(self._deadlines)
            yield self._by_ref.pop(ref)

    def clear(self) -> list[InFlight]:
        """All of them, oldest first; none is left."""
        requests = list(self._by_ref.values())
        self._by_ref.clear()
        self._deadlines.clear()
        return requests

    def __len__(self) -> int:
        return len(self._by_ref)
