"""What a venue, or anybody, may send: damage raises one error only, and what is new is news."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conformance.pair import Pair

from venuewire.errors import RemoteProtocolError
from venuewire.venue import Venue

LIKE = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def vectors(venue: Venue) -> list[dict[str, Any]]:
    text = resources.files(f"venuewire.venues.{venue.name}").joinpath("vectors.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def test_every_vector_says_where_its_shape_comes_from(venue: Venue) -> None:
    rows = vectors(venue)
    assert len(rows) >= 15
    assert len({row["name"] for row in rows}) == len(rows)
    for row in rows:
        assert row["source"].strip(), row["name"]
        assert row["direction"] in {"in", "out"}
        assert "payload" in row


def incoming(venue: Venue) -> list[tuple[str, bytes]]:
    return [
        (row["line"], json.dumps(row["payload"]).encode())
        for row in vectors(venue)
        if row["direction"] == "in" and row["line"] in venue.lines
    ]


def feed(pair: Pair, line: str, payload: bytes) -> None:
    """Give a payload to the initiator: events, or the one error."""
    initiator = pair.wires[line].session.initiator
    try:
        envelope = initiator.open(payload)
        for item in initiator.receive(envelope, pair.now):
            levels = getattr(item, "levels", None)
            assert levels is None or isinstance(levels, tuple)
    except RemoteProtocolError:
        pass


def test_every_vector_is_understood(venue: Venue) -> None:
    for line, payload in incoming(venue):
        pair = Pair(venue)
        pair.start()
        feed(pair, line, payload)


def test_every_vector_cut_anywhere_raises_one_error_only(pair: Pair) -> None:
    for line, payload in incoming(pair.venue):
        for end in range(len(payload)):
            feed(pair, line, payload[:end])


@LIKE
@given(choice=st.integers(0, 10**6), place=st.integers(0, 10**6), byte=st.integers(0, 255), insert=st.booleans())
def test_a_garbled_byte_raises_one_error_only(pair: Pair, choice: int, place: int, byte: int, insert: bool) -> None:
    known = incoming(pair.venue)
    line, payload = known[choice % len(known)]
    place %= len(payload)
    feed(pair, line, payload[:place] + bytes([byte]) + payload[place + (not insert) :])


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@LIKE
@given(anything=ANYTHING)
def test_any_json_raises_one_error_only(pair: Pair, anything: Any) -> None:
    for line in pair.venue.lines:
        feed(pair, line, json.dumps(anything).encode())


@LIKE
@given(blob=st.binary(max_size=64))
def test_any_bytes_from_a_client_are_answered_and_never_crash_the_sandbox(pair: Pair, blob: bytes) -> None:
    for wire in pair.wires.values():
        if wire.acceptor is not None:
            wire.acceptor.receive(blob, pair.now)


@LIKE
@given(choice=st.integers(0, 10**6), key=st.text(max_size=6), anything=ANYTHING)
def test_any_change_to_a_request_is_answered_and_never_crashes_the_sandbox(
    pair: Pair, choice: int, key: str, anything: Any
) -> None:
    known = [row for row in vectors(pair.venue) if row["direction"] == "out" and row["line"] in pair.venue.lines]
    row = known[choice % len(known)]
    payload = row["payload"]
    if isinstance(payload, dict):
        names = [*payload, key]
        payload = {**payload, names[choice % len(names)]: anything}
    acceptor = pair.host.accept(row["line"])
    acceptor.receive(json.dumps(payload).encode(), pair.now)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999999999", "1" * 5000])
def test_absurd_numbers_are_refused(pair: Pair, number: str) -> None:
    for line, payload in incoming(pair.venue):
        text = payload.decode()
        digits = [place for place, char in enumerate(text) if char.isdigit() and not text[place - 1].isalnum()]
        for place in digits[:6]:
            feed(pair, line, (text[:place] + number + text[place + 1 :]).encode())
