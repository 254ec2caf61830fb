"""The first pair of tokens: consent of the account's owner in a browser, and the exchange of its code. Pure.

The steps of the account-authentication page:

1. open `consent_url(...)` in a browser, with a redirect address that the application has registered;
2. the owner picks the accounts; the browser is sent to that address with `?code=...`: `code_of` reads it;
3. within a minute, GET `token_request(...)` from the `token` endpoint; a code works once;
4. `read_tokens` makes credentials of the answer. Store them before anything else is done with them.

`CONSENT` is all of it for `venuewire login`. Whoever runs these steps listens on a loopback address of its own and
compares the `state` it gave with the one that comes back: the page is not documented to return it, so one that is
missing is accepted and one that differs is not.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import parse_qs, urlencode, urlsplit

from msgspec.structs import replace

from venuewire.codec import decoder
from venuewire.errors import ConfigError, LogonRejected, RemoteProtocolError
from venuewire.model.session import Secret
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venue import Answer, Consent, Fetch
from venuewire.venues.ctrader.credentials import CTraderCredentials
from venuewire.venues.ctrader.wire.session import TokenBody, TokenError

PAGE = "https://id.ctrader.com/my/settings/openapi/grantingaccess/"
CODE_LIFE: Nanos = 60 * NANOS_PER_SECOND
"""How long a code can be exchanged."""

_tokens = decoder(TokenBody)
_refusal = decoder(TokenError)


def consent_url(
    client_id: str,
    redirect_uri: str,
    *,
    scope: Literal["accounts", "trading"] = "trading",
    page: str = PAGE,
    state: str = "",
) -> str:
    """Where the owner of the accounts gives consent; `accounts` may only look, `trading` may trade."""
    query = {"client_id": client_id, "redirect_uri": redirect_uri, "scope": scope, "product": "web"}
    return f"{page}?{urlencode(query | ({'state': state} if state else {}))}"


def code_of(redirected: str, *, state: str = "") -> Secret:
    """The code in the address the browser was sent to (or its path and query).

    Raises `ConfigError` when there is none, or when it belongs to another login; never shows the address.
    """
    query = parse_qs(urlsplit(redirected).query)
    told = query.get("state", [state])[-1]
    if told != state:
        raise ConfigError("the browser came back with the answer to another login; begin again")
    code = query.get("code", [""])[-1]
    if not code:
        reason = query.get("error_description", query.get("error", ["no code was given"]))[-1]
        raise ConfigError(f"consent was not given: {reason[:200]}")
    return Secret(code)


def token_request(client_id: str, client_secret: Secret, code: Secret, redirect_uri: str) -> str:
    """The query of the GET that exchanges the code; `redirect_uri` is the same text as in the consent address."""
    return urlencode(
        {
            "grant_type": "authorization_code",
            "code": code.reveal(),
            "redirect_uri": redirect_uri,
            "client_id": client_id,
            "client_secret": client_secret.reveal(),
        }
    )


def refresh_request(credentials: CTraderCredentials) -> str:
    """The query of the GET that spends the refresh token: the other way to the next pair, without a socket."""
    return urlencode(
        {
            "grant_type": "refresh_token",
            "refresh_token": credentials.refreshToken.reveal(),
            "client_id": credentials.clientId,
            "client_secret": credentials.clientSecret.reveal(),
        }
    )


def read_tokens(
    answer: Answer, client_id: str, client_secret: Secret, now: Nanos, *, account_id: int = 0
) -> CTraderCredentials:
    """The credentials an answer of the token endpoint makes; `account_id` 0: the one account of the token.

    Raises `LogonRejected` when the venue refuses, `RemoteProtocolError` when the answer cannot be read.
    """
    refused = _refused(answer)
    if refused is not None:
        raise LogonRejected("token", refused.errorCode, refused.description)
    if answer.status != 200:
        raise RemoteProtocolError(f"the token endpoint answered with HTTP {answer.status}")
    body = _tokens(answer.body)
    return CTraderCredentials(
        clientId=client_id,
        clientSecret=client_secret,
        accountId=account_id,
        accessToken=Secret(body.accessToken),
        refreshToken=Secret(body.refreshToken),
        expiresAt=(now + body.expiresIn * NANOS_PER_SECOND) // NANOS_PER_SECOND,
    )


def _refused(answer: Answer) -> TokenError | None:
    """The refusal in the body: it comes with status 200 as well."""
    try:
        return _refusal(answer.body)
    except RemoteProtocolError:
        return None


# --------------------------------------------------------------------------- for `venuewire login`


def _address(known: CTraderCredentials, redirect_uri: str, state: str) -> str:
    return consent_url(known.clientId, redirect_uri, page=known.endpoints.get("consent", PAGE), state=state)


def _exchange(known: CTraderCredentials, redirected: str, redirect_uri: str, state: str) -> Fetch:
    code = code_of(redirected, state=state)
    query = token_request(known.clientId, known.clientSecret, code, redirect_uri)
    return Fetch(method="GET", path=f"?{query}", endpoint="token")


def _taken(known: CTraderCredentials, answer: Answer, now: Nanos) -> CTraderCredentials:
    fresh = read_tokens(answer, known.clientId, known.clientSecret, now)
    return replace(known, accessToken=fresh.accessToken, refreshToken=fresh.refreshToken, expiresAt=fresh.expiresAt)


CONSENT = Consent(address=_address, exchange=_exchange, taken=_taken)
