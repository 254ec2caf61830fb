"""Whatever comes: one error on our end, an answer and never a crash on theirs."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.finery.link import START, Client, House, Line
from tests.unit.finery.test_vectors import VECTORS

from venuewire.errors import RemoteProtocolError
from venuewire.model.market import BookMessage
from venuewire.model.orders import CancelOrder, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import OrderMassStatusRequest, RequestForPositions, SecurityListRequest, VenueRequest
from venuewire.model.terms import OrdType, Side
from venuewire.venue import Request
from venuewire.venues.finery.initiator.line import FineryInitiator
from venuewire.venues.finery.wire import methods

INCOMING = [json.dumps(v["payload"]).encode() for v in VECTORS if v["direction"] == "in" and v["line"] == "ws"]
OUTGOING = [json.dumps(v["payload"]).encode() for v in VECTORS if v["direction"] == "out" and v["line"] == "ws"]

# Every request of the venue's own, by the number under which a vector asks for it.
ASKED = {
    v["payload"]["reqId"]: msgspec.convert(v["payload"].get("content", {}), record)
    for v in VECTORS
    for record, (method, _) in methods.METHODS.items()
    if v["direction"] == "out" and v["line"] == "ws" and v["kind"] == method and v["payload"]["reqId"] > 10
}

HOUSE = House()
CLIENT = Client(HOUSE)


def busy() -> FineryInitiator:
    """An initiator with a request of every kind under way, numbered as the vectors' replies are."""
    initiator = CLIENT.initiator
    initiator.handshake(START)
    at: dict[str, Any] = {"symbol": "ETH-USD", "side": Side.BUY, "ord_type": OrdType.LIMIT}
    commands: list[Any] = [
        SecurityListRequest(ref="1"),
        RequestForPositions(ref="2"),
        *(NewOrder(**at, order_qty=1, price=1, ref=str(number)) for number in (3, 4, 5)),
        CancelOrder(**at, order_id="1", orig_cl_ord_id="", ref="6"),
        MassCancel(ref="7"),
        *(
            ReplaceOrder(**at, order_id="1", orig_cl_ord_id="", cl_ord_id="2", order_qty=1, price=1, ref=str(n))
            for n in (8, 9)
        ),
        OrderMassStatusRequest(ref="10"),
        *(VenueRequest(message=record, ref=str(number)) for number, record in ASKED.items()),
    ]
    for command in commands:
        initiator.send(command, START)
    return initiator


def feed(initiator: FineryInitiator, payload: bytes) -> None:
    try:
        for item in initiator.receive(initiator.open(payload), START):
            if isinstance(item, BookMessage):
                item.rows()
    except RemoteProtocolError:
        pass


@pytest.mark.parametrize("payload", INCOMING, ids=range(len(INCOMING)))
def test_a_message_cut_anywhere(payload: bytes) -> None:
    initiator = busy()
    for end in range(len(payload)):
        feed(initiator, payload[:end])


@given(st.sampled_from(INCOMING), st.integers(0, 10**6), st.binary(max_size=3), st.integers(0, 3))
def test_a_message_garbled_anywhere(payload: bytes, place: int, bytes_in: bytes, lost: int) -> None:
    place %= len(payload)
    feed(busy(), payload[:place] + bytes_in + payload[place + lost :])


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(INCOMING), st.data())
def test_a_message_with_any_part_replaced(payload: bytes, data: st.DataObject) -> None:
    value = json.loads(payload)
    feed(busy(), json.dumps(replaced(value, data)).encode())


def replaced(value: Any, data: st.DataObject) -> Any:
    """`value` with one part of it, at any depth, replaced by anything."""
    if isinstance(value, (list, dict)) and value and data.draw(st.booleans()):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = data.draw(st.sampled_from(keys))
        changed = value.copy()
        changed[key] = replaced(value[key], data)
        return changed
    return data.draw(ANYTHING)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b" ",
        b"[",
        b"[]",
        b'["F"]',
        b'["F","BTC-USD","M"]',
        b'[1,0,"S",[]]',
        b'["O",0,"+",["BTC-USD",0,2,0,5,6,1,1,1,1,0]]',
        b'["O",0,"+",["BTC-USD",0,0,0,5,6,1,1,1,1e99,0]]',
        b'["X",0,"Z","0"]',
        b'{"event":"request","reqId":"1","reply":[]}',
        b'{"error":null}',
        b"NaN",
        b"[" * 5000,
        b'["K",0,"S",' + b"[" * 5000,
    ],
)
def test_damage_is_told_as_such(payload: bytes) -> None:
    initiator = busy()
    with pytest.raises(RemoteProtocolError):
        initiator.receive(initiator.open(payload), START)


@pytest.mark.parametrize(
    "body",
    [
        [[["?", 1, 1]], []],
        [[["+", -1, 1]], []],
        [[["+", 2**63, 1]], []],
        [[["+", 1.5, 1]], []],
        [[["+", "1", 1]], []],
        [[["+", 1]], []],
        [[]],
        {},
    ],
)
def test_damaged_levels_are_told_when_they_are_read(body: Any) -> None:
    (update,) = busy().receive(CLIENT.initiator.open(json.dumps(["F", "X", "M", body]).encode()), START)
    assert isinstance(update, BookMessage)
    with pytest.raises(RemoteProtocolError):
        update.rows()


# --------------------------------------------------------------------------- the sandbox's end


@pytest.fixture(scope="module")
def line() -> Line:
    return HOUSE.line()


@given(st.binary(max_size=80) | ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_anything_sent_to_the_sandbox_is_answered(line: Line, blob: bytes) -> None:
    line.say(blob)
    assert line.heard() or blob.strip() == b""


@given(st.sampled_from(OUTGOING), st.data())
def test_requests_with_any_part_replaced_are_answered(line: Line, payload: bytes, data: st.DataObject) -> None:
    value = replaced(json.loads(payload), data)
    line.say(value)
    assert line.heard() or value == {"event": "ping"} or (isinstance(value, dict) and value.get("event") == "ping")


@given(
    st.sampled_from(["efx-key", "efx-sign", "efx-content"]),
    st.text(max_size=30) | st.just('{"nonce":1,"timestamp":1}') | st.text(st.characters(categories=["Cs"]), min_size=1),
)
def test_headers_of_any_text_are_refused_and_never_crash(name: str, text: str) -> None:
    line = Line(HOUSE)
    headers = {key.lower(): value for key, value in HOUSE.headers().items()} | {name: text}
    answer = line.open(headers)
    assert answer is not None
    assert answer.startswith(b'400 {"error":')


@given(st.text(max_size=20), st.binary(max_size=60) | ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_any_rest_call_is_answered(path: str, body: bytes) -> None:
    headers = {"efx-key": "k", "efx-sign": "s"}
    for method in ("GET", "POST", "DELETE"):
        answer = HOUSE.host.serve(Request(method=method, path=f"/api/{path}", headers=headers, body=body), START)
        assert answer.status in {400, 404, 405}
        assert not answer.body or msgspec.json.decode(answer.body)["error"] > 0
