"""`python -m venuewire.guard --fd N`: what a client starts for itself. By hand, use `venuewire guard`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
import sys

from venuewire.errors import VenueError
from venuewire.guard.program import on_stream
from venuewire.guard.watch import sentence


def main() -> int:
    """0: disarmed, or every order confirmed in time; 1: not."""
    parser = argparse.ArgumentParser(prog="python -m venuewire.guard", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="the stream to the client")
    given = parser.parse_args()
    logging.basicConfig(level=logging.ERROR, format="venuewire guard: %(message)s", stream=sys.stderr)
    try:
        outcome = asyncio.run(on_stream(socket.socket(fileno=given.fd)))
    except (VenueError, OSError) as error:
        sys.stderr.write(f"venuewire guard: {error}\n")
        return 1
    if outcome.why:
        sys.stderr.write(f"venuewire guard: {sentence(outcome)}\n")
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main())
