"""A kill switch that fails at one client says so to whoever waits, and stops the others all the same."""

import asyncio
import signal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from venuewire.client.switch import kill_on


class Killed:
    """The part of a client that the switch uses."""

    def __init__(self, fault: Exception | None) -> None:
        self.desk = SimpleNamespace(stop=lambda why: None)
        self.venue = SimpleNamespace(name="toy")
        self.fault = fault
        self.killed = False

    async def kill(self, *, seconds: float) -> Any:
        if self.fault is not None:
            raise self.fault
        await asyncio.sleep(0)
        self.killed = True
        return SimpleNamespace(complete=True, unconfirmed=(), canceled=())


async def test_who_waits_hears_of_a_fault_and_the_other_client_is_killed() -> None:
    failing, sound = Killed(ZeroDivisionError("ours")), Killed(None)
    with kill_on(signal.SIGUSR2, cast("Any", failing), cast("Any", sound)) as switch:
        switch.throw()
        with pytest.raises(ZeroDivisionError):
            await switch.thrown()
        await asyncio.sleep(0)
    assert sound.killed
    assert isinstance(switch._work, asyncio.Task)
    assert isinstance(switch._work.exception(), ZeroDivisionError)
