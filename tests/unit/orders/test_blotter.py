"""The blotter: one order, told in pieces, in any order, and sometimes not at all."""

import pytest
from tests.unit.orders.life import D, ended, is_now, named, new, order, placed, replaced, report, total

from venuewire.errors import LocalProtocolError
from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, MassCancel, ReplaceOrder
from venuewire.model.session import MassStatus
from venuewire.model.terms import ExecType, LiquidityInd, OrdRejReason, OrdStatus, OrdType, Side, TimeInForce
from venuewire.orders import Blotter, Fill, reconcile

S = OrdStatus


def apply(blotter: Blotter, *reports: ExecutionReport) -> list[ExecutionReport]:
    """What was news in these."""
    return [merged[1] for each in reports if (merged := blotter.apply(each)) is not None]


# ---------------------------------------------------------------------------------------------- placing


def test_an_order_is_there_before_its_bytes_leave() -> None:
    blotter, placed_order = placed()
    assert blotter.find(cl_ord_id="1") is placed_order
    assert blotter.open_orders() == [placed_order]
    assert (placed_order.status, placed_order.ours, placed_order.created) == (S.PENDING_NEW, True, 100)
    assert (placed_order.order_qty, placed_order.leaves_qty, placed_order.cum_qty) == (D(10), D(10), D(0))
    assert (placed_order.price, placed_order.side) == (D(5), Side.BUY)
    assert placed_order.avg_px is None


def test_an_id_is_used_once() -> None:
    blotter, _ = placed()
    with pytest.raises(LocalProtocolError, match="cl_ord_id 1 has been used"):
        blotter.place(order(), 101)
    with pytest.raises(LocalProtocolError, match="needs a cl_ord_id"):
        blotter.place(order(""), 101)


def test_an_ordinary_life() -> None:
    blotter, it = placed()
    apply(blotter, new(transact_time=200))
    assert (it.status, it.order_id) == (S.NEW, "x")
    assert blotter.find(order_id="x") is it
    (told,) = apply(blotter, total("4", "5", S.PARTIALLY_FILLED))
    assert (told.last_qty, told.last_px, told.cl_ord_id, told.leaves_qty) == (D(4), D(5), "1", D(6))
    (told,) = apply(blotter, total("10", "4.4", S.FILLED))
    assert (told.last_qty, told.last_px, told.ord_status) == (D(6), D(4), S.FILLED)
    assert it.fills == [Fill(qty=D(4), px=D(5), name="x:4"), Fill(qty=D(6), px=D(4), name="x:10")]
    assert (it.cum_qty, it.leaves_qty, it.avg_px, it.is_open, it.is_ended) == (D(10), D(0), D("4.4"), False, True)
    assert blotter.open_orders() == []


def test_a_report_is_completed_with_what_is_known() -> None:
    blotter, _ = placed()
    (told,) = apply(blotter, report(ExecType.NEW, cl_ord_id="1", order_id="x"))
    assert (told.side, told.ord_type, told.order_qty, told.price) == (Side.BUY, OrdType.LIMIT, D(10), D(5))
    assert (told.ord_status, told.cum_qty, told.leaves_qty, told.last_qty) == (S.NEW, D(0), D(10), None)


def test_a_repeat_is_no_news() -> None:
    blotter, it = placed()
    reports = [new(), named("f1", "4", "5"), total("4"), ended(S.CANCELED, text="by user")]
    assert len(apply(blotter, *reports)) == 3  # the total says what the named fill has said
    version = it.version
    assert apply(blotter, *reports, *reversed(reports)) == []
    assert it.version == version


def test_a_report_without_ids_is_nobody_s() -> None:
    blotter = Blotter()
    assert blotter.apply(report(ExecType.NEW)) is None
    assert len(blotter) == 0


# ---------------------------------------------------------------------------------------------- refusals and doubt


def test_a_refusal_has_the_venue_s_words() -> None:
    blotter, it = placed()
    apply(
        blotter,
        report(
            ExecType.REJECTED,
            cl_ord_id="1",
            ord_status=S.REJECTED,
            ord_rej_reason=OrdRejReason.INCORRECT_QUANTITY,
            code="22",
            text="too small",
        ),
    )
    assert (it.status, it.code, it.text) == (S.REJECTED, "22", "too small")
    assert it.ord_rej_reason is OrdRejReason.INCORRECT_QUANTITY
    assert it.leaves_qty == 0


