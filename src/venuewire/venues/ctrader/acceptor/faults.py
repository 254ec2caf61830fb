"""What the far end says of a frame it cannot read: where, or which field (HELP; sheet, open questions 29)."""

from __future__ import annotations

import json
import re

from venuewire.venues.ctrader.wire import session

_FIELD = re.compile(r"`\$\.?([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]+)`")
_TOKEN = re.compile(r"[\w$]*")


def field_at_fault(error: str) -> str:
    """Which field is missing or is not what it has to be, as the sheet asks; the words are ours."""
    missing = _MISSING.search(error)
    if missing:
        return f"Message missing required fields: {missing[1]}"
    wrong = _FIELD.search(error)
    return f"Field {wrong[1]} has a wrong type or value" if wrong and wrong[1] else "The payload is not a valid object"


def malformed(payload: bytes, error: str) -> session.ErrorRes:
    """Text that is no JSON is answered with where reading stopped; JSON that is no message, with its field."""
    place = _place(payload)
    text = field_at_fault(error) if place is None else f"Malformed JSON message at {place}"
    return session.ErrorRes(error_code="INVALID_REQUEST", description=text)


def _place(payload: bytes) -> str | None:
    """`line:column` just behind the token that cannot be read, from 1; None when it can all be read."""
    try:
        text = payload.decode()
        json.loads(text)
    except json.JSONDecodeError as error:
        # The venue reads a whole word before it complains: `hello` fails at 1:6.
        word = _TOKEN.match(error.doc, error.pos)
        return f"{error.lineno}:{error.colno + (word.end() - error.pos if word else 0)}"
    except (UnicodeDecodeError, RecursionError, ValueError):
        return "1:1"
    return None
