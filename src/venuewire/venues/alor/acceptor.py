"""ALOR as the sandbox plays it: the host, which knows the tokens, and makes the far end of each connection.

`/ws` is in `acceptor_ws`, `/cws` in `acceptor_cws`, HTTP and the token server in `acceptor_http`; where orders arrive
from both of the latter, in `desk`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venue import Acceptor, Answer, Exchange, Port, Refusal, Request, Stage
from venuewire.venues.alor import signing
from venuewire.venues.alor.acceptor_cws import CommandAcceptor
from venuewire.venues.alor.acceptor_http import HttpAcceptor
from venuewire.venues.alor.acceptor_ws import SubscriptionAcceptor
from venuewire.venues.alor.desk import Desk, Switches
from venuewire.venues.alor.records import Records
from venuewire.venues.alor.wire import access

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

_TOKENS_KEPT = 1000
"""Tokens whose signature has been looked at already: `/ws` shows one with every message."""


class AlorHost:
    """The venue as a whole."""

    lines: ClassVar[tuple[str, ...]] = ("ws", "cws")

    def __init__(self, stage: Stage, exchange: Exchange, random_hex: Callable[[int], str]) -> None:
        self.switches = Switches()
        """How the sandbox plays what the venue's documents leave open; may be changed while it runs."""
        self.desk = Desk(exchange, stage.reference_prices, self.switches)
        self.records = Records(self.desk, "MOEX")
        self.connections: set[object] = set()
        self.refresh_tokens: dict[str, tuple[str, ...]] = {
            str(stage.credentials["refresh_token"]): (str(stage.credentials["portfolio"]),)
        }
        """Portfolios by refresh token; take one out and it is revoked, and what was made of it as well (2.1)."""
        self._exchange = exchange
        self._random_hex = random_hex
        self._issued: dict[str, str] = {}
        """Refresh token by access token."""
        self._seen: dict[str, access.Claims] = {}
        self._http = HttpAcceptor(self)

    def accept(self, line: str) -> Acceptor:
        """The far end of a new connection."""
        return SubscriptionAcceptor(self) if line == "ws" else CommandAcceptor(self)

    def serve(self, request: Request, now: Nanos) -> Answer:
        """Answer one HTTP request."""
        return self._http.serve(request, now)

    # ---- for the far ends

    @cached_property
    def _key(self) -> EllipticCurvePrivateKey:
        return signing.private_key(self._random_hex(64))

    def issue(self, refresh_token: str, allowed: list[str] | None, now: Nanos) -> str | None:
        """A new access token; None when the refresh token is not known. Earlier ones stay good (2.2)."""
        portfolios = self.refresh_tokens.get(refresh_token)
        if portfolios is None:
            return None
        narrowed = [name for name in portfolios if allowed is None or name in allowed]
        seconds = now // NANOS_PER_SECOND
        claims = access.Claims(
            sub=f"P{portfolios[0][1:]}",
            ein=portfolios[0][1:],
            clientid=portfolios[0][1:].rjust(7, "0"),
            azp=self._random_hex(20),
            agreements=portfolios[0][1:],
            portfolios=" ".join(narrowed),
            scope=access.SCOPE,
            exp=seconds + self.switches.token_seconds,
            iat=seconds,
            iss=access.ISSUER,
            aud=access.AUDIENCE,
        )
        token = signing.sign(claims, self._key)
        self._issued[token] = refresh_token
        if len(self._issued) > _TOKENS_KEPT:
            del self._issued[next(iter(self._issued))]
        return token

    def claims(self, token: str, now: Nanos) -> access.Claims | None:
        """What a token allows now; None if it is not one of ours, has ended, or was revoked."""
        claims = self._seen.get(token) or self._verified(token)
        if claims is None or now >= claims.exp * NANOS_PER_SECOND:
            return None
        refresh_token = self._issued.get(token)
        return claims if refresh_token is None or refresh_token in self.refresh_tokens else None

    def _verified(self, token: str) -> access.Claims | None:
        claims = signing.verify(token, self._key.public_key())
        if claims is None or claims.iss != access.ISSUER:
            return None
        self._seen[token] = claims
        if len(self._seen) > _TOKENS_KEPT:
            del self._seen[next(iter(self._seen))]
        return claims

    def port(self, claims: access.Claims, portfolio: str) -> Port | None:
        """The place of a portfolio the token speaks for."""
        if portfolio not in claims.portfolios.split():
            return None
        try:
            return self._exchange.port(portfolio)
        except KeyError:
            return None

    def account_of(self, claims: access.Claims) -> str | None:
        """The first portfolio of a token."""
        return next(iter(claims.portfolios.split()), None)

    def refusal(self) -> Refusal | None:
        """More connections than a user may have (3.12); the status is our assumption."""
        return Refusal(429) if len(self.connections) >= self.switches.connections else None


def host(stage: Stage, exchange: Exchange, random_hex: Callable[[int], str]) -> AlorHost:
    """The venue's side for this stage and exchange."""
    return AlorHost(stage, exchange, random_hex)