def test_an_order_without_an_answer_is_in_doubt_until_there_is_evidence() -> None:
    blotter, it = placed()
    assert blotter.unanswered(order(), "no answer within 10 s", 200) is it
    assert (it.status, it.is_open, it.is_ended) == (S.OUTCOME_UNKNOWN, False, False)
    assert it.text == "no answer within 10 s"
    apply(blotter, new())
    assert (it.status, it.text) == (S.NEW, "")


@pytest.mark.parametrize("end", [S.FILLED, S.CANCELED, S.REJECTED, S.EXPIRED])
def test_doubt_ends_with_any_end(end: OrdStatus) -> None:
    blotter, it = placed()
    blotter.unanswered(order(), "cut", 200)
    apply(blotter, ended(end, cl_ord_id="1"))
    assert is_now(it, end)
    blotter.unanswered(order(), "again", 300)
    blotter.in_doubt(it, "again", 300)
    assert is_now(it, end)


def test_an_order_that_never_left_is_refused_here() -> None:
    blotter, it = placed()
    blotter.unanswered(order(), "line ws ended", 200, sent=False)
    assert (it.status, it.text, it.is_ended) == (S.REJECTED, "line ws ended", True)


def test_the_venue_s_word_stands_above_ours() -> None:
    """Should it have left after all, it is not hidden behind a refusal that was our own."""
    blotter, it = placed()
    blotter.unanswered(order(), "line ws ended", 200, sent=False)
    apply(blotter, new())
    assert (it.status, it.text) == (S.NEW, "")


def test_pushes_that_came_before_stand_above_a_missing_answer() -> None:
    blotter, it = placed()
    apply(blotter, new())
    blotter.unanswered(order(), "no answer", 200)
    assert is_now(it, S.NEW)


def test_a_missing_answer_to_a_cancel_or_replacement_leaves_the_order() -> None:
    blotter, it = placed()
    apply(blotter, new())
    cancel = CancelOrder(symbol="S", side=Side.BUY, ord_type=OrdType.LIMIT, order_id="x", orig_cl_ord_id="1")
    change = ReplaceOrder(
        symbol="S", side=Side.BUY, ord_type=OrdType.LIMIT, order_id="x", orig_cl_ord_id="1", cl_ord_id="2"
    )
    assert blotter.unanswered(cancel, "cut", 200) is None
    assert blotter.unanswered(MassCancel(), "cut", 200) is None
    assert blotter.unanswered(change, "cut", 200) is it
    assert is_now(it, S.NEW)


def test_a_refused_cancel_leaves_the_order() -> None:
    blotter, it = placed()
    apply(blotter, new())
    assert blotter.reject_cancel(CancelReject(order_id="x", text="too late")) is it
    assert blotter.reject_cancel(CancelReject(order_id="", orig_cl_ord_id="1")) is it
    assert blotter.reject_cancel(CancelReject(order_id="other")) is None
    assert is_now(it, S.NEW)


def test_a_refusal_as_a_duplicate_says_that_the_first_is_there() -> None:
    refusal = report(
        ExecType.REJECTED, cl_ord_id="1", ord_status=S.REJECTED, ord_rej_reason=OrdRejReason.DUPLICATE_ORDER
    )
    blotter, it = placed()
    blotter.unanswered(order(), "cut", 200)
    apply(blotter, refusal)
    assert is_now(it, S.OUTCOME_UNKNOWN)
    apply(blotter, new(), refusal)
    assert is_now(it, S.NEW)
    # The very first sending refused as a duplicate: the id was somebody else's.
    blotter, it = placed()
    apply(blotter, refusal)
    assert is_now(it, S.REJECTED)


# ---------------------------------------------------------------------------------------------- fills


