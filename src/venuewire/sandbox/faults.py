"""Faults of the wire and of the venue: what one is, whom it is aimed at, when it strikes. Pure: no I/O, no clock.

A `Fault` is what somebody asks for (the control port, a file, a test). A `Rule` is a fault in force at one venue: it
counts what it is aimed at and says which of it is struck. `Faults` are the rules of one venue, asked by `Floor` and by
the `Lane`s of its connections. Chance comes from the fault's own seed, so that the same frames meet the same fate.
"""

from __future__ import annotations

from enum import StrEnum
from math import isfinite
from random import Random
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr

from venuewire.errors import ConfigError
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Nanos

ANSWERS = "ANSWERS"
"""Instead of a channel: frames that answer what a client sent."""

_CHANNELS = (*Channel, ANSWERS)

_LONGEST = 10 * 366 * 24 * 3600
"""Seconds any fault may last or wait: ten years."""
_REMEMBERED = 100
"""Rules that are over and can still be asked about."""


class Kind(StrEnum):
    """What a fault does."""

    DROP = "drop"
    DELAY = "delay"
    DUPLICATE = "duplicate"
    SWAP = "swap"
    MUTE = "mute"
    HALF_OPEN = "half_open"
    CLOSE = "close"
    CUT = "cut"
    REFUSE = "refuse"
    FLAP = "flap"
    SLOW = "slow"
    SKEW = "skew"
    EXPIRE = "expire"
    REVOKE = "revoke"
    THROTTLE = "throttle"
    MAINTENANCE = "maintenance"
    SKIP = "skip"
    HABIT = "habit"


class BadFault(ConfigError):
    """A fault that contradicts itself; the text says how."""


class NoSuchThing(ConfigError):
    """The venue aimed at cannot suffer this fault."""


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One fault. Raises `BadFault` for what does not go together; `docs/sandbox.md` has an example of each kind."""

    kind: Kind

    venue: str = ""
    """Which venue; empty: every one."""
    line: str = ""
    """Which of its lines; empty: every one."""
    connection: int | Literal["open"] | None = None
    """The nth connection to the venue since it started, from 1 (`state()` shows it); `open`: those that are open when
    the fault begins, and none that is made later."""
    channel: str | None = None
    """Only frames made of what this channel (`model.terms.Channel`) tells, or (`ANSWERS`) what the client asked for."""
    direction: Literal["to_client", "to_venue"] = "to_client"
    path: str = ""
    """Aimed at HTTP requests whose path begins so, and at no line."""

    after_s: float = 0
    """It begins so many seconds after it was set."""
    for_s: float | None = None
    """It ends so many seconds after it began; None: when it is cleared, or has struck `count` times."""
    after: int | None = None
    """It lets so many pass first, of those it is aimed at."""
    count: int | None = None
    """It strikes so often. None: once for what ends a connection and what the venue does by itself, else always."""
    every: int | None = None
    """Only every nth."""
    probability: float | None = None
    """Each only with this probability."""
    seed: int = 1
    """Of the chance that decides."""

    seconds: float | None = None
    """delay: how long; skew: how far the venue's clock is ahead (negative: behind); throttle, maintenance: how long."""
    overtake: bool = False
    """delay: frames behind it do not wait as well."""
    code: int = 1006
    """close, flap: the WebSocket close code; 1006 cuts the connection without one."""
    bytes: int = 0
    """cut: how many bytes of the frame still arrive."""
    bytes_per_s: int | None = None
    """slow: what the connection carries."""
    status: int | None = None
    """refuse, throttle of a path: the HTTP status. None: what the venue itself answers to bad credentials, or 429."""
    body: str = ""
    """The body that goes with `status`."""
    when: Literal["before", "after"] = "before"
    """drop, delay of a path: before the venue has acted on the request, or after, when only the answer suffers."""
    numbers: int = 1
    """skip: how many sequence numbers."""
    name: str = ""
    """habit: which."""
    on: bool = True
    """habit: switched on, or off."""

    def __post_init__(self) -> None:
        # A program may say it in plain text.
        try:
            force_setattr(self, "kind", Kind(self.kind))
        except ValueError:
            raise BadFault(f"no fault of kind {self.kind!r}; there are: {', '.join(Kind)}") from None
        given = {field for field in self.__struct_fields__ if getattr(self, field) != _DEFAULTS[field]}
        _check_fields(self, given)
        _check_numbers(self)

    @property
    def positioned(self) -> bool:
        """Does it wait for something to pass, rather than strike when it begins?"""
        return any(value is not None for value in (self.after, self.count, self.every, self.probability, self.channel))


