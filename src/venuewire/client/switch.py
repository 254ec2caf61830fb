"""The kill switch on a signal: `kill -USR1 PID` stops trading, whatever the program is doing otherwise."""

from __future__ import annotations

import asyncio
import logging
import signal
from types import TracebackType
from typing import Self

from venuewire.client.client import Client
from venuewire.client.winding import StopReport
from venuewire.errors import ClientFailed, ConfigError

logger = logging.getLogger("venuewire.client")


class KillSwitch:
    """Throws the kill switch of every client when a signal comes, until `off`; see `kill_on`."""

    def __init__(self, number: signal.Signals, clients: tuple[Client, ...], seconds: float) -> None:
        self._number = number
        self._clients = clients
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._reports: asyncio.Future[list[StopReport]] = self._loop.create_future()
        self._work: asyncio.Task[None] | None = None
        try:
            self._loop.add_signal_handler(number, self.throw)
        except (NotImplementedError, RuntimeError, ValueError) as error:
            raise ConfigError(f"{number.name} cannot be listened to here: {error!r}") from None

    def throw(self) -> None:
        """What the signal does. The second time changes nothing."""
        if self._work is None:
            for client in self._clients:
                # Before anything else runs: what is about to be placed is not placed any more.
                client.desk.stop(f"the kill switch was thrown by {self._number.name}")
            self._work = self._loop.create_task(self._kill(), name="kill switch")

    async def _kill(self) -> None:
        try:
            reports = await asyncio.gather(*(client.kill(seconds=self._seconds) for client in self._clients))
        except BaseException as fault:
            # Whoever waits for the reports must hear that there are none; the other clients go on being killed.
            logger.critical("the kill switch failed at a client; look at the venue itself", exc_info=fault)
            if not self._reports.done():
                self._reports.set_exception(fault if isinstance(fault, Exception) else ClientFailed(str(fault)))
            raise
        for client, report in zip(self._clients, reports, strict=True):
            level = logging.WARNING if report.complete else logging.ERROR
            left = len(report.unconfirmed)
            logger.log(
                level, "%s: killed: %d canceled, %d not confirmed", client.venue.name, len(report.canceled), left
            )
        if not self._reports.done():
            self._reports.set_result(list(reports))

    async def thrown(self) -> list[StopReport]:
        """Wait until the signal has come and everything was tried; the reports, in the order of the clients."""
        return await asyncio.shield(self._reports)

    def off(self) -> None:
        """The signal means what it meant to the system before. A switch that was thrown finishes its work."""
        self._loop.remove_signal_handler(self._number)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.off()


def kill_on(number: signal.Signals, *clients: Client, seconds: float = 10) -> KillSwitch:
    """From now on this signal stops all of `clients`: nothing new is placed, and every order of theirs is cancelled.

    `with kill_on(signal.SIGUSR1, client) as switch` ends it again. Raises `ConfigError` where signals cannot be heard:
    outside the main thread, and on Windows.
    """
    return KillSwitch(number, clients, seconds)


__all__ = ["KillSwitch", "kill_on"]
