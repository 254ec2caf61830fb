"""Books, quotes and lists: what our end asks, in which order, and what it makes of the answers."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.ctrader.ends import Client, Sandbox

from venuewire.errors import LocalProtocolError
from venuewire.model.market import SET_ASK, SET_BID, BookSnapshot, BookUpdate, Quote
from venuewire.model.orders import MassCancel
from venuewire.model.session import (
    GrantInvalidated,
    Heartbeat,
    RequestRejected,
    SecurityList,
    SecurityListRequest,
    Subscribe,
    SubscriptionAccepted,
    SubscriptionRejected,
    Unsubscribe,
    VenueStatus,
)
from venuewire.model.terms import Channel, Side
from venuewire.venue import Send

BOOK = Subscribe(channel=Channel.BOOK, symbol="EURUSD", ref="31")
QUOTES = Subscribe(channel=Channel.QUOTES, symbol="EURUSD", ref="32")


def client() -> Client:
    ours = Client(Sandbox()).start()
    ours.sent.clear()
    return ours


def kinds(ours: Client) -> list[int]:
    return [json.loads(payload)["payloadType"] for payload in ours.sent]


def end(command: Subscribe, ref: str) -> Unsubscribe:
    return Unsubscribe(channel=command.channel, symbol=command.symbol, subscription=command.ref, ref=ref)


def test_securities_are_listed_in_three_steps() -> None:
    ours = Client(Sandbox()).log_on()
    ours.sent.clear()
    (listed,) = ours.submit(SecurityListRequest(ref="1"))
    assert kinds(ours) == [2114, 2112, 2116]
    assert isinstance(listed, SecurityList)
    assert listed.instruments == ours.sandbox.stage.instruments
    (gold,) = ours.submit(SecurityListRequest(ref="2", symbols=("XAUUSD",)))
    assert isinstance(gold, SecurityList)
    assert [instrument.symbol for instrument in gold.instruments] == ["XAUUSD"]
    assert kinds(ours)[3:] == [2114, 2116]
    assert ours.submit(SecurityListRequest(ref="3", symbols=("NONE",))) == [SecurityList(instruments=(), ref="3")]


def test_a_book_asks_for_spots_first_and_begins_with_a_snapshot() -> None:
    ours = client()
    ours.sandbox.others(Side.BUY, "5000", "1.148")
    ours.sandbox.others(Side.SELL, "3000", "1.1482")
    accepted, snapshot = ours.submit(BOOK)
    assert kinds(ours) == [2127, 2156]
    assert accepted == SubscriptionAccepted(ref="31")
    assert isinstance(snapshot, BookSnapshot)
    assert list(snapshot.rows()) == [(SET_BID, 114_800, 500_000), (SET_ASK, 114_820, 300_000)]
    assert snapshot.levels[0].price == Decimal("1.148")
    assert snapshot.levels[0].size == 5000
    assert b"newQuotes" in snapshot.body
    ours.sandbox.others(Side.BUY, "1000", "1.148")
    (update,) = ours.carry()
    assert isinstance(update, BookUpdate)
    assert list(update.rows()) == [(SET_BID, 114_800, 600_000)]
    assert (update.price_scale, update.size_scale, update.symbol) == (5, 2, "EURUSD")


def test_quotes_keep_the_side_that_did_not_change() -> None:
    ours = client()
    ours.sandbox.others(Side.BUY, "5000", "1.148")
    ours.sandbox.others(Side.SELL, "3000", "1.1482")
    accepted, quote = ours.submit(QUOTES)
    assert (kinds(ours), accepted) == ([2127], SubscriptionAccepted(ref="32"))
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.ask) == (Decimal("1.148"), Decimal("1.1482"))
    assert quote.transact_time == ours.sandbox.now
    ours.sandbox.others(Side.BUY, "1000", "1.1481")
    (moved,) = ours.carry()
    assert isinstance(moved, Quote)
    assert (moved.bid, moved.ask) == (Decimal("1.1481"), Decimal("1.1482"))


def test_quotes_beside_a_book_need_nothing_on_the_wire() -> None:
    ours = client()
    ours.sandbox.others(Side.BUY, "5000", "1.148")
    ours.submit(BOOK)
    accepted, quote = ours.submit(QUOTES)
    assert kinds(ours) == [2127, 2156]
    assert accepted == SubscriptionAccepted(ref="32")
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.ask) == (Decimal("1.148"), None)
    assert ours.submit(end(QUOTES, "33")) == [SubscriptionAccepted(ref="33")]
    assert kinds(ours) == [2127, 2156], "the book still needs the spots"
    ours.sandbox.others(Side.BUY, "1000", "1.1481")
    assert [type(event) for event in ours.carry()] == [BookUpdate]


def test_ending_a_book_ends_its_spots_unless_they_are_wanted() -> None:
    ours = client()
    ours.submit(BOOK)
    assert ours.submit(end(BOOK, "33")) == [SubscriptionAccepted(ref="33")]
    assert kinds(ours) == [2127, 2156, 2158, 2129]
    ours.sandbox.others(Side.BUY, "1000", "1.1481")
    assert ours.carry() == []
    ours.sent.clear()
    ours.submit(QUOTES)
    ours.submit(BOOK)
    ours.submit(end(BOOK, "34"))
    assert kinds(ours) == [2127, 2156, 2158]


def test_a_second_subscription_to_a_book_brings_a_whole_book_again() -> None:
    ours = client()
    ours.sandbox.others(Side.BUY, "5000", "1.148")
    ours.submit(BOOK)
    told = ours.submit(Subscribe(channel=Channel.BOOK, symbol="EURUSD", ref="40"))
    assert kinds(ours) == [2127, 2156, 2158, 2156]
    assert [type(event) for event in told] == [SubscriptionAccepted, BookSnapshot]
    assert ours.submit(end(BOOK, "41")) == [SubscriptionAccepted(ref="41")]
    assert kinds(ours) == [2127, 2156, 2158, 2156], "the other one still wants it"


def test_already_subscribed_is_no_obstacle() -> None:
    ours = client()
    ours.sandbox.others(Side.BUY, "5000", "1.148")
    ours.submit(BOOK)
    spot = ours.initiator._feed._spots[1]
    spot.on = False  # as after a session that ended without our being told
    ours.initiator._feed._depth_on.clear()
    ours.initiator.tables.clear()
    told = ours.submit(Subscribe(channel=Channel.BOOK, symbol="EURUSD", ref="40"))
    assert kinds(ours) == [2127, 2156, 2127, 2156, 2158, 2156]
    assert [type(event) for event in told] == [SubscriptionAccepted, BookSnapshot]


def test_two_subscriptions_in_flight_do_not_trip_over_each_other() -> None:
    ours = client()
    ours.sandbox.others(Side.BUY, "5000", "1.148")
    frames = [
        effect.payload
        for command in (BOOK, QUOTES)
        for effect in ours.initiator.send(command, 0)
        if isinstance(effect, Send)
    ]
    for payload in frames:
        ours.sent.append(payload)
        ours.line.send(payload)
    told = ours.carry()
    assert kinds(ours) == [2127, 2127, 2156]
    accepted = [event.ref for event in told if isinstance(event, SubscriptionAccepted)]
    assert sorted(accepted, key=str) == ["31", "32"]
    assert [type(event) for event in told].count(BookSnapshot) == 1


def test_a_refused_subscription_is_told_with_its_code() -> None:
    ours = client()
    ours.initiator.send(BOOK, 0)
    (told,) = ours.hear(2142, {"errorCode": "SYMBOL_NOT_FOUND", "description": "no"}, "31")
    assert told == SubscriptionRejected(code="SYMBOL_NOT_FOUND", text="no", ref="31")


def test_spots_lost_meanwhile_are_asked_again_once() -> None:
    ours = client()
    ours.initiator.send(QUOTES, 0)
    ours.hear(2128, ours.line.of(), "32")
    ours.initiator.send(BOOK, 0)
    error = {"errorCode": "NOT_SUBSCRIBED_TO_SPOTS"}
    (again,) = ours.hear(2142, error, "31")
    assert isinstance(again, Send)
    assert json.loads(again.payload)["payloadType"] == 2127
    ours.hear(2128, ours.line.of(), "31")
    (told,) = ours.hear(2142, error, "31")
    assert isinstance(told, SubscriptionRejected)


@pytest.mark.parametrize(
    "error",
    [
        {"errorCode": "ACCOUNT_NOT_AUTHORIZED"},
        {"errorCode": "INVALID_REQUEST", "description": "Trading account is not authorized"},
        {"errorCode": "CH_ACCESS_TOKEN_INVALID"},
    ],
)
def test_a_session_that_ended_unseen_is_noticed_and_the_subscription_waits(error: dict[str, Any]) -> None:
    ours = client()
    ours.initiator.send(BOOK, 0)
    (told,) = ours.hear(2142, error, "31")
    assert isinstance(told, GrantInvalidated)
    ours.log_on()
    accepted, snapshot = ours.submit(BOOK)
    assert (type(accepted), type(snapshot)) == (SubscriptionAccepted, BookSnapshot)


def test_a_book_is_forgotten_when_the_account_session_ends() -> None:
    ours = client()
    ours.submit(BOOK)
    ours.hear(2164, ours.line.of())
    depth = {"symbolId": 1, "newQuotes": [{"id": 1, "size": 100, "bid": 5}]}
    assert ours.hear(2155, ours.line.of(**depth)) == []


def test_leftovers_of_an_earlier_subscription_are_no_snapshot() -> None:
    ours = client()
    ours.initiator.send(BOOK, 0)
    ours.hear(2128, ours.line.of(), "31")
    assert ours.hear(2155, ours.line.of(symbolId=1, newQuotes=[{"id": 1, "size": 100, "bid": 5}])) == []
    ours.hear(2157, ours.line.of(), "31")
    assert ours.hear(2155, ours.line.of(symbolId=1, deletedQuotes=[7])) == []
    (told,) = ours.hear(2155, ours.line.of(symbolId=1, newQuotes=[{"id": 8, "size": 100, "bid": 6}]))
    assert isinstance(told, BookSnapshot)


def test_executions_come_unasked() -> None:
    ours = client()
    for channel in (Channel.ORDERS, Channel.POSITIONS):
        asked = Subscribe(channel=channel, ref="35")
        assert ours.submit(asked) == [SubscriptionAccepted(ref="35")]
        assert ours.submit(end(asked, "36")) == [SubscriptionAccepted(ref="36")]
    assert ours.sent == []


def test_what_the_venue_does_not_have_is_said_before_anything_is_sent() -> None:
    ours = client()
    for command, words in (
        (Subscribe(channel=Channel.TRADES, symbol="EURUSD", ref="1"), "QUOTES"),
        (Subscribe(channel=Channel.HEARTBEATS, ref="1"), "unasked"),
        (Subscribe(channel=Channel.BOOK, symbol="NONE", ref="1"), "NONE"),
        (Subscribe(channel=Channel.BOOK, ref="1"), "not a symbol"),
        (MassCancel(ref="1"), "one by one"),
    ):
        with pytest.raises(LocalProtocolError, match=words):
            ours.initiator.send(command, 0)
    assert ours.sent == []


def test_signs_of_life_and_of_trouble() -> None:
    ours = client()
    (beat,) = ours.hear(51)
    assert isinstance(beat, Heartbeat)
    assert ours.initiator.heartbeat(0) == Send(b'{"payloadType":51}')
    end_at = ours.sandbox.now // 10**9 + 60
    body = {"errorCode": "SERVER_IS_UNDER_MAINTENANCE", "maintenanceEndTimestamp": end_at}
    assert ours.hear(2142, body) == [
        VenueStatus(up=False, code="SERVER_IS_UNDER_MAINTENANCE", text="SERVER_IS_UNDER_MAINTENANCE")
    ]


@pytest.mark.parametrize(
    ("kind", "fields", "wait"),
    [
        (2142, {"errorCode": "BLOCKED_PAYLOAD_TYPE", "retryAfter": 4}, 4),
        (2142, {"errorCode": "SERVER_IS_UNDER_MAINTENANCE", "maintenanceEndTimestamp": 1_790_000_060}, 60),
        (50, {"errorCode": "SERVER_IS_UNDER_MAINTENANCE", "maintenanceEndTimestamp": 1_790_000_060_000}, 60),
        (50, {"errorCode": "UNSUPPORTED_MESSAGE"}, None),
    ],
)
def test_how_long_to_wait_is_read_from_either_error(kind: int, fields: dict[str, Any], wait: int | None) -> None:
    ours = client()
    ours.initiator.send(SecurityListRequest(ref="77"), 0)
    (told,) = ours.hear(kind, fields, "77")
    assert isinstance(told, RequestRejected)
    assert (told.ref, told.retry_after) == ("77", None if wait is None else wait * 10**9)


def test_the_books_hot_path_is_fast() -> None:
    """Ten levels in well under the fifteen microseconds allowed; generous here, for a busy machine."""
    import timeit

    ours = client()
    ours.submit(BOOK)
    quotes = [{"id": n, "size": 100_000 + n, "bid": 114_000 - n} for n in range(5)]
    quotes += [{"id": 50 + n, "size": 100_000 + n, "ask": 115_000 + n} for n in range(5)]
    frame = json.dumps({"payloadType": 2155, "payload": ours.line.of(symbolId=1, newQuotes=quotes)}).encode()

    def once() -> None:
        for item in ours.initiator.receive(ours.initiator.open(frame), 1):
            assert isinstance(item, (BookSnapshot, BookUpdate))
            item.rows()

    assert min(timeit.repeat(once, number=200, repeat=5)) / 200 < 150e-6
