"""Who may do what: the token server's messages and the access token's claims (2.2, 2.3)."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from venuewire.codec import SecretText, decoder


class RefreshRequest(Struct, kw_only=True):
    """`POST /refresh`, body form (SPEC /refresh). The SDK writes `Token`: key case does not matter."""

    token: SecretText
    allowedPortfolios: list[str] | UnsetType = UNSET
    """Narrows the `portfolios` claim of the token that is returned."""


class RefreshReply(Struct, kw_only=True):
    """200 of `POST /refresh` (S3, step 4)."""

    AccessToken: SecretText


class Message(Struct, kw_only=True):
    """An HTTP error that says why: `{"message": ...}` (2.2, 5.8)."""

    message: str


class TokenHeader(Struct, kw_only=True):
    """Header of the access token, keys in the venue's order (2.3)."""

    alg: str = "ES256"
    typ: str = "JWT"
    cty: str = "JWT"


class Claims(Struct, kw_only=True):
    """Claims of the access token, keys in the venue's order (2.3; S3 prints a demonstration token)."""

    sub: str
    """Login."""
    ent: str = "client"
    ein: str = ""
    """Internal client number."""
    clientid: str = ""
    azp: str = ""
    """The application the token was made for."""
    agreements: str = ""
    portfolios: str = ""
    """Portfolio ids, separated by blanks: the documented way to find them."""
    scope: str = ""
    exp: int = 0
    """Unix seconds; `iat` + 1800."""
    iat: int = 0
    iss: str = ""
    aud: str = ""


ISSUER = "Alor.Identity"
SCOPE = "OrdersRead OrdersCreate Trades Personal Stats"
AUDIENCE = "Client WARP WarpATConnector subscriptionsApi CommandApi InstrumentApi TradingViewPlatform"
TOKEN_SECONDS = 1800

read_refresh_request = decoder(RefreshRequest)
read_refresh_reply = decoder(RefreshReply)
read_message = decoder(Message)
read_claims = decoder(Claims)
read_token_header = decoder(TokenHeader)

__all__ = [
    "AUDIENCE",
    "ISSUER",
    "SCOPE",
    "TOKEN_SECONDS",
    "Claims",
    "Message",
    "RefreshReply",
    "RefreshRequest",
    "TokenHeader",
    "read_claims",
    "read_message",
    "read_refresh_reply",
    "read_refresh_request",
    "read_token_header",
]
