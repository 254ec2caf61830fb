"""Our end of `/ws`: market data and the portfolio's own channels (3); and the HTTP reads (5.1, 5.2).

The token travels in each message, built when it is sent. A subscription's guid is the ref of its command; a second
record of the same subscription adds a suffix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from msgspec import UNSET, Struct
from msgspec.structs import replace

from venuewire.codec import Envelope, encode
from venuewire.errors import LocalProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.market import Bar
from venuewire.model.session import (
    BarRequest,
    Command,
    Event,
    Grant,
    Heartbeat,
    OrderEstimateRequest,
    OrderMassStatusRequest,
    RequestForPositions,
    SecurityListRequest,
    Subscribe,
    SubscriptionAccepted,
    SubscriptionRejected,
    Unknown,
    Unsubscribe,
    VenueNews,
    VenueRequest,
)
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos
from venuewire.venue import Effect, Flow, Headers, Seat, Send
from venuewire.venues.alor import books, candles, terms, translate
from venuewire.venues.alor.initiator import asking, figures
from venuewire.venues.alor.initiator.http import Reads
from venuewire.venues.alor.initiator.line import DATA, JUST_MADE, PONG, REPLY
from venuewire.venues.alor.wire import account, frames, market, requests, risk
from venuewire.venues.alor.wire import candles as wire_candles
from venuewire.venues.alor.wire import status as wire_status
from venuewire.venues.alor.wire import stops as wire_stops
from venuewire.venues.alor.wire.status import InstrumentStatus


class _Stream(Struct):
    """One subscription on the wire: what its data frames mean."""

    opcode: str
    instrument: Instrument | None
    period: Nanos = 0
    """Of candles."""
    last: Bar | None = None
    """The newest candle: final when a later one comes (3.6.2)."""
    status: InstrumentStatus | None = None
    """What is known of an instrument: later frames have only what has changed (3.6.4)."""
    ref: str | None = None
    """Of a feed of the venue's own: the subscription its news belong to."""


_Subject: TypeAlias = tuple[Channel, str | None, Nanos, Struct | None]
"""Channel, symbol, the period of candles, the record of a feed of the venue's own."""


class _Request(Struct):
    """A `Subscribe` or `Unsubscribe` on its way; one with two guids is answered when both are."""

    ref: str
    guids: list[str]
    grant: Grant | None
    ends: bool
    subject: _Subject
    left: int
    refused: bool = False


_OPCODES: dict[Channel, tuple[str, ...]] = {
    Channel.BOOK: (frames.BOOK,),
    Channel.TRADES: (frames.ALL_TRADES,),
    Channel.QUOTES: (frames.QUOTES,),
    Channel.ORDERS: (frames.ORDERS, frames.TRADES, frames.STOP_ORDERS),
    Channel.POSITIONS: (frames.POSITIONS,),
    Channel.BARS: (frames.BARS,),
    Channel.STATUS: (frames.INSTRUMENTS,),
    Channel.SUMMARY: (frames.SUMMARIES,),
}
_FEEDS: dict[type[Struct], str] = {
    requests.RisksFeed: frames.RISKS,
    requests.SpectraRisksFeed: frames.SPECTRA_RISKS,
    requests.InstrumentFeed: frames.INSTRUMENTS,
}

Read: TypeAlias = Callable[[_Stream, bytes, Nanos], Sequence[Event]]

_ENDED_KEPT = 10_000
"""Guids of ended subscriptions remembered: frames of theirs may still be on their way."""


