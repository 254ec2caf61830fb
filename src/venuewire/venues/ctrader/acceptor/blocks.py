"""What the far end blocks on one connection for asking, or trading, too often (sheet, limits; open questions 7). Pure.

A historical request over the limit is refused with REQUEST_FREQUENCY_EXCEEDED; the third such refusal of one type in a
row blocks the type for five seconds, and `retryAfter` says how many are left.
"""

from __future__ import annotations

from collections import deque

from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venues.ctrader.requests import Refused

_PATIENCE = 3
_BLOCKED_FOR = 5 * NANOS_PER_SECOND


class Blocks:
    """Which types are blocked, and how near to it the others are."""

    def __init__(self) -> None:
        self._until: dict[int, Nanos] = {}
        self._breaches: dict[int, list[Nanos]] = {}

    def look(self, kind: int, now: Nanos) -> None:
        """Raises `Refused` while the type is blocked."""
        left = self._until.get(kind, 0) - now
        if left > 0:
            text = f"payloadType {kind} is blocked"
            seconds = -(-left // NANOS_PER_SECOND)
            raise Refused("BLOCKED_PAYLOAD_TYPE", text, is_order=False, retry_after=seconds)

    def breached(self, kind: int, now: Nanos) -> None:
        """One more over the limit. Raises `Refused` when it is one too many."""
        recent = [time for time in self._breaches.get(kind, ()) if time > now - NANOS_PER_SECOND]
        self._breaches[kind] = [*recent, now]
        if len(self._breaches[kind]) >= _PATIENCE:
            self._until[kind] = now + _BLOCKED_FOR
            del self._breaches[kind]
            self.look(kind, now)


_MINUTE = 60 * NANOS_PER_SECOND
_FREQUENCIES: dict[int, tuple[tuple[int, Nanos, Nanos], ...]] = {
    2106: ((500, _MINUTE, _MINUTE),),
    2108: ((100, _MINUTE, _MINUTE),),
    2109: ((100, _MINUTE, _MINUTE),),
    2110: ((1000, _MINUTE, _MINUTE), (5000, 15 * _MINUTE, 30 * _MINUTE)),
    2111: ((2000, _MINUTE, _MINUTE),),
}
"""Payload type -> (how many, in what span, how long trading is blocked after one more)."""


class Frequencies:
    """How often one account trades on one connection, as the venue counts on its demo servers."""

    def __init__(self) -> None:
        self._times = {kind: deque[Nanos](maxlen=limits[-1][0]) for kind, limits in _FREQUENCIES.items()}
        self._blocked_until: Nanos = 0

    def look(self, kind: int, now: Nanos) -> None:
        """Count one request about orders. Raises `Refused` when it is one too many, and while trading is blocked."""
        times = self._times[kind]
        for most, span, pause in _FREQUENCIES[kind]:
            if len(times) >= most and times[-most] > now - span:
                self._blocked_until = max(self._blocked_until, now + pause)
        if now < self._blocked_until:
            seconds = -(-(self._blocked_until - now) // NANOS_PER_SECOND)
            raise Refused("CHANNEL_IS_BLOCKED", f"Trading is blocked for another {seconds} s: too many requests")
        times.append(now)
