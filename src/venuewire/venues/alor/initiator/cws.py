"""Our end of `/cws`: orders (4).

`authorize` comes first, and again before the token ends; commands carry no token (2.5). A command's guid is its ref:
unique for ever, which `/cws` insists on (4.6).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from msgspec.structs import replace

from venuewire.codec import Envelope, encode
from venuewire.errors import LocalProtocolError, LogonRejected
from venuewire.errors import RemoteProtocolError as Damage
from venuewire.model.orders import CancelOrder, NewOrder, ReplaceOrder
from venuewire.model.session import (
    Command,
    Event,
    Grant,
    Heartbeat,
    Reply,
    RequestRejected,
    Unknown,
)
from venuewire.model.terms import Nanos
from venuewire.venue import Answer, Effect, Fetch, Flow, Headers, Seat, Send
from venuewire.venues.alor import stops, terms, translate
from venuewire.venues.alor.initiator.line import PONG, REPLY, Line
from venuewire.venues.alor.wire import commands, frames

OrderCommand: TypeAlias = NewOrder | ReplaceOrder | CancelOrder


class Orders(Line):
    """Line `cws`: orders. `authorize` comes first, and again before the token ends; commands carry no token (2.5)."""

    name = "cws"

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._asked: dict[str, OrderCommand] = {}
        self._authorizing: set[str] = set()
        self._kept = stops.kept_terms(seat)

    def handshake(self, now: Nanos) -> Headers:
        self._asked.clear()
        self._authorizing.clear()
        return super().handshake(now)

    def logon(self, now: Nanos) -> Flow:
        """`authorize` with the token at hand, or a new one. A token taken over that is refused is replaced once."""
        taken = self._take_over(now)
        grant = taken or (yield from self._fetch(now))
        event = yield self._authorize(grant)
        if taken is not None and isinstance(event, RequestRejected) and event.code == "401":
            self._drop(taken)
            grant = yield from self._fetch(now)
            event = yield self._authorize(grant)
        if isinstance(event, RequestRejected):
            self._drop(grant)
            raise LogonRejected(self.name, event.code, event.text)
        self._held = grant
        return grant

    def _drop(self, grant: Grant) -> None:
        if self.seat.grant is grant:
            self.seat.grant = None

    def _authorize(self, grant: Grant) -> Send:
        guid = f"auth-{self.seat.unique()}"
        self._authorizing.add(guid)
        return self._authorization(grant, guid)

    @staticmethod
    def _authorization(grant: Grant, guid: str) -> Send:
        message = commands.Authorize(opcode=commands.AUTHORIZE, guid=guid, token=grant.token.reveal())
        return Send(encode(message), guid)

    def _documented_sign(self) -> Send | None:
        """`authorize` again, with the token in hand: documented, and answered whatever else the venue knows (2.5)."""
        held = self._held
        if held is None:
            return None
        guid = f"alive-{self.seat.unique()}"
        self._pings[guid] = held
        return self._authorization(held, guid)

    def send(self, command: Command, now: Nanos) -> list[Effect]:
        """Raises `LocalProtocolError` for what ALOR has no message for, before anything is sent."""
        margin, check = self.settings.allow_margin, self.settings.check_duplicates
        protecting = self.settings.protecting_seconds
        message: commands.OrderMessage
        match command:
            case NewOrder():
                known = self._known(command.symbol)
                message = translate.create_message(
                    command,
                    known,
                    self.portfolio,
                    allow_margin=margin,
                    check_duplicates=check,
                    protecting=protecting,
                )
            case ReplaceOrder():
                known, kept = self._known(command.symbol), self._kept.get(command.order_id)
                message = translate.update_message(
                    command, known, self.portfolio, kept, allow_margin=margin, check_duplicates=check
                )
            case CancelOrder():
                message = translate.delete_message(command, self.portfolio, check_duplicates=check)
            case _:
                raise LocalProtocolError(f"{type(command).__name__} does not go over ALOR's /cws")
        self._asked[command.ref] = command
        return [Send(encode(message), command.ref)]

    def receive(self, envelope: Envelope, now: Nanos) -> Sequence[Event | Send]:
        """Answers to commands. Raises `RemoteProtocolError`."""
        if envelope.kind == PONG:
            return [Heartbeat(recv_time=now)]
        if envelope.kind != REPLY:
            return [Unknown(kind=str(envelope.kind), body=envelope.body)]
        reply, guid = frames.read_reply(envelope.body), envelope.ref or ""
        if guid in self._authorizing:
            self._authorizing.discard(guid)
            return [self._logon_answer(reply, guid)]
        if guid in self._pings:
            held = self._answered(guid)
            ended = self._invalid(held, reply.text) if reply.httpCode == 401 and held is not None else []
            return [*ended, Heartbeat(recv_time=now, ref=guid), *self._overtaken()]
        invalid = self._invalid(self._held, reply.text) if reply.httpCode == 401 else []
        command = self._asked.get(guid)
        if command is None:
            return [*invalid, Unknown(kind=REPLY, body=envelope.body)]
        return [*self._outcome(command, reply, now, envelope.body), *invalid]

    def _overtaken(self) -> list[Event]:
        """`/ws` hears of a token's untimely end first: its pings carry it. Here the next order would be refused."""
        held, newest = self._held, self.seat.grant
        if held is None or newest is None or newest is held or held.expires_at is None:
            return []
        left = held.expires_at - newest.issued_at
        is_early = left > (held.expires_at - held.issued_at) // 2
        return self._invalid(held, "the other line's token was ended before its time") if is_early else []

    def _logon_answer(self, reply: frames.Reply, guid: str) -> Event:
        if reply.httpCode < 300:
            return Reply(message=reply, ref=guid)
        return RequestRejected(code=str(reply.httpCode), text=reply.text, ref=guid)

    def _outcome(self, command: OrderCommand, reply: frames.Reply, now: Nanos, body: bytes) -> list[Event]:
        if terms.is_unknown(reply.httpCode, reply.text):
            # The order may stand. Left unanswered, it is reconciled.
            return [Unknown(kind=f"{reply.httpCode} {reply.text}", body=body)]
        del self._asked[command.ref]
        if reply.httpCode >= 300:
            return [translate.refused_report(command, str(reply.httpCode), reply.text, self.portfolio, now)]
        order_id = command.order_id if isinstance(command, CancelOrder) else self._placed(command, reply)
        return [translate.done_report(command, order_id, self.portfolio, now)]

    def _placed(self, command: NewOrder | ReplaceOrder, reply: frames.Reply) -> str:
        """Our id of the order that was made; what it was placed with is kept under it."""
        number = str(reply.orderNumber or "")
        if not number:
            raise Damage("an order command was done but the answer has no order number")
        if isinstance(command, NewOrder):
            order_id = terms.stop_id(number) if command.ord_type in terms.STOP_TYPES.values() else number
            kept = stops.kept_of(command, self._known(command.symbol))
            if kept.condition:
                kept = replace(kept, protecting=self.settings.protecting_seconds)
        else:
            order_id = terms.stop_id(number) if terms.raw_id(command.order_id)[1] else number
            kept = self._kept.get(command.order_id, stops.Kept())
        if kept != stops.Kept():
            self._kept.keep(order_id, kept)
        return order_id

    def answered(self, fetch: Fetch, answer: Answer, now: Nanos) -> Sequence[Event]:
        """Nothing of this line goes over HTTP."""
        raise LocalProtocolError("ALOR's /cws line makes no HTTP requests")
