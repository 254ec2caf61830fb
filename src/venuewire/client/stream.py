"""Fan-out to readers: each has a bounded queue, and is told in band what it missed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from venuewire.errors import VenueError
from venuewire.model.session import Gap
from venuewire.model.terms import Nanos

T = TypeVar("T")


class Stream(Generic[T]):
    """One reader's queue. `async for` it; it ends when it is closed.

    With a bound, the oldest is dropped when a new one finds no room, `dropped` counts them, and the reader gets a
    `Gap` in the place of what went. Without one nothing is ever dropped (orders and session events).
    """

    def __init__(
        self, now: Callable[[], Nanos], *, bound: int | None, on_close: Callable[[Stream[T]], None] | None = None
    ) -> None:
        self._queue: deque[T | Gap] = deque()
        self._bound = bound
        self._now = now
        self._on_close = on_close
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False
        self._error: VenueError | None = None
        self._lost_from: Nanos = 0
        self.dropped = 0
        self.delivered = 0

    def put(self, item: T | Gap) -> None:
        """Hand one item to the reader; never blocks."""
        queue = self._queue
        if self._bound is not None and len(queue) >= self._bound:
            queue.popleft()
            self.dropped += 1
            self._lost_from = self._lost_from or self._now()
        queue.append(item)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    @property
    def waiting(self) -> int:
        """Items that the reader has not taken yet."""
        return len(self._queue)

    def end(self, error: VenueError | None = None) -> None:
        """Nothing more will come; the reader still gets what waits, then `error` if there is one."""
        self._ended, self._error = True, error
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def close(self) -> None:
        """The reader does not want any more."""
        self._queue.clear()
        self.end()
        if self._on_close is not None:
            self._on_close(self)
            self._on_close = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T | Gap:
        while not self._queue:
            if self._ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._lost_from:
            began, self._lost_from = self._lost_from, 0
            return Gap(from_time=began, to_time=self._now(), cause="slow reader", repaired=False)
        self.delivered += 1
        return self._queue.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class FanOut(Generic[T]):
    """The readers of one thing. Costs one truth test where nobody reads."""

    def __init__(self, now: Callable[[], Nanos]) -> None:
        self._now = now
        self._streams: list[Stream[T]] = []

    def __bool__(self) -> bool:
        return bool(self._streams)

    def open(self, bound: int | None) -> Stream[T]:
        stream: Stream[T] = Stream(self._now, bound=bound, on_close=self._streams.remove)
        self._streams.append(stream)
        return stream

    def put(self, item: T | Gap) -> None:
        for stream in self._streams:
            stream.put(item)

    def end(self, error: VenueError | None = None) -> None:
        for stream in self._streams:
            stream.end(error)

    @property
    def dropped(self) -> int:
        return sum(stream.dropped for stream in self._streams)
