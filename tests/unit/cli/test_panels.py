"""The screen: whole at any size, the same words without colours."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console

from venuewire import views
from venuewire.cli.panels import Layout, window
from venuewire.model.market import Level
from venuewire.model.terms import Trust
from venuewire.views import OrderTally, SessionView, Tone, VenueView

SESSION = SessionView(
    state="READY", tone=Tone.GOOD, lines="2/2", ends="29:41", renewals=3, redials=1, logon_ms=12.5
)  # fmt: skip


def view(
    name: str = "venue", *, problem: str = "", cause: str = "", is_early: bool = False, is_behind: bool = False
) -> VenueView:
    bids = [Level(Decimal(64_000 - step), Decimal("0.5")) for step in range(20)]
    asks = [Level(Decimal(64_001 + step), Decimal("1.25")) for step in range(20)]
    return VenueView(
        name=name,
        title=f"The venue {name}",
        symbol="BTC-USD",
        stage="subscribing",
        problem=problem,
        session=SESSION,
        trust=None if is_early else Trust.SUSPECT if cause else Trust.LIVE,
        cause=cause,
        updates=1234,
        ladder=None if is_early else views.ladder(bids, asks, places=2, bar_width=8),
        last=None,
        streams_trades=True,
        orders=OrderTally(filled=1, canceled=1),
        ack="1.20 ms",
        delay_p50="0.31 ms",
        delay_p99="1.10 ms",
        lag="2.40 s" if is_behind else "85 µs",
        queue="812, 1.25 s" if is_behind else "0",
        is_behind=is_behind,
        rate=412.0,
        rates=tuple(float(step) for step in range(40)),
    )


def drawn(seen: list[VenueView], width: int, height: int, *, notes: tuple[str, ...] = (), colours: bool = False) -> str:
    console = Console(
        file=StringIO(), width=width, height=height, force_terminal=colours, color_system="256" if colours else None
    )
    layout = Layout(len(seen), width, height, rows_of_orders=1)
    console.print(window(seen, layout, "header", notes))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("panels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(80, 24), (100, 30), (200, 60), (60, 20), (40, 10), (20, 5)])
def test_it_fits_the_window(panels: int, size: tuple[int, int]) -> None:
    width, height = size
    lines = drawn([view(str(number)) for number in range(panels)], width, height).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= max(height, panels + 3)


@pytest.mark.parametrize("size", [(80, 24), (100, 30)])
def test_four_venues_show_all_that_matters_on_an_ordinary_terminal(size: tuple[int, int]) -> None:
    text = drawn([view(str(number)) for number in range(4)], *size)
    for words in ("● READY 2/2  grant 29:41", "64,001.00", "64,000.00", "LIVE", "spread 1.00", "1 filled, 1 canceled"):
        assert text.count(words) == 4, words
    for words in ("412 msg/s", "ack 1.20 ms", "p50 0.31 ms  p99 1.10 ms"):
        assert text.count(words) == 4, words


def test_asks_stand_above_bids_with_the_best_in_the_middle() -> None:
    text = drawn([view()], 80, 16)
    places = [text.index(price) for price in ("64,002.00", "64,001.00", "spread", "64,000.00", "63,999.00")]
    assert places == sorted(places)


def test_a_book_in_doubt_says_why_instead_of_its_spread() -> None:
    text = drawn([view(cause="message 7 expected, 9 came")], 80, 24)
    assert "SUSPECT   message 7 expected, 9 came" in text
    assert "spread" not in text


def test_a_problem_is_told_in_whole() -> None:
    words = "logon refused on line ws: the key is not known to this venue (code 10)"
    text = drawn([view(problem=words)], 80, 24)
    assert words in " ".join(text.replace("│", " ").split())


def test_before_there_is_a_book_it_says_what_it_waits_for() -> None:
    assert "subscribing" in drawn([view(is_early=True)], 80, 24)


def test_notes_are_the_newest_and_without_colours_the_words_are_the_same() -> None:
    plain = drawn([view()], 80, 24, notes=("older", "newer"))
    assert "newer" in plain
    assert "older" not in plain
    assert "\x1b" not in plain
    assert "\x1b[" in drawn([view()], 80, 24, colours=True)


def test_what_comes_late_or_waits_here_is_shown_where_there_is_room() -> None:
    assert "p50 0.31 ms  p99 1.10 ms  lag 85 µs  queue 0" in drawn([view()], 100, 24)
    assert "lag" not in drawn([view()] * 4, 80, 24)


def test_what_is_worth_a_look_comes_first() -> None:
    assert "delay  lag 2.40 s  queue 812, 1.25 s" in drawn([view(is_behind=True)] * 4, 80, 24)
    assert "lag 2.40 s  queue 812, 1.25 s  p50 0.31 ms" in drawn([view(is_behind=True)], 100, 24)
