"""The life of orders and positions: the recorded sequences on the wire, and what our end makes of them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.ctrader.ends import SECOND, Client, Line, Sandbox
from tests.watching import commands_at

from venuewire.model.account import Balance, Position
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import (
    Holdings,
    MassStatus,
    OrderMassStatusRequest,
    RequestForPositions,
    RequestRejected,
    Unknown,
)
from venuewire.model.terms import ExecType, OrdRejReason, OrdStatus, OrdType, Side, TimeInForce


def new(**fields: Any) -> NewOrder:
    base: dict[str, Any] = {
        "symbol": "EURUSD",
        "side": Side.BUY,
        "ord_type": OrdType.LIMIT,
        "order_qty": "2000",
        "price": "1.14",
        "cl_ord_id": "500",
        "ref": "50",
    }
    return NewOrder(**{**base, **fields})


def market(**fields: Any) -> NewOrder:
    return new(**{"ord_type": OrdType.MARKET, "price": None, **fields})


def executions(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message["payload"] for message in said if message["payloadType"] == 2126]


def steps(said: list[dict[str, Any]]) -> list[tuple[int, int, int, int, int, bool]]:
    """(executionType, positionStatus, position volume, orderStatus, executedVolume, isServerEvent)"""
    return [
        (
            event["executionType"],
            event["position"]["positionStatus"],
            event["position"]["tradeData"]["volume"],
            event["order"]["orderStatus"],
            event["order"]["executedVolume"],
            event["isServerEvent"],
        )
        for event in executions(said)
    ]


def raw_line() -> Line:
    return Sandbox().line().authorise()


# --------------------------------------------------------------------------- the wire, as recorded


def test_a_market_order_is_accepted_with_a_shell_and_then_filled() -> None:
    raw = raw_line()
    raw.sandbox.others(Side.SELL, "5000", "1.1482")
    said = raw.ask(2106, raw.of(symbolId=1, orderType="MARKET", tradeSide="BUY", volume=100_000, label="one"), "m1")
    assert steps(said) == [(2, 3, 0, 1, 0, False), (3, 1, 100_000, 2, 100_000, False)]
    assert [message.get("clientMsgId") for message in said] == ["m1", "m1"]
    accepted, filled = executions(said)
    position_id = accepted["position"]["positionId"]
    assert accepted["order"]["positionId"] == filled["position"]["positionId"] == position_id
    assert accepted["position"]["price"] == Decimal("0.0")
    assert (accepted["order"]["timeInForce"], accepted["order"]["orderType"], "deal" in accepted) == (3, 1, False)
    assert filled["position"]["price"] == filled["order"]["executionPrice"] == Decimal("1.1482")
    assert filled["position"]["tradeData"]["label"] == "one"
    assert (filled["position"]["commission"], filled["position"]["usedMargin"]) == (-3, 1148)
    deal = filled["deal"]
    assert (deal["dealStatus"], deal["filledVolume"], deal["volume"], deal["commission"]) == (2, 100_000, 100_000, -3)
    assert filled["order"]["tradeData"]["closeTimestamp"] == deal["executionTimestamp"]


REQUIRED = {
    "order": {"orderId", "tradeData", "orderType", "orderStatus"},
    "position": {"positionId", "tradeData", "positionStatus", "swap"},
    "deal": {
        *("dealId", "orderId", "positionId", "volume", "filledVolume", "symbolId", "createTimestamp"),
        *("executionTimestamp", "tradeSide", "dealStatus"),
    },
}


def test_everything_the_schema_requires_is_there() -> None:
    raw = raw_line()
    raw.sandbox.others(Side.SELL, "5000", "1.1482")
    raw.ask(2106, raw.of(symbolId=1, orderType=1, tradeSide=1, volume=100_000))
    raw.ask(2111, raw.of(positionId=5_000_001, volume=100_000))
    for event in executions(raw.said):
        for part, names in REQUIRED.items():
            assert names <= event.get(part, dict.fromkeys(names)).keys()


def test_a_pending_order_is_placed_amended_and_cancelled() -> None:
    raw = raw_line()
    placed = raw.ask(
        2106, raw.of(symbolId=1, orderType=2, tradeSide=1, volume=200_000, limitPrice=1.14, clientOrderId="x"), "a"
    )
    assert steps(placed) == [(2, 3, 0, 1, 0, False)]
    order = executions(placed)[0]["order"]
    assert (order["limitPrice"], order["timeInForce"], order["clientOrderId"]) == (Decimal("1.14"), 2, "x")
    amended = raw.ask(2109, raw.of(orderId=order["orderId"], volume=300_000, limitPrice=1.1399), "b")
    assert steps(amended) == [(4, 3, 0, 1, 0, False)]
    assert executions(amended)[0]["order"]["tradeData"]["volume"] == 300_000
    assert executions(amended)[0]["order"]["orderId"] == order["orderId"]
    again = raw.ask(2109, raw.of(orderId=order["orderId"], volume=300_000), "b")
    assert (again[0]["payloadType"], again[0]["payload"]["description"]) == (2132, "Nothing to amend.")
    cancelled = raw.ask(2108, raw.of(orderId=order["orderId"]), "c")
    assert steps(cancelled) == [(5, 2, 0, 5, 0, False)]
    assert "closeTimestamp" in executions(cancelled)[0]["position"]["tradeData"]
    assert cancelled[0]["clientMsgId"] == "c"


def test_a_cancel_of_an_unknown_or_finished_order_is_not_found() -> None:
    raw = raw_line()
    (answer,) = raw.ask(2108, raw.of(orderId=6_000_008), "c")
    assert answer == {
        "payloadType": 2132,
        "payload": {
            "errorCode": "ORDER_NOT_FOUND",
            "orderId": 6_000_008,
            "ctidTraderAccountId": raw.sandbox.account_id,
            "description": "Order not found with id 6000008",
        },
        "clientMsgId": "c",
    }
    assert raw.ask(2109, raw.of(orderId=1, volume=100_000))[0]["payload"]["errorCode"] == "ORDER_NOT_FOUND"


def test_a_pending_order_is_filled_by_the_server() -> None:
    raw = raw_line()
    raw.ask(2106, raw.of(symbolId=1, orderType=2, tradeSide=1, volume=300_000, limitPrice=1.14), "a")
    before = len(raw.said)
    raw.sandbox.others(Side.SELL, "1000", "1.14")
    raw.sandbox.others(Side.SELL, "2000", "1.14")
    said = raw.said[before:]
    assert steps(said) == [(11, 1, 100_000, 1, 100_000, True), (3, 1, 300_000, 2, 300_000, True)]
    assert ["clientMsgId" in message for message in said] == [False, False]
    first, second = (event["deal"] for event in executions(said))
    assert (first["dealStatus"], first["filledVolume"], second["dealStatus"], second["filledVolume"]) == (
        3,
        100_000,
        2,
        200_000,
    )


def test_what_an_immediate_order_leaves_is_cancelled() -> None:
    raw = raw_line()
    raw.sandbox.others(Side.SELL, "1000", "1.1482")
    limit = {"symbolId": 1, "orderType": 2, "tradeSide": 1, "limitPrice": 1.1482}
    partly = raw.ask(2106, raw.of(**limit, volume=300_000, timeInForce=3), "a")
    assert [step[0] for step in steps(partly)] == [2, 11, 5]
    assert steps(partly)[-1] == (5, 1, 100_000, 5, 100_000, False)
    killed = raw.ask(2106, raw.of(**limit, volume=300_000, timeInForce="FILL_OR_KILL"), "b")
    assert steps(killed) == [(2, 3, 0, 1, 0, False), (5, 2, 0, 5, 0, False)]


def test_an_order_whose_time_ends_expires() -> None:
    raw = raw_line()
    end = raw.sandbox.now + 5 * SECOND
    body = {"symbolId": 1, "orderType": 2, "tradeSide": 1, "volume": 100_000, "limitPrice": 1.14}
    raw.ask(2106, raw.of(**body, timeInForce=1, expirationTimestamp=end // 1_000_000))
    before = len(raw.said)
    raw.sandbox.exchange.advance(end)
    raw.sandbox.publish()
    assert steps(raw.said[before:]) == [(6, 2, 0, 4, 0, True)]


def test_a_position_is_closed_in_parts_and_settles() -> None:
    raw = raw_line()
    raw.sandbox.others(Side.SELL, "2000", "1.12568")
    raw.ask(2106, raw.of(symbolId=1, orderType=1, tradeSide=1, volume=200_000))
    raw.sandbox.others(Side.BUY, "9000", "1.12567")
    position_id = executions(raw.said)[-1]["position"]["positionId"]
    part = raw.ask(2111, raw.of(positionId=position_id, volume=100_000), "p")
    assert steps(part) == [(2, 1, 200_000, 1, 0, False), (3, 1, 100_000, 2, 100_000, False)]
    accepted, filled = executions(part)
    assert (accepted["order"]["closingOrder"], accepted["order"]["tradeData"]["tradeSide"]) == (True, 2)
    assert accepted["order"]["positionId"] == position_id
    assert (filled["position"]["commission"], filled["position"]["usedMargin"]) == (-2, 1126)
    assert filled["position"]["price"] == Decimal("1.12568")
    detail = filled["deal"]["closePositionDetail"]
    wanted = {"entryPrice": Decimal("1.12568"), "grossProfit": -1, "commission": -6, "balance": 99_999_993}
    assert {key: detail[key] for key in wanted} == wanted
    rest = raw.ask(2111, raw.of(positionId=position_id, volume=100_000), "q")
    assert steps(rest)[-1] == (3, 2, 0, 2, 100_000, False)
    assert executions(rest)[-1]["position"]["price"] == Decimal("0.0")
    trader = raw.ask(2121, raw.of())[0]["payload"]["trader"]
    assert (trader["balance"], trader["balanceVersion"]) == (99_999_987, 2)
    assert raw.ask(2124, raw.of())[0]["payload"] == raw.of()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"positionId": 77, "volume": 100_000}, "POSITION_NOT_FOUND"),
        ({"positionId": 5_000_001, "volume": 200_000}, "TRADING_BAD_VOLUME"),
        ({"positionId": 5_000_001, "volume": 0}, "TRADING_BAD_VOLUME"),
        ({"positionId": 5_000_001, "volume": 50_000}, "TRADING_BAD_VOLUME"),
        ({"positionId": 5_000_002, "volume": 100_000}, "POSITION_NOT_OPEN"),
    ],
)
def test_a_close_that_cannot_be_is_refused(fields: dict[str, int], code: str) -> None:
    raw = raw_line()
    raw.sandbox.others(Side.SELL, "2000", "1.1482")
    raw.ask(2106, raw.of(symbolId=1, orderType=1, tradeSide=1, volume=100_000))
    raw.ask(2106, raw.of(symbolId=1, orderType=2, tradeSide=1, volume=100_000, limitPrice=1.1))
    (answer,) = raw.ask(2111, raw.of(**fields), "z")
    assert (answer["payloadType"], answer["payload"]["errorCode"], answer["clientMsgId"]) == (2132, code, "z")


def test_an_order_may_name_the_position_it_adds_to_or_reduces() -> None:
    raw = raw_line()
    raw.sandbox.others(Side.SELL, "3000", "1.1482")
    order = {"symbolId": 1, "orderType": 1, "volume": 100_000}
    raw.ask(2106, raw.of(**order, tradeSide=1))
    said = raw.ask(2106, raw.of(**order, tradeSide=1, positionId=5_000_001))
    assert steps(said)[-1][:3] == (3, 1, 200_000)
    raw.sandbox.others(Side.BUY, "3000", "1.148")
    said = raw.ask(2106, raw.of(**order, tradeSide="SELL", positionId=5_000_001))
    assert steps(said)[-1][:3] == (3, 1, 100_000)
    assert len(raw.ask(2124, raw.of())[0]["payload"]["position"]) == 1


def test_each_order_opens_a_position_of_its_own() -> None:
    raw = raw_line()
    raw.sandbox.others(Side.SELL, "3000", "1.1482")
    raw.sandbox.others(Side.BUY, "3000", "1.148")
    for side in (1, 2, 1):
        raw.ask(2106, raw.of(symbolId=1, orderType=1, tradeSide=side, volume=100_000))
    listed = raw.ask(2124, raw.of())[0]["payload"]["position"]
    assert [(p["tradeData"]["tradeSide"], p["tradeData"]["volume"]) for p in listed] == [
        (1, 100_000),
        (2, 100_000),
        (1, 100_000),
    ]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"symbolId": 99}, "SYMBOL_NOT_FOUND"),
        ({"volume": 150_000}, "TRADING_BAD_VOLUME"),
        ({"volume": 10_000}, "TRADING_BAD_VOLUME"),
        ({"limitPrice": 1.140001}, "TRADING_BAD_PRICES"),
        ({"volume": 10**10, "limitPrice": 1.99}, "NOT_ENOUGH_MONEY"),
        ({"timeInForce": 1, "expirationTimestamp": 1}, "TRADING_BAD_EXPIRATION_DATE"),
    ],
)
def test_a_bad_order_is_refused_by_an_order_error_only(fields: dict[str, Any], code: str) -> None:
    raw = raw_line()
    body = {"symbolId": 1, "orderType": 2, "tradeSide": 1, "volume": 100_000, "limitPrice": 1.14, **fields}
    (answer,) = raw.ask(2106, raw.of(**body), "z")
    assert (answer["payloadType"], answer["payload"]["errorCode"]) == (2132, code)
    assert (answer["payload"]["orderId"], answer["clientMsgId"]) == (0, "z")


def test_what_an_order_does_not_use_is_not_repeated() -> None:
    raw = raw_line()
    raw.sandbox.others(Side.SELL, "5000", "1.1482")
    order = {"symbolId": 1, "orderType": 1, "tradeSide": 1, "volume": 100_000, "baseSlippagePrice": "NaN"}
    for event in executions(raw.ask(2106, raw.of(**order, slippageInPoints=5, limitPrice="Infinity"))):
        assert not {"baseSlippagePrice", "slippageInPoints", "limitPrice"} & event["order"].keys()


def test_a_market_range_order_is_told_as_it_was_asked() -> None:
    raw = raw_line()
    raw.sandbox.others(Side.SELL, "5000", "1.1482")
    order = {"symbolId": 1, "orderType": 5, "tradeSide": 1, "volume": 100_000}
    said = raw.ask(2106, raw.of(**order, baseSlippagePrice=1.148, slippageInPoints=30))
    told = executions(said)[-1]["order"]
    assert (told["orderType"], told["baseSlippagePrice"], told["slippageInPoints"]) == (5, Decimal("1.148"), 30)
    assert "limitPrice" not in told
    assert steps(said)[-1][:4] == (3, 1, 100_000, 2)
    far = raw.ask(2106, raw.of(**order, baseSlippagePrice=1.148, slippageInPoints=10))
    assert [step[0] for step in steps(far)] == [2, 5]


def test_a_client_order_id_may_be_used_again() -> None:
    raw = raw_line()
    body = {"symbolId": 1, "orderType": 2, "tradeSide": 1, "volume": 100_000, "limitPrice": 1.14, "clientOrderId": "7"}
    ids = {executions(raw.ask(2106, raw.of(**body)))[0]["order"]["orderId"] for _ in range(2)}
    assert len(ids) == 2
    assert {order["clientOrderId"] for order in raw.ask(2124, raw.of())[0]["payload"]["order"]} == {"7"}


def test_every_connection_of_the_account_hears_the_same() -> None:
    one = raw_line()
    two = one.sandbox.line().authorise()
    alone = one.sandbox.line()
    before = len(two.said)
    said = one.ask(2106, one.of(symbolId=1, orderType=2, tradeSide=1, volume=100_000, limitPrice=1.14), "m")
    assert two.said[before:] == said
    assert alone.said == []
    one.sandbox.others(Side.SELL, "1000", "1.14")
    assert one.said[-1] == two.said[-1]
    assert one.said[-1]["payload"]["position"]["tradeData"]["volume"] == 100_000


def test_fills_while_nobody_was_connected_are_not_lost() -> None:
    raw = raw_line()
    raw.ask(2106, raw.of(symbolId=1, orderType=2, tradeSide=1, volume=200_000, limitPrice=1.14))
    sandbox = raw.sandbox
    raw.acceptor.closed(sandbox.now)
    sandbox.lines.clear()
    sandbox.others(Side.SELL, "1000", "1.14")
    fresh = sandbox.line().authorise()
    (listed,) = fresh.ask(2124, fresh.of())
    assert listed["payload"]["position"][0]["tradeData"]["volume"] == 100_000
    assert listed["payload"]["order"][0]["executedVolume"] == 100_000
    assert listed["payload"]["order"][0]["positionId"] == listed["payload"]["position"][0]["positionId"]


# --------------------------------------------------------------------------- our end


def client() -> Client:
    return Client(Sandbox()).start()


def reports(told: list[Any]) -> list[ExecutionReport]:
    return [event for event in told if isinstance(event, ExecutionReport)]


def test_our_order_is_answered_and_filled() -> None:
    ours = client()
    ours.sandbox.others(Side.SELL, "5000", "1.1482")
    told = ours.submit(market(order_qty="3000"))
    accepted, filled = reports(told)
    assert (accepted.exec_type, accepted.ord_status, accepted.ref, accepted.cl_ord_id) == (
        ExecType.NEW,
        OrdStatus.NEW,
        "50",
        "500",
    )
    assert (filled.exec_type, filled.ord_status, filled.ref) == (ExecType.TRADE, OrdStatus.FILLED, "50")
    assert (filled.last_qty, filled.last_px, filled.cum_qty, filled.leaves_qty) == (
        Decimal(3000),
        Decimal("1.1482"),
        Decimal(3000),
        Decimal(0),
    )
    assert filled.avg_px == Decimal("1.1482")
    assert (filled.commission, filled.side, filled.order_qty) == (Decimal("0.08"), Side.BUY, Decimal(3000))
    assert filled.exec_id
    assert filled.position_id == accepted.position_id
    assert filled.account == ours.sandbox.stage.account
    (position,) = [event for event in told if isinstance(event, Position)]
    assert (position.qty, position.avg_px, position.position_id) == (
        Decimal(3000),
        Decimal("1.1482"),
        filled.position_id,
    )


def test_the_exchange_receives_what_we_asked() -> None:
    ours = client()
    command = new(account=ours.sandbox.stage.account, text="hi", time_in_force=TimeInForce.GOOD_TILL_CANCEL)
    with commands_at(ours.sandbox.port) as seen:
        ours.submit(command)
    assert seen == [command]


def test_our_order_is_replaced_and_cancelled() -> None:
    ours = client()
    (placed,) = reports(ours.submit(new()))
    assert (placed.price, placed.order_qty, placed.position_id != "") == (Decimal("1.14"), Decimal(2000), True)
    same: dict[str, Any] = {
        "symbol": "EURUSD",
        "side": Side.BUY,
        "ord_type": OrdType.LIMIT,
        "order_id": placed.order_id,
    }
    change = ReplaceOrder(**same, orig_cl_ord_id="500", cl_ord_id="501", order_qty="4000", price="1.139", ref="51")
    (replaced,) = reports(ours.submit(change))
    assert (replaced.exec_type, replaced.ref, replaced.order_qty) == (ExecType.REPLACED, "51", Decimal(4000))
    assert replaced.cl_ord_id == "500", "an order keeps its id here"
    (cancelled,) = reports(ours.submit(CancelOrder(**same, orig_cl_ord_id="500", ref="52")))
    assert (cancelled.exec_type, cancelled.ord_status, cancelled.leaves_qty) == (
        ExecType.CANCELED,
        OrdStatus.CANCELED,
        Decimal(0),
    )
    (rejected,) = ours.submit(CancelOrder(**same, orig_cl_ord_id="500", cl_ord_id="53", ref="53"))
    assert rejected == CancelReject(
        order_id=placed.order_id,
        orig_cl_ord_id="500",
        cl_ord_id="53",
        reason=OrdRejReason.UNKNOWN_ORDER,
        code="ORDER_NOT_FOUND",
        text=f"Order not found with id {placed.order_id}",
        symbol="EURUSD",
        account=ours.sandbox.stage.account,
        recv_time=ours.sandbox.now,
        ref="53",
    )


def test_a_refused_order_is_news_in_the_venues_words() -> None:
    ours = client()
    (report,) = ours.submit(new(order_qty="100000000", price="1.99"))
    assert isinstance(report, ExecutionReport)
    assert (report.exec_type, report.ord_status, report.ord_rej_reason, report.code) == (
        ExecType.REJECTED,
        OrdStatus.REJECTED,
        OrdRejReason.ORDER_EXCEEDS_LIMIT,
        "NOT_ENOUGH_MONEY",
    )
    assert (report.ref, report.cl_ord_id, report.symbol, report.order_id) == ("50", "500", "EURUSD", "")


def test_an_error_that_says_nothing_of_the_outcome_is_no_rejection() -> None:
    """UNKNOWN_ERROR leaves the request open: it is reconciled, not guessed."""
    ours = client()
    ours.initiator.send(new(), ours.sandbox.now)
    (told,) = ours.hear(2142, {"errorCode": "UNKNOWN_ERROR"}, "50")
    assert isinstance(told, RequestRejected)
    assert told.ref is None
    (late,) = ours.hear(2126, {"executionType": 2, "order": {"orderId": 9, "orderStatus": 1}}, "50")
    assert late.ref == "50"


def test_the_ids_of_other_programs_are_not_ours() -> None:
    ours = client()
    raw = ours.sandbox.line().authorise()
    raw.ask(2106, raw.of(symbolId=1, orderType=2, tradeSide=1, volume=100_000, limitPrice=1.14), "their-id")
    (report,) = reports(ours.carry())
    assert (report.ref, report.exec_type, report.order_qty) == (None, ExecType.NEW, Decimal(1000))


def test_what_is_open_is_listed() -> None:
    ours = client()
    ours.sandbox.others(Side.SELL, "5000", "1.1482")
    ours.submit(market(order_qty="3000"))
    ours.submit(new(cl_ord_id="600", ref="60"))
    (status,) = ours.submit(OrderMassStatusRequest(ref="70"))
    assert isinstance(status, MassStatus)
    assert [(r.exec_type, r.ord_status, r.cl_ord_id, r.price) for r in status.reports] == [
        (ExecType.ORDER_STATUS, OrdStatus.NEW, "600", Decimal("1.14")),
        (ExecType.TRADE, None, "500", None),
        (ExecType.ORDER_STATUS, OrdStatus.FILLED, "500", None),
    ]
    assert all(report.historical for report in status.reports)
    (holdings,) = ours.submit(RequestForPositions(ref="71"))
    assert isinstance(holdings, Holdings)
    assert [(position.qty, position.avg_px) for position in holdings.positions] == [(Decimal(3000), Decimal("1.1482"))]
    (balance,) = holdings.balances
    assert (balance.currency, balance.total) == ("USD", Decimal(1_000_000))
    assert balance.available == balance.total - Decimal("34.45")


def test_closing_a_position_elsewhere_moves_our_balance() -> None:
    ours = client()
    ours.submit(RequestForPositions(ref="70"))
    ours.sandbox.others(Side.SELL, "1000", "1.1482")
    ours.submit(market(order_qty="1000"))
    ours.sandbox.others(Side.BUY, "1000", "1.149")
    raw = ours.sandbox.line().authorise()
    raw.ask(2111, raw.of(positionId=5_000_001, volume=100_000))
    told = ours.carry()
    (position,) = [event for event in told if isinstance(event, Position)]
    assert (position.qty, position.position_id) == (Decimal(0), "5000001")
    (balance,) = [event for event in told if isinstance(event, Balance)]
    assert balance.total == balance.available == Decimal("1000000.80") - Decimal("0.06")


def test_stop_and_stop_limit_orders_wait_and_are_told_with_their_prices() -> None:
    ours = client()
    (stop,) = reports(ours.submit(new(ord_type=OrdType.STOP, price=None, stop_px="1.16", cl_ord_id="1", ref="1")))
    assert (stop.ord_type, stop.stop_px, stop.price) == (OrdType.STOP, Decimal("1.16"), None)
    (both,) = reports(ours.submit(new(ord_type=OrdType.STOP_LIMIT, price="1.1605", stop_px="1.16", ref="2")))
    assert (both.ord_type, both.stop_px, both.price) == (OrdType.STOP_LIMIT, Decimal("1.16"), Decimal("1.1605"))


@pytest.mark.parametrize(
    ("kind", "payload", "want"),
    [
        (2126, {"executionType": 8, "order": {"orderId": 5}, "errorCode": "UNABLE_TO_CANCEL_ORDER"}, CancelReject),
        (2132, {"errorCode": "ORDER_NOT_FOUND", "orderId": 5}, RequestRejected),
        (2199, {}, Unknown),
    ],
)
def test_news_nobody_asked_for_is_still_news(kind: int, payload: dict[str, Any], want: type) -> None:
    (event,) = client().hear(kind, payload)
    assert isinstance(event, want)


def test_a_rejection_after_acceptance_has_its_code() -> None:
    ours = client()
    payload = {
        "executionType": 7,
        "errorCode": "NO_QUOTES",
        "order": {"orderId": 5, "orderStatus": 3, "tradeData": {"symbolId": 1, "volume": 100, "tradeSide": 1}},
    }
    (report,) = ours.hear(2126, payload)
    assert (report.exec_type, report.ord_rej_reason, report.code) == (
        ExecType.REJECTED,
        OrdRejReason.NO_LIQUIDITY,
        "NO_QUOTES",
    )


def test_the_recorded_market_flow_is_understood() -> None:
    """A trimmed capture lacks half its fields; the execution is told all the same, under the symbol's number."""
    ours = client()
    payload = {
        "executionType": 3,
        "position": {
            "positionId": 649,
            "tradeData": {"symbolId": 9, "volume": 100_000, "tradeSide": 1},
            "price": 1.14463,
        },
        "order": {"orderId": 990, "orderStatus": 2, "executionPrice": 1.14463},
        "deal": {"dealId": 916, "volume": 100_000, "executionPrice": 1.14463, "tradeSide": 1, "moneyDigits": 2},
    }
    report, position = ours.hear(2126, payload)
    assert (report.symbol, report.exec_id, report.last_qty, report.ord_status) == ("9", "916", 1000, OrdStatus.FILLED)
    assert (position.position_id, position.qty) == ("649", 1000)


