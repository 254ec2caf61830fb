"""Requests of our end, over the socket or as signed REST calls: commands as methods, replies and refusals as events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from venuewire.codec import encode
from venuewire.errors import LocalProtocolError, RemoteProtocolError
from venuewire.model.orders import CancelOrder, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import (
    Command,
    Event,
    Heartbeat,
    Holdings,
    MassStatus,
    OrderMassStatusRequest,
    Reply,
    RequestForPositions,
    RequestRejected,
    SecurityList,
    SecurityListRequest,
    Unknown,
    VenueRequest,
    VenueStatus,
)
from venuewire.model.terms import NANOS_PER_MILLI, ExecType, Nanos
from venuewire.venue import Answer, Fetch, Seat, Send
from venuewire.venues.finery import codes, signing, translate, wire
from venuewire.venues.finery.initiator import orders
from venuewire.venues.finery.initiator.known import Held, Listed
from venuewire.venues.finery.initiator.options import Options
from venuewire.venues.finery.wire import methods

PAGE = 250
"""Rows of a history the venue gives at once (page dealHistory)."""

Item: TypeAlias = Event | Send | Fetch


class _History(Struct, frozen=True):
    """A request of our own: deals, fetched page by page ahead of the list of working orders that was asked for."""

    command: OrderMassStatusRequest
    pages: int
    """How many more may be fetched."""


class _Probe(Struct, frozen=True):
    """Another: asked only to be answered."""


_Command: TypeAlias = Command | _History | _Probe


class Requests:
    """What was asked on a line, or by its HTTP calls, and has not been answered."""

    def __init__(self, seat: Seat, options: Options, listed: Listed, held: Held) -> None:
        self._seat = seat
        self._options = options
        self._listed = listed
        self._held = held
        self._in_flight: dict[int, _Command] = {}
        self._own_numbers = 0
        self._replies: dict[type, Callable[[Any, bytes, Nanos], Sequence[Item]]] = {
            NewOrder: lambda order, body, now: orders.added_reports(order, wire.added(body), now),
            ReplaceOrder: lambda order, body, now: orders.modified_reports(order, _modified(body), now),
            CancelOrder: lambda order, body, now: [orders.deleted_report(order, wire.deleted(body), now)],
            MassCancel: lambda command, body, _now: [Reply(message=wire.removed(body), ref=command.ref)],
            SecurityListRequest: self._list_came,
            OrderMassStatusRequest: self._orders_came,
            RequestForPositions: self._positions_came,
            VenueRequest: _venue_reply,
            _Probe: lambda _probe, _body, now: [Heartbeat(recv_time=now)],
            _History: self._deals_came,
        }

    def forget(self) -> None:
        """The line is a new one. HTTP calls outlive it."""
        self._own_numbers = 0
        if not self._options.over_http:
            self._in_flight.clear()

    # ----------------------------------------------------------------------- asking

    def send(self, command: Command, now: Nanos) -> Send | Fetch:
        """Raises `LocalProtocolError` for what the venue has no words for."""
        if isinstance(command, OrderMassStatusRequest):
            # Fills first: a list of working orders alone cannot tell a filled order from a refused one.
            return self._history(_History(command, self._options.history_pages - 1), UNSET, now)
        method, parameters = request_of(command)
        if self._options.over_http and isinstance(command, NewOrder) and command.cancel_on_disconnect:
            raise LocalProtocolError("cancel_on_disconnect has no meaning over HTTP; set requests = ws")
        if isinstance(parameters, wire.Add):
            parameters = self._routed(parameters)
        return self._call(method, parameters, command, command.ref, now)

    def _routed(self, order: wire.Add) -> wire.Add:
        """With where it may trade, as the settings say (page add)."""
        options = self._options
        makers = options.makers if options.streams is True else UNSET
        return replace(order, qsEnabled=options.streams, firmBookEnabled=options.firm, makers=makers)

    def probe(self) -> Send:
        """A small read over the socket, whose answer proves that the other end is there."""
        return self._say("dealHistory", methods.DealHistory(limit=1), self._note(_Probe(), None), None)

    def _history(self, history: _History, till: int | UnsetType, now: Nanos) -> Send | Fetch:
        """A page of deals: those before `till`; once there are no more, or no page is left, the working orders."""
        command = history.command
        if history.pages < 0:
            return self._call("positions", methods.Positions(), command, command.ref, now)
        return self._call("dealHistory", methods.DealHistory(till=till), history, command.ref, now)

    def _call(self, method: str, parameters: Struct, command: _Command, ref: str, now: Nanos) -> Send | Fetch:
        number = self._note(command, ref)
        if self._options.over_http:
            return self._fetch(method, parameters, number, ref, now)
        return self._say(method, parameters, number, ref)

    def _note(self, command: _Command, ref: str | None) -> int:
        """Its number: the command's own reference, where it is one, so that both ends speak of the same."""
        if ref is not None and ref.isascii() and ref.isdigit() and int(ref) not in self._in_flight:
            number = int(ref)
        else:
            number = self._own_number()
        self._in_flight[number] = command
        return number

    def _own_number(self) -> int:
        """Below what any clock gives, which is what references are made from."""
        self._own_numbers += 1
        while self._own_numbers in self._in_flight:
            self._own_numbers += 1
        return self._own_numbers

    def _say(self, method: str, parameters: Struct, number: int, ref: str | None) -> Send:
        return Send(encode(wire.Request("request", number, method, parameters)), ref)

    def _fetch(self, method: str, parameters: Struct, number: int, ref: str, now: Nanos) -> Fetch:
        credentials = self._seat.credentials
        body = signing.rest_body(wire.plain(parameters), self._seat.unique(), self._seat.now(now) // NANOS_PER_MILLI)
        signature = signing.sign(credentials.secret.reveal(), signing.rest_text(method, body))
        headers = {"EFX-Key": credentials.key, "EFX-Sign": signature, "Content-Type": "application/json"}
        return Fetch(method="POST", path=f"/api/{method}", body=body, headers=headers, ref=ref, kind=str(number))

    # ----------------------------------------------------------------------- what comes back

    def replied(self, ref: str | None, body: bytes, now: Nanos) -> list[Event | Send]:
        """A reply over the socket. Raises `RemoteProtocolError`."""
        command = self._taken(ref)
        if command is None:
            return [Unknown(kind="reply", body=body)]
        return _on_the_line(self._meaning(command, body, now))

    def failed(self, ref: str | None, failure: wire.Reply, now: Nanos) -> list[Event | Send]:
        """A refusal over the socket."""
        code, text = code_of(failure), words(failure)
        command = self._taken(ref)
        if command is None:
            return [RequestRejected(code=str(code), text=text)]
        return _on_the_line(self._refused(command, code, text, now))

    def answered(self, fetch: Fetch, answer: Answer, now: Nanos) -> list[Event | Fetch]:
        """What a REST answer means. Raises `RemoteProtocolError` where it does not say what happened."""
        command = self._taken(fetch.kind)
        if command is None:
            raise RemoteProtocolError("an answer to a call nobody waits for")
        # Over HTTP nothing is sent on the line for it.
        return [item for item in self._answer_means(command, answer, now) if not isinstance(item, Send)]

    def _taken(self, number: str | None) -> _Command | None:
        return self._in_flight.pop(int(number), None) if number is not None and number.isdecimal() else None

    def _answer_means(self, command: _Command, answer: Answer, now: Nanos) -> Sequence[Item]:
        if answer.status == 200:
            return self._meaning(command, answer.body, now)
        if answer.status == 429:
            return self._refusal(command, "429", "too many requests", now)
        if answer.status != 400:
            raise RemoteProtocolError(f"HTTP {answer.status} does not say whether the venue acted")
        failure = wire.answer(answer.body)
        if failure.error is UNSET:
            raise RemoteProtocolError("HTTP 400 without a code")
        return self._refused(command, failure.error, words(failure), now)

    def _meaning(self, command: _Command, body: bytes, now: Nanos) -> Sequence[Item]:
        return self._replies[type(command)](command, body, now)

    def _list_came(self, command: SecurityListRequest, body: bytes, _now: Nanos) -> list[Event]:
        instruments = self._listed.learn(wire.listing(body))
        wanted = tuple(it for it in instruments if not command.symbols or it.symbol in command.symbols)
        return [SecurityList(instruments=wanted, ref=command.ref)]

    def _deals_came(self, history: _History, body: bytes, now: Nanos) -> list[Item]:
        """A page of deals, newest first; a full one has older ones behind it."""
        rows = wire.deals(body)
        reports: list[Event] = [translate.deal_report(row, now, historical=True) for row in rows]
        # In the order they were made, so that each adds to what came before.
        reports.reverse()
        pages, till = (history.pages, min(row.id for row in rows)) if len(rows) >= PAGE else (0, UNSET)
        return [*reports, self._history(_History(history.command, pages - 1), till, now)]

    def _orders_came(self, command: OrderMassStatusRequest, body: bytes, now: Nanos) -> list[Event]:
        rows = wire.positions_reply(body).orders
        reports = tuple(translate.order_report(row, ExecType.ORDER_STATUS, now, historical=True) for row in rows)
        return [MassStatus(reports=reports, ref=command.ref)]

    def _positions_came(self, command: RequestForPositions, body: bytes, now: Nanos) -> list[Event]:
        balances = self._held.replace(wire.positions_reply(body).positions, now)
        return [Holdings(positions=(), balances=tuple(balances), ref=command.ref)]

    # ----------------------------------------------------------------------- refusals

    def _refused(self, command: _Command, code: int, text: str, now: Nanos) -> list[Item]:
        if code in codes.NO_OUTCOME and _changes(command):
            # Not an outcome: the request's deadline makes it unknown, and orders are reconciled.
            return [VenueStatus(up=True, code=str(code), text=text)]
        return self._refusal(command, str(code), text, now)

    def _refusal(self, command: _Command, code: str, text: str, now: Nanos) -> list[Item]:
        if isinstance(command, _History):  # Without the deals, then.
            return [self._history(_History(command.command, -1), UNSET, now)]
        if isinstance(command, _Probe):  # Refused, and answered for all that.
            return [Heartbeat(recv_time=now)]
        if isinstance(command, NewOrder):
            return [orders.refused_order(command, int(code), now, text)]
        if isinstance(command, CancelOrder | ReplaceOrder):
            return [orders.refused_change(command, int(code), now, text)]
        return [RequestRejected(code=code, text=text, ref=command.ref)]


def request_of(command: Command) -> tuple[str, Struct]:
    """(method, parameters). Raises `LocalProtocolError` for what the venue has no words for."""
    match command:
        case NewOrder():
            return "add", orders.add_of(command)
        case ReplaceOrder():
            return "mod", orders.mod_of(command)
        case CancelOrder():
            return "del", orders.del_of(command)
        case MassCancel():
            return "delAll", wire.DelAll(instrument=command.symbol or UNSET)
        case SecurityListRequest():
            return "instruments", methods.Instruments()
        case RequestForPositions():
            return "positions", methods.Positions()
        case VenueRequest():
            return _method_of(command.message), command.message
        case _:
            raise LocalProtocolError(f"no such request here: {type(command).__name__}")


def _method_of(record: Struct) -> str:
    found = methods.METHODS.get(type(record))
    if found is None:
        some = ", ".join(sorted(it.__name__ for it in methods.METHODS)[:6])
        raise LocalProtocolError(f"{type(record).__name__} is no request of wire.methods, such as {some}")
    return found[0]


def _venue_reply(command: VenueRequest, body: bytes, _now: Nanos) -> list[Event]:
    _, read = methods.METHODS[type(command.message)]
    return [Reply(message=read(body), ref=command.ref)]


def _changes(command: _Command) -> bool:
    """Does it place or change an order, set a limit, move money?"""
    if isinstance(command, VenueRequest):
        return type(command.message) in methods.CHANGING
    return isinstance(command, NewOrder | ReplaceOrder | CancelOrder | MassCancel)


def _modified(body: bytes) -> wire.Modified:
    """REST puts the odd answer one level deeper than the socket does."""
    if wire.answer(body).reply is not UNSET:
        return wire.modified_over_http(body).reply
    return wire.modified(body)


def _on_the_line(items: Sequence[Item]) -> list[Event | Send]:
    """Over the socket nothing is fetched."""
    return [item for item in items if not isinstance(item, Fetch)]


def code_of(failure: wire.Reply) -> int:
    """The code of a refusal."""
    return 0 if failure.error is UNSET else failure.error


def words(failure: wire.Reply) -> str:
    """The code in words, with the parameter it is about."""
    name = codes.name(code_of(failure))
    return name if failure.param is UNSET else f"{name}: {failure.param}"
