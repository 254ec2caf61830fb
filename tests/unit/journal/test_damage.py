"""Crashes and damage: what was reported written is there, or it is said that it is not. Never anything else."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.journal.desk import acknowledged, crashed, files, fill, opened, order

from venuewire.errors import JournalError
from venuewire.journal import Durability, Journal
from venuewire.journal.entry import Entry
from venuewire.journal.hold import Mark
from venuewire.journal.store import Store, read, sound

Facts = list[tuple[int, str, bytes]]


def facts(entries: list[Entry]) -> Facts:
    return [(entry.seq, entry.kind, entry.record) for entry in entries]


def held(path: Path) -> Facts:
    return facts(read(path, Mark(path))[0])


async def act(journal: Journal, kind: str, n: int) -> None:
    match kind:
        case "intend":
            await journal.intend(order(str(n)))
        case "burst":
            await asyncio.gather(*(journal.intend(order(f"{n}-{k}")) for k in range(7)))
        case "told":
            journal.told(fill(str(n), f"e{n}"))
            journal.flush()
        case "large":
            journal.told(acknowledged("9" * 5000))
            journal.flush()
        case "log":
            journal._store.write_back()
        case _:
            raise AssertionError(kind)


ACTS = st.lists(st.sampled_from(["intend", "intend", "burst", "told", "large", "log"]), min_size=1, max_size=8)


class Past:
    """A journal as it was at each commit: what a crash there leaves, and what had been reported written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.moments: list[tuple[Path, Facts]] = []

    async def live(self, acts: list[str]) -> None:
        with opened(self.folder / "live" / "j") as journal:
            self.remember(journal)
            for n, kind in enumerate(acts):
                await act(journal, kind, n)
                self.remember(journal)

    def remember(self, journal: Journal) -> None:
        copy = crashed(journal, self.folder / str(len(self.moments)))
        self.moments.append((copy, facts(journal._store.all())))

    def again(self, moment: int) -> Path:
        """A fresh copy of what that crash left."""
        folder = self.folder / "again"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.moments[moment][0].parent, folder)
        return folder / "j"


def past(folder: Path, acts: list[str]) -> Past:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "live").mkdir(parents=True)
    it = Past(folder)
    asyncio.run(it.live(acts))
    return it


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("past")


@settings(max_examples=15)
@given(ACTS)
def test_a_crash_at_any_commit_loses_nothing(folder: Path, acts: list[str]) -> None:
    it = past(folder / "crash", acts)
    for copy, wanted in it.moments:
        assert held(copy) == wanted
    with opened(it.again(-1)) as journal:
        assert facts(journal._store.entries) == it.moments[-1][1]


@settings(max_examples=25)
@given(ACTS, st.data())
def test_a_crash_in_the_middle_of_a_commit_leaves_all_of_it_or_nothing(
    folder: Path, acts: list[str], data: st.DataObject
) -> None:
    it = past(folder / "torn", acts)
    moment = data.draw(st.integers(0, len(it.moments) - 2))
    (before, was), (after, then) = it.moments[moment : moment + 2]
    old, new = (path.with_name("j-wal") for path in (before, after))
    if not new.exists() or new.stat().st_size <= old.stat().st_size:
        return  # the log was written back in this step
    path = it.again(moment)
    # The log grew; the power went while it did.
    length = data.draw(st.integers(old.stat().st_size, new.stat().st_size))
    path.with_name("j-wal").write_bytes(new.read_bytes()[:length])
    assert held(path) in (was, then)


def damage(file: Path, data: st.DataObject) -> None:
    stored = bytearray(file.read_bytes())
    how = data.draw(st.sampled_from(["cut", "flip", "zero", "remove"]))
    at = data.draw(st.integers(0, len(stored) - 1))
    if how == "cut":
        del stored[at:]
    elif how == "flip":
        stored[at] ^= 1 << data.draw(st.integers(0, 7))
    elif how == "zero":
        stored[at : at + 512] = bytes(len(stored[at : at + 512]))
    if how == "remove":
        file.unlink()
    else:
        file.write_bytes(stored)


