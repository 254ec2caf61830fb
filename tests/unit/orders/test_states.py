"""The table of order statuses."""

from itertools import product

import pytest

from venuewire.model.orders import ExecutionReport
from venuewire.model.terms import ExecType, OrdStatus
from venuewire.orders.states import ENDED, OPEN, TRANSITIONS, follows, moved, said

S = OrdStatus


def test_every_status_has_its_row() -> None:
    assert set(TRANSITIONS) == set(OrdStatus)
    assert {S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED} == ENDED
    assert set(OrdStatus) == ENDED | OPEN | {S.OUTCOME_UNKNOWN}


def test_nothing_leads_back_to_the_beginning_and_nothing_out_of_an_end() -> None:
    for status, following in TRANSITIONS.items():
        assert S.PENDING_NEW not in following
        assert status not in following
    # No way round in a circle, but for doubt, which evidence ends.
    assert S.NEW not in TRANSITIONS[S.PARTIALLY_FILLED]


def test_doubt_ends_only_in_what_a_venue_can_say() -> None:
    assert TRANSITIONS[S.OUTCOME_UNKNOWN] == ENDED | {S.NEW, S.PARTIALLY_FILLED}


@pytest.mark.parametrize(("status", "following"), list(product(OrdStatus, OrdStatus)))
def test_a_move_is_made_where_the_table_has_it(status: OrdStatus, following: OrdStatus) -> None:
    assert moved(status, following) is (following if follows(status, following) else status)
    assert moved(status, None) is status


def test_what_a_report_says() -> None:
    assert said(ExecutionReport(symbol="S", exec_type=ExecType.CANCELED)) is S.CANCELED
    assert said(ExecutionReport(symbol="S", exec_type=ExecType.TRADE, ord_status=S.FILLED)) is S.FILLED
    assert said(ExecutionReport(symbol="S", exec_type=ExecType.ORDER_STATUS)) is None
