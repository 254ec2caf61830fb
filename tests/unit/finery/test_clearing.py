"""Beside trading: settlements, limits, clients; their feeds and methods, in three generations of layouts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.finery.link import SECRET, START, UNIT, House, Line
from tests.unit.finery.test_feeds import bind, px

from venuewire.model.terms import NANOS_PER_SECOND, Side
from venuewire.venue import Habit
from venuewire.venues.finery.acceptor.host import Rules
from venuewire.venues.finery.wire import feeds

DAY = 86_400 * NANOS_PER_SECOND
MILLI = START // 1_000_000
OK = {"error": 0}
ASK = {"counterpartyId": 87, "currency": "BTC"}
BUY = {"instrument": "BTC-USD", "size": UNIT, "side": "bid", "type": "marketIOC"}


@pytest.fixture
def house() -> House:
    house = House()
    house.offer(Side.SELL, "64000", "5")
    return house


@pytest.fixture
def line(house: House) -> Line:
    return house.line()


def told(line: Line, feed: str) -> list[Any]:
    """(action, payload) of each message of a feed since the last look."""
    return [frame[2:] for frame in line.heard() if isinstance(frame, list) and frame[0] == feed]


def reply(line: Line, method: str, content: dict[str, Any] | None = None) -> Any:
    """The reply, or the code of a refusal; what follows stays to be heard."""
    answer = line.request(method, content or {})
    return answer["reply"] if "reply" in answer else answer["error"]


def kinds(frames: list[Any]) -> list[str]:
    return [frame[0] + frame[2] for frame in frames]


# --------------------------------------------------------------------------- settlements


def test_what_we_ask_for_is_paid_and_changes_the_position_when_we_commit_it(line: Line) -> None:
    for feed in ("S", "R", "N", "K"):
        assert line.ask(bind(feed))[2] == "S"
    assert reply(line, "addIncomingSettlementRequest", ASK | {"amount": px(2), "comment": "two"}) == OK
    frames = line.heard()
    assert kinds(frames) == ["R+", "R-", "N+", "S+", "KM"]
    asked, gone, came, order, position = (frame[3] for frame in frames)
    assert asked == gone == [[[87, "BTC", 0, px(2), "two", MILLI + 86_400_000, "", 1001, MILLI]], []]
    row = came[0][0]
    assert row[:3] == [87, "BTC", px(2)]
    assert order[0]["settlementOrderId"] == row[3]
    assert (order[0]["size1"], order[0]["clientId"]) == (-px(2), 101)
    assert position == ["BTC", px(1000), 87, px(1000), px(998)]
    assert reply(line, "settlementTransactions") == came
    assert reply(line, "commitIncomingSettlementTransaction", {"transactionId": row[10]}) == OK
    frames = line.heard()
    assert kinds(frames) == ["ND", "SD", "KM"]
    assert frames[1][3][0]["commitedAt"] == MILLI
    assert frames[2][3] == ["BTC", px(998), 87, px(998), px(998)]
    assert ["BTC", px(998), 87, px(998), px(998)] in reply(line, "positions")[1]
    assert reply(line, "settlementTransactions") == [[], []]
    assert reply(line, "commitIncomingSettlementTransaction", {"transactionId": row[10]}) == 144


def test_what_we_send_is_taken_and_what_is_not_sent_can_be_taken_back(line: Line) -> None:
    for feed in ("S", "N"):
        line.ask(bind(feed))
    terms = {"counterpartyId": 87, "currency": "USD", "amount": px(500), "fee": 1}
    first, second = (reply(line, "addOutgoingSettlementTransaction", terms) for _ in range(2))
    number, other = first["settlementTransactionId"], second["settlementTransactionId"]
    line.heard()
    assert len(reply(line, "settlementOrders")) == 2
    assert reply(line, "sendOutgoingSettlementTransaction", {"transactionId": number, "txId": "abc", "fee": 7}) == OK
    frames = line.heard()
    assert kinds(frames) == ["N+", "ND", "SD"]
    row = frames[0][3][1][0]
    assert (row[6], row[7], row[11]) == ("abc", MILLI, 7)
    assert reply(line, "delOutgoingSettlementTransaction", {"transactionId": other}) == OK
    frames = line.heard()
    assert kinds(frames) == ["N-", "S-"]
    assert frames[0][3][1][0][8] == 2  # cancelled by the sender
    assert reply(line, "delOutgoingSettlementTransaction", {"transactionId": other}) == 144
    assert ["USD", px(50_000_500), 87] in [held[:3] for held in reply(line, "positions")[1]]
    assert reply(line, "settlementOrders") == []


def test_histories_come_in_pages_the_newest_first(line: Line) -> None:
    for n in range(5):
        line.house.now = START + n * NANOS_PER_SECOND
        terms = {"counterpartyId": 87, "currency": "USD", "amount": px(n + 1)}
        number = reply(line, "addOutgoingSettlementTransaction", terms)["settlementTransactionId"]
        reply(line, "sendOutgoingSettlementTransaction", {"transactionId": number, "txId": "x"})
    rows = reply(line, "settlementHistory")
    assert [row[3] for row in rows] == [px(n) for n in (5, 4, 3, 2, 1)]
    assert [len(row) for row in rows] == [11] * 5
    page = reply(line, "settlementHistory", {"till": rows[1][10], "limit": 2})
    assert page == rows[2:4]
    within = {"from": MILLI + 1000, "to": MILLI + 3000}
    assert reply(line, "settlementHistory", within) == rows[2:4]
    closed = reply(line, "settlementTransactionHistory", {"limit": 400})
    assert [row[2] for row in closed] == [px(n) for n in (5, 4, 3, 2, 1)]
    assert reply(line, "settlementTransactionHistory", {"till": closed[3][10]}) == closed[4:]


def test_a_request_that_is_not_paid_ends_by_itself_or_is_taken_back(house: House) -> None:
    house.host.rules = Rules(prompt=False)
    line, other = house.line(), house.line()
    other.ask(bind("R"))
    line.ask(bind("R"))
    assert reply(line, "addIncomingSettlementRequest", ASK) == OK
    assert [action for action, _ in told(line, "R")] == ["+"]
    due = other.acceptor.next_tick()
    assert due is not None
    assert due <= house.now
    other.take(other.acceptor.tick(house.now))
    assert [action for action, _ in told(other, "R")] == ["+"]
    assert reply(line, "addIncomingSettlementRequest", ASK) == 130
    assert reply(line, "delIncomingSettlementCPRequest", ASK) == 131
    assert reply(line, "delIncomingSettlementRequest", ASK) == OK
    assert reply(line, "delIncomingSettlementRequest", ASK) == 131
    soon = {**ASK, "cancelTimestamp": MILLI + 5000}
    assert reply(line, "addIncomingSettlementRequest", soon) == OK
    line.heard()
    assert house.host.next_tick() == START + 5 * NANOS_PER_SECOND
    house.now = START + 5 * NANOS_PER_SECOND
    house.host.tick(house.now)
    assert house.host.next_tick() is None
    line.take(line.acceptor.tick(house.now))
    assert [action for action, _ in told(line, "R")] == ["-"]
    assert reply(line, "settlementRequests") == [[], []]


def test_a_request_ends_by_its_time_while_nobody_is_connected(house: House) -> None:
    house.host.rules = Rules(prompt=False)
    line = house.line()
    assert reply(line, "addIncomingSettlementRequest", {**ASK, "cancelTimestamp": MILLI + 5000}) == OK
    line.lose()
    (kept,) = house.host._clearings.values()
    due = house.host.next_tick()
    assert due is not None
    assert due == START + 5 * NANOS_PER_SECOND
    house.now = due
    house.host.tick(house.now)
    assert kept.incoming_requests == {}
    assert house.host.next_tick() is None


def test_feed_s_is_narrowed_by_currency(line: Line) -> None:
    line.ask(bind("S", "USD"))
    line.ask(bind("S", 3714))
    terms = {"counterpartyId": 87, "currency": "USD", "amount": px(5)}
    reply(line, "addOutgoingSettlementTransaction", terms)
    assert [frame[:3] for frame in line.heard()] == [["S", "USD", "+"]]
    assert line.ask(bind("S", "USD", "unbind")) == ["S", "USD", "U", 0]
    assert line.ask(bind("S", "GBP")) == ["S", "GBP", "Z", 103]
    assert len(line.ask(bind("S"))[3]) == 1


@pytest.mark.parametrize(
    ("method", "content", "error"),
    [
        ("addIncomingSettlementRequest", {"currency": "BTC"}, 9),
        ("addIncomingSettlementRequest", ASK | {"counterpartyId": 5}, 133),
        ("addIncomingSettlementRequest", ASK | {"counterpartyId": 101}, 143),
        ("addIncomingSettlementRequest", ASK | {"currency": "GBP"}, 26),
        ("addIncomingSettlementRequest", ASK | {"amount": -1}, 135),
        ("addIncomingSettlementRequest", ASK | {"currency": "USD", "amount": 1}, 135),
        ("addIncomingSettlementRequest", ASK | {"flags": 2}, 132),
        ("addIncomingSettlementRequest", ASK | {"comment": "x" * 2000}, 134),
        ("addIncomingSettlementRequest", ASK | {"cancelTimestamp": 1}, 9),
        ("addIncomingSettlementRequest", ASK | {"cancelTimestamp": MILLI + 31 * 86_400_000}, 9),
        ("addOutgoingSettlementTransaction", ASK, 9),
        ("addOutgoingSettlementTransaction", ASK | {"amount": 0}, 141),
        ("addOutgoingSettlementTransaction", ASK | {"counterpartyId": 5, "amount": 1}, 45),
        ("sendOutgoingSettlementTransaction", {"transactionId": 1}, 142),
        ("sendOutgoingSettlementTransaction", {"txId": "x"}, 9),
        ("sendOutgoingSettlementTransaction", {"transactionId": 1, "txId": "x"}, 144),
        ("settlementHistory", {"limit": -1}, 9),
        ("setLimit", {"currency": "USD"}, 9),
        ("setLimit", {"currency": "GBP", "grossLimit": 1}, 26),
        ("setLimit", {"currency": "USD", "grossLimit": -1}, 52),
        ("setLimit", {"currency": "USD", "grossLimit": 1, "netLimit": -1}, 51),
        ("delLimit", {"currency": "BTC"}, 53),
        ("setCLimit", ASK | {"grossLimit": 1, "takerMarkup": 100_001}, 9),
        ("delCLimit", {"counterpartyId": 5}, 45),
        ("getCounterpartyInfo", {}, 9),
        ("getCounterpartyInfo", {"counterpartyId": 5}, 45),
        ("instrumentMarkups", {"counterpartyId": 5}, 45),
        ("positions", {"filter": "mine"}, 9),
        ("book", {"instrument": "BTC-USD", "clientId": 5}, 45),
        ("disableTrading", {}, 8),
        ("pending/add", {}, 8),
        ("algo/order/add", {}, 8),
        ("rfq", {}, 8),
    ],
)
def test_what_is_refused(line: Line, method: str, content: dict[str, Any], error: int) -> None:
    assert reply(line, method, content) == error
    status, body = line.house.rest(method, content)
    assert (status, body["error"]) == (400, error)


@pytest.mark.parametrize("currency", ["BTC", "USD", "USDT"])
def test_no_settlement_grows_beyond_what_the_wire_can_say(line: Line, currency: str) -> None:
    for feed in ("K", "L", "N", "S", "P"):
        line.ask(bind(feed))
    terms = {"counterpartyId": 87, "currency": currency}
    largest = 9_223_372_036_000_000_000
    assert reply(line, "addOutgoingSettlementTransaction", terms | {"amount": largest}) == 141
    for _ in range(20):
        sent = reply(
            line, "addOutgoingSettlementTransaction", terms | {"amount": px(500_000_000 if currency != "BTC" else 7000)}
        )
        if sent == 141:
            break
        reply(
            line, "sendOutgoingSettlementTransaction", {"transactionId": sent["settlementTransactionId"], "txId": "x"}
        )
    else:
        raise AssertionError("there was no end")
    assert reply(line, "climits")
    assert reply(line, "addIncomingSettlementRequest", terms | {"amount": largest}) == OK


def test_what_is_on_its_way_is_not_paid_twice(line: Line) -> None:
    for _ in range(2):
        assert reply(line, "addIncomingSettlementRequest", ASK) == (OK)
    assert [row[2] for row in reply(line, "settlementTransactions")[0]] == [px(1000)]
    assert len(reply(line, "settlementRequests")[0]) == 1


def test_a_payment_may_make_a_position_of_nothing_go_away(line: Line) -> None:
    line.ask(bind("K", "BTC"))
    assert reply(line, "addIncomingSettlementRequest", ASK) == OK
    number = reply(line, "settlementTransactions")[0][0][10]
    assert reply(line, "commitIncomingSettlementTransaction", {"transactionId": number}) == OK
    assert line.heard() == [["K", "BTC", "-", ["BTC", 0, 87, 0, 0]]]


# --------------------------------------------------------------------------- limits


def test_limits_are_set_told_and_held(line: Line) -> None:
    (row,) = line.ask(bind("L"))[3]
    assert row["counterpartyId"] == 87
    assert row["tradingPermissions"] == {"ownTradingEnabled": True, "mutualTradingEnabled": True}
    used = row["ownLimit"]["limitUtilization"]
    # 1000 BTC at 64000, 10000 ETH at 3200, fifty millions of dollars, of tethers, and of euros at 1.09
    assert used == px(64_000_000 + 32_000_000 + 100_000_000 + 54_500_000)
    assert reply(line, "setCLimit", ASK | {"currency": "USD", "grossLimit": used, "takerMarkup": -100}) == OK
    ((action, changed),) = told(line, "L")
    assert (action, changed["ownLimit"]["grossLimit"]) == ("M", used)
    assert reply(line, "add", BUY) == 79
    assert reply(line, "setCLimit", ASK | {"currency": "USD", "grossLimit": used + px(64_000)}) == OK
    line.heard()
    assert reply(line, "add", BUY)["remainingSize"] == 0
    # What is bought and what it is paid with change what is used, one after the other; here they are worth the same.
    assert [action for action, _ in told(line, "L")] in ([], ["M"], ["M", "M"])
    assert reply(line, "climits")[0]["ownLimit"]["grossLimit"] == used + px(64_000)
    assert reply(line, "delCLimit", {"counterpartyId": 87}) == OK
    ((_, gone),) = told(line, "L")
    assert "ownLimit" not in gone
    assert reply(line, "delCLimit", {"counterpartyId": 87}) == 53
    assert reply(line, "add", BUY) == 79


def test_global_limits_are_kept_by_currency(line: Line) -> None:
    assert reply(line, "setLimit", {"currency": "EUR", "netLimit": 10, "grossLimit": 15}) == OK
    rows = reply(line, "limits")
    assert [row[0] for row in rows] == ["USD", "EUR"]
    assert rows[1][1:3] == [10, 15]
    assert reply(line, "delLimit", {"currency": "EUR"}) == OK
    assert [row[0] for row in reply(line, "limits")] == ["USD"]
    assert reply(line, "cAssetLimits", {"counterpartyId": 87}) == []


def test_a_key_that_may_not_settle(house: House) -> None:
    house.host.admit("trader", SECRET, "ours", permissions=frozenset({"read", "trade"}))
    line = house.line(key="trader")
    assert reply(line, "setCLimit", ASK | {"grossLimit": 1}) == 3
    assert reply(line, "addIncomingSettlementRequest", ASK) == 3
    assert reply(line, "climits")[0]["counterpartyId"] == 87


# --------------------------------------------------------------------------- clients


def test_counterparties_and_markups(line: Line) -> None:
    found = reply(line, "getCounterpartyInfo", {"counterpartyId": 87})
    assert (found["clientId"], found["clientType"], found["status"]) == (87, "maker", "connected")
    assert reply(line, "instrumentMarkups") == [[87, None, 0, 0, "incoming"], [87, None, 0, 0, "outgoing"]]


def test_a_master_acts_for_its_clients_and_nobody_else_does(house: House) -> None:
    house.exchange.open_account("client", house.stage.balances)
    house.host.admit("client-key", SECRET, "client", role="taker", client_id=5, master=101)
    master, client = house.line(), house.line(key="client-key")
    client.ask(bind("O"))
    assert [it["info"]["clientId"] for it in reply(master, "getSubaccounts")] == [5]
    assert [row[0] for row in reply(master, "subaccountsLimits")] == [5]
    for method in ("getSubaccounts", "subaccountsLimits", "authorized/add"):
        assert reply(client, method, BUY | {"clientId": 101}) == 3
    assert reply(master, "authorized/add", BUY) == 9
    assert reply(master, "authorized/add", BUY | {"clientId": 6}) == 45
    assert reply(master, "authorized/add", BUY | {"clientId": 5, "type": "limit", "price": px(1)}) == 73
    client.heard()
    assert reply(master, "authorized/add", BUY | {"clientId": 5, "liquidation": False})["remainingSize"] == 0
    ((action, deal),) = told(client, "O")
    assert (action, deal[19]) == ("D", 5)
    named = {"instrument": "BTC-USD", "clientId": 5}
    assert master.ask(bind("F", named))[:3] == ["F", named, "S"]
    assert client.ask(bind("F", named)) == ["F", named, "Z", 103]
    assert reply(master, "book", named)[1] == [[px(64_000), px(4)]]


# --------------------------------------------------------------------------- feeds MD and P


def test_feed_md_is_the_book_as_snapshots_of_the_makers_asked_for(house: House, line: Line) -> None:
    everyone, nobody = {"instrument": "BTC-USD"}, {"instrument": "BTC-USD", "makers": [1, 2]}
    assert line.ask(bind("MD", everyone)) == ["MD", everyone, "S", [[], [[px(64_000), px(5)]]]]
    assert line.ask(bind("MD", nobody)) == ["MD", nobody, "S", [[], []]]
    house.offer(Side.BUY, "63000", "1")
    assert line.heard() == [["MD", everyone, "S", [[[px(63_000), px(1)]], [[px(64_000), px(5)]]]]]
    assert line.ask(bind("MD", everyone, "unbind")) == ["MD", everyone, "U", 0]
    assert line.ask(bind("MD", everyone, "unbind")) == ["MD", everyone, "Z", 101]
    house.host.admit("maker", SECRET, "ours", role="maker")
    assert house.line(key="maker").ask(bind("MD", everyone)) == ["MD", everyone, "Z", 3]


def test_updates_of_feed_p_come_under_other_letters(line: Line) -> None:
    feed, feed_id, action, (_, positions, orders, settlements) = line.ask(bind("P"))
    assert (feed, feed_id, action, orders, settlements) == ("P", 0, "S", [], [])
    assert ["BTC", px(1000), 87, px(1000), px(1000)] in positions
    reply(line, "add", BUY | {"type": "limit", "price": px(100)})
    reply(line, "addOutgoingSettlementTransaction", ASK | {"amount": px(1)})
    reply(line, "delAll")
    frames = line.heard()
    assert [frame[:3] for frame in frames] == [["O", 0, "-"]]  # `ask` has taken what was before
    assert line.ask(bind("P", event="unbind")) == ["P", 0, "U", 0]


def test_settlement_orders_under_feed_p_are_rows(line: Line) -> None:
    line.ask(bind("P"))
    number = reply(line, "addOutgoingSettlementTransaction", ASK | {"amount": px(1)})["settlementTransactionId"]
    ((feed, feed_id, action, row),) = line.heard()
    assert (feed, feed_id, action, row[1:5]) == ("S", 0, "+", ["BTC", "", px(1), 0])
    reply(line, "sendOutgoingSettlementTransaction", {"transactionId": number, "txId": "x"})
    ((_, _, action, deal),) = line.heard()
    assert (action, len(deal), deal[:9]) == ("D", 11, row)


# --------------------------------------------------------------------------- generations


@pytest.mark.parametrize(
    ("name", "deal", "position", "limit"), [("generation_1", 19, 3, 8), ("generation_2", 21, 5, 12)]
)
def test_older_layouts_can_be_chosen(house: House, name: str, deal: int, position: int, limit: int) -> None:
    assert house.host.afflict(Habit(name), house.now)
    line = house.line()
    for feed in ("O", "S", "B"):
        line.ask(bind(feed, "BTC-USD" if feed == "B" else None))
    reply(line, "add", BUY)
    frames = line.heard()
    assert kinds(frames) == ["OD", "BM"]
    assert len(frames[0][3]) == deal
    leading, rows = line.ask(bind("K"))[3]
    assert (leading, {len(row) for row in rows}) == (0, {position})
    assert {len(row) for row in reply(line, "climits")} == {limit}
    assert {len(row) for row in line.ask(bind("L"))[3]} == {limit}
    assert [len(row) for row in line.ask(bind("G"))[3]] == [6]
    mutual = line.ask(bind("M"))
    assert mutual[2:] == ["Z", 102] if limit == 12 else mutual[3][0][6] == 87
    assert line.ask(bind("MD", {"instrument": "BTC-USD"}))[2:] == ["Z", 102]
    assert len(reply(line, "instruments")) == (2 if limit == 8 else 3)
    reply(line, "setLimit", {"currency": "USD", "grossLimit": 5})
    assert told(line, "G")[0][1][2] == 5
    reply(line, "addOutgoingSettlementTransaction", ASK | {"amount": px(1)})
    ((action, row),) = told(line, "S")
    assert (action, len(row)) == ("+", 7 if limit == 8 else 9)


def test_a_server_of_the_first_generation_says_6_and_wants_growing_nonces(house: House) -> None:
    house.host.afflict(Habit("generation_1"), house.now)
    assert Line(house).open(house.headers(secret="wrong")) == b'400 {"error":6}'
    assert Line(house).open(house.headers(nonce=50)) is None
    assert Line(house).open(house.headers(nonce=49)) == b'400 {"error":6}'


@pytest.mark.parametrize("name", ["generation_1", "generation_2", ""])
def test_every_message_of_every_generation_is_read(house: House, name: str) -> None:
    if name:
        house.host.afflict(Habit(name), house.now)
    line = house.line()
    frames: list[Any] = [line.ask(bind(feed)) for feed in ("S", "R", "N", "L", "G", "M")]
    reply(line, "setCLimit", ASK | {"currency": "USD", "grossLimit": px(10**9)})
    frames += line.heard()
    reply(line, "setLimit", {"currency": "USD", "grossLimit": 1})
    frames += line.heard()
    number = reply(line, "addOutgoingSettlementTransaction", ASK | {"amount": px(1)})["settlementTransactionId"]
    frames += line.heard()
    reply(line, "sendOutgoingSettlementTransaction", {"transactionId": number, "txId": "x"})
    frames += line.heard()
    reply(line, "addIncomingSettlementRequest", ASK)
    frames += line.heard()
    read = [frame for frame in frames if frame[2] != "Z"]
    assert {"SS", "S+", "SD", "NS", "N+", "ND", "R+", "R-", "LM"} <= set(kinds(read))
    for frame in read:
        assert feeds.told(frame[0] + frame[2], json.dumps(frame[3]).encode()).action == frame[2]
