"""The page of this venue names tests and vectors that exist, settings that are read, habits that can be switched on."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from venuewire.venues import finery
from venuewire.venues.finery.acceptor.habits import HABITS
from venuewire.venues.finery.wire import clearing, feeds, methods

HERE = Path(__file__).parent
FOLDER = Path(finery.__file__).parent
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
VECTORS = [json.loads(line)["name"] for line in (FOLDER / "vectors.jsonl").read_text(encoding="utf-8").splitlines()]
NAMED = re.compile(r"\b(test_\w+)((?:,? `[a-z0-9_]+`)*)")


def section(title: str) -> str:
    return PAGE.split(f"## {title}", 1)[1].split("\n## ", 1)[0]


def rows() -> list[str]:
    return [line for line in section("The fact sheet, row by row").splitlines() if re.match(r"\| \d", line)]


@pytest.mark.parametrize("row", rows(), ids=lambda row: " ".join(row.split()[1:6]))
def test_a_row_is_shown_by_what_it_names_or_left_out_with_a_reason(row: str) -> None:
    shown = 0
    for module, names in NAMED.findall(row):
        files = [HERE / f"{module}.py", *HERE.parents[1].glob(f"scenarios/{module}.py")]
        text = "".join(file.read_text(encoding="utf-8") for file in files if file.exists())
        assert text, module
        for name in re.findall(r"`(\w+)`", names):
            assert re.search(rf"def test_\w*{name}", text), f"{module}: {name}"
        shown += 1
    for pattern in re.findall(r"`([A-Za-z/]+-?[\w*-]*\*)`", row):
        assert any(fnmatch(name, pattern) for name in VECTORS), pattern
        shown += 1
    assert shown or "left out: " in row


def test_every_setting_is_listed_and_every_one_listed_is_read() -> None:
    listed = set(re.findall(r"^\| `(\w+)` \|", section("Settings"), re.MULTILINE))
    read = re.findall(r'settings, "(\w+)"', (FOLDER / "initiator" / "options.py").read_text(encoding="utf-8"))
    assert listed == set(read)


def test_every_habit_is_named() -> None:
    named = section("The sandbox")
    assert [name for name in HABITS if f"`{name}`" not in named] == []


def test_every_request_every_answer_and_every_feed_is_named() -> None:
    words = section("In the venue's own words")
    asked = set(re.findall(r"`(\w+)`", words))
    assert {record.__name__ for record in methods.METHODS} <= asked
    answers = {name.rpartition(".")[2] for name in re.findall(r"`([\w.]+)`", words)}
    assert {it.__name__ for it in (clearing.Settlements, clearing.Done, feeds.Account, feeds.FeedMessage)} <= {
        *answers,
        *re.findall(r"\b[A-Z]\w+", words),
    }
    assert [letter for letter in feeds.FEEDS if not re.search(rf"\b{letter}\b", words)] == []
