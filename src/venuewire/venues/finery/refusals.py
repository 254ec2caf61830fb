"""What a refused handshake means ("Websocket API": the reason is in the response's body). Pure."""

from __future__ import annotations

from msgspec import UNSET

from venuewire.errors import RemoteProtocolError
from venuewire.venues.finery import codes, wire

_ADVICE: dict[int, str] = {
    codes.NOT_AUTHORISED: "the key is unknown, disabled, not for this address or environment, or a header was lost",
    codes.INVALID_NONCE: "this nonce was used before, perhaps by another program with the same key "
    "(older servers say the same of a wrong signature)",
    codes.INVALID_TIMESTAMP: "this machine's clock and the venue's are too far apart",
    codes.INVALID_PARAMETER: "the venue cannot read the signed content",
    codes.INVALID_SIGNATURE: "the secret does not belong to this key",
}
_TOO_MANY = frozenset({408, 429})


def refusal(status: int, body: bytes) -> tuple[str, str, bool]:
    """(code, text for people, is it final?) of a handshake answered with HTTP `status` and `body`.

    Codes 2, 6, 7, 10 and 104 pass: the next handshake is signed anew. Without a code HTTP's own meaning decides:
    5xx, 408 and 429 (more connections than one address may hold) pass, the other refusals do not.
    """
    code = _code(body)
    if code is None:
        return str(status), _without_code(status), 400 <= status < 500 and status not in _TOO_MANY
    advice = _ADVICE.get(code)
    text = codes.name(code) + (f": {advice}" if advice else "")
    return str(code), text, code not in codes.PASSING


def _code(body: bytes) -> int | None:
    try:
        found = wire.answer(body).error
    except RemoteProtocolError:
        return None
    return None if found is UNSET else found


def _without_code(status: int) -> str:
    if status == 429:
        return "too many connections from this address"
    return f"the handshake was answered with HTTP {status} and without a code"
