"""What the measurements are shown with: tables and plots of recorded results, and the last words of who fails."""

from __future__ import annotations

import runpy
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from benches import page, plot, race
from benches.books import spread
from benches.flood import BARE, OURS
from benches.goals import Goal, against

ROOT = Path(__file__).parents[2]
ROW = {"version": "venuewire 1", "frames_per_second": 200_000, "microseconds": 5.0, "cpu_microseconds": 4.0}
FLOOD: dict[str, Any] = {
    "frame_bytes": 1_243,
    "levels": 10.0,
    "rounds": 3,
    "core": "native core",
    "contestants": {
        OURS: ROW,
        "other": ROW | {"version": "other 2.1", "frames_per_second": 10_000},
        "gone": {"failed": "no index to reach"},
        BARE: ROW | {"frames_per_second": 900_000},
    },
    "ratios": {OURS: 1.0, "other": 20.0, BARE: 0.22},
    "cpu_ratios": {OURS: 1.0, "other": 18.26, BARE: 0.14},
}
RECORDED = {"flood": {"machine": "a machine", "date": "a day", "load": 0.5, "result": FLOOD}}


def test_a_table_stands_between_its_marks_and_says_where_it_is_from() -> None:
    text = (
        "before\n<!-- measured: flood -->\nold\n<!-- end -->\nbetween\n<!-- measured: books -->\nkept\n<!-- end -->\n"
    )
    made = page.page(text, RECORDED)
    assert "old" not in made
    assert "kept" in made  # what was not measured stays
    assert "| other (other 2.1) | 10,000 | 4.00 | 20.0 x | 18.3 x |" in made
    assert "a machine; a day; processors busy with other work when it began: 0.5." in made
    assert page.page(made, RECORDED) == made


def test_who_could_not_be_measured_is_told_and_not_left_out() -> None:
    assert "| gone | not measured: no index to reach |" in page.flood_table(FLOOD)


def test_a_plot_is_well_formed_and_has_who_was_measured() -> None:
    drawn = page.throughput_plot(FLOOD)
    words = [element.text for element in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    assert {OURS, "other", BARE, "200,000"} <= set(words)
    assert "gone" not in words


def test_points_of_lines_stand_where_their_values_are() -> None:
    drawn = plot.lines("title", "books", {"one": [(1.0, 0.0), (1_000.0, 10.0)], "two": [(1.0, 5.0), (1_000.0, 10.0)]})
    tree = ET.fromstring(drawn)
    circles = [
        (float(it.get("cx", "")), float(it.get("cy", ""))) for it in tree.iter("{http://www.w3.org/2000/svg}circle")
    ]
    (_, zero), (_, ten), (_, five), (_, also_ten) = circles
    assert ten == also_ten < five < zero
    assert five == pytest.approx((zero + ten) / 2, abs=0.1)
    labels = {it.text: float(it.get("y", "")) for it in tree.iter("{http://www.w3.org/2000/svg}text")}
    assert abs(labels["one"] - labels["two"]) >= 15  # they do not lie on each other


@pytest.mark.parametrize(("value", "rounded"), [(0.9, 1), (1, 1), (7, 8), (23.4, 30), (101, 200)])
def test_an_axis_ends_at_a_round_number(value: float, rounded: float) -> None:
    assert plot.nice(value) == pytest.approx(rounded)


@pytest.mark.parametrize("count", [4, 12, 100, 1_000])
def test_books_are_spread_over_all_venues(count: int) -> None:
    found = spread(count)
    assert sum(found.values()) == count
    assert min(found.values()) >= 1
    assert found["coinbase"] <= 30


def test_a_goal_says_what_came_of_it_and_by_which_clock() -> None:
    goal = Goal("work", ">= 4 x", against("other"))
    rows = {"microseconds": 20.0, "cpu_microseconds": 12.0}
    found = {"flood": {"contestants": {OURS: ROW, "other": rows}}}
    assert goal.outcome(found) == ("4.00, 3.00", "by the clock")
    assert Goal("work", "<= 4 x", against("other")).outcome(found) == ("4.00, 3.00", "yes")
    assert goal.outcome({}) == ("not measured", "-")
    assert Goal("work", ">= 1 x", against("gone")).outcome({"flood": FLOOD}) == ("not measured", "-")


def test_only_a_newer_python_is_taken_for_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = runpy.run_path(str(ROOT / "requirements" / "environment.py"))
    assert environment["version"](sys.executable) == sys.version_info[:2]
    assert environment["version"]("no-such-python") == (0, 0)
    monkeypatch.setenv("PEERS_PYTHON", sys.executable)
    assert environment["newest"]() == ""


def test_the_last_words_of_a_contestant_name_its_error() -> None:
    group = "  | Traceback (most recent call last):\n  |   File x\n    | some.errors.Refused Error: no\n    +-----\n"
    assert race._last_words(group) == "some.errors.Refused Error: no"
    assert race._last_words("") == ""
    assert race._last_words("only 3 of 10 frames came\n") == "only 3 of 10 frames came"
