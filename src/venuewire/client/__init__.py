"""What a user holds: `connect`, and the `Client` it gives."""

from __future__ import annotations

from venuewire.client.client import Client, connect
from venuewire.client.live import LiveBook, LiveOrder
from venuewire.client.stream import Stream

__all__ = ["Client", "LiveBook", "LiveOrder", "Stream", "connect"]
