"""The venue's end of one connection, for the sandbox: handshake, status, requests, idle end, cancel on disconnect.

What it follows is in `feeds`, what the connections share (keys, nonces, REST) in `host`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from venuewire.codec import decoder, encode
from venuewire.errors import RemoteProtocolError
from venuewire.model.orders import CancelOrder
from venuewire.model.session import Event
from venuewire.model.terms import NANOS_PER_SECOND, Nanos, OrdType, Side
from venuewire.venue import PEER, Close, Headers, Out, Refusal, Send
from venuewire.venues.finery import codes, wire
from venuewire.venues.finery.acceptor import methods
from venuewire.venues.finery.acceptor.counter import Refused
from venuewire.venues.finery.acceptor.feeds import NO_ID, Feeds
from venuewire.venues.finery.acceptor.habits import CODES_IN_LISTS

if TYPE_CHECKING:
    from venuewire.venues.finery.acceptor.host import Account, FineryHost

IDLE = 80 * NANOS_PER_SECOND
"""A connection silent for so long is ended ("Websocket API")."""

_HEADERS = ("efx-key", "efx-sign", "efx-content")

_json = decoder(dict[str, Any])


class FineryAcceptor:
    """One connection, as the venue sees it. Implements `venue.Acceptor`."""

    def __init__(self, host: FineryHost) -> None:
        self._host = host
        self._who: Account | None = None
        self.address = ""
        """Where it came from."""
        self._is_open = False
        self._heard: Nanos = 0
        self._told_core = 0
        self._told_news = 0
        self._cod: set[str] = set()
        self.feeds = Feeds(host, self._cod)
        self._events: dict[str, Callable[[dict[str, Any], Nanos], list[Out]]] = {
            "bind": self._bind,
            "unbind": self._unbind,
            "request": self._request,
            "auth": self._auth,
            "ping": lambda _message, _now: [],
        }

    @property
    def account(self) -> str | None:
        """Whose connection this is, once that is known."""
        return None if self._who is None else self._who.name

    # ----------------------------------------------------------------------- beginning and end

    def handshake(self, headers: Headers, now: Nanos) -> Refusal | None:
        """Check the signed headers; without any of them the connection may authenticate in band."""
        self.address = headers.get(PEER, "")
        if self._host.is_full(self.address):
            return Refusal(429)
        given = [headers.get(name) for name in _HEADERS]
        if any(given) or not self._host.rules.in_band:
            key, signature, content = given
            if not (key and signature and content):
                return refusal(codes.NOT_AUTHORISED)
            code = self._authenticate(key, signature, content, now)
            return refusal(code) if code else None
        return None

    def _authenticate(self, key: str, signature: str, content: str, now: Nanos) -> int:
        """Become who this says; 0, or the code of what is wrong."""
        signed = content.encode("utf-8", "surrogatepass")
        found = self._host.authenticate(key, signature, signed, signed, self.address, now)
        if isinstance(found, int):
            return found
        self._who = found
        return 0

    def opened(self, now: Nanos) -> list[Out]:
        """The status message comes first."""
        self._is_open, self._heard = True, now
        self._host.connections.add(self)
        return [self._status(now)]

    def _status(self, now: Nanos) -> Send:
        self._told_core, self._told_news = self._host.core_at(now), self._host.news
        return Send(wire.pushed("X", NO_ID, "Z", encode(self._told_core)))

    def closed(self, now: Nanos) -> None:
        """The connection is gone: its cod orders go at once, other connections keep theirs."""
        self._is_open = False
        self._host.connections.discard(self)
        self.feeds.forget()
        for order_id in sorted(self._cod):
            self._cancel_on_disconnect(order_id, now)
        self._cod.clear()

    def _cancel_on_disconnect(self, order_id: str, now: Nanos) -> None:
        if self._who is None:
            return
        port = self._host.exchange.port(self._who.name)
        order = port.order(order_id)
        if order is None or not methods.is_working(order):
            return
        self._host.dropped.add(order_id)
        command = CancelOrder(
            symbol=order.symbol,
            side=order.side or Side.BUY,
            ord_type=order.ord_type or OrdType.LIMIT,
            order_id=order_id,
            orig_cl_ord_id=order.cl_ord_id,
        )
        port.execute(command, now)

    def next_tick(self) -> Nanos | None:
        """The idle end; at once when there is news of the core, and when an outage is to be over."""
        if not self._is_open:
            return None
        if self._told_news != self._host.news or self.feeds.has_news:
            return self._heard
        idle, back = self._heard + IDLE, self._host.core_until
        ends = [idle]
        if self._told_core and back is not None:
            ends.append(back)
        return min(ends)

    def tick(self, now: Nanos) -> list[Out]:
        """News of the core; the idle end."""
        if not self._is_open:
            return []
        outs: list[Out] = []
        was = self._told_core
        if was != self._host.core_at(now) or self._told_news != self._host.news:
            status = self._status(now)
            if was != self._told_core:
                outs.append(status)
            # Assumed: bindings go with the core, and the client binds again when it is back.
            if self._told_core:
                self.feeds.forget()
        outs += self.feeds.take_news()
        if now >= self._heard + IDLE:
            self._is_open = False
            outs.append(Close(1000, "idle"))
        return outs

    def is_cod(self, order_id: str) -> bool:
        """Does this order end with this connection?"""
        return order_id in self._cod

    # ----------------------------------------------------------------------- what a client sends

    def pinged(self, now: Nanos) -> None:
        """A WebSocket ping frame came: a sign of life like any other frame (assumed)."""
        self._heard = now

    def receive(self, payload: bytes, now: Nanos) -> list[Out]:
        """Answers to one frame. Never raises for what a client sent."""
        self._heard = now
        try:
            message = _json(payload)
        except RemoteProtocolError:
            return [_bare_error()]
        event = message.get("event")
        act = self._events.get(event) if isinstance(event, str) else None
        if act is None:
            return [_bare_error()]
        outs = act(message, now)
        return [*outs, *self.feeds.take_news()]

    def _auth(self, message: dict[str, Any], now: Nanos) -> list[Out]:
        """In band, for connections without headers."""
        code = self._auth_code(message, now)
        return [Send(encode({"event": "auth", "error": code} if code else {"event": "auth"}))]

    def _auth_code(self, message: dict[str, Any], now: Nanos) -> int:
        if self._who is not None:
            return codes.ALREADY_AUTHORISED
        content, key, signature = (message.get(name) for name in ("content", "key", "signature"))
        if not (isinstance(content, str) and isinstance(key, str) and isinstance(signature, str)):
            return codes.INVALID_PARAMETER
        return self._authenticate(key, signature, content, now)

    # ----------------------------------------------------------------------- requests

    def _request(self, message: dict[str, Any], now: Nanos) -> list[Out]:
        number, method = message.get("reqId"), message.get("method")
        if type(number) is not int:
            return [_failed(None, codes.INVALID_PARAMETER, "reqId")]
        if not isinstance(method, str):
            return [_failed(number, codes.INVALID_PARAMETER, "method")]
        try:
            who = self._entitled(now)
            reply = self._called(who, method, message.get("content", {}), str(number), now)
        except Refused as refused:
            return [_failed(number, refused.code, refused.param)]
        return [Send(b'{"event":"request","reqId":%d,"reply":%b}' % (number, reply))]

    def _called(self, who: Account, method: str, content: object, ref: str, now: Nanos) -> bytes:
        try:
            return methods.call(self._host.desk(who, self._cod), who.permissions, method, content, ref, now)
        finally:
            self._host.tell(who)

    def _entitled(self, now: Nanos) -> Account:
        """Who asks. Refused before they are known, and while the core is down."""
        if self._who is None:
            raise Refused(codes.NOT_AUTHORISED)
        if self._host.core_at(now):
            raise Refused(codes.NOT_CONNECTED)
        return self._who

    # ----------------------------------------------------------------------- feeds

    def _bind(self, message: dict[str, Any], now: Nanos) -> list[Out]:
        return self._about_feed(message, now, ends=False)

    def _unbind(self, message: dict[str, Any], now: Nanos) -> list[Out]:
        return self._about_feed(message, now, ends=True)

    def _about_feed(self, message: dict[str, Any], now: Nanos, *, ends: bool) -> list[Out]:
        feed, feed_id = message.get("feed"), message.get("feedId")
        if not isinstance(feed, str):
            return [_bare_error()]
        echo = NO_ID if feed_id is None else encode(feed_id)
        try:
            who = self._entitled(now)
            return [self.feeds.unbind(feed, echo) if ends else self.feeds.bind(who, feed, echo, feed_id, now)]
        except Refused as refused:
            payload = b"[%d]" if CODES_IN_LISTS in self._host.odd else b"%d"
            return [Send(b'[%b,%b,"Z",%b]' % (encode(feed), echo, payload % refused.code))]

    def publish(self, event: Event, now: Nanos) -> list[Out]:
        """Frames for something that happened at the exchange; none where this connection did not ask."""
        return self.feeds.publish(event)


def refusal(code: int) -> Refusal:
    """A handshake refused: the reason is in the body."""
    return Refusal(400, encode({"error": code}), {"content-type": "application/json"})


def _bare_error() -> Send:
    return Send(encode({"error": codes.INVALID_PARAMETER}))


def _failed(number: int | None, code: int, param: str) -> Send:
    answer: dict[str, object] = {"event": "request"}
    if number is not None:
        answer["reqId"] = number
    answer["error"] = code
    if param:
        answer["param"] = param
    return Send(encode(answer))
