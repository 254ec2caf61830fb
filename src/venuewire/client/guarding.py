"""The client's end of a guard: a process beside ours that cancels our orders when we are killed, crash or hang.

The guard is told of each order before its bytes leave, and hears a beat of our event loop. As long as none stands
ready, or the last beat that it has echoed is too old, nothing is placed: what it does not know, it cannot cancel, and a
client that was stopped for too long must not go on as if nothing had happened.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import stat
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from venuewire.client.guard_channel import (
    VERSION,
    Armed,
    Beat,
    Charge,
    Echo,
    Goodbye,
    Lines,
    Settled,
    Tokens,
    Trouble,
    as_it_stands,
    line,
    noted,
    plain_settings,
    read_at_client,
    values_of,
)
from venuewire.client.waiting import first_of
from venuewire.errors import ConfigError, ConnectFailed, LocalProtocolError, RemoteProtocolError
from venuewire.model.orders import CancelOrder, ExecutionReport, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import OrderCommand
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.orders.order import Order
from venuewire.transport.clock import Clock
from venuewire.venue import Seat, Venue

logger = logging.getLogger("venuewire.client")

BEATS = 5
"""Beats within the silence that makes a guard act."""
FIRST_PAUSE, LONGEST_PAUSE = NANOS_PER_SECOND // 2, 30 * NANOS_PER_SECOND
"""Between two tries to find or start a guard."""
LEAVING_SECONDS = 5.0
"""How long a guard that was told goodbye may take to leave."""

_left: list[subprocess.Popen[bytes]] = []
"""Guards that are at work after their client has gone; kept, so that nothing is said of them at our own end."""


class Guard(Struct, frozen=True, kw_only=True):
    """A process of its own that cancels this client's orders when the client is killed, crashes or hangs.

    A client that ends in good order (`close`, `shutdown`, leaving the `async with` without an exception) disarms it.
    """

    silence: float = 3.0
    """Seconds without a beat of the client's event loop after which it counts as hung. A killed client is seen at
    once."""
    within: float = 10.0
    """Seconds in which, from then on, every order of the client must be cancelled and confirmed."""
    at: Path | str | None = None
    """The socket of a guard that was started by itself, as `venuewire guard VENUE --at FILE`. None: the client starts
    one, which ends with it."""

    def __post_init__(self) -> None:
        if not 0.1 <= self.silence <= 3600 or not 0.1 <= self.within <= 3600:
            raise ValueError("silence and within of a guard are seconds, from 0.1 to 3600")


class Guarding:
    """Keeps one guard at our side: finds or starts it, tells it everything, and another when it is lost."""

    def __init__(self, guard: Guard, venue: Venue, seat: Seat, symbols: tuple[str, ...], clock: Clock) -> None:
        """Raises `ConfigError` where the system has no such channels."""
        if not hasattr(socket, "AF_UNIX"):
            raise ConfigError("a guard needs Unix sockets, which this system does not have")
        self.guard = guard
        self._at = None if guard.at is None else Path(guard.at).expanduser()
        self._venue = venue
        self._seat = seat
        self._symbols = symbols
        self._clock = clock
        self._silence = round(guard.silence * NANOS_PER_SECOND)
        self._orders: Callable[[], list[Order]] = list
        self._flying: dict[str, ReplaceOrder] = {}
        """Replacements without an answer, by our ids."""
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._unsent = bytearray()
        self._lines = Lines()
        self._beats: dict[int, Nanos] = {}
        """Beats that wait for their echo, and when they went."""
        self._beat = 0
        self._beat_at: Nanos = 0
        """When the newest beat went out."""
        self._alive_at: Nanos = 0
        """When the newest beat that was echoed had been sent: until then the guard knows us to be alive."""
        self._armed = asyncio.Event()
        self._was_armed = False
        """The guard of this channel has stood ready."""
        self._over = asyncio.Event()
        self._trouble = "it is not armed yet"
        self._struck = ""
        self._deserted = False
        """We left without a goodbye."""
        self.starts = 0
        if venue.capabilities.cancel_on_disconnect:
            logger.warning(
                "%s cancels orders placed with cancel_on_disconnect=True itself: a guard is not needed for them",
                venue.title,
            )

    def watch(self, orders: Callable[[], list[Order]]) -> None:
        """`orders` gives ours that are not known to have ended."""
        self._orders = orders

    # ------------------------------------------------------------------ what the desk calls

    def check(self) -> None:
        """May an order go out? Raises `LocalProtocolError` when nobody would cancel it."""
        if self._struck:
            raise LocalProtocolError(f"no new orders: {self._struck}")
        if not self._armed.is_set():
            raise LocalProtocolError(f"no new orders without a guard: {self._trouble}")
        quiet = self._clock.now() - self._alive_at
        if quiet > self._silence:
            raise LocalProtocolError(
                f"no new orders: the guard has not heard us for {quiet / NANOS_PER_SECOND:.1f} s, "
                "and may have cancelled ours"
            )

    def asked(self, command: OrderCommand) -> None:
        """Before its bytes leave. Raises `LocalProtocolError` when the guard cannot be told."""
        if isinstance(command, (CancelOrder, MassCancel)):
            return
        self.check()
        if isinstance(command, ReplaceOrder):
            self._flying[command.cl_ord_id] = command
        self._tell(line(noted(command)))
        if self._unsent or self._socket is None:
            raise LocalProtocolError("no new orders: the guard does not read what it is told")

    def told(self, order: Order, report: ExecutionReport) -> None:
        """The venue's word on an order of ours."""
        if order.ours:
            self._flying.pop(report.cl_ord_id, None)
            self._tell(line(noted(report)))

    def settled(self, command: OrderCommand, cause: str, *, sent: bool) -> None:
        """No answer will come to this command."""
        if isinstance(command, NewOrder):
            self._tell(line(Settled(command.cl_ord_id, cause, sent)))
        elif isinstance(command, ReplaceOrder) and not sent:
            self._flying.pop(command.cl_ord_id, None)

    def renewed(self) -> None:
        """The credentials have changed."""
        self._tell(line(Tokens(values_of(self._venue, self._seat.credentials))))

    # ------------------------------------------------------------------ its life

    async def keep(self) -> None:
        """Keep a guard armed, until it has acted or this is cancelled."""
        pause = FIRST_PAUSE
        while not self._struck:
            try:
                await self._find()
                self._say_who_we_are()
                await self._beat_until_lost()
            except (OSError, ConfigError, ValueError) as error:
                self._trouble = f"{type(error).__name__}: {error}"
            self._lose()
            if not self._struck:
                logger.warning("%s: no guard: %s", self._venue.name, self._trouble)
                pause = FIRST_PAUSE if self._was_armed else min(2 * pause, LONGEST_PAUSE)
                await self._clock.sleep_until(self._clock.now() + pause)

    async def armed(self) -> None:
        """Return when a guard stands ready."""
        await self._armed.wait()

    def unarmed(self, seconds: float) -> ConnectFailed:
        """What to raise when none was ready in time."""
        return ConnectFailed(
            f"the guard of {self._venue.title}", f"not armed within {seconds:g} s: {self._struck or self._trouble}"
        )

    def part(self, *, orderly: bool) -> None:
        """The client ends. In good order the guard is disarmed; else it sees us gone, and acts."""
        if orderly:
            self._tell(line(Goodbye()))
        else:
            self._deserted = True
            self._lose("the client has ended")

    async def gone(self) -> None:
        """After `part`: wait a moment for a disarmed guard to leave; one that acts is not waited for."""
        process = self._process
        if self._socket is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), LEAVING_SECONDS)
            self._lose("the client has ended")
        if process is not None:
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, 0.0 if self._deserted else LEAVING_SECONDS)
            if process.poll() is None:
                _left.append(process)

    def describe(self) -> dict[str, Any]:
        """For `Client.health`."""
        return {
            "armed": self._armed.is_set() and not self._struck,
            "needed": not self._venue.capabilities.cancel_on_disconnect,
            "trouble": self._struck or ("" if self._armed.is_set() else self._trouble),
            "pid": None if self._process is None else self._process.pid,
            "starts": self.starts,
        }

    # ------------------------------------------------------------------ the channel

    async def _find(self) -> None:
        """A stream to a guard. Raises `OSError`, `ConfigError`."""
        self._over.clear()
        self._was_armed = False
        self._lines = Lines()
        self._unsent.clear()
        self.starts += 1
        self._socket = _start(self) if self._at is None else await _join(self._at)
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def launched(self, process: subprocess.Popen[bytes]) -> None:
        """A guard of our own has been started; an earlier one is looked after no more."""
        if self._process is not None and self._process.poll() is None:
            _left.append(self._process)
        self._process = process

    def _say_who_we_are(self) -> None:
        credentials = self._seat.credentials
        endpoints = {place.name: place.production for place in self._venue.endpoints} | credentials.endpoints
        charge = Charge(
            version=VERSION,
            venue=self._venue.name,
            pid=os.getpid(),
            values=values_of(self._venue, credentials),
            endpoints=endpoints,
            ca=credentials.ca,
            settings=plain_settings(self._seat.settings),
            symbols=self._symbols,
            silence=self.guard.silence,
            within=self.guard.within,
        )
        state = [note for order in self._orders() for note in as_it_stands(order)]
        flying = [noted(command) for command in self._flying.values()]
        self._tell(line(charge) + b"".join(line(note) for note in (*state, *flying)))

    async def _beat_until_lost(self) -> None:
        pause = self._silence // BEATS
        while not self._over.is_set():
            self._beat += 1
            self._beats[self._beat] = self._beat_at = self._clock.now()
            self._tell(line(Beat(self._beat)))
            await first_of(self._clock.sleep_until(self._clock.now() + pause), self._over.wait())

    def _tell(self, payload: bytes) -> None:
        """Into the system's hands now, if it takes it: from there it arrives, even if we are killed the next moment."""
        if self._socket is None:
            return  # the next guard is told everything
        self._unsent += payload
        self._writable()

    def _writable(self) -> None:
        loop, there = asyncio.get_running_loop(), self._socket
        if there is None:
            return
        try:
            sent = there.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._readable()  # it may have said why
            self._lose(f"it is gone: {error.strerror}")
            return
        del self._unsent[:sent]
        if self._unsent:
            loop.add_writer(there, self._writable)
        else:
            loop.remove_writer(there)

    def _readable(self) -> None:
        there = self._socket
        if there is None:
            return
        try:
            while some := there.recv(65536):
                for payload in self._lines.take(some):
                    self._hear(payload)
        except (BlockingIOError, InterruptedError):
            return
        except (OSError, RemoteProtocolError) as error:
            self._lose(str(error))
            return
        self._lose("it is gone")

    def _hear(self, payload: bytes) -> None:
        record = read_at_client(payload)
        if isinstance(record, Echo):
            self._alive_at = max(self._alive_at, self._beats.get(record.number, 0))
            self._beats = {number: when for number, when in self._beats.items() if number > record.number}
        elif isinstance(record, Armed):
            self._trouble, self._was_armed = "", True
            self._armed.set()
        elif isinstance(record, Trouble):
            self._trouble = record.text
        else:
            self._strike(record.text)

    def _strike(self, why: str) -> None:
        self._struck = self._struck or f"the guard has cancelled our orders: {why}"
        logger.error("%s: %s", self._venue.name, self._struck)

    def _lose(self, why: str = "") -> None:
        there, self._socket = self._socket, None
        if there is not None:
            if self._was_armed and self._clock.now() - self._beat_at > self._silence:
                self._strike("we were held up for longer than it waits, and it is gone")
            loop = asyncio.get_running_loop()
            loop.remove_reader(there)
            loop.remove_writer(there)
            there.close()
        self._unsent.clear()
        self._beats.clear()
        self._armed.clear()
        self._trouble = self._trouble or why or "it is gone"
        self._over.set()


