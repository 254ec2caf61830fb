"""Running an asynchronous command: Ctrl-C and SIGTERM ask it to end, or end it where it does not listen."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether the command was asked to end. Until it has begun to listen, it is cut off instead."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._listens = False
        self._task = asyncio.current_task()

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    def listen(self) -> None:
        """From here on the command looks for itself whether it was asked, and comes to its end in order."""
        self._listens = True

    def ask(self) -> None:
        """Ask; the second time means it."""
        if self._task is not None and (self.asked or not self._listens):
            self._task.cancel()
        self._asked.set()

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait until asked, for so long at most; whether it was."""
        self.listen()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._asked.wait()
        return self.asked


def run(work: Callable[[Stop], Awaitable[int]]) -> int:
    """Run `work` in a loop of its own; its exit status. Raises `KeyboardInterrupt` when it was cut off."""
    try:
        return asyncio.run(_main(work))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _main(work: Callable[[Stop], Awaitable[int]]) -> int:
    stop = Stop()
    with _signals(stop):
        return await work(stop)


@contextmanager
def _signals(stop: Stop) -> Generator[None]:
    loop = asyncio.get_running_loop()

    def heard(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop.ask)

    before = {number: signal.signal(number, heard) for number in SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
