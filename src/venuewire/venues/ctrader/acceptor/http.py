"""The sandbox's HTTP: the consent page and the token endpoint (DOC21, account authentication).

The consent page asks nobody: it stands for an owner who grants every account, and answers at once with the redirect.
It sends browsers to loopback addresses only, whatever an application may have registered elsewhere. A code lives for a
minute, works once, and belongs to the application and the redirect address it was given for.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs, urlencode, urlsplit

from msgspec import Struct

from venuewire.codec import encode
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venue import Answer, Request
from venuewire.venues.ctrader.acceptor.tokens import LIFE_SECONDS, Granted, Tokens
from venuewire.venues.ctrader.signing import new_token
from venuewire.venues.ctrader.wire.session import TokenBody, TokenError
from venuewire.venues.ctrader.wire.words import Scope

PATH = "/apps/token"
CONSENT_PATHS = frozenset({"/my/settings/openapi/grantingaccess", "/apps/auth"})
"""The current page, and the older one the SDK still opens."""
CODE_LIFE: Nanos = 60 * NANOS_PER_SECOND
_SCOPES = {"accounts": Scope.VIEW.value, "trading": Scope.TRADE.value}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_JSON = {"content-type": "application/json"}


class _Code(Struct, frozen=True):
    """A consent that has not been exchanged."""

    client_id: str
    redirect_uri: str
    scope: int
    ends_at: Nanos


class TokenDesk:
    """Gives consent, codes and tokens."""

    def __init__(self, tokens: Tokens, accounts: frozenset[int], random_hex: Callable[[int], str]) -> None:
        self._tokens = tokens
        self._accounts = accounts
        self._random_hex = random_hex
        self._codes: dict[str, _Code] = {}

    def serve(self, request: Request, now: Nanos) -> tuple[Answer, Granted | None]:
        """The answer, and the grant that ended with it."""
        path = request.path.rstrip("/")
        query = {key: values[-1] for key, values in parse_qs(request.query, keep_blank_values=True).items()}
        if path in CONSENT_PATHS:
            return self._consent(request.method, query, now), None
        if path != PATH:
            return Answer(404), None
        if request.method != "GET":
            # A form POST is answered with 400 [reported].
            return _refused(400, "INVALID_REQUEST", "the token endpoint takes GET with query parameters"), None
        match query.get("grant_type"):
            case "authorization_code":
                return self._exchange_code(query, now), None
            case "refresh_token":
                return self._refresh(query, now)
            case _:
                return _refused(200, "INVALID_REQUEST", "grant_type must be authorization_code or refresh_token"), None

    # ----------------------------------------------------------------------------------------- consent

    def _consent(self, method: str, query: dict[str, str], now: Nanos) -> Answer:
        if method != "GET":
            return Answer(405)
        redirect_uri, scope = query.get("redirect_uri", ""), _SCOPES.get(query.get("scope", ""))
        if not self._tokens.knows(query.get("client_id", "")):
            return _page(400, "no such application")
        if scope is None:
            return _page(400, "scope must be accounts or trading")
        if not _is_loopback(redirect_uri):
            return _page(400, "the sandbox redirects to loopback addresses only")
        code = new_token(self._random_hex)
        self._codes = {known: kept for known, kept in self._codes.items() if kept.ends_at > now}
        self._codes[code] = _Code(query["client_id"], redirect_uri, scope, now + CODE_LIFE)
        given = {"code": code} | ({"state": query["state"]} if "state" in query else {})
        joint = "&" if urlsplit(redirect_uri).query else "?"
        return Answer(302, b"", {"location": f"{redirect_uri}{joint}{urlencode(given)}", "cache-control": "no-store"})

    # ----------------------------------------------------------------------------------------- tokens

    def _exchange_code(self, query: dict[str, str], now: Nanos) -> Answer:
        refusal = self._objection(query, "code", "redirect_uri")
        if refusal is not None:
            return refusal
        code = self._codes.pop(query["code"], None)
        if code is None or now >= code.ends_at or code.client_id != query["client_id"]:
            return _refused(200, "CH_ACCESS_TOKEN_INVALID", "the code is unknown, was used already, or is too old")
        if code.redirect_uri != query["redirect_uri"]:
            return _refused(200, "INVALID_REQUEST", "redirect_uri is not the one the code was given for")
        return _granted(self._tokens.issue(self._accounts, code.scope, now))

    def _refresh(self, query: dict[str, str], now: Nanos) -> tuple[Answer, Granted | None]:
        refusal = self._objection(query, "refresh_token")
        if refusal is not None:
            return refusal, None
        exchanged = self._tokens.exchange(query["refresh_token"], now)
        if exchanged is None:
            return _refused(200, "CH_ACCESS_TOKEN_INVALID", "refresh_token is invalid or was used already"), None
        old, new = exchanged
        return _granted(new), old

    def _objection(self, query: dict[str, str], *needed: str) -> Answer | None:
        """Why this is not a request of a known application; the body says it, the status stays 200."""
        missing = [name for name in (*needed, "client_id", "client_secret") if not query.get(name)]
        if missing:
            return _refused(200, "INVALID_REQUEST", f"missing {', '.join(missing)}")
        if not self._tokens.is_application(query["client_id"], query["client_secret"]):
            return _refused(200, "CH_CLIENT_AUTH_FAILURE", "clientId or clientSecret is incorrect")
        return None


def _is_loopback(redirect_uri: str) -> bool:
    try:
        parts = urlsplit(redirect_uri)
        # What cannot stand in a header has no business in an address.
        return parts.scheme in {"http", "https"} and parts.hostname in _LOOPBACK and redirect_uri.isprintable()
    except ValueError:
        return False


def _granted(new: Granted) -> Answer:
    body = TokenBody(
        accessToken=new.access,
        tokenType="bearer",
        expiresIn=LIFE_SECONDS,
        refreshToken=new.refresh,
        access_token=new.access,
        refresh_token=new.refresh,
        expires_in=LIFE_SECONDS,
    )
    return Answer(200, encode(body), dict(_JSON))


def _page(status: int, text: str) -> Answer:
    return Answer(status, text.encode(), {"content-type": "text/plain"})


def _refused(status: int, code: str, text: str) -> Answer:
    return Answer(status, encode(TokenError(errorCode=code, description=text)), dict(_JSON))
