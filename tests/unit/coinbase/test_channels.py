"""The channels beside books, trades, quotes and own orders; numbers per product; tokens, scopes and limits."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.coinbase.ends import ClientLine, RawLine, World, logged_on

from venuewire.errors import ConfigError, LocalProtocolError, RemoteProtocolError
from venuewire.model.market import Quote
from venuewire.model.session import Subscribe, Unknown
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Side
from venuewire.venue import Habit, Seat
from venuewire.venues.coinbase import VENUE
from venuewire.venues.coinbase.initiator.line import CoinbaseInitiator
from venuewire.venues.coinbase.wire import stream

SECOND = NANOS_PER_SECOND


@pytest.fixture
def world() -> World:
    return standing(World())


def standing(world: World) -> World:
    world.quote(Side.BUY, "5", "63990")
    world.quote(Side.SELL, "5", "64010")
    world.hit(Side.BUY, "0.1", "64010")
    world.exchange.drain()
    return world


def frames(line: RawLine, channel: str) -> list[dict[str, Any]]:
    return [frame for frame in line.frames if frame.get("channel") == channel]


def client_with(world: World, line: str = "ws", **settings: Any) -> ClientLine:
    credentials = VENUE.credentials_from({**world.stage.credentials, "endpoints": {}})
    seat = Seat(credentials, unique=lambda: next(world.unique), random_hex=world.random_hex, settings=settings)
    seat.know(world.stage.instruments)
    return ClientLine(world, line, seat)


# --------------------------------------------------------------------------- ticker_batch, status, futures


def test_ticker_batch_tells_every_five_seconds_and_only_what_changed(world: World) -> None:
    line = RawLine(world)
    line.subscribe("heartbeats")
    (snapshot, answer) = line.subscribe("ticker_batch", "BTC-USD")
    (row,) = snapshot["events"][0]["tickers"]
    assert row["price"] == "64010"
    assert not [key for key in row if key.startswith("best_")]
    assert answer["events"] == [{"subscriptions": {"heartbeats": ["heartbeats"], "ticker_batch": ["BTC-USD"]}}]
    world.step(11 * SECOND)
    assert len(frames(line, "ticker_batch")) == 1
    world.hit(Side.SELL, "0.2", "63990")
    world.settle()
    world.step(6 * SECOND)
    assert frames(line, "ticker_batch")[-1]["events"][0]["type"] == "update"
    assert frames(line, "ticker_batch")[-1]["events"][0]["tickers"][0]["price"] == "63990"


def test_quotes_may_come_from_ticker_batch(world: World) -> None:
    client = client_with(world, quotes="ticker_batch")
    client.logon()
    told = client.ask(Subscribe(channel=Channel.QUOTES, symbol="BTC-USD", ref="5"))
    (quote,) = [event for event in told if isinstance(event, Quote)]
    assert (quote.symbol, quote.last_px, quote.bid, quote.ask) == ("BTC-USD", Decimal(64010), None, None)
    with pytest.raises(LocalProtocolError):
        client_with(world, quotes="tickers")


def test_status_is_told_first_and_every_minute(world: World) -> None:
    line = RawLine(world)
    line.subscribe("heartbeats")
    (snapshot, _) = line.subscribe("status", "ETH-USD")
    (row,) = snapshot["events"][0]["products"]
    assert (row["id"], row["status"], row["base_increment"]) == ("ETH-USD", "online", "0.00000001")
    assert "product_id" not in row
    world.step(61 * SECOND)
    assert [frame["events"][0]["type"] for frame in frames(line, "status")] == ["snapshot", "update"]
    line.subscribe("status", kind="unsubscribe")
    world.step(120 * SECOND)
    assert len(frames(line, "status")) == 2


@pytest.mark.parametrize("name", ["ws", "user_ws"])
def test_the_futures_balance_is_told_to_those_with_a_token(world: World, name: str) -> None:
    line = RawLine(world, name)
    assert line.subscribe("futures_balance_summary", jwt="")[0]["message"] == stream.AUTHENTICATION_FAILURE
    (snapshot, answer) = line.subscribe("futures_balance_summary")
    summary = snapshot["events"][0]["fcm_balance_summary"]
    assert summary["total_usd_balance"] == "10000000"
    assert summary["futures_buying_power"] == "0"
    assert list(answer["events"][0]["subscriptions"]) == ["futures_balance_summary"]
    line.subscribe("heartbeats")
    world.step(5 * SECOND)
    assert len(frames(line, "futures_balance_summary")) == 1


@pytest.mark.parametrize("channel", ["candles", "status", "ticker_batch", "level2"])
def test_the_user_host_has_no_market_data(world: World, channel: str) -> None:
    (answer,) = RawLine(world, "user_ws").subscribe(channel, "BTC-USD")
    assert answer == {"type": "error", "message": "authentication failure"}


# --------------------------------------------------------------------------- numbers per product


def test_per_product_numbers_each_begin_at_nothing() -> None:
    world = standing(World(per_product=True))
    line = RawLine(world)
    line.subscribe("level2", "BTC-USD", "ETH-USD")
    line.subscribe("market_trades", "BTC-USD")
    told = [(frame["channel"], frame["sequence_num"]) for frame in line.frames]
    assert told == [("l2_data", 0), ("l2_data", 0), ("subscriptions", 0), ("market_trades", 1), ("subscriptions", 1)]


def test_our_side_counts_per_product_when_told_to() -> None:
    world = standing(World(per_product=True, conflation=0))
    client = client_with(world, sequence="product")
    client.logon()
    for symbol, ref in (("BTC-USD", "5"), ("ETH-USD", "6")):
        client.ask(Subscribe(channel=Channel.BOOK, symbol=symbol, ref=ref))
    for size in ("1", "2"):
        world.quote(Side.BUY, size, "63000")
        world.settle()
    assert not [event for event in client.events if isinstance(event, Unknown)]


def test_a_number_that_is_missing_or_comes_again_is_damage() -> None:
    world = World()
    client = client_with(world, sequence="product")

    def hear(number: int, product: str = "BTC-USD") -> None:
        row = {"side": "bid", "event_time": "2026-05-04T03:02:01Z", "price_level": "1", "new_quantity": "1"}
        event = {"type": "update", "product_id": product, "updates": [row]}
        frame = {"channel": "l2_data", "timestamp": "2026-05-04T03:02:01Z", "sequence_num": number, "events": [event]}
        client.initiator.receive(client.initiator.open(json.dumps(frame, separators=(",", ":")).encode()), world.now)

    hear(7)
    hear(0, "ETH-USD")
    hear(8)
    with pytest.raises(RemoteProtocolError, match="number 9 was due, not 10"):
        hear(10)
    hear(11)
    with pytest.raises(RemoteProtocolError):
        hear(11)
    client.initiator.handshake(world.now)
    hear(0)


# --------------------------------------------------------------------------- tokens, scopes, limits, keys


def test_a_line_outlives_its_token_unless_the_switch_says_otherwise(world: World) -> None:
    line = RawLine(world, "user_ws")
    line.subscribe("heartbeats")
    line.subscribe("user")
    world.step(200 * SECOND)
    assert line.close is None
    assert world.host.afflict(Habit("cut_at_expiry"), world.now)
    world.step(SECOND)
    assert line.close is not None
    assert line.close.code == 1006


def test_the_cut_comes_when_the_token_ends() -> None:
    world = World(cut_at_expiry=True)
    line = RawLine(world, "user_ws")
    line.subscribe("heartbeats")
    line.subscribe("user")
    world.step(118 * SECOND)
    assert line.close is None
    world.step(2 * SECOND)
    assert line.close is not None


def test_a_key_that_may_only_view_is_told_so() -> None:
    world = standing(World(can_trade=False))
    answer = world.http("POST", "/api/v3/brokerage/orders", {})
    assert answer.status == 403
    assert json.loads(answer.body) == {
        "error": "PERMISSION_DENIED",
        "error_details": "Missing required scopes",
        "message": "Missing required scopes",
    }
    assert world.call("GET", "/key_permissions")["can_trade"] is False
    assert world.call("GET", "/accounts")["size"] > 0


def test_private_answers_say_how_much_is_left(world: World) -> None:
    first, second = (world.http("GET", "/api/v3/brokerage/accounts") for _ in range(2))
    assert first.headers["x-ratelimit-limit"] == "30"
    assert [answer.headers["x-ratelimit-remaining"] for answer in (first, second)] == ["29", "28"]
    assert int(first.headers["x-ratelimit-reset"]) == -(-(world.now + SECOND) // SECOND)
    assert "x-ratelimit-limit" not in world.http("GET", "/api/v3/brokerage/time", token="").headers


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("aB3dE5fG7hJ9kL1m", "x" * 32),
        ("organizations/1/apiKeys/2", "Zz9" * 10 + "Aa"),
        ("aB3dE5fG7hJ9kL1m", "whatever"),
    ],
)
def test_a_legacy_key_is_refused_with_the_way_out(name: str, secret: str) -> None:
    with pytest.raises(ConfigError, match="CDP portal") as refused:
        VENUE.credentials_from({"key_name": name, "private_key": secret})
    assert secret not in str(refused.value)


def test_a_request_signed_with_a_legacy_key_is_refused(world: World) -> None:
    line = RawLine(world)
    legacy = {"api_key": "aB3dE5fG7hJ9kL1m", "timestamp": "1777863721", "signature": "0" * 64}
    request = {"type": "subscribe", "channel": "user", "product_ids": ["BTC-USD"]}
    assert line.say(request | legacy) == [{"type": "error", "message": "authentication failure"}]


# --------------------------------------------------------------------------- pages


def test_previews_say_what_an_order_would_come_to(world: World) -> None:
    body = {"product_id": "BTC-USD", "side": "BUY", "order_configuration": {"market_market_ioc": {"base_size": "1"}}}
    told = world.call("POST", "/orders/preview", body)
    assert (told["order_total"], told["base_size"], told["errs"]) == ("64010", "1", [])
    assert (told["best_bid"], told["best_ask"], told["slippage"]) == ("63990", "64010", "0")
    money = {"market_market_ioc": {"quote_size": "6401"}}
    assert world.call("POST", "/orders/preview", body | {"order_configuration": money})["base_size"] == "0.1"
    much = {"limit_limit_gtc": {"base_size": "3000", "limit_price": "60000"}}
    assert world.call("POST", "/orders/preview", body | {"order_configuration": much})["errs"] == [
        "PREVIEW_INSUFFICIENT_FUND"
    ]
    assert world.call("GET", "/orders/historical/batch")["orders"] == []


def test_an_edit_is_previewed(world: World) -> None:
    limit = {"limit_limit_gtc": {"base_size": "1", "limit_price": "60000"}}
    body = {"client_order_id": "1", "product_id": "BTC-USD", "side": "BUY", "order_configuration": limit}
    order_id = world.call("POST", "/orders", body)["success_response"]["order_id"]
    told = world.call("POST", "/orders/edit_preview", {"order_id": order_id, "price": "61000", "size": "2"})
    assert (told["errors"], told["order_total"]) == ([], "122000")
    told = world.call("POST", "/orders/edit_preview", {"order_id": "nothing", "price": "1", "size": "2"})
    assert told["errors"][0]["edit_failure_reason"] == "ORDER_NOT_FOUND"
    assert (
        world.call("GET", f"/orders/historical/{order_id}")["order"]["order_configuration"]["limit_limit_gtc"][
            "base_size"
        ]
        == "1"
    )


def test_there_is_no_position_to_close(world: World) -> None:
    told = world.call("POST", "/orders/close_position", {"client_order_id": "1", "product_id": "BTC-USD"})
    assert told["success"] is False
    assert told["error_response"]["new_order_failure_reason"] == "CANNOT_CLOSE_ZERO_POSITION"


def test_trades_books_fees_portfolios_and_futures_are_told(world: World) -> None:
    told = world.call("GET", "/products/BTC-USDC/ticker", query="limit=5")
    assert (told["best_bid"], told["best_ask"]) == ("63990", "64010")
    assert [(trade["price"], trade["side"], trade["product_id"]) for trade in told["trades"]] == [
        ("64010", "BUY", "BTC-USDC")
    ]
    books = world.call("GET", "/best_bid_ask", query="product_ids=BTC-USD&product_ids=ETH-USD")["pricebooks"]
    assert [(book["product_id"], len(book["bids"])) for book in books] == [("BTC-USD", 1), ("ETH-USD", 0)]
    assert world.call("GET", "/transaction_summary")["fee_tier"]["taker_fee_rate"] == "0"
    assert world.call("GET", "/portfolios")["portfolios"][0]["uuid"] == world.stage.account
    assert world.call("GET", "/cfm/balance_summary")["balance_summary"]["total_usd_balance"] == {
        "value": "10000000",
        "currency": "USD",
    }
    assert world.call("GET", "/cfm/positions") == {"positions": []}
    assert world.http("GET", "/api/v3/brokerage/market/best_bid_ask", token="").status == 404


def test_the_wrong_setting_is_refused_when_the_line_is_made() -> None:
    seat = Seat(None, unique=lambda: 1, random_hex=lambda digits: "0" * digits, settings={"quotes": "book"})
    with pytest.raises(LocalProtocolError):
        CoinbaseInitiator("ws", seat)


def test_everything_at_once_stays_in_order(world: World) -> None:
    market, _ = logged_on(world)
    line = RawLine(world)
    for channel in ("level2", "market_trades", "ticker", "ticker_batch", "candles", "status"):
        line.subscribe(channel, "BTC-USD", "ETH-USD")
    line.subscribe("heartbeats")
    world.hit(Side.BUY, "0.5", "64010")
    world.settle()
    world.step(70 * SECOND)
    assert [frame["sequence_num"] for frame in line.frames] == list(range(len(line.frames)))
    assert market.close is None
