"""Our end against theirs: logon, subscriptions, orders, and what every refusal becomes."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.unit.finery.link import START, UNIT, Client, House
from tests.watching import commands_at

from venuewire.errors import ConfigError, LocalProtocolError, RemoteProtocolError
from venuewire.model.account import Balance
from venuewire.model.market import SET_ASK, SET_BID, THRU_ASK, BookSnapshot, BookUpdate
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import (
    Event,
    Heartbeat,
    Holdings,
    MassStatus,
    OrderMassStatusRequest,
    Reply,
    RequestForPositions,
    RequestRejected,
    SecurityList,
    SecurityListRequest,
    Subscribe,
    SubscriptionAccepted,
    SubscriptionRejected,
    Unknown,
    Unsubscribe,
    VenueStatus,
)
from venuewire.model.terms import Channel, ExecType, LiquidityInd, OrdRejReason, OrdStatus, OrdType, Side, TimeInForce
from venuewire.orders.blotter import Blotter
from venuewire.venue import Answer, Await, Fetch, Send
from venuewire.venues.finery import VENUE, credentials_from, wire

IOC, FOK, GTC = TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL, TimeInForce.GOOD_TILL_CANCEL


@pytest.fixture
def house() -> House:
    house = House()
    house.offer(Side.BUY, "63990", "1")
    house.offer(Side.SELL, "64010", "1")
    house.offer(Side.SELL, "64020", "2")
    return house


@pytest.fixture(params=["ws", "http"])
def client(house: House, request: pytest.FixtureRequest) -> Client:
    """Requests over the socket, and over REST."""
    return Client(house, requests=request.param)


def order(**terms: Any) -> NewOrder:
    given: dict[str, Any] = {
        "symbol": "BTC-USD",
        "side": Side.BUY,
        "ord_type": OrdType.LIMIT,
        "order_qty": "0.5",
        "price": "63000",
        "cl_ord_id": "1700000000000001",
    }
    return NewOrder(**given | terms)


def market(**terms: Any) -> NewOrder:
    return order(**{"ord_type": OrdType.MARKET, "price": None} | terms)


def reports(events: list[Event]) -> list[ExecutionReport]:
    assert all(isinstance(event, ExecutionReport) for event in events), events
    return [event for event in events if isinstance(event, ExecutionReport)]


def told(client: Client, payload: Any) -> list[Any]:
    """What a frame of the venue's means."""
    frame = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return list(client.initiator.receive(client.initiator.open(frame), START))


# --------------------------------------------------------------------------- logon


def test_the_status_message_is_the_logon(house: House) -> None:
    grant = Client(house).grant
    assert (grant.expires_at, grant.token.reveal()) == (None, "")


def test_a_gateway_without_its_core_is_waited_for(house: House) -> None:
    initiator = Client(house).initiator
    initiator.handshake(START)
    flow = initiator.logon(START)
    step = next(flow)
    assert step == Await("status")
    (status,) = initiator.receive(initiator.open(b'["X",0,"Z",2]'), START)
    assert status == VenueStatus(up=False, code="2", text="not connected: an inner service is down", ref="status")
    assert isinstance(status, VenueStatus)
    assert flow.send(status) == Await("status")
    (status,) = initiator.receive(initiator.open(b'["X",0,"Z",[0]]'), START)
    assert isinstance(status, VenueStatus)
    with pytest.raises(StopIteration) as over:
        flow.send(status)
    assert over.value.value.expires_at is None


def test_a_status_that_came_before_the_flow_is_not_waited_for(house: House) -> None:
    initiator = Client(house).initiator
    initiator.handshake(START)
    initiator.receive(initiator.open(b'["X",0,"Z",0]'), START)
    with pytest.raises(StopIteration):
        next(initiator.logon(START))


