"""Where requests are taken: who asks, what they stand before, what they ask with, and the refusal of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

from venuewire.model.orders import ExecutionReport
from venuewire.model.terms import Nanos
from venuewire.venue import Exchange, Port
from venuewire.venues.finery import codes, wire
from venuewire.venues.finery.acceptor.clearing import Clearing
from venuewire.venues.finery.acceptor.layouts import Layout
from venuewire.venues.finery.acceptor.listing import Listing

ROWS = 250
"""Rows of a history at most, and unless asked otherwise."""


class Refused(Exception):
    """A request that is answered with a code."""

    def __init__(self, code: int, param: str = "") -> None:
        self.code, self.param = code, param
        super().__init__(f"{codes.name(code)} {param}")


class Subaccount(Struct, frozen=True):
    """A client of a master's."""

    name: str
    role: str


class Desk(Protocol):
    """Who asks, and what they stand before."""

    @property
    def exchange(self) -> Exchange: ...
    @property
    def listing(self) -> Listing: ...
    @property
    def port(self) -> Port: ...
    @property
    def role(self) -> str: ...
    @property
    def client_id(self) -> int: ...
    @property
    def trading(self) -> bool: ...
    @property
    def forbidden(self) -> frozenset[str]: ...
    @property
    def clearing(self) -> Clearing: ...
    @property
    def layout(self) -> Layout: ...
    @property
    def subaccounts(self) -> Mapping[int, Subaccount]:
        """Of a master, by client id."""
        ...

    def created_at(self, report: ExecutionReport) -> int:
        """When an order came, in milliseconds."""
        ...

    def placed(self, order_id: str, now: Nanos, *, cod: bool) -> None:
        """An order was taken; with `cod` it ends with the connection it came over."""
        ...

    def is_cod(self, order_id: str) -> bool: ...

    def of_subaccount(self, client_id: int) -> Desk:
        """The desk of one of the master's sub-accounts. Raises `KeyError`."""
        ...


class Parameters:
    """The content of a request; missing or ill-typed members are refused with 9 and their name."""

    def __init__(self, content: object) -> None:
        if not wire.is_object(content):
            raise Refused(codes.INVALID_PARAMETER, "content")
        self._content: Mapping[str, Any] = content

    def _found(self, name: str, kind: type) -> Any:
        value = self._content.get(name)
        # bool is an int to Python, and no number on the wire.
        if value is not None and type(value) is not kind:
            raise Refused(codes.INVALID_PARAMETER, name)
        return value

    def text(self, name: str) -> str | None:
        found: str | None = self._found(name, str)
        return found

    def needed(self, name: str) -> str:
        found = self.text(name)
        if not found:
            raise Refused(codes.INVALID_PARAMETER, name)
        return found

    def integer(self, name: str, low: int = -wire.INT64_MAX, high: int = wire.INT64_MAX) -> int | None:
        found: int | None = self._found(name, int)
        if found is not None and not low <= found <= high:
            raise Refused(codes.INVALID_PARAMETER, name)
        return found

    def flag(self, name: str) -> bool | None:
        found: bool | None = self._found(name, bool)
        return found

    def ids(self, name: str) -> None:
        """A list of numbers, or nothing."""
        found = self._found(name, list)
        if found is not None and any(type(item) is not int for item in found):
            raise Refused(codes.INVALID_PARAMETER, name)

    def names(self, name: str) -> tuple[str, ...]:
        """One name or several."""
        found = self._content.get(name)
        several: list[object] = found if wire.is_list(found) else [] if found is None else [found]
        texts = tuple(item for item in several if isinstance(item, str))
        if len(texts) != len(several):
            raise Refused(codes.INVALID_PARAMETER, name)
        return texts
