"""How often, and how long in silence: the venue's published limits (HELP; DOC21, connection)."""

from __future__ import annotations

from venuewire.model.terms import NANOS_PER_SECOND, Channel
from venuewire.venue import Limits, Rate

HISTORY = "history"
"""`Send.kind` of requests that the venue takes five times a second."""

LIMITS = Limits(
    # Fifty are published; kept below it, since what is sent evenly may arrive bunched.
    sends=Rate(45, NANOS_PER_SECOND),
    kinds={HISTORY: Rate(5, NANOS_PER_SECOND)},
    heartbeat_interval=10 * NANOS_PER_SECOND,
    # The venue sends 51 every 25 to 30 s while it has nothing else to say; two missed are too many.
    cadence={Channel.HEARTBEATS: 30 * NANOS_PER_SECOND},
    liveness=60 * NANOS_PER_SECOND,
)
