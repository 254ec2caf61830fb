"""The venue's end of `/cws`, as any client meets it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.unit.alor.rig import Venue, Wire, row
from tests.watching import commands_at

from venuewire.model.orders import CancelOrder, NewOrder, ReplaceOrder
from venuewire.model.terms import OrdStatus, OrdType, Side, TimeInForce
from venuewire.venue import Close, ExpireGrants, Habit, Maintenance, RevokeGrants, SkipSequence, Throttle

SECOND = 10**9


@pytest.fixture
def venue() -> Venue:
    venue = Venue()
    venue.quote("257.70", Side.BUY, 100)
    venue.quote("257.71", Side.SELL, 100)
    return venue


@pytest.fixture
def wire(venue: Venue) -> Wire:
    """Authorised."""
    wire = Wire(venue, "cws")
    authorize(wire)
    return wire


_numbers = iter(range(10**6))


def guid() -> str:
    return f"guid-{next(_numbers)}"


def authorize(wire: Wire, token: str | None = None) -> dict[str, Any]:
    message = {"opcode": "authorize", "guid": guid(), "token": wire.venue.token() if token is None else token}
    (answer,) = wire.say(message)
    return answer


def create(venue: Venue, word: str = "limit", **more: Any) -> dict[str, Any]:
    price = {"price": 257.5} if word == "limit" else {}
    return {
        "opcode": f"create:{word}",
        "guid": guid(),
        "side": "buy",
        "quantity": 2,
        **price,
        "instrument": {"symbol": "SBER", "exchange": "MOEX"},
        "comment": "a remark",
        "user": {"portfolio": venue.portfolio},
        **more,
    }


def delete(venue: Venue, order_id: Any, **more: Any) -> dict[str, Any]:
    return {
        "opcode": "delete:limit",
        "guid": guid(),
        "orderId": order_id,
        "exchange": "MOEX",
        "user": {"portfolio": venue.portfolio},
        **more,
    }


# --------------------------------------------------------------------------- the pages' own messages


def test_the_pages_own_authorize_gets_the_documented_answer(venue: Venue) -> None:
    """Seed 000, with a token that is good."""
    wire = Wire(venue, "cws")
    printed = {
        "opcode": "authorize",
        "guid": "c328fcf1-e495-408a-a0ed-e20f95d6b813",
        "token": venue.token(),
    }
    assert wire.raw(printed) == [
        (
            b'{"requestGuid":"c328fcf1-e495-408a-a0ed-e20f95d6b813","httpCode":200,'
            b'"message":"The connection has been initialized."}'
        )
    ]


def test_the_pages_own_authorize_with_its_own_token_is_refused(venue: Venue) -> None:
    wire = Wire(venue, "cws")
    printed = {"opcode": "authorize", "guid": "c328fcf1-e495-408a-a0ed-e20f95d6b813", "token": "eyJhbGciOiJ..."}
    assert wire.raw(printed) == [
        b'{"requestGuid":"c328fcf1-e495-408a-a0ed-e20f95d6b813","httpCode":401,"message":"Invalid JWT token!"}'
    ]


def test_the_pages_own_market_order_gets_the_documented_answer(venue: Venue, wire: Wire) -> None:
    """Seed 003, with a portfolio that exists: `board` at the root, a comment in words."""
    printed = {
        "opcode": "create:market",
        "guid": "c328fcf1-e495-408a-a0ed-e20f95d6b813",
        "side": "buy",
        "quantity": 1,
        "instrument": {"symbol": "SBER", "exchange": "MOEX"},
        "comment": "First order",
        "board": "TQBR",
        "user": {"portfolio": venue.portfolio},
        "checkDuplicates": True,
    }
    (answer,) = wire.raw(printed)
    (order,) = venue.exchange.port(venue.portfolio).orders(working=False)
    assert answer == (
        b'{"requestGuid":"c328fcf1-e495-408a-a0ed-e20f95d6b813","httpCode":200,'
        b'"message":"An order \'%(id)s\' has been created.","orderNumber":"%(id)s"}' % {b"id": order.order_id.encode()}
    )
    assert row(order.ord_status, order.cum_qty) == (OrdStatus.FILLED, 10)


# --------------------------------------------------------------------------- orders


def test_a_limit_order_is_placed_changed_and_deleted(venue: Venue, wire: Wire) -> None:
    with commands_at(venue.exchange.port(venue.portfolio)) as seen:
        (created,) = wire.say(create(venue, comment="501"))
        first = created["orderNumber"]
        assert created["message"] == f"An order '{first}' has been created."
        update = {
            **create(venue, comment="502", price="257.6", quantity="3"),
            "opcode": "UPDATE:limit",
            "orderId": first,
        }
        (updated,) = wire.say(update)
        second = updated["orderNumber"]
        assert second != first
        assert updated["message"] == f"An order has been updated. New order Id is '{second}'."
        (deleted,) = wire.say(delete(venue, int(second)))
        assert deleted["message"] == f"An order '{second}' has been deleted."
        assert deleted["orderNumber"] == second
    new, replace, cancel = seen
    assert new == NewOrder(
        symbol="MOEX:SBER",
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_qty=20,
        price="257.5",
        time_in_force=TimeInForce.DAY,
        cl_ord_id="501",
        account=venue.portfolio,
        ref=new.ref,
    )
    assert replace == ReplaceOrder(
        symbol="MOEX:SBER",
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_id=first,
        orig_cl_ord_id="501",
        cl_ord_id="502",
        order_qty=30,
        price="257.6",
        account=venue.portfolio,
        ref=replace.ref,
    )
    assert cancel == CancelOrder(
        symbol="MOEX:SBER",
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        order_id=second,
        orig_cl_ord_id="502",
        account=venue.portfolio,
        ref=cancel.ref,
    )


def test_what_an_update_does_is_told_on_ws(venue: Venue, wire: Wire) -> None:
    told = Wire(venue, "ws")
    subscribe = {
        "opcode": "OrdersGetAndSubscribeV2",
        "portfolio": venue.portfolio,
        "exchange": "MOEX",
        "guid": "o",
        "token": venue.token(),
    }
    told.say(subscribe)
    (created,) = wire.say(create(venue))
    (updated,) = wire.say({**create(venue, quantity=5), "opcode": "update:limit", "orderId": created["orderNumber"]})
    orders = [frame["data"] for frame in told.news()]
    assert [(o["id"], o["status"], o["qtyBatch"]) for o in orders] == [
        (created["orderNumber"], "working", 2),
        (created["orderNumber"], "canceled", 2),
        (updated["orderNumber"], "working", 5),
    ]
    assert {o["comment"] for o in orders} == {"a remark"}
    assert {o["timeInForce"] for o in orders} == {"oneday"}


def test_comments_may_repeat(venue: Venue, wire: Wire) -> None:
    for _ in range(3):
        assert wire.say(create(venue, comment="7"))[0]["httpCode"] == 200
    assert len(venue.exchange.port(venue.portfolio).orders()) == 3


def test_a_passive_order_that_would_trade_is_refused(venue: Venue, wire: Wire) -> None:
    (answer,) = wire.say(create(venue, price=257.71, timeInForce="BookOrCancel"))
    assert (answer["httpCode"], answer["message"]) == (400, "Order was canceled before it was posted")
    assert wire.say(create(venue, price=257.7, timeInForce="bookorcancel"))[0]["httpCode"] == 200


def test_a_token_in_a_command_is_tolerated(venue: Venue, wire: Wire) -> None:
    assert wire.say(create(venue, token="x", allowMargin="true", icebergFixed=None))[0]["httpCode"] == 200


# --------------------------------------------------------------------------- refusals by the trading system: it goes on


@pytest.mark.parametrize(
    ("more", "code", "text"),
    [
        ({"price": 257.505}, 400, "Minimum price step: 0.01"),
        ({"price": 1000}, 400, "can not be greater than"),
        ({"price": 1}, 400, "can not be less than"),
        ({"quantity": 100_000_000}, 400, "Нехватка средств по лимитам клиента"),
        ({"side": "sell", "quantity": 100_000}, 400, "Нехватка средств по лимитам клиента"),
        ({"instrument": {"symbol": "NONE", "exchange": "MOEX"}}, 400, "Неизвестный инструмент"),
        ({"board": "SMAL"}, 400, "Неизвестный инструмент"),
        ({"timeInForce": "goodtillcancelled"}, 400, "BAD_FLAGS"),
        ({"icebergFixed": 1, "icebergVariance": 5}, 400, "BAD_FLAGS"),
        ({"user": {"portfolio": "maker"}}, 403, "Forbidden"),
        ({"opcode": "update:limit", "orderId": "999"}, 400, "Order to cancel not found"),
        ({"opcode": "delete:limit", "orderId": "999", "exchange": "MOEX"}, 400, "Order to cancel not found"),
    ],
)
def test_a_rejection_leaves_the_connection_open(
    venue: Venue, wire: Wire, more: dict[str, Any], code: int, text: str
) -> None:
    (answer,) = wire.say(create(venue, **more))
    assert answer["httpCode"] == code
    assert text in answer["message"]
    assert "orderNumber" not in answer
    assert wire.ended is None
    assert venue.exchange.port(venue.portfolio).orders(working=False) == []


def test_it_ends_the_connection_where_that_is_switched_on(venue: Venue, wire: Wire) -> None:
    venue.host.switches.close_on_rejection = True
    wire.say(create(venue, price=257.505))
    assert wire.ended == Close(1008)


def test_an_order_that_is_done_is_not_found(venue: Venue, wire: Wire) -> None:
    (created,) = wire.say(create(venue, "market"))
    (answer,) = wire.say(delete(venue, created["orderNumber"], opcode="delete:market"))
    assert (answer["httpCode"], answer["message"]) == (400, "Order to cancel not found")


# --------------------------------------------------------------------------- syntax and values: it ends


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"quantity": 0}, "Invalid or unsupported quantity"),
        ({"quantity": -1}, "Invalid or unsupported quantity"),
        ({"quantity": 2**31}, "Invalid or unsupported quantity"),
        ({"quantity": 1.5}, "Provided json"),
        ({"quantity": "many"}, "Provided json"),
        ({"side": "hold"}, "Provided json"),
        ({"price": 0}, "Price may not be 0 for a limit order"),
        ({"price": "NaN"}, "Provided json"),
        ({"price": None}, "Provided json"),
        ({"instrument": "SBER"}, "Provided json"),
        ({"instrument": {"symbol": "SBER", "exchange": "NYSE"}}, "Provided json"),
        ({"timeInForce": "forever"}, "Provided json"),
        ({"comment": "x" * 101}, "Provided json"),
        ({"opcode": "create:teleport"}, "Provided json"),
        ({"opcode": "update:limit"}, "Provided json"),
    ],
)
def test_bad_values_end_the_connection(venue: Venue, wire: Wire, more: dict[str, Any], text: str) -> None:
    message = create(venue, **more)
    (answer,) = wire.say(message)
    assert (answer["requestGuid"], answer["httpCode"]) == (message["guid"], 400)
    assert answer["message"].startswith(text)
    assert wire.ended == Close(1008)


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"null", b"\xff", b'{"opcode":"authorize"}', b"[" * 5000])
def test_bad_syntax_ends_the_connection(wire: Wire, payload: bytes) -> None:
    (answer,) = wire.say(payload)
    assert (answer["requestGuid"], answer["httpCode"]) == ("", 400)
    assert wire.ended == Close(1008)


def test_it_stays_open_where_that_is_switched_off(venue: Venue, wire: Wire) -> None:
    venue.host.switches.close_on_bad_values = False
    assert wire.say(create(venue, quantity=0))[0]["httpCode"] == 400
    assert wire.ended is None


# --------------------------------------------------------------------------- guids


def test_a_repeated_guid_is_refused_and_ends_the_connection(venue: Venue, wire: Wire) -> None:
    message = create(venue)
    assert wire.say(message)[0]["httpCode"] == 200
    (answer,) = wire.say(message)
    assert answer == {
        "requestGuid": message["guid"],
        "httpCode": 400,
        "message": "Request with such guid was already handled.",
    }
    assert wire.ended == Close(1008)
    assert len(venue.exchange.port(venue.portfolio).orders()) == 1


def test_the_guid_rule_holds_over_all_opcodes_and_forms(venue: Venue) -> None:
    wire = Wire(venue, "cws")
    token = venue.token()
    assert wire.say({"opcode": "authorize", "guid": 12, "token": token})[0]["requestGuid"] == "12"
    assert wire.say({"opcode": "ping", "guid": "12", "confirm": True})[0]["httpCode"] == 400
    assert wire.ended is not None


def test_a_guid_may_be_used_on_another_connection(venue: Venue, wire: Wire) -> None:
    message = create(venue)
    other = Wire(venue, "cws")
    authorize(other)
    assert [w.say(message)[0]["httpCode"] for w in (wire, other)] == [200, 200]


def test_like_commands_are_refused_where_the_window_is_switched_on(venue: Venue, wire: Wire) -> None:
    assert [wire.say(create(venue))[0]["httpCode"] for _ in range(2)] == [200, 200]
    venue.host.switches.duplicate_window = SECOND
    venue.now += 10 * SECOND
    assert wire.say(create(venue))[0]["httpCode"] == 200
    (answer,) = wire.say(create(venue))
    assert (answer["httpCode"], answer["message"]) == (400, "Duplicate command")
    assert wire.say(create(venue, quantity=3))[0]["httpCode"] == 200
    assert wire.say(create(venue, checkDuplicates=False))[0]["httpCode"] == 200
    venue.now += 2 * SECOND
    assert wire.say(create(venue))[0]["httpCode"] == 200


# --------------------------------------------------------------------------- authorisation


def test_before_authorize_a_command_is_refused(venue: Venue) -> None:
    wire = Wire(venue, "cws")
    (answer,) = wire.say(create(venue))
    assert (answer["httpCode"], answer["message"]) == (401, "Invalid JWT token!")
    assert wire.ended is None
    assert wire.end.account is None
    assert authorize(wire)["httpCode"] == 200
    assert wire.end.account == venue.portfolio


def test_ping_needs_no_authorisation(venue: Venue) -> None:
    wire = Wire(venue, "cws")
    assert wire.say({"opcode": "ping", "guid": "p", "confirm": True})[0]["message"] == "Handled successfully"


def test_after_the_token_has_ended_commands_are_refused_until_authorized_again(venue: Venue, wire: Wire) -> None:
    venue.now += 1800 * SECOND - 1
    assert wire.say(create(venue))[0]["httpCode"] == 200
    venue.now += 1
    assert wire.say(create(venue))[0]["httpCode"] == 401
    assert wire.ended is None
    assert authorize(wire)["httpCode"] == 200
    assert wire.say(create(venue))[0]["httpCode"] == 200


def test_the_time_of_the_token_counts_not_of_the_connection(venue: Venue) -> None:
    token = venue.token()
    venue.now += 1700 * SECOND
    wire = Wire(venue, "cws")
    authorize(wire, token)
    venue.now += 101 * SECOND
    assert wire.say(create(venue))[0]["httpCode"] == 401
    assert authorize(wire, token)["httpCode"] == 401


def test_after_the_token_has_ended_the_line_may_just_be_cut(venue: Venue, wire: Wire) -> None:
    venue.host.switches.reset_on_expiry = True
    venue.now += 1801 * SECOND
    assert wire.say({"opcode": "ping", "guid": guid()})[0]["httpCode"] == 200
    assert wire.say(create(venue)) == []
    assert wire.ended is not None
    assert wire.ended.code == 1006
    assert venue.exchange.port(venue.portfolio).orders() == []


def test_a_narrowed_token_speaks_for_its_portfolios_only(venue: Venue) -> None:
    token = venue.host.issue(venue.refresh_token, ["D1"], venue.now)
    wire = Wire(venue, "cws")
    assert authorize(wire, token)["httpCode"] == 200
    assert wire.say(create(venue))[0]["httpCode"] == 403


def test_closing_the_connection_leaves_orders_standing(venue: Venue, wire: Wire) -> None:
    wire.say(create(venue))
    wire.end.closed(venue.now)
    assert len(venue.exchange.port(venue.portfolio).orders()) == 1


# --------------------------------------------------------------------------- what the sandbox can be made to suffer


def test_every_habit_can_be_switched_on_and_off(venue: Venue) -> None:
    before = msgspec.structs.astuple(venue.host.switches)
    for name, sentence in venue.host.habits.items():
        assert sentence.endswith(".")
        assert venue.host.afflict(Habit(name), venue.now)
        assert msgspec.structs.astuple(venue.host.switches) != before
        assert venue.host.afflict(Habit(name, on=False), venue.now)
        assert msgspec.structs.astuple(venue.host.switches) == before
    assert not venue.host.afflict(Habit("sing"), venue.now)


def test_tokens_may_be_ended_before_their_time(venue: Venue, wire: Wire) -> None:
    assert venue.host.afflict(ExpireGrants(), venue.now)
    assert wire.say(create(venue))[0]["httpCode"] == 401
    assert authorize(wire)["httpCode"] == 200
    assert wire.say(create(venue))[0]["httpCode"] == 200


def test_requests_may_be_too_many_for_a_while(venue: Venue, wire: Wire) -> None:
    assert venue.host.afflict(Throttle(venue.now + SECOND), venue.now)
    assert venue.get("/md/v2/time").status == 429
    assert venue.ask("POST", f"/refresh?token={venue.refresh_token}").status == 429
    assert wire.say(create(venue))[0]["httpCode"] == 429
    venue.now += SECOND
    assert venue.get("/md/v2/time").status == 200


def test_a_hundred_requests_a_second_over_both_ways_together(venue: Venue, wire: Wire) -> None:
    token = venue.token()
    for _ in range(60):
        assert venue.get("/md/v2/time", token).status == 200
    codes = [wire.say(create(venue))[0] for _ in range(41)]
    assert [reply["httpCode"] for reply in codes] == [200] * 40 + [429]
    assert codes[-1]["message"] == "Too Many Requests"
    assert venue.get("/md/v2/time", token).status == 429
    assert wire.ended is None
    # What keeps the line alive is not counted.
    assert wire.say({"opcode": "ping", "guid": guid(), "confirm": True})[0]["httpCode"] == 200
    assert authorize(wire)["httpCode"] == 200
    venue.now += SECOND
    assert wire.say(create(venue))[0]["httpCode"] == 200


@pytest.mark.parametrize("affliction", [SkipSequence(), RevokeGrants(), Maintenance(1)])
def test_what_the_venue_does_not_have_it_says_so(venue: Venue, wire: Wire, affliction: Any) -> None:
    assert not venue.host.afflict(affliction, venue.now)
    assert wire.say(create(venue))[0]["httpCode"] == 200


def test_a_revoked_refresh_token_ends_what_cws_may_do(venue: Venue, wire: Wire) -> None:
    venue.host.refresh_tokens.clear()
    assert wire.say(create(venue))[0]["httpCode"] == 401
