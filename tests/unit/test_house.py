"""The house rules that a machine can check and no other tool does."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "venuewire"
VENUES = PACKAGE / "venues"

# Above the registry, and in what it stands on, a venue has no name: a fifth one is a new folder and no other edit.
SHARED = (
    *("errors.py", "model", "frame.py", "codec.py", "venue.py", "session", "book", "orders"),
    *("transport", "journal", "client", "sandbox", "gateway", "views.py"),
)

# Of one machine: where it lives, and where its packages came from.
PRIVATE_PATHS = re.compile(r"(?<![\w.~-])/(?:work|tmp|root|home|Users)/[\w.-]")
DOWNLOADS = re.compile(r"https?://\S+(?:\.whl|\.tar\.gz|/simple/)|file:/{2}|--(?:extra-)?index-url")


def venue_names() -> list[str]:
    return sorted(path.name for path in VENUES.iterdir() if (path / "__init__.py").exists())


def sources(*places: str) -> Iterator[Path]:
    for place in places:
        path = PACKAGE / place
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def committed() -> list[Path]:
    """Every file that git keeps; outside a checkout (an unpacked archive) there is nothing to ask."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def offences(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    """`file:line: text` for each line that matches; binary files have no lines."""
    found: list[str] = []
    for path in files:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{n}: {line.strip()[:160]}"
            for n, line in enumerate(lines, 1)
            if pattern.search(line)
        ]
    return found


def test_no_shared_layer_names_a_venue() -> None:
    names = venue_names()
    assert names
    word = re.compile(rf"(?<![a-z])(?:{'|'.join(names)})(?![a-z])")
    assert offences(word, list(sources(*SHARED))) == []


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sources(".")
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_a_venue_has_the_same_files_as_its_neighbours() -> None:
    wanted = ("signing.py", "translate.py", "initiator", "acceptor", "vectors.jsonl", "README.md")
    missing = [f"{name}/{file}" for name in venue_names() for file in wanted if not (VENUES / name / file).exists()]
    missing += [f"{name}/wire" for name in venue_names() if not list((VENUES / name).glob("wire*"))]
    assert missing == []


def test_nothing_committed_belongs_to_one_machine() -> None:
    assert offences(PRIVATE_PATHS, committed()) == []


def test_nothing_committed_holds_a_download_address() -> None:
    assert offences(DOWNLOADS, committed()) == []


def test_the_pinned_files_pin_by_hash() -> None:
    for name in ("run.txt", "dev.txt"):
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        entries = re.split(r"\n(?=[a-zA-Z])", text)[1:]
        assert entries
        assert [entry.split()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_dev_pins_are_the_run_pins_and_more() -> None:
    run, dev = (
        set(re.findall(r"^([\w.-]+==\S+)", (ROOT / "requirements" / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("run.txt", "dev.txt")
    )
    assert run < dev