def test_a_new_life_forgets_the_last(house: House) -> None:
    client = Client(house)
    client.submit(Subscribe(channel=Channel.BOOK, symbol="BTC-USD"))
    client.initiator.handshake(START)
    assert [type(item) for item in told(client, ["X", 0, "Z", 2])] == [VenueStatus]
    assert [type(item) for item in told(client, ["X", 0, "Z", 0])] == [VenueStatus]


def test_where_the_venue_is() -> None:
    assert [(it.name, it.production, it.test) for it in VENUE.endpoints] == [
        ("ws", "wss://trade.finerymarkets.com/ws", "wss://test.finerymarkets.com/ws"),
        ("http", "https://trade.finerymarkets.com", "https://test.finerymarkets.com"),
    ]


def test_credentials_are_needed_and_stay_secret() -> None:
    for given in ({}, {"key": "k"}, {"key": "k", "secret": ""}, {"key": 5, "secret": "s"}):
        with pytest.raises(ConfigError, match="FINERY_"):
            credentials_from(given)
    assert "hush" not in repr(credentials_from({"key": "k", "secret": "hush"}))


def test_settings_are_checked(house: House) -> None:
    wrong: dict[str, Any] = {
        "book_feed": "X",
        "logon": "magic",
        "routing": "fast",
        "client_id": "me",
        "makers": "us",
        "history_pages": -1,
    }
    for name, value in wrong.items():
        with pytest.raises(LocalProtocolError, match=name):
            Client(house, **{name: value})


# --------------------------------------------------------------------------- instruments


def test_instruments_come_with_ticks_and_steps(client: Client) -> None:
    (found,) = client.submit(SecurityListRequest())
    assert isinstance(found, SecurityList)
    bitcoin, _, tether, _ = found.instruments
    assert (bitcoin.symbol, bitcoin.security_id, bitcoin.base, bitcoin.currency) == (
        "BTC-USD",
        "4955410050",
        "BTC",
        "USD",
    )
    assert bitcoin.min_price_increment == Decimal("0.01")
    assert tether.min_price_increment == Decimal("0.000001")
    assert bitcoin.min_qty_increment == bitcoin.min_trade_vol == Decimal("0.00000001")
    assert (bitcoin.price_scale, bitcoin.qty_scale) == (8, 8)
    (one,) = client.submit(SecurityListRequest(symbols=("ETH-USD", "NONE")))
    assert isinstance(one, SecurityList)
    assert [it.symbol for it in one.instruments] == ["ETH-USD"]


def test_a_currency_that_changes_changes_its_instruments(client: Client) -> None:
    client.submit(SecurityListRequest())
    changed, _ = told(client, ["C", 0, "M", ["USDT", 660085, 10000, 100000000, "stablecoin"]])
    assert isinstance(changed, SecurityList)
    assert [(it.symbol, it.min_price_increment) for it in changed.instruments] == [("BTC-USDT", Decimal("0.0001"))]
    added, _ = told(client, ["I", 0, "+", ["ETH-USDT", 77, "ETH", "USDT"]])
    assert [(it.symbol, it.min_price_increment) for it in added.instruments] == [("ETH-USDT", Decimal("0.0001"))]


# --------------------------------------------------------------------------- subscriptions


@pytest.mark.parametrize("feed", ["F", "B"])
def test_a_book_is_kept_by_either_feed(house: House, feed: str) -> None:
    client = Client(house, book_feed=feed)
    assert client.submit(Subscribe(channel=Channel.BOOK, symbol="BTC-USD")) == [SubscriptionAccepted(ref=client.ref)]
    _, snapshot = client.events
    assert isinstance(snapshot, BookSnapshot)
    assert snapshot.symbol == "BTC-USD"
    assert [(it.action, str(it.price), str(it.size)) for it in snapshot.levels] == [
        (SET_BID, "63990.00000000", "1.00000000"),
        (SET_ASK, "64010.00000000", "1.00000000"),
        (SET_ASK, "64020.00000000", "2.00000000"),
    ]
    client.events.clear()
    house.offer(Side.BUY, "63995.01", "0.00000001")
    client.carry()
    (news,) = client.events
    if feed == "F":
        assert isinstance(news, BookUpdate)
        assert list(news.rows()) == [(SET_BID, 6399501000000, 1)]
    else:
        assert isinstance(news, BookSnapshot)
        assert len(news.levels) == 4
    assert client.submit(Unsubscribe(channel=Channel.BOOK, symbol="BTC-USD")) == [SubscriptionAccepted(ref=client.ref)]
    client.events.clear()
    house.offer(Side.BUY, "63996", "1")
    client.carry()
    assert client.events == []


