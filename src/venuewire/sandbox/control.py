"""The sandbox's control port, on loopback: what is the truth; move the clock, cut lines, hold the market still.

    GET  /ready                                   the ready line
    GET  /state                                   orders, fills, positions, balances, books, connections, by venue
    POST /clock       {"advance_s": 1800}
    POST /disconnect  {"venue": "...", "code": 1006}
    POST /flow        {"paused": true}
    POST /faults      {"kind": "close", ...} or a list      the ids it is, or they are, cleared by
    GET  /faults                                  those that wait or are in force, and the last that are over
    DELETE /faults                                every one of them is over
    DELETE /faults/ID                             this one is

It is the sandbox's own; nothing on the venues' ports differs from the venue.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from aiohttp import web
from msgspec import Struct

from venuewire.errors import ConfigError
from venuewire.sandbox.faults import BadFault, NoSuchThing, faults_from

if TYPE_CHECKING:
    from venuewire.sandbox.server import Sandbox

_FOREVER = 10 * 366 * 24 * 3600
"""Seconds the clock may be moved at once: ten years."""


class _Clock(Struct, forbid_unknown_fields=True):
    advance_s: Decimal


class _Disconnect(Struct, forbid_unknown_fields=True):
    venue: str
    code: int = 1006


class _Flow(Struct, forbid_unknown_fields=True):
    paused: bool


BodyT = TypeVar("BodyT", bound=Struct)


class ControlPort:
    """Answers the control port's requests."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._routes: dict[tuple[str, str], Callable[[bytes], Awaitable[Any]]] = {
            ("GET", "/ready"): self._ready,
            ("GET", "/state"): self._state,
            ("POST", "/clock"): self._clock,
            ("POST", "/disconnect"): self._disconnect,
            ("POST", "/flow"): self._flow,
            ("POST", "/faults"): self._set_faults,
            ("GET", "/faults"): self._faults,
            ("DELETE", "/faults"): self._clear_faults,
        }

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        route = self._routes.get((request.method, request.path))
        if request.method == "DELETE" and request.path.startswith("/faults/"):
            route = partial(self._clear_fault, request.path.removeprefix("/faults/"))
        if route is None:
            known = {path for _, path in self._routes}
            status = 405 if request.path in known else 404
            return _sentence(status, "there are: " + ", ".join(f"{m} {p}" for m, p in self._routes))
        try:
            return _json(200, await route(await request.read()))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _sentence(400, str(error))
        except BadFault as error:
            return _sentence(400, str(error))
        except NoSuchThing as error:
            return _sentence(422, str(error))
        except ConfigError as error:
            return _sentence(404, str(error))

    async def _ready(self, _body: bytes) -> Any:
        return self._sandbox.ready()

    async def _state(self, _body: bytes) -> Any:
        return self._sandbox.state()

    async def _clock(self, body: bytes) -> Any:
        asked = _decoded(body, _Clock).advance_s
        if not asked.is_finite() or not 0 <= asked <= _FOREVER:
            raise msgspec.ValidationError("advance_s must be between 0 and ten years")
        await self._sandbox.advance(asked)
        return {"now": self._sandbox.now()}

    async def _disconnect(self, body: bytes) -> Any:
        asked = _decoded(body, _Disconnect)
        if not (1000 <= asked.code <= 1014 or 3000 <= asked.code <= 4999):
            raise msgspec.ValidationError("code must be a WebSocket close code, or 1006 to cut without one")
        return {"disconnected": self._sandbox.disconnect(asked.venue, asked.code)}

    async def _flow(self, body: bytes) -> Any:
        asked = _decoded(body, _Flow)
        (self._sandbox.pause_flow if asked.paused else self._sandbox.resume_flow)()
        return {"paused": asked.paused}

    async def _set_faults(self, body: bytes) -> Any:
        return {"ids": [self._sandbox.set_fault(fault) for fault in faults_from(body)]}

    async def _faults(self, _body: bytes) -> Any:
        return self._sandbox.faults()

    async def _clear_faults(self, _body: bytes) -> Any:
        return {"cleared": self._sandbox.clear_faults()}

    async def _clear_fault(self, name: str, _body: bytes) -> Any:
        self._sandbox.clear_fault(name)
        return {"cleared": 1}


def _decoded(body: bytes, kind: type[BodyT]) -> BodyT:
    return msgspec.json.decode(body, type=kind)


def _json(status: int, value: Any) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")


def _sentence(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text + "\n")
