"""Sign and verify the JSON Web Tokens of CDP keys; pure.

Page: docs.cdp.coinbase.com, Advanced Trade "Authentication" for WebSocket and for REST. A token lives two minutes. A
REST token names its request in the claim `uri` ("METHOD host/path", no scheme, no query); a WebSocket token has none.
ES256 keys are PEM, SEC1 or PKCS8; Ed25519 keys PKCS8 PEM, or base64 of the 32-byte seed, alone or with the public half.

`cryptography` and `jwt` are imported when a key is first read: importing the venue must stay cheap.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct, convert

from venuewire.errors import ConfigError
from venuewire.model.terms import NANOS_PER_SECOND, Nanos

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from jwt.types import Options

    PrivateKey: TypeAlias = EllipticCurvePrivateKey | Ed25519PrivateKey
    PublicKey: TypeAlias = EllipticCurvePublicKey | Ed25519PublicKey

LIFE = 120
"""Seconds a token lives."""
SKEW = 30
"""Seconds the two clocks may differ. ASSUMPTION: the venue does not say."""
ISSUERS = frozenset({"cdp", "coinbase-cloud"})
"""The second is the older one that some clients still send."""

_SEED, _SEED_AND_PUBLIC = 32, 64
_BAD_KEY = (
    "private_key is not a key of Coinbase: give the PEM (EC P-256, or Ed25519; line breaks may be written as \\n) "
    "or the base64 text of an Ed25519 key"
)


class BadToken(Exception):
    """A token that is not accepted; the text says why, for logs and tests: the venue tells its clients nothing."""


class Claims(Struct):
    """What a token must claim. `uris` is an older form of `uri` that some clients send."""

    sub: str
    iss: str
    nbf: int
    exp: int
    uri: str = ""
    uris: tuple[str, ...] = ()


# The claims of time are ours to check, since `now` is an argument here; the other claims differ between clients.
_UNCHECKED: Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class SigningKey:
    """A private key, read once: reading the PEM costs as much as signing."""

    __slots__ = ("_key", "algorithm", "name")

    def __init__(self, name: str, secret: str) -> None:
        """Raises `ConfigError`, which never shows the secret."""
        self.name = name
        """The key's name: `kid` and `sub` of its tokens."""
        self._key = _private_key(secret)
        self.algorithm = algorithm_of(self._key)

    def __repr__(self) -> str:
        return f"SigningKey({self.name!r}, ***)"

    def public(self) -> PublicKey:
        """The half that verifies."""
        return self._key.public_key()

    def token(self, now: Nanos, nonce: str, uri: str | None = None) -> str:
        """A token for a WebSocket message, or with `uri` for one REST request."""
        import jwt

        issued = now // NANOS_PER_SECOND
        claims: dict[str, Any] = {"sub": self.name, "iss": "cdp", "nbf": issued, "exp": issued + LIFE}
        if uri is not None:
            claims["uri"] = uri
        return jwt.encode(claims, self._key, algorithm=self.algorithm, headers={"kid": self.name, "nonce": nonce})


def algorithm_of(key: PrivateKey | PublicKey) -> str:
    """`EdDSA` or `ES256`."""
    from cryptography.hazmat.primitives.asymmetric import ed25519

    return "EdDSA" if isinstance(key, (ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey)) else "ES256"


def request_uri(method: str, host: str, path: str) -> str:
    """The claim `uri` of a REST token; a query is left out."""
    return f"{method} {host}{path.partition('?')[0]}"


def verify(
    token: str,
    keys: Mapping[str, PublicKey],
    now: Nanos,
    *,
    uris: frozenset[str] | None = None,
    life: int = LIFE,
    skew: int = SKEW,
) -> str:
    """The name of the key that signed `token`, whose claims all hold; raises `BadToken`.

    `uris`: what a REST token may have been made for; None for a WebSocket token, whose `uri`, if any, is not looked at.
    """
    import jwt

    try:
        head = jwt.get_unverified_header(token)
        key = keys.get(str(head.get("kid")))
        if key is None:
            raise BadToken("unknown key")
        # The claims of time are ours to check: `now` is an argument here.
        payload = jwt.decode(token, key, algorithms=[algorithm_of(key)], options=_UNCHECKED)
        claims = convert(payload, Claims)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise BadToken(str(error)) from None
    name = str(head["kid"])
    _check_claims(claims, name, now // NANOS_PER_SECOND, life, skew)
    if uris is not None and not uris & {claims.uri, *claims.uris}:
        raise BadToken("made for another request")
    return name


def expiry(token: str) -> Nanos:
    """When a token that was verified ends."""
    import jwt

    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return int(claims["exp"]) * NANOS_PER_SECOND


def _check_claims(claims: Claims, name: str, now: int, life: int, skew: int) -> None:
    if claims.sub != name:
        raise BadToken("sub is not the key's name")
    if claims.iss not in ISSUERS:
        raise BadToken("iss is not cdp")
    if claims.exp - claims.nbf > life:
        raise BadToken(f"lives longer than {life} s")
    if claims.nbf > now + skew:
        raise BadToken("not valid yet")
    if claims.exp <= now - skew:
        raise BadToken("expired")


# --------------------------------------------------------------------------- keys


def _private_key(secret: str) -> PrivateKey:
    text = secret.strip().replace("\\r", "").replace("\\n", "\n")
    return _from_pem(text) if text.startswith("-----BEGIN") else _from_base64(text)


def _from_pem(text: str) -> PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(_BAD_KEY) from None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ConfigError(_BAD_KEY)


def _from_base64(text: str) -> PrivateKey:
    """Ed25519: the seed, or the seed followed by the public half, which must then be its own."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(_BAD_KEY) from None
    if len(raw) not in {_SEED, _SEED_AND_PUBLIC}:
        raise ConfigError(_BAD_KEY)
    key = Ed25519PrivateKey.from_private_bytes(raw[:_SEED])
    if len(raw) == _SEED_AND_PUBLIC and key.public_key().public_bytes_raw() != raw[_SEED:]:
        raise ConfigError("private_key holds a public half that is not its own")
    return key


def make_private_key(random_hex: str) -> str:
    """A new P-256 key from 64 hex digits, as SEC1 PEM: the form the venue hands out."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    number = int(random_hex, 16) % (order - 1) + 1
    key = ec.derive_private_key(number, ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
