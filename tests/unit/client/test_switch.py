"""The kill switch on a signal: all clients stop at once, theirs are cancelled, and it is told."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from tests.unit.client.test_winding import resting, trading, working

import venuewire as vw
from venuewire import errors
from venuewire.venues import names


@pytest.mark.parametrize("venue", names())
async def test_a_signal_stops_every_client_that_was_named(venue: str) -> None:
    async with trading(venue) as (sandbox, one, other):
        with vw.kill_on(signal.SIGUSR1, one, other, seconds=10) as switch:
            os.kill(os.getpid(), signal.SIGUSR1)
            os.kill(os.getpid(), signal.SIGUSR1)  # impatience changes nothing
            reports = await sandbox.run(switch.thrown())
        assert [report.complete for report in reports] == [True, True]
        assert [len(report.canceled) for report in reports] == [1, 1]
        assert not working(sandbox, venue)
        for client in (one, other):
            with pytest.raises(errors.LocalProtocolError, match="SIGUSR1"):
                await client.place(resting(sandbox, client))


async def test_who_was_not_named_trades_on_and_off_is_off() -> None:
    venue = names()[0]
    async with trading(venue) as (sandbox, one, other):
        with vw.kill_on(signal.SIGUSR1, one) as switch:
            switch.throw()
            await sandbox.run(switch.thrown())
        placed = await sandbox.run(other.place(resting(sandbox, other)))
        assert placed.is_open
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


async def test_outside_the_main_thread_it_is_refused() -> None:
    async def elsewhere() -> None:
        vw.kill_on(signal.SIGUSR1)

    with pytest.raises(errors.ConfigError, match="SIGUSR1"):
        await asyncio.to_thread(lambda: asyncio.run(elsewhere()))
