"""The exchange compiled, and as it stands: one source, one behaviour; never what another source made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from venuewire.sandbox import twins

ROOT = Path(__file__).parents[3]
SHOWN = "import venuewire.sandbox.exchange as exchange; print(exchange.__file__)"


def python(*arguments: str, pure: bool = False, path: Path = ROOT / "src") -> str:
    """What a Python of its own says."""
    wanted = {"VENUEWIRE_PURE": "1" if pure else "", "PYTHONPATH": os.pathsep.join((str(path), str(ROOT)))}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=120, env={**os.environ, **wanted}, cwd=ROOT
    ).stdout.strip()


@pytest.fixture
def built() -> None:
    if not twins.compiled_files():
        pytest.skip("the exchange was not compiled: `make setup` does, where there is a C compiler")


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("seed", ["1", "2"])
def test_both_tell_the_same_of_the_same_commands(seed: str) -> None:
    told = [python("-m", "tests.unit.sandbox.walk", seed, "1500", pure=pure) for pure in (False, True)]
    names, rest = zip(*(line.split(":", 1) for line in told), strict=True)
    assert names == ("compiled exchange", "exchange in Python")
    assert rest[0] == rest[1]
    assert int(rest[0].split()[0]) > 10_000


@pytest.mark.usefixtures("built")
def test_who_wants_it_plain_gets_it_plain() -> None:
    assert python("-c", SHOWN, pure=True).endswith("exchange.py")
    assert not python("-c", SHOWN).endswith(".py")


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("module", twins.MODULES)
def test_what_was_compiled_from_another_source_is_not_used(tmp_path: Path, module: str) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    source = tmp_path / "src" / "venuewire" / "sandbox" / f"{module}.py"
    assert not python("-c", SHOWN, path=tmp_path / "src").endswith(".py")
    source.write_text(source.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert python("-c", SHOWN, path=tmp_path / "src") == str(source.with_name("exchange.py"))


def test_what_is_compiled_is_there() -> None:
    assert all((twins.FOLDER / f"{name}.py").is_file() for name in twins.MODULES)