def test_a_book_bound_by_number_is_told_by_its_name(house: House) -> None:
    client = Client(house)
    (listed,) = client.submit(SecurityListRequest())
    assert isinstance(listed, SecurityList)
    client.seat.know(listed.instruments)
    (snapshot,) = told(client, ["F", 4955410050, "S", [[], []]])
    assert snapshot.symbol == "BTC-USD"


def test_a_cut_through_is_told_as_such(house: House) -> None:
    (update,) = told(Client(house), ["F", "BTC-USD", "M", [[], [["~", 5, 7]]]])
    assert list(update.rows()) == [(THRU_ASK, 5, 0), (SET_ASK, 5, 7)]
    (emptied,) = told(Client(house), ["F", "BTC-USD", "M", [[], [["~", 0, 0]]]])
    assert list(emptied.rows()) == [(THRU_ASK, 0, 0)]


def test_an_unknown_symbol_is_refused(house: House) -> None:
    client = Client(house)
    assert client.submit(Subscribe(channel=Channel.BOOK, symbol="BTC-GBP")) == [
        SubscriptionRejected(code="103", text="invalid feed id", ref=client.ref)
    ]


def test_a_binding_the_venue_has_already_is_ended_and_made_again_for_its_snapshot(house: House) -> None:
    client = Client(house)
    client.line.say({"event": "bind", "feed": "F", "feedId": "BTC-USD"})
    client.line.heard()
    assert client.submit(Subscribe(channel=Channel.BOOK, symbol="BTC-USD")) == [SubscriptionAccepted(ref=client.ref)]
    assert [type(event) for event in client.events] == [SubscriptionAccepted, BookSnapshot]


def test_ending_what_is_not_bound_is_as_good_as_ended(house: House) -> None:
    client = Client(house)
    assert client.submit(Unsubscribe(channel=Channel.ORDERS)) == [SubscriptionAccepted(ref=client.ref)]


def test_after_an_outage_of_the_core_everything_is_bound_again(house: House) -> None:
    client = Client(house)
    client.submit(Subscribe(channel=Channel.BOOK, symbol="BTC-USD"))
    client.submit(Subscribe(channel=Channel.ORDERS))
    client.submit(Unsubscribe(channel=Channel.ORDERS))
    client.events.clear()
    for core in (2, 0):
        house.host.outage(core)
        client.line.take(client.line.acceptor.tick(house.now))
        client.carry()
    down, up, snapshot = client.events
    assert isinstance(down, VenueStatus)
    assert isinstance(up, VenueStatus)
    assert (down.up, up.up) == (False, True)
    assert isinstance(snapshot, BookSnapshot)


@pytest.mark.parametrize("channel", [Channel.TRADES, Channel.QUOTES])
def test_channels_the_venue_has_not_are_refused_here(house: House, channel: Channel) -> None:
    assert channel not in VENUE.capabilities.channels
    with pytest.raises(LocalProtocolError, match="BOOK"):
        Client(house).submit(Subscribe(channel=channel, symbol="BTC-USD"))


@pytest.mark.parametrize(
    "subscribe", [Subscribe(channel=Channel.BOOK), Subscribe(channel=Channel.POSITIONS, symbol="BTC-USD")]
)
def test_subscriptions_that_make_no_sense_are_refused_here(house: House, subscribe: Subscribe) -> None:
    with pytest.raises(LocalProtocolError):
        Client(house).submit(subscribe)


