"""The README's table of the sheet names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from venuewire.venues import coinbase

README = (Path(coinbase.__file__).parent / "README.md").read_text(encoding="utf-8")
TABLE = README[README.index("## The sheet, row by row") : README.index("## The sandbox's market")]
HERE = Path(__file__).parent
WRITTEN = {
    path.stem.removeprefix("test_"): re.findall(
        r"^(?:async )?def test_(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE
    )
    for path in HERE.glob("test_*.py")
}
NAMED = [
    (file, start)
    for file, names in re.findall(r"`(\w+)`: ((?:\w{12,}(?:\.\.\.)?(?:, )?)+)", TABLE)
    for start in re.findall(r"\w{12,}", names)
]


def test_the_table_names_tests() -> None:
    assert len(NAMED) > 40


@pytest.mark.parametrize(("file", "start"), NAMED)
def test_a_named_test_is_there(file: str, start: str) -> None:
    assert any(name.startswith(start) for name in WRITTEN[file]), start


def test_every_section_of_the_sheet_has_a_row() -> None:
    rows = {row for cell in re.findall(r"^\| ([\d., ]+) \|", TABLE, re.MULTILINE) for row in cell.split(", ")}
    assert rows >= {"1", "2.1", "2.2", "2.3", "2.4", "2.5", *(f"3.{at}" for at in range(1, 9)), "4.1", "4.2", "4.3"}
    assert rows >= {"4.4", "4.5", "4.6", "5", "6", "7", "8"}
