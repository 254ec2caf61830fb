"""Tokens that work once: the next ones are on disk, whole and for their owner alone, before they are relied on."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from tests.unit.client.toy import ToyCredentials

from venuewire.errors import ConfigError
from venuewire.model.session import Secret
from venuewire.transport.store import FileStore

CONFIGURED = ToyCredentials(key=Secret("me"), changing=Secret("one"))
NEXT = ToyCredentials(key=Secret("me"), changing=Secret("two"))


def test_without_a_file_the_configured_ones_hold(tmp_path: Path) -> None:
    assert FileStore(tmp_path / "deep" / "tokens", CONFIGURED).load() == CONFIGURED


def test_what_was_stored_wins_over_what_it_came_from(tmp_path: Path) -> None:
    FileStore(tmp_path / "tokens", CONFIGURED).save(NEXT)
    assert FileStore(tmp_path / "tokens", CONFIGURED).load() == NEXT


def test_what_was_configured_anew_wins_over_what_was_stored(tmp_path: Path) -> None:
    FileStore(tmp_path / "tokens", CONFIGURED).save(NEXT)
    anew = ToyCredentials(key=Secret("me"), changing=Secret("by hand"))
    assert FileStore(tmp_path / "tokens", anew).load() == anew


def test_another_secret_that_changed_does_not_bring_a_spent_token_back(tmp_path: Path) -> None:
    FileStore(tmp_path / "tokens", CONFIGURED).save(NEXT)
    other_key = ToyCredentials(key=Secret("new key"), changing=Secret("one"))
    loaded = FileStore(tmp_path / "tokens", other_key).load()
    assert isinstance(loaded, ToyCredentials)
    assert (loaded.key, loaded.changing) == (Secret("new key"), Secret("two"))


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("{}")
    path.chmod(0o644)
    FileStore(path, CONFIGURED).save(NEXT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_file_holds_what_changed_and_nothing_that_is_configured(tmp_path: Path) -> None:
    FileStore(tmp_path / "tokens", CONFIGURED).save(NEXT)
    text = (tmp_path / "tokens").read_text()
    assert "two" in text
    assert '"me"' not in text


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tokens"
    FileStore(path, CONFIGURED).save(NEXT)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        FileStore(path, CONFIGURED).save(ToyCredentials(key=Secret("me"), changing=Secret("three")))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"identity": 1}'])
def test_a_file_that_is_something_else_is_not_overwritten(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokens"
    path.write_text(content)
    with pytest.raises(ConfigError):
        FileStore(path, CONFIGURED).load()
    assert path.read_text() == content


def test_a_place_that_cannot_be_written_is_told_before_a_token_is_spent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be"):
        FileStore(tmp_path / "file" / "tokens", CONFIGURED).load()
