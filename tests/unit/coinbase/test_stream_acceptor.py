"""The venue's WebSocket as any client sees it: order of frames, numbers, errors, timers."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.coinbase.ends import START, RawLine, World

from venuewire.model.orders import NewOrder
from venuewire.model.terms import NANOS_PER_MILLI, NANOS_PER_SECOND, OrdType, Side
from venuewire.venues.coinbase.signing import SigningKey, make_private_key


def garbled_requests() -> st.SearchStrategy[bytes]:
    """Requests of which one member is anything at all."""
    anything = st.one_of(st.none(), st.integers(), st.text(max_size=20), st.lists(st.text(max_size=8), max_size=3))
    return st.fixed_dictionaries(
        {"type": st.sampled_from(["subscribe", "unsubscribe"])},
        optional={
            "channel": st.one_of(st.sampled_from(["level2", "user", "heartbeats", "ticker"]), anything),
            "product_ids": st.one_of(st.lists(st.sampled_from(["BTC-USD", "ETH-USDC", "-", ""]), max_size=4), anything),
            "jwt": anything,
        },
    ).map(lambda request: json.dumps(request).encode())


AUTHENTICATION = {"type": "error", "message": "authentication failure"}
REQUIRED = {"type": "error", "message": "subscribe or unsubscribe required"}
FAILURE = {"type": "error", "message": "failure to subscribe"}


def kinds(frames: list[dict[str, Any]]) -> list[str]:
    return [frame.get("channel") or frame["type"] for frame in frames]


def subscriptions(frame: dict[str, Any]) -> Any:
    assert frame["channel"] == "subscriptions"
    return frame["events"][0]["subscriptions"]


@pytest.fixture
def world() -> World:
    world = World()
    world.quote(Side.BUY, "2", "63990")
    world.quote(Side.BUY, "0.5", "63995.5")
    world.quote(Side.SELL, "0.25", "64010")
    world.quote(Side.SELL, "1", "64020.01")
    world.exchange.drain()
    return world


def test_snapshots_come_before_the_answer_and_everything_is_numbered_from_0(world: World) -> None:
    line = RawLine(world)
    line.subscribe("level2", "BTC-USD", "ETH-USD")
    line.subscribe("market_trades", "BTC-USD")
    line.subscribe("heartbeats")
    world.step(NANOS_PER_SECOND)
    assert kinds(line.frames) == [
        *("l2_data", "l2_data", "subscriptions"),
        *("market_trades", "subscriptions", "subscriptions", "heartbeats"),
    ]
    assert [frame["sequence_num"] for frame in line.frames] == list(range(7))


def test_the_answer_is_the_full_current_set(world: World) -> None:
    line = RawLine(world)
    line.subscribe("level2", "ETH-USD")
    line.subscribe("level2", "BTC-USD")
    assert subscriptions(line.subscribe("heartbeats")[-1]) == {
        "heartbeats": ["heartbeats"],
        "level2": ["ETH-USD", "BTC-USD"],
    }
    assert subscriptions(line.subscribe("level2", "ETH-USD", kind="unsubscribe")[-1]) == {
        "heartbeats": ["heartbeats"],
        "level2": ["BTC-USD"],
    }
    assert subscriptions(line.subscribe("level2", kind="unsubscribe")[-1]) == {"heartbeats": ["heartbeats"]}
    assert subscriptions(line.subscribe("heartbeats", kind="unsubscribe")[-1]) == {}


def test_a_book_snapshot_has_bids_descending_then_offers_ascending(world: World) -> None:
    (snapshot, _) = RawLine(world).subscribe("level2", "BTC-USD")
    time = "2026-05-04T03:02:01.123456Z"
    assert snapshot["events"] == [
        {
            "type": "snapshot",
            "product_id": "BTC-USD",
            "updates": [
                {"side": "bid", "event_time": time, "price_level": "63995.5", "new_quantity": "0.5"},
                {"side": "bid", "event_time": time, "price_level": "63990", "new_quantity": "2"},
                {"side": "offer", "event_time": time, "price_level": "64010", "new_quantity": "0.25"},
                {"side": "offer", "event_time": time, "price_level": "64020.01", "new_quantity": "1"},
            ],
        }
    ]


def test_keys_stand_in_the_recorded_order(world: World) -> None:
    line = RawLine(world)
    line.subscribe("level2", "BTC-USD")
    assert line.payloads[0].startswith(
        b'{"channel":"l2_data","timestamp":"2026-05-04T03:02:01.123456789Z","sequence_num":0,"events":[{"type":"snapshot",'
        b'"product_id":"BTC-USD","updates":[{"side":"bid","event_time":"2026-05-04T03:02:01.123456Z","price_level":'
    )


def test_a_second_subscription_of_a_live_book_is_answered_without_a_snapshot(world: World) -> None:
    line = RawLine(world)
    line.subscribe("level2", "BTC-USD")
    assert kinds(line.subscribe("level2", "BTC-USD")) == ["subscriptions"]
    line.subscribe("level2", "BTC-USD", kind="unsubscribe")
    assert kinds(line.subscribe("level2", "BTC-USD")) == ["l2_data", "subscriptions"]


def test_book_changes_are_gathered_for_fifty_milliseconds(world: World) -> None:
    line = RawLine(world)
    line.subscribe("level2", "BTC-USD", "ETH-USD")
    before = len(line.frames)
    world.quote(Side.BUY, "0.1", "63995.5")
    world.publish()
    world.quote(Side.BUY, "0.1", "63995.5")
    world.quote(Side.SELL, "3", "64005")
    world.publish()
    world.step(49 * NANOS_PER_MILLI)
    assert len(line.frames) == before
    world.step(NANOS_PER_MILLI)
    (frame,) = line.frames[before:]
    rows = frame["events"][0]["updates"]
    assert [(row["side"], row["price_level"], row["new_quantity"]) for row in rows] == [
        ("bid", "63995.5", "0.7"),
        ("offer", "64005", "3"),
    ]
    assert len({row["event_time"] for row in rows}) == 1


def test_without_conflation_each_change_is_a_frame() -> None:
    world = World(conflation=0)
    line = RawLine(world)
    line.subscribe("level2", "BTC-USD")
    world.quote(Side.BUY, "1", "60000")
    world.publish()
    world.quote(Side.BUY, "1", "60001")
    world.publish()
    assert kinds(line.frames) == ["l2_data", "subscriptions", "l2_data", "l2_data"]


def test_a_level_that_is_gone_has_quantity_0(world: World) -> None:
    line = RawLine(world)
    line.subscribe("level2", "BTC-USD")
    world.hit(Side.BUY, "0.25", "64010")
    world.settle()
    assert [(r["side"], r["price_level"], r["new_quantity"]) for r in line.frames[-1]["events"][0]["updates"]] == [
        ("offer", "64010", "0")
    ]


def test_trades_come_in_batches_newest_first_with_the_makers_side(world: World) -> None:
    line = RawLine(world)
    line.subscribe("market_trades", "BTC-USD")
    world.hit(Side.BUY, "0.1", "64010")
    world.publish()
    world.hit(Side.SELL, "0.2", "63995.5")
    world.settle()
    (event,) = line.frames[-1]["events"]
    assert event["type"] == "update"
    assert list(event["trades"][0]) == ["product_id", "trade_id", "price", "size", "time", "side"]
    assert [(trade["price"], trade["size"], trade["side"]) for trade in event["trades"]] == [
        ("63995.5", "0.2", "BUY"),
        ("64010", "0.1", "SELL"),
    ]
    assert int(event["trades"][0]["trade_id"]) > int(event["trades"][1]["trade_id"])
    (snapshot, _) = RawLine(world).subscribe("market_trades", "BTC-USD")
    assert snapshot["events"] == [{"type": "snapshot", "trades": event["trades"]}]


def test_the_takers_side_can_be_switched_on() -> None:
    world = World(maker_side=False)
    world.quote(Side.SELL, "1", "64010")
    world.hit(Side.BUY, "1", "64010")
    (snapshot, _) = RawLine(world).subscribe("market_trades", "BTC-USD")
    assert snapshot["events"][0]["trades"][0]["side"] == "BUY"


def test_a_ticker_comes_with_each_match(world: World) -> None:
    line = RawLine(world)
    line.subscribe("ticker", "BTC-USD")
    for qty in ("0.1", "0.15"):
        world.hit(Side.BUY, qty, "64010")
    world.publish()
    tickers = [frame["events"][0]["tickers"][0] for frame in line.frames if frame["channel"] == "ticker"]
    assert len(tickers) == 3
    assert tickers[-1] == {
        "type": "ticker",
        "product_id": "BTC-USD",
        "price": "64010",
        "volume_24_h": "0.25",
        "low_24_h": "64010",
        "high_24_h": "64010",
        "low_52_w": "64010",
        "high_52_w": "64010",
        "price_percent_chg_24_h": "0",
        "best_bid": "63995.5",
        "best_bid_quantity": "0.5",
        "best_ask": "64020.01",
        "best_ask_quantity": "1",
    }


def test_heartbeats_come_each_second_and_count_the_servers_uptime(world: World) -> None:
    line = RawLine(world)
    line.subscribe("heartbeats")
    world.step(3 * NANOS_PER_SECOND)
    beats = [frame["events"][0] for frame in line.frames if frame["channel"] == "heartbeats"]
    assert len(beats) == 3
    assert all(later["heartbeat_counter"] - sooner["heartbeat_counter"] == 1 for sooner, later in pairwise(beats))
    text = beats[0]["current_time"]
    match = re.fullmatch(r"2026-05-04 03:02:02\.123456789 \+0000 UTC m=\+(\d+)\.\d{9}", text)
    assert match is not None
    assert int(match[1]) == beats[0]["heartbeat_counter"]


def test_a_clock_that_jumps_brings_one_heartbeat_not_all_that_were_missed(world: World) -> None:
    line = RawLine(world)
    line.subscribe("heartbeats")
    world.now += 1800 * NANOS_PER_SECOND + 300
    line.take(line.acceptor.tick(world.now))
    assert kinds(line.frames) == ["subscriptions", "heartbeats"]
    due = line.acceptor.next_tick()
    assert due is not None
    assert 0 < due - world.now <= NANOS_PER_SECOND


@pytest.mark.parametrize(("channel", "products"), [("level2", ["ETH-USDC"]), ("market_trades", ["ETH-USDC"])])
def test_an_alias_is_answered_and_served_as_its_book(world: World, channel: str, products: list[str]) -> None:
    line = RawLine(world)
    snapshot, answer = line.subscribe(channel, *products)
    assert subscriptions(answer) == {channel: ["ETH-USD"]}
    assert "ETH-USDC" not in json.dumps(snapshot)


def test_the_user_host_carries_client_id_and_the_market_host_does_not_unless_asked() -> None:
    world = World()
    assert "client_id" not in RawLine(world).subscribe("heartbeats")[0]
    assert RawLine(world, "user_ws").subscribe("heartbeats")[0]["client_id"] == ""
    assert RawLine(World(client_id=True)).subscribe("heartbeats")[0]["client_id"] == ""


# --------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"ping",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"null",
        {"type": "ping"},
        {"type": "heartbeat", "channel": "heartbeats"},
        {"type": "subscribe", "channel": 5},
        {"type": "subscribe", "channel": "level2", "product_ids": "BTC-USD"},
        b"[" * 5000,
    ],
)
def test_what_is_no_request_is_told_so_and_the_line_stays(world: World, message: Any) -> None:
    line = RawLine(world)
    assert line.say(message) == [REQUIRED]
    assert line.subscribe("heartbeats")[0]["sequence_num"] == 0


@pytest.mark.parametrize(
    ("line", "channel", "products"),
    [
        ("ws", "heartbeat", ()),
        ("ws", "full", ("BTC-USD",)),
        ("ws", "", ()),
        ("user_ws", "level2", ("BTC-USD",)),
        ("user_ws", "ticker", ("BTC-USD",)),
    ],
)
def test_a_channel_that_is_not_there_is_told_as_a_failed_authentication(
    world: World, line: str, channel: str, products: tuple[str, ...]
) -> None:
    assert RawLine(world, line).subscribe(channel, *products) == [AUTHENTICATION]


@pytest.mark.parametrize("line", ["ws", "user_ws"])
def test_the_user_channel_needs_a_token(world: World, line: str) -> None:
    raw = RawLine(world, line)
    assert raw.subscribe("user", jwt="") == [AUTHENTICATION]
    assert kinds(raw.subscribe("user")) == ["user", "subscriptions"]


def test_a_bad_token_is_refused_even_on_a_public_channel(world: World) -> None:
    line = RawLine(world)
    stranger = SigningKey(world.key.name, make_private_key("9" * 64)).token(world.now, "00")
    assert line.subscribe("level2", "BTC-USD", jwt="nonsense") == [AUTHENTICATION]
    assert line.subscribe("level2", "BTC-USD", jwt=stranger) == [AUTHENTICATION]
    assert kinds(line.subscribe("level2", "BTC-USD", jwt="")) == ["l2_data", "subscriptions"]


def test_a_token_is_good_for_two_minutes_and_what_it_began_outlives_it(world: World) -> None:
    line = RawLine(world)
    token = world.key.token(world.now, "00")
    line.subscribe("user", jwt=token)
    line.subscribe("heartbeats", jwt=token)
    world.step(151 * NANOS_PER_SECOND)
    assert line.subscribe("ticker", "BTC-USD", jwt=token) == [AUTHENTICATION]
    before = len(line.frames)
    world.step(2 * NANOS_PER_SECOND)
    assert kinds(line.frames[before:]) == ["heartbeats", "heartbeats"]
    assert subscriptions(line.subscribe("ticker", "BTC-USD")[-1])["user"] == [world.host.user_id]


@pytest.mark.parametrize("products", [(), ("NO-SUCH",), ("BTC-USD", "NO-SUCH")])
def test_products_that_are_missing_or_unknown_refuse_the_whole_message(world: World, products: tuple[str, ...]) -> None:
    line = RawLine(world)
    assert line.subscribe("level2", *products) == [FAILURE]
    assert subscriptions(line.subscribe("heartbeats")[-1]) == {"heartbeats": ["heartbeats"]}


def test_level2_is_capped_for_each_connection() -> None:
    world = World(l2_products=2)
    line = RawLine(world)
    line.subscribe("level2", "BTC-USD")
    assert line.subscribe("level2", "ETH-USD", "SOL-USD") == [
        {"type": "error", "message": "too many L2 streams requested in a single session"}
    ]
    assert subscriptions(line.subscribe("level2", "ETH-USD")[-1]) == {"level2": ["BTC-USD", "ETH-USD"]}
    line.subscribe("level2", "BTC-USD", kind="unsubscribe")
    assert subscriptions(line.subscribe("level2", "SOL-USD")[-1]) == {"level2": ["ETH-USD", "SOL-USD"]}
    assert kinds(RawLine(world).subscribe("level2", "BTC-USD")) == ["l2_data", "subscriptions"]


def test_an_error_takes_no_number(world: World) -> None:
    line = RawLine(world)
    assert line.subscribe("heartbeats")[0]["sequence_num"] == 0
    line.say(b"nonsense")
    assert line.subscribe("ticker", "BTC-USD")[0]["sequence_num"] == 1


# --------------------------------------------------------------------------- timers


@pytest.mark.parametrize("code", [1000, 1006])
def test_a_connection_that_does_not_subscribe_within_five_seconds_is_ended(code: int) -> None:
    world = World(first_subscribe_code=code)
    line = RawLine(world)
    world.step(5 * NANOS_PER_SECOND - 1)
    assert line.close is None
    world.step(1)
    assert line.close is not None
    assert line.close.code == code
    assert line.acceptor.next_tick() is None
    assert line.subscribe("heartbeats") == []


def test_a_connection_that_subscribed_stays(world: World) -> None:
    line = RawLine(world)
    world.step(4 * NANOS_PER_SECOND)
    line.subscribe("level2", "BTC-USD", jwt="")
    world.step(3600 * NANOS_PER_SECOND)
    assert line.close is None


def test_a_quiet_connection_is_ended_only_where_that_is_switched_on_and_heartbeats_keep_it() -> None:
    world = World(idle=60 * NANOS_PER_SECOND)
    quiet, alive = RawLine(world), RawLine(world)
    for line in (quiet, alive):
        line.subscribe("level2", "BTC-USD")
    alive.subscribe("heartbeats")
    world.step(61 * NANOS_PER_SECOND)
    assert quiet.close is not None
    assert alive.close is None


# --------------------------------------------------------------------------- the user channel


def place(world: World, qty: str, price: str, cl_ord_id: str, symbol: str = "BTC-USD") -> None:
    account = world.exchange.port(world.stage.account)
    order = NewOrder(
        symbol=symbol, side=Side.BUY, ord_type=OrdType.LIMIT, order_qty=qty, price=price, cl_ord_id=cl_ord_id
    )
    account.execute(order, world.now)


@pytest.mark.parametrize(
    ("count", "batches"),
    [
        (0, [("snapshot", 0)]),
        (49, [("snapshot", 49)]),
        (50, [("snapshot", 50), ("patch", 0)]),
        (109, [("snapshot", 50), ("patch", 50), ("patch", 9)]),
    ],
)
def test_the_user_snapshot_has_open_orders_in_batches_of_fifty(count: int, batches: list[tuple[str, int]]) -> None:
    world = World()
    for n in range(count):
        place(world, "0.01", f"{50000 + n}", str(n))
    frames = RawLine(world, "user_ws").subscribe("user")
    assert kinds(frames) == ["user"] * len(batches) + ["subscriptions"]
    assert [(frame["events"][0]["type"], len(frame["events"][0]["orders"])) for frame in frames[:-1]] == batches


def test_orders_are_told_as_cumulative_states(world: World) -> None:
    line = RawLine(world, "user_ws")
    line.subscribe("user")
    before = len(line.frames)
    place(world, "1.25", "64020.01", "77")
    world.publish()
    told = [frame["events"][0]["orders"][0] for frame in line.frames[before:]]
    assert [(o["status"], o["cumulative_quantity"], o["leaves_quantity"], o["number_of_fills"]) for o in told] == [
        ("PENDING", "0", "1.25", "0"),
        ("OPEN", "0", "1.25", "0"),
        ("OPEN", "0.25", "1", "1"),
        ("OPEN", "1.25", "0", "2"),
        ("FILLED", "1.25", "0", "2"),
    ]
    assert told[-1] == {
        "avg_price": "64018.008",
        "cancel_reason": "",
        "client_order_id": "77",
        "completion_percentage": "100",
        "contract_expiry_type": "UNKNOWN_CONTRACT_EXPIRY_TYPE",
        "cumulative_quantity": "1.25",
        "filled_value": "80022.51",
        "leaves_quantity": "0",
        "limit_price": "64020.01",
        "number_of_fills": "2",
        "order_id": told[0]["order_id"],
        "order_side": "BUY",
        "order_type": "Limit",
        "outstanding_hold_amount": "0",
        "post_only": "false",
        "product_id": "BTC-USD",
        "product_type": "SPOT",
        "reject_reason": "",
        "retail_portfolio_id": world.stage.account,
        "risk_managed_by": "UNKNOWN_RISK_MANAGEMENT_TYPE",
        "status": "FILLED",
        "stop_price": "",
        "time_in_force": "GOOD_UNTIL_CANCELLED",
        "total_fees": "0",
        "total_value_after_fees": "80022.51",
        "trigger_status": "INVALID_ORDER_TYPE",
        "creation_time": "2026-05-04T03:02:01.123456Z",
        "end_time": "0001-01-01T00:00:00Z",
        "start_time": "0001-01-01T00:00:00Z",
    }


def test_pending_and_the_last_open_can_be_left_out() -> None:
    world = World(pending_first=False, open_before_filled=False)
    world.quote(Side.SELL, "1", "64000")
    line = RawLine(world, "user_ws")
    line.subscribe("user")
    place(world, "1", "64000", "1")
    world.publish()
    orders = [frame["events"][0]["orders"] for frame in line.frames if frame["channel"] == "user"]
    assert [order["status"] for batch in orders for order in batch] == ["OPEN", "FILLED"]


def test_other_accounts_and_other_products_are_not_told(world: World) -> None:
    line = RawLine(world, "user_ws")
    line.subscribe("user", "ETH-USD")
    before = len(line.frames)
    world.quote(Side.BUY, "1", "60000")
    place(world, "1", "60000", "1")
    place(world, "1", "3000", "2", "ETH-USD")
    world.publish()
    told = [frame["events"][0]["orders"][0] for frame in line.frames[before:]]
    assert {order["product_id"] for order in told} == {"ETH-USD"}


def test_nothing_is_published_to_who_did_not_ask(world: World) -> None:
    line = RawLine(world)
    line.subscribe("heartbeats")
    before = len(line.frames)
    world.hit(Side.BUY, "1", "64010")
    world.settle()
    assert line.frames[before:] == []


def test_numbers_never_skip_whatever_happens(world: World) -> None:
    line = RawLine(world)
    for channel in ("level2", "market_trades", "ticker"):
        line.subscribe(channel, "BTC-USD", "ETH-USD")
    line.subscribe("user")
    line.subscribe("heartbeats")
    for n in range(40):
        world.quote(Side.BUY if n % 2 else Side.SELL, "0.3", str(63980 + n))
        place(world, "0.01", str(63990 + n), str(n))
        world.publish()
        world.step(37 * NANOS_PER_MILLI)
    assert [frame["sequence_num"] for frame in line.frames] == list(range(len(line.frames)))
    assert world.now > START


# --------------------------------------------------------------------------- whatever a client sends


@given(st.one_of(st.binary(max_size=200), garbled_requests()))
def test_nothing_a_client_sends_brings_the_venue_down(payload: bytes) -> None:
    line = RawLine(World())
    for frame in line.say(payload):
        assert "type" in frame or "channel" in frame
    assert kinds(line.subscribe("heartbeats"))[-1] == "subscriptions"
