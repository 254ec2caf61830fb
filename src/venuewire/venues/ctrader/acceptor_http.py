"""The token endpoint, as the sandbox serves it: GET /apps/token (DOC21, account authentication)."""

from __future__ import annotations

from urllib.parse import parse_qs

from venuewire.codec import encode
from venuewire.model.terms import Nanos
from venuewire.venue import Answer, Request
from venuewire.venues.ctrader.tokens import LIFE_SECONDS, Granted, Tokens
from venuewire.venues.ctrader.wire.session import TokenBody, TokenError

PATH = "/apps/token"
_JSON = {"content-type": "application/json"}


def serve(tokens: Tokens, request: Request, now: Nanos) -> tuple[Answer, Granted | None]:
    """The answer, and the grant that ended with it."""
    if request.path.rstrip("/") != PATH:
        return Answer(404), None
    if request.method != "GET":
        # A form POST is answered with 400 [reported].
        return _refused(400, "INVALID_REQUEST", "the token endpoint takes GET with query parameters"), None
    query = {key: values[-1] for key, values in parse_qs(request.query, keep_blank_values=True).items()}
    refusal = _objection(tokens, query)
    if refusal is not None:
        return refusal, None
    exchanged = tokens.exchange(query["refresh_token"], now)
    if exchanged is None:
        return _refused(200, "CH_ACCESS_TOKEN_INVALID", "refresh_token is invalid or was used already"), None
    old, new = exchanged
    return Answer(200, encode(_body(new)), dict(_JSON)), old


def _objection(tokens: Tokens, query: dict[str, str]) -> Answer | None:
    """Why this is not a refresh by a known application; the body says it, the status stays 200."""
    grant_type = query.get("grant_type", "")
    if grant_type == "authorization_code":
        return _refused(200, "INVALID_REQUEST", "the sandbox has no consent page: no authorization code was given out")
    if grant_type != "refresh_token":
        return _refused(200, "INVALID_REQUEST", "grant_type must be authorization_code or refresh_token")
    missing = [name for name in ("refresh_token", "client_id", "client_secret") if not query.get(name)]
    if missing:
        return _refused(200, "INVALID_REQUEST", f"missing {', '.join(missing)}")
    if not tokens.is_application(query["client_id"], query["client_secret"]):
        return _refused(200, "CH_CLIENT_AUTH_FAILURE", "clientId or clientSecret is incorrect")
    return None


def _body(new: Granted) -> TokenBody:
    return TokenBody(
        accessToken=new.access,
        tokenType="bearer",
        expiresIn=LIFE_SECONDS,
        refreshToken=new.refresh,
        access_token=new.access,
        refresh_token=new.refresh,
        expires_in=LIFE_SECONDS,
    )


def _refused(status: int, code: str, text: str) -> Answer:
    return Answer(status, encode(TokenError(errorCode=code, description=text)), dict(_JSON))
