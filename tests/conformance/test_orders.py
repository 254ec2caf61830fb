"""Orders there and back: what we ask arrives, what happens there is what we are told."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conformance.pair import Pair
from tests.watching import commands_at

from venuewire.model.instrument import Instrument
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import MassStatus, OrderMassStatusRequest, Subscribe
from venuewire.model.terms import Channel, ExecType, OrdStatus, OrdType, Side, TimeInForce
from venuewire.orders import Order

LIKE = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
EVERY = 1_000_000


def started(make: Callable[[], Pair]) -> Pair:
    pair = make()
    if Channel.ORDERS in pair.venue.capabilities.channels:
        pair.submit(Subscribe(channel=Channel.ORDERS))
    return pair


def reference(pair: Pair, instrument: Instrument) -> Decimal:
    return Decimal(pair.stage.reference_prices[instrument.symbol])


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Any]:
    """An order in terms of any instrument: ticks from the reference price, steps above the smallest size."""
    return {
        "side": draw(st.sampled_from(Side)),
        "ticks": draw(st.integers(-400, 400)),
        "steps": draw(st.integers(0, 500)),
        "kind": draw(st.integers(0, EVERY)),
        "tif": draw(st.integers(0, EVERY)),
        "post_only": draw(st.booleans()),
    }


ELSEWHERE = {"alor": frozenset({TimeInForce.GOOD_TILL_CANCEL})}
"""What a venue takes for other instruments than its default one: of ALOR's, derivatives only."""


def concrete(pair: Pair, draw: dict[str, Any], number: int) -> NewOrder:
    """The drawn order as this venue can take it."""
    can = pair.venue.capabilities
    instrument = pair.seat.instruments[pair.venue.default_symbol]
    kinds = sorted(can.ord_types & {OrdType.LIMIT, OrdType.MARKET})
    kind = kinds[draw["kind"] % len(kinds)]
    lives = sorted(
        (can.times_in_force - ELSEWHERE.get(pair.venue.name, frozenset()))
        & {TimeInForce.GOOD_TILL_CANCEL, TimeInForce.DAY, TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL}
    )
    life = lives[draw["tif"] % len(lives)]
    rests = life in {TimeInForce.GOOD_TILL_CANCEL, TimeInForce.DAY}
    price = reference(pair, instrument) + draw["ticks"] * instrument.min_price_increment
    return NewOrder(
        symbol=instrument.symbol,
        side=draw["side"],
        ord_type=kind,
        order_qty=instrument.min_trade_vol + draw["steps"] * instrument.min_qty_increment,
        price=price if kind is OrdType.LIMIT else None,
        time_in_force=life if kind is OrdType.LIMIT else None,
        post_only=draw["post_only"] and kind is OrdType.LIMIT and rests and can.post_only,
        cl_ord_id=str(10_000 + number),
    )


@LIKE
@given(draws=st.lists(orders(), min_size=1, max_size=4))
def test_any_order_arrives_as_it_was_asked(make: Callable[[], Pair], draws: list[dict[str, Any]]) -> None:
    pair = started(make)
    for number, draw in enumerate(draws):
        order = concrete(pair, draw, number)
        pair.blotter.place(order, pair.now)
        with commands_at(pair.port) as seen:
            ref = pair.submit(order)
        if not seen:  # a venue may itself refuse a market order where there is nothing to trade with
            assert order.ord_type is OrdType.MARKET
            assert [getattr(answer, "ord_status", None) for answer in pair.answers(ref)] == [OrdStatus.REJECTED]
            continue
        arrived = seen[-1]
        assert (arrived.symbol, arrived.side, arrived.ord_type) == (order.symbol, order.side, order.ord_type)
        assert (arrived.order_qty, arrived.price, arrived.post_only) == (order.order_qty, order.price, order.post_only)
        assert arrived.cl_ord_id == order.cl_ord_id
        if order.time_in_force is not None and order.ord_type is OrdType.LIMIT:
            assert arrived.time_in_force in {order.time_in_force, None}
        answers = pair.answers(ref)
        assert any(isinstance(answer, ExecutionReport) for answer in answers), pair.told


@LIKE
@given(draws=st.lists(orders(), min_size=1, max_size=12))
def test_the_blotter_equals_the_exchange(make: Callable[[], Pair], draws: list[dict[str, Any]]) -> None:
    pair = started(make)
    for number, draw in enumerate(draws):
        order = concrete(pair, draw, number)
        pair.blotter.place(order, pair.now)
        pair.submit(order)
    pair.step(2)
    equal(pair)


def equal(pair: Pair) -> None:
    """Every order of ours stands on our side where it stands at the exchange."""
    for order in pair.blotter:
        theirs = pair.port.order(cl_ord_id=order.cl_ord_id)
        if theirs is None:
            assert order.status is OrdStatus.REJECTED, order
            continue
        assert order.status in same(theirs), (order, theirs)
        assert order.cum_qty == theirs.cum_qty, (order, theirs)
        assert sum((fill.qty for fill in order.fills), Decimal(0)) == order.cum_qty


def same(theirs: ExecutionReport) -> set[OrdStatus | None]:
    """A venue may call an order that could not trade at all refused, where the exchange calls it cancelled."""
    alike = {theirs.ord_status}
    if theirs.ord_status is OrdStatus.CANCELED and not theirs.cum_qty:
        alike |= {OrdStatus.REJECTED, OrdStatus.EXPIRED}
    return alike


