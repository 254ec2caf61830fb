"""Who we are at Coinbase, and where its two WebSockets and its REST are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from venuewire.errors import ConfigError
from venuewire.model.session import Secret
from venuewire.venue import Credentials, Endpoint

# Page "Overview": the market host carries every channel, the user host only `heartbeats`, `user` and
# `futures_balance_summary`.
ENDPOINTS = (
    Endpoint("ws", "wss://advanced-trade-ws.coinbase.com", port=0),
    Endpoint("user_ws", "wss://advanced-trade-ws-user.coinbase.com", port=1),
    Endpoint("http", "https://api.coinbase.com", "https://api-sandbox.coinbase.com", port=2),
)
# Keys from before CDP: 16 and 32 letters and digits, signing with HMAC (CB-ACCESS-SIGN). No key of today looks like it:
# names are paths or uuids, secrets PEM or base64 of 32 or 64 bytes.
_LEGACY_NAME = re.compile(r"[A-Za-z0-9]{16}")
_LEGACY_SECRET = re.compile(r"[A-Za-z0-9]{32}")
_LEGACY = (
    "this is a legacy API key of Coinbase (HMAC), which Advanced Trade no longer hands out: make a Secret API key in "
    "the CDP portal, ECDSA or Ed25519, and give its name (organizations/.../apiKeys/...) and its private key"
)
ENVIRONMENT = {"COINBASE_API_KEY": "key_name", "COINBASE_API_SECRET": "private_key"}


class CoinbaseCredentials(Credentials, frozen=True, kw_only=True):
    """A CDP key, as the key file gives it."""

    key_name: str
    """`organizations/{uuid}/apiKeys/{uuid}`, or the bare uuid of newer keys."""
    private_key: Secret
    """PEM of an EC P-256 or Ed25519 key, or base64 of an Ed25519 key."""

    @property
    def rest_host(self) -> str:
        """The host, and port where it is not the usual one, that REST tokens are made for."""
        return urlsplit(self.endpoints.get("http") or ENDPOINTS[2].production).netloc


def credentials_from(given: Mapping[str, Any]) -> CoinbaseCredentials:
    """Credentials from a ready line's object, a key file's (`name`, `privateKey`), or a configuration table.

    Raises `ConfigError` naming what is missing, never what is there.
    """
    name = given.get("key_name") or given.get("name") or given.get("id")
    secret = given.get("private_key") or given.get("privateKey")
    for value, what, variable in (
        (name, "key_name", "COINBASE_API_KEY"),
        (secret, "private_key", "COINBASE_API_SECRET"),
    ):
        if not isinstance(value, (str, Secret)) or not value:
            raise ConfigError(f"{what} is missing: give it in the configuration, or as {variable}")
    revealed = secret.reveal() if isinstance(secret, Secret) else str(secret)
    if _LEGACY_NAME.fullmatch(str(name)) or _LEGACY_SECRET.fullmatch(revealed.strip()):
        raise ConfigError(_LEGACY)
    return CoinbaseCredentials(
        key_name=str(name),
        private_key=secret if isinstance(secret, Secret) else Secret(str(secret)),
        endpoints=dict(given.get("endpoints") or {}),
        ca=given.get("ca") or "",
    )
