"""The venue's end of `/ws`: subscriptions (3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from msgspec import UNSET, Raw, Struct

from venuewire.codec import encode
from venuewire.errors import RemoteProtocolError
from venuewire.model.account import Balance, Position
from venuewire.model.instrument import Instrument
from venuewire.model.market import BookUpdate, Quote, Trade
from venuewire.model.orders import ExecutionReport
from venuewire.model.session import Event
from venuewire.model.terms import NANOS_PER_MILLI, NANOS_PER_SECOND, Channel, ExecType, Nanos
from venuewire.venue import Headers, Out, Port, Refusal, Send
from venuewire.venues.alor import books
from venuewire.venues.alor.acceptor.conditional import Conditional
from venuewire.venues.alor.acceptor.records import Records
from venuewire.venues.alor.candles import length_of, opened
from venuewire.venues.alor.sessions import market_of, next_change
from venuewire.venues.alor.wire import access, account, candles, frames, market, risk, status, stops

if TYPE_CHECKING:
    from venuewire.venues.alor.acceptor.hosts import AlorHost

Record = (
    market.Book
    | market.Quote
    | market.AllTrade
    | account.Order
    | account.Trade
    | account.Position
    | account.Summary
    | candles.Candle
    | stops.StopOrder
    | stops.OldStopOrder
    | risk.Risk
    | risk.SpectraRisk
    | status.InstrumentStatus
)
_FIGURES = frozenset({frames.SUMMARIES, frames.RISKS, frames.SPECTRA_RISKS})
"""Opcodes of what follows the portfolio's money and positions."""
_FIGURES_INTERVAL: Nanos = frames.DEFAULT_FREQUENCY * NANOS_PER_MILLI
"""ASSUMPTION: they are sent no more often than that; they have no frequency of their own."""
_ALIKE = frozenset({frames.BOOK, frames.QUOTES})
"""Opcodes whose states are the same for everybody, whenever the subscription began."""
PRIVATE = (ExecutionReport, Position, Balance)
_STOPS = frozenset({frames.STOP_ORDERS, frames.OLD_STOP_ORDERS})
_HISTORY_AT_ONCE, _HISTORY_AT_A_TIME, _HISTORY_INTERVAL = 2000, 500, 50 * NANOS_PER_MILLI
"""ASSUMPTION: candles of the past in the answer to a subscription, and then so many so often: a client who reads is not
to be cut for the length of the history it asks for (3.12)."""

_TELLS = {
    frames.BOOK: Channel.BOOK,
    frames.ALL_TRADES: Channel.TRADES,
    frames.QUOTES: Channel.QUOTES,
    frames.ORDERS: Channel.ORDERS,
    frames.TRADES: Channel.ORDERS,
    frames.POSITIONS: Channel.POSITIONS,
    frames.SUMMARIES: Channel.POSITIONS,
    frames.BARS: Channel.BARS,
    frames.STOP_ORDERS: Channel.ORDERS,
    frames.OLD_STOP_ORDERS: Channel.ORDERS,
}


class _Subscription(Struct):
    """One guid."""

    guid: str
    opcode: str
    form: frames.Format
    instrument: Instrument | None = None
    port: Port | None = None
    depth: int = 0
    interval: Nanos = 0
    due: Nanos = 0
    """Not before this may the next frame go."""
    length: int = 0
    """Of candles, seconds."""
    until: Nanos = 0
    """When the trading status may be another."""
    told: int = 0
    """Opening of the last candle sent; the last trading status."""
    is_behind: bool = False
    """There are more candles of the past to come."""


