"""How late updates are, by clocks that need not agree."""

from __future__ import annotations

import pytest
from tests.simulation.world import World

from venuewire.client.lag import delay, seconds
from venuewire.model.terms import NANOS_PER_SECOND as SECOND


def test_a_delay_is_told_by_the_venues_clock() -> None:
    assert delay(10 * SECOND, 12 * SECOND, 0) == 2 * SECOND
    assert delay(10 * SECOND, 12 * SECOND, -2 * SECOND) == 0
    assert delay(0, 12 * SECOND, 0) is None
    assert delay(10 * SECOND, 0, 0) is None
    assert (seconds(None), seconds(1_234_567_890)) == (None, 1.234)


@pytest.mark.parametrize("skew", [-20.0, 0.0, 50.0])
async def test_a_book_that_comes_late_says_by_how_much_whatever_the_clocks_show(skew: float) -> None:
    world = World(5, ("coinbase",), pace=0.5)
    async with world:
        client = world.clients["coinbase"]
        if skew:
            world.strike({"kind": "skew", "seconds": skew, "venue": "coinbase"})
        await world.sandbox.run(client.renew_lines())  # what the quickest took is known by line
        await world.sandbox.advance(5)
        (book,) = client.health()["books"].values()
        assert 0 <= book["lag_s"] <= 0.3  # books are conflated
        world.strike({"kind": "delay", "seconds": 2, "venue": "coinbase", "channel": "BOOK"})
        await world.sandbox.advance(5)
        (book,) = client.health()["books"].values()
        assert 1.7 <= book["lag_s"] <= 2.3
        assert book["delay_s"] - book["lag_s"] == pytest.approx(max(0, -skew), abs=0.3)
