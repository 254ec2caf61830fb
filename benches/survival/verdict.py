"""What a client did with a fault, judged from what it handed out and what was true. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

Top = tuple[str, str]
"""Best bid and best ask, as plain text."""


class Sample(Struct, frozen=True):
    """What a client would hand to its user at a moment."""

    time: float
    top: Top | None
    live: bool
    """Does the client call it good? A client that has no word for it always does."""
    refused: bool = False
    """Does the client say that the venue has refused who it is, and that it has stopped?"""


class Truth(Struct, frozen=True):
    """What the exchange's top was from this moment on."""

    time: float
    top: Top


class What(StrEnum):
    """What became of it."""

    SURVIVED = "survived"
    LIED = "lied"
    """It handed out as good what was not true, nor had been for `STALE_AFTER` seconds."""
    DIED = "died"
    """Nothing true came out of it any more, though the venue was well again."""
    TOLD = "told"
    """It stopped, and said why: the venue has refused its credentials."""
    STORMED = "stormed"
    """It dialled more often in a second than the venue allows."""


STALE_AFTER = 4.0
"""Seconds: what was true so long ago is not handed out as good, at a venue that beats every second."""
FRESH = 1.0
"""Seconds: who has recovered follows the market this closely."""
SETTLED = 0.6
"""Seconds of true samples in a row that make a recovery."""


class Verdict(Struct, frozen=True, kw_only=True):
    """The judgement of one client under one fault."""

    what: tuple[What, ...]
    dials: int
    most_dials_in_a_second: int
    recovery_s: float | None
    """From the end of the fault to the first of the true samples that stayed true."""
    lies: int = 0
    samples: int = 0


def judge(
    samples: Sequence[Sample],
    truths: Sequence[Truth],
    dials: Sequence[float],
    *,
    ended: float,
    allowed: int | None,
    stale_after: float = STALE_AFTER,
) -> Verdict:
    """`ended` is when the fault was over; `allowed` the venue's limit on dials in a second; `stale_after` the age at
    which what was true is called false."""
    lies = [sample for sample in samples if sample.live and not was_true(sample, truths, stale_after)]
    recovered = recovery(samples, truths, ended)
    most = busiest_second(dials)
    what = [
        *([What.LIED] if lies else []),
        *([What.TOLD if samples[-1].refused else What.DIED] if recovered is None else []),
        *([What.STORMED] if allowed is not None and most > allowed else []),
    ]
    return Verdict(
        what=tuple(what or [What.SURVIVED]),
        dials=len(dials),
        most_dials_in_a_second=most,
        recovery_s=None if recovered is None else round(max(recovered - ended, 0.0), 2),
        lies=len(lies),
        samples=len(samples),
    )


def was_true(sample: Sample, truths: Sequence[Truth], within: float = STALE_AFTER) -> bool:
    """Was this the top of the book at some time in the last `within` seconds?"""
    if sample.top is None:
        return False
    newest = bisect_right(truths, sample.time, key=lambda truth: truth.time)
    for place in range(newest - 1, -1, -1):
        if truths[place].top == sample.top:
            return True
        if truths[place].time < sample.time - within:
            return False
    return False


def recovery(samples: Sequence[Sample], truths: Sequence[Truth], ended: float) -> float | None:
    """The first moment after which everything handed out as good is fresh and true; None if it never comes."""
    since: float | None = None
    for sample in samples:
        if sample.time < ended:
            continue
        if sample.live and was_true(sample, truths, FRESH):
            since = sample.time if since is None else since
        else:
            since = None
    return since if since is not None and samples[-1].time - since >= SETTLED else None


def busiest_second(dials: Sequence[float]) -> int:
    """The most dials in any one second."""
    times = sorted(dials)
    windows = Counter(place - bisect_right(times, time - 1.0) + 1 for place, time in enumerate(times))
    return max(windows, default=0)
