"""What people read: exact numbers, calm figures, and how things stand."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venuewire import views
from venuewire.model.market import Level, Trade
from venuewire.model.terms import OrdStatus, Side, Trust
from venuewire.views import Tone


def levels(*pairs: tuple[str, str]) -> list[Level]:
    return [Level(Decimal(price), Decimal(size)) for price, size in pairs]


def line(state: str = "READY", **what: Any) -> dict[str, Any]:
    return {
        "state": state,
        "epoch": 1,
        "grant_seconds_left": None,
        "renewals": 0,
        "logon_ms": 12.5,
        "frames_in": 0,
    } | what


def health(*lines: dict[str, Any]) -> dict[str, Any]:
    return {"lines": {str(place): each for place, each in enumerate(lines)}}


# --------------------------------------------------------------------------- figures


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        ("64000.1", 2, "64,000.10"),
        ("64000", 0, "64,000"),
        ("0.00001234", 2, "0.00001234"),
        ("1E+3", 0, "1,000"),
        ("-5.50", 0, "-5.5"),
        ("0", 2, "0.00"),
    ],
)
def test_a_number_keeps_every_digit_it_has(value: str, places: int, text: str) -> None:
    assert views.number(Decimal(value), places) == text


def test_what_is_not_known_is_not_shown_as_zero() -> None:
    assert views.number(None, 2) == "–"
    assert views.duration(None) == "–"
    assert views.latency(None) == "–"


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=10))
def test_a_number_read_back_is_the_number(value: Decimal) -> None:
    with localcontext() as context:
        context.prec = 6  # what a user's program may have set
        text = views.number(value)
    assert Decimal(text.replace(",", "")) == value


def test_a_column_has_its_decimal_points_under_one_another() -> None:
    assert views.column([Decimal("1.5"), Decimal(120), Decimal("0.25")]) == ["  1.50", "120.00", "  0.25"]
    assert views.column([]) == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (10, "0:10"),
        (1781, "29:41"),
        (3600, "1 h 00 min"),
        (11_111, "3 h 05 min"),
        (1_000_000, "11 d"),
        (-3, "over"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert views.duration(seconds) == text


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "0 µs"),
        (85_400, "85 µs"),
        (310_000, "0.31 ms"),
        (12_340_000, "12.3 ms"),
        (253_000_000, "253 ms"),
        (1_200_000_000, "1.20 s"),
    ],
)
def test_latencies(nanos: int, text: str) -> None:
    assert views.latency(nanos) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (7.4, "7"), (1234, "1,234"), (12_345, "12.3k"), (2.5e6, "2.5M")])
def test_counts(value: float, text: str) -> None:
    assert views.count(value) == text


def test_a_sparkline_shows_the_newest_under_one_scale() -> None:
    assert views.sparkline([0, 1, 2, 4, 8], 8) == "▁▂▃▅█"
    assert views.sparkline([9, 9, 0, 8], 2) == "▁█"
    assert views.sparkline([0, 0], 8) == "▁▁"
    assert views.sparkline([], 8) == ""
    assert views.sparkline([1, 2], 0) == ""


@given(st.lists(st.floats(min_value=0, max_value=1e9), max_size=50), st.integers(-2, 40))
def test_a_sparkline_is_never_wider_than_its_room(values: list[float], width: int) -> None:
    assert len(views.sparkline(values, width)) <= max(0, width)


def test_a_bar_is_in_eighths_and_anything_above_zero_can_be_seen() -> None:
    assert views.bar(Decimal(8), Decimal(8), 4) == "████"
    assert views.bar(Decimal(5), Decimal(8), 1) == "▋"
    assert views.bar(Decimal("0.0001"), Decimal(1000), 4) == "▏"
    assert views.bar(Decimal(0), Decimal(8), 4) == ""
    assert views.bar(Decimal(1), Decimal(0), 4) == ""


@given(st.decimals("0.00000001", "1e9"), st.decimals("0.00000001", "1e9"), st.integers(1, 60))
def test_a_bar_is_never_wider_than_its_room(size: Decimal, largest: Decimal, width: int) -> None:
    assert 1 <= len(views.bar(size, largest, width)) <= width


# --------------------------------------------------------------------------- sessions


def test_a_session_is_as_good_as_its_worst_line() -> None:
    seen = views.session(health(line("READY"), line("LOGGING_ON", logon_ms=None)))
    assert (seen.state, seen.tone, seen.lines, seen.logon_ms) == ("LOGGING_ON", Tone.DOUBT, "1/2", None)


def test_the_first_grant_to_end_counts_and_so_does_the_slowest_logon() -> None:
    lines = [line(grant_seconds_left=1781, logon_ms=12.0), line(grant_seconds_left=1790, logon_ms=30.25, renewals=2)]
    seen = views.session(health(*lines, line()))
    assert (seen.ends, seen.logon_ms, seen.renewals, seen.lines) == ("29:41", 30.25, 2, "3/3")
    assert seen.tone is Tone.GOOD


def test_a_grant_without_end_says_so_and_no_grant_says_nothing() -> None:
    assert views.session(health(line())).ends == "no end"
    assert views.session(health(line("LOGGING_ON"))).ends == "–"


def test_the_first_dial_is_not_a_loss_and_the_second_is() -> None:
    first = views.session(health(line("DIALLING", logon_ms=None)))
    lost = views.session(health(line("CLOSED"), line()))
    again = views.session(health(line("DIALLING", epoch=3, logon_ms=None)))
    assert (first.state, first.tone, first.redials) == ("CONNECTING", Tone.DOUBT, 0)
    assert (lost.state, lost.tone, lost.lines) == ("RECONNECTING", Tone.BAD, "1/2")
    assert (again.state, again.tone, again.redials) == ("RECONNECTING", Tone.BAD, 2)


@pytest.mark.parametrize(
    ("trust", "tone"),
    [
        (None, Tone.PLAIN),
        (Trust.LIVE, Tone.GOOD),
        (Trust.SUSPECT, Tone.DOUBT),
        (Trust.RESYNCING, Tone.DOUBT),
        (Trust.STALE, Tone.BAD),
    ],
)
def test_only_a_live_book_is_good(trust: Trust | None, tone: Tone) -> None:
    assert views.trust_tone(trust) is tone


# --------------------------------------------------------------------------- books and trades


def test_a_ladder_is_aligned_over_both_sides() -> None:
    seen = views.ladder(levels(("99.5", "10"), ("98", "2.5")), levels(("100", "5")), places=2, bar_width=4)
    assert [(rung.price, rung.size, rung.bar) for rung in seen.bids] == [
        (" 99.50", "10.0", "████"),
        (" 98.00", " 2.5", "█"),
    ]
    assert [(rung.price, rung.size, rung.bar) for rung in seen.asks] == [("100.00", " 5.0", "██")]
    assert seen.spread == "0.50"


def test_a_book_with_one_side_has_no_spread() -> None:
    assert views.ladder(levels(("99.5", "10")), []).spread == "–"
    assert views.ladder([], []).bids == ()


def test_the_last_trade_tells_its_aggressor_and_its_age_once_it_is_old() -> None:
    made = Trade(
        symbol="X", trade_id="1", price=Decimal("64000.1"), size=Decimal("0.50"), aggressor_side=Side.SELL,
        transact_time=0, recv_time=10**9,
    )  # fmt: skip
    fresh, old = views.trade(made, 2 * 10**9, 2), views.trade(made, 13 * 10**9, 2)
    assert fresh is not None
    assert old is not None
    assert (fresh.price, fresh.size, fresh.side, fresh.tone, fresh.age) == ("64,000.10", "0.5", "▼", Tone.BAD, "")
    assert old.age == "0:12"
    assert views.trade(None, 0) is None


# --------------------------------------------------------------------------- orders


def test_orders_are_counted_by_where_they_stand() -> None:
    seen = views.tally(OrdStatus)
    assert seen == views.OrderTally(working=3, filled=1, canceled=2, rejected=1, unknown=1)
    assert str(seen) == "1 filled, 2 canceled, 3 working, 1 rejected, 1 UNKNOWN"
    assert str(views.tally([])) == "0 filled, 0 canceled"


def test_a_table_aligns_its_columns() -> None:
    assert views.table([("a", "long"), ("wide", "1")], right={1}) == ["a     long", "wide     1"]
