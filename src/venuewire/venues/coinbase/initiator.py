"""Our end of Coinbase Advanced Trade: two WebSocket lines, and orders over REST.

There is no logon message: each subscription carries a token. A line proves its credentials by subscribing to
`heartbeats`, which it needs anyway, and is logged on when the answering set of subscriptions contains them.

An answer on the WebSocket names no request. The venue answers in order, so requests wait in a queue: a set of
subscriptions accepts the oldest request whose wish it fulfils, an error frame refuses the oldest.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar
from urllib.parse import quote, urlencode

from msgspec import UNSET, Struct
from msgspec.structs import replace

from venuewire.codec import Envelope, encode
from venuewire.errors import LocalProtocolError, LogonRejected, RemoteProtocolError
from venuewire.model.instrument import Instrument
from venuewire.model.market import BookSnapshot, BookUpdate
from venuewire.model.orders import CancelOrder, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import (
    BarRequest,
    Bars,
    Command,
    Event,
    Grant,
    Heartbeat,
    Holdings,
    MassStatus,
    OrderMassStatusRequest,
    RequestForPositions,
    RequestRejected,
    Secret,
    SecurityList,
    SecurityListRequest,
    Subscribe,
    SubscriptionAccepted,
    SubscriptionRejected,
    Unknown,
    Unsubscribe,
)
from venuewire.model.terms import NANOS_PER_SECOND, Channel, ExecType, Nanos
from venuewire.venue import Answer, Effect, Fetch, Flow, Headers, Seat, Send
from venuewire.venues.coinbase import answers, configurations, orders, translate
from venuewire.venues.coinbase.signing import SigningKey, request_uri
from venuewire.venues.coinbase.texts import nanos, words
from venuewire.venues.coinbase.wire import rest, stream

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
KEPT = 4096
"""Requests and ids remembered of each kind."""

T = TypeVar("T")
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


class Listing(Struct):
    """A list of orders in the making, page by page."""

    orders: dict[str, rest.Order] = {}
    """By the venue's id: what moves between two pages is seen twice, and the later one counts."""
    asked: set[str] = set()
    """Ids that were asked for one by one."""


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
        self._commands: OrderedDict[str, NewOrder | ReplaceOrder | CancelOrder] = OrderedDict()
        self._open: dict[str, None] = {}
        """Orders that were working when last heard of, by the venue's id: one that ends while the line is down is told
        by no channel and must be asked for."""
        self._ended: OrderedDict[str, None] = OrderedDict()
        """Orders that were told to be done, of late: the answer to their creation may come after that."""
        self._unheard: OrderedDict[str, None] = OrderedDict()
        """Our ids of new orders whose answer has not come."""
        self._in_money: OrderedDict[str, None] = OrderedDict()
        """Orders known to be sized in money, by our id or the venue's: `user` counts what is left of them in money, and
        does not say so."""
        self._bars: OrderedDict[str, BarRequest] = OrderedDict()
        self._wallets: dict[str, list[rest.Account]] = {}
        self._listings: dict[str, Listing] = {}
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
            "user": self._on_user,
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
            case NewOrder():
                body = configurations.create_order(command, self._product_id(command.symbol))
                return [self._order(command, "new", "/orders", body, now)]
            case ReplaceOrder():
                return [self._order(command, "replace", "/orders/edit", configurations.edit_order(command), now)]
            case CancelOrder():
                return [
                    self._order(command, "cancel", "/orders/batch_cancel", configurations.cancel_orders(command), now)
                ]
            case SecurityListRequest(symbols=symbols, ref=ref):
                query = [("product_type", "SPOT"), *(("product_ids", self._product_id(item)) for item in symbols)]
                return [self._get("products", "/products", query, ref, now)]
            case OrderMassStatusRequest(ref=ref):
                return [self._orders_page(_IN_TRANSIT, _STATUSES[_IN_TRANSIT], ref, now)]
            case RequestForPositions(ref=ref):
                return [self._accounts_page("", ref, now)]
            case BarRequest():
                return [self._candles_page(command, now)]
            case _:
                raise LocalProtocolError(
                    f"this venue has no {type(command).__name__}; list the orders and cancel them one by one"
                )

    def _product_id(self, symbol: str) -> str:
        instrument = self._seat.instruments.get(symbol)
        return instrument.security_id if instrument else symbol

    def _subscription(self, verb: Verb, channel: Channel, symbol: str | None, ref: str, now: Nanos) -> list[Effect]:
        word = self._quotes if channel is Channel.QUOTES else translate.CHANNELS.get(channel)
        if word is None:
            raise LocalProtocolError(
                f"this venue has no channel {channel}; positions and balances come by RequestForPositions"
            )
        if (word == translate.USER) != (self._line == "user_ws"):
            raise LocalProtocolError(f"{channel} is not on the line {self._line}")
        if word == translate.USER:
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
        product = _book_name(instrument)
        names = self._symbols.get((word, product), ())
        if instrument.symbol in names:
            return [self._request("subscribe", word, product, ref, now, symbol=instrument.symbol)]
        self._symbols[word, product] = (*names, instrument.symbol)
        again = self._request("unsubscribe", word, product, "", now) if names else None
        effects = [again] if again else []  # what is live already sends no snapshot to a second subscription
        return [*effects, self._request("subscribe", word, product, ref, now, symbol=instrument.symbol)]

    def _market_unsubscribe(self, word: str, instrument: Instrument, ref: str, now: Nanos) -> list[Effect]:
        product = _book_name(instrument)
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

    def _headers(self, method: str, path: str, now: Nanos) -> dict[str, str]:
        uri = request_uri(method, self._seat.credentials.rest_host, path)
        token = self._signing_key().token(self._seat.now(now), self._seat.random_hex(64), uri)
        return {"authorization": f"Bearer {token}"}

    # ------------------------------------------------------------------ REST requests

    def _order(
        self, command: NewOrder | ReplaceOrder | CancelOrder, kind: str, path: str, body: Struct, now: Nanos
    ) -> Fetch:
        _remember(self._commands, command.ref, command)
        if isinstance(command, NewOrder):
            _remember(self._unheard, command.cl_ord_id, None)
            if command.cash_order_qty is not None:
                _remember(self._in_money, command.cl_ord_id, None)
        path = rest.ROOT + path
        headers = self._headers("POST", path, now) | {"content-type": "application/json"}
        return Fetch(method="POST", path=path, body=encode(body), headers=headers, ref=command.ref, kind=kind)

    def _get(self, kind: str, path: str, query: Sequence[tuple[str, str]], ref: str | None, now: Nanos) -> Fetch:
        path = f"{rest.ROOT}{path}?{urlencode(query)}"
        return Fetch(method="GET", path=path, headers=self._headers("GET", path, now), ref=ref, kind=kind)

    def _orders_page(self, kind: str, query: Sequence[tuple[str, str]], ref: str | None, now: Nanos) -> Fetch:
        return self._get(kind, "/orders/historical/batch", [*query, ("limit", _PAGE)], ref, now)

    def _accounts_page(self, cursor: str, ref: str | None, now: Nanos) -> Fetch:
        return self._get("accounts", "/accounts", [("limit", _PAGE), *_cursor(cursor)], ref, now)

    # ------------------------------------------------------------------ frames

    def open(self, payload: bytes) -> Envelope:
        """The channel, or `error`, and the number. Raises `RemoteProtocolError`."""
        book = stream.match_book_head(payload)
        if book is not None:
            return Envelope("l2_data", payload, None, None if self._per_product else int(book[1]))
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
        found = stream.match_book_event(payload)
        if found is not None:
            begin = found.end()
            end = len(payload) - len(stream.BOOK_TAIL)
            if payload.find(b"]", begin) == end and payload.endswith(stream.BOOK_TAIL):
                _, kind, product, time = found.groups()
                return self._book_events(kind.decode(), product.decode(), payload[begin : end + 1], time, now)
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
            translate.bar_event(row, symbol, period, now, final=_is_over(row.start, period, time))
            for event in frame.events
            for row in event.candles
            for symbol in self._named("candles", row.product_id)
        ]
        bars.sort(key=lambda bar: (bar.symbol, bar.open_time))
        return bars

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
                in_money=words(order.client_order_id) in self._in_money or order.order_id in self._in_money,
            )
            for event in frame.events
            for order in event.orders or ()
        ]
        for report in reports:
            self._heard(report)
        return reports

    def _heard(self, report: ExecutionReport) -> None:
        """The venue told of an order: we know that there is one, and whether it works."""
        self._unheard.pop(report.cl_ord_id, None)
        if report.ord_status in orders.DONE:
            self._open.pop(report.order_id, None)
            _remember(self._ended, report.order_id, None)
        elif report.order_id and report.ord_status is not None:
            self._open[report.order_id] = None

    def _on_heartbeats(self, envelope: Envelope, now: Nanos) -> Sequence[Event]:
        self._forget(now)
        return [Heartbeat(recv_time=now)]

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

    # ------------------------------------------------------------------ answers over REST

    def answered(self, fetch: Fetch, answer: Answer, now: Nanos) -> Sequence[Event | Fetch]:
        """What the answer to one of our requests means. Raises `RemoteProtocolError` where the outcome is not told."""
        if fetch.kind in {"new", "replace", "cancel"}:
            return self._order_answered(fetch, answer, now)
        if answer.status != 200:
            self._wallets.pop(fetch.ref or "", None)
            self._listings.pop(fetch.ref or "", None)
            return [answers.request_rejected(fetch, answer)]
        match fetch.kind:
            case "candles":
                return self._candles(fetch, answer, now)
            case "products":
                return [self._security_list(fetch, answer)]
            case "accounts":
                return [self._accounts(fetch, answer, now)]
            case _:
                return [self._orders(fetch, answer, now)]

    def _security_list(self, fetch: Fetch, answer: Answer) -> Event:
        products = rest.read_products_answer(answer.body).products
        listed = [translate.instrument_of(product) for product in products if translate.is_spot(product)]
        instruments = tuple(instrument for instrument in listed if instrument is not None)
        return SecurityList(instruments=instruments, ref=fetch.ref)

    def _candles_page(self, asked: BarRequest, now: Nanos) -> Fetch:
        """As many as the venue tells at once, from the beginning."""
        word = translate.GRANULARITIES.get(asked.period)
        if word is None:
            lengths = ", ".join(f"{period // NANOS_PER_SECOND} s" for period in translate.GRANULARITIES)
            raise LocalProtocolError(f"this venue has bars of {lengths}")
        if asked.end <= asked.start:
            raise LocalProtocolError("the end of the bars is not after their start")
        _remember(self._bars, asked.ref, asked)
        # The venue counts both ends in: the last bar that may come is one that begins before `end`.
        end = min(asked.end - 1, asked.start + (_MOST_BARS - 1) * asked.period)
        query = [
            ("start", str(-(-asked.start // NANOS_PER_SECOND))),
            ("end", str(end // NANOS_PER_SECOND)),
            ("granularity", word),
            ("limit", str(_MOST_BARS)),
        ]
        product = quote(self._product_id(asked.symbol), safe="")
        return self._get("candles", f"/products/{product}/candles", query, asked.ref, now)

    def _candles(self, fetch: Fetch, answer: Answer, now: Nanos) -> Sequence[Event | Fetch]:
        asked = self._bars.pop(fetch.ref or "", None)
        if asked is None:
            raise RemoteProtocolError("an answer to a request for bars that is not known here")
        period = asked.period
        told = [
            translate.bar_event(row, asked.symbol, period, now, final=_is_over(row.start, period, now))
            for row in rest.read_candles_answer(answer.body).candles
        ]
        told = [bar for bar in told if asked.start <= bar.open_time < asked.end]
        told.sort(key=lambda bar: bar.open_time)
        reached = asked.start + _MOST_BARS * period
        return [Bars(bars=tuple(told), complete=reached >= asked.end, ref=fetch.ref)]

    def _accounts(self, fetch: Fetch, answer: Answer, now: Nanos) -> Event | Fetch:
        page = rest.read_accounts_answer(answer.body)
        wallets = self._wallets.setdefault(fetch.ref or "", [])
        wallets += page.accounts
        if page.has_next and page.cursor:
            return self._accounts_page(page.cursor, fetch.ref, now)
        del self._wallets[fetch.ref or ""]
        balances = tuple(translate.balance_of(wallet, now) for wallet in wallets)
        return Holdings(positions=(), balances=balances, ref=fetch.ref)

    # Where every order stands takes up to four lists: what is on its way to or from the book; what is in it; what we
    # thought to be working and is in neither; and, when a new order was never answered, the newest orders of all.

    def _orders(self, fetch: Fetch, answer: Answer, now: Nanos) -> Event | Fetch:
        page = rest.read_orders_answer(answer.body)
        listing = self._listings.setdefault(fetch.ref or "", Listing())
        for order in page.orders:
            if order.size_in_quote is True:
                _remember(self._in_money, order.order_id, None)
            if fetch.kind != _NEWEST or words(order.client_order_id) in self._unheard:
                listing.orders[order.order_id] = order
        if page.has_next and page.cursor and fetch.kind in _STATUSES:
            return self._orders_page(fetch.kind, [*_STATUSES[fetch.kind], ("cursor", page.cursor)], fetch.ref, now)
        following = self._following(fetch, listing, now)
        if following is not None:
            return following
        del self._listings[fetch.ref or ""]
        listed = list(listing.orders.values())
        listed.reverse()  # each page is newest first
        listed.sort(key=lambda order: nanos(order.created_time))
        reports = tuple(orders.report_of_order(order, now) for order in listed)
        for report in reports:
            self._heard(report)
        return MassStatus(reports=reports, ref=fetch.ref)

    def _following(self, fetch: Fetch, listing: Listing, now: Nanos) -> Fetch | None:
        """The next list that is needed, if any."""
        if fetch.kind == _IN_TRANSIT:
            return self._orders_page(_WORKING, _STATUSES[_WORKING], fetch.ref, now)
        missing = [order_id for order_id in self._open if order_id not in listing.orders.keys() | listing.asked]
        if missing and fetch.kind != _NEWEST:
            batch = missing[:_BATCH]
            listing.asked.update(batch)
            return self._orders_page(_BY_ID, [("order_ids", order_id) for order_id in batch], fetch.ref, now)
        found = {words(order.client_order_id) for order in listing.orders.values()}
        if fetch.kind != _NEWEST and not self._unheard.keys() <= found:
            return self._orders_page(_NEWEST, [], fetch.ref, now)
        return None

    def _order_answered(self, fetch: Fetch, answer: Answer, now: Nanos) -> Sequence[Event]:
        command = self._commands.get(fetch.ref or "")
        if command is None:
            raise RemoteProtocolError("an answer to an order request that is not known here")
        event = answers.order_answered(command, answer, now)
        self._commands.pop(command.ref, None)
        if isinstance(event, ExecutionReport):
            self._unheard.pop(event.cl_ord_id, None)
            if event.exec_type is ExecType.PENDING_NEW:
                self._taken(event.order_id)
        return [event]

    def _taken(self, order_id: str) -> None:
        """Working as far as we know, unless `user` was quicker and has told of its end."""
        if order_id not in self._ended:
            self._open[order_id] = None


def _is_over(start: str, period: Nanos, now: Nanos) -> bool:
    return start.isascii() and start.isdigit() and len(start) <= 12 and int(start) * NANOS_PER_SECOND + period <= now


def _may_pass(asked: Asked, text: str) -> bool:
    """Is it worth asking again, now? A logon counts its own attempts."""
    if asked.logon:
        return False
    if text == stream.AUTHENTICATION_FAILURE:
        return not asked.fresh
    return text == stream.FAILURE_TO_SUBSCRIBE and asked.channel == translate.USER and asked.tries < USER_TRIES


def _book_name(instrument: Instrument) -> str:
    return instrument.market_segment_id or translate.book_product(instrument.security_id)


def _event_time(rows: bytes) -> bytes:
    """The time all rows of an event share, looked up in the first one; empty where it is not told."""
    start = rows.find(_EVENT_TIME) + len(_EVENT_TIME)
    end = rows.find(b'"', start)
    return b"" if start < len(_EVENT_TIME) or end < 0 else rows[start:end]


_EVENT_TIME = b'"event_time":"'

_PAGE = "250"
_MOST_BARS = 350
_BATCH = 100
"""Orders asked for by id in one request."""
_IN_TRANSIT, _WORKING, _BY_ID, _NEWEST = "orders in transit", "working orders", "orders by id", "newest orders"
_STATUSES: dict[str, list[tuple[str, str]]] = {
    _IN_TRANSIT: [("order_status", word) for word in ("PENDING", "QUEUED", "CANCEL_QUEUED", "EDIT_QUEUED")],
    _WORKING: [("order_status", "OPEN")],
}
"""OPEN does not include the others, and may not be asked for together with them."""


def _cursor(cursor: str) -> list[tuple[str, str]]:
    return [("cursor", cursor)] if cursor else []


def _remember(kept: OrderedDict[str, T], key: str, value: T) -> None:
    """Keep the newest only."""
    kept[key] = value
    if len(kept) > KEPT:
        kept.popitem(last=False)
