"""Our end against the venue's: logon, subscriptions whose answers have no names, what frames mean."""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.coinbase.ends import START, ClientLine, RawLine, World, logged_on

from venuewire.codec import Envelope
from venuewire.errors import ConfigError, LocalProtocolError, LogonRejected, RemoteProtocolError
from venuewire.model.market import BookSnapshot, BookUpdate, Quote, Trade
from venuewire.model.session import (
    Event,
    Heartbeat,
    RequestRejected,
    Secret,
    SecurityList,
    SecurityListRequest,
    Subscribe,
    SubscriptionAccepted,
    SubscriptionRejected,
    Unknown,
    Unsubscribe,
)
from venuewire.model.terms import NANOS_PER_SECOND, Channel, Side
from venuewire.venue import Answer, Fetch, Send
from venuewire.venues.coinbase import VENUE, route
from venuewire.venues.coinbase.signing import make_private_key


def only(events: list[Event], kind: type[Any]) -> list[Any]:
    return [event for event in events if type(event) is kind]


# --------------------------------------------------------------------------- logon


@pytest.mark.parametrize("line", ["ws", "user_ws"])
def test_a_line_is_logged_on_when_heartbeats_are_among_its_subscriptions(line: str) -> None:
    world = World()
    client = ClientLine(world, line)
    grant = client.logon()
    assert (grant.expires_at, grant.issued_at, bool(grant.token)) == (None, START, False)
    assert client.acceptor.account == world.stage.account
    world.step(2 * NANOS_PER_SECOND)
    beats = only(client.events, Heartbeat)
    assert [beat.transact_time for beat in beats] == [START + NANOS_PER_SECOND, START + 2 * NANOS_PER_SECOND]


def test_wrong_credentials_are_refused_after_one_more_try() -> None:
    world = World()
    seat = world.new_seat(private_key=make_private_key("9" * 64))
    client = ClientLine(world, "ws", seat)
    with pytest.raises(LogonRejected) as caught:
        client.logon()
    assert (caught.value.line, caught.value.text) == ("ws", "authentication failure")
    assert len(client.events) == 2


def test_a_refusal_that_passes_when_tried_again_is_tried_again_with_a_new_token() -> None:
    world = World()
    client = ClientLine(world, "user_ws")
    flow = client.initiator.logon(world.now)
    first = next(flow)
    assert isinstance(first, Send)
    (refused,) = client.initiator.receive(
        client.initiator.open(b'{"type":"error","message":"failure to subscribe"}'), world.now
    )
    assert refused == RequestRejected(code="failure to subscribe", text="failure to subscribe", ref=first.ref)
    assert isinstance(refused, RequestRejected)
    second = flow.send(refused)
    assert isinstance(second, Send)
    assert json.loads(second.payload)["jwt"] != json.loads(first.payload)["jwt"]
    client.do(second)
    with pytest.raises(StopIteration):
        flow.send(SubscriptionAccepted(ref=second.ref))


def test_each_request_carries_a_token_and_a_young_one_serves_again() -> None:
    world = World()
    market, _ = logged_on(world)

    def token() -> str:
        (send,) = market.initiator.send(Subscribe(channel=Channel.BOOK, symbol="BTC-USD", ref="9"), world.now)
        assert isinstance(send, Send)
        return str(json.loads(send.payload)["jwt"])

    first = token()
    world.now += 59 * NANOS_PER_SECOND
    assert token() == first
    world.now += NANOS_PER_SECOND
    assert token() != first


def test_subscriptions_are_accepted_long_after_the_logon() -> None:
    world = World()
    market, _ = logged_on(world)
    world.step(3600 * NANOS_PER_SECOND)
    assert market.ask(Subscribe(channel=Channel.QUOTES, symbol="BTC-USD", ref="9"))[-1] == SubscriptionAccepted(ref="9")


def test_the_signed_key_is_read_when_it_is_first_needed_and_a_bad_one_told() -> None:
    world = World()
    client = ClientLine(world, "ws", world.new_seat(private_key="nonsense"))
    with pytest.raises(ConfigError, match="private_key"):
        client.logon()


