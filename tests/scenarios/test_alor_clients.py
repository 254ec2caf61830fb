"""Public clients of ALOR, replayed: the messages their sources show them to send, and what they do with the answers.

- AlorPy (cia76/AlorPy): token by query, `/ws` frames read as JSON and matched by guid, orders over `/cws` where the
  next frame is taken for the answer, orders and reads over HTTP.
- The official SDK (alor-broker/OpenAPI.SDK): token by body, acknowledgements known by their first bytes, guids found
  by searching the text.
- OsEngine (AlexWan/OsEngine): numbers and booleans as text, orders over HTTP with request ids of its own form.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

ORDERS = "/commandapi/warptrans/TRADE/v2/client/orders"
FORMATS = ("Simple", "Slim", "Heavy")


class Http:
    """A client's HTTP, with its token."""

    def __init__(self, session: aiohttp.ClientSession, venue: dict[str, Any], token: str) -> None:
        self.session, self.venue, self.token = session, venue, token
        self.portfolio = str(venue["credentials"]["portfolio"])

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named |= {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        data = None if body is None else json.dumps(body)
        async with self.session.request(method, self.venue["http"] + path, data=data, headers=named) as answer:
            text = await answer.text()
            try:
                return answer.status, json.loads(text)
            except ValueError:
                return answer.status, text


@pytest.fixture
async def http(ready: dict[str, Any]) -> AsyncIterator[Http]:
    venue = ready["venues"]["alor"]
    async with aiohttp.ClientSession() as session:
        params = {"token": venue["credentials"]["refresh_token"]}
        async with session.post(f"{venue['oauth']}/refresh", params=params) as answer:
            token = (await answer.json(content_type=None))["AccessToken"]
        yield Http(session, venue, token)


async def frames_of(socket: ClientConnection, guid: str, wanted: int = 1) -> list[dict[str, Any]]:
    """The next data frames of a subscription, found as AlorPy finds them."""
    found: list[dict[str, Any]] = []
    while len(found) < wanted:
        frame = json.loads(await socket.recv())
        if "data" in frame and frame["guid"] == guid:
            found.append(frame)
    return found


# --------------------------------------------------------------------------- AlorPy

INSTRUMENT = {"exchange": "MOEX", "code": "SBER"}


def alorpy_subscriptions(portfolio: str) -> list[dict[str, Any]]:
    """Every subscription it can make, with the fields and defaults of its methods."""
    own = {"exchange": "MOEX", "portfolio": portfolio, "skipHistory": False, "format": "Simple"}
    bars = {"tf": "60", "from": int(time.time()) - 600, "skipHistory": False, "frequency": 0}
    return [
        {"opcode": "OrderBookGetAndSubscribe", **INSTRUMENT, "depth": 20, "frequency": 0, "format": "Simple"},
        {"opcode": "BarsGetAndSubscribe", **INSTRUMENT, **bars, "format": "Simple"},
        {"opcode": "QuotesSubscribe", **INSTRUMENT, "frequency": 0, "format": "Simple"},
        {"opcode": "AllTradesGetAndSubscribe", **INSTRUMENT, "depth": 5, "includeVirtualTrades": False},
        {"opcode": "InstrumentsGetAndSubscribeV2", **INSTRUMENT, "format": "Simple"},
        {"opcode": "PositionsGetAndSubscribeV2", **own},
        {"opcode": "SummariesGetAndSubscribeV2", **own},
        {"opcode": "RisksGetAndSubscribe", **own},
        {"opcode": "SpectraRisksGetAndSubscribe", **own},
    ]


async def test_alorpy_subscribes_to_everything(http: Http) -> None:
    async with connect(http.venue["ws"]) as socket:
        for request in alorpy_subscriptions(http.portfolio):
            guid = str(uuid4())
            await socket.send(json.dumps({**request, "token": http.token, "guid": guid}))
            (frame,) = await frames_of(socket, guid)
            assert isinstance(frame["data"], dict), request["opcode"]
            await socket.send(json.dumps({"opcode": "unsubscribe", "token": http.token, "guid": guid}))


async def test_alorpy_gets_closed_bars_only_when_a_later_one_comes(http: Http) -> None:
    guid, previous, closed = str(uuid4()), None, []
    start = int(time.time()) - 3600
    request = {"opcode": "BarsGetAndSubscribe", **INSTRUMENT, "tf": "60", "from": start, "skipHistory": False}
    async with connect(http.venue["ws"]) as socket:
        await socket.send(json.dumps({**request, "frequency": 0, "token": http.token, "guid": guid}))
        for frame in await frames_of(socket, guid, 50):
            bar = frame["data"]
            if previous is not None and bar["time"] > previous["time"]:
                closed.append(previous["time"])
            previous = bar
    assert closed == sorted(set(closed))
    assert len(closed) >= 45
    assert all(opened % 60 == 0 for opened in closed)


async def command(socket: ClientConnection, request: dict[str, Any]) -> dict[str, Any]:
    """AlorPy puts the guid last, sends, and takes the very next frame for the answer."""
    request["guid"] = str(uuid4())
    await socket.send(json.dumps(request))
    answer: dict[str, Any] = json.loads(await socket.recv())
    assert answer["httpCode"] == 200, answer
    assert answer["requestGuid"] == request["guid"]
    return answer


async def test_alorpy_orders_over_the_command_socket_and_is_filled(http: Http) -> None:
    own = {"exchange": "MOEX", "portfolio": http.portfolio, "skipHistory": True, "format": "Simple"}
    order = {
        "side": "buy",
        "quantity": 1,
        "instrument": {"exchange": "MOEX", "symbol": "SBER"},
        "user": {"portfolio": http.portfolio},
        "comment": "replay",
    }
    async with connect(http.venue["ws"]) as ws, connect(http.venue["cws"]) as cws:
        guids = {}
        for opcode in ("OrdersGetAndSubscribeV2", "TradesGetAndSubscribeV2", "StopOrdersGetAndSubscribeV2"):
            guids[opcode] = str(uuid4())
            await ws.send(json.dumps({"opcode": opcode, **own, "token": http.token, "guid": guids[opcode]}))
            while "requestGuid" not in json.loads(await ws.recv()):
                pass
        await command(cws, {"opcode": "authorize", "token": http.token})
        made = await command(cws, {"opcode": "create:market", **order})
        (trade,) = await frames_of(ws, guids["TradesGetAndSubscribeV2"])
        assert (trade["data"]["orderno"], trade["data"]["comment"]) == (made["orderNumber"], "replay")
        assert (trade["data"]["qty"], trade["data"]["side"]) == (1, "buy")
        limit = await command(cws, {"opcode": "create:limit", **order, "price": 200})
        edited = await command(
            cws, {"opcode": "update:limit", "orderId": limit["orderNumber"], **order, "quantity": 2, "price": 201}
        )
        assert edited["orderNumber"] != limit["orderNumber"]
        user = {"user": {"portfolio": http.portfolio}, "exchange": "MOEX"}
        await command(cws, {"opcode": "delete:limit", "orderId": edited["orderNumber"], **user})
        stop = {
            "condition": "Less",
            "triggerPrice": 150,
            "stopEndUnixTime": 0,
            "protectingSeconds": 15,
            "activate": True,
        }
        waiting = await command(cws, {"opcode": "create:stop", **order, "side": "sell", **stop})
        (record,) = await frames_of(ws, guids["StopOrdersGetAndSubscribeV2"])
        assert (record["data"]["id"], record["data"]["status"]) == (waiting["orderNumber"], "working")
        await command(cws, {"opcode": "delete:stop", "orderId": waiting["orderNumber"], **user})
        (record,) = await frames_of(ws, guids["StopOrdersGetAndSubscribeV2"])
        assert record["data"]["status"] == "canceled"


async def test_alorpy_reads_and_orders_over_http(http: Http) -> None:
    portfolio, now = http.portfolio, int(time.time())
    reads = [
        *(f"/md/v2/clients/MOEX/{portfolio}/{what}?format=Simple" for what in ("orders", "stoporders", "summary")),
        *(f"/md/v2/Clients/MOEX/{portfolio}/{what}?format=Simple" for what in ("positions", "trades", "risk")),
        f"/md/v2/Clients/MOEX/{portfolio}/positions/SBER?format=Simple",
        f"/md/v2/Clients/MOEX/{portfolio}/SBER/trades?format=Simple",
        f"/md/v2/Clients/MOEX/{portfolio}/fortsrisk?format=Simple",
        f"/md/v2/Stats/MOEX/{portfolio}/history/trades?format=Simple",
        "/md/v2/Securities?query=SBER&limit=10&exchange=MOEX&format=Simple",
        "/md/v2/Securities/MOEX?format=Simple",
        "/md/v2/Securities/MOEX/SBER?format=Simple",
        "/md/v2/Securities/MOEX/SBER/availableBoards",
        "/md/v2/Securities/MOEX/SBER/alltrades?take=10&descending=True&format=Simple",
        "/md/v2/Securities/MOEX/SBER/alltrades/history?limit=50000&format=Simple",
        "/md/v2/Securities/MOEX:SBER,MOEX:GAZP/quotes?format=Simple",
        "/md/v2/Securities/currencyPairs?format=Simple",
        "/md/v2/orderbooks/MOEX/SBER?depth=20&format=Simple",
        "/md/v2/risk/rates?exchange=MOEX&riskCategoryId=1",
        f"/md/v2/history?exchange=MOEX&symbol=SBER&tf=D&from=0&to=32536799999&format=Simple&x={now}",
        "/md/v2/time",
    ]
    for path in reads:
        status, body = await http.ask("GET", path)
        assert status == 200, (path, body)
    order = {
        "side": "buy",
        "quantity": 1,
        "instrument": {"symbol": "SBER", "exchange": "MOEX"},
        "user": {"portfolio": portfolio, "exchange": "MOEX"},
    }
    reqid = f"{portfolio};{time.time_ns()}"
    status, made = await http.ask("POST", f"{ORDERS}/actions/limit", {**order, "price": 200}, X_REQID=reqid)
    assert (status, made["message"]) == (200, "success")
    stop = {"condition": "Less", "triggerPrice": 150, "stopEndUnixTime": 0, "protectingSeconds": 15, "activate": True}
    status, waiting = await http.ask(
        "POST", f"{ORDERS}/actions/stop", {**order, **stop, "side": "sell"}, X_REQID=f"{portfolio};{time.time_ns()}"
    )
    assert status == 200
    for number, kind in ((made["orderNumber"], "False"), (waiting["orderNumber"], "True")):
        query = f"portfolio={portfolio}&exchange=MOEX&stop={kind}&jsonResponse=true&format=Simple"
        status, gone = await http.ask("DELETE", f"{ORDERS}/{number}?{query}")
        assert (status, gone["orderNumber"]) == (200, number)


# --------------------------------------------------------------------------- the official SDK


async def test_the_sdk_gets_a_token_with_its_own_spelling(ready: dict[str, Any]) -> None:
    venue = ready["venues"]["alor"]
    async with aiohttp.ClientSession() as session:
        body = {"Token": venue["credentials"]["refresh_token"]}
        async with session.post(f"{venue['oauth']}/refresh", json=body) as answer:
            assert answer.status == 200
            assert set(await answer.json()) == {"AccessToken"}


@pytest.mark.parametrize("form", FORMATS)
async def test_the_sdk_knows_frames_by_their_text(http: Http, form: str) -> None:
    """Acknowledgements begin with `{"requestGuid`; any other frame holds its guid right behind `"guid":"`."""
    async with connect(http.venue["ws"]) as socket:
        for request in alorpy_subscriptions(http.portfolio):
            guid, seen = str(uuid4()), set[str]()
            await socket.send(json.dumps({**request, "format": form, "guid": guid, "token": http.token}))
            while seen != {"acknowledged", "told"}:
                text = await socket.recv()
                assert isinstance(text, str)
                if text.startswith('{"requestGuid'):
                    assert json.loads(text)["httpCode"] == 200, text
                    seen.add("acknowledged")
                else:
                    at = text.index('"guid":"') + len('"guid":"')
                    assert text[at : text.index('"', at)] == guid
                    seen.add("told")
            await socket.send(json.dumps({"opcode": "unsubscribe", "guid": guid, "token": http.token}))
            while not (await socket.recv()).startswith('{"requestGuid'):  # type: ignore[arg-type]
                pass


# --------------------------------------------------------------------------- OsEngine


async def test_osengine_writes_numbers_as_text_and_orders_over_http(http: Http) -> None:
    async with connect(http.venue["ws"]) as socket:
        book = {"opcode": "OrderBookGetAndSubscribe", **INSTRUMENT, "depth": "10", "frequency": "0", "format": "Simple"}
        trades = {
            "opcode": "AllTradesGetAndSubscribe",
            **INSTRUMENT,
            "depth": "0",
            "includeVirtualTrades": "false",
            "format": "Simple",
        }
        for request in (book, trades):
            guid = str(uuid4())
            await socket.send(json.dumps({**request, "guid": guid, "token": http.token}))
            while json.loads(await socket.recv()).get("requestGuid") != guid:
                pass
    order = {
        "side": "buy",
        "type": "limit",
        "quantity": 1,
        "price": 200,
        "instrument": {"symbol": "SBER", "exchange": "MOEX"},
        "user": {"portfolio": http.portfolio},
    }
    status, made = await http.ask("POST", f"{ORDERS}/actions/limit", order, X_ALOR_REQID=f"1|{uuid4()}")
    assert status == 200, made
    path = f"{ORDERS}/actions/limit/{made['orderNumber']}"
    status, changed = await http.ask("PUT", path, {**order, "price": 201}, X_REQID=f"{made['orderNumber']}|{uuid4()}")
    assert status == 200, changed
    assert changed["orderNumber"] != made["orderNumber"]
    query = f"portfolio={http.portfolio}&exchange=MOEX&stop=false&format=Simple"
    assert await http.ask("DELETE", f"{ORDERS}/{changed['orderNumber']}?{query}") == (200, "success")
    status, again = await http.ask("DELETE", f"{ORDERS}/{changed['orderNumber']}?{query}")
    assert (status, again["code"]) == (400, "OrderToCancelNotFound (404)")
