"""Bars of the past, at the venues that serve them: oldest first, whole, inside what was asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.conformance.pair import Pair

from venuewire.model.session import BarRequest, Bars
from venuewire.model.terms import NANOS_PER_SECOND

MINUTE = 60 * NANOS_PER_SECOND


def test_bars_of_the_past_are_whole_and_in_order(make: Callable[[], Pair]) -> None:
    pair = make()
    if MINUTE not in pair.venue.capabilities.bar_periods:
        pytest.skip(f"{pair.venue.title} serves no bars of a minute")
    end = pair.now // MINUTE * MINUTE
    start = end - 30 * MINUTE
    symbol = pair.venue.default_symbol
    ref = pair.submit(BarRequest(symbol=symbol, period=MINUTE, start=start, end=end))
    answers = [answer for answer in pair.answers(ref) if isinstance(answer, Bars)]
    assert len(answers) == 1, pair.answers(ref)
    bars = answers[0].bars
    assert bars
    times = [bar.open_time for bar in bars]
    assert times == sorted(set(times))
    assert all(start <= time < end for time in times)
    for bar in bars:
        assert bar.symbol == symbol
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert bar.volume >= 0
