"""`venuewire login`: the whole flow against a running sandbox, with a browser of our own."""

from __future__ import annotations

import http.client
import json
import os
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from tests.scenarios.conftest import ROOT

from venuewire.client import config, connect
from venuewire.client.keeping import with_keys
from venuewire.errors import ConfigError
from venuewire.transport.store import FileStore
from venuewire.venues import find

VENUE = find("ctrader")
SECONDS = 30


@contextmanager
def logging_in(folder: Path, *options: str, **more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command, and the address it wants opened."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("CTRADER", "VENUEWIRE"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "venuewire", "login", "ctrader", "--no-browser", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**env, "PYTHONPATH": str(ROOT / "src"), "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), **more},
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        yield process, line.strip().rpartition(" ")[2]
    finally:
        process.kill()
        process.communicate()


def get(address: str) -> tuple[int, str, bytes]:
    """As a browser does: status, where it is sent, what it is shown."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=SECONDS)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        answer = connection.getresponse()
        return answer.status, answer.getheader("location") or "", answer.read()
    finally:
        connection.close()


def configured(ready: dict[str, Any], folder: Path, extra: str = "") -> Path:
    told = ready["venues"]["ctrader"]
    application = told["credentials"]
    path = folder / "venuewire.toml"
    path.write_text(
        f"""# ours
[coinbase]
keyName = "x"

[ctrader] # the application
clientId = "{application["clientId"]}"
clientSecret = "{application["clientSecret"]}"
accountId = {application["accountId"]}
endpoints = {{ws = "{told["ws"]}", token = "{told["token"]}", consent = "{told["consent"]}"}}
{extra}
[other]
a = 1
"""
    )
    return path


def done(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, said = process.communicate(timeout=SECONDS)
    return process.returncode, out, said


async def can_log_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for name in VENUE.environment:
        monkeypatch.delenv(name, raising=False)
    async with connect("ctrader") as client:
        assert await client.balances()


async def test_tokens_come_by_browser_and_are_kept_in_the_store(
    ready: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(ready, tmp_path, 'store = "tokens.json"')
    with logging_in(tmp_path, "--json") as (process, address):
        status, location, _ = get(address)
        assert status == 302
        # Whoever comes by with something else is sent away, and the command waits on.
        port = f"http://127.0.0.1:{urlsplit(location).port}"
        assert get(f"{port}/favicon.ico")[0] == 404
        status, _, page = get(f"{port}/?{urlencode({'code': 'x', 'state': 'guessed'})}")
        assert (status, b"another login" in page) == (400, True)
        status, _, page = get(location)
        assert (status, b"Thank you" in page) == (200, True)
        code, out, said = done(process)
    assert (code, said) == (0, "")
    store = tmp_path / "tokens.json"
    assert json.loads(out) == {"venue": "ctrader", "kept": str(store.relative_to(tmp_path)), "store": True}
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    held: Any = FileStore(store, _known(tmp_path)).load()
    for secret in (held.accessToken, held.refreshToken):
        assert secret
        assert secret.reveal() not in out + said
    await can_log_on(tmp_path, monkeypatch)


def _known(folder: Path) -> Any:
    table = tomllib.loads((folder / "venuewire.toml").read_text())["ctrader"]
    return config.from_table(VENUE, table)


async def test_without_a_store_they_are_kept_beside_the_other_credentials(
    ready: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = configured(ready, tmp_path)
    before = tomllib.loads(path.read_text())
    with logging_in(tmp_path) as (process, address):
        get(get(address)[1])
        code, out, said = done(process)
    assert (code, said) == (0, "")
    assert "the tokens are in [ctrader] of venuewire.toml" in out
    assert "the next ones need a store" in out
    after = tomllib.loads(path.read_text())
    assert set(after["ctrader"]) - set(before["ctrader"]) == {"accessToken", "refreshToken", "expiresAt"}
    for key in ("accessToken", "refreshToken", "expiresAt"):
        del after["ctrader"][key]
    assert after == before
    assert "# the application" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await can_log_on(tmp_path, monkeypatch)


def test_a_login_that_comes_to_nothing_ends_in_one_line(ready: dict[str, Any], tmp_path: Path) -> None:
    configured(ready, tmp_path, 'store = "tokens.json"')
    with logging_in(tmp_path, "--seconds", "0.2") as (process, _):
        assert done(process) == (2, "", "venuewire: nobody gave consent within 0.2 s; begin again\n")
    with logging_in(tmp_path) as (process, address):
        back = dict(part.split("=") for part in urlsplit(get(address)[1]).query.split("&"))
        port = urlsplit(get(address)[1]).port
        get(f"http://127.0.0.1:{port}/?{urlencode({'error': 'access_denied', 'state': back['state']})}")
        assert done(process) == (2, "", "venuewire: consent was not given: access_denied\n")
    with logging_in(tmp_path) as (process, address):
        location = get(address)[1]
        spoiled = location.replace("code=", "code=x")
        get(spoiled)
        code, out, said = done(process)
        assert (code, out) == (2, "")
        assert "CH_ACCESS_TOKEN_INVALID" in said
        assert said.count("\n") == 1
    assert not (tmp_path / "tokens.json").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("coinbase",), "a login by browser have: ctrader"),
        (("ctrader", "--redirect", "http://example.com:80/"), "not a redirect address of this machine"),
        (("ctrader", "--redirect", "http://127.0.0.1/"), "not a redirect address of this machine"),
        (("ctrader", "--redirect", "http://127.0.0.1:99999/"), "not a redirect address of this machine"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_opened(
    ready: dict[str, Any], tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    configured(ready, tmp_path, 'store = "tokens.json"')
    assert said in failed(tmp_path, *arguments)


def test_tokens_need_a_place_before_they_are_asked_for(tmp_path: Path) -> None:
    alone = {"CTRADER_CLIENT_ID": "a", "CTRADER_CLIENT_SECRET": "b"}
    assert "need a place: name a file by --store" in failed(tmp_path, "ctrader", **alone)
    assert "no credentials for cTrader" in failed(tmp_path, "ctrader")
    (tmp_path / "file").write_text("not a store")
    assert "is not a credentials store" in failed(tmp_path, "ctrader", "--store", "file", **alone)
    (tmp_path / "venuewire.toml").write_text("ctrader.clientId = 'a'\nctrader.clientSecret = 'b'\n")
    assert "cannot be changed safely" in failed(tmp_path, "ctrader")


def failed(folder: Path, *arguments: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "venuewire", "login", *arguments, "--no-browser"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=SECONDS,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "HOME": str(folder), **env},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_table_is_changed_and_nothing_else() -> None:
    text = "[a]\nx = 1 # one\n\n[b]\n"
    assert with_keys(text, "a", {"x": "2", "y": 3}) == '[a]\nx = "2"\ny = 3\n\n[b]\n'
    assert with_keys("[a]", "a", {"x": 1}) == "[a]\nx = 1\n"
    assert with_keys("[a]\nz = 1", "a", {"x": '"q\\'}) == '[a]\nz = 1\nx = "\\"q\\\\"\n'


@pytest.mark.parametrize("text", ["", "a.x = 1", "[b]", '[a]\nx = """\nmany\nx = 2\n"""', "[a]\nx = [\n[1],\n]"])
def test_a_table_that_is_written_otherwise_is_left_alone(text: str) -> None:
    with pytest.raises(ConfigError, match="cannot be changed safely"):
        with_keys(text, "a", {"x": 5})
