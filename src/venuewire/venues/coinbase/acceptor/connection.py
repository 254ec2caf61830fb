"""Their end of Coinbase Advanced Trade, for the sandbox: the host, and one WebSocket connection.

Page "Overview" and what was recorded: one counter over all frames of a connection, a snapshot before the answer to its
subscription, the whole set of subscriptions as the answer, errors without number or name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from msgspec import UNSET, Raw

from venuewire.codec import encode
from venuewire.errors import RemoteProtocolError
from venuewire.model.market import SET_ASK, BookUpdate, Trade
from venuewire.model.orders import ExecutionReport
from venuewire.model.session import Event
from venuewire.model.terms import NANOS_PER_SECOND, Channel, ExecType, Nanos, OrdStatus
from venuewire.venue import Answer, Close, Exchange, Headers, Out, Refusal, Request, Send, Stage
from venuewire.venues.coinbase import orders, signing, translate
from venuewire.venues.coinbase.acceptor import futures, products
from venuewire.venues.coinbase.acceptor.day import Day
from venuewire.venues.coinbase.acceptor.host import Shared
from venuewire.venues.coinbase.acceptor.http import RestService
from venuewire.venues.coinbase.acceptor.switches import Switches
from venuewire.venues.coinbase.acceptor.window import Window
from venuewire.venues.coinbase.signing import BadToken
from venuewire.venues.coinbase.texts import go_clock, rfc3339
from venuewire.venues.coinbase.wire import stream

FrameT = TypeVar("FrameT", bound=stream.DataFrame)

_TELLS = {
    "l2_data": Channel.BOOK,
    "market_trades": Channel.TRADES,
    "ticker": Channel.QUOTES,
    "user": Channel.ORDERS,
    "heartbeats": Channel.HEARTBEATS,
}
_PRIVATE = frozenset({translate.USER, translate.FUTURES})
_SERVED = {
    "ws": translate.MARKET_CHANNELS | _PRIVATE | {translate.HEARTBEATS},
    "user_ws": _PRIVATE | {translate.HEARTBEATS},
}
_EVERY: dict[str, Nanos] = {
    "candles": NANOS_PER_SECOND,
    "ticker_batch": 5 * NANOS_PER_SECOND,
    "status": 60 * NANOS_PER_SECOND,
    translate.FUTURES: NANOS_PER_SECOND,
}
"""Channels that tell at intervals, and not when something happens."""
_TICKERS = ("ticker", "ticker_batch")
_BATCH = 50
"""Orders in one frame of a `user` snapshot."""
_SNAPSHOT_TRADES = 100


class CoinbaseHost(Shared):
    """The venue's side as a whole."""

    def __init__(
        self, stage: Stage, exchange: Exchange, random_hex: Callable[[int], str], switches: Switches | None = None
    ) -> None:
        super().__init__(stage, exchange, random_hex, switches)
        self._rest = RestService(self)

    def accept(self, line: str) -> CoinbaseAcceptor:
        """The far end of a new connection to `ws` or `user_ws`."""
        return CoinbaseAcceptor(line, self)

    def serve(self, request: Request, now: Nanos) -> Answer:
        """Answer one HTTP request."""
        return self._rest.answer(request, now)


class _Denied(Exception):
    """A request is answered with an error frame."""


class _TooMany(Exception):
    """More messages without a token than may be."""