_DEFAULTS: dict[str, Any] = dict(zip(Fault.__struct_fields__[1:], Fault.__struct_defaults__, strict=True))
_DEFAULTS["kind"] = None

_ALWAYS = frozenset({"kind", "venue", "after_s"})
_WHO = frozenset({"line", "connection"})
_POSITION = frozenset({"after", "count", "every", "probability", "seed"})
_FRAMES = _WHO | _POSITION | {"channel", "direction", "for_s"}
_REQUESTS = _POSITION | {"path", "for_s"}
_DIALS = _POSITION | {"line", "for_s"}
_BEGIN = _WHO | {"direction", "after", "for_s"}
_STRIKES = _POSITION | _WHO | {"channel", "direction"}

_TAKES: dict[Kind, frozenset[str]] = {
    Kind.DROP: _FRAMES | _REQUESTS | {"when"},
    Kind.DELAY: _FRAMES | _REQUESTS | {"when", "seconds", "overtake"},
    Kind.DUPLICATE: _FRAMES,
    Kind.SWAP: _FRAMES,
    Kind.MUTE: _FRAMES,
    Kind.HALF_OPEN: _BEGIN,
    Kind.CLOSE: _FRAMES | {"code"},
    Kind.CUT: _FRAMES | {"bytes"},
    Kind.REFUSE: _DIALS | _REQUESTS | {"status", "body"},
    Kind.FLAP: _DIALS | {"code"},
    Kind.SLOW: _BEGIN | {"bytes_per_s"},
    Kind.SKEW: frozenset({"for_s", "seconds"}),
    Kind.EXPIRE: _STRIKES,
    Kind.REVOKE: _STRIKES,
    Kind.THROTTLE: _STRIKES | {"seconds", "path", "status", "body"},
    Kind.MAINTENANCE: _STRIKES | {"seconds"},
    Kind.SKIP: _STRIKES | {"numbers"},
    Kind.HABIT: frozenset({"for_s", "name", "on"}),
}
_NEEDS: dict[Kind, str] = {
    Kind.DELAY: "seconds",
    Kind.SLOW: "bytes_per_s",
    Kind.SKEW: "seconds",
    Kind.THROTTLE: "seconds",
    Kind.MAINTENANCE: "seconds",
    Kind.HABIT: "name",
}
_OF_LINES = frozenset({"line", "connection", "channel", "direction", "overtake"})
"""Fields that say nothing of an HTTP request."""

VENUES_OWN = frozenset({Kind.EXPIRE, Kind.REVOKE, Kind.THROTTLE, Kind.MAINTENANCE, Kind.SKIP, Kind.HABIT})
"""What only the venue itself can play (`venue.Affliction`)."""
_ONCE = frozenset({Kind.CLOSE, Kind.CUT}) | VENUES_OWN
_INSTANT = frozenset({Kind.CLOSE}) | VENUES_OWN
_OF_DIALS = frozenset({Kind.REFUSE, Kind.FLAP})


def _check_fields(fault: Fault, given: set[str]) -> None:
    kind = fault.kind
    if strange := given - _TAKES[kind] - _ALWAYS:
        takes = ", ".join(sorted(_TAKES[kind] | _ALWAYS - {"kind"}))
        raise BadFault(f"a {kind} fault takes no {min(strange)}; it takes: {takes}")
    need = _NEEDS.get(kind)
    if need and not getattr(fault, need):
        raise BadFault(f"a {kind} fault needs {need}")
    if fault.path and (strange := given & _OF_LINES):
        raise BadFault(f"a fault with a path is aimed at HTTP requests; {min(strange)} is of lines")
    if not fault.path and (fault.when == "after" or (kind is Kind.THROTTLE and given & {"status", "body"})):
        raise BadFault(f"{'when' if fault.when == 'after' else 'status and body'} of a {kind} fault needs a path")
    if fault.path and not fault.path.startswith("/"):
        raise BadFault("path must begin with a slash")
    if fault.body and fault.status is None and kind is Kind.REFUSE:
        raise BadFault("body needs the status that goes with it")
    if fault.channel is not None and fault.channel not in _CHANNELS:
        raise BadFault(f"no channel {fault.channel!r}; there are: {', '.join(_CHANNELS)}")
    if fault.direction == "to_venue" and fault.channel is not None:
        raise BadFault("channels are told apart only on the way to_client")


