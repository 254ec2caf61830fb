"""HMAC-SHA384 in Base64, for the handshake, the in-band `auth` and REST. Pure.

The signature covers exact text ("Websocket API", error 14): what is signed must be the very string that is sent.
"""

from __future__ import annotations

import hmac
from base64 import b64encode

from venuewire.codec import encode


def sign(secret: str, text: bytes) -> str:
    """The signature of `text`; the secret is taken as its UTF-8 characters, not decoded."""
    return b64encode(hmac.digest(secret.encode(), text, "sha384")).decode("ascii")


def verify(secret: str, text: bytes, signature: str) -> bool:
    """Is this the signature of `text`? Takes equally long for any wrong answer; never raises."""
    return hmac.compare_digest(sign(secret, text).encode(), signature.encode("utf-8", "surrogatepass"))


def content(nonce: int, timestamp: int) -> str:
    """The EFX-Content text. `timestamp` is in milliseconds."""
    return f'{{"nonce":{nonce},"timestamp":{timestamp}}}'


def rest_body(parameters: dict[str, object], nonce: int, timestamp: int) -> bytes:
    """The body of a REST call: the method's parameters with nonce and timestamp."""
    return encode({**parameters, "nonce": nonce, "timestamp": timestamp})


def rest_text(method: str, body: bytes) -> bytes:
    """What REST signs: the method's name and the body, nothing between them (page rest-api)."""
    return method.encode("utf-8", "surrogatepass") + body
