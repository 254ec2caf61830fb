"""Who we are at this venue: an application, an account, and the pair of tokens its owner granted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from venuewire.errors import ConfigError
from venuewire.model.session import Secret
from venuewire.model.terms import NANOS_PER_SECOND, Nanos
from venuewire.venue import Credentials


class CTraderCredentials(Credentials, frozen=True, kw_only=True):
    """The keys of the official guide's credentials file, and the end of the access token where it is known."""

    clientId: str  # noqa: N815  the names every guide of this venue uses
    clientSecret: Secret  # noqa: N815
    accountId: int = 0  # noqa: N815
    """`ctidTraderAccountId`, not the login number; 0: the one account the token is for."""
    accountIds: tuple[int, ...] = ()  # noqa: N815
    """Further accounts of the same token and broker, authorised on the same connection."""
    accessToken: Secret = Secret("")  # noqa: N815
    """Empty: the owner has not given consent yet, or it is in the store."""
    refreshToken: Secret = Secret("")  # noqa: N815  single use: each refresh gives the next one
    expiresAt: int | None = None  # noqa: N815
    """End of the access token in seconds since the epoch; None: not known, so never renewed by the clock."""

    @property
    def expires_at(self) -> Nanos | None:
        """The same end in nanoseconds."""
        return None if self.expiresAt is None else self.expiresAt * NANOS_PER_SECOND


_NEEDED = ("clientId", "clientSecret")


def credentials_from(entries: Mapping[str, Any]) -> CTraderCredentials:
    """Credentials from the ready line's object, a configuration file or the environment.

    Raises `ConfigError` naming what is missing or is not a number; never a value.
    """
    missing = [key for key in _NEEDED if not entries.get(key)]
    if missing:
        raise ConfigError(f"cTrader credentials lack {', '.join(missing)}")
    return CTraderCredentials(
        clientId=str(entries["clientId"]),
        clientSecret=_secret(entries["clientSecret"]),
        accountId=_integer(entries, "accountId") or 0,
        accountIds=_integers(entries, "accountIds"),
        accessToken=_secret(entries.get("accessToken") or ""),
        refreshToken=_secret(entries.get("refreshToken") or ""),
        expiresAt=_integer(entries, "expiresAt"),
        endpoints=dict(entries.get("endpoints") or {}),
        ca=str(entries.get("ca") or ""),
    )


def renewed(old: CTraderCredentials, access: str, refresh: str, expires_at: Nanos) -> CTraderCredentials:
    """The same place with the next pair of tokens."""
    return replace(
        old, accessToken=Secret(access), refreshToken=Secret(refresh), expiresAt=expires_at // NANOS_PER_SECOND
    )


def _secret(value: Any) -> Secret:
    return value if isinstance(value, Secret) else Secret(str(value))


def _integers(entries: Mapping[str, Any], key: str) -> tuple[int, ...]:
    """A list of a configuration file, or numbers with commas between them as the environment has them."""
    value = entries.get(key) or ()
    parts: list[Any] = value.split(",") if isinstance(value, str) else list(value)
    return tuple(found for part in parts if (found := _integer({key: part}, key)) is not None)


def _integer(entries: Mapping[str, Any], key: str) -> int | None:
    value = entries.get(key)
    if value in {None, ""}:
        return None
    try:
        return int(str(value))
    except ValueError:
        raise ConfigError(f"cTrader {key} must be a whole number") from None
