"""The venue's end of `/ws`: subscriptions (3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from msgspec import UNSET, Raw, Struct

from venuewire.codec import encode
from venuewire.errors import RemoteProtocolError
from venuewire.model.account import Balance, Position
from venuewire.model.instrument import Instrument
from venuewire.model.market import BookUpdate, Quote, Trade
from venuewire.model.orders import ExecutionReport
from venuewire.model.session import Event
from venuewire.model.terms import NANOS_PER_MILLI, Channel, ExecType, Nanos
from venuewire.venue import Headers, Out, Port, Refusal, Send
from venuewire.venues.alor import books
from venuewire.venues.alor.wire import access, account, frames, market

if TYPE_CHECKING:
    from venuewire.venues.alor.acceptor import AlorHost

Record = market.Book | market.Quote | market.AllTrade | account.Order | account.Trade | account.Position

_TELLS = {
    frames.BOOK: Channel.BOOK,
    frames.ALL_TRADES: Channel.TRADES,
    frames.QUOTES: Channel.QUOTES,
    frames.ORDERS: Channel.ORDERS,
    frames.TRADES: Channel.ORDERS,
    frames.POSITIONS: Channel.POSITIONS,
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
        for kept in (self._live, self._of_symbol, self._of_account, self._waiting):
            kept.clear()

    # ---- requests

    def receive(self, payload: bytes, now: Nanos) -> list[Out]:
        """One request, one acknowledgement or error; the connection stays open (3.11)."""
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
        """The format asked for; `Heavy` is not spoken by this sandbox and refused like any unknown word."""
        return frames.FORMATS.get(asked.lower()) if isinstance(asked, str) else "Simple"

    def _subscribe_instrument(self, request: frames.SubscribeInstrument, guid: str, now: Nanos) -> list[Out]:
        form = self._form(request.format)
        if form is None:
            return [_reply(guid, 400, frames.MALFORMED)]
        instrument = self._host.desk.instrument(request.exchange.upper(), request.code, request.instrumentGroup)
        if instrument is None:
            return [_reply(guid, 404, f"Instrument {request.exchange}:{request.code} not found")]
        opcode = frames.SPELLING[request.opcode.lower()]
        frequency = request.frequency if isinstance(request.frequency, int) else frames.DEFAULT_FREQUENCY
        subscription = _Subscription(
            guid,
            opcode,
            form,
            instrument=instrument,
            depth=_depth(opcode, request.depth),
            interval=max(frequency, frames.MINIMUM_FREQUENCY[form]) * NANOS_PER_MILLI,
        )
        return self._begin(subscription, self._first_of_instrument(subscription, now), now)

    def _subscribe_portfolio(
        self, request: frames.SubscribePortfolio, guid: str, claims: access.Claims, now: Nanos
    ) -> list[Out]:
        form = self._form(request.format)
        if form is None:
            return [_reply(guid, 400, frames.MALFORMED)]
        port = self._host.port(claims, request.portfolio)
        if port is None:
            return [_reply(guid, 403, "Forbidden")]
        subscription = _Subscription(guid, frames.SPELLING[request.opcode.lower()], form, port=port)
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

    def _first_of_instrument(self, subscription: _Subscription, now: Nanos) -> list[Record]:
        instrument, form = subscription.instrument, subscription.form
        assert instrument is not None
        if subscription.opcode == frames.ALL_TRADES:
            trades = self._host.records.trades(instrument, subscription.depth)
            return [books.trade_record(form, trade, instrument, existing=True) for trade in trades]
        return [self._state(subscription, now, existing=True)]

    def _first_of_portfolio(
        self, subscription: _Subscription, port: Port, statuses: list[str] | None, now: Nanos
    ) -> list[Record]:
        form, records = subscription.form, self._host.records
        if subscription.opcode == frames.POSITIONS:
            return list(records.holdings(form, port))
        if subscription.opcode == frames.TRADES:
            return _present(records.fill(form, report, now, existing=True) for report in port.fills())
        wanted = None if statuses is None else {status.lower() for status in statuses}
        found = (records.order(form, report, port, now, existing=True) for report in port.orders(working=False))
        return [order for order in found if order is not None and (wanted is None or order.status in wanted)]

    def _state(self, subscription: _Subscription, now: Nanos, *, existing: bool) -> Record:
        """The book or the quote as it is now."""
        instrument, form = subscription.instrument, subscription.form
        assert instrument is not None
        if subscription.opcode == frames.QUOTES:
            return self._host.records.quote(form, instrument)
        return self._host.records.book(form, instrument, subscription.depth, now, existing=existing)

    # ---- what happens at the exchange

    def publish(self, event: Event, now: Nanos) -> list[Out]:
        """Frames for what this connection subscribed to."""
        match event:
            case BookUpdate():
                return self._changed(event.symbol, frames.BOOK, now)
            case Trade():
                return [*self._traded(event), *self._changed(event.symbol, frames.QUOTES, now)]
            case Quote():
                return self._changed(event.symbol, frames.QUOTES, now)
            case ExecutionReport():
                return list(self._reported(event, now))
            case Position() | Balance():
                return list(self._held(event))
            case _:
                return []

    def _changed(self, symbol: str, opcode: str, now: Nanos) -> list[Out]:
        """Books and quotes go out as states, and not more often than their frequency (3.9)."""
        out: list[Out] = []
        for subscription in self._of_symbol.get(symbol, ()):
            if subscription.opcode != opcode:
                continue
            if now < subscription.due:
                self._waiting[subscription.guid] = subscription
            else:
                out.append(self._send_state(subscription, now))
        return out

    def _send_state(self, subscription: _Subscription, now: Nanos) -> Out:
        self._waiting.pop(subscription.guid, None)
        subscription.due = now + subscription.interval
        return _pushed(subscription, self._state(subscription, now, existing=False))

    def next_tick(self) -> Nanos | None:
        """When the first of the states that wait may go."""
        return min((subscription.due for subscription in self._waiting.values()), default=None)

    def tick(self, now: Nanos) -> list[Out]:
        """Send the states that are due."""
        due = [subscription for subscription in self._waiting.values() if subscription.due <= now]
        return [self._send_state(subscription, now) for subscription in due]

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
    pushed = frames.Pushed(data=Raw(encode(record)), guid=subscription.guid)
    return Send(encode(pushed), channel=_TELLS.get(subscription.opcode))
