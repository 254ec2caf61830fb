"""A reader's queue: bounded, and honest about what it dropped."""

import asyncio

import pytest

from venuewire.client.stream import FanOut, Stream
from venuewire.errors import NotLoggedOn
from venuewire.model.session import Gap


class Time:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        self.now += 1
        return self.now


async def take(stream: Stream[int], count: int) -> list[int | Gap]:
    return [await anext(stream) for _ in range(count)]


async def test_a_reader_gets_items_in_order() -> None:
    stream: Stream[int] = Stream(Time(), bound=None)
    for item in range(5):
        stream.put(item)
    assert await take(stream, 5) == [0, 1, 2, 3, 4]


async def test_a_slow_reader_is_told_what_it_missed_and_the_counters_add_up() -> None:
    stream: Stream[int] = Stream(Time(), bound=3)
    for item in range(10):
        stream.put(item)
    assert stream.waiting == 3
    first = await anext(stream)
    assert isinstance(first, Gap)
    assert first.cause == "slow reader"
    assert first.from_time < first.to_time
    assert await take(stream, 3) == [7, 8, 9]
    assert stream.dropped + stream.delivered == 10


async def test_an_unbounded_reader_loses_nothing() -> None:
    stream: Stream[int] = Stream(Time(), bound=None)
    for item in range(100_000):
        stream.put(item)
    assert stream.dropped == 0
    assert stream.waiting == 100_000


async def test_a_waiting_reader_wakes() -> None:
    stream: Stream[int] = Stream(Time(), bound=1)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    stream.put(1)
    assert await waiting == 1


async def test_the_end_comes_after_what_waits() -> None:
    stream: Stream[int] = Stream(Time(), bound=None)
    stream.put(1)
    stream.end()
    assert [item async for item in stream] == [1]


async def test_an_end_with_an_error_raises_it() -> None:
    stream: Stream[int] = Stream(Time(), bound=None)
    stream.end(NotLoggedOn("ws"))
    with pytest.raises(NotLoggedOn):
        await anext(stream)


async def test_a_cancelled_reader_can_read_again() -> None:
    stream: Stream[int] = Stream(Time(), bound=None)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    stream.put(7)
    assert await anext(stream) == 7


async def test_a_closed_reader_leaves_the_fan_out() -> None:
    fan_out: FanOut[int] = FanOut(Time())
    assert not fan_out
    async with fan_out.open(None) as stream:
        assert fan_out
        fan_out.put(1)
        assert await anext(stream) == 1
    assert not fan_out


async def test_each_reader_has_its_own_bound() -> None:
    fan_out: FanOut[int] = FanOut(Time())
    small, large = fan_out.open(1), fan_out.open(10)
    for item in range(5):
        fan_out.put(item)
    assert (small.waiting, large.waiting) == (1, 5)
    assert fan_out.dropped == 4
