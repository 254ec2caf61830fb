"""What this process holds with all venues of a sandbox streaming: a book of each, for some seconds; MB at its most."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from contextlib import AsyncExitStack
from typing import Any

import venuewire as vw
from venuewire.cli.places import from_ready
from venuewire.venues import find

SECONDS = 5


async def main(ready: dict[str, Any]) -> None:
    async with AsyncExitStack() as stack:
        for name in ready["venues"]:
            venue = find(name)
            client = await stack.enter_async_context(vw.connect(name, from_ready(venue, ready)))
            await stack.enter_async_context(client.book(venue.default_symbol))
        await asyncio.sleep(SECONDS)
    # Kilobytes on Linux, bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
