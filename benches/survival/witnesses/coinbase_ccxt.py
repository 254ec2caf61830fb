"""ccxt.pro: `watch_order_book` in a loop, errors retried at once, as its manual shows: the last book counts.

Runs in the environment of requirements/peers/ccxt.txt.
"""

import asyncio
import json
import ssl
import sys
import time
from contextlib import suppress

import ccxt.pro as ccxt  # type: ignore[import-not-found]

ready = json.loads(sys.argv[2])
venue = ready["venues"]["coinbase"]
last: list[str] | None = None


async def watch(exchange: ccxt.coinbase, symbol: str) -> None:
    global last
    while True:
        try:
            book = await exchange.watch_order_book(symbol)
            if book["bids"] and book["asks"]:
                last = [f"{book['bids'][0][0]:.2f}", f"{book['asks'][0][0]:.2f}"]
        except ccxt.BaseError as error:
            print(type(error).__name__, str(error)[:80], file=sys.stderr)
            await asyncio.sleep(0)


async def main() -> None:
    product = venue["symbols"][0]
    exchange = ccxt.coinbase(
        {
            "apiKey": venue["credentials"]["key_name"],
            "secret": venue["credentials"]["private_key"],
            "enableRateLimit": True,
        }
    )
    if ready["ca"]:
        exchange.ssl_context = ssl.create_default_context(cafile=ready["ca"])
    exchange.urls["api"]["ws"] = venue["ws"]
    exchange.urls["api"]["rest"] = venue["http"]
    exchange.aiohttp_trust_env = False
    symbol = product.replace("-", "/")
    base, quote = product.split("-")
    exchange.set_markets(
        [
            {
                "id": product,
                "symbol": symbol,
                "base": base,
                "quote": quote,
                "baseId": base,
                "quoteId": quote,
                "spot": True,
                "type": "spot",
                "active": True,
                "precision": {"amount": 1e-8, "price": 0.01},
                "limits": {},
            }
        ]
    )
    task = asyncio.ensure_future(watch(exchange, symbol))
    try:
        while True:
            print(json.dumps({"time": time.time(), "top": last, "live": last is not None}), flush=True)
            await asyncio.sleep(0.05)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await exchange.close()


asyncio.run(main())