@settings(max_examples=60)
@given(ACTS, st.data())
def test_damage_at_any_byte_of_any_file_is_told_or_harmless(folder: Path, acts: list[str], data: st.DataObject) -> None:
    it = past(folder / "damaged", acts)
    moment = data.draw(st.integers(0, len(it.moments) - 1))
    wanted = it.moments[moment][1]
    path = it.again(moment)
    damage(data.draw(st.sampled_from([p for p in sorted(path.parent.glob("j*")) if p.stat().st_size])), data)
    found = files(path)
    try:
        with opened(path) as journal:
            # Every entry that was reported written, and no other.
            assert facts(journal._store.entries) == wanted
            return
    except JournalError as error:
        told = str(error)
    assert str(path) in told
    assert "salvage" in told
    assert files(path) == found  # nothing was changed, nothing deleted
    target = path.with_name("k")
    kept = Journal.salvage(path, target)
    assert files(path) == found
    sound_part = held(target)[:-1]
    assert kept.kept == len(sound_part)
    assert sound_part == [fact for fact in wanted if fact in sound_part]
    assert kept.lost or sound_part == wanted


def test_every_bit_of_the_first_page_counts_or_is_harmless(folder: Path) -> None:
    """The head of the file and its outline, byte by byte."""
    it = past(folder / "head", ["intend", "told", "log"])
    clean, wanted = it.moments[-1]
    stored = clean.read_bytes()
    for at in range(700):
        path = it.again(-1)
        bad = bytearray(stored)
        bad[at] ^= 0xFF
        path.write_bytes(bad)
        try:
            assert held(path) == wanted
        except JournalError:
            continue


def test_a_journal_that_was_taken_away_is_missed(tmp_path: Path) -> None:
    it = past(tmp_path / "p", ["intend", "log"])
    for gone, words in (("j", "missing or empty"), ("j-mark", "mark .* is missing")):
        path = it.again(-1)
        path.with_name(gone).unlink()
        with pytest.raises(JournalError, match=words):
            opened(path)


def test_an_older_copy_in_its_place_is_told(tmp_path: Path) -> None:
    it = past(tmp_path / "p", ["intend", "log", "intend", "log"])
    path = it.again(-1)
    shutil.copyfile(it.moments[2][0], path)
    path.with_name("j-wal").unlink(missing_ok=True)
    with pytest.raises(JournalError, match="it ends with entry 2, but 3 had been written"):
        opened(path)


def test_another_file_is_not_taken_for_a_journal(tmp_path: Path) -> None:
    (tmp_path / "j").write_text("dear diary\n" * 1000)
    (tmp_path / "j-mark").write_bytes(b"")
    with pytest.raises(JournalError):
        opened(tmp_path / "j")
    assert (tmp_path / "j").read_text().startswith("dear")


def test_a_start_that_was_killed_at_any_step_can_be_made_again(tmp_path: Path) -> None:
    for mark, journal in ((b"", None), (b"", b"")):
        folder = tmp_path / str(journal)
        folder.mkdir()
        (folder / "j-mark").write_bytes(mark)
        if journal is not None:
            (folder / "j").write_bytes(journal)
        opened(folder / "j").close()


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ("DELETE FROM entry WHERE seq = 3", "something is missing before entry 4"),
        ("DELETE FROM entry WHERE seq < 3", "something is missing before entry 3"),
        ("DELETE FROM entry WHERE seq > 3", "it ends with entry 3"),
        ("UPDATE entry SET seq = seq + 100 WHERE seq = 3", "not as it was written|missing"),
        ("UPDATE entry SET epoch = 'x' WHERE seq = 3", "damaged"),
        ("UPDATE entry SET time = NULL WHERE seq = 3", "damaged"),
        ("UPDATE entry SET chain = NULL WHERE seq = 3", "not as it was written"),
        ("CREATE INDEX extra ON entry (kind)", "not a journal, or its outline"),
        ("PRAGMA user_version = 2", "written in format 2"),
    ],
)
def test_what_somebody_changed_by_hand_is_told(tmp_path: Path, edit: str, words: str) -> None:
    it = past(tmp_path / "p", ["burst", "log"])
    path = it.again(-1)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(edit)
    with pytest.raises(JournalError, match=words):
        opened(path)


