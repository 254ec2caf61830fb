"""Whatever order the reports of a life come in, and however often, the order ends where the life ended.

A life is drawn as it happened at the venue: acknowledged, filled in parts, perhaps replaced, and ended. It is then told
the way venues tell: by one stream with totals, by one with named fills, or by both; and the reports are dealt out anew.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from tests.unit.orders.life import ended, new, order, report

from venuewire.model.orders import ExecutionReport
from venuewire.model.terms import ExecType, OrdStatus
from venuewire.orders import Blotter, Order
from venuewire.orders.states import ENDED, TRANSITIONS

FORMS = ("totals", "named", "both", "unnamed")


class Life(Struct):
    """What happened, and how it is told."""

    reports: list[ExecutionReport]
    status: OrdStatus
    cum_qty: Decimal
    notional: Decimal


@st.composite
def lives(draw: st.DrawFn, *, replaces: bool = False) -> Life:
    """A life from acknowledgement to end, over one id of the venue's or, replaced, over two."""
    form = draw(st.sampled_from(FORMS))
    first = draw(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 9)), max_size=3))
    second = draw(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 9)), max_size=3)) if replaces else []
    end = draw(st.sampled_from([OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.FILLED, OrdStatus.FILLED]))
    if not (second if replaces else first):
        end = OrdStatus.CANCELED if end is OrdStatus.FILLED else end
    if replaces:
        reports = [new(order_qty="100", transact_time=1), *told(form, "x", first, "100", 10), ended(OrdStatus.CANCELED)]
        reports.append(link(second, end))
        reports += told(form, "y", second, size(second, end), 30) + final("y", end, form, second)
    else:
        reports = [new(order_qty=size(first, end), transact_time=1)]
        reports += told(form, "x", first, size(first, end), 10) + final("x", end, form, first)
    fills = first + second
    return Life(
        reports,
        end,
        Decimal(sum(qty for qty, _ in fills)),
        Decimal(sum(qty * px for qty, px in fills)),
    )


def size(fills: list[tuple[int, int]], end: OrdStatus) -> str:
    """The quantity of an order that ended so after these fills."""
    return str(sum(qty for qty, _ in fills) + (0 if end is OrdStatus.FILLED else 5))


def link(second: list[tuple[int, int]], end: OrdStatus) -> ExecutionReport:
    return report(
        ExecType.REPLACED,
        orig_order_id="x",
        order_id="y",
        cl_ord_id="1",
        order_qty=size(second, end),
        transact_time=20,
    )


def told(form: str, order_id: str, fills: list[tuple[int, int]], qty: str, time: int) -> list[ExecutionReport]:
    """The fills of one id, as streams tell them."""
    reports: list[ExecutionReport] = []
    cum = cost = 0
    for number, (part, px) in enumerate(fills):
        cum, cost = cum + part, cost + part * px
        totals: dict[str, Any] = {
            "order_id": order_id,
            "cum_qty": str(cum),
            "ord_status": OrdStatus.FILLED if str(cum) == qty else OrdStatus.PARTIALLY_FILLED,
            "transact_time": time + number,
        }
        fill: dict[str, Any] = {"last_qty": str(part), "last_px": str(px)}
        if form in {"totals", "both"}:
            # Sixteenths end: the averages are exact.
            reports.append(report(ExecType.TRADE, avg_px=average(cost, cum), **totals))
        if form in {"named", "both"}:
            name = f"{order_id}{number}"
            reports.append(report(ExecType.TRADE, order_id=order_id, exec_id=name, transact_time=time + number, **fill))
        if form == "unnamed":
            reports.append(report(ExecType.TRADE, **totals, **fill))
    return reports


def average(cost: int, cum: int) -> str | None:
    """The venue's average, where it ends; venues that would have to round it are told of elsewhere."""
    exact = Decimal(cost) / cum
    return str(exact) if exact * cum == cost and len(str(exact)) < 20 else None


def final(order_id: str, end: OrdStatus, form: str, fills: list[tuple[int, int]]) -> list[ExecutionReport]:
    if end is OrdStatus.FILLED and form != "named":
        return []
    cum = str(sum(qty for qty, _ in fills)) if form != "named" else None
    return [ended(end, order_id=order_id, cum_qty=cum, transact_time=50)]


def dealt(life: Life) -> st.SearchStrategy[list[ExecutionReport]]:
    """The reports in any order, some of them again."""
    again = st.lists(st.sampled_from(life.reports), max_size=4)
    return again.flatmap(lambda more: st.permutations(life.reports + more))


def live(reports: list[ExecutionReport]) -> tuple[Order, list[OrdStatus], list[ExecutionReport]]:
    """The order after these, the statuses it had, and what was told of it."""
    blotter = Blotter()
    it = blotter.place(order(qty=None), 0)
    statuses, news = [it.status], []
    for each in reports:
        merged = blotter.apply(each)
        if merged is not None and merged[0] is it:
            news.append(merged[1])
        statuses.append(it.status)
        for known in blotter:
            assert sum((fill.qty for fill in known.fills), Decimal(0)) == known.cum_qty
            assert known.leaves_qty is None or known.leaves_qty >= 0
    assert list(blotter) == [it]
    return it, statuses, news


def check_end(life: Life, it: Order, news: list[ExecutionReport]) -> None:
    assert it.status is life.status
    assert it.cum_qty == life.cum_qty
    assert it.leaves_qty == 0
    assert sum((each.last_qty or Decimal(0) for each in news), Decimal(0)) == life.cum_qty
    assert all(each.cl_ord_id == "1" and each.order_id for each in news)
    if life.cum_qty and all(fill.px is not None for fill in it.fills):
        assert it.avg_px is not None
        assert abs(it.avg_px * it.cum_qty - life.notional) < Decimal("1e-20")


@given(st.data())
def test_any_order_of_the_reports_ends_in_the_same_state(data: st.DataObject) -> None:
    life = data.draw(lives())
    it, statuses, news = live(data.draw(dealt(life)))
    check_end(life, it, news)
    for before, after in pairwise(statuses):
        assert after is before or after in TRANSITIONS[before]
    plain, _, _ = live(life.reports)
    same = ("status", "cum_qty", "leaves_qty", "avg_px", "commission", "fills", "order_qty", "price", "order_id")
    assert [getattr(it, name) for name in same] == [getattr(plain, name) for name in same]


@given(st.data())
def test_a_replaced_order_ends_where_its_newest_part_ended(data: st.DataObject) -> None:
    life = data.draw(lives(replaces=True))
    it, statuses, news = live(data.draw(dealt(life)))
    check_end(life, it, news)
    assert it.order_id == "y"
    for before, after in pairwise(statuses):
        # The end of the old id may be told before the link to the new one.
        assert after is before or after in TRANSITIONS[before] or before is OrdStatus.CANCELED


@given(st.data())
def test_what_was_filled_never_falls_and_an_end_is_an_end(data: st.DataObject) -> None:
    """Also when reports are lost: any part of a life, in any order."""
    life = data.draw(lives())
    some = [each for each in data.draw(dealt(life)) if data.draw(st.booleans())]
    blotter = Blotter()
    it = blotter.place(order(qty=None), 0)
    cum, status = it.cum_qty, it.status
    for each in some:
        blotter.apply(each)
        assert it.cum_qty >= cum
        assert it.status is status or status not in ENDED
        cum, status = it.cum_qty, it.status
