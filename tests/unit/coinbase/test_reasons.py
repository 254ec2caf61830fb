"""Every reason the venue has for a refusal, from the sandbox to our events; and limits on dials and messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.coinbase.ends import REST_HOST, ClientLine, RawLine, World, logged_on

from venuewire.model.orders import CancelOrder, CancelReject, ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import Command, Event, OrderEstimate, OrderEstimateRequest, RequestRejected
from venuewire.model.terms import NANOS_PER_SECOND, ExecType, OrdType, Side
from venuewire.venue import Answer, Fetch, Habit, Request
from venuewire.venues.coinbase.initiator.answers import request_rejected

ENUMS = Path(__file__).parents[3] / ".." / "shared" / "spec" / "samples" / "coinbase" / "enums_rest.json"
NEW = NewOrder(
    symbol="BTC-USD", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty="1", price="60000", cl_ord_id="7", ref="1"
)
EDIT = ReplaceOrder(
    symbol="BTC-USD",
    side=Side.BUY,
    ord_type=OrdType.LIMIT,
    order_id="5",
    orig_cl_ord_id="7",
    cl_ord_id="8",
    order_qty="1",
    price="60000",
    ref="1",
)
CANCEL = CancelOrder(symbol="BTC-USD", side=Side.BUY, ord_type=OrdType.LIMIT, order_id="5", orig_cl_ord_id="7", ref="1")


def reasons(kind: str) -> list[str]:
    if not ENUMS.exists():
        pytest.skip("the venue's samples are not beside this checkout: shared/spec/samples/coinbase")
    return list(json.loads(ENUMS.read_text(encoding="utf-8"))[kind])


def refused(line: ClientLine, command: Command, wish: str) -> Event:
    """What our end makes of a refusal that the request asks the sandbox for."""
    (fetch,) = line.initiator.send(command, line.world.now)
    assert isinstance(fetch, Fetch)
    headers = {**fetch.headers, "x-sandbox": wish}
    request = Request(method=fetch.method, path=fetch.path, headers=headers, body=fetch.body, host=REST_HOST)
    answer = line.world.host.serve(request, line.world.now)
    line.world.now += NANOS_PER_SECOND // 20
    assert answer.status == 200
    (event,) = line.initiator.answered(fetch, answer, line.world.now)
    assert isinstance(event, (ExecutionReport, CancelReject, OrderEstimate))
    return event


@pytest.mark.parametrize("kind", ["new_order_failure_reason", "preview_failure_reason"])
def test_every_reason_not_to_take_an_order_arrives_as_it_is(kind: str) -> None:
    _, user = logged_on(World())
    told = {reason: refused(user, NEW, f"PostOrder_{reason}") for reason in reasons(kind)}
    for reason, event in told.items():
        assert isinstance(event, ExecutionReport)
        assert (event.exec_type, event.cl_ord_id, event.ref) == (ExecType.REJECTED, "7", "1")
        assert event.ord_rej_reason is not None
        assert event.code == reason or reason.startswith("UNKNOWN")
    assert user.world.host.port(user.world.stage.account).orders(working=False) == []


def test_every_reason_not_to_edit_or_cancel_arrives_as_it_is() -> None:
    _, user = logged_on(World())
    for kind, command, operation in (
        ("edit_failure_reason", EDIT, "EditOrder"),
        ("cancel_failure_reason", CANCEL, "CancelOrders"),
    ):
        for reason in reasons(kind):
            event = refused(user, command, f"{operation}_{reason.lower()}")
            assert isinstance(event, CancelReject)
            assert (event.order_id, event.ref, event.is_replace) == ("5", "1", command is EDIT)
            assert event.code == reason or reason.startswith("UNKNOWN")


@pytest.mark.parametrize(
    ("command", "wish", "code"),
    [
        (NEW, "PostOrder_insufficient_fund", "INSUFFICIENT_FUND"),
        (CANCEL, "CancelOrders_failure", "UNKNOWN_CANCEL_ORDER"),
        (EDIT, "EditOrder_failure", "ORDER_NOT_FOUND"),
    ],
)
def test_the_venue_s_own_wishes_are_known(command: Command, wish: str, code: str) -> None:
    _, user = logged_on(World())
    assert getattr(refused(user, command, wish), "code", "") == code


def test_previews_may_be_refused_likewise() -> None:
    world = World()
    _, user = logged_on(world)
    event = refused(user, OrderEstimateRequest(order=NEW, ref="1"), "PreviewOrder_insufficient_fund")
    assert isinstance(event, OrderEstimate)
    assert (event.accepted, event.text) == (False, "PREVIEW_INSUFFICIENT_FUND")


@pytest.mark.parametrize("wish", ["", "PostOrder", "CancelOrders_failure", "PostOrder_no such reason", "PostOrder_;"])
def test_other_wishes_change_nothing(wish: str) -> None:
    _, user = logged_on(World())
    event = refused(user, NEW, wish)
    assert isinstance(event, ExecutionReport)
    assert event.exec_type is ExecType.PENDING_NEW


# --------------------------------------------------------------------------- limits


def test_eight_dials_a_second_when_they_are_counted() -> None:
    world = World()
    world.host.afflict(Habit("count_lines"), world.now)
    answers = [world.host.accept("ws").handshake({}, world.now) for _ in range(9)]
    assert [refusal.status if refusal else 0 for refusal in answers] == [0] * 8 + [429]
    world.now += NANOS_PER_SECOND
    assert world.host.accept("user_ws").handshake({}, world.now) is None


def test_eight_messages_a_second_without_a_token_and_any_number_with_one() -> None:
    world = World()
    world.host.afflict(Habit("count_lines"), world.now)
    line = RawLine(world)
    for _ in range(20):
        line.subscribe("ticker", "BTC-USD")
    for _ in range(8):
        line.subscribe("ticker", "BTC-USD", jwt="")
    assert line.close is None
    line.subscribe("ticker", "BTC-USD", jwt="")
    assert line.close is not None
    assert line.close.code == 1008


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [("", 1), ("1777863731", 10), ("0", 1), ("9" * 11, 60), ("soon", 1)],
)
def test_after_429_the_header_says_how_long_to_wait(reset: str, seconds: int) -> None:
    now = 1_777_863_721 * NANOS_PER_SECOND
    fetch: Any = Fetch(method="GET", path="/api/v3/brokerage/accounts", ref="1", kind="accounts")
    told = request_rejected(fetch, Answer(429, b"{}", {"x-ratelimit-reset": reset} if reset else {}), now)
    assert isinstance(told, RequestRejected)
    assert told.retry_after == seconds * NANOS_PER_SECOND