class SubscriptionAcceptor:
    """One connection to `/ws`."""

    def __init__(self, host: AlorHost) -> None:
        self._host = host
        self._claims: access.Claims | None = None
        self._live: dict[str, _Subscription] = {}
        self._of_symbol: dict[str, list[_Subscription]] = {}
        self._of_account: dict[str, list[_Subscription]] = {}
        """By opcode."""
        self._waiting: dict[str, _Subscription] = {}
        """Those whose state has changed since their last frame (3.9)."""
        self._queued: list[Out] = []
        """News of conditional orders: they come about within this venue, not at the exchange."""

    @property
    def account(self) -> str | None:
        """The portfolio of the first valid token seen."""
        return self._host.account_of(self._claims) if self._claims else None

    def handshake(self, headers: Headers, now: Nanos) -> Refusal | None:
        """Anyone may connect, up to the limit; tokens come with the messages."""
        return self._host.refusal()

    def opened(self, now: Nanos) -> list[Out]:
        """Nothing is said first."""
        self._host.connections.add(self)
        return []

    def closed(self, now: Nanos) -> None:
        """All subscriptions end with the connection."""
        self._host.connections.discard(self)
        self._queued.clear()
        for kept in (self._live, self._of_symbol, self._of_account, self._waiting):
            kept.clear()

    # ---- requests

    def receive(self, payload: bytes, now: Nanos) -> list[Out]:
        """One request, one acknowledgement or error; the connection stays open (3.11)."""
        self._host.settle(now)
        return [*self._news(), *self._answer(payload, now)]

    def _answer(self, payload: bytes, now: Nanos) -> list[Out]:
        try:
            asked = frames.read_asked(payload)
        except RemoteProtocolError:
            return [_reply("", 400, frames.MALFORMED)]
        guid, read = str(asked.guid), frames.read_request.get(asked.opcode.lower())
        if not guid or read is None:
            return [_reply(guid, 400, frames.MALFORMED)]
        try:
            request = read(payload)
        except RemoteProtocolError:
            return [_reply(guid, 400, frames.MALFORMED)]
        claims = self._host.claims(request.token or "", now)
        if claims is None:
            return [_reply(guid, 401, frames.INVALID_TOKEN)]
        self._claims = self._claims or claims
        match request:
            case frames.Ping():
                return [_reply(guid, 200, frames.HANDLED)]
            case frames.Unsubscribe():
                self._end(guid)
                return [_reply(guid, 200, frames.HANDLED)]
            case frames.SubscribeInstrument():
                return self._subscribe_instrument(request, guid, now)
            case frames.SubscribePortfolio():
                return self._subscribe_portfolio(request, guid, claims, now)

    def _form(self, asked: object) -> frames.Format | None:
        """The format asked for; None for an unknown word."""
        return frames.FORMATS.get(asked.lower()) if isinstance(asked, str) else "Simple"

    def _subscribe_instrument(self, request: frames.SubscribeInstrument, guid: str, now: Nanos) -> list[Out]:
        form = self._form(request.format)
        if form is None:
            return [_reply(guid, 400, frames.MALFORMED)]
        instrument = self._host.desk.instrument(request.exchange.upper(), request.code, request.instrumentGroup)
        if instrument is None:
            return [_reply(guid, 404, f"Instrument {request.exchange}:{request.code} not found")]
        opcode = frames.SPELLING[request.opcode.lower()]
        length = length_of(request.tf) if opcode == frames.BARS else 0
        if length is None or (opcode == frames.BARS and not isinstance(request.start, int)):
            return [_reply(guid, 400, frames.MALFORMED)]
        frequency = request.frequency if isinstance(request.frequency, int) else frames.DEFAULT_FREQUENCY
        subscription = _Subscription(
            guid,
            opcode,
            form,
            instrument=instrument,
            depth=_depth(opcode, request.depth),
            interval=max(frequency, frames.MINIMUM_FREQUENCY[form]) * NANOS_PER_MILLI,
            length=length,
        )
        return self._begin(subscription, self._first_of_instrument(subscription, request, now), now)

    def _subscribe_portfolio(
        self, request: frames.SubscribePortfolio, guid: str, claims: access.Claims, now: Nanos
    ) -> list[Out]:
        form = self._form(request.format)
        if form is None:
            return [_reply(guid, 400, frames.MALFORMED)]
        port = self._host.port(claims, request.portfolio)
        if port is None:
            return [_reply(guid, 403, "Forbidden")]
        opcode = frames.SPELLING[request.opcode.lower()]
        interval = _FIGURES_INTERVAL if opcode in _FIGURES else 0
        subscription = _Subscription(guid, opcode, form, port=port, interval=interval)
        statuses = request.orderStatuses if isinstance(request.orderStatuses, list) else None
        first = [] if request.skipHistory is True else self._first_of_portfolio(subscription, port, statuses, now)
        return self._begin(subscription, first, now)

    def _begin(self, subscription: _Subscription, first: list[Record], now: Nanos) -> list[Out]:
        """A guid in use replaces its subscription (3.8)."""
        self._end(subscription.guid)
        if len(self._live) >= self._host.switches.subscriptions:
            return [_reply(subscription.guid, 400, "Too many subscriptions")]
        self._live[subscription.guid] = subscription
        if subscription.instrument is not None:
            self._of_symbol.setdefault(subscription.instrument.symbol, []).append(subscription)
        else:
            self._of_account.setdefault(subscription.opcode, []).append(subscription)
        subscription.due = now + subscription.interval
        self._go_on(subscription, now)
        acknowledgement = _reply(subscription.guid, 200, frames.HANDLED)
        data = [_pushed(subscription, record) for record in first]
        if subscription.opcode == frames.BOOK and self._host.switches.book_before_acknowledgement:
            return [*data, acknowledgement]
        return [acknowledgement, *data]

    def _end(self, guid: str) -> None:
        subscription = self._live.pop(guid, None)
        self._waiting.pop(guid, None)
        if subscription is None:
            return
        if subscription.instrument is not None:
            self._of_symbol[subscription.instrument.symbol].remove(subscription)
        else:
            self._of_account[subscription.opcode].remove(subscription)

    # ---- the first set (3.7)

    def _first_of_instrument(
        self, subscription: _Subscription, request: frames.SubscribeInstrument, now: Nanos
    ) -> list[Record]:
        instrument, form = subscription.instrument, subscription.form
        assert instrument is not None
        if subscription.opcode == frames.BARS:
            return self._first_candles(subscription, request, now)
        if subscription.opcode == frames.ALL_TRADES:
            trades = self._host.records.trades(instrument, subscription.depth)
            return [books.trade_record(form, trade, instrument, existing=True) for trade in trades]
        return self._state(subscription, now, existing=True)

    def _first_candles(
        self, subscription: _Subscription, request: frames.SubscribeInstrument, now: Nanos
    ) -> list[Record]:
        """History from the time asked for, oldest first; without it, from the candle that is open now."""
        second = now // NANOS_PER_SECOND
        current = opened(second, subscription.length)
        start = request.start if isinstance(request.start, int) else current
        subscription.told = current if request.skipHistory is True else min(max(start, 0), current)
        return [] if request.skipHistory is True else self._candles(subscription, now, _HISTORY_AT_ONCE)

    def _candles(self, subscription: _Subscription, now: Nanos, most: int = _HISTORY_AT_A_TIME) -> list[Record]:
        """From the last one that was sent on: that one may have changed since."""
        instrument = subscription.instrument
        assert instrument is not None
        tape, length = self._host.tape(instrument.symbol, now), subscription.length
        slots = list(islice(tape.bars(length, subscription.told, now // NANOS_PER_SECOND + 1), most))
        subscription.is_behind = len(slots) == most
        if slots:
            subscription.told = slots[-1].time
        return [tape.record(subscription.form, slot) for slot in slots]

    def _first_of_portfolio(
        self, subscription: _Subscription, port: Port, statuses: list[str] | None, now: Nanos
    ) -> list[Record]:
        form, records = subscription.form, self._host.records
        wanted = None if statuses is None else {word.lower() for word in statuses}
        if subscription.opcode in _FIGURES:
            return self._state(subscription, now, existing=True)
        if subscription.opcode in _STOPS:
            orders = self._host.stop_desk.waiting.of(port.account)
            return [self._stop(subscription, o, existing=True) for o in orders if wanted is None or o.status in wanted]
        if subscription.opcode == frames.POSITIONS:
            return list(records.holdings(form, port))
        if subscription.opcode == frames.TRADES:
            return _present(records.fill(form, report, now, existing=True) for report in port.fills())
        found = (records.order(form, report, port, now, existing=True) for report in port.orders(working=False))
        return [order for order in found if order is not None and (wanted is None or order.status in wanted)]

    def _state(self, subscription: _Subscription, now: Nanos, *, existing: bool) -> list[Record]:
        """What is told as a state, as it is now."""
        instrument, port, form, records = subscription.instrument, subscription.port, subscription.form, self._records
        match subscription.opcode:
            case frames.SUMMARIES if port is not None:
                return [records.summary(form, port)]
            case frames.RISKS if port is not None:
                return [records.risk(form, port, now)]
            case frames.SPECTRA_RISKS if port is not None:
                return [records.spectra_risk(form, port)]
            case _:
                assert instrument is not None
        match subscription.opcode:
            case frames.QUOTES:
                return [records.quote(form, instrument)]
            case frames.BARS:
                return self._candles(subscription, now)
            case frames.INSTRUMENTS:
                return [self._status(subscription, instrument, now, whole=existing)]
            case _:
                return [records.book(form, instrument, subscription.depth, now, existing=existing)]

    @property
    def _records(self) -> Records:
        return self._host.records

    def _status(self, subscription: _Subscription, instrument: Instrument, now: Nanos, *, whole: bool) -> Record:
        """The first frame is whole, later ones have the ticker and what has changed (3.6.4)."""
        record = self._records.status(subscription.form, instrument, now)
        subscription.told = record.tradingStatus or 0
        if whole:
            return record
        return status.STATUSES[subscription.form](
            symbol=record.symbol, tradingStatus=record.tradingStatus, tradingStatusInfo=record.tradingStatusInfo
        )

    def _stop(self, subscription: _Subscription, order: Conditional, *, existing: bool) -> Record:
        desk, form = self._host.stop_desk, subscription.form
        if subscription.opcode == frames.OLD_STOP_ORDERS:
            return desk.old_record(form, order, existing=existing)
        return desk.record(form, order, existing=existing)

    # ---- what happens within the venue

    def stop_changed(self, order: Conditional) -> None:
        """A conditional order is another than it was; told with the next frames, or at the next tick."""
        for opcode in _STOPS:
            for subscription in self._subscribed(opcode, order.terms.account):
                self._queued.append(_pushed(subscription, self._stop(subscription, order, existing=False)))

    def _news(self) -> list[Out]:
        queued, self._queued = self._queued, []
        return queued

    def _hours(self, now: Nanos) -> Iterator[Out]:
        """Trading statuses that have changed with the time."""
        for subscription in self._of_status():
            assert subscription.instrument is not None
            subscription.until = next_change(market_of(subscription.instrument), now)
            if self._host.desk.trading_status(subscription.instrument, now) != subscription.told:
                yield from self._send_state(subscription, now)

    def _of_status(self) -> list[_Subscription]:
        return [subscription for subscription in self._live.values() if subscription.opcode == frames.INSTRUMENTS]

    # ---- what happens at the exchange

    def publish(self, event: Event, now: Nanos) -> list[Out]:
        """Frames for what this connection subscribed to; of the token's further portfolios the host tells."""
        if isinstance(event, PRIVATE) and event.account != self.account:
            return self._news()
        return [*self._news(), *self._happened(event, now)]

    def overhear(self, event: ExecutionReport | Position | Balance, now: Nanos) -> None:
        """News of a portfolio: where it is another than the connection is known by, it goes with the next frames."""
        if event.account != self.account:
            self._queued += self._happened(event, now)

    def _happened(self, event: Event, now: Nanos) -> list[Out]:
        match event:
            case BookUpdate():
                return self._changed(event.symbol, frames.BOOK, now)
            case Trade():
                states = (frames.QUOTES, frames.BARS)
                return [*self._traded(event), *(out for op in states for out in self._changed(event.symbol, op, now))]
            case Quote():
                return self._changed(event.symbol, frames.QUOTES, now)
            case ExecutionReport():
                return list(self._reported(event, now))
            case Position() | Balance():
                return [*self._held(event), *self._figures(event.account, now)]
            case _:
                return []

    def _changed(self, symbol: str, opcode: str, now: Nanos) -> list[Out]:
        """Books and quotes go out as states, and not more often than their frequency (3.9)."""
        return self._send_or_wait((s for s in self._of_symbol.get(symbol, ()) if s.opcode == opcode), now)

    def _figures(self, portfolio: str, now: Nanos) -> list[Out]:
        """Money or positions have changed, and with them whatever is reckoned from them."""
        return self._send_or_wait((s for opcode in _FIGURES for s in self._subscribed(opcode, portfolio)), now)

    def _send_or_wait(self, subscriptions: Iterable[_Subscription], now: Nanos) -> list[Out]:
        out: list[Out] = []
        for subscription in subscriptions:
            if now < subscription.due:
                self._waiting[subscription.guid] = subscription
            else:
                out += self._send_state(subscription, now)
        return out

    def _send_state(self, subscription: _Subscription, now: Nanos) -> list[Out]:
        self._waiting.pop(subscription.guid, None)
        subscription.due = now + subscription.interval

        def made() -> list[bytes]:
            return [encode(record) for record in self._state(subscription, now, existing=False)]

        instrument, opcode = subscription.instrument, subscription.opcode
        if instrument is None or opcode not in _ALIKE:
            frames_made = [_framed(subscription, data) for data in made()]
            self._go_on(subscription, now)
            return frames_made
        shape = (opcode, subscription.form, subscription.depth)
        return [_framed(subscription, data) for data in self._host.once(shape, instrument.symbol, made)]

    def _go_on(self, subscription: _Subscription, now: Nanos) -> None:
        """What is left of a history comes by itself, a part at a time."""
        if subscription.is_behind:
            subscription.due = now + _HISTORY_INTERVAL
            self._waiting[subscription.guid] = subscription

    def pinged(self, now: Nanos) -> None:
        """Pings count for nothing here."""

    def next_tick(self) -> Nanos | None:
        """When the first of the states that wait may go; at once if there is news."""
        if self._queued:
            return 0
        times = [subscription.due for subscription in self._waiting.values()]
        hours = self._next_hours()
        return min(times if hours is None else [*times, hours], default=None)

    def _next_hours(self) -> Nanos | None:
        """When a trading status may be another."""
        if not self._host.switches.trading_hours:
            return None
        return min((s.until for s in self._of_status()), default=None)

    def tick(self, now: Nanos) -> list[Out]:
        """Send the states that are due."""
        out = [*self._news(), *self._hours(now)]
        for subscription in [waiting for waiting in self._waiting.values() if waiting.due <= now]:
            out += self._send_state(subscription, now)
        return out

    def _traded(self, trade: Trade) -> Iterator[Out]:
        for subscription in self._of_symbol.get(trade.symbol, ()):
            if subscription.opcode == frames.ALL_TRADES and subscription.instrument is not None:
                record = books.trade_record(subscription.form, trade, subscription.instrument, existing=False)
                yield _pushed(subscription, record)

    def _reported(self, report: ExecutionReport, now: Nanos) -> Iterator[Out]:
        """The order, whole, after each step; and each fill by itself. What was refused was never an order."""
        records = self._host.records
        for subscription in self._subscribed(frames.ORDERS, report.account):
            if report.exec_type is not ExecType.REJECTED and subscription.port is not None:
                order = records.order(subscription.form, report, subscription.port, now, existing=False)
                if order is not None:
                    yield _pushed(subscription, order)
        if report.exec_type is ExecType.TRADE:
            for subscription in self._subscribed(frames.TRADES, report.account):
                fill = records.fill(subscription.form, report, now, existing=False)
                if fill is not None:
                    yield _pushed(subscription, fill)

    def _held(self, event: Position | Balance) -> Iterator[Out]:
        for subscription in self._subscribed(frames.POSITIONS, event.account):
            if subscription.port is not None:
                row = self._host.records.position(subscription.form, event, subscription.port, existing=False)
                if row is not None:
                    yield _pushed(subscription, row)

    def _subscribed(self, opcode: str, portfolio: str) -> list[_Subscription]:
        return [s for s in self._of_account.get(opcode, ()) if s.port is not None and s.port.account == portfolio]


def _depth(opcode: str, asked: object) -> int:
    """Out of range is brought into it (8.8)."""
    if opcode == frames.ALL_TRADES:
        return min(max(asked, 0), frames.MAXIMUM_TRADES) if isinstance(asked, int) else 0
    return min(max(asked, 1), frames.MAXIMUM_DEPTH) if isinstance(asked, int) else frames.DEFAULT_DEPTH


def _present(records: Iterable[account.Trade | None]) -> list[Record]:
    return [record for record in records if record is not None]


def _reply(guid: str, code: int, message: str) -> Out:
    return Send(encode(frames.Reply(requestGuid=guid, httpCode=code, message=message, orderNumber=UNSET)))


def _pushed(subscription: _Subscription, record: Record) -> Out:
    return _framed(subscription, encode(record))


def _framed(subscription: _Subscription, data: bytes) -> Out:
    pushed = frames.Pushed(data=Raw(data), guid=subscription.guid)
    return Send(encode(pushed), channel=_TELLS.get(subscription.opcode))
