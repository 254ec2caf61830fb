"""Orders as the command line has them, and orders that do what the demo wants of them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venuewire.cli import order as orders
from venuewire.cli.order import Terms
from venuewire.cli.outcome import UsageError
from venuewire.cli.trial import resting, smallest, taking
from venuewire.model.instrument import Instrument
from venuewire.model.market import Level
from venuewire.model.orders import NewOrder
from venuewire.model.terms import OrdType, Side, TimeInForce
from venuewire.venue import Capabilities


def test_a_price_makes_it_a_limit_order_and_none_a_market_order() -> None:
    limit = orders.new_order("X", Terms(side="buy", qty="0.10", price="64000.5", tif="gtc", post_only=True))
    assert limit == NewOrder(
        symbol="X",
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_qty=Decimal("0.10"),
        price=Decimal("64000.5"),
        time_in_force=TimeInForce.GOOD_TILL_CANCEL,
        post_only=True,
    )
    market = orders.new_order("X", Terms(side="sell", qty="5"))
    assert (market.ord_type, market.price, market.time_in_force) == (OrdType.MARKET, None, None)


def test_the_end_of_an_order_is_a_time_with_its_offset() -> None:
    made = orders.new_order("X", Terms(side="buy", qty="1", price="2", tif="gtd", expires="2027-01-31T18:00:00Z"))
    assert made.expire_time == 1_801_418_400 * 10**9


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"qty": "ten"}, "QTY"),
        ({"qty": "nan"}, "QTY"),
        ({"qty": "1e999"}, "QTY"),
        ({"price": "1,5"}, "--price"),
        ({"price": "Infinity"}, "--price"),
        ({"stop_px": ""}, "--stop-px"),
        ({"expires": "tomorrow"}, "--expires"),
        ({"expires": "2027-01-31T18:00:00"}, "offset"),
    ],
)
def test_what_is_no_number_or_time_is_told(wrong: dict[str, str], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        orders.new_order("X", Terms(**{"side": "buy", "qty": "1", **wrong}))  # type: ignore[arg-type]


def test_an_order_in_words_holds_all_that_matters() -> None:
    made = orders.new_order(
        "X", Terms(side="sell", qty="1.50", price="2", stop_px="3", ord_type="stop-limit", tif="day")
    )
    assert orders.sentence(made) == "SELL 1.50 X STOP_LIMIT at 2 triggered at 3 DAY"


def test_a_listing_shows_numbers_whole_and_what_is_missing_as_such() -> None:
    row = dict.fromkeys(("order_id", "symbol", "side", "ord_type", "price", "avg_px"), None) | {
        "cl_ord_id": "7", "order_qty": "1000000.00", "cum_qty": "0", "status": "NEW",
    }  # fmt: skip
    head, line = orders.listing([row])
    assert head.split()[-1] == "status"
    assert line.split() == ["–", "7", "–", "–", "–", "1,000,000", "–", "0", "–", "NEW"]


# --------------------------------------------------------------------------- the demo's orders

STEPS = st.sampled_from([Decimal(10) ** power for power in range(-8, 4)] + [Decimal("0.25"), Decimal(5), Decimal(20)])


@st.composite
def markets(draw: st.DrawFn) -> tuple[Instrument, Level]:
    """Any instrument, and a price on its tick that leaves room for an order below."""
    step, tick = draw(STEPS), draw(STEPS)
    instrument = Instrument(
        symbol="X",
        security_id="X",
        base="X",
        currency="Y",
        min_price_increment=tick,
        min_qty_increment=step,
        min_trade_vol=step * draw(st.integers(1, 1000)),
    )
    return instrument, Level(tick * draw(st.integers(100, 10**9)), step)


def capabilities(*kinds: OrdType) -> Capabilities:
    return Capabilities(channels=frozenset(), ord_types=frozenset(kinds), times_in_force=frozenset())


@given(markets())
def test_the_demos_orders_are_ones_every_venue_takes(market: tuple[Instrument, Level]) -> None:
    instrument, best = market
    quantity = smallest(instrument, best.price)
    assert quantity % instrument.min_qty_increment == 0
    assert quantity >= instrument.min_trade_vol
    assert quantity * best.price >= 100
    below, above = resting(instrument, best), taking(instrument, capabilities(OrdType.LIMIT), best)
    assert isinstance(below.price, Decimal)
    assert isinstance(above.price, Decimal)
    assert 0 < below.price < best.price <= above.price
    assert below.price % instrument.min_price_increment == above.price % instrument.min_price_increment == 0


def test_a_market_order_is_taken_where_there_is_one() -> None:
    instrument = Instrument(
        symbol="X", security_id="X", base="X", currency="Y", min_price_increment=Decimal("0.01"),
        min_qty_increment=Decimal(10), min_trade_vol=Decimal(10),
    )  # fmt: skip
    order = taking(instrument, capabilities(OrdType.MARKET, OrdType.LIMIT), Level(Decimal(300), Decimal(50)))
    assert (order.ord_type, order.order_qty, order.price) == (OrdType.MARKET, 10, None)
