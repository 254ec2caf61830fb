"""Killed at random while it trades everywhere: in the end both sides agree on every order and every fill."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.killing import chaos

KILLS = 25


def test_a_trader_that_is_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    summary = chaos(KILLS, 1, tmp_path)
    assert summary.kills == KILLS
    assert summary.orders > 10 * KILLS
