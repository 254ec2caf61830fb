"""What is held, judged by the worse of two figures; and limits on it: they bind what adds, never what takes away."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.unit.client.test_winding import resting

import venuewire as vw
from venuewire import errors
from venuewire.client.exposure import QUIET, Exposure, Held
from venuewire.client.limits import LimitCheck, OrderLimits, Standing, Top, Wanted
from venuewire.model.account import Position
from venuewire.model.orders import ExecutionReport
from venuewire.model.terms import ExecType, Side, Trust
from venuewire.sandbox import MemorySandbox
from venuewire.transport.clock import SteppedClock, at_rest
from venuewire.transport.entropy import SeededEntropy
from venuewire.venues import names

LIVE = Top(trust=Trust.LIVE, bid=Decimal(99), ask=Decimal(101))


def word(qty: int, position_id: str = "") -> Position:
    return Position(symbol="S", qty=Decimal(qty), position_id=position_id)


def fill(qty: int, side: Side = Side.BUY, px: int = 100) -> ExecutionReport:
    return ExecutionReport(symbol="S", exec_type=ExecType.TRADE, side=side, last_qty=Decimal(qty), last_px=Decimal(px))


def held(exposure: Exposure, now: int) -> tuple[int, int]:
    it = exposure.held("S", now)
    return int(it.low), int(it.high)


def test_the_venues_word_counts_and_positions_of_a_symbol_add_up() -> None:
    exposure = Exposure()
    assert held(exposure, 0) == (0, 0)
    exposure.told(word(5, "a"))
    exposure.told(word(-2, "b"))
    assert held(exposure, 1) == (3, 3)
    exposure.told(word(0, "a"))
    assert held(exposure, 2) == (-2, -2)
    exposure.told_all([word(4, "c")])
    assert held(exposure, 3) == (4, 4)


@pytest.mark.parametrize("word_first", [True, False])
def test_a_fill_and_the_word_on_it_may_come_in_either_order(word_first: bool) -> None:
    exposure = Exposure()
    exposure.told(word(5))
    if word_first:
        exposure.told(word(8))
        assert held(exposure, 1) == (8, 8)
        exposure.filled(fill(3), 2)
        assert held(exposure, 2) == (8, 11)  # which of them is right cannot be told yet
    else:
        exposure.filled(fill(3), 1)
        assert held(exposure, 1) == (5, 8)
        exposure.told(word(8))
        assert held(exposure, 2) == (8, 8)
    assert held(exposure, 2 + QUIET) == (8, 8)


def test_where_the_venue_tells_no_position_fills_are_all_there_is() -> None:
    exposure = Exposure()
    exposure.filled(fill(3), 0)
    exposure.filled(fill(5, Side.SELL), 1)
    assert held(exposure, 10 * QUIET) == (-2, -2)
    assert exposure.held("S", 0).px == 100


def test_what_others_trade_is_in_the_word_once_it_is_quiet() -> None:
    exposure = Exposure()
    exposure.told(word(5))
    exposure.filled(fill(1), 0)
    exposure.told(word(0))
    assert held(exposure, 1) == (0, 6)
    assert held(exposure, QUIET) == (0, 0)


def wanted(**terms: Any) -> Wanted:
    return Wanted(**{"symbol": "S", "side": Side.BUY, "qty": Decimal(10), "price": Decimal(100), **terms})


def standing(**terms: Any) -> Standing:
    return Standing(**{"symbol": "S", "side": Side.BUY, "qty": Decimal(5), "price": Decimal(100), **terms})


LONG = {"S": Held(low=Decimal(20), high=Decimal(22), px=Decimal(90))}
SHORT = {"S": Held(low=Decimal(-22), high=Decimal(-20))}
T = {"T": Held(low=Decimal(3), high=Decimal(3), px=Decimal(10))}
UNPRICED = {"T": Held(low=Decimal(3), high=Decimal(3))}

CASES: list[tuple[dict[str, Any], Wanted, list[Standing], Mapping[str, Held], str]] = [
    ({"max_exposure_qty": 10}, wanted(), [], {}, ""),
    ({"max_exposure_qty": 14}, wanted(), [standing()], {}, "max_exposure_qty is 14: .* 15"),
    ({"max_exposure_qty": 14}, wanted(), [standing(side=None)], {}, "max_exposure_qty is 14: .* 15"),
    ({"max_exposure_qty": 36}, wanted(), [standing()], LONG, "max_exposure_qty is 36: .* 37"),
    ({"max_exposure_qty": 1}, wanted(side=Side.SELL), [standing()], LONG, ""),
    ({"max_exposure_qty": 1}, wanted(side=Side.SELL, qty=Decimal(22)), [], LONG, "max_exposure_qty is 1: .* 2"),
    ({"max_exposure_qty": 1}, wanted(), [], SHORT, ""),
    ({"max_exposure_qty": 31}, wanted(side=Side.SELL), [], SHORT, "max_exposure_qty is 31: .* 32"),
    ({"max_exposure_qty": 10}, wanted(), [], T, ""),
    ({"max_exposure_value": 1000}, wanted(), [], {}, ""),
    ({"max_exposure_value": 1029}, wanted(), [], T, "max_exposure_value is 1029: .* 1030"),
    ({"max_exposure_value": 5000}, wanted(), [], UNPRICED, "not known"),
    ({"max_exposure_value": 1249}, wanted(), [standing(symbol="T", price=Decimal(50))], {}, "is 1249: .* 1250"),
    ({"max_exposure_value": 1}, wanted(side=Side.SELL), [], LONG, ""),  # it makes nothing worse
    ({"symbols": {"S": OrderLimits(max_exposure_value=999)}}, wanted(), [], T, "of S is 999: .* 1000"),
    ({"symbols": {"S": OrderLimits(max_exposure_value=1000)}}, wanted(), [], UNPRICED, ""),
    ({"max_exposure_qty": 5}, wanted(qty=None, cash=Decimal(1000)), [], {}, "max_exposure_qty is 5: .* 10"),
]


@pytest.mark.parametrize(("limits", "asked", "orders", "holdings", "words"), CASES)
def test_limits_bind_what_adds_to_it(
    limits: dict[str, Any], asked: Wanted, orders: list[Standing], holdings: Mapping[str, Held], words: str
) -> None:
    check = LimitCheck(OrderLimits(**limits))
    if not words:
        check.admit(asked, LIVE, orders, 0, holdings)
        return
    with pytest.raises(errors.LocalProtocolError, match=words):
        check.admit(asked, LIVE, orders, 0, holdings)


@pytest.mark.parametrize("venue", names())
async def test_what_was_bought_counts_at_every_venue_and_may_always_be_sold(venue: str) -> None:
    async with MemorySandbox((venue,), clock=SteppedClock(settle=at_rest)) as sandbox:
        client = vw.connect(
            venue,
            sandbox.credentials(venue),
            network=sandbox.network(),
            clock=sandbox.clock,
            entropy=SeededEntropy(1, sandbox.now),
        )
        await sandbox.run(client.__aenter__())
        sandbox.pause_flow()
        instrument = client.instruments[client.venue.default_symbol]
        least = instrument.min_trade_vol
        held = {it.symbol: it.qty for it in await sandbox.run(client.positions())}.get(instrument.symbol, Decimal(0))
        limits = OrderLimits(max_exposure_qty=held + 2 * least, live_book=False)
        client.desk.keep_limits(LimitCheck(limits), lambda _: Top(trust=None))
        await sandbox.run(client.positions())
        order = resting(sandbox, client)
        ask = sandbox.exchange(venue).quote(instrument.symbol).ask
        assert ask is not None
        await sandbox.run(client.place(msgspec.structs.replace(order, price=ask)))
        await sandbox.advance(20)
        await sandbox.run(client.place(order))
        with pytest.raises(errors.LocalProtocolError, match="max_exposure_qty"):
            await sandbox.run(client.place(order))
        sell = msgspec.structs.replace(order, side=Side.SELL, price=ask + 50 * instrument.min_price_increment)
        assert (await sandbox.run(client.place(sell))).is_open
        await sandbox.run(client.close())
