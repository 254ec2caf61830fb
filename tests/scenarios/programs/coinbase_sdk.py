"""Run with the interpreter of requirements/peers/coinbase-sdk.txt: the released official SDK, unmodified, against a
sandbox whose ready line is the first argument. Prints one JSON object of what the SDK reported."""

import json
import os
import sys
import threading
import time
from datetime import UTC, datetime
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


class Paced:
    """The SDK's client with a pause before each call: it does not keep to the venue's thirty a second by itself."""

    def __init__(self, rest: Any) -> None:
        self._rest = rest

    def __getattr__(self, name: str) -> Any:
        time.sleep(0.04)
        return getattr(self._rest, name)


def has_order(status: str, order_id: str) -> Any:
    return lambda message: (
        message.get("channel") == "user"
        and any(
            order["order_id"] == order_id and order["status"] == status
            for event in message["events"]
            for order in event.get("orders", [])
        )
    )


def more(rest: Any, user: Seen, product: str, best: dict[str, Any]) -> dict[str, Any]:
    """The rest of the pages, and orders of every configuration spot has."""
    now = int(rest.get_unix_time().to_dict()["epoch_seconds"])
    bars = rest.get_candles(product, start=str(now - 3600), end=str(now), granularity="FIVE_MINUTE").to_dict()
    trades = rest.get_market_trades(product, limit=5).to_dict()
    books = rest.get_best_bid_ask([product]).to_dict()["pricebooks"]
    fees = rest.get_transaction_summary().to_dict()
    portfolios = rest.get_portfolios().to_dict()["portfolios"]
    preview = rest.preview_market_order_buy(product, quote_size="100").to_dict()
    bid = Decimal(best["bids"][0]["price"])
    low, high = f"{bid / 2:.2f}", f"{bid * 2:.2f}"

    bracket = rest.trigger_bracket_order_gtc_sell(
        client_order_id="1101", product_id=product, base_size="0.01", limit_price=high, stop_trigger_price=low
    ).to_dict()
    bracket_id = bracket["success_response"]["order_id"]
    user.wait("the bracket open", has_order("OPEN", bracket_id))
    told = rest.get_order(bracket_id).to_dict()["order"]
    rise = rest.stop_limit_order_gtc_sell(
        client_order_id="1102",
        product_id=product,
        base_size="0.01",
        limit_price=low,
        stop_price=high,
        stop_direction="STOP_DIRECTION_STOP_UP",
    ).to_dict()
    rise_id = rise["success_response"]["order_id"]
    rested = rest.limit_order_gtc_buy(
        client_order_id="1103", product_id=product, base_size="0.01", limit_price=low
    ).to_dict()
    rested_id = rested["success_response"]["order_id"]
    edit_preview = rest.preview_edit_order(rested_id, size="0.02", price=low).to_dict()
    edited = rest.edit_order(rested_id, size="0.02", price=low).to_dict()
    after = rest.get_order(rested_id).to_dict()["order"]
    twin = rest.limit_order_gtc_buy(
        client_order_id="1104", product_id="BTC-USDC", base_size="0.01", limit_price=low
    ).to_dict()
    twin_id = twin["success_response"]["order_id"]
    cancelled = rest.cancel_orders([bracket_id, rise_id, rested_id, twin_id]).to_dict()["results"]
    twap, ladder = worked(rest, user, product, best, now)
    closed = rest.close_position(client_order_id="1105", product_id=product).to_dict()
    return {
        "bars": len(bars["candles"]),
        "bars_newest_first": bars["candles"][0]["start"] > bars["candles"][-1]["start"],
        "trades": len(trades["trades"]),
        "best": [book["product_id"] for book in books],
        "fees": fees["fee_tier"]["taker_fee_rate"],
        "portfolios": [portfolio["type"] for portfolio in portfolios],
        "preview": [preview["errs"], Decimal(preview["quote_size"]) <= 100],
        "bracket": [told["order_type"], told["trigger_status"]],
        "edit_preview": edit_preview["base_size"],
        "edited": [edited["success"], after["order_configuration"]["limit_limit_gtc"]["base_size"]],
        "all_cancelled": [result["success"] for result in cancelled],
        "closed": closed["success"],
        "twap": twap,
        "ladder": ladder,
        "own": own_pages(rest),
        "trade": rest.get_api_key_permissions().to_dict()["can_trade"],
        "futures": rest.list_futures_positions().to_dict()["positions"],
        "futures_balance": "total_usd_balance" in rest.get_futures_balance_summary().to_dict()["balance_summary"],
    }


