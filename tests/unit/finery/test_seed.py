"""The messages of the venue's public "Websocket API" page, as they are printed there."""

from __future__ import annotations

from tests.unit.finery.link import KEY, SECRET, START, House, Line

from venuewire.venues.finery import signing


def connected() -> Line:
    """The page's own handshake: a fixed nonce, the time of day, no blanks."""
    line = Line(House())
    content = signing.content(12345, START // 1_000_000)
    headers = {"EFX-Key": KEY, "EFX-Sign": signing.sign(SECRET, content.encode()), "EFX-Content": content}
    assert line.open(headers) is None
    assert line.heard() == [["X", 0, "Z", 0]]
    return line


def test_the_feed_of_the_page_has_an_id_that_is_not_listed() -> None:
    line = connected()
    assert line.ask(b'{"event": "bind", "feed": "B", "feedId": 42}') == ["B", 42, "Z", 103]
    assert line.ask(b'{"event": "unbind", "feed": "B", "feedId": 42}') == ["B", 42, "Z", 101]


def test_the_same_with_an_id_that_is_listed() -> None:
    line = connected()
    assert line.ask(b'{"event": "bind", "feed": "B", "feedId": 4955410050}') == ["B", 4955410050, "S", [[], []]]
    assert line.ask(b'{"event": "unbind", "feed": "B", "feedId": 4955410050}') == ["B", 4955410050, "U", 0]


def test_the_order_of_the_page_is_for_an_instrument_that_is_not_listed() -> None:
    request = (
        b'{"event": "request", "reqId": 1234, "method": "add", "content": {"instrument": "BTC-EUR", '
        b'"clientOrderId": 1, "size": 100000, "side": "bid", "type": "marketIOC", "cod": false}}'
    )
    line = connected()
    assert line.ask(request) == {"event": "request", "reqId": 1234, "error": 34}
    assert line.ask(request.replace(b"BTC-EUR", b"BTC-USD")) == {"event": "request", "reqId": 1234, "error": 76}


def test_an_empty_object_where_there_are_no_parameters() -> None:
    line = connected()
    assert line.request("instruments", {})["reply"] == line.request("instruments")["reply"]
