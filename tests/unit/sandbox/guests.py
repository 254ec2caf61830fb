"""Clients of the toy venue in memory, and a world to have them in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec.structs import replace
from tests.unit.sandbox.toy import HOSTS, TOY, ToyHost

from venuewire.model.terms import NANOS_PER_SECOND
from venuewire.sandbox.faults import Fault, Kind
from venuewire.sandbox.memory import MemorySandbox
from venuewire.transport.clock import at_rest
from venuewire.transport.memory import MemoryNetwork
from venuewire.transport.network import Line
from venuewire.venue import Answer

TWIN = replace(TOY, name="twin")


class Guest:
    """Somebody who listens at one line."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._began = world.sandbox.now()
        self.line: Line | None = None
        self.heard: list[str] = []
        self.times: list[float] = []
        """When each was heard, in seconds since it came."""
        self.ended: int | None = None

    def received(self, payload: bytes) -> None:
        self.heard.append(payload.decode())
        self.times.append((self._world.sandbox.now() - self._began) / NANOS_PER_SECOND)

    def closed(self, code: int, reason: str) -> None:
        assert self.ended is None, "it is told once"
        self.ended = code

    async def says(self, *texts: str) -> list[str]:
        """Say these, let everything that can happen now happen; what was heard since the last time."""
        for text in texts:
            assert self.line is not None
            self.line.send(text.encode())
        await at_rest()
        return self.news()

    def news(self) -> list[str]:
        heard = self.heard[:]
        self.heard.clear()
        return heard


class World:
    """A toy venue and its twin, in memory."""

    def __init__(self, sandbox: MemorySandbox, network: MemoryNetwork) -> None:
        self.sandbox, self.network = sandbox, network
        self.hosts: list[ToyHost] = HOSTS[-2:]

    async def comes(self, venue: str = "toy", line: str = "feed", *, key: str | None = None) -> Guest:
        """A guest whose line stands, the welcome still in his ears."""
        guest = Guest(self)
        url = self.sandbox.credentials(venue).endpoints[line]
        headers = {} if key is None else {"X-Key": key}
        guest.line = await self.network.dial(url, headers, guest, max_frame=1 << 20)
        await at_rest()
        return guest

    async def settled(self, venue: str = "toy", line: str = "feed") -> Guest:
        """The same, the welcome heard."""
        guest = await self.comes(venue, line)
        assert guest.news() == [f"welcome {line}"]
        return guest

    async def asks(self, path: str, *, venue: str = "toy", key: str | None = None, body: bytes = b"") -> Answer:
        """An HTTP request, its answer awaited for 10 seconds of the clock."""
        url = self.sandbox.credentials(venue).endpoints["http"] + path
        headers = {} if key is None else {"X-Key": key}
        return await self.sandbox.run(self.network.fetch("POST", url, headers, body, seconds=10))

    def key(self) -> str:
        return str(self.hosts[0].key)

    def suffers(self, kind: str, **terms: object) -> str:
        """Set a fault at the toy venue, if nothing else is said."""
        terms.setdefault("venue", "toy")
        return self.sandbox.set_fault(Fault(kind=Kind(kind), **terms))  # type: ignore[arg-type]


@asynccontextmanager
async def world(*, automatic: bool = True) -> AsyncIterator[World]:
    async with MemorySandbox([TOY, TWIN]) as sandbox:
        sandbox.pause_flow()
        network = sandbox.network(automatic=automatic)
        yield World(sandbox, network)
        await network.close()
        await at_rest()