def test_positions_are_balances_by_currency(house: House) -> None:
    client = Client(house)
    client.submit(Subscribe(channel=Channel.POSITIONS))
    held = {event.currency: event.total for event in client.events if isinstance(event, Balance)}
    assert held == {"BTC": 1000, "ETH": 10000, "EUR": 50_000_000, "USD": 50_000_000, "USDT": 50_000_000}
    client.submit(market(order_qty="1"))
    changed = {event.currency: event.total for event in client.events if isinstance(event, Balance)}
    assert changed == {"BTC": 1001, "USD": 50_000_000 - 64010}


def test_positions_of_several_counterparties_add_up_and_go(house: House) -> None:
    client = Client(house)
    rows = [["USD", -500, 1, 0, 0], ["USD", 200, 2, 0, 0], ["EUR", 7, 1, 0, 0]]

    def totals(payload: list[Any]) -> dict[str, int]:
        return {event.currency: int(event.total.scaleb(8)) for event in told(client, payload)}

    assert totals(["K", 0, "S", [99, rows]]) == {"EUR": 7, "USD": -300}
    assert totals(["K", 0, "M", ["USD", 300, 1]]) == {"USD": 500}
    assert totals(["K", 0, "+", ["USD", 1, 3, 0, 0]]) == {"USD": 501}
    assert totals(["K", 0, "-", ["USD", 0, 2, 0, 0]]) == {"USD": 301}
    assert totals(["K", 0, "S", []]) == {"EUR": 0, "USD": 0}


# --------------------------------------------------------------------------- orders


@pytest.mark.parametrize(
    "command",
    [
        order(time_in_force=GTC),
        order(time_in_force=GTC, post_only=True, side=Side.SELL, price="70000.01"),
        order(time_in_force=IOC, price="64020"),
        order(time_in_force=FOK, price="64020"),
        market(time_in_force=IOC),
        market(time_in_force=FOK, side=Side.SELL),
        market(time_in_force=IOC, order_qty=None, cash_order_qty="100.01"),
        order(time_in_force=GTC, cl_ord_id=""),
        order(time_in_force=GTC, cl_ord_id=str(2**63 - 1)),
    ],
)
def test_an_order_arrives_as_it_was_asked(client: Client, command: NewOrder) -> None:
    with commands_at(client.house.port) as arrived:
        client.submit(command)
    (found,) = arrived
    assert {name: getattr(found, name) for name in found.__struct_fields__ if name != "ref"} == {
        name: getattr(command, name) for name in found.__struct_fields__ if name != "ref"
    }


def test_an_order_for_this_connection_only(house: House) -> None:
    client = Client(house)
    client.submit(order(cancel_on_disconnect=True))
    client.line.lose()
    assert house.port.orders() == []
    with pytest.raises(LocalProtocolError, match="HTTP"):
        Client(house, requests="http").submit(order(cancel_on_disconnect=True))


def test_a_resting_order(client: Client) -> None:
    client.submit(Subscribe(channel=Channel.ORDERS))
    (first,) = reports(client.submit(order(price="64000")))
    assert (first.exec_type, first.ord_status, first.leaves_qty) == (ExecType.NEW, OrdStatus.NEW, Decimal("0.5"))
    assert first.order_id == client.house.port.orders()[0].order_id
    pushed = reports(client.events)[-1]
    assert (pushed.exec_type, pushed.order_id, pushed.cl_ord_id) == (ExecType.NEW, first.order_id, "1700000000000001")
    assert (pushed.order_qty, pushed.price, pushed.cum_qty) == (Decimal("0.5"), Decimal(64000), Decimal(0))
    client.events.clear()
    client.house.offer(Side.SELL, "64000", "0.2")
    client.carry()
    fill = reports(client.events)[-1]
    assert (fill.exec_type, fill.last_qty, fill.last_px) == (ExecType.TRADE, Decimal("0.2"), Decimal(64000))
    assert (fill.cum_qty, fill.leaves_qty, fill.ord_status) == (
        Decimal("0.2"),
        Decimal("0.3"),
        OrdStatus.PARTIALLY_FILLED,
    )
    assert fill.last_liquidity_ind is LiquidityInd.MAKER
    assert fill.exec_id == client.house.port.fills()[-1].exec_id