def worked(rest: Any, user: Seen, product: str, best: dict[str, Any], now: int) -> tuple[Any, Any]:
    """A TWAP that begins at once, and a ladder of bids."""

    def at(seconds: int) -> str:
        return datetime.fromtimestamp(now + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    ask = Decimal(best["asks"][0]["price"])
    twap = rest.create_order(
        client_order_id="1201",
        product_id=product,
        side="BUY",
        order_configuration={
            "twap_limit_gtd": {
                "base_size": "0.02",
                "limit_price": f"{ask * 2:.2f}",
                "start_time": at(0),
                "end_time": at(3600),
                "number_buckets": "2",
                "bucket_size": "0.01",
                "bucket_duration": "1800s",
            }
        },
    ).to_dict()
    twap_id = twap["success_response"]["order_id"]
    user.wait("the first bucket of the TWAP", has_order("OPEN", twap_id))
    told = rest.get_order(twap_id).to_dict()["order"]
    bid = Decimal(best["bids"][0]["price"])
    ladder = rest.create_order(
        client_order_id="1202",
        product_id=product,
        side="BUY",
        order_configuration={
            "scaled_limit_gtc": {
                "base_size": "0.03",
                "num_orders": 3,
                "min_price": f"{bid / 3:.2f}",
                "max_price": f"{bid / 2:.2f}",
                "price_distribution": "FLAT",
                "size_distribution": "EVENLY_SPLIT",
            }
        },
    ).to_dict()
    ladder_id = ladder["success_response"]["order_id"]
    user.wait("the ladder open", has_order("OPEN", ladder_id))
    shown = rest.get_order(ladder_id).to_dict()["order"]
    results = rest.cancel_orders([twap_id, ladder_id]).to_dict()["results"]
    user.wait("the ladder cancelled", has_order("CANCELLED", ladder_id))
    cancelled = [result["success"] for result in results]
    return [told["order_type"], told["filled_size"], cancelled], [shown["order_type"], shown["filled_size"]]


def own_pages(rest: Any) -> dict[str, Any]:
    """Pages about the account that nothing is traded with."""
    (portfolio,) = rest.get_portfolios().to_dict()["portfolios"]
    breakdown = rest.get_portfolio_breakdown(portfolio["uuid"]).to_dict()["breakdown"]
    (way,) = rest.list_payment_methods().to_dict()["payment_methods"]
    return {
        "assets": sorted(row["asset"] for row in breakdown["spot_positions"]),
        "worth": Decimal(breakdown["portfolio_balances"]["total_balance"]["value"]) > 10_000_000,
        "way": rest.get_payment_method(way["id"]).to_dict()["payment_method"]["currency"],
        "sweeps": rest.list_futures_sweeps().to_dict()["sweeps"],
        "margin": rest.get_intraday_margin_setting().to_dict()["setting"],
        "killswitch": rest.get_current_margin_window("MARGIN_PROFILE_TYPE_RETAIL_REGULAR").to_dict()[
            "is_intraday_margin_killswitch_enabled"
        ],
    }


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
    rest = Paced(RESTClient(**keys, base_url=venue["http"].removeprefix("https://"), rate_limit_headers=True))

    market_client.open()
    market_client.subscribe([product], ["level2", "market_trades", "ticker"])
    market_client.subscribe([product], ["candles", "ticker_batch", "status"])
    market_client.heartbeats()
    user_client.open()
    user_client.user([product])
    user_client.futures_balance_summary()
    user_client.heartbeats()

    book = market.channel("l2_data")
    for channel in ("market_trades", "ticker", "heartbeats", "subscriptions"):
        market.channel(channel)
    for channel in ("user", "heartbeats", "subscriptions", "futures_balance_summary"):
        user.channel(channel)
    candles = market.channel("candles")["events"][0]
    batch = market.channel("ticker_batch")["events"][0]["tickers"][0]
    status = market.channel("status")["events"][0]["products"][0]

    wallets = rest.get_accounts().to_dict()
    accounts = wallets["accounts"]
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

    pages = more(rest, user, product, best)

    numbers = [message["sequence_num"] for message in market.messages if "sequence_num" in message]
    market_client.close()
    user_client.close()
    print(
        json.dumps(
            {
                "snapshot_rows": len(book["events"][0]["updates"]),
                "first_event": book["events"][0]["type"],
                "gapless": numbers == list(range(len(numbers))),
                "limit": wallets.get("rate_limit_limit"),
                "currencies": sorted(account["currency"] for account in accounts),
                "filled_status": filled["status"],
                "filled_size": filled["filled_size"],
                "fills": len(fills),
                "fills_size": str(sum(Decimal(fill["size"]) for fill in fills)),
                "cancelled": cancelled["results"][0]["success"],
                "refused": refused["success"],
                "refusal": refused.get("error_response", {}),
                "candles": [candles["type"], len(candles["candles"]), candles["candles"][0]["product_id"]],
                "batch": sorted(batch),
                "status": [status["id"], status["status"]],
                **pages,
            }
        )
    )


if __name__ == "__main__":
    main()
