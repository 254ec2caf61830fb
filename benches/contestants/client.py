"""This library, as a user has it: logged on, the books kept, best bid and ask read at each message.

Manners: `call` (`on_change`), `levels` (each message also opened into its levels), `loop` (`async for`).
"""

from __future__ import annotations

import asyncio

from benches.contestants.result import LIVE, Asked, asked, digest, report
from venuewire._version import __version__
from venuewire.book.twins import core
from venuewire.cli.bench.turn import Manner, turn


def say_live() -> None:
    """The flood may begin."""
    print(LIVE, flush=True)


async def main(what: Asked) -> None:
    manner = Manner(how=what.manner or "call", times=what.times)
    measured, books = await turn(what.ready, what.venue, what.symbols, what.frames, say_live, manner)
    print(
        report(
            measured.frames,
            measured.seconds,
            measured.cpu,
            digest(*books[what.symbol]),
            f"venuewire {__version__}, {core()}",
            measured.times,
            levels=measured.levels,
        )
    )


if __name__ == "__main__":
    asyncio.run(main(asked()))