def test_the_reply_and_the_feed_tell_the_same_fills(client: Client) -> None:
    client.submit(Subscribe(channel=Channel.ORDERS))
    answers = reports(client.submit(market(order_qty="2")))
    assert [it.exec_type for it in answers] == [ExecType.NEW, ExecType.TRADE, ExecType.TRADE]
    assert answers[-1].ord_status is OrdStatus.FILLED
    pushed = [it for it in reports(client.events) if it.ref is None]
    for ours, theirs in zip(answers[1:], pushed, strict=True):
        for name in ("order_id", "exec_id", "last_qty", "last_px", "cum_qty", "leaves_qty", "ord_status"):
            assert getattr(ours, name) == getattr(theirs, name), name


def test_the_rest_of_a_taker_is_canceled(client: Client) -> None:
    answers = reports(client.submit(order(order_qty="5", price="64020", time_in_force=IOC)))
    assert [it.exec_type for it in answers] == [ExecType.NEW, ExecType.TRADE, ExecType.TRADE, ExecType.CANCELED]
    assert (answers[-1].cum_qty, answers[-1].leaves_qty) == (Decimal(3), Decimal(0))


@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [
        (order(symbol="BTC-GBP"), "34", OrdRejReason.UNKNOWN_SYMBOL),
        (order(price="63000.001"), "71", OrdRejReason.INVALID_PRICE_INCREMENT),
        (order(order_qty="100000"), "79", OrdRejReason.ORDER_EXCEEDS_LIMIT),
        (order(post_only=True, price="64010"), "75", OrdRejReason.POST_ONLY_WOULD_CROSS),
        (order(time_in_force=IOC), "76", OrdRejReason.NO_LIQUIDITY),
        (order(time_in_force=FOK, price="64010", order_qty=2), "77", OrdRejReason.NO_LIQUIDITY),
        (market(order_qty=None, cash_order_qty="10.001"), "83", OrdRejReason.INCORRECT_QUANTITY),
    ],
)
def test_a_refusal_is_a_report(client: Client, command: NewOrder, code: str, reason: OrdRejReason) -> None:
    (refused,) = reports(client.submit(command))
    assert (refused.exec_type, refused.ord_status) == (ExecType.REJECTED, OrdStatus.REJECTED)
    assert (refused.code, refused.ord_rej_reason, refused.ref) == (code, reason, client.ref)
    assert (refused.cl_ord_id, refused.symbol, refused.order_id) == (command.cl_ord_id, command.symbol, "")
    assert refused.text


def test_the_same_id_twice_and_own_orders_meeting(client: Client) -> None:
    client.submit(order())
    assert reports(client.submit(order()))[0].ord_rej_reason is OrdRejReason.DUPLICATE_ORDER
    client.submit(order(price="64000", cl_ord_id="2"))
    (refused,) = reports(client.submit(order(side=Side.SELL, price="64000", time_in_force=IOC, cl_ord_id="3")))
    assert refused.ord_rej_reason is OrdRejReason.SELF_TRADE


