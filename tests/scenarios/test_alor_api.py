"""The released alor-api (Node.js), unmodified, over TLS. What is asserted is what alor-api itself reported."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).parent / "programs" / "alor_node"
SECONDS = 120


@pytest.fixture(scope="session")
def modules() -> Path:
    """Where alor-api and what it needs are, as pinned; skips where Node.js or they cannot be had."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node.js (node and npm) is not installed")
    home = ROOT / ".venv-peers" / "alor-node"
    stamp, pins = home / ".pinned", (PROGRAM / "package-lock.json").read_text(encoding="utf-8")
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != pins:
        home.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(PROGRAM / name, home / name)
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        made = subprocess.run([npm, "ci", *quiet], cwd=home, capture_output=True, text=True, check=False, timeout=300)
        if made.returncode != 0:
            pytest.skip(f"npm cannot install alor-api here: {(made.stderr.strip() or '?').splitlines()[-1]}")
        stamp.write_text(pins, encoding="utf-8")
    return home / "node_modules"


def test_alor_api_subscribes_reads_orders_is_filled_and_groups_stops(modules: Path, ready_tls: dict[str, Any]) -> None:
    done = subprocess.run(
        ["node", str(PROGRAM / "client.js"), json.dumps(ready_tls)],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        env={
            "NODE_PATH": str(modules),
            "NODE_EXTRA_CA_CERTS": str(ready_tls["ca"]),
            "PATH": os.environ["PATH"],
        },
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    # nine subscriptions, each told something and taken back
    assert len(said["subscribed"]) == 9
    assert all(said["subscribed"].values())
    # what it reads
    read = said["read"]
    assert read["lot"] == 10
    assert read["book"] == [5, 5, True]
    assert read["quotes"] == ["SBER", "GAZP"]
    assert read["bars"] is True
    assert read["buyingPower"] > 0
    assert {"SBER", "GAZP", "LKOH"} <= set(read["held"])
    assert (read["risk"], read["free"]) == ("Ok", True)
    assert read["rates"] >= 3
    # its orders over HTTP
    http = said["http"]
    assert http["filled"] == [1, 10, "others", 1, "buy"]
    assert http["changed"] == [True, 201, 2]
    assert (http["listed"], http["cancelled"]) == ("working", "success")
    assert http["refused"] == {"status": 400, "message": "Minimum price step: 0.01"}
    assert http["estimate"] == 5000
    # a group of two stop orders: one goes with the other
    assert said["group"] == {"made": "success", "active": "Active", "ended": ["Canceled"]}
    # orders over the socket
    assert said["socket"] == {"unauthorised": [401, "Invalid JWT token!"], "working": [199, 3]}
