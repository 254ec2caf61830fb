"""Signs of life: how long the line may be silent, and how long we may."""

from __future__ import annotations

from venuewire.model.terms import Nanos
from venuewire.session.intake import Intake
from venuewire.venue import Limits


class Liveness:
    """Two clocks of one line. Pongs of the WebSocket do not count: only what the venue's own program says."""

    __slots__ = ("_heartbeat_interval", "_intake", "_silence", "last_sent")

    def __init__(self, limits: Limits, intake: Intake) -> None:
        self._intake = intake
        self._silence = limits.liveness
        self._heartbeat_interval = limits.heartbeat_interval
        self.last_sent: Nanos = 0

    def restart(self, now: Nanos) -> None:
        """A new line is alive until it shows otherwise."""
        self._intake.last_received = self.last_sent = now

    @property
    def dead_at(self) -> Nanos | None:
        """When silence means that the line is dead."""
        return None if self._silence is None else self._intake.last_received + self._silence

    @property
    def heartbeat_at(self) -> Nanos | None:
        """When we must say something."""
        return None if self._heartbeat_interval is None else self.last_sent + self._heartbeat_interval
