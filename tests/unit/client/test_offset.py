"""The venue's clock, from what it tells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venuewire.client.offset import RESOLUTION, Offset
from venuewire.model.terms import NANOS_PER_SECOND as SECOND

NOON = 1_800_000_000 * SECOND  # Fri, 15 Jan 2027 08:00:00 GMT


def test_a_difference_within_what_http_can_show_is_none() -> None:
    assert Offset().note_date("Fri, 15 Jan 2027 08:00:01 GMT", NOON, NOON + SECOND) == 0


def test_a_clock_that_is_ahead_or_behind_is_seen() -> None:
    ahead = Offset().note_date("Fri, 15 Jan 2027 08:01:30 GMT", NOON, NOON)
    behind = Offset().note_date("Fri, 15 Jan 2027 07:58:30 GMT", NOON, NOON)
    assert ahead == 90 * SECOND + SECOND // 2
    assert behind == -90 * SECOND + SECOND // 2


def test_one_answer_out_of_a_cache_moves_nothing() -> None:
    offset = Offset()
    for _ in range(4):
        offset.note(NOON, NOON, NOON)
    assert offset.note(NOON - 3600 * SECOND, NOON, NOON) == 0


def test_what_is_no_date_says_nothing() -> None:
    for text in ("", "yesterday", "Fri, 99 Jan 2027 08:00:00 GMT"):
        assert Offset().note_date(text, NOON, NOON) is None


@pytest.mark.parametrize("delays", [[0.1], [9.0, 0.1, 30.0], [40.0, 12.0]])
@pytest.mark.parametrize("skew", [-90, 0, 90])
def test_frames_show_a_clock_that_is_ahead_and_never_one_that_is_behind(skew: int, delays: list[float]) -> None:
    offset = Offset()
    for delay in delays:
        offset.note_frame(NOON + skew * SECOND, NOON + round(delay * SECOND))
    shown = max(0, skew * SECOND - round(min(delays) * SECOND))
    assert offset.known == (shown if shown > RESOLUTION else 0)
    assert offset.known <= max(0, skew * SECOND)


def test_frames_on_their_way_for_long_do_not_move_what_an_answer_has_shown() -> None:
    for skew in (-90, 90):
        offset = Offset()
        measured = offset.note(NOON + skew * SECOND, NOON, NOON)
        for delay in (1, 20, 60):
            assert offset.note_frame(NOON + skew * SECOND, NOON + delay * SECOND) == measured == skew * SECOND


def test_frames_narrow_what_a_slow_answer_has_shown() -> None:
    offset = Offset()
    assert offset.note(NOON + 30 * SECOND, NOON, NOON + 20 * SECOND) == 20 * SECOND  # somewhere from 10 to 30
    assert offset.note_frame(NOON + 30 * SECOND, NOON + SECOND) == 29 * SECOND


def test_a_clock_that_is_set_back_is_believed_after_a_few_frames() -> None:
    offset = Offset()
    offset.note_frame(NOON + 60 * SECOND, NOON)
    for second in range(10):
        offset.note_frame(NOON + second * SECOND, NOON + second * SECOND)
    assert offset.known == 0


@given(
    st.integers(-(10**6), 10**6),
    st.lists(st.tuples(st.booleans(), st.integers(0, 10**5), st.integers(0, 10**5)), min_size=1),
)
def test_no_delay_makes_the_clock_seem_further_ahead_than_an_answer_allows(
    skew: int, messages: list[tuple[bool, int, int]]
) -> None:
    """In milliseconds; a message is one way, or there and back."""
    offset, slowest = Offset(), 0
    for one_way, there, back in messages:
        received = NOON + (there + back) * SECOND // 1000
        theirs = NOON + (there + skew) * SECOND // 1000
        if one_way:
            offset.note_frame(theirs, received)
        else:
            slowest = max(slowest, there + back)
            offset.note(theirs, NOON, received)
    assert offset.known <= max(0, skew * SECOND // 1000 + slowest * SECOND // 2000 + 1)
