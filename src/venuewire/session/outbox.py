"""The way out: lanes, pacing, and what the transport has not fetched yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from venuewire.model.session import Command, Subscribe, Unsubscribe
from venuewire.model.terms import Nanos
from venuewire.session.liveness import Liveness
from venuewire.session.pacing import Lanes, Pacer
from venuewire.session.pending import Pending
from venuewire.venue import Effect, Rate, Send


class Outbox:
    """Lets out what pacing allows, and notes for each request when it went."""

    __slots__ = (
        *("_booked", "_fetches", "_kinds", "_liveness", "_out", "_paid", "_pending", "_requests_over_http", "_sends"),
        "lanes",
    )

    def __init__(
        self,
        pending: Pending,
        liveness: Liveness,
        sends: Pacer,
        fetches: Pacer,
        kinds: Mapping[str, Rate],
        *,
        requests_over_http: bool = False,
    ) -> None:
        self.lanes = Lanes()
        self._pending = pending
        self._liveness = liveness
        self._sends = sends
        self._fetches = fetches
        self._kinds = {kind: Pacer(rate) for kind, rate in kinds.items()}
        self._out: list[tuple[Effect, str]] = []
        self._requests_over_http = requests_over_http
        self._booked: tuple[Effect | Command, Nanos] | None = None
        """What goes next, and when it may: other lines that share the pacing cannot take its turn."""
        self._paid = False
        """The next frame has had its turn counted."""

    def put(self, effect: Effect, ref: str) -> None:
        """Let a step of a request wait for its turn; one of a kind with a rate of its own stands aside."""
        if isinstance(effect, Send) and effect.kind in self._kinds:
            self._pending.pause(ref)
            self.lanes.kinds.setdefault(effect.kind, deque()).append((effect, ref))
        else:
            self.lanes.built.append((effect, ref))

    def hold(self, kind: str, until: Nanos) -> None:
        """The venue has asked us not to send this kind before."""
        if kind in self._kinds:
            self._kinds[kind].hold(until)

    def drain(self) -> list[Effect]:
        """What the transport must do now; from here on it counts as sent."""
        if not self._out:
            return []
        out, self._out = self._out, []
        for _, ref in out:
            request = self._pending.get(ref)
            if request is not None:
                request.sent = True
        return [effect for effect, _ in out]

    def release_urgent(self, now: Nanos) -> bool:
        """Let out what keeps the line alive; False when some of it must wait."""
        urgent = self.lanes.urgent
        while urgent:
            pacer = self._pacer(urgent[0])
            if self._turn_of(urgent[0], pacer, now) > now:
                return False
            self._take_turn(pacer, now)
            self._let_out(urgent.popleft(), "", now)
        return True

    def _turn_of(self, what: Effect | Command, pacer: Pacer, now: Nanos) -> Nanos:
        if self._booked is None or self._booked[0] is not what:
            self._booked = what, pacer.book(now)
        return self._booked[1]

    def _take_turn(self, pacer: Pacer, now: Nanos) -> None:
        assert self._booked is not None, "a turn is booked before it is taken"
        pacer.went(self._booked[1], now)
        self._booked = None

    def release_built(self, now: Nanos) -> bool:
        """Let out what is built already; False when some of it must wait."""
        built = self.lanes.built
        while built:
            if not self._release(*built[0], now):
                return False
            built.popleft()
        return True

    def release_kinds(self, now: Nanos) -> None:
        """Let out what waits for the rate of its kind; its answer is waited for from then on."""
        for kind, lane in self.lanes.kinds.items():
            while lane and self._kind_free_at(kind, now) <= now:
                effect, ref = lane.popleft()
                self._kinds[kind].take(now)
                self._release(effect, ref, now)
                request = self._pending.get(ref)
                if request is not None:
                    request.kind = kind
                    self._pending.wait_until(request, now + request.timeout)

    def _kind_free_at(self, kind: str, now: Nanos) -> Nanos:
        return max(self._kinds[kind].free_at(now), self._sends.free_at(now))

    def has_room(self, now: Nanos) -> bool:
        """May the next command be built now?"""
        self._paid = False
        if self._command_free_at(now, book=True) > now:
            return False
        if self._booked is not None and self._booked[0] is self.lanes.next_command():
            self._take_turn(self._sends, now)
            self._paid = True
        return True

    def _command_free_at(self, now: Nanos, *, book: bool) -> Nanos:
        """When the next command may be built; a subscription that is known to be a frame books its turn."""
        command = self.lanes.next_command()
        if not self._requests_over_http:
            return max(self._sends.free_at(now), self._fetches.free_at(now))
        if not isinstance(command, (Subscribe, Unsubscribe)):
            return self._fetches.free_at(now)
        if book:
            return self._turn_of(command, self._sends, now)
        booked = self._booked is not None and self._booked[0] is command
        return self._booked[1] if self._booked and booked else self._sends.free_at(now)

    def free_at(self, now: Nanos, *, built: bool, commands: bool) -> Nanos | None:
        """When pacing lets the next one out, `built` and `commands` among them; None when nothing waits for that."""
        lanes = self.lanes
        if lanes.urgent:
            booked = self._booked is not None and self._booked[0] is lanes.urgent[0]
            return self._booked[1] if self._booked and booked else self._pacer(lanes.urgent[0]).free_at(now)
        if lanes.built and built:
            return self._pacer(lanes.built[0][0]).free_at(now)
        if not commands:
            return None
        times = [self._kind_free_at(kind, now) for kind, lane in lanes.kinds.items() if lane]
        if lanes.next_command() is not None:
            times.append(self._command_free_at(now, book=False))
        return min(times, default=None)

    def holds(self, ref: str) -> bool:
        """Is this effect of a logon still here, so that nobody has seen it?"""
        return any(effect.ref == ref for effect in (*self.lanes.urgent, *(effect for effect, _ in self._out)))

    def withdraw(self, refs: set[str]) -> None:
        """Take back what is left of these requests."""
        self.lanes.withdraw(refs)
        self._out = [(effect, ref) for effect, ref in self._out if ref not in refs]

    def clear(self) -> None:
        """Nothing outlives the line it was meant for."""
        self.lanes.clear()
        self._out.clear()
        self._booked = None
        self._paid = False

    def __bool__(self) -> bool:
        """Is there anything for the transport to fetch?"""
        return bool(self._out)

    def _pacer(self, effect: Effect) -> Pacer:
        return self._sends if isinstance(effect, Send) else self._fetches

    def _release(self, effect: Effect, ref: str, now: Nanos) -> bool:
        if isinstance(effect, Send) and self._paid:
            self._paid = False
        elif not self._pacer(effect).take(now):
            return False
        self._let_out(effect, ref, now)
        return True

    def _let_out(self, effect: Effect, ref: str, now: Nanos) -> None:
        if isinstance(effect, Send):
            self._liveness.last_sent = now
        self._out.append((effect, ref))
        request = self._pending.get(ref)
        if request is not None and not request.sent_time:
            request.sent_time = now
