"""The sandbox: the far end of every venue on one's own machine.

Pure, from the inside out: `listing` is an instrument's rules in integers, `engine` matches one symbol, `accounts` knows
whose money is where, `ticket` is one order, `notes` what has happened, `pit` one instrument and what is published of
it, `intake` and `funding` look at an order before the book does, `exchange` is all of that for one venue, `port` a
client's place there, `flow` the market's own participants; `twins` says whether all this is compiled; `faults` says
what goes wrong and when, `lane` what that leaves of one connection's frames, `door` how somebody is turned away. On the
rim: `floor` is a venue while it runs, `connection` one client's line, `hall` all floors; `server`, with `socket`,
`listener` and `control`, puts that behind ports; `memory` into the client's process.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from venuewire.sandbox.twins import compiled

if TYPE_CHECKING:
    from venuewire.sandbox.faults import Fault, Kind
    from venuewire.sandbox.memory import MemorySandbox
    from venuewire.sandbox.server import Sandbox

__all__ = ["Fault", "Kind", "MemorySandbox", "Sandbox"]

_HOMES = {"Fault": "faults", "Kind": "faults", "MemorySandbox": "memory", "Sandbox": "server"}


compiled()  # before anything of it is imported


def __getattr__(name: str) -> Any:
    """What is asked for, and no more: the pure parts are used without the rest."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