@pytest.mark.parametrize(
    "command",
    [
        order(cl_ord_id="mine"),
        order(cl_ord_id="0"),
        order(cl_ord_id="007"),
        order(cl_ord_id="²"),
        order(cl_ord_id=str(2**63)),
        order(time_in_force=TimeInForce.DAY),
        order(time_in_force=IOC, post_only=True),
        order(ord_type=OrdType.STOP, stop_px="1"),
        order(stop_px="1"),
        order(expire_time=1),
        order(price=None),
        order(price="-1"),
        order(order_qty="0"),
        order(order_qty="0.000000001"),
        order(order_qty="1.00000000000000000000000000001"),
        order(order_qty="99999999999999"),
        order(order_qty=None),
        order(cash_order_qty="5"),
        order(order_qty=None, cash_order_qty="5"),
        market(price="5"),
        market(time_in_force=GTC),
        CancelOrder(symbol="BTC-USD", side=Side.BUY, ord_type=OrdType.LIMIT, order_id="x", orig_cl_ord_id=""),
        CancelOrder(symbol="BTC-USD", side=Side.BUY, ord_type=OrdType.LIMIT, order_id="", orig_cl_ord_id=""),
    ],
)
def test_what_the_venue_has_no_words_for_is_not_sent(client: Client, command: Any) -> None:
    with pytest.raises(LocalProtocolError):
        client.submit(command)
    assert client.events == []


def cancel(order_id: str, orig_cl_ord_id: str = "") -> CancelOrder:
    return CancelOrder(
        symbol="BTC-USD", side=Side.BUY, ord_type=OrdType.LIMIT, order_id=order_id, orig_cl_ord_id=orig_cl_ord_id
    )


def test_cancel_by_either_id(client: Client) -> None:
    (first,) = reports(client.submit(order()))
    (done,) = reports(client.submit(cancel(first.order_id)))
    assert (done.exec_type, done.ord_status, done.order_id) == (ExecType.CANCELED, OrdStatus.CANCELED, first.order_id)
    client.submit(order(cl_ord_id="6"))
    (done,) = reports(client.submit(cancel("", "6")))
    assert done.cl_ord_id == "6"
    (refused,) = client.submit(cancel(first.order_id))
    assert isinstance(refused, CancelReject)
    assert (refused.code, refused.reason, refused.ref) == ("80", OrdRejReason.UNKNOWN_ORDER, client.ref)


def replacement(order_id: str, **terms: Any) -> ReplaceOrder:
    given: dict[str, Any] = {
        "symbol": "BTC-USD",
        "side": Side.BUY,
        "ord_type": OrdType.LIMIT,
        "order_id": order_id,
        "orig_cl_ord_id": "1700000000000001",
        "cl_ord_id": "1700000000000002",
        "order_qty": "0.6",
        "price": "62000",
    }
    return ReplaceOrder(**given | terms)


def test_a_replacement_has_a_new_id_and_keeps_what_was_filled(client: Client) -> None:
    blotter = Blotter()
    client.submit(Subscribe(channel=Channel.ORDERS))
    placed = blotter.place(order(price="64000"), START)
    (first,) = reports(client.submit(order(price="64000")))
    client.house.offer(Side.SELL, "64000", "0.2")
    client.carry()
    for report in reports(client.events):
        blotter.apply(report)
    (answer,) = reports(client.submit(replacement(first.order_id)))
    assert (answer.exec_type, answer.orig_order_id) == (ExecType.REPLACED, first.order_id)
    assert answer.order_id not in {"", first.order_id}
    assert answer.order_qty == Decimal("0.4")
    for report in reports(client.events):
        blotter.apply(report)
    assert placed.status is OrdStatus.PARTIALLY_FILLED
    assert (placed.order_id, placed.cum_qty, placed.leaves_qty) == (answer.order_id, Decimal("0.2"), Decimal("0.4"))
    assert [it.order_id for it in client.house.port.orders()] == [answer.order_id]


def test_a_refused_replacement_leaves_the_order(client: Client) -> None:
    (first,) = reports(client.submit(order()))
    (refused,) = client.submit(replacement(first.order_id, price="62000.001"))
    assert isinstance(refused, CancelReject)
    assert (refused.code, refused.is_replace, refused.order_id) == ("71", True, first.order_id)
    assert len(client.house.port.orders()) == 1


