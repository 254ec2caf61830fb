"""One line of a client, seen from the venue: the acceptor, what faults leave of its frames, and some way to write them.

`Connection` is all that is the same over sockets (`socket`) and in memory (`memory`). While no fault is set, a frame
goes from the acceptor to the wire with one look at an empty list in between; while some are, it goes through a `Lane`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from venuewire.model.account import Balance, Position
from venuewire.model.market import BookSnapshot, BookUpdate, Quote, Trade
from venuewire.model.orders import CancelReject, ExecutionReport
from venuewire.model.session import Event
from venuewire.model.terms import Channel, Nanos
from venuewire.sandbox.faults import ANSWERS, Fault
from venuewire.sandbox.lane import Cut, Lane, Step
from venuewire.venue import Acceptor, Close, Out, Send

if TYPE_CHECKING:
    from venuewire.sandbox.floor import Floor

logger = logging.getLogger("venuewire.sandbox")

MAX_WAITING = 8 << 20
"""Bytes that may wait for a client who does not read."""

_INTERNAL_ERROR = 1011

CHANNELS: dict[type, Channel] = {
    BookSnapshot: Channel.BOOK,
    BookUpdate: Channel.BOOK,
    Trade: Channel.TRADES,
    Quote: Channel.QUOTES,
    ExecutionReport: Channel.ORDERS,
    CancelReject: Channel.ORDERS,
    Position: Channel.POSITIONS,
    Balance: Channel.POSITIONS,
}
"""Which channel tells of what."""


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame; without a code (0) where the client gave none."""
    if not code:
        return b"\x88\x00"
    # A control frame holds at most 125 bytes; never cut through a letter.
    words = reason.encode()[:123].decode(errors="ignore").encode()
    return bytes((0x88, 2 + len(words))) + code.to_bytes(2, "big") + words


def text_head(size: int) -> bytes:
    """What goes before a whole text message of so many bytes, unmasked (RFC 6455, section 5.2)."""
    if size < 126:
        return bytes((0x81, size))
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big")
    return b"\x81\x7f" + size.to_bytes(8, "big")


def text_frame(payload: bytes) -> bytes:
    """A whole text message as an unmasked frame."""
    return text_head(len(payload)) + payload


