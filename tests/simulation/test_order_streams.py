"""At every venue: who follows an order hears in band of the time in which nothing could be heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from tests.simulation.world import World

import venuewire as vw
from venuewire.model.orders import CancelOrder
from venuewire.sandbox.faults import Fault
from venuewire.venues import names


@pytest.mark.parametrize("venue", names())
@pytest.mark.parametrize("code", [1000, 1006])
async def test_an_order_that_ends_while_the_line_is_down_is_told_between_two_gaps(venue: str, code: int) -> None:
    world = World(4, (venue,))
    async with world:
        client, sandbox = world.clients[venue], world.sandbox
        sandbox.pause_flow()
        port = sandbox.exchange(venue).port(sandbox.account(venue))
        everything = client.executions()
        gone, stays = [await sandbox.run(client.place(far_below(world, venue))) for _ in range(2)]
        for fault in ({"kind": "refuse", "status": 503, "for_s": 5}, {"kind": "close", "code": code}):
            sandbox.set_fault(msgspec.convert({**fault, "venue": venue}, Fault))
        await sandbox.advance(1)
        port.execute(
            CancelOrder(
                symbol=gone.symbol,
                side=vw.Side.BUY,
                ord_type=vw.OrdType.LIMIT,
                order_id=gone.order_id,
                orig_cl_ord_id=gone.cl_ord_id,
            ),
            sandbox.now(),
        )
        assert not client.health()["orders"]["whole"]
        await sandbox.advance(60)
        assert client.health()["orders"]["whole"]
        # Finery tells of orders that are working, and of no other: what became of this one, nobody knows.
        is_known = gone.status is vw.OrdStatus.CANCELED
        assert is_known or (venue, gone.status) == ("finery", vw.OrdStatus.OUTCOME_UNKNOWN)
        assert whole(await rest(everything))
        last = await rest(aiter(gone))
        assert isinstance(last[-1], vw.ExecutionReport if is_known else vw.Gap)
        assert whole(last) is not is_known
        assert whole(await rest(aiter(stays)))


def whole(told: Sequence[object]) -> bool:
    """Is the last that is told of holes that there is none any more?"""
    gaps = [item for item in told if isinstance(item, vw.Gap)]
    return bool(gaps) and gaps[-1].repaired


async def rest(stream: vw.Stream[Any]) -> list[Any]:
    """What waits in a stream."""
    found: list[Any] = []
    while stream._queue:
        found.append(await anext(stream))
    return found


def far_below(world: World, venue: str) -> vw.NewOrder:
    """An order that rests, far from the market."""
    instrument = world.clients[venue].instruments[world.clients[venue].venue.default_symbol]
    bid = world.sandbox.exchange(venue).quote(instrument.symbol).bid
    assert bid is not None
    return vw.NewOrder(
        symbol=instrument.symbol,
        side=vw.Side.BUY,
        ord_type=vw.OrdType.LIMIT,
        order_qty=instrument.min_trade_vol,
        price=bid - 100 * instrument.min_price_increment,
    )
