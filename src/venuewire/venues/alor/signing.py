"""The access token: made, checked and read. ES256 (ECDSA over P-256 with SHA-256) in a compact JWS (2.3).

The header's and the claims' keys stand in the venue's own order, which is why the token is put together here. The
client never checks the signature (it has no key of ALOR's and gets the token over TLS from the one who made it); it
reads the claims for the token's end and its portfolios. `cryptography` is imported where a key is needed.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING

from venuewire.codec import encode
from venuewire.errors import RemoteProtocolError
from venuewire.venues.alor.wire import access

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

_PART = 32
"""Bytes of each half of an ES256 signature."""
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of the group of P-256: private keys are 1 .. order - 1."""


def private_key(random_hex: str) -> EllipticCurvePrivateKey:
    """A P-256 key from random hex digits (64 or more)."""
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.derive_private_key(int(random_hex, 16) % (_ORDER - 1) + 1, ec.SECP256R1())


def sign(claims: access.Claims, key: EllipticCurvePrivateKey) -> str:
    """The token for these claims."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    signed = _text(encode(access.TokenHeader())) + "." + _text(encode(claims))
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return signed + "." + _text(r.to_bytes(_PART, "big") + s.to_bytes(_PART, "big"))


def verify(token: str, key: EllipticCurvePublicKey) -> access.Claims | None:
    """The claims of a token this key signed; None for any other. Whether it has ended is for the caller to see."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    try:
        header, claims, signature = _parts(token)
        if access.read_token_header(header).alg != "ES256" or len(signature) != 2 * _PART:
            return None
        r, s = int.from_bytes(signature[:_PART], "big"), int.from_bytes(signature[_PART:], "big")
        signed = token.rpartition(".")[0].encode()
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
        return access.read_claims(claims)
    except (RemoteProtocolError, InvalidSignature):
        return None


def claims_of(token: str) -> access.Claims:
    """What the token says, unchecked. Raises `RemoteProtocolError` when it is no token."""
    return access.read_claims(_parts(token)[1])


def _parts(token: str) -> tuple[bytes, bytes, bytes]:
    parts = token.split(".")
    if len(parts) != 3:
        raise RemoteProtocolError("not a token of three parts")
    header, claims, signature = (_bytes(part) for part in parts)
    return header, claims, signature


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (Base64Error, ValueError):
        raise RemoteProtocolError("a part of the token is not base64url") from None
