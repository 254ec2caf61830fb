"""Stop loss and take profit: the recorded sequences on the wire, and what our end makes of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.unit.ctrader.ends import SECOND, Client, Line, Sandbox

from venuewire.errors import LocalProtocolError
from venuewire.model.account import Position
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import MassStatus, OrderMassStatusRequest, RequestForPositions
from venuewire.model.terms import ExecType, OrdStatus, OrdType, PositionEffect, Side

FIRST = 5_000_001
GUARD = 6_000_001


def market_of(sandbox: Sandbox, bid: str, ask: str, size: str = "9000") -> None:
    """Somebody stands on both sides."""
    sandbox.others(Side.BUY, size, bid)
    sandbox.others(Side.SELL, size, ask)


def raw_line() -> Line:
    raw = Sandbox().line().authorise()
    market_of(raw.sandbox, "1.14800", "1.14820")
    return raw


def opened(raw: Line, **fields: Any) -> list[dict[str, Any]]:
    """A bought position of 2,000 units."""
    order = {"symbolId": 1, "orderType": 1, "tradeSide": 1, "volume": 200_000, **fields}
    return executions(raw.ask(2106, raw.of(**order), "open"))


def executions(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message["payload"] for message in said if message["payloadType"] == 2126]


def steps(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """(executionType, order type, orderStatus, positionStatus, position volume, isServerEvent)"""
    return [
        (
            event["executionType"],
            event["order"]["orderType"],
            event["order"]["orderStatus"],
            event["position"]["positionStatus"],
            event["position"]["tradeData"]["volume"],
            event["isServerEvent"],
        )
        for event in events
    ]


def test_a_market_order_with_distances_gets_its_protection_after_the_fill() -> None:
    raw = raw_line()
    events = opened(raw, relativeStopLoss=100, relativeTakeProfit=150)
    assert steps(events) == [
        (2, 1, 1, 3, 0, False),
        (3, 1, 2, 1, 200_000, False),
        (2, 4, 1, 1, 200_000, True),
    ]
    accepted, filled, protected = events
    assert "stopLoss" not in filled["position"]
    assert (accepted["order"]["relativeStopLoss"], accepted["order"]["trailingStopLoss"]) == (100, False)
    order, position = protected["order"], protected["position"]
    assert (order["stopPrice"], order["limitPrice"]) == (Decimal("1.1472"), Decimal("1.1497"))
    assert (position["stopLoss"], position["takeProfit"]) == (Decimal("1.1472"), Decimal("1.1497"))
    assert (order["closingOrder"], order["timeInForce"], order["tradeData"]["tradeSide"]) == (True, 2, 2)
    assert [message.get("clientMsgId") for message in raw.said[-3:]] == ["open", "open", None]


def test_absolute_levels_of_a_market_order_are_refused_and_of_a_limit_order_told_as_distances() -> None:
    raw = raw_line()
    order = {"symbolId": 1, "tradeSide": 1, "volume": 100_000, "stopLoss": 1.13, "takeProfit": 1.15}
    (refused,) = raw.ask(2106, raw.of(**order, orderType=1), "m")
    assert (refused["payloadType"], refused["payload"]["errorCode"]) == (2132, "INVALID_REQUEST")
    (told,) = executions(raw.ask(2106, raw.of(**order, orderType=2, limitPrice=1.14), "l"))
    assert (told["order"]["relativeStopLoss"], told["order"]["relativeTakeProfit"]) == (1000, 1000)
    number = told["order"]["orderId"]
    (amended,) = executions(raw.ask(2109, raw.of(orderId=number, stopLoss=1.135, trailingStopLoss=True), "a"))
    assert (amended["executionType"], amended["order"]["relativeStopLoss"]) == (4, 500)
    assert (amended["order"]["trailingStopLoss"], amended["position"]["trailingStopLoss"]) == (True, True)
    (both,) = executions(raw.ask(2109, raw.of(orderId=number, limitPrice=1.139, takeProfit=1.149), "b"))
    assert (both["order"]["limitPrice"], both["order"]["relativeTakeProfit"]) == (Decimal("1.139"), 1000)
    (nothing,) = raw.ask(2109, raw.of(orderId=number, relativeStopLoss=500), "c")
    assert nothing["payload"]["description"] == "Nothing to amend."


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"relativeStopLoss": 0}, "TRADING_BAD_STOPS"),
        ({"relativeTakeProfit": -5}, "TRADING_BAD_STOPS"),
        ({"relativeStopLoss": 115_000}, "TRADING_BAD_STOPS"),
        ({"tradeSide": 2, "relativeTakeProfit": 2**60}, "TRADING_BAD_STOPS"),
        ({"trailingStopLoss": True}, "INVALID_REQUEST"),
        ({"guaranteedStopLoss": True, "relativeStopLoss": 100}, "INVALID_REQUEST"),
        ({"orderType": 2, "limitPrice": 1.14, "stopLoss": 1.141}, "TRADING_BAD_STOPS"),
        ({"orderType": 2, "limitPrice": 1.14, "takeProfit": 1.139}, "TRADING_BAD_STOPS"),
        ({"orderType": 2, "limitPrice": 1.14, "stopLoss": 1.1300001}, "TRADING_BAD_STOPS"),
        ({"orderType": 2, "limitPrice": 1.14, "stopLoss": 1.13, "relativeStopLoss": 5}, "INVALID_REQUEST"),
    ],
)
def test_levels_that_cannot_be_are_refused(fields: dict[str, Any], code: str) -> None:
    raw = raw_line()
    order = {"symbolId": 1, "orderType": 1, "tradeSide": 1, "volume": 100_000, **fields}
    (answer,) = raw.ask(2106, raw.of(**order), "x")
    assert (answer["payloadType"], answer["payload"]["errorCode"]) == (2132, code)


def test_levels_are_changed_removed_and_set_first() -> None:
    raw = raw_line()
    opened(raw)
    (first,) = executions(raw.ask(2110, raw.of(positionId=FIRST, stopLoss=1.147), "1"))
    assert (first["executionType"], first["order"]["orderId"], first["isServerEvent"]) == (2, GUARD, False)
    (second,) = executions(raw.ask(2110, raw.of(positionId=FIRST, stopLoss=1.1465, takeProfit=1.15), "2"))
    assert (second["executionType"], second["order"]["orderId"]) == (4, GUARD)
    assert (second["position"]["stopLoss"], second["position"]["takeProfit"]) == (Decimal("1.1465"), Decimal("1.15"))
    (third,) = executions(raw.ask(2110, raw.of(positionId=FIRST, stopLoss=1.1465), "3"))
    assert (third["executionType"], "takeProfit" in third["position"], "limitPrice" in third["order"]) == (
        4,
        False,
        False,
    )
    (same,) = raw.ask(2110, raw.of(positionId=FIRST, stopLoss=1.1465), "4")
    assert same["payload"]["description"] == "Nothing to amend."
    (gone,) = executions(raw.ask(2110, raw.of(positionId=FIRST), "5"))
    assert steps([gone]) == [(5, 4, 5, 1, 200_000, False)]
    assert raw.said[-1]["clientMsgId"] == "5"
    assert raw.ask(2110, raw.of(positionId=FIRST))[0]["payload"]["description"] == "Nothing to amend."


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"positionId": 77, "stopLoss": 1.1}, "POSITION_NOT_FOUND"),
        ({"stopLoss": 1.149}, "TRADING_BAD_STOPS"),
        ({"takeProfit": 1.147}, "TRADING_BAD_STOPS"),
        ({"stopLoss": 1.1400001}, "TRADING_BAD_STOPS"),
        ({"trailingStopLoss": False, "takeProfit": 1.15}, "INVALID_REQUEST"),
        ({"stopLoss": 1.14, "guaranteedStopLoss": True}, "INVALID_REQUEST"),
        ({"stopLoss": 1.14, "stopLossTriggerMethod": "NEVER"}, "INVALID_REQUEST"),
        ({"stopLoss": -1}, "TRADING_BAD_PRICES"),
    ],
)
def test_a_change_of_levels_that_cannot_be_is_refused(fields: dict[str, Any], code: str) -> None:
    raw = raw_line()
    opened(raw)
    (answer,) = raw.ask(2110, raw.of(**{"positionId": FIRST, **fields}), "x")
    assert answer["payload"]["errorCode"] == code
    assert raw.sandbox.host.account.guard(FIRST) is None


def test_a_stop_loss_that_is_reached_is_filled_at_the_market_by_one_server_event() -> None:
    raw = raw_line()
    opened(raw, relativeStopLoss=100, relativeTakeProfit=150)
    before = len(raw.said)
    market_of(raw.sandbox, "1.14650", "1.14700", "1000")  # the old bid still stands above
    assert executions(raw.said[before:]) == []
    eaten = raw.sandbox.exchange.open_account("eater", raw.sandbox.stage.balances)
    sell = NewOrder(symbol="EURUSD", side=Side.SELL, ord_type=OrdType.LIMIT, order_qty="9000", price="1.148")
    eaten.execute(sell, raw.sandbox.now)
    raw.sandbox.publish()
    events = executions(raw.said[before:])
    assert steps(events)[0][:4] == (11, 4, 1, 1)  # a thousand stood at the bid; the rest waits for the next quote
    raw.sandbox.others(Side.BUY, "5000", "1.14640")
    events = executions(raw.said[before:])
    assert steps(events)[-1] == (3, 4, 2, 2, 0, True)
    last = events[-1]
    assert last["order"]["orderId"] == GUARD
    assert last["deal"]["closePositionDetail"]["entryPrice"] == Decimal("1.1482")
    assert last["order"]["executedVolume"] == 200_000
    assert all("clientMsgId" not in message for message in raw.said[before:])
    assert raw.ask(2124, raw.of(returnProtectionOrders=True))[0]["payload"] == raw.of()


def test_a_take_profit_of_a_short_looks_at_the_ask() -> None:
    raw = raw_line()
    opened(raw, tradeSide=2, relativeTakeProfit=50)
    before = len(raw.said)
    raw.sandbox.others(Side.SELL, "8000", "1.14760")
    assert executions(raw.said[before:]) == []
    raw.sandbox.others(Side.SELL, "3000", "1.14750")
    (event,) = executions(raw.said[before:])
    assert steps([event])[0][:4] == (3, 4, 2, 2)
    # A market order against the best ask: a target may be bettered, never missed.
    assert event["order"]["executionPrice"] <= Decimal("1.1475")


def test_a_close_cancels_the_protection_and_a_partial_close_reduces_it() -> None:
    raw = raw_line()
    opened(raw, relativeStopLoss=100)
    part = executions(raw.ask(2111, raw.of(positionId=FIRST, volume=100_000), "p"))
    assert steps(part) == [(2, 1, 1, 1, 200_000, False), (3, 1, 2, 1, 100_000, False), (4, 4, 1, 1, 100_000, True)]
    assert part[-1]["order"]["tradeData"]["volume"] == 100_000
    whole = executions(raw.ask(2111, raw.of(positionId=FIRST, volume=100_000), "w"))
    # Fully closed it is CREATED again until its protective order has been cancelled [recorded].
    assert steps(whole) == [(2, 1, 1, 1, 100_000, False), (3, 1, 2, 3, 0, False), (5, 4, 5, 2, 0, True)]
    assert "closeTimestamp" not in whole[1]["position"]["tradeData"]
    assert "closeTimestamp" in whole[2]["position"]["tradeData"]
    assert [message["clientMsgId"] for message in raw.said[-3:]] == ["w"] * 3


def test_a_trailing_stop_follows_and_only_2107_tells_of_it() -> None:
    raw = raw_line()
    opened(raw, relativeStopLoss=100, trailingStopLoss=True)
    before = len(raw.said)
    raw.sandbox.others(Side.BUY, "8000", "1.14900")
    raw.wait(0)
    (moved,) = [message for message in raw.said[before:] if message["payloadType"] == 2107]
    assert moved["payload"]["stopPrice"] == Decimal("1.148")
    assert (moved["payload"]["positionId"], moved["payload"]["orderId"]) == (FIRST, GUARD)
    assert executions(raw.said[before:]) == []
    listed = raw.ask(2124, raw.of(returnProtectionOrders=True))[0]["payload"]
    assert listed["position"][0]["stopLoss"] == listed["order"][0]["stopPrice"] == Decimal("1.148")
    assert (listed["order"][0]["orderType"], listed["order"][0]["trailingStopLoss"]) == (4, True)
    assert "order" not in raw.ask(2124, raw.of())[0]["payload"]


def test_an_addition_to_a_position_widens_its_protection() -> None:
    raw = raw_line()
    opened(raw, relativeStopLoss=100)
    order = {"symbolId": 1, "orderType": 1, "tradeSide": 1, "volume": 100_000, "positionId": FIRST}
    events = executions(raw.ask(2106, raw.of(**order), "add"))
    assert steps(events)[-1] == (4, 4, 1, 1, 300_000, True)
    assert events[-1]["order"]["tradeData"]["volume"] == 300_000
    (refused,) = raw.ask(2106, raw.of(**order, relativeStopLoss=5), "no")
    assert refused["payload"]["errorCode"] == "INVALID_REQUEST"


def test_levels_that_are_reached_while_nobody_looks_are_filled_all_the_same() -> None:
    raw = raw_line()
    opened(raw, relativeTakeProfit=50)
    sandbox = raw.sandbox
    raw.acceptor.closed(sandbox.now)
    sandbox.lines.clear()
    sandbox.others(Side.BUY, "8000", "1.14900")
    bought, *sold = sandbox.port.fills()
    assert [bought.side, *{fill.side for fill in sold}] == [Side.BUY, Side.SELL]
    assert sum(fill.last_qty or 0 for fill in sold) == bought.last_qty
    late = sandbox.line().authorise()
    assert late.ask(2124, late.of())[0]["payload"] == late.of()


# --------------------------------------------------------------------------- our end


def client() -> Client:
    ours = Client(Sandbox()).start()
    market_of(ours.sandbox, "1.14800", "1.14820")
    ours.submit(RequestForPositions(ref="2"))
    return ours


def new(**fields: Any) -> NewOrder:
    base: dict[str, Any] = {
        "symbol": "EURUSD",
        "side": Side.BUY,
        "ord_type": OrdType.MARKET,
        "order_qty": "2000",
        "cl_ord_id": "500",
        "ref": "50",
    }
    return NewOrder(**{**base, **fields})


def closing(**fields: Any) -> NewOrder:
    base = {"side": Side.SELL, "position_id": str(FIRST), "position_effect": PositionEffect.CLOSE}
    return new(**{**base, "cl_ord_id": "600", "ref": "60", **fields})


def reports(told: list[Any]) -> list[ExecutionReport]:
    return [event for event in told if isinstance(event, ExecutionReport)]


def test_our_order_with_offsets_is_protected_and_its_protection_is_an_order_of_its_own() -> None:
    ours = client()
    told = reports(ours.submit(new(stop_loss_offset="0.001", take_profit_offset="0.0015")))
    assert [(r.exec_type, r.cl_ord_id, r.ref) for r in told] == [
        (ExecType.NEW, "500", "50"),
        (ExecType.TRADE, "500", "50"),
        (ExecType.NEW, "", None),
    ]
    guard = told[-1]
    assert (guard.ord_type, guard.side, guard.order_qty) == (OrdType.STOP, Side.SELL, Decimal(2000))
    assert (guard.stop_px, guard.price, guard.position_id) == (Decimal("1.1472"), Decimal("1.1497"), str(FIRST))


def replacing(**fields: Any) -> ReplaceOrder:
    base: dict[str, Any] = {"symbol": "EURUSD", "side": Side.SELL, "ord_type": OrdType.STOP, "order_id": str(GUARD)}
    return ReplaceOrder(**{**base, "orig_cl_ord_id": "", "cl_ord_id": "", "ref": "70", **fields})


def test_our_protection_is_replaced_and_cancelled_as_any_order() -> None:
    ours = client()
    ours.submit(new(stop_loss_offset="0.001", take_profit_offset="0.0015"))
    (report,) = reports(ours.submit(replacing(stop_px="1.147")))
    assert (report.exec_type, report.ref, report.stop_px) == (ExecType.REPLACED, "70", Decimal("1.147"))
    assert report.price == Decimal("1.1497")  # what is not given stays, although the venue would remove it
    (refused,) = ours.submit(replacing(stop_px="1.1495", ref="71"))
    assert isinstance(refused, CancelReject)
    assert (refused.code, refused.ref) == ("TRADING_BAD_STOPS", "71")
    with pytest.raises(LocalProtocolError, match="whole position"):
        ours.submit(replacing(order_qty="1000", ref="72"))
    cancel = CancelOrder(
        symbol="EURUSD", side=Side.SELL, ord_type=OrdType.STOP, order_id=str(GUARD), orig_cl_ord_id="", ref="73"
    )
    (gone,) = reports(ours.submit(cancel))
    assert (gone.exec_type, gone.ord_status, gone.ref) == (ExecType.CANCELED, OrdStatus.CANCELED, "73")


def test_our_close_carries_our_id_and_only_reduces() -> None:
    ours = client()
    ours.submit(new(stop_loss_offset="0.001"))
    told = ours.submit(closing())
    ends = [(r.exec_type, r.cl_ord_id, r.ref, r.order_id == str(GUARD)) for r in reports(told)]
    assert ends == [
        (ExecType.NEW, "600", "60", False),
        (ExecType.TRADE, "600", "60", False),
        (ExecType.CANCELED, "", None, True),
    ]
    assert [event.qty for event in told if isinstance(event, Position)] == [Decimal(0)]
    (status,) = ours.submit(OrderMassStatusRequest(ref="80"))
    assert isinstance(status, MassStatus)
    assert {r.cl_ord_id for r in status.reports} == {"500", "600", ""}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"position_id": ""}, "needs position_id"),
        ({"position_id": "77"}, "not known"),
        ({"side": Side.BUY}, "would not reduce"),
        ({"order_qty": "3000"}, "above the position"),
        ({"symbol": "GBPUSD"}, "is in EURUSD"),
        ({"stop_loss_offset": "0.001"}, "of its own"),
        ({"ord_type": OrdType.STOP, "stop_px": "1.14", "order_qty": "1000"}, "whole position"),
        ({"ord_type": OrdType.LIMIT, "price": None}, "needs price"),
    ],
)
def test_a_close_that_cannot_be_is_refused_before_sending(fields: dict[str, Any], words: str) -> None:
    ours = client()
    ours.submit(new())
    before = len(ours.sent)
    with pytest.raises(LocalProtocolError, match=words):
        ours.submit(closing(**fields))
    assert len(ours.sent) == before


def test_a_closing_stop_is_the_stop_loss_of_the_position() -> None:
    ours = client()
    ours.submit(new())
    (report,) = reports(ours.submit(closing(ord_type=OrdType.STOP, stop_px="1.147")))
    assert (report.exec_type, report.cl_ord_id, report.order_id) == (ExecType.NEW, "600", str(GUARD))
    assert (report.stop_px, report.price) == (Decimal("1.147"), None)
    with pytest.raises(LocalProtocolError, match="replace that one"):
        ours.submit(closing(ord_type=OrdType.LIMIT, price="1.15", ref="61", cl_ord_id="601"))
    told = reports(ours.submit(closing(ref="62", cl_ord_id="602")))
    assert [(r.cl_ord_id, r.exec_type) for r in told][-1] == ("600", ExecType.CANCELED)


def test_a_trailing_stop_that_moves_is_told_as_a_replaced_order() -> None:
    ours = client()
    ours.submit(new(stop_loss_offset="0.001", trailing_stop_loss=True))
    ours.sandbox.others(Side.BUY, "8000", "1.14900")
    ours.line.wait(0)
    (moved,) = reports(ours.carry())
    assert (moved.exec_type, moved.order_id, moved.stop_px) == (ExecType.REPLACED, str(GUARD), Decimal("1.148"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"stop_loss_px": "1.14"}, "give its distance"),
        ({"stop_loss_offset": "0.0000001"}, "multiple"),
        ({"trailing_stop_loss": True}, "needs a stop loss"),
        ({"ord_type": OrdType.LIMIT, "price": "1.14", "stop_loss_px": "1.141"}, "wrong side"),
        ({"ord_type": OrdType.LIMIT, "price": "1.14", "take_profit_px": "1.139"}, "wrong side"),
        ({"ord_type": OrdType.LIMIT, "price": "1.14", "stop_loss_px": "1.13", "stop_loss_offset": "0.1"}, "not both"),
        ({"max_floor": "1000"}, "iceberg"),
    ],
)
def test_levels_the_venue_cannot_take_are_refused_before_sending(fields: dict[str, Any], words: str) -> None:
    ours = client()
    before = len(ours.sent)
    with pytest.raises(LocalProtocolError, match=words):
        ours.submit(new(**fields))
    assert len(ours.sent) == before


def test_orders_that_ended_while_we_were_away_are_told_with_their_fills() -> None:
    ours = client()
    ours.submit(new(ord_type=OrdType.LIMIT, price="1.14", order_qty="3000", cl_ord_id="700", ref="70"))
    ours.submit(new(ord_type=OrdType.LIMIT, price="1.13", cl_ord_id="701", ref="71"))
    sandbox = ours.sandbox
    ours.line.acceptor.closed(sandbox.now)
    sandbox.lines.clear()
    sandbox.now += 30 * SECOND
    other = sandbox.exchange.open_account("away", sandbox.stage.balances)
    sell = NewOrder(symbol="EURUSD", side=Side.SELL, ord_type=OrdType.LIMIT, order_qty="20000", price="1.13000")
    other.execute(sell, sandbox.now)
    sandbox.exchange.drain()
    sandbox.now += 30 * SECOND
    ours.dial()
    ours.log_on()
    (status,) = ours.submit(OrderMassStatusRequest(ref="90"))
    assert isinstance(status, MassStatus)
    told = [r for r in status.reports if r.cl_ord_id in {"700", "701"}]
    assert [(r.cl_ord_id, r.exec_type, r.ord_status, r.last_qty) for r in told if r.cl_ord_id == "700"] == [
        ("700", ExecType.TRADE, None, Decimal(3000)),
        ("700", ExecType.ORDER_STATUS, OrdStatus.FILLED, None),
    ]
    assert [r.ord_status for r in told if r.cl_ord_id == "701"][-1] is OrdStatus.FILLED
    assert all(r.historical for r in told)
