"""Run with the interpreter of requirements/peers/ccxt.txt: the released ccxt, unmodified, against a sandbox whose ready
line is the first argument. Prints one JSON object of what ccxt reported."""

import asyncio
import json
import sys
from contextlib import suppress
from typing import Any

DEADLINE = 20.0
SYMBOL = "BTC/USD"


async def within(awaitable: Any) -> Any:
    return await asyncio.wait_for(awaitable, DEADLINE)


class Orders:
    """What ccxt tells of orders, watched all the time: it says nothing again to those who come late."""

    def __init__(self, exchange: Any) -> None:
        self._exchange = exchange
        self._seen: list[dict[str, Any]] = []
        self._changed = asyncio.Event()

    async def watch(self) -> None:
        while True:
            self._seen += await self._exchange.watch_orders()
            self._changed.set()

    async def until(self, order_id: str, status: str) -> dict[str, Any]:
        """The order, once it has been told in this state."""
        async with asyncio.timeout(DEADLINE):
            while True:
                self._changed.clear()
                for order in self._seen:
                    if order["id"] == order_id and order["status"] == status:
                        return order
                await self._changed.wait()


async def run(ready: dict[str, Any]) -> dict[str, Any]:
    import ccxt.pro  # of the environment it runs in

    venue = ready["venues"]["coinbase"]
    exchange = ccxt.pro.coinbase(
        {
            "apiKey": venue["credentials"]["key_name"],
            "secret": venue["credentials"]["private_key"],
            "urls": {"api": {"rest": venue["http"], "ws": venue["ws"]}},
            # The list of currencies is of another interface of the venue's, which is not this one's.
            "has": {"fetchCurrencies": False},
            "newUpdates": False,
        }
    )
    exchange.cafile = ready["ca"]
    try:
        return await report(exchange)
    finally:
        # Aborting a TLS transport that is gone already raises in the asyncio of early Python 3.11 (fixed in 3.11.4).
        with suppress(AttributeError):
            await exchange.close()


