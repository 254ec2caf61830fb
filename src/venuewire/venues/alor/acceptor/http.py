"""The venue's HTTP: the token server, the limit, and who answers what (2.2, 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from venuewire.codec import decoder
from venuewire.errors import RemoteProtocolError
from venuewire.model.terms import Nanos
from venuewire.venue import Answer, Request
from venuewire.venues.alor.acceptor.http_ask import Ask, json_answer, said
from venuewire.venues.alor.acceptor.http_market import HttpMarket
from venuewire.venues.alor.acceptor.http_orders import HttpOrders
from venuewire.venues.alor.acceptor.http_portfolio import HttpPortfolio
from venuewire.venues.alor.wire import access, frames

if TYPE_CHECKING:
    from venuewire.venues.alor.acceptor.hosts import AlorHost

_read_object = decoder(dict[str, Any])


class HttpAcceptor:
    """Answers one request after the other."""

    def __init__(self, host: AlorHost) -> None:
        self._host = host
        self._market, self._portfolio, self._orders = HttpMarket(host), HttpPortfolio(host), HttpOrders(host)

    def serve(self, request: Request, now: Nanos) -> Answer:
        """Never raises for what a client sent."""
        parts = [unquote(part) for part in request.path.split("/") if part]
        given = parse_qs(request.query, keep_blank_values=True)
        query = {key.lower(): values[-1] for key, values in given.items()}
        words = [part.lower() for part in parts]
        if now < self._host.throttled_until:
            return Answer(429)
        if words == ["refresh"]:
            return self._refresh(request, query, now) if request.method == "POST" else Answer(405)
        claims = self._claims(request, now)
        if claims is not None and self._host.is_too_fast(claims.sub, now):
            return Answer(429)
        if words[:2] == ["md", "stats"]:
            # The older path of the same (5.1), which some clients still go.
            parts, words = ["md", "v2", *parts[1:]], ["md", "v2", *words[1:]]
        ask = Ask(request, parts, words, query, now, claims)
        if words[:2] == ["md", "v2"] and request.method == "GET":
            return self._portfolio.read(ask) or self._market.read(ask) or self._unknown(ask)
        return self._orders.answer(ask) or Answer(404)

    @staticmethod
    def _unknown(ask: Ask) -> Answer:
        return Answer(401) if ask.claims is None else Answer(404)

    def _claims(self, request: Request, now: Nanos) -> access.Claims | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return self._host.claims(token.strip(), now) if scheme.lower() == "bearer" else None

    # ---- the token server (2.2)

    def _refresh(self, request: Request, query: dict[str, str], now: Nanos) -> Answer:
        token, allowed = query.get("token"), _names(query.get("allowedportfolios"))
        if request.body.strip():
            # The body wins where both are given; the case of its keys does not matter.
            try:
                body = _read_object(request.body)
            except RemoteProtocolError:
                return said(400, frames.MALFORMED)
            keyed = {key.lower(): value for key, value in body.items()}
            token, allowed = keyed.get("token"), _names(keyed.get("allowedportfolios"))
        if not isinstance(token, str) or not token:
            return said(400, "Refresh token is not given")
        access_token = self._host.issue(token, allowed, now)
        if access_token is None:
            return said(403, "Refresh token is malformed, expired or revoked")
        return json_answer(access.RefreshReply(AccessToken=access_token))


def _names(given: Any) -> list[str] | None:
    """`allowedPortfolios`: an array, or an array written as a text."""
    if isinstance(given, list):
        return [str(name) for name in given]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(given, str):
        return [name for name in given.replace(",", " ").translate(_BRACKETS).split() if name]
    return None


_BRACKETS: Mapping[int, str] = {ord(sign): " " for sign in '[]"'}
