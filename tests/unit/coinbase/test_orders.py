"""Orders through both ends: what the exchange is asked, and what our side is told."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.coinbase.ends import ClientLine, World, logged_on

from venuewire.errors import LocalProtocolError, RemoteProtocolError
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, MassCancel, NewOrder, ReplaceOrder
from venuewire.model.session import Holdings, MassStatus, OrderMassStatusRequest, RequestForPositions, Subscribe
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
from venuewire.venue import Answer, Fetch
from venuewire.venues.coinbase import orders
from venuewire.venues.coinbase.wire import stream

END = 1_777_900_000 * NANOS_PER_SECOND


def buy(**fields: Any) -> NewOrder:
    """A limit buy of BTC-USD far below the market, unless something else is said."""
    given: dict[str, Any] = {
        "symbol": "BTC-USD",
        "side": Side.BUY,
        "ord_type": OrdType.LIMIT,
        "order_qty": "0.5",
        "price": "63000",
        "cl_ord_id": "815000000000000001",
        "ref": "10",
    }
    return NewOrder(**(given | fields))


def market_order(**fields: Any) -> NewOrder:
    nothing: dict[str, Any] = {"order_qty": None, "price": None}
    return buy(ord_type=OrdType.MARKET, **(nothing | fields))


@pytest.fixture
def world() -> World:
    world = World()
    world.quote(Side.BUY, "2", "63990")
    world.quote(Side.SELL, "0.25", "64010")
    world.quote(Side.SELL, "1", "64020")
    world.exchange.drain()
    return world


@pytest.fixture
def client(world: World) -> ClientLine:
    """`user_ws`, told of its orders."""
    _, user = logged_on(world)
    user.ask(Subscribe(channel=Channel.ORDERS, ref="2"))
    user.events.clear()
    return user


def told(client: ClientLine) -> list[ExecutionReport]:
    """What the user channel has said since."""
    client.world.publish()
    reports = [event for event in client.events if isinstance(event, ExecutionReport)]
    client.events.clear()
    return reports


# --------------------------------------------------------------------------- commands arrive as they were given


@pytest.mark.parametrize(
    "command",
    [
        buy(),
        buy(side=Side.SELL, price="70000.01"),
        buy(time_in_force=TimeInForce.GOOD_TILL_CANCEL, post_only=True),
        buy(time_in_force=TimeInForce.GOOD_TILL_DATE, expire_time=END),
        buy(time_in_force=TimeInForce.GOOD_TILL_DATE, expire_time=END, post_only=True),
        buy(time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL, order_qty="0.00000001"),
        buy(time_in_force=TimeInForce.FILL_OR_KILL),
        buy(ord_type=OrdType.STOP_LIMIT, stop_px="65000", price="65100.5"),
        buy(ord_type=OrdType.STOP_LIMIT, side=Side.SELL, stop_px="63000", price="62000"),
        buy(
            ord_type=OrdType.STOP_LIMIT,
            stop_px="65000",
            price="65100",
            time_in_force=TimeInForce.GOOD_TILL_DATE,
            expire_time=END,
        ),
        market_order(order_qty="0.125"),
        market_order(cash_order_qty="100.01"),
    ],
)
def test_a_new_order_reaches_the_exchange_as_it_was_given(world: World, client: ClientLine, command: NewOrder) -> None:
    (report,) = client.ask(command)
    assert isinstance(report, ExecutionReport)
    assert (report.exec_type, report.ord_status, report.ref) == (ExecType.PENDING_NEW, OrdStatus.PENDING_NEW, "10")
    made = world.exchange.port(world.stage.account).order(order_id=report.order_id)
    assert made is not None
    default = TimeInForce.IMMEDIATE_OR_CANCEL if command.ord_type is OrdType.MARKET else TimeInForce.GOOD_TILL_CANCEL
    assert (made.symbol, made.side, made.ord_type, made.cl_ord_id) == (
        *(command.symbol, command.side, command.ord_type, command.cl_ord_id),
    )
    assert (made.price, made.stop_px, made.cash_order_qty) == (command.price, command.stop_px, command.cash_order_qty)
    assert made.time_in_force is (command.time_in_force or default)
    assert (made.post_only, made.expire_time) == (command.post_only, command.expire_time)
    if command.order_qty is not None:
        assert made.order_qty == command.order_qty


@pytest.mark.parametrize(
    "command",
    [
        buy(ord_type=OrdType.STOP, price=None, stop_px="65000"),
        buy(time_in_force=TimeInForce.DAY),
        buy(price=None),
        buy(stop_px="1"),
        buy(order_qty=None),
        buy(cash_order_qty="100"),
        buy(order_qty=None, cash_order_qty="100", ord_type=OrdType.STOP_LIMIT, stop_px="65000"),
        buy(expire_time=END),
        buy(time_in_force=TimeInForce.GOOD_TILL_DATE),
        buy(time_in_force=TimeInForce.FILL_OR_KILL, post_only=True),
        buy(cancel_on_disconnect=True),
        market_order(order_qty="1", price="5"),
        market_order(order_qty="1", time_in_force=TimeInForce.FILL_OR_KILL),
        MassCancel(ref="10"),
        CancelOrder(symbol="BTC-USD", side=Side.BUY, ord_type=OrdType.LIMIT, order_id="", orig_cl_ord_id="1", ref="10"),
        ReplaceOrder(
            symbol="BTC-USD",
            side=Side.BUY,
            ord_type=OrdType.LIMIT,
            order_id="1",
            orig_cl_ord_id="1",
            cl_ord_id="2",
            price="5",
            ref="10",
        ),
    ],
)
def test_what_the_venue_has_no_form_for_is_refused_before_anything_is_sent(world: World, command: Any) -> None:
    with pytest.raises(LocalProtocolError):
        ClientLine(world, "user_ws").initiator.send(command, world.now)


# --------------------------------------------------------------------------- what we are told


def test_an_order_is_told_from_pending_to_filled(client: ClientLine) -> None:
    (taken,) = client.ask(buy(order_qty="1.25", price="64020"))
    assert isinstance(taken, ExecutionReport)
    reports = told(client)
    assert [(r.exec_type, r.ord_status, r.cum_qty, r.leaves_qty) for r in reports] == [
        (ExecType.PENDING_NEW, OrdStatus.PENDING_NEW, Decimal(0), Decimal("1.25")),
        (ExecType.NEW, OrdStatus.NEW, Decimal(0), Decimal("1.25")),
        (ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, Decimal("0.25"), Decimal(1)),
        (ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, Decimal("1.25"), Decimal(0)),
        (ExecType.TRADE, OrdStatus.FILLED, Decimal("1.25"), Decimal(0)),
    ]
    last = reports[-1]
    assert (last.avg_px, last.order_id, last.cl_ord_id) == (*(Decimal(64018), taken.order_id, "815000000000000001"),)
    assert (last.last_qty, last.last_px, last.exec_id, last.ref) == (None, None, "", None)


def test_reports_carry_the_orders_terms(client: ClientLine) -> None:
    client.ask(buy(time_in_force=TimeInForce.GOOD_TILL_DATE, expire_time=END, post_only=True))
    report = told(client)[-1]
    assert (report.symbol, report.side, report.ord_type) == ("BTC-USD", Side.BUY, OrdType.LIMIT)
    assert (report.price, report.order_qty, report.time_in_force) == (
        *(Decimal(63000), Decimal("0.5"), TimeInForce.GOOD_TILL_DATE),
    )
    assert (report.expire_time, report.post_only, report.account) == (END, True, client.world.stage.account)


def test_a_cancel_is_first_taken_and_then_done(client: ClientLine) -> None:
    (taken,) = client.ask(buy())
    assert isinstance(taken, ExecutionReport)
    told(client)
    (accepted,) = client.ask(cancel(taken.order_id))
    assert isinstance(accepted, ExecutionReport)
    assert (accepted.exec_type, accepted.ord_status, accepted.ref) == (ExecType.ORDER_STATUS, None, "11")
    (done,) = told(client)
    assert (done.exec_type, done.ord_status, done.leaves_qty) == (ExecType.CANCELED, OrdStatus.CANCELED, Decimal(0))


def cancel(order_id: str) -> CancelOrder:
    return CancelOrder(
        symbol="BTC-USD",
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_id=order_id,
        orig_cl_ord_id="815000000000000001",
        cl_ord_id="815000000000000002",
        ref="11",
    )


def replace(order_id: str, qty: str, price: str) -> ReplaceOrder:
    return ReplaceOrder(
        symbol="BTC-USD",
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_id=order_id,
        orig_cl_ord_id="815000000000000001",
        cl_ord_id="815000000000000003",
        order_qty=qty,
        price=price,
        ref="12",
    )


def test_a_replacement_keeps_both_ids(client: ClientLine) -> None:
    (taken,) = client.ask(buy())
    assert isinstance(taken, ExecutionReport)
    told(client)
    (replaced,) = client.ask(replace(taken.order_id, "0.75", "63001"))
    assert isinstance(replaced, ExecutionReport)
    assert (replaced.exec_type, replaced.order_id, replaced.cl_ord_id, replaced.ref) == (
        *(ExecType.REPLACED, taken.order_id, "815000000000000001", "12"),
    )
    assert (replaced.order_qty, replaced.price) == (Decimal("0.75"), Decimal(63001))
    (again,) = told(client)
    assert (again.ord_status, again.order_qty, again.price) == (OrdStatus.NEW, Decimal("0.75"), Decimal(63001))


def test_a_cancel_or_replacement_that_cannot_be_is_a_cancel_reject(client: ClientLine) -> None:
    (rejected,) = client.ask(cancel("none"))
    assert isinstance(rejected, CancelReject)
    assert (rejected.code, rejected.reason, rejected.is_replace, rejected.ref) == (
        *("UNKNOWN_CANCEL_ORDER", OrdRejReason.UNKNOWN_ORDER, False, "11"),
    )
    (rejected,) = client.ask(replace("none", "1", "1"))
    assert isinstance(rejected, CancelReject)
    assert (rejected.code, rejected.reason, rejected.is_replace, rejected.symbol) == (
        *("ORDER_NOT_FOUND", OrdRejReason.UNKNOWN_ORDER, True, "BTC-USD"),
    )


@pytest.mark.parametrize(
    ("command", "reason", "code"),
    [
        (buy(order_qty="3000"), OrdRejReason.ORDER_EXCEEDS_LIMIT, "INSUFFICIENT_FUND"),
        (buy(order_qty="0"), OrdRejReason.INCORRECT_QUANTITY, "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
        (buy(order_qty="0.000000001"), OrdRejReason.INCORRECT_QUANTITY, "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL"),
        (buy(order_qty="1.000000001"), OrdRejReason.INCORRECT_QUANTITY, "INVALID_SIZE_PRECISION"),
        (buy(price="63000.001"), OrdRejReason.INVALID_PRICE_INCREMENT, "INVALID_PRICE_PRECISION"),
        (buy(price="64010", post_only=True), OrdRejReason.POST_ONLY_WOULD_CROSS, "INVALID_LIMIT_PRICE_POST_ONLY"),
        (buy(symbol="NO-SUCH"), OrdRejReason.UNKNOWN_SYMBOL, "INVALID_PRODUCT_ID"),
        (
            buy(time_in_force=TimeInForce.GOOD_TILL_DATE, expire_time=NANOS_PER_SECOND),
            *(OrdRejReason.INVALID_EXPIRE_TIME, "END_TIME_IS_IN_THE_PAST"),
        ),
    ],
)
def test_a_refused_order_is_a_report_with_its_reason(
    client: ClientLine, command: NewOrder, reason: OrdRejReason, code: str
) -> None:
    (report,) = client.ask(command)
    assert isinstance(report, ExecutionReport)
    assert (report.exec_type, report.ord_status, report.ord_rej_reason) == (
        *(ExecType.REJECTED, OrdStatus.REJECTED, reason),
    )
    assert (report.code, report.cl_ord_id, report.symbol, report.ref) == (code, command.cl_ord_id, command.symbol, "10")
    assert report.text
    assert told(client) == []


def test_the_same_order_sent_again_is_the_same_order(client: ClientLine) -> None:
    (first,) = client.ask(buy())
    (second,) = client.ask(buy(ref="20"))
    assert isinstance(first, ExecutionReport)
    assert isinstance(second, ExecutionReport)
    assert (second.order_id, second.ref) == (first.order_id, "20")
    (third,) = client.ask(buy(order_qty="0.6", ref="21"))
    assert isinstance(third, ExecutionReport)
    assert third.ord_rej_reason is OrdRejReason.DUPLICATE_ORDER


def test_a_stop_is_told_when_it_is_triggered(world: World, client: ClientLine) -> None:
    client.ask(buy(ord_type=OrdType.STOP_LIMIT, stop_px="64010", price="64015", order_qty="0.1"))
    assert told(client)[-1].ord_status is OrdStatus.NEW
    world.hit(Side.BUY, "0.25", "64010")
    triggered = told(client)[0]
    assert (triggered.exec_type, triggered.ord_type, triggered.stop_px) == (
        *(ExecType.TRIGGERED, OrdType.STOP_LIMIT, Decimal(64010)),
    )


def test_a_market_order_for_money_leaves_its_quantities_open_until_it_is_done(client: ClientLine) -> None:
    client.ask(market_order(cash_order_qty="16002.5"))
    reports = told(client)
    assert all(r.order_qty is None and r.leaves_qty is None for r in reports[:-1])
    assert (reports[-1].ord_status, reports[-1].cum_qty, reports[-1].leaves_qty) == (
        *(OrdStatus.FILLED, Decimal("0.25"), Decimal(0)),
    )


# --------------------------------------------------------------------------- an outcome, or none


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, b""),
        Answer(502, b"<html>"),
        Answer(504, b'{"error":"unknown"}'),
        Answer(408, b""),
        Answer(302, b""),
        Answer(200, b""),
        Answer(200, b"{"),
        Answer(200, b"{}"),
        Answer(200, b'{"success":true}'),
        Answer(200, b'{"success":true,"success_response":{"order_id":""}}'),
        Answer(200, b'{"success":"yes"}'),
    ],
)
def test_an_answer_that_does_not_say_what_became_of_an_order_is_no_refusal(world: World, answer: Answer) -> None:
    initiator = ClientLine(world, "user_ws").initiator
    (fetch,) = initiator.send(buy(), world.now)
    assert isinstance(fetch, Fetch)
    with pytest.raises(RemoteProtocolError):
        initiator.answered(fetch, answer, world.now)
    (report,) = initiator.answered(
        fetch, Answer(200, b'{"success":true,"success_response":{"order_id":"x"}}'), world.now
    )
    assert isinstance(report, ExecutionReport)
    assert report.order_id == "x"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
def test_a_status_that_says_no_is_a_refusal_of_each_command(world: World, status: int) -> None:
    initiator = ClientLine(world, "user_ws").initiator
    for command in (buy(), cancel("x"), replace("x", "1", "1")):
        (fetch,) = initiator.send(command, world.now)
        assert isinstance(fetch, Fetch)
        (event,) = initiator.answered(fetch, Answer(status, b"No"), world.now)
        assert isinstance(event, (ExecutionReport, CancelReject))
        assert (event.code, event.text, event.ref) == (str(status), "No", command.ref)


def test_a_cancel_whose_answer_tells_of_another_order_is_no_outcome(world: World) -> None:
    initiator = ClientLine(world, "user_ws").initiator
    (fetch,) = initiator.send(cancel("x"), world.now)
    assert isinstance(fetch, Fetch)
    for body in (b'{"results":[]}', b'{"results":[{"success":true,"order_id":"y"}]}'):
        with pytest.raises(RemoteProtocolError):
            initiator.answered(fetch, Answer(200, body), world.now)


# --------------------------------------------------------------------------- lists


def test_all_working_orders_are_listed_over_as_many_pages_as_there_are(world: World, client: ClientLine) -> None:
    account = world.exchange.port(world.stage.account)
    for n in range(260):
        account.execute(buy(price=str(40000 + n), order_qty="0.001", cl_ord_id=str(n)), world.now)
    (status,) = client.ask(OrderMassStatusRequest(ref="30"))
    assert isinstance(status, MassStatus)
    assert [report.cl_ord_id for report in status.reports] == [str(n) for n in range(260)]
    first = status.reports[0]
    assert (first.exec_type, first.ord_status, first.order_qty, first.leaves_qty, first.historical) == (
        *(ExecType.ORDER_STATUS, OrdStatus.NEW, Decimal("0.001"), Decimal("0.001"), True),
    )
    assert status.ref == "30"


def statuses(client: ClientLine) -> dict[str, OrdStatus | None]:
    """Where the venue says our orders stand, by our id."""
    (status,) = client.ask(OrderMassStatusRequest(ref="30"))
    assert isinstance(status, MassStatus)
    return {report.cl_ord_id: report.ord_status for report in status.reports}


def test_orders_that_ended_while_the_line_was_down_are_asked_for_once(world: World, client: ClientLine) -> None:
    """No channel tells of them, and they are not among the open ones."""
    ids: list[str] = []
    for cl_ord_id in ("1", "2", "3"):
        (taken,) = client.ask(buy(cl_ord_id=cl_ord_id, price="64000", order_qty="0.1"))
        assert isinstance(taken, ExecutionReport)
        ids.append(taken.order_id)
    world.publish()
    client.acceptor.closed(world.now)
    client.initiator.handshake(world.now)
    world.hit(Side.SELL, "0.1", "64000")
    world.call("POST", "/orders/batch_cancel", {"order_ids": [ids[1]]})
    world.publish()
    assert statuses(client) == {"1": OrdStatus.FILLED, "2": OrdStatus.CANCELED, "3": OrdStatus.NEW}
    assert statuses(client) == {"3": OrdStatus.NEW}


def test_an_order_that_was_told_to_be_done_is_not_asked_for_again(client: ClientLine) -> None:
    client.ask(buy(price="64010", order_qty="0.25"))
    told(client)
    assert statuses(client) == {}


def test_a_new_order_without_an_answer_is_looked_for_among_the_newest(world: World, client: ClientLine) -> None:
    """It may have been made, and be done, before anybody could be told."""
    for cl_ord_id, arrives in (("1", True), ("2", False)):
        command = buy(cl_ord_id=cl_ord_id, ref=cl_ord_id, order_qty="0.25", price="64010")
        (fetch,) = client.initiator.send(command, world.now)
        assert isinstance(fetch, Fetch)
        if arrives:
            assert world.fetch(fetch).status == 200
    world.exchange.drain()  # the line was cut: `user` told nobody
    assert statuses(client) == {"1": OrdStatus.FILLED}
    assert statuses(client) == {}


def test_a_snapshot_states_and_reports_nothing_as_new(world: World) -> None:
    account = world.exchange.port(world.stage.account)
    account.execute(buy(order_qty="1", price="64010"), world.now)
    _, user = logged_on(world)
    user.ask(Subscribe(channel=Channel.ORDERS, ref="2"))
    (report,) = [event for event in user.events if isinstance(event, ExecutionReport)]
    assert (report.exec_type, report.ord_status, report.historical) == (
        *(ExecType.ORDER_STATUS, OrdStatus.PARTIALLY_FILLED, True),
    )
    assert (report.cum_qty, report.leaves_qty, report.avg_px) == (Decimal("0.25"), Decimal("0.75"), Decimal(64010))


def test_wallets_are_balances_and_spot_has_no_positions(world: World, client: ClientLine) -> None:
    client.ask(buy(order_qty="1", price="60000"))
    (holdings,) = client.ask(RequestForPositions(ref="31"))
    assert isinstance(holdings, Holdings)
    assert holdings.positions == ()
    balances = {balance.currency: (balance.total, balance.available) for balance in holdings.balances}
    assert balances["USD"] == (Decimal(10_000_000), Decimal(9_940_000))
    assert set(balances) == {"USD", "USDC", "BTC", "ETH", "SOL"}


# --------------------------------------------------------------------------- states as the venue may send them


def user_order(**fields: Any) -> stream.UserOrder:
    base: dict[str, Any] = {"order_id": "o", "client_order_id": "c", "product_id": "BTC-USD", "status": "OPEN"}
    numbers = {"cumulative_quantity": "0", "leaves_quantity": "5", "avg_price": "0", "order_type": "Limit"}
    return stream.UserOrder(**(base | numbers | fields))


@pytest.mark.parametrize(
    ("fields", "exec_type", "status"),
    [
        ({"status": "PENDING"}, ExecType.PENDING_NEW, OrdStatus.PENDING_NEW),
        ({"status": "QUEUED"}, ExecType.PENDING_NEW, OrdStatus.PENDING_NEW),
        ({}, ExecType.NEW, OrdStatus.NEW),
        ({"cumulative_quantity": "2", "avg_price": "3"}, ExecType.TRADE, OrdStatus.PARTIALLY_FILLED),
        ({"status": "CANCEL_QUEUED"}, ExecType.ORDER_STATUS, OrdStatus.NEW),
        ({"status": "CANCEL_QUEUED", "cumulative_quantity": "1"}, ExecType.TRADE, OrdStatus.PARTIALLY_FILLED),
        ({"status": "FILLED", "cumulative_quantity": "5"}, ExecType.TRADE, OrdStatus.FILLED),
        ({"status": "CANCELLED", "cumulative_quantity": "1"}, ExecType.CANCELED, OrdStatus.CANCELED),
        ({"status": "EXPIRED"}, ExecType.EXPIRED, OrdStatus.EXPIRED),
        ({"status": "FAILED", "reject_reason": "no"}, ExecType.REJECTED, OrdStatus.REJECTED),
        ({"status": "FAILED", "cumulative_quantity": "1"}, ExecType.CANCELED, OrdStatus.CANCELED),
        ({"status": "OPEN", "trigger_status": "STOP_TRIGGERED"}, ExecType.TRIGGERED, OrdStatus.NEW),
        ({"status": "UNKNOWN_ORDER_STATUS"}, ExecType.ORDER_STATUS, None),
        ({"status": "SOMETHING_NEW"}, ExecType.ORDER_STATUS, None),
    ],
)
def test_each_status_has_its_meaning(fields: dict[str, Any], exec_type: ExecType, status: OrdStatus | None) -> None:
    report = orders.report_of_user(user_order(**fields), 1, 2, snapshot=False)
    assert (report.exec_type, report.ord_status) == (exec_type, status)
    assert orders.report_of_user(user_order(**fields), 1, 2, snapshot=True).exec_type is ExecType.ORDER_STATUS


@pytest.mark.parametrize(
    ("word", "ord_type"),
    [
        *((word, OrdType.LIMIT) for word in ("Limit", "LIMIT", "LIMIT_ORDER_TYPE")),
        *((word, OrdType.STOP_LIMIT) for word in ("Stop Limit", "STOP_LIMIT", "StopLimit")),
        *((word, OrdType.MARKET) for word in ("Market", "MARKET")),
        ("TWAP", OrdType.LIMIT),
        ("", None),
    ],
)
def test_kinds_of_order_are_read_whatever_their_spelling(word: str, ord_type: OrdType | None) -> None:
    assert orders.ord_type_of(word) is ord_type


def test_a_frame_with_the_few_fields_of_old_says_only_what_it_says() -> None:
    report = orders.report_of_user(stream.UserOrder(order_id="o", status="OPEN"), 1, 2, snapshot=False)
    assert (report.symbol, report.cum_qty, report.order_qty, report.price, report.side) == ("", None, None, None, None)


def test_order_requests_have_the_sdks_form(world: World) -> None:
    """Key order and texts as the official SDK sends them."""
    (fetch,) = ClientLine(world, "user_ws").initiator.send(buy(order_qty="0.01", price="100"), world.now)
    assert isinstance(fetch, Fetch)
    assert fetch.body == (
        b'{"client_order_id":"815000000000000001","product_id":"BTC-USD","side":"BUY","order_configuration":'
        b'{"limit_limit_gtc":{"base_size":"0.01","limit_price":"100","post_only":false}}}'
    )
    assert (fetch.method, fetch.path, fetch.endpoint) == ("POST", "/api/v3/brokerage/orders", "http")
    assert fetch.headers["authorization"].startswith("Bearer ")
    assert json.loads(fetch.body)
