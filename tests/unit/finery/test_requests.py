"""Requests: replies, codes in the order of the checks, an order's life on feed O, cod, and the same over REST."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.finery.link import KEY, SECRET, UNIT, House, Line

from venuewire.model.terms import Side
from venuewire.venue import Request
from venuewire.venues.finery import signing


@pytest.fixture
def house() -> House:
    house = House()
    house.offer(Side.BUY, "63990", "1")
    house.offer(Side.SELL, "64010", "1")
    house.offer(Side.SELL, "64020", "2")
    return house


@pytest.fixture
def line(house: House) -> Line:
    return house.line()


def px(price: float) -> int:
    return int(price * 100) * UNIT // 100


LIMIT = {"instrument": "BTC-USD", "price": px(63000), "size": UNIT, "side": "bid", "type": "limit"}
MARKET = {"instrument": "BTC-USD", "size": UNIT, "side": "bid", "type": "marketIOC"}


def without(content: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in names}


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (without(LIMIT, "instrument"), (9, "instrument")),
        (LIMIT | {"instrument": 5}, (9, "instrument")),
        (without(LIMIT, "side"), (9, "side")),
        (LIMIT | {"side": "buy"}, (9, "side")),
        (LIMIT | {"type": "stop"}, (9, "type")),
        (LIMIT | {"type": None}, (9, "type")),
        (without(LIMIT, "price"), (9, "price")),
        (LIMIT | {"price": "1"}, (9, "price")),
        (LIMIT | {"price": 1.5}, (9, "price")),
        (LIMIT | {"price": 2**64}, (9, "price")),
        (LIMIT | {"size": "1"}, (9, "size")),
        (LIMIT | {"size": True}, (9, "size")),
        (LIMIT | {"clientOrderId": -1}, (9, "clientOrderId")),
        (LIMIT | {"clientOrderId": 2**63}, (9, "clientOrderId")),
        (LIMIT | {"cod": 1}, (9, "cod")),
        (LIMIT | {"makers": ["x"]}, (9, "makers")),
        (LIMIT | {"qsEnabled": "no"}, (9, "qsEnabled")),
        (without(LIMIT, "size"), (81, None)),
        (LIMIT | {"volume": 1}, (81, None)),
        (LIMIT | {"instrument": "BTC-GBP"}, (34, None)),
        (MARKET | {"instrument": "BTC-GBP"}, (34, None)),
        (LIMIT | {"type": "pendingLimit"}, (73, None)),
        (without(LIMIT, "size") | {"volume": UNIT}, (82, None)),
        (LIMIT | {"size": 0}, (70, None)),
        (LIMIT | {"size": -UNIT}, (70, None)),
        (without(MARKET, "size") | {"volume": 0}, (83, None)),
        (without(MARKET, "size") | {"volume": UNIT + 1}, (83, None)),
        (LIMIT | {"price": 0}, (71, None)),
        (LIMIT | {"price": px(63000) + 1}, (71, None)),
        (LIMIT | {"size": px(10_000_000)}, (79, None)),
        (LIMIT | {"type": "postOnly", "price": px(64010)}, (75, None)),
        (MARKET | {"type": "limitIOC", "price": px(64000)}, (76, None)),
        (MARKET | {"type": "limitFOK", "price": px(64010), "size": 2 * UNIT}, (77, None)),
        (MARKET | {"type": "marketFOK", "size": 9 * UNIT}, (77, None)),
        (MARKET | {"instrument": "ETH-USD"}, (76, None)),
        # Two faults: the one that is checked first is told.
        (LIMIT | {"side": "buy", "instrument": "BTC-GBP"}, (9, "side")),
        (LIMIT | {"instrument": "BTC-GBP", "size": 0}, (34, None)),
        (LIMIT | {"size": 0, "price": 0}, (70, None)),
    ],
)
def test_an_order_is_refused_with_the_first_fault(line: Line, content: dict[str, Any], error: tuple[int, Any]) -> None:
    line.ask({"event": "bind", "feed": "O"})
    code, param = error
    expected = {"event": "request", "reqId": 7, "error": code} | ({} if param is None else {"param": param})
    assert line.request("add", content, 7) == expected
    assert line.heard() == []
    assert line.house.rest("add", content) == (400, {"error": code})


def test_names_are_compared_without_regard_to_case(line: Line) -> None:
    assert "reply" in line.request("add", MARKET | {"type": "MarketIOC", "side": "BID"})


@pytest.mark.parametrize(
    ("terms", "code"),
    [({"forbidden": frozenset({"BTC-USD"})}, 36), ({"trading": False}, 84), ({"permissions": frozenset({"read"})}, 3)],
)
def test_what_a_key_may_not_do(house: House, terms: dict[str, Any], code: int) -> None:
    house.host.admit("bound", SECRET, "ours", **terms)
    assert house.line(key="bound").request("add", MARKET)["error"] == code


def test_a_client_order_id_is_free_again_once_its_order_is_done(line: Line) -> None:
    content = LIMIT | {"clientOrderId": 5}
    first = line.request("add", content)["reply"]
    assert line.request("add", content)["error"] == 74
    line.request("del", {"orderId": first["id"]})
    assert line.request("add", content)["reply"]["clientOrderId"] == 5


def test_thirty_orders_a_side_and_no_more(line: Line) -> None:
    for _ in range(30):
        assert "reply" in line.request("add", LIMIT | {"size": 1000})
    assert line.request("add", LIMIT | {"size": 1000})["error"] == 79
    assert "reply" in line.request("add", LIMIT | {"side": "ask", "price": px(70000), "size": 1000})
    assert "reply" in line.request("add", MARKET)


def test_own_orders_do_not_meet(line: Line) -> None:
    line.request("add", LIMIT | {"price": px(64000)})
    assert line.request("add", MARKET | {"side": "ask", "type": "limitIOC", "price": px(64000)})["error"] == 78


EXTREMES = st.sampled_from([0, 1, 99, 100, 1_000_000, UNIT, 10**14, 10**18, 2**62, 2**63 - 8, 2**63 - 1, 10**18 * 9])


@given(
    kind=st.sampled_from(["limit", "postOnly", "limitIOC", "limitFOK", "marketIOC", "marketFOK"]),
    side=st.sampled_from(["bid", "ask"]),
    name=st.sampled_from(["BTC-USD", "ETH-USD", "BTC-USDT"]),
    price=EXTREMES | st.integers(63_900, 64_100).map(lambda dollars: dollars * UNIT),
    amount=EXTREMES,
    by=st.sampled_from(["size", "volume"]),
)
def test_orders_of_any_measure_are_answered_and_add_up(
    kind: str, side: str, name: str, price: int, amount: int, by: str
) -> None:
    house = House()
    house.offer(Side.BUY, "63990", "1")
    house.offer(Side.SELL, "64010", "1")
    line = house.line()
    answer = line.request("add", {"instrument": name, "type": kind, "side": side, "price": price, by: amount})
    if "error" in answer:
        assert answer["error"] in range(70, 84)
        assert house.port.orders() == []
        return
    reply = answer["reply"]
    left = reply["remainingSize" if by == "size" else "remainingVolume"]
    done = sum(found[by] for found in reply["deals"])
    assert 0 <= left <= amount
    if by == "size":
        assert done + left == amount
    assert ("cancelReason" in reply) <= (kind not in {"limit", "postOnly"})
    working = house.port.orders()
    assert [order.order_id for order in working] == (
        [str(reply["id"])] if kind in {"limit", "postOnly"} and left else []
    )


# --------------------------------------------------------------------------- life of an order


def test_a_maker_order_rests_is_filled_and_leaves_no_removal(house: House, line: Line) -> None:
    line.ask({"event": "bind", "feed": "O"})
    reply = line.request("add", LIMIT | {"clientOrderId": 11, "price": px(64000)})["reply"]
    order_id = reply["id"]
    assert reply == {"id": order_id, "remainingSize": UNIT, "clientOrderId": 11, "deals": []}
    row = ["BTC-USD", 0, 0, 0, order_id, 11, px(64000), UNIT, UNIT, house.now // 1_000_000, 0]
    assert line.heard() == [["O", 0, "+", row]]
    assert line.house.line().ask({"event": "bind", "feed": "O", "feedId": "BTC-USD"}) == ["O", "BTC-USD", "S", [row]]
    house.now += 5_000_000_000
    house.offer(Side.SELL, "63995", "0.4")
    house.offer(Side.SELL, "63995", "0.6")
    first, second = line.heard()
    stamp = house.now // 1_000_000
    assert first[:3] == second[:3] == ["O", 0, "D"]
    assert len(first[3]) == 24
    left = 60_000_000
    assert first[3] == [
        *row[:8],
        left,
        row[9],
        stamp,
        first[3][11],
        1,
        px(64000),
        UNIT - left,
        px(25600),
        0,
        87,
        0,
        87,
        0,
        0,
        101,
        0,
    ]
    assert second[3][8] == 0
    assert second[3][11] > first[3][11]


def test_a_taker_order_has_deals_and_a_removal_for_the_rest_but_is_never_placed(house: House, line: Line) -> None:
    line.ask({"event": "bind", "feed": "O"})
    reply = line.request("add", MARKET | {"type": "limitIOC", "price": px(64010), "size": 3 * UNIT})["reply"]
    assert (reply["remainingSize"], reply["cancelReason"]) == (2 * UNIT, 2)
    (found,) = reply["deals"]
    assert found == {
        "counterpartyId": 87,
        "id": found["id"],
        "price": px(64010),
        "size": UNIT,
        "volume": px(64010),
        "delta": 0,
        "counterpartySubaccountId": 0,
    }
    (_, _, dealt, row), (_, _, gone, rest) = line.heard()
    assert (dealt, gone) == ("D", "-")
    assert (row[1], row[8], row[12], row[19], row[22]) == (2, 2 * UNIT, 0, 101, 87)
    assert (rest[3], rest[8]) == (2, 2 * UNIT)


def test_a_filled_taker_order_has_no_cancel_reason(line: Line) -> None:
    reply = line.request("add", MARKET)["reply"]
    assert reply["remainingSize"] == 0
    assert "cancelReason" not in reply


def test_an_order_by_volume(line: Line) -> None:
    line.ask({"event": "bind", "feed": "O"})
    reply = line.request("add", without(MARKET, "size") | {"volume": px(6401)})["reply"]
    assert reply["remainingVolume"] == 0
    assert [(it["size"], it["volume"]) for it in reply["deals"]] == [(UNIT // 10, px(6401))]
    row = line.heard()[0][3]
    assert (row[7], row[8], row[14], row[15], row[18]) == (px(6401), 0, UNIT // 10, px(6401), 1)


def test_a_limit_order_that_crosses_trades_first_and_then_rests(line: Line) -> None:
    line.ask({"event": "bind", "feed": "O"})
    reply = line.request("add", LIMIT | {"price": px(64020), "size": 4 * UNIT})["reply"]
    assert (reply["remainingSize"], len(reply["deals"])) == (UNIT, 2)
    assert "cancelReason" not in reply
    frames = line.heard()
    assert [frame[2] for frame in frames] == ["D", "D", "+"]
    assert [frame[3][8] for frame in frames] == [3 * UNIT, UNIT, UNIT]


def test_del_by_either_id_and_not_by_both(line: Line) -> None:
    line.ask({"event": "bind", "feed": "O"})
    first = line.request("add", LIMIT | {"clientOrderId": 5})["reply"]["id"]
    second = line.request("add", LIMIT | {"clientOrderId": 6})["reply"]["id"]
    assert line.request("del", {"orderId": first})["reply"] == {"id": first, "remainingSize": UNIT}
    (removal,) = line.heard()
    assert (removal[2], removal[3][3], removal[3][4]) == ("-", 1, first)
    assert line.request("del", {"clientOrderId": 6})["reply"]["id"] == second
    assert line.request("del", {"clientOrderId": 6})["error"] == 80
    assert line.request("del", {"orderId": first})["error"] == 80
    assert line.request("del", {"clientOrderId": 0})["error"] == 80
    for content in ({}, {"orderId": 1, "clientOrderId": 2}, {"orderId": "1"}):
        assert line.request("del", content)["error"] == 9


def test_nobody_cancels_anothers_order(house: House, line: Line) -> None:
    theirs = int(house.offer(Side.BUY, "63000", "1"))
    assert line.request("del", {"orderId": theirs})["error"] == 80
    assert line.request("mod", {"orderId": theirs, "price": px(1), "size": UNIT})["error"] == 80


def test_del_all_counts(line: Line) -> None:
    for content in (LIMIT, LIMIT, LIMIT | {"instrument": "ETH-USD", "price": px(3000)}):
        line.request("add", content)
    assert line.request("delAll", {"instrument": "BTC-USD"})["reply"] == {"removed": 2}
    assert line.request("delAll", {"instrument": "BTC-GBP"})["error"] == 34
    assert line.request("delAll", {})["reply"] == {"removed": 1}
    assert line.request("delAll")["reply"] == {"removed": 0}


# --------------------------------------------------------------------------- mod


def partly_filled(line: Line, **terms: Any) -> int:
    """An order of 10 with 8 left."""
    order_id: int = line.request("add", LIMIT | {"price": px(64000), "size": 10 * UNIT} | terms)["reply"]["id"]
    line.house.offer(Side.SELL, "64000", "2")
    line.heard()
    return order_id


def test_mod_counts_what_was_filled(line: Line) -> None:
    line.ask({"event": "bind", "feed": "O"})
    old = partly_filled(line)
    reply = line.request("mod", {"orderId": old, "clientOrderId": 9, "price": px(63950), "size": 12 * UNIT})["reply"]
    assert reply == {
        "id": reply["id"],
        "initialSize": 10 * UNIT,
        "remainingSize": 10 * UNIT,
        "deals": [],
        "origId": old,
        "origRemainingSize": 8 * UNIT,
    }
    removed, placed = line.heard()
    assert (removed[2], removed[3][3], removed[3][4], removed[3][8]) == ("-", 1, old, 8 * UNIT)
    assert (placed[2], placed[3][4:9]) == ("+", [reply["id"], 9, px(63950), 10 * UNIT, 10 * UNIT])


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"orderId": 1}, 80),
        ({"orderId": None}, 9),
        ({"price": None}, 9),
        ({"size": "1"}, 9),
        ({"size": 0}, 70),
        ({"price": 1}, 71),
        ({"side": "ask"}, 91),
    ],
)
def test_mod_refused_beforehand_leaves_the_old_order(line: Line, changes: dict[str, Any], error: int) -> None:
    old = partly_filled(line)
    answer = line.request("mod", {"orderId": old, "price": px(63000), "size": 9 * UNIT} | changes)
    assert answer["error"] == error
    assert [order.order_id for order in line.house.port.orders()] == [str(old)]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"size": 2 * UNIT}, 90),
        ({"clientOrderId": 4}, 74),
        ({"size": px(1_000_000)}, 79),
        ({"price": px(65000)}, 75),
    ],
)
def test_mod_refused_on_the_way_has_removed_the_old_order(line: Line, changes: dict[str, Any], error: int) -> None:
    for over_rest in (False, True):
        line.request("delAll")
        line.request("add", LIMIT | {"clientOrderId": 4, "price": px(50000), "size": 1})
        old = partly_filled(line, type="postOnly")
        content = {"orderId": old, "price": px(63000), "size": 9 * UNIT} | changes
        expected = {"error": error, "origId": old, "origRemainingSize": 8 * UNIT}
        if over_rest:
            assert line.house.rest("mod", content) == (200, {"reply": expected})
        else:
            assert line.request("mod", content)["reply"] == expected
        assert [order.cl_ord_id for order in line.house.port.orders()] == ["4"]


# --------------------------------------------------------------------------- cancel on disconnect


def test_only_cod_orders_of_the_lost_connection_go(house: House) -> None:
    lost, other = house.line(), house.line()
    other.ask({"event": "bind", "feed": "O"})
    gone = lost.request("add", LIMIT | {"cod": True})["reply"]["id"]
    lost.request("add", LIMIT | {"cod": False})
    lost.request("add", LIMIT)
    other.request("add", LIMIT | {"cod": True})
    house.rest("add", LIMIT | {"cod": True})
    moved = lost.request("add", LIMIT | {"cod": True})["reply"]["id"]
    moved = other.request("mod", {"orderId": moved, "price": px(62000), "size": UNIT})["reply"]["id"]
    other.heard()
    lost.lose()
    ((feed, feed_id, action, row),) = other.heard()
    assert (feed, feed_id, action, row[3], row[4]) == ("O", 0, "-", 4, gone)
    assert len(house.port.orders()) == 5
    other.lose()
    assert len(house.port.orders()) == 3
    assert str(moved) not in {order.order_id for order in house.port.orders()}


# --------------------------------------------------------------------------- envelope, reading, REST


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ({"method": "positions"}, {"event": "request", "error": 9, "param": "reqId"}),
        ({"reqId": "1", "method": "positions"}, {"event": "request", "error": 9, "param": "reqId"}),
        ({"reqId": True, "method": "positions"}, {"event": "request", "error": 9, "param": "reqId"}),
        ({"reqId": 1}, {"event": "request", "reqId": 1, "error": 9, "param": "method"}),
        ({"reqId": 1, "method": "ticker"}, {"event": "request", "reqId": 1, "error": 8}),
        ({"reqId": 1, "method": "algo/order/add"}, {"event": "request", "reqId": 1, "error": 8}),
        (
            {"reqId": 1, "method": "add", "content": []},
            {"event": "request", "reqId": 1, "error": 9, "param": "content"},
        ),
    ],
)
def test_envelopes_that_are_refused(line: Line, message: dict[str, Any], answer: dict[str, Any]) -> None:
    assert line.ask({"event": "request", **message}) == answer


def test_what_can_be_read(house: House, line: Line) -> None:
    currencies, instruments, networks = line.request("instruments")["reply"]
    assert currencies[0] == ["BTC", 3714, 1, 6400000000000, "crypto", ["BTC"]]
    assert [row[0] for row in instruments] == ["BTC-USD", "ETH-USD", "BTC-USDT", "BTC-EUR"]
    assert networks[0][0] == "SWIFT"
    bids, asks = line.request("book", {"instrument": "BTC-USD", "tradable": True})["reply"]
    assert (bids, asks) == ([[px(63990), UNIT]], [[px(64010), UNIT], [px(64020), 2 * UNIT]])
    assert line.request("book", {"instrument": "BTC-GBP"})["error"] == 34
    line.request("add", MARKET | {"size": 2 * UNIT, "clientOrderId": 3})
    resting = line.request("add", LIMIT)["reply"]["id"]
    next_id, positions, orders, settlements = line.request("positions", {"filter": "all"})["reply"]
    assert [row[4] for row in orders] == [resting]
    assert settlements == []
    assert ["BTC", px(1002), 87, px(1002), px(1002)] in positions
    deals = line.request("dealHistory", {})["reply"]
    assert [row[11] for row in deals] == [next_id - 1, next_id - 2]
    assert {len(row) for row in deals} == {24}
    assert [row[14] for row in line.request("dealHistory", {"till": next_id - 1, "limit": 5})["reply"]] == [UNIT]
    assert line.request("dealHistory", {"instrument": ["ETH-USD"]})["reply"] == []
    assert line.request("dealHistory", {"from": house.now // 1_000_000 + 1})["reply"] == []
    assert line.request("dealHistory", {"instrument": 7})["error"] == 9


def test_rest_answers_the_same_as_the_socket(house: House, line: Line) -> None:
    for method, content in (("instruments", {}), ("positions", {}), ("book", {"instrument": "BTC-USD"})):
        assert house.rest(method, content) == (200, line.request(method, content)["reply"])


def test_rest_signs_its_method(house: House) -> None:
    body = signing.rest_body({}, house.unique(), house.now // 1_000_000)
    headers = {"efx-key": KEY, "efx-sign": signing.sign(SECRET, signing.rest_text("positions", body))}
    answer = house.host.serve(Request(method="POST", path="/api/delAll", headers=headers, body=body), house.now)
    assert (answer.status, answer.body) == (400, b'{"error":14}')


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({}, b"{}", 3),
        ({"efx-key": KEY}, b"{}", 3),
        ({"efx-key": KEY, "efx-sign": "x"}, b"{}", 9),
        ({"efx-key": KEY, "efx-sign": "x"}, b"\xff", 9),
        ({"efx-key": KEY, "efx-sign": "x"}, b'[{"nonce":1,"timestamp":1}]', 9),
        ({"efx-key": "nobody", "efx-sign": "x"}, b'{"nonce":1,"timestamp":1}', 3),
        ({"efx-key": KEY, "efx-sign": "x"}, b'{"nonce":1,"timestamp":1}', 14),
    ],
)
def test_rest_refusals(house: House, headers: dict[str, str], body: bytes, code: int) -> None:
    answer = house.host.serve(Request(method="POST", path="/api/positions", headers=headers, body=body), house.now)
    assert (answer.status, answer.body) == (400, b'{"error":%d}' % code)


def test_rest_takes_post_only_and_known_methods(house: House) -> None:
    assert house.rest("positions", verb="GET") == (405, None)
    assert house.rest("voiceTrade") == (400, {"error": 8})
    assert house.rest("pending/add") == (400, {"error": 8})
    assert house.host.serve(Request(method="GET", path="/ws"), house.now).status == 404
