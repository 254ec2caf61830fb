"""The messages of the venue's public "Websocket API" page, as they are printed there."""

from __future__ import annotations

from tests.unit.finery.link import KEY, SECRET, START, House, Line

from venuewire.model.terms import Side
from venuewire.venues.finery import signing


def connected() -> Line:
    """The page's own handshake: a fixed nonce, the time of day, no blanks."""
    line = Line(House())
    content = signing.content(12345, START // 1_000_000)
    headers = {"EFX-Key": KEY, "EFX-Sign": signing.sign(SECRET, content.encode()), "EFX-Content": content}
    assert line.open(headers) is None
    assert line.heard() == [["X", 0, "Z", 0]]
    return line


def test_the_feed_of_the_page() -> None:
    line = connected()
    assert line.ask(b'{"event": "bind", "feed": "B", "feedId": 42}') == ["B", 42, "S", [[], []]]
    assert line.ask(b'{"event": "unbind", "feed": "B", "feedId": 42}') == ["B", 42, "U", 0]


def test_a_number_that_is_not_listed() -> None:
    line = connected()
    assert line.ask(b'{"event": "bind", "feed": "B", "feedId": 43}') == ["B", 43, "Z", 103]
    assert line.ask(b'{"event": "unbind", "feed": "B", "feedId": 43}') == ["B", 43, "Z", 101]


def test_the_order_of_the_page() -> None:
    request = (
        b'{"event": "request", "reqId": 1234, "method": "add", "content": {"instrument": "BTC-EUR", '
        b'"clientOrderId": 1, "size": 100000, "side": "bid", "type": "marketIOC", "cod": false}}'
    )
    line = connected()
    assert line.ask(request) == {"event": "request", "reqId": 1234, "error": 76}
    assert line.ask(request.replace(b"BTC-EUR", b"BTC-GBP")) == {"event": "request", "reqId": 1234, "error": 34}
    line.house.offer(Side.SELL, "58715", "1", "BTC-EUR")
    reply = line.ask(request)["reply"]
    assert (reply["remainingSize"], reply["clientOrderId"], len(reply["deals"])) == (0, 1, 1)
    assert reply["deals"][0]["volume"] == 5_872_000_000  # 58.715 to the nearest cent


def test_an_empty_object_where_there_are_no_parameters() -> None:
    line = connected()
    assert line.request("instruments", {})["reply"] == line.request("instruments")["reply"]
