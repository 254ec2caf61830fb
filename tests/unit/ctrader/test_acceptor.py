"""The venue's end towards any program: stages, errors, limits, timers, and the guide's own messages."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ctrader.ends import SECOND, Client, Line, Sandbox

from venuewire.errors import LogonRejected
from venuewire.model.session import GrantInvalidated
from venuewire.model.terms import Side
from venuewire.venue import Close, ExpireGrants, Habit, Maintenance, RevokeGrants, SkipSequence, Throttle
from venuewire.venues.ctrader.acceptor.tokens import LIFE_SECONDS, Granted
from venuewire.venues.ctrader.wire.table import REQUESTS


def error(said: list[dict[str, Any]]) -> tuple[int, str, str]:
    (message,) = said
    body = message["payload"]
    return message["payloadType"], body["errorCode"], body["description"]


def line() -> Line:
    return Sandbox().line()


def authorised() -> Line:
    return line().authorise()


def test_the_guides_application_program_sends_no_id_and_gets_no_payload() -> None:
    """Seed program one, message by message, as `json.dumps` writes it."""
    raw = line()
    credentials = raw.sandbox.stage.credentials
    message = {
        "payloadType": 2100,
        "payload": {"clientId": credentials["clientId"], "clientSecret": credentials["clientSecret"]},
    }
    raw.send(json.dumps(message).encode())
    assert raw.raw == [b'{"payloadType":2101}']


def test_the_guides_account_program() -> None:
    """Seed program two: both steps, with the keys of its credentials file."""
    raw = line()
    creds = json.loads(json.dumps(raw.sandbox.stage.credentials))
    first = {"payloadType": 2100, "payload": {"clientId": creds["clientId"], "clientSecret": creds["clientSecret"]}}
    second = {
        "payloadType": 2102,
        "payload": {"ctidTraderAccountId": creds["accountId"], "accessToken": creds["accessToken"]},
    }
    assert [answer["payloadType"] for answer in raw.send(json.dumps(first).encode())] == [2101]
    assert raw.send(json.dumps(second).encode()) == [
        {"payloadType": 2103, "payload": {"ctidTraderAccountId": creds["accountId"]}}
    ]


def test_before_the_application_only_four_messages_are_heard() -> None:
    raw = line()
    assert raw.ask(51) == []
    assert raw.ask(51, {}) == []
    assert raw.ask(2104, mid="v") == [{"payloadType": 2105, "payload": {"version": "91"}, "clientMsgId": "v"}]
    assert error(raw.ask(2173, {"refreshToken": "x"}))[1] == "CH_ACCESS_TOKEN_INVALID"
    for kind in (*(number for number in REQUESTS if number not in {51, 2100, 2104, 2173}), 2137, 9999):
        assert error(raw.ask(int(kind), {}))[:2] == (2142, "CH_CLIENT_NOT_AUTHENTICATED")


def test_before_the_account_nothing_of_the_account_is_heard() -> None:
    raw = line()
    credentials = raw.sandbox.stage.credentials
    secret = {"clientId": credentials["clientId"], "clientSecret": credentials["clientSecret"]}
    assert error(raw.ask(2100, {**secret, "clientSecret": "x"}, "1")) == (
        2142,
        "CH_CLIENT_AUTH_FAILURE",
        "clientId or clientSecret is incorrect",
    )
    raw.ask(2100, secret)
    assert error(raw.ask(2100, secret))[1] == "CH_CLIENT_ALREADY_AUTHENTICATED"
    assert raw.ask(2149, {"accessToken": credentials["accessToken"]})[0]["payload"]["ctidTraderAccount"] == [
        {"ctidTraderAccountId": number, "isLive": is_live, "traderLogin": number % 10_000_000}
        for number, is_live in enumerate((False, False, True), raw.sandbox.account_id)
    ]
    elsewhere = {"ctidTraderAccountId": raw.sandbox.account_id + 2, "accessToken": credentials["accessToken"]}
    assert error(raw.ask(2102, elsewhere))[1] == "CANT_ROUTE_REQUEST"
    for kind, more in ((2121, {}), (2124, {}), (2127, {"symbolId": 1}), (2108, {"orderId": 1}), (2162, {})):
        assert error(raw.ask(kind, raw.of(**more)))[:2] == (2142, "ACCOUNT_NOT_AUTHORIZED")
    assert error(raw.ask(2102, raw.of(accessToken="x")))[1] == "CH_ACCESS_TOKEN_INVALID"
    other = {"ctidTraderAccountId": 5, "accessToken": credentials["accessToken"]}
    assert error(raw.ask(2102, other))[1] == "CH_CTID_TRADER_ACCOUNT_NOT_FOUND"
    assert raw.ask(2102, raw.of(accessToken=credentials["accessToken"]))[0]["payloadType"] == 2103
    assert error(raw.ask(2102, raw.of(accessToken=credentials["accessToken"])))[1] == "ALREADY_LOGGED_IN"
    assert error(raw.ask(2121, {"ctidTraderAccountId": 5}))[1] == "ACCOUNT_NOT_AUTHORIZED"


def test_an_expired_token_says_so() -> None:
    sandbox = Sandbox()
    sandbox.line()
    sandbox.now += LIFE_SECONDS * SECOND
    raw = sandbox.line()
    credentials = sandbox.stage.credentials
    raw.ask(2100, {"clientId": credentials["clientId"], "clientSecret": credentials["clientSecret"]})
    said = raw.ask(2102, raw.of(accessToken=credentials["accessToken"]), "7")
    assert error(said) == (2142, "CH_ACCESS_TOKEN_INVALID", "Access token expired")
    assert said[0]["clientMsgId"] == "7"


def test_a_token_that_ends_under_a_living_line_ends_its_session() -> None:
    raw = authorised()
    sandbox = raw.sandbox
    sandbox.now += LIFE_SECONDS * SECOND - 20 * SECOND
    raw.ask(51)
    said = raw.wait(25)
    assert [message["payloadType"] for message in said if message["payloadType"] != 51] == [2147, 2164]
    assert said[-1]["payload"] == {"ctidTraderAccountId": sandbox.account_id}
    assert error(raw.ask(2121, raw.of()))[1] == "ACCOUNT_NOT_AUTHORIZED"


@pytest.mark.parametrize(
    ("frame", "place"),
    [
        (b"hello", "1:6"),
        (b'{"a":', "1:6"),
        (b'{"payloadType":2100,}', "1:21"),
        (b"{\n x}", "2:3"),
        (b"", "1:1"),
        (b"\xff", "1:1"),
    ],
)
def test_malformed_text_is_answered_with_its_place(frame: bytes, place: str) -> None:
    raw = line()
    assert error(raw.send(frame)) == (2142, "INVALID_REQUEST", f"Malformed JSON message at {place}")
    assert raw.close is None, "the line stays open"


@pytest.mark.parametrize(
    ("kind", "payload", "field"),
    [
        (2106, {"symbolId": 1, "orderType": 1, "tradeSide": 1}, "volume"),
        (2106, {"symbolId": "x", "orderType": 1, "tradeSide": 1, "volume": 1}, "symbolId"),
        (2127, {}, "symbolId"),
        (2127, {"symbolId": []}, "symbolId"),
        (2108, {}, "orderId"),
    ],
)
def test_a_missing_or_wrong_field_is_named(kind: int, payload: dict[str, Any], field: str) -> None:
    raw = authorised()
    _, code, text = error(raw.ask(kind, raw.of(**payload), "m"))
    assert code == "INVALID_REQUEST"
    assert field in text


def test_what_is_no_message_is_named_too() -> None:
    raw = line()
    assert error(raw.send(b"{}"))[2] == "Message missing required fields: payloadType"
    assert "payloadType" in error(raw.send(b'{"payloadType":"x"}'))[2]
    assert error(raw.send(b"[]"))[1] == "INVALID_REQUEST"


@pytest.mark.parametrize("kind", [2101, 2126, 2138, 2199, 0, -1])
def test_unknown_and_server_only_numbers_are_unsupported(kind: int) -> None:
    assert error(authorised().ask(kind, {}))[1] == "UNSUPPORTED_MESSAGE"


def test_an_id_comes_back_and_where_there_was_none_there_is_none() -> None:
    raw = authorised()
    assert raw.ask(2121, raw.of(), "abc")[0]["clientMsgId"] == "abc"
    assert "clientMsgId" not in raw.ask(2121, raw.of())[0]


def test_more_than_fifty_requests_a_second_are_refused_and_do_not_count() -> None:
    raw = line()
    answers = [raw.ask(2104) for _ in range(53)]
    assert [answer[0]["payloadType"] for answer in answers] == [2105] * 50 + [2142] * 3
    assert error(answers[-1])[1:] == ("REQUEST_FREQUENCY_EXCEEDED", "You have reached the rate limit of requests")
    assert raw.ask(51) == []
    raw.sandbox.now += SECOND
    assert raw.ask(2104)[0]["payloadType"] == 2105


def test_historical_requests_have_their_own_limit() -> None:
    raw = authorised()
    kinds = [raw.ask(2133, raw.of())[0]["payloadType"] for _ in range(5)]
    assert kinds == [2134] * 5
    assert error(raw.ask(2133, raw.of()))[1] == "REQUEST_FREQUENCY_EXCEEDED"
    assert raw.ask(2121, raw.of())[0]["payloadType"] == 2122


def test_a_historical_type_asked_for_too_often_is_blocked_for_a_while() -> None:
    raw = authorised()
    codes = [raw.ask(2137, raw.of(symbolId=1, period="M1", count=1))[0]["payload"].get("errorCode") for _ in range(9)]
    assert codes == [None] * 5 + ["REQUEST_FREQUENCY_EXCEEDED"] * 2 + ["BLOCKED_PAYLOAD_TYPE"] * 2
    assert raw.said[-1]["payload"]["retryAfter"] == 5
    raw.wait(3)
    assert raw.ask(2137, raw.of(symbolId=1, period=1, count=1))[0]["payload"]["retryAfter"] == 2
    assert raw.ask(2133, raw.of())[0]["payloadType"] == 2134
    raw.wait(2)
    assert raw.ask(2137, raw.of(symbolId=1, period=1, count=1))[0]["payloadType"] == 2138


def test_an_idle_line_is_closed_with_bye() -> None:
    raw = authorised()
    raw.wait(29)
    assert raw.close is None
    raw.wait(2)
    assert raw.close == Close(1000, "Bye")
    assert raw.acceptor.next_tick() is None


def test_heartbeats_keep_an_authorised_line_open_and_the_server_beats_too() -> None:
    raw = authorised()
    said: list[dict[str, Any]] = []
    for _ in range(12):
        said += raw.wait(10)
        raw.ask(51)
    assert raw.close is None
    assert said == [{"payloadType": 51}] * 4


def test_without_an_application_heartbeats_do_not_help() -> None:
    raw = line()
    for _ in range(2):
        raw.wait(10)
        raw.ask(51)
    assert raw.close is None
    raw.wait(10)
    assert raw.close == Close(1000, "Bye")


def test_logout_ends_the_account_and_only_that() -> None:
    raw = authorised()
    assert [message["payloadType"] for message in raw.ask(2162, raw.of(), "x")] == [2163, 2164]
    assert "clientMsgId" not in raw.said[-1]
    assert raw.acceptor.account is None
    token = raw.sandbox.stage.credentials["accessToken"]
    assert raw.ask(2102, raw.of(accessToken=token))[0]["payloadType"] == 2103


def test_spots_begin_with_a_technical_event_and_go_on_with_what_changed() -> None:
    raw = authorised()
    raw.sandbox.others(Side.BUY, "5000", "1.148")
    raw.sandbox.others(Side.SELL, "3000", "1.1482")
    said = raw.ask(2127, raw.of(symbolId=1, subscribeToSpotTimestamp=True), "s")
    assert [message["payloadType"] for message in said] == [2128, 2131]
    first = said[1]["payload"]
    assert {key: first[key] for key in ("bid", "ask", "sessionClose")} == {
        "bid": 114_800,
        "ask": 114_820,
        "sessionClose": 114_811,
    }
    assert first["timestamp"] == raw.sandbox.now // 1_000_000
    assert "clientMsgId" not in said[1]
    raw.sandbox.others(Side.SELL, "1000", "1.1481")
    tick = raw.said[-1]
    assert tick["payloadType"] == 2131
    assert (tick["payload"].get("ask"), "bid" in tick["payload"], "sessionClose" in tick["payload"]) == (
        114_810,
        False,
        False,
    )
    count = len(raw.said)
    raw.sandbox.others(Side.SELL, "9000", "1.149")
    assert len(raw.said) == count, "the best prices did not change"
    assert error(raw.ask(2127, raw.of(symbolId=[1]), "s"))[1] == "ALREADY_SUBSCRIBED"
    assert raw.ask(2129, raw.of(symbolId=[1]), "u")[0]["payloadType"] == 2130
    assert raw.ask(2129, raw.of(symbolId=[1]), "u")[0]["payloadType"] == 2130
    raw.sandbox.others(Side.BUY, "1000", "1.1481")
    assert raw.said[-1]["payloadType"] == 2130


def test_depth_needs_spots_and_begins_with_the_whole_book() -> None:
    raw = authorised()
    raw.sandbox.others(Side.BUY, "5000", "1.148")
    assert error(raw.ask(2156, raw.of(symbolId=1)))[1] == "NOT_SUBSCRIBED_TO_SPOTS"
    raw.ask(2127, raw.of(symbolId=1))
    said = raw.ask(2156, raw.of(symbolId=1), "d")
    assert [message["payloadType"] for message in said] == [2157, 2155]
    assert said[1]["payload"] == raw.of(symbolId=1, newQuotes=[{"id": 1, "size": 500_000, "bid": 114_800}])
    raw.sandbox.others(Side.BUY, "1000", "1.148")
    assert raw.said[-1]["payload"]["newQuotes"] == [{"id": 1, "size": 600_000, "bid": 114_800}]
    raw.sandbox.others(Side.SELL, "6000", "1.148")
    depth = [message["payload"] for message in raw.said if message["payloadType"] == 2155]
    assert depth[-1] == raw.of(symbolId=1, deletedQuotes=[1])
    assert error(raw.ask(2156, raw.of(symbolId=1)))[1] == "ALREADY_SUBSCRIBED"
    assert raw.ask(2158, raw.of(symbolId=1))[0]["payloadType"] == 2159
    assert error(raw.ask(2156, raw.of(symbolId=77)))[1:] == ("SYMBOL_NOT_FOUND", "Symbol not found with id 77")


def test_symbols_assets_and_money_are_told_as_recorded() -> None:
    raw = authorised()
    (lights,) = raw.ask(2114, raw.of())
    assert [(row["symbolId"], row["symbolName"]) for row in lights["payload"]["symbol"]] == [
        (1, "EURUSD"),
        (2, "GBPUSD"),
        (7, "EURGBP"),
        (41, "XAUUSD"),
        (275, "US100.cash"),
    ]
    (full,) = raw.ask(2116, raw.of(symbolId=[275, 41]))
    gold = full["payload"]["symbol"][1]
    wanted = {"symbolId": 41, "digits": 2, "lotSize": 10_000, "minVolume": 100, "stepVolume": 100, "maxVolume": 10**9}
    assert {key: gold[key] for key in wanted} == wanted
    (assets,) = raw.ask(2112, raw.of())
    assert {row["assetId"]: row["name"] for row in assets["payload"]["asset"]}[15] == "USD"
    (trader,) = raw.ask(2121, raw.of())
    assert trader["payload"]["trader"]["balance"] == 100_000_000
    assert trader["payload"]["trader"]["moneyDigits"] == 2
    assert "balanceVersion" not in trader["payload"]["trader"]
    assert raw.ask(2124, raw.of())[0]["payload"] == raw.of()
    assert error(raw.ask(2116, raw.of(symbolId=[1, 5])))[1] == "SYMBOL_NOT_FOUND"


def test_a_token_for_viewing_does_not_trade() -> None:
    sandbox = Sandbox()
    raw = sandbox.line()
    accounts = frozenset({sandbox.account_id})
    sandbox.host.tokens.add(
        Granted(access="viewer", refresh="r", accounts=accounts, scope=0, expires_at=sandbox.now + SECOND)
    )
    credentials = sandbox.stage.credentials
    raw.ask(2100, {"clientId": credentials["clientId"], "clientSecret": credentials["clientSecret"]})
    raw.ask(2102, raw.of(accessToken="viewer"))
    order = raw.of(symbolId=1, orderType=1, tradeSide=1, volume=100_000)
    assert error(raw.ask(2106, order))[:2] == (2132, "TRADING_NOT_ALLOWED")
    assert raw.ask(2124, raw.of())[0]["payloadType"] == 2125


# --------------------------------------------------------------------------- the token endpoint


def query(sandbox: Sandbox, **changes: str) -> str:
    credentials = sandbox.stage.credentials
    base = {
        "grant_type": "refresh_token",
        "refresh_token": credentials["refreshToken"],
        "client_id": credentials["clientId"],
        "client_secret": credentials["clientSecret"],
    }
    return urlencode({**base, **changes})


def test_the_token_endpoint_gives_a_new_pair_and_ends_the_sessions_of_the_old() -> None:
    raw = authorised()
    sandbox = raw.sandbox
    status, body = sandbox.serve(query(sandbox))
    assert (status, body["tokenType"], body["expiresIn"], body["errorCode"]) == (200, "bearer", LIFE_SECONDS, None)
    assert (body["access_token"], body["refresh_token"]) == (body["accessToken"], body["refreshToken"])
    assert len(body["accessToken"]) == 43
    due = raw.acceptor.next_tick()
    assert due is not None
    assert due <= sandbox.now, "the line is told at once"
    raw.take(raw.acceptor.tick(sandbox.now))
    assert [message["payloadType"] for message in raw.said[-2:]] == [2147, 2164]
    assert raw.ask(2102, raw.of(accessToken=body["accessToken"]))[0]["payloadType"] == 2103
    status, body = sandbox.serve(query(sandbox))
    assert (status, body["errorCode"]) == (200, "CH_ACCESS_TOKEN_INVALID")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_secret": "x"}, "CH_CLIENT_AUTH_FAILURE"),
        ({"client_id": "x"}, "CH_CLIENT_AUTH_FAILURE"),
        ({"refresh_token": "x"}, "CH_ACCESS_TOKEN_INVALID"),
        ({"refresh_token": ""}, "INVALID_REQUEST"),
        ({"grant_type": "authorization_code"}, "INVALID_REQUEST"),
        ({"grant_type": "password"}, "INVALID_REQUEST"),
    ],
)
def test_the_token_endpoint_refuses_in_its_body(changes: dict[str, str], code: str) -> None:
    sandbox = Sandbox()
    status, body = sandbox.serve(query(sandbox, **changes))
    assert (status, body["errorCode"]) == (200, code)
    assert body["description"]


def test_the_token_endpoint_takes_get_and_has_one_path() -> None:
    sandbox = Sandbox()
    assert sandbox.serve(query(sandbox), method="POST")[0] == 400
    assert sandbox.serve(query(sandbox), path="/apps/other")[0] == 404
    assert Client(sandbox).log_on().grant is not None, "none of it spent the refresh token"


# --------------------------------------------------------------------------- what the sandbox's owner can do to it


def told(raw: Line) -> list[int]:
    before = len(raw.said)
    raw.take(raw.acceptor.tick(raw.sandbox.now))
    return [message["payloadType"] for message in raw.said[before:]]


def test_tokens_that_are_made_to_end_are_exchanged_and_those_taken_back_are_not() -> None:
    raw = authorised()
    sandbox = raw.sandbox
    client = Client(sandbox).log_on()
    assert sandbox.host.afflict(ExpireGrants(), sandbox.now)
    assert told(raw) == [2147, 2164]
    assert (
        error(raw.ask(2102, raw.of(accessToken=sandbox.stage.credentials["accessToken"])))[2] == "Access token expired"
    )
    client.line.wait(0)
    client.carry()
    assert client.log_on().grant.expires_at == sandbox.now + LIFE_SECONDS * SECOND
    assert sandbox.host.afflict(RevokeGrants(), sandbox.now)
    client.line.wait(0)
    client.carry()
    with pytest.raises(LogonRejected):
        client.log_on()


def test_a_throttled_venue_refuses_requests_and_still_hears_heartbeats() -> None:
    raw = authorised()
    raw.sandbox.host.afflict(Throttle(raw.sandbox.now + 5 * SECOND), raw.sandbox.now)
    assert raw.ask(51) == []
    assert error(raw.ask(2121, raw.of()))[1] == "REQUEST_FREQUENCY_EXCEEDED"
    assert raw.sandbox.serve(query(raw.sandbox))[0] == 429
    raw.sandbox.now += 5 * SECOND
    assert raw.ask(2121, raw.of())[0]["payloadType"] == 2122


def test_before_maintenance_lines_are_closed_with_bye_and_during_it_requests_are_told_its_end() -> None:
    raw = authorised()
    sandbox = raw.sandbox
    sandbox.host.afflict(Maintenance(sandbox.now + 60 * SECOND), sandbox.now)
    assert told(raw) == []
    assert raw.close == Close(1000, "Bye")
    fresh = sandbox.line()
    (answer,) = fresh.ask(2104, mid="1")
    assert answer["payload"]["errorCode"] == "SERVER_IS_UNDER_MAINTENANCE"
    assert answer["payload"]["maintenanceEndTimestamp"] == sandbox.now // SECOND + 60
    sandbox.now += 60 * SECOND
    assert fresh.ask(2104)[0]["payloadType"] == 2105


def test_errors_may_come_from_the_common_layer() -> None:
    raw = authorised()
    sandbox = raw.sandbox
    sandbox.host.afflict(Habit("common-errors"), sandbox.now)
    assert raw.ask(2181, raw.of(orderId=5), "a") == [
        {
            "payloadType": 50,
            "payload": {"errorCode": "ORDER_NOT_FOUND", "description": "Order not found with id 5"},
            "clientMsgId": "a",
        }
    ]
    assert raw.ask(2108, raw.of(orderId=5))[0]["payloadType"] == 2132
    sandbox.host.afflict(Maintenance(sandbox.now + 60 * SECOND), sandbox.now)
    (away,) = sandbox.line().ask(2104)
    assert away["payload"]["maintenanceEndTimestamp"] == (sandbox.now // SECOND + 60) * 1000


def test_an_application_that_is_dropped_has_to_be_authorised_anew() -> None:
    sandbox = Sandbox()
    ours = Client(sandbox).start()
    sandbox.host.afflict(Habit("application-dropped"), sandbox.now)
    ours.line.take(ours.line.acceptor.tick(sandbox.now))
    (ended,) = ours.carry()
    assert ended == GrantInvalidated(text="the application was disconnected by the venue")
    assert error(ours.line.ask(2121, ours.line.of()))[1] == "CH_CLIENT_NOT_AUTHENTICATED"
    ours.line.raw.clear()
    ours.log_on()
    assert ours.line.acceptor.account == sandbox.stage.account


def test_odd_habits_can_be_switched_on() -> None:
    raw = authorised()
    sandbox, host = raw.sandbox, raw.sandbox.host
    for name in host.habits:
        if name not in {"common-errors", "application-dropped"}:
            assert host.afflict(Habit(name), sandbox.now)
    assert not host.afflict(Habit("flies"), sandbox.now)
    assert not host.afflict(SkipSequence(), sandbox.now)
    assert sandbox.serve(query(sandbox))[0] == 200
    assert raw.ask(2121, raw.of())[-1]["payloadType"] == 2122, "the session stands"
    said = raw.ask(2121, {"ctidTraderAccountId": 3})
    assert error(said)[1:] == ("INVALID_REQUEST", "Trading account is not authorized")
    host.afflict(Habit("unauthorised-in-other-words", on=False), sandbox.now)
    assert error(raw.ask(2121, {"ctidTraderAccountId": 3}))[1] == "ACCOUNT_NOT_AUTHORIZED"


# --------------------------------------------------------------------------- whatever anybody sends

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["symbolId", "orderType", "tradeSide", "volume", "limitPrice", "stopPrice", "orderId", "positionId", "accessToken"]
)


@given(
    kind=st.sampled_from([int(number) for number in REQUESTS]),
    fields=st.dictionaries(NAMES, JSON, max_size=6),
    own=st.booleans(),
)
def test_no_request_whatever_its_fields_breaks_the_venue(kind: int, fields: dict[str, Any], own: bool) -> None:
    raw = authorised()
    for message in raw.ask(kind, raw.of(**fields) if own else fields, "g"):
        assert message["payloadType"] > 50
    assert raw.ask(2104)[0]["payloadType"] in {2105, 2142}


@given(blob=st.binary(max_size=40))
def test_no_bytes_break_the_venue(blob: bytes) -> None:
    (answer,) = line().send(blob)
    assert answer["payloadType"] == 2142