# --------------------------------------------------------------------------- subscriptions


def test_each_channel_is_accepted_and_begins_with_what_there_is() -> None:
    world = World()
    world.quote(Side.SELL, "1", "64010")
    world.quote(Side.BUY, "1", "63990")
    world.hit(Side.BUY, "0.5", "64010")
    market, user = logged_on(world)
    book, accepted = market.ask(Subscribe(channel=Channel.BOOK, symbol="BTC-USD", ref="2"))
    assert isinstance(book, BookSnapshot)
    assert list(book.rows()) == [(0, 6399000, 100000000), (1, 6401000, 50000000)]
    assert (book.transact_time, book.recv_time) == (START - START % 1000, START)
    assert accepted == SubscriptionAccepted(ref="2")
    trade, accepted = market.ask(Subscribe(channel=Channel.TRADES, symbol="BTC-USD", ref="3"))
    assert isinstance(trade, Trade)
    assert (trade.price, trade.size, trade.aggressor_side, trade.historical) == (
        Decimal(64010),
        Decimal("0.5"),
        Side.BUY,
        True,
    )
    quote, accepted = market.ask(Subscribe(channel=Channel.QUOTES, symbol="BTC-USD", ref="4"))
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.ask, quote.last_px) == (Decimal(63990), Decimal(64010), Decimal(64010))
    assert user.ask(Subscribe(channel=Channel.ORDERS, ref="5")) == [SubscriptionAccepted(ref="5")]


def test_what_happens_at_the_exchange_arrives_as_it_is() -> None:
    world = World()
    market, _ = logged_on(world)
    for n, channel in enumerate((Channel.BOOK, Channel.TRADES, Channel.QUOTES)):
        market.ask(Subscribe(channel=channel, symbol="BTC-USD", ref=str(10 + n)))
    market.events.clear()
    world.quote(Side.SELL, "1.00000001", "64010.07")
    world.hit(Side.BUY, "0.3", "64010.07")
    (traded,) = world.exchange.trades("BTC-USD", 10)
    world.settle()
    (update,) = only(market.events, BookUpdate)
    assert list(update.rows()) == [(1, 6401007, 70000001)]
    (trade,) = only(market.events, Trade)
    assert (trade.trade_id, trade.price, trade.size, trade.aggressor_side) == (
        *(traded.trade_id, traded.price, traded.size, Side.BUY),
    )
    assert not trade.historical
    assert only(market.events, Quote)[-1].ask == Decimal("64010.07")


def test_the_meaning_of_a_trades_side_can_be_set() -> None:
    world = World()
    world.seat.settings["trade_side"] = "taker"
    client = ClientLine(world, "ws")
    frame = trades_frame("update", [("1", "BUY")])
    (trade,) = client.initiator.receive(client.initiator.open(frame), 1)
    assert isinstance(trade, Trade)
    assert trade.aggressor_side is Side.BUY


def test_a_refused_subscription_is_told_with_its_ref_and_the_others_are_not_touched() -> None:
    world = World(l2_products=1)
    market, _ = logged_on(world)
    market.ask(Subscribe(channel=Channel.BOOK, symbol="BTC-USD", ref="2"))
    refused = market.ask(Subscribe(channel=Channel.BOOK, symbol="ETH-USD", ref="3"))
    text = "too many L2 streams requested in a single session"
    assert refused == [SubscriptionRejected(code=text, text=text, ref="3")]
    assert market.ask(Subscribe(channel=Channel.QUOTES, symbol="ETH-USD", ref="4"))[-1] == SubscriptionAccepted(ref="4")


def asking(client: ClientLine, *commands: Subscribe | Unsubscribe) -> None:
    """Sent, and not answered yet."""
    for command in commands:
        client.initiator.send(command, client.world.now)


def hear(client: ClientLine, frame: dict[str, Any]) -> list[Any]:
    return list(client.initiator.receive(client.initiator.open(json.dumps(frame).encode()), client.world.now))