class CoinbaseAcceptor:
    """One connection."""

    def __init__(self, line: str, host: Shared) -> None:
        self._line = line
        self._host = host
        self._account: str | None = None
        self._numbers: dict[str, int] = {"": 0}
        """The next number: of the connection, or of each product."""
        self._subscriptions: dict[str, dict[str, None]] = {}
        """channel -> products, in the order they came; `user` without products means all."""
        self._levels: dict[str, list[BookUpdate]] = {}
        """Book changes gathered, by product."""
        self._gathered: dict[str, list[Trade]] = {}
        self._days: dict[str, Day] = {}
        self._next_round: dict[str, Nanos] = {}
        """When each channel of `_EVERY` tells again."""
        self._told_candles: dict[str, list[stream.CandleRow]] = {}
        self._told: dict[tuple[str, str], object] = {}
        """(channel, product) -> what was told last: what has not changed is not told again."""
        self._expires: Nanos | None = None
        """When the token ends that a private channel was subscribed with."""
        self._deadline: Nanos | None = None
        self._next_beat: Nanos | None = None
        self._next_books: Nanos | None = None
        self._next_trades: Nanos | None = None
        self._last_sent: Nanos = 0
        self._over = False
        self._users_refused = 0
        self._unsigned = Window()
        self._restarts = host.restarts
        self._worked = host.works.told
        """How many steps of worked orders have been told, or were told in a snapshot."""
        self._skipped = host.skipped

    @property
    def account(self) -> str | None:
        """Known from the first token on."""
        return self._account

    def handshake(self, headers: Headers, now: Nanos) -> Refusal | None:
        """Anybody may connect, unless the venue is away or asked too often."""
        status = self._host.refusal(now)
        if not status and not self._host.dials.take(self._host.switches.dial_rate, now):
            status = 429
        return (
            Refusal(status, b"Too Many Requests\n" if status == 429 else b"Service Unavailable\n") if status else None
        )

    def opened(self, now: Nanos) -> list[Out]:
        """The venue says nothing first, and waits for a subscription."""
        self._deadline = now + self._host.switches.first_subscribe
        self._last_sent = now
        self._host.uptime(now)
        return []

    def closed(self, now: Nanos) -> None:
        """Nothing is cancelled when a connection ends here."""
        self._over = True
        self._subscriptions.clear()

    # ------------------------------------------------------------------ requests

    def receive(self, payload: bytes, now: Nanos) -> list[Out]:
        """Answers to one frame: the data a subscription begins with, then the whole set; or an error."""
        if self._over:
            return []
        try:
            return list(self._request(payload, now))
        except _Denied as denied:
            return [Send(encode(stream.ErrorFrame("error", str(denied))))]
        except _TooMany:
            return self._end(1008, "rate limit exceeded")

    def _request(self, payload: bytes, now: Nanos) -> list[Send]:
        try:
            request = stream.read_request(payload)
        except RemoteProtocolError:
            raise _Denied(stream.REQUEST_REQUIRED) from None
        if request.type not in {"subscribe", "unsubscribe"}:
            raise _Denied(stream.REQUEST_REQUIRED)
        if request.type == "subscribe":
            self._deadline = None
        account = self._verified(request, now)
        channel = self._checked_channel(request, account)
        if account is not None:
            self._account = account
        if channel in _PRIVATE and request.type == "subscribe" and self._expires is None and request.jwt:
            self._expires = signing.expiry(request.jwt)
        first = (
            self._subscribe(channel, request.product_ids or [], now)
            if request.type == "subscribe"
            else self._unsubscribe(channel, request.product_ids or [])
        )
        return [*first, self._subscriptions_frame(now)]

    def _verified(self, request: stream.AnyRequest, now: Nanos) -> str | None:
        """A bad token is refused even where none would have been asked for."""
        if not request.jwt:
            if not self._unsigned.take(self._host.switches.unsigned_rate, now):
                raise _TooMany
            return None
        try:
            return self._host.verified(request.jwt, now)
        except BadToken:
            raise _Denied(stream.AUTHENTICATION_FAILURE) from None

    def _checked_channel(self, request: stream.AnyRequest, account: str | None) -> str:
        """An unknown channel is told as a failed authentication: so does the venue."""
        channel = request.channel
        if channel not in _SERVED[self._line] or (channel in _PRIVATE and account is None):
            raise _Denied(stream.AUTHENTICATION_FAILURE)
        return channel

    def _subscribe(self, channel: str, products: list[str], now: Nanos) -> list[Send]:
        if channel == translate.HEARTBEATS:
            return self._subscribe_heartbeats(now)
        if channel == translate.USER:
            return self._subscribe_user(products, now)
        if channel in _EVERY:
            self._next_round.setdefault(channel, now + _EVERY[channel])
        if channel == translate.FUTURES:
            return self._subscribe_futures(now)
        names = [self._market_product(product) for product in products]
        if not names:
            raise _Denied(stream.FAILURE_TO_SUBSCRIBE)
        had = self._subscriptions.get(channel, {})
        new = [name for name in dict.fromkeys(names) if name not in had]
        if channel == "level2" and len(had) + len(new) > self._host.switches.l2_products:
            raise _Denied(stream.TOO_MANY_L2)
        self._subscriptions.setdefault(channel, {}).update(dict.fromkeys(new))
        # What is live already is answered and sends no snapshot.
        return [self._market_snapshot(channel, name, now) for name in new]

    def _market_product(self, product_id: str) -> str:
        """Aliases are rewritten; one unknown product refuses the whole message (ASSUMPTION)."""
        instrument = self._host.book_of(product_id)
        if instrument is None:
            raise _Denied(stream.FAILURE_TO_SUBSCRIBE)
        return instrument.symbol

    def _subscribe_heartbeats(self, now: Nanos) -> list[Send]:
        if translate.HEARTBEATS not in self._subscriptions:
            self._subscriptions[translate.HEARTBEATS] = {translate.HEARTBEATS: None}
            self._next_beat = now + NANOS_PER_SECOND
        return []

    def _subscribe_user(self, products: list[str], now: Nanos) -> list[Send]:
        if translate.USER in self._subscriptions:
            return []
        if self._host.switches.refuse_first_user and not self._users_refused:
            self._users_refused += 1
            raise _Denied(stream.FAILURE_TO_SUBSCRIBE)
        self._subscriptions[translate.USER] = dict.fromkeys(products)
        self._worked = self._host.works.told
        return self._user_snapshot(now)

    def _subscribe_futures(self, now: Nanos) -> list[Send]:
        """Products are ignored."""
        if translate.FUTURES in self._subscriptions:
            return []
        self._subscriptions[translate.FUTURES] = {"": None}
        return self._changed(translate.FUTURES, "", "snapshot", now)

    def _unsubscribe(self, channel: str, products: list[str]) -> list[Send]:
        had = self._subscriptions.get(channel, {})
        names = {instrument.symbol for name in products if (instrument := self._host.book_of(name))}
        left = {name: None for name in had if products and name not in names}
        if left and channel in translate.MARKET_CHANNELS:
            self._subscriptions[channel] = left
        else:
            self._subscriptions.pop(channel, None)
        self._forget(channel, had.keys() - left.keys())
        return []

    def _forget(self, channel: str, names: Iterable[str]) -> None:
        """Nothing gathered for a subscription outlives it."""
        if channel == translate.HEARTBEATS:
            self._next_beat = None
        if channel not in self._subscriptions:
            self._next_round.pop(channel, None)
        for name in names:
            self._told.pop((channel, name), None)
            if channel == "candles":
                self._told_candles.pop(name, None)
            match channel:
                case "level2":
                    self._levels.pop(name, None)
                case "market_trades":
                    self._gathered.pop(name, None)
                case _ if not any(name in self._subscriptions.get(other, ()) for other in _TICKERS):
                    self._days.pop(name, None)
                case _:
                    pass

    def _subscriptions_frame(self, now: Nanos) -> Send:
        whole = {channel: list(names) for channel, names in sorted(self._subscriptions.items())}
        if translate.USER in whole:
            whole[translate.USER] = [self._host.user_id]
        if translate.FUTURES in whole:
            whole[translate.FUTURES] = [self._host.user_id]
        return self._send(stream.SubscriptionsFrame, "subscriptions", [stream.SubscriptionSet(whole)], now)

    # ------------------------------------------------------------------ frames

    def _send(
        self, frame: type[FrameT], channel: str, events: Iterable[object] | Raw, now: Nanos, product: str = ""
    ) -> Send:
        """The next frame of the connection. `Raw`: events that have been encoded, for every connection alike."""
        named = self._line == "user_ws" or self._host.switches.client_id
        if self._skipped != self._host.skipped:
            ahead, self._skipped = self._host.skipped - self._skipped, self._host.skipped
            self._numbers = {counter: number + ahead for counter, number in self._numbers.items()}
        counter = product if self._host.switches.per_product else ""
        number = self._numbers.get(counter, 0)
        self._numbers[counter] = number + 1
        made = frame(  # type: ignore[call-arg]
            channel=channel,
            client_id="" if named else UNSET,
            timestamp=rfc3339(now),
            sequence_num=number,
            events=events if isinstance(events, Raw) else list(events),  # pyright: ignore[reportCallIssue]
        )
        self._last_sent = now
        return Send(encode(made), channel=_TELLS.get(channel))

    def _market_snapshot(self, channel: str, name: str, now: Nanos) -> Send:
        exchange = self._host.exchange
        instrument = exchange.instruments[name]
        match channel:
            case "level2":
                self._levels.pop(name, None)
                rows = translate.book_rows(exchange.book(name).rows(), instrument, now)
                return self._book_frame("snapshot", name, rows, now)
            case "market_trades":
                self._gathered.pop(name, None)
                trades = self._trades("snapshot", exchange.trades(name, _SNAPSHOT_TRADES))
                return self._send(stream.TradesFrame, "market_trades", trades, now, name)
            case "ticker":
                self._day(name)
                return self._ticker_frame("ticker", "snapshot", self._ticker_row(name), name, now)
            case _:
                (frame,) = self._changed(channel, name, "snapshot", now)
                return frame

    def _book_frame(self, kind: str, name: str, rows: list[stream.BookRow], now: Nanos) -> Send:
        return self._send(stream.BookFrame, "l2_data", [stream.BookEvent(kind, name, rows)], now, name)

    def _trades(self, kind: str, trades: Sequence[Trade]) -> list[stream.TradesEvent]:
        """Newest first."""
        maker_side = self._host.switches.maker_side
        rows = [translate.trade_row(trade, maker_side=maker_side) for trade in reversed(trades)]
        return [stream.TradesEvent(kind, rows)]

    def _ticker_row(self, name: str) -> stream.TickerRow:
        return translate.ticker_row(name, self._day(name).figures(), self._host.exchange.quote(name))

    def _day(self, name: str) -> Day:
        """The product's last day, counted from the first subscription that needs it."""
        day = self._days.get(name)
        if day is None:
            day = self._days[name] = Day(self._host.exchange.trades(name, 1000))
        return day

    def _ticker_frame(self, channel: str, kind: str, row: stream.TickerRow, name: str, now: Nanos) -> Send:
        return self._send(stream.TickerFrame, channel, [stream.TickerEvent(kind, [row])], now, name)

    # Channels that tell at intervals: the state of a product, and nothing when it is what was told last.

    def _changed(self, channel: str, name: str, kind: str, now: Nanos) -> list[Send]:
        """A frame, if there is anything new to tell; a snapshot always is."""
        if channel == "candles":
            return self._candles(name, kind, now)
        if channel == translate.FUTURES:
            assert self._account is not None, "a private subscription has a token"
            summary = futures.summary(self._host.balances(self._account))
            event = stream.BalanceSummaryEvent(kind, summary)
            new = self._new(channel, name, kind, summary)
            return [self._send(stream.BalanceSummaryFrame, channel, [event], now)] if new else []
        if channel == "status":
            row = products.status_row(self._host.exchange.instruments[name])
            return [self._send(stream.StatusFrame, channel, [stream.StatusEvent(kind, [row])], now, name)]
        ticker = translate.without_best(self._ticker_row(name))
        return [self._ticker_frame(channel, kind, ticker, name, now)] if self._new(channel, name, kind, ticker) else []

    def _new(self, channel: str, name: str, kind: str, state: object) -> bool:
        told = self._told.get((channel, name))
        self._told[channel, name] = state
        return kind == "snapshot" or told != state

    def _candles(self, name: str, kind: str, now: Nanos) -> list[Send]:
        """Newest first. An update has the bucket that is open, and the one before it once more when it is complete."""
        count = self._host.switches.candles if kind == "snapshot" else 2
        bars = self._host.watch.history(name, now).newest(translate.STREAM_PERIOD, count, now)
        rows = [translate.candle_row(bar) for bar in reversed(bars)]
        told, self._told_candles[name] = self._told_candles.get(name, []), rows[:2]
        fresh = rows if kind == "snapshot" else [row for row in rows if row not in told]
        event = stream.CandlesEvent(kind, fresh)
        return [self._send(stream.CandlesFrame, "candles", [event], now, name)] if fresh or kind == "snapshot" else []

    def _user_frame(self, kind: str, rows: list[stream.UserOrder], now: Nanos) -> Send:
        none = stream.UserPositions(
            perpetual_futures_positions=[], expiring_futures_positions=[], prediction_market_positions=[]
        )
        return self._send(stream.UserFrame, "user", [stream.UserEvent(type=kind, orders=rows, positions=none)], now)

    def _user_snapshot(self, now: Nanos) -> list[Send]:
        """Open orders in batches; one that is not full is the last."""
        assert self._account is not None, "a user subscription has a token"
        rows = [
            self._user_row(report, self._account)
            for report in self._host.port(self._account).orders(working=True)
            if self._wants(self._host.product_of(report))
        ]
        batches = [rows[start : start + _BATCH] for start in range(0, len(rows) + 1, _BATCH)]
        return [self._user_frame("patch" if at else "snapshot", batch, now) for at, batch in enumerate(batches)]

    def _user_row(self, report: ExecutionReport, account: str, status: str = "") -> stream.UserOrder:
        return orders.user_order(self._host.state(report, account), status or orders.status_word(report))

    def _wants(self, product_id: str) -> bool:
        wanted = self._subscriptions.get(translate.USER)
        return wanted is not None and (not wanted or product_id in wanted)

    # ------------------------------------------------------------------ what happened at the exchange

    def publish(self, event: Event, now: Nanos) -> list[Out]:
        """Frames for what this connection subscribed to."""
        if type(event) is BookUpdate:
            return self._publish_book(event, now) if event.symbol in self._subscriptions.get("level2", ()) else []
        if type(event) is Trade:
            return self._publish_trade(event, now)
        if type(event) is ExecutionReport and event.account == self._account:
            return [*self._tell_works(now), *self._tell_own(event, now)]
        return []

    def _tell_own(self, event: ExecutionReport, now: Nanos) -> list[Out]:
        """A step of an order; those of the parts of another are told as that one's."""
        is_part = self._host.works.parent_of(event.order_id) != event.order_id
        return self._publish_report(event, now) if not is_part and self._wants(self._host.product_of(event)) else []

    def _publish_book(self, event: BookUpdate, now: Nanos) -> list[Out]:
        self._levels.setdefault(event.symbol, []).append(event)
        if not self._host.switches.conflation:
            return self._flush_books(now)
        if self._next_books is None:
            self._next_books = now + self._host.switches.conflation
        return []

    def _publish_trade(self, trade: Trade, now: Nanos) -> list[Out]:
        result: list[Out] = []
        if trade.symbol in self._days:
            self._days[trade.symbol].add(trade)
        if trade.symbol in self._subscriptions.get("ticker", ()):
            row = self._ticker_row(trade.symbol)
            result.append(self._ticker_frame("ticker", "update", row, trade.symbol, now))
        if trade.symbol in self._subscriptions.get("market_trades", ()):
            self._gathered.setdefault(trade.symbol, []).append(trade)
            if not self._host.switches.trades_every:
                return [*result, *self._flush_trades(now)]
            if self._next_trades is None:
                self._next_trades = now + self._host.switches.trades_every
        return result

    def _tell_works(self, now: Nanos) -> list[Out]:
        """The steps of orders that are worked by a strategy; the exchange knows their parts only."""
        steps, self._worked = self._host.works.since(self._worked), self._host.works.told
        return [
            frame
            for step in steps
            if step.account == self._account and self._wants(self._host.product_of(step))
            for frame in self._publish_report(step, now)
        ]

    def _publish_report(self, report: ExecutionReport, now: Nanos) -> list[Out]:
        """Each step as the cumulative states the venue would send; a refusal without an order was told by REST."""
        if not report.order_id or self._account is None:
            return []
        if report.exec_type is ExecType.TRIGGERED:
            self._host.was_triggered(report.order_id)
        return [
            self._user_frame("update", [self._user_row(report, self._account, status)], now)
            for status in self._statuses(report)
        ]

    def _statuses(self, report: ExecutionReport) -> list[str]:
        switches = self._host.switches
        match report.exec_type:
            case ExecType.NEW:
                return ["PENDING", "OPEN"] if switches.pending_first else ["OPEN"]
            case ExecType.TRADE if report.ord_status is OrdStatus.FILLED:
                return ["OPEN", "FILLED"] if switches.open_before_filled else ["FILLED"]
            case ExecType.ORDER_STATUS:
                return []
            case _:
                return [orders.status_word(report)]

    # ------------------------------------------------------------------ timers

    def pinged(self, now: Nanos) -> None:
        """Pings count for nothing here."""

    def next_tick(self) -> Nanos | None:
        """The nearest of: first subscription due, heartbeat, gathered books and trades, idle end."""
        if self._over:
            return None
        if self._restarts != self._host.restarts or self._worked != self._host.works.told:
            return 0
        due = self._deadline
        for time in (self._next_beat, self._next_books, self._next_trades, self._idle_end(), self._cut()):
            if time is not None and (due is None or time < due):
                due = time
        for time in self._next_round.values():
            if due is None or time < due:
                due = time
        return due

    def _cut(self) -> Nanos | None:
        return self._expires if self._host.switches.cut_at_expiry else None

    def _idle_end(self) -> Nanos | None:
        idle = self._host.switches.idle
        return self._last_sent + idle if idle and self._next_beat is None else None

    def tick(self, now: Nanos) -> list[Out]:
        """What is due by `now`."""
        if self._over:
            return []
        if self._restarts != self._host.restarts:
            return self._end(1001, "going away")
        cut = self._cut()
        if cut is not None and now >= cut:
            return self._end(1006, "")
        if self._deadline is not None and now >= self._deadline:
            return self._end(self._host.switches.first_subscribe_code, "no subscription")
        idle_end = self._idle_end()
        if idle_end is not None and now >= idle_end:
            return self._end(1000, "idle")
        result = self._tell_works(now)
        if self._next_books is not None and now >= self._next_books:
            result += self._flush_books(now)
        if self._next_trades is not None and now >= self._next_trades:
            result += self._flush_trades(now)
        for channel in [channel for channel, due in self._next_round.items() if now >= due]:
            result += self._round(channel, now)
        if self._next_beat is not None and now >= self._next_beat:
            result.append(self._beat(now))
        return result

    def _end(self, code: int, reason: str) -> list[Out]:
        self._over = True
        return [Close(code, "" if code == 1006 else reason)]

    def _flush_books(self, now: Nanos) -> list[Out]:
        self._next_books = None
        gathered, self._levels = self._levels, {}
        return [self._book_changes(name, tuple(events), now) for name, events in gathered.items()]

    def _book_changes(self, name: str, events: tuple[BookUpdate, ...], now: Nanos) -> Send:
        """Each price once, with its newest size."""

        def made() -> Raw:
            rows = {(what, price): size for event in events for what, price, size in event.rows() if what <= SET_ASK}
            changes = [(what, price, size) for (what, price), size in rows.items()]
            told = translate.book_rows(changes, self._host.exchange.instruments[name], now)
            return Raw(encode([stream.BookEvent("update", name, told)]))

        return self._send(stream.BookFrame, "l2_data", self._host.once.get(("l2_data", name), events, made), now, name)

    def _flush_trades(self, now: Nanos) -> list[Out]:
        self._next_trades = None
        gathered, self._gathered = self._gathered, {}
        return [self._trade_news(name, tuple(trades), now) for name, trades in gathered.items()]

    def _trade_news(self, name: str, trades: tuple[Trade, ...], now: Nanos) -> Send:
        shape = ("market_trades", name, self._host.switches.maker_side)
        events = self._host.once.get(shape, trades, lambda: Raw(encode(self._trades("update", trades))))
        return self._send(stream.TradesFrame, "market_trades", events, now, name)

    def _round(self, channel: str, now: Nanos) -> list[Send]:
        """What has changed in the products of a channel that tells at intervals."""
        self._next_round[channel] = now + _EVERY[channel]
        return [
            frame
            for name in self._subscriptions.get(channel, ())
            for frame in self._changed(channel, name, "update", now)
        ]

    def _beat(self, now: Nanos) -> Send:
        """One a second; a clock that jumped gets one, not all it missed."""
        due = self._next_beat or now
        self._next_beat = max(due + NANOS_PER_SECOND, now - (now - due) % NANOS_PER_SECOND + NANOS_PER_SECOND)
        uptime = self._host.uptime(now)
        beat = stream.Beat(go_clock(now, uptime), uptime // NANOS_PER_SECOND)
        return self._send(stream.HeartbeatsFrame, "heartbeats", [beat], now)