def _start(guarding: Guarding) -> socket.socket:
    """A guard of our own: a session of its own, so that what ends us together with our terminal leaves it alone."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        guarding.launched(
            subprocess.Popen(
                [sys.executable, "-P", "-m", "venuewire.guard", "--fd", str(its.fileno())],
                pass_fds=(its.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        )
    except BaseException:
        ours.close()
        raise
    finally:
        its.close()
    ours.settimeout(0.0)
    return ours


async def _join(path: Path) -> socket.socket:
    """The guard that listens there; it must be this user's own, for it is told secrets."""
    check_own(path)
    there = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        there.settimeout(0.0)
        await asyncio.get_running_loop().sock_connect(there, str(path))
        check_peer(there)
    except BaseException:
        there.close()
        raise
    return there


def check_own(path: Path) -> None:
    """Raises `ConfigError` for what is no socket of this user, `OSError` where there is none."""
    found = path.stat()
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.getuid():
        raise ConfigError(f"{path} is not a socket of this user")


def check_peer(there: socket.socket) -> None:
    """Is this user at the other end? Raises `ConfigError`. Where the system does not tell, the file's rights decide."""
    if hasattr(socket, "SO_PEERCRED"):
        told = there.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _pid, uid, _gid = struct.unpack("3i", told)
        if uid not in {os.getuid(), 0}:
            raise ConfigError("another user is at the other end of the guard's channel")


__all__ = ["Guard", "Guarding", "check_own", "check_peer"]
