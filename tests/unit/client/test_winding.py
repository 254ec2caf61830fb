"""The kill switch and the ordered end: ours are cancelled and confirmed, others' untouched, the rest is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

import venuewire as vw
from venuewire import errors
from venuewire.client import Client
from venuewire.sandbox import MemorySandbox
from venuewire.sandbox.faults import Fault
from venuewire.transport.clock import SteppedClock, at_rest
from venuewire.transport.entropy import SeededEntropy
from venuewire.venues import names


@asynccontextmanager
async def trading(venue: str) -> AsyncIterator[tuple[MemorySandbox, Client, Client]]:
    """Two clients of one account, each with an order that rests."""
    async with MemorySandbox((venue,), clock=SteppedClock(settle=at_rest)) as sandbox:
        entropy = SeededEntropy(1, sandbox.now)
        clients = [
            vw.connect(
                venue, sandbox.credentials(venue), network=sandbox.network(), clock=sandbox.clock, entropy=entropy
            )
            for _ in range(2)
        ]
        for client in clients:
            await sandbox.run(client.__aenter__())
        sandbox.pause_flow()
        for client in clients:
            await sandbox.run(client.place(resting(sandbox, client)))
        await sandbox.advance(1)
        yield sandbox, clients[0], clients[1]
        for client in clients:
            await sandbox.run(client.close())


def resting(sandbox: MemorySandbox, client: Client) -> vw.NewOrder:
    instrument = client.instruments[client.venue.default_symbol]
    ask = sandbox.exchange(client.venue.name).quote(instrument.symbol).ask
    assert ask is not None
    return vw.NewOrder(
        symbol=instrument.symbol,
        side=vw.Side.BUY,
        ord_type=vw.OrdType.LIMIT,
        order_qty=instrument.min_trade_vol,
        price=ask - 100 * instrument.min_price_increment,
    )


def working(sandbox: MemorySandbox, venue: str) -> list[str]:
    return [report.cl_ord_id for report in sandbox.exchange(venue).port(sandbox.account(venue)).orders(working=True)]


@pytest.mark.parametrize("venue", names())
async def test_the_kill_switch_cancels_ours_and_nobody_elses(venue: str) -> None:
    async with trading(venue) as (sandbox, ours, others):
        [mine] = [order for order in ours.orders() if order.order.ours]
        [theirs] = [order for order in others.orders() if order.order.ours]
        report = await sandbox.run(ours.kill(seconds=10))
        assert report.complete
        assert report.canceled == (mine.cl_ord_id,)
        assert working(sandbox, venue) == [theirs.cl_ord_id]
        assert theirs.is_open
        with pytest.raises(errors.LocalProtocolError, match="kill switch"):
            await ours.place(resting(sandbox, ours))
        with pytest.raises(errors.LocalProtocolError, match="kill switch"):
            await ours.replace(mine, price=1)
        assert (await sandbox.run(ours.kill())).complete


@pytest.mark.parametrize("venue", names())
async def test_what_could_not_be_confirmed_is_told_in_time(venue: str) -> None:
    async with trading(venue) as (sandbox, ours, _):
        [mine] = [order for order in ours.orders() if order.order.ours]
        for fault in ({"kind": "half_open", "venue": venue}, {"kind": "delay", "path": "/", "seconds": 60}):
            sandbox.set_fault(msgspec.convert(fault, Fault))
        began = sandbox.now()
        report = await sandbox.run(ours.kill(seconds=3))
        assert sandbox.now() - began < 4_000_000_000
        assert not report.complete
        [left] = report.unconfirmed
        assert (left.cl_ord_id, left.order_id) == (mine.cl_ord_id, mine.order_id)
        assert left.text
        sandbox.clear_faults()


@pytest.mark.parametrize("cancel", [True, False])
async def test_an_ordered_shutdown_closes_and_reports(cancel: bool) -> None:
    venue = names()[0]
    async with trading(venue) as (sandbox, ours, _):
        report = await sandbox.run(ours.shutdown(cancel=cancel, seconds=10))
        assert report.complete is cancel
        assert len(working(sandbox, venue)) == (1 if cancel else 2)
        with pytest.raises(errors.VenueError):
            await ours.positions()
