"""A request to the venue's HTTP taken apart, and the forms of its answers (5, 5.8)."""

from __future__ import annotations

from msgspec import Struct

from venuewire.codec import encode
from venuewire.model.terms import Nanos
from venuewire.venue import Answer, Request
from venuewire.venues.alor.wire import access, commands, frames

JSON = {"content-type": "application/json; charset=utf-8"}
TEXT = {"content-type": "text/plain; charset=utf-8"}


class Ask(Struct):
    """A request taken apart."""

    request: Request
    parts: list[str]
    """Of the path, decoded."""
    words: list[str]
    """The same in lower case: paths are compared without regard to case (1)."""
    query: dict[str, str]
    """Names in lower case."""
    now: Nanos
    claims: access.Claims | None
    """None: without a token, or with one that is no good."""

    @property
    def form(self) -> frames.Format | None:
        """The format asked for; None for an unknown word."""
        return frames.FORMATS.get(self.query.get("format", "Simple").lower())

    def text(self, name: str) -> str:
        """A text of the query, or nothing."""
        return self.query.get(name.lower(), "")

    def count(self, name: str, otherwise: int) -> int | None:
        """A whole number of the query; None when it is not one."""
        text = self.text(name)
        if not text:
            return otherwise
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None

    def is_true(self, name: str) -> bool:
        """A switch of the query."""
        return self.text(name).lower() == "true"


def json_answer(record: object, status: int = 200) -> Answer:
    """A record as JSON."""
    return Answer(status, encode(record), JSON)


def said(status: int, text: str) -> Answer:
    """A refusal that says why."""
    return json_answer(access.Message(message=text), status)


def refused(code: str, text: str) -> Answer:
    """A refusal of DELETE."""
    return json_answer(commands.HttpRefused(code=code, message=text), 400)