def answer(**whole: list[str]) -> dict[str, Any]:
    return {
        "channel": "subscriptions",
        "timestamp": "2026-05-04T03:02:01Z",
        "sequence_num": 1,
        "events": [{"subscriptions": {"heartbeats": ["heartbeats"], **whole}}],
    }


def error(text: str) -> dict[str, Any]:
    return {"type": "error", "message": text}


def test_answers_are_matched_by_what_was_asked_oldest_first() -> None:
    client = ClientLine(World(), "ws")
    asking(
        client,
        Subscribe(channel=Channel.BOOK, symbol="BTC-USD", ref="1"),
        Subscribe(channel=Channel.TRADES, symbol="BTC-USD", ref="2"),
        Subscribe(channel=Channel.BOOK, symbol="ETH-USD", ref="3"),
    )
    assert hear(client, answer(level2=["BTC-USD"])) == [SubscriptionAccepted(ref="1")]
    assert hear(client, answer(level2=["BTC-USD"], market_trades=["BTC-USD"])) == [SubscriptionAccepted(ref="2")]
    assert hear(client, error("failure to subscribe"))[0].ref == "3"
    assert hear(client, answer(level2=["BTC-USD"])) == []


def test_an_end_is_accepted_when_the_set_no_longer_has_it_even_when_it_begins_again_at_once() -> None:
    client = ClientLine(World(), "ws")
    asking(client, Subscribe(channel=Channel.BOOK, symbol="BTC-USD", ref="1"))
    hear(client, answer(level2=["BTC-USD"]))
    asking(
        client,
        Unsubscribe(channel=Channel.BOOK, symbol="BTC-USD", subscription="1", ref="2"),
        Subscribe(channel=Channel.BOOK, symbol="BTC-USD", ref="3"),
    )
    assert hear(client, answer()) == [SubscriptionAccepted(ref="2")]
    assert hear(client, answer(level2=["BTC-USD"])) == [SubscriptionAccepted(ref="3")]


def test_the_cap_on_books_refuses_a_book_and_not_what_was_asked_before_it() -> None:
    client = ClientLine(World(), "ws")
    asking(
        client,
        Subscribe(channel=Channel.TRADES, symbol="BTC-USD", ref="1"),
        Subscribe(channel=Channel.BOOK, symbol="BTC-USD", ref="2"),
    )
    assert hear(client, error("too many L2 streams requested in a single session"))[0].ref == "2"
    assert hear(client, answer(market_trades=["BTC-USD"])) == [SubscriptionAccepted(ref="1")]


def test_a_request_that_was_never_answered_does_not_take_the_answers_of_others() -> None:
    client = ClientLine(World(), "ws")
    asking(client, Subscribe(channel=Channel.BOOK, symbol="BTC-USD", ref="1"))
    client.world.now += 20 * NANOS_PER_SECOND
    asking(client, Subscribe(channel=Channel.BOOK, symbol="ETH-USD", ref="2"))
    assert hear(client, answer(level2=["BTC-USD", "ETH-USD"])) == [SubscriptionAccepted(ref="2")]


def test_an_error_nobody_asked_for_is_news() -> None:
    client = ClientLine(World(), "ws")
    assert [type(event) for event in hear(client, error("slow down"))] == [Unknown]


def test_a_new_life_forgets_what_was_outstanding() -> None:
    client = ClientLine(World(), "ws")
    asking(client, Subscribe(channel=Channel.BOOK, symbol="BTC-USD", ref="1"))
    client.initiator.handshake(client.world.now)
    assert hear(client, answer(level2=["BTC-USD"])) == []


