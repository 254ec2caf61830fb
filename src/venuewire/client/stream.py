"""Fan-out to readers: each has a bounded queue and a rule for when it is full, and is told in band what it missed.

Whoever puts never waits: the socket is always drained, and a reader that is too slow loses at its own edge.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from enum import StrEnum
from types import TracebackType
from typing import Generic, Self, TypeVar

from venuewire.errors import LocalProtocolError, SlowReader, VenueError
from venuewire.model.session import Gap
from venuewire.model.terms import Nanos

T = TypeVar("T")

SLOW = "slow reader"


class Policy(StrEnum):
    """What becomes of a stream whose reader does not keep up."""

    DROP_OLDEST = "drop_oldest"
    """The oldest goes, and a `Gap` stands in its place."""
    CONFLATE = "conflate"
    """Of each symbol only the newest is kept; nothing is told, it is what was asked for."""
    DISCONNECT = "disconnect"
    """The stream ends with `SlowReader`, after what waits."""


def policy(name: str) -> Policy:
    """The policy of that name. Raises `LocalProtocolError`, saying why there is no `block`."""
    if name == "block":
        raise LocalProtocolError(
            "market data cannot wait for its reader: venues cut lines that are not read; take drop_oldest, conflate "
            "or disconnect"
        )
    try:
        return Policy(name)
    except ValueError:
        raise LocalProtocolError(f"no policy {name!r}; there are {', '.join(Policy)}") from None


class Stream(Generic[T]):
    """One reader's queue. `async for` it; it ends when it is closed, or when the client is.

    Without a bound nothing is ever dropped (orders and session events). At any time
    `offered == delivered + dropped + waiting`; gaps are not counted, they are about items and none themselves.
    """

    def __init__(
        self,
        now: Callable[[], Nanos],
        *,
        bound: int | None,
        policy: Policy = Policy.DROP_OLDEST,
        on_close: Callable[[Stream[T]], None] | None = None,
    ) -> None:
        self._queue: deque[T | Gap] = deque()
        self._newest: dict[Hashable, T | Gap] = {}
        """The queue under CONFLATE, by symbol, each at the place of the oldest it stands for."""
        self._bound = bound
        self._policy = policy
        self._now = now
        self._on_close = on_close
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._ended = False
        self._error: VenueError | None = None
        self._hole: Gap | None = None
        """What went to make room, told before anything that is left."""
        self._gaps = 0
        """Gaps among what waits."""
        self._last_time: Nanos = 0
        self.offered = 0
        self.delivered = 0
        self.dropped = 0

    # ------------------------------------------------------------------ putting in

    def put(self, item: T | Gap) -> None:
        """Hand one item to the reader; never blocks."""
        is_gap = isinstance(item, Gap)
        if not is_gap:
            self.offered += 1
        if self._ended:
            if not is_gap:
                self.dropped += 1
            return
        if self._policy is Policy.CONFLATE:
            self._conflate(item)
        elif isinstance(item, Gap) and self._queue and isinstance(last := self._queue[-1], Gap):
            self._queue[-1] = _joined(last, item)
        else:
            if self._bound is not None and len(self._queue) >= self._bound and not self._make_room(item):
                return
            self._queue.append(item)
            self._gaps += is_gap
        if not is_gap:
            self._last_time = self._time_of(item)
        self._wake()

    def _make_room(self, item: T | Gap) -> bool:
        """True when there is room now; under DISCONNECT there will be none, and the stream is over."""
        if self._policy is Policy.DISCONNECT:
            self.dropped += not isinstance(item, Gap)
            self.end(SlowReader(len(self._queue)))
            return False
        lost = self._queue.popleft()
        if isinstance(lost, Gap):
            self._gaps -= 1
            self._widen(lost.from_time, lost.to_time, lost.cause)
        else:
            self.dropped += 1
            time = self._time_of(lost)
            self._widen(time, time, SLOW)
        return True

    def _widen(self, begin: Nanos, end: Nanos, cause: str) -> None:
        hole = self._hole
        if hole is not None:
            begin, end = min(begin, hole.from_time), max(end, hole.to_time)
            cause = hole.cause if cause in hole.cause.split("; ") or len(hole.cause) > 200 else f"{hole.cause}; {cause}"
        self._hole = Gap(from_time=begin, to_time=end, cause=cause, repaired=False)

    def _conflate(self, item: T | Gap) -> None:
        key = None if isinstance(item, Gap) else getattr(item, "symbol", "")
        old = self._newest.get(key)
        if isinstance(item, Gap):
            if isinstance(old, Gap):
                item = _joined(old, item)
            else:
                self._gaps += 1
        elif old is not None:
            self.dropped += 1
        self._newest[key] = item

    def _time_of(self, item: T | Gap) -> Nanos:
        return getattr(item, "recv_time", 0) or self._now()

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    # ------------------------------------------------------------------ looking

    @property
    def waiting(self) -> int:
        """Items that the reader has not taken yet."""
        return len(self._queue) + len(self._newest) - self._gaps

    @property
    def lag(self) -> Nanos:
        """How far the reader is behind, in the time of events: from the oldest that waits to the newest put in."""
        first = next((item for item in (self._newest.values() or self._queue) if not isinstance(item, Gap)), None)
        return 0 if first is None else max(0, self._last_time - self._time_of(first))

    # ------------------------------------------------------------------ ending

    def end(self, error: VenueError | None = None) -> None:
        """Nothing more will come; the reader still gets what waits, then `error` if there is one."""
        if self._ended:
            return
        self._ended, self._error = True, error
        while self._waiters:
            self._wake()

    def close(self) -> None:
        """The reader does not want any more."""
        self.dropped += self.waiting
        self._queue.clear()
        self._newest.clear()
        self._gaps, self._hole = 0, None
        self.end()
        if self._on_close is not None:
            leave, self._on_close = self._on_close, None
            leave(self)

    # ------------------------------------------------------------------ reading

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T | Gap:
        while not self._queue and not self._newest and self._hole is None:
            if self._ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            await self._wait()
        if self._hole is not None:
            hole, self._hole = self._hole, None
            return hole
        item = self._newest.pop(next(iter(self._newest))) if self._newest else self._queue.popleft()
        if isinstance(item, Gap):
            self._gaps -= 1
        else:
            self.delivered += 1
        return item

    async def _wait(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            # The wake that came with the cancellation belongs to the next who waits.
            if waiter.done() and not waiter.cancelled():
                self._wake()
            raise
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _joined(first: Gap, later: Gap) -> Gap:
    """Nothing came between the two: to the reader they are one, whole if the later is."""
    return Gap(from_time=first.from_time, to_time=later.to_time, cause=first.cause, repaired=later.repaired)


class FanOut(Generic[T]):
    """The readers of one thing. Costs one truth test where nobody reads."""

    def __init__(self, now: Callable[[], Nanos]) -> None:
        self._now = now
        self._streams: list[Stream[T]] = []
        self._over: tuple[VenueError | None] | None = None
        self._dropped_before = 0
        """By readers that are gone."""

    def __bool__(self) -> bool:
        return bool(self._streams)

    def open(self, bound: int | None, policy: Policy = Policy.DROP_OLDEST) -> Stream[T]:
        """A new reader; one that comes after the end finds the end."""
        stream: Stream[T] = Stream(self._now, bound=bound, policy=policy, on_close=self._left)
        self._streams.append(stream)
        if self._over is not None:
            stream.end(*self._over)
        return stream

    def _left(self, stream: Stream[T]) -> None:
        self._streams.remove(stream)
        self._dropped_before += stream.dropped

    def put(self, item: T | Gap) -> None:
        for stream in self._streams:
            stream.put(item)

    def end(self, error: VenueError | None = None) -> None:
        """For those who read now, and those who begin later."""
        if self._over is None:
            self._over = (error,)
        for stream in self._streams:
            stream.end(error)

    @property
    def dropped(self) -> int:
        """By all readers, ever."""
        return self._dropped_before + sum(stream.dropped for stream in self._streams)

    def describe(self) -> list[dict[str, int | float]]:
        """One row for each reader; `lag_s` in seconds of event time."""
        return [
            {
                "offered": stream.offered,
                "delivered": stream.delivered,
                "dropped": stream.dropped,
                "waiting": stream.waiting,
                "lag_s": stream.lag // 1_000_000 / 1_000,
            }
            for stream in self._streams
        ]
