"""Numbered messages: one counter for the line, from 0, one by one."""

from __future__ import annotations


class Sequence:
    """Says of each number whether it is the one that had to come."""

    __slots__ = ("expected",)

    def __init__(self) -> None:
        self.expected = 0

    def restart(self) -> None:
        """A new line counts anew."""
        self.expected = 0

    def passes(self, seq: int) -> bool:
        """True for a message that is new. `seq == expected` before the call means that none is missing.

        A higher number means that those between are lost; the count goes on from it. A lower or equal one came
        before, or comes late: it must not be used, and the count stays.
        """
        if seq < self.expected:
            return False
        self.expected = seq + 1
        return True
