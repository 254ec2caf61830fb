"""Every fault at every frame: a run of each venue is recorded, and run again with each fault at each place in it.

Places are counted from the very first frame, so that logon and subscriptions are among them. A place is

- a frame to the client, or to the venue, counted over all lines of the venue (`to_client`, `to_venue`);
- a frame of one connection, from which on nothing comes any more (`connection 1`, ...);
- an HTTP request (`requests`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from tests.simulation.world import World

from venuewire.sandbox.faults import VENUES_OWN
from venuewire.venues import find, names

SEED = 7
SECONDS = 12
"""Of trading; then calm."""
_NEVER = 10**9

ANYWHERE: tuple[dict[str, Any], ...] = (
    *({"kind": "close", "code": code} for code in (1000, 1001, 1006, 1011, 1012, 1013)),
    {"kind": "cut", "bytes": 7},
    {"kind": "delay", "seconds": 2, "count": 1},
    {"kind": "expire"},
    {"kind": "maintenance", "seconds": 5},
    {"kind": "throttle", "seconds": 3},
)
FROM_THERE_ON: tuple[dict[str, Any], ...] = ({"kind": "mute"}, {"kind": "half_open"})
"""Nobody can see that a frame of an unnumbered line was withheld: there it is for good."""
NUMBERED: tuple[dict[str, Any], ...] = (
    {"kind": "drop", "count": 1},
    {"kind": "duplicate", "count": 1},
    {"kind": "swap", "count": 1},
    {"kind": "delay", "seconds": 2, "count": 1, "overtake": True},
    {"kind": "skip", "numbers": 2, "count": 1},
)
OF_REQUESTS: tuple[dict[str, Any], ...] = (
    *({"kind": "drop", "when": when} for when in ("before", "after")),
    *({"kind": "delay", "seconds": 3, "when": when} for when in ("before", "after")),
    {"kind": "refuse", "status": 503},
    {"kind": "throttle", "seconds": 3},
)


class Place(Struct, frozen=True):
    """One fault at one frame or request of one venue's run."""

    venue: str
    where: str
    position: int
    fault: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.venue}, {self.where} {self.position}: {dict(self.fault)}"


async def strike(place: Place) -> World:
    """The recorded run with this fault, to the end. Raises `Broken`, with the end of the log as a note."""
    world = World(SEED, (place.venue,), faults=[{**place.fault, **_aim(place.venue, place.where, place.position)}])
    try:
        async with world:
            await world.run(SECONDS, faults=False)
            await world.calm()
    except Exception as error:
        world.tell(error)
        raise
    return world


async def places(venues: tuple[str, ...] = names()) -> list[Place]:
    """All of them."""
    return [
        Place(venue, where, position, fault)
        for venue in venues
        for where, (count, faults) in (await _recorded(venue)).items()
        for position in range(count)
        for fault in faults
    ]


async def _recorded(venue: str) -> dict[str, tuple[int, list[dict[str, Any]]]]:
    """How many frames or requests there are, by where, and what can strike them."""
    wheres = _wheres(venue)
    world = World(SEED, (venue,), faults=[{"kind": "drop", **_aim(venue, where, _NEVER)} for where in wheres])
    async with world:
        await world.run(SECONDS, faults=False)
        seen = [fault["seen"] for fault in world.sandbox.faults()]
        world.sandbox.clear_faults()
        known = {
            where: [
                fault for fault in faults if fault["kind"] not in VENUES_OWN or world.strike({**fault, "venue": venue})
            ]
            for where, faults in wheres.items()
        }
    return {where: (count, known[where]) for where, count in zip(wheres, seen, strict=True)}


def _wheres(venue: str) -> dict[str, tuple[dict[str, Any], ...]]:
    found = find(venue)
    numbered = NUMBERED if found.capabilities.sequence else ()
    lines = {f"connection {number}": FROM_THERE_ON for number in range(1, len(found.lines) + 1)}
    return {"to_client": (*ANYWHERE, *numbered), "to_venue": ANYWHERE, **lines, "requests": OF_REQUESTS}


def _aim(venue: str, where: str, position: int) -> dict[str, Any]:
    aim: dict[str, Any] = {"venue": venue, "after": position}
    if where == "requests":
        return {**aim, "path": "/", "count": 1}
    if where.startswith("connection"):
        return {**aim, "connection": int(where.split()[1])}
    return {**aim, "direction": where}