def test_a_replacement_that_lost_the_old_order_tells_both_ends(client: Client) -> None:
    (first,) = reports(client.submit(order(post_only=True)))
    gone, refused = reports(client.submit(replacement(first.order_id, price="64010")))
    assert (gone.exec_type, gone.order_id, gone.ord_status) == (ExecType.CANCELED, first.order_id, OrdStatus.CANCELED)
    assert (refused.exec_type, refused.cl_ord_id, refused.code) == (ExecType.REJECTED, "1700000000000002", "75")
    assert refused.ord_rej_reason is OrdRejReason.POST_ONLY_WOULD_CROSS
    assert client.house.port.orders() == []


def test_a_replacement_needs_price_and_quantity(client: Client) -> None:
    for terms in ({"price": None}, {"order_qty": None}, {"order_id": ""}, {"ord_type": OrdType.MARKET}):
        with pytest.raises(LocalProtocolError):
            client.submit(replacement("5", **terms) if "order_id" not in terms else replacement("", price="1"))


def test_mass_cancel(client: Client) -> None:
    for number in ("1", "2"):
        client.submit(order(cl_ord_id=number))
    (reply,) = client.submit(MassCancel(symbol="BTC-USD"))
    assert reply == Reply(message=wire.Removed(removed=2), ref=client.ref)
    (refused,) = client.submit(MassCancel(symbol="BTC-GBP"))
    assert refused == RequestRejected(code="34", text="instrument not found", ref=client.ref)


def test_working_orders_and_what_was_filled(client: Client) -> None:
    client.submit(market(order_qty="1", cl_ord_id="8"))
    (first,) = reports(client.submit(order()))
    (status,) = client.submit(OrderMassStatusRequest())
    assert isinstance(status, MassStatus)
    assert [(it.order_id, it.exec_type, it.ord_status) for it in status.reports] == [
        (first.order_id, ExecType.ORDER_STATUS, OrdStatus.NEW)
    ]
    fill = client.events[0]
    assert isinstance(fill, ExecutionReport)
    assert (fill.cl_ord_id, fill.exec_type, fill.historical, fill.ref) == ("8", ExecType.TRADE, True, None)
    assert client.events[-1] is status


def test_holdings(client: Client) -> None:
    (held,) = client.submit(RequestForPositions())
    assert isinstance(held, Holdings)
    assert {it.currency: it.available for it in held.balances}["BTC"] == 1000


def test_the_feed_of_orders_begins_with_those_that_work(house: House) -> None:
    Client(house).submit(order())
    client = Client(house)
    client.submit(Subscribe(channel=Channel.ORDERS))
    accepted, standing = client.events
    assert isinstance(accepted, SubscriptionAccepted)
    assert isinstance(standing, ExecutionReport)
    assert (standing.exec_type, standing.historical) == (ExecType.ORDER_STATUS, True)


# --------------------------------------------------------------------------- what else may come


@pytest.mark.parametrize("code", [10, 104])
def test_a_code_that_is_no_outcome_answers_no_order(house: House, code: int) -> None:
    client = Client(house)
    (effect,) = client.initiator.send(_with_ref(order(), "5"), START)
    assert isinstance(effect, Send)
    (news,) = told(client, {"event": "request", "reqId": 5, "error": code})
    assert isinstance(news, VenueStatus)
    assert news.ref is None


def _with_ref(command: Any, ref: str) -> Any:
    return msgspec.structs.replace(command, ref=ref)


def test_a_call_under_way_outlives_the_line(house: House) -> None:
    client = Client(house, requests="http")
    (fetch,) = client.initiator.send(_with_ref(order(), "5"), START)
    assert isinstance(fetch, Fetch)
    client.initiator.handshake(START)
    (answer,) = client.initiator.answered(fetch, client.fetch(fetch), START)
    assert isinstance(answer, ExecutionReport)
    assert (answer.exec_type, answer.ref) == (ExecType.NEW, "5")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 302])
