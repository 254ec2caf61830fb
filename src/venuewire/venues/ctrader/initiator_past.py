"""Our end's questions about the past: bars, and what became of the orders while we were away.

Both take several requests, which are counted against the five historical ones a second that the venue allows: what has
no room is not asked, and the answer says that it is not complete. (Waiting would take a clock, and there is none here.)
"""

from __future__ import annotations

from collections import deque

from venuewire.errors import LocalProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.market import Bar
from venuewire.model.session import (
    BarRequest,
    Bars,
    Event,
    MassStatus,
    OrderMassStatusRequest,
    RequestRejected,
)
from venuewire.model.terms import NANOS_PER_MILLI, NANOS_PER_SECOND, Nanos
from venuewire.venue import Seat, Send
from venuewire.venues.ctrader.bars import bar_of
from venuewire.venues.ctrader.evidence import FIRST_LOOK, LONGEST_LOOK, Evidence
from venuewire.venues.ctrader.periods import OF_LENGTH
from venuewire.venues.ctrader.wire import history, trading, words
from venuewire.venues.ctrader.wire.base import Message
from venuewire.venues.ctrader.wire.table import frame

_PER_SECOND = 5
_List = type[history.OrderListReq | history.DealListReq]


class _Wanted:
    """Bars that were asked for, and those that have come: older pages come later."""

    __slots__ = ("bars", "command", "period", "symbol_id")

    def __init__(self, command: BarRequest, period: int, symbol_id: int) -> None:
        self.command = command
        self.period = period
        self.symbol_id = symbol_id
        self.bars: list[Bar] = []