@pytest.mark.parametrize("trade_first", [True, False])
def test_one_fill_told_twice_in_two_forms_counts_once(trade_first: bool) -> None:
    blotter, it = placed()
    forms = [named("f1", "10", "5"), total("10", status=S.FILLED)]
    told = apply(blotter, new(), *(forms if trade_first else reversed(forms)))
    assert (it.cum_qty, it.status) == (D(10), S.FILLED)
    assert [(fill.qty, fill.exec_id) for fill in it.fills] == [(D(10), "f1")]
    assert [each.exec_type for each in told if each.last_qty] == [ExecType.TRADE]
    assert [each.exec_type for each in told].count(ExecType.TRADE) == 1
    assert sum(each.last_qty or 0 for each in told) == 10
    assert it.avg_px == 5


def test_a_fill_before_the_acknowledgement() -> None:
    """The venue's id comes first with a fill, then with a link to ours: one order, not two."""
    blotter, it = placed()
    apply(blotter, named("f1", "4", "5", transact_time=50))
    stranger = blotter.find(order_id="x")
    assert stranger is not None
    assert not stranger.ours
    (told,) = apply(blotter, new())
    assert blotter.find(order_id="x") is it
    assert list(blotter) == [it]
    assert (it.cum_qty, it.status, it.ours) == (D(4), S.PARTIALLY_FILLED, True)
    assert (told.last_qty, told.last_px) == (D(4), D(5))


def test_a_fill_told_after_the_cancel_it_raced_with() -> None:
    blotter, it = placed()
    apply(blotter, new(), ended(S.CANCELED))
    (told,) = apply(blotter, named("f1", "4", "5"))
    assert (it.status, it.cum_qty, it.leaves_qty) == (S.CANCELED, D(4), D(0))
    assert (told.ord_status, told.last_qty) == (S.CANCELED, D(4))


def test_derived_fills_give_way_to_named_ones() -> None:
    blotter, it = placed()
    apply(blotter, new(), total("4", "5"), total("10", "4.4"))
    assert all(fill.derived for fill in it.fills)
    apply(blotter, named("f2", "6", "4", transact_time=2))
    assert [(fill.qty, fill.px, fill.derived) for fill in it.fills] == [(D(6), D(4), False), (D(4), D(5), True)]
    apply(blotter, named("f1", "4", "5", transact_time=1))
    assert [(fill.qty, fill.px, fill.exec_id) for fill in it.fills] == [(D(4), D(5), "f1"), (D(6), D(4), "f2")]


def test_a_total_without_a_status_says_that_it_was_filled_in_part() -> None:
    blotter, it = placed()
    apply(blotter, report(ExecType.ORDER_STATUS, order_id="x", cl_ord_id="1", cum_qty="4"))
    assert is_now(it, S.PARTIALLY_FILLED)


def test_a_total_that_comes_late_splits_what_was_derived() -> None:
    blotter, it = placed()
    apply(blotter, total("10", "4.4"), total("4", "5"))
    assert it.cum_qty == 0  # nothing yet links "x" to our order
    apply(blotter, new())
    assert it.fills == [Fill(qty=D(4), px=D(5), name="x:4"), Fill(qty=D(6), px=D(4), name="x:10")]


def test_fills_without_names_but_with_totals() -> None:
    blotter, it = placed()
    apply(blotter, new())
    second = total("10", last_qty="6", last_px="4", status=S.FILLED)
    first = total("4", last_qty="4", last_px="5")
    told = apply(blotter, second, first, first, second)
    assert it.fills == [Fill(qty=D(4), px=D(5), name="x:4"), Fill(qty=D(6), px=D(4), name="x:10")]
    assert it.avg_px == D("4.4")
    assert sum(each.last_qty or 0 for each in told) == 10


def test_fills_without_names_before_the_link() -> None:
    blotter, it = placed()
    apply(blotter, total("4", last_qty="4", last_px="5"), new())
    assert it.fills == [Fill(qty=D(4), px=D(5), name="x:4")]


def test_derived_fills_keep_their_names_however_often_they_are_told() -> None:
    blotter, it = placed()
    apply(blotter, new(), total("4.00", "5"))
    (first,) = it.fills
    apply(blotter, total("4", "5"), total("10", "4.4", S.FILLED), total("4", "5"))
    assert [fill.name for fill in it.fills] == ["x:4", "x:10"]
    assert it.fills[0] == first
    other, again = placed()
    apply(other, total("10", "4.4", S.FILLED), total("4", "5"), new())
    assert again.fills == it.fills


