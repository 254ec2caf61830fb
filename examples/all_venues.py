"""The same code against every venue there is: capabilities tell what each can do.

python examples/all_venues.py
"""

import asyncio

import venuewire as vw
from venuewire.venues import find, names


async def one(sandbox: vw.Sandbox, name: str) -> None:
    venue = find(name)
    async with (
        vw.connect(name, sandbox.credentials(name)) as client,
        client.book(venue.default_symbol) as book,
    ):
        balances = ", ".join(f"{balance.total} {balance.currency}" for balance in (await client.balances())[:3])
        print(f"{venue.title}: {book.symbol} {book.best_bid} / {book.best_ask}; {balances}")


async def main() -> None:
    async with vw.Sandbox() as sandbox, asyncio.TaskGroup() as tasks:
        for name in names():
            tasks.create_task(one(sandbox, name))


asyncio.run(main())
