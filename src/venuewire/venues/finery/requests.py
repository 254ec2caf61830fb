"""Commands as requests: the method and its parameters, the same over the socket and over REST. Pure."""

from __future__ import annotations

from msgspec import UNSET, Struct

from venuewire.errors import LocalProtocolError
from venuewire.model.orders import CancelOrder, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import Command, RequestForPositions, SecurityListRequest
from venuewire.venues.finery import translate, wire


def modified_of(body: bytes) -> wire.Modified:
    """REST puts the odd answer one level deeper than the socket does."""
    if wire.answer(body).reply is not UNSET:
        return wire.modified_over_http(body).reply
    return wire.modified(body)


def request_of(command: Command) -> tuple[str, Struct]:
    """(method, parameters). Raises `LocalProtocolError` for what the venue has no words for."""
    match command:
        case NewOrder():
            return "add", translate.add_of(command)
        case ReplaceOrder():
            return "mod", translate.mod_of(command)
        case CancelOrder():
            return "del", translate.del_of(command)
        case MassCancel():
            return "delAll", wire.DelAll(instrument=command.symbol or UNSET)
        case SecurityListRequest():
            return "instruments", wire.Empty()
        case RequestForPositions():
            return "positions", wire.Empty()
        case _:
            raise LocalProtocolError(f"no such request here: {type(command).__name__}")
