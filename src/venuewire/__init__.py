"""venuewire: authenticated trading sessions with four venues, kept alive, and a sandbox that speaks their wire.

    bytes -> Frame -> Message -> Event -> OrderBook / Order -> you
            transport  venues/<v>/wire  venues/<v>/translate  book, orders   client
    bytes <- Frame <- Message <- Command <------------------------ you

    import venuewire as vw

    async with vw.Sandbox() as sandbox:
        async with vw.connect("coinbase", sandbox.credentials("coinbase")) as client:
            async with client.book("BTC-USD") as book:
                print(book.trust, book.best_bid, book.best_ask)

Names are loaded when they are first used: importing this costs little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from venuewire._version import __version__

if TYPE_CHECKING:
    from venuewire.client import Client as Client
    from venuewire.client import Guard as Guard
    from venuewire.client import LiveBook as LiveBook
    from venuewire.client import LiveOrder as LiveOrder
    from venuewire.client import OrderLimits as OrderLimits
    from venuewire.client import StopReport as StopReport
    from venuewire.client import Stream as Stream
    from venuewire.client import connect as connect
    from venuewire.client import kill_on as kill_on
    from venuewire.errors import VenueError as VenueError
    from venuewire.journal import Durability as Durability
    from venuewire.journal import Journal as Journal
    from venuewire.model.account import AccountSummary as AccountSummary
    from venuewire.model.account import Balance as Balance
    from venuewire.model.account import Position as Position
    from venuewire.model.instrument import Instrument as Instrument
    from venuewire.model.market import Bar as Bar
    from venuewire.model.market import BookSnapshot as BookSnapshot
    from venuewire.model.market import BookUpdate as BookUpdate
    from venuewire.model.market import Level as Level
    from venuewire.model.market import Quote as Quote
    from venuewire.model.market import SecurityStatus as SecurityStatus
    from venuewire.model.market import Trade as Trade
    from venuewire.model.orders import CancelReject as CancelReject
    from venuewire.model.orders import ExecutionReport as ExecutionReport
    from venuewire.model.orders import NewOrder as NewOrder
    from venuewire.model.session import Gap as Gap
    from venuewire.model.session import OrderEstimate as OrderEstimate
    from venuewire.model.session import Secret as Secret
    from venuewire.model.session import VenueNews as VenueNews
    from venuewire.model.terms import Channel as Channel
    from venuewire.model.terms import ExecType as ExecType
    from venuewire.model.terms import OrdStatus as OrdStatus
    from venuewire.model.terms import OrdType as OrdType
    from venuewire.model.terms import Side as Side
    from venuewire.model.terms import TimeInForce as TimeInForce
    from venuewire.model.terms import Trust as Trust
    from venuewire.sandbox import Sandbox as Sandbox

_HOMES = {
    "venuewire.client": (
        *("Client", "Guard", "LiveBook", "LiveOrder", "OrderLimits"),
        *("StopReport", "Stream", "connect", "kill_on"),
    ),
    "venuewire.errors": ("VenueError",),
    "venuewire.journal": ("Durability", "Journal"),
    "venuewire.model.account": ("AccountSummary", "Balance", "Position"),
    "venuewire.model.instrument": ("Instrument",),
    "venuewire.model.market": ("Bar", "BookSnapshot", "BookUpdate", "Level", "Quote", "SecurityStatus", "Trade"),
    "venuewire.model.orders": ("CancelReject", "ExecutionReport", "NewOrder"),
    "venuewire.model.session": ("Gap", "OrderEstimate", "Secret", "VenueNews"),
    "venuewire.model.terms": (
        "Channel",
        "ExecType",
        "OrdStatus",
        "OrdType",
        "Side",
        "TimeInForce",
        "Trust",
    ),
    "venuewire.sandbox": ("Sandbox",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
