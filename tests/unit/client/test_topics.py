"""Feeds handed on as they come: who comes later, and what is told of each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

import venuewire as vw
from venuewire.client import Client
from venuewire.client.stream import Stream
from venuewire.model.terms import Channel
from venuewire.sandbox import MemorySandbox
from venuewire.transport.clock import SteppedClock, at_rest
from venuewire.transport.entropy import SeededEntropy
from venuewire.venues import find, names

STANDING = [
    (name, channel)
    for name in names()
    for channel in (Channel.STATUS, Channel.SUMMARY)
    if channel in find(name).capabilities.channels
]


def asked(client: Client, channel: Channel) -> AbstractAsyncContextManager[Stream[Any]]:
    return client.summaries() if channel is Channel.SUMMARY else client.statuses(client.venue.default_symbol)


@asynccontextmanager
async def stepped(sandbox: MemorySandbox, context: AbstractAsyncContextManager[Any]) -> AsyncIterator[Any]:
    """`async with context`, with the clock moved on while it waits."""
    value = await sandbox.run(context.__aenter__())
    try:
        yield value
    finally:
        await sandbox.run(context.__aexit__(None, None, None))


@pytest.mark.parametrize(("venue", "channel"), STANDING)
async def test_who_comes_later_is_told_at_once_how_things_stand(venue: str, channel: Channel) -> None:
    async with MemorySandbox((venue,), clock=SteppedClock(settle=at_rest)) as sandbox:
        client = vw.connect(
            venue,
            sandbox.credentials(venue),
            network=sandbox.network(),
            clock=sandbox.clock,
            entropy=SeededEntropy(1, sandbox.now),
        )
        async with stepped(sandbox, client), stepped(sandbox, asked(client, channel)) as first:
            told = await sandbox.run(anext(first))
            sandbox.pause_flow()
            while first.waiting:
                told = await anext(first)
            async with stepped(sandbox, asked(client, channel)) as later:
                assert later.offered == 1
                assert await anext(later) == told
