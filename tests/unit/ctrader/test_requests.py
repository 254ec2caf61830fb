"""What we ask: refused here before it is sent, or there as the venue does; and the same on both ends."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venuewire.codec import encode
from venuewire.errors import LocalProtocolError
from venuewire.model.orders import CancelOrder, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.terms import ExecType, OrdType, Side, TimeInForce
from venuewire.venues.ctrader import requests, translate
from venuewire.venues.ctrader.acceptor.stage import instruments
from venuewire.venues.ctrader.requests import Refused
from venuewire.venues.ctrader.wire.table import TABLE
from venuewire.venues.ctrader.wire.trading import AmendOrderReq, NewOrderReq

EURUSD, _, _, XAUUSD, US100 = instruments()
GTC, GTD, IOC, FOK = (
    TimeInForce.GOOD_TILL_CANCEL,
    TimeInForce.GOOD_TILL_DATE,
    TimeInForce.IMMEDIATE_OR_CANCEL,
    TimeInForce.FILL_OR_KILL,
)


def order(**fields: Any) -> NewOrder:
    base: dict[str, Any] = {
        "symbol": "EURUSD",
        "side": Side.BUY,
        "ord_type": OrdType.LIMIT,
        "order_qty": "1000",
        "price": "1.14",
        "cl_ord_id": "5",
    }
    return NewOrder(**{**base, **fields})


def body(command: NewOrder) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(encode(requests.new_order(command, EURUSD, 7)), parse_float=Decimal)
    return made


def test_the_instruments_are_in_units() -> None:
    sizes = (EURUSD.min_trade_vol, EURUSD.min_qty_increment, EURUSD.round_lot)
    assert sizes == (Decimal(1000), Decimal(1000), Decimal(100_000))
    assert (XAUUSD.min_qty_increment, US100.min_qty_increment) == (Decimal(1), Decimal("0.01"))
    assert {(i.price_scale, i.qty_scale) for i in (EURUSD, XAUUSD, US100)} == {(5, 2)}
    assert (EURUSD.base, EURUSD.currency, EURUSD.security_id) == ("EUR", "USD", "1")
    assert EURUSD.min_price_increment == Decimal("0.00001")
    assert XAUUSD.min_price_increment == Decimal("0.01")


def test_a_limit_order_travels_in_hundredths_and_absolute_prices() -> None:
    assert body(order(text="note")) == {
        "ctidTraderAccountId": 7,
        "symbolId": 1,
        "orderType": 2,
        "tradeSide": 1,
        "volume": 100_000,
        "limitPrice": Decimal("1.14"),
        "comment": "note",
        "clientOrderId": "5",
    }


def test_a_market_order_carries_no_price_and_no_life_of_its_own() -> None:
    assert body(order(ord_type=OrdType.MARKET, price=None, side=Side.SELL, cl_ord_id="")) == {
        "ctidTraderAccountId": 7,
        "symbolId": 1,
        "orderType": 1,
        "tradeSide": 2,
        "volume": 100_000,
    }


def test_a_stop_limit_order_tells_its_limit_as_points() -> None:
    sent = body(order(ord_type=OrdType.STOP_LIMIT, stop_px="1.15", price="1.15012"))
    assert (sent["stopPrice"], sent["slippageInPoints"]) == (Decimal("1.15"), 12)
    assert "limitPrice" not in sent


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"order_qty": "1500"}, "multiple of 1000"),
        ({"order_qty": "100"}, "at least 1000"),
        ({"order_qty": "1000.001"}, "multiple of 1000"),
        ({"order_qty": "200000000"}, "above the"),
        ({"order_qty": "-1000"}, "at least"),
        ({"order_qty": None}, "order_qty"),
        ({"price": "1.140001"}, "multiple of 0.00001"),
        ({"price": "0"}, "positive"),
        ({"price": None}, "needs price"),
        ({"stop_px": "1.1"}, "has no stop_px"),
        ({"ord_type": OrdType.MARKET}, "has no price"),
        ({"ord_type": OrdType.STOP, "price": None}, "needs stop_px"),
        ({"ord_type": OrdType.STOP_LIMIT, "stop_px": "1.15", "price": "1.149"}, "beyond its stop_px"),
        ({"ord_type": OrdType.MARKET, "price": None, "time_in_force": GTC}, "MARKET order"),
        ({"time_in_force": TimeInForce.DAY}, "never DAY"),
        ({"time_in_force": GTD}, "belong together"),
        ({"expire_time": 10**18}, "belong together"),
        ({"post_only": True}, "post-only"),
        ({"cash_order_qty": "100"}, "order_qty"),
        ({"cancel_on_disconnect": True}, "connection is lost"),
        ({"cl_ord_id": "1" * 51}, "50 characters"),
        ({"text": "x" * 513}, "512"),
    ],
)
def test_what_the_venue_cannot_take_is_never_sent(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(LocalProtocolError, match=words):
        requests.new_order(order(**fields), EURUSD, 7)


def test_changes_need_the_venues_number() -> None:
    change: dict[str, Any] = {"symbol": "EURUSD", "side": Side.BUY, "ord_type": OrdType.LIMIT, "orig_cl_ord_id": "5"}
    with pytest.raises(LocalProtocolError, match="number"):
        requests.cancel_order(CancelOrder(order_id="", **change), 7)
    with pytest.raises(LocalProtocolError, match="number"):
        requests.amend_order(ReplaceOrder(order_id="x1", cl_ord_id="6", **change), EURUSD, 7)
    sent = requests.amend_order(ReplaceOrder(order_id="12", cl_ord_id="6", order_qty=3000, **change), EURUSD, 7)
    assert sent == AmendOrderReq(ctid_trader_account_id=7, order_id=12, volume=300_000)


sides = st.sampled_from(Side)


@st.composite
def commands(draw: st.DrawFn) -> NewOrder:
    kind = draw(st.sampled_from([OrdType.MARKET, OrdType.LIMIT, OrdType.STOP, OrdType.STOP_LIMIT]))
    side = draw(sides)
    life = draw(st.sampled_from([None, *sorted(translate.LIVES_OF[kind])]))
    stop = Decimal(draw(st.integers(100_000, 200_000))).scaleb(-5)
    gap = Decimal(draw(st.integers(0, 500))).scaleb(-5)
    price = {OrdType.LIMIT: stop, OrdType.STOP_LIMIT: stop + gap if side is Side.BUY else stop - gap}.get(kind)
    return NewOrder(
        symbol="EURUSD",
        side=side,
        ord_type=kind,
        order_qty=draw(st.integers(1, 100_000)) * 1000,
        price=price,
        stop_px=stop if kind in {OrdType.STOP, OrdType.STOP_LIMIT} else None,
        time_in_force=life,
        expire_time=draw(st.integers(1, 2**41)) * 1_000_000 if life is GTD else None,
        cl_ord_id=str(draw(st.integers(0, 10**18 - 1))),
        text=draw(st.text(max_size=20)),
        account="7",
        ref="9",
    )


@given(command=commands())
def test_any_order_arrives_as_it_was_asked(command: NewOrder) -> None:
    sent = TABLE.decode(2106, encode(requests.new_order(command, EURUSD, 7)))
    assert isinstance(sent, NewOrderReq)
    assert requests.new_order_command(sent, EURUSD, "7", "9") == command


STANDING = ExecutionReport(
    symbol="EURUSD",
    exec_type=ExecType.ORDER_STATUS,
    order_id="12",
    cl_ord_id="5",
    side=Side.BUY,
    ord_type=OrdType.LIMIT,
    order_qty=Decimal(2000),
    price=Decimal("1.14"),
    account="7",
)


@given(
    qty=st.none() | st.integers(3, 100),
    price=st.none() | st.integers(100_000, 113_000),
)
def test_any_change_arrives_as_it_was_asked(qty: int | None, price: int | None) -> None:
    command = ReplaceOrder(
        symbol="EURUSD",
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_id="12",
        orig_cl_ord_id="5",
        cl_ord_id="5",
        order_qty=None if qty is None else qty * 1000,
        price=None if price is None else Decimal(price).scaleb(-5),
        account="7",
        ref="9",
    )
    sent = TABLE.decode(2109, encode(requests.amend_order(command, EURUSD, 7)))
    assert isinstance(sent, AmendOrderReq)
    if qty is None and price is None:
        assert requests.replace_command(sent, STANDING, EURUSD, "9") is None
    else:
        assert requests.replace_command(sent, STANDING, EURUSD, "9") == command


def test_a_stop_limit_orders_limit_is_changed_as_points_too() -> None:
    command = ReplaceOrder(
        symbol="EURUSD",
        side=Side.SELL,
        ord_type=OrdType.STOP_LIMIT,
        order_id="12",
        orig_cl_ord_id="5",
        cl_ord_id="5",
        price="1.1195",
        stop_px="1.12",
    )
    sent = requests.amend_order(command, EURUSD, 7)
    assert (sent.stop_price, sent.slippage_in_points, sent.limit_price) == (Decimal("1.12"), 50, None)


def request(**fields: Any) -> NewOrderReq:
    base: dict[str, Any] = {"symbol_id": 1, "order_type": "LIMIT", "trade_side": "BUY", "volume": 100_000}
    return NewOrderReq(ctid_trader_account_id=7, **{**base, **fields})


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "INVALID_REQUEST"),
        ({"order_type": "STOP"}, "INVALID_REQUEST"),
        ({"order_type": 4}, "INVALID_REQUEST"),
        ({"order_type": "BEST"}, "INVALID_REQUEST"),
        ({"trade_side": 3}, "INVALID_REQUEST"),
        ({"order_type": 1, "stop_loss": Decimal(1)}, "INVALID_REQUEST"),
        ({"limit_price": Decimal(1), "stop_trigger_method": "OPPOSITE"}, "INVALID_REQUEST"),
        ({"limit_price": Decimal(1), "stop_trigger_method": "SOMEHOW"}, "INVALID_REQUEST"),
        ({"limit_price": Decimal(1), "time_in_force": 5}, "INVALID_REQUEST"),
        ({"limit_price": Decimal(1), "client_order_id": "1" * 51}, "INVALID_REQUEST"),
        ({"limit_price": Decimal(1), "label": "1" * 101}, "INVALID_REQUEST"),
        ({"limit_price": Decimal(1), "time_in_force": 1}, "TRADING_BAD_EXPIRATION_DATE"),
        ({"limit_price": Decimal(1), "volume": 0}, "TRADING_BAD_VOLUME"),
        ({"limit_price": Decimal(-1)}, "TRADING_BAD_PRICES"),
        ({"limit_price": Decimal("NaN")}, "TRADING_BAD_PRICES"),
        ({"limit_price": Decimal("1e999")}, "TRADING_BAD_PRICES"),
        ({"order_type": 6, "stop_price": Decimal("sNaN"), "slippage_in_points": 3}, "TRADING_BAD_PRICES"),
    ],
)
def test_the_far_end_refuses_what_it_cannot_play(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        requests.new_order_command(request(**fields), EURUSD, "7", "9")
    assert refused.value.code == code


def test_market_orders_are_immediate_whatever_was_asked() -> None:
    command = requests.new_order_command(request(order_type="MARKET", time_in_force=2), EURUSD, "7", "9")
    assert (command.ord_type, command.time_in_force) == (OrdType.MARKET, IOC)
    killed = requests.new_order_command(request(order_type="MARKET", time_in_force="FILL_OR_KILL"), EURUSD, "7", "9")
    assert killed.time_in_force is FOK


def test_a_market_range_order_is_an_immediate_limit_at_the_end_of_its_range() -> None:
    made = requests.new_order_command(
        request(order_type=5, trade_side=2, base_slippage_price=Decimal("1.15"), slippage_in_points=20),
        EURUSD,
        "7",
        "9",
    )
    assert (made.ord_type, made.price, made.time_in_force) == (OrdType.LIMIT, Decimal("1.1498"), IOC)
