"""The released coinbase-advanced-py, unmodified, over TLS. What is asserted is what the SDK itself reported."""

import json
from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any


def test_the_official_sdk_subscribes_orders_is_filled_and_cancels(
    ready_tls: dict[str, Any], peer: Callable[[str], str], run: Callable[..., CompletedProcess[str]]
) -> None:
    done = run(peer("coinbase-sdk"), "coinbase_sdk.py", ready_tls)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["first_event"] == "snapshot"
    assert said["snapshot_rows"] > 10
    assert said["gapless"] is True
    assert {"BTC", "USD"} <= set(said["currencies"])
    assert said["limit"] == "30"
    assert said["filled_status"] == "FILLED"
    assert said["filled_size"].rstrip("0") == "0.01"
    assert said["fills"] >= 1
    assert said["fills_size"].rstrip("0") == "0.01"
    assert said["cancelled"] is True
    assert said["refused"] is False
    assert "PRICE_PRECISION" in json.dumps(said["refusal"])
    # the channels beside
    assert said["candles"] == ["snapshot", 100, "BTC-USD"]
    assert "price" in said["batch"]
    assert "best_bid" not in said["batch"]
    assert said["status"] == ["BTC-USD", "online"]
    # the other pages, and orders of other configurations
    assert said["bars"] in {12, 13}
    assert said["bars_newest_first"] is True
    assert said["trades"] == 5
    assert said["best"] == ["BTC-USD"]
    assert said["fees"] == "0"
    assert said["portfolios"] == ["DEFAULT"]
    assert said["preview"] == [[], True]
    assert said["bracket"] == ["BRACKET", "STOP_PENDING"]
    assert said["edit_preview"] == "0.02"
    assert said["edited"] == [True, "0.02"]
    assert said["all_cancelled"] == [True] * 4
    assert said["closed"] is False
    assert said["twap"] == ["TWAP", "0.01", [True, True]]
    assert said["ladder"] == ["SCALED", "0"]
    assert {"BTC", "USD", "USDC"} <= set(said["own"].pop("assets"))
    assert said["own"] == {
        "worth": True,
        "way": "USD",
        "sweeps": [],
        "margin": "INTRADAY_MARGIN_SETTING_STANDARD",
        "killswitch": False,
    }
    assert said["trade"] is True
    assert said["futures"] == []
    assert said["futures_balance"] is True