async def report(exchange: Any) -> dict[str, Any]:
    said: dict[str, Any] = {}
    markets = await within(exchange.load_markets())
    said["markets"] = sorted(markets)
    said["precision"] = markets[SYMBOL]["precision"]
    said["time"] = await within(exchange.fetch_time({"method": "v3PublicGetBrokerageTime"}))

    book = await within(exchange.watch_order_book(SYMBOL))
    said["watched_book"] = {
        "bids": len(book["bids"]),
        "asks": len(book["asks"]),
        "best": [book["bids"][0][0], book["asks"][0][0]],
    }
    first = book["timestamp"]
    said["book_moves"] = (await within(exchange.watch_order_book(SYMBOL)))["timestamp"] >= first
    trades = await within(exchange.watch_trades(SYMBOL))
    said["watched_trades"] = [trades[-1]["symbol"], trades[-1]["side"] in ("buy", "sell"), trades[-1]["price"] > 0]
    ticker = await within(exchange.watch_ticker(SYMBOL))
    said["watched_ticker"] = ticker["bid"] < ticker["ask"]

    fetched = await within(exchange.fetch_order_book(SYMBOL, 5))
    said["fetched_book"] = [len(fetched["bids"]), len(fetched["asks"])]
    said["fetched_trades"] = len(await within(exchange.fetch_trades(SYMBOL, limit=10)))
    bars = await within(exchange.fetch_ohlcv(SYMBOL, "5m", limit=20))
    said["bars"] = len(bars)
    said["bars_ascend"] = [bar[0] for bar in bars] == sorted(bar[0] for bar in bars)
    said["bars_sound"] = all(
        low <= min(first, last) and max(first, last) <= high for _, first, high, low, last, _ in bars
    )
    said["ticker"] = (await within(exchange.fetch_ticker(SYMBOL)))["last"] > 0
    said["bids_asks"] = SYMBOL in await within(exchange.fetch_bids_asks([SYMBOL]))
    said["fees"] = (await within(exchange.fetch_trading_fees()))[SYMBOL]["taker"]
    portfolios = await within(exchange.fetch_portfolios())
    said["portfolios"] = len(portfolios)
    details = await within(exchange.fetch_portfolio_details(portfolios[0]["id"]))
    said["in_portfolio"] = sorted(row["currency"] for row in details)
    accounts = await within(exchange.fetch_accounts({"method": "fetch_accounts_v3", "fetchAccounts": "v3"}))
    said["accounts"] = sorted(account["code"] for account in accounts)
    said["ways"] = [way["currency"] for way in await within(exchange.fetch_deposit_method_ids())]
    # Its `create_order` with `preview` forgets what the venue says; the page itself does not.
    preview = await within(
        exchange.v3PrivatePostBrokerageOrdersPreview(
            {
                "product_id": "BTC-USD",
                "side": "BUY",
                "order_configuration": {"market_market_ioc": {"quote_size": "100"}},
            }
        )
    )
    said["preview"] = [preview["errs"], float(preview["quote_size"]) <= 100]
    before = await within(exchange.fetch_balance({"v3": True}))

    said["orders_before"] = len(await within(exchange.watch_orders()))
    orders = Orders(exchange)
    watching = asyncio.create_task(orders.watch())
    await asyncio.sleep(0)
    low = float(exchange.price_to_precision(SYMBOL, fetched["bids"][0][0] / 2))
    bought = await within(exchange.create_order(SYMBOL, "limit", "buy", 0.01, round(fetched["asks"][0][0] * 1.01, 2)))
    filled = await orders.until(bought["id"], "closed")
    said["filled"] = [filled["status"], filled["filled"], filled["remaining"]]
    rested = await within(exchange.create_order(SYMBOL, "limit", "buy", 0.01, low, {"postOnly": True}))
    opened = await orders.until(rested["id"], "open")
    said["opened"] = [opened["status"], opened["price"], opened["amount"]]
    said["open_orders"] = [order["id"] == rested["id"] for order in await within(exchange.fetch_open_orders(SYMBOL))]
    edited = await within(exchange.edit_order(rested["id"], SYMBOL, "limit", "buy", 0.02, low))
    said["edited"] = edited["id"] == rested["id"] or edited["info"]["success"]
    said["edited_amount"] = (await within(exchange.fetch_order(rested["id"])))["amount"]
    await within(exchange.cancel_order(rested["id"], SYMBOL))
    cancelled = await orders.until(rested["id"], "canceled")
    said["cancelled"] = cancelled["status"]
    money = await within(exchange.create_market_buy_order_with_cost(SYMBOL, 100))
    spent = await within(exchange.fetch_order(money["id"]))
    said["for_money"] = [spent["status"], 90 < spent["cost"] <= 100]
    stop = await within(
        exchange.create_order(
            SYMBOL, "limit", "buy", 0.01, low * 3, {"stopPrice": low * 3, "stop_direction": "STOP_DIRECTION_STOP_UP"}
        )
    )
    said["stop_status"] = (await within(exchange.fetch_order(stop["id"])))["status"]
    await within(exchange.cancel_orders([stop["id"]]))
    twin = await within(exchange.create_order("BTC/USDC", "limit", "buy", 0.01, round(fetched["asks"][0][0] * 1.01, 2)))
    twin_told = await within(exchange.fetch_order(twin["id"]))
    said["twin"] = [twin_told["symbol"], twin_told["status"], twin_told["filled"]]
    try:
        await within(exchange.create_order(SYMBOL, "limit", "buy", 3_000, low))
    except ccxt_error() as error:
        said["refused"] = [type(error).__name__, "INSUFFICIENT_FUND" in str(error)]
    said["fills"] = [
        [trade["amount"], trade["order"] == bought["id"]]
        for trade in await within(exchange.fetch_my_trades(SYMBOL))
        if trade["order"] == bought["id"]
    ]
    said["closed_orders"] = [order["id"] for order in await within(exchange.fetch_closed_orders(SYMBOL))].count(
        bought["id"]
    )
    said["canceled_orders"] = [order["id"] for order in await within(exchange.fetch_canceled_orders(SYMBOL))].count(
        rested["id"]
    )
    after = await within(exchange.fetch_balance({"v3": True}))
    said["gained"] = after["BTC"]["total"] > before["BTC"]["total"]
    said["paid_usdc"] = after["USDC"]["total"] < before["USDC"]["total"]
    watching.cancel()
    said["paid"] = after["USD"]["total"] < before["USD"]["total"]
    return said


def ccxt_error() -> type[Exception]:
    import ccxt  # of the environment it runs in

    base: type[Exception] = ccxt.BaseError
    return base


def main() -> None:
    print(json.dumps(asyncio.run(run(json.loads(sys.argv[1])))))


if __name__ == "__main__":
    main()
