"""The released ccxt, unmodified, over TLS. What is asserted is what ccxt itself reported."""

import json
from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any


def test_ccxt_watches_orders_is_filled_edits_and_cancels(
    ready_tls: dict[str, Any], peer: Callable[[str], str], run: Callable[..., CompletedProcess[str]]
) -> None:
    done = run(peer("ccxt"), "coinbase_ccxt.py", ready_tls)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert {"BTC/USD", "ETH/USD", "SOL/USD", "BTC/USDC"} <= set(said["markets"])
    assert said["precision"] == {"amount": 1e-08, "price": 0.01}
    assert said["time"] > 0
    # what it watches
    bid, ask = said["watched_book"]["best"]
    assert 0 < bid < ask
    assert min(said["watched_book"]["bids"], said["watched_book"]["asks"]) > 5
    assert said["book_moves"] is True
    assert said["watched_trades"] == ["BTC/USD", True, True]
    assert said["watched_ticker"] is True
    # what it fetches
    assert said["fetched_book"] == [5, 5]
    assert said["fetched_trades"] == 10
    assert said["bars"] == 20
    assert said["bars_ascend"] is True
    assert said["bars_sound"] is True
    assert said["ticker"] is True
    assert said["bids_asks"] is True
    assert said["fees"] == 0
    assert said["portfolios"] == 1
    assert {"BTC", "USD", "USDC"} <= set(said["in_portfolio"])
    assert {"BTC", "USD", "USDC"} <= set(said["accounts"])
    assert said["ways"] == ["USD"]
    assert said["preview"] == [[], True]
    # what became of its orders
    assert said["filled"] == ["closed", 0.01, 0]
    assert said["opened"][0] == "open"
    assert said["opened"][2] == 0.01
    assert said["open_orders"] == [True]
    assert said["edited"] is True
    assert said["edited_amount"] == 0.02
    assert said["cancelled"] == "canceled"
    assert said["for_money"] == ["closed", True]
    assert said["stop_status"] == "open"
    assert said["twin"] == ["BTC/USDC", "closed", 0.01]
    assert said["refused"] == ["InsufficientFunds", True]
    assert round(sum(amount for amount, _ in said["fills"]), 8) == 0.01
    assert said["closed_orders"] == 1
    assert said["canceled_orders"] == 1
    assert said["gained"] is True
    assert said["paid"] is True
    assert said["paid_usdc"] is True
