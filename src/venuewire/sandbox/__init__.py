"""The sandbox: the far end of every venue on one's own machine.

Pure, from the inside out: `engine` matches one symbol in integers, `accounts` knows whose money is where, `ticket` is
one order and its reports, `pit` one instrument and what is published of it, `intake` and `funding` look at an order
before the book does, `exchange` is all of that for one venue, `port` a client's place there, `flow` the market's own
participants. On the rim: `floor` is a venue while it runs, `connection` one client's line, `listener` and `control` the
ports, `server` the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from venuewire.sandbox.server import Sandbox

__all__ = ["Sandbox"]


def __getattr__(name: str) -> Any:
    """`Sandbox`, when it is asked for: the pure parts are used without it."""
    if name != "Sandbox":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from venuewire.sandbox.server import Sandbox

    return Sandbox
