"""`Hall`: the floors of all venues of a sandbox, and what its owner can ask of them and do to them.

`Sandbox` puts ports in front of it, `MemorySandbox` a network without sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal
from inspect import isawaitable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from venuewire import venues as registry
from venuewire.errors import ConfigError
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.sandbox.exchange import SandboxExchange
from venuewire.sandbox.faults import Fault, NoSuchThing
from venuewire.sandbox.floor import Floor
from venuewire.transport.clock import Clock
from venuewire.venue import Credentials, Endpoint, Venue


class Hall:
    """Every venue that runs here, by name."""

    def __init__(self, venues: Iterable[str | Venue] | None, seed: int, clock: Clock) -> None:
        chosen = registry.names() if venues is None else venues
        self._venues = [registry.find(venue) if isinstance(venue, str) else venue for venue in chosen]
        self._seed = seed
        self._clock = clock
        self._floors: dict[str, Floor] = {}
        self._addresses: dict[str, dict[str, str]] = {}
        self._ca_pem = ""
        """The authority clients have to trust, where the venues speak TLS."""
        self._fault_count = 0

    # ---------------------------------------------------------------------------------------------- questions

    def credentials(self, name: str) -> Credentials:
        """Credentials that lead a client to this sandbox. Raises `ConfigError` for a venue it does not run."""
        floor = self._floor(name)
        return msgspec.structs.replace(
            floor.venue.credentials_from(floor.stage.credentials),
            endpoints=dict(self._addresses[name]),
            ca=self._ca_pem,
        )

    def exchange(self, name: str) -> SandboxExchange:
        """The exchange behind a venue. Raises `ConfigError` for a venue that does not run."""
        return self._floor(name).exchange

    def state(self) -> dict[str, Any]:
        """The truth about every venue, as plain values."""
        return {"now": self.now(), "venues": {name: floor.state() for name, floor in self._floors.items()}}

    def now(self) -> Nanos:
        """The sandbox's time."""
        return self._clock.now()

    def account(self, name: str) -> str:
        """The account at a venue that the ready line's credentials belong to. Raises `ConfigError`."""
        return self._floor(name).stage.account

    def dials(self, name: str) -> int:
        """How many handshakes a venue has seen, accepted or refused. Raises `ConfigError`."""
        return self._floor(name).dials

    def _floor(self, name: str) -> Floor:
        try:
            return self._floors[name]
        except KeyError:
            raise ConfigError(f"no venue {name!r} in this sandbox; there are: {', '.join(self._floors)}") from None

    # ---------------------------------------------------------------------------------------------- doing

    def pause_flow(self) -> None:
        """The market's participants stop; their orders stay."""
        for floor in self._floors.values():
            floor.flow.pause()

    def resume_flow(self) -> None:
        """They go on."""
        for floor in self._floors.values():
            floor.flow.resume()
            floor.publish()

    def disconnect(self, name: str, code: int = 1006) -> int:
        """End every connection to a venue; 1006 cuts without a close frame. How many there were."""
        return self._floor(name).disconnect(code)

    async def advance(self, seconds: Decimal | float) -> None:
        """Move the sandbox's clock ahead and do what is due by then. Raises `ConfigError` if the clock cannot be."""
        move = getattr(self._clock, "advance", None)
        if move is None:
            raise ConfigError("this clock cannot be moved")
        moved = move(int(seconds * NANOS_PER_SECOND))
        if isawaitable(moved):
            await moved
        for floor in self._floors.values():
            floor.catch_up()

    # ---------------------------------------------------------------------------------------------- faults

    def set_fault(self, fault: Fault) -> str:
        """Set a fault, at the venue it names or at every one; the id it is cleared by.

        Raises `ConfigError`: for a venue or line that is not here, `NoSuchThing` where no venue aimed at can suffer it.
        """
        floors = [self._floor(fault.venue)] if fault.venue else list(self._floors.values())
        aimed = [floor for floor in floors if not fault.line or fault.line in floor.venue.lines]
        if not aimed:
            lines = ", ".join(dict.fromkeys(line for floor in floors for line in floor.venue.lines))
            raise ConfigError(f"no line {fault.line!r} there; there are: {lines}")
        self._fault_count += 1
        name = str(self._fault_count)
        if not any([floor.set_fault(name, fault) for floor in aimed]):  # noqa: C419  # each is to suffer
            raise NoSuchThing(_no_such_thing(fault, aimed))
        return name

    def clear_fault(self, name: str) -> None:
        """End one fault. Raises `ConfigError` for an id that was never given."""
        if not any([floor.clear_fault(name) for floor in self._floors.values()]):  # noqa: C419  # at every venue
            raise ConfigError(f"no fault {name!r}")

    def clear_faults(self) -> int:
        """End every fault; how many were not over yet."""
        names = [fault["id"] for fault in self.faults() if fault["phase"] != "over"]
        for name in {fault["id"]: None for fault in self.faults()}:
            self.clear_fault(name)
        return len(set(names))

    def faults(self) -> list[dict[str, Any]]:
        """Every fault that waits or is in force, and the last that are over: id, venue, phase, how often it struck."""
        return [
            {"id": name, "venue": floor.name, **rule.describe(), "fault": msgspec.to_builtins(rule.fault)}
            for floor in self._floors.values()
            for name, rule in floor.faults.rules.items()
        ]


def _no_such_thing(fault: Fault, floors: list[Floor]) -> str:
    titles = ", ".join(floor.venue.title for floor in floors)
    if not fault.name:
        return f"{titles} cannot suffer {fault.kind}"
    known = sorted({habit for floor in floors for habit in floor.host.habits})
    return f"{titles} has no habit {fault.name!r}; there are: {', '.join(known) or 'none'}"


def is_line(endpoint: Endpoint) -> bool:
    """Is it a WebSocket?"""
    return urlsplit(endpoint.production).scheme in ("ws", "wss")


def path_of(endpoint: Endpoint) -> str:
    """As the production address has it, without a slash at the end."""
    return urlsplit(endpoint.production).path.rstrip("/")


def address_of(endpoint: Endpoint, netloc: str, *, tls: bool = False) -> str:
    """Where an endpoint is served here."""
    scheme = ("ws" if is_line(endpoint) else "http") + ("s" if tls else "")
    return f"{scheme}://{netloc}{path_of(endpoint)}"


def by_port(endpoints: Iterable[Endpoint]) -> list[list[Endpoint]]:
    """Endpoints that share a port, together."""
    groups: dict[int, list[Endpoint]] = {}
    for endpoint in endpoints:
        groups.setdefault(endpoint.port, []).append(endpoint)
    return [groups[port] for port in sorted(groups)]


@asynccontextmanager
async def owned_tasks() -> AsyncGenerator[asyncio.TaskGroup, None]:
    """A task group that lives in a task of its own, so that what the user's block raises is not wrapped in a group."""
    group: asyncio.Future[asyncio.TaskGroup] = asyncio.get_running_loop().create_future()
    leave = asyncio.Event()

    async def own() -> None:
        async with asyncio.TaskGroup() as tasks:
            group.set_result(tasks)
            await leave.wait()

    owner = asyncio.create_task(own(), name="sandbox")
    try:
        yield await group
    finally:
        leave.set()
        await owner
