"""What a guard is told: whole, in any order with what the venue says, and never a token that works once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from venuewire import errors
from venuewire.client import connect
from venuewire.client.guard_channel import (
    LONGEST,
    VERSION,
    Armed,
    Beat,
    Charge,
    Lines,
    Noted,
    Settled,
    Tokens,
    as_it_stands,
    credentials_of,
    line,
    noted,
    plain_settings,
    read_at_client,
    read_at_guard,
    values_of,
)
from venuewire.client.guarding import Guard
from venuewire.guard.charges import Charges
from venuewire.model.orders import ExecutionReport, NewOrder, ReplaceOrder
from venuewire.model.session import Secret
from venuewire.model.terms import ExecType, OrdStatus, OrdType, Side
from venuewire.orders import Blotter
from venuewire.sandbox import MemorySandbox
from venuewire.venues import find, names


def new(cl_ord_id: str = "1", **terms: Any) -> NewOrder:
    return NewOrder(
        symbol="S", side=Side.BUY, ord_type=OrdType.LIMIT, order_qty="2", price="10.5", cl_ord_id=cl_ord_id, **terms
    )


def report(**terms: Any) -> ExecutionReport:
    given = {"symbol": "S", "exec_type": ExecType.NEW, "ord_status": OrdStatus.NEW, "side": Side.BUY, **terms}
    return ExecutionReport(**given)


@pytest.mark.parametrize("venue", names())
def test_credentials_arrive_as_they_were_but_for_what_works_once(venue: str) -> None:
    found, given = find(venue), MemorySandbox((venue,)).credentials(venue)
    sent = read_at_guard(line(Tokens(values_of(found, given))))
    assert isinstance(sent, Tokens)
    got = credentials_of(found, sent.values, given.endpoints, given.ca)
    blank = {name: Secret("") for name in found.single_use}
    assert got == structs.replace(given, **blank)


@pytest.mark.parametrize("venue", names())
def test_no_record_shows_a_secret(venue: str) -> None:
    found, given = find(venue), MemorySandbox((venue,)).credentials(venue)
    values = values_of(found, given)
    charge = Charge(version=VERSION, venue=venue, pid=1, values=values, endpoints={}, ca="", silence=1.0, within=1.0)
    secrets = [getattr(given, name) for name in given.__struct_fields__ if isinstance(getattr(given, name), Secret)]
    assert any(secrets)
    shown = repr(charge) + str(Tokens(values))
    assert not [secret for secret in secrets if secret and secret.reveal() in shown]


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"type":"Beat"}', b'{"type":"Hello","secret":"abc"}', b"\xff"])
def test_damage_is_told_without_what_it_held(payload: bytes) -> None:
    for read in (read_at_guard, read_at_client):
        with pytest.raises(errors.RemoteProtocolError) as caught:
            read(payload)
        assert "abc" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_lines_come_in_any_pieces() -> None:
    payload = line(Beat(1)) + line(Armed()) + line(Beat(2))
    for size in range(1, len(payload) + 1):
        lines = Lines()
        whole = [it for at in range(0, len(payload), size) for it in lines.take(payload[at : at + size])]
        assert [it + b"\n" for it in whole] == [line(Beat(1)), line(Armed()), line(Beat(2))]
    with pytest.raises(errors.RemoteProtocolError, match="too long"):
        Lines().take(bytes(LONGEST + 1))


def test_settings_that_are_functions_stay_at_home() -> None:
    assert plain_settings({"a": 1, "b": "x", "store": print, "c": ["y"]}) == {"a": 1, "b": "x", "c": ["y"]}


@pytest.mark.parametrize("given", [{"silence": 0}, {"within": 0}, {"silence": 4000}])
def test_a_guard_that_can_do_nothing_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="seconds"):
        Guard(**given)


def test_what_is_told_becomes_ours_and_nothing_else_does() -> None:
    blotter = Blotter()
    charges = Charges(blotter)
    blotter.apply(report(order_id="other"))
    charges.take(noted(new()), 1)
    charges.take(noted(report(order_id="a", cl_ord_id="1")), 2)
    assert [(order.order_id, order.ours) for order in blotter] == [("other", False), ("a", True)]
    assert len(charges) == 1
    [mine] = [order for order in blotter if order.ours]
    assert (mine.order_qty, mine.price) == (Decimal(2), Decimal("10.5"))


def test_the_venue_may_be_quicker_than_the_client() -> None:
    blotter = Blotter()
    charges = Charges(blotter)
    blotter.apply(report(order_id="a", cl_ord_id="1"))
    charges.take(noted(new()), 1)
    [order] = blotter
    assert (order.ours, order.order_id, order.status) == (True, "a", OrdStatus.NEW)


def test_what_was_under_way_when_the_client_went_is_not_known() -> None:
    blotter = Blotter()
    charges = Charges(blotter)
    charges.take(noted(new("1")), 1)
    charges.take(noted(new("2")), 1)
    charges.settle(Settled("2", "never left", sent=False), 2)
    charges.bereave("it was killed", 3)
    assert {order.cl_ord_id: order.status for order in blotter} == {
        "1": OrdStatus.OUTCOME_UNKNOWN,
        "2": OrdStatus.REJECTED,
    }
    assert len(charges) == 1


def test_a_replacement_under_way_is_the_same_order_under_its_new_id() -> None:
    blotter = Blotter()
    charges = Charges(blotter)
    charges.take(noted(new("1")), 1)
    charges.take(noted(report(order_id="a", cl_ord_id="1")), 2)
    replacement = ReplaceOrder(
        symbol="S", side=Side.BUY, ord_type=OrdType.LIMIT, order_id="a", orig_cl_ord_id="1", cl_ord_id="2", price=11
    )
    charges.take(noted(replacement), 3)
    charges.bereave("it was killed", 4)
    blotter.apply(report(order_id="b", cl_ord_id="2"))
    [order] = blotter
    assert (order.ours, order.order_id) == (True, "b")


def test_an_order_is_handed_over_as_it_stands() -> None:
    ours = Blotter()
    order = ours.place(new("1"), 1)
    ours.apply(report(order_id="a", cl_ord_id="1"))
    unsure = ours.place(new("2"), 2)
    ours.in_doubt(unsure, "no answer", 3)
    theirs = Blotter()
    charges = Charges(theirs)
    for note in (*as_it_stands(order), *as_it_stands(unsure)):
        sent = read_at_guard(line(note))
        assert isinstance(sent, Noted)
        charges.take(sent, 4)
    charges.bereave("it was killed", 5)
    assert [(it.order_id, it.cl_ord_id, it.status, it.ours) for it in theirs] == [
        ("a", "1", OrdStatus.NEW, True),
        ("", "2", OrdStatus.OUTCOME_UNKNOWN, True),
    ]


def test_a_guard_cannot_come_into_a_simulated_network() -> None:
    venue = names()[0]
    sandbox = MemorySandbox((venue,))
    with pytest.raises(errors.ConfigError, match="simulated"):
        connect(venue, sandbox.credentials(venue), network=sandbox.network(), guard=Guard())
