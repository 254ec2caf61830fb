"""Who may connect: the order of checks and the body of every refusal; nonces, clocks, in-band `auth`, idle ends."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.finery.link import KEY, SECRET, START, Client, House, Line

from venuewire.model.session import Heartbeat
from venuewire.model.terms import NANOS_PER_SECOND, Side
from venuewire.venue import PEER, Request
from venuewire.venues.finery import signing, wire
from venuewire.venues.finery.acceptor.host import Rules

NOW_MS = START // 1_000_000


def signed(content: str, *, key: str = KEY, secret: str = SECRET) -> dict[str, str]:
    return {"EFX-Key": key, "EFX-Sign": signing.sign(secret, content.encode()), "EFX-Content": content}


def opened(house: House, headers: dict[str, str]) -> bytes | None:
    return Line(house).open(headers)


def test_the_handshake_of_the_documentation_is_answered_with_status_zero() -> None:
    line = Line(House())
    assert line.open(signed('{"nonce":12345,"timestamp":1700000000000}')) is None
    assert line.heard() == [["X", 0, "Z", 0]]
    assert line.acceptor.account == "ours"


@pytest.mark.parametrize("content", ['{ "nonce" : 1 , "timestamp" : 1700000000000, "window": 5 }'])
def test_white_space_and_further_members_are_free(content: str) -> None:
    assert opened(House(), signed(content)) is None


def test_numbers_may_come_as_text() -> None:
    assert opened(House(), signed('{"nonce":"1700000000000","timestamp":"1700000000000"}')) is None


@pytest.mark.parametrize("missing", ["EFX-Key", "EFX-Sign", "EFX-Content"])
def test_all_three_headers_are_needed(missing: str) -> None:
    headers = signed(signing.content(1, NOW_MS))
    del headers[missing]
    assert opened(House(), headers) == b'400 {"error":3}'


@pytest.mark.parametrize(
    "content",
    [
        "",
        "null",
        "[]",
        '"text"',
        "{",
        "{}",
        '{"nonce":1}',
        '{"nonce":1,"timestamp":true}',
        '{"nonce":1.5,"timestamp":1700000000000}',
        '{"nonce":-1,"timestamp":1700000000000}',
        '{"nonce":18446744073709551616,"timestamp":1700000000000}',
        '{"nonce":"1e3","timestamp":1700000000000}',
        '{"nonce":"","timestamp":1700000000000}',
        '{"nonce":null,"timestamp":1700000000000}',
    ],
)
def test_content_that_is_not_two_integers_is_refused_first(content: str) -> None:
    expected = b'400 {"error":9}' if content else b'400 {"error":3}'
    assert opened(House(), signed(content, key="nobody", secret="wrong")) == expected


def test_an_unknown_key_is_refused_before_its_signature_is_looked_at() -> None:
    assert opened(House(), signed(signing.content(1, NOW_MS), key="nobody", secret="wrong")) == b'400 {"error":3}'


def test_a_revoked_key_is_refused() -> None:
    house = House()
    house.host.revoke(KEY)
    assert opened(house, house.headers()) == b'400 {"error":3}'


def test_a_wrong_signature_is_refused_before_the_clock_and_the_nonce() -> None:
    assert opened(House(), signed(signing.content(1, 5), secret=SECRET + "x")) == b'400 {"error":14}'


def test_the_signature_covers_the_exact_text() -> None:
    headers = signed('{"nonce":1,"timestamp":1700000000000}')
    headers["EFX-Content"] = '{"nonce":1, "timestamp":1700000000000}'
    assert opened(House(), headers) == b'400 {"error":14}'


@pytest.mark.parametrize(("off", "refused"), [(60_000, False), (-60_000, False), (60_001, True), (-60_001, True)])
def test_a_clock_may_be_a_minute_off(off: int, refused: bool) -> None:
    expected = b'400 {"error":7}' if refused else None
    assert opened(House(), signed(signing.content(1, NOW_MS + off))) == expected


def test_the_tolerance_is_a_switch() -> None:
    house = House(Rules(tolerance=NANOS_PER_SECOND))
    assert opened(house, signed(signing.content(1, NOW_MS - 1001))) == b'400 {"error":7}'


def test_a_wrong_clock_spends_no_nonce() -> None:
    house = House()
    assert opened(house, signed(signing.content(5, NOW_MS - 90_000))) == b'400 {"error":7}'
    assert opened(house, signed(signing.content(5, NOW_MS))) is None


def test_a_nonce_is_remembered_for_two_minutes() -> None:
    house = House(Rules(tolerance=600 * NANOS_PER_SECOND))
    headers = signed(signing.content(5, NOW_MS))
    assert opened(house, headers) is None
    house.now += 120 * NANOS_PER_SECOND - 1
    assert opened(house, headers) == b'400 {"error":6}'
    house.now += 1
    assert opened(house, headers) is None


def test_a_smaller_nonce_is_fine_unless_the_rule_is_strict() -> None:
    for strict, expected in ((False, None), (True, b'400 {"error":6}')):
        house = House(Rules(strict_nonces=strict))
        assert opened(house, signed(signing.content(9, NOW_MS))) is None
        assert opened(house, signed(signing.content(8, NOW_MS))) == expected
        assert opened(house, signed(signing.content(10, NOW_MS))) is None


def test_a_key_has_one_nonce_space_for_handshakes_and_rest() -> None:
    house = House()
    assert opened(house, signed(signing.content(77, NOW_MS))) is None
    assert house.rest("positions", nonce=77) == (400, {"error": 6})
    assert house.rest("positions", nonce=78)[0] == 200
    assert opened(house, signed(signing.content(78, NOW_MS))) == b'400 {"error":6}'


def test_keys_do_not_share_nonces() -> None:
    house = House()
    house.host.admit("other", "other secret", "market")
    assert opened(house, house.headers(nonce=5)) is None
    assert opened(house, house.headers(nonce=5, key="other", secret="other secret")) is None


def test_the_101st_connection_is_refused_with_an_empty_body() -> None:
    house = House()
    lines = [house.line() for _ in range(100)]
    assert opened(house, house.headers()) == b"429 "
    lines[0].lose()
    assert opened(house, house.headers()) is None


# --------------------------------------------------------------------------- where from


def from_(address: str, headers: dict[str, str]) -> dict[str, str]:
    return {**headers, PEER: address}


def test_a_key_may_be_bound_to_addresses_and_is_refused_elsewhere_before_its_signature() -> None:
    house = House()
    house.host.admit("office", SECRET, "ours", addresses=frozenset({"10.0.0.1", "10.0.0.2"}))
    for address, expected in (("10.0.0.2", None), ("10.0.0.3", b'400 {"error":3}'), ("", b'400 {"error":3}')):
        assert opened(house, from_(address, house.headers(key="office"))) == expected
    assert opened(house, from_("10.0.0.3", house.headers(key="office", secret="wrong"))) == b'400 {"error":3}'
    assert opened(house, from_("10.0.0.1", house.headers(key="office", secret="wrong"))) == b'400 {"error":14}'
    assert opened(house, from_("10.0.0.3", house.headers())) is None


def test_addresses_hold_for_rest_and_in_band_too() -> None:
    house = House()
    house.host.admit("office", SECRET, "ours", addresses=frozenset({"10.0.0.1"}))
    for address, code in (("10.0.0.1", None), ("10.0.0.3", 3)):
        body = signing.rest_body({}, house.unique(), NOW_MS)
        headers = {
            "efx-key": "office",
            "efx-sign": signing.sign(SECRET, signing.rest_text("limits", body)),
            PEER: address,
        }
        answer = house.host.serve(Request(method="POST", path="/api/limits", headers=headers, body=body), house.now)
        assert answer.status == (200 if code is None else 400)
        line = Line(house)
        assert line.open({PEER: address}) is None
        content = signing.content(house.unique(), NOW_MS)
        said = auth(content, key="office", signature=signing.sign(SECRET, content.encode()))
        line.heard()
        assert line.ask(said) == ({"event": "auth"} if code is None else {"event": "auth", "error": code})


def test_connections_are_counted_by_address() -> None:
    house = House(Rules(connections=2))
    for address in ("10.0.0.1", "10.0.0.1", "10.0.0.2"):
        assert opened(house, from_(address, house.headers())) is None
    assert opened(house, from_("10.0.0.1", house.headers())) == b"429 "
    assert opened(house, from_("10.0.0.2", house.headers())) is None


# --------------------------------------------------------------------------- in band


def auth(content: str, **changes: Any) -> dict[str, Any]:
    message = {"event": "auth", "content": content, "key": KEY, "signature": signing.sign(SECRET, content.encode())}
    return {**message, **changes}


@pytest.fixture
def stranger() -> Line:
    line = Line(House())
    assert line.open({}) is None
    assert line.heard() == [["X", 0, "Z", 0]]
    return line


def test_without_headers_nothing_is_allowed_but_auth(stranger: Line) -> None:
    assert stranger.acceptor.account is None
    assert stranger.ask({"event": "bind", "feed": "O"}) == ["O", 0, "Z", 3]
    assert stranger.request("positions") == {"event": "request", "reqId": 1, "error": 3}


def test_auth_in_band(stranger: Line) -> None:
    assert stranger.ask(auth('{"nonce":12345, "timestamp":1700000000000}')) == {"event": "auth"}
    assert stranger.acceptor.account == "ours"
    assert stranger.ask({"event": "bind", "feed": "O"}) == ["O", 0, "S", []]
    assert stranger.ask(auth(signing.content(2, NOW_MS))) == {"event": "auth", "error": 4}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (auth(signing.content(1, NOW_MS), key="nobody"), 3),
        (auth(signing.content(1, NOW_MS), signature="AAAA"), 14),
        (auth(signing.content(1, 1)), 7),
        (auth("{}"), 9),
        ({"event": "auth"}, 9),
        ({**auth("{}"), "content": {"nonce": 1}}, 9),
    ],
)
def test_auth_refused_leaves_the_connection_open(stranger: Line, message: dict[str, Any], code: int) -> None:
    assert stranger.ask(message) == {"event": "auth", "error": code}
    assert stranger.ask(auth(signing.content(3, NOW_MS))) == {"event": "auth"}


def test_auth_with_a_used_nonce(stranger: Line) -> None:
    assert opened(stranger.house, stranger.house.headers(nonce=5)) is None
    assert stranger.ask(auth(signing.content(5, NOW_MS))) == {"event": "auth", "error": 6}


def test_in_band_can_be_switched_off() -> None:
    assert opened(House(Rules(in_band=False)), {}) == b'400 {"error":3}'


# --------------------------------------------------------------------------- keep-alive


def test_a_silent_connection_is_ended_after_80_seconds() -> None:
    house = House()
    line = house.line()
    due = line.acceptor.next_tick()
    assert due is not None
    assert due == START + 80 * NANOS_PER_SECOND
    line.take(line.acceptor.tick(due - 1))
    assert line.close_code is None
    line.take(line.acceptor.tick(due))
    assert line.close_code == 1000
    assert line.acceptor.next_tick() is None


def test_any_frame_of_the_client_keeps_it_and_a_ping_has_no_answer() -> None:
    house = House()
    client = Client(house)
    house.now += 79 * NANOS_PER_SECOND
    client.line.say(wire.PING)
    assert client.line.heard() == []
    assert client.line.acceptor.next_tick() == house.now + 80 * NANOS_PER_SECOND


def test_the_clients_sign_of_life_is_answered_and_so_proves_the_other_end() -> None:
    house = House()
    client = Client(house)
    house.now += 79 * NANOS_PER_SECOND
    beat = client.initiator.heartbeat(house.now)
    assert beat is not None
    client.line.say(beat.payload)
    (answer,) = client.line.inbox
    assert client.initiator.receive(client.initiator.open(answer), house.now) == [Heartbeat(recv_time=house.now)]
    assert client.line.acceptor.next_tick() == house.now + 80 * NANOS_PER_SECOND


def a_ping_frame(line: Line) -> None:
    line.acceptor.pinged(line.house.now)


def a_ping_event(line: Line) -> None:
    line.say(wire.PING)


def a_read(line: Line) -> None:
    line.request("limits")


@pytest.mark.parametrize(
    ("beat", "seconds"),
    [(a_ping_frame, 15), (a_ping_frame, 30), (a_ping_event, 60), (a_read, 79), (a_ping_event, 79)],
)
def test_each_way_that_clients_keep_a_line_keeps_it_for_as_long_as_they_do(beat: Any, seconds: int) -> None:
    house = House()
    line = house.line()
    for _ in range(200):
        house.now += seconds * NANOS_PER_SECOND
        line.take(line.acceptor.tick(house.now))
        beat(line)
    assert line.close_code is None
    due = line.acceptor.next_tick()
    assert due is not None
    assert due == house.now + 80 * NANOS_PER_SECOND
    line.take(line.acceptor.tick(due))
    assert line.close_code == 1000


def test_what_the_venue_sends_does_not_keep_it() -> None:
    house = House()
    line = house.line()
    line.ask({"event": "bind", "feed": "F", "feedId": "BTC-USD"})
    house.now += 50 * NANOS_PER_SECOND
    house.offer(Side.BUY, "63000", "1")
    assert line.heard()
    assert line.acceptor.next_tick() == START + 80 * NANOS_PER_SECOND
