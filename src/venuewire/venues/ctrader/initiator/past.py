"""Our end's questions about the past: bars, and what became of the orders while we were away.

Both take several requests, which the session sends as the venue allows: five historical ones a second.
"""

from __future__ import annotations

from venuewire.errors import LocalProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.market import Bar
from venuewire.model.orders import ExecutionReport
from venuewire.model.session import (
    BarRequest,
    Bars,
    Event,
    MassStatus,
    OrderMassStatusRequest,
    RequestRejected,
)
from venuewire.model.terms import NANOS_PER_MILLI, Nanos
from venuewire.venue import Seat, Send
from venuewire.venues.ctrader.initiator.bars import bar_of
from venuewire.venues.ctrader.initiator.evidence import FIRST_LOOK, LONGEST_LOOK, Evidence
from venuewire.venues.ctrader.initiator.outgoing import sent
from venuewire.venues.ctrader.periods import OF_LENGTH
from venuewire.venues.ctrader.wire import history, trading, words
from venuewire.venues.ctrader.wire.base import Message

_List = type[history.OrderListReq | history.DealListReq]


class _Wanted:
    """Bars that were asked for, and those that have come: older pages come later."""

    __slots__ = ("account_id", "bars", "command", "period", "symbol_id")

    def __init__(self, command: BarRequest, period: int, symbol_id: int, account_id: int) -> None:
        self.command = command
        self.period = period
        self.symbol_id = symbol_id
        self.account_id = account_id
        self.bars: list[Bar] = []


class _Gathering:
    """A mass status in the making: one account after the other."""

    __slots__ = ("accounts", "evidence", "guards", "left", "now", "reports", "since")

    def __init__(self, accounts: tuple[int, ...], since: Nanos, now: Nanos) -> None:
        self.accounts = accounts
        self.left = list(accounts)
        self.since = since
        self.now = now
        self.evidence = Evidence(since, now)
        self.guards: set[str] = set()
        self.reports: list[ExecutionReport] = []

    @property
    def account_id(self) -> int:
        """Whose lists are being asked for."""
        return self.left[0]

    def next_account(self) -> bool:
        """Go on with the next one; False when there is none."""
        del self.left[0]
        self.evidence = Evidence(self.since, self.now)
        return bool(self.left)


