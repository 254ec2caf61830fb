"""Authorised, refused, renewed: our flow against the venue's end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.ctrader.ends import SECOND, Client, Sandbox

from venuewire import errors
from venuewire.errors import ConfigError, LogonRejected
from venuewire.model.session import GrantInvalidated, Reply, RequestRejected, Secret
from venuewire.venue import Send
from venuewire.venues.ctrader import VENUE
from venuewire.venues.ctrader.acceptor.tokens import LIFE_SECONDS
from venuewire.venues.ctrader.credentials import CTraderCredentials, credentials_from
from venuewire.venues.ctrader.wire.session import ApplicationAuthRes


def kinds(client: Client) -> list[int]:
    return [json.loads(payload)["payloadType"] for payload in client.sent]


HERE = {"ws": "ws://127.0.0.1:4003"}


def changed(sandbox: Sandbox, **fields: Any) -> CTraderCredentials:
    return replace(credentials_from(sandbox.stage.credentials), **fields)


def test_two_steps_each_awaited() -> None:
    client = Client(Sandbox()).log_on()
    assert kinds(client) == [2100, 2102]
    assert client.grant.token.reveal() == client.sandbox.stage.credentials["accessToken"]
    assert client.grant.expires_at is None
    assert client.seat.grant is client.grant
    assert client.line.acceptor.account == client.sandbox.stage.account


def test_the_end_of_the_token_is_known_where_the_credentials_say_it() -> None:
    sandbox = Sandbox()
    end = sandbox.now // SECOND + 1000
    assert Client(sandbox, changed(sandbox, expiresAt=end)).log_on().grant.expires_at == end * SECOND


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"clientSecret": Secret("wrong")}, "CH_CLIENT_AUTH_FAILURE"),
        ({"clientId": "nobody"}, "CH_CLIENT_AUTH_FAILURE"),
        ({"accountId": 4}, "CH_CTID_TRADER_ACCOUNT_NOT_FOUND"),
        ({"accessToken": Secret("wrong"), "refreshToken": Secret("")}, "CH_ACCESS_TOKEN_INVALID"),
        ({"accessToken": Secret("wrong"), "refreshToken": Secret("wrong")}, "CH_ACCESS_TOKEN_INVALID"),
        ({"expiresAt": 1, "refreshToken": Secret("")}, "CH_ACCESS_TOKEN_INVALID"),
    ],
)
def test_each_wrong_credential_is_refused_in_the_venues_words(fields: dict[str, Any], code: str) -> None:
    sandbox = Sandbox()
    with pytest.raises(LogonRejected) as refused:
        Client(sandbox, changed(sandbox, **fields)).log_on()
    assert refused.value.code == code
    assert "wrong" not in str(refused.value)


def test_the_one_account_of_a_token_is_found() -> None:
    sandbox = Sandbox()
    one = sandbox.host.tokens.issue(frozenset({sandbox.account_id}), 1, sandbox.now)
    client = Client(sandbox, changed(sandbox, accountId=0, accessToken=Secret(one.access), endpoints=HERE)).log_on()
    assert kinds(client) == [2100, 2149, 2102]
    assert client.line.acceptor.account == sandbox.stage.account


@pytest.mark.parametrize(("host", "found"), [("live.ctraderapi.com", 12), ("demo-eu.ctraderapi.com", 11)])
def test_only_accounts_of_this_environment_are_looked_at(host: str, found: int) -> None:
    sandbox = Sandbox()
    client = Client(sandbox, changed(sandbox, accountId=0, endpoints={"ws": f"wss://{host}:5036"}))
    client.initiator._authorised.application = True
    flow = client.initiator.logon(sandbox.now)
    step = next(flow)
    assert isinstance(step, Send)
    accounts = [{"ctidTraderAccountId": 11, "isLive": False}, {"ctidTraderAccountId": 12, "isLive": True}]
    (reply,) = client.hear(2150, {"accessToken": "t", "ctidTraderAccount": accounts}, step.ref)
    step = flow.send(reply)
    assert isinstance(step, Send)
    assert f'"ctidTraderAccountId":{found}'.encode() in step.payload


def test_with_several_accounts_one_must_be_named() -> None:
    sandbox = Sandbox()
    client = Client(sandbox, changed(sandbox, accountId=0))
    flow = client.initiator.logon(sandbox.now)
    step = next(flow)
    assert isinstance(step, Send)
    client.hear(2101, mid=step.ref)
    step = flow.send(RequestRejected(code="CH_CLIENT_ALREADY_AUTHENTICATED", text="", ref=step.ref))
    assert isinstance(step, Send)
    accounts = [{"ctidTraderAccountId": number, "isLive": True} for number in (11, 12)]
    (reply,) = client.hear(2150, {"accessToken": "t", "ctidTraderAccount": accounts}, step.ref)
    assert isinstance(reply, Reply)
    with pytest.raises(LogonRejected, match="11, 12"):
        flow.send(reply)


def test_already_authorised_counts_as_authorised() -> None:
    sandbox = Sandbox()
    client = Client(sandbox).log_on()
    client.initiator._authorised.application = False  # as after a lost answer
    client.initiator._authorised.accounts.clear()
    assert client.log_on().grant is not None


@pytest.mark.parametrize(
    "code", ["SERVER_IS_UNDER_MAINTENANCE", "REQUEST_FREQUENCY_EXCEEDED", "CH_SERVER_NOT_REACHABLE"]
)
def test_passing_trouble_is_no_refusal_of_who_we_are(code: str) -> None:
    flow = Client(Sandbox()).initiator.logon(0)
    step = next(flow)
    assert isinstance(step, Send)
    with pytest.raises(errors.RequestRejected) as refused:
        flow.send(RequestRejected(code=code, text="later", ref=step.ref))
    assert not isinstance(refused.value, LogonRejected)


def test_an_expired_token_is_exchanged_at_logon_and_kept_first() -> None:
    sandbox = Sandbox()
    kept: list[CTraderCredentials] = []
    client = Client(sandbox, store=kept.append)
    sandbox.now += (LIFE_SECONDS + 1) * SECOND
    client.dial()
    client.log_on()
    assert kinds(client) == [2100, 2102, 2173, 2102]
    assert client.grant.expires_at == sandbox.now + LIFE_SECONDS * SECOND
    assert kept == [client.seat.credentials]
    assert kept[0].accessToken != credentials_from(sandbox.stage.credentials).accessToken


def test_renewal_keeps_the_pair_before_it_relies_on_it() -> None:
    sandbox = Sandbox()
    client = Client(sandbox)
    seen: list[int] = []
    client.seat.settings["store"] = lambda credentials: seen.append(len(client.sent))
    client.log_on()
    old = client.seat.credentials
    before = len(client.told)
    client.log_on()
    assert kinds(client) == [2100, 2102, 2173, 2102]
    assert seen == [3], "the new pair is stored before the account is authorised with it"
    assert client.seat.credentials.refreshToken != old.refreshToken
    assert client.grant.token == client.seat.credentials.accessToken
    ended = [event for event in client.told[before:] if isinstance(event, GrantInvalidated)]
    assert len(ended) == 1, "what was subscribed must be asked for again, once"


def test_a_refresh_token_works_once() -> None:
    sandbox = Sandbox()
    client = Client(sandbox).log_on()
    stale = Client(sandbox).log_on()
    client.log_on()
    stale.line.wait(0)
    assert [event for event in stale.carry() if isinstance(event, GrantInvalidated)]
    with pytest.raises(LogonRejected) as refused:
        stale.log_on()
    assert refused.value.code == "CH_ACCESS_TOKEN_INVALID"


def test_a_session_ended_by_the_venue_needs_only_the_account_again() -> None:
    sandbox = Sandbox()
    client = Client(sandbox).log_on()
    (ended,) = client.hear(2164, {"ctidTraderAccountId": sandbox.account_id})
    assert isinstance(ended, GrantInvalidated)
    assert client.hear(2164, {"ctidTraderAccountId": sandbox.account_id}) == []
    assert client.hear(2147, {"ctidTraderAccountIds": [1, 2]}) == []
    client.log_on()
    assert kinds(client) == [2100, 2102, 2102]


def test_an_application_that_is_dropped_begins_again() -> None:
    sandbox = Sandbox()
    client = Client(sandbox).log_on()
    (ended,) = client.hear(2148, {"reason": "disabled"})
    assert ended == GrantInvalidated(text="disabled")
    client.log_on()
    assert kinds(client) == [2100, 2102, 2100, 2102]


def test_credentials_name_what_is_missing_and_never_show_a_secret() -> None:
    with pytest.raises(ConfigError, match="lack clientSecret"):
        credentials_from({"clientId": "x"})
    with pytest.raises(ConfigError, match="accountId"):
        credentials_from({"clientId": "x", "clientSecret": "y", "accessToken": "z", "accountId": "abc"})
    made = credentials_from({"clientId": "x", "clientSecret": "y1", "accessToken": "z1", "accountId": "12"})
    assert (made.accountId, made.expiresAt, bool(made.refreshToken)) == (12, None, False)
    listed = credentials_from({"clientId": "x", "clientSecret": "y", "accountIds": "7, 8"})
    assert (listed.accountIds, bool(listed.accessToken)) == ((7, 8), False)
    assert credentials_from({"clientId": "x", "clientSecret": "y", "accountIds": [7, 8]}).accountIds == (7, 8)
    assert "y1" not in repr(made)
    assert "z1" not in repr(made)
    assert set(VENUE.environment.values()) - {"accountIds", "expiresAt"} == set(Sandbox().stage.credentials)


def test_each_life_of_a_line_begins_with_nothing() -> None:
    client = Client(Sandbox()).start()
    client.dial()
    client.sent.clear()
    client.log_on()
    assert kinds(client) == [2100, 2102]


def test_the_wrong_host_is_told_as_a_refusal() -> None:
    client = Client(Sandbox())
    flow = client.initiator.logon(client.sandbox.now)
    step = next(flow)
    assert isinstance(step, Send)
    step = flow.send(Reply(message=ApplicationAuthRes(), ref=step.ref))
    assert isinstance(step, Send)
    with pytest.raises(LogonRejected) as refused:
        flow.send(RequestRejected(code="CANT_ROUTE_REQUEST", text="Cannot route request", ref=step.ref))
    assert refused.value.code == "CANT_ROUTE_REQUEST"