def test_fills_with_neither_names_nor_totals_are_known_by_time() -> None:
    blotter, it = placed()
    apply(blotter, new())
    for _ in range(2):
        apply(blotter, report(ExecType.TRADE, order_id="x", last_qty="4", last_px="5", transact_time=1))
        apply(blotter, report(ExecType.TRADE, order_id="x", last_qty="6", last_px="4", transact_time=2))
    assert (it.cum_qty, it.status) == (D(10), S.FILLED)


def test_what_was_filled_never_falls() -> None:
    blotter, it = placed()
    apply(blotter, new(), total("6", "5"), total("2", "5"), ended(S.CANCELED, cum_qty="0"))
    assert it.cum_qty == 6
    assert sum(fill.qty for fill in it.fills) == 6


def test_a_price_nobody_told_is_not_made_up() -> None:
    blotter, it = placed()
    (_, told) = apply(blotter, new(), total("4"))
    assert (it.fills, it.avg_px, told.last_qty, told.last_px) == (
        [Fill(qty=D(4), px=None, name="x:4")],
        None,
        D(4),
        None,
    )
    # An average that venues send as zero is none.
    apply(blotter, total("4", "0"))
    assert it.avg_px is None
    apply(blotter, total("10", "4.4"))
    assert it.avg_px == D("4.4")


def test_a_derived_price_is_exact() -> None:
    blotter, it = placed()
    apply(blotter, new(), total("0.1", "64000.01"), total("0.3", "64000.04"))
    assert [fill.px for fill in it.fills] == [D("64000.01"), D("64000.055")]
    assert sum((fill.qty * fill.px for fill in it.fills if fill.px), D(0)) == D("0.3") * D("64000.04")


def test_an_average_rounded_by_the_venue_gives_no_absurd_price() -> None:
    blotter, it = placed()
    apply(blotter, new(), named("f1", "9", "5"), total("10", "4"))
    assert [fill.px for fill in it.fills] == [D(5), None]


def test_filled_without_a_quantity_is_all_of_it() -> None:
    blotter, it = placed()
    apply(blotter, ended(S.FILLED, cl_ord_id="1", avg_px="5"))
    assert (it.status, it.cum_qty, it.avg_px) == (S.FILLED, D(10), D(5))


def test_commission_by_fill_and_in_total() -> None:
    blotter, it = placed()
    apply(blotter, new(), named("f1", "4", "5", commission="0.1", last_liquidity_ind=LiquidityInd.TAKER))
    assert it.commission == D("0.1")
    assert it.fills[0].liquidity is LiquidityInd.TAKER
    apply(blotter, named("f2", "6", "5"))
    apply(blotter, named("f2", "6", "5", commission="0.2"))  # told later, by another stream
    assert it.commission == D("0.3")
    apply(blotter, total("10", cum_commission="0.31"))
    assert it.commission == D("0.31")


def test_a_total_of_commission_that_is_out_of_date_is_not_used() -> None:
    blotter, it = placed()
    apply(blotter, new(), named("f1", "4", "5", commission="0.1"), total("4", cum_commission="0.1"))
    apply(blotter, named("f2", "6", "5", commission="0.2"))
    assert it.commission == D("0.3")


def test_an_average_is_as_the_venue_told_it_where_a_derived_price_does_not_end() -> None:
    blotter, it = placed()
    apply(blotter, new(), total("7", "1"), total("10", "50"))
    assert it.avg_px == D(50)


def test_a_report_that_shows_more_than_its_own_fill() -> None:
    blotter, it = placed()
    _, told = apply(blotter, new(), named("f2", "6", "4", cum_qty="10", avg_px="4.4"))
    assert (told.last_qty, told.last_px) == (D(10), D("4.4"))
    assert [(fill.qty, fill.px) for fill in it.fills] == [(D(6), D(4)), (D(4), D(5))]


def test_the_words_of_the_end_stay() -> None:
    blotter, it = placed()
    apply(blotter, ended(S.REJECTED, cl_ord_id="1", text="too small"), new(text="accepted"))
    assert (it.status, it.text) == (S.REJECTED, "too small")


