"""Proving who we are, and checking it. Pure.

This venue signs nothing: an application shows its id and secret, an account is opened with a bearer token, and a
token is exchanged for the next pair with a refresh token that works once (DOC21, account authentication). So there is
nothing to compute on our end; on the far end, secrets are compared in constant time and tokens look as the venue's do.
This is the only place where a secret is revealed.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable

from venuewire.venues.ctrader.credentials import CTraderCredentials
from venuewire.venues.ctrader.wire.session import (
    AccountAuthReq,
    ApplicationAuthReq,
    GetAccountListByAccessTokenReq,
    RefreshTokenReq,
)

_TOKEN_BYTES = 32
"""43 characters of URL-safe base64, as the documented examples are long."""


def application(credentials: CTraderCredentials) -> ApplicationAuthReq:
    """2100: the first step of every connection."""
    return ApplicationAuthReq(client_id=credentials.clientId, client_secret=credentials.clientSecret.reveal())


def account(credentials: CTraderCredentials, account_id: int) -> AccountAuthReq:
    """2102: once for each account and connection."""
    return AccountAuthReq(ctid_trader_account_id=account_id, access_token=credentials.accessToken.reveal())


def account_list(credentials: CTraderCredentials) -> GetAccountListByAccessTokenReq:
    """2149: which accounts the token is for."""
    return GetAccountListByAccessTokenReq(access_token=credentials.accessToken.reveal())


def refresh(credentials: CTraderCredentials) -> RefreshTokenReq:
    """2173: spends the refresh token."""
    return RefreshTokenReq(refresh_token=credentials.refreshToken.reveal())


def same(given: str, kept: str) -> bool:
    """Is this the secret? Takes equally long whatever it is."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), kept.encode("utf-8", "surrogatepass"))


def new_token(random_hex: Callable[[int], str]) -> str:
    """A token as the venue hands them out."""
    return urlsafe_b64encode(bytes.fromhex(random_hex(_TOKEN_BYTES * 2))).rstrip(b"=").decode()
