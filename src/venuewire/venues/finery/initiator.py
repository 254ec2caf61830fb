"""Our end of the venue's one line: a signed handshake, the status message as logon, feeds and requests.

Requests (orders included) go over the socket; setting `requests` = "http" sends them as signed REST calls instead.
What the common vocabulary has no words for (settlements, limits: setting `feeds`) is told as `Unknown` with the
venue's own body, checked; `wire.clearing.told` makes records of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from venuewire.codec import Envelope, encode
from venuewire.errors import LocalProtocolError, LogonRejected, RemoteProtocolError, SessionError
from venuewire.model.account import Balance
from venuewire.model.instrument import Instrument
from venuewire.model.market import BookSnapshot, BookUpdate
from venuewire.model.orders import CancelOrder, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import (
    Command,
    Event,
    Grant,
    Heartbeat,
    Holdings,
    MassStatus,
    OrderMassStatusRequest,
    Reply,
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
    VenueStatus,
)
from venuewire.model.terms import NANOS_PER_MILLI, Channel, ExecType, Nanos
from venuewire.venue import Answer, Await, Effect, Fetch, Flow, Headers, Seat, Send
from venuewire.venues.finery import codes, signing, translate, wire
from venuewire.venues.finery.options import BOOKS, OTHERS, options
from venuewire.venues.finery.requests import modified_of, request_of
from venuewire.venues.finery.wire import clearing

STATUS = "status"
"""The ref of the status message that the logon waits for."""

AUTH = "auth"
"""The ref of the answer to authentication in band."""

PAGE = 250
"""Rows of a history the venue gives at once (page dealHistory)."""

_NO_ID = "0"
"""What the venue puts where a bind had no id."""


class _History(Struct, frozen=True):
    """A request of our own: deals, fetched page by page ahead of the list of working orders that was asked for."""

    command: OrderMassStatusRequest
    pages: int
    """How many more may be fetched."""


class _Probe(Struct, frozen=True):
    """Another: asked only to be answered."""


_Command: TypeAlias = Command | _History | _Probe


class _Asked(Struct):
    """A bind or unbind that waits for its answer."""

    ref: str | None
    """None: asked on our own account, nobody waits."""
    ends: bool = False
    """It is an unbind."""
    again: bool = False
    """It was bound already, and has been ended and asked for once more."""


class FineryInitiator:
    """The client's end. Its settings are listed in the README."""

    def __init__(self, line: str, seat: Seat) -> None:
        self.line = line
        self.ready: list[Event] = []
        self._seat = seat
        self._options = options(seat.settings)
        self._steps: dict[str | int, Callable[[Envelope, Nanos], Sequence[Event | Send]]] = {
            **dict.fromkeys(clearing.KINDS, self._beside),
            **{f"{feed}S": self._book_snapshot for feed in BOOKS},
            **{f"{feed}M": self._book_update for feed in BOOKS},
            **{f"{feed}U": self._ended for feed in (*BOOKS, *OTHERS, "O", "K")},
            **{f"{feed}Z": self._bind_failed for feed in (*BOOKS, *OTHERS, "O", "K")},
            "XZ": self._status,
            "OS": self._orders_snapshot,
            "O+": self._order_placed,
            "O-": self._order_removed,
            "OD": self._order_dealt,
            "KS": self._positions_snapshot,
            "K+": self._position_set,
            "KM": self._position_set,
            "K-": self._position_gone,
            "PS": self._account_snapshot,
            "IS": self._listing,
            "I+": self._instrument,
            "IM": self._instrument,
            "C+": self._currency,
            "CM": self._currency,
            "reply": self._replied,
            "failure": self._failed,
            "auth": lambda envelope, _now: [Reply(message=wire.answer(envelope.body), ref=AUTH)],
            "ping": lambda _envelope, now: [Heartbeat(recv_time=now)],
        }
        self._steps_of_replies: dict[type, Callable[[Any, bytes, Nanos], Sequence[Event | Send | Fetch]]] = {
            NewOrder: lambda order, body, now: translate.added_reports(order, wire.added(body), now),
            ReplaceOrder: lambda order, body, now: translate.modified_reports(order, modified_of(body), now),
            CancelOrder: lambda order, body, now: [translate.deleted_report(order, wire.deleted(body), now)],
            MassCancel: lambda command, body, _now: [Reply(message=wire.removed(body), ref=command.ref)],
            SecurityListRequest: self._listed,
            OrderMassStatusRequest: self._mass_status,
            RequestForPositions: self._holdings,
            _Probe: lambda _probe, _body, now: [Heartbeat(recv_time=now)],
            _History: self._deals,
        }
        self._requests: dict[int, _Command] = {}
        self._rows: dict[str, wire.Instrument] = {}
        self._balance_steps: dict[str, int] = {}
        self._held: dict[tuple[str, int], int] = {}
        self._currencies: set[str] = set()
        self._forget()

    def _forget(self) -> None:
        """What belonged to one life of the line."""
        self.ready.clear()
        self._up: bool | None = None
        self._asked: dict[tuple[str, str], list[_Asked]] = {}
        self._bound: set[tuple[str, str]] = set()
        self._own_requests = 0
        # HTTP calls outlive the line.
        if not self._options.over_http:
            self._requests.clear()

    # ----------------------------------------------------------------------- a new life

    def handshake(self, now: Nanos) -> Headers:
        """The signed headers ("Websocket API"); the nonce grows over all lines, processes and restarts of the key."""
        self._forget()
        if self._options.in_band:
            return {}
        key, signature, content = self._signed(now)
        return {"EFX-Key": key, "EFX-Sign": signature, "EFX-Content": content}

    def _signed(self, now: Nanos) -> tuple[str, str, str]:
        """(key, signature, content)."""
        content = signing.content(self._seat.unique(), self._seat.now(now) // NANOS_PER_MILLI)
        credentials = self._seat.credentials
        return credentials.key, signing.sign(credentials.secret.reveal(), content.encode()), content

    def logon(self, now: Nanos) -> Flow:
        """The handshake has proved who we are; the status message says that there is a market behind the gateway.

        A gateway that has lost its core says so first: then wait on, until the session's own deadline. Without
        headers (setting `logon`) we authenticate after it, in band.
        """
        while not self._up:
            status = yield Await(STATUS)
            self._up = isinstance(status, VenueStatus) and status.up
        if self._options.in_band:
            answer = yield Send(self._authentication(now), AUTH)
            if isinstance(answer, RequestRejected):
                self._refused_logon(answer)
        for feed in self._options.feeds:
            yield self._ask(feed, _NO_ID, _Asked(None))
        return Grant(token=Secret(""), issued_at=now, expires_at=None)

    def _authentication(self, now: Nanos) -> bytes:
        key, signature, content = self._signed(now)
        return encode(wire.Auth("auth", content, key, signature))

    def _refused_logon(self, answer: RequestRejected) -> None:
        """As a refused handshake: what may be gone at the next one is no judgement of the key."""
        if int(answer.code) in codes.PASSING:
            raise SessionError(f"not authorised: {answer.text} (code {answer.code})")
        raise LogonRejected(self.line, answer.code, answer.text)

    def heartbeat(self, now: Nanos) -> Send | None:
        """A small read, whose answer proves that the other end is there; `ping` has no documented answer. It keeps the
        line from its idle end after 80 s, too."""
        number = self._request_number(None)
        self._requests[number] = _Probe()
        return Send(encode(wire.Request("request", number, "dealHistory", wire.DealHistory(limit=1))))

    # ----------------------------------------------------------------------- commands

    def send(self, command: Command, now: Nanos) -> list[Effect]:
        """The frames or calls of a command. Raises `LocalProtocolError` for what the venue has no words for."""
        if isinstance(command, Subscribe):
            return [self._bind(command.channel, command.symbol, _Asked(command.ref))]
        if isinstance(command, Unsubscribe):
            return [self._bind(command.channel, command.symbol, _Asked(command.ref, ends=True))]
        if isinstance(command, OrderMassStatusRequest):
            # Fills first: a list of working orders alone cannot tell a filled order from a refused one.
            return [self._history(_History(command, self._options.history_pages - 1), UNSET, now)]
        method, parameters = request_of(command)
        if self._options.over_http and isinstance(command, NewOrder) and command.cancel_on_disconnect:
            raise LocalProtocolError("cancel_on_disconnect has no meaning over HTTP; set requests = ws")
        if isinstance(parameters, wire.Add):
            parameters = replace(parameters, qsEnabled=self._options.streams, firmBookEnabled=self._options.firm)
        return [self._call(method, parameters, command, command.ref, now)]

    def _history(self, history: _History, till: int | UnsetType, now: Nanos) -> Send | Fetch:
        """A page of deals: those before `till`; once there are no more, or no page is left, the working orders."""
        command = history.command
        if history.pages < 0:
            return self._call("positions", wire.Empty(), command, command.ref, now)
        return self._call("dealHistory", wire.DealHistory(till=till), history, command.ref, now)

    def _bind(self, channel: Channel, symbol: str | None, asked: _Asked) -> Send:
        feed = self._feed(channel)
        if feed == self._options.book_feed and not symbol:
            raise LocalProtocolError("a book needs a symbol")
        feed_id = symbol or _NO_ID
        if feed == "K" and symbol:
            raise LocalProtocolError("positions are kept by currency here: subscribe without a symbol")
        return self._ask(feed, feed_id, asked)

    def _feed(self, channel: Channel) -> str:
        feed = {Channel.BOOK: self._options.book_feed, Channel.ORDERS: "O", Channel.POSITIONS: "K"}.get(channel)
        if feed is None:
            raise LocalProtocolError(
                f"no channel {channel} here: take quotes from BOOK (best levels) and own fills from ORDERS; "
                "public trades are not published"
            )
        return feed

    def _ask(self, feed: str, feed_id: str, asked: _Asked) -> Send:
        event = "unbind" if asked.ends else "bind"
        payload = encode(wire.Bind(event, feed, self._named(feed, feed_id)))
        self._asked.setdefault((feed, feed_id), []).append(asked)
        return Send(payload, asked.ref)

    def _named(self, feed: str, feed_id: str) -> str | dict[str, Any] | UnsetType:
        """The id as the feed wants it: an object on feed MD, and on feed F where a master names one of its clients."""
        if feed_id == _NO_ID:
            return UNSET
        if feed == "MD" or (feed == "F" and self._options.client_id):
            return {"instrument": feed_id} | ({"clientId": self._options.client_id} if self._options.client_id else {})
        return feed_id

    def _call(self, method: str, parameters: Struct, command: _Command, ref: str | None, now: Nanos) -> Send | Fetch:
        number = self._request_number(ref)
        self._requests[number] = command
        if self._options.over_http:
            return self._fetch(method, parameters, number, ref, now)
        return Send(encode(wire.Request("request", number, method, parameters)), ref)

    def _request_number(self, ref: str | None) -> int:
        """The command's own reference as the venue's number, so that both ends speak of the same one."""
        if ref is not None and ref.isascii() and ref.isdigit() and int(ref) not in self._requests:
            return int(ref)
        # Below what any clock gives, which is what references are made from.
        self._own_requests += 1
        while self._own_requests in self._requests:
            self._own_requests += 1
        return self._own_requests

    def _fetch(self, method: str, parameters: Struct, number: int, ref: str | None, now: Nanos) -> Fetch:
        credentials = self._seat.credentials
        body = signing.rest_body(wire.plain(parameters), self._seat.unique(), self._seat.now(now) // NANOS_PER_MILLI)
        signature = signing.sign(credentials.secret.reveal(), signing.rest_text(method, body))
        headers = {"EFX-Key": credentials.key, "EFX-Sign": signature, "Content-Type": "application/json"}
        return Fetch(method="POST", path=f"/api/{method}", body=body, headers=headers, ref=ref, kind=str(number))

    # ----------------------------------------------------------------------- what comes in

    def open(self, payload: bytes) -> Envelope:
        """Arrays are pushes, named by feed and action (`FM`, `O+`); objects answer. Raises `RemoteProtocolError`."""
        if payload.lstrip()[:1] == b"[":
            push = wire.push(payload)
            feed_id = push.feedId
            return Envelope(
                push.feed + push.action,
                bytes(push.payload),
                feed_id if type(feed_id) is str else _id_text(feed_id),
            )
        found = wire.answer(payload)
        ref = None if found.reqId is UNSET else str(found.reqId)
        if found.error is not UNSET:
            return Envelope("failure", payload, ref)
        if found.reply is not UNSET:
            return Envelope("reply", bytes(found.reply), ref)
        return Envelope("" if found.event is UNSET else found.event, payload, ref)

    def receive(self, envelope: Envelope, now: Nanos) -> Sequence[Event | Send]:
        """What a message means. Raises `RemoteProtocolError` for damage."""
        step = self._steps.get(envelope.kind)
        if step is None:
            return [Unknown(kind=str(envelope.kind), body=envelope.body)]
        return step(envelope, now)

    def answered(self, fetch: Fetch, answer: Answer, now: Nanos) -> Sequence[Event | Fetch]:
        """What a REST answer means. Raises `RemoteProtocolError` where it does not say what happened."""
        command = self._requests.pop(int(fetch.kind) if fetch.kind.isdecimal() else -1, None)
        if command is None:
            raise RemoteProtocolError("an answer to a call nobody waits for")
        items = self._answer_means(command, answer, now)
        # Over HTTP nothing is sent on the line for it.
        return [item for item in items if not isinstance(item, Send)]

    def _answer_means(self, command: _Command, answer: Answer, now: Nanos) -> Sequence[Event | Send | Fetch]:
        if answer.status == 200:
            return self._meaning(command, answer.body, now)
        if answer.status == 429:
            return self._refusal(command, "429", "too many requests", now)
        if answer.status != 400:
            raise RemoteProtocolError(f"HTTP {answer.status} does not say whether the venue acted")
        failure = wire.answer(answer.body)
        if failure.error is UNSET:
            raise RemoteProtocolError("HTTP 400 without a code")
        return self._refusal_by_code(command, failure.error, _words(failure), now)

    # ----------------------------------------------------------------------- status

    def _status(self, envelope: Envelope, now: Nanos) -> list[Event | Send]:
        code = wire.failure_code(envelope.body)
        was, self._up = self._up, code == 0
        status = VenueStatus(
            up=self._up, code=str(code), text="connected to the core" if self._up else codes.name(code), ref=STATUS
        )
        if was is not False or not self._up:
            return [status]
        # The venue drops our bindings with its core: bind again, and take the new snapshots. Clients that
        # authenticate in band do so after each status; who is known already is told so, harmlessly.
        known = [Send(self._authentication(now), AUTH)] if self._options.in_band and self._bound else []
        return [status, *known, *(self._rebind(feed, feed_id) for feed, feed_id in sorted(self._bound))]

    def _rebind(self, feed: str, feed_id: str) -> Send:
        return self._ask(feed, feed_id, _Asked(None))

    # ----------------------------------------------------------------------- answers to bind and unbind

    def _answer_of(self, key: tuple[str, str], *, ends: bool | None) -> _Asked | None:
        """The oldest request for this feed that such an answer can belong to; the venue answers in order."""
        queue = self._asked.get(key, [])
        for n, asked in enumerate(queue):
            if ends is None or asked.ends is ends:
                del queue[n]
                if not queue:
                    del self._asked[key]
                return asked
        return None

    def _snapshot_came(self, envelope: Envelope) -> list[Event | Send]:
        """The snapshot is the only answer to a bind; it serves everyone who waits for this feed."""
        key = _key(envelope)
        self._bound.add(key)
        if key not in self._asked:
            return []
        queue = self._asked.pop(key)
        ends = [asked for asked in queue if asked.ends]
        if ends:
            self._asked[key] = ends
        return [SubscriptionAccepted(ref=asked.ref) for asked in queue if asked.ref is not None and not asked.ends]

    def _ended(self, envelope: Envelope, _now: Nanos) -> list[Event | Send]:
        key = _key(envelope)
        asked = self._answer_of(key, ends=True)
        self._bound.discard(key)
        return [] if asked is None or asked.ref is None else [SubscriptionAccepted(ref=asked.ref)]

    def _bind_failed(self, envelope: Envelope, now: Nanos) -> list[Event | Send]:
        code, key = wire.failure_code(envelope.body), _key(envelope)
        ends = {codes.ALREADY_BOUND: False, codes.NOT_BOUND: True}.get(code)
        asked = self._answer_of(key, ends=ends)
        if asked is None:
            return [VenueStatus(up=True, code=str(code), text=f"{' '.join(key)}: {codes.name(code)}")]
        if code == codes.NOT_BOUND:  # What we wanted is so.
            return self._ended_as_asked(asked, key)
        if code == codes.ALREADY_BOUND and not asked.again:
            return self._bind_anew(key, asked)
        if not asked.ends and code != codes.NOT_CONNECTED:  # With the core back, it is bound again.
            self._bound.discard(key)
        if asked.ref is None:
            return [VenueStatus(up=True, code=str(code), text=f"not bound: {' '.join(key)}: {codes.name(code)}")]
        return [SubscriptionRejected(code=str(code), text=codes.name(code), ref=asked.ref)]

    def _ended_as_asked(self, asked: _Asked, key: tuple[str, str]) -> list[Event | Send]:
        self._bound.discard(key)
        return [] if asked.ref is None else [SubscriptionAccepted(ref=asked.ref)]

    def _bind_anew(self, key: tuple[str, str], asked: _Asked) -> list[Event | Send]:
        """The venue holds a binding we did not count on. It sends no snapshot for that: end it, and bind again."""
        return [
            self._ask(*key, _Asked(None, ends=True)),
            self._ask(*key, _Asked(asked.ref, again=True)),
        ]

    # ----------------------------------------------------------------------- books

    def _symbol(self, feed_id: str | None) -> str:
        """The venue echoes the id as it was bound: a name, or a number as text here."""
        instrument = self._seat.by_security_id.get(feed_id or "")
        return instrument.symbol if instrument is not None else feed_id or ""

    def _book_update(self, envelope: Envelope, now: Nanos) -> Sequence[Event | Send]:
        return (
            BookUpdate(
                symbol=self._symbol(envelope.ref),
                body=envelope.body,
                read=translate.update_rows,
                shape=translate.UPDATE_SHAPE,
                price_scale=wire.SCALE,
                size_scale=wire.SCALE,
                recv_time=now,
            ),
        )

    def _book_snapshot(self, envelope: Envelope, now: Nanos) -> Sequence[Event | Send]:
        snapshot = BookSnapshot(
            symbol=self._symbol(envelope.ref),
            body=envelope.body,
            read=translate.snapshot_rows,
            shape=translate.SNAPSHOT_SHAPE,
            price_scale=wire.SCALE,
            size_scale=wire.SCALE,
            recv_time=now,
        )
        return [*self._snapshot_came(envelope), snapshot]

    # ----------------------------------------------------------------------- own orders

    def _orders_snapshot(self, envelope: Envelope, now: Nanos) -> list[Event | Send]:
        rows = wire.orders(envelope.body)
        reports = [translate.order_report(row, ExecType.ORDER_STATUS, now, historical=True) for row in rows]
        return [*self._snapshot_came(envelope), *reports]

    def _order_placed(self, envelope: Envelope, now: Nanos) -> list[Event | Send]:
        return [translate.order_report(wire.order(envelope.body), ExecType.NEW, now)]

    def _order_dealt(self, envelope: Envelope, now: Nanos) -> list[Event | Send]:
        return [translate.deal_report(wire.deal(envelope.body), now)]

    def _order_removed(self, envelope: Envelope, now: Nanos) -> list[Event | Send]:
        """An order that left the book; also one that a `mod` replaces, whose reply says by which."""
        return [translate.removed_report(wire.order(envelope.body), now)]

    # ----------------------------------------------------------------------- positions

    def _positions_snapshot(self, envelope: Envelope, now: Nanos) -> list[Event | Send]:
        self._held = _values(wire.positions(envelope.body))
        return [*self._snapshot_came(envelope), *self._balances(now)]

    def _balances(self, now: Nanos) -> list[Balance]:
        """Of all currencies ever seen here: one that is gone is told as zero."""
        self._currencies |= {currency for currency, _ in self._held}
        return translate.balances(self._held, sorted(self._currencies), now)

    def _position_set(self, envelope: Envelope, now: Nanos) -> list[Event | Send]:
        row = wire.position(envelope.body)
        self._held[row.currency, row.counterpartyId] = row.value
        return self._balance(row.currency, now)

    def _position_gone(self, envelope: Envelope, now: Nanos) -> list[Event | Send]:
        row = wire.position(envelope.body)
        self._held.pop((row.currency, row.counterpartyId), None)
        return self._balance(row.currency, now)

    def _balance(self, currency: str, now: Nanos) -> list[Event | Send]:
        self._currencies.add(currency)
        return [*translate.balances(self._held, (currency,), now)]

    # ----------------------------------------------------------------------- beside trading

    def _beside(self, envelope: Envelope, _now: Nanos) -> list[Event | Send]:
        """Settlements and limits: checked, and handed on as they came."""
        kind = str(envelope.kind)
        accepted = self._snapshot_came(envelope) if kind.endswith("S") else []
        clearing.told(kind, envelope.body)
        return [*accepted, Unknown(kind=kind, body=envelope.body)]

    def _account_snapshot(self, envelope: Envelope, now: Nanos) -> list[Event | Send]:
        """Feed P: positions and orders; its updates come under O and S."""
        found = wire.positions_reply(envelope.body)
        self._held = _values(found.positions)
        reports = [translate.order_report(row, ExecType.ORDER_STATUS, now, historical=True) for row in found.orders]
        kept = Unknown(kind="PS", body=envelope.body)
        return [*self._snapshot_came(envelope), *self._balances(now), *reports, kept]

    # ----------------------------------------------------------------------- instruments

    def _know(self, currencies: Sequence[wire.Currency], rows: Sequence[wire.Instrument]) -> tuple[Instrument, ...]:
        """Remember steps and rows; the instruments that these rows and currencies touch."""
        self._balance_steps.update({row.name: row.balanceStep for row in currencies})
        self._rows.update({row.name: row for row in rows})
        changed = {row.name for row in currencies}
        touched = {row.name: row for row in rows}
        touched |= {name: row for name, row in self._rows.items() if row.asset in changed or row.balance in changed}
        return tuple(translate.instrument_of(row, self._balance_steps) for row in touched.values())

    def _listing(self, envelope: Envelope, _now: Nanos) -> list[Event | Send]:
        listing = wire.listing(envelope.body)
        instruments = self._know(listing.currencies, listing.instruments)
        return [*self._snapshot_came(envelope), SecurityList(instruments=instruments)]

    def _instrument(self, envelope: Envelope, _now: Nanos) -> list[Event | Send]:
        return [SecurityList(instruments=self._know((), (wire.instrument(envelope.body),)))]

    def _currency(self, envelope: Envelope, _now: Nanos) -> list[Event | Send]:
        return [SecurityList(instruments=self._know((wire.currency(envelope.body),), ()))]

    # ----------------------------------------------------------------------- replies

    def _replied(self, envelope: Envelope, now: Nanos) -> list[Event | Send]:
        command = self._command_of(envelope)
        if command is None:
            return [Unknown(kind="reply", body=envelope.body)]
        return _on_the_line(self._meaning(command, envelope.body, now))

    def _command_of(self, envelope: Envelope) -> _Command | None:
        return None if envelope.ref is None else self._requests.pop(int(envelope.ref), None)

    def _meaning(self, command: _Command, body: bytes, now: Nanos) -> Sequence[Event | Send | Fetch]:
        return self._steps_of_replies[type(command)](command, body, now)

    def _listed(self, command: SecurityListRequest, body: bytes, _now: Nanos) -> list[Event]:
        listing = wire.listing(body)
        instruments = self._know(listing.currencies, listing.instruments)
        wanted = tuple(it for it in instruments if not command.symbols or it.symbol in command.symbols)
        return [SecurityList(instruments=wanted, ref=command.ref)]

    def _deals(self, history: _History, body: bytes, now: Nanos) -> list[Event | Send | Fetch]:
        """A page of deals, newest first; a full one has older ones behind it."""
        rows = wire.deals(body)
        reports: list[Event] = [translate.deal_report(row, now, historical=True) for row in rows]
        # In the order they were made, so that each adds to what came before.
        reports.reverse()
        pages, till = (history.pages, min(row.id for row in rows)) if len(rows) >= PAGE else (0, UNSET)
        return [*reports, self._history(_History(history.command, pages - 1), till, now)]

    def _mass_status(self, command: OrderMassStatusRequest, body: bytes, now: Nanos) -> list[Event]:
        rows = wire.positions_reply(body).orders
        reports = tuple(translate.order_report(row, ExecType.ORDER_STATUS, now, historical=True) for row in rows)
        return [MassStatus(reports=reports, ref=command.ref)]

    def _holdings(self, command: RequestForPositions, body: bytes, now: Nanos) -> list[Event]:
        self._held = _values(wire.positions_reply(body).positions)
        return [Holdings(positions=(), balances=tuple(self._balances(now)), ref=command.ref)]

    # ----------------------------------------------------------------------- refusals

    def _failed(self, envelope: Envelope, now: Nanos) -> list[Event | Send]:
        failure = wire.answer(envelope.body)
        code = 0 if failure.error is UNSET else failure.error
        command = self._command_of(envelope)
        if command is None:
            ref = AUTH if failure.event == "auth" else None
            if ref is not None and code == codes.ALREADY_AUTHORISED:
                return [Reply(message=failure, ref=ref)]
            return [RequestRejected(code=str(code), text=_words(failure), ref=ref)]
        return _on_the_line(self._refusal_by_code(command, code, _words(failure), now))

    def _refusal_by_code(self, command: _Command, code: int, text: str, now: Nanos) -> list[Event | Send | Fetch]:
        if code in codes.NO_OUTCOME and isinstance(command, NewOrder | ReplaceOrder | CancelOrder | MassCancel):
            # Not an outcome: the request's deadline makes it unknown, and it is reconciled.
            return [VenueStatus(up=True, code=str(code), text=text)]
        return self._refusal(command, str(code), text, now)

    def _refusal(self, command: _Command, code: str, text: str, now: Nanos) -> list[Event | Send | Fetch]:
        if isinstance(command, _History):  # Without the deals, then.
            return [self._history(_History(command.command, -1), UNSET, now)]
        if isinstance(command, _Probe):  # Refused, and answered for all that.
            return [Heartbeat(recv_time=now)]
        if isinstance(command, NewOrder):
            return [translate.refused_order(command, int(code), now, text)]
        if isinstance(command, CancelOrder | ReplaceOrder):
            return [translate.refused_change(command, int(code), now, text)]
        return [RequestRejected(code=code, text=text, ref=command.ref)]


def _on_the_line(items: Sequence[Event | Send | Fetch]) -> list[Event | Send]:
    """Over the socket nothing is fetched."""
    return [item for item in items if not isinstance(item, Fetch)]


def _id_text(feed_id: int | str | dict[str, Any]) -> str:
    """A number as text; of a master's object, its instrument."""
    return str(feed_id.get("instrument", "")) if isinstance(feed_id, dict) else str(feed_id)


def _key(envelope: Envelope) -> tuple[str, str]:
    return str(envelope.kind)[:-1], envelope.ref or _NO_ID


def _values(rows: Sequence[wire.Position]) -> dict[tuple[str, int], int]:
    return {(row.currency, row.counterpartyId): row.value for row in rows}


def _words(failure: wire.Reply) -> str:
    name = codes.name(0 if failure.error is UNSET else failure.error)
    return name if failure.param is UNSET else f"{name}: {failure.param}"
