"""Payload types the far end has blocked on one connection for asking too often (sheet, open questions 7). Pure.

A historical request over the limit is refused with REQUEST_FREQUENCY_EXCEEDED; the third such refusal of one type in a
row blocks the type for five seconds, and `retryAfter` says how many are left.
"""

from __future__ import annotations

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
