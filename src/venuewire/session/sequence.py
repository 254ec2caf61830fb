"""Numbered messages: one counter for the line, from 0, one by one."""

from __future__ import annotations

from typing import Final

from venuewire.session.intake import Intake

RUN: Final = 20
"""So many old numbers in a row, one by one: not a message that came late, but a count that began again."""


class Sequence:
    """Says of each number whether it is the one that had to come."""

    __slots__ = ("_intake", "_run", "_run_end")

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self.restart()

    def restart(self) -> None:
        """A new line counts anew."""
        self._intake.expected = 0
        self._run = 0
        self._run_end = -1

    @property
    def expected(self) -> int:
        """The number the next message must have."""
        return self._intake.expected

    @property
    def began_again(self) -> bool:
        """Have the numbers themselves gone back? Then everything to come would be taken for old."""
        return self._run >= RUN

    def passes(self, seq: int) -> bool:
        """True for a message that is new. `seq == expected` before the call means that none is missing.

        A higher number means that those between are lost; the count goes on from it. A lower or equal one came
        before, or comes late: it must not be used, and the count stays.
        """
        if seq < self._intake.expected:
            self._run = self._run + 1 if seq == self._run_end + 1 else 1
            self._run_end = seq
            return False
        self._intake.expected = seq + 1
        self._run = 0
        return True
