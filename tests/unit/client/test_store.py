"""Tokens that work once, against the sandbox: the next pair is kept, and a client that begins anew begins with it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.unit.client.toy import ToyCredentials, make

from venuewire.client import connect
from venuewire.client.config import store
from venuewire.errors import ConfigError, LogonRejected
from venuewire.model.session import Renewed, Secret
from venuewire.sandbox import Sandbox
from venuewire.sandbox.faults import Fault, Kind
from venuewire.venue import Credentials
from venuewire.venues import find

SINGLE_USE = "ctrader"


async def renewed_once(sandbox: Sandbox, credentials: Credentials, where: Any) -> None:
    async with asyncio.timeout(10), connect(SINGLE_USE, credentials, store=where) as client:
        news = client.events()
        sandbox.set_fault(Fault(kind=Kind.EXPIRE, venue=SINGLE_USE))
        async for item in news:
            if isinstance(item, Renewed):
                return


async def test_the_stored_pair_logs_on_where_the_configured_one_is_spent(tmp_path: Path) -> None:
    async with Sandbox([SINGLE_USE]) as sandbox:
        credentials = sandbox.credentials(SINGLE_USE)
        await renewed_once(sandbox, credentials, tmp_path / "tokens")
        async with connect(SINGLE_USE, credentials, store=tmp_path / "tokens") as client:
            assert client.health()["ready"]
        with pytest.raises(LogonRejected):
            await connect(SINGLE_USE, credentials).__aenter__()


async def test_a_function_is_told_before_the_pair_is_relied_on() -> None:
    told: list[Credentials] = []
    async with Sandbox([SINGLE_USE]) as sandbox:
        credentials = sandbox.credentials(SINGLE_USE)
        await renewed_once(sandbox, credentials, told.append)
        assert len(told) == 1
        async with connect(SINGLE_USE, told[0]) as client:
            assert client.health()["ready"]


def test_a_store_that_fails_loses_nothing_and_says_so() -> None:
    def broken(_: Credentials) -> None:
        raise OSError("disk full, and canary in the words")

    table = make(store=broken)
    table.client.seat.settings["store"](ToyCredentials(changing=Secret("two")))
    assert table.client.health()["store"] == "new tokens could not be stored: OSError"


def test_the_place_is_configured_beside_the_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "venuewire"
    folder.mkdir()
    venue = find(SINGLE_USE)
    assert store(venue, {"XDG_CONFIG_HOME": str(tmp_path)}) is None
    (folder / "venuewire.toml").write_text(f'[{SINGLE_USE}]\nstore = "tokens"\n')
    assert store(venue, {"XDG_CONFIG_HOME": str(tmp_path)}) == folder / "tokens"
    (folder / "venuewire.toml").write_text(f"[{SINGLE_USE}]\nstore = 3\n")
    with pytest.raises(ConfigError):
        store(venue, {"XDG_CONFIG_HOME": str(tmp_path)})