def _check_numbers(fault: Fault) -> None:
    for field, least in (("after", 0), ("count", 1), ("every", 1), ("bytes", 0), ("bytes_per_s", 1), ("numbers", 1)):
        value = getattr(fault, field)
        if value is not None and value < least:
            raise BadFault(f"{field} must be {least} at the least, not {value}")
    if isinstance(fault.connection, int) and fault.connection < 1:
        raise BadFault("connection counts from 1")
    if fault.probability is not None and not 0 < fault.probability <= 1:
        raise BadFault(f"probability must be above 0 and not above 1, not {fault.probability}")
    if fault.status is not None and not 400 <= fault.status <= 599:
        raise BadFault(f"status must be between 400 and 599, not {fault.status}")
    if not (1000 <= fault.code <= 1014 or 3000 <= fault.code <= 4999) or fault.code in (1004, 1005):
        raise BadFault(f"code must be a WebSocket close code, or 1006 to cut without one, not {fault.code}")
    for field in ("after_s", "for_s", "seconds"):
        value = getattr(fault, field)
        lowest = -_LONGEST if fault.kind is Kind.SKEW and field == "seconds" else 0
        if value is not None and not (isfinite(value) and lowest <= value <= _LONGEST):
            raise BadFault(f"{field} must be a number of seconds, ten years at most, not {value}")


# ------------------------------------------------------------------------------------------------------- from text

_one_or_many: msgspec.json.Decoder[Fault | list[Fault]] = msgspec.json.Decoder(Fault | list[Fault])


def faults_from(text: bytes) -> list[Fault]:
    """Faults out of one JSON object or a list of them. Raises `BadFault`."""
    try:
        found = _one_or_many.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadFault(f"no fault, nor a list of faults: {error}") from None
    return found if isinstance(found, list) else [found]


