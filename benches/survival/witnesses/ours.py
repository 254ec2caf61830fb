"""venuewire: the trust of the book says whether it is handed out as good."""

import asyncio
import json
import sys
import time

import venuewire as vw
from venuewire.client.config import from_table
from venuewire.venues import find


async def main() -> None:
    name, ready = sys.argv[1], json.loads(sys.argv[2])
    venue = find(name)
    place = ready["venues"][name]
    endpoints = {endpoint.name: place[endpoint.name] for endpoint in venue.endpoints}
    credentials = from_table(venue, {**place["credentials"], "endpoints": endpoints, "ca": ready["ca"]})
    async with vw.connect(name, credentials) as client, client.book(venue.default_symbol) as book:
        while True:
            bid, ask = book.best_bid, book.best_ask
            live = book.trust is vw.Trust.LIVE
            top = [str(bid.price), str(ask.price)] if bid and ask else None
            refused = any(connection.session.state == "REFUSED" for connection in client.connections.values())
            print(json.dumps({"time": time.time(), "top": top, "live": live, "refused": refused}), flush=True)
            await asyncio.sleep(0.05)


asyncio.run(main())
