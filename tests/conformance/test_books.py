"""The client's book equals the exchange's after any run of orders; and frames lost, repeated or swapped never make a
book that is called LIVE and lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conformance.pair import Pair

from venuewire.model.orders import NewOrder
from venuewire.model.session import Subscribe
from venuewire.model.terms import Channel, OrdType, Side, TimeInForce, Trust
from venuewire.sandbox.flow import Flow

LIKE = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
Levels = dict[Side, list[tuple[Decimal, Decimal]]]


def ours(pair: Pair, symbol: str) -> Levels:
    book = pair.keepers[symbol].book
    return {side: [(level.price, level.size) for level in book.levels(side, 10_000)] for side in Side}


def theirs(pair: Pair, symbol: str, like: Levels) -> Levels:
    """The exchange's book, to the depth the venue shows."""
    snapshot = pair.exchange.book(symbol)
    sides: Levels = {Side.BUY: [], Side.SELL: []}
    for change in snapshot.levels:
        sides[Side.BUY if change.action == 0 else Side.SELL].append((change.price, change.size))
    return {side: levels[: depth_shown(pair, len(like[side]))] for side, levels in sides.items()}


def depth_shown(pair: Pair, shown: int) -> int:
    """A venue that shows part of a book shows at least ten levels of it, if there are so many."""
    limit = pair.venue.capabilities.book_depth
    return shown if limit is not None or shown >= 10 else 10_000


def assert_equal(pair: Pair, symbol: str) -> None:
    assert pair.trust(symbol) is Trust.LIVE, pair.keepers[symbol].cause
    mine = ours(pair, symbol)
    assert mine == theirs(pair, symbol, mine)


@LIKE
@given(seed=st.integers(0, 10**6), steps=st.integers(1, 25))
def test_the_book_equals_the_exchanges_after_any_run_of_orders(make: Callable[[], Pair], seed: int, steps: int) -> None:
    pair = make()
    symbol = pair.venue.default_symbol
    flow = Flow(pair.exchange, pair.stage.reference_prices, seed)
    run(pair, flow, 3)
    pair.watch(symbol)
    run(pair, flow, steps)
    pair.step(2)
    assert_equal(pair, symbol)


def run(pair: Pair, flow: Flow, steps: int) -> None:
    for _ in range(steps):
        pair.step(0.1)
        flow.step(pair.now)
        pair.publish()
        pair.carry()


@LIKE
@given(seed=st.integers(0, 10**6), plan=st.lists(st.sampled_from("kkkkdrs"), min_size=8, max_size=40))
def test_frames_lost_repeated_or_swapped_never_lie(make: Callable[[], Pair], seed: int, plan: list[str]) -> None:
    pair = make()
    if not pair.venue.capabilities.sequence:
        # Without numbers a lost increment cannot be seen on the line; TCP keeps order, so only whole lines are lost.
        plan = ["k"]
    symbol = pair.venue.default_symbol
    flow = Flow(pair.exchange, pair.stage.reference_prices, seed)
    run(pair, flow, 3)
    keeper = pair.watch(symbol)
    states: list[Levels] = [truth(pair, symbol)]
    wire = pair.wires[pair.venue.route(Subscribe(channel=Channel.BOOK, symbol=symbol))]
    todo = iter(plan * 4)

    def spoil(payloads: list[bytes]) -> Sequence[bytes]:
        spoilt: list[bytes] = []
        for payload in payloads:
            match next(todo, "k"):
                case "d":
                    continue
                case "r":
                    spoilt += [payload, payload]
                case "s":
                    spoilt.insert(max(len(spoilt) - 1, 0), payload)
                case _:
                    spoilt.append(payload)
        return spoilt

    wire.spoil = spoil
    for _ in range(25):
        pair.step(0.1)
        flow.step(pair.now)
        pair.publish()
        states.append(truth(pair, symbol))
        pair.carry()
        if keeper.trust is Trust.LIVE:
            mine = ours(pair, symbol)
            assert not keeper.book.is_crossed
            assert any(matches(pair, mine, state) for state in states), "a state the exchange never had, called LIVE"
        elif keeper.wants_resync:
            pair.resync(symbol)
    wire.spoil = lambda payloads: payloads
    pair.step(2)
    if pair.wires[wire.name].session.state == "CLOSED":
        pair.log_on()
    if keeper.trust is not Trust.LIVE:
        pair.resync(symbol)
    pair.step(2)
    assert_equal(pair, symbol)


def truth(pair: Pair, symbol: str) -> Levels:
    sides: Levels = {Side.BUY: [], Side.SELL: []}
    for change in pair.exchange.book(symbol).levels:
        sides[Side.BUY if change.action == 0 else Side.SELL].append((change.price, change.size))
    return sides


def matches(pair: Pair, mine: Levels, state: Levels) -> bool:
    return all(mine[side] == state[side][: depth_shown(pair, len(mine[side]))] for side in Side)


def test_an_emptied_side_is_empty(make: Callable[[], Pair]) -> None:
    pair = make()
    symbol = pair.venue.default_symbol
    instrument = pair.seat.instruments[symbol]
    price = Decimal(pair.stage.reference_prices[symbol])
    other = pair.exchange.open_account("other", pair.stage.balances)
    pair.watch(symbol)
    rests = NewOrder(
        symbol=symbol, side=Side.BUY, ord_type=OrdType.LIMIT, order_qty=instrument.min_trade_vol, price=price
    )
    takes = NewOrder(
        symbol=symbol,
        side=Side.SELL,
        ord_type=OrdType.LIMIT,
        order_qty=instrument.min_trade_vol,
        price=price,
        time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL,
    )
    third = pair.exchange.open_account("third", pair.stage.balances)
    for order, port in ((rests, other), (takes, third)):
        port.execute(order, pair.now)
        pair.publish()
        pair.step(2)
        assert_equal(pair, symbol)
    assert len(pair.keepers[symbol].book) == 0
