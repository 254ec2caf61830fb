"""Whatever is sent: our end raises one error only, the venue's end answers or ends the line, and goes on."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.alor.rig import Client, Venue, Wire

from venuewire.codec import encode
from venuewire.errors import RemoteProtocolError
from venuewire.model.session import OrderMassStatusRequest, RequestForPositions, SecurityListRequest, Subscribe
from venuewire.model.terms import Channel
from venuewire.venue import Answer, Close, Request, Send
from venuewire.venues.alor.wire import access
from venuewire.venues.alor.wire.commands import ORDERS_PATH

LIKE = settings(max_examples=60)

ROWS: list[dict[str, Any]] = [
    json.loads(line)
    for line in resources.files("venuewire.venues.alor").joinpath("vectors.jsonl").read_text("utf-8").splitlines()
]
VENUE = Venue()
CLIENTS = {form: Client(VENUE, {"format": form}).up() for form in ("Simple", "Slim", "Heavy")}
GUIDS = {
    "OrderBookGetAndSubscribe": "d1",
    "AllTradesGetAndSubscribe": "d2",
    "QuotesSubscribe": "d3",
    "OrdersGetAndSubscribeV2": "d4",
    "TradesGetAndSubscribeV2": "d4-1",
    "StopOrdersGetAndSubscribeV2": "d4-2",
    "PositionsGetAndSubscribeV2": "d5",
    "BarsGetAndSubscribe": "d6",
}
for _client in CLIENTS.values():
    for _ref, _channel in (("d1", Channel.BOOK), ("d2", Channel.TRADES), ("d3", Channel.QUOTES)):
        _client.do(Subscribe(channel=_channel, symbol="MOEX:SBER", ref=_ref))
    _client.do(Subscribe(channel=Channel.ORDERS, ref="d4"))
    _client.do(Subscribe(channel=Channel.POSITIONS, ref="d5"))
    _client.do(Subscribe(channel=Channel.BARS, symbol="MOEX:SBER", period=60_000_000_000, ref="d6"))

anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


NOT_OURS = {
    *("SummariesGetAndSubscribeV2", "RisksGetAndSubscribe", "SpectraRisksGetAndSubscribe"),
    *("InstrumentsGetAndSubscribeV2", "StopOrdersGetAndSubscribe"),
}
"""Subscriptions our end does not make: the model has no words for what they tell, or they are deprecated."""


def frame(row: dict[str, Any]) -> bytes:
    payload = row["payload"]
    return encode({**payload, "guid": GUIDS.get(row["kind"], "none")} if "data" in payload else payload)


def understand(client: Client, line: str, payload: bytes) -> int:
    """Give a frame to our end; how many events it made."""
    end = client.line(line)
    try:
        items = end.receive(end.open(payload), VENUE.now)
        for item in items:
            _ = getattr(item, "levels", None)
    except RemoteProtocolError:
        return 0
    return len(items)


def test_every_vector_means_something() -> None:
    for row in ROWS:
        if row["direction"] == "in" and row["line"] in {"ws", "cws"} and row["kind"] not in NOT_OURS:
            assert understand(CLIENTS[row.get("format", "Slim")], row["line"], frame(row)), row["name"]


@LIKE
@given(st.sampled_from([row for row in ROWS if row["direction"] == "in" and row["line"] in {"ws", "cws"}]), st.data())
def test_a_damaged_frame_raises_one_error_only(row: dict[str, Any], draw: st.DataObject) -> None:
    client, payload = CLIENTS[row.get("format", "Slim")], frame(row)
    place = draw.draw(st.integers(0, len(payload)))
    junk = draw.draw(st.binary(max_size=3))
    understand(client, row["line"], payload[:place])
    understand(client, row["line"], payload[:place] + junk + payload[place + len(junk) :])


@LIKE
@given(st.sampled_from([row for row in ROWS if "data" in row["payload"]]), st.data())
def test_a_frame_with_another_value_raises_one_error_only(row: dict[str, Any], draw: st.DataObject) -> None:
    inner = row["payload"]["data"]
    changed = {**inner, draw.draw(st.sampled_from(sorted(inner))): draw.draw(anything)}
    frame_ = {"data": changed, "guid": GUIDS.get(row["kind"], "none")}
    understand(CLIENTS[row["format"]], "ws", json.dumps(frame_).encode())


@LIKE
@given(st.binary(max_size=60) | anything.map(lambda value: json.dumps(value).encode()))
def test_nonsense_raises_one_error_only_and_is_answered_by_the_venue(payload: bytes) -> None:
    for line in ("ws", "cws"):
        understand(CLIENTS["Slim"], line, payload)
        assert Wire(VENUE, line).end.receive(payload, VENUE.now) or payload == b""
        VENUE.host.connections.clear()


@LIKE
@given(st.sampled_from([row for row in ROWS if row["direction"] == "out" and row["line"] in {"ws", "cws"}]), st.data())
def test_any_change_to_a_request_is_answered(row: dict[str, Any], draw: st.DataObject) -> None:
    venue = VENUE
    venue.host.connections.clear()
    wire = Wire(venue, row["line"])
    token = venue.token()
    if row["line"] == "cws":
        wire.say({"opcode": "authorize", "guid": "first", "token": token})
    message = {**row["payload"], "token": token}
    for key, value in (("user", {"portfolio": venue.portfolio}), ("portfolio", venue.portfolio)):
        if key in message:
            message[key] = value
    message[draw.draw(st.sampled_from(sorted(message)))] = draw.draw(anything)
    outs = wire.end.receive(json.dumps(message).encode(), venue.now)
    assert outs
    assert all(isinstance(out, (Send, Close)) for out in outs)
    venue.exchange.drain()


@LIKE
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "BREW"]),
    path=st.sampled_from(
        [
            "/refresh",
            "/md/v2/Securities/MOEX",
            "/md/v2/Clients/MOEX/",
            f"{ORDERS_PATH}/actions/limit",
            f"{ORDERS_PATH}/all",
            "/",
        ]
    ),
    tail=st.text(max_size=8),
    query=st.text(max_size=20),
    body=st.binary(max_size=20) | anything.map(lambda value: json.dumps(value).encode()),
)
def test_any_http_request_is_answered(method: str, path: str, tail: str, query: str, body: bytes) -> None:
    VENUE.now += 10**9
    headers = {"authorization": f"Bearer {VENUE.token()}", "x-reqid": tail or "x"}
    request = Request(method=method, path=path + tail, query=query, headers=headers, body=body)
    assert 200 <= VENUE.host.serve(request, VENUE.now).status < 500


@LIKE
@given(st.sampled_from([row for row in ROWS if row["line"] == "http" and row["direction"] == "in"]), st.data())
def test_a_damaged_answer_raises_one_error_only(row: dict[str, Any], draw: st.DataObject) -> None:
    client, payload = CLIENTS["Slim"], json.dumps(row["payload"]).encode()
    for command in (
        OrderMassStatusRequest(ref="1"),
        RequestForPositions(ref="2"),
        SecurityListRequest(ref="3"),
        SecurityListRequest(symbols=("MOEX:SBER",), ref="4"),
    ):
        for fetch in client.ws.send(command, VENUE.now):
            place = draw.draw(st.integers(0, len(payload)))
            for body in (payload[:place], b"[" + payload + b"]", payload):
                try:
                    client.ws.answered(fetch, Answer(200, body), VENUE.now)  # type: ignore[arg-type]
                except RemoteProtocolError:
                    continue


def test_an_error_shows_nothing_of_the_payload() -> None:
    with pytest.raises(RemoteProtocolError) as error:
        access.read_refresh_reply(b'{"AccessToken": 5, "other": "very-secret"}')
    assert "very-secret" not in str(error.value)