def test_a_status_that_would_go_back_is_old_news() -> None:
    blotter, it = placed()
    apply(blotter, named("f1", "4", "5", cl_ord_id="1"), new())
    assert is_now(it, S.PARTIALLY_FILLED)
    apply(blotter, ended(S.CANCELED), new(), total("4", status=S.PARTIALLY_FILLED))
    assert is_now(it, S.CANCELED)


def test_a_venue_that_says_open_knows_a_larger_quantity() -> None:
    blotter, it = placed(qty="5")
    apply(blotter, new(), total("5", "5", S.PARTIALLY_FILLED))
    assert is_now(it, S.PARTIALLY_FILLED)
    apply(blotter, report(ExecType.REPLACED, order_id="x", cl_ord_id="1", order_qty="10"))
    assert (it.status, it.order_qty, it.leaves_qty) == (S.PARTIALLY_FILLED, D(10), D(5))


def test_an_order_sized_in_money_has_no_quantity_to_compare_with() -> None:
    blotter, it = placed(qty=None)
    apply(blotter, new(), total("0.5", "100", S.PARTIALLY_FILLED))
    assert (it.status, it.leaves_qty) == (S.PARTIALLY_FILLED, None)
    apply(blotter, total("1", "100", S.FILLED))
    assert (it.status, it.leaves_qty) == (S.FILLED, D(0))


# ---------------------------------------------------------------------------------------------- replacing


def test_terms_that_come_late_do_not_undo_newer_ones() -> None:
    blotter, it = placed()
    change = report(ExecType.REPLACED, order_id="x", cl_ord_id="1", order_qty="7", price="6", transact_time=300)
    apply(blotter, change, new(order_qty="10", price="5", transact_time=200))
    assert (it.order_qty, it.price, it.order_id) == (D(7), D(6), "x")
    apply(blotter, report(ExecType.ORDER_STATUS, order_id="x", price="6.5", time_in_force=TimeInForce.DAY))
    assert (it.price, it.time_in_force) == (D("6.5"), TimeInForce.DAY)


def test_a_replacement_moves_the_order_to_its_new_id() -> None:
    blotter, it = placed()
    apply(blotter, new(), named("f1", "4", "5"), replaced("x", "y", order_qty="6", price="6", cl_ord_id="2"))
    assert (it.order_id, it.cl_ord_id, it.order_qty, it.leaves_qty) == ("y", "2", D(10), D(6))
    assert it.filled_before == 4
    assert is_now(it, S.PARTIALLY_FILLED)
    for ids in ({"order_id": "x"}, {"order_id": "y"}, {"cl_ord_id": "1"}, {"cl_ord_id": "2"}):
        assert blotter.find(**ids) is it
    apply(blotter, ended(S.CANCELED))  # the old one's end is not the order's
    assert is_now(it, S.PARTIALLY_FILLED)
    apply(blotter, named("f2", "6", "6", order_id="y"))
    assert (it.status, it.cum_qty, it.avg_px) == (S.FILLED, D(10), D("5.6"))
    assert list(blotter) == [it]


def test_the_end_of_the_old_id_may_be_told_before_the_link() -> None:
    blotter, it = placed()
    apply(blotter, new(), ended(S.CANCELED))
    assert is_now(it, S.CANCELED)
    apply(blotter, new(order_id="y", cl_ord_id=""), replaced("x", "y", order_qty="8"))
    assert (it.status, it.order_id, it.order_qty) == (S.NEW, "y", D(8))
    assert list(blotter) == [it]


def test_links_of_a_chain_in_the_wrong_order() -> None:
    blotter, it = placed()
    apply(blotter, new(), replaced("y", "z", order_qty="3"), replaced("x", "y", order_qty="6"), ended(S.CANCELED))
    apply(blotter, ended(S.CANCELED, order_id="y"))
    assert list(blotter) == [it]
    assert (it.order_id, it.status, it.order_qty) == ("z", S.NEW, D(3))


def test_a_replacement_whose_answer_was_lost_is_known_by_our_id() -> None:
    blotter, it = placed()
    apply(blotter, new())
    change = ReplaceOrder(
        symbol="S", side=Side.BUY, ord_type=OrdType.LIMIT, order_id="x", orig_cl_ord_id="1", cl_ord_id="2"
    )
    blotter.unanswered(change, "cut", 200)
    apply(blotter, new(order_id="y", cl_ord_id="2", order_qty="8"), ended(S.CANCELED))
    assert (it.order_id, it.cl_ord_id, it.status, it.order_qty) == ("y", "2", S.NEW, D(8))


