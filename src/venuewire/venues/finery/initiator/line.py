"""Our end of the venue's one line: a signed handshake, the status message as logon, feeds, and what they tell.

What is bound is in `bindings`, requests and their replies in `requests`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import UNSET

from venuewire.codec import Envelope, encode
from venuewire.errors import LocalProtocolError, LogonRejected, SessionError
from venuewire.model.market import BookSnapshot, BookUpdate
from venuewire.model.session import (
    Command,
    Event,
    Grant,
    Heartbeat,
    Reply,
    RequestRejected,
    Secret,
    SecurityList,
    Subscribe,
    SubscriptionAccepted,
    Unknown,
    Unsubscribe,
    VenueNews,
    VenueStatus,
)
from venuewire.model.terms import NANOS_PER_MILLI, Channel, ExecType, Nanos
from venuewire.venue import Answer, Await, Effect, Fetch, Flow, Headers, Seat, Send
from venuewire.venues.finery import codes, signing, translate, wire
from venuewire.venues.finery.initiator import requests
from venuewire.venues.finery.initiator.bindings import NO_ID, Bindings, Key, key_of
from venuewire.venues.finery.initiator.known import Held, Listed
from venuewire.venues.finery.initiator.options import BOOKS, options
from venuewire.venues.finery.initiator.requests import Requests
from venuewire.venues.finery.wire import feeds

STATUS = "status"
"""The ref of the status message that the logon waits for."""

AUTH = "auth"
"""The ref of the answer to authentication in band."""

_POSITIONS = Key("K")
_UNDER_P = Key("P")
"""Whose updates come under O and S."""


class FineryInitiator:
    """The client's end. Its settings are listed in the README."""

    def __init__(self, line: str, seat: Seat) -> None:
        self.line = line
        self.ready: list[Event] = []
        self._seat = seat
        self._options = options(seat.settings)
        self._listed, self._held = Listed(), Held()
        self._bindings = Bindings(self._options.client_id, self._options.makers)
        self._requests = Requests(seat, self._options, self._listed, self._held)
        self._up: bool | None = None
        self._steps: dict[str | int, Callable[[Envelope, Nanos], Sequence[Event | Send]]] = {
            **{f"{feed}U": self._ended for feed in (*BOOKS, *feeds.FEEDS, "O", "K")},
            **{f"{feed}Z": self._bind_failed for feed in (*BOOKS, *feeds.FEEDS, "O", "K")},
            **dict.fromkeys(feeds.KINDS, self._told),
            **{f"{feed}S": self._book_snapshot for feed in BOOKS},
            **{f"{feed}M": self._book_update for feed in BOOKS},
            "XZ": self._status,
            "OS": self._orders_snapshot,
            "O+": self._order_placed,
            "O-": self._order_removed,
            "OD": self._order_dealt,
            "KS": self._positions_snapshot,
            "K+": self._position_set,
            "KM": self._position_set,
            "K-": self._position_gone,
            "reply": lambda envelope, now: self._requests.replied(envelope.ref, envelope.body, now),
            "failure": self._failed,
            "auth": lambda envelope, _now: [Reply(message=wire.answer(envelope.body), ref=AUTH)],
            "ping": lambda _envelope, now: [Heartbeat(recv_time=now)],
        }

    # ----------------------------------------------------------------------- a new life

    def handshake(self, now: Nanos) -> Headers:
        """The signed headers ("Websocket API"); the nonce grows over all lines, processes and restarts of the key."""
        self.ready.clear()
        self._up = None
        self._bindings.forget()
        self._requests.forget()
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
        """A small read; `ping` has no documented answer. It keeps the line from its idle end after 80 s, too."""
        return self._requests.probe()

    # ----------------------------------------------------------------------- commands

    def send(self, command: Command, now: Nanos) -> list[Effect]:
        """The frames or calls of a command. Raises `LocalProtocolError` for what the venue has no words for."""
        if isinstance(command, Subscribe):
            return [self._bindings.bind(self._key(command), command.ref)]
        if isinstance(command, Unsubscribe):
            return self._unsubscribe(command)
        return [self._requests.send(command, now)]

    def _unsubscribe(self, command: Unsubscribe) -> list[Effect]:
        key = self._bindings.key(command.subscription)
        if key is None and command.channel is Channel.VENUE:  # Another subscription has taken its place.
            self.ready.append(SubscriptionAccepted(ref=command.ref))
            return []
        return [self._bindings.unbind(key or self._key(command), command.ref)]

    def _key(self, command: Subscribe | Unsubscribe) -> Key:
        """The feed of a channel. Raises `LocalProtocolError`."""
        match command.channel:
            case Channel.BOOK if command.symbol:
                return Key(self._options.book_feed, command.symbol)
            case Channel.BOOK:
                raise LocalProtocolError("a book needs a symbol")
            case Channel.ORDERS:
                return Key("O", command.symbol or NO_ID)
            case Channel.POSITIONS if command.symbol:
                raise LocalProtocolError("positions are kept by currency here: subscribe without a symbol")
            case Channel.POSITIONS:
                return _POSITIONS
            case Channel.VENUE if isinstance(command, Subscribe):
                return _key_of_feed(command.message)
            case _:
                raise LocalProtocolError(
                    f"no channel {command.channel} here: take quotes from BOOK (best levels), own fills from ORDERS; "
                    "public trades are not published"
                )

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
        return self._requests.answered(fetch, answer, now)

    def _failed(self, envelope: Envelope, now: Nanos) -> list[Event | Send]:
        failure = wire.answer(envelope.body)
        if failure.event != "auth":
            return self._requests.failed(envelope.ref, failure, now)
        code = requests.code_of(failure)
        if code == codes.ALREADY_AUTHORISED:
            return [Reply(message=failure, ref=AUTH)]
        return [RequestRejected(code=str(code), text=requests.words(failure), ref=AUTH)]

    # ----------------------------------------------------------------------- status

    def _status(self, envelope: Envelope, now: Nanos) -> list[Event | Send]:
        code = wire.failure_code(envelope.body)
        was, self._up = self._up, code == 0
        status = VenueStatus(
            up=self._up, code=str(code), text="connected to the core" if self._up else codes.name(code), ref=STATUS
        )
        if was is not False or not self._up:
            return [status]
        # Clients that authenticate in band do so after each status; who is known already is told so, harmlessly.
        known = [Send(self._authentication(now), AUTH)] if self._options.in_band and self._bindings else []
        return [status, *known, *self._bindings.bind_all_again()]

    # ----------------------------------------------------------------------- answers to bind and unbind

    def _snapshot_came(self, envelope: Envelope) -> list[Event | Send]:
        return self._bindings.snapshot_came(key_of(envelope))

    def _ended(self, envelope: Envelope, _now: Nanos) -> list[Event | Send]:
        return self._bindings.ended(key_of(envelope))

    def _bind_failed(self, envelope: Envelope, _now: Nanos) -> list[Event | Send]:
        return self._bindings.failed(key_of(envelope), wire.failure_code(envelope.body))

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
        balances = self._held.replace(wire.positions(envelope.body), now)
        return [*self._snapshot_came(envelope), *balances]

    def _position_set(self, envelope: Envelope, now: Nanos) -> list[Event | Send]:
        return [*self._held.put(wire.position(envelope.body), now)]

    def _position_gone(self, envelope: Envelope, now: Nanos) -> list[Event | Send]:
        return [*self._held.put(wire.position(envelope.body), now, gone=True)]

    # ----------------------------------------------------------------------- the venue's own feeds

    def _told(self, envelope: Envelope, now: Nanos) -> list[Event | Send]:
        """A feed that no channel stands for: told as it is, and by shared words as well where it has something for
        them."""
        message = feeds.told(str(envelope.kind), envelope.body)
        accepted = self._snapshot_came(envelope) if message.action == "S" else []
        news = [VenueNews(message=message, recv_time=now, ref=ref) for ref in self._wanted_by(envelope)]
        return [*accepted, *self._meant(message, now), *news]

    def _wanted_by(self, envelope: Envelope) -> Sequence[str | None]:
        """Which subscriptions a message belongs to; nobody's is told without one."""
        key = key_of(envelope)
        if key.feed == "C":
            key = Key("I", key.feed_id)
        keys = [key, _UNDER_P] if key == Key("S") and envelope.kind != "SS" else [key]
        return [ref for it in keys if (ref := self._bindings.ref(it)) is not None] or [None]

    def _meant(self, message: feeds.FeedMessage, now: Nanos) -> Sequence[Event]:
        match message.says:
            case feeds.Account() as account:
                reports = [
                    translate.order_report(row, ExecType.ORDER_STATUS, now, historical=True) for row in account.orders
                ]
                return [*self._held.replace(account.positions, now), *reports]
            case wire.Listing() as listing:
                return [SecurityList(instruments=self._listed.learn(listing))]
            case wire.Instrument() as row if message.action == "-":
                self._listed.gone(row)
                return []
            case wire.Instrument() as row:
                return [self._listed.instrument(row)]
            case wire.Currency() as row if message.action != "-":
                return [self._listed.currency(row)]
            case _:
                return []


def _key_of_feed(record: object) -> Key:
    """Raises `LocalProtocolError`."""
    if not isinstance(record, feeds.Feed) or record.feed not in feeds.FEEDS:
        raise LocalProtocolError(
            f"a feed is asked for by Feed(letter), one of {', '.join(feeds.FEEDS)}; books, own orders and positions "
            f"have channels of their own: {record!r}"
        )
    if record.currency and record.feed != "S":
        raise LocalProtocolError(f"only feed S is narrowed by a currency: {record!r}")
    return Key(record.feed, record.currency or NO_ID)


def _id_text(feed_id: int | str | dict[str, Any]) -> str:
    """A number as text; of a master's object, its instrument."""
    return str(feed_id.get("instrument", "")) if isinstance(feed_id, dict) else str(feed_id)
