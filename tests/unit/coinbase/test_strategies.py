"""Orders the venue works by a strategy, TWAP and scaled: their forms, their plans, and how they are worked and told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.coinbase.ends import RawLine, World, logged_on

import venuewire as vw
from venuewire.client import Client
from venuewire.codec import encode
from venuewire.errors import LocalProtocolError
from venuewire.journal.entry import Entry, decoded, encoded
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import OrderEstimate, OrderEstimateRequest
from venuewire.model.terms import NANOS_PER_SECOND, ExecType, OrdRejReason, OrdStatus, OrdType, Side, TimeInForce
from venuewire.sandbox import MemorySandbox
from venuewire.transport.clock import SteppedClock, at_rest
from venuewire.transport.entropy import SeededEntropy
from venuewire.venues.coinbase import configurations, strategies
from venuewire.venues.coinbase.acceptor.stage import instruments
from venuewire.venues.coinbase.texts import micros
from venuewire.venues.coinbase.wire import rest

BITCOIN = instruments()[0]
MINUTE = 60 * NANOS_PER_SECOND


def twap(now: int, **changes: Any) -> NewOrder:
    """Six parts in an hour."""
    given: dict[str, Any] = {
        "symbol": "BTC-USD",
        "side": Side.BUY,
        "ord_type": OrdType.LIMIT,
        "order_qty": "0.6",
        "price": "70000",
        "time_in_force": TimeInForce.GOOD_TILL_DATE,
        "expire_time": now + 60 * MINUTE,
        "target_strategy": "twap",
        "strategy_parameters": {"start_time": micros(now), "number_buckets": "6", "bucket_duration": "600s"},
        "cl_ord_id": "11",
    }
    return NewOrder(**(given | changes))


def scaled(**changes: Any) -> NewOrder:
    """Five bids from 60,000 to 62,000."""
    given: dict[str, Any] = {
        "symbol": "BTC-USD",
        "side": Side.BUY,
        "ord_type": OrdType.LIMIT,
        "order_qty": "0.5",
        "price": "62000",
        "time_in_force": TimeInForce.GOOD_TILL_CANCEL,
        "target_strategy": "scaled",
        "strategy_parameters": {
            "num_orders": "5",
            "min_price": "60000",
            "price_distribution": "FLAT",
            "size_distribution": "EVENLY_SPLIT",
        },
        "cl_ord_id": "12",
    }
    return NewOrder(**(given | changes))


def words(order: NewOrder, **changes: str) -> NewOrder:
    return msgspec.structs.replace(order, strategy_parameters=order.strategy_parameters | changes)


SALE = scaled(
    side=Side.SELL, price="66000", strategy_parameters={"num_orders": "3", "max_price": "68000"}, cl_ord_id="13"
)
NOW = 1_790_000_000 * NANOS_PER_SECOND


# --------------------------------------------------------------------------- forms


@pytest.mark.parametrize(
    "order",
    [
        twap(NOW),
        twap(NOW, order_qty=None, cash_order_qty="6000"),
        words(twap(NOW, side=Side.SELL), bucket_size="0.1"),
        scaled(),
        scaled(order_qty=None, cash_order_qty="5000"),
        SALE,
        words(SALE, size_distribution="INCREASING", size_ratio="1.5", price_distribution="LINEAR_INCREASING"),
    ],
    ids=["twap", "twap in money", "twap sale", "scaled", "scaled in money", "scaled sale", "scaled all words"],
)
def test_what_is_asked_arrives(order: NewOrder) -> None:
    asked = rest.read_any_create(encode(configurations.create_order(order, "BTC-USD")))
    assert configurations.new_order(asked, BITCOIN, "", NOW) == order


def test_the_forms_are_the_venue_s() -> None:
    (key, fields), *_ = configurations.create_order(twap(NOW), "BTC-USD").order_configuration.items()
    assert key == "twap_limit_gtd"
    assert msgspec.to_builtins(fields) == {
        "base_size": "0.6",
        "limit_price": "70000",
        "start_time": micros(NOW),
        "end_time": micros(NOW + 60 * MINUTE),
        "number_buckets": "6",
        "bucket_duration": "600s",
    }
    (key, fields), *_ = configurations.create_order(SALE, "BTC-USD").order_configuration.items()
    assert key == "scaled_limit_gtc"
    assert msgspec.to_builtins(fields) == {
        "base_size": "0.5",
        "num_orders": 3,
        "min_price": "66000",
        "max_price": "68000",
    }


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (twap(NOW, target_strategy="iceberg"), "twap or scaled, not by 'iceberg'"),
        (twap(NOW, strategy_parameters={"number_buckets": "6"}), "needs the parameters bucket_duration, start_time"),
        (scaled(strategy_parameters={"num_orders": "6"}), "needs the parameters min_price"),
        (words(scaled(), max_price="1"), "does not take the parameters max_price"),
        (words(twap(NOW), orders="1"), "does not take the parameters orders"),
        (twap(NOW, expire_time=None), "with an expire_time"),
        (scaled(time_in_force=TimeInForce.FILL_OR_KILL), "scaled is GOOD_TILL_CANCEL"),
        (scaled(ord_type=OrdType.MARKET, price=None), "LIMIT order with a price"),
        (scaled(order_qty=None), "order_qty or cash_order_qty"),
        (scaled(post_only=True), "takes no post_only"),
        (scaled(stop_loss_px="1", take_profit_px="2"), "takes no stop_loss_px"),
    ],
)
def test_what_is_incomplete_is_refused_before_it_is_sent(order: NewOrder, why: str) -> None:
    with pytest.raises(LocalProtocolError, match=why):
        configurations.create_order(order, "BTC-USD")


def test_the_journal_holds_them_word_for_word() -> None:
    kept = encoded(twap(NOW))
    assert decoded(Entry(seq=1, time=NOW, kind="NewOrder", record=kept)) == twap(NOW)


# --------------------------------------------------------------------------- plans

_PRICES = st.sampled_from(["FLAT", "LINEAR_INCREASING", "LINEAR_DECREASING"])
_SIZES = st.sampled_from(["EVENLY_SPLIT", "INCREASING", "DECREASING"])


@settings(max_examples=60)
@given(
    count=st.integers(2, 40),
    prices=_PRICES,
    sizes=_SIZES,
    measure=st.sampled_from([{}, {"size_diff": "0.5"}, {"size_ratio": "1.1"}]),
    side=st.sampled_from(Side),
    in_money=st.booleans(),
)
def test_a_ladder_adds_up_and_lies_between_its_prices(
    count: int, prices: str, sizes: str, measure: dict[str, str], side: Side, in_money: bool
) -> None:
    parameters = {"num_orders": str(count), "price_distribution": prices, "size_distribution": sizes, **measure}
    parameters["min_price" if side is Side.BUY else "max_price"] = "60000" if side is Side.BUY else "62000"
    size: dict[str, Any] = {"order_qty": None, "cash_order_qty": "100000"} if in_money else {"order_qty": "7.77777777"}
    order = scaled(side=side, price="62000" if side is Side.BUY else "60000", strategy_parameters=parameters, **size)
    parts = strategies.plan(order, BITCOIN)
    assert len(parts) == count
    assert (parts[0].price, parts[-1].price) == (Decimal(60000), Decimal(62000))
    assert all(low.price <= high.price for low, high in pairwise(parts))
    amounts = [part.cash if in_money else part.qty for part in parts]
    exact = [Decimal(amount or 0) for amount in amounts]
    assert min(exact) > 0
    assert sum(exact) == Decimal("100000" if in_money else "7.77777777")


def test_distances_and_sizes_grow_as_they_are_told_to() -> None:
    order = words(scaled(order_qty="1.5"), price_distribution="LINEAR_INCREASING", size_distribution="INCREASING")
    parts = strategies.plan(order, BITCOIN)
    assert [part.price for part in parts] == [Decimal(price) for price in (60000, 60200, 60600, 61200, 62000)]
    assert [part.qty for part in parts] == [Decimal(at) / 10 for at in (1, 2, 3, 4, 5)]
    parts = strategies.plan(words(order, size_distribution="DECREASING", size_ratio="2"), BITCOIN)
    sizes = [part.qty or Decimal(0) for part in parts]
    assert all(abs(earlier / later - 2) < Decimal("0.0001") for earlier, later in pairwise(sizes))


def test_a_twap_has_a_part_at_the_beginning_of_each_bucket() -> None:
    parts = strategies.plan(twap(NOW, order_qty="1"), BITCOIN)
    assert [part.time - NOW for part in parts] == [at * 10 * MINUTE for at in range(6)]
    assert sum(part.qty or 0 for part in parts) == 1
    assert max(part.qty or 0 for part in parts) - min(part.qty or 0 for part in parts) <= Decimal("0.00000001")


# --------------------------------------------------------------------------- refused by the venue


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (lambda now: twap(now, expire_time=now - 1), "END_TIME_IS_IN_THE_PAST"),
        (lambda now: twap(now, expire_time=now + 10 * NANOS_PER_SECOND), "DURATION_TOO_SMALL"),
        (lambda now: twap(now, expire_time=now + 30 * 86_400 * NANOS_PER_SECOND), "DURATION_TOO_LARGE"),
        (lambda now: words(twap(now), bucket_duration="1h"), "DURATION_TOO_SMALL"),
        (lambda now: words(twap(now), start_time="yesterday"), "START_TIME_MUST_BE_SPECIFIED"),
        (lambda now: words(twap(now), number_buckets="0"), "INVALID_REQUEST"),
        (lambda now: twap(now, order_qty="0.00000003"), "BUCKET_SIZE_SMALLER_THAN_BASE_MIN"),
        (lambda now: twap(now, order_qty=None, cash_order_qty="3"), "BUCKET_SIZE_SMALLER_THAN_QUOTE_MIN"),
        (lambda now: twap(now, price="70000.001"), "INVALID_PRICE_PRECISION"),
        (lambda now: twap(now, order_qty="3000"), "INSUFFICIENT_FUND"),
        (lambda _: words(scaled(), num_orders="1000"), "SCALED_MAX_ORDER_VIOLATION"),
        (lambda _: words(scaled(), min_price="63000"), "SCALED_PARAM_INFEASIBLE"),
        (lambda _: words(scaled(), size_diff="1", size_ratio="2"), "SCALED_PARAM_DISCREPANCY"),
        (lambda _: words(scaled(), price_distribution="CUSTOM_PRICE_DISTRIBUTION"), "UNSUPPORTED_ORDER_CONFIGURATION"),
        (lambda _: scaled(order_qty="3000"), "INSUFFICIENT_FUND"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_reason(order: Any, code: str) -> None:
    world = World()
    _, user = logged_on(world)
    (told,) = user.ask(msgspec.structs.replace(order(world.now), ref="9"))
    assert isinstance(told, ExecutionReport)
    assert (told.exec_type, told.ord_status, told.code) == (ExecType.REJECTED, OrdStatus.REJECTED, code)
    assert told.ord_rej_reason is not None
    assert world.host.port(world.stage.account).orders(working=False) == []


def test_a_ladder_the_account_cannot_pay_to_its_end_leaves_nothing_behind() -> None:
    world = World()
    _, user = logged_on(world)
    # The worst price times the size is there; a sale of more coins than there are is found out by the exchange.
    sale = msgspec.structs.replace(SALE, order_qty="150", ref="9")
    (told,) = user.ask(sale)
    assert isinstance(told, ExecutionReport)
    assert (told.ord_status, told.ord_rej_reason) == (OrdStatus.REJECTED, OrdRejReason.ORDER_EXCEEDS_LIMIT)
    assert world.exchange.port(world.stage.account).orders(working=True) == []
    assert world.call("GET", "/orders/historical/batch")["orders"] == []


def test_what_they_come_to_is_estimated() -> None:
    world = World()
    _, user = logged_on(world)
    for order in (twap(world.now), scaled()):
        (told,) = user.ask(OrderEstimateRequest(order=order, ref="9"))
        assert isinstance(told, OrderEstimate)
        assert (told.accepted, told.text) == (True, "")
        assert told.notional == Decimal(str(order.order_qty)) * Decimal(str(order.price))
    assert world.host.port(world.stage.account).orders(working=False) == []


# --------------------------------------------------------------------------- worked


@asynccontextmanager
async def trading() -> AsyncIterator[tuple[MemorySandbox, Client]]:
    clock = SteppedClock(settle=at_rest)
    async with MemorySandbox(["coinbase"], clock=clock, pace=5) as sandbox:
        client = vw.connect(
            "coinbase",
            sandbox.credentials("coinbase"),
            network=sandbox.network(),
            clock=clock,
            entropy=SeededEntropy(1, clock.now),
        )
        await sandbox.run(client.__aenter__())
        try:
            yield sandbox, client
        finally:
            await sandbox.run(client.close())


async def test_a_twap_is_filled_bucket_by_bucket() -> None:
    async with trading() as (sandbox, client):
        now = client.clock.now()
        live = await sandbox.run(client.place(twap(now + MINUTE, expire_time=now + 61 * MINUTE, cl_ord_id="")))
        assert status(live) in {OrdStatus.PENDING_NEW, OrdStatus.NEW}
        sizes = []
        for _ in range(6):
            await sandbox.advance(601)
            sizes.append(live.order.cum_qty)
        assert sizes == [Decimal(at) / 10 for at in range(1, 7)]
        assert status(live) is OrdStatus.FILLED
        assert live.order.avg_px
        assert live.order.avg_px < 70000
        assert len(sandbox.exchange("coinbase").port(sandbox.account("coinbase")).orders(working=False)) == 6


async def test_a_twap_that_is_never_at_its_price_expires() -> None:
    async with trading() as (sandbox, client):
        now = client.clock.now()
        live = await sandbox.run(client.place(twap(now, price="1000", cl_ord_id="")))
        await sandbox.advance(3601)
        assert (status(live), live.order.cum_qty) == (OrdStatus.EXPIRED, Decimal(0))
        assert sandbox.exchange("coinbase").port(sandbox.account("coinbase")).orders(working=True) == []


async def test_a_ladder_rests_as_one_order_is_found_after_a_cut_and_is_cancelled_whole() -> None:
    async with trading() as (sandbox, client):
        port = sandbox.exchange("coinbase").port(sandbox.account("coinbase"))
        live = await sandbox.run(client.place(words(scaled(price="50000", cl_ord_id=""), min_price="49000")))
        await sandbox.advance(1)
        assert (status(live), live.order.order_qty) == (OrdStatus.NEW, Decimal("0.5"))
        assert [order.price for order in port.orders(working=True)] == [
            Decimal(price) for price in (49000, 49250, 49500, 49750, 50000)
        ]
        sandbox.disconnect("coinbase", 1006)
        await sandbox.advance(10)
        assert [order.order.order_id for order in client.orders()] == [live.order.order_id]
        await sandbox.run(client.cancel(live))
        await sandbox.advance(1)
        assert status(live) is OrdStatus.CANCELED
        assert port.orders(working=True) == []
        assert client.orders() == []


def test_fills_of_the_parts_are_fills_of_the_order() -> None:
    world = World()
    _, user = logged_on(world)
    line = RawLine(world, "user_ws")
    line.subscribe("user")
    (taken,) = user.ask(msgspec.structs.replace(scaled(), ref="9"))
    assert isinstance(taken, ExecutionReport)
    world.settle()
    world.hit(Side.SELL, "0.15", "60000")
    world.settle()
    told = [row for frame in line.frames if frame["channel"] == "user" for row in frame["events"][0]["orders"]]
    assert {row["order_id"] for row in told} == {taken.order_id}
    assert [(row["status"], row["cumulative_quantity"]) for row in told] == [
        ("PENDING", "0"),
        ("OPEN", "0"),
        ("OPEN", "0.15"),
    ]
    assert (told[-1]["order_type"], told[-1]["leaves_quantity"]) == ("Scaled", "0.35")
    order = world.call("GET", f"/orders/historical/{taken.order_id}")["order"]
    assert (order["order_type"], order["filled_size"], order["number_of_fills"]) == ("SCALED", "0.15", "2")
    assert order["order_configuration"]["scaled_limit_gtc"]["num_orders"] == 5
    fills = world.call("GET", "/orders/historical/fills")["fills"]
    assert {(fill["order_id"], fill["size"], fill["price"]) for fill in fills} == {
        (taken.order_id, "0.1", "62000"),
        (taken.order_id, "0.05", "61500"),
    }
    (edited,) = user.ask(
        ReplaceOrder(
            symbol="BTC-USD",
            side=Side.BUY,
            ord_type=OrdType.LIMIT,
            order_id=taken.order_id,
            orig_cl_ord_id="12",
            cl_ord_id="14",
            order_qty="1",
            price="62000",
            ref="10",
        )
    )
    assert isinstance(edited, CancelReject)
    assert edited.code == "ONLY_LIMIT_ORDER_EDITS_SUPPORTED"
    world.hit(Side.SELL, "0.35", "60000")
    world.settle()
    assert world.call("GET", f"/orders/historical/{taken.order_id}")["order"]["status"] == "FILLED"
    (late,) = user.ask(
        CancelOrder(
            symbol="BTC-USD",
            side=Side.BUY,
            ord_type=OrdType.LIMIT,
            order_id=taken.order_id,
            orig_cl_ord_id="12",
            ref="11",
        )
    )
    assert isinstance(late, CancelReject)
    assert late.code == "ORDER_IS_FULLY_FILLED"


def test_orders_are_listed_newest_first_worked_ones_among_them() -> None:
    world = World()
    _, user = logged_on(world)
    ids: list[str] = []
    ladder = words(scaled(price="50000", cl_ord_id="22"), min_price="49000")
    for number, order in enumerate((plain("21"), ladder, plain("23"))):
        (taken,) = user.ask(msgspec.structs.replace(order, ref=str(number + 50)))
        assert isinstance(taken, ExecutionReport)
        ids.append(taken.order_id)
        world.now += NANOS_PER_SECOND
    listed = world.call("GET", "/orders/historical/batch", query="order_status=OPEN")["orders"]
    assert [order["order_id"] for order in listed] == ids[::-1]


def plain(cl_ord_id: str) -> NewOrder:
    return NewOrder(
        symbol="BTC-USD", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty="0.1", price="30000", cl_ord_id=cl_ord_id
    )


def test_a_ladder_in_money_for_a_twin_is_paid_from_its_wallet() -> None:
    world = World()
    _, user = logged_on(world)
    before = {wallet["currency"]: wallet["available_balance"]["value"] for wallet in wallets(world)}
    order = scaled(symbol="BTC-USDC", order_qty=None, cash_order_qty="5000", ref="9")
    (taken,) = user.ask(order)
    assert isinstance(taken, ExecutionReport)
    assert taken.ord_status is OrdStatus.PENDING_NEW
    world.hit(Side.SELL, "1", "60000")
    world.settle()
    after = {wallet["currency"]: wallet["available_balance"]["value"] for wallet in wallets(world)}
    assert after["USD"] == before["USD"]
    assert 4_999 < Decimal(before["USDC"]) - Decimal(after["USDC"]) <= 5_000
    assert world.call("GET", f"/orders/historical/{taken.order_id}")["order"]["status"] == "FILLED"


def status(live: vw.LiveOrder) -> OrdStatus:
    """Asked anew each time: it changes behind the type checker's back."""
    return live.status


def wallets(world: World) -> Any:
    return world.call("GET", "/accounts")["accounts"]
