"""The other programs of cTrader's guide, and a login through the sandbox's pages, over the network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect

from venuewire.model.session import Secret
from venuewire.venue import Answer
from venuewire.venues.ctrader import login

PROGRAM = Path(__file__).parent / "programs" / "ctrader_seed.js"
READY = "fully authenticated and ready for more communication with the server"


def test_the_application_alone_authenticates(ready: dict[str, Any], run: Callable[..., CompletedProcess[str]]) -> None:
    done = run(sys.executable, "ctrader_seed_application.py", ready)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "connected to server",
        "requested application authentication",
        "application authentication completed",
        "partially authenticated",
    ]


@pytest.fixture(scope="session")
def node() -> list[str]:
    """Node.js with a WebSocket of its own: from 22 on, or behind a flag before; skips where there is none."""
    path = shutil.which("node")
    if path is None:
        pytest.skip("Node.js is not installed here")
    for flags in ([], ["--experimental-websocket"]):
        asked = subprocess.run(
            [path, *flags, "-p", "typeof WebSocket"], capture_output=True, text=True, check=False, timeout=30
        )
        if asked.stdout.strip() == "function":
            return [path, *flags]
    pytest.skip("this Node.js has no WebSocket, not even behind --experimental-websocket")


def test_the_javascript_program_prints_the_documented_lines(ready: dict[str, Any], node: list[str]) -> None:
    done = subprocess.run(
        [*node, str(PROGRAM), json.dumps(ready)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "connected to server",
        "requested application authentication",
        "application authentication completed",
        "requested account authentication",
        "account authentication completed",
        READY,
        READY,
    ]


async def test_a_login_by_browser_ends_in_an_authorised_session(ready: dict[str, Any]) -> None:
    venue = ready["venues"]["ctrader"]
    client_id, secret = venue["credentials"]["clientId"], Secret(venue["credentials"]["clientSecret"])
    back = "http://127.0.0.1:1/granted"
    async with aiohttp.ClientSession() as http:
        page = login.consent_url(client_id, back, page=venue["consent"], state="s5")
        async with http.get(page, allow_redirects=False) as answer:
            assert answer.status == 302
            code = login.code_of(answer.headers["location"], state="s5")
        query = login.token_request(client_id, secret, code, back)
        async with http.get(f"{venue['token']}?{query}") as answer:
            told = Answer(answer.status, await answer.read())
    made = login.read_tokens(told, client_id, secret, time.time_ns(), account_id=venue["credentials"]["accountId"])
    async with connect(venue["ws"]) as socket:
        application = {"clientId": client_id, "clientSecret": secret.reveal()}
        await socket.send(json.dumps({"payloadType": 2100, "payload": application}))
        assert json.loads(await socket.recv()) == {"payloadType": 2101}
        account = {"ctidTraderAccountId": made.accountId, "accessToken": made.accessToken.reveal()}
        await socket.send(json.dumps({"payloadType": 2102, "payload": account}))
        assert json.loads(await socket.recv())["payloadType"] == 2103
