"""Over real sockets, a spread sample of what `python -m tests.simulation.cuts` does at every byte."""

from __future__ import annotations

import pytest
from tests.simulation.cuts import COMMANDS, WAYS, cut_all

from venuewire.venues import names

EVERY = 149
"""Bytes between two cuts: a prime, so that they fall everywhere in what the commands have in common."""


@pytest.mark.parametrize("venue", names())
async def test_a_cut_within_a_command_leaves_no_wrong_outcome_over_real_sockets(venue: str) -> None:
    outcomes = await cut_all(venue, EVERY)
    assert [(outcome.command, outcome.way) for outcome in outcomes] == [(it, way) for it in COMMANDS for way in WAYS]
    for outcome in outcomes:
        # A beat of the line that falls among the bytes that are counted makes them more than a later command has.
        assert outcome.cuts >= 1
        assert outcome.length > 50
        assert sum(outcome.statuses.values()) >= outcome.cuts
    assert sum(outcome.cuts for outcome in outcomes) > 2 * len(outcomes) - 3
