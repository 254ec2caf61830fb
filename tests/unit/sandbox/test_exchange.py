"""The exchange, told as what a trader asks and is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.sandbox.conftest import COIN, PRICES, SHARE, T0, Floor, Trader

from venuewire.model.account import Balance, Position
from venuewire.model.instrument import Instrument
from venuewire.model.market import SET_ASK, SET_BID, BookUpdate, Quote, Trade
from venuewire.model.orders import CancelReject, ExecutionReport, MassCancel, NewOrder
from venuewire.model.terms import ExecType, LiquidityInd, OrdRejReason, OrdStatus, OrdType, Side, TimeInForce
from venuewire.sandbox.exchange import SandboxExchange
from venuewire.sandbox.listing import average, exact
from venuewire.sandbox.notes import Step

NEW, TRADE, CANCELED, REPLACED = ExecType.NEW, ExecType.TRADE, ExecType.CANCELED, ExecType.REPLACED
IOC, FOK = TimeInForce.IMMEDIATE_OR_CANCEL, TimeInForce.FILL_OR_KILL
DAY_NS = 24 * 3600 * 10**9


def kinds(reports: list[Any]) -> list[ExecType]:
    return [report.exec_type for report in reports]


# ---------------------------------------------------------------------------------------------------- reports


def test_a_resting_order_is_told_with_all_its_fields(floor: Floor) -> None:
    (report,) = floor.ann.buys("0.5", "59000.05", cl_ord_id="77", ref="9", post_only=True)
    assert report == ExecutionReport(
        symbol="BTC-USD",
        exec_type=NEW,
        order_id="10000000001",
        cl_ord_id="77",
        side=Side.BUY,
        ord_status=OrdStatus.NEW,
        ord_type=OrdType.LIMIT,
        time_in_force=TimeInForce.GOOD_TILL_CANCEL,
        order_qty=Decimal("0.5"),
        price=Decimal("59000.05"),
        post_only=True,
        cum_qty=Decimal(0),
        leaves_qty=Decimal("0.5"),
        account="ann",
        transact_time=T0 + 1,
        ref="9",
    )
    assert str(report.cum_qty) == "0"


def test_both_sides_of_a_fill_are_told_and_only_the_actor_with_a_ref(floor: Floor) -> None:
    floor.ann.sells("1", "60000", cl_ord_id="1")
    floor.news()
    mine = floor.bob.buys("1.5", "60001", cl_ord_id="1", ref="b")
    assert kinds(mine) == [NEW, TRADE]
    assert [report.ref for report in mine] == ["b", "b"]
    news = floor.news()
    taker: Any
    maker: Any
    taker, maker = (event for event in news if isinstance(event, ExecutionReport) and event.exec_type is TRADE)
    assert (taker.account, taker.last_liquidity_ind, taker.ref) == ("bob", LiquidityInd.TAKER, "b")
    assert (maker.account, maker.last_liquidity_ind, maker.ref) == ("ann", LiquidityInd.MAKER, None)
    assert (taker.last_px, taker.last_qty, taker.cum_qty, taker.leaves_qty) == (60000, 1, 1, Decimal("0.5"))
    assert (taker.ord_status, maker.ord_status) == (OrdStatus.PARTIALLY_FILLED, OrdStatus.FILLED)
    assert maker.leaves_qty == 0
    trade: Any = next(event for event in news if isinstance(event, Trade))
    assert (trade.price, trade.size, trade.aggressor_side) == (60000, 1, Side.BUY)
    assert trade.trade_id == taker.exec_id == maker.exec_id
    assert floor.exchange.trades("BTC-USD", 5) == [trade]
    assert [fill.exec_id for fill in floor.ann.port.fills()] == [trade.trade_id]


def test_one_book_update_tells_all_of_a_command_and_a_quote_when_the_top_moved(floor: Floor) -> None:
    for price in ("60000", "60001"):
        floor.ann.sells("1", price)
    floor.ann.sells("1", "60005")
    news = floor.news(BookUpdate, Quote)
    assert [type(event) for event in news] == [BookUpdate, Quote, BookUpdate, BookUpdate]
    floor.bob.buys("2.5", "60003")
    update, quote = floor.news(BookUpdate, Quote)
    assert [type(update), type(quote)] == [BookUpdate, Quote]
    assert set(update.rows()) == {
        (SET_ASK, 600000000, 0),
        (SET_ASK, 600010000, 0),
        (SET_BID, 600030000, 50000000),
    }
    assert (update.price_scale, update.size_scale, update.transact_time) == (4, 8, floor.bob.now)
    assert (quote.bid, quote.bid_size, quote.ask, quote.last_px) == (60003, Decimal("0.5"), 60005, 60001)


def test_money_and_positions_are_told_after_a_fill(floor: Floor) -> None:
    floor.ann.sells("1", "60000")
    floor.bob.buys("1", "60000")
    news = floor.news(Position, Balance)
    assert [(type(e).__name__, e.account) for e in news if isinstance(e, Position | Balance)] == [
        ("Position", "bob"),
        ("Balance", "bob"),
        ("Balance", "bob"),
        ("Position", "ann"),
        ("Balance", "ann"),
        ("Balance", "ann"),
    ]
    assert floor.bob.holds("USD") == (940000, 940000)
    assert floor.bob.holds("BTC") == (101, 101)


def test_average_price_is_exact_where_it_ends_and_rounded_where_not(floor: Floor) -> None:
    floor.ann.sells("1", "60000")
    floor.ann.sells("1", "60000.01")
    floor.ann.sells("1", "60000.05")
    one, two, three = floor.bob.buys("3", "60001")[1:]
    assert (one.avg_px, two.avg_px) == (60000, Decimal("60000.005"))
    assert three.avg_px == Decimal("60000.02")
    assert average(2, 3, 0) == Decimal("0.6666666666666667")
    assert average(7, 0, 2) is None
    assert exact(12 * 10**38 + 34, 20) == Decimal("12000000000000000000.00000000000000000034")


def test_a_killed_order_is_taken_in_and_cancelled_unfilled(floor: Floor) -> None:
    floor.ann.sells("1", "60000")
    for reports in (
        floor.bob.buys("2", "60000", time_in_force=FOK),
        floor.bob.buys("2", "59999", time_in_force=IOC),
        floor.bob.sells("2"),
    ):
        assert kinds(reports) == [NEW, CANCELED]
        last = reports[-1]
        assert (last.ord_status, last.cum_qty, last.leaves_qty) == (OrdStatus.CANCELED, 0, 0)
        assert last.ord_rej_reason is OrdRejReason.NO_LIQUIDITY
        assert last.order_id
    assert floor.bob.port.orders() == []
    assert floor.bob.holds("USD") == (1000000, 1000000)
    assert floor.bob.holds("BTC") == (100, 100)


def test_the_rest_of_an_immediate_order_is_cancelled(floor: Floor) -> None:
    floor.ann.sells("1", "60000")
    for reports in (floor.bob.buys("1.5", "60000", time_in_force=IOC),):
        assert kinds(reports) == [NEW, TRADE, CANCELED]
        assert (reports[-1].cum_qty, reports[-1].leaves_qty) == (1, 0)
    floor.ann.sells("1", "60000")
    assert kinds(floor.bob.buys("1.5")) == [NEW, TRADE, CANCELED]
    assert floor.bob.holds("USD") == (880000, 880000)


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"symbol": "ETH-USD"}, OrdRejReason.UNKNOWN_SYMBOL),
        ({"price": "60000.005"}, OrdRejReason.INVALID_PRICE_INCREMENT),
        ({"price": "60000." + "0" * 30 + "1"}, OrdRejReason.INVALID_PRICE_INCREMENT),
        ({"price": "0"}, OrdRejReason.INVALID_PRICE),
        ({"price": "-1"}, OrdRejReason.INVALID_PRICE),
        ({"price": Decimal("1E+50")}, OrdRejReason.INVALID_PRICE),
        ({"price": None, "ord_type": OrdType.LIMIT}, OrdRejReason.INVALID_PRICE),
        ({"ord_type": OrdType.STOP_LIMIT}, OrdRejReason.INVALID_PRICE),
        ({"qty": "0.00015"}, OrdRejReason.INCORRECT_QUANTITY),
        ({"qty": "0.0009"}, OrdRejReason.INCORRECT_QUANTITY),
        ({"qty": "100.0001"}, OrdRejReason.INCORRECT_QUANTITY),
        ({"qty": "0"}, OrdRejReason.INCORRECT_QUANTITY),
        ({"qty": "-1"}, OrdRejReason.INCORRECT_QUANTITY),
        ({"qty": None}, OrdRejReason.INCORRECT_QUANTITY),
        ({"cash_order_qty": "100"}, OrdRejReason.INCORRECT_QUANTITY),
        ({"qty": None, "cash_order_qty": "10"}, OrdRejReason.INCORRECT_QUANTITY),
        ({"qty": "17"}, OrdRejReason.ORDER_EXCEEDS_LIMIT),
        ({"side": Side.SELL, "qty": "100", "symbol": "GAZ"}, OrdRejReason.INVALID_PRICE_INCREMENT),
        ({"post_only": True, "time_in_force": IOC}, OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC),
        ({"post_only": True, "ord_type": OrdType.MARKET}, OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC),
        ({"time_in_force": TimeInForce.GOOD_TILL_DATE}, OrdRejReason.INVALID_EXPIRE_TIME),
        ({"time_in_force": TimeInForce.GOOD_TILL_DATE, "expire_time": T0}, OrdRejReason.INVALID_EXPIRE_TIME),
        ({"cl_ord_id": "taken"}, OrdRejReason.DUPLICATE_ORDER),
        ({"post_only": True, "price": "61000"}, OrdRejReason.POST_ONLY_WOULD_CROSS),
        ({"price": "62000"}, OrdRejReason.SELF_TRADE),
    ],
)
def test_a_bad_order_is_refused_with_its_reason_and_changes_nothing(
    floor: Floor, terms: dict[str, Any], reason: OrdRejReason
) -> None:
    floor.ann.sells("0.5", "62000", cl_ord_id="taken")
    floor.bob.sells("0.5", "61000")
    floor.news()
    before = floor.exchange.state()
    asked = {"side": Side.BUY, "qty": "1", "price": "60000.01", **terms}
    (report,) = floor.ann.places(asked.pop("side"), asked.pop("qty"), asked.pop("price"), **asked)
    assert isinstance(report, ExecutionReport)
    assert (report.exec_type, report.ord_status, report.order_id) == (ExecType.REJECTED, OrdStatus.REJECTED, "")
    assert report.ord_rej_reason is reason
    assert report.text
    assert (report.ref, report.account) == ("r2", "ann")
    assert floor.news() == [report]
    assert floor.exchange.state() == before


def test_no_order_id_is_spent_on_a_refusal(floor: Floor) -> None:
    (first,) = floor.ann.buys("1", "100")
    floor.ann.buys("1", "-100")
    (second,) = floor.ann.buys("1", "101")
    assert int(second.order_id) == int(first.order_id) + 1


# ---------------------------------------------------------------------------------------------------- funds


def test_working_orders_reserve_what_they_may_cost(floor: Floor) -> None:
    (bid,) = floor.ann.buys("10", "50000")
    floor.ann.sells("99", "70000")
    assert floor.ann.holds("USD") == (1000000, 500000)
    assert floor.ann.holds("BTC") == (100, 1)
    (refused,) = floor.ann.buys("10.0001", "50000")
    assert refused.ord_rej_reason is OrdRejReason.ORDER_EXCEEDS_LIMIT
    (refused,) = floor.ann.sells("1.0001", "70000")
    assert refused.ord_rej_reason is OrdRejReason.ORDER_EXCEEDS_LIMIT
    floor.bob.sells("4", "50000")
    assert floor.ann.holds("USD") == (800000, 500000)
    floor.ann.cancels(bid.order_id)
    assert floor.ann.holds("USD") == (800000, 800000)


def test_a_better_price_gives_back_what_was_reserved_too_much(floor: Floor) -> None:
    floor.ann.sells("1", "50000")
    floor.bob.buys("2", "51000")
    assert floor.bob.holds("USD") == (950000, 899000)


def test_a_market_buyer_must_have_what_the_book_asks(floor: Floor) -> None:
    floor.ann.sells("10", "50000")
    floor.ann.sells("10", "90000")
    (refused,) = floor.bob.buys("16")
    assert refused.ord_rej_reason is OrdRejReason.ORDER_EXCEEDS_LIMIT
    assert kinds(floor.bob.buys("15")) == [NEW, TRADE, TRADE]
    assert floor.bob.holds("USD") == (50000, 50000)


def test_short_selling_where_it_is_allowed() -> None:
    floor = Floor(short_selling=True)
    floor.bob.buys("10", "50000")
    floor.exchange.open_account("sue", {"USD": "0"})
    sue = Trader(floor.exchange, "sue")
    assert kinds(sue.sells("2", "50000")) == [NEW, TRADE]
    assert sue.holds("BTC") == (-2, -2)
    position: Any = sue.port.positions()[0]
    assert (position.qty, position.avg_px) == (-2, 50000)


def test_an_order_sized_in_money(floor: Floor) -> None:
    floor.ann.sells("0.01", "50000")
    floor.ann.sells("5", "60000")
    reports = floor.bob.buys(None, None, cash_order_qty="1000.5")
    assert kinds(reports) == [NEW, TRADE, TRADE]
    assert reports[1].leaves_qty is None
    assert (reports[2].ord_status, reports[2].leaves_qty) == (OrdStatus.FILLED, 0)
    # 500 for the first level; the rest buys 0.0083 at 60000, and 2.5 is left over.
    assert reports[2].cum_qty == Decimal("0.0183")
    assert floor.bob.holds("USD")[0] == 1000000 - 500 - 498
    assert reports[2].cash_order_qty == Decimal("1000.5")
    (resting,) = floor.bob.buys(None, "40000", cash_order_qty="1000")
    assert resting.order_qty == Decimal("0.025")


def test_money_that_finds_too_little_is_cancelled_after_its_fills(floor: Floor) -> None:
    floor.ann.sells("0.01", "50000")
    reports = floor.bob.buys(None, None, cash_order_qty="1000")
    assert kinds(reports) == [NEW, TRADE, CANCELED]
    assert reports[1].ord_status is OrdStatus.PARTIALLY_FILLED
    assert reports[2].cum_qty == Decimal("0.01")
    assert kinds(floor.bob.buys(None, None, cash_order_qty="1000", time_in_force=FOK)) == [NEW, CANCELED]
    assert floor.bob.port.order(reports[0].order_id) is not None


# ---------------------------------------------------------------------------------------------------- replace, cancel


def test_a_replacement_keeps_the_id_and_what_was_filled(floor: Floor) -> None:
    (new,) = floor.ann.buys("2", "50000", cl_ord_id="1")
    floor.bob.sells("0.5", "50000")
    (report,) = floor.ann.replaces(new.order_id, cl_ord_id="2", order_qty="1", price="49000")
    assert (report.exec_type, report.order_id, report.cl_ord_id) == (REPLACED, new.order_id, "2")
    assert (report.orig_cl_ord_id, report.ref) == ("1", "replace")
    assert (report.order_qty, report.price) == (1, 49000)
    assert (report.cum_qty, report.leaves_qty) == (Decimal("0.5"), Decimal("0.5"))
    assert floor.ann.holds("USD") == (975000, 950500)
    # Found by both of its names, and the one it has given up is free.
    assert floor.ann.port.order(cl_ord_id="1") == floor.ann.port.order(cl_ord_id="2")
    assert kinds(floor.ann.buys("1", "40000", cl_ord_id="1")) == [NEW]


def test_a_replacement_may_trade_at_once(floor: Floor) -> None:
    (new,) = floor.ann.buys("1", "50000")
    floor.bob.sells("2", "51000")
    reports = floor.ann.replaces(new.order_id, price="52000")
    assert kinds(reports) == [REPLACED, TRADE]
    assert reports[1].ord_status is OrdStatus.FILLED
    assert reports[1].last_px == 51000
    assert floor.ann.holds("USD") == (949000, 949000)


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"price": "50000.001"}, OrdRejReason.INVALID_PRICE_INCREMENT),
        ({"order_qty": "0.00001"}, OrdRejReason.INCORRECT_QUANTITY),
        ({"order_qty": "0.5"}, OrdRejReason.INCORRECT_QUANTITY),
        ({"order_qty": "90"}, OrdRejReason.ORDER_EXCEEDS_LIMIT),
        ({"stop_px": "60000"}, OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC),
        ({"time_in_force": FOK}, OrdRejReason.UNSUPPORTED_ORDER_CHARACTERISTIC),
        ({"price": "70000"}, OrdRejReason.SELF_TRADE),
        ({"cl_ord_id": "other"}, OrdRejReason.DUPLICATE_ORDER),
    ],
)
def test_a_refused_replacement_leaves_the_order_as_it_stood(
    floor: Floor, terms: dict[str, Any], reason: OrdRejReason
) -> None:
    (new,) = floor.ann.buys("2", "50000")
    floor.ann.sells("1", "70000", cl_ord_id="other")
    floor.bob.sells("0.5", "50000")
    before = floor.exchange.state()
    (reject,) = floor.ann.replaces(new.order_id, **terms)
    assert isinstance(reject, CancelReject)
    assert (reject.reason, reject.is_replace, reject.ref) == (reason, True, "replace")
    assert reject.text
    assert floor.exchange.state() == before


def test_where_a_replacement_is_a_new_order() -> None:
    floor = Floor(replace_keeps_order_id=False)
    (old,) = floor.ann.buys("2", "50000", cl_ord_id="1")
    floor.bob.sells("0.5", "50000")
    floor.bob.sells("1", "51000")
    canceled, report, trade = floor.ann.replaces(old.order_id, cl_ord_id="2", price="51000", order_qty="3")
    assert (canceled.exec_type, canceled.order_id, canceled.cum_qty) == (CANCELED, old.order_id, Decimal("0.5"))
    assert (report.exec_type, report.orig_order_id, report.orig_cl_ord_id) == (REPLACED, old.order_id, "1")
    assert report.order_id not in ("", old.order_id)
    assert (report.cl_ord_id, report.order_qty, report.cum_qty) == ("2", 3, 0)
    assert (trade.order_id, trade.cum_qty, trade.leaves_qty) == (report.order_id, 1, 2)
    assert floor.ann.holds("USD") == (1000000 - 25000 - 51000, 1000000 - 25000 - 51000 - 102000)
    # What the book would refuse leaves the old order standing.
    floor.ann.sells("1", "90000", cl_ord_id="3")
    (reject,) = floor.ann.replaces(report.order_id, price="90000", order_qty="2")
    assert reject.reason is OrdRejReason.SELF_TRADE
    assert floor.ann.port.orders()[0].order_id == report.order_id


def test_cancelling_by_either_id(floor: Floor) -> None:
    (one,) = floor.ann.buys("1", "50000", cl_ord_id="1")
    floor.ann.buys("1", "50000", cl_ord_id="2")
    (report,) = floor.ann.cancels(one.order_id)
    assert (report.exec_type, report.ord_status, report.cl_ord_id) == (CANCELED, OrdStatus.CANCELED, "1")
    assert (report.leaves_qty, report.ref) == (0, "cancel")
    assert kinds(floor.ann.cancels(orig_cl_ord_id="2")) == [CANCELED]
    for reject in (*floor.ann.cancels(one.order_id), *floor.ann.cancels("5"), *floor.ann.cancels(orig_cl_ord_id="2")):
        assert isinstance(reject, CancelReject)
        assert (reject.reason, reject.is_replace) == (OrdRejReason.UNKNOWN_ORDER, False)
    assert floor.ann.holds("USD") == (1000000, 1000000)


def test_nobody_touches_another_accounts_orders(floor: Floor) -> None:
    (theirs,) = floor.ann.buys("1", "50000", cl_ord_id="1")
    assert isinstance(floor.bob.cancels(theirs.order_id)[0], CancelReject)
    assert isinstance(floor.bob.replaces(theirs.order_id, price="1")[0], CancelReject)
    assert floor.bob.port.order(theirs.order_id) is None
    assert floor.bob.port.order(cl_ord_id="1") is None
    # The same id of one's own may be used by everybody.
    assert kinds(floor.bob.buys("1", "50000", cl_ord_id="1")) == [NEW]


def test_all_orders_can_be_pulled_at_once(floor: Floor) -> None:
    for price in ("50000", "50001"):
        floor.ann.buys("1", price)
    floor.ann.sells("10", "131", symbol="GAZ")
    floor.bob.buys("1", "49000")
    floor.news()
    reports = floor.ann.port.execute(MassCancel(symbol="BTC-USD", ref="m"), T0)
    assert kinds(reports) == [CANCELED, CANCELED]
    assert {report.ref for report in reports} == {"m"}
    assert len(floor.news(BookUpdate)) == 1
    assert len(floor.ann.port.execute(MassCancel(), T0)) == 1
    assert floor.ann.port.execute(MassCancel(), T0) == []
    assert len(floor.bob.port.orders()) == 1


# ---------------------------------------------------------------------------------------------------- stops and ends


def test_a_stop_is_told_from_its_start_to_its_fill(floor: Floor) -> None:
    floor.bob.sells("1", "60000")
    floor.bob.sells("5", "61000")
    (new,) = floor.ann.buys("1", None, ord_type=OrdType.STOP, stop_px="60000")
    assert (new.exec_type, new.ord_status, new.stop_px) == (NEW, OrdStatus.NEW, 60000)
    assert floor.ann.holds("USD") == (1000000, 940000)
    floor.exchange.open_account("cat", {"USD": "100000"})
    floor.news()
    assert kinds(Trader(floor.exchange, "cat").buys("1", "60000")) == [NEW, TRADE]
    reports = [event for event in floor.news(ExecutionReport) if event.account == "ann"]
    assert kinds(reports) == [ExecType.TRIGGERED, TRADE]
    assert [report.ref for report in reports] == [None, None]
    assert (reports[1].last_px, reports[1].ord_status) == (61000, OrdStatus.FILLED)
    assert floor.ann.holds("USD") == (939000, 939000)


def test_a_triggered_stop_that_cannot_be_paid_for_is_cancelled(floor: Floor) -> None:
    floor.bob.sells("1", "60000")
    floor.bob.sells("20", "90000")
    (new,) = floor.ann.buys("12", None, ord_type=OrdType.STOP, stop_px="60000")
    floor.exchange.open_account("cat", {"USD": "100000"})
    Trader(floor.exchange, "cat").buys("1", "60000")
    order: Any = floor.ann.port.order(new.order_id)
    assert (order.ord_status, order.cum_qty) == (OrdStatus.CANCELED, 0)
    assert floor.ann.holds("USD") == (1000000, 1000000)


def test_a_stop_limit_becomes_a_limit_order(floor: Floor) -> None:
    floor.bob.buys("1", "60000")
    (new,) = floor.ann.sells("1", "59500", ord_type=OrdType.STOP_LIMIT, stop_px="60000")
    assert floor.ann.holds("BTC") == (100, 99)
    floor.exchange.open_account("cat", {"BTC": "1"})
    Trader(floor.exchange, "cat").sells("1", "60000")
    assert floor.exchange.quote("BTC-USD").ask == 59500
    assert floor.ann.holds("BTC") == (100, 99)
    (report,) = floor.ann.replaces(new.order_id, price="59600")
    assert report.exec_type is REPLACED
    assert floor.exchange.quote("BTC-USD").ask == 59600


def test_a_held_stop_can_be_changed_and_cancelled(floor: Floor) -> None:
    (new,) = floor.ann.buys("1", None, ord_type=OrdType.STOP, stop_px="60000")
    (report,) = floor.ann.replaces(new.order_id, stop_px="50000", order_qty="2")
    assert (report.exec_type, report.stop_px, report.order_qty) == (REPLACED, 50000, 2)
    assert floor.ann.holds("USD") == (1000000, 900000)
    assert kinds(floor.ann.cancels(new.order_id)) == [CANCELED]
    assert floor.ann.holds("USD") == (1000000, 1000000)


def test_orders_expire_at_their_date_and_at_the_end_of_the_day(floor: Floor) -> None:
    gtd = TimeInForce.GOOD_TILL_DATE
    floor.ann.buys("1", "50000", time_in_force=gtd, expire_time=T0 + 1000)
    floor.ann.buys("1", "50000", time_in_force=TimeInForce.DAY)
    (kept,) = floor.ann.buys("1", "50000")
    assert floor.exchange.next_expiry() == T0 + 1000
    floor.news()
    floor.exchange.advance(T0 + 999)
    assert floor.news() == []
    floor.exchange.advance(T0 + 1000)
    report, *_ = floor.news()
    assert isinstance(report, ExecutionReport)
    assert (report.exec_type, report.ord_status, report.ref) == (ExecType.EXPIRED, OrdStatus.EXPIRED, None)
    assert floor.exchange.next_expiry() == (T0 // DAY_NS + 1) * DAY_NS
    floor.exchange.advance(T0 + DAY_NS)
    assert [order.order_id for order in floor.ann.port.orders()] == [kept.order_id]
    assert floor.ann.holds("USD") == (1000000, 950000)


def test_a_replacement_can_turn_a_day_order_into_one_that_stays(floor: Floor) -> None:
    (new,) = floor.ann.buys("1", "50000", time_in_force=TimeInForce.DAY)
    (report,) = floor.ann.replaces(new.order_id, time_in_force=TimeInForce.GOOD_TILL_CANCEL)
    assert report.time_in_force is TimeInForce.GOOD_TILL_CANCEL
    floor.exchange.advance(T0 + 2 * DAY_NS)
    assert len(floor.ann.port.orders()) == 1


# ---------------------------------------------------------------------------------------------------- questions


def test_done_orders_can_be_asked_about(floor: Floor) -> None:
    (one,) = floor.ann.buys("1", "50000")
    (two,) = floor.ann.buys("1", "50001")
    floor.ann.cancels(one.order_id)
    assert [order.order_id for order in floor.ann.port.orders()] == [two.order_id]
    both = floor.ann.port.orders(working=False)
    assert [(o.order_id, o.ord_status) for o in both] == [
        (one.order_id, OrdStatus.CANCELED),
        (two.order_id, OrdStatus.NEW),
    ]
    assert {order.exec_type for order in both} == {ExecType.ORDER_STATUS}


def test_the_book_best_first(floor: Floor) -> None:
    for price in ("100", "102", "101"):
        floor.ann.buys("1", price)
        floor.ann.sells("1", str(int(price) + 100))
    levels = [(level.action, int(level.price)) for level in floor.exchange.book("BTC-USD", 2).levels]
    assert levels == [(SET_BID, 102), (SET_BID, 101), (SET_ASK, 200), (SET_ASK, 201)]
    assert len(floor.exchange.book("BTC-USD").levels) == 6


def test_what_is_unknown_is_a_key_error(floor: Floor) -> None:
    for ask in (
        lambda: floor.exchange.port("eve"),
        lambda: floor.exchange.book("X"),
        lambda: floor.exchange.trades("X", 1),
        lambda: floor.exchange.quote("X"),
    ):
        with pytest.raises(KeyError):
            ask()


def test_an_account_is_opened_once_and_with_sane_money(floor: Floor) -> None:
    with pytest.raises(ValueError, match="exists already"):
        floor.exchange.open_account("ann", {})
    with pytest.raises(ValueError, match="decimals"):
        floor.exchange.open_account("eve", {"USD": "0." + "0" * 20 + "1"})
    with pytest.raises(ValueError, match="no reference price for GAZ"):
        SandboxExchange([COIN, SHARE], {"BTC-USD": "1"})


# ---------------------------------------------------------------------------------------------------- netting


def pair(symbol: str, tick: str) -> Instrument:
    return Instrument(
        symbol=symbol,
        security_id=symbol,
        base=symbol[:3],
        currency=symbol[3:],
        min_price_increment=Decimal(tick),
        min_qty_increment=Decimal(1000),
        min_trade_vol=Decimal(1000),
    )


EURUSD, USDJPY = pair("EURUSD", "0.00001"), pair("USDJPY", "0.001")


def margin_floor() -> tuple[SandboxExchange, Trader, Trader]:
    exchange = SandboxExchange(
        [EURUSD, USDJPY], {"EURUSD": "1.1", "USDJPY": "150"}, netting_currency="USD", short_selling=True
    )
    for name in ("ann", "bob"):
        exchange.open_account(name, {"USD": "10000"})
    return exchange, Trader(exchange, "ann"), Trader(exchange, "bob")


def test_closing_a_position_books_its_profit() -> None:
    _, ann, bob = margin_floor()
    ann.sells("100000", "1.1", symbol="EURUSD")
    bob.buys("100000", "1.1", symbol="EURUSD")
    long: Any
    short: Any
    (long,) = bob.port.positions()
    assert (long.symbol, long.qty, long.avg_px) == ("EURUSD", 100000, Decimal("1.1"))
    assert bob.holds("USD") == (10000, 8900)
    bob.sells("150000", "1.101", symbol="EURUSD")
    ann.buys("150000", "1.101", symbol="EURUSD")
    assert bob.holds("USD")[0] == 10100
    assert ann.holds("USD")[0] == 9900
    (short,) = bob.port.positions()
    assert (short.qty, short.avg_px) == (-50000, Decimal("1.101"))


def test_profit_in_another_currency_is_booked_at_the_newest_price() -> None:
    _, ann, bob = margin_floor()
    ann.sells("100000", "150", symbol="USDJPY")
    bob.buys("100000", "150", symbol="USDJPY")
    bob.sells("100000", "160", symbol="USDJPY")
    ann.buys("100000", "160", symbol="USDJPY")
    assert bob.holds("USD") == (16250, 16250)
    assert ann.holds("USD") == (3750, 3750)
    assert bob.port.positions() == []


def test_a_position_needs_margin_and_a_smaller_one_does_not() -> None:
    _, ann, bob = margin_floor()
    ann.sells("900000", "1.1", symbol="EURUSD")
    (refused,) = bob.buys("1000000", "1.1", symbol="EURUSD")
    assert refused.ord_rej_reason is OrdRejReason.ORDER_EXCEEDS_LIMIT
    assert kinds(bob.buys("900000", "1.1", symbol="EURUSD")) == [NEW, TRADE]
    (refused,) = bob.buys("100000", "1.1", symbol="EURUSD")
    assert refused.ord_rej_reason is OrdRejReason.ORDER_EXCEEDS_LIMIT
    assert kinds(bob.sells("900000", "1.2", symbol="EURUSD")) == [NEW]


def test_a_netting_exchange_needs_a_way_from_each_currency_to_its_own() -> None:
    with pytest.raises(ValueError, match="what JPY is worth in EUR"):
        SandboxExchange([USDJPY], {"USDJPY": "150"}, netting_currency="EUR")


# ---------------------------------------------------------------------------------------------------- properties

ACCOUNTS = ("ann", "bob", "cat")
TICKS = st.integers(-12, 12)
PLACE = st.tuples(
    st.just("place"),
    st.sampled_from(ACCOUNTS),
    st.sampled_from(list(Side)),
    st.sampled_from(["0.001", "0.3", "1", "2.5", "7"]),
    TICKS,
    st.sampled_from(list(OrdType)),
    st.sampled_from([None, None, *TimeInForce]),
    st.booleans(),
    TICKS,
)
CHANGE = st.tuples(
    st.sampled_from(["replace", "cancel"]),
    st.sampled_from(ACCOUNTS),
    st.integers(0, 5),
    st.sampled_from([None, "0.5", "2", "9"]),
    TICKS,
)
RUN = st.lists(st.one_of(PLACE, PLACE, PLACE, CHANGE), max_size=40)


def played(run: list[tuple[Any, ...]], exchange: SandboxExchange) -> list[Any]:
    """Do it all; every event in order."""
    now, events = T0, []
    for what, account, *rest in run:
        now += 10**12
        port = exchange.port(account)
        if what == "place":
            side, qty, ticks, ord_type, tif, by_money, stop_ticks = rest
            money = by_money and ord_type in (OrdType.MARKET, OrdType.LIMIT)
            port.execute(
                NewOrder(
                    symbol="BTC-USD",
                    side=side,
                    ord_type=ord_type,
                    order_qty=None if money else qty,
                    cash_order_qty=str(Decimal(qty) * 60000 + Decimal("0.37")) if money else None,
                    price=str(60000 + ticks),
                    stop_px=str(60000 + stop_ticks),
                    time_in_force=tif,
                    expire_time=now + 5 * 10**12,
                ),
                now,
            )
        else:
            trader = Trader(exchange, account)
            trader.now = now
            working = port.orders()
            if working and what == "cancel":
                trader.cancels(working[rest[0] % len(working)].order_id)
            elif working:
                order = working[rest[0] % len(working)]
                price = None if order.ord_type is OrdType.STOP else str(60000 + rest[2])
                trader.replaces(order.order_id, order_qty=rest[1], price=price)
        exchange.advance(now)
        events += exchange.drain()
    return events


@pytest.mark.parametrize("keeps", [True, False])
@given(RUN)
def test_no_money_is_made_or_lost_and_reserves_are_what_working_orders_need(
    keeps: bool, run: list[tuple[Any, ...]]
) -> None:
    exchange = SandboxExchange([COIN, SHARE], PRICES, replace_keeps_order_id=keeps)
    for account in ACCOUNTS:
        exchange.open_account(account, {"USD": "300000", "BTC": "5"})
    events = played(run, exchange)
    for currency, total in (("USD", 900000), ("BTC", 15)):
        assert sum(Trader(exchange, account).holds(currency)[0] for account in ACCOUNTS) == total
    for account in ACCOUNTS:
        trader = Trader(exchange, account)
        reserved = {"USD": Decimal(0), "BTC": Decimal(0)}
        for order in trader.port.orders():
            assert order.leaves_qty is not None
            if order.side is Side.SELL:
                reserved["BTC"] += order.leaves_qty
            else:
                price = order.price if order.price is not None else order.stop_px
                assert price is not None
                reserved["USD"] += order.leaves_qty * price
        for currency, amount in reserved.items():
            total, available = trader.holds(currency)
            assert available == total - amount >= 0
        fills = trader.port.fills()
        bought = sum(((f.last_qty or Decimal(0)) * (1 if f.side is Side.BUY else -1) for f in fills), Decimal(0))
        assert trader.holds("BTC")[0] == 5 + bought
    # Every order's reports add up, and its last one is where it stands.
    for report in (event for event in events if isinstance(event, ExecutionReport) and event.order_id):
        if report.order_qty is not None and report.ord_status in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED):
            assert report.cum_qty is not None
            assert report.leaves_qty == report.order_qty - report.cum_qty
        if report.ord_status not in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED):
            assert report.leaves_qty == 0


@given(RUN)
def test_the_events_alone_give_the_book(run: list[tuple[Any, ...]]) -> None:
    exchange = SandboxExchange([COIN, SHARE], PRICES)
    for account in ACCOUNTS:
        exchange.open_account(account, {"USD": "300000", "BTC": "5"})
    book: dict[tuple[int, int], int] = {}
    quote = Quote(symbol="BTC-USD", bid=None, ask=None)
    for event in played(run, exchange):
        if isinstance(event, BookUpdate):
            for what, price, size in event.rows():
                book[what, price] = size
        elif isinstance(event, Quote):
            quote = event
    rows = list(exchange.book("BTC-USD").rows())
    assert {key: size for key, size in book.items() if size} == {(what, price): size for what, price, size in rows}
    now = exchange.quote("BTC-USD")
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (now.bid, now.bid_size, now.ask, now.ask_size)


@given(RUN)
def test_netting_neither_makes_nor_loses_money(run: list[tuple[Any, ...]]) -> None:
    exchange = SandboxExchange([COIN], {"BTC-USD": "60000"}, netting_currency="USD", short_selling=True)
    for account in ACCOUNTS:
        exchange.open_account(account, {"USD": "300000"})
    played(run, exchange)
    ledger = exchange.ledger
    listing = exchange.limits("BTC-USD")
    booked = sum(account.balances["USD"] for account in ledger.accounts.values())
    open_cost = sum(h.cost * listing.cash_unit for a in ledger.accounts.values() for h in a.holdings.values())
    assert booked - open_cost == 900000 * 10 ** ledger.scales["USD"]
    assert sum(h.qty for a in ledger.accounts.values() for h in a.holdings.values()) == 0


# ---------------------------------------------------------------------------------------------------- notes


def test_what_was_noted_is_told_as_it_was_then_however_late_it_is_read(floor: Floor) -> None:
    floor.ann.sells("1", "60000", cl_ord_id="maker")
    floor.news()
    (placed,) = floor.bob.port.perform(a_buy("2", "60000", cl_ord_id="1"), T0)[:1]
    assert isinstance(placed, Step)
    floor.bob.replaces(placed.terms.order_id, order_qty="3", price="59000", cl_ord_id="2")
    floor.bob.cancels(orig_cl_ord_id="2")
    new, trade, replaced, canceled = (
        event
        for event in floor.news(ExecutionReport)
        if event.account == "bob" and event.ref in {"1", "replace", "cancel"}
    )
    assert [kinds([report])[0] for report in (new, trade, replaced, canceled)] == [NEW, TRADE, REPLACED, CANCELED]
    assert [report.cl_ord_id for report in (new, trade, replaced, canceled)] == ["1", "1", "2", "2"]
    assert [report.order_qty for report in (new, trade, replaced, canceled)] == [2, 2, 3, 3]
    assert [report.price for report in (new, trade, replaced, canceled)] == [60000, 60000, 59000, 59000]
    assert [report.cum_qty for report in (new, trade, replaced, canceled)] == [0, 1, 1, 1]
    assert [report.leaves_qty for report in (new, trade, replaced, canceled)] == [2, 1, 2, 0]
    assert [str(report.ord_status) for report in (new, trade)] == ["NEW", "PARTIALLY_FILLED"]


def test_whoever_reads_a_note_twice_is_told_the_same_object(floor: Floor) -> None:
    floor.ann.sells("1", "60000")
    floor.exchange.take()
    reports = floor.bob.buys("1", "60000")
    notes = floor.exchange.take()
    told = [event for note in notes for event in note.events()]
    assert [event for event in told if isinstance(event, ExecutionReport) and event.account == "bob"] == reports
    assert all(any(event is report for event in told) for report in reports)
    trade: Any = next(event for event in told if isinstance(event, Trade))
    assert floor.exchange.trades("BTC-USD", 1)[0] is trade
    assert floor.exchange.take() == []


def test_money_is_told_as_it_was_after_its_command(floor: Floor) -> None:
    for _ in range(2):
        floor.ann.sells("1", "60000")
        floor.bob.buys("1", "60000")
    told = [event for event in floor.news(Balance) if (event.account, event.currency) == ("bob", "USD")]
    assert [balance.total for balance in told] == [940000, 880000]


def a_buy(qty: str, price: str, *, cl_ord_id: str) -> NewOrder:
    return NewOrder(
        symbol="BTC-USD",
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_qty=qty,
        price=price,
        cl_ord_id=cl_ord_id,
        ref=cl_ord_id,
    )


def test_a_number_is_known_again_by_its_text_only(floor: Floor) -> None:
    for price in ("60000", "60000.00", "6E4"):
        (report,) = floor.ann.buys("0.001", price)
        assert (report.exec_type, report.price) == (NEW, 60000)
    for _ in range(2):
        (report,) = floor.ann.buys("0.001", "60000.001")
        assert report.ord_rej_reason is OrdRejReason.INVALID_PRICE_INCREMENT


def test_an_old_id_is_free_again_after_a_replacement_and_a_new_one_is_taken(floor: Floor) -> None:
    (first,) = floor.ann.buys("1", "50000", cl_ord_id="a")
    floor.ann.replaces(first.order_id, cl_ord_id="b")
    (refused,) = floor.ann.buys("1", "50000", cl_ord_id="b")
    assert refused.ord_rej_reason is OrdRejReason.DUPLICATE_ORDER
    (second,) = floor.ann.buys("1", "50000", cl_ord_id="a")
    assert second.exec_type is NEW
    (refused,) = floor.ann.replaces(first.order_id, cl_ord_id="a")
    assert refused.reason is OrdRejReason.DUPLICATE_ORDER
    assert [report.order_id for report in floor.ann.cancels(orig_cl_ord_id="a")] == [second.order_id]
    assert [report.order_id for report in floor.ann.cancels(orig_cl_ord_id="b")] == [first.order_id]
