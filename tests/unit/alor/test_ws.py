"""The venue's end of `/ws`, as any client meets it: raw messages in, raw frames out."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.alor.rig import Venue, Wire

from venuewire.model.orders import CancelOrder, NewOrder
from venuewire.model.terms import OrdType, Side
from venuewire.venue import Refusal


@pytest.fixture
def venue() -> Venue:
    venue = Venue()
    venue.quote("257.70", Side.BUY, 157)
    venue.quote("257.71", Side.SELL, 288)
    venue.exchange.drain()
    return venue


@pytest.fixture
def wire(venue: Venue) -> Wire:
    return Wire(venue, "ws")


def ask(venue: Venue, opcode: str = "OrderBookGetAndSubscribe", guid: Any = "g1", **more: Any) -> dict[str, Any]:
    subject: dict[str, Any] = {"code": "SBER", "exchange": "MOEX"}
    if opcode.endswith("V2"):
        subject = {"portfolio": venue.portfolio, "exchange": "MOEX"}
    return {"opcode": opcode, **subject, "guid": guid, "token": venue.token(), **more}


def done(guid: str) -> dict[str, Any]:
    return {"requestGuid": guid, "httpCode": 200, "message": "Handled successfully"}


def buy(venue: Venue, lots: int = 1, price: str = "257.71", cl_ord_id: str = "5") -> None:
    order = NewOrder(
        symbol="MOEX:SBER",
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_qty=lots * 10,
        price=price,
        cl_ord_id=cl_ord_id,
    )
    venue.exchange.port(venue.portfolio).execute(order, venue.now)


def test_the_pages_own_message_gets_the_documented_answer(venue: Venue, wire: Wire) -> None:
    """Seed 003, with a token that is good."""
    printed = {
        "opcode": "OrderBookGetAndSubscribe",
        "code": "SBER",
        "depth": 10,
        "exchange": "MOEX",
        "format": "Simple",
        "frequency": 0,
        "guid": "f35a2373-612c-4518-54af-72025384f59b",
        "token": venue.token(),
    }
    book, acknowledgement = wire.raw(printed)
    milliseconds = venue.now // 1_000_000
    assert book == (
        b'{"data":{"snapshot":true,"bids":[{"price":257.70,"volume":157}],"asks":[{"price":257.71,"volume":288}],'
        b'"timestamp":%d,"ms_timestamp":%d,"existing":true},"guid":"f35a2373-612c-4518-54af-72025384f59b"}'
        % (milliseconds // 1000, milliseconds)
    )
    assert acknowledgement == (
        b'{"requestGuid":"f35a2373-612c-4518-54af-72025384f59b","httpCode":200,"message":"Handled successfully"}'
    )


def test_the_acknowledgement_may_come_first(venue: Venue, wire: Wire) -> None:
    venue.host.switches.book_before_acknowledgement = False
    assert wire.say(ask(venue))[0] == done("g1")


def test_slim_books_have_short_keys(venue: Venue, wire: Wire) -> None:
    book, _ = wire.raw(ask(venue, format="slim"))
    assert book == (
        b'{"data":{"b":[{"p":257.70,"v":157}],"a":[{"p":257.71,"v":288}],"t":%d,"h":true},"guid":"g1"}'
        % (venue.now // 1_000_000)
    )


def test_numbers_and_booleans_may_be_text_and_opcodes_in_any_case(venue: Venue, wire: Wire) -> None:
    book = ask(venue, "orderbookgetandsubscribe", depth="1", frequency="0")
    assert len(wire.say(book)[0]["data"]["bids"]) == 1
    trades = ask(venue, "ALLTRADESGETANDSUBSCRIBE", "g2", depth="3", includeVirtualTrades="false")
    assert wire.say(trades) == [done("g2")]


def test_a_guid_may_be_a_number(venue: Venue, wire: Wire) -> None:
    book, acknowledgement = wire.say(ask(venue, guid=17))
    assert book["guid"] == "17"
    assert acknowledgement == done("17")


@pytest.mark.parametrize(("asked", "levels"), [(-3, 1), (0, 1), (2, 2), (50, 50), (999, 50), (None, 20)])
def test_depth_is_brought_into_its_range(venue: Venue, wire: Wire, asked: int | None, levels: int) -> None:
    for tick in range(60):
        venue.quote(f"257.{10 + tick}", Side.BUY)
    request = ask(venue) if asked is None else ask(venue, depth=asked)
    assert len(wire.say(request)[0]["data"]["bids"]) == levels


@pytest.mark.parametrize(("form", "asked", "least"), [("Simple", 0, 25), ("Slim", 0, 10), ("Slim", 60, 60)])
def test_only_the_last_state_of_an_interval_is_sent(
    venue: Venue, wire: Wire, form: str, asked: int, least: int
) -> None:
    wire.say(ask(venue, format=form, frequency=asked))
    for tick in range(3):
        venue.quote(f"257.6{tick}", Side.BUY)
        assert wire.news() == []
    assert wire.later(least - 1) == []
    (frame,) = wire.later(1)
    bids = frame["data"]["bids" if form == "Simple" else "b"]
    assert len(bids) == 4
    assert frame["data"]["existing" if form == "Simple" else "h"] is False
    assert wire.end.next_tick() is None


def test_the_default_interval_is_175_milliseconds(venue: Venue, wire: Wire) -> None:
    wire.say(ask(venue))
    venue.quote("257.60", Side.BUY)
    assert wire.news() == []
    assert wire.later(174) == []
    assert len(wire.later(1)) == 1
    venue.now += 200_000_000
    venue.quote("257.61", Side.BUY)
    assert len(wire.news()) == 1


def test_a_guid_in_use_replaces_its_subscription(venue: Venue, wire: Wire) -> None:
    wire.say(ask(venue))
    wire.say(ask(venue, "QuotesSubscribe", "g1"))
    venue.now += 1_000_000_000
    venue.quote("257.60", Side.BUY)  # moves the book, not the best price
    assert wire.news() == []
    buy(venue)
    assert {"symbol", "bid", "ask"} <= wire.news()[0]["data"].keys()


def test_after_unsubscribe_nothing_comes(venue: Venue, wire: Wire) -> None:
    wire.say(ask(venue))
    end = {"opcode": "Unsubscribe", "guid": "g1", "token": venue.token()}
    assert wire.say(end) == [done("g1")]
    venue.now += 1_000_000_000
    venue.quote("257.60", Side.BUY)
    assert wire.news() == []
    assert wire.say(end) == [done("g1")]  # an unknown guid is not punished


def test_trades_carry_lots_and_the_aggressors_side(venue: Venue, wire: Wire) -> None:
    wire.say(ask(venue, "AllTradesGetAndSubscribe", "t", format="Slim"))
    buy(venue, 3)
    (frame,) = wire.news()
    trade = frame["data"]
    assert (trade["sym"], trade["bd"], trade["q"], trade["px"], trade["s"], trade["h"]) == (
        "SBER",
        "TQBR",
        3,
        257.71,
        "buy",
        False,
    )
    assert trade["t"] == venue.now // 1_000_000
    past = wire.say(ask(venue, "AllTradesGetAndSubscribe", "t2", depth=10))[1]["data"]
    assert (past["id"], past["existing"], past["qty"]) == (trade["id"], True, 3)


def test_a_quote_has_sizes_in_lots(venue: Venue, wire: Wire) -> None:
    _, frame = wire.say(ask(venue, "QuotesSubscribe", "q"))
    quote = frame["data"]
    assert (quote["bid"], quote["bid_vol"], quote["ask"], quote["ask_vol"]) == (257.7, 157, 257.71, 288)
    assert (quote["lotsize"], quote["total_bid_vol"], quote["total_ask_vol"]) == (10, 157, 288)
    assert quote["prev_close_price"] == 257.7


def test_orders_and_trades_are_told_one_by_one_in_lots_and_pieces(venue: Venue, wire: Wire) -> None:
    for guid, opcode in (("o", "OrdersGetAndSubscribeV2"), ("t", "TradesGetAndSubscribeV2")):
        assert wire.say(ask(venue, opcode, guid)) == [done(guid)]
    venue.quote("257.72", Side.SELL, 5)
    buy(venue, 300, "257.72", "123456")
    frames = wire.news()
    orders = [frame["data"] for frame in frames if frame["guid"] == "o"]
    trades = [frame["data"] for frame in frames if frame["guid"] == "t"]
    assert [(o["status"], o["filledQtyBatch"], o["filledQtyUnits"]) for o in orders] == [
        ("working", 0, 0),
        ("working", 288, 2880),
        ("working", 293, 2930),
    ]
    assert {(o["qtyBatch"], o["qty"], o["qtyUnits"], o["existing"]) for o in orders} == {(300, 300, 3000, False)}
    assert [(t["qtyBatch"], t["qtyUnits"], t["price"]) for t in trades] == [(288, 2880, 257.71), (5, 50, 257.72)]
    assert {t["orderno"] for t in trades} == {orders[0]["id"]}
    assert {t["comment"] for t in [*orders, *trades]} == {"123456"}
    assert orders[0]["volume"] == 773_160
    assert orders[0]["endTime"].endswith("T23:59:59.9990000Z")


def test_the_first_set_comes_frame_by_frame_and_may_be_filtered_or_skipped(venue: Venue, wire: Wire) -> None:
    buy(venue, 1, cl_ord_id="1")
    buy(venue, 1, "250", cl_ord_id="2")
    venue.exchange.drain()
    everything = wire.say(ask(venue, "OrdersGetAndSubscribeV2", "o"))
    assert [frame.get("data", frame).get("status") for frame in everything] == [None, "filled", "working"]
    assert all(frame["data"]["existing"] for frame in everything[1:])
    some = wire.say(ask(venue, "OrdersGetAndSubscribeV2", "o", orderStatuses=["working"]))
    assert [frame["data"]["comment"] for frame in some[1:]] == ["2"]
    assert wire.say(ask(venue, "OrdersGetAndSubscribeV2", "o", skipHistory="true")) == [done("o")]
    assert len(wire.say(ask(venue, "TradesGetAndSubscribeV2", "t"))) == 2


def test_a_cancel_is_told_and_a_foreign_portfolio_is_not(venue: Venue, wire: Wire) -> None:
    buy(venue, 1, "250", "9")
    port = venue.exchange.port(venue.portfolio)
    wire.say(ask(venue, "OrdersGetAndSubscribeV2", "o", skipHistory=True))
    wire.news()
    standing = port.orders()[0]
    port.execute(
        CancelOrder(
            symbol=standing.symbol,
            side=Side.BUY,
            ord_type=OrdType.LIMIT,
            order_id=standing.order_id,
            orig_cl_ord_id="9",
        ),
        venue.now,
    )
    venue.quote("257.50", Side.BUY)  # the maker's own orders are nobody else's business
    (frame,) = wire.news()
    assert (frame["data"]["id"], frame["data"]["status"]) == (standing.order_id, "canceled")


def test_positions_are_shares_and_cash(venue: Venue, wire: Wire) -> None:
    rows = [frame["data"] for frame in wire.say(ask(venue, "PositionsGetAndSubscribeV2", "p"))[1:]]
    assert [(row["symbol"], row["qtyUnits"], row["isCurrency"]) for row in rows] == [
        ("RUB", 50_000_000, True),
        ("USD", 200_000, True),
        ("SBER", 20_000, False),
        ("GAZP", 20_000, False),
        ("LKOH", 500, False),
        ("KO", 1_000, False),
    ]
    assert rows[2]["qtyBatch"] == 2_000
    buy(venue, 2)
    told = [frame["data"] for frame in wire.news()]
    assert [(row["symbol"], row["qtyUnits"], row["existing"]) for row in told] == [
        ("SBER", 20_020, False),
        ("RUB", 50_000_000 - 20 * 257.71, False),
    ]


# --------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"pong"',
        b"\xff\xfe",
        b'{"opcode":7,"guid":{}}',
        b'{"guid":"1"}',
        b'{"opcode":"OrderBookGetAndSubscribe"}',
        b'{"opcode":"Teleport","guid":"1"}',
        b"[" * 5000,
    ],
)
def test_bad_syntax_is_answered_400_and_the_connection_stays(wire: Wire, payload: bytes) -> None:
    (answer,) = wire.say(payload)
    assert answer["httpCode"] == 400
    assert answer["message"].startswith("Provided json can't be properly deserialised")
    assert wire.ended is None


@pytest.mark.parametrize("spoil", [{"code": None}, {"depth": "many"}, {"exchange": None}, {"format": "Tiny"}])
def test_bad_values_are_answered_400_under_their_guid(venue: Venue, wire: Wire, spoil: dict[str, Any]) -> None:
    request = {key: value for key, value in {**ask(venue), **spoil}.items() if value is not None}
    (answer,) = wire.say(request)
    assert (answer["requestGuid"], answer["httpCode"]) == ("g1", 400)


def test_tokens_are_looked_at_in_each_message(venue: Venue, wire: Wire) -> None:
    refused = {"requestGuid": "g1", "httpCode": 401, "message": "Invalid JWT token!"}
    good = ask(venue)
    bad = good["token"][:-6] + "AAAAAA"
    for token in ("", "eyJhbGciOiJ...", bad):
        assert wire.say({**good, "token": token}) == [refused]
    assert wire.say({"opcode": "ping", "guid": "g1"}) == [refused]
    assert wire.say({"opcode": "ping", "guid": "g1", "token": good["token"], "confirm": True}) == [done("g1")]
    without = {key: value for key, value in good.items() if key != "token"}
    assert wire.say(without) == [refused]


def test_a_token_ends_after_thirty_minutes_but_what_runs_goes_on(venue: Venue, wire: Wire) -> None:
    request = ask(venue)
    wire.say(request)
    venue.now += 1800 * 10**9 - 1
    assert len(wire.say({**request, "guid": "g2"})) == 2
    venue.now += 1
    assert wire.say({**request, "guid": "g3"})[0]["httpCode"] == 401
    venue.quote("257.60", Side.BUY)
    assert [frame["guid"] for frame in wire.news()] == ["g1"]
    assert [frame["guid"] for frame in wire.later(175)] == ["g2"]


def test_a_revoked_refresh_token_ends_what_was_made_of_it(venue: Venue, wire: Wire) -> None:
    request = ask(venue)
    venue.host.refresh_tokens.clear()
    assert wire.say(request)[0]["httpCode"] == 401


def test_unknown_instruments_and_foreign_portfolios(venue: Venue, wire: Wire) -> None:
    assert wire.say(ask(venue, code="NONE"))[0]["httpCode"] == 404
    assert wire.say(ask(venue, instrumentGroup="SMAL"))[0]["httpCode"] == 404
    assert wire.say(ask(venue, exchange="SPBX"))[0]["httpCode"] == 404
    assert len(wire.say(ask(venue, instrumentGroup="TQBR"))) == 2
    assert wire.say(ask(venue, "OrdersGetAndSubscribeV2", portfolio="maker"))[0]["httpCode"] == 403


def test_a_connection_holds_so_many_subscriptions(venue: Venue, wire: Wire) -> None:
    venue.host.switches.subscriptions = 2
    for guid in ("a", "b", "a"):
        assert wire.say(ask(venue, guid=guid))[-1]["httpCode"] == 200
    assert wire.say(ask(venue, guid="c"))[-1]["httpCode"] == 400


def test_a_user_has_so_many_connections(venue: Venue) -> None:
    wires = [Wire(venue, line) for line in ("ws", "cws") * 5]
    assert isinstance(venue.host.accept("ws").handshake({}, venue.now), Refusal)
    wires[0].end.closed(venue.now)
    assert venue.host.accept("ws").handshake({}, venue.now) is None


def test_nothing_is_made_for_who_asked_for_nothing(venue: Venue, wire: Wire) -> None:
    buy(venue)
    assert wire.news() == []
    assert wire.end.next_tick() is None
