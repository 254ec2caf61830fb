"""Our end of `/ws`: market data and the portfolio's own channels (3); and the HTTP reads (5.1, 5.2).

The token travels in each message, built when it is sent. A subscription's guid is the ref of its command; a second
record of the same subscription adds a suffix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import UNSET, Struct, field
from msgspec.structs import replace

from venuewire.codec import Envelope, encode
from venuewire.errors import LocalProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.market import Bar
from venuewire.model.orders import ExecutionReport
from venuewire.model.session import (
    BarRequest,
    Bars,
    Command,
    Event,
    Grant,
    Heartbeat,
    MassStatus,
    OrderMassStatusRequest,
    RequestForPositions,
    RequestRejected,
    SecurityList,
    SecurityListRequest,
    Subscribe,
    SubscriptionAccepted,
    SubscriptionRejected,
    Unknown,
    Unsubscribe,
)
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos
from venuewire.venue import Answer, Effect, Fetch, Flow, Headers, Seat, Send
from venuewire.venues.alor import books, candles, stops, terms, translate
from venuewire.venues.alor.line import DATA, JUST_MADE, PONG, REPLY, Line, error_text
from venuewire.venues.alor.wire import account, frames, market
from venuewire.venues.alor.wire import candles as wire_candles
from venuewire.venues.alor.wire import stops as wire_stops


class _Stream(Struct):
    """One subscription on the wire: what its data frames mean."""

    opcode: str
    instrument: Instrument | None
    period: Nanos = 0
    """Of candles."""
    last: Bar | None = None
    """The newest candle: final when a later one comes (3.6.2)."""


_Subject: TypeAlias = tuple[Channel, str | None, Nanos]
"""Channel, symbol, and the period of candles."""


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
}
_OF_PORTFOLIO = frozenset({frames.ORDERS, frames.TRADES, frames.STOP_ORDERS, frames.POSITIONS, frames.SUMMARIES})

Read: TypeAlias = Callable[[_Stream, bytes, Nanos], Sequence[Event]]

_ENDED_KEPT = 10_000
"""Guids of ended subscriptions remembered: frames of theirs may still be on their way."""


class Subscriptions(Line):
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
        self._lists: dict[str, _Gathering] = {}
        self._read: dict[str, Read] = {
            frames.BOOK: self._book,
            frames.ALL_TRADES: self._trade,
            frames.QUOTES: self._quote,
            frames.ORDERS: self._order,
            frames.TRADES: self._fill,
            frames.POSITIONS: self._position,
            frames.STOP_ORDERS: self._stop_order,
            frames.BARS: self._bar,
        }
        self._subjects: dict[str, _Subject] = {}
        """What a subscription to candles was for, by its ref: an `Unsubscribe` names no period."""
        self._bar_requests: dict[str, BarRequest] = {}
        self._alive = ""
        """Guid of the subscription that serves as a sign of life."""
        self._kept = stops.kept_terms(seat)

    def handshake(self, now: Nanos) -> Headers:
        for kept in (self._streams, self._running, self._guids, self._requests, self._ended, self._lists):
            kept.clear()
        self._subjects.clear()
        self._bar_requests.clear()
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
        return Send(encode(self._request(frames.SUMMARIES, self._alive, None, grant.token.reveal(), 0)), self._alive)

    def _grant(self) -> Grant:
        grant = self.seat.grant or self._held
        if grant is None:
            raise LocalProtocolError("there is no token: /ws is not logged on")
        return grant

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
            case _:
                raise LocalProtocolError(f"{type(command).__name__} does not go over ALOR's /ws; orders go over /cws")

    def _subscribe(self, command: Subscribe, now: Nanos) -> list[Effect]:
        opcodes = _OPCODES.get(command.channel)
        if opcodes is None:
            raise LocalProtocolError(f"ALOR has no channel {command.channel}; its sign of life is the ping")
        instrument = self._instrument(command) if command.channel in _OF_INSTRUMENTS else None
        period = _period(command)
        grant = self._grant()
        subject = (command.channel, command.symbol if instrument else None, period)
        if period:
            self._subjects[command.ref] = subject
        # A guid in use replaces its subscription (3.8): asking again never makes a second stream of the same.
        guids = self._guids.get(subject) or [f"{command.ref}-{n}" if n else command.ref for n in range(len(opcodes))]
        self._guids[subject] = guids
        for guid, opcode in zip(guids, opcodes, strict=True):
            self._streams[guid] = _Stream(opcode, instrument, period)
        self._expect(command.ref, guids, grant, subject, ends=False)
        token = grant.token.reveal()
        effects: list[Effect] = []
        for guid, opcode in zip(guids, opcodes, strict=True):
            effects.append(Send(encode(self._request(opcode, guid, command.symbol, token, period, now)), command.ref))
        return effects

    def _instrument(self, command: Subscribe) -> Instrument:
        if command.symbol is None:
            raise LocalProtocolError(f"channel {command.channel} needs a symbol, such as MOEX:SBER")
        instrument = self.seat.instruments.get(command.symbol)
        if instrument is None:
            raise LocalProtocolError(
                f"{command.symbol} is not known: ask for the SecurityList first (its lot is needed)"
            )
        return instrument

    def _request(
        self, opcode: str, guid: str, symbol: str | None, token: str, period: Nanos, now: Nanos = 0
    ) -> frames.SubscribeRequest:
        form = self.settings.format
        if symbol is None or opcode in _OF_PORTFOLIO:
            return frames.SubscribePortfolio(
                opcode=opcode,
                portfolio=self.portfolio,
                skipHistory=opcode == frames.SUMMARIES,
                exchange=self._portfolio_exchange(),
                format=form,
                guid=guid,
                token=token,
            )
        where, settings = terms.listing(symbol), self.settings
        if opcode == frames.BARS:
            return frames.SubscribeInstrument(
                opcode=opcode,
                code=where.ticker,
                exchange=where.exchange,
                instrumentGroup=where.board or UNSET,
                tf=candles.tf_of(period),
                start=candles.opened(now // NANOS_PER_SECOND, period // NANOS_PER_SECOND),
                skipHistory=False,
                splitAdjust=settings.split_adjust,
                frequency=settings.quote_frequency,
                format=form,
                guid=guid,
                token=token,
            )
        book, trades = opcode == frames.BOOK, opcode == frames.ALL_TRADES
        frequency = settings.frequency or frames.MINIMUM_FREQUENCY[form] if book else settings.quote_frequency
        return frames.SubscribeInstrument(
            opcode=opcode,
            code=where.ticker,
            exchange=where.exchange,
            instrumentGroup=where.board or UNSET,
            depth=settings.depth if book else settings.trades or UNSET if trades else UNSET,
            frequency=UNSET if trades else frequency,
            includeVirtualTrades=False if trades else UNSET,
            format=form,
            guid=guid,
            token=token,
        )

    def _unsubscribe(self, command: Unsubscribe) -> list[Effect]:
        symbol = command.symbol if command.channel in _OF_INSTRUMENTS else None
        subject = self._subjects.pop(command.subscription, (command.channel, symbol, 0))
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

    def _portfolio_exchange(self) -> str:
        return self.settings.portfolio_exchange or ("UNITED" if self.portfolio.startswith("E") else "MOEX")

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

    def _order_report(self, record: account.Order, now: Nanos, *, listed: bool = False) -> ExecutionReport:
        iceberg = stops.iceberg_of(record.iceberg)
        if iceberg:
            self._kept.keep(str(record.id), stops.Kept(iceberg=iceberg))
        return translate.order_report(record, self.seat.instruments, now, listed=listed)

    def _stop_order(self, _stream: _Stream, body: bytes, now: Nanos) -> Sequence[Event]:
        return self._stop_reports(wire_stops.read_stop_order[self.settings.format](body), now)

    def _stop_reports(
        self, record: wire_stops.StopOrder, now: Nanos, *, listed: bool = False
    ) -> tuple[ExecutionReport, ...]:
        known = self.seat.instruments
        symbol = translate.known_symbol(record.exchange, record.symbol, record.board, known, record.brokerSymbol)
        self._kept.keep(terms.stop_id(record.id), stops.kept_from(record))
        return stops.stop_reports(record, symbol, translate.cl_ord_id_of(record.comment), now, listed=listed)

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

    # ---- HTTP reads

    def _get(self, kind: str, path: str, ref: str) -> Fetch:
        headers = {"authorization": _bearer(self._grant()), "accept": "application/json"}
        return Fetch(method="GET", path=path, headers=headers, ref=ref, kind=kind)

    def _both(self, one: str, other: str, ref: str) -> list[Effect]:
        """Two reads of the portfolio that are answered together."""
        self._lists[ref] = _Gathering(wanted=2)
        return [self._get(part, f"{self._clients_path()}/{part}", ref) for part in (one, other)]

    def _candles(self, command: BarRequest) -> Fetch:
        """`GET /md/v2/history`; both ends of its range belong to it, and are whole seconds."""
        where = terms.listing(command.symbol)
        if command.symbol not in self.seat.instruments:
            raise LocalProtocolError(f"{command.symbol} is not known: ask for the SecurityList first")
        self._bar_requests[command.ref] = command
        first, last = -(-command.start // NANOS_PER_SECOND), -(-command.end // NANOS_PER_SECOND) - 1
        board = f"&instrumentGroup={where.board}" if where.board else ""
        split = "" if self.settings.split_adjust else "&splitAdjust=false"
        path = (
            f"/md/v2/history?symbol={where.ticker}&exchange={where.exchange}&tf={candles.tf_of(command.period)}"
            f"&from={first}&to={last}{board}{split}&format=Simple"
        )
        return self._get("history", path, command.ref)

    def _clients_path(self) -> str:
        return f"/md/v2/Clients/{self._portfolio_exchange()}/{self.portfolio}"

    def _securities(self, command: SecurityListRequest) -> list[Effect]:
        if not command.symbols:
            sector = f"&sector={self.settings.sector}" if self.settings.sector else ""
            path = f"/md/v2/Securities?exchange={self.settings.exchange}{sector}&limit=10000"
            return [self._get("securities", path, command.ref)]
        effects: list[Effect] = []
        for symbol in dict.fromkeys(command.symbols):
            where = terms.listing(symbol)
            board = f"?instrumentGroup={where.board}" if where.board else ""
            path = f"/md/v2/Securities/{where.exchange}/{where.ticker}{board}"
            effects.append(self._get(f"security {symbol}", path, command.ref))
        self._lists[command.ref] = _Gathering(wanted=len(effects))
        return effects

    def answered(self, fetch: Fetch, answer: Answer, now: Nanos) -> Sequence[Event]:
        """The answer to one HTTP read; a request that made several is answered when all have come."""
        kind, ref = fetch.kind, fetch.ref or ""
        asked_bars = self._bar_requests.pop(ref, None)
        empty = kind in ("orders", "stoporders") and answer.status == 404 and self.settings.no_orders_on_404
        if answer.status != 200 and not empty:
            self._lists.pop(ref, None)
            text = error_text(answer.body) or f"{fetch.method} {fetch.path} was answered {answer.status}"
            refusal = RequestRejected(code=str(answer.status), text=text, ref=ref)
            return [refusal, *(self._invalid_fetch(fetch, text) if answer.status == 401 else ())]
        if asked_bars is not None:
            instrument, asked = self.seat.instruments[asked_bars.symbol], asked_bars
            records = wire_candles.read_history["Simple"](answer.body).history
            bars = candles.bar_events(records, instrument, asked.period, now, asked.start, asked.end)
            return [Bars(bars=bars, ref=ref)]
        if kind == "securities":
            return [_list_of(market.read_securities["Simple"](answer.body), ref)]
        return self._gather(kind, ref, b"[]" if empty else answer.body, now)

    def _invalid_fetch(self, fetch: Fetch, text: str) -> list[Event]:
        """A 401 counts against the token the request carried; an older one that has been replaced is no news."""
        sent = fetch.headers.get("authorization", "")
        for grant in (self.seat.grant, self._held):
            if grant is not None and sent == _bearer(grant):
                return self._invalid(grant, text)
        return []

    def _gather(self, kind: str, ref: str, body: bytes, now: Nanos) -> Sequence[Event]:
        gathering = self._lists.get(ref)
        if gathering is None:
            return []
        gathering.bodies[kind] = body
        if len(gathering.bodies) < gathering.wanted:
            return []
        del self._lists[ref]
        if "positions" in gathering.bodies:
            rows = account.read_positions["Simple"](gathering.bodies["positions"])
            summary = account.read_summary["Simple"](gathering.bodies["summary"])
            return [translate.holdings(rows, summary, self.seat.instruments, now, ref)]
        if "orders" in gathering.bodies:
            return [self._mass_status(gathering.bodies, now, ref)]
        return [_securities_of(gathering.bodies, ref)]

    def _mass_status(self, bodies: dict[str, bytes], now: Nanos, ref: str) -> MassStatus:
        """Conditional orders first: one that was triggered leads to the order it placed."""
        reports: list[ExecutionReport] = []
        for stop_record in wire_stops.read_stop_orders(bodies["stoporders"]):
            reports += self._stop_reports(stop_record, now, listed=True)
        for record in account.read_orders["Simple"](bodies["orders"]):
            reports.append(self._order_report(record, now, listed=True))
        return MassStatus(reports=tuple(reports), ref=ref)


def _period(command: Subscribe) -> Nanos:
    if command.channel is not Channel.BARS:
        return 0
    if command.period is None:
        raise LocalProtocolError("a subscription to candles needs a period")
    candles.tf_of(command.period)
    return command.period


def _bearer(grant: Grant) -> str:
    return f"Bearer {grant.token.reveal()}"


class _Gathering(Struct):
    """Answers of a request that took several."""

    wanted: int
    bodies: dict[str, bytes] = field(default_factory=dict)


_OF_INSTRUMENTS = frozenset({Channel.BOOK, Channel.TRADES, Channel.QUOTES, Channel.BARS})


def _securities_of(bodies: dict[str, bytes], ref: str) -> Event:
    """`SecurityList`; one security that cannot be traded refuses the whole."""
    instruments: list[Instrument] = []
    for kind, body in bodies.items():
        symbol = kind.removeprefix("security ")
        instrument = books.instrument_of(market.read_security["Simple"](body), symbol)
        if instrument is None:
            return RequestRejected(code="", text=f"{symbol} has no lot or no price step: it is not traded", ref=ref)
        instruments.append(instrument)
    return SecurityList(instruments=tuple(instruments), ref=ref)


def _list_of(records: Sequence[market.Security], ref: str) -> Event:
    found = (books.instrument_of(record, books.own_symbol(record)) for record in records)
    return SecurityList(instruments=tuple(instrument for instrument in found if instrument), ref=ref)
