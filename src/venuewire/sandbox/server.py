"""`Sandbox`: every venue on one's own machine, behind real sockets, with a market that lives.

    async with Sandbox() as sandbox:
        credentials = sandbox.credentials(name)

What needs aiohttp is imported when the sandbox starts.
"""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from venuewire.errors import ConfigError
from venuewire.sandbox.floor import Floor
from venuewire.sandbox.hall import Hall, address_of, by_port, is_line, owned_tasks, path_of
from venuewire.transport.clock import Clock, SystemClock
from venuewire.venue import Endpoint, Venue

if TYPE_CHECKING:
    from types import TracebackType

    from venuewire.sandbox.listener import Listener

_LEAVING = 0.5
"""Seconds clients have to answer the close frame when the sandbox ends."""
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


class Sandbox(Hall):
    """All venues, or some, on ports of their own. `async with` starts and ends it; it leaves nothing behind.

    `venues`: names, or `Venue` values; None for all. `port`: the control port, the venues' follow it; 0 lets the
    system choose each. `tls`: every venue's port speaks TLS, under a certificate authority made now (`ready()["ca"]`).
    `seed`: the same seed gives the same credentials and the same market. `waiting`: bytes that may wait for a client
    who does not read, before it is cut.

    Raises `ConfigError` for an unknown venue, a port that is taken, or TLS without the package it needs.
    """

    def __init__(
        self,
        venues: Iterable[str | Venue] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: bool = False,
        seed: int = 1,
        clock: Clock | None = None,
        waiting: int | None = None,
    ) -> None:
        super().__init__(venues, seed, clock if clock is not None else SystemClock())
        self._host = "127.0.0.1" if host == "localhost" else host
        self._port = port
        self._tls = tls
        self._waiting = waiting
        self._control = ""
        self._ca: str | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            context = self._certified(stack) if self._tls else None
            tasks = await stack.enter_async_context(owned_tasks())
            await self._listen(stack, tasks, context)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, traceback)

    # ---------------------------------------------------------------------------------------------- starting

    async def _listen(self, stack: AsyncExitStack, tasks: asyncio.TaskGroup, context: ssl.SSLContext | None) -> None:
        from venuewire.sandbox.control import ControlPort
        from venuewire.sandbox.listener import Listener

        listeners: list[Listener] = []
        ports = iter(range(self._port, 1 << 16)) if self._port else None

        async def listening(listener: Listener, host: str, tls: ssl.SSLContext | None = None) -> int:
            number = await listener.listen(host, next(ports) if ports else 0, tls)
            stack.push_async_callback(listener.close)
            listeners.append(listener)
            return number

        self._control = f"http://127.0.0.1:{await listening(Listener(ControlPort(self).answer), '127.0.0.1')}"
        for venue in self._venues:
            floor = self._floors[venue.name] = Floor(venue, self._clock, self._seed)
            for group in by_port(venue.endpoints):
                number = await listening(self._venue_listener(floor, group), self._host, context)
                self._note(venue.name, group, number)
            timer = tasks.create_task(floor.keep_time(), name=f"sandbox timer of {venue.name}")
            stack.callback(timer.cancel)
        # Pushed last, so that it comes first: nobody comes in, clients leave, and then ports and timers go.
        stack.push_async_callback(self._clear, listeners)

    async def _clear(self, listeners: list[Listener]) -> None:
        for listener in listeners:
            await listener.stop()
        await asyncio.gather(*(floor.clear(_LEAVING) for floor in self._floors.values()))

    def _venue_listener(self, floor: Floor, group: list[Endpoint]) -> Listener:
        from venuewire.sandbox.connection import MAX_WAITING
        from venuewire.sandbox.listener import Listener, VenuePort

        lines = {path_of(endpoint): endpoint.name for endpoint in group if is_line(endpoint)}
        waiting = MAX_WAITING if self._waiting is None else self._waiting
        return Listener(VenuePort(floor, lines, waiting).answer)

    def _note(self, name: str, group: list[Endpoint], number: int) -> None:
        """Remember the addresses of these endpoints."""
        host = _EVERYWHERE.get(self._host, self._host)
        netloc = f"[{host}]:{number}" if ":" in host else f"{host}:{number}"
        for endpoint in group:
            self._addresses.setdefault(name, {})[endpoint.name] = address_of(endpoint, netloc, tls=self._tls)

    def _certified(self, stack: AsyncExitStack) -> ssl.SSLContext:
        """A server context under a certificate authority of our own, whose certificate clients find at `_ca`."""
        try:
            import trustme
        except ImportError:
            raise ConfigError("TLS in the sandbox needs trustme: pip install 'venuewire[sandbox]'") from None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="venuewire-")))
        authority = trustme.CA()
        names = dict.fromkeys(("localhost", "127.0.0.1", "::1", _EVERYWHERE.get(self._host, self._host)))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(*names).configure_cert(context)  # pyright: ignore[reportUnknownMemberType]  # it also takes pyOpenSSL's
        path = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(path))
        self._ca = str(path)
        self._ca_pem = authority.cert_pem.bytes().decode("ascii")
        return context

    # ---------------------------------------------------------------------------------------------- questions

    def ready(self) -> dict[str, Any]:
        """Where everything is and how to log on: the sandbox's ready line."""
        return {
            "ready": True,
            "control": self._control,
            "ca": self._ca,
            "venues": {
                name: {
                    **self._addresses[name],
                    "credentials": floor.stage.credentials,
                    "symbols": _symbols(floor),
                }
                for name, floor in self._floors.items()
            },
        }


def _symbols(floor: Floor) -> list[str]:
    """The venue's usual one first."""
    usual = floor.venue.default_symbol
    return sorted((instrument.symbol for instrument in floor.stage.instruments), key=lambda symbol: symbol != usual)