class Past:
    """Requests about the past on one life of the line."""

    def __init__(self, seat: Seat, away_since: Nanos) -> None:
        self._seat = seat
        self._away_since = away_since
        """When we last heard, in another life; 0: never."""
        self._bars: dict[str, _Wanted] = {}
        self._gatherings: dict[str, _Gathering] = {}
        self.guards: frozenset[str] = frozenset()
        """Protective orders in the newest lists of what is pending."""
        self.accounts: frozenset[str] = frozenset()
        """Whose those were."""

    def claims(self, ref: str | None) -> bool:
        """Is this request one of ours?"""
        return ref is not None and (ref in self._bars or ref in self._gatherings)

    def came(self, message: Message, ref: str | None, now: Nanos) -> list[Event | Send]:
        """A page; what is to be asked next, or the whole answer. Raises `RemoteProtocolError`."""
        ref = ref or ""
        wanted, gathering = self._bars.get(ref), self._gatherings.get(ref)
        if isinstance(message, history.GetTrendbarsRes) and wanted is not None:
            return self._bars_came(wanted, message, now)
        return [] if gathering is None else self._gathered(gathering, message, ref, now)

    def _gathered(self, gathering: _Gathering, message: Message, ref: str, now: Nanos) -> list[Event | Send]:
        evidence = gathering.evidence
        match message:
            case trading.ReconcileRes():
                evidence.pending(message.order)
                protective = words.OrderType.STOP_LOSS_TAKE_PROFIT
                gathering.guards.update(str(o.order_id) for o in message.order if o.order_type == protective)
                evidence.begin_list()
                return [self._page(gathering, history.OrderListReq, ref)]
            case history.OrderListRes():
                if evidence.listed(message.order) and message.has_more:
                    return [self._page(gathering, history.OrderListReq, ref)]
                evidence.begin_list()
                return [self._page(gathering, history.DealListReq, ref)]
            case history.DealListRes():
                if evidence.dealt(message.deal) and message.has_more:
                    return [self._page(gathering, history.DealListReq, ref)]
                return self._told(gathering, ref, now)
            case _:
                return []

    def refused(self, rejected: RequestRejected, now: Nanos) -> list[Event | Send]:
        """A page was refused: what is known already is told."""
        ref = rejected.ref or ""
        wanted, gathering = self._bars.pop(ref, None), self._gatherings.get(ref)
        if wanted is not None and wanted.bars:
            return [Bars(bars=tuple(wanted.bars), complete=False, ref=ref)]
        if gathering is not None and gathering.evidence.has_pending:
            # How the others ended cannot be learned now: they will be asked for again.
            return self._told(gathering, ref, now)
        self._gatherings.pop(ref, None)
        return [rejected]

    # ----------------------------------------------------------------------------------------- bars

    def ask_bars(self, command: BarRequest, instrument: Instrument, account_id: int) -> list[Send]:
        """2137. Raises `LocalProtocolError` for a period the venue has not."""
        period = period_of(command.period)
        if not 0 <= command.start < command.end:
            raise LocalProtocolError("bars are of a window: start must be before end")
        wanted = self._bars[command.ref] = _Wanted(command, period, int(instrument.security_id), account_id)
        return self._bar_page(wanted, (command.end - 1) // NANOS_PER_MILLI)

    @staticmethod
    def _bar_page(wanted: _Wanted, end: int) -> list[Send]:
        message = history.GetTrendbarsReq(
            ctid_trader_account_id=wanted.account_id,
            from_timestamp=-(-wanted.command.start // NANOS_PER_MILLI),
            to_timestamp=end,
            period=wanted.period,
            symbol_id=wanted.symbol_id,
        )
        return [sent(message, wanted.command.ref)]

    def _bars_came(self, wanted: _Wanted, message: history.GetTrendbarsRes, now: Nanos) -> list[Event | Send]:
        """The newest bars of the window; the older ones are asked for next."""
        command = wanted.command
        known = wanted.bars[0].open_time if wanted.bars else command.end
        found = [bar_of(command.symbol, wanted.period, row, None, now) for row in message.trendbar]
        page = [bar for bar in found if command.start <= bar.open_time < known]
        wanted.bars[:0] = page
        if message.has_more and page and page[0].open_time > command.start:
            return list(self._bar_page(wanted, page[0].open_time // NANOS_PER_MILLI - 1))
        del self._bars[command.ref]
        return [Bars(bars=tuple(wanted.bars), complete=not message.has_more or bool(page), ref=command.ref)]

    # ----------------------------------------------------------------------------------------- orders that ended

    def ask_standing(self, command: OrderMassStatusRequest, accounts: tuple[int, ...], now: Nanos) -> list[Send]:
        """2124, then 2175 and 2133 for what has ended since we last heard, of each account."""
        since = max(self._away_since or now - FIRST_LOOK, now - LONGEST_LOOK)
        gathering = self._gatherings[command.ref] = _Gathering(accounts, since, now)
        return [_reconcile(gathering.account_id, command.ref)]

    @staticmethod
    def _page(gathering: _Gathering, record: _List, ref: str) -> Send:
        start, end = gathering.evidence.window()
        message = record(ctid_trader_account_id=gathering.account_id, from_timestamp=start, to_timestamp=end)
        return sent(message, ref)

    def _told(self, gathering: _Gathering, ref: str, now: Nanos) -> list[Event | Send]:
        """Everything that was learned of this account; then the next one, or all of it."""
        account = str(gathering.account_id)
        gathering.reports += gathering.evidence.reports(account, self._seat.by_security_id, now)
        if gathering.next_account():
            return [_reconcile(gathering.account_id, ref)]
        del self._gatherings[ref]
        self.guards = frozenset(gathering.guards)
        self.accounts = frozenset(map(str, gathering.accounts))
        return [MassStatus(reports=tuple(gathering.reports), ref=ref)]


def _reconcile(account_id: int, ref: str) -> Send:
    return sent(trading.ReconcileReq(ctid_trader_account_id=account_id, return_protection_orders=True), ref)


def period_of(length: Nanos | None) -> int:
    """The venue's number for a period. Raises `LocalProtocolError`."""
    period = None if length is None else OF_LENGTH.get(length)
    if period is None:
        names = ", ".join(p.name for p in OF_LENGTH.values())
        raise LocalProtocolError(f"cTrader has bars of {names}; {length} nanoseconds is none of them")
    return int(period)
