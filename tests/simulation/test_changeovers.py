"""At every venue: lines are changed for new ones while everything goes on, and nobody misses anything."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from tests.simulation.world import World

import venuewire as vw
from venuewire import errors
from venuewire.model.session import LoggedOut, Missed, Secret
from venuewire.sandbox.faults import Fault
from venuewire.venues import names


@pytest.mark.parametrize("venue", names())
async def test_lines_are_changed_without_a_gap(venue: str) -> None:
    world = World(6, (venue,), pace=0.2)
    async with world:
        client, sandbox = world.clients[venue], world.sandbox
        events, everything = client.events(), client.executions()
        changes = aiter(world.books[venue])
        async with AsyncExitStack() as stack:
            trades = None
            if vw.Channel.TRADES in client.venue.capabilities.channels:
                trades = await stack.enter_async_context(entered(world, client.trades(client.venue.default_symbol)))
            resting = await sandbox.run(client.place(far_below(world, venue)))
            for _ in range(3):
                before = [line["epoch"] for line in client.health()["lines"].values()]
                await sandbox.run(client.renew_lines())
                assert [line["epoch"] for line in client.health()["lines"].values()] == [life + 1 for life in before]
                assert world.books[venue].trust is vw.Trust.LIVE
                await world.run(5, faults=False)
            lines = sandbox.state()["venues"][venue]["connections"]
            assert len(lines) == len(client.venue.lines)
            await sandbox.run(client.cancel(resting))
            assert resting.status is vw.OrdStatus.CANCELED
            if trades is not None:
                told = [item.trade_id for item in await rest(trades)]
                newest = [trade.trade_id for trade in sandbox.exchange(venue).trades(client.venue.default_symbol, 1000)]
                assert told == newest[newest.index(told[0]) : newest.index(told[-1]) + 1]
                assert len(told) > 10
        assert not [item for item in (*await rest(changes), *await rest(everything)) if isinstance(item, vw.Gap)]
        assert not [event for event in await rest(events) if isinstance(event, (Missed, LoggedOut))]
        assert world.books[venue].keeper.gaps == 0
        await world.calm()


@pytest.mark.parametrize("venue", names())
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "refuse", "status": 503, "for_s": 60},
        {"kind": "flap", "for_s": 60},
        {"kind": "mute", "connection": 3},
        {"kind": "cut", "connection": 3, "after": 1, "bytes": 5},
    ],
    ids=lambda fault: str(fault["kind"]),
)
async def test_a_new_line_that_fails_leaves_the_old_one(venue: str, fault: dict[str, Any]) -> None:
    world = World(6, (venue,))
    async with world:
        client, sandbox = world.clients[venue], world.sandbox
        aimed = {**fault, "venue": venue}
        if "connection" in aimed:
            aimed["connection"] = len(client.venue.lines) + 1
        sandbox.set_fault(msgspec.convert(aimed, Fault))
        with pytest.raises(errors.VenueError):
            await sandbox.run(client.renew_lines())
        await world.run(5, faults=False)
        assert world.books[venue].trust is vw.Trust.LIVE
        assert world.books[venue].keeper.gaps == 0
        sandbox.clear_faults()
        await sandbox.advance(90)
        assert len(sandbox.state()["venues"][venue]["connections"]) == len(client.venue.lines)
        await sandbox.run(client.renew_lines())
        await world.calm()


@pytest.mark.parametrize("seed", range(8))
async def test_lines_are_changed_whatever_goes_wrong_meanwhile(seed: int) -> None:
    world = World(seed)
    async with world:
        await world.run(60, changes=0.06)
        await world.calm()
    assert any("change of lines" in line for line in world.log)


async def test_a_key_is_replaced_while_the_lines_stand() -> None:
    world = World(6, ("finery",))
    async with world:
        client, sandbox = world.clients["finery"], world.sandbox
        host: Any = sandbox._floor("finery").host
        old = client.seat.credentials
        wrong = msgspec.structs.replace(old, key="new key", secret=Secret("a secret nobody knows"))
        with pytest.raises(errors.LogonRejected):
            await sandbox.run(client.renew_lines(wrong))
        assert client.seat.credentials is old
        host.admit("new key", "another secret", sandbox.account("finery"))
        await sandbox.run(
            client.renew_lines(msgspec.structs.replace(old, key="new key", secret=Secret("another secret")))
        )
        host.revoke(old.key if isinstance(old.key, str) else old.key.reveal())
        assert world.books["finery"].keeper.gaps == 0
        sandbox.disconnect("finery")  # from now on only the new key is let in
        await world.calm()


async def test_orders_that_end_with_their_line_keep_it() -> None:
    world = World(6, ("finery",))
    async with world:
        client, sandbox = world.clients["finery"], world.sandbox
        tied = msgspec.structs.replace(far_below(world, "finery"), cancel_on_disconnect=True)
        order = await sandbox.run(client.place(tied))
        with pytest.raises(errors.LocalProtocolError, match=order.cl_ord_id):
            await sandbox.run(client.renew_lines())
        assert order.is_open
        await sandbox.run(client.cancel(order))
        await sandbox.run(client.renew_lines())


async def test_other_credentials_are_for_venues_without_tokens() -> None:
    world = World(6, ("alor", "finery"))
    async with world:
        alor, finery = world.clients["alor"], world.clients["finery"]
        with pytest.raises(errors.LocalProtocolError, match="renew themselves"):
            await alor.renew_lines(alor.seat.credentials)
        with pytest.raises(errors.LocalProtocolError, match="not credentials of"):
            await finery.renew_lines(alor.seat.credentials)


class entered:  # noqa: N801  reads as `async with` does
    """A stream of a client, entered on the stepped clock."""

    def __init__(self, world: World, stream: Any) -> None:
        self._world, self._stream = world, stream

    async def __aenter__(self) -> Any:
        return await self._world.sandbox.run(self._stream.__aenter__())

    async def __aexit__(self, *failure: object) -> None:
        await self._world.sandbox.run(self._stream.__aexit__(None, None, None))


async def rest(stream: vw.Stream[Any]) -> list[Any]:
    """What waits in a stream."""
    return [await anext(stream) for _ in range(len(stream._queue))]


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
        price=bid * 97 // (100 * instrument.min_price_increment) * instrument.min_price_increment,
    )
