"""Run with the interpreter of requirements/peers/coinbase-sdk.txt: the released official SDK, unmodified, against a
sandbox whose ready line is the first argument. Prints one JSON object of what the SDK reported."""

import json
import os
import sys
import threading
import time
from decimal import Decimal
from typing import Any

DEADLINE = 20.0


class Seen:
    """Messages by channel, and a way to wait for what is expected."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.changed = threading.Condition()

    def __call__(self, text: str) -> None:
        with self.changed:
            self.messages.append(json.loads(text))
            self.changed.notify_all()

    def wait(self, what: str, test: Any) -> Any:
        end = time.monotonic() + DEADLINE
        with self.changed:
            while True:
                for message in self.messages:
                    if test(message):
                        return message
                left = end - time.monotonic()
                if left <= 0:
                    channels = sorted({str(message.get("channel")) for message in self.messages})
                    raise SystemExit(f"nothing seen of: {what}; channels seen: {channels}")
                self.changed.wait(left)

    def channel(self, name: str) -> Any:
        return self.wait(name, lambda message: message.get("channel") == name)


def has_order(status: str, order_id: str) -> Any:
    return lambda message: (
        message.get("channel") == "user"
        and any(
            order["order_id"] == order_id and order["status"] == status
            for event in message["events"]
            for order in event.get("orders", [])
        )
    )


def main() -> None:
    ready = json.loads(sys.argv[1])
    venue = ready["venues"]["coinbase"]
    os.environ["REQUESTS_CA_BUNDLE"] = ready["ca"]
    from coinbase.rest import RESTClient  # type: ignore[import-not-found]  # of the environment it runs in
    from coinbase.websocket import WSClient, WSUserClient  # type: ignore[import-not-found]

    keys = {"api_key": venue["credentials"]["key_name"], "api_secret": venue["credentials"]["private_key"]}
    product = venue["symbols"][0]
    market, user = Seen(), Seen()
    market_client = WSClient(**keys, base_url=venue["ws"], on_message=market)
    user_client = WSUserClient(**keys, base_url=venue["user_ws"], on_message=user)
    rest = RESTClient(**keys, base_url=venue["http"].removeprefix("https://"))

    market_client.open()
    market_client.subscribe([product], ["level2", "market_trades", "ticker"])
    market_client.heartbeats()
    user_client.open()
    user_client.user([product])
    user_client.heartbeats()

    book = market.channel("l2_data")
    for channel in ("market_trades", "ticker", "heartbeats", "subscriptions"):
        market.channel(channel)
    for channel in ("user", "heartbeats", "subscriptions"):
        user.channel(channel)

    accounts = rest.get_accounts().to_dict()["accounts"]
    best = rest.get_product_book(product, limit=1).to_dict()["pricebook"]
    bought = rest.market_order_buy(client_order_id="1001", product_id=product, base_size="0.01").to_dict()
    bought_id = bought["success_response"]["order_id"]
    user.wait("the market order filled", has_order("FILLED", bought_id))
    low = f"{int(float(best['bids'][0]['price']) // 2)}.00"
    rested = rest.limit_order_gtc_buy(
        client_order_id="1002", product_id=product, base_size="0.01", limit_price=low
    ).to_dict()
    rested_id = rested["success_response"]["order_id"]
    user.wait("the limit order open", has_order("OPEN", rested_id))
    cancelled = rest.cancel_orders([rested_id]).to_dict()
    user.wait("the limit order cancelled", has_order("CANCELLED", rested_id))
    refused = rest.limit_order_gtc_buy(
        client_order_id="1003", product_id=product, base_size="0.01", limit_price="0.001"
    ).to_dict()
    filled = rest.get_order(bought_id).to_dict()["order"]
    fills = rest.get_fills(order_ids=[bought_id]).to_dict()["fills"]

    numbers = [message["sequence_num"] for message in market.messages if "sequence_num" in message]
    market_client.close()
    user_client.close()
    print(
        json.dumps(
            {
                "snapshot_rows": len(book["events"][0]["updates"]),
                "first_event": book["events"][0]["type"],
                "gapless": numbers == list(range(len(numbers))),
                "currencies": sorted(account["currency"] for account in accounts),
                "filled_status": filled["status"],
                "filled_size": filled["filled_size"],
                "fills": len(fills),
                "fills_size": str(sum(Decimal(fill["size"]) for fill in fills)),
                "cancelled": cancelled["results"][0]["success"],
                "refused": refused["success"],
                "refusal": refused.get("error_response", {}),
            }
        )
    )


if __name__ == "__main__":
    main()