@pytest.mark.parametrize(
    ("line", "command", "why"),
    [
        ("ws", Subscribe(channel=Channel.POSITIONS, ref="1"), "RequestForPositions"),
        ("ws", Subscribe(channel=Channel.ORDERS, ref="1"), "not on the line ws"),
        ("user_ws", Subscribe(channel=Channel.BOOK, symbol="BTC-USD", ref="1"), "not on the line user_ws"),
        ("ws", Subscribe(channel=Channel.BOOK, ref="1"), "needs a symbol"),
        ("ws", Subscribe(channel=Channel.BOOK, symbol="NO-SUCH", ref="1"), "security list"),
    ],
)
def test_what_the_venue_has_not_is_refused_before_anything_is_sent(line: str, command: Subscribe, why: str) -> None:
    with pytest.raises(LocalProtocolError, match=why):
        ClientLine(World(), line).initiator.send(command, START)


def test_commands_are_routed_to_their_line() -> None:
    assert route(Subscribe(channel=Channel.BOOK, symbol="BTC-USD")) == "ws"
    assert route(Unsubscribe(channel=Channel.QUOTES, symbol="BTC-USD")) == "ws"
    assert route(Subscribe(channel=Channel.ORDERS)) == "user_ws"
    assert route(SecurityListRequest()) == "user_ws"
    assert set(VENUE.lines) == {"ws", "user_ws"}


# --------------------------------------------------------------------------- aliases


def test_an_alias_and_its_book_are_told_under_both_names_from_one_subscription() -> None:
    world = World()
    world.quote(Side.SELL, "1", "64010")
    market, _ = logged_on(world)
    market.ask(Subscribe(channel=Channel.BOOK, symbol="BTC-USDC", ref="2"))
    events = market.ask(Subscribe(channel=Channel.BOOK, symbol="BTC-USD", ref="3"))
    assert {event.symbol for event in only(events, BookSnapshot)} == {"BTC-USDC", "BTC-USD"}
    assert only(events, SubscriptionAccepted) == [SubscriptionAccepted(ref="3")]
    market.events.clear()
    world.quote(Side.SELL, "1", "64011")
    world.settle()
    assert [event.symbol for event in only(market.events, BookUpdate)] == ["BTC-USDC", "BTC-USD"]
    end = Unsubscribe(channel=Channel.BOOK, symbol="BTC-USDC", subscription="2", ref="4")
    assert market.ask(end) == [SubscriptionAccepted(ref="4")]
    market.events.clear()
    world.quote(Side.SELL, "1", "64012")
    world.settle()
    assert [event.symbol for event in only(market.events, BookUpdate)] == ["BTC-USD"]
    end = Unsubscribe(channel=Channel.BOOK, symbol="BTC-USD", subscription="3", ref="5")
    assert market.ask(end) == [SubscriptionAccepted(ref="5")]


def test_a_refused_alias_is_forgotten() -> None:
    market, _ = logged_on(World())
    asking(market, Subscribe(channel=Channel.BOOK, symbol="BTC-USDC", ref="2"))
    assert hear(market, error("failure to subscribe"))[0].ref == "2"
    assert len(market.initiator.send(Subscribe(channel=Channel.BOOK, symbol="BTC-USD", ref="3"), START)) == 1


# --------------------------------------------------------------------------- frames


def trades_frame(kind: str, trades: list[tuple[str, str]]) -> bytes:
    rows = [
        {
            "product_id": "BTC-USD",
            "trade_id": trade_id,
            "price": "64000.5",
            "size": "0.1",
            "time": "2026-05-04T03:02:01.000321Z",
            "side": side,
        }
        for trade_id, side in trades
    ]
    frame = {"channel": "market_trades", "timestamp": "2026-05-04T03:02:01Z", "sequence_num": 3}
    return json.dumps(frame | {"events": [{"type": kind, "trades": rows}]}).encode()


def test_trades_are_told_oldest_first_and_each_once() -> None:
    client = ClientLine(World(), "ws")

    def ids(frame: bytes) -> list[tuple[str, bool]]:
        events = client.initiator.receive(client.initiator.open(frame), 1)
        return [(event.trade_id, event.historical) for event in events if isinstance(event, Trade)]

    assert ids(trades_frame("snapshot", [("12", "BUY"), ("11", "SELL")])) == [("11", True), ("12", True)]
    assert ids(trades_frame("update", [("13", "BUY"), ("12", "BUY"), ("11", "SELL")])) == [("13", False)]
    client.initiator.handshake(1)
    assert ids(trades_frame("snapshot", [("13", "BUY")])) == [("13", True)]