def test_a_replacement_told_before_its_answer_was_lost_is_known_by_our_id() -> None:
    blotter, it = placed()
    apply(blotter, new(), named("f1", "4", "5"), new(order_id="y", cl_ord_id="2", order_qty="8"))
    assert len(blotter) == 2
    change = ReplaceOrder(
        symbol="S", side=Side.BUY, ord_type=OrdType.LIMIT, order_id="x", orig_cl_ord_id="1", cl_ord_id="2"
    )
    assert blotter.unanswered(change, "cut", 200) is it
    assert list(blotter) == [it]
    assert (it.order_id, it.cl_ord_id, it.status, it.order_qty) == ("y", "2", S.PARTIALLY_FILLED, D(12))
    apply(blotter, ended(S.CANCELED))
    assert is_now(it, S.PARTIALLY_FILLED)


def test_the_refusal_of_a_replacement_is_not_the_order_s() -> None:
    blotter, it = placed()
    refusal = report(ExecType.REJECTED, cl_ord_id="2", orig_cl_ord_id="1", ord_status=S.REJECTED, text="too big")
    apply(blotter, new(), refusal)
    assert is_now(it, S.NEW)
    apply(blotter, ended(S.CANCELED))
    assert is_now(it, S.CANCELED)


def test_two_orders_of_the_venue_with_one_id_of_ours_stay_two() -> None:
    blotter, it = placed()
    apply(blotter, new(), new(order_id="twin"))
    assert len(blotter) == 2
    assert blotter.find(cl_ord_id="1") is it
    twin = blotter.find(order_id="twin")
    assert twin is not it
    assert twin is not None
    assert not twin.ours


def test_a_replacement_that_keeps_the_venue_s_id_but_not_ours() -> None:
    blotter, it = placed()
    apply(blotter, new(), report(ExecType.REPLACED, order_id="x", cl_ord_id="2", orig_cl_ord_id="1", price="6"))
    assert (it.cl_ord_id, it.price) == ("2", D(6))
    assert blotter.find(cl_ord_id="1") is blotter.find(cl_ord_id="2") is it


def test_a_link_that_comes_before_the_acknowledgement() -> None:
    blotter, it = placed()
    apply(blotter, replaced("x", "y", order_qty="7"), new(), ended(S.CANCELED))
    assert list(blotter) == [it]
    assert (it.order_id, it.status, it.order_qty) == ("y", S.NEW, D(7))


def test_what_the_venue_said_before_the_link_stands_above_what_we_asked_for() -> None:
    blotter, it = placed()
    apply(blotter, new(cl_ord_id="", price="4.9", order_qty="9"), new())
    assert (it.price, it.order_qty, it.side) == (D("4.9"), D(9), Side.BUY)


def test_ours_is_the_one_that_stays_when_two_become_one() -> None:
    blotter, it = placed()
    apply(blotter, named("f1", "4", "5"), new(order_id="y", order_qty="6"), replaced("x", "y"))
    assert list(blotter) == [it]
    assert (it.cum_qty, it.order_id, it.status, it.order_qty) == (D(4), "y", S.PARTIALLY_FILLED, D(10))


def test_news_of_the_old_id_changes_neither_terms_nor_words() -> None:
    blotter, it = placed()
    apply(blotter, new(), replaced("x", "y", price="6", transact_time=200))
    apply(blotter, ended(S.CANCELED, price="5", text="replaced", transact_time=300))
    assert (it.price, it.text) == (D(6), "")


def test_a_cancel_may_bear_the_id_of_its_own_request() -> None:
    blotter, it = placed()
    apply(blotter, new(), ended(S.CANCELED, cl_ord_id="9", orig_cl_ord_id="1"))
    assert (it.status, it.cl_ord_id) == (S.CANCELED, "1")


# ---------------------------------------------------------------------------------------------- others, memory


