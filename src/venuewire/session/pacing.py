"""Pacing: never more than the venue allows, in any window, and cancels before everything else.

The window is exact. A bucket that refills steadily lets twice the limit through around a full bucket; here the
times of the last `count` releases are kept, and the next one waits until the oldest of them has left the window.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterator

from venuewire.model.orders import CancelOrder, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import Command
from venuewire.model.terms import Nanos
from venuewire.venue import Effect, Rate, Send


class Pacer:
    """At most `rate.count` in any window of `rate.per` nanoseconds; without a rate, no bound.

    One pacer may be shared by everything the venue counts together.
    """

    __slots__ = ("_held_until", "_rate", "_times")

    def __init__(self, rate: Rate | None) -> None:
        self._rate = rate
        self._held_until: Nanos = 0
        self._times: deque[Nanos] = deque(maxlen=rate.count if rate else 0)

    def free_at(self, now: Nanos) -> Nanos:
        """When the next may go: `now`, or later."""
        if self._rate is None or len(self._times) < self._rate.count:
            return max(now, self._held_until)
        return max(now, self._held_until, self._times[0] + self._rate.per)

    def hold(self, until: Nanos) -> None:
        """The venue has asked us to wait, whatever its rate."""
        self._held_until = max(self._held_until, until)

    def book(self, now: Nanos) -> Nanos:
        """Count one that must not wait for others who share this pacer: when it may go."""
        when = self.free_at(now)
        if self._rate is not None:
            self._times.append(when)
        return when

    def went(self, when: Nanos, now: Nanos) -> None:
        """What was booked for `when` goes now, which may be a little later."""
        if when != now and when in self._times:
            self._times.remove(when)
            insort(self._times, now)

    def take(self, now: Nanos) -> bool:
        """Count one that goes now; False, and nothing counted, when it must wait."""
        if self.free_at(now) > now:
            return False
        if self._rate is not None:
            self._times.append(now)
        return True


class Lanes:
    """What waits to go out: first what keeps the line alive, then what is built already, then cancels, then the rest.

    Commands wait unbuilt: an effect is made when it can be sent, from the grant in hand. Frames of a kind with a rate
    of its own stand aside, so that nothing else waits behind them.
    """

    __slots__ = ("built", "cancels", "kinds", "ordinary", "urgent")

    def __init__(self) -> None:
        self.urgent: deque[Effect] = deque()
        """Logon, heartbeats, what must be answered at once."""
        self.built: deque[tuple[Effect, str]] = deque()
        """The rest of a command that takes more than one effect."""
        self.kinds: dict[str, deque[tuple[Send, str]]] = {}
        self.cancels: deque[Command] = deque()
        self.ordinary: deque[Command] = deque()

    def put(self, command: Command) -> None:
        """Let a command wait in its lane."""
        if isinstance(command, MassCancel) or (isinstance(command, CancelOrder) and not self._holds_target(command)):
            self.cancels.append(command)
        else:
            self.ordinary.append(command)

    def _holds_target(self, cancel: CancelOrder) -> bool:
        # A cancel that overtook its own order would be refused, and the order would then go live.
        return any(
            isinstance(waiting, (NewOrder, ReplaceOrder))
            and waiting.cl_ord_id == cancel.orig_cl_ord_id
            and bool(cancel.orig_cl_ord_id)
            for waiting in self.ordinary
        )

    def next_command(self) -> Command | None:
        """The command that goes next, left in its lane."""
        lane = self.cancels or self.ordinary
        return lane[0] if lane else None

    def pop_command(self) -> Command:
        """The same, taken out."""
        return (self.cancels or self.ordinary).popleft()

    def put_back(self, command: Command) -> None:
        """One that could not be built now goes first in its lane."""
        is_cancel = isinstance(command, MassCancel) or (isinstance(command, CancelOrder) and not self.ordinary)
        (self.cancels if is_cancel else self.ordinary).appendleft(command)

    def withdraw(self, refs: set[str]) -> None:
        """Take these commands, or what is left of them, out."""
        if refs:
            self.built = deque((effect, ref) for effect, ref in self.built if ref not in refs)
            self.kinds = {
                kind: deque((effect, ref) for effect, ref in lane if ref not in refs)
                for kind, lane in self.kinds.items()
            }
            self.cancels = deque(waiting for waiting in self.cancels if waiting.ref not in refs)
            self.ordinary = deque(waiting for waiting in self.ordinary if waiting.ref not in refs)

    def orders(self, symbol: str | None) -> Iterator[NewOrder | ReplaceOrder]:
        """Orders that wait here, in `symbol` or in all."""
        for waiting in self.ordinary:
            if isinstance(waiting, (NewOrder, ReplaceOrder)) and symbol in {None, waiting.symbol}:
                yield waiting

    def refs(self) -> set[str]:
        """Which requests wait here."""
        waiting = {command.ref for lane in (self.cancels, self.ordinary) for command in lane}
        aside = {ref for lane in self.kinds.values() for _, ref in lane}
        return waiting | aside | {ref for _, ref in self.built}

    def clear(self) -> None:
        """Nothing queued outlives the line it was queued for."""
        for lane in (self.urgent, self.built, self.cancels, self.ordinary):
            lane.clear()
        self.kinds.clear()

    def __bool__(self) -> bool:
        return bool(self.urgent or self.built or self.cancels or self.ordinary or any(self.kinds.values()))
