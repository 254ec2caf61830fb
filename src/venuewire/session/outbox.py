"""The way out: lanes, pacing, and what the transport has not fetched yet."""

from __future__ import annotations

from venuewire.model.terms import Nanos
from venuewire.session.liveness import Liveness
from venuewire.session.pacing import Lanes, Pacer
from venuewire.session.pending import Pending
from venuewire.venue import Effect, Send


class Outbox:
    """Lets out what pacing allows, and notes for each request when it went."""

    __slots__ = ("_fetches", "_liveness", "_out", "_pending", "_sends", "lanes")

    def __init__(self, pending: Pending, liveness: Liveness, sends: Pacer, fetches: Pacer) -> None:
        self.lanes = Lanes()
        self._pending = pending
        self._liveness = liveness
        self._sends = sends
        self._fetches = fetches
        self._out: list[tuple[Effect, str]] = []

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
            if not self._release(urgent[0], "", now):
                return False
            urgent.popleft()
        return True

    def release_built(self, now: Nanos) -> bool:
        """Let out what is built already; False when some of it must wait."""
        built = self.lanes.built
        while built:
            if not self._release(*built[0], now):
                return False
            built.popleft()
        return True

    def has_room(self, now: Nanos) -> bool:
        """May a command be built now? It may turn out to be a frame or a fetch."""
        return self._sends.free_at(now) <= now and self._fetches.free_at(now) <= now

    def free_at(self, now: Nanos, *, commands: bool) -> Nanos | None:
        """When pacing lets the next one out, `commands` among them; None when nothing waits for that."""
        lanes = self.lanes
        waiting = lanes.urgent[0] if lanes.urgent else lanes.built[0][0] if lanes.built else None
        if waiting is not None:
            return self._pacer(waiting).free_at(now)
        if not commands or lanes.next_command() is None:
            return None
        return max(self._sends.free_at(now), self._fetches.free_at(now))

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

    def __bool__(self) -> bool:
        """Is there anything for the transport to fetch?"""
        return bool(self._out)

    def _pacer(self, effect: Effect) -> Pacer:
        return self._sends if isinstance(effect, Send) else self._fetches

    def _release(self, effect: Effect, ref: str, now: Nanos) -> bool:
        if not self._pacer(effect).take(now):
            return False
        if isinstance(effect, Send):
            self._liveness.last_sent = now
        self._out.append((effect, ref))
        request = self._pending.get(ref)
        if request is not None and not request.sent_time:
            request.sent_time = now
        return True
