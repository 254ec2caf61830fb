"""The venue's end of `/cws`: authorisation and order commands (2.5, 2.6, 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from venuewire.codec import encode
from venuewire.errors import RemoteProtocolError
from venuewire.model.session import Event
from venuewire.model.terms import Nanos, OrdType
from venuewire.venue import Close, Headers, Out, Port, Refusal, Send
from venuewire.venues.alor import terms
from venuewire.venues.alor.acceptor.desk import STOPS, Done, Outcome, Refused
from venuewire.venues.alor.wire import access, commands, frames

if TYPE_CHECKING:
    from venuewire.venues.alor.acceptor.hosts import AlorHost

_MESSAGES = {
    "create": "An order '{}' has been created.",
    "update": "An order has been updated. New order Id is '{}'.",
    "delete": "An order '{}' has been deleted.",
}


class CommandAcceptor:
    """One connection to `/cws`."""

    def __init__(self, host: AlorHost) -> None:
        self._host = host
        self._token = ""
        self._claims: access.Claims | None = None
        """Whose connection it is; good until the token ends."""
        self._guids: set[str] = set()
        """Every guid used on this connection, by any opcode (4.6)."""

    @property
    def account(self) -> str | None:
        """The portfolio, once authorised."""
        return self._host.account_of(self._claims) if self._claims else None

    def handshake(self, headers: Headers, now: Nanos) -> Refusal | None:
        """Anyone may connect, up to the limit."""
        return self._host.refusal()

    def opened(self, now: Nanos) -> list[Out]:
        """The venue waits for `authorize`."""
        self._host.connections.add(self)
        return []

    def closed(self, now: Nanos) -> None:
        """Orders stay: the venue has no cancel on disconnect."""
        self._host.connections.discard(self)

    def publish(self, event: Event, now: Nanos) -> list[Out]:
        """Nothing is pushed here: what happens to orders is told on `/ws`."""
        return []

    def pinged(self, now: Nanos) -> None:
        """Pings count for nothing here."""

    def next_tick(self) -> Nanos | None:
        """Nothing of the connection is timed."""
        return None

    def tick(self, now: Nanos) -> list[Out]:
        """Nothing is ever due."""
        return []

    # ---- frames

    def receive(self, payload: bytes, now: Nanos) -> list[Out]:
        """One command, one reply; some refusals end the connection (4.4)."""
        self._host.settle(now)
        outs = self._answer(payload, now)
        self._host.settle(now)
        return outs

    def _answer(self, payload: bytes, now: Nanos) -> list[Out]:
        try:
            asked = frames.read_asked(payload)
        except RemoteProtocolError:
            return self._bad("", frames.MALFORMED)
        guid, opcode = str(asked.guid), asked.opcode.lower()
        if not guid:
            return self._bad("", frames.MALFORMED)
        if guid in self._guids:
            return self._repeated(guid)
        self._guids.add(guid)
        if opcode == frames.PING:
            return [_reply(guid, 200, frames.HANDLED)]
        read = commands.read_command.get(opcode)
        if read is None:
            return self._bad(guid, frames.MALFORMED)
        if opcode != commands.AUTHORIZE and not self._is_authorised(now):
            return self._unauthorised(guid)
        try:
            record = read(payload)
        except RemoteProtocolError:
            return self._bad(guid, frames.MALFORMED)
        if isinstance(record, commands.Authorize):
            return self._authorize(record, guid, now)
        assert self._claims is not None
        if now < self._host.throttled_until or self._host.is_too_fast(self._claims.sub, now):
            return [_reply(guid, 429, frames.TOO_MANY)]
        assert isinstance(record, (commands.Create, commands.Update, commands.Delete))
        return self._order(record, opcode, guid, now)

    def _authorize(self, record: commands.Authorize, guid: str, now: Nanos) -> list[Out]:
        claims = self._host.claims(record.token, now)
        if claims is None:
            return [_reply(guid, 401, frames.INVALID_TOKEN)]
        self._token, self._claims = record.token, claims
        return [_reply(guid, 200, commands.AUTHORIZED)]

    def _is_authorised(self, now: Nanos) -> bool:
        return self._claims is not None and self._host.claims(self._token, now) is not None

    def _unauthorised(self, guid: str) -> list[Out]:
        if self._claims is not None and self._host.switches.reset_on_expiry:
            # As seen in production in 2026: no reply, no close frame, and the order is not created (2.6).
            return [Close(1006, "the token has ended")]
        return [_reply(guid, 401, frames.INVALID_TOKEN)]

    def _order(self, record: commands.OrderMessage, opcode: str, guid: str, now: Nanos) -> list[Out]:
        assert self._claims is not None
        port = self._host.port(self._claims, record.user.portfolio)
        if port is None:
            return [_reply(guid, 403, "Forbidden")]
        verb, _, word = opcode.partition(":")
        outcome = self._done(record, terms.COMMAND_TYPES[word], port, now, guid)
        return self._told(outcome, verb, guid)

    def _done(self, record: commands.OrderMessage, ord_type: OrdType, port: Port, now: Nanos, guid: str) -> Outcome:
        desk, stop_desk, is_stop = self._host.desk, self._host.stop_desk, ord_type in STOPS
        match record:
            case commands.Create():
                if is_stop:
                    return stop_desk.create(record, ord_type, port, now)
                return desk.create(record, ord_type, port, now, guid)
            case commands.Update(orderId=order_id):
                if is_stop:
                    return stop_desk.update(record, str(order_id), ord_type, port, now)
                return desk.update(record, str(order_id), ord_type, port, now, guid)
            case commands.Delete(orderId=order_id):
                if is_stop:
                    return stop_desk.delete(str(order_id), port, now)
                return desk.delete(str(order_id), port, now, guid)

    def _told(self, outcome: Outcome, verb: str, guid: str) -> list[Out]:
        switches = self._host.switches
        match outcome:
            case Done(order_id=order_id):
                return [_reply(guid, 200, _MESSAGES[verb].format(order_id), order_id)]
            case Refused(text=text, is_bad_value=True):
                return self._bad(guid, text)
            case Refused(code=code, text=text):
                close: list[Out] = [Close(switches.bad_values_close_code, "")] if switches.close_on_rejection else []
                return [_reply(guid, code, text), *close]

    def _bad(self, guid: str, text: str) -> list[Out]:
        switches = self._host.switches
        close: list[Out] = [Close(switches.bad_values_close_code, "")] if switches.close_on_bad_values else []
        return [_reply(guid, 400, text), *close]

    def _repeated(self, guid: str) -> list[Out]:
        switches = self._host.switches
        close: list[Out] = [Close(switches.repeated_guid_close_code, "")] if switches.close_on_repeated_guid else []
        return [_reply(guid, 400, commands.REPEATED_GUID), *close]


def _reply(guid: str, code: int, message: str, order_id: str = "") -> Out:
    reply = frames.Reply(requestGuid=guid, httpCode=code, message=message, orderNumber=order_id or UNSET)
    return Send(encode(reply))