class Past:
    """Requests about the past on one life of the line."""

    def __init__(self, seat: Seat, away_since: Nanos) -> None:
        self._seat = seat
        self._away_since = away_since
        """When we last heard, in another life; 0: never."""
        self._account_id = 0
        self._asked: deque[Nanos] = deque(maxlen=_PER_SECOND)
        self._bars: dict[str, _Wanted] = {}
        self._evidence: dict[str, Evidence] = {}
        self.guards: frozenset[str] = frozenset()
        """Protective orders in the newest list of what is pending."""

    def claims(self, ref: str | None) -> bool:
        """Is this request one of ours?"""
        return ref is not None and (ref in self._bars or ref in self._evidence)

    def came(self, message: Message, ref: str | None, now: Nanos) -> list[Event | Send]:
        """A page; what is to be asked next, or the whole answer. Raises `RemoteProtocolError`."""
        wanted, evidence = self._bars.get(ref or ""), self._evidence.get(ref or "")
        match message:
            case history.GetTrendbarsRes() if wanted is not None:
                return self._bars_came(wanted, message, now)
            case trading.ReconcileRes() if evidence is not None:
                evidence.pending(message.order)
                protective = words.OrderType.STOP_LOSS_TAKE_PROFIT
                self.guards = frozenset(str(o.order_id) for o in message.order if o.order_type == protective)
                return self._first_page(ref or "", evidence, history.OrderListReq, now)
            case history.OrderListRes() if evidence is not None:
                has_more = evidence.listed(message.order) and message.has_more
                more = self._page(ref or "", evidence, history.OrderListReq, now) if has_more else []
                return more or self._first_page(ref or "", evidence, history.DealListReq, now)
            case history.DealListRes() if evidence is not None:
                has_more = evidence.dealt(message.deal) and message.has_more
                more = self._page(ref or "", evidence, history.DealListReq, now) if has_more else []
                return more or self._told(ref or "", evidence, now)
            case _:
                return []

    def refused(self, rejected: RequestRejected, now: Nanos) -> list[Event | Send]:
        """A page was refused: what is known already is told."""
        ref = rejected.ref or ""
        wanted, evidence = self._bars.pop(ref, None), self._evidence.get(ref)
        if wanted is not None and wanted.bars:
            return [Bars(bars=tuple(wanted.bars), complete=False, ref=ref)]
        if evidence is not None and evidence.has_pending:
            # How the others ended cannot be learned now: they will be asked for again.
            return self._told(ref, evidence, now)
        self._evidence.pop(ref, None)
        return [rejected]

    def _may_ask(self, now: Nanos) -> bool:
        """Counted when there is room for one."""
        asked = self._asked
        if len(asked) == _PER_SECOND and now - asked[0] < NANOS_PER_SECOND:
            return False
        asked.append(now)
        return True

    # ----------------------------------------------------------------------------------------- bars

    def ask_bars(self, command: BarRequest, instrument: Instrument, account_id: int, now: Nanos) -> list[Send]:
        """2137. Raises `LocalProtocolError` for a period the venue has not, and for the sixth request in a second."""
        period = period_of(command.period)
        if not 0 <= command.start < command.end:
            raise LocalProtocolError("bars are of a window: start must be before end")
        if not self._may_ask(now):
            raise LocalProtocolError("cTrader takes five historical requests a second; ask again in a second")
        self._account_id = account_id
        wanted = self._bars[command.ref] = _Wanted(command, period, int(instrument.security_id))
        return self._bar_page(wanted, (command.end - 1) // NANOS_PER_MILLI)

    def _bar_page(self, wanted: _Wanted, end: int) -> list[Send]:
        message = history.GetTrendbarsReq(
            ctid_trader_account_id=self._account_id,
            from_timestamp=-(-wanted.command.start // NANOS_PER_MILLI),
            to_timestamp=end,
            period=wanted.period,
            symbol_id=wanted.symbol_id,
        )
        return [_sent(message, wanted.command.ref)]

    def _bars_came(self, wanted: _Wanted, message: history.GetTrendbarsRes, now: Nanos) -> list[Event | Send]:
        """The newest bars of the window; the older ones are asked for next, while the limit allows."""
        command = wanted.command
        known = wanted.bars[0].open_time if wanted.bars else command.end
        found = [bar_of(command.symbol, wanted.period, row, None, now) for row in message.trendbar]
        page = [bar for bar in found if command.start <= bar.open_time < known]
        wanted.bars[:0] = page
        has_more = bool(message.has_more) and bool(page) and page[0].open_time > command.start
        if has_more and self._may_ask(now):
            return list(self._bar_page(wanted, page[0].open_time // NANOS_PER_MILLI - 1))
        del self._bars[command.ref]
        return [Bars(bars=tuple(wanted.bars), complete=not has_more, ref=command.ref)]

    # ----------------------------------------------------------------------------------------- orders that ended

    def ask_standing(self, command: OrderMassStatusRequest, account_id: int, now: Nanos) -> list[Send]:
        """2124, then 2175 and 2133 for what has ended since we last heard."""
        self._account_id = account_id
        since = max(self._away_since or now - FIRST_LOOK, now - LONGEST_LOOK)
        self._evidence[command.ref] = Evidence(since, now)
        return [
            _sent(trading.ReconcileReq(ctid_trader_account_id=account_id, return_protection_orders=True), command.ref)
        ]

    def _first_page(self, ref: str, evidence: Evidence, record: _List, now: Nanos) -> list[Event | Send]:
        evidence.begin_list()
        return self._page(ref, evidence, record, now) or self._told(ref, evidence, now)

    def _page(self, ref: str, evidence: Evidence, record: _List, now: Nanos) -> list[Event | Send]:
        if not self._may_ask(now):
            return []
        start, end = evidence.window()
        return [_sent(record(ctid_trader_account_id=self._account_id, from_timestamp=start, to_timestamp=end), ref)]

    def _told(self, ref: str, evidence: Evidence, now: Nanos) -> list[Event | Send]:
        """Everything that was learned."""
        del self._evidence[ref]
        reports = evidence.reports(str(self._account_id), self._seat.by_security_id, now)
        return [MassStatus(reports=tuple(reports), ref=ref)]


def period_of(length: Nanos | None) -> int:
    """The venue's number for a period. Raises `LocalProtocolError`."""
    period = None if length is None else OF_LENGTH.get(length)
    if period is None:
        names = ", ".join(p.name for p in OF_LENGTH.values())
        raise LocalProtocolError(f"cTrader has bars of {names}; {length} nanoseconds is none of them")
    return int(period)


def _sent(message: Message, ref: str) -> Send:
    return Send(frame(message, ref), ref)