class Subscriptions(Reads):
    """Line `ws`: market data and the portfolio's own channels; and the HTTP reads."""

    name = "ws"

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._streams: dict[str, _Stream] = {}
        self._running: set[str] = set()
        """Guids the venue has acknowledged."""
        self._guids: dict[_Subject, list[str]] = {}
        self._requests: dict[str, list[_Request]] = {}
        self._ended: dict[str, None] = {}
        self._read: dict[str, Read] = {
            frames.BOOK: self._book,
            frames.ALL_TRADES: self._trade,
            frames.QUOTES: self._quote,
            frames.ORDERS: self._order,
            frames.TRADES: self._fill,
            frames.POSITIONS: self._position,
            frames.STOP_ORDERS: self._stop_order,
            frames.BARS: self._bar,
            frames.INSTRUMENTS: self._status,
            frames.SUMMARIES: self._summary,
            frames.RISKS: self._news,
            frames.SPECTRA_RISKS: self._news,
        }
        self._subjects: dict[str, _Subject] = {}
        """What was subscribed to, by its ref: an `Unsubscribe` names no period and no feed."""
        self._alive = ""
        """Guid of the subscription that serves as a sign of life."""

    def handshake(self, now: Nanos) -> Headers:
        for kept in (self._streams, self._running, self._guids, self._requests, self._ended):
            kept.clear()
        self._subjects.clear()
        self._alive = ""
        return super().handshake(now)

    def logon(self, now: Nanos) -> Flow:
        """A token is all it takes: nothing is sent, each message carries it. Renewal is the same."""
        grant = self._take_over(now)
        if grant is None:
            grant = yield from self._fetch(now)
        self._held = grant
        return grant

    def _ping_grant(self) -> Grant | None:
        return self.seat.grant or self._held

    def _documented_sign(self) -> Send | None:
        """The portfolio's summary, subscribed to again under the same guid: acknowledged (3.1), and no second stream.

        What it tells is not read: the guid is one of those that have ended.
        """
        grant = self._ping_grant()
        if grant is None:
            return None
        self._alive = self._alive or f"alive-{self.seat.unique()}"
        self._pings[self._alive] = grant
        self._ended[self._alive] = None
        token = grant.token.reveal()
        request = self._portfolio_request(frames.SUMMARIES, self._alive, token, skip_history=True)
        return Send(encode(request), self._alive)

    # ---- commands

    def send(self, command: Command, now: Nanos) -> list[Effect]:
        """Raises `LocalProtocolError` for what does not go over this line."""
        match command:
            case Subscribe():
                return self._subscribe(command, now)
            case Unsubscribe():
                return self._unsubscribe(command)
            case SecurityListRequest():
                return self._securities(command)
            case OrderMassStatusRequest():
                return self._both("orders", "stoporders", command.ref)
            case RequestForPositions():
                return self._both("positions", "summary", command.ref)
            case BarRequest():
                return [self._candles(command)]
            case OrderEstimateRequest():
                return [self._estimate(command)]
            case VenueRequest():
                return [self._own_request(command)]
            case _:
                raise LocalProtocolError(f"{type(command).__name__} does not go over ALOR's /ws; orders go over /cws")

    def _subscribe(self, command: Subscribe, now: Nanos) -> list[Effect]:
        opcodes = _opcodes(command)
        instrument = self._instrument(command) if command.channel in _OF_INSTRUMENTS else None
        period = _period(command)
        grant = self._grant()
        subject = (command.channel, command.symbol if instrument else None, period, command.message)
        if period or command.message is not None:
            self._subjects[command.ref] = subject
        # A guid in use replaces its subscription (3.8): asking again never makes a second stream of the same.
        guids = self._guids.get(subject) or [f"{command.ref}-{n}" if n else command.ref for n in range(len(opcodes))]
        self._guids[subject] = guids
        ref = command.ref if command.channel is Channel.VENUE else None
        for guid, opcode in zip(guids, opcodes, strict=True):
            self._streams[guid] = _Stream(opcode, instrument, period, ref=ref)
        self._expect(command.ref, guids, grant, subject, ends=False)
        token = grant.token.reveal()
        effects: list[Effect] = []
        for guid, opcode in zip(guids, opcodes, strict=True):
            effects.append(Send(encode(self._request(command, opcode, guid, token, now)), command.ref))
        return effects

    def _instrument(self, command: Subscribe) -> Instrument:
        if command.symbol is None:
            raise LocalProtocolError(f"channel {command.channel} needs a symbol, such as MOEX:SBER")
        return self._known(command.symbol)

    def _request(
        self, command: Subscribe, opcode: str, guid: str, token: str, now: Nanos
    ) -> frames.SubscribePortfolio | frames.SubscribeInstrument:
        """One of the subscription's records."""
        message = command.message
        if isinstance(message, requests.InstrumentFeed):
            where = terms.Listing(message.exchange, message.code, message.instrumentGroup)
            return self._instrument_request(opcode, where, guid, token)
        if command.channel not in _OF_INSTRUMENTS:
            return self._portfolio_request(opcode, guid, token, message)
        assert command.symbol is not None
        request = self._instrument_request(opcode, terms.listing(command.symbol), guid, token)
        settings = self.settings
        match command.channel:
            case Channel.BOOK:
                frequency = settings.frequency or frames.MINIMUM_FREQUENCY[settings.format]
                return replace(request, depth=settings.depth, frequency=frequency)
            case Channel.TRADES:
                return replace(request, depth=settings.trades or UNSET, includeVirtualTrades=False)
            case Channel.QUOTES:
                return replace(request, frequency=settings.quote_frequency)
            case Channel.BARS:
                return self._bars_request(request, _period(command), now)
            case _:
                return request

    def _instrument_request(
        self, opcode: str, where: terms.Listing, guid: str, token: str
    ) -> frames.SubscribeInstrument:
        return frames.SubscribeInstrument(
            opcode=opcode,
            code=where.ticker,
            exchange=where.exchange,
            instrumentGroup=where.board or UNSET,
            format=self.settings.format,
            guid=guid,
            token=token,
        )

    def _bars_request(
        self, request: frames.SubscribeInstrument, period: Nanos, now: Nanos
    ) -> frames.SubscribeInstrument:
        """From the candle that is open."""
        return replace(
            request,
            tf=candles.tf_of(period),
            start=candles.opened(now // NANOS_PER_SECOND, period // NANOS_PER_SECOND),
            skipHistory=False,
            splitAdjust=self.settings.split_adjust,
            frequency=self.settings.quote_frequency,
        )

    def _portfolio_request(
        self, opcode: str, guid: str, token: str, feed: Struct | None = None, *, skip_history: bool = False
    ) -> frames.SubscribePortfolio:
        """A feed of the venue's own may name another portfolio than ours."""
        return frames.SubscribePortfolio(
            opcode=opcode,
            portfolio=getattr(feed, "portfolio", "") or self.portfolio,
            skipHistory=skip_history,
            exchange=getattr(feed, "exchange", "") or self._portfolio_exchange(),
            format=self.settings.format,
            guid=guid,
            token=token,
        )

    def _unsubscribe(self, command: Unsubscribe) -> list[Effect]:
        symbol = command.symbol if command.channel in _OF_INSTRUMENTS else None
        subject = self._subjects.pop(command.subscription, (command.channel, symbol, 0, None))
        if subject not in self._guids:
            # Nothing of the kind on this life of the line: what is asked for is so already.
            self.ready.append(SubscriptionAccepted(ref=command.ref))
            return []
        grant = self._grant()
        # Asked for again before the end is acknowledged, it gets guids of its own.
        guids = self._guids.pop(subject)
        self._expect(command.ref, guids, grant, subject, ends=True)
        return [self._end_stream(guid, grant, command.ref) for guid in guids]

    def _end_stream(self, guid: str, grant: Grant, ref: str | None) -> Send:
        message = frames.Unsubscribe(opcode=frames.UNSUBSCRIBE, token=grant.token.reveal(), guid=guid)
        return Send(encode(message), ref)

    def _expect(self, ref: str, guids: list[str], grant: Grant, subject: _Subject, *, ends: bool) -> None:
        request = _Request(ref, guids, grant, ends, subject, len(guids))
        for guid in guids:
            # One that is asked again (after a renewal) is one request still.
            others = [waiting for waiting in self._requests.get(guid, ()) if waiting.ref != ref]
            self._requests[guid] = [*others, request]

    # ---- frames

    def receive(self, envelope: Envelope, now: Nanos) -> Sequence[Event | Send]:
        """Data by its subscription, answers by their request. Raises `RemoteProtocolError`."""
        if envelope.kind == DATA:
            stream = self._streams.get(envelope.ref or "")
            if stream is not None:
                return self._read[stream.opcode](stream, envelope.body, now)
            # A frame that was on its way when its subscription ended is no news.
            return [] if envelope.ref in self._ended else [Unknown(kind=DATA, body=envelope.body)]
        if envelope.kind == PONG:
            return [Heartbeat(recv_time=now)]
        if envelope.kind != REPLY:
            return [Unknown(kind=str(envelope.kind), body=envelope.body)]
        return self._answer(frames.read_reply(envelope.body), now)

    def _answer(self, reply: frames.Reply, now: Nanos) -> Sequence[Event | Send]:
        guid = reply.guid
        if guid in self._pings:
            return [*self._unauthorised(reply, self._answered(guid)), Heartbeat(recv_time=now, ref=guid)]
        waiting = self._requests.get(guid)
        request = waiting[0] if waiting else None
        if request is None and not guid and reply.httpCode >= 400:
            # One real 401 came with an empty requestGuid (3.11). The venue answers in order: it is the oldest one's.
            guid, request = self._oldest()
        if request is None:
            return [*self._unauthorised(reply, self.seat.grant), Unknown(kind=REPLY, body=encode(reply))]
        self._settle(guid)
        if reply.httpCode < 300:
            return self._accepted(request, guid)
        if reply.httpCode == 401 and not request.ends and self._is_old(request.grant, now):
            # The token has ended, not the subscription: after the renewal it is asked for again under its guid.
            return self._unauthorised(reply, request.grant)
        return [*self._refused(request, reply), *self._unauthorised(reply, request.grant)]

    @staticmethod
    def _is_old(grant: Grant | None, now: Nanos) -> bool:
        """A token just made that is refused will not be accepted next time either."""
        return grant is not None and now - grant.issued_at > JUST_MADE

    def _oldest(self) -> tuple[str, _Request | None]:
        for guid, waiting in self._requests.items():
            return guid, waiting[0]
        return "", None

    def _settle(self, guid: str) -> None:
        waiting = self._requests[guid]
        waiting.pop(0)
        if not waiting:
            del self._requests[guid]

    def _accepted(self, request: _Request, guid: str) -> list[Event | Send]:
        request.left -= 1
        if request.ends:
            self._forget(guid)
        else:
            self._running.add(guid)
        if request.refused and not request.ends:
            # Its other half was refused: half a subscription is none.
            self._forget(guid)
            return [self._end_stream(guid, self._grant(), None)]
        if request.left or request.refused:
            return []
        return [SubscriptionAccepted(ref=request.ref)]

    def _refused(self, request: _Request, reply: frames.Reply) -> list[Event | Send]:
        request.left -= 1
        if request.refused:
            return []
        request.refused = True
        if not request.ends:
            # Whatever part of it is or was running ends as well; frames until then still have their meaning.
            running = [guid for guid in request.guids if guid in self._running]
            for guid in request.guids:
                self._forget(guid)
            ends = [self._end_stream(guid, self._grant(), None) for guid in running]
            return [SubscriptionRejected(code=str(reply.httpCode), text=reply.text, ref=request.ref), *ends]
        # The end was refused: it runs on, unless a new one has taken its place.
        self._guids.setdefault(request.subject, request.guids)
        return [SubscriptionRejected(code=str(reply.httpCode), text=reply.text, ref=request.ref)]

    def _unauthorised(self, reply: frames.Reply, grant: Grant | None) -> list[Event]:
        return self._invalid(grant, reply.text) if reply.httpCode == 401 else []

    def _forget(self, guid: str) -> None:
        self._running.discard(guid)
        if self._streams.pop(guid, None) is None:
            return
        self._ended[guid] = None
        if len(self._ended) > _ENDED_KEPT:
            del self._ended[next(iter(self._ended))]
        for subject, guids in list(self._guids.items()):
            if guid in guids:
                del self._guids[subject]

    # ---- what data frames mean

    def _book(self, stream: _Stream, body: bytes, now: Nanos) -> Sequence[Event]:
        assert stream.instrument is not None
        return (books.snapshot(self.settings.format, body, stream.instrument, now),)

    def _trade(self, stream: _Stream, body: bytes, now: Nanos) -> Sequence[Event]:
        assert stream.instrument is not None
        return (books.trade_event(market.read_all_trade[self.settings.format](body), stream.instrument, now),)

    def _quote(self, stream: _Stream, body: bytes, now: Nanos) -> Sequence[Event]:
        assert stream.instrument is not None
        return (books.quote_event(market.read_quote[self.settings.format](body), stream.instrument, now),)

    def _order(self, _stream: _Stream, body: bytes, now: Nanos) -> Sequence[Event]:
        return (self._order_report(account.read_order[self.settings.format](body), now),)

    def _stop_order(self, _stream: _Stream, body: bytes, now: Nanos) -> Sequence[Event]:
        return self._stop_reports(wire_stops.read_stop_order[self.settings.format](body), now)

    def _fill(self, _stream: _Stream, body: bytes, now: Nanos) -> Sequence[Event]:
        record = account.read_trade[self.settings.format](body)
        return (translate.trade_report(record, self.seat.instruments, self.portfolio, now),)

    def _position(self, _stream: _Stream, body: bytes, now: Nanos) -> Sequence[Event]:
        record = account.read_position[self.settings.format](body)
        return (translate.position_event(record, self.seat.instruments, now),)

    def _bar(self, stream: _Stream, body: bytes, now: Nanos) -> Sequence[Event]:
        """The candle; and the one before, as final, when this is a later one (3.6.2)."""
        assert stream.instrument is not None
        record = wire_candles.read_candle[self.settings.format](body)
        bar = candles.bar_event(record, stream.instrument, stream.period, now, final=False)
        before, stream.last = stream.last, bar
        if before is None or before.open_time >= bar.open_time:
            return (bar,)
        return replace(before, final=True, recv_time=now), bar

    def _status(self, stream: _Stream, body: bytes, now: Nanos) -> Sequence[Event]:
        """In our words, or as it came where the venue's own feed was asked for."""
        if stream.ref is not None:
            return self._news(stream, body, now)
        assert stream.instrument is not None
        record = wire_status.read_status[self.settings.format](body)
        stream.status = figures.merged_status(stream.status, record)
        return (figures.status_event(stream.status, stream.instrument.symbol, now),)

    def _summary(self, _stream: _Stream, body: bytes, now: Nanos) -> Sequence[Event]:
        record = account.read_summary[self.settings.format](body)
        return (figures.summary_event(record, self.portfolio, now),)

    def _news(self, stream: _Stream, body: bytes, now: Nanos) -> Sequence[Event]:
        """What there is no word for, as the venue's own record."""
        record = _NEWS[stream.opcode][self.settings.format](body)
        asking.check_numbers(record)
        return (VenueNews(message=record, recv_time=now, ref=stream.ref),)


_NEWS: dict[str, Mapping[str, Callable[[bytes], Struct]]] = {
    frames.RISKS: risk.read_risk,
    frames.SPECTRA_RISKS: risk.read_spectra_risk,
    frames.INSTRUMENTS: wire_status.read_status,
}


def _opcodes(command: Subscribe) -> tuple[str, ...]:
    """What a subscription takes on the wire. Raises `LocalProtocolError` for what the venue has not."""
    if command.channel is Channel.VENUE:
        opcode = _FEEDS.get(type(command.message)) if command.message is not None else None
        if opcode is None:
            able = ", ".join(record.__name__ for record in _FEEDS)
            raise LocalProtocolError(f"{type(command.message).__name__} is no feed of ALOR's; it has {able}")
        return (opcode,)
    opcodes = _OPCODES.get(command.channel)
    if opcodes is None:
        raise LocalProtocolError(f"ALOR has no channel {command.channel}; its sign of life is the ping")
    return opcodes


def _period(command: Subscribe) -> Nanos:
    if command.channel is not Channel.BARS:
        return 0
    if command.period is None:
        raise LocalProtocolError("a subscription to candles needs a period")
    candles.tf_of(command.period)
    return command.period


_OF_INSTRUMENTS = frozenset({Channel.BOOK, Channel.TRADES, Channel.QUOTES, Channel.BARS, Channel.STATUS})
