"""What a user holds: `connect`, and the `Client` it gives."""

from __future__ import annotations

from venuewire.client.client import Client, connect
from venuewire.client.guarding import Guard
from venuewire.client.limits import OrderLimits
from venuewire.client.live import LiveBook, LiveOrder
from venuewire.client.stream import Stream
from venuewire.client.switch import KillSwitch, kill_on
from venuewire.client.winding import StopReport

__all__ = [
    "Client",
    "Guard",
    "KillSwitch",
    "LiveBook",
    "LiveOrder",
    "OrderLimits",
    "StopReport",
    "Stream",
    "connect",
    "kill_on",
]
