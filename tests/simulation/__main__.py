"""Many seeds, or one again.

python -m tests.simulation                 10,000 seeds; the first that fails is told, with how to repeat it
python -m tests.simulation 4711            that one, and its log
python -m tests.simulation 0 500           a range
"""

from __future__ import annotations

import asyncio
import sys
import time

from tests.simulation.world import Broken, World, simulate


def main() -> int:
    given = [int(word) for word in sys.argv[1:]]
    if len(given) == 1:
        return one(given[0])
    first, last = given or (0, 10_000)
    began = time.monotonic()
    for seed in range(first, last):
        try:
            asyncio.run(simulate(seed))
        except Broken as broken:
            print(f"\n{broken}\nrepeat it with: python -m tests.simulation {seed}")
            return 1
        rate = (seed - first + 1) / (time.monotonic() - began)
        print(f"\r{seed - first + 1} of {last - first} seeds, {rate:.1f} a second", end="", file=sys.stderr)
    print(f"\n{last - first} seeds, none failing", file=sys.stderr)
    return 0


def one(seed: int) -> int:
    world = World(seed)

    async def run() -> None:
        async with world:
            await world.run(60)
            await world.calm()

    try:
        asyncio.run(run())
    except Broken as broken:
        print("\n".join(world.log[-400:]))
        print(broken)
        return 1
    print("\n".join(world.log[-40:]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
