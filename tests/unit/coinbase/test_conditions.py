"""Orders that wait for a price, brackets and what is attached, sizes in money, aliases: through both ends."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.coinbase.ends import ClientLine, World, logged_on

from venuewire.codec import decoder, encode
from venuewire.errors import LocalProtocolError
from venuewire.model.orders import CancelOrder, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import Holdings, MassStatus, OrderMassStatusRequest, RequestForPositions, Subscribe
from venuewire.model.terms import (
    NANOS_PER_SECOND,
    Channel,
    ExecType,
    OrdRejReason,
    OrdStatus,
    OrdType,
    PositionEffect,
    Side,
    TimeInForce,
    TriggerPriceDirection,
)
from venuewire.venues.coinbase import configurations
from venuewire.venues.coinbase.wire import rest

END = 1_777_900_000 * NANOS_PER_SECOND


def given(**fields: Any) -> NewOrder:
    first: dict[str, Any] = {
        "symbol": "BTC-USD",
        "side": Side.SELL,
        "ord_type": OrdType.LIMIT,
        "order_qty": "0.5",
        "price": "66000",
        "cl_ord_id": "815000000000000001",
        "ref": "10",
    }
    return NewOrder(**(first | fields))


def bracket(**fields: Any) -> NewOrder:
    """Sell at 66000, or when the market falls to 63000."""
    return given(**({"stop_loss_px": "63000", "position_effect": PositionEffect.CLOSE} | fields))


@pytest.fixture
def world() -> World:
    world = World()
    world.quote(Side.BUY, "5", "63990")
    world.quote(Side.SELL, "5", "64010")
    world.hit(Side.BUY, "0.1", "64010")  # there is a last price now
    world.exchange.drain()
    return world


@pytest.fixture
def client(world: World) -> ClientLine:
    _, user = logged_on(world)
    user.ask(Subscribe(channel=Channel.ORDERS, ref="2"))
    user.events.clear()
    return user


def told(client: ClientLine) -> list[ExecutionReport]:
    client.world.settle()
    client.world.settle()  # what the first brought about
    reports = [event for event in client.events if isinstance(event, ExecutionReport)]
    client.events.clear()
    return reports


def placed(client: ClientLine, order: NewOrder) -> str:
    (report,) = client.ask(order)
    assert isinstance(report, ExecutionReport)
    assert report.exec_type is ExecType.PENDING_NEW, report
    return report.order_id


def trade_at(world: World, price: str) -> None:
    """The market goes there: a bid or an offer that is met."""
    world.quote(Side.SELL, "0.01", price)
    world.hit(Side.BUY, "0.01", price)


def shown(world: World, order_id: str) -> dict[str, Any]:
    order: dict[str, Any] = world.call("GET", f"/orders/historical/{order_id}")["order"]
    return order


# --------------------------------------------------------------------------- there and back


@pytest.mark.parametrize(
    "order",
    [
        bracket(),
        bracket(side=Side.BUY, price="60000", stop_loss_px="67000"),
        bracket(time_in_force=TimeInForce.GOOD_TILL_DATE, expire_time=END),
        given(side=Side.BUY, price="63000", take_profit_px="70000", stop_loss_px="60000"),
        given(price="70000", take_profit_px="65000", stop_loss_px="72000"),
        given(
            side=Side.BUY,
            ord_type=OrdType.MARKET,
            price=None,
            time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
            take_profit_px="70000",
            stop_loss_px="60000",
        ),
        given(
            ord_type=OrdType.STOP_LIMIT,
            stop_px="65000",
            price="64900",
            trigger_price_direction=TriggerPriceDirection.UP,
        ),
        given(
            side=Side.BUY,
            ord_type=OrdType.STOP_LIMIT,
            stop_px="63000",
            price="63100",
            trigger_price_direction=TriggerPriceDirection.DOWN,
        ),
        *(
            given(side=Side.BUY, order_qty=None, cash_order_qty="500.25", time_in_force=tif)
            for tif in (TimeInForce.GOOD_TILL_CANCEL, TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL)
        ),
    ],
)
def test_a_request_says_what_the_order_says(world: World, order: NewOrder) -> None:
    request = encode(configurations.create_order(order, order.symbol))
    instrument = world.stage.instruments[0]
    back = configurations.new_order(decoder(rest.AnyCreateOrder)(request), instrument, "", world.now)
    assert back == replace(order, ref="", time_in_force=order.time_in_force or TimeInForce.GOOD_TILL_CANCEL)


@pytest.mark.parametrize(
    "order",
    [
        bracket(stop_loss_px="67000"),
        bracket(side=Side.BUY),
        bracket(stop_loss_px=None),
        bracket(take_profit_px="68000"),
        bracket(post_only=True),
        bracket(order_qty=None, cash_order_qty="100"),
        bracket(time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL),
        given(position_effect=PositionEffect.OPEN),
        given(take_profit_px="68000"),
        given(side=Side.BUY, take_profit_px="50000", stop_loss_px="60000"),
        given(ord_type=OrdType.STOP_LIMIT, stop_px="63000", take_profit_px="50000", stop_loss_px="70000"),
        given(max_floor="0.1"),
        given(stop_loss_offset="5"),
        given(trailing_stop_loss=True),
        given(position_id="1"),
        given(trigger_price_direction=TriggerPriceDirection.UP),
    ],
)
def test_what_makes_no_bracket_is_refused_before_it_is_sent(world: World, order: NewOrder) -> None:
    with pytest.raises(LocalProtocolError):
        ClientLine(world, "user_ws").initiator.send(order, world.now)


# --------------------------------------------------------------------------- brackets


def test_a_bracket_takes_its_profit(world: World, client: ClientLine) -> None:
    order_id = placed(client, bracket())
    assert [(report.exec_type, report.price, report.stop_px) for report in told(client)] == [
        (ExecType.PENDING_NEW, Decimal(66000), Decimal(63000)),
        (ExecType.NEW, Decimal(66000), Decimal(63000)),
    ]
    order = shown(world, order_id)
    assert (order["order_type"], order["trigger_status"]) == ("BRACKET", "STOP_PENDING")
    assert order["order_configuration"] == {
        "trigger_bracket_gtc": {"base_size": "0.5", "limit_price": "66000", "stop_trigger_price": "63000"}
    }
    world.hit(Side.BUY, "6", "66000")
    last = told(client)[-1]
    assert (last.ord_status, last.cum_qty, last.avg_px) == (OrdStatus.FILLED, Decimal("0.5"), Decimal(66000))


def test_a_bracket_stops_its_loss_five_percent_beyond(world: World, client: ClientLine) -> None:
    order_id = placed(client, bracket())
    told(client)
    world.quote(Side.BUY, "1", "62990")
    world.hit(Side.SELL, "5.01", "62990")  # through 63000
    reports = told(client)
    assert ExecType.TRIGGERED in {report.exec_type for report in reports}
    assert reports[-1].ord_status is OrdStatus.FILLED
    assert reports[-1].avg_px == Decimal(62990)
    order = shown(world, order_id)
    assert (order["status"], order["trigger_status"]) == ("FILLED", "STOP_TRIGGERED")


def test_a_bracket_that_buys_has_its_loss_above(world: World, client: ClientLine) -> None:
    placed(client, bracket(side=Side.BUY, price="60000", stop_loss_px="65000"))
    told(client)
    world.quote(Side.SELL, "2", "65000")
    world.hit(Side.BUY, "4.91", "65000")
    assert told(client)[-1].ord_status is OrdStatus.FILLED


def test_a_bracket_is_edited_and_cancelled(world: World, client: ClientLine) -> None:
    order_id = placed(client, bracket())
    told(client)
    change = ReplaceOrder(
        symbol="BTC-USD",
        side=Side.SELL,
        ord_type=OrdType.LIMIT,
        order_id=order_id,
        orig_cl_ord_id="815000000000000001",
        cl_ord_id="2",
        order_qty="0.4",
        price="67000",
        stop_px="62000",
        ref="11",
    )
    (report,) = client.ask(change)
    assert isinstance(report, ExecutionReport)
    assert report.exec_type is ExecType.REPLACED
    fields = shown(world, order_id)["order_configuration"]["trigger_bracket_gtc"]
    assert fields == {"base_size": "0.4", "limit_price": "67000", "stop_trigger_price": "62000"}
    cancel = CancelOrder(
        symbol="BTC-USD", side=Side.SELL, ord_type=OrdType.LIMIT, order_id=order_id, orig_cl_ord_id="1", ref="12"
    )
    client.ask(cancel)
    assert told(client)[-1].ord_status is OrdStatus.CANCELED


def test_an_attached_bracket_begins_with_what_was_filled(world: World, client: ClientLine) -> None:
    order = given(side=Side.BUY, price="64010", take_profit_px="66000", stop_loss_px="63000")
    order_id = placed(client, order)
    assert OrdStatus.FILLED in {report.ord_status for report in told(client)}
    parent = shown(world, order_id)
    child = shown(world, parent["attached_order_id"])
    assert parent["attached_order_configuration"] == {
        "trigger_bracket_gtc": {"limit_price": "66000", "stop_trigger_price": "63000"}
    }
    assert (child["side"], child["order_type"], child["originating_order_id"]) == ("SELL", "BRACKET", order_id)
    assert child["order_configuration"]["trigger_bracket_gtc"]["base_size"] == "0.5"


def test_nothing_is_attached_to_what_was_not_filled(world: World, client: ClientLine) -> None:
    order = given(side=Side.BUY, price="63000", take_profit_px="66000", stop_loss_px="62000")
    order_id = placed(client, order)
    client.ask(
        CancelOrder(
            symbol="BTC-USD", side=Side.BUY, ord_type=OrdType.LIMIT, order_id=order_id, orig_cl_ord_id="1", ref="12"
        )
    )
    told(client)
    assert shown(world, order_id)["attached_order_id"] == ""
    assert len(world.call("GET", "/orders/historical/batch")["orders"]) == 1


def attach(profit: str = "66000", loss: str = "62000") -> dict[str, Any]:
    return {"trigger_bracket_gtc": {"limit_price": profit, "stop_trigger_price": loss}}


def edited(world: World, order_id: str, **fields: Any) -> str:
    """The reason an edit is refused for; empty where it was taken."""
    answer = world.call("POST", "/orders/edit", {"order_id": order_id, **fields})
    return "" if answer["success"] else answer["errors"][0]["edit_failure_reason"]


def test_what_is_attached_can_be_changed_taken_off_and_put_on(world: World, client: ClientLine) -> None:
    order_id = placed(client, given(side=Side.BUY, price="63000", take_profit_px="66000", stop_loss_px="62000"))
    assert edited(world, order_id, attached_order_configuration=attach("67000", "61000")) == ""
    assert shown(world, order_id)["attached_order_configuration"] == attach("67000", "61000")
    assert (
        edited(world, order_id, attached_order_configuration=attach("67000", "61000"))
        == "ATTACHED_CONFIGURATION_IS_EQUAL"
    )
    assert edited(world, order_id, cancel_attached_order=True) == ""
    assert shown(world, order_id)["attached_order_configuration"] is None
    assert edited(world, order_id, cancel_attached_order=True) == "ORDER_EDIT_INVALID_ATTACHED_ORDER_REQUEST"
    # With the order itself, in one edit.
    assert edited(world, order_id, price="63500", size="0.5", attached_order_configuration=attach()) == ""
    parent = shown(world, order_id)
    assert parent["order_configuration"]["limit_limit_gtc"]["limit_price"] == "63500"
    world.hit(Side.SELL, "5.5", "63500")
    world.settle()
    child = shown(world, shown(world, order_id)["attached_order_id"])
    assert child["order_configuration"]["trigger_bracket_gtc"] == {
        "base_size": "0.5",
        "limit_price": "66000",
        "stop_trigger_price": "62000",
    }
    assert edited(world, order_id, cancel_attached_order=True) == "CANNOT_CANCEL_ACTIVE_ATTACHED_ORDER"


@pytest.mark.parametrize(
    ("configuration", "reason"),
    [
        (attach("62000", "66000"), "INVALID_EDITED_ATTACHED_ORDER_CONFIGURATION"),
        (attach("66000.001"), "INVALID_EDITED_ATTACHED_ORDER_CONFIGURATION"),
        (attach("much"), "INVALID_EDITED_ATTACHED_ORDER_CONFIGURATION"),
        ({"limit_limit_gtc": {}}, "INVALID_EDITED_ATTACHED_ORDER_CONFIGURATION"),
        ({"trigger_bracket_gtc": {"limit_price": "66000"}}, "SINGLE_LEGGED_ATTACHED_ORDER_CONFIGURATION_NOT_ALLOWED"),
    ],
)
def test_what_cannot_be_attached_by_an_edit(
    world: World, client: ClientLine, configuration: dict[str, Any], reason: str
) -> None:
    order_id = placed(client, given(side=Side.BUY, price="63000"))
    assert edited(world, order_id, attached_order_configuration=configuration) == reason
    preview = {"order_id": order_id, "attached_order_configuration": configuration}
    (refused,) = world.call("POST", "/orders/edit_preview", preview)["errors"]
    assert refused["edit_failure_reason"] == reason


def test_nothing_is_attached_any_more_to_what_is_filled_in_part(world: World, client: ClientLine) -> None:
    order_id = placed(client, given(side=Side.BUY, price="63000"))
    world.hit(Side.SELL, "5.1", "63000")
    reason = edited(world, order_id, attached_order_configuration=attach())
    assert reason == "CANNOT_MODIFY_ATTACHED_CONFIG_OF_NON_NEW_ORDER"


# --------------------------------------------------------------------------- stops that wait the other way


def test_a_stop_that_waits_for_a_rise_sells_then(world: World, client: ClientLine) -> None:
    order = given(
        ord_type=OrdType.STOP_LIMIT,
        stop_px="65000",
        price="64000",
        trigger_price_direction=TriggerPriceDirection.UP,
    )
    order_id = placed(client, order)
    assert {report.stop_px for report in told(client)} == {Decimal(65000)}
    configuration = shown(world, order_id)["order_configuration"]["stop_limit_stop_limit_gtc"]
    assert configuration["stop_direction"] == "STOP_DIRECTION_STOP_UP"
    assert configuration["stop_price"] == "65000"
    world.hit(Side.BUY, "5", "64010")
    trade_at(world, "65000")
    reports = told(client)
    assert ExecType.TRIGGERED in {report.exec_type for report in reports}
    assert shown(world, order_id)["trigger_status"] == "STOP_TRIGGERED"
    assert (reports[-1].cum_qty, reports[-1].avg_px) == (Decimal("0.1"), Decimal(64010))  # all that was bid above 64000


def test_a_stop_that_waits_for_a_fall_buys_then(world: World, client: ClientLine) -> None:
    order = given(
        side=Side.BUY,
        ord_type=OrdType.STOP_LIMIT,
        stop_px="63000",
        price="63500",
        trigger_price_direction=TriggerPriceDirection.DOWN,
    )
    order_id = placed(client, order)
    told(client)
    world.quote(Side.BUY, "1", "62990")
    world.hit(Side.SELL, "5.01", "62990")
    assert ExecType.TRIGGERED in {report.exec_type for report in told(client)}
    assert shown(world, order_id)["status"] == "OPEN"


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (
            given(ord_type=OrdType.STOP_LIMIT, stop_px="65000", price="60000"),
            "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE",
        ),
        (
            given(side=Side.BUY, ord_type=OrdType.STOP_LIMIT, stop_px="63000", price="64000"),
            "PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE",
        ),
        (
            given(side=Side.BUY, ord_type=OrdType.STOP_LIMIT, stop_px="65000", price="64900"),
            "PREVIEW_STOP_PRICE_ABOVE_LIMIT_PRICE",
        ),
        (
            given(ord_type=OrdType.STOP_LIMIT, stop_px="63000", price="63100"),
            "PREVIEW_STOP_PRICE_BELOW_LIMIT_PRICE",
        ),
        (bracket(stop_loss_px="65000"), "INVALID_BRACKET_STOP_TRIGGER_PRICE"),
        (bracket(price="64000", stop_loss_px="63000"), "INVALID_BRACKET_LIMIT_PRICE"),
    ],
)
def test_a_trigger_on_the_wrong_side_is_refused(client: ClientLine, order: NewOrder, code: str) -> None:
    (report,) = client.ask(order)
    assert isinstance(report, ExecutionReport)
    assert (report.exec_type, report.ord_rej_reason) == (ExecType.REJECTED, OrdRejReason.INVALID_PRICE)
    assert report.code == code


# --------------------------------------------------------------------------- money


def test_a_limit_order_sized_in_money_rests_and_is_told_in_money(world: World, client: ClientLine) -> None:
    order = given(side=Side.BUY, order_qty=None, cash_order_qty="6300", price="63000")
    order_id = placed(client, order)
    reports = told(client)
    assert {(report.order_qty, report.leaves_qty) for report in reports} == {(None, None)}
    assert shown(world, order_id)["size_in_quote"] is True
    (listed,) = client.ask(OrderMassStatusRequest(ref="12"))
    assert isinstance(listed, MassStatus)
    assert listed.reports[0].cash_order_qty == Decimal(6300)
    world.hit(Side.SELL, "5.04", "63000")
    assert told(client)[-1].cum_qty == Decimal("0.04")
    (fill,) = world.call("GET", "/orders/historical/fills")["fills"]
    assert (fill["size_in_quote"], fill["size"]) == (True, "2520")


def test_an_order_for_a_twin_in_usdc_moves_usdc(world: World, client: ClientLine) -> None:
    def money() -> dict[str, Decimal]:
        (holdings,) = client.ask(RequestForPositions(ref="13"))
        assert isinstance(holdings, Holdings)
        return {balance.currency: balance.total for balance in holdings.balances}

    before = money()
    order_id = placed(client, given(symbol="BTC-USDC", side=Side.BUY, order_qty="1", price="64010"))
    assert {report.symbol for report in told(client)} == {"BTC-USDC"}
    assert shown(world, order_id)["product_id"] == "BTC-USDC"
    after = money()
    assert after["USDC"] == before["USDC"] - 64010
    assert after["USD"] == before["USD"]
    assert after["BTC"] == before["BTC"] + 1
    assert world.call("GET", "/orders/historical/fills")["fills"][0]["product_id"] == "BTC-USDC"


def test_usdc_that_is_not_there_buys_nothing(client: ClientLine) -> None:
    (report,) = client.ask(given(symbol="BTC-USDC", side=Side.BUY, order_qty="100", price="63000"))
    assert isinstance(report, ExecutionReport)
    assert report.code == "INSUFFICIENT_FUND"


# --------------------------------------------------------------------------- what others ask for


def asked(
    key: str, fields: dict[str, Any], attached: dict[str, Any] | None = None, side: str = "SELL"
) -> dict[str, Any]:
    request = {"client_order_id": "1", "product_id": "BTC-USD", "side": side, "order_configuration": {key: fields}}
    return request | ({"attached_order_configuration": attached} if attached is not None else {})


LIMIT = {"base_size": "0.1", "limit_price": "63000"}
PRICES = {"limit_price": "66000", "stop_trigger_price": "62000"}


@pytest.mark.parametrize(
    ("request_body", "reason"),
    [
        (asked("market_market_fok", {"base_size": "0.1"}), "UNSUPPORTED_ORDER_CONFIGURATION"),
        (
            asked("trigger_bracket_gtc", {"base_size": "1", "limit_price": "60000", "stop_trigger_price": "63000"}),
            "INVALID_BRACKET_PRICES",
        ),
        (
            asked("trigger_bracket_gtc", {"base_size": "1", "limit_price": "66000"}),
            "INVALID_BRACKET_STOP_TRIGGER_PRICE",
        ),
        (asked("trigger_bracket_gtc", {"quote_size": "1000"} | PRICES), "QUOTE_SIZE_NOT_ALLOWED_FOR_BRACKET"),
        (asked("trigger_bracket_gtd", {"base_size": "1"} | PRICES), "GTD_ORDERS_MUST_HAVE_END_TIME"),
        (
            asked("limit_limit_gtc", LIMIT, {"trigger_bracket_gtc": {"base_size": "1"} | PRICES}, "BUY"),
            "ATTACHED_ORDER_SIZE_MUST_BE_NIL",
        ),
        (asked("limit_limit_gtc", LIMIT, {"limit_limit_gtc": LIMIT}, "BUY"), "INVALID_ORDER_TYPE_FOR_ATTACHED"),
        (
            asked("limit_limit_gtc", LIMIT, {"trigger_bracket_gtc": {"limit_price": "66000"}}, "BUY"),
            "ATTACHED_ORDER_MUST_HAVE_POSITIVE_PRICES",
        ),
        (asked("limit_limit_gtc", LIMIT, {"trigger_bracket_gtc": PRICES}), "INVALID_ATTACHED_TAKE_PROFIT_PRICE"),
        (
            asked(
                "limit_limit_gtc",
                LIMIT,
                {"trigger_bracket_gtc": {"limit_price": "66000", "stop_trigger_price": "64000"}},
                "BUY",
            ),
            "INVALID_ATTACHED_STOP_LOSS_PRICE",
        ),
        (
            asked("trigger_bracket_gtc", {"base_size": "1"} | PRICES, {"trigger_bracket_gtc": PRICES}),
            "ATTACHED_ORDERS_ONLY_ALLOWED_ON_MARKET_LIMIT",
        ),
        (
            asked("trigger_bracket_gtc", {"base_size": "1", "limit_price": "66000.001", "stop_trigger_price": "62000"}),
            "INVALID_PRICE_PRECISION",
        ),
    ],
)
def test_what_is_no_bracket_is_refused_by_its_reason(world: World, request_body: dict[str, Any], reason: str) -> None:
    answer = world.call("POST", "/orders", request_body)
    assert answer["success"] is False
    assert answer["error_response"]["new_order_failure_reason"] == reason


def test_an_order_sized_in_money_cannot_be_edited(world: World) -> None:
    body = asked("limit_limit_gtc", {"quote_size": "630", "limit_price": "63000"}, side="BUY")
    order_id = world.call("POST", "/orders", body)["success_response"]["order_id"]
    answer = world.call("POST", "/orders/edit", {"order_id": order_id, "price": "62000", "size": "0.1"})
    assert answer["errors"][0]["edit_failure_reason"] == "SIZE_IN_QUOTE_EDITS_NOT_ALLOWED"


def test_a_triggered_bracket_cannot_be_edited(world: World) -> None:
    body = asked("trigger_bracket_gtc", {"base_size": "9"} | PRICES)
    order_id = world.call("POST", "/orders", body)["success_response"]["order_id"]
    world.quote(Side.BUY, "1", "61990")
    world.hit(Side.SELL, "5.01", "61990")
    assert shown(world, order_id)["trigger_status"] == "STOP_TRIGGERED"
    answer = world.call("POST", "/orders/edit", {"order_id": order_id, "price": "62000", "size": "10"})
    assert answer["errors"][0]["edit_failure_reason"] == "CANNOT_EDIT_TRIGGERED_ORDER"


def test_a_triggered_bracket_that_cannot_be_paid_for_ends(world: World, client: ClientLine) -> None:
    rich = world.exchange.port(world.stage.account)
    held = next(balance.available for balance in rich.balances() if balance.currency == "USD")
    size = (held / 60000).quantize(Decimal("0.01")) - Decimal("0.01")
    order_id = placed(client, bracket(side=Side.BUY, order_qty=size, price="60000", stop_loss_px="65000"))
    told(client)
    world.quote(Side.SELL, "2", "65000")
    world.hit(Side.BUY, "4.91", "65000")
    assert told(client)[-1].ord_status is OrdStatus.CANCELED
    assert shown(world, order_id)["status"] == "CANCELLED"
