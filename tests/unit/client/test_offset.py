"""The venue's clock, from what it tells."""

from __future__ import annotations

from venuewire.client.offset import Offset
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
