"""What can be known to be wrong is told before anything is sent: one line, and status 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from venuewire.venues import find, names

ROOT = Path(__file__).parents[2]
NOWHERE = "127.0.0.1:9"
"""The port on which everything is thrown away: nobody listens there."""


def command(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "venuewire", *arguments],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=60,
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if not name.startswith("COINBASE")},
    )


@pytest.mark.parametrize("venue", names())
@pytest.mark.parametrize("symbol", ["MOEX:NOSUCHTHING", "NOSUCH-THING"])
def test_an_order_in_a_symbol_there_is_not(venue: str, symbol: str, ready: dict[str, Any]) -> None:
    done = command("order", "place", f"{venue}:{symbol}", "buy", "1", "--price", "1", "--sandbox", ready["control"])
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.count("\n") == 1
    assert symbol in done.stderr


@pytest.mark.parametrize(
    "key", ["not a key at all", "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----"]
)
def test_a_key_that_cannot_sign_is_told_before_anybody_is_dialled(key: str, tmp_path: Path) -> None:
    venue = find("coinbase")
    endpoints = {it.name: f"{'ws' if it.production.startswith('ws') else 'http'}://{NOWHERE}" for it in venue.endpoints}
    entries = ", ".join(f"{name} = {json.dumps(address)}" for name, address in endpoints.items())
    (tmp_path / "venuewire.toml").write_text(
        f"[coinbase]\nkey_name = 'organizations/a/apiKeys/b'\nprivate_key = {json.dumps(key)}\n"
        f"endpoints = {{ {entries} }}\n",
        encoding="utf-8",
    )
    done = command("order", "list", "coinbase", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "private_key" in done.stderr
    assert "connect" not in done.stderr
    assert "AAAA" not in done.stderr
