"""The venues' own documented programs and messages, changed in address and credentials only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus


def test_ctrader_authenticates_application_and_account(
    ready: dict[str, Any], run: Callable[..., CompletedProcess[str]]
) -> None:
    done = run(sys.executable, "ctrader_seed.py", ready)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "connected to server",
        "requested application authentication",
        "application authentication completed",
        "requested account authentication",
        "account authentication completed",
        "fully authenticated and ready for more communication with the server",
    ]


def finery_headers(key: str, secret: str) -> dict[str, str]:
    """As the venue's page computes them: JSON text of nonce and timestamp, HMAC-SHA384 over it, Base64."""
    content = json.dumps({"nonce": time.time_ns(), "timestamp": time.time_ns() // 1_000_000}, separators=(",", ":"))
    signature = hmac.new(secret.encode(), content.encode(), hashlib.sha384).digest()
    return {"EFX-Key": key, "EFX-Sign": base64.b64encode(signature).decode(), "EFX-Content": content}


async def test_finery_answers_the_signed_handshake_with_its_status(ready: dict[str, Any]) -> None:
    venue = ready["venues"]["finery"]
    async with connect(venue["ws"], additional_headers=finery_headers(**venue["credentials"])) as socket:
        assert json.loads(await socket.recv()) == ["X", 0, "Z", 0]
        await socket.send(json.dumps({"event": "bind", "feed": "B", "feedId": venue["symbols"][0]}))
        feed, feed_id, action, (bids, asks) = json.loads(await socket.recv())
        assert (feed, feed_id, action) == ("B", venue["symbols"][0], "S")
        assert bids[0][0] < asks[0][0]


async def test_finery_puts_the_reason_of_a_refused_handshake_into_the_body(ready: dict[str, Any]) -> None:
    venue = ready["venues"]["finery"]
    headers = finery_headers(venue["credentials"]["key"], "not the secret")
    with pytest.raises(InvalidStatus) as refusal:
        async with connect(venue["ws"], additional_headers=headers):
            pass
    assert refusal.value.response.status_code == 400
    assert json.loads(refusal.value.response.body or b"") == {"error": 14}


async def alor_token(venue: dict[str, Any]) -> str:
    async with aiohttp.ClientSession() as http:
        url = f"{venue['oauth']}/refresh?token={venue['credentials']['refresh_token']}"
        async with http.post(url) as answer:
            assert answer.status == 200
            return str((await answer.json())["AccessToken"])


async def receive(socket: ClientConnection, wanted: str) -> dict[str, Any]:
    """The next frame that has the key `wanted`."""
    while True:
        frame: dict[str, Any] = json.loads(await socket.recv())
        if wanted in frame:
            return frame


async def test_alor_order_book_subscription_as_the_quick_start_prints_it(ready: dict[str, Any]) -> None:
    venue = ready["venues"]["alor"]
    guid = "f35a2373-612c-4518-54af-72025384f59b"
    request = {
        "opcode": "OrderBookGetAndSubscribe",
        "code": "SBER",
        "depth": 10,
        "exchange": "MOEX",
        "format": "Simple",
        "frequency": 0,
        "guid": guid,
        "token": await alor_token(venue),
    }
    async with connect(venue["ws"]) as socket:
        await socket.send(json.dumps(request))
        first, second = json.loads(await socket.recv()), json.loads(await socket.recv())
        ack, data = (first, second) if "requestGuid" in first else (second, first)
        assert ack == {"requestGuid": guid, "httpCode": 200, "message": "Handled successfully"}
        assert data["guid"] == guid
        assert list(data["data"]) == ["snapshot", "bids", "asks", "timestamp", "ms_timestamp", "existing"]
        assert len(data["data"]["bids"]) == 10


async def test_alor_authorize_and_market_order_as_the_pages_print_them(ready: dict[str, Any]) -> None:
    venue = ready["venues"]["alor"]
    async with connect(venue["cws"]) as socket:
        guid = "c328fcf1-e495-408a-a0ed-e20f95d6b813"
        await socket.send(json.dumps({"opcode": "authorize", "guid": guid, "token": "eyJhbGciOiJ..."}))
        refused = await receive(socket, "requestGuid")
        assert (refused["httpCode"], refused["message"]) == (401, "Invalid JWT token!")
        guid = "c328fcf1-e495-408a-a0ed-e20f95d6b814"
        await socket.send(json.dumps({"opcode": "authorize", "guid": guid, "token": await alor_token(venue)}))
        accepted = await receive(socket, "requestGuid")
        assert accepted == {"requestGuid": guid, "httpCode": 200, "message": "The connection has been initialized."}
        order = {
            "opcode": "create:market",
            "guid": "c328fcf1-e495-408a-a0ed-e20f95d6b815",
            "side": "buy",
            "quantity": 1,
            "instrument": {"symbol": "SBER", "exchange": "MOEX"},
            "comment": "First order",
            "board": "TQBR",
            "user": {"portfolio": venue["credentials"]["portfolio"]},
            "checkDuplicates": True,
        }
        await socket.send(json.dumps(order))
        created = await receive(socket, "requestGuid")
        number = created["orderNumber"]
        assert created["requestGuid"] == order["guid"]
        assert created["httpCode"] == 200
        assert created["message"] == f"An order '{number}' has been created."


async def test_alor_market_order_over_http_and_its_repetition(ready: dict[str, Any]) -> None:
    venue = ready["venues"]["alor"]
    body = {
        "side": "buy",
        "type": "market",
        "quantity": 1,
        "instrument": {"symbol": "SBER", "exchange": "MOEX"},
        "comment": "Note no.451",
        "user": {"portfolio": venue["credentials"]["portfolio"]},
    }
    headers = {"Authorization": f"Bearer {await alor_token(venue)}", "X-REQID": "d3c886f1-ea1e-4634-aff4-119c902ad926"}
    url = f"{venue['http']}/commandapi/warptrans/TRADE/v2/client/orders/actions/market"
    async with aiohttp.ClientSession() as http:
        async with http.post(url, json=body, headers=headers) as answer:
            first = await answer.json()
            assert answer.status == 200, first
            assert first["message"] == "success"
        async with http.post(url, json=body, headers=headers) as answer:
            again = await answer.json()
            assert answer.status == 400
            assert again["oldResponse"]["statusCode"] == 200
            assert again["oldResponse"]["body"]["orderNumber"] == first["orderNumber"]
