"""Where an order may go from where it stands.

FIX draws an order's life as a matrix of reports; here it is the table that remains when reports may come late, twice
or in the wrong order. An order moves only forward. A report that would move it back is old news: the status stays,
and what else the report says (a fill, an id) is still taken. Three statuses are ends. `OUTCOME_UNKNOWN` is none: the
answer never came, and only the venue's own word (a report) leads out of it, never the passing of time.

Where a replacement is a cancel plus a new order, each of the two walks through the table by itself, and the order
stands where the newer one stands. When the end of the old one is told before the link to the new one, the order looks
ended for a moment and was not; nothing but that link brings it back.
"""

from __future__ import annotations

from types import MappingProxyType

from venuewire.model.orders import ExecutionReport
from venuewire.model.terms import ExecType, OrdStatus

_S = OrdStatus

TRANSITIONS: MappingProxyType[OrdStatus, frozenset[OrdStatus]] = MappingProxyType(
    {
        # Pushes overtake answers: the first we hear of an order may be its fill, or its end.
        _S.PENDING_NEW: frozenset(
            {_S.NEW, _S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.REJECTED, _S.EXPIRED, _S.OUTCOME_UNKNOWN}
        ),
        # REJECTED: a broker acknowledges, then the exchange behind it refuses.
        # OUTCOME_UNKNOWN: after a reconnect the venue's list of working orders does not hold it any more.
        _S.NEW: frozenset(
            {_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.REJECTED, _S.EXPIRED, _S.OUTCOME_UNKNOWN},
        ),
        # CANCELED and EXPIRED: the rest of it; what was filled stays filled.
        _S.PARTIALLY_FILLED: frozenset({_S.FILLED, _S.CANCELED, _S.EXPIRED, _S.OUTCOME_UNKNOWN}),
        _S.OUTCOME_UNKNOWN: frozenset(
            {_S.NEW, _S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.REJECTED, _S.EXPIRED},
        ),
        # A fill may be told after the cancellation that it ran a race with: it is counted, and the order stays ended.
        _S.CANCELED: frozenset(),
        _S.EXPIRED: frozenset(),
        _S.FILLED: frozenset(),
        _S.REJECTED: frozenset(),
    }
)

OPEN = frozenset({_S.PENDING_NEW, _S.NEW, _S.PARTIALLY_FILLED})
ENDED = frozenset(status for status, following in TRANSITIONS.items() if not following)

_SAID_BY: MappingProxyType[ExecType, OrdStatus] = MappingProxyType(
    {
        ExecType.PENDING_NEW: _S.PENDING_NEW,
        ExecType.NEW: _S.NEW,
        ExecType.TRADE: _S.PARTIALLY_FILLED,
        ExecType.CANCELED: _S.CANCELED,
        ExecType.REPLACED: _S.NEW,
        ExecType.REJECTED: _S.REJECTED,
        ExecType.EXPIRED: _S.EXPIRED,
        ExecType.TRIGGERED: _S.NEW,
    }
)


def follows(status: OrdStatus, following: OrdStatus) -> bool:
    """May an order that is `status` become `following`?"""
    return following in TRANSITIONS[status]


def moved(status: OrdStatus, following: OrdStatus | None) -> OrdStatus:
    """`following` where the table has it; else the order stays where it is."""
    return following if following is not None and follows(status, following) else status


def said(report: ExecutionReport) -> OrdStatus | None:
    """The status a report tells: in so many words, or by what happened. None: it tells none."""
    return report.ord_status or _SAID_BY.get(report.exec_type)
