"""coinbase-advanced-py, with its recommended settings and a book made by hand, as its users do.

Runs in the environment of requirements/peers/coinbase-sdk.txt.
"""

import json
import os
import sys
import threading
import time
from typing import Any

ready = json.loads(sys.argv[2])
venue = ready["venues"]["coinbase"]
if ready["ca"]:
    os.environ["REQUESTS_CA_BUNDLE"] = ready["ca"]

from coinbase.websocket import WSClient  # noqa: E402  # type: ignore[import-not-found]

bids: dict[float, float] = {}
asks: dict[float, float] = {}
guard = threading.Lock()


def on_message(text: str) -> None:
    message = json.loads(text)
    if message.get("channel") != "l2_data":
        return
    with guard:
        for event in message["events"]:
            if event["type"] == "snapshot":
                bids.clear()
                asks.clear()
            for row in event["updates"]:
                side = bids if row["side"] == "bid" else asks
                price, size = float(row["price_level"]), float(row["new_quantity"])
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)


def top() -> list[str] | None:
    with guard:
        return [f"{max(bids):.2f}", f"{min(asks):.2f}"] if bids and asks else None


def main() -> None:
    keys: dict[str, Any] = {
        "api_key": venue["credentials"]["key_name"],
        "api_secret": venue["credentials"]["private_key"],
    }
    client = WSClient(**keys, base_url=venue["ws"], on_message=on_message)
    client.open()
    client.level2([venue["symbols"][0]])
    client.heartbeats()
    while True:
        print(json.dumps({"time": time.time(), "top": top(), "live": top() is not None}), flush=True)
        client.sleep_with_exception_check(0.05)


main()
