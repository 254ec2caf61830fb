"""Our end of Coinbase Advanced Trade: two WebSocket lines, and orders over REST.

There is no logon message: each subscription carries a token. A line proves its credentials by subscribing to
`heartbeats`, which it needs anyway, and is logged on when the answering set of subscriptions contains them.

An answer on the WebSocket names no request. The venue answers in order, so requests wait in a queue: a set of
subscriptions accepts the oldest request whose wish it fulfils, an error frame refuses the oldest.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import UNSET, Struct
from msgspec.structs import replace

from venuewire.codec import Envelope, encode
from venuewire.errors import LocalProtocolError, LogonRejected, RemoteProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.market import BookSnapshot, BookUpdate
from venuewire.model.session import (
    Command,
    Event,
    Grant,
    Heartbeat,
    RequestRejected,
    Secret,
    Subscribe,
    SubscriptionAccepted,
    SubscriptionRejected,
    Unknown,
    Unsubscribe,
    VenueNews,
)
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos
from venuewire.venue import Answer, Effect, Fetch, Flow, Headers, Seat, Send
from venuewire.venues.coinbase import orders, translate
from venuewire.venues.coinbase.initiator.express import book_name
from venuewire.venues.coinbase.initiator.rest import RestRequests
from venuewire.venues.coinbase.signing import SigningKey
from venuewire.venues.coinbase.texts import nanos
from venuewire.venues.coinbase.wire import stream

TOKEN_REUSE = 60 * NANOS_PER_SECOND
"""A WebSocket token this young serves again: it fits every channel and both hosts, and half its life is left."""
FORGOTTEN = 15 * NANOS_PER_SECOND
"""A request unanswered for so long no longer takes the answers of others; the session has given it up by then."""
LOGON_ATTEMPTS: dict[str, int] = {stream.AUTHENTICATION_FAILURE: 2, stream.FAILURE_TO_SUBSCRIBE: 4}
"""Both have been seen to pass when tried again with a new token, just after a line was opened."""
USER_TRIES = 3
"""`user` has been seen to fail right after opening, and to succeed when asked again."""
SEEN_TRADES = 1000
"""Trades are sent again, the last hundred or so; this many are remembered for each product."""

Verb = Literal["subscribe", "unsubscribe"]


class Asked(Struct, frozen=True):
    """A request on the WebSocket whose answer has not come."""

    ref: str
    verb: Verb
    channel: str
    product_id: str | None
    """As the answer will name it."""
    symbol: str
    """Under which name of ours."""
    logon: bool
    since: Nanos
    fresh: bool
    """Its token was made for it."""
    tries: int = 1

    def fulfilled(self, subscriptions: dict[str, list[str]]) -> bool:
        """Does this set of subscriptions show that we got what was asked?"""
        products = subscriptions.get(self.channel)
        there = products is not None and (self.product_id is None or self.product_id in products)
        return there is (self.verb == "subscribe")


class CoinbaseInitiator:
    """One line. `ws` has books, trades and quotes; `user_ws` own orders, and all requests over REST."""

    def __init__(self, line: str, seat: Seat) -> None:
        self.ready: list[Event] = []
        self._line = line
        self._seat = seat
        self._key: SigningKey | None = None
        self._token: tuple[Nanos, str] | None = None
        self._asked: deque[Asked] = deque()
        self._symbols: dict[tuple[str, str], tuple[str, ...]] = {}
        """(channel, product as frames name it) -> symbols subscribed: an alias and its book may both be."""
        self._trades: dict[str, OrderedDict[str, None]] = {}
        self._rest = RestRequests(seat, self._signing_key)
        self._quotes = str(seat.settings.get("quotes", "ticker"))
        if self._quotes not in {"ticker", "ticker_batch"}:
            raise LocalProtocolError("the setting `quotes` is ticker or ticker_batch")
        self._per_product = seat.settings.get("sequence", "connection") == "product"
        self._numbers: dict[str, int] = {}
        """The next number of each product, where they are counted so."""
        self._maker_side = seat.settings.get("trade_side", "maker") == "maker"
        self._receivers: dict[str | int, Callable[[Envelope, Nanos], Sequence[Event | Send]]] = {
            "l2_data": self._on_book,
            "market_trades": self._on_trades,
            "ticker": self._on_ticker,
            "ticker_batch": self._on_ticker,
            "candles": self._on_candles,
            "status": self._on_status,
            "user": self._on_user,
            translate.FUTURES: self._on_futures,
            "heartbeats": self._on_heartbeats,
            "subscriptions": self._on_subscriptions,
            "error": self._on_error,
        }

    # ------------------------------------------------------------------ a life begins

    def handshake(self, now: Nanos) -> Headers:
        """No credentials in the handshake. Forgets what the last line was asked for."""
        self._asked.clear()
        self._symbols.clear()
        self._trades.clear()
        self._numbers.clear()
        self._token = None
        self.ready.clear()
        return {}

    def logon(self, now: Nanos) -> Flow:
        """Subscribe to heartbeats with a token; the set of subscriptions that contains them is the proof."""
        attempts = 0
        while True:
            self._token = None
            ref = str(self._seat.unique())
            answer = yield self._request("subscribe", translate.HEARTBEATS, None, ref, now, logon=True)
            if not isinstance(answer, RequestRejected):
                return Grant(Secret(""), now, None)
            attempts += 1
            if attempts >= LOGON_ATTEMPTS.get(answer.text, 1):
                raise LogonRejected(self._line, answer.code, answer.text)

    def heartbeat(self, now: Nanos) -> Send | None:
        """The venue wants none of us."""
        return None

    # ------------------------------------------------------------------ commands

    def send(self, command: Command, now: Nanos) -> list[Effect]:
        """Effects of a command. Raises `LocalProtocolError`; nothing has been sent then."""
        match command:
            case Subscribe(channel=channel, symbol=symbol, ref=ref):
                if channel is Channel.BARS and command.period not in {None, translate.STREAM_PERIOD}:
                    raise LocalProtocolError("this venue streams bars of five minutes only; ask for others")
                return self._subscription("subscribe", channel, symbol, ref, now)
            case Unsubscribe(channel=channel, symbol=symbol, ref=ref):
                return self._subscription("unsubscribe", channel, symbol, ref, now)
            case _:
                return [self._rest.ask(command, now)]

    def _subscription(self, verb: Verb, channel: Channel, symbol: str | None, ref: str, now: Nanos) -> list[Effect]:
        word = self._quotes if channel is Channel.QUOTES else translate.CHANNELS.get(channel)
        if word is None:
            raise LocalProtocolError(
                f"this venue has no channel {channel}; positions and balances come by RequestForPositions"
            )
        private = word in translate.PRIVATE_CHANNELS
        if private != (self._line == "user_ws"):
            raise LocalProtocolError(f"{channel} is not on the line {self._line}")
        if private:
            return [self._request(verb, word, None, ref, now)]
        instrument = self._seat.instruments.get(symbol or "")
        if instrument is None:
            raise LocalProtocolError(f"{channel} needs a symbol of the security list, not {symbol!r}")
        if verb == "subscribe":
            return self._market_subscribe(word, instrument, ref, now)
        return self._market_unsubscribe(word, instrument, ref, now)

    # An alias and the product whose book it shares are one subscription here: frames and answers call both by the
    # name of the book. It is asked for by that name, and told under every name that was asked for.

    def _market_subscribe(self, word: str, instrument: Instrument, ref: str, now: Nanos) -> list[Effect]:
        product = book_name(instrument)
        names = self._symbols.get((word, product), ())
        if instrument.symbol in names:
            return [self._request("subscribe", word, product, ref, now, symbol=instrument.symbol)]
        self._symbols[word, product] = (*names, instrument.symbol)
        again = self._request("unsubscribe", word, product, "", now) if names else None
        effects = [again] if again else []  # what is live already sends no snapshot to a second subscription
        return [*effects, self._request("subscribe", word, product, ref, now, symbol=instrument.symbol)]

    def _market_unsubscribe(self, word: str, instrument: Instrument, ref: str, now: Nanos) -> list[Effect]:
        product = book_name(instrument)
        left = tuple(name for name in self._symbols.get((word, product), ()) if name != instrument.symbol)
        self._symbols[word, product] = left
        if left:
            self.ready.append(SubscriptionAccepted(ref=ref))
            return []
        return [self._request("unsubscribe", word, product, ref, now)]

    def _request(
        self,
        verb: Verb,
        channel: str,
        product_id: str | None,
        ref: str,
        now: Nanos,
        *,
        symbol: str = "",
        logon: bool = False,
    ) -> Send:
        asked = Asked(ref, verb, channel, product_id, symbol, logon, now, fresh=not self._token_serves(now))
        return self._sent(asked, now)

    def _sent(self, asked: Asked, now: Nanos) -> Send:
        self._asked.append(asked)
        products = [asked.product_id] if asked.product_id else UNSET
        token = self._stream_token(now)
        request = stream.Request(type=asked.verb, product_ids=products, channel=asked.channel, jwt=token)
        return Send(encode(request), asked.ref or None)

    # ------------------------------------------------------------------ tokens

    def _signing_key(self) -> SigningKey:
        if self._key is None:
            credentials = self._seat.credentials
            self._key = SigningKey(credentials.key_name, credentials.private_key.reveal())
        return self._key

    def _stream_token(self, now: Nanos) -> str:
        if self._token is None or not self._token_serves(now):
            self._token = now, self._signing_key().token(self._seat.now(now), self._seat.random_hex(64))
        return self._token[1]

    def _token_serves(self, now: Nanos) -> bool:
        return self._token is not None and 0 <= now - self._token[0] < TOKEN_REUSE

    # ------------------------------------------------------------------ frames

    def open(self, payload: bytes) -> Envelope:
        """The channel, or `error`, and the number. Raises `RemoteProtocolError`."""
        book = stream.match_book_head(payload)
        if book is not None:
            return Envelope("l2_data", payload, None, None if self._per_product else int(book["seq"]))
        head = stream.open_head(payload)
        kind = head.channel or head.type
        if not kind:
            raise RemoteProtocolError("a frame has neither a channel nor a type")
        return Envelope(kind, payload, None, None if self._per_product else head.sequence_num)

    def receive(self, envelope: Envelope, now: Nanos) -> Sequence[Event | Send]:
        """What a frame means. Raises `RemoteProtocolError`."""
        if self._per_product:
            self._check_number(envelope.body)
        on = self._receivers.get(envelope.kind)
        return [Unknown(kind=str(envelope.kind), body=envelope.body)] if on is None else on(envelope, now)

    def _check_number(self, payload: bytes) -> None:
        """The documentation's reading: each product counts for itself. Raises `RemoteProtocolError` for what is missing
        or comes again; the session then holds everything of the line for suspect."""
        head = stream.open_numbered(payload)
        if head.sequence_num is None:
            return
        product = head.product()
        expected = self._numbers.get(product)
        self._numbers[product] = head.sequence_num + 1
        if expected is not None and head.sequence_num != expected:
            raise RemoteProtocolError(
                f"of {product or 'no product'} number {expected} was due, not {head.sequence_num}"
            )

    def _on_book(self, envelope: Envelope, now: Nanos) -> Sequence[Event]:
        payload = envelope.body
        for kind, spelling in _BOOK_FRAMES:
            found = spelling.match(payload)
            if found is not None:
                begin, end = found.start("body"), len(payload) - len(spelling.tail)
                # No list ends between: it is one event.
                if payload.find(b"]", begin) == end - 1 and payload.endswith(spelling.tail):
                    time = found["time"]
                    return self._book_events(kind, found["key"].decode(), payload[begin:end], time, now)
        result: list[Event] = []
        for event in stream.open_book(payload).events:
            body = bytes(event.updates)
            result += self._book_events(event.type, event.product_id, body, _event_time(body), now)
        return result

    def _book_events(self, kind: str, product: str, body: bytes, time: bytes, now: Nanos) -> list[Event]:
        make = BookUpdate if kind == "update" else BookSnapshot if kind == "snapshot" else None
        if make is None:
            raise RemoteProtocolError("a book event is neither a snapshot nor an update")
        read = translate.read_levels if make is BookUpdate else translate.read_snapshot
        transact_time = nanos(time.decode("ascii", "replace"))
        result: list[Event] = []
        for symbol in self._symbols.get(("level2", product), (product,)):
            instrument = self._seat.instruments.get(symbol)
            if instrument is not None:
                result.append(
                    make(
                        symbol=symbol,
                        body=body,
                        read=read,
                        shape=translate.BOOK_SHAPE,
                        price_scale=instrument.price_scale,
                        size_scale=instrument.qty_scale,
                        transact_time=transact_time,
                        recv_time=now,
                    )
                )
        return result

    def _on_trades(self, envelope: Envelope, now: Nanos) -> Sequence[Event]:
        """Oldest first, each once: old trades come again, in snapshots and as updates."""
        frame = stream.read_trades(envelope.body)
        result: list[Event] = []
        for event in frame.events:
            for row in reversed(event.trades):
                if self._is_new(row):
                    result += [
                        translate.trade_event(
                            row, symbol, now, historical=event.type != "update", maker_side=self._maker_side
                        )
                        for symbol in self._named("market_trades", row.product_id)
                    ]
        return result

    def _is_new(self, row: stream.TradeRow) -> bool:
        seen = self._trades.setdefault(row.product_id, OrderedDict())
        if row.trade_id in seen:
            return False
        seen[row.trade_id] = None
        if len(seen) > SEEN_TRADES:
            seen.popitem(last=False)
        return True

    def _on_ticker(self, envelope: Envelope, now: Nanos) -> Sequence[Event]:
        frame = stream.read_ticker(envelope.body)
        time = nanos(frame.timestamp)
        return [
            translate.quote_event(row, symbol, time, now)
            for event in frame.events
            for row in event.tickers
            for symbol in self._named(str(envelope.kind), row.product_id)
            if row.product_id
        ]

    def _on_candles(self, envelope: Envelope, now: Nanos) -> Sequence[Event]:
        """Oldest first. A bucket is final when its five minutes are over; it may be told again all the same."""
        frame = stream.read_candles(envelope.body)
        period = translate.STREAM_PERIOD
        time = nanos(frame.timestamp) or now
        bars = [
            translate.bar_event(row, symbol, period, now, final=translate.is_over(row.start, period, time))
            for event in frame.events
            for row in event.candles
            for symbol in self._named("candles", row.product_id)
        ]
        bars.sort(key=lambda bar: (bar.symbol, bar.open_time))
        return bars

    def _on_status(self, envelope: Envelope, now: Nanos) -> Sequence[Event]:
        frame = stream.read_status(envelope.body)
        time = nanos(frame.timestamp)
        return [
            translate.status_event(row, symbol, time, now)
            for event in frame.events
            for row in event.products
            for symbol in self._named("status", row.id)
        ]

    def _on_futures(self, envelope: Envelope, now: Nanos) -> Sequence[Event]:
        frame = stream.read_balance_summary(envelope.body)
        return [translate.summary_event(event.fcm_balance_summary, now) for event in frame.events]

    def _named(self, channel: str, product_id: str) -> tuple[str, ...]:
        return self._symbols.get((channel, product_id)) or (product_id,)

    def _on_user(self, envelope: Envelope, now: Nanos) -> Sequence[Event]:
        frame = stream.read_user(envelope.body)
        time = nanos(frame.timestamp)
        reports = [
            orders.report_of_user(
                order,
                now,
                time,
                snapshot=event.type != "update",
                in_money=self._rest.is_in_money(order),
            )
            for event in frame.events
            for order in event.orders or ()
        ]
        for report in reports:
            self._rest.heard(report)
        held = [event.positions for event in frame.events if event.positions and _holds(event.positions)]
        return [*reports, *(VenueNews(message=positions, recv_time=now) for positions in held)]

    def _on_heartbeats(self, envelope: Envelope, now: Nanos) -> Sequence[Event]:
        self._forget(now)
        return [Heartbeat(transact_time=nanos(stream.read_any(envelope.body).timestamp), recv_time=now)]

    def answered(self, fetch: Fetch, answer: Answer, now: Nanos) -> Sequence[Event | Fetch]:
        """What the answer to one of our requests means. Raises `RemoteProtocolError` where the outcome is not told."""
        return self._rest.answered(fetch, answer, now)

    # ------------------------------------------------------------------ answers without names

    def _on_subscriptions(self, envelope: Envelope, now: Nanos) -> Sequence[Event]:
        self._forget(now)
        frame = stream.read_subscriptions(envelope.body)
        whole: dict[str, list[str]] = {}
        for event in frame.events:
            whole.update(event.subscriptions)
        for asked in self._asked:
            if asked.fulfilled(whole):
                self._asked.remove(asked)
                return [SubscriptionAccepted(ref=asked.ref)] if asked.ref else []
        return []

    def _on_error(self, envelope: Envelope, now: Nanos) -> Sequence[Event | Send]:
        """Refuses the oldest request that could have earned it; an error nobody earned is news.

        Two refusals are known to pass: an old token's, with a new one; and that of `user` just after opening.
        """
        self._forget(now)
        text = stream.read_error(envelope.body).message
        for asked in self._asked:
            if text != stream.TOO_MANY_L2 or asked.channel == "level2":
                self._asked.remove(asked)
                if text == stream.AUTHENTICATION_FAILURE:
                    self._token = None
                if _may_pass(asked, text):
                    return [self._sent(replace(asked, since=now, fresh=True, tries=asked.tries + 1), now)]
                return [self._refused(asked, text)] if asked.ref else []
        return [Unknown(kind="error", body=envelope.body)]

    def _refused(self, asked: Asked, text: str) -> Event:
        if asked.verb == "subscribe" and asked.product_id is not None:
            names = self._symbols.get((asked.channel, asked.product_id), ())
            self._symbols[asked.channel, asked.product_id] = tuple(name for name in names if name != asked.symbol)
        if asked.logon:
            return RequestRejected(code=text, text=text, ref=asked.ref)
        return SubscriptionRejected(code=text, text=text, ref=asked.ref)

    def _forget(self, now: Nanos) -> None:
        while self._asked and now - self._asked[0].since > FORGOTTEN:
            self._asked.popleft()


def _holds(positions: stream.UserPositions) -> bool:
    """Is there any? Futures are told as the venue tells them: what their sizes count is the product's business."""
    perpetual, expiring = positions.perpetual_futures_positions, positions.expiring_futures_positions
    return bool(perpetual or expiring or positions.prediction_market_positions)


def _may_pass(asked: Asked, text: str) -> bool:
    """Is it worth asking again, now? A logon counts its own attempts."""
    if asked.logon:
        return False
    if text == stream.AUTHENTICATION_FAILURE:
        return not asked.fresh
    return text == stream.FAILURE_TO_SUBSCRIBE and asked.channel == translate.USER and asked.tries < USER_TRIES


def _event_time(rows: bytes) -> bytes:
    """The time all rows of an event share, looked up in the first one; empty where it is not told."""
    start = rows.find(_EVENT_TIME) + len(_EVENT_TIME)
    end = rows.find(b'"', start)
    return b"" if start < len(_EVENT_TIME) or end < 0 else rows[start:end]


_BOOK_FRAMES = (("update", stream.BOOK_UPDATE), ("snapshot", stream.BOOK_SNAPSHOT))
_EVENT_TIME = b'"event_time":"'