def test_http_trouble_is_no_refusal(house: House, status: int) -> None:
    client = Client(house, requests="http")
    (effect,) = client.initiator.send(_with_ref(order(), "5"), START)
    assert isinstance(effect, Fetch)
    with pytest.raises(RemoteProtocolError):
        client.initiator.answered(effect, Answer(status, b"<html>"), START)


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b'{"error":"x"}', b"[]"])
def test_unreadable_answers_are_no_refusal(house: House, body: bytes) -> None:
    client = Client(house, requests="http")
    for status in (200, 400):
        (effect,) = client.initiator.send(_with_ref(order(), "5"), START)
        assert isinstance(effect, Fetch)
        with pytest.raises(RemoteProtocolError):
            client.initiator.answered(effect, Answer(status, body), START)


def test_rest_calls_are_signed_and_say_where_they_go(house: House) -> None:
    client = Client(house, requests="http")
    (fetch,) = client.initiator.send(_with_ref(MassCancel(), "5"), START)
    assert isinstance(fetch, Fetch)
    assert (fetch.method, fetch.path, fetch.endpoint, fetch.ref) == ("POST", "/api/delAll", "http", "5")
    assert set(json.loads(fetch.body)) == {"nonce", "timestamp"}
    assert set(fetch.headers) == {"EFX-Key", "EFX-Sign", "Content-Type"}


def test_further_kinds_are_news(house: House) -> None:
    client = Client(house)
    assert told(client, {"event": "ping"}) == [Heartbeat(recv_time=START)]
    assert told(client, ["Q", 0, "S", []]) == [Unknown(kind="QS", body=b"[]")]
    assert told(client, {"event": "CONNECTED"})[0].kind == "CONNECTED"
    assert told(client, {"event": "request", "reqId": 99, "reply": []})[0].kind == "reply"
    assert told(client, {"error": 9}) == [RequestRejected(code="9", text="parameter missing or invalid")]
    assert told(client, {"event": "request", "reqId": 1, "error": 555})[0].text == "error 555"
    assert told(client, ["F", "BTC-USD", "Z", 2])[0].code == "2"


def test_longer_rows_than_we_know_are_read(house: House) -> None:
    client = Client(house)
    row = ["BTC-USD", 0, 0, 0, 5, 6, UNIT, UNIT, UNIT, 1, 0, "new", None]
    assert reports(told(client, ["O", 0, "+", row]))[0].cl_ord_id == "6"
    (update,) = told(client, ["F", "BTC-USD", "M", [[["+", 1, 2, 3]], [], []], "more"])
    assert list(update.rows()) == [(SET_BID, 1, 2)]


@pytest.mark.parametrize(("kind", "expected"), [(6, None), (7, OrdType.LIMIT), (9, None), (77, None)])
def test_kinds_of_order_nobody_can_ask_for(house: House, kind: int, expected: OrdType | None) -> None:
    row = ["BTC-USD", kind, 1, 0, 5, 0, 0, UNIT, UNIT, 1, 0]
    (report,) = reports(told(Client(house), ["O", 0, "+", row]))
    assert report.ord_type is expected
    assert (report.side, report.cl_ord_id, report.price) == (Side.SELL, "", None)


@pytest.mark.parametrize("reason", [1, 2, 3, 4, 0])
def test_why_an_order_left_the_book(house: House, reason: int) -> None:
    left = 0 if reason == 0 else UNIT
    row = ["BTC-USD", 0, 0, reason, 5, 6, UNIT, 2 * UNIT, left, 1, 0]
    (report,) = reports(told(Client(house), ["O", 0, "-", row]))
    if reason == 0:
        assert (report.exec_type, report.ord_status) == (ExecType.ORDER_STATUS, OrdStatus.FILLED)
    else:
        assert (report.exec_type, report.leaves_qty, report.cum_qty) == (ExecType.CANCELED, Decimal(0), Decimal(1))
        assert report.text
    assert (report.ord_rej_reason is OrdRejReason.SELF_TRADE) is (reason == 3)
