"""How late what we receive is, as far as that can be known from the venue's times and ours."""

from __future__ import annotations

from venuewire.book.core import NEVER, Core
from venuewire.model.terms import Nanos


def line_lag(book: Core) -> Nanos | None:
    """How much later the newest update reached us than the quickest of its line did; the clocks need not agree.

    None where the venue does not time its updates, or none has come on this line.
    """
    if not book.transact_time or book.least_lag == NEVER:
        return None
    return max(0, book.last_good - book.transact_time - book.least_lag)


def delay(told: Nanos, received: Nanos, offset: Nanos) -> Nanos | None:
    """From the venue's time of a message to its receipt, by the venue's clock as far as its `offset` from ours is
    known; what is not known of it is in the figure. None where the venue does not time the message."""
    return received - told + offset if told and received else None


def seconds(span: Nanos | None) -> float | None:
    """For people and monitors: whole milliseconds."""
    return None if span is None else span // 1_000_000 / 1_000
