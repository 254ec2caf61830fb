"""The line is cut within the request or the answer of each order command: what is said of the order is never wrong."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.simulation.world import World

import venuewire as vw
from venuewire.model.orders import NewOrder
from venuewire.sandbox.faults import Fault
from venuewire.venues import names

COMMANDS = ("place", "take", "replace", "cancel")
PLACES = (0, 1, 2, 40, 200, 100_000)
"""Bytes of the frame that arrive; the last is all of it. In memory a message arrives whole or not at all."""
BEHIND = (0, 1, 2)
"""Which frame after the command is cut: the answer, and pushes before or behind it."""


def cuts(venue: str, world: World) -> list[dict[str, Any]]:
    """Every cut there is on the way of this venue's order commands."""
    client = world.clients[venue]
    probe = NewOrder(symbol="", side=vw.Side.BUY, ord_type=vw.OrdType.LIMIT, order_qty=1, price=1)
    line = client.venue.route(probe)
    in_lines: list[dict[str, Any]] = [
        *({"kind": "cut", "direction": "to_venue", "line": line, "bytes": count} for count in PLACES),
        *({"kind": "cut", "bytes": count, "after": after} for count in PLACES for after in BEHIND),
    ]
    in_requests: list[dict[str, Any]] = [
        {"kind": "drop", "path": "/", "when": when, "count": 1} for when in ("before", "after")
    ]
    return [{**fault, "venue": venue} for fault in (*in_requests, *in_lines)]


async def do(world: World, venue: str, command: str, order: vw.LiveOrder | None) -> object:
    client = world.clients[venue]
    if command == "cancel" and order is not None:
        return await world._try(venue, command, client.cancel(order))
    if command == "replace" and order is not None and order.order.price is not None:
        tick = client.instruments[order.symbol].min_price_increment
        return await world._try(venue, command, client.replace(order, price=order.order.price - tick))
    return await world._try(venue, command, client.place(wanted(world, venue, away=0 if command == "take" else 50)))


def wanted(world: World, venue: str, *, away: int) -> vw.NewOrder:
    """A buy order: at the best offer, or so many ticks below it."""
    client = world.clients[venue]
    instrument = client.instruments[client.venue.default_symbol]
    ask = world.sandbox.exchange(venue).quote(instrument.symbol).ask
    assert ask is not None
    return vw.NewOrder(
        symbol=instrument.symbol,
        side=vw.Side.BUY,
        ord_type=vw.OrdType.LIMIT,
        order_qty=instrument.min_trade_vol,
        price=ask - away * instrument.min_price_increment,
    )


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("venue", names())
async def test_a_cut_anywhere_in_a_command_leaves_no_wrong_outcome(venue: str, command: str) -> None:
    world = World(3, (venue,))
    async with world:
        client, sandbox = world.clients[venue], world.sandbox
        sandbox.pause_flow()
        port = sandbox.exchange(venue).port(sandbox.account(venue))
        asked = struck = 0
        for fault in cuts(venue, world):
            order = None
            if command in {"replace", "cancel"}:
                order = await sandbox.run(client.place(wanted(world, venue, away=50)), within=60)
                asked += 1
            name = sandbox.set_fault(msgspec.convert(fault, Fault))
            placed = await do(world, venue, command, order)
            if isinstance(placed, vw.LiveOrder) and placed.status is vw.OrdStatus.REJECTED:
                assert port.order(order_id="", cl_ord_id=placed.cl_ord_id) is None, fault
            asked += command != "cancel"
            struck += sum(told.get("struck", 0) for told in sandbox.faults() if told["id"] == name)
            sandbox.clear_faults()
            await sandbox.advance(20)
            await sandbox.run(client.wait_ready(), within=120)
            await sandbox.run(client.refresh_orders(), within=120)
            world._check_orders(venue)
        assert struck > len(PLACES)
        assert len({report.cl_ord_id for report in port.orders(working=False)}) <= asked