def test_salvage_keeps_what_is_sound_and_names_the_rest(tmp_path: Path) -> None:
    it = past(tmp_path / "p", ["burst", "intend", "told", "burst", "log"])
    path = it.again(-1)
    stored = path.read_bytes()
    at = stored.index(b'"cl_ord_id":"1"')
    path.write_bytes(stored[:at] + b'"cl_ord_id":"7"' + stored[at + 15 :])
    with pytest.raises(JournalError, match="not as it was written"):
        opened(path)
    target = tmp_path / "sound"
    salvage = Journal.salvage(path, target)
    assert salvage.kept == len(it.moments[-1][1]) - 1
    assert any("not as it was written" in words for words in salvage.lost)
    with pytest.raises(JournalError, match="there already"):
        Journal.salvage(path, target)
    with opened(target) as journal:
        recovered = journal.recover()
        assert "1" not in recovered.cl_ord_ids
        assert len(recovered.cl_ord_ids) == 14
        assert not recovered.clean
        assert journal.ids().unique() > recovered.reserved


def test_a_sound_journal_is_salvaged_whole(tmp_path: Path) -> None:
    it = past(tmp_path / "p", ["burst"])
    salvage = Journal.salvage(it.again(-1), tmp_path / "k")
    assert salvage.lost == ()
    assert held(tmp_path / "k")[:-1] == it.moments[-1][1]


def test_reading_what_is_sound_ends(tmp_path: Path) -> None:
    it = past(tmp_path / "p", ["burst"] * 4 + ["log"])
    path = it.again(-1)
    stored = bytearray(path.read_bytes())
    stored[4096:] = random.Random(1).randbytes(len(stored) - 4096)
    path.write_bytes(stored)
    assert [found for found in sound(path) if isinstance(found, str)]


# ---------------------------------------------------------------------- a kill, for real

WRITER = """
import asyncio, sys, time
from venuewire.journal import Durability, Journal
from venuewire.model.orders import NewOrder
from venuewire.model.terms import OrdType, Side

async def one(journal, ids):
    while True:
        command = NewOrder(symbol="S", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty=1, price=5,
                           cl_ord_id=str(ids.unique()))
        intent = await journal.intend(command)
        sys.stdout.write(f"{intent.seq} {command.cl_ord_id}\\n")
        sys.stdout.flush()

async def main():
    journal = Journal.open(sys.argv[1], durability=Durability(sys.argv[2]), clock_now=time.time_ns)
    ids = journal.ids()
    await asyncio.gather(*(one(journal, ids) for _ in range(3)))

asyncio.run(main())
"""


async def killed_after(path: Path, lines: int, durability: Durability) -> list[str]:
    """Let a child write, kill it when it has said so many lines: all it said."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WRITER, str(path), durability.value), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    said = [await child.stdout.readline() for _ in range(lines)]
    os.kill(child.pid, signal.SIGKILL)
    said += (await child.stdout.read()).splitlines(keepends=True)
    await child.wait()
    return [line.decode().strip() for line in said if line.endswith(b"\n")]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
async def test_what_a_killed_process_said_was_written_is_written(tmp_path: Path) -> None:
    chance = random.Random(4)
    said: list[str] = []
    entries: list[Entry] = []
    for turn in range(20):
        durability = Durability.OS if turn % 4 == 3 else Durability.FULL
        said += await killed_after(tmp_path / "j", chance.randint(1, 60), durability)
        entries, _ = read(tmp_path / "j", Mark(tmp_path / "j"))
        there = {f"{entry.seq} {entry.cl_ord_id}" for entry in entries if entry.kind == "NewOrder"}
        assert set(said) <= there
    ids = [int(line.split()[1]) for line in said]
    assert len(set(ids)) == len(ids)
    assert all(b.seq > a.seq for a, b in pairwise(entries))


def test_opening_does_not_leave_the_mark_behind(tmp_path: Path) -> None:
    opened(tmp_path / "j").close()
    mark = Mark(tmp_path / "j")
    store = Store(tmp_path / "j", mark, synchronous="FULL")
    assert mark.read() == store.head == len(store.entries)
    store.close()
