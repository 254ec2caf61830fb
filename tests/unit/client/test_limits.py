"""Limits of our own: each refuses what is above it, by name and value, and lets through what is not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.unit.client.toy import order, seated

import venuewire as vw
from venuewire import errors
from venuewire.client.limits import LimitCheck, OrderLimits, Standing, Top, Wanted
from venuewire.model.terms import NANOS_PER_SECOND, Side, Trust

LIVE = Top(trust=Trust.LIVE, bid=Decimal(99), ask=Decimal(101))
STALE = Top(trust=Trust.STALE, bid=Decimal(99), ask=Decimal(101))


def wanted(**terms: Any) -> Wanted:
    return Wanted(**{"symbol": "S", "side": Side.BUY, "qty": Decimal(10), "price": Decimal(100), **terms})


def standing(**terms: Any) -> Standing:
    return Standing(**{"symbol": "S", "side": Side.BUY, "qty": Decimal(5), "price": Decimal(100), **terms})


REFUSED: list[tuple[dict[str, Any], Wanted, Top, list[Standing], str]] = [
    ({"max_order_qty": 9}, wanted(), LIVE, [], "max_order_qty is 9: with this order it would be 10"),
    ({"max_order_value": "999.99"}, wanted(), LIVE, [], "max_order_value is 999.99: .* 1000"),
    ({"max_order_value": 1000}, wanted(price=None), LIVE, [], "max_order_value is 1000: .* 1010"),
    ({"max_order_value": 1}, wanted(price=None), Top(trust=Trust.LIVE), [], "not known"),
    ({"max_order_qty": 1}, wanted(qty=None, cash=Decimal(300)), LIVE, [], "max_order_qty is 1: .* 3"),
    ({"max_open_qty": 14}, wanted(), LIVE, [standing()], "max_open_qty is 14: .* 15"),
    ({"max_open_qty": 14}, wanted(), LIVE, [standing(side=None)], "max_open_qty is 14: .* 15"),
    ({"max_open_value": 1499}, wanted(), LIVE, [standing(side=Side.SELL, symbol="T")], "max_open_value is 1499"),
    ({"max_open_value": 9999}, wanted(), LIVE, [standing(symbol="T", price=None)], "not known"),
    (
        {"price_band": "0.05"},
        wanted(price=Decimal("105.01")),
        LIVE,
        [],
        "price_band is 0.05: 105.01 is too far from 100",
    ),
    ({"price_band": "0.05"}, wanted(), Top(trust=Trust.LIVE), [], "is empty"),
    ({}, wanted(), STALE, [], "live_book is True: the book of S is STALE"),
    ({}, wanted(), Top(trust=None), [], "live_book is True: the book of S is not held"),
    ({"symbols": {"S": OrderLimits(max_order_qty=3)}}, wanted(), LIVE, [], "max_order_qty of S is 3"),
]


@pytest.mark.parametrize(("limits", "asked", "top", "held", "words"), REFUSED)
def test_what_is_above_a_limit_is_refused_by_name_and_value(
    limits: dict[str, Any], asked: Wanted, top: Top, held: list[Standing], words: str
) -> None:
    with pytest.raises(errors.LocalProtocolError, match=words):
        LimitCheck(OrderLimits(**limits)).admit(asked, top, held, 0)


PASSED: list[tuple[dict[str, Any], Wanted, Top, list[Standing]]] = [
    ({"max_order_qty": 10, "max_order_value": 1000, "price_band": 0}, wanted(), LIVE, []),
    ({"max_open_qty": 10}, wanted(), LIVE, [standing(side=Side.SELL), standing(symbol="T")]),
    ({"max_open_value": 1500}, wanted(), LIVE, [standing(symbol="T")]),
    ({"live_book": False, "price_band": "0.01"}, wanted(price=Decimal(500)), STALE, []),
    ({"symbols": {"S": OrderLimits(live_book=False)}}, wanted(), STALE, []),
    ({"symbols": {"T": OrderLimits(max_order_qty=3)}}, wanted(), LIVE, []),
    ({"symbols": {"S": OrderLimits(max_open_value=1000)}}, wanted(), LIVE, [standing(symbol="T")]),
    ({}, wanted(qty=None, cash=Decimal(300), price=None), LIVE, []),
]


@pytest.mark.parametrize(("limits", "asked", "top", "held"), PASSED)
def test_what_is_not_above_it_goes(limits: dict[str, Any], asked: Wanted, top: Top, held: list[Standing]) -> None:
    LimitCheck(OrderLimits(**limits)).admit(asked, top, held, 0)


def test_no_more_orders_than_so_many_within_any_second() -> None:
    check = LimitCheck(OrderLimits(orders_per_second=2, symbols={"S": OrderLimits(orders_per_second=1)}))
    check.admit(wanted(symbol="T"), LIVE, [], 0)
    check.admit(wanted(), LIVE, [], 1)
    with pytest.raises(errors.LocalProtocolError, match="orders_per_second is 2"):
        check.admit(wanted(symbol="T"), LIVE, [], NANOS_PER_SECOND - 1)
    with pytest.raises(errors.LocalProtocolError, match="orders_per_second of S is 1"):
        check.admit(wanted(), LIVE, [], NANOS_PER_SECOND)
    check.admit(wanted(), LIVE, [], NANOS_PER_SECOND + 1)


@pytest.mark.parametrize("value", ["-1", 0.5])
def test_a_limit_is_an_exact_number_of_zero_or_more(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        OrderLimits(max_order_qty=value)


async def test_the_client_refuses_before_anything_is_sent() -> None:
    limits = OrderLimits(max_open_qty=2, price_band=1)
    async with seated(order_limits=limits) as table:
        with pytest.raises(errors.LocalProtocolError, match="not held"):
            await table.client.place(order())
        async with table.client.book("S"):
            first = await table.client.place(order())
            await table.client.place(order())
            with pytest.raises(errors.LocalProtocolError, match=r"max_open_qty is 2: .* 3"):
                await table.client.place(order())
            with pytest.raises(errors.LocalProtocolError, match=r"max_open_qty is 2: .* 3"):
                await table.client.replace(first, order_qty=2)
            await table.cut()
            with pytest.raises(errors.LocalProtocolError, match="is STALE"):
                await table.client.place(order())
        assert sum(line.kinds().count("NewOrder") for line in table.far.lines) == 2
        assert len(table.client.desk.blotter) == 2


async def test_orders_whose_outcome_is_not_known_count_as_open() -> None:
    limits = OrderLimits(max_open_qty=1, live_book=False)
    async with seated(order_limits=limits) as table:
        table.far.silent.add("NewOrder")
        desk = table.client.desk
        held = desk.blotter.place(order("8"), 0)
        desk.blotter.unanswered(order("8"), "cut", 0)
        assert held.status is vw.OrdStatus.OUTCOME_UNKNOWN
        with pytest.raises(errors.LocalProtocolError, match=r"max_open_qty is 1: .* 2"):
            await table.client.place(order())
