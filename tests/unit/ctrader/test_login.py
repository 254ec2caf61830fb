"""Consent, code and tokens: our pieces of `login` against the sandbox's pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.ctrader.ends import SECOND, Client, Sandbox

from venuewire.errors import ConfigError, LogonRejected, RemoteProtocolError
from venuewire.model.session import Secret
from venuewire.venue import Answer, Request
from venuewire.venues.ctrader import login
from venuewire.venues.ctrader.credentials import CTraderCredentials

BACK = "http://127.0.0.1:8400/granted"


def open_page(sandbox: Sandbox, url: str) -> Answer:
    """What a browser is told at this address."""
    parts = urlsplit(url)
    return sandbox.host.serve(Request(method="GET", path=parts.path, query=parts.query), sandbox.now)


def consent(sandbox: Sandbox, **changes: Any) -> Answer:
    asked = {"client_id": sandbox.stage.credentials["clientId"], "redirect_uri": BACK, **changes}
    return open_page(sandbox, login.consent_url(**asked))


def tokens(sandbox: Sandbox, code: Secret, redirect_uri: str = BACK) -> Answer:
    credentials = sandbox.stage.credentials
    query = login.token_request(credentials["clientId"], Secret(credentials["clientSecret"]), code, redirect_uri)
    return sandbox.host.serve(Request(method="GET", path="/apps/token", query=query), sandbox.now)


def read(sandbox: Sandbox, answer: Answer) -> CTraderCredentials:
    credentials = sandbox.stage.credentials
    client_id, secret = credentials["clientId"], Secret(credentials["clientSecret"])
    return login.read_tokens(answer, client_id, secret, sandbox.now, account_id=sandbox.account_id)


def test_the_consent_address_is_the_documented_one() -> None:
    url = urlsplit(login.consent_url("app", BACK, scope="accounts", state="s"))
    assert f"{url.scheme}://{url.netloc}{url.path}" == login.PAGE
    assert parse_qs(url.query) == {
        "client_id": ["app"],
        "redirect_uri": [BACK],
        "scope": ["accounts"],
        "product": ["web"],
        "state": ["s"],
    }


def test_a_login_from_consent_to_an_authorised_session() -> None:
    sandbox = Sandbox()
    answer = consent(sandbox, state="mine")
    assert answer.status == 302
    code = login.code_of(answer.headers["location"], state="mine")
    credentials = read(sandbox, tokens(sandbox, code))
    assert credentials.expiresAt == sandbox.now // SECOND + 2_628_000
    assert Client(sandbox, credentials).log_on().grant.expires_at == credentials.expires_at


def test_the_older_consent_page_answers_too() -> None:
    sandbox = Sandbox()
    assert consent(sandbox, page="https://openapi.ctrader.com/apps/auth").status == 302


def test_a_code_works_once_for_a_minute_and_for_its_own_address() -> None:
    sandbox = Sandbox()
    code = login.code_of(consent(sandbox).headers["location"])
    assert tokens(sandbox, code, "http://localhost/").body.count(b"redirect_uri") == 1
    with pytest.raises(LogonRejected, match="used already"):
        read(sandbox, tokens(sandbox, code))
    code = login.code_of(consent(sandbox).headers["location"])
    sandbox.now += 60 * SECOND
    with pytest.raises(LogonRejected, match="too old"):
        read(sandbox, tokens(sandbox, code))


def test_a_token_for_viewing_may_not_trade() -> None:
    sandbox = Sandbox()
    code = login.code_of(consent(sandbox, scope="accounts").headers["location"])
    credentials = read(sandbox, tokens(sandbox, code))
    raw = sandbox.line()
    staged = sandbox.stage.credentials
    raw.ask(2100, {"clientId": staged["clientId"], "clientSecret": staged["clientSecret"]})
    raw.ask(2102, raw.of(accessToken=credentials.accessToken.reveal()))
    assert raw.said[-1]["payloadType"] == 2103
    (answer,) = raw.ask(2108, raw.of(orderId=5))
    assert answer["payload"]["errorCode"] == "TRADING_NOT_ALLOWED"
    (profile,) = raw.ask(2151, {"accessToken": credentials.accessToken.reveal()})
    assert profile["payload"]["profile"]["userId"] > 0


def test_consents_live_side_by_side() -> None:
    sandbox = Sandbox()
    read(sandbox, tokens(sandbox, login.code_of(consent(sandbox).headers["location"])))
    assert Client(sandbox).log_on().grant is not None


def test_a_refresh_over_http_gives_the_next_pair() -> None:
    sandbox = Sandbox()
    credentials = read(sandbox, tokens(sandbox, login.code_of(consent(sandbox).headers["location"])))
    query = login.refresh_request(credentials)
    again = Request(method="GET", path="/apps/token", query=query)
    new = read(sandbox, sandbox.host.serve(again, sandbox.now))
    assert new.refreshToken != credentials.refreshToken
    with pytest.raises(LogonRejected, match="used already"):
        read(sandbox, sandbox.host.serve(again, sandbox.now))


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"scope": "everything"},
        {"redirect_uri": "https://example.com/"},
        {"redirect_uri": "http://127.0.0.1@example.com/"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "http://[::1"},
        {"redirect_uri": "http://localhost/\r\nset-cookie: x"},
        {"redirect_uri": ""},
    ],
)
def test_the_consent_page_refuses_what_it_must(changes: dict[str, Any]) -> None:
    answer = consent(Sandbox(), **changes)
    assert (answer.status, "location" in answer.headers) == (400, False)


@given(query=st.text(), path=st.sampled_from(["/apps/token", "/apps/auth", "/my/settings/openapi/grantingaccess/"]))
def test_no_query_brings_the_pages_down(query: str, path: str) -> None:
    sandbox = Sandbox()
    assert sandbox.host.serve(Request(method="GET", path=path, query=query), sandbox.now).status in {200, 400}


@pytest.mark.parametrize("address", ["/granted", "/granted?code=", f"{BACK}?error=denied", "?state=other&code=5"])
def test_a_return_without_our_code_is_told(address: str) -> None:
    with pytest.raises(ConfigError):
        login.code_of(address, state="mine")


@pytest.mark.parametrize("answer", [Answer(200, b"<html>"), Answer(500, b""), Answer(429, b"{}")])
def test_an_answer_that_cannot_be_read_is_no_refusal(answer: Answer) -> None:
    with pytest.raises(RemoteProtocolError):
        login.read_tokens(answer, "app", Secret("s"), 0)