def test_a_frame_with_two_events_gives_one_update_each() -> None:
    client = ClientLine(World(), "ws")
    row = {"side": "bid", "event_time": "2026-05-04T03:02:01.5Z", "price_level": "1.5", "new_quantity": "2"}
    frame = {"channel": "l2_data", "timestamp": "2026-05-04T03:02:01Z", "sequence_num": 3}
    events = [{"type": "update", "product_id": product, "updates": [row]} for product in ("BTC-USD", "ETH-USD", "X-Y")]
    told = hear(client, frame | {"events": events})
    assert [(event.symbol, list(event.rows())) for event in told] == [
        ("BTC-USD", [(0, 150, 200000000)]),
        ("ETH-USD", [(0, 150, 200000000)]),
    ]


def test_a_channel_we_do_not_know_is_news() -> None:
    client = ClientLine(World(), "ws")
    told = hear(client, {"channel": "something_new", "timestamp": "", "sequence_num": 8, "events": [{"x": 1}]})
    assert [(type(event), event.kind) for event in told] == [(Unknown, "something_new")]


def test_the_envelope_has_the_number_and_an_error_has_none() -> None:
    client = ClientLine(World(), "ws")
    assert client.initiator.open(trades_frame("update", [])).seq == 3
    opened = client.initiator.open(b'{"type":"error","message":"x"}')
    assert (opened.kind, opened.seq) == ("error", None)


# --------------------------------------------------------------------------- lists over REST


def test_products_become_instruments_with_their_increments() -> None:
    world = World()
    _, user = logged_on(world)
    (listed,) = user.ask(SecurityListRequest(ref="2"))
    assert isinstance(listed, SecurityList)
    assert [instrument for instrument in listed.instruments if not instrument.market_segment_id] == list(
        world.stage.instruments
    )
    (narrow,) = user.ask(SecurityListRequest(symbols=("ETH-USD", "SOL-USD"), ref="3"))
    assert isinstance(narrow, SecurityList)
    assert [instrument.symbol for instrument in narrow.instruments] == ["ETH-USD", "SOL-USD"]


def test_products_that_are_only_shown_or_are_no_spot_are_left_out_of_the_list() -> None:
    world = World()
    _, user = logged_on(world)
    (fetch,) = user.initiator.send(SecurityListRequest(ref="2"), world.now)
    assert isinstance(fetch, Fetch)
    good = {"product_id": "A-USD", "base_increment": "1", "quote_increment": "0.00001"}
    products = [
        good,
        good | {"product_id": "B-USD", "base_increment": ""},
        good | {"product_id": "C-USD", "quote_increment": "0"},
        good | {"product_id": "D-PERP-INTX", "product_type": "FUTURE"},
    ]
    (listed,) = user.initiator.answered(fetch, Answer(200, json.dumps({"products": products}).encode()), world.now)
    assert isinstance(listed, SecurityList)
    (only_one,) = listed.instruments
    assert (only_one.symbol, only_one.base, only_one.currency) == ("A-USD", "A", "USD")
    assert (only_one.price_scale, only_one.qty_scale, only_one.min_trade_vol) == (5, 8, Decimal(1))


@pytest.mark.parametrize(
    ("told", "code", "text", "waits"),
    [
        (Answer(401, b"Unauthorized\n"), "401", "Unauthorized", False),
        (
            Answer(403, b'{"error":"PERMISSION_DENIED","message":"Missing required scopes"}'),
            *("PERMISSION_DENIED", "Missing required scopes", False),
        ),
        (
            Answer(429, b'{"errors":[{"id":"rate_limit_exceeded","message":"Too many requests"}]}'),
            *("rate_limit_exceeded", "Too many requests", True),
        ),
        (Answer(503, b""), "503", "HTTP 503", False),
    ],
)
def test_a_list_that_is_not_given_is_a_refusal(told: Answer, code: str, text: str, *, waits: bool) -> None:
    world = World()
    _, user = logged_on(world)
    (fetch,) = user.initiator.send(SecurityListRequest(ref="2"), world.now)
    assert isinstance(fetch, Fetch)
    (event,) = user.initiator.answered(fetch, told, world.now)
    assert isinstance(event, RequestRejected)
    assert (event.code, event.text, event.ref, event.retry_after is not None) == (code, text, "2", waits)


