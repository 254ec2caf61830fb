"""Lists page by page, whichever way they run, make one account of what happened."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ctrader.ends import SECOND, Client, Sandbox

from venuewire.model.session import MassStatus, OrderMassStatusRequest
from venuewire.venues.ctrader.initiator.evidence import Evidence
from venuewire.venues.ctrader.wire.model import Deal, Order

NOW = 1_000 * SECOND


@given(
    times=st.lists(st.integers(0, 60), unique=True, max_size=12).map(sorted),
    cap=st.integers(2, 5),
    newest_first=st.booleans(),
)
def test_every_row_of_a_list_is_found_whichever_way_it_runs(times: list[int], cap: int, newest_first: bool) -> None:
    evidence = Evidence(0, NOW)
    deals = [Deal(deal_id=time, order_id=1, execution_timestamp=time) for time in times]
    for _ in range(20):
        start, end = evidence.window()
        rows = [deal for deal in deals if start <= (deal.execution_timestamp or 0) <= end]
        page = (rows[::-1] if newest_first else rows)[:cap]
        if not evidence.dealt(tuple(page)) or len(rows) <= cap:
            break
    evidence.pending((Order(order_id=1),))
    told = evidence.reports("1", {}, NOW)
    assert [report.exec_id for report in told[:-1]] == [str(time) for time in times]


def asked(ours: Client, ref: str) -> None:
    for effect in ours.initiator.send(OrderMassStatusRequest(ref=ref), ours.sandbox.now):
        assert getattr(effect, "ref", None) == ref


PENDING: dict[str, Any] = {"order": [{"orderId": 5, "orderStatus": 1, "clientOrderId": "9"}]}


@pytest.mark.parametrize("code", ["REQUEST_FREQUENCY_EXCEEDED", "BLOCKED_PAYLOAD_TYPE", "UNKNOWN_ERROR"])
def test_what_is_pending_is_told_even_where_the_past_is_refused(code: str) -> None:
    ours = Client(Sandbox()).start()
    asked(ours, "70")
    (step,) = ours.hear(2125, ours.line.of(**PENDING), "70")
    assert b'"payloadType":2175' in step.payload
    refusal = {"errorCode": code, "retryAfter": 3}
    if code == "REQUEST_FREQUENCY_EXCEEDED":
        # Sent in time, and too often all the same: once more, then no more.
        assert ours.hear(2142, refusal, "70") == [step]
    (status,) = ours.hear(2142, refusal, "70")
    assert isinstance(status, MassStatus)
    assert [(report.order_id, report.cl_ord_id) for report in status.reports] == [("5", "9")]
    assert ours.hear(2176, ours.line.of(hasMore=False), "70") == []


def test_a_change_behind_the_list_of_pending_orders_is_what_counts() -> None:
    ours = Client(Sandbox()).start()
    asked(ours, "70")
    ours.hear(2125, ours.line.of(**PENDING), "70")
    gone = {"orderId": 5, "orderStatus": 5, "clientOrderId": "9", "utcLastUpdateTimestamp": 7}
    ours.hear(2176, ours.line.of(order=[gone], hasMore=False), "70")
    (status,) = ours.hear(2134, ours.line.of(hasMore=False), "70")
    assert isinstance(status, MassStatus)
    assert [str(report.ord_status) for report in status.reports] == ["CANCELED"]