def status_of(order: Order) -> OrdStatus:
    """Read anew: an order changes under us."""
    return order.status


def resting(pair: Pair, number: int = 0) -> NewOrder:
    """A buy far below the market: it rests."""
    instrument = pair.seat.instruments[pair.venue.default_symbol]
    tick = instrument.min_price_increment
    price = (reference(pair, instrument) * Decimal("0.97") // tick) * tick
    return NewOrder(
        symbol=instrument.symbol,
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_qty=instrument.min_trade_vol + 4 * instrument.min_qty_increment,
        price=price,
        cl_ord_id=str(20_000 + number),
    )


def test_a_resting_order_is_replaced_and_cancelled(make: Callable[[], Pair]) -> None:
    pair = started(make)
    new = resting(pair)
    order = pair.blotter.place(new, pair.now)
    pair.submit(new)
    pair.step(1)
    assert order.status is OrdStatus.NEW
    assert order.order_id
    assert order.price is not None
    price = order.price - pair.seat.instruments[order.symbol].min_price_increment
    replace = ReplaceOrder(
        symbol=order.symbol,
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_id=order.order_id,
        orig_cl_ord_id=order.cl_ord_id,
        cl_ord_id="30000",
        order_qty=new.order_qty,
        price=price,
    )
    answers = pair.answers(pair.submit(replace))
    pair.step(1)
    assert any(isinstance(answer, ExecutionReport) for answer in answers), answers
    assert order.is_open
    assert order.price == price
    standing = pair.port.order(order_id=order.order_id)
    assert standing is not None
    assert standing.price == price
    assert standing.ord_status is OrdStatus.NEW
    cancel = CancelOrder(
        symbol=order.symbol,
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_id=order.order_id,
        orig_cl_ord_id=order.cl_ord_id,
    )
    answers = pair.answers(pair.submit(cancel))
    pair.step(1)
    assert any(isinstance(answer, ExecutionReport) for answer in answers), answers
    assert status_of(order) is OrdStatus.CANCELED
    assert pair.port.orders() == []


def test_a_cancel_of_nothing_is_refused_and_told(make: Callable[[], Pair]) -> None:
    pair = started(make)
    cancel = CancelOrder(
        symbol=pair.venue.default_symbol,
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_id="987654321",
        orig_cl_ord_id="1",
    )
    answers = pair.answers(pair.submit(cancel))
    pair.step(1)
    assert [type(answer) for answer in answers] == [CancelReject], answers


def test_orders_are_listed_by_the_venue(make: Callable[[], Pair]) -> None:
    pair = started(make)
    for number in range(3):
        pair.submit(resting(pair, number))
    pair.step(1)
    ref = pair.submit(OrderMassStatusRequest())
    lists = [answer for answer in pair.answers(ref) if isinstance(answer, MassStatus)]
    assert len(lists) == 1
    assert len(lists[0].reports) == 3
    assert {report.order_id for report in lists[0].reports} == {report.order_id for report in pair.port.orders()}
    for report in lists[0].reports:
        theirs = pair.port.order(order_id=report.order_id)
        assert theirs is not None
        assert (report.price, report.order_qty, report.side) == (theirs.price, theirs.order_qty, theirs.side)


def test_an_order_while_the_line_is_cut_is_unknown_not_refused(make: Callable[[], Pair]) -> None:
    pair = started(make)
    new = resting(pair)
    order = pair.blotter.place(new, pair.now)
    line = pair.venue.route(new)
    wire = pair.wires[line]
    wire.session.submit(new, pair.now)
    wire.session.effects()  # the bytes have left; nobody knows how far they came
    pair.cut(line)
    if order.status is OrdStatus.PENDING_NEW:  # an HTTP request is not cut with the line: it has its own deadline
        pair.now += 2 * pair.venue.limits.answer
        pair.take(wire, wire.session.tick(pair.now))
    assert order.status is OrdStatus.OUTCOME_UNKNOWN


def test_fills_are_reported_with_price_and_size(make: Callable[[], Pair]) -> None:
    pair = started(make)
    instrument = pair.seat.instruments[pair.venue.default_symbol]
    other = pair.exchange.open_account("other", pair.stage.balances)
    price = reference(pair, instrument)
    size = instrument.min_trade_vol + 2 * instrument.min_qty_increment
    other.execute(
        NewOrder(symbol=instrument.symbol, side=Side.BUY, ord_type=OrdType.LIMIT, order_qty=size * 3, price=price),
        pair.now,
    )
    pair.publish()
    new = NewOrder(
        symbol=instrument.symbol,
        side=Side.SELL,
        ord_type=OrdType.LIMIT,
        order_qty=size,
        price=price,
        time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
        cl_ord_id="40000",
    )
    order = pair.blotter.place(new, pair.now)
    pair.submit(new)
    pair.step(2)
    assert order.status is OrdStatus.FILLED, order
    assert order.cum_qty == size
    assert order.avg_px == price
    assert [(fill.qty, fill.px) for fill in order.fills] == [(size, price)]
    assert any(isinstance(event, ExecutionReport) and event.exec_type is ExecType.TRADE for event in pair.told)