# --------------------------------------------------------------------------- credentials, damage


def test_credentials_come_from_a_ready_line_a_key_file_or_the_environment_and_hide_their_secret() -> None:
    world = World()
    for name, secret in (("key_name", "private_key"), ("name", "privateKey"), ("id", "privateKey")):
        credentials = VENUE.credentials_from({name: "k", secret: world.stage.credentials["private_key"]})
        assert "BEGIN" not in repr(credentials)
    assert set(VENUE.environment.values()) == {"key_name", "private_key"}
    for broken in ({}, {"key_name": "k"}, {"private_key": "s"}, {"key_name": 5, "private_key": Secret("s")}):
        with pytest.raises(ConfigError):
            VENUE.credentials_from(broken)


def sample_frames() -> list[bytes]:
    """One real frame of each kind, from the far end."""
    world = World()
    world.quote(Side.SELL, "1", "64010")
    world.hit(Side.BUY, "0.5", "64010")
    line = RawLine(world)
    for channel in ("level2", "market_trades", "ticker"):
        line.subscribe(channel, "BTC-USD")
    line.subscribe("user")
    line.subscribe("heartbeats")
    line.say(b"nonsense")
    world.step(NANOS_PER_SECOND)
    return line.payloads


FRAMES = sample_frames()


def read_whole(client: ClientLine, payload: bytes) -> None:
    """Everything a client does with a frame, the rows of its books too."""
    for event in client.initiator.receive(client.initiator.open(payload), 1):
        if isinstance(event, (BookSnapshot, BookUpdate)):
            list(event.rows())


def test_a_frame_cut_anywhere_is_damage_and_nothing_else() -> None:
    client = ClientLine(World(), "ws")
    for payload in FRAMES:
        read_whole(client, payload)
        for end in range(len(payload)):
            with pytest.raises(RemoteProtocolError):
                read_whole(client, payload[:end])


@given(st.sampled_from(FRAMES), st.data())
def test_a_garbled_frame_is_read_or_is_damage_and_nothing_else(payload: bytes, data: st.DataObject) -> None:
    client = ClientLine(World(), "ws")
    at = data.draw(st.integers(0, len(payload) - 1))
    garbled = payload[:at] + data.draw(st.binary(max_size=4)) + payload[at + data.draw(st.integers(0, 4)) :]
    with suppress(RemoteProtocolError):
        read_whole(client, garbled)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"channel":5}',
        b"\xff",
        b'{"channel":"l2_data","sequence_num":"0"}',
        b'{"channel":"l2_data","sequence_num":1}',
        b'{"channel":"l2_data","sequence_num":1,"events":[{"type":"snap","product_id":"BTC-USD","updates":[]}]}',
        b'{"channel":"market_trades","timestamp":"","sequence_num":1,"events":[{"type":"update","trades":[{}]}]}',
        b'{"channel":"subscriptions","timestamp":"","sequence_num":1,"events":[{"subscriptions":[]}]}',
        b'{"channel":"ticker","timestamp":"yesterday","sequence_num":1,"events":[]}',
        b"[" * 100_000,
    ],
)
def test_damage_is_one_kind_of_error(payload: bytes) -> None:
    client = ClientLine(World(), "ws")
    with pytest.raises(RemoteProtocolError):
        client.initiator.receive(client.initiator.open(payload), 1)


def test_an_envelope_may_be_made_by_others() -> None:
    """A replay opens a frame once and hands it on."""
    client = ClientLine(World(), "ws")
    frame = trades_frame("update", [("1", "SELL")])
    assert client.initiator.receive(Envelope("market_trades", frame, None, 3), 1)
