"""Bad input, through the whole client and on the wire: a clear answer, nothing sent, nothing lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as dial
from websockets.exceptions import ConnectionClosed

import venuewire as vw
from venuewire import errors
from venuewire.model.session import Secret
from venuewire.venue import Credentials, Venue
from venuewire.venues import find, names


@pytest.fixture
async def sandbox() -> AsyncIterator[vw.Sandbox]:
    async with vw.Sandbox() as running:
        yield running


@pytest.fixture(params=names())
def venue(request: pytest.FixtureRequest) -> Venue:
    return find(request.param)


def spoilt(credentials: Credentials) -> Credentials:
    """The same with one character of each secret changed."""
    changes = {}
    for field in msgspec.structs.fields(credentials):
        value = getattr(credentials, field.name)
        if isinstance(value, Secret) and value:
            text = value.reveal()
            middle = len(text) // 2
            changes[field.name] = Secret(text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :])
    return msgspec.structs.replace(credentials, **changes)


async def test_wrong_credentials_raise_and_leave_nothing_running(sandbox: vw.Sandbox, venue: Venue) -> None:
    before = asyncio.all_tasks()
    """Refused by the venue; what cannot even sign, before anything is dialled."""
    with pytest.raises((errors.LogonRejected, errors.ConfigError)) as refusal:
        async with vw.connect(venue.name, spoilt(sandbox.credentials(venue.name))):
            pass
    assert str(refusal.value)
    await asyncio.sleep(0)
    left = {task for task in asyncio.all_tasks() - before if "sandbox" not in task.get_name()}
    assert not {task for task in left if venue.name in task.get_name()}


async def test_orders_that_cannot_be_are_refused_before_anything_is_sent(sandbox: vw.Sandbox, venue: Venue) -> None:
    async with vw.connect(venue.name, sandbox.credentials(venue.name)) as client:
        instrument = client.instruments[venue.default_symbol]
        price = Decimal(next(iter(sandbox.state()["venues"][venue.name]["books"].values()))["bids"][0][0])
        good = vw.NewOrder(
            symbol=instrument.symbol,
            side=vw.Side.BUY,
            ord_type=vw.OrdType.LIMIT,
            order_qty=instrument.min_trade_vol,
            price=price - price % instrument.min_price_increment,
        )
        bad = {
            "unknown symbol": msgspec.structs.replace(good, symbol="NO-SUCH"),
            "below its smallest": msgspec.structs.replace(good, order_qty=instrument.min_trade_vol / 10),
            "not a multiple": msgspec.structs.replace(good, price=good.price + instrument.min_price_increment / 10),  # type: ignore[operator]
            "above zero": msgspec.structs.replace(good, price=-1),
            "needs a price": msgspec.structs.replace(good, price=None),
            "takes no price": msgspec.structs.replace(good, ord_type=vw.OrdType.MARKET),
            "exactly one": msgspec.structs.replace(good, order_qty=None),
        }
        frames = {line: connection.sent_frames for line, connection in client.connections.items()}
        for words, order in bad.items():
            with pytest.raises(errors.LocalProtocolError, match=words):
                await client.place(order)
        assert {line: connection.sent_frames for line, connection in client.connections.items()} == frames
        with pytest.raises(TypeError, match="float"):
            vw.NewOrder(symbol="X", side=vw.Side.BUY, ord_type=vw.OrdType.LIMIT, order_qty=0.1)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="finite"):
            vw.NewOrder(symbol="X", side=vw.Side.BUY, ord_type=vw.OrdType.LIMIT, order_qty="NaN")
        assert [order.status for order in client.orders()] == []


async def test_an_unknown_book_is_refused(sandbox: vw.Sandbox, venue: Venue) -> None:
    async with vw.connect(venue.name, sandbox.credentials(venue.name)) as client:
        with pytest.raises(errors.LocalProtocolError, match="unknown symbol 'NO-SUCH'"):
            client.book("NO-SUCH")


async def until_closed(socket: ClientConnection) -> None:
    while True:
        await socket.recv()


async def test_an_oversized_frame_ends_that_connection_only(sandbox: vw.Sandbox) -> None:
    ready = sandbox.ready()["venues"]
    async with dial(ready["coinbase"]["ws"]) as socket, dial(ready["coinbase"]["ws"]) as other:
        await socket.send("x" * (2 << 20))
        with pytest.raises(ConnectionClosed) as end:
            await until_closed(socket)
        assert end.value.rcvd is not None
        assert end.value.rcvd.code == 1009
        await other.send("not json")
        assert json.loads(await other.recv()) == {"type": "error", "message": "subscribe or unsubscribe required"}


async def test_malformed_json_gets_the_venues_own_answer(sandbox: vw.Sandbox) -> None:
    ready = sandbox.ready()["venues"]
    async with dial(ready["ctrader"]["ws"]) as socket:
        await socket.send('{"payloadType": 2100, ')
        answer = json.loads(await socket.recv())
        assert answer["payloadType"] == 2142
        assert answer["payload"]["errorCode"] == "INVALID_REQUEST"
        assert answer["payload"]["description"].startswith("Malformed JSON message at ")
    async with dial(ready["alor"]["ws"]) as socket:
        await socket.send("{")
        assert json.loads(await socket.recv())["httpCode"] == 400


@pytest.mark.parametrize("name", ["nope", "", "COINBASE"])
def test_an_unknown_venue_names_those_there_are(name: str) -> None:
    with pytest.raises(errors.ConfigError, match="there are: alor, coinbase, ctrader, finery"):
        vw.connect(name)


def test_missing_credentials_say_where_to_put_them(monkeypatch: pytest.MonkeyPatch, venue: Venue) -> None:
    for variable in venue.environment:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")
    with pytest.raises(errors.ConfigError, match=r"venuewire\.toml"):
        vw.connect(venue.name)
