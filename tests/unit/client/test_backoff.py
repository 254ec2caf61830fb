"""When to dial again."""

from hypothesis import given
from hypothesis import strategies as st

from venuewire.client.backoff import FIRST_CAP, HEALTHY, LAST_CAP, Backoff, DialBudget
from venuewire.model.terms import NANOS_PER_SECOND
from venuewire.venue import Rate


def test_the_cap_doubles_up_to_its_own_cap() -> None:
    backoff = Backoff(lambda: 1.0)
    pauses = [backoff.pause(0) for _ in range(12)]
    assert pauses[0] == FIRST_CAP
    assert pauses[1] == 2 * FIRST_CAP
    assert pauses[-1] == LAST_CAP
    assert pauses == sorted(pauses)


def test_jitter_is_full() -> None:
    draws = iter([0.0, 0.5, 0.999])
    backoff = Backoff(lambda: next(draws))
    assert backoff.pause(0) == 0
    assert backoff.pause(0) == FIRST_CAP
    assert backoff.pause(0) < 4 * FIRST_CAP


def test_a_short_life_does_not_reset_it_and_a_healthy_one_does() -> None:
    backoff = Backoff(lambda: 1.0)
    for _ in range(5):
        backoff.pause(0)
    assert backoff.pause(HEALTHY - 1) == min(LAST_CAP, FIRST_CAP << 5)
    assert backoff.pause(HEALTHY) == FIRST_CAP


@given(st.lists(st.integers(0, 2 * NANOS_PER_SECOND), max_size=60), st.integers(1, 8))
def test_no_window_ever_sees_more_dials_than_the_rate(gaps: list[int], count: int) -> None:
    budget, now, dials = DialBudget(Rate(count, NANOS_PER_SECOND)), 0, []
    for gap in gaps:
        now += gap
        now = budget.take(now)
        dials.append(now)
    for first, later in zip(dials, dials[count:], strict=False):
        assert later - first >= NANOS_PER_SECOND


def test_a_dial_noted_by_another_clock_delays_nobody() -> None:
    budget = DialBudget(Rate(1, NANOS_PER_SECOND))
    budget.take(10**18)
    assert budget.take(5) == 5
