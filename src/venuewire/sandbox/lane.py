"""One direction of one connection while faults are in force: frames go in, and what is left of them comes out. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import count
from typing import TypeAlias

from msgspec import Struct

from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.sandbox.faults import VENUES_OWN, Fault, Faults, Kind
from venuewire.venue import Close


class Cut(Struct, frozen=True):
    """The connection ends after so many bytes of this frame."""

    payload: bytes
    count: int


Step: TypeAlias = bytes | Cut | Close | Fault
"""A frame that goes on, the end of the connection, or something the venue suffers now."""


class Lane:
    """Frames of one direction of one connection, in the order and at the time the faults leave them."""

    def __init__(self, faults: Faults, line: str, number: int, direction: str) -> None:
        self._faults = faults
        self._line, self._number, self._direction = line, number, direction
        self._waiting: list[tuple[Nanos, int, bytes | Close]] = []
        self._order = count()
        self._free_at: Nanos = 0
        """When the last frame that waits in line has gone."""
        self._partners: dict[str, tuple[Fault, bytes]] = {}
        """By rule: a frame that goes after the next one the rule is aimed at."""
        self.waiting_bytes = 0

    # ---------------------------------------------------------------------------------------------- in

    def enter(self, payload: bytes, channel: str, now: Nanos) -> list[Step]:
        """A frame sets out; what comes of it at once."""
        steps: list[Step] = []
        copies, pause, pace, overtakes = 1, 0, None, False
        partners = self._partners_of(channel)
        behind = list(partners.values())
        for rule in tuple(self._faults.frames):
            fault = rule.fault
            if not rule.in_force(now) or not rule.concerns(self._line, self._number):
                continue
            if fault.kind in (Kind.HALF_OPEN, Kind.SLOW):
                if rule.has_begun_there(counting=fault.direction == self._direction):
                    if fault.kind is Kind.HALF_OPEN:
                        return steps
                    if fault.direction == self._direction:
                        pace = min(pace or fault.bytes_per_s or 1, fault.bytes_per_s or 1)
                continue
            if rule.name in partners or not self._is_aimed(fault, channel) or not self._faults.strikes(rule):
                continue
            match fault.kind:
                case Kind.DROP | Kind.MUTE:
                    return steps + self._depart(behind, now)
                case Kind.SWAP:
                    self._partners[rule.name] = fault, payload
                    return steps + self._depart(behind, now)
                case Kind.CLOSE:
                    return [*steps, Close(fault.code)]
                case Kind.CUT:
                    return [*steps, Cut(payload, fault.bytes)]
                case Kind.DUPLICATE:
                    copies += 1
                case Kind.DELAY:
                    pause += round((fault.seconds or 0) * NANOS_PER_SECOND)
                    overtakes |= fault.overtake
                case kind if kind in VENUES_OWN:
                    steps.append(fault)
                case _:
                    raise AssertionError(f"{fault.kind} does not meet frames")
        for frame in [payload] * copies + behind:
            steps += self._send(frame, now, pause, pace, overtakes=overtakes)
        return steps

    def end(self, close: Close, now: Nanos) -> list[Step]:
        """The venue ends the connection: after what still waits in line, unless it is cut."""
        if close.code != 1006 and self._free_at > now:
            heapq.heappush(self._waiting, (self._free_at, next(self._order), close))
            return []
        return [close]

    def _partners_of(self, channel: str) -> dict[str, bytes]:
        """The frames this one has changed places with, by rule."""
        found = {name: frame for name, (fault, frame) in self._partners.items() if self._is_aimed(fault, channel)}
        for name in found:
            del self._partners[name]
        return found

    def _is_aimed(self, fault: Fault, channel: str) -> bool:
        return fault.direction == self._direction and fault.channel in (None, channel)

    def _depart(self, frames: list[bytes], now: Nanos) -> list[Step]:
        return [step for frame in frames for step in self._send(frame, now, 0, None, overtakes=False)]

    def _send(self, frame: bytes, now: Nanos, pause: Nanos, pace: int | None, *, overtakes: bool) -> list[Step]:
        due = now + pause
        if not overtakes:
            due = max(due, self._free_at)
            if pace is not None:
                due += len(frame) * NANOS_PER_SECOND // pace
            if due > now:
                self._free_at = due
        if due <= now:
            return [frame]
        heapq.heappush(self._waiting, (due, next(self._order), frame))
        self.waiting_bytes += len(frame)
        return []

    # ---------------------------------------------------------------------------------------------- out

    @property
    def is_idle(self) -> bool:
        """Does nothing wait here?"""
        return not self._waiting and not self._partners

    def next_due(self) -> Nanos | None:
        """When the next frame goes on."""
        return self._waiting[0][0] if self._waiting else None

    def release(self, now: Nanos) -> Iterator[Step]:
        """What goes on by now, in order."""
        while self._waiting and self._waiting[0][0] <= now:
            _, _, step = heapq.heappop(self._waiting)
            if isinstance(step, bytes):
                self.waiting_bytes -= len(step)
                if self._faults.is_half_open(self._line, self._number, now):
                    continue
            yield step
