"""`venuewire sandbox`: all venues on this machine, until it is told to end."""

from __future__ import annotations

import gc
import json
import logging
import sys
from pathlib import Path

from msgspec import Struct

from venuewire.cli.outcome import FINE, keep_logs_short
from venuewire.cli.running import Stop
from venuewire.errors import ConfigError
from venuewire.sandbox import Sandbox
from venuewire.sandbox.faults import BadFault, Fault, faults_from_file
from venuewire.transport.clock import SystemClock


class Options(Struct, frozen=True, kw_only=True):
    """What the command line says."""

    venues: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = 0
    tls: bool = False
    seed: int = 1
    clock: float = 1.0
    faults: str | None = None
    """A file of them, to be set at the start."""


async def serve(options: Options, stop: Stop) -> int:
    """Print the ready line when everything listens, then serve until asked to stop."""
    faults = _faults(options.faults)
    # What is made at the start stays to the end: looking for garbage among it delays the start, and every later search.
    gc.disable()
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
    try:
        async with sandbox:
            for fault in faults:
                sandbox.set_fault(fault)
            sys.stdout.write(json.dumps(sandbox.ready()) + "\n")
            sys.stdout.flush()
            gc.freeze()
            gc.enable()
            await stop.wait()
    finally:
        gc.enable()
    return FINE


def _faults(name: str | None) -> list[Fault]:
    """The faults in a file. Raises `ConfigError`, which names the file and, where there are lines, the line."""
    if name is None:
        return []
    try:
        return faults_from_file(Path(name).read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot read {name}: {error.strerror or error}") from None
    except BadFault as error:
        raise ConfigError(f"{name}: {error}") from None
