"""Messages of the session: sign of life, errors, who we are (PROTO; DOC21, account authentication; HELP)."""

from __future__ import annotations

from msgspec import Struct

from venuewire.codec import SecretText
from venuewire.venues.ctrader.wire.base import Int, Message, UInt
from venuewire.venues.ctrader.wire.model import CtidProfile, CtidTraderAccount


class HeartbeatEvent(Message, frozen=True, kw_only=True):
    """51, either way. HELP, keeping the connection open."""


class CommonErrorRes(Message, frozen=True, kw_only=True):
    """50. `maintenance_end_timestamp` counts milliseconds here."""

    error_code: str
    description: str | None = None
    maintenance_end_timestamp: Int | None = None


class ApplicationAuthReq(Message, frozen=True, kw_only=True):
    """2100, answered by 2101 (DOC21, account authentication)."""

    client_id: str
    client_secret: SecretText


class ApplicationAuthRes(Message, frozen=True, kw_only=True):
    """2101 (DOC21, account authentication)."""


class AccountAuthReq(Message, frozen=True, kw_only=True):
    """2102, answered by 2103 (DOC21, account authentication)."""

    ctid_trader_account_id: Int
    access_token: SecretText


class AccountAuthRes(Message, frozen=True, kw_only=True):
    """2103 (DOC21, account authentication)."""

    ctid_trader_account_id: Int


class VersionReq(Message, frozen=True, kw_only=True):
    """2104, answered by 2105 (PROTO)."""


class VersionRes(Message, frozen=True, kw_only=True):
    """2105 (PROTO)."""

    version: str


class GetAccountListByAccessTokenReq(Message, frozen=True, kw_only=True):
    """2149, answered by 2150 (DOC21, account authentication)."""

    access_token: SecretText


class GetAccountListByAccessTokenRes(Message, frozen=True, kw_only=True):
    """2150 (DOC21, account authentication)."""

    access_token: SecretText
    permission_scope: Int | None = None
    ctid_trader_account: tuple[CtidTraderAccount, ...] = ()


class GetCtidProfileByTokenReq(Message, frozen=True, kw_only=True):
    """2151, answered by 2152 (PROTO)."""

    access_token: SecretText


class GetCtidProfileByTokenRes(Message, frozen=True, kw_only=True):
    """2152 (PROTO)."""

    profile: CtidProfile


class RefreshTokenReq(Message, frozen=True, kw_only=True):
    """2173, answered by 2174 (DOC21, account authentication)."""

    refresh_token: SecretText


class RefreshTokenRes(Message, frozen=True, kw_only=True):
    """2174 (DOC21, account authentication)."""

    access_token: SecretText
    token_type: str
    expires_in: UInt
    """Seconds."""
    refresh_token: SecretText


class AccountLogoutReq(Message, frozen=True, kw_only=True):
    """2162, answered by 2163 (PROTO)."""

    ctid_trader_account_id: Int


class AccountLogoutRes(Message, frozen=True, kw_only=True):
    """2163 (PROTO)."""

    ctid_trader_account_id: Int


class AccountDisconnectEvent(Message, frozen=True, kw_only=True):
    """The session of one account has ended."""

    ctid_trader_account_id: Int


class AccountsTokenInvalidatedEvent(Message, frozen=True, kw_only=True):
    """2147 (PROTO)."""

    ctid_trader_account_ids: tuple[Int, ...] = ()
    reason: str | None = None


class ClientDisconnectEvent(Message, frozen=True, kw_only=True):
    """The server has dropped the application: every session of it on this connection has ended."""

    reason: str | None = None


class ErrorRes(Message, frozen=True, kw_only=True):
    """2142. `maintenance_end_timestamp` counts seconds here; `retry_after` too."""

    ctid_trader_account_id: Int | None = None
    error_code: str
    description: str | None = None
    maintenance_end_timestamp: Int | None = None
    retry_after: UInt | None = None


# --------------------------------------------------------------------------- the token endpoint (DOC21, HTTP body)


class TokenBody(Struct, frozen=True, kw_only=True):
    """GET /apps/token: every key twice, in two spellings; `errorCode` is null on success."""

    accessToken: SecretText
    tokenType: str
    expiresIn: int
    refreshToken: SecretText
    errorCode: str | None = None
    access_token: SecretText
    refresh_token: SecretText
    expires_in: int


class TokenError(Struct, frozen=True, kw_only=True):
    """The same address, refusing."""

    errorCode: str
    description: str
