"""The far end's applications and tokens: who may come, with what, and until when. Pure.

An access token lives 2,628,000 seconds. A refresh token has no end and works once: exchanging it gives a new pair and
ends the old access token (DOC21, account authentication).
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venues.ctrader import signing
from venuewire.venues.ctrader.wire.words import Scope

LIFE_SECONDS = 2_628_000


class Granted(Struct, frozen=True, kw_only=True):
    """What a user has granted an application."""

    access: str
    refresh: str
    accounts: frozenset[int]
    scope: int = Scope.TRADE.value
    expires_at: Nanos


class Tokens:
    """Every application and every token that works."""

    def __init__(self, random_hex: Callable[[int], str]) -> None:
        self._random_hex = random_hex
        self._applications: dict[str, str] = {}
        self._by_access: dict[str, Granted] = {}
        self._by_refresh: dict[str, Granted] = {}

    def register(self, client_id: str, client_secret: str) -> None:
        """An application that is active."""
        self._applications[client_id] = client_secret

    def is_application(self, client_id: str, client_secret: str) -> bool:
        """Is this its secret?"""
        kept = self._applications.get(client_id)
        return signing.same(client_secret, kept or "") and kept is not None

    def knows(self, client_id: str) -> bool:
        """Is there such an application?"""
        return client_id in self._applications

    def issue(self, accounts: frozenset[int], scope: int, now: Nanos) -> Granted:
        """A new pair of tokens; those of other consents live on beside it, as some clients saw."""
        new = Granted(
            access=signing.new_token(self._random_hex),
            refresh=signing.new_token(self._random_hex),
            accounts=accounts,
            scope=scope,
            expires_at=now + LIFE_SECONDS * NANOS_PER_SECOND,
        )
        self.add(new)
        return new

    def add(self, granted: Granted) -> None:
        """A pair of tokens that works from now on."""
        self._by_access[granted.access] = granted
        self._by_refresh[granted.refresh] = granted

    def find(self, access: str) -> Granted | None:
        """The grant of an access token, over or not; None for one that is unknown or was exchanged."""
        return self._by_access.get(access)

    def expire(self, now: Nanos) -> list[Granted]:
        """The time of every access token has come; what each grant is now. Refresh tokens have no end."""
        for old in list(self._by_access.values()):
            self.add(replace(old, expires_at=min(old.expires_at, now)))
        return list(self._by_access.values())

    def revoke(self) -> list[Granted]:
        """Every token is taken back; the grants that ended."""
        ended = list(self._by_access.values())
        self._by_access.clear()
        self._by_refresh.clear()
        return ended

    def exchange(self, refresh: str, now: Nanos) -> tuple[Granted, Granted] | None:
        """(the old grant, the new one); None for a refresh token that is unknown or spent."""
        old = self._by_refresh.pop(refresh, None)
        if old is None:
            return None
        self._by_access.pop(old.access, None)
        return old, self.issue(old.accounts, old.scope, now)
