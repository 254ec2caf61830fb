"""Our two lines against the venue's end: logging on, subscribing, trading, and what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import pytest
from tests.unit.alor.rig import SYMBOLS, Client, Venue, counter, hex_digits, row

from venuewire.errors import ConfigError, ConnectFailed, LocalProtocolError, LogonRejected, RemoteProtocolError
from venuewire.model.account import Balance, Position
from venuewire.model.market import BookSnapshot, Quote, Trade
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import (
    Event,
    GrantInvalidated,
    Heartbeat,
    Holdings,
    MassStatus,
    OrderMassStatusRequest,
    RequestForPositions,
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
from venuewire.model.terms import (
    NANOS_PER_SECOND,
    Channel,
    ExecType,
    OrdRejReason,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
)
from venuewire.venue import Answer, ExpireGrants, Fetch, Seat, Send
from venuewire.venues.alor import VENUE, AlorCredentials, credentials_from
from venuewire.venues.alor.initiator.lines import Orders, Subscriptions

SECOND = 10**9
EventT = TypeVar("EventT")


@pytest.fixture
def venue() -> Venue:
    venue = Venue()
    venue.quote("257.70", Side.BUY, 100)
    venue.quote("257.71", Side.SELL, 100)
    venue.exchange.drain()
    return venue


@pytest.fixture
def client(venue: Venue) -> Client:
    return Client(venue).up()


def only(events: list[Event], kind: type[EventT]) -> EventT:
    found = [event for event in events if isinstance(event, kind)]
    assert len(found) == 1, events
    return found[0]


def every(events: list[Event], kind: type[EventT]) -> list[EventT]:
    return [event for event in events if isinstance(event, kind)]


def limit(**more: Any) -> NewOrder:
    given = {"symbol": "MOEX:SBER", "side": Side.BUY, "ord_type": OrdType.LIMIT, "order_qty": 20, "price": "257.5"}
    return NewOrder(**{**given, "cl_ord_id": "900000000000000001", **more})


# --------------------------------------------------------------------------- logging on


def test_both_lines_share_one_token(venue: Venue) -> None:
    client = Client(venue)
    first, second = client.dial("ws"), client.dial("cws")
    assert first is second is client.seat.grant
    assert [fetch.path for fetch in client.fetched] == ["/refresh"]
    assert client.fetched[0].endpoint == "oauth"
    assert first.expires_at == venue.now + 1800 * SECOND
    assert venue.refresh_token not in repr(first)


def test_a_token_is_renewed_once_for_both_lines_and_cws_authorised_again(client: Client, venue: Venue) -> None:
    old = client.seat.grant
    venue.now += 1500 * SECOND
    renewed = client.logon("ws")
    assert renewed is not old
    assert client.logon("cws") is renewed
    assert [fetch.path for fetch in client.fetched].count("/refresh") == 2
    venue.now += 1700 * SECOND  # long after the end of the first
    report = only(client.do(limit()), ExecutionReport)
    assert report.exec_type is ExecType.NEW


def test_a_new_life_takes_the_token_over_while_it_is_good_for_a_while(client: Client, venue: Venue) -> None:
    venue.now += 1400 * SECOND
    client.dial("ws")
    assert len([fetch for fetch in client.fetched if fetch.path == "/refresh"]) == 1
    venue.now += 200 * SECOND
    client.dial("ws")
    assert len([fetch for fetch in client.fetched if fetch.path == "/refresh"]) == 2


def test_a_wrong_refresh_token_is_refused_in_the_venues_words(venue: Venue) -> None:
    with pytest.raises(LogonRejected, match="Refresh token is malformed") as refusal:
        Client(venue, refresh_token="wrong").dial("cws")
    assert (refusal.value.line, refusal.value.code) == ("cws", "403")


def test_a_portfolio_the_token_does_not_speak_for_is_refused_at_once(venue: Venue) -> None:
    with pytest.raises(LogonRejected, match=f"D1 is not among those of this token: {venue.portfolio}"):
        Client(venue, portfolio="D1").dial("ws")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_token_server_in_trouble_is_not_a_refusal(venue: Venue, status: int) -> None:
    flow = Client(venue).ws.logon(venue.now)
    next(flow)
    with pytest.raises(ConnectFailed, match=str(status)):
        flow.send(Answer(status))


@pytest.mark.parametrize("body", [b"", b"{}", b'{"AccessToken":"a.b"}', b'{"AccessToken":"!.!.!"}', b"<html>"])
def test_an_unreadable_answer_of_the_token_server_is_damage(venue: Venue, body: bytes) -> None:
    flow = Client(venue).ws.logon(venue.now)
    next(flow)
    with pytest.raises(RemoteProtocolError):
        flow.send(Answer(200, body))


def test_a_clock_of_ours_that_is_wrong_does_not_stretch_the_token(venue: Venue) -> None:
    for skew, life in ((-3600, 1800), (600, 1200), (7200, 1800)):
        client = Client(venue)
        flow = client.ws.logon(venue.now + skew * SECOND)
        answer = client.fetch(next(flow))  # type: ignore[arg-type]
        with pytest.raises(StopIteration) as over:
            flow.send(answer)
        assert over.value.value.expires_at == venue.now + (skew + life) * SECOND


def test_a_token_taken_over_that_is_refused_is_replaced_once(venue: Venue) -> None:
    client = Client(venue)
    client.dial("ws")
    stale = client.seat.grant
    venue.host._issued.clear()
    venue.host._seen.clear()
    venue.host.__dict__.pop("_key")  # another key: every token made so far is unknown
    assert client.dial("cws") is not stale
    assert client.seat.grant is not stale


def test_cws_says_no_to_a_new_token(venue: Venue) -> None:
    client = Client(venue)
    flow = client.cws.logon(venue.now)
    step = flow.send(client.fetch(next(flow)))  # type: ignore[arg-type]
    assert isinstance(step, Send)
    with pytest.raises(LogonRejected, match="Invalid JWT token!"):
        flow.send(RequestRejected(code="401", text="Invalid JWT token!", ref=step.ref))
    assert client.seat.grant is None


# --------------------------------------------------------------------------- instruments and lists


def test_instruments_come_one_by_one_or_all(client: Client) -> None:
    listed = only(client.do(SecurityListRequest(ref="7")), SecurityList)
    assert listed.ref == "7"
    assert {instrument.symbol for instrument in listed.instruments} == set(SYMBOLS)
    assert {i.symbol: i for i in listed.instruments} == client.seat.instruments
    lkoh = client.seat.instruments["MOEX:LKOH"]
    assert row(lkoh.round_lot, lkoh.min_price_increment, lkoh.currency) == (1, Decimal("0.5"), "RUB")
    boarded = only(client.do(SecurityListRequest(symbols=("MOEX:SBER:TQBR",))), SecurityList)
    assert boarded.instruments[0].symbol == "MOEX:SBER:TQBR"


def test_one_unknown_instrument_refuses_the_list_once(client: Client) -> None:
    events = client.do(SecurityListRequest(symbols=("MOEX:SBER", "MOEX:NONE", "MOEX:GAZP"), ref="8"))
    refusal = only(events, RequestRejected)
    assert (refusal.code, refusal.ref) == ("404", "8")
    assert len(events) == 1


def test_lists_of_orders_and_holdings(client: Client) -> None:
    client.do(limit())
    report = only(client.do(OrderMassStatusRequest(ref="5")), MassStatus).reports[0]
    assert (report.symbol, report.cl_ord_id, report.ord_status) == ("MOEX:SBER", "900000000000000001", OrdStatus.NEW)
    assert row(report.order_qty, report.price, report.exec_type) == (20, Decimal("257.5"), ExecType.ORDER_STATUS)
    held = only(client.do(RequestForPositions(ref="6")), Holdings)
    assert held.ref == "6"
    assert {position.symbol: position.qty for position in held.positions}["MOEX:LKOH"] == 500
    roubles, dollars = held.balances
    assert row(dollars.currency, dollars.total) == ("USD", 200_000)
    assert row(roubles.currency, roubles.total, roubles.available) == ("RUB", 50_000_000, 50_000_000 - 5150)


def test_an_empty_order_list_is_a_list_and_a_404_is_none_unless_we_say_so(client: Client, venue: Venue) -> None:
    assert only(client.do(OrderMassStatusRequest()), MassStatus).reports == ()
    fetch = client.ws.send(OrderMassStatusRequest(ref="1"), venue.now)[0]
    assert isinstance(fetch, Fetch)
    assert isinstance(client.ws.answered(fetch, Answer(404), venue.now)[0], RequestRejected)
    lenient = Client(venue, {"no_orders_on_404": True}).up()
    orders, stop_orders = lenient.ws.send(OrderMassStatusRequest(ref="1"), venue.now)
    assert isinstance(orders, Fetch)
    assert isinstance(stop_orders, Fetch)
    assert lenient.ws.answered(orders, Answer(404), venue.now) == []
    assert lenient.ws.answered(stop_orders, Answer(404), venue.now) == [MassStatus(reports=(), ref="1")]


def test_a_401_of_a_read_ends_the_token_once(client: Client, venue: Venue) -> None:
    fetches = [client.ws.send(OrderMassStatusRequest(ref=ref), venue.now)[0] for ref in "12"]
    first, second = (client.ws.answered(fetch, Answer(401), venue.now) for fetch in fetches)  # type: ignore[arg-type]
    assert [type(event) for event in first] == [RequestRejected, GrantInvalidated]
    assert [type(event) for event in second] == [RequestRejected]
    assert client.seat.grant is None
    renewed = client.logon("ws")
    late = client.ws.answered(fetches[0], Answer(401), venue.now)  # type: ignore[arg-type]
    assert [type(event) for event in late] == [RequestRejected]
    assert client.seat.grant is renewed


# --------------------------------------------------------------------------- subscriptions


def test_a_book_is_asked_for_in_slim_at_its_least_interval(client: Client, venue: Venue) -> None:
    (send,) = client.ws.send(Subscribe(channel=Channel.BOOK, symbol="MOEX:SBER", ref="31"), venue.now)
    assert isinstance(send, Send)
    message = msgspec.json.decode(send.payload)
    assert message.pop("token").count(".") == 2
    assert message == {
        "opcode": "OrderBookGetAndSubscribe",
        "code": "SBER",
        "exchange": "MOEX",
        "depth": 50,
        "frequency": 10,
        "format": "Slim",
        "guid": "31",
    }


@pytest.mark.parametrize("form", ["Slim", "Simple"])
def test_every_channel_in_both_formats(venue: Venue, form: str) -> None:
    client = Client(venue, {"format": form, "trades": 10}).up()
    book, accepted = client.do(Subscribe(channel=Channel.BOOK, symbol="MOEX:SBER", ref="1"))
    assert isinstance(book, BookSnapshot)
    assert [row(level.price, level.size) for level in book.levels] == [
        (Decimal("257.70"), 1000),
        (Decimal("257.71"), 1000),
    ]
    assert accepted == SubscriptionAccepted(ref="1")
    for channel, symbol in (
        (Channel.TRADES, "MOEX:SBER"),
        (Channel.QUOTES, "MOEX:SBER"),
        (Channel.ORDERS, None),
        (Channel.POSITIONS, None),
    ):
        events = client.do(Subscribe(channel=channel, symbol=symbol, ref=channel))
        assert only(events, SubscriptionAccepted).ref == channel
    events = client.do(limit(order_qty=1500, price="257.71"))
    trade = only(events, Trade)
    assert row(trade.symbol, trade.price, trade.size, trade.aggressor_side, trade.historical) == (
        "MOEX:SBER",
        Decimal("257.71"),
        1000,
        Side.BUY,
        False,
    )
    answer, new, partly, fill = every(events, ExecutionReport)
    assert (answer.exec_type, answer.ref is not None) == (ExecType.NEW, True)
    assert row(new.ord_status, new.cum_qty, new.leaves_qty, new.time_in_force) == (
        OrdStatus.NEW,
        0,
        1500,
        TimeInForce.DAY,
    )
    assert row(partly.ord_status, partly.cum_qty, partly.leaves_qty) == (OrdStatus.PARTIALLY_FILLED, 1000, 500)
    assert row(fill.exec_type, fill.last_qty, fill.last_px, fill.exec_id) == (
        ExecType.TRADE,
        1000,
        Decimal("257.71"),
        trade.trade_id,
    )
    assert {report.cl_ord_id for report in (answer, new, partly, fill)} == {"900000000000000001"}
    assert {report.order_id for report in (answer, new, partly, fill)} == {answer.order_id}
    assert only(events, Position).qty == 21_000
    assert only(events, Balance).total == 50_000_000 - 257_710
    venue.now += 175_000_000
    late = client.receive("ws", client.ends["ws"].tick(venue.now))
    assert only(late, Quote).bid == Decimal("257.71")
    assert only(late, BookSnapshot).levels[0].size == 500


def test_the_first_set_of_orders_is_history(client: Client) -> None:
    client.do(limit(price="257.71"))
    events = client.do(Subscribe(channel=Channel.ORDERS))
    order, fill = every(events, ExecutionReport)
    assert order.historical
    assert fill.historical
    assert (order.exec_type, order.ord_status) == (ExecType.ORDER_STATUS, OrdStatus.FILLED)
    assert fill.exec_type is ExecType.TRADE


def test_asking_again_replaces_and_never_doubles(client: Client, venue: Venue) -> None:
    for ref in ("1", "2"):
        events = client.do(Subscribe(channel=Channel.TRADES, symbol="MOEX:SBER", ref=ref))
        assert only(events, SubscriptionAccepted).ref == ref
    assert len(every(client.do(limit(price="257.71")), Trade)) == 1
    events = client.do(Unsubscribe(channel=Channel.TRADES, symbol="MOEX:SBER", subscription="2", ref="3"))
    assert only(events, SubscriptionAccepted).ref == "3"
    assert every(client.do(limit(price="257.71", cl_ord_id="2")), Trade) == []


def test_asked_for_again_before_its_end_is_acknowledged_it_lives(client: Client, venue: Venue) -> None:
    book = {"channel": Channel.BOOK, "symbol": "MOEX:SBER"}
    client.do(Subscribe(**book, ref="1"))  # type: ignore[arg-type]
    end = client.ws.send(Unsubscribe(**book, subscription="1", ref="2"), venue.now)  # type: ignore[arg-type]
    again = client.ws.send(Subscribe(**book, ref="3"), venue.now)  # type: ignore[arg-type]
    events = client.exchange_frames("ws", [*end, *again])
    assert [event.ref for event in every(events, SubscriptionAccepted)] == ["2", "3"]
    venue.now += SECOND
    venue.quote("257.60", Side.BUY)
    assert only(client.news(), BookSnapshot).symbol == "MOEX:SBER"


def test_frames_on_their_way_at_the_end_are_no_news(client: Client, venue: Venue) -> None:
    client.do(Subscribe(channel=Channel.BOOK, symbol="MOEX:SBER", ref="1"))
    client.do(Unsubscribe(channel=Channel.BOOK, symbol="MOEX:SBER", subscription="1", ref="2"))
    late = b'{"data":{"b":[],"a":[],"t":1,"h":false},"guid":"%s"}'
    assert client.ws.receive(client.ws.open(late % b"1"), venue.now) == []
    assert isinstance(client.ws.receive(client.ws.open(late % b"never"), venue.now)[0], Unknown)


def test_what_is_not_subscribed_ends_without_a_word(client: Client, venue: Venue) -> None:
    assert client.ws.send(Unsubscribe(channel=Channel.BOOK, symbol="MOEX:SBER", ref="9"), venue.now) == []
    assert client.ws.ready == [SubscriptionAccepted(ref="9")]


def test_a_refused_subscription_is_told_and_half_of_one_is_none(client: Client, venue: Venue) -> None:
    venue.host.switches.subscriptions = 1
    events = client.do(Subscribe(channel=Channel.ORDERS, ref="4"))
    refusal = only(events, SubscriptionRejected)
    assert (refusal.code, refusal.ref) == ("400", "4")
    assert every(events, SubscriptionAccepted) == []
    venue.exchange.drain()
    client.do(limit())
    assert client.news() == []  # the half that was accepted has been ended


def test_an_old_token_is_renewed_and_the_subscription_waits(client: Client, venue: Venue) -> None:
    venue.now += 1801 * SECOND
    subscribe = Subscribe(channel=Channel.ORDERS, ref="4")
    events = client.do(subscribe)
    assert [type(event) for event in events] == [GrantInvalidated]
    client.logon("ws")
    assert only(client.do(subscribe), SubscriptionAccepted).ref == "4"


def test_a_new_token_that_is_refused_refuses_the_subscription(client: Client, venue: Venue) -> None:
    client.venue.host.refresh_tokens.clear()
    events = client.do(Subscribe(channel=Channel.POSITIONS, ref="4"))
    assert [type(event) for event in events] == [SubscriptionRejected, GrantInvalidated]


def test_a_401_without_a_guid_is_the_oldest_requests(client: Client, venue: Venue) -> None:
    client.ws.send(Subscribe(channel=Channel.POSITIONS, ref="4"), venue.now)
    frame = b'{"requestGuid":"","httpCode":401,"message":"Invalid JWT token!"}'
    events = client.ws.receive(client.ws.open(frame), venue.now)
    assert [type(event) for event in events] == [SubscriptionRejected, GrantInvalidated]
    assert only(list(events), SubscriptionRejected).ref == "4"  # type: ignore[arg-type]


def test_a_new_life_forgets_what_belonged_to_the_last(client: Client, venue: Venue) -> None:
    client.do(Subscribe(channel=Channel.BOOK, symbol="MOEX:SBER", ref="1"))
    client.dial("ws")
    late = b'{"data":{"b":[],"a":[],"t":1,"h":false},"guid":"1"}'
    assert isinstance(client.ws.receive(client.ws.open(late), venue.now)[0], Unknown)
    events = client.do(Subscribe(channel=Channel.BOOK, symbol="MOEX:SBER", ref="1"))
    assert only(events, SubscriptionAccepted).ref == "1"


@pytest.mark.parametrize(
    "command",
    [
        Subscribe(channel=Channel.HEARTBEATS, ref="1"),
        Subscribe(channel=Channel.BOOK, ref="1"),
        Subscribe(channel=Channel.BOOK, symbol="MOEX:NONE", ref="1"),
        SecurityListRequest(symbols=("SBER",), ref="1"),
        limit(ref="1"),
    ],
)
def test_what_does_not_go_over_ws_is_not_sent(client: Client, venue: Venue, command: Any) -> None:
    with pytest.raises(LocalProtocolError):
        client.ws.send(command, venue.now)


# --------------------------------------------------------------------------- signs of life


def test_a_ping_is_answered_on_both_lines(client: Client, venue: Venue) -> None:
    for name in ("ws", "cws"):
        ping = client.line(name).heartbeat(venue.now)
        assert ping is not None
        assert (b"token" in ping.payload) == (name == "ws")
        assert client.exchange_frames(name, [ping]) == [Heartbeat(recv_time=venue.now, ref=ping.ref)]
        assert client.line(name).receive(client.line(name).open(b"pong"), venue.now) == [Heartbeat(recv_time=venue.now)]


def test_a_ping_with_an_old_token_tells_that_it_has_ended(client: Client, venue: Venue) -> None:
    venue.now += 1801 * SECOND
    ping = client.ws.heartbeat(venue.now)
    assert ping is not None
    assert [type(event) for event in client.exchange_frames("ws", [ping])] == [GrantInvalidated, Heartbeat]


def test_cws_learns_from_ws_that_its_token_was_ended(client: Client, venue: Venue) -> None:
    venue.host.afflict(ExpireGrants(), venue.now)
    venue.now += 61 * SECOND
    ping = client.ws.heartbeat(venue.now)
    assert ping is not None
    assert only(client.exchange_frames("ws", [ping]), GrantInvalidated).text == "Invalid JWT token!"
    client.logon("ws")
    for expected in ([Heartbeat, GrantInvalidated], [Heartbeat]):
        ping = client.cws.heartbeat(venue.now)
        assert ping is not None
        assert [type(event) for event in client.exchange_frames("cws", [ping])] == expected
    client.logon("cws")
    assert only(client.do(limit()), ExecutionReport).exec_type is ExecType.NEW


def test_an_ordinary_renewal_by_ws_is_no_alarm(client: Client, venue: Venue) -> None:
    venue.now += 1500 * SECOND
    client.logon("ws")
    ping = client.cws.heartbeat(venue.now)
    assert ping is not None
    assert [type(event) for event in client.exchange_frames("cws", [ping])] == [Heartbeat]


def sign(client: Client, name: str) -> dict[str, Any]:
    """The sign of life this line sends now; it is not carried to the venue."""
    beat = client.line(name).heartbeat(client.now)
    assert beat is not None
    return json.loads(beat.payload)  # type: ignore[no-any-return]


def test_with_pings_switched_off_documented_messages_keep_a_line_alive(venue: Venue) -> None:
    client = Client(venue, {"ping": False}).up()
    for name, opcode in (("ws", "SummariesGetAndSubscribeV2"), ("cws", "authorize")):
        for _ in range(3):
            beat = client.line(name).heartbeat(venue.now)
            assert beat is not None
            assert json.loads(beat.payload)["opcode"] == opcode
            answers = client.exchange_frames(name, [beat])
            assert [type(event) for event in answers] == [Heartbeat]
    assert client.ended == []


def test_the_documented_sign_on_ws_is_one_subscription_and_tells_nothing(venue: Venue, client: Client) -> None:
    client.ws._ping_unknown = True
    first, second = sign(client, "ws"), sign(client, "ws")
    assert first["guid"] == second["guid"]
    assert first["skipHistory"] is True
    client.exchange_frames("ws", [Send(json.dumps(first).encode(), first["guid"])])
    venue.quote("250", Side.SELL)
    client.do(limit(price="250"))
    venue.now += NANOS_PER_SECOND
    assert [type(event).__name__ for event in client.receive("ws", client.ends["ws"].tick(venue.now))] == []


@pytest.mark.parametrize("name", ["ws", "cws"])
def test_a_venue_that_never_answers_pings_is_asked_something_it_answers(client: Client, name: str) -> None:
    assert sign(client, name)["opcode"] == "ping"
    assert sign(client, name)["opcode"] != "ping"
    assert sign(client, name)["opcode"] != "ping"


@pytest.mark.parametrize("name", ["ws", "cws"])
def test_a_line_that_ends_on_its_first_ping_is_not_pinged_again(client: Client, name: str) -> None:
    assert sign(client, name)["opcode"] == "ping"
    client.dial(name)
    assert sign(client, name)["opcode"] != "ping"


@pytest.mark.parametrize("name", ["ws", "cws"])
def test_a_venue_that_has_answered_a_ping_goes_on_being_pinged(client: Client, name: str) -> None:
    beat = client.line(name).heartbeat(client.now)
    assert beat is not None
    client.exchange_frames(name, [beat])
    for _ in range(3):
        assert sign(client, name)["opcode"] == "ping"
    client.dial(name)
    assert sign(client, name)["opcode"] == "ping"


# --------------------------------------------------------------------------- orders


def test_an_order_is_placed_replaced_and_cancelled(client: Client, venue: Venue) -> None:
    placed = only(client.do(limit(ref="11")), ExecutionReport)
    assert row(placed.exec_type, placed.ord_status, placed.ref, placed.order_qty) == (
        ExecType.NEW,
        OrdStatus.NEW,
        "11",
        20,
    )
    replace = ReplaceOrder(
        symbol="MOEX:SBER",
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_id=placed.order_id,
        orig_cl_ord_id="900000000000000001",
        cl_ord_id="900000000000000002",
        order_qty=30,
        price="257.6",
        ref="12",
    )
    replaced = only(client.do(replace), ExecutionReport)
    assert replaced.exec_type is ExecType.REPLACED
    assert replaced.order_id not in {"", placed.order_id}
    assert (replaced.orig_order_id, replaced.orig_cl_ord_id, replaced.cl_ord_id, replaced.ref) == (
        placed.order_id,
        "900000000000000001",
        "900000000000000002",
        "12",
    )
    (standing,) = venue.exchange.port(venue.portfolio).orders()
    assert row(standing.order_id, standing.order_qty, standing.price, standing.cl_ord_id) == (
        replaced.order_id,
        30,
        Decimal("257.6"),
        "900000000000000002",
    )
    cancel = CancelOrder(
        symbol="MOEX:SBER",
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_id=replaced.order_id,
        orig_cl_ord_id="900000000000000002",
        ref="13",
    )
    canceled = only(client.do(cancel), ExecutionReport)
    assert (canceled.exec_type, canceled.ord_status, canceled.cl_ord_id, canceled.ref) == (
        ExecType.CANCELED,
        OrdStatus.CANCELED,
        "900000000000000002",
        "13",
    )
    refused = only(client.do(msgspec.structs.replace(cancel, ref="14")), CancelReject)
    assert (refused.reason, refused.order_id, refused.is_replace, refused.ref) == (
        OrdRejReason.UNKNOWN_ORDER,
        replaced.order_id,
        False,
        "14",
    )
    again = only(client.do(msgspec.structs.replace(replace, ref="15")), CancelReject)
    assert (again.is_replace, again.cl_ord_id) == (True, "900000000000000002")


def test_a_refused_order_is_a_report_with_the_venues_words(client: Client) -> None:
    report = only(client.do(limit(price="257.505", ref="16")), ExecutionReport)
    assert (report.exec_type, report.ord_status, report.order_id, report.ref) == (
        ExecType.REJECTED,
        OrdStatus.REJECTED,
        "",
        "16",
    )
    assert (report.ord_rej_reason, report.code, report.text) == (
        OrdRejReason.INVALID_PRICE_INCREMENT,
        "400",
        "Minimum price step: 0.01",
    )
    assert report.cl_ord_id == "900000000000000001"


def test_an_order_after_the_end_of_the_token_is_refused_and_the_token_with_it(client: Client, venue: Venue) -> None:
    venue.now += 1801 * SECOND
    report, invalid = client.do(limit(ref="17"))
    assert isinstance(report, ExecutionReport)
    assert (report.ord_status, report.code) == (OrdStatus.REJECTED, "401")
    assert isinstance(invalid, GrantInvalidated)
    assert client.seat.grant is None
    client.logon("cws")
    assert only(client.do(limit(ref="18")), ExecutionReport).exec_type is ExecType.NEW


def test_a_line_that_is_cut_instead_leaves_the_order_unanswered(client: Client, venue: Venue) -> None:
    venue.host.switches.reset_on_expiry = True
    venue.now += 1801 * SECOND
    assert client.do(limit(ref="17")) == []
    assert [close.code for close in client.ended] == [1006]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (400, "Command Timeout"),
        (400, "Request with such guid was already handled."),
        (408, None),
        (500, ""),
        (503, "anything"),
    ],
)
def test_an_answer_that_leaves_it_open_is_not_a_refusal(
    client: Client, venue: Venue, code: int, text: str | None
) -> None:
    client.cws.send(limit(ref="19"), venue.now)
    frame = msgspec.json.encode({"requestGuid": "19", "httpCode": code, "message": text})
    events = client.cws.receive(client.cws.open(frame), venue.now)
    assert [type(event) for event in events] == [Unknown]
    late = b'{"requestGuid":"19","httpCode":200,"message":"An order \'5\' has been created.","orderNumber":5}'
    report = client.cws.receive(client.cws.open(late), venue.now)[0]
    assert isinstance(report, ExecutionReport)
    assert report.order_id == "5"


def test_an_answer_without_an_order_number_is_damage(client: Client, venue: Venue) -> None:
    client.cws.send(limit(ref="20"), venue.now)
    frame = b'{"requestGuid":"20","httpCode":200,"message":"An order has been created.","orderNumber":null}'
    with pytest.raises(RemoteProtocolError, match="no order number"):
        client.cws.receive(client.cws.open(frame), venue.now)


def test_code_206_is_success(client: Client, venue: Venue) -> None:
    client.cws.send(limit(ref="21"), venue.now)
    frame = b'{"requestGuid":"21","httpCode":206,"message":"","orderNumber":"7"}'
    assert isinstance(client.cws.receive(client.cws.open(frame), venue.now)[0], ExecutionReport)


@pytest.mark.parametrize(
    "command",
    [
        limit(symbol="MOEX:NONE", ref="1"),
        limit(order_qty=15, ref="1"),
        MassCancel(ref="1"),
        Subscribe(channel=Channel.ORDERS, ref="1"),
    ],
)
def test_what_does_not_go_over_cws_is_not_sent(client: Client, venue: Venue, command: Any) -> None:
    with pytest.raises(LocalProtocolError):
        client.cws.send(command, venue.now)


# --------------------------------------------------------------------------- credentials and settings


def test_credentials_come_from_plain_keys_and_hide_the_token() -> None:
    credentials = credentials_from({"refresh_token": "very-secret", "portfolio": "D1"})
    assert credentials.refresh_token.reveal() == "very-secret"
    assert "very-secret" not in repr(credentials)
    assert set(VENUE.environment.values()) == {"refresh_token", "portfolio"}


@pytest.mark.parametrize(
    "given", [{}, {"refresh_token": "x"}, {"portfolio": "D1"}, {"refresh_token": "", "portfolio": "D"}]
)
def test_missing_credentials_are_named(given: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="ALOR_"):
        credentials_from(given)


@pytest.mark.parametrize(
    "settings",
    [
        {"format": "Tiny"},
        {"depth": 51},
        {"depth": "20"},
        {"trades": -1},
        {"frequency": -1},
        {"allow_margin": 1},
        {"protecting_seconds": 301},
        {"protecting_seconds": -1},
        {"ping": None},
    ],
)
@pytest.mark.parametrize("line", [Subscriptions, Orders])
def test_wrong_settings_are_named(settings: dict[str, Any], line: Callable[[Seat], Any]) -> None:
    credentials = AlorCredentials(refresh_token=Secret("x"), portfolio="D1")
    seat = Seat(credentials, unique=counter(), random_hex=hex_digits(), settings=settings)
    with pytest.raises(ConfigError, match=next(iter(settings))):
        line(seat)


def test_single_cash_portfolios_are_asked_about_at_united(venue: Venue) -> None:
    credentials = AlorCredentials(refresh_token=Secret("x"), portfolio="E1")
    seat = Seat(credentials, unique=counter(), random_hex=hex_digits())
    line = Subscriptions(seat)
    seat.grant = Client(venue).dial("ws")
    fetches = line.send(OrderMassStatusRequest(ref="1"), venue.now)
    paths = [fetch.path for fetch in fetches if isinstance(fetch, Fetch)]
    assert paths == ["/md/v2/Clients/UNITED/E1/orders", "/md/v2/Clients/UNITED/E1/stoporders"]
