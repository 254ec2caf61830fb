"""The access token: made as the venue makes it, checked by another's hand, refused when touched."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from pathlib import Path

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from venuewire.codec import encode
from venuewire.errors import RemoteProtocolError
from venuewire.venues.alor import signing
from venuewire.venues.alor.wire import access

SHARED = Path(__file__).parents[3] / ".." / "shared"
KEY = signing.private_key("5e" * 32)
CLAIMS = access.Claims(
    sub="P76001",
    portfolios="D76001 G76001",
    scope=access.SCOPE,
    iat=1_755_000_000,
    exp=1_755_001_800,
    iss=access.ISSUER,
    aud=access.AUDIENCE,
)


def test_the_header_is_the_venues_byte_for_byte() -> None:
    header, _, _ = signing.sign(CLAIMS, KEY).split(".")
    assert header == "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImN0eSI6IkpXVCJ9"
    assert urlsafe_b64decode(header) == b'{"alg":"ES256","typ":"JWT","cty":"JWT"}'


def test_another_library_accepts_the_signature() -> None:
    token = signing.sign(CLAIMS, KEY)
    options = {"verify_exp": False, "verify_aud": False, "verify_iat": False}
    claims = jwt.decode(token, KEY.public_key(), algorithms=["ES256"], options=options)  # type: ignore[arg-type]
    assert claims == json.loads(encode(CLAIMS))


def test_a_token_of_another_library_is_accepted() -> None:
    token = jwt.encode(json.loads(encode(CLAIMS)), KEY, algorithm="ES256", headers={"cty": "JWT"})
    assert signing.verify(token, KEY.public_key()) == CLAIMS


def test_a_token_of_another_key_is_refused() -> None:
    token = signing.sign(CLAIMS, signing.private_key("77" * 32))
    assert signing.verify(token, KEY.public_key()) is None


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_of_another_algorithm_is_refused(algorithm: str) -> None:
    _, claims, signature = signing.sign(CLAIMS, KEY).split(".")
    header = signing._text(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    assert signing.verify(f"{header}.{claims}.{signature}", KEY.public_key()) is None
    assert signing.verify(f"{header}.{claims}.", KEY.public_key()) is None


@given(place=st.integers(0, 10_000), character=st.sampled_from("AZaz09-_.="))
def test_a_touched_token_is_refused(place: int, character: str) -> None:
    token = signing.sign(CLAIMS, KEY)
    place %= len(token)
    touched = token[:place] + character + token[place + 1 :]
    # The last character of a part has bits that mean nothing: only what decodes differently counts.
    if signing.verify(touched, KEY.public_key()) is not None:
        assert touched == token or _decoded(touched) == _decoded(token)


def _decoded(token: str) -> list[bytes]:
    return [urlsafe_b64decode(part + "==") for part in token.split(".")]


@given(st.text(max_size=60))
def test_nonsense_is_no_token(text: str) -> None:
    assert signing.verify(text, KEY.public_key()) is None
    with pytest.raises(RemoteProtocolError):
        signing.claims_of(text)


def test_keys_are_within_the_group() -> None:
    for digits in ("00" * 32, "ff" * 32):
        key = signing.private_key(digits)
        assert signing.verify(signing.sign(CLAIMS, key), key.public_key()) == CLAIMS


def test_the_demonstration_token_of_the_pages_says_what_the_sheet_says() -> None:
    seeds, decoded = SHARED / "seeds", SHARED / "spec" / "samples" / "alor" / "auth_jwt_decoded.json"
    pages = sorted(seeds.glob("003_*")) if seeds.exists() else []
    if not pages or not decoded.exists():
        pytest.skip("no seeds and samples beside the checkout")
    text = pages[0].read_text(encoding="utf-8")
    token = text.partition('"AccessToken": "')[2].partition('"')[0]
    claims = signing.claims_of(token)
    sample = json.loads(decoded.read_text(encoding="utf-8"))
    assert json.loads(encode(claims)) == sample["claims"]
    assert list(json.loads(encode(claims))) == list(sample["claims"])
    # Made again from the same claims, all but the signature is the same to the byte.
    assert signing.sign(claims, KEY).rpartition(".")[0] == token.rpartition(".")[0]
