"""`venuewire sandbox`: all venues on this machine, until it is told to end."""

from __future__ import annotations

import json
import logging
import sys

from msgspec import Struct

from venuewire.cli.outcome import FINE, keep_logs_short
from venuewire.cli.running import Stop
from venuewire.sandbox import Sandbox
from venuewire.transport.clock import SystemClock


class Options(Struct, frozen=True, kw_only=True):
    """What the command line says."""

    venues: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = 0
    tls: bool = False
    seed: int = 1
    clock: float = 1.0


async def serve(options: Options, stop: Stop) -> int:
    """Print the ready line when everything listens, then serve until asked to stop."""
    stop.listen()
    keep_logs_short(logging.WARNING)
    sandbox = Sandbox(
        venues=options.venues,
        host=options.host,
        port=options.port,
        tls=options.tls,
        seed=options.seed,
        clock=SystemClock(options.clock),
    )
    async with sandbox:
        sys.stdout.write(json.dumps(sandbox.ready()) + "\n")
        sys.stdout.flush()
        await stop.wait()
    return FINE
