"""Binding and unbinding: snapshots, updates, and every failure with its code."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.finery.link import KEY, SECRET, UNIT, House, Line

from venuewire.model.orders import NewOrder
from venuewire.model.terms import OrdType, Side


@pytest.fixture
def house() -> House:
    house = House()
    for n in range(3):
        house.offer(Side.BUY, str(63990 - 10 * n), "1")
        house.offer(Side.SELL, str(64010 + 10 * n), "2")
    return house


@pytest.fixture
def line(house: House) -> Line:
    return house.line()


def bind(feed: str, feed_id: Any = None, event: str = "bind") -> dict[str, Any]:
    return {"event": event, "feed": feed} | ({} if feed_id is None else {"feedId": feed_id})


def px(price: int) -> int:
    return price * UNIT


BOOK = [
    [[px(63990), UNIT], [px(63980), UNIT], [px(63970), UNIT]],
    [[px(64010), 2 * UNIT], [px(64020), 2 * UNIT], [px(64030), 2 * UNIT]],
]


@pytest.mark.parametrize("feed", ["F", "B"])
@pytest.mark.parametrize("feed_id", ["BTC-USD", 4955410050])
def test_a_book_is_bound_by_name_or_number_and_the_id_is_echoed(line: Line, feed: str, feed_id: Any) -> None:
    assert line.ask(bind(feed, feed_id)) == [feed, feed_id, "S", BOOK]


def test_a_master_may_name_itself_on_feed_f(line: Line) -> None:
    mine, other = ({"instrument": "BTC-USD", "clientId": number} for number in (101, 5))
    assert line.ask(bind("F", mine)) == ["F", mine, "S", BOOK]
    assert line.ask(bind("F", other)) == ["F", other, "Z", 103]


def test_feed_f_sends_increments_and_feed_b_the_whole_book(house: House, line: Line) -> None:
    line.ask(bind("F", "BTC-USD"))
    line.ask(bind("B", 4955410050))
    house.offer(Side.BUY, "63995", "0.5")
    after = [[[px(63995), UNIT // 2], *BOOK[0]], BOOK[1]]
    assert line.heard() == [
        ["F", "BTC-USD", "M", [[["+", px(63995), UNIT // 2]], []]],
        ["B", 4955410050, "S", after],
    ]
    assert line.ask(bind("F", 4955410050)) == ["F", 4955410050, "S", after]


def test_a_sweep_is_sent_as_a_cut_through(house: House, line: Line) -> None:
    line.ask(bind("F", "BTC-USD"))
    house.exchange.open_account("sweeper", house.stage.balances)
    sweep = NewOrder(symbol="BTC-USD", side=Side.BUY, ord_type=OrdType.MARKET, order_qty="4.5")
    house.exchange.port("sweeper").execute(sweep, house.now)
    house.publish()
    assert line.heard() == [["F", "BTC-USD", "M", [[], [["~", px(64030), 3 * UNIT // 2]]]]]


def test_an_emptied_side_is_sent_as_price_and_size_zero(house: House, line: Line) -> None:
    line.ask(bind("F", "ETH-USD"))
    order_id = house.offer(Side.SELL, "3200", "1", "ETH-USD")
    assert line.heard()[0][3] == [[], [["+", px(3200), UNIT]]]
    house.withdraw(order_id)
    assert line.heard() == [["F", "ETH-USD", "M", [[], [["~", 0, 0]]]]]


def test_currencies_and_instruments(line: Line) -> None:
    feed, feed_id, action, (currencies, instruments) = line.ask(bind("I"))
    assert (feed, feed_id, action) == ("I", 0, "S")
    assert ["USD", 4725, 1000000, 100000000, "fiat"] in currencies
    assert ["USDT", 660085, 100, 100000000, "stablecoin"] in currencies
    assert instruments[0] == ["BTC-USD", 4955410050, "BTC", "USD"]


def test_positions_by_currency(line: Line) -> None:
    rows = line.ask(bind("K"))[3]
    assert ["USD", px(50_000_000), 87, px(50_000_000), px(50_000_000)] in rows
    assert line.ask(bind("K", "BTC"))[3] == [["BTC", px(1000), 87, px(1000), px(1000)]]
    assert line.ask(bind("K", 3714))[:3] == ["K", 3714, "S"]


def test_positions_change_with_deals(line: Line) -> None:
    line.ask(bind("K", "BTC"))
    line.request("add", {"instrument": "BTC-USD", "size": UNIT, "side": "bid", "type": "marketIOC"})
    assert line.heard() == [["K", "BTC", "M", ["BTC", px(1001), 87, px(1001), px(1001)]]]


def test_a_position_goes_and_comes(line: Line) -> None:
    line.ask(bind("K", "ETH"))
    line.house.offer(Side.BUY, "1000", "20000", "ETH-USD")
    sell = {"instrument": "ETH-USD", "size": px(10_000), "side": "ask", "type": "marketIOC"}
    line.request("add", sell)
    assert line.heard() == [["K", "ETH", "-", ["ETH", 0, 87, 0, 0]]]
    line.request("add", {**sell, "size": UNIT})
    assert line.heard() == [["K", "ETH", "+", ["ETH", -UNIT, 87, -UNIT, -UNIT]]]


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (bind("Q"), ["Q", 0, "Z", 102]),
        (bind("G"), ["G", 0, "Z", 102]),
        (bind("M"), ["M", 0, "Z", 102]),
        (bind("f", "BTC-USD"), ["f", "BTC-USD", "Z", 102]),
        (bind('"\n', "BTC-USD"), ['"\n', "BTC-USD", "Z", 102]),
        (bind("B"), ["B", 0, "Z", 103]),
        (bind("F", "BTC-GBP"), ["F", "BTC-GBP", "Z", 103]),
        (bind("F", True), ["F", True, "Z", 103]),
        (bind("F", ["BTC-USD"]), ["F", ["BTC-USD"], "Z", 103]),
        (
            bind("B", {"instrument": "BTC-USD", "clientId": 101}),
            ["B", {"instrument": "BTC-USD", "clientId": 101}, "Z", 103],
        ),
        (bind("B", 43), ["B", 43, "Z", 103]),
        (bind("O", "BTC-GBP"), ["O", "BTC-GBP", "Z", 103]),
        (bind("K", "XYZ"), ["K", "XYZ", "Z", 103]),
        (bind("K", 1), ["K", 1, "Z", 103]),
        (bind("MD", "BTC-USD"), ["MD", "BTC-USD", "Z", 103]),
        (bind("MD", {"instrument": "BTC-GBP"}), ["MD", {"instrument": "BTC-GBP"}, "Z", 103]),
        (bind("O", event="unbind"), ["O", 0, "Z", 101]),
        (bind("B", 43, "unbind"), ["B", 43, "Z", 101]),
        (bind("Q", event="unbind"), ["Q", 0, "Z", 102]),
        ({"event": "bind"}, {"error": 9}),
        ({"event": "bind", "feed": 7}, {"error": 9}),
        ({"event": "unbind", "feed": None}, {"error": 9}),
        ({"event": "subscribe"}, {"error": 9}),
        ({"event": ["bind"]}, {"error": 9}),
        ({}, {"error": 9}),
        ([], {"error": 9}),
        (b"", {"error": 9}),
        (b"{", {"error": 9}),
        (b"\xff\xfe", {"error": 9}),
        (b'{"event":"bind","feed":"\\ud800"}', {"error": 9}),
    ],
)
def test_what_cannot_be_bound(line: Line, message: Any, answer: Any) -> None:
    assert line.ask(message) == answer
    assert line.ask(bind("O")) == ["O", 0, "S", []]


def test_the_same_again_is_refused_and_changes_nothing(house: House, line: Line) -> None:
    line.ask(bind("F", "BTC-USD"))
    assert line.ask(bind("F", "BTC-USD")) == ["F", "BTC-USD", "Z", 100]
    house.offer(Side.BUY, "63995", "1")
    assert len(line.heard()) == 1


def test_after_unbind_nothing_more_comes(house: House, line: Line) -> None:
    line.ask(bind("F", "BTC-USD"))
    assert line.ask(bind("F", "BTC-USD", "unbind")) == ["F", "BTC-USD", "U", 0]
    house.offer(Side.BUY, "63995", "1")
    assert line.heard() == []
    assert line.ask(bind("F", "BTC-USD", "unbind")) == ["F", "BTC-USD", "Z", 101]


def test_unbind_without_an_id_drops_all_of_the_feed(line: Line) -> None:
    line.ask(bind("O", "BTC-USD"))
    line.ask(bind("O", "ETH-USD"))
    assert line.ask(bind("O", event="unbind")) == ["O", 0, "U", 0]
    assert line.ask(bind("O", "BTC-USD", "unbind")) == ["O", "BTC-USD", "Z", 101]


def test_a_key_without_the_right_to_read_sees_no_feed(house: House) -> None:
    house.host.admit("blind", SECRET, "ours", permissions=frozenset({"trade"}))
    line = house.line(key="blind")
    assert line.ask(bind("O")) == ["O", 0, "Z", 3]
    assert line.request("positions") == {"event": "request", "reqId": 1, "error": 3}


def test_the_core_goes_and_comes_back(house: House, line: Line) -> None:
    line.ask(bind("F", "BTC-USD"))
    house.host.outage(2)
    due = line.acceptor.next_tick()
    assert due is not None
    assert due <= house.now
    line.take(line.acceptor.tick(house.now))
    assert line.heard() == [["X", 0, "Z", 2]]
    assert line.ask(bind("O")) == ["O", 0, "Z", 2]
    assert line.request("positions") == {"event": "request", "reqId": 1, "error": 2}
    assert house.rest("positions") == (400, {"error": 2})
    house.offer(Side.BUY, "63995", "1")
    assert line.heard() == []
    house.host.outage(0)
    line.take(line.acceptor.tick(house.now))
    assert line.heard() == [["X", 0, "Z", 0]]
    assert line.ask(bind("F", "BTC-USD"))[2] == "S"


def test_an_outage_may_end_by_itself(house: House, line: Line) -> None:
    start = house.now
    house.host.outage(2, start + 5)
    line.take(line.acceptor.tick(start))
    assert line.heard() == [["X", 0, "Z", 2]]
    assert line.acceptor.next_tick() == start + 5
    line.take(line.acceptor.tick(start + 5))
    assert line.heard() == [["X", 0, "Z", 0]]
    house.now += 5
    assert line.ask(bind("O")) == ["O", 0, "S", []]


def test_a_connection_made_while_the_core_is_down_says_so(house: House) -> None:
    house.host.outage(2)
    line = Line(house)
    assert line.open(house.headers(key=KEY)) is None
    assert line.heard() == [["X", 0, "Z", 2]]