def test_the_end_of_a_position_from_before_our_time_is_told() -> None:
    trade = {"symbolId": 1, "volume": 0, "tradeSide": 2}
    payload = {
        "executionType": 3,
        "position": {"positionId": 77, "tradeData": trade, "positionStatus": 2, "price": 0.0},
        "order": {"orderId": 9, "orderStatus": 2, "positionId": 77},
        "deal": {"dealId": 5, "volume": 100_000, "executionPrice": 1.1},
    }
    _, position = client().hear(2126, payload)
    assert (position.position_id, position.qty, position.avg_px) == ("77", 0, None)
    shell = {"executionType": 5, "position": payload["position"], "order": {"orderId": 9, "orderStatus": 5}}
    assert [type(event) for event in client().hear(2126, shell)] == [ExecutionReport], "a shell was no position"


def test_frames_hold_no_needless_keys() -> None:
    ours = client()
    ours.sent.clear()
    ours.submit(
        CancelOrder(symbol="EURUSD", side=Side.BUY, ord_type=OrdType.LIMIT, order_id="4", orig_cl_ord_id="1", ref="9")
    )
    assert json.loads(ours.sent[0]) == {
        "payloadType": 2108,
        "payload": {"ctidTraderAccountId": ours.sandbox.account_id, "orderId": 4},
        "clientMsgId": "9",
    }
