"""Signatures: the venue's published pairs, and those computed for the handshake and for REST."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.finery.link import KEY, SECRET, START, Client, House

from venuewire.venues.finery import signing

HANDSHAKES = {
    '{"nonce":12345,"timestamp":1700000000000}': "l+91S2f9TAovcwiWy2E1j7vArHCYCX5y+KtuBd2n7ubSaDdxUqv/lFWpCKTtsP07",
    '{"nonce": 12345, "timestamp": 1700000000000}': "dANn6QXC6mX3oRlXBrwMgKRSdB4b7JrDir+m/HjAUq9hLT7UajJJqODv+MayePuP",
    '{"nonce":"1700000000000","timestamp":"1700000000000"}': (
        "7mmfktW9iF9n8T3YOkL7OovtB8W128VJFoQUHzzCh/yLZ6km+wZCTO3CqcHgFMuq"
    ),
    # Published by the venue.
    '{"nonce": 49856723467362345, "timestamp": 1628489110490}': (
        "KCn9rlqILiifROYfgpGmRtvgBzSCJa/2KJ31oPKbcyE6D+BaTVfFMXo8kDwQtBC/"
    ),
}
ADD = (
    '{"nonce": 49856723467362345, "timestamp": 1628489110490, "instrument": "BTC-USD", "clientOrderId": 1, '
    '"size": 1, "side": "ask", "type": "MarketIOC"}'
)
CALLS = {
    ("positions", '{"nonce":12345,"timestamp":1700000000000}'): (
        "W9d9oHZnM9chyp0GmyGrx2d6+MMI1RFewGCLSiWXjI71TYk5VppfzruYWpATm9TI"
    ),
    # Published by the venue.
    ("add", ADD): "xvWE5m9bLUOx6TubJsXbnHPfdmYGvlbma2kuRPma0smOq47yRsG4LCak/hozAiQq",
}


@pytest.mark.parametrize(("text", "signature"), HANDSHAKES.items())
def test_a_handshake_signs_its_content(text: str, signature: str) -> None:
    assert signing.sign(SECRET, text.encode()) == signature
    assert signing.verify(SECRET, text.encode(), signature)


@pytest.mark.parametrize(("call", "signature"), CALLS.items())
def test_rest_signs_method_and_body(call: tuple[str, str], signature: str) -> None:
    method, body = call
    text = signing.rest_text(method, body.encode())
    assert signing.sign(SECRET, text) == signature
    assert signing.verify(SECRET, text, signature)


def test_the_content_we_make_is_the_compact_one() -> None:
    assert signing.content(12345, 1700000000000) in HANDSHAKES


@given(st.text(max_size=80), st.integers(0, 63))
def test_no_other_signature_is_taken(text: str, place: int) -> None:
    """Not even one that is no Base64, or no ASCII: headers may hold anything."""
    right = signing.sign(SECRET, b"content")
    assert signing.verify(SECRET, b"content", text) is (text == right)
    other = "A" if right[place] != "A" else "B"
    assert not signing.verify(SECRET, b"content", right[:place] + other + right[place + 1 :])


def test_lone_surrogates_of_a_header_are_only_wrong() -> None:
    assert not signing.verify(SECRET, b"content", "\udcff\udc80")


def test_each_life_of_a_line_has_a_nonce_of_its_own_and_the_time_in_milliseconds() -> None:
    client = Client(House())
    contents = [json.loads(client.initiator.handshake(START)["EFX-Content"]) for _ in range(3)]
    nonces = [content["nonce"] for content in contents]
    assert nonces == sorted(set(nonces))
    assert {content["timestamp"] for content in contents} == {1_700_000_000_000}


def test_the_handshake_shows_the_key_and_never_the_secret() -> None:
    headers = Client(House()).initiator.handshake(START)
    assert headers["EFX-Key"] == KEY
    assert not any(SECRET in value for value in headers.values())
