"""How far the venue's clock is from ours, from the times it tells.

there and back   an HTTP answer says what their clock showed between our asking and its coming: the offset lies
                 between the two, to within what a `Date` in whole seconds can show
one way          a frame says what their clock showed when it left; how long it was on its way, nobody knows. The
                 offset is that much at least: a lower bound, the better the quicker the frame was
"""

from __future__ import annotations

from collections import deque
from email.utils import parsedate_to_datetime

from venuewire.model.terms import NANOS_PER_SECOND, Nanos

SAMPLES = 5
FRAMES = 10
"""Frames whose bounds are kept: of a clock that is set, the old ones are soon forgotten."""
# HTTP tells whole seconds, and answers take their time: less than this is within what measuring shows.
RESOLUTION = 2 * NANOS_PER_SECOND


class Offset:
    """The middle of the last few measurements: one answer from a cache, or one that was late, moves nothing."""

    def __init__(self) -> None:
        self._samples: deque[Nanos] = deque(maxlen=SAMPLES)
        self._bounds: deque[Nanos] = deque(maxlen=FRAMES)

    def note(self, theirs: Nanos, sent: Nanos, received: Nanos) -> Nanos:
        """Their clock showed `theirs` at some time between `sent` and `received` by ours; the offset as now known."""
        self._samples.append(theirs - (sent + received) // 2)
        return self.known

    def note_frame(self, theirs: Nanos, received: Nanos) -> Nanos:
        """A frame that left when their clock showed `theirs` was received; the offset as now known."""
        self._bounds.append(theirs - received)
        return self.known

    @property
    def known(self) -> Nanos:
        """Their clock minus ours; 0 while that is within what measuring shows.

        Frames alone never say that their clock is behind: they may have been long on their way.
        """
        middle = sorted(self._samples)[len(self._samples) // 2] if self._samples else 0
        offset = max([middle, *self._bounds])
        return offset if abs(offset) > RESOLUTION else 0

    def note_date(self, date: str, sent: Nanos, received: Nanos) -> Nanos | None:
        """The same from an HTTP `Date`; None for one that cannot be read."""
        try:
            seconds = int(parsedate_to_datetime(date).timestamp())
        except (TypeError, ValueError, OverflowError):
            return None
        return self.note(seconds * NANOS_PER_SECOND + NANOS_PER_SECOND // 2, sent, received)
