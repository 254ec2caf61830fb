"""Frames of our end, with what the session has to know to send them in time."""

from __future__ import annotations

from venuewire.venue import Send
from venuewire.venues.ctrader.limits import HISTORY
from venuewire.venues.ctrader.wire.base import Message
from venuewire.venues.ctrader.wire.table import HISTORICAL, TABLE, frame


def sent(message: Message, ref: str) -> Send:
    """A request; `ref` is its `clientMsgId`."""
    kind = HISTORY if TABLE.kind(message) in HISTORICAL else ""
    return Send(frame(message, ref), ref, kind=kind)
