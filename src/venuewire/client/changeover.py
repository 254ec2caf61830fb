"""A planned change of a line: the new one is made before the old one is let go.

    old   what it tells goes to the client --------------------------| answers only |-- closed
    new   dialled, logged on, the same subscriptions, told to a list | the list, then what it tells, to the client

The change is made in one step, when every subscription of the old line stands on the new one and each book has its
snapshot there: books stay LIVE, and there is no Gap. What fails before that ends the new line and leaves the old one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

from venuewire import errors
from venuewire.client.connection import Connection
from venuewire.client.express import Take
from venuewire.model.market import BookSnapshot, Trade
from venuewire.model.orders import CancelReject, ExecutionReport
from venuewire.model.session import (
    Damaged,
    Event,
    GrantInvalidated,
    LoggedOn,
    LoggedOut,
    LogonRejected,
    Missed,
    RequestRejected,
    SessionEvent,
    Subscribe,
    SubscriptionAccepted,
    SubscriptionRejected,
    Unanswered,
    Unsubscribe,
    VenueStatus,
)
from venuewire.model.terms import Channel, Nanos

Told = Event | SessionEvent

MOST = 200_000
"""Messages of the new line that are kept until it takes over."""
_OF_THE_LINE = (SubscriptionAccepted, SubscriptionRejected, GrantInvalidated, VenueStatus, BookSnapshot)
"""Events with a ref that are about the line itself: what they say of the old one is no news."""


class Changeover:
    """One line's change: `begin`, await `ready`, `switch`, await `drained`, `finish`; or, before that, `abandon`."""

    def __init__(
        self,
        old: Connection,
        new: Connection,
        deliver: Callable[[Connection, Sequence[Told]], None],
        express: Callable[[Connection], Take | None],
        last_trade: Callable[[str], Trade | None],
        now: Callable[[], Nanos],
    ) -> None:
        """`deliver` and `express` are what lines of the client have at ordinary times; `last_trade` is the last one of
        a symbol that was told to its readers."""
        self.old, self.new = old, new
        self._deliver = deliver
        self._express = express
        self._last_trade = last_trade
        self._now = now
        self._kept: list[Told] = []
        self._logged_on = False
        self._accepted: set[str] = set()
        self._snapshots: set[str] = set()
        self._last_trades: dict[str, Trade | None] = {}
        """By symbol: the last that the old line has told."""
        self._looked = asyncio.Event()
        self._failure: errors.VenueError | None = None

    # ------------------------------------------------------------------ until the change

    def begin(self) -> None:
        """Before the new line is dialled."""
        self.new.session.follow(self.old.session)
        self.new.tell(self._of_new)

    def _of_new(self, connection: Connection, events: Sequence[Told]) -> None:
        for event in events:
            self._kept.append(event)
            self._note(event)
        if len(self._kept) > MOST:
            self._fail(errors.RemoteProtocolError(f"more than {MOST} messages before it could take over"))
        self._looked.set()

    def _note(self, event: Told) -> None:
        match event:
            case LoggedOn():
                self._logged_on = True
            case LogonRejected():
                self._fail(errors.LogonRejected(event.line, event.code, event.text))
            case LoggedOut():
                self._fail(errors.ConnectionLost(event.line, 1006, event.text))
            case Missed() | Damaged():
                self._fail(errors.RemoteProtocolError("messages of the new line were missing or damaged"))
            case SubscriptionAccepted() if event.ref is not None:
                self._accepted.add(event.ref)
            case BookSnapshot():
                self._snapshots.add(event.symbol)
            case RequestRejected() | SubscriptionRejected() if self._is_wanted(event.ref):
                self._fail(errors.RequestRejected("subscription", event.code, event.text))
            case Unanswered() if self._is_wanted(event.ref):
                self._fail(errors.RequestTimedOut("subscription", 0))
            case _:
                pass

    def _fail(self, error: errors.VenueError) -> None:
        self._failure = self._failure or error

    def _is_wanted(self, ref: str | None) -> bool:
        """Is it subscribed on the old line? A session forgets what is refused."""
        return ref is not None and self.old.session.holds(ref)

    def _wanted(self) -> dict[str, Subscribe]:
        return {subscribe.ref: subscribe for subscribe in self.new.session.subscriptions}

    async def ready(self) -> None:
        """Return when the new line can take over. Raises what keeps it from that."""
        while True:
            self._looked.clear()
            if self._failure is not None:
                raise self._failure
            if self._logged_on:
                self._follow()
                if all(self._stands(ref, subscribe) for ref, subscribe in self._wanted().items()):
                    return
            await self._looked.wait()

    def _follow(self) -> None:
        """What was subscribed or ended on the old line meanwhile."""
        wanted, known = {it.ref: it for it in self.old.session.subscriptions}, self._wanted()
        session, now = self.new.session, self._now()
        for ref, subscribe in wanted.items():
            if ref not in known:
                session.submit(subscribe, now)
        for ref, subscribe in known.items():
            if ref not in wanted:
                session.submit(Unsubscribe(channel=subscribe.channel, symbol=subscribe.symbol, subscription=ref), now)
        self.new.flush()

    def _stands(self, ref: str, subscribe: Subscribe) -> bool:
        is_book = subscribe.channel is Channel.BOOK
        return ref in self._accepted and (not is_book or subscribe.symbol in self._snapshots)

    # ------------------------------------------------------------------ the change, and after it

    def switch(self) -> None:
        """The new line takes over, and says what it has kept."""
        self._follow()
        self.old.tell(self._answers_of_old)
        self.old.session.give_up()
        kept, self._kept = self._kept, []
        symbols = {subscribe.symbol for subscribe in self._wanted().values() if subscribe.symbol is not None}
        self._last_trades = {symbol: self._last_trade(symbol) for symbol in symbols}
        self.new.tell(self._fresh_of_new)
        self._fresh_of_new(self.new, [event for event in kept if not isinstance(event, LoggedOn)])

    def _fresh_of_new(self, connection: Connection, events: Sequence[Told]) -> None:
        self._deliver(connection, list(self._fresh(events)))

    def _fresh(self, events: Sequence[Told]) -> Iterator[Told]:
        for event in events:
            if not isinstance(event, Trade) or _is_newer(event, self._last_trades.get(event.symbol)):
                yield event

    def _answers_of_old(self, connection: Connection, events: Sequence[Told]) -> None:
        """Of the old line only answers, and what becomes of orders, are news; its end is ours."""
        news = [event for event in events if self._is_answer(event)]
        if news:
            self._deliver(connection, news)
        self._looked.set()

    @staticmethod
    def _is_answer(event: Told) -> bool:
        if isinstance(event, Unanswered):
            return not isinstance(event.command, (Subscribe, Unsubscribe))
        if isinstance(event, (ExecutionReport, CancelReject)):
            return True
        return bool(getattr(event, "ref", None)) and not isinstance(event, _OF_THE_LINE)

    async def drained(self) -> None:
        """Return when nothing waits for an answer on the old line."""
        while not self.old.session.is_idle:
            self._looked.clear()
            await self._looked.wait()

    def finish(self) -> None:
        """The old line is let go: from now on the new one is like any other."""
        self.old.close()
        self.new.tell(self._deliver, self._express(self.new))

    def abandon(self) -> None:
        """The new line is given up; the old one stands as it stood."""
        self.old.tell(self._deliver, self._express(self.old))
        self.new.tell(_to_nobody)
        self.new.close()


def _is_newer(trade: Trade, last: Trade | None) -> bool:
    """Has it not been told yet? A subscription begins with trades of the past at some venues; ids grow."""
    if last is None or trade.transact_time != last.transact_time:
        return last is None or trade.transact_time > last.transact_time
    numbered = trade.trade_id.isdecimal() and last.trade_id.isdecimal()
    return int(trade.trade_id) > int(last.trade_id) if numbered else trade.trade_id != last.trade_id


def _to_nobody(connection: Connection, events: Sequence[Told]) -> None:
    """What a line says that was given up."""
