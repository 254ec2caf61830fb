"""How far the venue's clock is from ours, from the times it tells."""

from __future__ import annotations

from collections import deque
from email.utils import parsedate_to_datetime

from venuewire.model.terms import NANOS_PER_SECOND, Nanos

SAMPLES = 5
# HTTP tells whole seconds, and answers take their time: less than this is within what measuring shows.
RESOLUTION = 2 * NANOS_PER_SECOND


class Offset:
    """The middle of the last few measurements: one answer from a cache, or one that was late, moves nothing."""

    def __init__(self) -> None:
        self._samples: deque[Nanos] = deque(maxlen=SAMPLES)

    def note(self, theirs: Nanos, sent: Nanos, received: Nanos) -> Nanos:
        """Their clock showed `theirs` at some time between `sent` and `received` by ours; the offset as now known."""
        self._samples.append(theirs - (sent + received) // 2)
        middle = sorted(self._samples)[len(self._samples) // 2]
        return middle if abs(middle) > RESOLUTION else 0

    def note_date(self, date: str, sent: Nanos, received: Nanos) -> Nanos | None:
        """The same from an HTTP `Date`; None for one that cannot be read."""
        try:
            seconds = int(parsedate_to_datetime(date).timestamp())
        except (TypeError, ValueError, OverflowError):
            return None
        return self.note(seconds * NANOS_PER_SECOND + NANOS_PER_SECOND // 2, sent, received)
