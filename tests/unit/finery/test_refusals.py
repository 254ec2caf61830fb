"""What people are told of a refused handshake, and whether it is tried again."""

from __future__ import annotations

import pytest
from tests.unit.finery.link import KEY, SECRET, START, House, Line

from venuewire.model.terms import NANOS_PER_SECOND
from venuewire.venues.finery import VENUE, codes
from venuewire.venues.finery.acceptor.connection import FineryAcceptor, refusal
from venuewire.venues.finery.acceptor.host import Rules


@pytest.mark.parametrize("code", [2, 6, 7, 10, 104])
def test_these_may_be_gone_at_the_next_handshake(code: int) -> None:
    assert VENUE.refusal is not None
    found, text, final = VENUE.refusal(400, b'{"error":%d}' % code)
    assert (found, final) == (str(code), False)
    assert text.startswith(codes.NAMES[code])


@pytest.mark.parametrize("code", sorted(set(codes.NAMES) - {2, 6, 7, 10, 104}))
def test_all_others_are_final_and_told_in_words(code: int) -> None:
    assert VENUE.refusal is not None
    found, text, final = VENUE.refusal(400, b'{"error":%d}' % code)
    assert (found, final) == (str(code), True)
    assert text.startswith(codes.NAMES[code])


@pytest.mark.parametrize(
    ("status", "body", "final"),
    [(429, b"", False), (503, b"<html>", False), (500, b"", False), (408, b"", False), (403, b"Forbidden", True)],
)
def test_without_a_code_http_decides(status: int, body: bytes, final: bool) -> None:
    assert VENUE.refusal is not None
    code, text, is_final = VENUE.refusal(status, body)
    assert (code, is_final) == (str(status), final)
    assert str(status) in text or status == 429


def test_what_the_sandbox_refuses_is_understood() -> None:
    assert VENUE.refusal is not None
    house = House(Rules(connections=1))
    refused = FineryAcceptor(house.host).handshake({"efx-key": KEY}, house.now)
    assert refused is not None
    assert VENUE.refusal(refused.status, refused.body)[::2] == ("3", True)
    wrong = {name.lower(): value for name, value in house.headers(secret=SECRET[::-1]).items()}
    refused = FineryAcceptor(house.host).handshake(wrong, house.now)
    assert refused == refusal(14)
    house.line()
    assert Line(house).open(house.headers()) == b"429 "


def test_a_ping_frame_is_a_sign_of_life() -> None:
    house = House()
    line = house.line()
    for n in range(1, 10):
        house.now = START + n * 60 * NANOS_PER_SECOND
        assert line.acceptor.tick(house.now) == []
        line.acceptor.pinged(house.now)
    line.take(line.acceptor.tick(house.now + 80 * NANOS_PER_SECOND))
    assert line.close_code == 1000
