"""What a screen measures."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from venuewire.cli.gauges import HISTORY, Delays, Rate

SECOND = 1_000_000_000


def test_without_samples_nothing_is_claimed() -> None:
    assert Delays().quantiles(0.5, 0.99) == (None, None)
    assert not Delays()


def test_quantiles_are_of_the_newest_samples_only() -> None:
    delays = Delays(bound=100)
    for delay in range(1000):
        delays.add(delay)
    assert len(delays) == 100
    assert delays.quantiles(0, 0.5, 0.99, 1) == (900, 950, 999, 999)


@given(st.lists(st.integers(0, 10**12), min_size=1), st.floats(0, 1))
def test_a_quantile_is_one_of_the_samples(samples: list[int], fraction: float) -> None:
    delays = Delays()
    for sample in samples:
        delays.add(sample)
    (value,) = delays.quantiles(fraction)
    assert value in samples


def test_a_rate_is_growth_a_second_over_the_last_window() -> None:
    rate = Rate()
    readings = [rate.read(total, now * SECOND // 10) for now, total in enumerate(range(0, 500, 10))]
    assert readings[0] == 0
    assert readings[-1] == 100
    assert [rate.read(490, 49 * SECOND // 10 + later * SECOND) for later in (1, 2)] == [0, 0]


def test_a_rate_remembers_a_bounded_past() -> None:
    rate = Rate()
    for now in range(10 * HISTORY):
        rate.read(now, now * SECOND)
    assert len(rate.history) == HISTORY
    assert set(rate.history) == {1.0}
