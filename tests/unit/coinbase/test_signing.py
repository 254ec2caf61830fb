"""Tokens: made and verified with real keys in every form a key comes in, refused for each thing that can be wrong."""

from __future__ import annotations

import base64
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from venuewire.errors import ConfigError
from venuewire.model.terms import NANOS_PER_SECOND
from venuewire.venues.coinbase.signing import BadToken, SigningKey, make_private_key, request_uri, verify

NAME = "organizations/0f1e/apiKeys/2d3c"
NOW = 1_777_863_721 * NANOS_PER_SECOND + 999_999_999
SECONDS = NOW // NANOS_PER_SECOND
URI = "GET api.coinbase.com/api/v3/brokerage/accounts"
PEM = make_private_key("7" * 64)
KEY = SigningKey(NAME, PEM)
KEYS = {NAME: KEY.public()}


def pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return str(key.private_bytes(Encoding.PEM, form, NoEncryption()).decode())


def signed(**claims: Any) -> str:
    """A token of the right key with these claims instead of the ordinary ones; None leaves one out."""
    whole = {"sub": NAME, "iss": "cdp", "nbf": SECONDS, "exp": SECONDS + 120, "uri": URI} | claims
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(PEM.encode(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    return jwt.encode(
        {name: value for name, value in whole.items() if value is not None},
        key,
        algorithm="ES256",
        headers={"kid": NAME, "nonce": "00ff"},
    )


def test_a_token_has_the_documented_header_and_claims() -> None:
    token = KEY.token(NOW, "a1b2", URI)
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": NAME, "nonce": "a1b2", "typ": "JWT"}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims == {"sub": NAME, "iss": "cdp", "nbf": SECONDS, "exp": SECONDS + 120, "uri": URI}


def test_a_websocket_token_names_no_request() -> None:
    assert "uri" not in jwt.decode(KEY.token(NOW, "a1"), options={"verify_signature": False})


def test_the_signature_is_the_raw_pair_of_numbers_not_der() -> None:
    signature = KEY.token(NOW, "a1").split(".")[2]
    assert len(base64.urlsafe_b64decode(signature + "==")) == 64


def test_the_uri_has_no_scheme_and_no_query() -> None:
    assert request_uri("GET", "api.coinbase.com", "/api/v3/brokerage/accounts?limit=250") == URI


CURVE_KEY = ec.derive_private_key(0xC0FFEE, ec.SECP256R1())
EDWARDS_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SEED = bytes(range(32))
PUBLIC = EDWARDS_KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


@pytest.mark.parametrize(
    ("secret", "algorithm"),
    [
        (pem(CURVE_KEY, PrivateFormat.TraditionalOpenSSL), "ES256"),
        (pem(CURVE_KEY), "ES256"),
        (pem(CURVE_KEY).replace("\n", "\\n"), "ES256"),
        ("  " + pem(CURVE_KEY, PrivateFormat.TraditionalOpenSSL).replace("\n", "\\r\\n") + "\n", "ES256"),
        (pem(EDWARDS_KEY), "EdDSA"),
        (base64.b64encode(SEED).decode(), "EdDSA"),
        (base64.b64encode(SEED + PUBLIC).decode(), "EdDSA"),
    ],
)
def test_every_form_of_a_key_signs_what_its_public_half_verifies(secret: str, algorithm: str) -> None:
    key = SigningKey(NAME, secret)
    token = key.token(NOW, "a1", URI)
    assert jwt.get_unverified_header(token)["alg"] == algorithm
    expected = CURVE_KEY.public_key() if algorithm == "ES256" else EDWARDS_KEY.public_key()
    assert verify(token, {NAME: expected}, NOW, uris=frozenset({URI})) == NAME


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "nonsense",
        "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----",
        base64.b64encode(b"too short").decode(),
        base64.b64encode(SEED + bytes(32)).decode(),
        pem(ec.derive_private_key(5, ec.SECP384R1())),
        pem(rsa.generate_private_key(65537, 1024)),
    ],
)
def test_a_bad_key_is_refused_and_never_shown(secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SigningKey(NAME, secret)
    assert not secret or secret not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_key_shows_its_name_only() -> None:
    assert repr(KEY) == f"SigningKey({NAME!r}, ***)"


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"sub": "organizations/0f1e/apiKeys/other"}, "sub"),
        ({"iss": "somebody"}, "iss"),
        ({"nbf": None}, "nbf"),
        ({"exp": None}, "exp"),
        ({"exp": "soon"}, "exp"),
        ({"exp": SECONDS + 121}, "longer than 120"),
        ({"nbf": SECONDS + 31, "exp": SECONDS + 60}, "not valid yet"),
        ({"nbf": SECONDS - 150, "exp": SECONDS - 30}, "expired"),
        ({"uri": "POST api.coinbase.com/api/v3/brokerage/accounts"}, "another request"),
        ({"uri": None}, "another request"),
    ],
)
def test_a_claim_that_does_not_hold_refuses_the_token(claims: dict[str, Any], why: str) -> None:
    with pytest.raises(BadToken, match=why):
        verify(signed(**claims), KEYS, NOW, uris=frozenset({URI}))


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"iss": "coinbase-cloud"},
        {"aud": ["retail_rest_api_proxy"], "iat": SECONDS},
        {"exp": SECONDS + 60},
        {"nbf": SECONDS + 30, "exp": SECONDS + 150},
        {"nbf": SECONDS - 149, "exp": SECONDS - 29},
        {"uri": None, "uris": [URI]},
    ],
)
def test_older_forms_and_clocks_that_are_a_little_off_are_accepted(claims: dict[str, Any]) -> None:
    assert verify(signed(**claims), KEYS, NOW, uris=frozenset({URI})) == NAME


def test_another_key_cannot_sign_for_this_name() -> None:
    forged = SigningKey(NAME, make_private_key("8" * 64)).token(NOW, "a1")
    with pytest.raises(BadToken, match="Signature"):
        verify(forged, KEYS, NOW)


def test_an_unknown_key_and_a_symmetric_algorithm_are_refused() -> None:
    with pytest.raises(BadToken, match="unknown key"):
        verify(SigningKey("other", PEM).token(NOW, "a1"), KEYS, NOW)
    claims = {"sub": NAME, "iss": "cdp", "nbf": SECONDS, "exp": SECONDS + 120}
    with pytest.raises(BadToken):
        verify(jwt.encode(claims, "k" * 64, algorithm="HS256", headers={"kid": NAME}), KEYS, NOW)
    with pytest.raises(BadToken):
        verify(jwt.encode(claims, "", algorithm="none", headers={"kid": NAME}), KEYS, NOW)


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "..", "é.é.é", KEY.token(NOW, "a1")[:-6], "[].{}.x"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(BadToken):
        verify(token, KEYS, NOW)
