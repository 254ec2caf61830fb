"""The venue's clock, seen through its heartbeats by a whole client."""

from __future__ import annotations

import pytest
from tests.simulation.world import World


@pytest.mark.parametrize(
    ("skew", "delay", "least", "most"),
    [(60, 0, 59, 60), (60, 2, 57, 58), (3, 2, 0, 0), (-60, 0, 0, 0), (0, 2, 0, 0)],
)
async def test_a_clock_that_is_ahead_is_seen_as_far_as_frames_were_quick(
    skew: float, delay: float, least: float, most: float
) -> None:
    world = World(5, ("coinbase",))
    async with world:
        if delay:
            world.strike({"kind": "delay", "seconds": delay, "venue": "coinbase"})
        if skew:
            world.strike({"kind": "skew", "seconds": skew, "venue": "coinbase"})
        await world.sandbox.advance(100)
        assert least <= world.clients["coinbase"].health()["clock_offset_s"] <= most