class Connection:
    """A client's connection to one line of one venue; how its bytes are written is its subclasses' to say."""

    def __init__(
        self, floor: Floor, line: str, acceptor: Acceptor, limit: int = MAX_WAITING, *, doomed: int | None = None
    ) -> None:
        self.line = line
        self.acceptor = acceptor
        self.number = floor.next_number()
        """The nth connection to the venue since it started."""
        self._floor = floor
        self._limit = limit
        self._is_answering = False
        """What is written now was asked for at this moment."""
        self._doomed = doomed
        """The code it ends with as soon as it stands."""
        self._ended = False
        self._lanes: tuple[Lane, Lane] | None = None
        """To the client and to the venue; None while no fault concerns anybody."""

    # ---------------------------------------------------------------------------------------------- the wire

    def write(self, payload: bytes) -> None:
        """Put a whole message on the wire."""
        raise NotImplementedError

    def write_part(self, payload: bytes, count: int) -> None:
        """Put the first `count` bytes of a message's frame on the wire, and end there."""
        raise NotImplementedError

    def say_goodbye(self, code: int, reason: str) -> None:
        """Put a close frame on the wire, after which nothing is sent."""
        raise NotImplementedError

    def abort(self) -> None:
        """Cut the wire."""
        raise NotImplementedError

    # ---------------------------------------------------------------------------------------------- the acceptor

    def opened(self) -> None:
        """What the venue says first."""
        if self._doomed is not None:
            self.close(self._doomed)
            return
        self._ask(lambda: self.acceptor.opened(self._floor.now()), ANSWERS)
        self._floor.publish()

    def received(self, payload: bytes) -> None:
        """Answer a frame, then tell everybody what came of it."""
        if self._ended:
            return
        if self._lanes is None and not self._floor.faults.frames:
            self._hear(payload)
        else:
            self._carry_in(self._both_lanes()[1].enter(payload, "", self._floor.world()))
        self._floor.publish()

    def _hear(self, payload: bytes) -> None:
        self._ask(lambda: self.acceptor.receive(payload, self._floor.now()), ANSWERS)

    def pinged(self) -> None:
        """A protocol ping has been answered."""

        def only_note() -> Sequence[Out]:
            self.acceptor.pinged(self._floor.now())
            return ()

        self._ask(only_note, ANSWERS)

    def told(self, event: Event, now: Nanos) -> None:
        """Something happened at the exchange. Every connection hears of everything: nothing here is done in vain."""
        try:
            outs = self.acceptor.publish(event, now)
        except Exception:
            logger.exception("the venue's end of %s/%s failed", self._floor.name, self.line)
            self.close(_INTERNAL_ERROR, "internal error")
            return
        if outs:
            self.apply(outs, CHANNELS.get(type(event), ANSWERS))

    def flush(self) -> None:
        """Let go what `write` has gathered, where it gathers."""

    def next_due(self) -> Nanos | None:
        """When `run_due` wants to be called, by the world's clock."""
        ticks = None if self._ended else self.acceptor.next_tick()
        if ticks is not None:
            ticks -= self._floor.skew
        if self._lanes is None:
            return ticks
        times = (ticks, self._lanes[0].next_due(), self._lanes[1].next_due())
        return min((when for when in times if when is not None), default=None)

    def run_due(self) -> None:
        """Frames that waited go on; then what the acceptor asked to be called for."""
        if self._lanes is not None:
            out, inward = self._lanes
            now = self._floor.world()
            self._carry_out(out.release(now))
            self._carry_in(inward.release(now))
            if out.is_idle and inward.is_idle and not self._floor.faults.frames:
                self._lanes = None
        ticks = self.acceptor.next_tick()
        if not self._ended and ticks is not None and ticks <= self._floor.now():
            self._ask(lambda: self.acceptor.tick(self._floor.now()), Channel.HEARTBEATS)

    def left(self) -> None:
        """The client is gone."""
        self._ended = True
        self._lanes = None

        def say_nothing() -> Sequence[Out]:
            self.acceptor.closed(self._floor.now())
            return ()

        self._ask(say_nothing, ANSWERS)
        self._floor.publish()

    def _ask(self, question: Callable[[], Sequence[Out]], channel: str) -> None:
        """Send what the acceptor says. Its raising is a bug of ours, and only this connection pays for it."""
        try:
            outs = question()
        except Exception:
            logger.exception("the venue's end of %s/%s failed", self._floor.name, self.line)
            self.close(_INTERNAL_ERROR, "internal error")
            return
        if outs:
            self.apply(outs, channel)

    # ---------------------------------------------------------------------------------------------- to the client

    @property
    def ended(self) -> bool:
        """Nothing more will be sent."""
        return self._ended

    def apply(self, outs: Sequence[Out], channel: str = ANSWERS) -> None:
        """Send these, in order; `channel` is what they tell of, where they do not say it themselves."""
        self._is_answering = channel == ANSWERS
        if self._lanes is not None or self._floor.faults.frames:
            self._apply_faulted(outs, channel)
            return
        for out in outs:
            if self._ended:
                return
            if isinstance(out, Close):
                self.close(out.code, out.reason)
            else:
                self.write(out.payload)

    def _apply_faulted(self, outs: Sequence[Out], channel: str) -> None:
        lane = self._both_lanes()[0]
        now = self._floor.world()
        for out in outs:
            if self._ended:
                return
            if not isinstance(out, Close):
                self._carry_out(lane.enter(out.payload, _channel_of(out, channel), now))
            elif self.is_half_open:
                self._ended = True
            else:
                self._carry_out(lane.end(out, now))
        if lane.waiting_bytes > self._limit:
            logger.warning("a client of %s/%s is too slow for what it asked for: cut", self._floor.name, self.line)
            self.cut()
        self._floor.reconsider()

    def _carry_out(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if self._ended:
                return
            if isinstance(step, bytes):
                self.write(step)
            else:
                self._suffer(step)

    def _carry_in(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if self._ended:
                return
            if isinstance(step, bytes):
                self._hear(step)
            else:
                self._suffer(step, inward=True)

    def _suffer(self, step: Cut | Close | Fault, *, inward: bool = False) -> None:
        if isinstance(step, Close):
            self.close(step.code, step.reason)
        elif isinstance(step, Fault):
            self._floor.suffer(step)
        elif inward:
            self.cut()
        else:
            self._ended = True
            self.write_part(step.payload, step.count)

    @property
    def is_half_open(self) -> bool:
        """Does it take everything and answer nothing?"""
        faults = self._floor.faults
        return bool(faults.frames) and faults.is_half_open(self.line, self.number, self._floor.world())

    def _both_lanes(self) -> tuple[Lane, Lane]:
        if self._lanes is None:
            faults, line, number = self._floor.faults, self.line, self.number
            self._lanes = (Lane(faults, line, number, "to_client"), Lane(faults, line, number, "to_venue"))
        return self._lanes

    def close(self, code: int, reason: str = "") -> None:
        """End it with a close frame, and give the client time to answer; 1006 cuts it without one."""
        if code == 1006:
            self.cut()
        elif not self._ended:
            self._ended = True
            self.say_goodbye(code, reason)

    def cut(self) -> None:
        """End it at once."""
        self._ended = True
        self.abort()


def _channel_of(out: Send, channel: str) -> str:
    return out.channel or channel
