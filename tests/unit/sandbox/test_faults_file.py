"""`venuewire sandbox --faults FILE`."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from venuewire.cli.commands import run


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command sends all logs to standard error; the tests after this one want them back."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_faults_of_a_file_are_set_before_anybody_comes(tmp_path: Path) -> None:
    file = tmp_path / "faults.jsonl"
    file.write_text(
        '{"kind": "drop", "venue": "finery", "after": 5}\n{"kind": "expire", "venue": "alor", "after_s": 60}\n'
    )
    command = [sys.executable, "-m", "venuewire", "sandbox", "--venues", "finery,alor", "--faults", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        with urllib.request.urlopen(ready["control"] + "/faults", timeout=5) as answer:
            faults = json.load(answer)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert {(fault["venue"], fault["fault"]["kind"], fault["phase"]) for fault in faults} == {
        ("finery", "drop", "in force"),
        ("alor", "expire", "waiting"),
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"kind": "drop", "code": 1001}', "a drop fault takes no code"),
        ('{"kind": "drop"}\n{"kind": "storm"}', "line 2: no fault, nor a list of faults: Invalid enum value 'storm'"),
        ('{"kind": "drop", "venue": "alor"}', "no venue 'alor' in this sandbox; there are: finery"),
        ('{"kind": "expire", "venue": "finery"}', "Finery Markets cannot suffer expire"),
        (None, "cannot read"),
    ],
)
def test_a_bad_file_is_one_line_and_wrong_usage(
    text: str | None, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "faults.json"
    if text is not None:
        file.write_text(text)
    assert run(["sandbox", "--venues", "finery", "--faults", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    assert len(err.splitlines()) == 1
