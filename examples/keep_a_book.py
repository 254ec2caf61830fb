"""Keep a book and see what it is worth: trust, gaps, and a line that is cut on purpose.

    python examples/keep_a_book.py

Everything runs on this machine; no account is needed.
"""

import asyncio

import venuewire as vw


async def main() -> None:
    async with (
        vw.Sandbox(venues=["finery"]) as sandbox,
        vw.connect("finery", sandbox.credentials("finery")) as client,
        client.book("BTC-USD") as book,
    ):
        cut = False
        changes = 0
        async for change in book:
            if isinstance(change, vw.Gap):
                print(f"gap: {change.cause} ({'repaired' if change.repaired else 'open'}), the book is {book.trust}")
                if change.repaired:
                    return
            else:
                changes += 1
                if changes % 20 == 0:
                    print(f"{changes} changes, {book.trust}: {book.best_bid} / {book.best_ask}")
            if changes >= 40 and not cut:
                cut = True
                sandbox.disconnect("finery", 1006)


asyncio.run(main())
