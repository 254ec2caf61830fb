"""Conditional orders, both ends: what fires them, what they become, what a client is told of it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.alor.rig import START, Client, Venue, Wire, row

from venuewire.errors import LocalProtocolError
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import MassStatus, OrderMassStatusRequest, Subscribe
from venuewire.model.terms import (
    NANOS_PER_SECOND,
    Channel,
    ExecType,
    OrdRejReason,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
    TriggerPriceDirection,
)
from venuewire.orders.blotter import Blotter
from venuewire.venues.alor import terms

SECOND = NANOS_PER_SECOND


@pytest.fixture
def venue() -> Venue:
    """A market whose last price is 257.70."""
    venue = Venue()
    trade(venue, "257.70")
    venue.quote("250", Side.BUY, 100)
    venue.quote("265", Side.SELL, 100)
    venue.exchange.drain()
    return venue


def trade(venue: Venue, price: str) -> None:
    """One lot changes hands at this price."""
    other = venue.exchange.open_account(f"other{venue.now}{price}", {"RUB": "10000000", "SBER": "1000"})
    venue.quote(price, Side.SELL, 1)
    order = NewOrder(symbol="MOEX:SBER", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty=10, price=price)
    other.execute(order, venue.now)
    venue.now += 1


def stop(venue: Venue, guid: str = "s1", word: str = "stop", **more: Any) -> dict[str, Any]:
    given = {
        "opcode": f"create:{word}",
        "guid": guid,
        "side": "sell",
        "quantity": 2,
        "condition": "less",
        "triggerPrice": 257,
        "stopEndUnixTime": 0,
        "instrument": {"symbol": "SBER", "exchange": "MOEX"},
        "user": {"portfolio": venue.portfolio},
        "comment": "77",
    }
    return {**given, **more}


@pytest.fixture
def cws(venue: Venue) -> Wire:
    wire = Wire(venue, "cws")
    wire.say({"opcode": "authorize", "guid": "a", "token": venue.token()})
    return wire


@pytest.fixture
def ws(venue: Venue) -> Wire:
    wire = Wire(venue, "ws")
    for opcode in ("StopOrdersGetAndSubscribeV2", "OrdersGetAndSubscribeV2"):
        request = {"opcode": opcode, "guid": opcode[0], "portfolio": venue.portfolio, "exchange": "MOEX"}
        wire.say({**request, "token": venue.token()})
    return wire


def told(ws: Wire) -> list[tuple[Any, ...]]:
    """Who, id, status, and the id of the order it placed."""
    frames = [*ws.news(), *ws.later(0), *ws.news()]
    return [
        (frame["guid"], frame["data"]["id"], frame["data"]["status"], frame["data"].get("exchangeOrderId"))
        for frame in frames
    ]


# --------------------------------------------------------------------------- the venue's end


def test_the_reply_names_an_id_of_the_short_series(venue: Venue, cws: Wire, ws: Wire) -> None:
    (reply,) = cws.say(stop(venue))
    number = reply["orderNumber"]
    assert len(number) == 4
    assert reply == {
        "requestGuid": "s1",
        "httpCode": 200,
        "message": f"An order '{number}' has been created.",
        "orderNumber": number,
    }
    assert told(ws) == [("S", number, "working", None)]


@pytest.mark.parametrize(
    ("condition", "side", "prices", "fires_at"),
    [
        ("less", "sell", ["257.00", "256.99"], 1),
        ("LessOrEqual", "sell", ["257.01", "257.00"], 1),
        ("more", "buy", ["258.00", "258.01"], 1),
        ("MOREOREQUAL", "buy", ["257.99", "258.00"], 1),
        ("more", "sell", ["257.99", "258.01"], 1),
        ("less", "buy", ["257.50", "256.50"], 1),
    ],
)
def test_each_condition_fires_when_the_last_price_satisfies_it(
    venue: Venue, cws: Wire, ws: Wire, condition: str, side: str, prices: list[str], fires_at: int
) -> None:
    trigger = 257 if condition.lower().startswith("less") else 258
    (reply,) = cws.say(stop(venue, side=side, condition=condition, triggerPrice=trigger))
    number = reply["orderNumber"]
    news = told(ws)
    for place, price in enumerate(prices):
        trade(venue, price)
        news = told(ws)
        assert bool(news) == (place == fires_at)
    first, *orders = news
    assert first[:3] == ("S", number, "filled")
    assert first[3]
    assert {order[1] for order in orders} == {first[3]}
    assert orders[-1][2] == "filled"


def test_a_condition_that_holds_already_fires_at_once(venue: Venue, cws: Wire, ws: Wire) -> None:
    cws.say(stop(venue, condition="less", triggerPrice=260))
    assert [news[2] for news in told(ws) if news[0] == "S"] == ["working", "filled"]


def test_the_condition_must_hold_without_a_break(venue: Venue, cws: Wire, ws: Wire) -> None:
    cws.say(stop(venue, protectingSeconds=15))
    told(ws)
    trade(venue, "256.50")
    venue.now += 10 * SECOND
    assert told(ws) == []
    trade(venue, "257.50")
    venue.now += 10 * SECOND
    assert told(ws) == []
    trade(venue, "256.50")
    assert told(ws) == []
    due = venue.host.next_tick()
    assert due is not None
    assert 14 * SECOND < due - venue.now <= 15 * SECOND
    venue.now = due
    assert [frame["data"]["status"] for frame in ws.later(0)] == ["filled"]


def test_a_stop_limit_order_places_its_limit_order(venue: Venue, cws: Wire, ws: Wire) -> None:
    cws.say(stop(venue, word="stopLimit", price=258.5))
    told(ws)
    trade(venue, "256")
    (_, _, _, placed), *_ = told(ws)
    order = venue.exchange.port(venue.portfolio).order(order_id=placed)
    assert order is not None
    assert row(order.ord_type, order.price, order.order_qty, order.ord_status) == (
        OrdType.LIMIT,
        Decimal("258.5"),
        20,
        OrdStatus.NEW,
    )


def test_what_the_exchange_refuses_at_the_trigger_is_rejected_with_the_reason(
    venue: Venue, cws: Wire, ws: Wire
) -> None:
    cws.say(stop(venue, quantity=1_000_000))
    told(ws)
    trade(venue, "256")
    (frame,) = [*ws.news(), *ws.later(0)]
    assert frame["data"]["status"] == "rejected"
    assert frame["data"]["error"] == "Нехватка средств по лимитам клиента"
    assert frame["data"]["exchangeOrderId"] is None


def test_nothing_is_blocked_before_the_trigger(venue: Venue, cws: Wire) -> None:
    port = venue.exchange.port(venue.portfolio)
    before = port.balances()
    cws.say(stop(venue))
    assert port.balances() == before


def test_its_end_cancels_it(venue: Venue, cws: Wire, ws: Wire) -> None:
    cws.say(stop(venue, stopEndUnixTime=START // SECOND + 60))
    told(ws)
    venue.now = START + 60 * SECOND
    assert [frame["data"]["status"] for frame in ws.later(0)] == ["canceled"]
    trade(venue, "256")
    assert [news for news in told(ws) if news[0] == "S"] == []


def test_an_update_cancels_and_begins_anew_under_another_id(venue: Venue, cws: Wire, ws: Wire) -> None:
    old = cws.say(stop(venue))[0]["orderNumber"]
    told(ws)
    (reply,) = cws.say(stop(venue, "s2", opcode="update:stop", orderId=old, triggerPrice=256))
    assert reply["message"] == f"An order has been updated. New order Id is '{reply['orderNumber']}'."
    assert told(ws) == [("S", old, "canceled", None), ("S", reply["orderNumber"], "working", None)]


def test_a_delete_needs_the_right_kind(venue: Venue, cws: Wire, ws: Wire) -> None:
    number = cws.say(stop(venue))[0]["orderNumber"]
    delete = {"orderId": number, "exchange": "MOEX", "user": {"portfolio": venue.portfolio}}
    assert cws.say({"opcode": "delete:limit", "guid": "d1", **delete})[0]["httpCode"] == 400
    assert cws.say({"opcode": "delete:stop", "guid": "d2", **delete})[0]["httpCode"] == 200
    assert cws.say({"opcode": "delete:stopLimit", "guid": "d3", **delete})[0]["message"] == "Order to cancel not found"
    assert [news[2] for news in told(ws)] == ["working", "canceled"]


@pytest.mark.parametrize(
    "more",
    [
        {"condition": "sideways"},
        {"condition": None},
        {"triggerPrice": None},
        {"triggerPrice": 0},
        {"protectingSeconds": 301},
        {"protectingSeconds": -1},
        {"stopEndUnixTime": -5},
        {"stopEndUnixTime": 2**40},
        {"triggerPrice": "NaN"},
        {"triggerPrice": 10**50},
        {"quantity": 0},
        {"opcode": "create:stopLimit", "price": 0},
    ],
)
def test_bad_values_are_refused_and_end_the_connection(venue: Venue, cws: Wire, more: dict[str, Any]) -> None:
    assert cws.say(stop(venue, **more))[0]["httpCode"] == 400
    assert cws.ended is not None


def test_an_end_in_the_past_is_refused(venue: Venue, cws: Wire) -> None:
    assert cws.say(stop(venue, stopEndUnixTime=1))[0]["httpCode"] == 400
    assert cws.ended is None


@pytest.mark.parametrize("form", ["Simple", "Slim", "Heavy"])
def test_lists_over_http_and_on_ws_are_the_same(venue: Venue, cws: Wire, ws: Wire, form: str) -> None:
    cws.say(stop(venue))
    path = f"/md/v2/Clients/MOEX/{venue.portfolio}/stoporders?format={form}"
    answer = json.loads(venue.get(path, venue.token()).body)
    request = {"opcode": "StopOrdersGetAndSubscribeV2", "guid": "x", "portfolio": venue.portfolio, "exchange": "MOEX"}
    _, frame = ws.say({**request, "format": form, "token": venue.token()})[-2:]
    assert answer == [frame["data"]]
    number = "8001"
    one = json.loads(venue.get(f"{path.partition('?')[0]}/{number}", venue.token()).body)
    assert (one["id"], one["condition"], one["endTime"]) == (number, "less", "2060-12-31T23:59:59.0000000Z")
    assert venue.get(f"/md/v2/Clients/MOEX/{venue.portfolio}/stoporders/1", venue.token()).status == 404


def test_the_first_set_can_be_narrowed_or_left_out(venue: Venue, cws: Wire, ws: Wire) -> None:
    number = cws.say(stop(venue))[0]["orderNumber"]
    cws.say(stop(venue, "s2"))
    cws.say({**stop(venue, "d1"), "opcode": "delete:stop", "orderId": number, "exchange": "MOEX"})
    ask = {"opcode": "StopOrdersGetAndSubscribeV2", "portfolio": venue.portfolio, "exchange": "MOEX"}
    ask["token"] = venue.token()
    told(ws)
    assert len(ws.say({**ask, "guid": "n1"})) == 3
    assert len(ws.say({**ask, "guid": "n2", "orderStatuses": ["Canceled"]})) == 2
    assert len(ws.say({**ask, "guid": "n3", "skipHistory": True})) == 1


def test_the_deprecated_subscription_shows_numbers_and_lots(venue: Venue, cws: Wire) -> None:
    ws = Wire(venue, "ws")
    ask = {"opcode": "StopOrdersGetAndSubscribe", "guid": "o", "portfolio": venue.portfolio, "exchange": "MOEX"}
    ws.say({**ask, "token": venue.token()})
    cws.say(stop(venue))
    (frame,) = ws.later(0)
    assert (frame["data"]["id"], frame["data"]["qty"], frame["data"]["stopPrice"]) == (8001, 2, 257)


# --------------------------------------------------------------------------- our end


@pytest.fixture
def client(venue: Venue) -> Client:
    client = Client(venue).up()
    client.do(Subscribe(channel=Channel.ORDERS, ref="o"))
    return client


def ours(**more: Any) -> NewOrder:
    given: dict[str, Any] = {
        "symbol": "MOEX:SBER",
        "side": Side.SELL,
        "ord_type": OrdType.STOP,
        "order_qty": 20,
        "stop_px": "257",
        "cl_ord_id": "41",
    }
    return NewOrder(**{**given, **more})


def reports(events: list[Any]) -> list[ExecutionReport]:
    return [event for event in events if isinstance(event, ExecutionReport)]


def news(client: Client) -> list[ExecutionReport]:
    """What both the exchange and the venue itself have to tell."""
    events = client.news()
    client.venue.tick()
    for name, end in client.ends.items():
        if (due := end.next_tick()) is not None and due <= client.now:
            events += client.receive(name, end.tick(client.now))
    return reports(events + client.news())


def test_a_stop_order_of_ours_is_placed_triggered_and_filled_as_one_order(client: Client, venue: Venue) -> None:
    blotter = Blotter()
    order = blotter.place(ours(ref="9"), venue.now)
    for report in reports(client.do(ours(ref="9"))) + news(client):
        blotter.apply(report)
    assert (order.status, order.order_id[:5]) == (OrdStatus.NEW, "stop:")
    trade(venue, "256.90")
    for report in news(client):
        blotter.apply(report)
    assert order.status == OrdStatus.FILLED
    assert row(order.cum_qty, order.avg_px) == (20, Decimal(250))
    assert [known for known in blotter if known.ours] == [order]
    assert len(blotter) == 1


def test_the_same_in_the_list_after_a_reconnect(client: Client, venue: Venue) -> None:
    blotter = Blotter()
    order = blotter.place(ours(ref="9"), venue.now)
    for report in reports(client.do(ours(ref="9"))):
        blotter.apply(report)
    trade(venue, "256.90")
    venue.host.settle(venue.now)
    (status,) = [e for e in client.do(OrderMassStatusRequest(ref="5")) if isinstance(e, MassStatus)]
    for report in status.reports:
        blotter.apply(report)
    assert order.status is OrdStatus.FILLED
    assert row(order.cum_qty, len(blotter)) == (20, 1)


@pytest.mark.parametrize(
    ("more", "condition"),
    [
        ({}, "lessorequal"),
        ({"side": Side.BUY, "stop_px": "258"}, "moreorequal"),
        ({"trigger_price_direction": TriggerPriceDirection.UP, "stop_px": "258"}, "moreorequal"),
        (
            {"side": Side.BUY, "trigger_price_direction": TriggerPriceDirection.DOWN, "stop_px": "257"},
            "lessorequal",
        ),
    ],
)
def test_the_direction_is_the_usual_one_unless_given(
    client: Client, venue: Venue, more: dict[str, Any], condition: str
) -> None:
    client.do(ours(**more))
    (waiting,) = venue.host.stop_desk.waiting.of(venue.portfolio)
    assert waiting.terms.condition == condition
    assert waiting.status == "working"


def test_a_take_profit_is_replaced_as_a_take_profit(client: Client, venue: Venue) -> None:
    """The command says nothing of the direction: with the usual one it would go off at once."""
    up = ours(ord_type=OrdType.STOP_LIMIT, stop_px="259", price="258.90", expire_time=START + 90 * SECOND)
    up = NewOrder(**{**_fields(up), "trigger_price_direction": TriggerPriceDirection.UP})
    up = NewOrder(**{**_fields(up), "time_in_force": TimeInForce.GOOD_TILL_DATE})
    placed = reports(client.do(up))[0]
    change = ReplaceOrder(
        symbol="MOEX:SBER",
        side=Side.SELL,
        ord_type=OrdType.STOP_LIMIT,
        order_id=placed.order_id,
        orig_cl_ord_id="41",
        cl_ord_id="42",
        order_qty=10,
        price="258.80",
        stop_px="258.90",
    )
    replaced = reports(client.do(change))[0]
    assert (replaced.exec_type, replaced.orig_order_id) == (ExecType.REPLACED, placed.order_id)
    old, new = venue.host.stop_desk.waiting.of(venue.portfolio)
    assert (old.status, new.status, new.terms.condition) == ("canceled", "working", "moreorequal")
    assert row(new.terms.lots, new.terms.trigger, new.terms.price, new.terms.end) == (
        1,
        Decimal("258.90"),
        Decimal("258.80"),
        START + 90 * SECOND,
    )
    unknown = ReplaceOrder(**{**_fields(change), "order_id": "stop:1"})
    with pytest.raises(LocalProtocolError, match="condition of this stop order is not known"):
        client.do(unknown)


def _fields(command: Any) -> dict[str, Any]:
    return {name: getattr(command, name) for name in command.__struct_fields__}


def test_a_stop_order_is_cancelled_by_its_kind(client: Client, venue: Venue) -> None:
    placed = reports(client.do(ours()))[0]
    common: dict[str, Any] = {"symbol": "MOEX:SBER", "side": Side.SELL, "orig_cl_ord_id": "41"}
    cancel = CancelOrder(ord_type=OrdType.STOP, order_id=placed.order_id, **common)
    assert reports(client.do(cancel))[0].exec_type is ExecType.CANCELED
    refused = [event for event in client.do(cancel) if isinstance(event, CancelReject)]
    assert refused[0].reason is OrdRejReason.UNKNOWN_ORDER


def test_a_triggered_stop_limit_is_cancelled_as_the_limit_order_it_has_become(client: Client, venue: Venue) -> None:
    client.do(ours(ord_type=OrdType.STOP_LIMIT, price="270"))
    trade(venue, "256.90")
    moved = [report for report in news(client) if report.exec_type is ExecType.REPLACED]
    (link,) = moved
    assert link.orig_order_id.startswith("stop:")
    common: dict[str, Any] = {"symbol": "MOEX:SBER", "side": Side.SELL, "orig_cl_ord_id": "41"}
    done = client.do(CancelOrder(ord_type=OrdType.STOP_LIMIT, order_id=link.order_id, **common))
    assert reports(done)[0].exec_type is ExecType.CANCELED


@pytest.mark.parametrize(
    "more",
    [
        {"stop_px": None},
        {"price": "257"},
        {"ord_type": OrdType.STOP_LIMIT},
        {"time_in_force": TimeInForce.DAY},
        {"time_in_force": TimeInForce.IMMEDIATE_OR_CANCEL},
        {"time_in_force": TimeInForce.GOOD_TILL_DATE, "expire_time": START + 1},
        {"max_floor": 10},
        {"ord_type": OrdType.LIMIT, "stop_px": None, "price": "257", "trigger_price_direction": "UP"},
        {"ord_type": OrdType.LIMIT, "stop_px": None, "price": "257", "max_floor": 30},
        {"ord_type": OrdType.LIMIT, "stop_px": None, "price": "257", "max_floor": 15},
    ],
)
def test_what_the_venue_has_no_words_for_is_not_sent(client: Client, more: dict[str, Any]) -> None:
    with pytest.raises(LocalProtocolError):
        client.cws.send(ours(ref="1", **more), client.now)


def test_ids_of_the_two_kinds_are_kept_apart() -> None:
    assert terms.raw_id(terms.stop_id(8939)) == ("8939", True)
    assert terms.raw_id("2023555931497142573") == ("2023555931497142573", False)


# --------------------------------------------------------------------------- icebergs


def test_an_iceberg_shows_its_part_in_the_book_and_the_rest_as_it_is_used_up(venue: Venue, client: Client) -> None:
    ws = Wire(venue, "ws")
    ask = {"opcode": "OrderBookGetAndSubscribe", "code": "SBER", "exchange": "MOEX", "format": "Heavy"}

    def shown() -> int:
        frames = ws.say({**ask, "guid": "b", "token": venue.token()})
        asks = {level["price"]: level["volume"] for level in frames[0]["data"]["asks"]}
        return int(asks[257.8])

    iceberg = NewOrder(
        symbol="MOEX:SBER",
        side=Side.SELL,
        ord_type=OrdType.LIMIT,
        order_qty=100,
        max_floor=30,
        price="257.80",
        cl_ord_id="51",
    )
    placed = reports(client.do(iceberg))[0]
    assert shown() == 3
    venue.quote("257.80", Side.BUY, 2)
    assert shown() == 1
    venue.quote("257.80", Side.BUY, 2)
    assert shown() == 2
    record = venue.get(f"/md/v2/Clients/MOEX/{venue.portfolio}/orders/{placed.order_id}", venue.token())
    assert b'"creationFixedQuantity":3' in record.body
    assert b'"visibleQuantityBatch":2' in record.body
    change = ReplaceOrder(
        symbol="MOEX:SBER",
        side=Side.SELL,
        ord_type=OrdType.LIMIT,
        order_id=placed.order_id,
        orig_cl_ord_id="51",
        cl_ord_id="52",
        order_qty=50,
        price="257.80",
    )
    client.do(change)
    assert shown() == 3


def test_a_stop_of_a_client_who_wants_its_condition_to_hold_is_replaced_with_the_same(venue: Venue) -> None:
    client = Client(venue, {"protecting_seconds": 15}).up()
    stop = NewOrder(symbol="MOEX:SBER", side=Side.SELL, ord_type=OrdType.STOP, order_qty=10, stop_px="255")
    (placed,) = reports(client.do(stop))
    change = ReplaceOrder(
        symbol="MOEX:SBER",
        side=Side.SELL,
        ord_type=OrdType.STOP,
        order_id=placed.order_id,
        orig_cl_ord_id="",
        cl_ord_id="9",
        order_qty=20,
        stop_px="254",
    )
    client.do(change)
    waiting = venue.host.stop_desk.waiting.of(venue.portfolio)
    assert [order.terms.protecting for order in waiting] == [15 * SECOND, 15 * SECOND]