def test_orders_placed_elsewhere_are_seen_and_not_ours() -> None:
    blotter = Blotter()
    (told,) = apply(blotter, new(cl_ord_id="", side=Side.SELL, order_qty="3", transact_time=7))
    (it,) = blotter
    assert (it.ours, it.side, it.order_qty, it.created, it.cl_ord_id) == (False, Side.SELL, D(3), 7, "")
    assert told.leaves_qty == 3
    assert blotter.find() is None


def test_memory_is_bounded_and_open_orders_stay() -> None:
    blotter = Blotter(keep_ended=3)
    for number in range(10):
        name = str(number)
        blotter.place(order(name), number)
        if number:
            apply(blotter, new(order_id=f"o{name}", cl_ord_id=name), ended(S.CANCELED, order_id=f"o{name}"))
    assert [each.cl_ord_id for each in blotter] == ["0", "7", "8", "9"]
    assert blotter.find(cl_ord_id="1") is None
    assert blotter.find(order_id="o1") is None


def test_an_order_that_changed_after_its_end_is_a_young_one() -> None:
    blotter = Blotter(keep_ended=1)
    it = blotter.place(order(), 0)
    apply(blotter, new(), ended(S.CANCELED), named("f1", "1", "5"))
    assert list(blotter) == [it]


def test_the_first_word_of_an_order_is_news_whatever_it_says() -> None:
    assert len(apply(Blotter(), report(ExecType.PENDING_NEW, order_id="z"))) == 1


def test_reading_an_order_shows_it() -> None:
    _, it = placed()
    assert "BUY 10 S PENDING_NEW filled 0 cl_ord_id=1" in repr(it)


# ---------------------------------------------------------------------------------------------- reconciling


def listed(*reports: ExecutionReport) -> MassStatus:
    return MassStatus(reports=reports)


def standing(order_id: str, cl_ord_id: str, **fields: object) -> ExecutionReport:
    return report(ExecType.ORDER_STATUS, order_id=order_id, cl_ord_id=cl_ord_id, ord_status=S.NEW, **fields)


def test_the_list_tells_where_orders_stand() -> None:
    blotter, it = placed()
    blotter.unanswered(order(), "cut", 200)
    news, missing = reconcile(blotter, listed(standing("x", "1", cum_qty="4", avg_px="5")), 300)
    assert (it.status, it.cum_qty, missing) == (S.PARTIALLY_FILLED, D(4), [])
    assert [(each.historical, each.last_qty, each.recv_time) for each in news] == [(True, D(4), 300)]
    assert reconcile(blotter, listed(standing("x", "1", cum_qty="4")), 400) == ([], [])


def test_what_the_list_does_not_hold_is_not_guessed() -> None:
    blotter, it = placed()
    apply(blotter, new())
    news, missing = reconcile(blotter, listed(), 300)
    assert (news, missing, it.status) == ([], [it], S.NEW)
    blotter.in_doubt(it, "not among the venue's open orders", 300)
    assert (it.status, it.text) == (S.OUTCOME_UNKNOWN, "not among the venue's open orders")
    apply(blotter, ended(S.CANCELED))
    assert is_now(it, S.CANCELED)


def test_a_fill_alone_does_not_end_the_doubt_whether_the_rest_still_stands() -> None:
    blotter, it = placed()
    apply(blotter, new(), named("f1", "4", "5"))
    blotter.in_doubt(it, "not listed", 300)
    apply(blotter, named("f1", "4", "5"), named("f2", "1", "5"))
    assert (it.status, it.cum_qty, it.text) == (S.OUTCOME_UNKNOWN, D(5), "not listed")
    apply(blotter, named("f3", "5", "5"))
    assert (it.status, it.text) == (S.FILLED, "")


def test_orders_still_on_their_way_are_not_missing() -> None:
    blotter, _ = placed()
    assert reconcile(blotter, listed(), 300) == ([], [])
    apply(blotter, new(transact_time=250))
    assert reconcile(blotter, listed(), 300, asked=240) == ([], [])
    assert len(reconcile(blotter, listed(), 300, asked=260)[1]) == 1


def test_orders_of_others_in_the_list_are_seen() -> None:
    blotter = Blotter()
    news, missing = reconcile(blotter, listed(standing("z", "", order_qty="2")), 300)
    assert (len(news), missing) == (1, [])
    assert [each.ours for each in blotter] == [False]
