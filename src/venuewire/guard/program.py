"""Running a guard: on a stream that was inherited, or on the first client that comes to a socket of its own.

SIGTERM and SIGINT end a guard that nobody relies on. One that guards a client stays until that client has said goodbye
or its orders are gone: whoever ends both ends the client first. The second signal ends it at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from venuewire.client.guarding import check_own, check_peer
from venuewire.errors import ConfigError, VenueError
from venuewire.guard.watch import LATER, Channel, Nobody, Outcome, Watch
from venuewire.transport.clock import SystemClock

logger = logging.getLogger("venuewire.guard")


class Abandoned(VenueError):
    """The guard was told to end while a client relied on it."""


async def on_stream(there: socket.socket) -> Outcome:
    """Guard the client at the other end. Raises `VenueError`."""
    with _Signals() as signals:
        return await _guard(there, "", signals, LATER)


async def on_socket(path: Path, venue: str, listens: Callable[[], None], *, later: float = LATER) -> Outcome | None:
    """Guard the first client of `venue` that comes; `listens` is called when one may come. None: told to end before.
    `later`: seconds for which it goes on trying after the stated time has passed.

    Raises `ConfigError` where the socket cannot be made, `VenueError`.
    """
    with _Signals() as signals, _listening(path) as server:
        listens()
        while True:
            there = await _next_client(server, signals)
            if there is None:
                return None
            try:
                return await _guard(there, venue, signals, later)
            except Nobody as error:
                logger.debug("%s", error)
            except ConfigError as error:
                logger.error("%s", error)  # whoever that was, the next may be the one


async def _next_client(server: socket.socket, signals: _Signals) -> socket.socket | None:
    loop = asyncio.get_running_loop()
    while not signals.heard.is_set():
        accepting = asyncio.ensure_future(loop.sock_accept(server))
        waiting = asyncio.ensure_future(signals.heard.wait())
        await asyncio.wait((accepting, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not accepting.done():
            accepting.cancel()
            break
        there, _ = accepting.result()
        try:
            check_peer(there)
        except ConfigError as error:
            logger.error("%s", error)
            there.close()
        else:
            return there
    return None


async def _guard(there: socket.socket, venue: str, signals: _Signals, later: float) -> Outcome:
    clock = SystemClock()
    there.settimeout(0.0)
    _, channel = await asyncio.get_running_loop().create_connection(lambda: Channel(clock), sock=there)
    watch = Watch(channel, clock, venue, later=later)
    signals.watch = watch
    task = asyncio.create_task(watch.run())
    signals.task = task
    try:
        return await task
    except asyncio.CancelledError:
        raise Abandoned("told to end while a client relied on it: nothing guards that client now") from None
    finally:
        channel.close()
        signals.watch = signals.task = None


class _Signals:
    """What SIGTERM and SIGINT do."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()
        self.watch: Watch | None = None
        self.task: asyncio.Task[Outcome] | None = None

    def _hear(self) -> None:
        if self.watch is not None and self.watch.guarding and not self.heard.is_set():
            logger.warning("a client relies on this guard: it ends after that client; again ends it at once")
        elif self.task is not None:
            self.task.cancel()
        self.heard.set()

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._hear)
        return self

    def __exit__(self, *failure: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)


class _listening:  # noqa: N801  # a verb, used as `with _listening(path)`
    """A socket at this path that only this user may use; a dead one that is left there is replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def __enter__(self) -> socket.socket:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._clear()
            mask = os.umask(0o177)
            try:
                self._server.bind(str(self._path))
            finally:
                os.umask(mask)
            self._server.listen(1)
        except OSError as error:
            self._server.close()
            raise ConfigError(f"cannot listen at {self._path}: {error.strerror or error}") from None
        self._server.settimeout(0.0)
        return self._server

    def _clear(self) -> None:
        """Raises `ConfigError` when somebody listens there, or when it is something else."""
        if not self._path.exists():
            return
        check_own(self._path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(self._path))
            except ConnectionRefusedError:
                self._path.unlink()
            else:
                raise ConfigError(f"a guard listens at {self._path} already")

    def __exit__(self, *failure: object) -> None:
        self._server.close()
        with suppress(FileNotFoundError):
            self._path.unlink()


def supported() -> bool:
    """Has this system what a guard needs?"""
    return hasattr(socket, "AF_UNIX") and sys.platform != "win32"


__all__ = ["Abandoned", "on_socket", "on_stream", "supported"]
