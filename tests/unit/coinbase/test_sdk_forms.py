"""The forms in which the official SDK speaks, and what its own classes need to find; no SDK is needed to look."""

from __future__ import annotations

import json

from tests.unit.coinbase.ends import RawLine, World

from venuewire.codec import encode, secret_fields
from venuewire.model.terms import Side
from venuewire.venues.coinbase.wire import stream


def test_our_requests_have_the_sdks_members_in_its_order() -> None:
    request = stream.Request(type="subscribe", product_ids=["BTC-USD"], channel="level2", jwt="x")
    assert encode(request) == b'{"type":"subscribe","product_ids":["BTC-USD"],"channel":"level2","jwt":"x"}'


def test_the_token_of_a_request_is_marked_secret() -> None:
    assert secret_fields(stream.Request) == secret_fields(stream.AnyRequest) == {"jwt"}


def test_an_empty_list_of_products_is_as_good_as_none() -> None:
    world = World()
    line = RawLine(world)
    for kind, left in (("subscribe", {"heartbeats": ["heartbeats"]}), ("unsubscribe", {})):
        (answer,) = line.subscribe("heartbeats", kind=kind)
        assert answer["events"] == [{"subscriptions": left}]


def test_members_nobody_documents_are_ignored() -> None:
    line = RawLine(World())
    (answer,) = line.say({"type": "subscribe", "channel": "heartbeats", "timestamp": "1777863721", "api_key": "x"})
    assert answer["channel"] == "subscriptions"


def test_a_retry_is_welcome() -> None:
    world = World()
    acceptor = world.host.accept("ws")
    assert (
        acceptor.handshake({"x-cb-retry-counter": "3", "user-agent": "coinbase-advanced-py/1.8.4"}, world.now) is None
    )


def test_the_sdks_response_class_finds_every_member_it_asks_for_when_client_id_is_on() -> None:
    world = World(client_id=True)
    world.quote(Side.SELL, "1", "64010")
    line = RawLine(world)
    for channel in ("level2", "market_trades", "ticker"):
        line.subscribe(channel, "BTC-USD")
    line.subscribe("user")
    for frame in line.frames:
        assert list(frame) == ["channel", "client_id", "timestamp", "sequence_num", "events"]
        for event in frame["events"]:
            assert event.get("positions", {}) is not None


def test_an_order_id_made_by_the_sdk_is_taken_and_its_get_bodies_are_ignored() -> None:
    world = World()
    request = {
        "client_order_id": "0123456789abcdef0123456789abcdef",
        "product_id": "BTC-USD",
        "side": "BUY",
        "order_configuration": {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "100", "post_only": False}},
    }
    made = world.call("POST", "/orders", request)
    assert made["success_response"]["client_order_id"] == request["client_order_id"]
    assert made["order_configuration"] == request["order_configuration"]
    order_id = made["success_response"]["order_id"]
    assert world.call("GET", f"/orders/historical/{order_id}", b"{}")["order"]["status"] == "OPEN"
    edited = json.dumps({"order_id": order_id, "size": "0.02", "price": None}).encode()
    assert world.call("POST", "/orders/edit", edited) == {"success": True, "errors": []}