def faults_from_file(text: bytes) -> list[Fault]:
    """Faults out of a file: JSON, or one JSON object on each line. Raises `BadFault`, which names the line."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if text.lstrip().startswith(b"[") or len(lines) < 2 or not lines[0][1].rstrip().endswith(b"}"):
        return faults_from(text) if lines else []
    faults: list[Fault] = []
    for number, line in lines:
        try:
            faults += faults_from(line)
        except BadFault as error:
            raise BadFault(f"line {number}: {error}") from None
    return faults


# ------------------------------------------------------------------------------------------------------- in force


class Rule:
    """A fault in force, or about to be, at one venue."""

    __slots__ = ("begun", "chance", "end", "fault", "name", "newest", "over", "seen", "start", "struck")

    def __init__(self, name: str, fault: Fault, now: Nanos) -> None:
        self.name = name
        self.fault = fault
        self.start: Nanos = now + _nanos(fault.after_s)
        self.end: Nanos | None = self._ending()
        self.begun = False
        self.over = False
        self.seen = 0
        """How many of those it is aimed at have come by."""
        self.struck = 0
        self.newest: int | None = None
        """With `connection: open`: the newest connection when it began."""
        self.chance = Random(f"{fault.kind} {fault.seed}")

    def _ending(self) -> Nanos | None:
        fault = self.fault
        if fault.for_s is not None:
            return self.start + _nanos(fault.for_s)
        if fault.kind in (Kind.THROTTLE, Kind.MAINTENANCE) and (fault.path or not fault.positioned):
            return self.start + _nanos(fault.seconds or 0)
        return None

    def begin(self, newest: int) -> None:
        """Its time has come."""
        self.begun = True
        self.newest = newest if self.fault.connection == "open" else None

    def concerns(self, line: str, number: int) -> bool:
        """Is it aimed at this connection?"""
        fault = self.fault
        if fault.line and fault.line != line:
            return False
        if self.newest is not None:
            return number <= self.newest
        return fault.connection in (None, number)

    def in_force(self, now: Nanos) -> bool:
        return self.begun and not self.over and (self.end is None or now < self.end)

    def strikes(self) -> bool:
        """One of those it is aimed at comes by: is it struck?"""
        fault = self.fault
        place = self.seen - (fault.after or 0)
        self.seen += 1
        if place < 0 or (fault.every is not None and (place + 1) % fault.every):
            return False
        if fault.probability is not None and self.chance.random() >= fault.probability:
            return False
        self.struck += 1
        self.over = self.struck == self.times
        return True

    def has_begun_there(self, *, counting: bool) -> bool:
        """Of what lasts: has it let its frames pass? `counting`: one of them is here now."""
        after = self.fault.after or 0
        if self.seen >= after:
            return True
        self.seen += counting
        return False

    @property
    def times(self) -> int | None:
        """How often it strikes; None: always."""
        fault = self.fault
        once = fault.kind in _ONCE and not fault.path and fault.every is None and fault.probability is None
        return 1 if fault.count is None and once else fault.count

    @property
    def at_once(self) -> bool:
        """Does it strike when it begins, without anything coming by?"""
        return self.fault.kind in _INSTANT and not self.fault.positioned and not self.fault.path

    def describe(self) -> dict[str, Any]:
        """For people and tests, as plain values."""
        phase = "over" if self.over else "in force" if self.begun else "waiting"
        return {"phase": phase, "seen": self.seen, "struck": self.struck}


class Faults:
    """The rules of one venue."""

    def __init__(self) -> None:
        self.frames: list[Rule] = []
        """Those a frame may meet: empty, and a frame costs one look at this list."""
        self._dials: list[Rule] = []
        self._requests: list[Rule] = []
        self.rules: dict[str, Rule] = {}

    def add(self, name: str, fault: Fault, now: Nanos) -> Rule:
        """A fault is set."""
        rule = self.rules[name] = Rule(name, fault, now)
        return rule

    def remove(self, name: str) -> Rule | None:
        """It is not any more; None if there is none of that name."""
        rule = self.rules.pop(name, None)
        if rule is not None:
            rule.over = True
            self.sort()
        return rule

    def sort(self) -> None:
        """Rules have begun or ended. The last that are over are kept, for who asks what became of them."""
        over = [name for name, rule in self.rules.items() if rule.over]
        for name in over[:-_REMEMBERED]:
            del self.rules[name]
        active = [rule for rule in self.rules.values() if rule.begun and not rule.over]
        self._requests = [rule for rule in active if rule.fault.path]
        self._dials = [rule for rule in active if rule.fault.kind in _OF_DIALS and not rule.fault.path]
        self.frames = [rule for rule in active if not rule.fault.path and _meets_frames(rule)]

    def strikes(self, rule: Rule) -> bool:
        """One of those it is aimed at comes by: is it struck?"""
        struck = rule.strikes()
        if rule.over:
            self.sort()
        return struck

    def due(self, now: Nanos) -> list[Rule]:
        """Rules that begin or end by now, the oldest first."""
        return [rule for rule in self.rules.values() if (when := _next_of(rule)) is not None and when <= now]

    def next_due(self) -> Nanos | None:
        """When the next of them begins or ends."""
        if not self.rules:
            return None
        return min((when for rule in self.rules.values() if (when := _next_of(rule)) is not None), default=None)

    def skew(self) -> Nanos:
        """How far the venue's clock is ahead of the world's."""
        return sum(
            _nanos(rule.fault.seconds or 0)
            for rule in self.rules.values()
            if rule.fault.kind is Kind.SKEW and rule.begun and not rule.over
        )

    def on_dial(self, line: str, now: Nanos) -> Fault | None:
        """What becomes of a handshake: refused, taken and cut, or (None) nothing."""
        for rule in self._dials:
            aimed = rule.fault.line in ("", line)
            if aimed and rule.in_force(now) and self.strikes(rule):
                return rule.fault
        return None

    def on_request(self, path: str, now: Nanos) -> list[Fault]:
        """What becomes of an HTTP request, the oldest fault first."""
        return [
            rule.fault
            for rule in self._requests
            if path.startswith(rule.fault.path) and rule.in_force(now) and self.strikes(rule)
        ]

    def is_half_open(self, line: str, number: int, now: Nanos) -> bool:
        """Is this connection one that takes everything and answers nothing?"""
        return any(
            rule.fault.kind is Kind.HALF_OPEN
            and rule.concerns(line, number)
            and rule.in_force(now)
            and rule.has_begun_there(counting=False)
            for rule in self.frames
        )


def _meets_frames(rule: Rule) -> bool:
    kind = rule.fault.kind
    return kind not in _OF_DIALS and kind not in (Kind.SKEW, Kind.HABIT) and not rule.at_once


def _next_of(rule: Rule) -> Nanos | None:
    if rule.over:
        return None
    return rule.end if rule.begun else rule.start


def _nanos(seconds: float) -> Nanos:
    return round(seconds * NANOS_PER_SECOND)
