"""`venuewire guard`: a guard that is started by itself, before the client that relies on it."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

from venuewire.cli.outcome import FAILED, FINE, complain, keep_logs_short
from venuewire.errors import ConfigError
from venuewire.guard.program import on_socket, supported
from venuewire.guard.watch import Outcome, sentence, told
from venuewire.venue import Venue
from venuewire.venues import find


def guard(name: str, at: str, *, later: float, as_json: bool) -> int:
    """Wait for a client at this socket and guard it to its end."""
    venue = find(name)
    if not supported():
        raise ConfigError("a guard needs Unix sockets, which this system does not have")
    path = Path(at).expanduser()
    keep_logs_short(logging.WARNING)

    def listens() -> None:
        _listens(venue, path, as_json=as_json)

    outcome = asyncio.run(on_socket(path, venue.name, listens, later=later))
    if outcome is not None:
        _tell(outcome, as_json=as_json)
    return FINE if outcome is None or outcome.good else FAILED


def _listens(venue: Venue, path: Path, *, as_json: bool) -> None:
    if venue.capabilities.cancel_on_disconnect:
        complain(
            f"{venue.title} cancels orders placed with cancel_on_disconnect itself: a guard is not needed for them"
        )
    ready = json.dumps({"ready": True, "venue": venue.name, "at": str(path)})
    print(ready if as_json else f"waiting at {path} for a client of {venue.title}", flush=True)


def _tell(outcome: Outcome, *, as_json: bool) -> None:
    print(json.dumps(told(outcome)) if as_json else sentence(outcome), flush=True)
    if not outcome.report.complete:
        complain(f"{len(outcome.report.unconfirmed)} orders may still be working; look at the venue itself")
