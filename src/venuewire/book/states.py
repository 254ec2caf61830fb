"""When a book may be relied on: the states of `Trust`, what may happen in each, and where it leads.

A book is LIVE from a snapshot that was sound until something is missed, contradicts itself, or stops coming. Only
another snapshot makes it LIVE again: no number of good updates on top of a hole fills it.

    RESYNCING ──snapshot──> LIVE ──missed, damaged──> SUSPECT ──asked──> RESYNCING
    (born so)                └──────line gone────────> STALE ──asked──> RESYNCING

Everything that can happen is listed for every state; there is nothing to refuse, since the venue and the network do
what they like.
"""

from __future__ import annotations

from enum import StrEnum

from venuewire.model.terms import Trust


class Happening(StrEnum):
    """What can happen to a book."""

    SNAPSHOT = "SNAPSHOT"
    """A full book came and was sound."""
    UPDATE = "UPDATE"
    """Changes came and, where they were applied at all, left a sound book."""
    DAMAGE = "DAMAGE"
    """A message could not be read or applied, or the book was crossed after it."""
    MISS = "MISS"
    """Messages of the line are missing, came twice, or out of order."""
    SILENCE = "SILENCE"
    """The line is gone, or nothing came for longer than the channel is ever silent."""
    ASKED = "ASKED"
    """A snapshot has been asked for."""
    NO_ANSWER = "NO_ANSWER"
    """That request was refused, or its snapshot did not come in time."""
    LAG = "LAG"
    """What comes is whole but old: it has waited on its way."""
    CAUGHT_UP = "CAUGHT_UP"
    """What comes is as young as it was before the lag."""


LIVE, SUSPECT, RESYNCING, STALE = Trust.LIVE, Trust.SUSPECT, Trust.RESYNCING, Trust.STALE

BEGIN = RESYNCING
"""A book is made when its subscription is sent, and a subscription brings a snapshot."""

TRANSITIONS: dict[Trust, dict[Happening, Trust]] = {
    LIVE: {
        Happening.SNAPSHOT: LIVE,
        Happening.UPDATE: LIVE,
        Happening.DAMAGE: SUSPECT,
        Happening.MISS: SUSPECT,
        Happening.SILENCE: STALE,
        Happening.ASKED: RESYNCING,
        Happening.NO_ANSWER: LIVE,  # a snapshot came unasked, before the request for one was given up
        Happening.LAG: STALE,
        Happening.CAUGHT_UP: LIVE,
    },
    SUSPECT: {
        Happening.SNAPSHOT: LIVE,
        Happening.UPDATE: SUSPECT,
        Happening.DAMAGE: SUSPECT,
        Happening.MISS: SUSPECT,
        Happening.SILENCE: STALE,
        Happening.ASKED: RESYNCING,
        Happening.NO_ANSWER: SUSPECT,
        Happening.LAG: SUSPECT,
        Happening.CAUGHT_UP: SUSPECT,
    },
    RESYNCING: {
        Happening.SNAPSHOT: LIVE,
        Happening.UPDATE: RESYNCING,  # of the subscription before, or ahead of the snapshot: it holds them all
        Happening.DAMAGE: SUSPECT,  # it was the snapshot
        Happening.MISS: RESYNCING,  # the snapshot is still to come; if it was what is missing: NO_ANSWER
        Happening.SILENCE: STALE,  # the request died with the line
        Happening.ASKED: RESYNCING,
        Happening.NO_ANSWER: SUSPECT,
        Happening.LAG: RESYNCING,
        Happening.CAUGHT_UP: RESYNCING,
    },
    STALE: {
        Happening.SNAPSHOT: LIVE,
        Happening.UPDATE: SUSPECT,  # it flows again, over a hole, and no snapshot is on its way
        Happening.DAMAGE: SUSPECT,
        Happening.MISS: STALE,
        Happening.SILENCE: STALE,
        Happening.ASKED: RESYNCING,
        Happening.NO_ANSWER: STALE,
        Happening.LAG: STALE,
        Happening.CAUGHT_UP: LIVE,  # only told of a book that went STALE by its lag, and was kept all the while
    },
}
