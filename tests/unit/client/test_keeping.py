"""Where a login's tokens are kept: the store, the table of the configuration, the keyring."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from venuewire.client import config, keeping
from venuewire.errors import ConfigError
from venuewire.model.session import Secret
from venuewire.venue import Credentials
from venuewire.venues import find

VENUE = find("ctrader")
KEYRING = """
import json
from pathlib import Path

FILE = Path(__file__).with_name("vault.json")


def get_password(service, name):
    return (json.loads(FILE.read_text()) if FILE.exists() else {}).get(f"{service}/{name}")


def set_password(service, name, value):
    if name == "refreshToken" and FILE.with_name("locked").exists():
        from keyring.errors import KeyringError
        raise KeyringError("locked")
    held = json.loads(FILE.read_text()) if FILE.exists() else {}
    FILE.write_text(json.dumps({**held, f"{service}/{name}": value}))
"""


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A keyring on disk, as the extra `secrets` would bring one."""
    package = tmp_path / "site" / "keyring"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(KEYRING)
    (package / "errors.py").write_text("class KeyringError(Exception): ...\n")
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.chdir(tmp_path)
    yield package
    for name in ("keyring", "keyring.errors"):
        sys.modules.pop(name, None)


def fresh(known: Credentials) -> Credentials:
    return replace(known, accessToken=Secret("a1"), refreshToken=Secret("r1"), expiresAt=1_800_000_000)


def test_tokens_go_into_the_keyring_that_has_the_application(vault: Path) -> None:
    vault_of: Any = importlib.import_module("keyring")
    nowhere = {"HOME": str(vault)}
    vault_of.set_password("venuewire:ctrader", "clientId", "app")
    vault_of.set_password("venuewire:ctrader", "clientSecret", "s")
    known = config.credentials(VENUE, nowhere)
    assert config.source(VENUE, nowhere) == "keyring"
    keep = keeping.place_for(VENUE, known, environment=nowhere)
    assert keep.where == "the keyring, venuewire:ctrader"
    keep.save(fresh(known))
    again = config.credentials(VENUE, nowhere)
    assert getattr(again, "accessToken", None) == Secret("a1")
    assert getattr(again, "refreshToken", None) == Secret("r1")
    assert getattr(again, "expiresAt", None) == 1_800_000_000
    (vault / "locked").touch()
    with pytest.raises(ConfigError, match="did not take the tokens"):
        keep.save(replace(fresh(known), refreshToken=Secret("r2")))


def test_a_store_goes_before_the_place_of_the_other_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "venuewire.toml").write_text('[ctrader]\nclientId = "a"\nclientSecret = "b"\n')
    known = config.credentials(VENUE, {})
    assert keeping.place_for(VENUE, known, environment={}).where == "[ctrader] of venuewire.toml"
    (tmp_path / "venuewire.toml").write_text('[ctrader]\nclientId = "a"\nclientSecret = "b"\nstore = "kept"\n')
    assert keeping.place_for(VENUE, known, environment={}).where == "kept"
    other = tmp_path / "other"
    assert keeping.place_for(VENUE, known, store=other, environment={}).where == str(other)


def test_a_file_that_has_changed_beyond_understanding_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "venuewire.toml"
    path.write_text('[ctrader]\nclientId = "a"\nclientSecret = "b"\n')
    known = config.credentials(VENUE, {})
    keep = keeping.place_for(VENUE, known, environment={})
    path.write_text("ctrader.clientId = 'a'\n")
    with pytest.raises(ConfigError, match="cannot be changed safely"):
        keep.save(fresh(known))
    assert path.read_text() == "ctrader.clientId = 'a'\n"
